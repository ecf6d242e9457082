"""What `explain` says of a refusal, and that its change is the one that was missing."""
import json

import pytest

from conftest import A, B
from explaining import ALLOW, allow, deny, paste, policy, refused, user


@pytest.mark.parametrize("layer", ["identity", "deny", "boundary"])
def test_a_caller_of_the_own_account(server, layer):
    more = {}
    if layer == "boundary":
        more["PermissionsBoundary"] = server.client("iam").create_policy(
            PolicyName="limit", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    statements = {"identity": [], "boundary": [ALLOW],
                  "deny": [ALLOW, deny(["lambda:GetFunction", "lambda:Invoke*"])]}[layer]
    arn = server.function(account=A)
    client = server.client("lambda", **user(server, *statements, **more))
    fix = paste(server, refused(client.get_function, FunctionName=arn))
    assert "*" not in json.dumps(fix["steps"][0]["commands"]) or layer != "identity"
    client.get_function(FunctionName=arn)


def test_both_sides_of_a_cross_account_call(server):
    arn = server.function()
    client = server.client("lambda", **user(server))
    request = refused(client.invoke, FunctionName=arn)
    text = server.explain(request)
    assert "neither of these changes is enough alone" in text and "\x1b" not in text
    assert f"caller's side, account {A}: refuses" in text and f"resource's side, account {B}: refuses" in text
    whole = server.crossgate("explain", request, "--as", "all")
    assert 'resource "aws_iam_user_policy"' in whole and 'resource "aws_lambda_permission"' in whole
    assert "Type: AWS::IAM::UserPolicy" in whole and "Type: AWS::Lambda::Permission" in whole
    assert "\x1b[" in server.crossgate("explain", request, "--color", "always")
    assert len(paste(server, request)["steps"]) == 2
    assert client.invoke(FunctionName=arn)["StatusCode"] == 200
