"""Lambda authorizers and Cognito user pools in front of a deployed API, through the real binary."""
import base64
import json
import time

import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conftest import A, B, REGION
from test_http_integrations import role_for_logs

JUDGE = """
def handler(event, context):
    token = event.get('authorizationToken') or event['headers'].get('authorization') or event['headers']['Authorization']
    if token == 'unauthorized':
        raise Exception('Unauthorized')
    if token == 'boom':
        raise Exception('boom')
    effect = 'Deny' if token == 'deny' else 'Allow'
    resource = event['methodArn'] if token == 'here' else '*'
    return {'principalId': 'user|' + token, 'context': {'plan': 'gold', 'level': 3, 'asked': event['methodArn']},
            'policyDocument': {'Version': '2012-10-17', 'Statement': [
                {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': resource}]}}
"""


def uri(function):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"


def guarded(server, function, judge=None, **authorizer):
    """An API of account A whose GET /users and GET /pets are guarded; gives its id and the authorizer's."""
    gateway = server.client("apigateway", A)
    api = gateway.create_rest_api(name="guarded")["id"]
    members = dict(name="judge", type="TOKEN", identitySource="method.request.header.Authorization")
    if judge:
        members["authorizerUri"] = uri(judge)
    members.update(authorizer)
    kind = "COGNITO_USER_POOLS" if members["type"] == "COGNITO_USER_POOLS" else "CUSTOM"
    auth = gateway.create_authorizer(restApiId=api, **members)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    for part in ("users", "pets"):
        at = dict(restApiId=api, httpMethod="GET",
                  resourceId=gateway.create_resource(restApiId=api, parentId=root, pathPart=part)["id"])
        gateway.put_method(**at, authorizationType=kind, authorizerId=auth)
        gateway.put_integration(**at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri(function))
    gateway.create_deployment(restApiId=api, stageName="prod")
    return api, auth


def let_in(server, api, account, function, source):
    server.client("lambda", account).add_permission(
        FunctionName=function, StatementId=f"s{time.monotonic_ns()}", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/{source}")


def both(server, **authorizer):
    """The authorizer's function in account B, the integration's in A, each letting the API in."""
    judge = server.function(account=B, name="judge", source=JUDGE)
    users = server.function(account=A, name="users")
    api, auth = guarded(server, users, judge, **authorizer)
    let_in(server, api, A, "users", "*/GET/*")
    return api, auth, lambda: let_in(server, api, B, "judge", f"authorizers/{auth}")


def call(server, api, token=None, path="/prod/users"):
    return server.get(api, path, headers={"Authorization": token} if token else {})


def test_a_token_authorizer_of_another_account(server):
    api, auth, permit = both(server)
    answer = call(server, api, "allow")
    assert (answer.status, answer.json) == (500, {"message": None})
    assert answer.headers["x-amzn-ErrorType"] == "AuthorizerConfigurationException"
    text = server.explain(answer.request_id)
    assert "aws lambda add-permission" in text and f"{api}/authorizers/{auth}" in text and f"account {B}" in text
    permit()

    answer = call(server, api, "allow")
    assert answer.status == 200
    authorizer = answer.json["event_received"]["requestContext"]["authorizer"]
    assert authorizer["principalId"] == "user|allow" and authorizer["level"] == "3"
    assert authorizer["asked"] == f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/users"
    assert isinstance(authorizer["integrationLatency"], int)

    for token in (None, "unauthorized"):
        answer = call(server, api, token)
        assert (answer.status, answer.json) == (401, {"message": "Unauthorized"}), token
    assert "method.request.header.Authorization" in server.explain(call(server, api).request_id)

    answer = call(server, api, "deny")
    assert answer.status == 403
    assert answer.json["Message"].startswith("User is not authorized to access this resource with an explicit deny")
    text = server.explain(answer.request_id)
    assert "judge" in text and "user|deny" in text and "Deny" in text

    answer = call(server, api, "boom")
    assert (answer.status, answer.json) == (500, {"message": None})
    assert "boom" in server.explain(answer.request_id)


def test_a_kept_policy_serves_every_path_until_it_is_flushed(server):
    api, _, permit = both(server)
    permit()
    assert call(server, api, "here").status == 200
    refused = call(server, api, "here", "/prod/pets")
    assert (refused.status, refused.json) == (
        403, {"Message": "User is not authorized to access this resource because no identity-based policy allows the "
                         "execute-api:Invoke action"})
    assert "kept" in server.explain(refused.request_id)
    server.client("apigateway", A).flush_stage_authorizers_cache(restApiId=api, stageName="prod")
    assert call(server, api, "here", "/prod/pets").status == 200


def test_a_request_authorizer_with_a_role(server):
    judge = server.function(account=A, name="judge", source=JUDGE)
    users = server.function(account=A, name="users")
    role = server.role()
    api, auth = guarded(server, users, judge, type="REQUEST", authorizerCredentials=role,
                        authorizerResultTtlInSeconds=0,
                        identitySource="method.request.header.Authorization,method.request.querystring.q")
    let_in(server, api, A, "users", "*/GET/*")
    answer = call(server, api, "allow", "/prod/users?q=1")
    assert answer.status == 500
    assert "aws iam put-role-policy" in server.explain(answer.request_id)
    server.client("iam", A).put_role_policy(
        RoleName=role.rsplit("/", 1)[1], PolicyName="judge", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": judge}]}))
    assert call(server, api, "allow", "/prod/users?q=1").status == 200
    assert call(server, api, "allow").status == 401


def test_the_resource_policy_of_the_api_counts_with_the_authorizers(server):
    api, _, permit = both(server, authorizerResultTtlInSeconds=0)
    permit()
    gateway = server.client("apigateway", A)

    def policy(effect, ip):
        document = {"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
             "Condition": {"IpAddress": {"aws:SourceIp": ip}}}]}
        gateway.update_rest_api(restApiId=api, patchOperations=[
            {"op": "replace", "path": "/policy", "value": json.dumps(document)}])
        gateway.create_deployment(restApiId=api, stageName="prod")

    # Table A of the guide's page on the authorization flow.
    policy("Deny", "127.0.0.0/8")
    assert "with an explicit deny" in call(server, api, "allow").json["Message"]
    policy("Deny", "192.0.2.0/24")
    assert call(server, api, "allow").status == 200
    policy("Allow", "127.0.0.0/8")
    assert call(server, api, "deny").status == 403
    assert call(server, api, "allow").status == 200


def test_test_invoke_authorizer(server):
    api, auth, permit = both(server)
    permit()
    gateway = server.client("apigateway", A)
    said = gateway.test_invoke_authorizer(restApiId=api, authorizerId=auth, headers={"Authorization": "allow"})
    assert (said["clientStatus"], said["principalId"]) == (200, "user|allow")
    assert json.loads(said["policy"])["Statement"][0]["Effect"] == "Allow"
    assert "Successfully completed authorizer execution" in said["log"] and said["authorization"]["plan"] == ["gold"]
    said = gateway.test_invoke_authorizer(restApiId=api, authorizerId=auth, headers={})
    assert said["clientStatus"] == 401
    with pytest.raises(botocore.exceptions.ClientError, match="Invalid Authorizer identifier"):
        gateway.test_invoke_authorizer(restApiId=api, authorizerId="zzzzzz")


def test_a_user_pool(start, tmp_path):
    def encoded(data):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "e": encoded(numbers.e.to_bytes(3, "big")),
           "n": encoded(numbers.n.to_bytes(256, "big"))}
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [jwk]}))
    issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{REGION}_AbCdEf"

    def token(by=key, **claims):
        claims = {"iss": issuer, "sub": "alice", "aud": "client", "token_use": "id", "exp": time.time() + 60, **claims}
        signed = f"{encoded({'alg': 'RS256', 'kid': 'k'})}.{encoded(claims)}"
        return f"{signed}.{encoded(by.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    server = start("--in-memory", "--jwks", f"{issuer}={jwks}")
    users = server.function(account=A, name="users")
    pool = f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbCdEf"
    api, _ = guarded(server, users, name="pool", type="COGNITO_USER_POOLS", providerARNs=[pool])
    let_in(server, api, A, "users", "*/GET/*")
    for sent in (token(), f"Bearer {token()}"):
        answer = call(server, api, sent)
        assert answer.status == 200
        assert answer.json["event_received"]["requestContext"]["authorizer"]["claims"]["sub"] == "alice"
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for sent in (None, "nonsense", token(by=stranger), token(iss="https://elsewhere"), token(token_use="access")):
        answer = call(server, api, sent)
        assert (answer.status, answer.json) == (401, {"message": "Unauthorized"})
    answer = call(server, api, token(exp=1))
    assert (answer.status, answer.json) == (401, {"message": "The incoming token has expired"})
    gateway = server.client("apigateway", A)
    pools = gateway.get_authorizers(restApiId=api)["items"][0]["id"]
    said = gateway.test_invoke_authorizer(restApiId=api, authorizerId=pools, headers={"Authorization": token()})
    assert (said["clientStatus"], said["claims"]["sub"]) == (200, "alice") and "policy" not in said
    said = gateway.test_invoke_authorizer(restApiId=api, authorizerId=pools, headers={"Authorization": "nonsense"})
    assert said["clientStatus"] == 401 and "Unauthorized" in said["log"]


def test_access_logs_name_whom_the_authorizer_found(server):
    api, _, permit = both(server)
    permit()
    role_for_logs(server)
    server.client("logs", A).create_log_group(logGroupName="access")
    names = "requestId status authorizer.principalId authorizer.plan authorizer.level authorizer.absent isCanaryRequest " \
            "authorizer.status authorizer.integrationStatus authorizer.error endpointType"
    server.client("apigateway", A).update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn",
         "value": f"arn:aws:logs:{REGION}:{A}:log-group:access"},
        {"op": "replace", "path": "/accessLogSettings/format",
         "value": " ".join("$context." + name for name in names.split())}])
    not_let_in = "User is not authorized to access this resource with an explicit deny in an identity-based policy"
    for token, rest in [("allow", "200 user|allow gold 3 - - 200 200 - EDGE"),
                        ("deny", f"403 user|deny gold 3 - - 403 200 {not_let_in} EDGE"),
                        ("unauthorized", "401 - - - - - 401 200 Unauthorized EDGE")]:
        answer = call(server, api, token)
        events = server.client("logs", A).filter_log_events(logGroupName="access")["events"]
        told = [e["message"] for e in events if e["message"].startswith(answer.request_id)]
        assert told == [f"{answer.request_id} {rest}"], events
