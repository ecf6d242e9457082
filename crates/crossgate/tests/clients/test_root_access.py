"""Centralized root access: the features by which an organization allows it, AssumeRoot, and what its sessions may."""
import json

import botocore.exceptions
import pytest

from conftest import A
from test_sts import error, keys, policy, session

TASKS = "arn:aws:iam::aws:policy/root-task/"
AUDIT = {"arn": TASKS + "IAMAuditRootUserCredentials"}
DELETE = {"arn": TASKS + "IAMDeleteRootUserCredentials"}


def member(organizations, name):
    """A new account of the organization; gives its id."""
    asked = organizations.create_account(Email=f"{name}@example.com", AccountName=name)["CreateAccountStatus"]["Id"]
    status = organizations.describe_create_account_status(CreateAccountRequestId=asked)
    return status["CreateAccountStatus"]["AccountId"]


@pytest.fixture
def organizations(server):
    client = server.client("organizations")
    client.create_organization(FeatureSet="ALL")
    return client


@pytest.fixture
def target(server, organizations):
    """A member account whose root user the management account may become."""
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    server.client("iam").enable_organizations_root_credentials_management()
    return member(organizations, "target")


def test_features_with_the_aws_cli(server):
    def iam(operation, expect=0):
        return server.aws(A, "iam", operation, expect=expect)

    assert "OrganizationNotFoundException" in iam("list-organizations-features", 255)
    server.aws(A, "organizations", "create-organization", "--feature-set", "ALL")
    assert "ServiceAccessNotEnabledException" in iam("enable-organizations-root-sessions", 255)
    server.aws(A, "organizations", "enable-aws-service-access", "--service-principal", "iam.amazonaws.com")
    assert iam("enable-organizations-root-sessions")["EnabledFeatures"] == ["RootSessions"]
    both = ["RootCredentialsManagement", "RootSessions"]
    assert iam("enable-organizations-root-credentials-management")["EnabledFeatures"] == both
    assert iam("list-organizations-features")["EnabledFeatures"] == both
    assert iam("disable-organizations-root-sessions")["EnabledFeatures"] == both[:1]
    assert iam("disable-organizations-root-credentials-management")["EnabledFeatures"] == []


def test_billing_organizations_have_no_features(server):
    server.client("organizations").create_organization(FeatureSet="CONSOLIDATED_BILLING")
    assert error(server.client("iam").list_organizations_features)[0] == "OrganizationNotInAllFeaturesModeException"


def test_a_delegated_administrator_has_the_features_too(server, organizations, target):
    iam = server.client("iam", target)
    code = "AccountNotManagementOrDelegatedAdministratorException"
    assert error(iam.enable_organizations_root_sessions)[0] == code
    organizations.register_delegated_administrator(AccountId=target, ServicePrincipal="iam.amazonaws.com")
    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    other = member(organizations, "other")
    delegated = server.client("sts", **keys(server, "del", account=target))
    assert session(server, delegated.assume_root(TargetPrincipal=other, TaskPolicyArn=AUDIT)) \
        .get_caller_identity()["Account"] == other


def test_who_may_become_whom(server, organizations, target):
    ann = server.client("sts", **keys(server))

    def refused(client=ann, whom=target, task=AUDIT):
        code, message = error(client.assume_root, TargetPrincipal=whom, TaskPolicyArn=task)
        assert code == "AccessDenied", message
        return message

    assert "root user" in refused(server.client("sts"))
    assert "member accounts" in refused(whom=A)
    assert "member accounts" in refused(whom="999999999999")
    # The feature for resources is not the one for credentials.
    assert "RootSessions" in refused(task={"arn": TASKS + "S3UnlockBucketPolicy"})
    of_member = server.client("sts", **keys(server, "eve", account=target))
    assert "management account" in refused(of_member, A)
    bound = server.client("sts", **keys(server, "bob", policy("sts:AssumeRole")))
    assert f"sts:AssumeRoot on resource: arn:aws:iam::{target}:root" in refused(bound)
    server.client("iam").disable_organizations_root_credentials_management()
    assert "RootCredentialsManagement" in refused()
    organizations.disable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    refused()


def test_a_session_does_its_task_and_nothing_else(server, target):
    ann = server.client("sts", **keys(server))
    made = ann.assume_root(TargetPrincipal=target, TaskPolicyArn=AUDIT, DurationSeconds=300)
    assert session(server, made).get_caller_identity()["Arn"] == f"arn:aws:iam::{target}:root"
    iam = session(server, made, "iam")
    key = server.client("iam", target).create_access_key()["AccessKey"]["AccessKeyId"]
    server.client("iam", target).create_user(UserName="eve")
    seen = iam.list_access_keys()
    assert [k["AccessKeyId"] for k in seen["AccessKeyMetadata"]] == [key]
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
    context = server.http("/_crossgate/requests/" + seen["ResponseMetadata"]["RequestId"]).json["contexts"][0]["keys"]
    assert context["aws:AssumedRoot"] == ["true"]
    for call, arguments in [(iam.delete_access_key, dict(AccessKeyId=key)), (iam.list_access_keys, dict(UserName="eve")),
                            (iam.create_user, dict(UserName="x")), (session(server, made, "lambda").list_functions, {})]:
        code, message = error(call, **arguments)
        assert code.startswith("AccessDenied") and "explicit deny in a session policy" in message
    deleting = session(server, ann.assume_root(TargetPrincipal=target, TaskPolicyArn=DELETE), "iam")
    deleting.delete_access_key(AccessKeyId=key)
    assert deleting.list_access_keys()["AccessKeyMetadata"] == []


def test_service_control_policies_bind_a_root_session(server, organizations, target):
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    made = server.client("sts", **keys(server)).assume_root(TargetPrincipal=target, TaskPolicyArn=AUDIT)
    iam = session(server, made, "iam")
    iam.get_account_summary()
    denial = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:AssumedRoot": "true"}}}]})
    created = organizations.create_policy(Name="noroot", Description="", Type="SERVICE_CONTROL_POLICY", Content=denial)
    organizations.attach_policy(PolicyId=created["Policy"]["PolicySummary"]["Id"], TargetId=target)
    code, message = error(iam.get_account_summary)
    assert code == "AccessDenied" and "service control policy" in message
    # Whoever is root without AssumeRoot does not carry the key.
    server.client("iam", target).get_account_summary()


def test_a_federated_user_of_the_root_user_has_what_its_session_policy_says(server):
    sts = server.client("sts")
    made = sts.get_federation_token(Name="bob", Policy=policy("lambda:ListFunctions"))
    assert session(server, made, "lambda").list_functions()["Functions"] == []
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        session(server, made, "lambda").get_account_settings()
    assert "no session policy allows" in refused.value.response["Error"]["Message"]
    without = session(server, sts.get_federation_token(Name="bob"), "lambda")
    with pytest.raises(botocore.exceptions.ClientError):
        without.list_functions()
