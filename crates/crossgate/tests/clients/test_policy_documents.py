"""Every operation that takes a policy document, with documents that are none: the operation's own code, soon, and what
was there stays. And the rules that documents of one kind have and others have not."""
import json
import time

import botocore.exceptions
import pytest

from conftest import A
from test_sts import keys

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
MANAGEMENT = "333333333333"
ROLE = f"arn:aws:iam::{A}:role/assumed"
USER = f"arn:aws:iam::{A}:user/ann"


def document(statement, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": statement, **more})


def with_condition(condition):
    return document({**GOOD, "Principal": {"AWS": A}, "Condition": condition})


# None of these is a policy of any kind.
NO_POLICY = {
    "blank": " ", "null": "null", "a list": "[]", "an empty map": "{}", "a string": '"x"', "a number": "1e999",
    "no statement": '{"Version": "2012-10-17"}', "a null statement": document(None), "a string as statement": document("x"),
    "a list in the list": document([[GOOD]]), "forty lists deep": document(0).replace("0}", "[" * 40 + "]" * 40 + "}"),
    "50,000 lists deep": document(0).replace("0}", "[" * 50_000 + "]" * 50_000 + "}"),
    "a condition that holds itself": with_condition({"StringEquals": {"aws:x": {"StringEquals": {"aws:x": "y"}}}}),
    "a null condition": with_condition(None), "a null value": with_condition({"StringEquals": {"aws:x": None}}),
    "a list in the values": with_condition({"StringEquals": {"aws:x": [["y"]]}}),
    "an operator that is none": with_condition({"StringFoo": {"aws:x": "y"}}),
    "an effect that is none": document({**GOOD, "Principal": {"AWS": A}, "Effect": ["Allow"]}),
    "an action in two lists": document({**GOOD, "Principal": {"AWS": A}, "Action": [["s3:*"]]}),
    "Action and NotAction": document({**GOOD, "Principal": {"AWS": A}, "NotAction": "s3:*"}),
    "an element that is none": document({**GOOD, "Principal": {"AWS": A}, "Foo": 1}),
    "a key twice": document(GOOD).replace('"Effect"', '"Effect": "Deny", "Effect"'),
    "text behind the end": document(GOOD) + "x", "a comment": "/**/" + document(GOOD),
    "single quotes": document(GOOD).replace('"', "'"), "half a surrogate pair": document(GOOD).replace("s3:", "\\ud800s3:"),
    "2,000 statements": document([{**GOOD, "Principal": {"AWS": A}}] * 2000),
}


@pytest.fixture(scope="module")
def operations(shared):
    """Calls that each take one document, by the operation's name, with the code for a document that is none."""
    iam, organizations = shared.client("iam"), shared.client("organizations", MANAGEMENT)
    gateway, logs = shared.client("apigateway"), shared.client("logs")
    organizations.create_organization()
    sts = shared.client("sts", **keys(shared))
    iam.create_role(RoleName="assumed", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))
    iam.create_group(GroupName="g")
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=document(GOOD))["Policy"]["Arn"]
    api = gateway.create_rest_api(name="documents")["id"]
    malformed, asked = "MalformedPolicyDocument", "InvalidInput"
    simulated = dict(ActionNames=["s3:GetObject"])
    return {
        "CreatePolicy": (malformed, lambda d: iam.create_policy(PolicyName="p", PolicyDocument=d)),
        "CreatePolicyVersion": (malformed, lambda d: iam.create_policy_version(PolicyArn=managed, PolicyDocument=d)),
        "PutUserPolicy": (malformed, lambda d: iam.put_user_policy(UserName="ann", PolicyName="x", PolicyDocument=d)),
        "PutGroupPolicy": (malformed, lambda d: iam.put_group_policy(GroupName="g", PolicyName="x", PolicyDocument=d)),
        "PutRolePolicy": (malformed, lambda d: iam.put_role_policy(
            RoleName="assumed", PolicyName="x", PolicyDocument=d)),
        "CreateRole": (malformed, lambda d: iam.create_role(RoleName="r", AssumeRolePolicyDocument=d)),
        "UpdateAssumeRolePolicy": (malformed, lambda d: iam.update_assume_role_policy(
            RoleName="assumed", PolicyDocument=d)),
        "SimulateCustomPolicy": (asked, lambda d: iam.simulate_custom_policy(PolicyInputList=[d], **simulated)),
        "SimulateCustomPolicy's boundary": (asked, lambda d: iam.simulate_custom_policy(
            PolicyInputList=[document(GOOD)], PermissionsBoundaryPolicyInputList=[d], **simulated)),
        "SimulateCustomPolicy's resource policy": (asked, lambda d: iam.simulate_custom_policy(
            PolicyInputList=[document(GOOD)], ResourcePolicy=d, CallerArn=USER, **simulated)),
        "SimulatePrincipalPolicy": (asked, lambda d: iam.simulate_principal_policy(
            PolicySourceArn=USER, PolicyInputList=[d], **simulated)),
        "GetContextKeysForCustomPolicy": (asked, lambda d: iam.get_context_keys_for_custom_policy(PolicyInputList=[d])),
        "GetContextKeysForPrincipalPolicy": (asked, lambda d: iam.get_context_keys_for_principal_policy(
            PolicySourceArn=USER, PolicyInputList=[d])),
        "AssumeRole": (malformed, lambda d: sts.assume_role(RoleArn=ROLE, RoleSessionName="s1", Policy=d)),
        "GetFederationToken": (malformed, lambda d: sts.get_federation_token(Name="bob", Policy=d)),
        "CreatePolicy of an SCP": ("MalformedPolicyDocumentException", lambda d: organizations.create_policy(
            Name="p", Description="", Type="SERVICE_CONTROL_POLICY", Content=d)),
        "CreatePolicy of an RCP": ("MalformedPolicyDocumentException", lambda d: organizations.create_policy(
            Name="p", Description="", Type="RESOURCE_CONTROL_POLICY", Content=d)),
        "PutResourcePolicy of an organization": ("InvalidInputException", lambda d: organizations.put_resource_policy(
            Content=d)),
        "CreateRestApi": ("BadRequestException", lambda d: gateway.create_rest_api(name="x", policy=d)),
        "UpdateRestApi": ("BadRequestException", lambda d: gateway.update_rest_api(
            restApiId=api, patchOperations=[dict(op="replace", path="/policy", value=d)])),
        "PutResourcePolicy of logs": ("InvalidParameterException", lambda d: logs.put_resource_policy(
            policyName="p", policyDocument=d)),
    }


# What is too long is refused by the member's bound before it is read, in the words of each service.
TOO_LONG = {"ValidationError", "PackedPolicyTooLarge", "ConstraintViolationException", "InvalidInputException",
            "InvalidParameterException", "BadRequestException", "MalformedPolicyDocument"}


@pytest.mark.parametrize("name", NO_POLICY)
def test_a_document_that_is_no_policy(operations, name):
    hostile = NO_POLICY[name]
    for operation, (code, call) in operations.items():
        start = time.monotonic()
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(hostile)
        took = time.monotonic() - start
        error = refused.value.response
        assert took < 5, f"{operation} took {took} s"
        assert error["ResponseMetadata"]["HTTPStatusCode"] in (400, 409), (operation, error)
        expected = {code} | (TOO_LONG if len(hostile) > 10_000 else set())
        assert error["Error"]["Code"] in expected, (operation, error)


def test_nothing_of_it_was_kept(shared, operations):
    iam = shared.client("iam")
    assert iam.list_policies(Scope="Local")["Policies"][0]["PolicyName"] == "managed"
    assert len(iam.list_policy_versions(PolicyArn=f"arn:aws:iam::{A}:policy/managed")["Versions"]) == 1
    assert iam.list_group_policies(GroupName="g")["PolicyNames"] == []
    listed = shared.client("organizations", MANAGEMENT).list_policies(Filter="RESOURCE_CONTROL_POLICY")["Policies"]
    assert all(policy["AwsManaged"] for policy in listed)
    assert shared.client("logs").describe_resource_policies()["resourcePolicies"] == []


TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole"}


@pytest.mark.parametrize("statement, text", [
    ({**TRUST, "Principal": "*"}, 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'),
    ({**TRUST, "Principal": {}}, "Missing required field Principal cannot be empty!"),
    ({**TRUST, "Principal": {"AWS": []}}, "Missing required field Principal cannot be empty!"),
    (TRUST, "Missing required field Principal"),
    ({**TRUST, "NotPrincipal": {"AWS": A}, "Effect": "Deny"}, "Has prohibited field NotPrincipal"),
    ({**TRUST, "Principal": {"AWS": A}, "Resource": "*"}, "Has prohibited field Resource"),
    ({**TRUST, "Principal": {"Service": "*"}}, 'Invalid principal in policy: "SERVICE":"*"'),
    ({**TRUST, "Principal": {"CanonicalUser": "abc"}}, 'Invalid principal in policy: "CANONICALUSER":"abc"'),
    ({**TRUST, "Principal": {"AWS": "AROAAAAAAAAAAAAAAAAAA"}}, 'Invalid principal in policy: "AWS":"AROAAAAAAAAAAAAAAAAAA"'),
    ({**TRUST, "Principal": {"AWS": f"arn:aws:iam::{A}:role/none"}},
     f'Invalid principal in policy: "AWS":"arn:aws:iam::{A}:role/none"'),
    ({**TRUST, "Principal": {"AWS": f"arn:aws:iam::{A}:role/*"}},
     f'Invalid principal in policy: "AWS":"arn:aws:iam::{A}:role/*"'),
    ({**TRUST, "Principal": {"AWS": A}, "Action": "iam:PassRole"},
     "AssumeRole policy may only specify STS AssumeRole actions."),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_trust_policy_that_aws_refuses(shared, statement, text):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        shared.client("iam").create_role(RoleName="refused", AssumeRolePolicyDocument=document(statement))
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("MalformedPolicyDocument", text)


def test_a_sid_has_letters_and_digits(shared):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        shared.client("iam").create_policy(PolicyName="sid", PolicyDocument=document({**GOOD, "Sid": "a-b"}))
    assert refused.value.response["Error"]["Message"] == (
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")


def test_allow_with_not_principal_is_no_resource_policy(shared):
    everyone_else = {"Effect": "Allow", "NotPrincipal": {"AWS": A}, "Action": "execute-api:Invoke", "Resource": "*"}
    gateway = shared.client("apigateway")
    with pytest.raises(gateway.exceptions.BadRequestException):
        gateway.create_rest_api(name="x", policy=document(everyone_else))
    gateway.create_rest_api(name="x", policy=document({**everyone_else, "Effect": "Deny"}))
