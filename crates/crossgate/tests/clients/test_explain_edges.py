"""Refusals at the edges: methods of an API, function URLs, web identities and SAML, organizations."""
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import A, B, REGION
from explaining import ALLOW, allow, deny, paste, policy, refused, report, user
from test_function_url import ECHO
from test_function_url import signed as signed_get
from test_sts_saml import metadata, response, signed
from test_sts_saml import assume as assume_with_saml
from test_sts_web_identity import HOST, ISSUER, PROVIDER, ROLE, keys, token, unsigned  # noqa: F401, keys is a fixture
from test_organizations import Organization

def test_a_web_identity(start, keys):
    server = start("--in-memory", "--jwks", f"{ISSUER}={keys}")
    iam = server.client("iam")
    iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
         "Condition": {"StringEquals": {f"{HOST}:sub": "repo:crew/other"}}}))
    call = dict(RoleArn=ROLE, RoleSessionName="ci", WebIdentityToken=token())
    assume = unsigned(server).assume_role_with_web_identity
    fix = paste(server, refused(assume, **call))
    (command,) = fix["steps"][0]["commands"]
    assert "repo:crew/app:ref:refs/heads/main" in command, "whoever has a token of this issuer is not to be let in"
    assume(**call)


def test_saml(server):
    iam = server.client("iam")
    provider = iam.create_saml_provider(SAMLMetadataDocument=metadata(), Name="crew")["SAMLProviderArn"]
    iam.create_role(RoleName="staff", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithSAML",
         "Condition": {"StringEquals": {"SAML:aud": "https://elsewhere.example"}}}))

    def call():
        return assume_with_saml(server, signed(response()))

    fix = paste(server, refused(call))
    (command,) = fix["steps"][0]["commands"]
    assert '"SAML:sub":"ann@example.com"' in command, "whoever the provider knows is not to be let in"
    call()


@pytest.mark.parametrize("auth", ["NONE", "AWS_IAM"])
def test_a_function_url(server, auth):
    server.function(source=ECHO, name="echo")
    made = server.client("lambda", B).create_function_url_config(FunctionName="echo", AuthType=auth)
    host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
    keys = user(server)
    key = {"AccessKeyId": keys["aws_access_key_id"], "SecretAccessKey": keys["aws_secret_access_key"]}
    get = (lambda: server.http("/", host=host)) if auth == "NONE" else (lambda: signed_get(server, host, key))
    closed = get()
    assert closed.status == 403
    fix = paste(server, closed.request_id)
    commands = [command for step in fix["steps"] for command in step["commands"]]
    told = json.dumps(commands)
    # Both actions at once: a second refusal would be a second riddle.
    assert f"--function-url-auth-type {auth}" in told and "--invoked-via-function-url" in told, commands
    assert get().status == 201


def closed_api(server, method, resource_policy):
    """An API of account A with a resource policy; gives its id and the resource's id."""
    gateway = server.client("apigateway")
    api = gateway.create_rest_api(name="closed", policy=resource_policy)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType=method)
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK",
                            requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(restApiId=api, resourceId=root, httpMethod="GET", statusCode="200")
    gateway.put_integration_response(restApiId=api, resourceId=root, httpMethod="GET", statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="prod")
    return api


@pytest.mark.parametrize("statements", [
    [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
      "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}],
    [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
     {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
      "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}],
])
def test_the_resource_policy_of_an_open_method(server, statements):
    api = closed_api(server, "NONE", policy(*statements))
    closed = server.get(api, "/prod")
    assert closed.status == 403
    fix = paste(server, closed.request_id)
    assert [step["account"] for step in fix["steps"]] == [A]
    assert server.get(api, "/prod").status == 200


def test_both_policies_of_a_signed_method(server):
    api = closed_api(server, "AWS_IAM", policy(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}))
    keys = user(server, account=B)

    def call():
        request = botocore.awsrequest.AWSRequest(
            "GET", f"{server.url}/prod", headers={"Host": f"{api}.execute-api.{REGION}.localhost:{server.port}"})
        credentials = botocore.credentials.Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
        botocore.auth.SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        return server.http("/prod", host=request.headers["Host"], headers=dict(request.headers))

    closed = call()
    assert closed.status == 403
    fix = paste(server, closed.request_id)
    assert {step["account"] for step in fix["steps"]} == {A, B}
    assert call().status == 200


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("effect", ["deny", "nothing allows"])
def test_a_service_control_policy(server, effect, number):
    crew = Organization(server, A)
    client = server.client("lambda", **user(server, ALLOW))
    if effect == "deny":
        crew.policy(policy(deny("lambda:Get*")), crew.root)
    else:
        crew.policy(policy(allow("s3:*")), A)
        crew.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=A)
    call = dict(FunctionName="none")
    request = refused(client.get_function, **call)
    fixes = report(server, request)["fixes"]
    assert len(fixes) == 2 and all(fix["checked"] for fix in fixes)
    assert all(step["account"] == crew.MANAGEMENT for fix in fixes for step in fix["steps"])
    paste(server, request, number)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(**call)


def test_a_resource_control_policy(server):
    crew = Organization(server, A, types=("RESOURCE_CONTROL_POLICY",))
    crew.policy(policy({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}), crew.root,
                kind="RESOURCE_CONTROL_POLICY")
    server.client("iam").create_role(RoleName="crew", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))
    assume = server.client("sts", **user(server, ALLOW)).assume_role
    call = dict(RoleArn=f"arn:aws:iam::{A}:role/crew", RoleSessionName="ann")
    paste(server, refused(assume, **call))
    assume(**call)
