"""The bullets of API Gateway's execution, walked one by one: routing, integrations, mapping, streaming. What AWS answers
is from its recordings (LocalStack's AWS-validated tests, named as there) or from the developer guide, as each test says."""
import json
import socket
import threading
import urllib.parse

import pytest

from conftest import A, REGION
from http_backend import Api, Backend


@pytest.fixture(scope="module")
def backend():
    running = Backend()
    yield running
    running.stop()


def raw(api, target, verb="GET", headers=(), body=b"", host=None):
    """What a client gets that writes every byte itself: status, headers in lower case, body."""
    host = host or f"{api.id}.execute-api.{REGION}.localhost:{api.server.port}"
    length = [f"Content-Length: {len(body)}"] if body else []
    head = "\r\n".join([f"{verb} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, *length])
    with socket.create_connection(("127.0.0.1", api.server.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first, "the server closed the connection without an answer"
    return int(first.split()[1]), {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}, body


def lambda_uri(arn):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def mock(api, path, verb="GET", answer="", status='{"statusCode": 200}', **more):
    templates = {"responseTemplates": {"application/json": answer}}
    return api.method(path, None, verb=verb, kind="MOCK", requestTemplates={"application/json": status},
                      method_responses={"200": {}}, responses={"200": templates}, **more)


# Headers: test_apigateway_integrations TestApiGatewayHeaderRemapping, full-integration and no-param-integration.

SENT = {
    "Accept": "application/json", "Accept-Charset": "UTF-8", "Accept-Encoding": "br", "Age": "request_Age",
    "Authorization": "Unauthorized", "Content-Encoding": "deflate", "Content-MD5": "request_Content-MD5",
    "Content-Type": "application/json", "Date": "request_Date", "Max-Forwards": "2", "Pragma": "cache",
    "Proxy-Authenticate": "Basic", "Range": "bytes=500-999", "Referer": "https://example.com/",
    "Server": "https://example.com/", "TE": "deflate", "Trailer": "Expires", "Upgrade": "HTTP/2.0",
    "User-Agent": "localStack/0.0", "Via": "p.example.net", "Warn": "299 localStack/0.0",
    "WWW-Authenticate": "Basic YWxhZGRpbjpvcGVuc2VzYW1l", "Expect": "100-continue"}
KEPT_AT_THE_DOOR = {"Content-MD5", "Expect", "Max-Forwards", "Proxy-Authenticate", "Server", "TE", "Trailer", "Upgrade",
                    "WWW-Authenticate"}
MAPPED = {
    "Accept": "text/html", "Accept-Charset": "UTF-16", "Accept-Encoding": "zstd", "Age": "request_params_age",
    "Authorization": "request_params_authorization", "Content-Encoding": "compress", "Content-MD5": "mapped",
    "Content-Type": "application/json", "Date": "request_params_Date", "Max-Forwards": "2", "Pragma": "no-cache",
    "Range": "bytes=0-499", "Referer": "https://example.com/page", "Server": "https://example.com/page",
    "Trailer": "user-agent", "Upgrade": "HTTP/2.0", "User-Agent": "Override-Agent", "Warn": "110 anderson",
    "WWW-Authenticate": "Basic YWxh", "Host": "elsewhere.example.com"}
NEVER_SENT = {"Expect": "200-ok", "Connection": "keep-alive", "Proxy-Authenticate": "Basic", "TE": "gzip",
              "Via": "othersite.net"}
ANSWERED = sorted({*SENT, "Connection", "Content-Length", "Host", "Transfer-Encoding"})
REMAPPED = {"Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards",
            "Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate"}
SENDING = [f"{name}: {value}" for name, value in SENT.items()]


def header_api(server, kind, uri):
    quoted = lambda values: {f"integration.request.header.{n}": f"'{v}'" for n, v in values.items()}
    template = json.dumps({name: f"$input.params('{name}')" for name in ANSWERED})
    parameters = {f"method.response.header.{n}": f"'response_param_{n}'" for n in ANSWERED}
    declared = {"responseParameters": dict.fromkeys(parameters, True)}
    api = Api(server).method("/plain", uri, kind=kind, integrationHttpMethod="POST", method_responses={"200": {}},
                             responses={"200": {}})
    mapped = {} if kind.startswith("AWS") else quoted({**MAPPED, **NEVER_SENT})
    api.method("/full", uri, kind=kind, integrationHttpMethod="POST", method_responses={"200": declared},
               responses={"200": {"responseParameters": parameters}}, requestParameters=mapped,
               requestTemplates={"application/json": template})
    return api.deploy()


def seen_by_templates(seen):
    assert {name for name, value in seen.items() if not value} == {
        *KEPT_AT_THE_DOOR, "Connection", "Content-Length", "Transfer-Encoding"}
    assert all(seen[name] == SENT[name] for name in SENT if seen[name])


def answered_by_parameters(headers):
    given = {n: v for n, v in headers.items() if v.startswith("response_param_")}
    expected = {f"x-amzn-remapped-{n}" if n in REMAPPED else n for n in ANSWERED if n != "Transfer-Encoding"}
    assert set(given) == {name.lower() for name in expected}


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_apigateway_header_remapping_http(shared, backend, kind):
    api = header_api(shared, kind, backend.url + "/x")
    status, _, body = raw(api, "/prod/plain", headers=SENDING)
    headers = dict(json.loads(body)["headers"])
    own = {"host", "x-amzn-trace-id", "x-amzn-apigateway-api-id", "content-length", "x-forwarded-for",
           "x-forwarded-port", "x-forwarded-proto"}
    proxied = {name.lower() for name in set(SENT) - KEPT_AT_THE_DOOR - {"Content-Encoding", "Via"}}
    assert status == 200 and set(headers) - own == (proxied if kind == "HTTP_PROXY" else {"accept", "user-agent"})
    assert headers["host"] == f"localhost:{backend.port}"
    status, answered, body = raw(api, "/prod/full", headers=SENDING)
    told = json.loads(body)
    headers = dict(told["headers"])
    assert status == 200 and {n: headers.get(n.lower()) for n in MAPPED} == MAPPED
    assert not set(headers) & {name.lower() for name in NEVER_SENT}
    if kind == "HTTP":
        seen_by_templates(json.loads(told["body"]))
        answered_by_parameters(answered)


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_apigateway_header_remapping_aws(shared, kind):
    name = f"headers-{kind}"
    source = ("import json\ndef handler(e, c):\n    if 'requestContext' not in e: return e\n"
              "    return {'body': json.dumps(e['headers']), 'headers': {'TE': 'a', 'Via': 'b', 'Date': 'c'}}")
    function = shared.function(account=A, name=name, source=source)
    shared.allow(name, account=A)
    api = header_api(shared, kind, lambda_uri(function))
    status, answered, body = raw(api, "/prod/full", headers=SENDING)
    assert status == 200
    if kind == "AWS":
        seen_by_templates(json.loads(body))
        answered_by_parameters(answered)
        return
    seen = json.loads(body)
    assert {n: seen.get(n) for n in SENT} == {n: None if n in KEPT_AT_THE_DOOR else v for n, v in SENT.items()}
    # The guide's table ("Important notes"): TE and Via of a function's answer are dropped.
    assert "te" not in answered and "via" not in answered and answered["x-amzn-remapped-date"] == "c"


@pytest.mark.parametrize("name, renamed", [("Content-Length", "x-amzn-remapped-content-length"), ("Transfer-Encoding", None),
                                           ("Connection", "x-amzn-remapped-connection")])
def test_what_frames_an_answer_cannot_be_set(shared, name, renamed):
    """Neither by a mapping nor by a template nor by a gateway response: the client always gets a whole answer."""
    api = Api(shared)
    answer = f'#set($context.responseOverride.header["{name}"] = "nonsense")whole'
    mock(api, "/template", answer=answer)
    parameter = f"method.response.header.{name}"
    api.method("/mapping", None, kind="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {"responseParameters": {parameter: True}}},
               responses={"200": {"responseParameters": {parameter: "'nonsense'"},
                                  "responseTemplates": {"application/json": "whole"}}})
    api.gateway.put_gateway_response(restApiId=api.id, responseType="MISSING_AUTHENTICATION_TOKEN", statusCode="404",
                                     responseParameters={f"gatewayresponse.header.{name}": "'nonsense'"},
                                     responseTemplates={"application/json": "whole"})
    api.deploy()
    for path, expected in [("/template", 200), ("/mapping", 200), ("/nothing", 404)]:
        status, headers, body = raw(api, f"/prod{path}")
        assert (status, body) == (expected, b"whole"), path
        assert [n for n, v in headers.items() if v == "nonsense"] == ([renamed] if renamed else []), path


# Selection patterns, which Java's `matches` decides (test_apigateway_lambda test_lambda_selection_patterns).


def test_selection_patterns_look_ahead_and_match_the_whole(shared, backend):
    statuses = {"200": {}, "404": {}, "418": {}}
    api = Api(shared)
    for name, pattern in [("digits", "4\\d{2}"), ("not", "^(?!2)\\d{3}$"), ("part", "4")]:
        api.method(f"/{name}/{{s}}", backend.url + "/status/{s}", kind="HTTP", method_responses=statuses,
                   request={"method.request.path.s": True}, responses={"200": {}, "418": {"selectionPattern": pattern}},
                   requestParameters={"integration.request.path.s": "method.request.path.s"})
    source = "def handler(e, c):\n    if e: raise Exception(e['fail'])\n    return 'fine'"
    function = shared.function(account=A, name="fails", source=source)
    shared.allow("fails", account=A)
    api.method("/f", lambda_uri(function), verb="POST", kind="AWS", integrationHttpMethod="POST",
               method_responses=statuses, responses={
                   "200": {}, "404": {"selectionPattern": "(?!.*Internal)Not Found.*"}, "418": {"selectionPattern": "(\n|.)*\\[418\\](\n|.)*"}})
    api.deploy()
    got = {name: [api.call(f"/prod/{name}/{status}").status for status in (200, 404, 500)]
           for name in ("digits", "not", "part")}
    assert got == {"digits": [200, 418, 200], "not": [200, 418, 418], "part": [200, 200, 200]}
    said = lambda fail: api.call("/prod/f", method="POST", body=json.dumps(fail and {"fail": fail}).encode()).status
    assert [said(None), said("Not Found: 7"), said("Not Found, Internal"), said("x Not Found"), said("a\n[418]\nb")] == [
        200, 404, 200, 200, 418]


# $context (guide, "Context variables for data transformations").

CONTEXT = ["accountId", "apiId", "awsEndpointRequestId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId",
           "httpMethod", "identity.sourceIp", "identity.userAgent", "path", "protocol", "requestId", "requestTime",
           "requestTimeEpoch", "resourceId", "resourcePath", "stage", "xrayTraceId"]


def test_every_variable_of_context_is_there_for_templates_and_mappings(shared, backend):
    template = json.dumps({name: f"$context.{name}" for name in CONTEXT})
    parameters = {f"method.response.header.c-{name.replace('.', '-')}": f"context.{name}" for name in CONTEXT}
    api = Api(shared)
    api.method("/x/{y}", backend.url + "/headers", kind="HTTP",
               method_responses={"200": {"responseParameters": dict.fromkeys(parameters, True)}},
               responses={"200": {"responseTemplates": {"application/json": template}, "responseParameters": parameters}})
    api.deploy()
    answer = api.call("/prod/x/1", headers={"User-Agent": "walker"})
    told = answer.json
    assert [name for name, value in told.items() if not value] == []
    assert {name: answer.headers[f"c-{name.replace('.', '-')}"] for name in CONTEXT} == told
    host = f"{api.id}.execute-api.{REGION}.localhost"
    assert (told["accountId"], told["apiId"], told["domainName"], told["domainPrefix"]) == (A, api.id, host, api.id)
    assert (told["path"], told["resourcePath"], told["stage"]) == ("/prod/x/1", "/x/{y}", "prod")
    assert (told["requestId"], told["identity.userAgent"]) == (answer.request_id, "walker")
    assert told["awsEndpointRequestId"] == "the-backends"
    sent = backend.last["headers"]["X-Amzn-Trace-Id"]
    assert f"Root={told['xrayTraceId']}" == sent


def test_what_lambda_cannot_take_is_said_to_the_client(shared):
    """serverless/serverless#2270: what a template makes must be JSON, or Lambda's words are the client's answer."""
    function = shared.function(account=A, name="takes", source="def handler(e, c): return {'body': 'ran'}")
    shared.allow("takes", account=A)
    api = Api(shared)
    for path, kind, more in [("/form", "AWS", {}), ("/later", "AWS", {"requestParameters": {
            "integration.request.header.X-Amz-Invocation-Type": "'Event'"}}), ("/proxy", "AWS_PROXY", {})]:
        api.method(path, lambda_uri(function), verb="POST", kind=kind, integrationHttpMethod="POST",
                   method_responses={"200": {}}, responses={"200": {}}, **more)
    api.deploy()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/form", "/later"):
        answer = api.call(f"/prod{path}", method="POST", body=b"token=1&text=2", headers=form)
        assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")
        assert answer.json["message"].startswith("Could not parse request body into json: "), answer.json
        assert "Could not parse request body" in shared.explain(answer.request_id)
    assert api.call("/prod/form", method="POST", body=b'"text"').status == 200
    # Lambda takes 6 MB (quotas, "Invocation payload"), API Gateway 10.
    answer = api.call("/prod/proxy", method="POST", body=b"x" * (6 << 20))
    assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})
    assert "Request must be smaller than 6291456 bytes" in shared.explain(answer.request_id)
    assert api.call("/prod/proxy", method="POST", body=b"x" * (5 << 20)).body == b"ran"


# Routing: what the guide says of paths and queries, and private custom domain names.


def test_semicolons_split_a_query(shared, backend):
    """Guide, "Important notes" for REST APIs."""
    template = "$input.params('a')|$input.params('b')|$input.params('c')"
    api = mock(Api(shared), "/t", answer=template).method("/p", backend.url + "/x").deploy()
    assert raw(api, "/prod/t?a=1;b=2&c=%3B")[::2] == (200, b"1|2|;")
    raw(api, "/prod/p?a=1;b=2&c=%3B")
    assert backend.last["path"] == "/x?a=1&b=2&c=%3B"


def test_a_private_custom_domain_is_called_through_an_associated_endpoint(shared):
    """The steps of the guide's tutorial, "Create and invoke a custom domain name for private APIs"."""
    gateway, endpoint = shared.client("apigateway", A), "vpce-0a1b2c3d"
    invoke = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["execute-api:/*"]}
    unless = lambda condition: json.dumps({"Version": "2012-10-17", "Statement": [
        invoke, {**invoke, "Effect": "Deny", "Condition": condition}]})
    only = unless({"StringNotEquals": {"aws:SourceVpce": endpoint}})
    domain = gateway.create_domain_name(
        domainName="private.example.com", endpointConfiguration={"types": ["PRIVATE"]}, policy=only,
        certificateArn=f"arn:aws:acm:{REGION}:{A}:certificate/11111111-1111-1111-1111-111111111111")
    arn, tail = domain["domainNameArn"], f"private.example.com+{domain['domainNameId']}"
    assert arn == f"arn:aws:apigateway:{REGION}:{A}:/domainnames/{tail}"
    api = Api(shared, endpointConfiguration={"types": ["PRIVATE"]}, policy=unless({"ArnNotEquals": {
        "execute-api:viaDomainArn": arn.replace(":apigateway:", ":execute-api:")}}))
    mock(api, "/users", answer="$context.identity.vpceId $context.domainName $context.path").deploy()
    place = dict(domainName="private.example.com", domainNameId=domain["domainNameId"])
    gateway.create_base_path_mapping(**place, restApiId=api.id, stage="prod", basePath="v1")

    def call(path="/v1/users", **headers):
        answer = shared.http(path, host="private.example.com", headers=headers)
        return answer.status, answer.body.decode(), answer

    status, body, answer = call()
    assert (status, body) == (403, '{"message":"Forbidden"}')
    assert "CreateDomainNameAccessAssociation" in shared.explain(answer.request_id)
    associate = lambda source: gateway.create_domain_name_access_association(
        domainNameArn=arn, accessAssociationSource=source, accessAssociationSourceType="VPCE")
    made = associate(endpoint)["domainNameAccessAssociationArn"]
    assert made == f"arn:aws:apigateway:{REGION}:{A}:/domainnameaccessassociations/domainname/{tail}/vpcesource/{endpoint}"
    with pytest.raises(gateway.exceptions.ConflictException):
        associate(endpoint)
    assert call()[:2] == (200, f"{endpoint} private.example.com /v1/users")
    assert call("/v2/users")[0] == 403
    # The API's policy knows the domain: the API's own host is closed.
    direct = shared.http("/prod/users", host=f"{api.id}-{endpoint}.execute-api.{REGION}.localhost")
    assert direct.status == 403 and "explicit deny" in direct.json["Message"]

    # A second endpoint is associated and not in the domain's policy; with two, the client names one.
    other = associate("vpce-9999")["domainNameAccessAssociationArn"]
    status, _, answer = call()
    assert status == 403 and "name one of vpce-0a1b2c3d, vpce-9999" in shared.explain(answer.request_id)
    named = "x-crossgate-vpc-endpoint"
    assert call(**{named: endpoint})[0] == 200
    status, body, answer = call(**{named: "vpce-9999"})
    assert status == 403 and json.loads(body)["Message"] == (
        "User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:"
        f"{REGION}:********2222:/domainnames/{tail} with an explicit deny in a resource-based policy")
    assert "aws:SourceVpce" in shared.explain(answer.request_id)
    assert call(**{named: "vpce-unknown"})[0] == 403
    # By private DNS the API's own name leads to the endpoint, too: here it names the endpoint, and is let in no further.
    own = api.call("/prod/users")
    assert (own.status, own.json) == (403, {"message": "Forbidden"}) and named in shared.explain(own.request_id)
    own = api.call("/prod/users", headers={named: endpoint})
    assert own.status == 403 and "explicit deny" in own.json["Message"]
    gateway.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/policy", "value": only}])
    api.deploy()
    assert api.call("/prod/users", headers={named: endpoint}).status == 200
    for gone in (made, other):
        gateway.delete_domain_name_access_association(domainNameAccessAssociationArn=gone)
    assert call()[0] == 403


def test_stage_variables_stand_where_the_guide_has_them(shared, backend):
    """Guide, "Stage variables reference": URIs of HTTP endpoints and AWS services, functions, credentials."""
    shared.function(account=A, name="by-variable", source="def handler(e, c): return c.invoked_function_arn")
    function = f"arn:aws:lambda:{REGION}:{A}:function"
    role = shared.role("variable", A, invoke=f"{function}:by-variable")
    aws = dict(kind="AWS", verb="POST", integrationHttpMethod="POST", method_responses={"200": {}}, responses={"200": {}})
    api = Api(shared)
    for path, uri in [("/all", "http://${stageVariables.all}"), ("/part", "http://${stageVariables.host}/x"),
                      ("/path", backend.url + "/${stageVariables.word}/bar"),
                      ("/query", backend.url + "/foo?q=${stageVariables.word}")]:
        api.method(path, uri)
    api.method("/function", lambda_uri(function + ":${stageVariables.function}"), **aws,
               credentials=f"arn:aws:iam::{A}:${{stageVariables.role}}")
    for path, target in [("/whole", "${stageVariables.target}"), ("/action", "action/${stageVariables.action}"),
                         ("/missing", "${stageVariables.missing}")]:
        api.method(path, f"arn:aws:apigateway:{REGION}:sts:{target}", **aws, credentials=role)
    api.deploy(variables={"all": f"localhost:{backend.port}/all?x=1", "host": f"localhost:{backend.port}", "word": "vee",
                          "function": "by-variable", "role": role.partition(f"{A}:")[2],
                          "target": "action/GetCallerIdentity", "action": "GetCallerIdentity"})
    asked = {path: api.call(f"/prod/{path}").json["path"] for path in ("all", "part", "path", "query")}
    assert asked == {"all": "/all?x=1", "part": "/x", "path": "/vee/bar", "query": "/foo?q=vee"}
    post = lambda path: api.call(f"/prod/{path}", method="POST", body=b"")
    assert post("function").json == f"{function}:by-variable"
    for path in ("whole", "action"):
        assert b"BackplaneAssumeRoleSession" in post(path).body, path
    answer = post("missing")
    assert answer.status == 500 and "the stage variable `missing`" in shared.explain(answer.request_id)


def test_an_api_calls_another_one_by_its_invoke_url(shared):
    """Names that end in .localhost are this machine, whatever its resolver knows."""
    inner = mock(Api(shared), "/x", answer="inner $context.domainName").deploy()
    host = f"{inner.id}.execute-api.{REGION}.localhost"
    outer = Api(shared).method("/x", f"http://{host}:{shared.port}/prod/x").deploy()
    answer = outer.call("/prod/x")
    assert (answer.status, answer.body.decode()) == (200, f"inner {host}")


def test_a_header_overrides_the_method(shared, backend):
    """Guide, "Important notes" for REST APIs, X-HTTP-Method-Override."""
    api = Api(shared)
    for verb in ("POST", "DELETE"):
        mock(api, "/x", verb, answer=f"{verb} $context.httpMethod")
    api.method("/p", backend.url + "/x", "ANY")
    mapping = {"integration.request.header.X-HTTP-Method-Override": "method.request.header.X-HTTP-Method-Override"}
    api.method("/q", backend.url + "/x", "ANY", requestParameters=mapping,
               request={"method.request.header.X-HTTP-Method-Override": False})
    api.deploy()
    post = lambda path, verb: api.call(path, method="POST", body=b"{}", headers={
        "Content-Type": "application/json", "X-HTTP-Method-Override": verb})
    assert post("/prod/x", "DELETE").body == b"DELETE DELETE"
    assert post("/prod/x", "delete").body == b"DELETE DELETE"
    assert post("/prod/x", "NONSENSE").body == b"POST POST"
    assert post("/prod/x", "GET").status == 403
    assert post("/prod/p", "PUT").json["method"] == "PUT"
    assert "x-http-method-override" not in dict(backend.last["headers"].items())
    post("/prod/q", "PUT")
    assert (backend.last["method"], backend.last["headers"]["x-http-method-override"]) == ("PUT", "PUT")


def test_an_empty_response_template_returns_the_payload_unmapped(shared, backend):
    """Guide, "Select a VTL mapping template": `Accept` chooses, `application/json` stands in, empty means unmapped."""
    api = Api(shared)
    for path, templates in [("/empty", {"application/json": "", "application/xml": "mapped"}),
                            ("/xml", {"application/xml": "mapped"})]:
        api.method(path, backend.url + "/x", kind="HTTP", method_responses={"200": {}},
                   responses={"200": {"responseTemplates": templates}})
    mock(api, "/mock", answer="")
    api.deploy()
    accept = lambda kind: {"Accept": kind}
    assert api.call("/prod/empty").json["path"] == "/x"
    assert api.call("/prod/empty", headers=accept("text/html")).json["path"] == "/x"
    assert api.call("/prod/empty", headers=accept("application/xml; q=0.9")).body == b"mapped"
    assert api.call("/prod/xml").body == b"mapped"
    assert (api.call("/prod/mock").status, api.call("/prod/mock").body) == (200, b"")


PASSED, MAPPED_BODY, REJECTED = "passed", "mapped", 415


@pytest.mark.parametrize("template, expected", [
    # Guide, "Integration passthrough behaviors", examples 1 and 2, and no template at all.
    ("application/json", {
        "WHEN_NO_MATCH": [MAPPED_BODY, MAPPED_BODY, PASSED], "WHEN_NO_TEMPLATES": [MAPPED_BODY, MAPPED_BODY, REJECTED],
        "NEVER": [MAPPED_BODY, MAPPED_BODY, REJECTED]}),
    ("application/xml", {
        "WHEN_NO_MATCH": [PASSED, PASSED, MAPPED_BODY], "WHEN_NO_TEMPLATES": [REJECTED, REJECTED, MAPPED_BODY],
        "NEVER": [REJECTED, REJECTED, MAPPED_BODY]}),
    (None, {"WHEN_NO_MATCH": [PASSED] * 3, "WHEN_NO_TEMPLATES": [PASSED] * 3, "NEVER": [REJECTED] * 3}),
])
def test_passthrough_behaviors(shared, backend, template, expected):
    api = Api(shared)
    for behavior in expected:
        api.method(f"/{behavior}", backend.url + "/x", "POST", kind="HTTP", passthroughBehavior=behavior,
                   requestTemplates={template: MAPPED_BODY} if template else {}, method_responses={"200": {}},
                   responses={"200": {}})
    api.deploy()
    for behavior, outcomes in expected.items():
        for kind, outcome in zip((None, "application/json; charset=utf-8", "application/xml"), outcomes):
            headers = [f"Content-Type: {kind}"] if kind else []
            status, _, body = raw(api, f"/prod/{behavior}", "POST", headers, PASSED.encode())
            told = json.loads(body)["body"] if status == 200 else status
            assert told == outcome, (behavior, kind)


ANSWERS = {
    # What an endpoint sends before it hangs up, and what the client gets.
    "nothing": (b"", 504), "nonsense": (b"nonsense\r\n\r\n", 504), "too little": (b"Content-Length: 9\r\n\r\nok", 504),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", 504),
    "a broken chunk": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok", 504),
    "to the end": (b"\r\nok", 200), "trailers": (b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", 200),
    "an interim answer": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 504),
}


def test_what_endpoints_do_to_an_answer_never_reaches_the_clients_connection(shared):
    api, listener = Api(shared), socket.create_server(("127.0.0.1", 0))
    sent, ports = [], f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(sent[-1])

    threading.Thread(target=serve, daemon=True).start()
    api.method("/proxy", ports, integrationHttpMethod="GET", timeoutInMillis=5000)
    api.method("/http", ports, kind="HTTP", timeoutInMillis=5000, method_responses={"200": {}}, responses={"200": {}})
    api.method("/stream", ports, responseTransferMode="STREAM", timeoutInMillis=5000).deploy()
    for name, (answer, expected) in ANSWERS.items():
        whole = answer.startswith((b"HTTP", b"nonsense")) or not answer
        sent.append(answer if whole else b"HTTP/1.1 200 OK\r\n" + answer)
        for path in ("proxy", "http"):
            status, _, body = raw(api, f"/prod/{path}")
            assert status == expected, (name, path)
            assert body == (b"ok" if status == 200 else b'{"message": "Network error communicating with endpoint"}')
        # A stream's head is out when its body breaks off: the connection is closed without its last chunk.
        status, _, body = raw(api, "/prod/stream")
        assert (status == 200 and body.endswith(b"0\r\n\r\n")) == (expected == 200), (name, body)
        assert status in (200, expected), name
    listener.close()


def test_http_proxy_integration_request_data_mappings(shared, backend):
    """test_apigateway_http: a URI's own query, the client's and mapped parameters add up; what is missing is not sent."""
    mapped = {"header.headerVar": "header.foobar", "path.qsVar": "querystring.testVar", "path.pathVar": "path.pathVariable",
              "querystring.queryString": "querystring.testQueryString", "querystring.testQs": "querystring.testQueryString",
              "querystring.testEmptyQs": "header.emptyheader"}
    parameters = {f"integration.request.{to}": f"method.request.{source}" for to, source in mapped.items()}
    api = Api(shared).method("/{pathVariable}", backend.url + "/?testVar={pathVar}&testQs={qsVar}", "POST",
                             request={source: False for source in parameters.values()}, requestParameters=parameters)
    headers = {"Content-Type": "application/json", "foobar": "mapped-value", "headerVar": "request-value"}
    assert api.deploy().call("/prod/foobar?testQueryString=foo&testVar=bar", method="POST", headers=headers,
                             body=b'{"message": "hello world"}').status == 200
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(backend.last["path"]).query) == {
        "queryString": ["foo"], "testQs": ["bar", "foo"], "testQueryString": ["foo"], "testVar": ["foobar", "bar"]}
    assert [backend.last["headers"].get_all(name) for name in ("foobar", "headervar")] == [["mapped-value"]] * 2


def test_integration_request_parameters_mapping(shared, backend):
    """The validated test of this name: a header and a variable of $context become headers of the endpoint's request."""
    api = Api(shared).method("/", backend.url + "/x", kind="HTTP", integrationHttpMethod="POST",
                             request={"method.request.header.customHeader": False},
                             method_responses={"200": {}}, responses={"200": {}}, requestParameters={
                                 "integration.request.header.testHeader": "method.request.header.customHeader",
                                 "integration.request.header.contextHeader": "context.resourceId"})
    api.deploy()
    assert api.call("/prod/", headers={"customHeader": "test"}).status == 200
    assert (backend.last["headers"]["testHeader"], backend.last["headers"]["contextHeader"]) == ("test", api.root)


def test_templates_and_mappings_see_the_gateways_own_headers(shared, backend):
    """As AWS's execution logs show them among the method request's headers."""
    template = "$input.params('X-Amzn-Trace-Id') $input.params('X-Forwarded-Proto') $input.params('Host')"
    mapped = "method.request.header.X-Amzn-Trace-Id"
    api = Api(shared).method("/x", backend.url + "/x", "POST", kind="HTTP", request={mapped: False},
                             requestTemplates={"application/json": template}, method_responses={"200": {}},
                             responses={"200": {}}, requestParameters={"integration.request.header.x-mapped": mapped})
    raw(api.deploy(), "/prod/x", "POST", ["Content-Type: application/json"], b"{}")
    trace, proto, host = backend.last["body"].decode().split(" ")
    assert (proto, host) == ("http", f"{api.id}.execute-api.{REGION}.localhost:{shared.port}")
    assert trace.startswith("Root=1-") and trace == backend.last["headers"]["x-mapped"]
    assert trace == backend.last["headers"]["X-Amzn-Trace-Id"]
