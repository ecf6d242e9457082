"""A refusal of each layer: the printed change is pasted into a shell, and the same call is let through."""
import json

import pytest

from conftest import A, B, REGION
from explaining import ALLOW, allow, deny, paste, policy, refused, report, run, session, user

GET = "lambda:GetFunction"


def test_a_policy_of_a_group(server):
    iam = server.client("iam")
    keys = user(server, ALLOW)
    iam.create_group(GroupName="crew")
    iam.put_group_policy(GroupName="crew", PolicyName="limits",
                         PolicyDocument=policy(deny([GET, "lambda:DeleteFunction"]), allow("s3:*")))
    iam.add_user_to_group(GroupName="crew", UserName="ann")
    arn = server.function(account=A)
    client = server.client("lambda", **keys)
    fix = paste(server, refused(client.get_function, FunctionName=arn))
    assert "put-group-policy --group-name crew" in fix["steps"][0]["commands"][0]
    client.get_function(FunctionName=arn)
    refused(client.get_function, FunctionName=server.function(account=A, name="other"))


def test_a_deny_of_a_managed_policy(server):
    iam = server.client("iam")
    keys = user(server, ALLOW)
    arn = iam.create_policy(PolicyName="limits", PolicyDocument=policy(deny("lambda:*"), allow("s3:*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    function = server.function(account=A)
    client = server.client("lambda", **keys)
    fix = paste(server, refused(client.get_function, FunctionName=function))
    assert "create-policy-version" in fix["steps"][0]["commands"][0]
    assert fix["notes"] == [f"the policy {arn} changes for everyone who has it"]
    client.get_function(FunctionName=function)


def test_a_boundary_of_aws(server):
    keys = user(server, ALLOW, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    arn = server.function(account=A)
    refusal = report(server, refused(server.client("lambda", **keys).delete_function, FunctionName=arn))
    (fix,) = refusal["fixes"]
    assert not fix["steps"] and "AWS owns that policy" in fix["why"], fix


def test_the_policy_of_a_session(server):
    iam, sts = server.client("iam"), server.client("sts")
    iam.create_role(RoleName="crew", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))
    iam.put_role_policy(RoleName="crew", PolicyName="own", PolicyDocument=policy(ALLOW))
    arn = server.function(account=A)
    keys = user(server, ALLOW)
    narrow = server.client("sts", **keys).assume_role(RoleArn=f"arn:aws:iam::{A}:role/crew", RoleSessionName="ann",
                                                      Policy=policy(allow("s3:*")))
    request = refused(server.client("lambda", **session(narrow)).get_function, FunctionName=arn)
    (fix,) = report(server, request)["fixes"]
    (step,) = fix["steps"]
    (printed,) = run(server, step, keys)
    server.client("lambda", **session(json.loads(printed))).get_function(FunctionName=arn)


@pytest.mark.parametrize("account", [A, B])
def test_a_trust_policy(server, account):
    server.client("iam", account).create_role(RoleName="crew", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    assume = server.client("sts", **user(server)).assume_role
    call = dict(RoleArn=f"arn:aws:iam::{account}:role/crew", RoleSessionName="ann")
    fix = paste(server, refused(assume, **call))
    # In the own account the trust policy alone grants; across accounts both have to.
    assert {step["account"] for step in fix["steps"]} == {A, account}
    assume(**call)


def test_a_deny_of_a_trust_policy(server):
    server.client("iam").create_role(RoleName="crew", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:*"}))
    assume = server.client("sts", **user(server, ALLOW)).assume_role
    call = dict(RoleArn=f"arn:aws:iam::{A}:role/crew", RoleSessionName="ann")
    paste(server, refused(assume, **call))
    assume(**call)


@pytest.mark.parametrize("condition, command", [
    ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, "aws iam tag-user --user-name ann"),
    ({"StringEquals": {"aws:ResourceTag/team": "blue"}}, "aws lambda tag-resource"),
])
def test_a_tag_that_is_missing(server, condition, command):
    arn = server.function(account=A)
    client = server.client("lambda", **user(server, allow(GET, Condition=condition)))
    fix = paste(server, refused(client.get_function, FunctionName=arn))
    assert fix["steps"][0]["commands"][0].startswith(command)
    client.get_function(FunctionName=arn)


def test_a_tag_to_send(server):
    condition = {"StringEquals": {"aws:RequestTag/team": "blue"}}
    client = server.client("iam", **user(server, allow(["iam:CreateRole", "iam:TagRole"], Condition=condition)))
    call = dict(RoleName="crew", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))
    (fix,) = report(server, refused(client.create_role, **call))["fixes"]
    assert fix["checked"] and fix["steps"][0]["does"] == "send the tag team = blue with the request"
    client.create_role(Tags=[{"Key": "team", "Value": "blue"}], **call)


def test_an_external_id_is_asked_for_and_not_given_up(server):
    iam = server.client("iam")
    keys = user(server, allow("sts:AssumeRole"))
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:user/ann"}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "s3cret"}}}))
    assume = server.client("sts", **keys).assume_role
    (fix,) = report(server, refused(assume, RoleArn=f"arn:aws:iam::{A}:role/partner", RoleSessionName="ann"))["fixes"]
    assert "update-assume-role-policy" not in json.dumps(fix)
    (step,) = fix["steps"]
    assert "--external-id s3cret" in step["commands"][0]
    assert "Credentials" in json.loads(run(server, step, keys)[0])


def test_the_management_of_apis(server):
    api = server.client("apigateway").create_rest_api(name="mine")["id"]
    client = server.client("apigateway", **user(server))
    fix = paste(server, refused(client.get_rest_api, restApiId=api))
    assert f"arn:aws:apigateway:{REGION}::/restapis/{api}" in fix["steps"][0]["commands"][0]
    assert client.get_rest_api(restApiId=api)["name"] == "mine"


def test_logs(server):
    server.client("logs").create_log_group(logGroupName="/mine")
    client = server.client("logs", **user(server))
    call = dict(logGroupName="/mine", logStreamName="one")
    paste(server, refused(client.create_log_stream, **call))
    client.create_log_stream(**call)
