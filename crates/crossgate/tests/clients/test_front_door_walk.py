"""The front door as API Gateway's guide describes it, by real requests: who is let in, and what the others are told."""
import json

import pytest

from conftest import A, B, REGION
from front_door import (MOCK, callers, get, judge, jwks, lambda_api, mock_api, openapi, served, signed,  # noqa: F401
                        token)
from http_backend import Backend


ALLOWED, IMPLICIT, EXPLICIT = "Allow", "Implicit Deny", "Explicit Deny"
# Guide, "How API Gateway resource policies affect authorization workflow": the caller's side, the API's, the result.
TABLE_A = [
    ("Allow", "Allow", ALLOWED), ("Allow", "Neither", ALLOWED), ("Allow", "Deny", EXPLICIT),
    ("Neither", "Allow", ALLOWED), ("Neither", "Neither", IMPLICIT), ("Neither", "Deny", EXPLICIT),
    ("Deny", "Allow", EXPLICIT), ("Deny", "Neither", EXPLICIT), ("Deny", "Deny", EXPLICIT)]
TABLE_B = [(caller, api, IMPLICIT if {caller, api} == {"Allow", "Neither"} else result) for caller, api, result in TABLE_A]
# An API without a policy says nothing either.
WITHOUT = [(caller, None, result) for caller, api, result in TABLE_A if api == "Neither"]


def outcome(answer, begin=None, by=None):
    """By what the client is told: how the sentence begins, and which kind of policy it names at its end."""
    if answer.status == 200:
        assert answer.json == {"in": True}
        return ALLOWED
    assert answer.status == 403 and answer.headers["x-amzn-ErrorType"] == "AccessDeniedException", answer.body
    told = answer.json["Message"]
    assert told.startswith(begin or ""), told
    for end, result in ((f" with an explicit deny in a{'n' if by == 'identity-based' else ''} {by} policy", EXPLICIT),
                        (f" because no {by} policy allows the execute-api:Invoke action", IMPLICIT)):
        if told.endswith(end):
            return result
    raise AssertionError(told)


def anonymous(api, who="anonymous"):
    return (f"User: {who} is not authorized to perform: execute-api:Invoke on resource: "
            f"arn:aws:execute-api:{REGION}:********{A[8:]}:{api}/prod/GET/x ")


@pytest.mark.parametrize("says, expected", [("Allow", ALLOWED), ("Neither", IMPLICIT), ("Deny", EXPLICIT), (None, ALLOWED)])
def test_a_resource_policy_alone(served, says, expected):
    api = mock_api(served, says=says)
    assert outcome(served.get(api, "/prod/x"), anonymous(api), "resource-based") == expected


@pytest.mark.parametrize("account, caller, says, expected", [
    *((A, *row) for row in TABLE_A + WITHOUT),
    *((B, *row) for row in TABLE_B),
    # Across accounts an API without a policy lets nobody in.
    *((B, caller, None, EXPLICIT if caller == "Deny" else IMPLICIT) for caller in ("Allow", "Neither", "Deny"))])
def test_iam_and_a_resource_policy(served, callers, account, caller, says, expected):
    api = mock_api(served, "AWS_IAM", says)
    answer = signed(served, api, callers[account, caller])
    # A Deny of the resource is found before one of the identity, and so, across accounts, is its silence.
    api_refuses = says == "Deny" or (account == B and caller != "Deny" and says != "Allow")
    by = "resource-based" if api_refuses else "identity-based"
    assert outcome(answer, anonymous(api, f"arn:aws:iam::{account}:user/{caller}"), by) == expected
    unsigned = served.get(api, "/prod/x")
    assert (unsigned.status, unsigned.json) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize("caller, says, expected", TABLE_A + WITHOUT)
def test_a_lambda_authorizer_and_a_resource_policy(served, judge, caller, says, expected):
    api = lambda_api(served, judge, says)
    answer = served.get(api, "/prod/x", headers={"Authorization": caller})
    if says == "Deny":
        # It is found before the authorizer is asked.
        assert outcome(answer, anonymous(api), "resource-based") == expected
        assert served.get(api, "/prod/x", headers={"Authorization": "raise"}).status == 403
    else:
        assert outcome(answer, "User is not authorized to access this resource ", "identity-based") == expected
        assert served.get(api, "/prod/x", headers={"Authorization": "raise"}).status == 500


@pytest.mark.parametrize("says, expected", [("Allow", ALLOWED), ("Neither", IMPLICIT), ("Deny", EXPLICIT), (None, ALLOWED)])
def test_a_user_pool_and_a_resource_policy(served, says, expected):
    api = mock_api(served, "COGNITO_USER_POOLS", says, type="COGNITO_USER_POOLS",
                   identitySource="method.request.header.Authorization",
                   providerARNs=[f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbCdEf"])
    answer = served.get(api, "/prod/x", headers={"Authorization": token()})
    assert outcome(answer, anonymous(api), "resource-based") == expected
    # The token comes first, whatever the policy says.
    for sent, message in [({}, "Unauthorized"), ({"Authorization": "x"}, "Unauthorized"),
                          ({"Authorization": token(exp=1)}, "The incoming token has expired")]:
        answer = served.get(api, "/prod/x", headers=sent)
        assert (answer.status, answer.json) == (401, {"message": message})


# One way to each gateway response, the path of a method and how it is asked.
WAYS = {
    "ACCESS_DENIED": ("/guarded", {"headers": {"Authorization": "Deny"}}),
    "API_CONFIGURATION_ERROR": ("/broken", {}),
    "AUTHORIZER_CONFIGURATION_ERROR": ("/guarded", {"headers": {"Authorization": "raise"}}),
    "BAD_REQUEST_BODY": ("/checked?q=1", {"method": "POST", "body": b'{"a": "text"}',
                                          "headers": {"Content-Type": "application/json"}}),
    "BAD_REQUEST_PARAMETERS": ("/checked", {"method": "POST", "body": b"{}"}),
    "DEFAULT_5XX": ("/malformed", {}),
    "INTEGRATION_FAILURE": ("/nobody", {}),
    "INTEGRATION_TIMEOUT": ("/slow", {}),
    "INVALID_API_KEY": ("/keyed", {}),
    "INVALID_SIGNATURE": ("/signed", {"sign": True}),
    "MISSING_AUTHENTICATION_TOKEN": ("/nothing", {}),
    "QUOTA_EXCEEDED": ("/keyed", {"headers": {"x-api-key": "a-key-that-is-long-enough"}}),
    # In chunks: a length that is announced is refused before the API is asked (test_bad_input.py).
    "REQUEST_TOO_LARGE": ("/checked?q=1", {"method": "POST", "body": [bytes(1 << 20)] * 11}),
    "THROTTLED": ("/throttled", {}),
    "UNAUTHORIZED": ("/guarded", {"headers": {"Authorization": "unauthorized"}}),
    "UNSUPPORTED_MEDIA_TYPE": ("/typed", {"method": "POST", "body": b"x", "headers": {"Content-Type": "text/plain"}}),
}
# Status, body and x-amzn-ErrorType where nothing was put (recorded or published; see execution::gateway_response).
DEFAULTS = {
    "ACCESS_DENIED": (403, {"Message": "User is not authorized to access this resource with an explicit deny in an "
                                       "identity-based policy"}, "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": (500, {"message": "Internal server error"}, "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, {"message": None}, "AuthorizerConfigurationException"),
    "BAD_REQUEST_BODY": (400, {"message": "Invalid request body"}, "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, {"message": "Missing required request parameters: [q]"}, "BadRequestException"),
    "DEFAULT_5XX": (502, {"message": "Internal server error"}, "InternalServerErrorException"),
    "INTEGRATION_FAILURE": (504, {"message": "Network error communicating with endpoint"}, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, {"message": "Endpoint request timed out"}, "InternalServerErrorException"),
    "INVALID_API_KEY": (403, {"message": "Forbidden"}, "ForbiddenException"),
    "INVALID_SIGNATURE": (403, None, "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, {"message": "Missing Authentication Token"}, "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": (429, {"message": "Limit Exceeded"}, "LimitExceededException"),
    "REQUEST_TOO_LARGE": (413, {"message": "Request Too Long"}, "RequestTooLargeException"),
    "THROTTLED": (429, {"message": "Too Many Requests"}, "TooManyRequestsException"),
    "UNAUTHORIZED": (401, {"message": "Unauthorized"}, "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": (415, {"message": "Unsupported Media Type"}, "BadRequestException"),
}
VALIDATION = {"BAD_REQUEST_BODY": '[instance type (string) does not match any allowed primitive type (allowed: ["integer"])]',
              "BAD_REQUEST_PARAMETERS": "[q]"}


# Status, body and x-amzn-ErrorType where nothing was put (recorded or published; see execution::gateway_response).
DEFAULTS = {
    "ACCESS_DENIED": (403, {"Message": "User is not authorized to access this resource with an explicit deny in an "
                                       "identity-based policy"}, "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": (500, {"message": "Internal server error"}, "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, {"message": None}, "AuthorizerConfigurationException"),
    "BAD_REQUEST_BODY": (400, {"message": "Invalid request body"}, "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": (400, {"message": "Missing required request parameters: [q]"}, "BadRequestException"),
    "DEFAULT_5XX": (502, {"message": "Internal server error"}, "InternalServerErrorException"),
    "INTEGRATION_FAILURE": (504, {"message": "Network error communicating with endpoint"}, "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": (504, {"message": "Endpoint request timed out"}, "InternalServerErrorException"),
    "INVALID_API_KEY": (403, {"message": "Forbidden"}, "ForbiddenException"),
    "INVALID_SIGNATURE": (403, None, "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": (403, {"message": "Missing Authentication Token"}, "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": (429, {"message": "Limit Exceeded"}, "LimitExceededException"),
    "REQUEST_TOO_LARGE": (413, {"message": "Request Too Long"}, "RequestTooLargeException"),
    "THROTTLED": (429, {"message": "Too Many Requests"}, "TooManyRequestsException"),
    "UNAUTHORIZED": (401, {"message": "Unauthorized"}, "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": (415, {"message": "Unsupported Media Type"}, "BadRequestException"),
}
VALIDATION = {"BAD_REQUEST_BODY": '[instance type (string) does not match any allowed primitive type (allowed: ["integer"])]',
              "BAD_REQUEST_PARAMETERS": "[q]"}


@pytest.fixture(scope="module")
def slow():
    """An endpoint that takes its time, and the address of one where nobody listens."""
    running = Backend()
    yield running.url
    running.stop()


@pytest.fixture(scope="module")
def every_failure(served, judge, slow):
    """An API with a way to every gateway response."""
    gateway = served.client("apigateway", A)
    served.function(account=A, name="malformed", source="def handler(event, context):\n    return 'text'")
    served.client("lambda", A).add_permission(
        FunctionName="malformed", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    run = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{A}:function:"
    def operation(integration=MOCK, **more):
        return {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": integration, **more}

    document = {
        "openapi": "3.0.1", "info": {"title": "failures", "version": "1"},
        "components": {"securitySchemes": {
            "judge": {"type": "apiKey", "name": "Authorization", "in": "header",
                      "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": {
                          "type": "token", "authorizerUri": f"{run}judge/invocations", "authorizerResultTtlInSeconds": 0}},
            "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header",
                      "x-amazon-apigateway-authtype": "awsSigv4"},
            "key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
            "schemas": {"Body": {"type": "object", "properties": {"a": {"type": "integer"}}}}},
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True}},
        "paths": {
            "/guarded": {"get": operation(security=[{"judge": []}])},
            "/signed": {"get": operation(security=[{"sigv4": []}])},
            "/keyed": {"get": operation(security=[{"key": []}])},
            "/throttled": {"get": operation()},
            "/broken": {"get": operation({"type": "http_proxy", "httpMethod": "GET",
                                          "uri": "http://${stageVariables.missing}/"})},
            "/malformed": {"get": operation({"type": "aws_proxy", "httpMethod": "POST", "uri": f"{run}malformed/invocations"})},
            "/nobody": {"get": operation({"type": "http_proxy", "httpMethod": "GET", "uri": "http://127.0.0.1:9/"})},
            "/slow": {"get": operation({"type": "http_proxy", "httpMethod": "GET", "uri": slow + "/slow",
                                        "timeoutInMillis": 50})},
            "/typed": {"post": operation({**MOCK, "passthroughBehavior": "never"})},
            "/checked": {"post": operation(**{
                "x-amazon-apigateway-request-validator": "all",
                "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}}})},
        }}
    api = gateway.import_rest_api(body=json.dumps(document))["id"]

    def deploy():
        gateway.create_deployment(restApiId=api, stageName="prod", variables={"v": "variable"})

    deploy()
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": f"/~1throttled/GET/throttling/{limit}Limit", "value": "0"} for limit in ("burst", "rate")])
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": api, "stage": "prod"}],
                                     quota={"limit": 1, "period": "MONTH"})["id"]
    key = gateway.create_api_key(name="key", enabled=True, value="a-key-that-is-long-enough")["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    assert served.get(api, "/prod/keyed", headers={"x-api-key": "a-key-that-is-long-enough"}).status == 200
    return gateway, api, deploy


def provoke(served, api, kind, **headers):
    path, how = WAYS[kind]
    how = {**how, "headers": {**how.get("headers", {}), **headers}}
    path = f"/prod{path}{'&' if '?' in path else '?'}from=query&from=again"
    if how.pop("sign", False):
        return signed(served, api, dict(aws_access_key_id=KEY_ID, aws_secret_access_key="wrong"), path, headers=headers)
    return served.get(api, path, **how)


KEY_ID = None


def test_every_gateway_response(served, every_failure, callers):
    global KEY_ID
    KEY_ID = callers[A, "Allow"]["aws_access_key_id"]
    gateway, api, deploy = every_failure
    assert not set(DEFAULTS) ^ set(WAYS)
    for kind, (status, body, error) in DEFAULTS.items():
        answer = provoke(served, api, kind)
        assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (status, error), (kind, answer.body)
        if body is None:
            assert answer.json["message"].startswith("The request signature we calculated does not match")
        else:
            assert answer.json == body, kind
        assert answer.headers["Content-Type"] == "application/json" and answer.headers["x-amz-apigw-id"], kind

    # Each has its own, with headers from everywhere.
    template = ('{"type": "$context.error.responseType", "string": $context.error.messageString, '
                '"plain": "$context.error.message", "validation": "$context.error.validationErrorString", '
                '"variable": "$stageVariables.v", "method": "$context.httpMethod", "stage": "$context.stage"}')
    for kind in DEFAULTS:
        gateway.put_gateway_response(
            restApiId=api, responseType=kind, statusCode="599" if DEFAULTS[kind][0] >= 500 else "499",
            responseTemplates={"application/json": template, "text/plain": "$context.error.message"},
            responseParameters={f"gatewayresponse.header.{name}": source for name, source in {
                "X-Static": "'text'", "X-Header": "method.request.header.X-Sent",
                "X-Query": "method.request.querystring.from",
                "X-Queries": "method.request.multivaluequerystring.from",
                "X-Context": "context.requestId", "X-Variable": "stageVariables.v",
                "X-Absent": "method.request.header.X-Not-Sent"}.items()})
    # A deployment is what is served.
    assert provoke(served, api, "THROTTLED").status == 429
    deploy()
    for kind, (status, body, error) in DEFAULTS.items():
        answer = provoke(served, api, kind, **{"X-Sent": "header"})
        assert answer.status == (599 if status >= 500 else 499), (kind, answer.body)
        assert answer.headers["x-amzn-ErrorType"] == error
        # A message is put in as it is, line ends too; messageString is the one for JSON.
        got = json.loads(answer.body, strict=False)
        told = next(iter(body.values())) if body else got["string"]
        assert got == {
            "type": kind, "string": told, "plain": told or "", "validation": VALIDATION.get(kind, ""),
            "variable": "variable", "method": WAYS[kind][1].get("method", "GET"), "stage": "prod"}, kind
        got = {name: answer.headers[name] for name in (
            "X-Static", "X-Header", "X-Query", "X-Queries", "X-Context", "X-Variable", "X-Absent")}
        assert got == {"X-Static": "text", "X-Header": "header", "X-Query": "again", "X-Queries": "query,again",
                       "X-Context": answer.request_id, "X-Variable": "variable", "X-Absent": None}, kind
        text = provoke(served, api, kind, Accept="text/plain")
        assert text.headers["Content-Type"] == "text/plain", kind
        # What a signature is computed over is another text for another request.
        assert text.body.decode()[:60] == (told or "")[:60], kind

    # Without their own, the default of their class; its status is everybody's.
    for kind in DEFAULTS:
        gateway.delete_gateway_response(restApiId=api, responseType=kind)
    for kind, status in (("DEFAULT_4XX", "404"), ("DEFAULT_5XX", "503")):
        gateway.put_gateway_response(restApiId=api, responseType=kind, statusCode=status,
                                     responseTemplates={"application/json": '{"was": "$context.error.responseType"}'})
    deploy()
    for kind, (status, _, _) in DEFAULTS.items():
        answer = provoke(served, api, kind)
        assert (answer.status, answer.json) == (503 if status >= 500 else 404, {"was": kind})


def test_a_template_of_a_gateway_response_may_name_the_request(served):
    """Guide, "Gateway responses": `method.request.param-position.param-name`."""
    gateway = served.client("apigateway", A)
    api = gateway.import_rest_api(body=openapi({"/x/{id}": get(**{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}})}, **{
        "x-amazon-apigateway-gateway-responses": {"MISSING_AUTHENTICATION_TOKEN": {
            "responseParameters": {"gatewayresponse.header.X-Id": "method.request.path.id",
                                   "gatewayresponse.header.X-All": "method.request.multivalueheader.X-Sent"},
            "responseTemplates": {"text/plain": "$method.request.header.X-Sent of $method.request.path.id, "
                                                "${method.request.querystring.q}$method.request.header.No-Such!"}}}}))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    answer = served.get(api, "/prod/x/7?q=8", headers={"X-Sent": "header"})
    assert (answer.status, answer.body.decode(), answer.headers["Content-Type"]) == (403, "header of 7, 8!", "text/plain")
    assert (answer.headers["X-Id"], answer.headers["X-All"]) == ("7", "header")


def test_a_function_that_is_throttled_is_an_integration_failure(served):
    """500, and dressed as INTEGRATION_FAILURE, whose own status is 504 (published on AWS re:Post)."""
    arn = served.function(account=A, name="busy", source="def handler(event, context):\n    return {'statusCode': 200}")
    function = served.client("lambda", A)
    function.add_permission(FunctionName="busy", StatementId="any", Action="lambda:InvokeFunction",
                            Principal="apigateway.amazonaws.com")
    function.put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=0)
    api, gateway = served.api(arn, account=A), served.client("apigateway", A)
    answer = served.get(api, "/prod/users")
    assert (answer.status, answer.json) == (500, {"message": "Internal server error"})
    gateway.put_gateway_response(restApiId=api, responseType="INTEGRATION_FAILURE",
                                 responseTemplates={"application/json": '{"message":"Customed response"}'})
    gateway.create_deployment(restApiId=api, stageName="prod")
    answer = served.get(api, "/prod/users")
    assert (answer.status, answer.json) == (504, {"message": "Customed response"})
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
