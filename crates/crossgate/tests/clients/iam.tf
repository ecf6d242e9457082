# Every aws_iam_* resource and data source that needs no other service.

variable "endpoint" { type = string }
variable "certificate" { type = string }
variable "certificate_key" { type = string }
variable "signing_certificate" { type = string }
variable "ssh_key" { type = string }

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "222222222222"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    iam = var.endpoint
    sts = var.endpoint
  }
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com", "ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "invoke" {
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:aws:lambda:*:222222222222:function:*"]
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = ["us-east-1"]
    }
  }
}

# Roles and policies.

resource "aws_iam_role" "worker" {
  name                 = "worker"
  path                 = "/service/"
  description          = "runs"
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.invoke.arn
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = { team = "one" }
}

resource "aws_iam_policy" "invoke" {
  name        = "invoke"
  path        = "/some/"
  description = "invokes"
  policy      = data.aws_iam_policy_document.invoke.json
  tags        = { team = "one" }
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.worker.name
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_role_policies_exclusive" "inline" {
  role_name    = aws_iam_role.worker.name
  policy_names = [aws_iam_role_policy.inline.name]
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.worker.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachments_exclusive" "logs" {
  role_name   = aws_iam_role.worker.name
  policy_arns = [aws_iam_role_policy_attachment.logs.policy_arn]
}

resource "aws_iam_instance_profile" "worker" {
  name = "worker"
  role = aws_iam_role.worker.name
  tags = { team = "one" }
}

resource "aws_iam_service_linked_role" "gateway" {
  aws_service_name = "ops.apigateway.amazonaws.com"
  description      = "of the gateway"
}

resource "aws_iam_service_linked_role" "scaling" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = "mine"
}

# Users and groups.

resource "aws_iam_user" "ann" {
  name          = "ann"
  path          = "/people/"
  force_destroy = true
  tags          = { team = "one" }
}

resource "aws_iam_user" "bob" {
  name                 = "bob"
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
}

resource "aws_iam_user_policy" "ann" {
  name   = "own"
  user   = aws_iam_user.ann.name
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_user_policy_attachment" "ann" {
  user       = aws_iam_user.ann.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_group" "people" {
  name = "people"
  path = "/teams/"
}

resource "aws_iam_group" "others" {
  name = "others"
}

resource "aws_iam_group_membership" "people" {
  name  = "people"
  group = aws_iam_group.people.name
  users = [aws_iam_user.ann.name]
}

resource "aws_iam_user_group_membership" "bob" {
  user   = aws_iam_user.bob.name
  groups = [aws_iam_group.others.name]
}

resource "aws_iam_group_policy" "people" {
  name   = "own"
  group  = aws_iam_group.people.name
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_group_policy_attachment" "people" {
  group      = aws_iam_group.people.name
  policy_arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
}

resource "aws_iam_policy" "shared" {
  name   = "shared"
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_policy_attachment" "shared" {
  name       = "shared"
  users      = [aws_iam_user.bob.name]
  groups     = [aws_iam_group.others.name]
  policy_arn = aws_iam_policy.shared.arn
}

# Credentials.

resource "aws_iam_access_key" "ann" {
  user = aws_iam_user.ann.name
}

resource "aws_iam_user_login_profile" "ann" {
  user                    = aws_iam_user.ann.name
  password_length         = 24
  password_reset_required = true
}

resource "aws_iam_user_ssh_key" "ann" {
  username   = aws_iam_user.ann.name
  encoding   = "SSH"
  public_key = var.ssh_key
}

resource "aws_iam_signing_certificate" "ann" {
  user_name        = aws_iam_user.ann.name
  certificate_body = var.signing_certificate
}

resource "aws_iam_service_specific_credential" "ann" {
  service_name = "codecommit.amazonaws.com"
  user_name    = aws_iam_user.ann.name
}

resource "aws_iam_virtual_mfa_device" "device" {
  virtual_mfa_device_name = "device"
  path                    = "/some/"
  tags                    = { team = "one" }
}

resource "aws_iam_server_certificate" "server" {
  name             = "server"
  path             = "/some/"
  certificate_body = var.certificate
  private_key      = var.certificate_key
  tags             = { team = "one" }
}

# The account.

resource "aws_iam_account_alias" "alias" {
  account_alias = "terraformed"
}

resource "aws_iam_account_password_policy" "strict" {
  minimum_password_length        = 12
  require_lowercase_characters   = true
  require_numbers                = true
  require_uppercase_characters   = true
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 3
}

resource "aws_iam_security_token_service_preferences" "tokens" {
  global_endpoint_token_version = "v2Token"
}

# Data sources of what is there by now.

data "aws_iam_role" "worker" {
  name = aws_iam_role.worker.name
}

data "aws_iam_roles" "service" {
  path_prefix = "/service/"
  depends_on  = [aws_iam_role.worker]
}

data "aws_iam_policy" "invoke" {
  arn = aws_iam_policy.invoke.arn
}

data "aws_iam_policy" "read_only" {
  name = "ReadOnlyAccess"
}

data "aws_iam_user" "ann" {
  user_name = aws_iam_user.ann.name
}

data "aws_iam_users" "people" {
  path_prefix = "/people/"
  depends_on  = [aws_iam_user.ann]
}

data "aws_iam_group" "people" {
  group_name = aws_iam_group.people.name
  depends_on = [aws_iam_group_membership.people]
}

data "aws_iam_instance_profile" "worker" {
  name = aws_iam_instance_profile.worker.name
}

data "aws_iam_instance_profiles" "worker" {
  role_name  = aws_iam_role.worker.name
  depends_on = [aws_iam_instance_profile.worker]
}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_iam_session_context" "session" {
  arn        = "arn:aws:sts::222222222222:assumed-role/${aws_iam_role.worker.name}/session"
  depends_on = [aws_iam_role.worker]
}

data "aws_iam_account_alias" "alias" {
  depends_on = [aws_iam_account_alias.alias]
}

data "aws_iam_access_keys" "ann" {
  user       = aws_iam_user.ann.name
  depends_on = [aws_iam_access_key.ann]
}

data "aws_iam_user_ssh_key" "ann" {
  username          = aws_iam_user.ann.name
  ssh_public_key_id = aws_iam_user_ssh_key.ann.ssh_public_key_id
  encoding          = "SSH"
}

data "aws_iam_server_certificate" "server" {
  name   = aws_iam_server_certificate.server.name
  latest = true
}

data "aws_iam_principal_policy_simulation" "invoke" {
  policy_source_arn = aws_iam_user.ann.arn
  action_names      = ["lambda:InvokeFunction"]
  resource_arns     = ["arn:aws:lambda:us-east-1:222222222222:function:f"]
  context {
    key    = "aws:RequestedRegion"
    type   = "string"
    values = ["us-east-1"]
  }
  depends_on = [aws_iam_user_policy.ann]
}

output "seen" {
  value = {
    role       = data.aws_iam_role.worker.arn
    roles      = tolist(data.aws_iam_roles.service.names)
    policy     = data.aws_iam_policy.invoke.name
    read_only  = data.aws_iam_policy.read_only.arn
    user       = data.aws_iam_user.ann.arn
    users      = tolist(data.aws_iam_users.people.names)
    group      = [for user in data.aws_iam_group.people.users : user.user_name]
    profile    = data.aws_iam_instance_profile.worker.role_name
    profiles   = tolist(data.aws_iam_instance_profiles.worker.names)
    me         = data.aws_iam_session_context.me.issuer_arn
    session    = data.aws_iam_session_context.session.issuer_arn
    alias      = data.aws_iam_account_alias.alias.account_alias
    keys       = [for key in data.aws_iam_access_keys.ann.access_keys : key.status]
    ssh        = data.aws_iam_user_ssh_key.ann.fingerprint
    server     = data.aws_iam_server_certificate.server.arn
    simulation = data.aws_iam_principal_policy_simulation.invoke.all_allowed
    linked     = aws_iam_service_linked_role.gateway.name
  }
}
