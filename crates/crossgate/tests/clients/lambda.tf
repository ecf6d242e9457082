# Functions and what is around them: every aws_lambda_* resource and data source of the provider that has a meaning here.

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
  region                  = "us-east-1"
  access_key              = "111111111111"
  secret_key              = "any"
  skip_metadata_api_check = true
  skip_region_validation  = true
  endpoints {
    iam    = var.endpoint
    lambda = var.endpoint
    logs   = var.endpoint
    sts    = var.endpoint
  }
}

resource "aws_iam_role" "function" {
  name = "function-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "sends" {
  role = aws_iam_role.function.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "arn:aws:sqs:us-east-1:111111111111:*" }]
  })
}

resource "aws_lambda_layer_version" "deps" {
  layer_name          = "deps"
  filename            = "${path.module}/function.zip"
  description         = "a layer"
  compatible_runtimes = ["python3.9"]
}

resource "aws_lambda_layer_version_permission" "deps" {
  layer_name     = aws_lambda_layer_version.deps.layer_name
  version_number = aws_lambda_layer_version.deps.version
  statement_id   = "other"
  action         = "lambda:GetLayerVersion"
  principal      = "222222222222"
}

resource "aws_lambda_code_signing_config" "this" {
  description = "nothing is signed here"
  allowed_publishers {
    signing_profile_version_arns = ["arn:aws:signer:us-east-1:111111111111:/signing-profiles/p/1234567890"]
  }
  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
}

resource "aws_lambda_function" "users" {
  function_name                  = "users"
  description                    = "made by Terraform"
  role                           = aws_iam_role.function.arn
  runtime                        = "python3.9"
  handler                        = "index.handler"
  filename                       = "${path.module}/function.zip"
  source_code_hash               = filebase64sha256("${path.module}/function.zip")
  layers                         = [aws_lambda_layer_version.deps.arn]
  publish                        = true
  timeout                        = 10
  memory_size                    = 256
  reserved_concurrent_executions = 5
  code_signing_config_arn        = aws_lambda_code_signing_config.this.arn
  ephemeral_storage {
    size = 1024
  }
  environment {
    variables = { STAGE = "prod" }
  }
  dead_letter_config {
    target_arn = "arn:aws:sqs:us-east-1:111111111111:dead"
  }
  depends_on = [aws_iam_role_policy.sends]
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
  tracing_config {
    mode = "Active"
  }
  tags = { team = "a" }
}

resource "aws_lambda_function" "outcomes" {
  function_name = "outcomes"
  role          = aws_iam_role.function.arn
  runtime       = "python3.9"
  handler       = "index.handler"
  filename      = "${path.module}/function.zip"
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "what clients call"
  function_name    = aws_lambda_function.users.function_name
  function_version = aws_lambda_function.users.version
}

resource "aws_lambda_permission" "gateway" {
  statement_id   = "gateway"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.users.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = "apigateway.amazonaws.com"
  source_arn     = "arn:aws:execute-api:us-east-1:222222222222:api/*"
  source_account = "222222222222"
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.users.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "AWS_IAM"
  invoke_mode        = "RESPONSE_STREAM"
  cors {
    allow_origins = ["https://a.example"]
    allow_methods = ["GET"]
    max_age       = 60
  }
}

resource "aws_lambda_function_event_invoke_config" "users" {
  function_name                = aws_lambda_function.users.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
  destination_config {
    on_failure {
      destination = aws_lambda_function.outcomes.arn
    }
    on_success {
      destination = "arn:aws:sqs:us-east-1:111111111111:done"
    }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_function.users.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 1
}

resource "aws_lambda_runtime_management_config" "users" {
  function_name     = aws_lambda_function.users.function_name
  update_runtime_on = "FunctionUpdate"
}

resource "aws_lambda_function_recursion_config" "users" {
  function_name  = aws_lambda_function.users.function_name
  recursive_loop = "Allow"
}

resource "aws_lambda_invocation" "users" {
  function_name = aws_lambda_function.users.function_name
  input         = jsonencode({ made = true })
}

data "aws_lambda_function" "users" {
  function_name = aws_lambda_function.users.function_name
  qualifier     = aws_lambda_alias.live.name
}

data "aws_lambda_alias" "live" {
  function_name = aws_lambda_function.users.function_name
  name          = aws_lambda_alias.live.name
}

data "aws_lambda_layer_version" "deps" {
  layer_name = aws_lambda_layer_version.deps.layer_name
}

data "aws_lambda_functions" "all" {
  depends_on = [aws_lambda_function.users, aws_lambda_function.outcomes]
}

data "aws_lambda_code_signing_config" "this" {
  arn = aws_lambda_code_signing_config.this.arn
}

data "aws_lambda_function_url" "live" {
  function_name = aws_lambda_function_url.live.function_name
  qualifier     = aws_lambda_function_url.live.qualifier
}

data "aws_lambda_invocation" "users" {
  function_name = aws_lambda_function.users.function_name
  qualifier     = aws_lambda_alias.live.name
  input         = jsonencode({ asked = true })
}

output "seen" {
  value = {
    functions = data.aws_lambda_functions.all.function_names
    version   = data.aws_lambda_alias.live.function_version
    reserved  = data.aws_lambda_function.users.reserved_concurrent_executions
    layer     = data.aws_lambda_layer_version.deps.version
    invoked   = jsondecode(data.aws_lambda_invocation.users.result).statusCode
    once      = jsondecode(aws_lambda_invocation.users.result).statusCode
    url       = data.aws_lambda_function_url.live.authorization_type
  }
}
