"""An organization as Terraform code: applied, planned again without a change, destroyed."""
import pathlib

import pytest

from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform


def test_apply_plan_destroy(server, tmp_path):
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("organizations.tf"), server)
    apply(terraform)
    account = terraform("output", "-raw", "account")
    assert terraform("output", "-raw", "accounts") == "2"
    client = server.client("organizations", "333333333333")
    unit = client.list_parents(ChildId=account)["Parents"][0]["Id"]
    policies = client.list_policies_for_target(TargetId=unit, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {policy["Name"] for policy in policies} == {"FullAWSAccess", "NoInvoke"}
    nothing_to_change(terraform)
    destroy(terraform)
    with pytest.raises(client.exceptions.AWSOrganizationsNotInUseException):
        client.describe_organization()
