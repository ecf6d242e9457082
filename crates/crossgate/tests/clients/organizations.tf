# An organization as code: a tree, an SCP and an RCP, and an account in a unit.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  type = string
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "333333333333"
  secret_key                  = "any"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    iam           = var.endpoint
    organizations = var.endpoint
    sts           = var.endpoint
  }
}

resource "aws_organizations_organization" "this" {
  feature_set                   = "ALL"
  enabled_policy_types          = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
  aws_service_access_principals = ["config.amazonaws.com"]
}

resource "aws_organizations_organizational_unit" "workloads" {
  name      = "Workloads"
  parent_id = aws_organizations_organization.this.roots[0].id
  tags      = { team = "core" }
}

resource "aws_organizations_organizational_unit" "dev" {
  name      = "Dev"
  parent_id = aws_organizations_organizational_unit.workloads.id
}

resource "aws_organizations_account" "dev" {
  name      = "dev"
  email     = "dev@example.com"
  role_name = "Admin"
  parent_id = aws_organizations_organizational_unit.dev.id
  tags      = { stage = "dev" }
}

data "aws_iam_policy_document" "no_invoke" {
  statement {
    effect    = "Deny"
    actions   = ["lambda:InvokeFunction"]
    resources = ["*"]
  }
}

resource "aws_organizations_policy" "no_invoke" {
  name        = "NoInvoke"
  description = "Nobody invokes functions"
  content     = data.aws_iam_policy_document.no_invoke.json
  depends_on  = [aws_organizations_organization.this]
}

resource "aws_organizations_policy_attachment" "no_invoke" {
  policy_id = aws_organizations_policy.no_invoke.id
  target_id = aws_organizations_organizational_unit.dev.id
}

resource "aws_organizations_policy" "perimeter" {
  name = "Perimeter"
  type = "RESOURCE_CONTROL_POLICY"
  content = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Deny"
      Principal = "*"
      Action    = "sts:*"
      Resource  = "*"
      Condition = {
        StringNotEqualsIfExists = { "aws:PrincipalOrgID" = aws_organizations_organization.this.id }
        BoolIfExists            = { "aws:PrincipalIsAWSService" = "false" }
      }
    }]
  })
}

resource "aws_organizations_policy_attachment" "perimeter" {
  policy_id = aws_organizations_policy.perimeter.id
  target_id = aws_organizations_account.dev.id
}

resource "aws_organizations_delegated_administrator" "config" {
  account_id        = aws_organizations_account.dev.id
  service_principal = "config.amazonaws.com"
}

data "aws_organizations_organization" "seen" {
  depends_on = [aws_organizations_account.dev]
}

output "account" {
  value = aws_organizations_account.dev.id
}

output "accounts" {
  value = length(data.aws_organizations_organization.seen.accounts)
}
