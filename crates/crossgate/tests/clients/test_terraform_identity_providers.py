"""Identity providers and roles that trust them, as Terraform code: applied, planned again without a change, destroyed."""
from conftest import A
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in
from test_sts_saml import metadata

pytestmark = needs_terraform

CODE = """
variable "endpoint" {}
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region     = "us-east-1"
  access_key = "%s"
  secret_key = "any"
  endpoints {
    iam = var.endpoint
    sts = var.endpoint
  }
}
resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://token.example.com/crew"
  client_id_list  = ["sts.amazonaws.com", "app"]
  thumbprint_list = ["cccccccccccccccccccccccccccccccccccccccc"]
  tags            = { team = "core" }
}
resource "aws_iam_saml_provider" "staff" {
  name                   = "crew"
  saml_metadata_document = file("metadata.xml")
  tags                   = { team = "core" }
}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.ci.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${aws_iam_openid_connect_provider.ci.url}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
  statement {
    actions = ["sts:AssumeRoleWithSAML"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_saml_provider.staff.arn]
    }
  }
}
resource "aws_iam_role" "deploy" {
  name               = "deploy"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}
data "aws_iam_openid_connect_provider" "ci" {
  arn = aws_iam_openid_connect_provider.ci.arn
}
data "aws_iam_saml_provider" "staff" {
  arn = aws_iam_saml_provider.staff.arn
}
data "aws_iam_session_context" "me" {
  arn = "arn:aws:sts::%s:assumed-role/deploy/ci"
  depends_on = [aws_iam_role.deploy]
}
output "issuer" { value = data.aws_iam_session_context.me.issuer_arn }
""" % (A, A)


def test_apply_plan_destroy(server, tmp_path):
    (tmp_path / "metadata.xml").write_text(metadata(more=' validUntil="2031-02-03T04:05:06Z"'))
    terraform = terraform_in(tmp_path, CODE, server)
    apply(terraform)
    assert terraform("output", "-raw", "issuer") == f"arn:aws:iam::{A}:role/deploy"
    nothing_to_change(terraform)
    # A change in place, and again none left.
    code = CODE.replace('"sts.amazonaws.com", "app"', '"sts.amazonaws.com", "other"').replace('"core"', '"crew"')
    (tmp_path / "main.tf").write_text(code.replace("cccccccc", "dddddddd"))
    apply(terraform)
    nothing_to_change(terraform)
    iam = server.client("iam")
    assert iam.get_open_id_connect_provider(
        OpenIDConnectProviderArn=f"arn:aws:iam::{A}:oidc-provider/token.example.com/crew")["ClientIDList"] == [
        "sts.amazonaws.com", "other"]
    destroy(terraform)
    assert iam.list_saml_providers()["SAMLProviderList"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert iam.list_roles()["Roles"] == []
