"""The front door walked as API Gateway's guide describes it, by real requests: who is let in, what is answered, what is
logged."""
import base64
import json
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conftest import A, B, REGION
from explaining import policy, user

ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{REGION}_AbCdEf"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(by=KEY, **claims):
    claims = {"iss": ISSUER, "sub": "alice", "aud": "client", "token_use": "id", "exp": time.time() + 600, **claims}
    signed = f"{encoded({'alg': 'RS256', 'kid': 'k'})}.{encoded(claims)}"
    return f"{signed}.{encoded(by.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture(scope="module")
def jwks(tmp_path_factory):
    numbers = KEY.public_key().public_numbers()
    path = tmp_path_factory.mktemp("jwks") / "jwks.json"
    path.write_text(json.dumps({"keys": [{
        "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "e": encoded(numbers.e.to_bytes(3, "big")),
        "n": encoded(numbers.n.to_bytes(256, "big"))}]}))
    return f"{ISSUER}={path}"


@pytest.fixture(scope="module")
def served(jwks):
    from conftest import Server
    running = Server("--in-memory", "--jwks", jwks)
    yield running
    status = running.stop()
    assert status == 0 and "panicked" not in running.errors, running.errors


# What a Lambda authorizer's policy says is what the token asks for.
JUDGE = """
def handler(event, context):
    effect = event['authorizationToken']
    if effect == 'raise':
        raise Exception('boom')
    if effect == 'unauthorized':
        raise Exception('Unauthorized')
    if effect == 'nonsense':
        return {'no': 'policy'}
    resource = '*' if effect in ('Allow', 'Deny') else 'arn:aws:execute-api:*:*:elsewhere/*'
    return {'principalId': 'someone', 'policyDocument': {'Version': '2012-10-17', 'Statement': [
        {'Action': 'execute-api:Invoke', 'Effect': 'Allow' if effect == 'Neither' else effect, 'Resource': resource}]}}
"""


@pytest.fixture(scope="module")
def judge(served):
    arn = served.function(account=A, name="judge", source=JUDGE)
    served.client("lambda", A).add_permission(
        FunctionName="judge", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    return arn


def resource_policy(says, principal="*"):
    """What the API's resource policy says of a request from this machine; `None` is an API without one."""
    if says is None:
        return None
    effect, source = {"Allow": ("Allow", HERE), "Deny": ("Deny", HERE), "Neither": ("Allow", ELSEWHERE)}[says]
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": principal, "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
         "Condition": {"IpAddress": {"aws:SourceIp": source}}}]})


def mock_api(server, kind="NONE", says=None, **authorizer):
    """GET /x, answered by MOCK, behind an authorization of that kind; gives the API's id."""
    gateway = server.client("apigateway", A)
    document = resource_policy(says)
    made = gateway.create_rest_api(name="walk", **({"policy": document} if document else {}))
    method = {"authorizationType": kind}
    if authorizer:
        method["authorizerId"] = gateway.create_authorizer(restApiId=made["id"], name="walk", **authorizer)["id"]
    at = dict(restApiId=made["id"], httpMethod="GET", resourceId=gateway.create_resource(
        restApiId=made["id"], parentId=made["rootResourceId"], pathPart="x")["id"])
    gateway.put_method(**at, **method)
    gateway.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**at, statusCode="200")
    gateway.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": '{"in": true}'})
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    return made["id"]


def lambda_api(server, judge, says):
    return mock_api(server, "CUSTOM", says, type="TOKEN", authorizerResultTtlInSeconds=0,
                    identitySource="method.request.header.Authorization",
                    authorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{judge}/invocations")


def signed(server, api, keys, path="/prod/x", service="execute-api", method="GET", body=None, at=None, headers=None):
    """A request signed with these keys."""
    host = f"{api}.execute-api.{REGION}.localhost:{server.port}"
    request = botocore.awsrequest.AWSRequest(method, server.url + path, data=body, headers={"Host": host, **(headers or {})})
    credentials = botocore.credentials.Credentials(
        keys["aws_access_key_id"], keys["aws_secret_access_key"], keys.get("aws_session_token"))
    botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
    return server.http(path, method=method, body=body, headers=dict(request.headers))


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


@pytest.fixture(scope="module")
def callers(served):
    """For each account, a user for each thing that its policy may say."""
    statements = {says: [{"Effect": says, "Action": "execute-api:Invoke", "Resource": "*"}] for says in ("Allow", "Deny")}
    made = {}
    for account in (A, B):
        iam = served.client("iam", account)
        for says in ("Allow", "Neither", "Deny"):
            iam.create_user(UserName=says)
            if says in statements:
                iam.put_user_policy(UserName=says, PolicyName="own", PolicyDocument=policy(*statements[says]))
            key = iam.create_access_key(UserName=says)["AccessKey"]
            made[account, says] = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    return made


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
    "REQUEST_TOO_LARGE": ("/checked?q=1", {"method": "POST", "body": b"x" * ((10 << 20) + 1)}),
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


@pytest.fixture(scope="module")
def slow():
    """An endpoint that takes its time, and the address of one where nobody listens."""
    from http_backend import Backend
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
    mock = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "responses": {"default": {"statusCode": "200"}}}

    def operation(integration=mock, **more):
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
            "/typed": {"post": operation({**mock, "passthroughBehavior": "never"})},
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


def execution_log(server, api, request_id, stage="prod"):
    """What the stage's execution log says of a request, without the request's id and what differs in every run."""
    events = server.client("logs", A).filter_log_events(
        logGroupName=f"API-Gateway-Execution-Logs_{api}/{stage}", filterPattern=f'"{request_id}"')["events"]
    return [event["message"].removeprefix(f"({request_id}) ") for event in events]


def keyed_api(server, *paths, plan=None, **settings):
    """GET of each path, answered by MOCK, for keys; gives the API's id, its plan's and the key."""
    gateway = server.client("apigateway", A)
    document = {"openapi": "3.0.1", "info": {"title": "keyed", "version": "1"}, "components": {"securitySchemes": {
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}, "paths": {path: {"get": {
            "security": [{"key": []}], "responses": {"200": {"description": "ok"}},
            "x-amazon-apigateway-integration": {
                "type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
                "responses": {"default": {"statusCode": "200"}}}}} for path in paths}}
    api = gateway.import_rest_api(body=json.dumps(document))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    logging(server, api)
    if plan is None:
        return api, None, None
    stage = {"apiId": api, "stage": "prod", **settings}
    plan = gateway.create_usage_plan(name="plan", apiStages=[stage], **plan)["id"]
    key = gateway.create_api_key(name="key", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return api, plan, key


def logging(server, api, stage="prod", level="INFO", data="false"):
    from test_http_integrations import role_for_logs
    role_for_logs(server)
    server.client("apigateway", A).update_stage(restApiId=api, stageName=stage, patchOperations=[
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": level},
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": data}])


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


def test_a_stage_throttles_each_method_by_itself_and_the_plan_its_keys(served):
    gateway = served.client("apigateway", A)
    api, plan, key = keyed_api(served, "/a", "/b", plan={"throttle": {"rateLimit": 0.001, "burstLimit": 4}},
                               throttle={"/a/GET": {"rateLimit": 0.001, "burstLimit": 1}})
    second = gateway.create_api_key(name="second", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=second["id"], keyType="API_KEY")
    ask = lambda path, key: served.get(api, f"/prod{path}", headers={"x-api-key": key["value"]}).status
    # The method's own of the plan, then what is left of the plan's; the second key has buckets of its own.
    assert [ask("/a", key), ask("/a", key)] == [200, 429]
    assert [ask("/b", key) for _ in range(4)] == [200, 200, 200, 429]
    assert [ask("/a", second), ask("/a", second), ask("/b", second)] == [200, 429, 200]
    # The stage: methods do not take from each other.
    api, _, _ = keyed_api(served, "/a", "/b")
    for path in ("/a", "/b"):
        gateway.update_method(restApiId=api, resourceId=served.resource_id(api, path), httpMethod="GET", patchOperations=[
            {"op": "replace", "path": "/apiKeyRequired", "value": "false"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.001"},
        {"op": "replace", "path": "/~1b/GET/throttling/burstLimit", "value": "3"},
        {"op": "replace", "path": "/~1b/GET/throttling/rateLimit", "value": "20"}])
    ask = lambda path: served.get(api, f"/prod{path}").status
    assert [ask("/a") for _ in range(3)] == [200, 200, 429]
    assert [ask("/b") for _ in range(3)] == [200] * 3
    time.sleep(0.2)
    assert ask("/b") == 200 and ask("/a") == 429


@pytest.mark.parametrize("period", ["DAY", "WEEK", "MONTH"])
def test_a_quota_with_an_offset_is_smaller_in_its_first_period(served, period):
    api, plan, key = keyed_api(served, "/a", plan={"quota": {"limit": 5, "offset": 3, "period": period}}) \
        if period != "DAY" else keyed_api(served, "/a", plan={"quota": {"limit": 2, "period": "DAY"}})
    answers = [served.get(api, "/prod/a", headers={"x-api-key": key["value"]}) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].json == {"message": "Limit Exceeded"}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = served.client("apigateway", A).get_usage(usagePlanId=plan, startDate=today, endDate=today)
    assert usage["items"] == {key["id"]: [[2, 0]]}


def test_a_key_from_the_authorizer(served):
    source = JUDGE.replace("'principalId': 'someone',", "'principalId': 'someone', 'usageIdentifierKey': effect,").replace(
        "'*' if effect in ('Allow', 'Deny') else 'arn:aws:execute-api:*:*:elsewhere/*'", "'*'").replace(
        "'Allow' if effect == 'Neither' else effect", "'Allow'")
    arn = served.function(account=A, name="keeper", source=source)
    served.client("lambda", A).add_permission(
        FunctionName="keeper", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    gateway = served.client("apigateway", A)
    api = lambda_api(served, arn, None)
    gateway.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}])
    gateway.update_method(restApiId=api, resourceId=served.resource_id(api, "/x"), httpMethod="GET", patchOperations=[
        {"op": "replace", "path": "/apiKeyRequired", "value": "true"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    plan = gateway.create_usage_plan(name="keeper", apiStages=[{"apiId": api, "stage": "prod"}])["id"]
    key = gateway.create_api_key(name="keeper", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    ask = lambda token, **headers: served.get(api, "/prod/x", headers={"Authorization": token, **headers})
    assert ask(key["value"]).status == 200
    for answer in (ask("another"), ask("another", **{"x-api-key": key["value"]})):
        assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


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
            "x-amazon-apigateway-integration": {
                "type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
                "responses": {"default": {"statusCode": "200"}}}}}}}
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


COUNTER = """
count = 0

def handler(event, context):
    global count
    count += 1
    return {'statusCode': 200, 'body': str(count) + ' ' + str((event['stageVariables'] or {}).get('v'))}
"""


def cached_api(served, auth="NONE", **stage):
    """GET and POST of /c/{id}, whose function counts its calls, on a stage with a cache."""
    name = f"count{time.monotonic_ns()}"
    arn = served.function(account=A, name=name, source=COUNTER)
    served.client("lambda", A).add_permission(
        FunctionName=name, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    gateway = served.client("apigateway", A)
    run = {"type": "aws_proxy", "httpMethod": "POST", "cacheKeyParameters": [
        "method.request.path.id", "method.request.querystring.q", "method.request.header.X-Key"],
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"}
    method = {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": run,
              "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                             {"name": "q", "in": "query", "schema": {"type": "string"}},
                             {"name": "X-Key", "in": "header", "schema": {"type": "string"}}]}
    if auth == "AWS_IAM":
        method["x-amazon-apigateway-auth"] = {"type": "AWS_IAM"}
    api = gateway.import_rest_api(body=json.dumps({
        "openapi": "3.0.1", "info": {"title": "cached", "version": "1"},
        "paths": {"/c/{id}": {"get": method, "post": method}}}))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod", cacheClusterEnabled=True, cacheClusterSize="0.5")
    settings(served, api, {"caching/enabled": "true", **stage})
    return api


def settings(served, api, values, method="*/*"):
    served.client("apigateway", A).update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": f"/{method}/{name}", "value": value} for name, value in values.items()])


def test_what_is_cached_and_for_how_long(served):
    api = cached_api(served, **{"caching/ttlInSeconds": "1"})
    get = lambda path, **more: served.get(api, f"/prod/c/{path}", **more).body
    first = get("1?q=a")
    assert get("1?q=a") == first and get("1?q=a&other=1") == first, "other parameters do not count"
    assert len({first, get("1?q=b"), get("2?q=a"), get("1"), get("1?q=a", headers={"X-Key": "k"})}) == 5
    # Only GET, unless a method says otherwise.
    post = lambda: served.get(api, "/prod/c/1", method="POST").body
    assert post() != post()
    settings(served, api, {"caching/enabled": "true"}, "~1c~1{id}/POST")
    assert post() == post()
    time.sleep(1.1)
    assert get("1?q=a") != first
    settings(served, api, {"caching/ttlInSeconds": "0"})
    assert get("1") != get("1")
    settings(served, api, {"caching/ttlInSeconds": "300", "caching/enabled": "false"})
    assert get("1") != get("1")


@pytest.mark.parametrize("strategy, status, warns", [
    ("FAIL_WITH_403", 403, False), ("SUCCEED_WITH_RESPONSE_HEADER", 200, True),
    ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, False)])
def test_who_may_invalidate(served, callers, strategy, status, warns):
    """Guide, "Enabling API caching": execute-api:InvalidateCache, and what becomes of who has it not."""
    api = cached_api(served, "AWS_IAM", **{"caching/unauthorizedCacheControlHeaderStrategy": strategy})
    iam = served.client("iam", A)
    keys = {}
    for name, actions in (("may", ["execute-api:Invoke", "execute-api:InvalidateCache"]), ("may-not", ["execute-api:Invoke"])):
        name = f"{name}-{strategy}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(
            {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/*"}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name[:-len(strategy) - 1]] = dict(
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    ask = lambda who, **headers: signed(served, api, keys[who], "/prod/c/1", headers=headers)
    first = ask("may")
    assert ask("may-not").body == first.body
    refused = ask("may-not", **{"Cache-Control": "max-age=0"})
    assert refused.status == status and ("Warning" in refused.headers) == warns
    if status == 200:
        assert refused.body == first.body
    fresh = ask("may", **{"Cache-Control": "max-age=0"})
    assert fresh.status == 200 and fresh.body != first.body and "Warning" not in fresh.headers
    assert ask("may-not").body == fresh.body, "what is fresh is kept for everybody"
    served.client("apigateway", A).flush_stage_cache(restApiId=api, stageName="prod")
    assert ask("may-not").body != fresh.body


def test_a_canary_has_its_variables_its_cache_and_its_log(served):
    gateway = served.client("apigateway", A)
    api = cached_api(served)
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/variables/v", "value": "stage"}])
    logging(served, api)
    gateway.create_deployment(restApiId=api, stageName="prod", canarySettings={
        "percentTraffic": 50.0, "stageVariableOverrides": {"v": "canary"}, "useStageCache": False})
    bodies = {served.get(api, "/prod/c/1").body for _ in range(60)}
    assert {body.split()[1] for body in bodies} == {b"stage", b"canary"} and len(bodies) == 2, "a cache for each"
    logs = served.client("logs", A)
    for group in (f"API-Gateway-Execution-Logs_{api}/prod", f"API-Gateway-Execution-Logs_{api}/prod/Canary"):
        assert logs.filter_log_events(logGroupName=group)["events"], group
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"}])
    assert {served.get(api, f"/prod/c/{i}").body.split()[1] for i in range(20)} == {b"stage"}
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "100.0"},
        {"op": "replace", "path": "/canarySettings/stageVariableOverrides/v", "value": "other"}])
    assert {served.get(api, f"/prod/c/x{i}").body.split()[1] for i in range(20)} == {b"other"}
    # Promoted: the stage takes the canary's deployment and variables.
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "remove", "path": "/canarySettings"}])
    assert {served.get(api, f"/prod/c/y{i}").body.split()[1] for i in range(20)} == {b"other"}


def raw(served, api, path, headers, body=None, method="GET"):
    """Without the client's own ideas about codings; gives status, headers and body as they come."""
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"{api}.execute-api.{REGION}.localhost", **headers}.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_compression(served):
    """Guide, "Enable payload compression" and "Call an API method with a compressed payload"."""
    import gzip
    import zlib
    gateway = served.client("apigateway", A)
    arn = served.function(account=A, name="echo", source="""
def handler(event, context):
    return {'statusCode': 200, 'body': event['body'] or '', 'headers': {'X-Coding': str(event['headers'].get('Content-Encoding'))}}
""")
    served.client("lambda", A).add_permission(
        FunctionName="echo", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    api = served.api(arn, account=A, method="POST")
    post = lambda body, **headers: raw(served, api, "/prod/users", headers, body, "POST")
    text = b"hello " * 100
    # Without the switch nothing is touched.
    _, headers, body = post(text, **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] is None and body == text
    gateway.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/minimumCompressionSize", "value": "100"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    for accept, coding in [("gzip", "gzip"), ("deflate", "deflate"), ("identity", None), (None, None), ("*", None),
                           ("br", None), ("deflate;q=0.1, gzip;q=0.9", "gzip"), ("gzip;q=0", None), ("GZIP", "gzip"),
                           ("deflate, gzip", None)]:
        status, headers, body = post(text, **({"Accept-Encoding": accept} if accept else {}))
        if accept != "deflate, gzip":
            assert (status, headers["Content-Encoding"]) == (200, coding), accept
        coding = headers["Content-Encoding"]
        plain = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](body)
        assert plain == text and int(headers["Content-Length"]) == len(body), accept
    assert post(text[:60], **{"Accept-Encoding": "gzip"})[1]["Content-Encoding"] is None, "below the minimum"
    for coding, coded in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text)), ("identity", text)):
        status, headers, body = post(coded, **{"Content-Encoding": coding})
        assert (status, body) == (200, text) and headers["X-Coding"] in ("None", "identity"), coding
    for coding, coded in (("br", b"x"), ("gzip", b"no gzip at all"), ("deflate", b"\xff\xff"), ("gzip", gzip.compress(text)[:20])):
        status, headers, body = post(coded, **{"Content-Encoding": coding})
        assert (status, json.loads(body)) == (415, {"message": "Unsupported Media Type"}), coding
    for coding, bomb in (("gzip", gzip.compress(bytes(64 << 20))), ("deflate", zlib.compress(bytes(64 << 20)))):
        assert len(bomb) < 1 << 20
        began = time.monotonic()
        status, headers, body = post(bomb, **{"Content-Encoding": coding})
        assert (status, json.loads(body)) == (413, {"message": "Request Too Long"}) and time.monotonic() - began < 5
    assert post(text)[2] == text


def run_uri(name):
    return (f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
            f"arn:aws:lambda:{REGION}:{A}:function:{name}/invocations")


def everything():
    """An OpenAPI 3.0 document with every extension of REST APIs that the guide lists ("OpenAPI extensions")."""
    def operation(integration, **more):
        return {"responses": {"200": {"description": "200 response"}}, "x-amazon-apigateway-integration": integration, **more}

    mock = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "responses": {"default": {"statusCode": "200"}}}
    return {
        "openapi": "3.0.1",
        "info": {"title": "everything", "version": "2.5", "description": "has it all"},
        "servers": [{"url": "https://x.example/v1", "x-amazon-apigateway-endpoint-configuration": {
            "disableExecuteApiEndpoint": True}}],
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-binary-media-types": ["image/png", "application/x-zip"],
        "x-amazon-apigateway-minimum-compression-size": 512,
        "x-amazon-apigateway-policy": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]},
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True},
            "none": {"validateRequestBody": False, "validateRequestParameters": False}},
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {"statusCode": 418, "responseParameters": {
                "gatewayresponse.header.X": "'y'", "gatewayresponse.header.Y": "method.request.header.Z"},
                "responseTemplates": {"application/json": "{}", "text/plain": "no"}},
            "UNAUTHORIZED": {"responseTemplates": {"application/json": '{"why": $context.error.messageString}'}}},
        "x-amazon-apigateway-documentation": {"version": "1.0.3", "documentationParts": [
            {"location": {"type": "API"}, "properties": {"description": "the whole", "info": {"x": 1}}},
            {"location": {"type": "METHOD", "path": "/all/{id}", "method": "POST"}, "properties": {"summary": "posts"}},
            {"location": {"type": "PATH_PARAMETER", "path": "/all/{id}", "name": "id"}, "properties": {"description": "which"}},
            {"location": {"type": "RESPONSE", "path": "/all/{id}", "method": "POST", "statusCode": "200"},
             "properties": {"description": "fine"}},
            {"location": {"type": "MODEL", "name": "User"}, "properties": {"title": "a user"}}]},
        "components": {
            "schemas": {
                "User": {"type": "object", "properties": {"friends": {"type": "array", "items": {
                    "$ref": "#/components/schemas/User"}}, "name": {"$ref": "#/components/schemas/Name"}}},
                "Name": {"type": "string", "maxLength": 9}},
            "parameters": {"Page": {"name": "page", "in": "query", "schema": {"type": "integer"}}},
            "responses": {"Gone": {"description": "410 response", "headers": {"X-Gone": {"schema": {"type": "string"}}}}},
            "requestBodies": {"User": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}},
            "securitySchemes": {
                "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header",
                          "x-amazon-apigateway-authtype": "awsSigv4"},
                "tokens": {"type": "apiKey", "name": "X-Token", "in": "header",
                           "x-amazon-apigateway-authtype": "oauth2", "x-amazon-apigateway-authorizer": {
                               "type": "token", "authorizerUri": run_uri("tokens"), "authorizerResultTtlInSeconds": 60,
                               "authorizerCredentials": f"arn:aws:iam::{A}:role/tokens",
                               "identityValidationExpression": "^x-[a-z]+"}},
                "requests": {"type": "apiKey", "name": "Unused", "in": "header",
                             "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": {
                                 "type": "request", "authorizerUri": run_uri("requests"), "authorizerResultTtlInSeconds": 0,
                                 "identitySource": "method.request.header.A,method.request.querystring.b"}},
                "pool": {"type": "apiKey", "name": "Authorization", "in": "header",
                         "x-amazon-apigateway-authtype": "cognito_user_pools", "x-amazon-apigateway-authorizer": {
                             "type": "cognito_user_pools",
                             "providerARNs": [f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbCdEf"]}}},
            "x-amazon-apigateway-integrations": {"shared": {
                "type": "http_proxy", "httpMethod": "ANY", "uri": "https://x.example/{proxy}", "timeoutInMillis": 1234,
                "passthroughBehavior": "when_no_match", "tlsConfig": {"insecureSkipVerification": True},
                "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
                "cacheNamespace": "shared", "cacheKeyParameters": ["method.request.path.proxy"]}}},
        "security": [{"key": []}],
        "paths": {
            "/": {"get": operation(mock, security=[])},
            "/all/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                               {"$ref": "#/components/parameters/Page"}],
                "post": operation({
                    "type": "aws", "httpMethod": "POST", "uri": run_uri("all"), "credentials": f"arn:aws:iam::{A}:role/r",
                    "contentHandling": "CONVERT_TO_TEXT", "passthroughBehavior": "never",
                    "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
                    "requestTemplates": {"application/json": "#set ($root=$input.path('$')) {}", "text/plain": "x"},
                    "responses": {"4\\d{2}": {"statusCode": "410", "responseParameters": {
                        "method.response.header.X-Gone": "'yes'"}, "contentHandling": "CONVERT_TO_BINARY"},
                        "default": {"statusCode": 200, "responseTemplates": {"application/json": "$input.json('$')"}}}},
                    operationId="postAll", requestBody={"$ref": "#/components/requestBodies/User"},
                    security=[{"tokens": []}, {"key": []}],
                    responses={"200": {"description": "200 response", "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/User"}}}},
                        "410": {"$ref": "#/components/responses/Gone"}},
                    **{"x-amazon-apigateway-request-validator": "none"}),
                "get": operation(mock, security=[{"requests": []}]),
                "put": operation(mock, security=[{"pool": ["a/read", "a/write"]}]),
                "delete": operation(mock, security=[{"sigv4": []}]),
                "patch": operation(mock, **{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}}),
                "options": operation({**mock, "responses": {"default": {"statusCode": "200", "responseParameters": {
                    "method.response.header.Access-Control-Allow-Origin": "'*'"}}}}, security=[], responses={"200": {
                        "description": "200 response",
                        "headers": {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}}}})},
            "/rest/{proxy+}": {"x-amazon-apigateway-any-method": operation(
                {"$ref": "#/components/x-amazon-apigateway-integrations/shared"},
                parameters=[{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}])},
        }}


def content(gateway, api, exported=None):
    """All that an API is, without what only tells one from another. A policy names the API that it was exported from."""
    settings = gateway.get_rest_api(restApiId=api)
    for member in ("id", "createdDate", "rootResourceId", "ResponseMetadata", "tags", "warnings"):
        settings.pop(member, None)
    if "policy" in settings:
        settings["policy"] = settings["policy"].replace(exported or api, "API")
    named = {}
    for what, method in (("authorizers", gateway.get_authorizers), ("validators", gateway.get_request_validators)):
        items = method(restApiId=api, limit=500)["items"]
        named |= {item["id"]: item["name"] for item in items}
        settings[what] = sorted(({k: v for k, v in item.items() if k != "id"} for item in items), key=lambda i: i["name"])
    settings["models"] = {m["name"]: (json.loads(m["schema"].replace(api, "API")), m["contentType"], m.get("description"))
                          for m in gateway.get_models(restApiId=api, limit=500)["items"]}
    settings["responses"] = [r for r in gateway.get_gateway_responses(restApiId=api, limit=500)["items"]
                             if not r["defaultResponse"]]
    settings["documentation"] = sorted(
        ((part["location"], json.loads(part["properties"]))
         for part in gateway.get_documentation_parts(restApiId=api, limit=500)["items"]), key=str)
    settings["resources"] = {}
    for resource in gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]:
        methods = resource.get("resourceMethods", {})
        for method in methods.values():
            for member in ("authorizerId", "requestValidatorId"):
                if member in method:
                    method[member] = named[method[member]]
            integration = method.get("methodIntegration", {})
            if integration.get("cacheNamespace") == resource["id"]:
                integration["cacheNamespace"] = "its own"
        settings["resources"][resource["path"]] = methods
    return settings


def test_everything_that_is_imported_is_exported(served):
    gateway = served.client("apigateway", A)
    made = gateway.import_rest_api(body=json.dumps(everything()), failOnWarnings=True)
    assert "warnings" not in made
    first = content(gateway, made["id"])
    # That the comparison below is not about nothing.
    assert (first["apiKeySource"], first["minimumCompressionSize"], first["disableExecuteApiEndpoint"]) == ("AUTHORIZER", 512, True)
    methods = first["resources"]["/all/{id}"]
    assert {verb: (m["authorizationType"], m["apiKeyRequired"]) for verb, m in methods.items()} == {
        "POST": ("CUSTOM", True), "GET": ("CUSTOM", False), "PUT": ("COGNITO_USER_POOLS", False),
        "DELETE": ("AWS_IAM", False), "PATCH": ("AWS_IAM", True), "OPTIONS": ("NONE", False)}
    assert methods["POST"]["methodIntegration"]["integrationResponses"]["200"]["statusCode"] == "200"
    assert methods["POST"]["requestValidatorId"] == "none" and methods["GET"]["requestValidatorId"] == "all"
    assert methods["PUT"]["authorizationScopes"] == ["a/read", "a/write"]
    assert first["resources"]["/rest/{proxy+}"]["ANY"]["methodIntegration"]["timeoutInMillis"] == 1234
    assert len(first["documentation"]) == 5 and len(first["responses"]) == 2 and len(first["authorizers"]) == 3
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    gateway.update_stage(restApiId=made["id"], stageName="prod", patchOperations=[
        {"op": "replace", "path": "/documentationVersion", "value": "1.0.3"}])
    for kind in ("oas30", "swagger"):
        for accepts in ("application/json", "application/yaml"):
            text = gateway.get_export(restApiId=made["id"], stageName="prod", exportType=kind, accepts=accepts,
                                      parameters={"extensions": "apigateway,documentation"})["body"].read()
            again = gateway.import_rest_api(body=text, failOnWarnings=True)["id"]
            second = content(gateway, again, made["id"])
            for part in first:
                assert second.get(part) == first[part], (kind, accepts, part)
            assert second.keys() == first.keys()
            # Into an API that exists: what was there goes, ids stay.
            other = gateway.create_rest_api(name="other")
            gateway.create_resource(restApiId=other["id"], parentId=other["rootResourceId"], pathPart="gone")
            put = gateway.put_rest_api(restApiId=other["id"], mode="overwrite", body=text, failOnWarnings=True)
            assert (put["id"], put["rootResourceId"]) == (other["id"], other["rootResourceId"])
            assert content(gateway, other["id"], made["id"]) == first, (kind, accepts)
            for api in (again, other["id"]):
                gateway.delete_rest_api(restApiId=api)


MOCK = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200"}}}


def get(**more):
    return {"get": {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK, **more}}


def openapi(paths, **more):
    return json.dumps({"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths, **more})


GONE = {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}


@pytest.mark.parametrize("document, warning", [
    (openapi({"/x": get(responses={"200": {"description": "ok", "content": GONE}})}),
     "Parse issue: attribute paths.'/x'(get).responses.200.content.schema.#/components/schemas/Gone is missing"),
    (openapi({"/x": get(requestBody={"content": GONE})}),
     "Parse issue: attribute paths.'/x'(get).requestBody.content.schema.#/components/schemas/Gone is missing"),
    (openapi({"x": get()}), "Parse issue: attribute paths. Resource x should start with /"),
])
def test_warnings_of_an_import(served, document, warning):
    """Guide, "Errors and warnings during import"; the texts as terraform-provider-aws and moto record them."""
    gateway = served.client("apigateway", A)
    made = gateway.import_rest_api(body=document)
    assert made["warnings"] == [warning]
    assert [r["path"] for r in gateway.get_resources(restApiId=made["id"])["items"] if "resourceMethods" in r] == ["/x"]
    before = len(gateway.get_rest_apis(limit=500)["items"])
    with pytest.raises(gateway.exceptions.BadRequestException) as refused:
        gateway.import_rest_api(body=document, failOnWarnings=True)
    assert refused.value.response["Error"]["Message"] == f"Warnings found during import:\n\t{warning}"
    with pytest.raises(gateway.exceptions.BadRequestException):
        gateway.put_rest_api(restApiId=made["id"], body=document, failOnWarnings=True)
    assert len(gateway.get_rest_apis(limit=500)["items"]) == before, "nothing is left of what was refused"


@pytest.mark.parametrize("document, says", [
    (openapi({"/x": get(**{"x-amazon-apigateway-integration": {"type": "nope"}})}), "Input.type' failed to satisfy constraint"),
    (openapi({}, **{"x-amazon-apigateway-gateway-responses": {"NOPE": {}}}), "'responseType' failed to satisfy constraint"),
    (openapi({"/x": {"$ref": "#/paths/~1x"}}), "leads back to itself"),
    (openapi({"/x": get(responses={"200": {"$ref": "#/components/responses/gone"}})}), "Unable to resolve the reference"),
])
def test_errors_of_an_import(served, document, says):
    gateway = served.client("apigateway", A)
    with pytest.raises(gateway.exceptions.BadRequestException) as refused:
        gateway.import_rest_api(body=document)
    assert says in refused.value.response["Error"]["Message"]


def test_base_paths_modes_and_parts_of_documents(served):
    gateway = served.client("apigateway", A)
    paths = lambda api: sorted(r["path"] for r in gateway.get_resources(restApiId=api)["items"])
    swagger = json.dumps({"swagger": "2.0", "basePath": "/a/b", "info": {"title": "t", "version": "1"}, "paths": {"/x": get()}})
    served_at = openapi({"/x": get()}, servers=[{
        "url": "https://host.example/{base}/b", "variables": {"base": {"default": "a"}}}])
    for document in (swagger, served_at):
        for mode, expected in ((None, ["/", "/x"]), ("ignore", ["/", "/x"]), ("prepend", ["/", "/a", "/a/b", "/a/b/x"]),
                               ("split", ["/", "/b", "/b/x"])):
            made = gateway.import_rest_api(body=document, parameters={"basepath": mode} if mode else {})
            assert paths(made["id"]) == expected, mode
    # Merge keeps what the document does not have, and replaces methods as a whole.
    api = gateway.import_rest_api(body=openapi({"/x": {**get(operationId="old"), "post": get()["get"]}, "/y": get()}))["id"]
    gateway.put_rest_api(restApiId=api, mode="merge", body=openapi({"/x": get(operationId="new"), "/z": get()}))
    assert paths(api) == ["/", "/x", "/y", "/z"]
    methods = gateway.get_resource(restApiId=api, resourceId=served.resource_id(api, "/x"), embed=["methods"])["resourceMethods"]
    assert methods["GET"]["operationName"] == "new" and "POST" in methods
    gateway.put_rest_api(restApiId=api, mode="overwrite", body=openapi({"/x": get()}))
    assert paths(api) == ["/", "/x"]
    # The documentation can be left out of an import, and each extension asked for in an export.
    body = json.dumps(everything())
    without = gateway.import_rest_api(body=body, parameters={"ignore": "documentation"})["id"]
    assert gateway.get_documentation_parts(restApiId=without)["items"] == []
    api = gateway.import_rest_api(body=body)["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/documentationVersion", "value": "1.0.3"}])
    marks = {"integrations": '"x-amazon-apigateway-integration"', "authorizers": '"x-amazon-apigateway-authorizer"',
             "documentation": '"x-amazon-apigateway-documentation"',
             "validators": '"x-amazon-apigateway-request-validators"',
             "gatewayresponses": '"x-amazon-apigateway-gateway-responses"'}
    for extension in marks:
        text = gateway.get_export(restApiId=api, stageName="prod", exportType="oas30",
                                  parameters={"extensions": extension})["body"].read().decode()
        assert [name for name, mark in marks.items() if mark in text] == [extension]


def test_a_reference_into_a_model(served):
    gateway = served.client("apigateway", A)
    schemas = {"User": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}},
               "Greeting": {"type": "object", "properties": {"to": {"$ref": "#/components/schemas/User/properties/name"}}}}
    document = openapi(
        {"/x": {"post": {**get()["get"], "x-amazon-apigateway-request-validator": "body", "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Greeting"}}}}}}},
        components={"schemas": schemas},
        **{"x-amazon-apigateway-request-validators": {
            "body": {"validateRequestBody": True, "validateRequestParameters": False}}})
    api = gateway.import_rest_api(body=document, failOnWarnings=True)["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    post = lambda body: served.get(api, "/prod/x", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert post(b'{"to": "ann"}').status == 200
    assert post(b'{"to": "anna"}').json == {"message": "Invalid request body"}
    for kind, place in (("oas30", ["components", "schemas"]), ("swagger", ["definitions"])):
        shown = json.loads(gateway.get_export(restApiId=api, stageName="prod", exportType=kind)["body"].read())
        for member in place:
            shown = shown[member]
        assert shown["Greeting"]["properties"]["to"]["$ref"] == f"#/{'/'.join(place)}/User/properties/name"


def logged_format(server, api, names):
    """The access log of the stage names these variables, one after the other."""
    from test_http_integrations import role_for_logs
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


def test_an_account_may_be_throttled_over_all_its_apis(start):
    server = start("--in-memory", "--quota", "requests-per-second=1", "--quota", "request-burst=3")
    gateway = server.client("apigateway", A)
    assert gateway.get_account()["throttleSettings"] == {"rateLimit": 1.0, "burstLimit": 3}
    apis = [mock_api(server) for _ in range(2)]
    answers = [server.get(apis[i % 2], "/prod/x") for i in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json == {"message": "Too Many Requests"}
    assert f"account {A} in {REGION}" in server.explain(answers[3].request_id)
    # Another account has its own, and time fills it again.
    time.sleep(1.1)
    assert server.get(apis[0], "/prod/x").status == 200
