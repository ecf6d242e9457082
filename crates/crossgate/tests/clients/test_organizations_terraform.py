"""An organization as Terraform code: applied, planned again without a change, destroyed."""
import pathlib

import pytest

import test_terraform
from test_terraform import pytestmark, terraform  # noqa: F401 - the fixture, and the mark: skipped where that is skipped


@pytest.fixture(autouse=True)
def set_up(monkeypatch):
    monkeypatch.setattr(test_terraform, "SET_UP", pathlib.Path(__file__).with_name("organizations.tf"))


def test_apply_plan_destroy(server, terraform):  # noqa: F811
    terraform("apply", "-auto-approve", "-input=false")
    account = terraform("output", "-raw", "account")
    assert terraform("output", "-raw", "accounts") == "2"
    client = server.client("organizations", "333333333333")
    unit = client.list_parents(ChildId=account)["Parents"][0]["Id"]
    policies = client.list_policies_for_target(TargetId=unit, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {policy["Name"] for policy in policies} == {"FullAWSAccess", "NoInvoke"}
    # 0 means: nothing to change.
    terraform("plan", "-detailed-exitcode", "-input=false")
    terraform("destroy", "-auto-approve", "-input=false")
    with pytest.raises(client.exceptions.AWSOrganizationsNotInUseException):
        client.describe_organization()
