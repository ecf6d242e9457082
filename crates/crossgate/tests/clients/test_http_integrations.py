"""HTTP_PROXY and HTTP integrations against a real HTTP server."""
import gzip
import json
import re
import socket
import subprocess
import zlib

import pytest

from conftest import A, REGION
from http_backend import Api, Backend, server_context

PROXY = {"integration.request.path.proxy": "method.request.path.proxy"}


@pytest.fixture(scope="module")
def backend():
    running = Backend()
    yield running
    running.stop()


def proxy(server, backend, stage="prod", verb="ANY", deploy=None, **settings):
    api = Api(server, **settings)
    api.method("/{proxy+}", backend.url + "/{proxy}", verb=verb, request={"method.request.path.proxy": True},
               requestParameters=PROXY)
    return api.deploy(stage, **(deploy or {}))


def sent(answer):
    return {name: value for name, value in answer.json["headers"]}


def test_verb_path_query_body_and_headers_reach_the_backend(shared, backend):
    api = proxy(shared, backend)
    answer = api.call("/prod/a/b%20c?x=1&x=2&y=%26+z", method="POST", body=b'{"k": 1}',
                      headers={"Content-Type": "application/json", "X-Mine": "yes", "User-Agent": "me/1"})
    assert answer.status == 200
    assert (answer.json["method"], answer.json["path"]) == ("POST", "/a/b%20c?x=1&x=2&y=%26%20z")
    assert answer.json["body"] == '{"k": 1}'
    headers = sent(answer)
    assert headers["x-mine"] == "yes" and headers["user-agent"] == "me/1"
    assert headers["x-amzn-apigateway-api-id"] == api.id
    assert headers["host"] == f"localhost:{backend.port}"
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    assert headers["content-length"] == "8"


def test_connections_are_reused(shared, backend):
    api = proxy(shared, backend)
    before = len(backend.requests)
    for _ in range(30):
        api.call("/prod/one")
    # A connection may still be on its way back to the pool when the next request comes.
    assert len({one["connection"] for one in backend.requests[before:]}) <= 3


def test_the_client_gets_the_backends_answer_with_reserved_headers_renamed(shared, backend):
    answer = proxy(shared, backend).call("/prod/headers")
    headers = answer.headers
    assert headers.get_all("X-Two") == ["a", "b"] and headers["Content-Type"] == "text/plain"
    assert headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic" and "WWW-Authenticate" not in headers
    assert headers["x-amzn-Remapped-Content-MD5"] == "abc"
    assert headers["x-amzn-Remapped-Connection"] == "keep-alive"
    assert headers["x-amzn-Remapped-Content-Length"] == headers["Content-Length"]
    assert headers["x-amzn-Remapped-Date"] and headers["x-amzn-Remapped-Server"]
    assert headers["x-amzn-Remapped-x-amzn-RequestId"] == "the-backends"
    assert headers["x-amzn-RequestId"] != "the-backends"


@pytest.mark.parametrize("status", [201, 204, 404, 429, 500, 503])
def test_the_status_is_passed_on(shared, backend, status):
    assert proxy(shared, backend).call(f"/prod/status/{status}").status == status


def test_redirects_are_not_followed(shared, backend):
    api = proxy(shared, backend)
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(f"GET /prod/redirect HTTP/1.1\r\nHost: {api.id}.execute-api.localhost\r\n"
                           "Connection: close\r\n\r\n".encode())
        head = connection.makefile("rb").read().decode()
    assert head.startswith("HTTP/1.1 302 ") and "\r\nlocation: /elsewhere\r\n" in head
    assert backend.last["path"] == "/redirect"


def test_a_time_out_is_504(shared, backend):
    api = Api(shared).method("/slow", backend.url + "/slow", timeoutInMillis=100).deploy()
    answer = api.call("/prod/slow")
    assert (answer.status, answer.body) == (504, b'{"message": "Endpoint request timed out"}')
    assert "Execution failed due to a timeout error" in api.test("/slow")["log"]


def test_nobody_listens(shared):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}/"
    api = Api(shared).method("/x", uri).deploy()
    answer = api.call("/prod/x")
    assert (answer.status, answer.body) == (504, b'{"message": "Network error communicating with endpoint"}')
    assert "Execution failed due to a network error communicating with endpoint" in api.test("/x")["log"]
    assert "Connection refused" in shared.explain(answer.request_id)


def test_a_backend_that_hangs_up(shared, backend):
    answer = proxy(shared, backend).call("/prod/broken")
    assert (answer.status, answer.body) == (504, b'{"message": "Network error communicating with endpoint"}')


def test_a_host_without_an_address_and_an_undeclared_stage_variable(shared, backend):
    api = Api(shared)
    api.method("/dns", "http://no-such-host.invalid/")
    api.method("/variable", "http://${stageVariables.host}/")
    api.deploy(variables={"other": "x"})
    for path in ("/dns", "/variable"):
        answer = api.call("/prod" + path)
        assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
        assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
        # Recorded line by line: nothing comes after the error but the status.
        lines = re.sub(r".* : ", "", api.test(path)["log"]).splitlines()
        assert lines[-2:] == ["Execution failed due to configuration error: Invalid endpoint address",
                              "Method completed with status: 500"]
    assert "`host`" in shared.explain(answer.request_id)


def test_stage_variables_in_the_uri(shared, backend):
    api = Api(shared).method("/x", "http://${stageVariables.host}/v/${stageVariables.v}")
    api.deploy(variables={"host": f"localhost:{backend.port}", "v": "2"})
    assert api.call("/prod/x").json["path"] == "/v/2"


def test_mapped_parameters(shared, backend):
    api = Api(shared)
    api.method("/pets/{id}", backend.url + "/animals/{animal}?fixed=1", verb="GET", requestParameters={
        "integration.request.path.animal": "method.request.path.id",
        "integration.request.querystring.q": "method.request.header.X-Q",
        "integration.request.header.X-Fixed": "'a value'",
        "integration.request.header.X-Stage": "context.stage",
        "integration.request.header.User-Agent": "method.request.querystring.agent",
    }, request={"method.request.path.id": True, "method.request.header.X-Q": False,
                "method.request.querystring.agent": False})
    api.deploy()
    answer = api.call("/prod/pets/7%2F8?agent=mapped", headers={"X-Q": "a&b=c"})
    assert answer.json["path"] == "/animals/7/8?fixed=1&agent=mapped&q=a%26b%3Dc"
    headers = sent(answer)
    assert (headers["x-fixed"], headers["x-stage"], headers["user-agent"]) == ("a value", "prod", "mapped")


def test_a_mapped_value_cannot_inject_a_header(shared, backend):
    api = Api(shared).method("/x", backend.url + "/x", request={"method.request.querystring.v": False},
                             requestParameters={"integration.request.header.X-V": "method.request.querystring.v"})
    api.deploy()
    answer = api.call("/prod/x?v=a%0d%0aX-Injected:%20yes")
    assert answer.status == 200 and "x-injected" not in sent(answer) and "x-v" not in sent(answer)


@pytest.mark.parametrize("header", ["Content-Length", "Transfer-Encoding"])
def test_framing_headers_may_not_be_mapped(shared, backend, header):
    api = Api(shared).method("/x", backend.url + "/x", requestParameters={f"integration.request.header.{header}": "'1'"})
    answer = api.deploy().call("/prod/x")
    assert answer.status == 500 and answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_a_signature_stays_at_the_gateway(shared, backend):
    api = proxy(shared, backend)
    answer = api.call("/prod/x", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert "authorization" not in sent(answer)
    assert sent(api.call("/prod/x", headers={"Authorization": "Bearer x"}))["authorization"] == "Bearer x"


def test_binary_bodies(shared, backend):
    png = b"\x89PNG\xff\x00"
    api = proxy(shared, backend, binaryMediaTypes=["image/png"])
    answer = api.call("/prod/image", headers={"Accept": "image/png"})
    assert answer.body == png
    assert api.call("/prod/image", headers={"Accept": "text/html"}).body == b"iVBOR/8A"
    api.call("/prod/x", method="POST", body=png, headers={"Content-Type": "image/png"})
    assert backend.last["body"] == png
    api.call("/prod/x", method="POST", body=png, headers={"Content-Type": "text/plain"})
    assert backend.last["body"] != png and backend.last["body"].startswith("\ufffd".encode())


def test_coded_answers_pass_untouched(shared, backend):
    answer = proxy(shared, backend).call("/prod/gzip", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and answer.body[:2] == b"\x1f\x8b"


def test_an_answer_over_10_mb_is_refused(shared, backend):
    answer = proxy(shared, backend).call("/prod/large")
    assert answer.status == 500
    assert "10 MB" in shared.explain(answer.request_id)


def test_head_and_options(shared, backend):
    api = proxy(shared, backend)
    for verb in ("HEAD", "OPTIONS", "DELETE", "PATCH"):
        assert api.call("/prod/x", method=verb).status == 200
        assert backend.last["method"] == verb


def test_http_without_proxy_sends_its_own_headers_and_selects_by_status(shared, backend):
    api = Api(shared)
    api.method("/{s}", backend.url + "/status/{s}", kind="HTTP", verb="POST", request={"method.request.path.s": True},
               requestParameters={"integration.request.path.s": "method.request.path.s"},
               method_responses={"200": {"responseParameters": {"method.response.header.X-Kind": True}}, "400": {}},
               responses={"200": {"responseParameters": {
                              "method.response.header.X-Kind": "integration.response.header.Content-Type"}},
                          "400": {"selectionPattern": "4\\d{2}", "responseTemplates": {"application/json": "{\"no\": 1}"}}})
    api.deploy()
    answer = api.call("/prod/200?q=1", method="POST", body=b"{}",
                      headers={"X-Mine": "x", "User-Agent": "me", "Content-Type": "application/json"})
    assert answer.status == 200 and answer.json["path"] == "/status/200"
    headers = sent(answer)
    assert headers["user-agent"] == f"AmazonAPIGateway_{api.id}" and headers["accept"] == "application/json"
    assert headers["x-amzn-apigateway-api-id"] == api.id and headers["content-type"] == "application/json"
    assert "x-mine" not in headers
    assert answer.headers["X-Kind"] == "application/json" and answer.headers["X-Amzn-Trace-Id"]
    assert "x-amzn-Remapped-Date" not in answer.headers
    refused = api.call("/prod/404", method="POST", body=b"{}")
    assert (refused.status, refused.body) == (400, b'{"no": 1}')


def test_a_template_makes_the_body_and_overrides_parameters(shared, backend):
    api = Api(shared)
    template = """#set($context.requestOverride.path.to = "over ridden")
#set($context.requestOverride.querystring.q = ["1", "2"])
#set($context.requestOverride.header.X-Over = "ridden")
{"name": "$input.path('$.name')"}"""
    api.method("/x", backend.url + "/{to}", kind="HTTP", verb="POST", requestTemplates={"application/json": template},
               requestParameters={"integration.request.path.to": "'mapped'"},
               method_responses={"200": {}}, responses={"200": {"responseTemplates": {
                   "application/json": "$input.path('$.path') $input.path('$.body')"}}})
    api.deploy()
    answer = api.call("/prod/x", method="POST", body=b'{"name": "Ada"}', headers={"Content-Type": "application/json"})
    assert answer.body.decode() == '/over%20ridden?q=1&q=2 {"name": "Ada"}'
    assert backend.last["headers"]["X-Over"] == "ridden"


def test_the_log_of_test_invoke_method(shared, backend):
    api = Api(shared).method("/x", backend.url + "/x?y=1").deploy()
    log = api.test("/x", headers={"X-A": "b", "Authorization": "Bearer secret-token"})["log"]
    lines = [line.split(" : ", 1)[-1] for line in log.splitlines()]
    kinds = ["Execution log for request ", "Starting execution for request: ", "HTTP Method: GET, Resource Path: /x",
             "Method request path: {}", "Method request query string: {}", "Method request headers: {",
             "Method request body before transformations: ", f"Endpoint request URI: {backend.url}/x?y=1",
             "Endpoint request headers: {", "Endpoint request body after transformations: ",
             f"Sending request to {backend.url}/x?y=1", "Received response. Status: 200, Integration latency: ",
             "Endpoint response headers: {", "Endpoint response body before transformations: {",
             "Method response body after transformations: {", "Method response headers: {",
             "Successfully completed execution", "Method completed with status: 200"]
    assert len(lines) == len(kinds), log
    for line, kind in zip(lines, kinds):
        assert line.startswith(kind), (line, kind)
    assert f"x-amzn-apigateway-api-id={api.id}" in lines[8] and f"User-Agent=AmazonAPIGateway_{api.id}" in lines[8]
    endpoint = "\n".join(lines[7:])
    assert "secret-token" not in endpoint.replace(lines[13], "").replace(lines[14], "")


def test_the_execution_log_is_cut_at_1024_bytes(shared, backend):
    api = Api(shared).method("/x", backend.url + "/x", verb="POST").deploy()
    api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"},
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": "true"}]) if role_for_logs(shared) else None
    request_id = api.call("/prod/x", method="POST", body=b"a" * 5000).request_id
    logs = shared.client("logs")
    events = logs.filter_log_events(logGroupName=f"API-Gateway-Execution-Logs_{api.id}/prod")["events"]
    lines = [e["message"] for e in events if request_id in e["message"]]
    body = next(line for line in lines if "Endpoint request body after transformations" in line)
    assert body.endswith(" [TRUNCATED]") and len(body) < 1100
    assert any("Sending request to " + backend.url in line for line in lines)


def role_for_logs(server):
    """API Gateway wants a role before it logs."""
    import json
    from conftest import trust
    iam = server.client("iam")
    try:
        iam.create_role(RoleName="logs", AssumeRolePolicyDocument=trust("apigateway.amazonaws.com"))
    except iam.exceptions.EntityAlreadyExistsException:
        return True
    iam.put_role_policy(RoleName="logs", PolicyName="logs", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))
    server.client("apigateway").update_account(patchOperations=[
        {"op": "replace", "path": "/cloudwatchRoleArn", "value": f"arn:aws:iam::{A}:role/logs"}])
    return True


def test_private_integrations_say_so(shared, backend):
    api = Api(shared)
    link = api.gateway.create_vpc_link(
        name="link", targetArns=[f"arn:aws:elasticloadbalancing:{REGION}:{A}:loadbalancer/net/x/1"])["id"]
    api.method("/x", backend.url + "/x", connectionType="VPC_LINK", connectionId=link).deploy()
    answer = api.call("/prod/x")
    assert answer.status == 500
    assert "VPC link" in shared.explain(answer.request_id) and link in shared.explain(answer.request_id)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Certificate and key of `localhost`, of an issuer that nobody knows."""
    home = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE",
                    "-keyout", home / "key.pem", "-out", home / "cert.pem"], check=True, capture_output=True)
    return home / "cert.pem", home / "key.pem"


def test_tls_needs_a_known_issuer_unless_told_otherwise(shared, certificate):
    secure = Backend(server_context(*certificate))
    api = Api(shared)
    api.method("/strict", secure.url + "/x")
    api.method("/any", secure.url + "/x", tlsConfig={"insecureSkipVerification": True})
    api.method("/name", secure.url.replace("localhost", "127.0.0.1") + "/x",
               tlsConfig={"insecureSkipVerification": True})
    api.deploy()
    assert api.call("/prod/strict").status == 500
    log = api.test("/strict")["log"]
    assert "Execution failed due to configuration error: General SSLEngine problem" in log, log
    assert api.call("/prod/any").json["path"] == "/x"
    log = api.test("/name")["log"]
    assert "does not match the certificate subject provided by the peer" in log, log
    secure.stop()


def test_the_issuers_of_a_file(start, certificate, monkeypatch):
    secure = Backend(server_context(*certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    server = start("--in-memory")
    api = Api(server).method("/x", secure.url + "/x").deploy()
    assert api.call("/prod/x").json["path"] == "/x"
    secure.stop()


def test_the_stages_client_certificate_is_shown(shared, certificate):
    gateway = shared.client("apigateway")
    made = gateway.generate_client_certificate()
    secure = Backend(server_context(*certificate, client_ca=made["pemEncodedCertificate"]))
    api = Api(shared).method("/x", secure.url + "/x", tlsConfig={"insecureSkipVerification": True}).deploy()
    shown = []

    def see(request, address):
        shown.append(request)
        return True

    secure.server.verify_request = see
    api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}])
    assert api.call("/prod/x").status == 200
    peer = shown[-1].getpeercert()
    subject = dict(part[0] for part in peer["subject"])
    assert subject.get("commonName") == "ApiGateway", peer
    secure.stop()


@pytest.fixture(scope="module")
def squeezing(shared, backend):
    """An API that compresses answers of 200 bytes and more."""
    return proxy(shared, backend, minimumCompressionSize=200)


@pytest.mark.parametrize("accept, coding", [("gzip", "gzip"), ("deflate", "deflate"), ("br, gzip;q=0.5", "gzip"),
                                            ("*", None), ("identity", None), (None, None)])
def test_answers_are_compressed_as_the_client_likes(squeezing, accept, coding):
    headers = {"X-Pad": "a" * 300}
    # The backend is told the same, and does not compress.
    answer = squeezing.call("/prod/x", headers={**headers, **({"Accept-Encoding": accept} if accept else {})})
    assert answer.headers.get("Content-Encoding") == coding
    body = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](answer.body)
    assert json.loads(body)["path"] == "/x"


def test_small_and_coded_answers_are_left_alone(squeezing):
    assert "Content-Encoding" not in squeezing.call("/prod/image", headers={"Accept-Encoding": "gzip"}).headers
    coded = squeezing.call("/prod/gzip", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(coded.body) == b'{"coded": true}'


def test_bodies_are_decompressed(squeezing, backend):
    for coding, body in (("gzip", gzip.compress(b'{"a": 1}')), ("deflate", zlib.compress(b'{"a": 1}'))):
        squeezing.call("/prod/x", method="POST", body=body, headers={"Content-Encoding": coding})
        assert backend.last["body"] == b'{"a": 1}' and "Content-Encoding" not in backend.last["headers"]


@pytest.mark.parametrize("coding, body, status", [
    ("br", b"x", 415), ("gzip", b"no gzip", 415), ("deflate", b"\xff", 415), ("gzip", gzip.compress(b"x")[:-9], 415),
    ("gzip", gzip.compress(bytes(200 << 20), 1), 413), ("identity", b"{}", 200)])
def test_bodies_that_cannot_be_decompressed(squeezing, coding, body, status):
    answer = squeezing.call("/prod/x", method="POST", body=body, headers={"Content-Encoding": coding})
    assert answer.status == status, answer.body


def test_without_the_setting_nothing_is_touched(shared, backend):
    api = proxy(shared, backend, binaryMediaTypes=["*/*"])
    body = gzip.compress(b"x")
    answer = api.call("/prod/x", method="POST", body=body,
                      headers={"Content-Encoding": "gzip", "Accept-Encoding": "gzip", "Accept": "*/*"})
    assert backend.last["body"] == body and "Content-Encoding" not in answer.headers
