"""Centralized root access: enabled by the management account, and then a member's root user for one task."""
import botocore.exceptions
import pytest

from conftest import A, B
from explaining import ALLOW, session, user
from test_organizations import Organization

TASKS = "arn:aws:iam::aws:policy/root-task/"


def error(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"]


def test_features_and_sessions(server):
    assert error(server.client("iam", B).list_organizations_features) == "OrganizationNotFoundException"
    crew = Organization(server, A)
    iam = server.client("iam", crew.MANAGEMENT)
    assert error(iam.enable_organizations_root_sessions) == "ServiceAccessNotEnabledException"
    crew.client.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    assert error(server.client("iam", A).list_organizations_features) == \
        "AccountNotManagementOrDelegatedAdministratorException"
    assert iam.list_organizations_features() | {"ResponseMetadata": 0} == {
        "OrganizationId": crew.id, "EnabledFeatures": [], "ResponseMetadata": 0}

    sts = server.client("sts", **user(server, ALLOW, account=crew.MANAGEMENT))
    audit = dict(TargetPrincipal=A, TaskPolicyArn={"arn": TASKS + "IAMAuditRootUserCredentials"})
    unlock = dict(TargetPrincipal=A, TaskPolicyArn={"arn": TASKS + "SQSUnlockQueuePolicy"})
    assert error(sts.assume_root, **audit) == "AccessDenied"
    assert iam.enable_organizations_root_credentials_management()["EnabledFeatures"] == ["RootCredentialsManagement"]
    assert error(sts.assume_root, **unlock) == "AccessDenied", "a task of sessions"
    got = sts.assume_root(**audit, DurationSeconds=600)
    keys = session(got)
    assert server.client("sts", **keys).get_caller_identity()["Arn"] == f"arn:aws:iam::{A}:root"
    assert server.client("iam", **keys).list_access_keys()["AccessKeyMetadata"] == []
    assert error(server.client("lambda", **keys).list_functions) == "AccessDeniedException", "one task and no other"

    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement", "RootSessions"]
    assert sts.assume_root(**unlock)["Credentials"]
    assert error(sts.assume_root, **{**audit, "TargetPrincipal": B}) == "AccessDenied", "no member"
    assert error(sts.assume_root, **{**audit, "TargetPrincipal": crew.MANAGEMENT}) == "AccessDenied"
    assert error(server.client("sts", **user(server, ALLOW)).assume_root, **audit) == "AccessDenied", "of a member"
    # A delegated administrator has the tasks, and enables nothing.
    crew.invite(B)
    crew.client.register_delegated_administrator(AccountId=A, ServicePrincipal="iam.amazonaws.com")
    delegate = server.client("iam", A)
    assert error(delegate.enable_organizations_root_sessions) == "CallerIsNotManagementAccountException"
    ann = server.client("sts", **user_again(server))
    assert ann.assume_root(**{**audit, "TargetPrincipal": B})["Credentials"]
    assert delegate.disable_organizations_root_sessions()["EnabledFeatures"] == ["RootCredentialsManagement"]
    assert iam.disable_organizations_root_credentials_management()["EnabledFeatures"] == []
    assert error(sts.assume_root, **audit) == "AccessDenied"


def user_again(server):
    """Other keys of the user that a call above made in account A."""
    key = server.client("iam").create_access_key(UserName="ann")["AccessKey"]
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
