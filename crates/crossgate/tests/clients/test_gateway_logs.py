"""Execution logs line by line, the log of TestInvokeMethod, and access logs."""
import json

import pytest

from conftest import A, REGION
from front_door import (MOCK, callers, execution_log, get, judge, jwks, lambda_api, logging, mock_api,  # noqa: F401
                        openapi, served, signed)
from test_front_door_limits import keyed_api
from test_http_integrations import role_for_logs


def test_what_the_log_says_of_keys_and_limits(served):
    """Published logs (see execution::usage_plan)."""
    api, plan, key = keyed_api(served, "/a", plan={"throttle": {"rateLimit": 0.001, "burstLimit": 2}})
    value = key["value"]
    masked = "*" * (len(value) - 6) + value[-6:]

    def told(status, **headers):
        answer = served.get(api, "/prod/a", headers=headers)
        assert answer.status == status
        lines = execution_log(served, api, answer.request_id)
        assert lines[0] == f"Extended Request Id: {answer.headers['x-amz-apigw-id']}"
        return answer.request_id, lines[1:]

    request, lines = told(403)
    assert lines == [
        f"Verifying Usage Plan for request: {request}. API Key:  API Stage: {api}/prod",
        "API Key  not authorized because method 'GET /a' requires API Key and API Key is not associated with a Usage Plan "
        f"for API Stage {api}/prod: No Usage Plan found for key and API Stage", "Method completed with status: 403"]
    for _ in range(2):
        request, lines = told(200, **{"x-api-key": value})
        assert lines == [
            f"Verifying Usage Plan for request: {request}. API Key: {masked} API Stage: {api}/prod",
            f"Usage Plan check succeeded for API Key {masked} and API Stage {api}/prod",
            f"Starting execution for request: {request}", "HTTP Method: GET, Resource Path: /a",
            f"API Key: {masked}", f"API Key ID: {key['id']}",
            "Successfully completed execution", "Method completed with status: 200"]
    request, lines = told(429, **{"x-api-key": value})
    resource = served.resource_id(api, "/a")
    assert lines[1:] == [
        f"Key throttle limit exceeded for RestApi {api}, Stage prod, Resource {resource}, HttpMethod GET. Limit: 0.00 "
        "Burst: 2", "Method completed with status: 429"]


# Line by line: a proxy function by TestInvokeMethod, and failures as published (see execution::integrate and
# execution::lambda_failure).
def test_the_log_of_a_function_that_fails(served):
    arn = served.function(account=A, name="fails", source="def handler(event, context):\n    raise Exception('boom')")
    served.client("lambda", A).add_permission(
        FunctionName="fails", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    api = served.api(arn, account=A)
    logging(served, api)
    gateway = served.client("apigateway", A)
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/tracingEnabled", "value": "true"}])
    root = "1-5c7674f4-a3491d0a9c8012c191821b83"
    answer = served.get(api, "/prod/users", headers={"X-Amzn-Trace-Id": f"Root={root};Sampled=1"})
    assert (answer.status, answer.json) == (502, {"message": "Internal server error"})
    lines = execution_log(served, api, answer.request_id)[6:]
    invocation = lines[-2].split(" : ")[1]
    assert lines == [
        f"Lambda execution failed with status 200 due to customer function error: boom. Lambda request id: {invocation}",
        "Method completed with status: 502", f"AWS Integration Endpoint RequestId : {invocation}",
        f"X-ray Tracing ID : {root}"]
    # With a gateway response that was put.
    gateway.put_gateway_response(restApiId=api, responseType="DEFAULT_5XX", statusCode="503")
    gateway.create_deployment(restApiId=api, stageName="prod")
    answer = served.get(api, "/prod/users")
    assert "Gateway response type: DEFAULT_5XX with status code: 503" in execution_log(served, api, answer.request_id)


def test_the_log_of_an_authorizer_and_of_what_is_secret(served, judge):
    """Published logs, but for the token itself: nothing secret is logged here."""
    api = lambda_api(served, judge, None)
    logging(served, api, data="true")
    answer = served.get(api, "/prod/x", headers={"Authorization": "Allow", "x-api-key": "a-key-that-nobody-may-see"})
    assert answer.status == 200
    lines = execution_log(served, api, answer.request_id)
    authorizer = served.client("apigateway", A).get_authorizers(restApiId=api)["items"][0]["id"]
    uri = f"https://lambda.{REGION}.amazonaws.com/2015-03-31/functions/{judge}/invocations"
    assert lines[1:5] == [f"Starting authorizer: {authorizer} for request: {answer.request_id}", "Incoming identity: *****",
                          f"Endpoint request URI: {uri}", lines[4]]
    assert f"X-Amz-Source-Arn=arn:aws:execute-api:{REGION}:{A}:{api}/authorizers/{authorizer}" in lines[4]
    assert lines[5] == (
        'Endpoint request body after transformations: {"type":"TOKEN","methodArn":"arn:aws:execute-api:'
        f'{REGION}:{A}:{api}/prod/GET/x","authorizationToken":"*****"}}')
    assert lines[7].startswith('Authorizer result body before parsing: {"principalId": "someone"')
    assert lines[8:10] == ["Using valid authorizer policy for principal: *******", "Successfully completed authorizer execution"]
    headers = next(line for line in lines if line.startswith("Method request headers: "))
    assert "Authorization=*****," in headers and "x-api-key=*******************ay-see" in headers.lower()
    assert not any("nobody-m" in line for line in lines)


def test_test_invoke_method_validates_and_answers_as_the_api_would(served):
    """Models and gateway responses as they are now, deployed or not (published logs; AWS on re:Post)."""
    gateway = served.client("apigateway", A)
    document = {
        "swagger": "2.0", "info": {"title": "validated", "version": "1"},
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True, "validateRequestParameters": False}},
        "x-amazon-apigateway-request-validator": "body",
        "definitions": {"User": {"type": "object", "required": ["password", "email"]}},
        "paths": {"/users": {"post": {
            "consumes": ["application/json"], "responses": {"200": {"description": "ok"}},
            "parameters": [{"name": "User", "in": "body", "required": True, "schema": {"$ref": "#/definitions/User"}}],
            "x-amazon-apigateway-integration": MOCK}}}}
    api = gateway.import_rest_api(body=json.dumps(document))["id"]
    test = lambda body: gateway.test_invoke_method(
        restApiId=api, resourceId=served.resource_id(api), httpMethod="POST", body=body)
    assert test('{"email": "a", "password": "b"}')["status"] == 200
    for body, told in [("{}", 'object has missing required properties (["email","password"])'),
                       ("", "Unknown error parsing request body")]:
        said = test(body)
        assert (said["status"], json.loads(said["body"])) == (400, {"message": "Invalid request body"})
        assert said["headers"] == {"x-amzn-ErrorType": "BadRequestException"}
        assert f": Request body does not match model schema for content type application/json: [{told}]\n" in said["log"]
        assert said["log"].endswith(": Method completed with status: 400\n")
    gateway.put_gateway_response(
        restApiId=api, responseType="BAD_REQUEST_BODY", statusCode="422", responseParameters={
            "gatewayresponse.header.X-Why": "'body'"},
        responseTemplates={"application/json": '{"errors": "$context.error.validationErrorString"}'})
    said = test("{}")
    assert (said["status"], said["headers"]["X-Why"]) == (422, "body")
    assert json.loads(said["body"]) == {"errors": '[object has missing required properties (["email","password"])]'}
    assert ": Gateway response type: BAD_REQUEST_BODY with status code: 422\n" in said["log"]


def logged_format(server, api, names):
    """The access log of the stage names these variables, one after the other."""
    role_for_logs(server)
    logs = server.client("logs", A)
    try:
        logs.create_log_group(logGroupName="walked")
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    server.client("apigateway", A).update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn",
         "value": f"arn:aws:logs:{REGION}:{A}:log-group:walked"},
        {"op": "replace", "path": "/accessLogSettings/format", "value": "|".join(f"$context.{name}" for name in names)}])

    def told(answer):
        events = logs.filter_log_events(logGroupName="walked", filterPattern=f'"{answer.request_id}"')["events"]
        assert len(events) == 1, events
        return dict(zip(names, events[0]["message"].split("|")))
    return told


def test_the_phases_of_a_signed_call_in_the_access_log(served, callers):
    """Guide, "Variables for access logging": $context.authenticate.* and $context.authorize.*."""
    api = mock_api(served, "AWS_IAM")
    told = logged_format(served, api, ["requestId", "status", "authenticate.status", "authenticate.latency",
                                       "authenticate.error", "authorize.status", "authorize.latency", "authorize.error",
                                       "identity.userArn", "identity.accountId", "identity.accessKey", "tlsVersion",
                                       "error.message", "responseLength"])
    keys = callers[A, "Allow"]
    in_ = told(signed(served, api, keys))
    assert (in_["status"], in_["authenticate.status"], in_["authorize.status"]) == ("200",) * 3
    assert in_["authenticate.latency"].isdigit() and in_["authorize.latency"].isdigit()
    assert in_["identity.userArn"] == f"arn:aws:iam::{A}:user/Allow" and in_["identity.accountId"] == A
    assert in_["identity.accessKey"] == keys["aws_access_key_id"] and in_["responseLength"] == "12"
    assert {in_[name] for name in ("authenticate.error", "authorize.error", "tlsVersion", "error.message")} == {"-"}
    denied = signed(served, api, callers[A, "Neither"])
    out = told(denied)
    assert (out["status"], out["authenticate.status"], out["authorize.status"]) == ("403", "200", "403")
    assert out["authorize.error"] == out["error.message"] == denied.json["Message"]
    stranger = told(served.get(api, "/prod/x"))
    assert (stranger["authenticate.status"], stranger["authorize.status"], stranger["authorize.latency"]) == ("403", "-", "-")
    assert stranger["authenticate.latency"].isdigit()


def test_what_an_access_log_may_look_like(served):
    """One line (serverless/serverless issue 7162), of at most 3 KB (quotas)."""
    gateway = served.client("apigateway", A)
    api = mock_api(served)
    put = lambda form: gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/format", "value": form}])
    put("$context.requestId\n")
    put("$context.requestId" + "x" * (3 * 1024 - 18))
    for form, says in [("{\n$context.requestId}", "Access Log format must be single line, new line character is allowed only at "
                                                  "end of the format: '{\n$context.requestId}'"),
                       ("$context.requestId" + "x" * (3 * 1024 - 17), "must not be larger than 3072 bytes")]:
        with pytest.raises(gateway.exceptions.BadRequestException) as refused:
            put(form)
        assert says in refused.value.response["Error"]["Message"]


def test_what_a_validator_refuses_is_explained(served):
    gateway = served.client("apigateway", A)
    operation = {**get()["get"], "x-amazon-apigateway-request-validator": "all",
                 "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                 "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}}
    api = gateway.import_rest_api(body=openapi(
        {"/x": {"post": operation}}, components={"schemas": {"User": {
            "type": "object", "required": ["name"], "properties": {"age": {"type": "integer", "maximum": 150}}}}},
        **{"x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True}}}))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    post = lambda path: served.explain(served.get(
        api, path, method="POST", body=b'{"age": 200}', headers={"Content-Type": "application/json"}).request_id)
    assert "wants parameters that are missing or blank: q" in post("/prod/x")
    told = post("/prod/x?q=1")
    assert "does not fit the model User" in told
    assert 'object has missing required properties (["name"])' in told
    assert "/age: numeric instance is greater than the required maximum (maximum: 150, found: 200)" in told


def test_a_body_that_is_too_large_is_logged_and_counted(served):
    api = mock_api(served)
    told = logged_format(served, api, ["requestId", "status", "error.responseType", "httpMethod", "stage"])
    answer = served.get(api, "/prod/x", method="POST", body=[bytes(1 << 20)] * 11)
    assert told(answer) == {"requestId": answer.request_id, "status": "413", "error.responseType": "REQUEST_TOO_LARGE",
                            "httpMethod": "POST", "stage": "prod"}
    page = served.http("/_crossgate/metrics").body.decode()
    counted = [line for line in page.splitlines() if f'api_id="{api}"' in line]
    assert any(line.startswith("aws_apigateway_4xx_error_total{") and line.endswith(" 1") for line in counted), counted
