"""APIs whose front door is walked, who comes to it, and what their logs say."""
import base64
import json
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conftest import A, B, REGION, Server
from explaining import policy
from test_http_integrations import role_for_logs


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


def execution_log(server, api, request_id, stage="prod"):
    """What the stage's execution log says of a request, without the request's id and what differs in every run."""
    events = server.client("logs", A).filter_log_events(
        logGroupName=f"API-Gateway-Execution-Logs_{api}/{stage}", filterPattern=f'"{request_id}"')["events"]
    return [event["message"].removeprefix(f"({request_id}) ") for event in events]


def logging(server, api, stage="prod", level="INFO", data="false"):
    role_for_logs(server)
    server.client("apigateway", A).update_stage(restApiId=api, stageName=stage, patchOperations=[
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": level},
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": data}])


MOCK = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200"}}}


def get(**more):
    return {"get": {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": MOCK, **more}}


def openapi(paths, **more):
    return json.dumps({"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths, **more})
