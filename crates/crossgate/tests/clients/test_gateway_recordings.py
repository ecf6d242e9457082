"""Scenarios that were recorded on AWS (LocalStack's validated tests, named at each test), played again."""
import base64
import gzip
import json

import pytest

from conftest import A, REGION
from http_backend import Api, Backend

# test_apigateway_s3 TestApiGatewayS3BinarySupport, with an HTTP endpoint in the place of S3.
RAW = gzip.compress(b"compressed data, should be invalid UTF-8 string", mtime=1676569620)
TEXT = b"this is a UTF8 text typed object"
CODED = base64.b64encode(RAW)
LOSSY = RAW.decode(errors="replace").encode()
BODIES = {"raw": RAW, "encoded": CODED, "text": TEXT}
twice = base64.b64encode


@pytest.fixture(scope="module")
def backend():
    running = Backend()
    running.objects.update(BODIES)
    yield running
    running.stop()


def http(server, backend, request=None, response=None, types=(), verb="PUT", path="/object", **integration):
    api = Api(server, binaryMediaTypes=list(types))
    if request:
        integration["contentHandling"] = request
    more = {"contentHandling": response} if response else {}
    names = {f"method.request.{place}": False for place in ("header.Content-Type", "querystring.name", "querystring.type")}
    api.method("/o", backend.url + path, verb, kind="HTTP", request=names, method_responses={"200": {}},
               responses={"200": more}, requestParameters={
                   "integration.request.header.Content-Type": "method.request.header.Content-Type",
                   "integration.request.path.name": "method.request.querystring.name",
                   "integration.request.querystring.type": "method.request.querystring.type"}, **integration)
    return api.deploy()


PNG = ("image/png",)


@pytest.mark.parametrize("handling, types, kind, expected", [
    (None, (), "image/png", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_TEXT", (), "image/png", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_BINARY", (), "image/png", {"raw": 500, "encoded": RAW, "text": 500}),
    (None, PNG, "image/png", BODIES),
    ("CONVERT_TO_TEXT", PNG, "image/png", {name: twice(body) for name, body in BODIES.items()}),
    ("CONVERT_TO_BINARY", PNG, "image/png", BODIES),
    (None, PNG, "text/plain", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_TEXT", PNG, "text/plain", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_BINARY", PNG, "text/plain", {"raw": 500, "encoded": RAW, "text": 500}),
])
def test_binary_support_request(shared, backend, handling, types, kind, expected):
    api = http(shared, backend, handling, types=types, path="/x")
    for name, body in BODIES.items():
        answer = api.call("/prod/o", method="PUT", body=body, headers={"Content-Type": kind})
        if expected[name] == 500:
            assert answer.status == 500, name
        else:
            assert (answer.status, backend.last["body"]) == (200, expected[name]), name


def test_binary_support_request_convert_to_binary_with_request_template(shared, backend):
    api = http(shared, backend, "CONVERT_TO_BINARY", path="/x",
               requestTemplates={"application/json": json.dumps({"data": "$input.body"})})
    assert api.call("/prod/o", method="PUT", body=CODED, headers={"Content-Type": "image/png"}).status == 200
    assert backend.last["body"] == RAW
    answer = api.call("/prod/o", method="PUT", body=CODED, headers={"Content-Type": "application/json"})
    assert answer.status == 500
    assert "set the integration's contentHandling to CONVERT_TO_TEXT" in shared.explain(answer.request_id)


OCTETS = "binary/octet-stream"


@pytest.mark.parametrize("handling, types, kind, accept, expected", [
    (None, (), OCTETS, "image/png", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    (None, PNG, OCTETS, "image/png", {"raw": 500, "encoded": RAW, "text": 500}),
    (None, PNG, "image/png", "image/png", BODIES),
    (None, PNG, OCTETS, "text/plain", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    (None, PNG, "image/png", "text/plain", {name: twice(body) for name, body in BODIES.items()}),
    ("CONVERT_TO_TEXT", (), OCTETS, "image/png", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_TEXT", PNG, OCTETS, "image/png", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_TEXT", PNG, "image/png", "image/png", {name: twice(body) for name, body in BODIES.items()}),
    ("CONVERT_TO_TEXT", PNG, OCTETS, "text/plain", {"raw": LOSSY, "encoded": CODED, "text": TEXT}),
    ("CONVERT_TO_TEXT", PNG, "image/png", "text/plain", {name: twice(body) for name, body in BODIES.items()}),
    ("CONVERT_TO_BINARY", (), OCTETS, "image/png", {"raw": 500, "encoded": RAW, "text": 500}),
    ("CONVERT_TO_BINARY", PNG, OCTETS, "image/png", {"raw": 500, "encoded": RAW, "text": 500}),
    ("CONVERT_TO_BINARY", PNG, "image/png", "image/png", BODIES),
    ("CONVERT_TO_BINARY", PNG, OCTETS, "text/plain", {"raw": 500, "encoded": RAW, "text": 500}),
])
def test_binary_support_response(shared, backend, handling, types, kind, accept, expected):
    api = http(shared, backend, None, handling, types, "GET", "/object/{name}")
    for name in BODIES:
        answer = api.call(f"/prod/o?name={name}&type={kind}", headers={"Accept": accept})
        if expected[name] == 500:
            assert answer.status == 500, name
        else:
            assert (answer.status, answer.body) == (200, expected[name]), name


def test_a_preflight_of_an_api_whose_every_type_is_binary_needs_content_handling(shared):
    """Published by many (serverless/serverless, aws/aws-cdk): MOCK with `*/*` and a template is a 500."""
    api = Api(shared, binaryMediaTypes=["*/*"])
    for path, more in (("/without", {}), ("/with", {"contentHandling": "CONVERT_TO_TEXT"})):
        api.method(path, None, "OPTIONS", kind="MOCK", method_responses={"200": {}}, responses={"200": {}},
                   requestTemplates={"application/json": '{"statusCode": 200}'}, **more)
    api.deploy()
    assert api.call("/prod/without", method="OPTIONS").status == 500
    assert api.call("/prod/with", method="OPTIONS").status == 200


# test_apigateway_canary.


def mock(server, message):
    api = Api(server)
    api.method("/", None, kind="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {}})
    api.place = dict(restApiId=api.id, resourceId=api.root, httpMethod="GET")
    api.gateway.put_integration_response(**api.place, statusCode="200", selectionPattern="",
                                         responseTemplates={"application/json": json.dumps(message)})
    return api


def stage(answer, **ids):
    """What is recorded of a stage, deployments by their names."""
    answer = {k: v for k, v in answer.items() if k not in ("ResponseMetadata", "createdDate", "lastUpdatedDate")}
    return json.loads(json.dumps(answer).replace(ids.get("one", "-"), "one").replace(ids.get("two", "-"), "two"))


DEV = {"cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE", "deploymentId": "one", "methodSettings": {},
       "stageName": "dev", "tracingEnabled": False}


def test_create_update_stages(shared):
    api = mock(shared, {"message": "default deployment"})
    gateway, at = api.gateway, dict(restApiId=api.id, stageName="dev")
    one, two = (gateway.create_deployment(restApiId=api.id)["id"] for _ in range(2))
    dev = {**DEV, "description": "dev stage", "variables": {"testVar": "default"}}
    canary = {"deploymentId": "two", "percentTraffic": 50.0, "stageVariableOverrides": {"testVar": "canary"},
              "useStageCache": False}
    made = gateway.create_stage(**at, deploymentId=one, description="dev stage", variables={"testVar": "default"},
                                canarySettings={"deploymentId": two, "percentTraffic": 50,
                                                "stageVariableOverrides": {"testVar": "canary"}})
    assert stage(made, one=one, two=two) == {**dev, "canarySettings": canary}
    assert stage(gateway.get_stage(**at), one=one, two=two) == {**dev, "canarySettings": canary}
    patch = lambda *operations: gateway.update_stage(**at, patchOperations=list(operations))
    updated = patch({"op": "replace", "path": "/canarySettings/stageVariableOverrides/testVar", "value": "updated"})
    canary["stageVariableOverrides"] = {"testVar": "updated"}
    assert stage(updated, one=one, two=two) == {**dev, "canarySettings": canary}
    assert stage(patch({"op": "remove", "path": "/canarySettings"}), one=one) == dev
    assert stage(gateway.get_stage(**at), one=one) == dev
    # test_create_canary_deployment_by_stage_update
    by_deployment = patch({"op": "replace", "path": "/canarySettings/deploymentId", "value": two})
    assert stage(by_deployment, one=one, two=two) == {
        **dev, "canarySettings": {"deploymentId": "two", "percentTraffic": 0.0, "useStageCache": False}}
    patch({"op": "remove", "path": "/canarySettings"})
    by_percent = patch({"op": "replace", "path": "/canarySettings/percentTraffic", "value": "50"})
    assert stage(by_percent, one=one) == {
        **dev, "canarySettings": {"deploymentId": "one", "percentTraffic": 50.0, "useStageCache": False}}


def test_invoking_canary_deployment(shared):
    def message(of):
        return {"statusCode": 200, "message": of, "variable": "$stageVariables.testVar",
                "nonExistingDefault": "$stageVariables.noStageVar", "nonOverridden": "$stageVariables.defaultVar",
                "isCanary": "$context.isCanaryRequest"}

    api = mock(shared, message("default deployment"))
    gateway = api.gateway
    one = gateway.create_deployment(restApiId=api.id, stageName="dev", variables={
        "testVar": "default", "defaultVar": "default"})["id"]
    gateway.update_integration_response(**api.place, statusCode="200", patchOperations=[
        {"op": "replace", "path": "/responseTemplates/application~1json", "value": json.dumps(message("canary deployment"))}])
    two = gateway.create_deployment(restApiId=api.id, stageName="dev", canarySettings={
        "percentTraffic": 0, "stageVariableOverrides": {"testVar": "canary", "noStageVar": "canary"}})["id"]
    assert api.call("/dev").json == {
        "isCanary": "false", "message": "default deployment", "nonExistingDefault": "", "nonOverridden": "default",
        "statusCode": 200, "variable": "default"}
    updated = gateway.update_stage(restApiId=api.id, stageName="dev", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "100.0"}])
    assert stage(updated, one=one, two=two) == {
        **DEV, "variables": {"defaultVar": "default", "testVar": "default"}, "canarySettings": {
            "deploymentId": "two", "percentTraffic": 100.0, "useStageCache": False,
            "stageVariableOverrides": {"noStageVar": "canary", "testVar": "canary"}}}
    assert api.call("/dev").json == {
        "isCanary": "true", "message": "canary deployment", "nonExistingDefault": "canary", "nonOverridden": "default",
        "statusCode": 200, "variable": "canary"}


def test_update_stage_with_copy_ops(shared):
    api = mock(shared, {})
    gateway, at = api.gateway, dict(restApiId=api.id, stageName="dev")
    patch = lambda *operations: gateway.update_stage(**at, patchOperations=list(operations))
    refused = lambda text, *operations: pytest.raises(gateway.exceptions.BadRequestException, match=text)
    variables = {"testVar": "test", "testVar2": "test2"}
    one = gateway.create_deployment(restApiId=api.id, stageName="dev", variables=variables)["id"]
    with refused("Valid copy:path are"):
        patch({"op": "copy", "path": "/canarySettings/stageVariableOverrides", "from": "/variables"})
    promote = [{"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
               {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"}]
    with refused("Promotion not available. Canary does not exist."):
        patch(*reversed(promote))
    none = {"op": "replace", "value": "0.0", "path": "/canarySettings/percentTraffic"}
    canary = {"deploymentId": "one", "percentTraffic": 0.0, "useStageCache": False}
    assert stage(patch(none, *promote), one=one) == {**DEV, "variables": variables, "canarySettings": canary}
    two = gateway.create_deployment(restApiId=api.id, stageName="dev", canarySettings={
        "percentTraffic": 50, "stageVariableOverrides": {"testVar": "override"}})["id"]
    canary = {"deploymentId": "two", "percentTraffic": 50.0, "useStageCache": False,
              "stageVariableOverrides": {"testVar": "override"}}
    assert stage(gateway.get_stage(**at), one=one, two=two) == {**DEV, "variables": variables, "canarySettings": canary}
    assert stage(patch(none, *promote), one=one, two=two) == {
        **DEV, "deploymentId": "two", "variables": {**variables, "testVar": "override"},
        "canarySettings": {**canary, "percentTraffic": 0.0}}


def test_update_stage_canary_deployment_validation(shared):
    api = mock(shared, {})
    gateway = api.gateway
    two = gateway.create_deployment(restApiId=api.id, stageName="dev2")["id"]
    patch = lambda op, value: gateway.update_stage(restApiId=api.id, stageName="dev2", patchOperations=[
        {"op": op, "path": "/canarySettings/deploymentId", "value": value}])
    with pytest.raises(gateway.exceptions.BadRequestException, match="Invalid add operation with path: /canarySettings/d"):
        patch("add", two)
    with pytest.raises(gateway.exceptions.BadRequestException, match="Deployment id does not exist"):
        patch("replace", "deploy")


# test_apigateway_integrations.


def test_put_integration_responses(shared):
    api = Api(shared)
    gateway, place = api.gateway, dict(restApiId=api.id, resourceId=api.root, httpMethod="GET")
    bare = lambda answer: {k: v for k, v in answer.items() if k != "ResponseMetadata"}
    assert bare(gateway.put_method(**place, authorizationType="NONE")) == {
        "apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "GET"}
    gateway.put_method_response(**place, statusCode="200")
    # `responseTransferMode` is newer than the recording.
    integration = {"cacheKeyParameters": [], "cacheNamespace": api.root, "connectionType": "INTERNET", "httpMethod": "POST",
                   "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000, "type": "HTTP",
                   "uri": "http://example.com", "responseTransferMode": "BUFFERED"}
    assert bare(gateway.put_integration(**place, type="HTTP", uri="http://example.com",
                                        integrationHttpMethod="POST")) == integration
    response = {"responseTemplates": {}, "selectionPattern": "2\\d{2}", "statusCode": "200"}
    put = dict(statusCode="200", selectionPattern="2\\d{2}")
    assert bare(gateway.put_integration_response(**place, **put, responseTemplates={})) == response
    assert bare(gateway.get_integration_response(**place, statusCode="200")) == response
    method = gateway.get_method(**place)
    assert method["methodIntegration"] == {**integration, "integrationResponses": {"200": response}}
    gateway.delete_integration_response(**place, statusCode="200")
    assert gateway.get_method(**place)["methodIntegration"] == integration
    assert bare(gateway.put_integration_response(**place, **put, contentHandling="CONVERT_TO_BINARY")) == {
        "contentHandling": "CONVERT_TO_BINARY", "selectionPattern": "2\\d{2}", "statusCode": "200"}


def test_integration_mock_with_request_overrides_in_response_template(shared):
    """Its request template keeps the path in an override, where its response template finds it."""
    api = Api(shared)
    request = '#set($context.requestOverride.path.kept = $input.params("name")){"statusCode": 200}'
    response = ('#if($context.requestOverride.path.kept == "path1")path was path one#elseif('
                '$context.requestOverride.path.kept == "path2")path was path two#{else}this is the else clause#end')
    api.method("/{name}", None, kind="MOCK", requestTemplates={"application/json": request},
               method_responses={"200": {}}, responses={"200": {"responseTemplates": {"application/json": response}}})
    api.deploy()
    told = {path: api.call(f"/prod/{path}").body.decode() for path in ("path1", "path2", "other")}
    assert told == {"path1": "path was path one", "path2": "path was path two", "other": "this is the else clause"}


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_apigateway_header_remapping_aws(shared, kind):
    function = shared.function(account=A, name=f"headers-{kind}", source="def handler(e, c): return {'statusCode': 200}")
    shared.allow(f"headers-{kind}", account=A)
    names = "content-length transfer-encoding authorization connection expect proxy-authenticate te".split()
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    api = Api(shared)
    for name in [*names, "x-fine"]:
        api.method(f"/{name}", uri, kind=kind, integrationHttpMethod="POST", method_responses={"200": {}},
                   responses={"200": {}}, requestParameters={f"integration.request.header.{name}": "'value'"})
    api.deploy()
    for name in names:
        answer = api.call(f"/prod/{name}")
        assert (answer.status, answer.json) == (500, {"message": "Internal server error"}), name
        assert name in shared.explain(answer.request_id)
    assert api.call("/prod/x-fine").status == 200


# test_apigateway_api TestApiGatewayGatewayResponse::test_gateway_response_put.


def test_gateway_response_put(shared):
    gateway = shared.client("apigateway", A)
    api = gateway.create_rest_api(name="responses")["id"]
    plain = {"application/json": '{"message":$context.error.messageString}'}
    templates = {"application/json": '{"message": $context.error.messageString, "type": "$context.error.responseType"}'}
    headers = {"gatewayresponse.header.x-request-header": "method.request.header.Accept"}
    missing = "MISSING_AUTHENTICATION_TOKEN"

    def put(kind=missing, **given):
        answer = gateway.put_gateway_response(restApiId=api, responseType=kind, **given)
        del answer["ResponseMetadata"]
        return answer

    whole = dict(defaultResponse=False, responseParameters={}, responseTemplates=plain, responseType=missing)
    assert put(statusCode="404") == {**whole, "statusCode": "404"}
    assert put(responseParameters=headers) == {**whole, "responseParameters": headers, "statusCode": "403"}
    assert put(responseTemplates=templates) == {**whole, "responseTemplates": templates, "statusCode": "403"}
    everything = dict(statusCode="599", responseParameters=headers, responseTemplates=templates)
    assert put("DEFAULT_5XX", **everything) == {**whole, **everything, "responseType": "DEFAULT_5XX"}
    own = put("AUTHORIZER_FAILURE", responseParameters={"gatewayresponse.header.foo": "'bar'"})
    assert (own["statusCode"], own["responseTemplates"]) == ("500", plain)
    items = gateway.get_gateway_responses(restApiId=api)["items"]
    assert [item["responseType"] for item in items] == sorted(item["responseType"] for item in items)
    shown = {item["responseType"]: item for item in items}
    assert len(items) == 21 and not shown[missing]["defaultResponse"]
    for kind in ("API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "INTEGRATION_FAILURE",
                 "INTEGRATION_TIMEOUT"):
        assert shown[kind] == {**everything, "defaultResponse": True, "responseType": kind}
    assert shown["THROTTLED"] == {**whole, "defaultResponse": True, "responseType": "THROTTLED", "statusCode": "429"}
    assert "statusCode" not in shown["DEFAULT_4XX"]


# Methods, documentation and stages as they come and go.


def bare(answer, *without):
    return {k: v for k, v in answer.items() if k not in ("ResponseMetadata", "createdDate", "lastUpdatedDate", *without)}


def refused(text, run, **given):
    with pytest.raises(Exception) as error:
        run(**given)
    response = error.value.response
    assert response["message"] == response["Error"]["Message"] == text
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_method_lifecycle(shared):
    """test_apigateway_api TestApiGatewayApiMethod::test_method_lifecycle."""
    api = Api(shared)
    place = dict(restApiId=api.id, resourceId=api.root, httpMethod="ANY")
    whole = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "ANY"}
    assert bare(api.gateway.put_method(**place, authorizationType="NONE")) == whole
    assert bare(api.gateway.get_method(**place)) == whole
    assert api.gateway.delete_method(**place)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for run in (api.gateway.get_method, api.gateway.delete_method):
        assert refused("Invalid Method identifier specified", run, **place) == (404, "NotFoundException")


def test_documentation_parts_and_versions(shared):
    """test_apigateway_common TestDocumentations."""
    gateway = shared.client("apigateway", A)
    api = dict(restApiId=gateway.create_rest_api(name="documented")["id"])
    made = gateway.create_documentation_part(**api, location={"type": "API"}, properties='{"foo": "bar"}')
    part = {"id": made["id"], "location": {"type": "API"}, "properties": '{"foo": "bar"}'}
    assert bare(made) == part and made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert gateway.get_documentation_parts(**api)["items"] == [part]
    version = dict(api, documentationVersion="v123")
    assert bare(gateway.create_documentation_version(**version)) == {"version": "v123"}
    described = {"version": "v123", "description": "doc version new"}
    assert bare(gateway.update_documentation_version(**version, patchOperations=[
        {"op": "replace", "path": "/description", "value": "doc version new"}])) == described
    assert bare(gateway.get_documentation_version(**version)) == described


def test_update_stage_remove_wildcard(shared):
    """test_apigateway_common TestStages::test_update_stage_remove_wildcard, and stages by deployment."""
    api = Api(shared).method("/x", None, kind="MOCK")
    one, two = (api.gateway.create_deployment(restApiId=api.id)["id"] for _ in range(2))
    stage = dict(restApiId=api.id, stageName="s1")
    plain = {"cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE", "deploymentId": one,
             "description": "my stage", "methodSettings": {}, "stageName": "s1", "tracingEnabled": False}
    assert bare(api.gateway.create_stage(**stage, deploymentId=one, description="my stage")) == plain
    update = lambda **operation: api.gateway.update_stage(**stage, patchOperations=[operation])
    text = "Cannot remove method setting */* because there is no method setting for this method "
    assert refused(text, update, op="remove", path="/*/*") == (400, "BadRequestException")
    everywhere = {"cacheDataEncrypted": False, "cacheTtlInSeconds": 300, "cachingEnabled": True,
                  "dataTraceEnabled": False, "metricsEnabled": False, "requireAuthorizationForCacheControl": True,
                  "throttlingBurstLimit": 5000, "throttlingRateLimit": 10000.0,
                  "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER"}
    assert bare(update(op="replace", path="/*/*/caching/enabled", value="true")) == {
        **plain, "methodSettings": {"*/*": everywhere}}
    assert bare(update(op="remove", path="/*/*")) == plain == bare(api.gateway.get_stage(**stage))
    api.gateway.create_stage(restApiId=api.id, stageName="s2", deploymentId=two)
    listed = lambda **of: [one["stageName"] for one in api.gateway.get_stages(restApiId=api.id, **of)["item"]]
    assert (listed(), listed(deploymentId=one), listed(deploymentId=two)) == (["s1", "s2"], ["s1"], ["s2"])
