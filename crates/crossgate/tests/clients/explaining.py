"""Refused calls, and the change that `explain` prints for them, pasted into a shell."""
import json
import subprocess
import sys

import botocore.exceptions
import pytest

from conftest import A, B

ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def user(server, *statements, account=A, **more):
    """A user with these statements in an inline policy; gives its keys."""
    iam = server.client("iam", account)
    iam.create_user(UserName="ann", **more)
    if statements:
        iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def grant(server, *statements):
    """Gives the functions' role of account B these statements in an inline policy, instead of those before."""
    server.client("iam", B).put_role_policy(
        RoleName="function-role", PolicyName="own", PolicyDocument=policy(*statements))


def session(answer):
    """The keys of a session that STS gave."""
    given = answer["Credentials"]
    return dict(aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"])


def refused(call, **arguments):
    """Makes a call that must be denied; gives its request id."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    assert "AccessDenied" in raised.value.response["Error"]["Code"], raised.value
    return raised.value.response["ResponseMetadata"]["RequestId"]


def report(server, request_id):
    return json.loads(server.crossgate("explain", request_id, "--format", "json"))


def run(server, step, keys=None):
    """Pastes a step's commands as the root user of its account, or with `keys`; gives what they printed."""
    env = server.environment(step["account"])
    if keys:
        env.update({name.upper(): value for name, value in keys.items()})
    printed = []
    for command in step["commands"]:
        shell = command.replace("aws ", f"{sys.executable} -m awscli ", 1)
        done = subprocess.run(shell, shell=True, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed.append(done.stdout)
    return printed


def paste(server, request_id, number=0):
    """Pastes every command of a fix; gives the fix."""
    fixes = report(server, request_id)["fixes"]
    assert len(fixes) > number, fixes
    fix = fixes[number]
    assert fix["checked"] and fix["steps"], fix
    for step in fix["steps"]:
        assert step["commands"], fix
        run(server, step)
    return fix
