"""Writes the first inputs of every target below FOLDER: python3 seeds.py FOLDER"""

import itertools
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ["identity", "boundary", "session", "scp", "rcp", "resource", "trust"]  # as in targets/policy_parse.rs


def documents(value):
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from documents(item)


def policies():
    for file in sorted((ROOT / "crates/policy/tests/cases").glob("*.json")):
        for case in json.loads(file.read_text()):
            yield "policy_evaluate", json.dumps(case).encode()
            for kind, given in case["policies"].items():
                if kind == "resource" and case["request"]["action"].startswith("sts:"):
                    kind = "trust"
                for document in documents(given):
                    yield "policy_parse", bytes([KINDS.index(kind)]) + json.dumps(document).encode()


def templates():
    for file in sorted((ROOT / "crates/vtl/tests/cases").glob("*.json")):
        for case in json.loads(file.read_text())["cases"]:
            body = case.get("body", "")
            body = body if isinstance(body, str) else json.dumps(body)
            yield "vtl_render", f"{case['template']}\0{body}".encode()
            for path in re.findall(r"""(?:json|path)\(["'](\$.*?)["']\)""", case["template"]):
                yield "vtl_jsonpath", f"{path}\0{body}".encode()


def signatures():
    scope = "20150830/us-east-1/service/aws4_request"
    yield "sigv4_parse", (
        "GET /a%20b?x=1&y=%2F\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\nX-Amz-Content-Sha256:UNSIGNED-PAYLOAD\n"
        f"Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}").encode()
    yield "sigv4_parse", (
        f"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F{scope.replace('/', '%2F')}&X-Amz-Date=20150830T123600Z"
        f"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}&X-Amz-Security-Token=t\nhost:example.amazonaws.com").encode()


def calls():
    for line in ["GET /test/users?a=b&a=%20c", "GET /test/users/7?q=a%0d%0ab", "POST /test//x/users/%2F", "HEAD /test/m/a//b/?o=v&q=%zz",
                 "POST /test/m/x", "OPTIONS /test", "GET //test/a/b/c/", "GET /none/x"]:
        yield "gateway_call", f"{line}\nHost: x\nX-H: v\nAccept: image/png\nContent-Type: application/json\nContent-Encoding: identity\n\n{{\"a\": {{\"b\": \"c\"}}}}".encode()
    to = ["integration.request.header.x-a", "integration.request.querystring.q", "integration.request.path.id"]
    of = ["method.request.path.id", "method.request.querystring.q", "method.request.multivalueheader.x-h", "method.request.body.a.b",
          "'text'", "stageVariables.s", "context.identity.sourceIp"]
    back = ["integration.response.body", "integration.response.body.a[0]", "integration.response.header.x-a", "'v'"]
    for number, (a, b) in enumerate(itertools.product(to, of)):
        yield "gateway_mapping", "\n".join([
            a, b, "method.response.header.x-r", back[number % len(back)], [r"4\d{2}", "", ".*"][number % 3], "$input.json('$') $input.params('q')",
            "http://${stageVariables.host}/{id}?x=1", "7?q=a%0db&q=c"]).encode()


def documents_in():
    source = (ROOT / "crates/gateway/src/management/tests/openapi.rs").read_text()
    for document in re.findall(r'r##"(.*?)"##', source, re.S):
        yield "gateway_import", document.encode()
    integration = {"type": "mock", "requestTemplates": {"application/json": "{}"}, "responses": {"default": {"statusCode": "200"}}}
    verb = {"responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/A"}}}, "x-amazon-apigateway-integration": integration}
    yield "gateway_import", json.dumps({
        "swagger": "2.0", "info": {"title": "t", "version": "1"}, "basePath": "/b", "paths": {"/{p+}": {"x-amazon-apigateway-any-method": verb}},
        "definitions": {"A": {"type": "object", "properties": {"a": {"$ref": "#/definitions/A"}}}}}).encode()


folder = pathlib.Path(sys.argv[1])
for number, (target, seed) in enumerate(itertools.chain(policies(), templates(), signatures(), calls(), documents_in())):
    (folder / target).mkdir(parents=True, exist_ok=True)
    (folder / target / f"seed-{number}").write_bytes(seed)
