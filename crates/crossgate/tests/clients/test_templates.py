"""Mapping templates and mapped parameters through the real server: AWS (non-proxy) to Lambda, and MOCK."""
import json
import time

import pytest

from conftest import A, REGION

ECHO = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"got": event, "names": ["a", "b"]}
"""


def uri(function):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"


def method(gateway, api, verb="POST", path="x", responses=(), parameters=None, method_parameters=None, **integration):
    """A method whose integration responses are `(status, selection pattern, template, headers)`."""
    root = next(i["id"] for i in gateway.get_resources(restApiId=api)["items"] if i["path"] == "/")
    resource = gateway.create_resource(restApiId=api, parentId=root, pathPart=path)["id"]
    at = dict(restApiId=api, resourceId=resource, httpMethod=verb)
    gateway.put_method(**at, authorizationType="NONE", requestParameters=method_parameters or {})
    if parameters:
        integration["requestParameters"] = parameters
    gateway.put_integration(**at, **integration)
    for status, pattern, template, headers in responses:
        gateway.put_method_response(**at, statusCode=status, responseParameters={
            f"method.response.header.{name}": False for name in headers})
        gateway.put_integration_response(
            **at, statusCode=status, selectionPattern=pattern,
            responseParameters={f"method.response.header.{name}": value for name, value in headers.items()},
            responseTemplates={"application/json": template} if template is not None else {})
    return at


@pytest.fixture(scope="module")
def function(shared):
    arn = shared.function(name="echo", source=ECHO)
    shared.allow("echo", Principal="apigateway.amazonaws.com", SourceAccount=A)
    return arn


@pytest.fixture
def gateway(shared):
    return shared.client("apigateway", A)


def new_api(gateway):
    return gateway.create_rest_api(name="templates")["id"]


def deployed(gateway, api):
    gateway.create_deployment(restApiId=api, stageName="prod", variables={"colour": "blue"})


def test_a_function_of_another_account_behind_templates(shared, gateway, function):
    api = new_api(gateway)
    at = method(
        gateway, api, type="AWS", integrationHttpMethod="POST", uri=uri(function),
        requestTemplates={"application/json": """
#set($in = $input.path('$'))
{"who": "$in.name", "page": "$input.params('page')", "fail": "$!in.fail", "stage": "$stageVariables.colour",
 "ids": [#foreach($e in $in.items)"$e.id"#if($foreach.hasNext),#end#end], "all": $input.json('$')}"""},
        responses=[
            ("200", "", "#set($r = $input.path('$')){\"page\": \"$r.got.page\", \"ids\": $input.json('$.got.ids'), "
                        "\"count\": $r.names.size()}",
             {"X-First": "integration.response.body.names[0]", "X-Id": "context.requestId", "X-Text": "'a b'",
              "X-Stage": "stageVariables.colour"}),
            ("404", ".*not found.*", "{\"message\": $input.json('$.errorMessage')}", {}),
        ])
    deployed(gateway, api)
    body = json.dumps({"name": "ann", "items": [{"id": 1}, {"id": 2}]}).encode()
    answer = shared.get(api, "/prod/x?page=7", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json) == (200, {"page": "7", "ids": ["1", "2"], "count": 2}), answer.body
    assert [answer.headers[name] for name in ("X-First", "X-Text", "X-Stage")] == ["a", "a b", "blue"]
    assert answer.headers["X-Id"] == answer.request_id
    failing = json.dumps({"name": "ann", "items": [], "fail": "user not found"}).encode()
    answer = shared.get(api, "/prod/x", method="POST", body=failing, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json) == (404, {"message": "user not found"})
    tested = gateway.test_invoke_method(**at, pathWithQueryString="/x?page=3", body=body.decode(),
                                        headers={"Content-Type": "application/json"})
    assert json.loads(tested["body"])["page"] == "3"
    assert 'Endpoint request body after transformations: \n{"who": "ann", "page": "3"' in tested["log"]


def test_overrides_change_status_and_headers(shared, gateway):
    api = new_api(gateway)
    method(gateway, api, "GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
           responses=[("200", "", """#if($input.params('id') == '0')
#set($context.responseOverride.status = 404)
#set($context.responseOverride.header.X-Why = 'zero')
#end
{"id": "$input.params('id')", "from": "$context.identity.sourceIp", "none": "$context.identity.user"}""", {})])
    deployed(gateway, api)
    found = shared.get(api, "/prod/x?id=1")
    assert (found.status, found.json) == (200, {"id": "1", "from": "127.0.0.1", "none": ""})
    missing = shared.get(api, "/prod/x?id=0")
    assert (missing.status, missing.headers["X-Why"]) == (404, "zero")


def test_the_status_of_a_mock_is_what_its_template_renders(shared, gateway):
    api = new_api(gateway)
    method(gateway, api, "GET", type="MOCK", responses=[("200", "", "{}", {}), ("503", "503", '{"down": true}', {})],
           requestTemplates={"application/json":
                             "{\"statusCode\": #if($input.params('down') == 'yes')503#{else}200#end}"})
    deployed(gateway, api)
    assert shared.get(api, "/prod/x").status == 200
    down = shared.get(api, "/prod/x?down=yes")
    assert (down.status, down.json) == (503, {"down": True})


def test_never_passes_no_other_type(shared, gateway, function):
    api = new_api(gateway)
    method(gateway, api, type="AWS", integrationHttpMethod="POST", uri=uri(function), passthroughBehavior="NEVER",
           requestTemplates={"application/json": "{}"}, responses=[("200", "", None, {})])
    deployed(gateway, api)
    refused = shared.get(api, "/prod/x", method="POST", body=b"<a/>", headers={"Content-Type": "text/xml"})
    assert (refused.status, refused.json) == (415, {"message": "Unsupported Media Type"})
    passed = shared.get(api, "/prod/x", method="POST", body=b"{}", headers={"Content-Type": "application/json"})
    assert (passed.status, passed.json["got"]) == (200, {})


def test_an_invocation_type_from_a_header_runs_the_function_later(shared, gateway, function):
    api = new_api(gateway)
    method(gateway, api, type="AWS", integrationHttpMethod="POST", uri=uri(function),
           method_parameters={"method.request.header.InvocationType": False},
           parameters={"integration.request.header.X-Amz-Invocation-Type": "method.request.header.InvocationType"},
           responses=[("200", "", None, {})])
    deployed(gateway, api)
    later = shared.get(api, "/prod/x", method="POST", body=b"{}",
                       headers={"Content-Type": "application/json", "InvocationType": "Event"})
    assert (later.status, later.body) == (200, b"")
    now = shared.get(api, "/prod/x", method="POST", body=b"{}", headers={"Content-Type": "application/json"})
    assert now.json["names"] == ["a", "b"]


def test_a_template_bomb_hurts_nobody_else(shared, gateway):
    loop = "#foreach($a in [1..1000])" * 4 + "$a" + "#end" * 4
    bomb, other = new_api(gateway), new_api(gateway)
    method(gateway, bomb, "GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
           responses=[("200", "", loop, {})])
    method(gateway, other, "GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
           responses=[("200", "", "{}", {})])
    for api in (bomb, other):
        deployed(gateway, api)
    began = time.monotonic()
    stopped = shared.get(bomb, "/prod/x")
    assert stopped.status == 500 and time.monotonic() - began < 10
    assert "more than" in shared.explain(stopped.request_id)
    assert shared.get(other, "/prod/x").status == 200


def test_a_template_that_cannot_be_read_is_told(shared, gateway):
    api = new_api(gateway)
    method(gateway, api, "GET", type="MOCK", requestTemplates={"application/json": "#if(true)"},
           responses=[("200", "", "{}", {})])
    deployed(gateway, api)
    broken = shared.get(api, "/prod/x")
    assert broken.status == 500 and "template cannot be read" in shared.explain(broken.request_id)
