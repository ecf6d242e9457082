"""Refusals of each layer, the printed change pasted into a shell, and the same call made again."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import botocore.exceptions
import pytest

from conftest import A, B, CROSSGATE, REGION
from terraforming import FOUND


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


ALLOW = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}


def user(server, *statements, **more):
    iam = server.client("iam")
    iam.create_user(UserName="ann", **more)
    if statements:
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    assert "AccessDenied" in raised.value.response["Error"]["Code"], raised.value
    return raised.value.response["ResponseMetadata"]["RequestId"]


def paste(server, request_id, number=0):
    fix = json.loads(server.crossgate("explain", request_id, "--format", "json"))["fixes"][number]
    assert fix["checked"] and fix["steps"], fix
    for step in fix["steps"]:
        for command in step["commands"]:
            shell = command.replace("aws ", f"{sys.executable} -m awscli ", 1)
            done = subprocess.run(shell, shell=True, env=server.environment(step["account"]), capture_output=True, text=True)
            assert done.returncode == 0, f"{command}: {done.stderr}"
    return fix


@pytest.mark.parametrize("layer", ["identity", "deny", "boundary"])
def test_a_caller_of_the_own_account(server, layer):
    more = {}
    if layer == "boundary":
        more["PermissionsBoundary"] = server.client("iam").create_policy(PolicyName="limit", PolicyDocument=policy(
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))["Policy"]["Arn"]
    statements = {"identity": [], "boundary": [ALLOW],
                  "deny": [ALLOW, {"Effect": "Deny", "Action": ["lambda:GetFunction", "lambda:Invoke*"], "Resource": "*"}]}[layer]
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


def test_an_external_id_is_asked_for_and_not_given_up(server):
    iam = server.client("iam")
    keys = user(server, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    iam.create_role(RoleName="partner", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:user/ann"}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "s3cret"}}}))
    assume = server.client("sts", **keys).assume_role
    text = server.explain(refused(assume, RoleArn=f"arn:aws:iam::{A}:role/partner", RoleSessionName="ann"))
    assert "--external-id s3cret" in text and "update-assume-role-policy" not in text


def test_simulate(server):
    arn = server.function()
    role = server.role(invoke=arn)
    ask = ["simulate", "--principal", role, "--action", "lambda:InvokeFunction", "--resource", arn]
    done = subprocess.run([CROSSGATE, *ask, "--endpoint", server.url], capture_output=True, text=True)
    assert done.returncode == 1 and "add-permission" in done.stdout and not done.stderr
    server.allow(Principal=role)
    assert "allowed by statement" in server.crossgate(*ask)
    assert json.loads(server.crossgate(*ask, "--format", "json"))["allowed"]
    assert "there is no role" in server.crossgate("simulate", "--principal", role + "x", *ask[3:], expect=2)


def test_yaml_cases(tmp_path):
    text = f"""
- name: ann may
  request: {{principal: "arn:aws:iam::{A}:user/ann", action: lambda:GetFunction, resource: "arn:aws:lambda:{REGION}:{A}:function:f"}}
  policies:
    identity:
      - Version: 2012-10-17
        Statement: [{{Effect: Allow, Action: "lambda:Get*", Resource: "*"}}]
  expected: EXPECTED
"""
    file = tmp_path / "cases.yaml"
    results = {}
    for expected in ["Allowed", "ImplicitlyDenied", "Maybe"]:
        file.write_text(text.replace("EXPECTED", expected))
        results[expected] = subprocess.run([CROSSGATE, "test", file], capture_output=True, text=True)
        if expected == "ImplicitlyDenied":
            report = subprocess.run([CROSSGATE, "test", "--format", "junit", file], capture_output=True, text=True).stdout
            suites = xml.etree.ElementTree.fromstring(report)
            assert (suites.get("tests"), suites.get("failures"), len(suites.findall("testsuite/testcase/failure"))) == ("1", "1", 1)
    assert [r.returncode for r in results.values()] == [0, 1, 2]
    assert results["Allowed"].stdout == "1 of 1 cases hold\n"
    assert "ann may: expected ImplicitlyDenied" in results["ImplicitlyDenied"].stdout
    assert re.search(r"cases\.yaml:\d+:\d+: ann may: `expected`", results["Maybe"].stderr)


@pytest.mark.skipif(not (shutil.which("terraform") and FOUND), reason="no terraform with the AWS provider 5 here")
def test_the_terraform_code_is_applied(server, tmp_path):
    arn = server.function()
    client = server.client("lambda", **user(server))
    request = refused(client.invoke, FunctionName=arn)
    steps = json.loads(server.crossgate("explain", request, "--format", "json"))["fixes"][0]["steps"]
    assert len(steps) == 2
    mirror = pathlib.Path(FOUND[-1]).parents[3]
    (tmp_path / "cli.tfrc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    for step in steps:
        folder = tmp_path / step["account"]
        folder.mkdir()
        (folder / "main.tf").write_text(
            'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
            'provider "aws" {\n  skip_metadata_api_check = true\n}\n' + step["terraform"])
        env = {**server.environment(step["account"]), "TF_CLI_CONFIG_FILE": str(tmp_path / "cli.tfrc"), "CHECKPOINT_DISABLE": "1"}
        for arguments in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false"]):
            done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
    assert client.invoke(FunctionName=arn)["StatusCode"] == 200
