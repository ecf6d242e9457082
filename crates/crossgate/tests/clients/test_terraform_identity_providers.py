"""Identity providers and roles that trust them, as Terraform code: applied, planned again without a change, destroyed."""
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import A
from test_sts_saml import metadata
from test_terraform import FOUND

pytestmark = pytest.mark.skipif(
    not (shutil.which("terraform") and FOUND),
    reason="no `terraform` on PATH, or no AWS provider 5.x in a folder that a filesystem_mirror can use: "
           "Terraform is not tested on this machine")

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
    mirror = pathlib.Path(FOUND[-1]).parents[3]
    (tmp_path / "cli.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    (tmp_path / "main.tf").write_text(CODE)
    (tmp_path / "metadata.xml").write_text(metadata(more=' validUntil="2031-02-03T04:05:06Z"'))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    environment.update(TF_CLI_CONFIG_FILE=str(tmp_path / "cli.tfrc"), TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1",
                       TF_VAR_endpoint=server.url)

    def terraform(*arguments):
        done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout.strip()

    terraform("init", "-input=false")
    terraform("apply", "-auto-approve", "-input=false")
    assert terraform("output", "-raw", "issuer") == f"arn:aws:iam::{A}:role/deploy"
    # 0: no change; 2 would be a change.
    terraform("plan", "-detailed-exitcode", "-input=false")
    # A change in place, and again none left.
    code = CODE.replace('"sts.amazonaws.com", "app"', '"sts.amazonaws.com", "other"').replace('"core"', '"crew"')
    (tmp_path / "main.tf").write_text(code.replace("cccccccc", "dddddddd"))
    terraform("apply", "-auto-approve", "-input=false")
    terraform("plan", "-detailed-exitcode", "-input=false")
    iam = server.client("iam")
    assert iam.get_open_id_connect_provider(
        OpenIDConnectProviderArn=f"arn:aws:iam::{A}:oidc-provider/token.example.com/crew")["ClientIDList"] == [
        "sts.amazonaws.com", "other"]
    terraform("destroy", "-auto-approve", "-input=false")
    assert iam.list_saml_providers()["SAMLProviderList"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert iam.list_roles()["Roles"] == []
