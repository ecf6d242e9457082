"""Quotas, reserved names and pages of IAM and STS, and what the simulator tells, at their edges."""
import json

import botocore
import pytest

from conftest import A, B, trust
from test_sts import error, keys
from test_sts import trust as trusts

GOOD = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
ARN, PAGED = f"arn:aws:iam::{A}:", f"arn:aws:iam::{B}:"


def sized(size):
    """An identity-based policy of so many characters without white space."""
    short = GOOD.replace(" ", "").replace('"Resource":"*"', '"Resource":"arn:aws:s3:::"')
    return short.replace("arn:aws:s3:::", "arn:aws:s3:::" + "b" * (size - len(short)))


def sized_trust(size):
    short = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:x": ""}}}]}, separators=(",", ":"))
    return short.replace('"aws:x":""', '"aws:x":"' + "b" * (size - len(short)) + '"')


@pytest.fixture(scope="module")
def iam(shared):
    return shared.client("iam")


def test_sizes_count_without_white_space(iam):
    iam.create_policy(PolicyName="full", PolicyDocument=sized(6144) + " " * 5000)
    for call, arguments in [(iam.create_policy, dict(PolicyName="over")),
                            (iam.create_policy_version, dict(PolicyArn=ARN + "policy/full"))]:
        assert error(call, PolicyDocument=sized(6145), **arguments) == (
            "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    iam.create_user(UserName="s")
    iam.create_group(GroupName="s")
    iam.create_role(RoleName="s", AssumeRolePolicyDocument=sized_trust(2048))
    for kind, quota in [("user", 2048), ("group", 5120), ("role", 10240)]:
        put = getattr(iam, f"put_{kind}_policy")
        name = {f"{kind.title()}Name": "s"}
        full = ("LimitExceeded", f"Maximum policy size of {quota} bytes exceeded for {kind} s")
        put(PolicyName="a", PolicyDocument=sized(quota), **name)
        # All inline policies together; what is replaced does not count.
        assert error(put, PolicyName="b", PolicyDocument=sized(150), **name) == full
        put(PolicyName="a", PolicyDocument=sized(quota - 150), **name)
        put(PolicyName="b", PolicyDocument=sized(150), **name)
        assert error(put, PolicyName="b", PolicyDocument=sized(151), **name) == full
    over = ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    assert error(iam.create_role, RoleName="t", AssumeRolePolicyDocument=sized_trust(2049)) == over
    assert error(iam.update_assume_role_policy, RoleName="s", PolicyDocument=sized_trust(2049)) == over


def test_how_many_of_each(iam):
    iam.create_user(UserName="n")
    iam.create_group(GroupName="n")
    iam.create_role(RoleName="n", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    for i in range(10):
        iam.create_group(GroupName=f"n{i}")
        iam.add_user_to_group(GroupName=f"n{i}", UserName="n")
        iam.create_policy(PolicyName=f"n{i}", PolicyDocument=GOOD)
        for kind in ("user", "group", "role"):
            getattr(iam, f"attach_{kind}_policy")(PolicyArn=f"{ARN}policy/n{i}", **{f"{kind.title()}Name": "n"})
    assert error(iam.add_user_to_group, GroupName="n", UserName="n")[1] == "Cannot exceed quota for GroupsPerUser: 10"
    iam.create_policy(PolicyName="n10", PolicyDocument=GOOD)
    for kind in ("User", "Group", "Role"):
        attach = getattr(iam, f"attach_{kind.lower()}_policy")
        assert error(attach, PolicyArn=f"{ARN}policy/n10", **{f"{kind}Name": "n"}) == (
            "LimitExceeded", f"Cannot exceed quota for PoliciesPer{kind}: 10")
    for _ in range(2):
        iam.create_access_key(UserName="n")
    assert error(iam.create_access_key, UserName="n")[1] == "Cannot exceed quota for AccessKeysPerUser: 2"
    tags = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
    iam.tag_user(UserName="n", Tags=tags)
    assert error(iam.tag_user, UserName="n", Tags=[{"Key": "k50", "Value": ""}]) == (
        "LimitExceeded", "The number of tags has reached the maximum limit.")


def test_names_that_are_aws_own(iam):
    assert error(iam.create_role, RoleName="x", Path="/aws-service-role/lambda.amazonaws.com/",
                 AssumeRolePolicyDocument=trust("lambda.amazonaws.com")) == (
        "InvalidInput", "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles")
    system = ("InvalidInput", "Caller is an end user and not allowed to mutate system tags")
    iam.create_user(UserName="own")
    assert error(iam.tag_user, UserName="own", Tags=[{"Key": "aws:x", "Value": ""}]) == system
    assert error(iam.create_policy, PolicyName="x", PolicyDocument=GOOD, Tags=[{"Key": "AWS:x", "Value": ""}]) == system
    role = iam.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com")["Role"]["RoleName"]
    for call, arguments in [
            (iam.attach_role_policy, dict(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")),
            (iam.put_role_policy, dict(PolicyName="x", PolicyDocument=GOOD)),
            (iam.update_assume_role_policy, dict(PolicyDocument=trust("lambda.amazonaws.com"))),
            (iam.put_role_permissions_boundary, dict(PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")),
            (iam.delete_role, {})]:
        code, text = error(call, RoleName=role, **arguments)
        assert code == "UnmodifiableEntity" and "only modifiable by AWS" in text


def test_what_a_session_may_be_given(shared, iam):
    iam.create_role(RoleName="given", AssumeRolePolicyDocument=trusts(A))
    sts = shared.client("sts", **keys(shared, "giver"))

    def assume(**more):
        return sts.assume_role(RoleArn=ARN + "role/given", RoleSessionName="s1", **more)

    def refused(**more):
        return error(assume, **more)

    assert assume(Policy=sized(2048))["PackedPolicySize"] == 100
    code, text = refused(Policy=sized(2049))
    assert code == "PackedPolicyTooLarge" and text.startswith("Packed policy consumes 101% of allotted space")
    iam.create_policy(PolicyName="given", PolicyDocument=GOOD)
    managed = [{"arn": ARN + "policy/given"}]
    assert assume(PolicyArns=managed * 10)["PackedPolicySize"] < 100
    assert refused(PolicyArns=managed * 11)[0] == "InvalidParameterValue"
    # The inline policy and the ARNs have one bound together.
    assert refused(Policy=sized(2048), PolicyArns=managed)[0] == "PackedPolicyTooLarge"
    tags = [{"Key": f"k{i}", "Value": "v" * 250} for i in range(50)]
    code, text = refused(Tags=tags)
    assert code == "PackedPolicyTooLarge" and text.startswith("Packed size of session tags consumes ")
    assert refused(Tags=[{"Key": "aws:x", "Value": ""}]) == (
        "InvalidParameterValue", "Caller is an end user and not allowed to mutate system tags")


# One page holds two; what is asked for, and what it is asked about.
LISTS = {
    "list_users": {}, "list_roles": {}, "list_groups": {}, "list_policies": {"Scope": "Local"},
    "list_instance_profiles": {}, "list_groups_for_user": {"UserName": "p0"}, "get_group": {"GroupName": "p0"},
    "list_user_policies": {"UserName": "p0"}, "list_role_policies": {"RoleName": "p0"},
    "list_group_policies": {"GroupName": "p0"}, "list_attached_user_policies": {"UserName": "p0"},
    "list_attached_role_policies": {"RoleName": "p0"}, "list_attached_group_policies": {"GroupName": "p0"},
    "list_user_tags": {"UserName": "p0"}, "list_role_tags": {"RoleName": "p0"},
    "list_policy_tags": {"PolicyArn": PAGED + "policy/p0"}, "list_policy_versions": {"PolicyArn": PAGED + "policy/p0"},
    "list_instance_profile_tags": {"InstanceProfileName": "p0"}, "list_virtual_mfa_devices": {},
    "list_access_keys": {"UserName": "p0"}, "list_entities_for_policy": {"PolicyArn": PAGED + "policy/p0"},
    "list_instance_profiles_for_role": {"RoleName": "p0"}, "get_account_authorization_details": {},
    "simulate_custom_policy": {"PolicyInputList": [GOOD], "ActionNames": [f"s3:A{i}" for i in range(5)]},
}


@pytest.fixture(scope="module")
def paged(shared):
    """An account that has five of everything."""
    iam = shared.client("iam", B)
    for i in range(5):
        name, tag = f"p{i}", [{"Key": f"k{i}", "Value": "v"}]
        iam.create_user(UserName=name)
        iam.create_group(GroupName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        iam.create_policy(PolicyName=name, PolicyDocument=GOOD)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
        iam.add_user_to_group(GroupName=name, UserName="p0")
        iam.add_user_to_group(GroupName="p0", UserName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="p0")
        for kind in ("User", "Role", "Group"):
            of = {f"{kind}Name": "p0"}
            getattr(iam, f"put_{kind.lower()}_policy")(PolicyName=name, PolicyDocument=GOOD, **of)
            getattr(iam, f"attach_{kind.lower()}_policy")(PolicyArn=f"{PAGED}policy/{name}", **of)
        iam.tag_user(UserName="p0", Tags=tag)
        iam.tag_role(RoleName="p0", Tags=tag)
        iam.tag_policy(PolicyArn=PAGED + "policy/p0", Tags=tag)
        iam.tag_instance_profile(InstanceProfileName="p0", Tags=tag)
        if i:
            iam.create_policy_version(PolicyArn=PAGED + "policy/p0", PolicyDocument=GOOD)
            iam.attach_user_policy(UserName=name, PolicyArn=PAGED + "policy/p0")
    for _ in range(2):
        iam.create_access_key(UserName="p0")
    return iam


def items(answer):
    return [str(item) for key, value in answer.items() if isinstance(value, list) for item in value]


@pytest.mark.parametrize("operation", LISTS)
def test_pages_are_the_whole(paged, operation):
    call, asked = getattr(paged, operation), LISTS[operation]
    whole = items(call(**asked))
    assert len(whole) >= 2
    seen, more = [], {}
    for _ in range(len(whole)):
        page = call(MaxItems=2, **asked, **more)
        assert 1 <= len(items(page)) <= 2
        seen += items(page)
        assert page["IsTruncated"] == ("Marker" in page)
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    # Lists of several kinds are cut into pages in an order of their own.
    assert sorted(seen) == sorted(whole)
    assert error(call, Marker="nonsense", **asked) == ("ValidationError", "Invalid Marker.")
    assert error(call, MaxItems=1001, **asked)[0] == "ValidationError"


def test_a_simulation_tells_each_layer_by_itself(iam):
    def simulate(actions=("s3:GetObject",), **more):
        answer = iam.simulate_custom_policy(PolicyInputList=[GOOD], ActionNames=list(actions), **more)
        return answer["EvaluationResults"][0]

    narrow = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]})
    # The identity-based policies are named for the denial; the boundary says no as well.
    both = simulate(["sqs:SendMessage"], PermissionsBoundaryPolicyInputList=[narrow])
    assert both["EvalDecision"] == "implicitDeny"
    assert both["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    for wrong in ("GetObject", "s3:Get*", "s3:GetObjec?"):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            simulate([wrong])
        assert refused.value.response["Error"]["Code"] == "InvalidInput"
    keys_of = iam.get_context_keys_for_principal_policy
    iam.create_user(UserName="asked")
    narrow = narrow.replace('"Resource": "*"', '"Resource": "arn:aws:s3:::${aws:username}"')
    answer = keys_of(PolicySourceArn=ARN + "user/asked", PolicyInputList=[narrow])
    assert answer["ContextKeyNames"] == ["aws:username"]
