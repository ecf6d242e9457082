"""Hostile policy documents through the real server: AWS's codes, soon, and the server goes on."""
import json
import time

import botocore.exceptions
import pytest

from conftest import A, B

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(statement, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": statement, **more})


HOSTILE = {
    "no JSON": "policy",
    "cut off": document(GOOD)[:-3],
    "100,000 lists deep": '{"Version":"2012-10-17","Statement":' + "[" * 50_000 + "]" * 50_000 + "}",
    "100,000 maps deep": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "a key twice": '{"Version":"2012-10-17","Statement":[],"Statement":[]}',
    "byte order mark": "\ufeff" + document(GOOD),
    "numbers for strings": document({"Effect": 1, "Action": 2, "Resource": 3}),
    "a number for the statement": document(7),
    "half a surrogate pair": document(GOOD).replace("s3:", "\\ud800s3:"),
}


def refusal(call, **arguments):
    """The error's code; the answer must come soon."""
    start = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    assert time.monotonic() - start < 5
    error = raised.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] in (400, 409, 413), error
    return error["Error"]["Code"]


@pytest.mark.parametrize("name", HOSTILE)
def test_managed_and_inline_policies(shared, name):
    iam = shared.client("iam")
    try:
        shared.role("holder")
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    # IAM's model takes characters up to U+00FF only: the mark fails before the document is read.
    code = "ValidationError" if name == "byte order mark" else "MalformedPolicyDocument"
    assert refusal(iam.create_policy, PolicyName="bad", PolicyDocument=HOSTILE[name]) == code
    assert refusal(iam.put_role_policy, RoleName="holder", PolicyName="bad", PolicyDocument=HOSTILE[name]) == code
    assert refusal(iam.create_role, RoleName="bad", AssumeRolePolicyDocument=HOSTILE[name]) == code
    assert iam.list_role_policies(RoleName="holder")["PolicyNames"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_rest_apis_policy(shared, name):
    gateway = shared.client("apigateway")
    api = gateway.create_rest_api(name="policy-input")["id"]
    change = [{"op": "replace", "path": "/policy", "value": HOSTILE[name]}]
    assert refusal(gateway.update_rest_api, restApiId=api, patchOperations=change) == "BadRequestException"
    assert "policy" not in gateway.get_rest_api(restApiId=api)


def test_sizes_at_and_past_the_quota(shared):
    iam = shared.client("iam")
    shared.role("sized")
    statement = {**GOOD, "Resource": "arn:aws:s3:::" + "b" * 3000}
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        iam.create_policy(PolicyName="big", PolicyDocument=document([statement] * 3))
    error = raised.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refusal(iam.put_role_policy, RoleName="sized", PolicyName="big",
                   PolicyDocument=document([statement] * 4)) == "LimitExceeded"
    refusal(iam.create_policy, PolicyName="huge", PolicyDocument=document({**GOOD, "Resource": "x" * 10_000_000}))


def test_many_wildcards_decide_soon(shared):
    iam = shared.client("iam")
    iam.create_user(UserName="star")
    resource = "arn:aws:iam::" + A + ":user/" + "*a" * 700 + "b"
    iam.put_user_policy(UserName="star", PolicyName="stars",
                        PolicyDocument=document({**GOOD, "Action": "iam:*", "Resource": resource}))
    key = iam.create_access_key(UserName="star")["AccessKey"]
    own = shared.client("iam", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    assert refusal_403(own.get_user, UserName="a" * 64) == "AccessDenied"


def refusal_403(call, **arguments):
    start = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    assert time.monotonic() - start < 5
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize("principal", ["*" * 200, "arn:aws:iam::1:root", "arn:aws:iam::222222222222:role/*", "{", "\u00e9"])
def test_add_permission(shared, principal):
    client = shared.client("lambda", B)
    try:
        shared.function()
    except client.exceptions.ResourceConflictException:
        pass
    code = refusal(client.add_permission, FunctionName="account-b-lambda", StatementId="x",
                   Action="lambda:InvokeFunction", Principal=principal)
    assert code in ("InvalidParameterValueException", "ValidationException")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName="account-b-lambda")
