"""More of what people keep in Terraform: exclusive sets, roles with everything inside, changes in place, changes made
elsewhere, imports, sessions of the provider's own, and what IAM has for organizations."""
import json

from conftest import A
from explaining import ALLOW, allow, policy
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in
from test_organizations import Organization

pytestmark = needs_terraform

PROVIDER = """
variable "endpoint" {}
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                  = "us-east-1"
  access_key              = "%s"
  secret_key              = "any"
  skip_metadata_api_check = true
  endpoints {
    iam           = var.endpoint
    organizations = var.endpoint
    sts           = var.endpoint
  }
  %s
}
"""

SETS = """
locals {
  read = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["iam:Get*", "iam:List*"], Resource = "*" }] })
  trust = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Principal = { AWS = "222222222222" }, Action = "sts:AssumeRole" }] })
}
resource "aws_iam_user" "ann" {
  name = "ann"
  path = "/people/"
}
resource "aws_iam_user_policy" "own" {
  user   = aws_iam_user.ann.name
  policy = local.read
}
resource "aws_iam_user_policies_exclusive" "ann" {
  user_name    = aws_iam_user.ann.name
  policy_names = [aws_iam_user_policy.own.name]
}
resource "aws_iam_user_policy_attachment" "view" {
  user       = aws_iam_user.ann.name
  policy_arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
}
resource "aws_iam_user_policy_attachments_exclusive" "ann" {
  user_name   = aws_iam_user.ann.name
  policy_arns = [aws_iam_user_policy_attachment.view.policy_arn]
}
resource "aws_iam_group" "crew" { name = "crew" }
resource "aws_iam_group_policy" "own" {
  group       = aws_iam_group.crew.name
  name_prefix = "own-"
  policy      = local.read
}
resource "aws_iam_group_policies_exclusive" "crew" {
  group_name   = aws_iam_group.crew.name
  policy_names = [aws_iam_group_policy.own.name]
}
resource "aws_iam_group_policy_attachment" "view" {
  group      = aws_iam_group.crew.name
  policy_arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
}
resource "aws_iam_group_policy_attachments_exclusive" "crew" {
  group_name  = aws_iam_group.crew.name
  policy_arns = [aws_iam_group_policy_attachment.view.policy_arn]
}
resource "aws_iam_role" "whole" {
  name_prefix           = "whole-"
  description           = "first"
  force_detach_policies = true
  assume_role_policy    = local.trust
  managed_policy_arns   = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  inline_policy {
    name   = "own"
    policy = local.read
  }
}
resource "aws_iam_policy" "made" {
  name_prefix = "made-"
  policy      = local.read
}
resource "aws_iam_access_key" "ann" { user = aws_iam_user.ann.name }
data "aws_iam_policy_document" "merged" {
  source_policy_documents   = [local.read]
  override_policy_documents = [local.read]
  statement {
    sid       = "Own"
    effect    = "Deny"
    actions   = ["iam:*"]
    resources = ["arn:aws:iam::222222222222:user/&{aws:username}"]
  }
}
output "role" { value = aws_iam_role.whole.name }
output "key" { value = aws_iam_access_key.ann.id }
output "merged" { value = data.aws_iam_policy_document.merged.json }
"""


def test_sets_changes_and_what_others_did(server, tmp_path):
    terraform = terraform_in(tmp_path, PROVIDER % (A, "") + SETS, server)
    apply(terraform)
    nothing_to_change(terraform)
    iam = server.client("iam")
    assert "${aws:username}" in terraform("output", "-raw", "merged")
    # In place: a description, a policy's new version, a path, a key that is switched off, a trust policy.
    changed = (PROVIDER % (A, "") + SETS.replace('"first"', '"second"').replace('"/people/"', '"/staff/"')
               .replace('"iam:List*"]', '"iam:List*", "sts:*"]').replace('AWS = "222222222222"', 'AWS = "111111111111"')
               .replace('"ann" { user = aws_iam_user.ann.name }',
                        '"ann" {\n  user   = aws_iam_user.ann.name\n  status = "Inactive"\n}'))
    role, key = terraform("output", "-raw", "role"), terraform("output", "-raw", "key")
    (tmp_path / "main.tf").write_text(changed)
    apply(terraform)
    nothing_to_change(terraform)
    assert (terraform("output", "-raw", "role"), terraform("output", "-raw", "key")) == (role, key)
    found = iam.get_role(RoleName=role)["Role"]
    assert found["Description"] == "second"
    assert found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"].count("111111111111")
    assert iam.get_user(UserName="ann")["User"]["Path"] == "/staff/"
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    # What others add is seen, and taken away again where a set is exclusive.
    document = policy(ALLOW)
    iam.put_user_policy(UserName="ann", PolicyName="extra", PolicyDocument=document)
    iam.put_group_policy(GroupName="crew", PolicyName="extra", PolicyDocument=document)
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    terraform("plan", "-detailed-exitcode", "-input=false", statuses=(2,))
    apply(terraform)
    nothing_to_change(terraform)
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] != ["extra"]
    assert [p["PolicyName"] for p in iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]] == ["ViewOnlyAccess"]
    assert [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]] == ["ReadOnlyAccess"]
    destroy(terraform)
    assert iam.list_roles()["Roles"] == iam.list_users()["Users"] == iam.list_groups()["Groups"] == []


def test_what_exists_is_imported(server, tmp_path):
    iam = server.client("iam")
    trusting = policy({"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName="old", Path="/x/", AssumeRolePolicyDocument=trusting, Tags=[{"Key": "team", "Value": "blue"}])
    iam.put_role_policy(RoleName="old", PolicyName="own", PolicyDocument=policy(allow("s3:*")))
    arn = iam.create_policy(PolicyName="made", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="old", PolicyArn=arn)
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(GroupName="crew", UserName="ann")
    iam.create_instance_profile(InstanceProfileName="old")
    code = """
import {
  to = aws_iam_role.old
  id = "old"
}
resource "aws_iam_role" "old" {
  name = "old"
  path = "/x/"
  tags = { team = "blue" }
  assume_role_policy = %s
}
import {
  to = aws_iam_role_policy.own
  id = "old:own"
}
resource "aws_iam_role_policy" "own" {
  name   = "own"
  role   = aws_iam_role.old.name
  policy = %s
}
import {
  to = aws_iam_policy.made
  id = "%s"
}
resource "aws_iam_policy" "made" {
  name   = "made"
  policy = %s
}
import {
  to = aws_iam_role_policy_attachment.made
  id = "old/%s"
}
resource "aws_iam_role_policy_attachment" "made" {
  role       = aws_iam_role.old.name
  policy_arn = aws_iam_policy.made.arn
}
import {
  to = aws_iam_user.ann
  id = "ann"
}
resource "aws_iam_user" "ann" { name = "ann" }
import {
  to = aws_iam_group.crew
  id = "crew"
}
resource "aws_iam_group" "crew" { name = "crew" }
import {
  to = aws_iam_user_group_membership.ann
  id = "ann/crew"
}
resource "aws_iam_user_group_membership" "ann" {
  user   = aws_iam_user.ann.name
  groups = [aws_iam_group.crew.name]
}
import {
  to = aws_iam_instance_profile.old
  id = "old"
}
resource "aws_iam_instance_profile" "old" { name = "old" }
""" % (json.dumps(trusting), json.dumps(policy(allow("s3:*"))), arn, json.dumps(policy(allow("s3:*"))), arn)
    terraform = terraform_in(tmp_path, PROVIDER % (A, "") + code, server)
    planned = terraform("plan", "-input=false")
    assert "8 to import, 0 to add, 0 to change, 0 to destroy" in planned, planned
    apply(terraform)
    nothing_to_change(terraform)
    destroy(terraform)
    assert iam.list_roles()["Roles"] == []


def test_the_provider_assumes_a_role(server, tmp_path):
    """As in a fix of `explain`: with an external id, a policy of the session and tags."""
    iam = server.client("iam")
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=policy(allow("sts:*")))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:user/ann"}, "Action": ["sts:AssumeRole", "sts:TagSession"],
         "Condition": {"StringEquals": {"sts:ExternalId": "s3cret"}}}))
    iam.put_role_policy(RoleName="deploy", PolicyName="own", PolicyDocument=policy(ALLOW))
    assume = """assume_role {
    role_arn     = "arn:aws:iam::%s:role/deploy"
    session_name = "ann"
    external_id  = "s3cret"
    policy       = jsonencode(%s)
    tags         = { team = "blue" }
  }""" % (A, policy(allow(["iam:*User", "iam:List*", "sts:*"])))
    code = 'data "aws_caller_identity" "me" {}\noutput "me" { value = data.aws_caller_identity.me.arn }\n' \
           'data "aws_iam_session_context" "me" { arn = data.aws_caller_identity.me.arn }\n' \
           'resource "aws_iam_user" "bob" { name = "bob" }\n'
    provider = (PROVIDER % (key["AccessKeyId"], assume)).replace('"any"', json.dumps(key["SecretAccessKey"]))
    # The role's own context asks for GetRole, which the session's policy leaves out.
    terraform = terraform_in(tmp_path, provider.replace('"iam:*User"', '"iam:*User", "iam:GetRole"') + code, server)
    apply(terraform)
    assert terraform("output", "-raw", "me") == f"arn:aws:sts::{A}:assumed-role/deploy/ann"
    nothing_to_change(terraform)
    destroy(terraform)
    (tmp_path / "main.tf").write_text(provider + code + 'resource "aws_iam_group" "crew" { name = "crew" }\n')
    terraform("apply", "-auto-approve", "-input=false", statuses=(1,))
    assert iam.list_groups()["Groups"] == []


def test_what_iam_and_organizations_have_for_each_other(server, tmp_path):
    crew = Organization(server, A)
    code = """
resource "aws_iam_organizations_features" "root" {
  enabled_features = ["RootCredentialsManagement", "RootSessions"]
}
resource "aws_organizations_resource_policy" "delegated" {
  content = jsonencode({ Version = "2012-10-17", Statement = [{
    Sid = "Read", Effect = "Allow", Principal = { AWS = "arn:aws:iam::222222222222:root" },
    Action = ["organizations:List*", "organizations:DescribeOrganization"], Resource = "*" }] })
  tags = { team = "core" }
}
data "aws_organizations_organization" "all" {}
data "aws_organizations_policies" "scp" { filter = "SERVICE_CONTROL_POLICY" }
data "aws_organizations_policies_for_target" "root" {
  target_id = data.aws_organizations_organization.all.roots[0].id
  filter    = "SERVICE_CONTROL_POLICY"
}
data "aws_organizations_policy" "full" { policy_id = "p-FullAWSAccess" }
data "aws_organizations_resource_tags" "policy" { resource_id = aws_organizations_resource_policy.delegated.id }
output "scps" { value = data.aws_organizations_policies.scp.ids }
output "tags" { value = data.aws_organizations_resource_tags.policy.tags }
"""
    service = server.client("organizations", crew.MANAGEMENT)
    service.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    terraform = terraform_in(tmp_path, PROVIDER % (crew.MANAGEMENT, "") + code, server)
    apply(terraform)
    nothing_to_change(terraform)
    assert json.loads(terraform("output", "-json", "scps")) == ["p-FullAWSAccess"]
    assert json.loads(terraform("output", "-json", "tags")) == {"team": "core"}
    assert len(server.client("organizations").list_accounts()["Accounts"]) == 2
    destroy(terraform)
