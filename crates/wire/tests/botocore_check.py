"""Checks the wire crate against botocore, the client that most people's tools are made of.

For every operation: botocore serialises an input, the crate must read the same values; the crate renders an output,
botocore must read the same values. For every error: botocore must find its code, its text and its class.

Usage: python botocore_check.py PATH_TO_SHAPES, where PATH_TO_SHAPES is the program that
`cargo build -p wire --example shapes` makes. Ends with status 1 and the differences if there are any.
"""

import base64
import datetime
import io
import json
import subprocess
import sys

try:
    import botocore.awsrequest
    import botocore.config
    import botocore.exceptions
    import botocore.session
except ImportError as error:
    sys.exit(f"botocore_check.py needs botocore: {error}. Install it, for example with `pip install botocore`.")

HOST = "http://wire.invalid"
STREAMS = {"InvokeWithResponseStream", "StartLiveTail", "GetLogObject"}


class Raw(io.BytesIO):
    """A body as botocore's HTTP layer hands it over."""

    def stream(self, **_):
        yield self.read()


def to_botocore(shape, value):
    """The crate's form of a value (seconds, base64) as botocore's (datetime, bytes)."""
    kind = shape.type_name
    if kind == "structure":
        return {k: to_botocore(shape.members[k], v) for k, v in value.items()}
    if kind == "list":
        return [to_botocore(shape.member, v) for v in value]
    if kind == "map":
        return {k: to_botocore(shape.value, v) for k, v in value.items()}
    if kind == "timestamp":
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if kind == "blob":
        return base64.b64decode(value)
    return value


def from_botocore(shape, value):
    """The other way round. Policy documents, which botocore decodes, are left as parsed JSON."""
    kind = shape.type_name
    if shape.name == "policyDocumentType":
        return value if not isinstance(value, str) else json.loads(value)
    if kind == "structure":
        return {k: from_botocore(shape.members[k], v) for k, v in value.items() if k in shape.members}
    if kind == "list":
        return [from_botocore(shape.member, v) for v in value]
    if kind == "map":
        return {k: from_botocore(shape.value, v) for k, v in value.items()}
    if kind == "timestamp" and isinstance(value, datetime.datetime):
        return value.timestamp()
    if kind == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


class Wire:
    """A botocore session whose requests go to the crate instead of the network."""

    def __init__(self, shapes):
        self.session = botocore.session.Session()
        self.session.set_credentials("AKIDEXAMPLE", "secret")
        self.clients = {}
        self.parser = subprocess.Popen([shapes, "parse"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.response = None
        self.received = None

    def client(self, service):
        if service not in self.clients:
            config = botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1},
                                            inject_host_prefix=False)
            client = self.session.create_client(service, "us-east-1", endpoint_url=HOST, config=config)
            client.meta.events.register("before-send", self.send)
            self.clients[service] = client
        return self.clients[service]

    def send(self, request, **_):
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
        line = {"method": request.method, "uri": request.url[len(HOST):], "headers": headers,
                "body": base64.b64encode(body if isinstance(body, bytes) else body.encode()).decode()}
        self.parser.stdin.write(json.dumps(line) + "\n")
        self.parser.stdin.flush()
        self.received = json.loads(self.parser.stdout.readline())
        sent = self.response
        return botocore.awsrequest.AWSResponse(request.url, sent["status"], sent["headers"],
                                               Raw(base64.b64decode(sent["body"])))


def lines(shapes, what):
    output = subprocess.run([shapes, what], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def differences(expected, got, path=""):
    """The first places where two values differ."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted(set(expected) | set(got)):
            if key not in got or key not in expected:
                yield f"{path}.{key}: {'missing' if key not in got else 'too much'}"
            else:
                yield from differences(expected[key], got[key], f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for at, pair in enumerate(zip(expected, got)):
            yield from differences(*pair, f"{path}[{at}]")
    elif expected != got:
        yield f"{path}: expected {expected!r}, got {got!r}"


def check_operation(wire, sample):
    client = wire.client(sample["service"])
    model = client.meta.service_model.operation_model(sample["operation"])
    shape = model.input_shape
    params = to_botocore(shape, sample["input"]) if shape else {}
    payload_member = shape.serialization.get("payload") if shape else None
    if payload_member and shape.members[payload_member].type_name == "blob":
        params[payload_member] = base64.b64decode(sample["payload"])
    wire.response = sample["response"]
    if sample["operation"] in STREAMS:
        # botocore would read the made-up answer as framed events.
        wire.response = {"status": 400, "headers": {}, "body": ""}
    result = {}
    try:
        result = client._make_api_call(sample["operation"], params)
    except botocore.exceptions.ClientError:
        if sample["operation"] not in STREAMS:
            raise
    received = wire.received
    if "error" in received:
        yield f"request refused: {received['error']}"
        return
    if (received["service"], received["operation"]) != (sample["service"], sample["operation"]):
        yield f"taken for {received['service']}:{received['operation']}"
        return
    # botocore fills these in by itself: random tokens, API Gateway's Accept header, `{}` for an absent body.
    for name, member in shape.members.items() if shape else []:
        filled = member.metadata.get("idempotencyToken") or member.serialization.get("name") == "Accept"
        if name not in sample["input"] and (filled or received["input"].get(name) == {}):
            received["input"].pop(name, None)
    yield from differences(sample["input"], received["input"], "input")
    yield from differences(sample["payload"], received["payload"], "payload")
    if sample["operation"] in STREAMS:
        return
    status = result.pop("ResponseMetadata")
    if status["RequestId"] != "id-1":
        yield f"request id {status['RequestId']!r}"
    output = model.output_shape
    expected = from_botocore(output, sample["output"]) if output else {}
    payload_member = output.serialization.get("payload") if output else None
    if payload_member and output.members[payload_member].type_name == "blob":
        expected[payload_member] = sample["answer"]
        body = result[payload_member]
        body = body if isinstance(body, bytes) else body.read()
        result[payload_member] = body
    yield from differences(expected, from_botocore(output, result) if output else result, "output")


def check_error(wire, sample):
    client = wire.client(sample["service"])
    operation = {"apigateway": "GetAccount", "lambda": "GetAccountSettings", "iam": "GetAccountSummary",
                 "sts": "GetCallerIdentity", "logs": "DescribeLogGroups",
                 "organizations": "DescribeOrganization"}[sample["service"]]
    wire.response = sample["response"]
    try:
        client._make_api_call(operation, {})
        yield "no error"
    except botocore.exceptions.ClientError as error:
        found = error.response
        # botocore gives Lambda's and API Gateway's codes by the shape's name, query services' by the code.
        yield from differences(sample["code"], found["Error"]["Code"], "code")
        yield from differences(sample["message"], found["Error"]["Message"], "message")
        yield from differences(sample["status"], found["ResponseMetadata"]["HTTPStatusCode"], "status")
        if type(error).__name__ != sample["shape"]:
            yield f"class {type(error).__name__}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    shapes = sys.argv[1]
    wire = Wire(shapes)
    checked, failed = 0, 0
    for what, check in (("samples", check_operation), ("errors", check_error)):
        for sample in lines(shapes, what):
            name = f"{sample['service']} {sample.get('operation', sample.get('shape'))} {sample.get('amount', '')}"
            found = list(check(wire, sample))
            checked += 1
            failed += bool(found)
            for text in found[:5]:
                print(f"{name}: {text}")
    print(f"botocore {botocore.__version__}: {checked} checked, {failed} differ")
    wire.parser.stdin.close()
    sys.exit(1 if failed or not checked else 0)


if __name__ == "__main__":
    main()
