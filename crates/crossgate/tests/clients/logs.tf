variable "endpoint" {}

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region     = "us-east-1"
  access_key = "111111111111"
  secret_key = "any"
  endpoints {
    iam    = var.endpoint
    lambda = var.endpoint
    logs   = var.endpoint
    sts    = var.endpoint
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/app/web"
  retention_in_days = 14
  tags              = { team = "core" }
}

resource "aws_cloudwatch_log_stream" "app" {
  name           = "one"
  log_group_name = aws_cloudwatch_log_group.app.name
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "[ip, ..., status = 5*, bytes]"
  metric_transformation {
    name          = "Errors"
    namespace     = "App"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = "subscriber"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_lambda_function" "subscriber" {
  function_name = "subscriber"
  role          = aws_iam_role.function.arn
  runtime       = "python3.9"
  handler       = "index.handler"
  filename      = "function.zip"
}

resource "aws_lambda_permission" "logs" {
  function_name  = aws_lambda_function.subscriber.function_name
  action         = "lambda:InvokeFunction"
  principal      = "logs.amazonaws.com"
  source_arn     = "${aws_cloudwatch_log_group.app.arn}:*"
  source_account = "111111111111"
}

resource "aws_cloudwatch_log_subscription_filter" "errors" {
  name            = "errors"
  log_group_name  = aws_cloudwatch_log_group.app.name
  filter_pattern  = "ERROR"
  destination_arn = aws_lambda_function.subscriber.arn
  depends_on      = [aws_lambda_permission.logs]
}

data "aws_iam_policy_document" "dns" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:*:*:log-group:/aws/route53/*"]
    principals {
      type        = "Service"
      identifiers = ["route53.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "dns" {
  policy_name     = "dns"
  policy_document = data.aws_iam_policy_document.dns.json
}

resource "aws_cloudwatch_query_definition" "errors" {
  name            = "team/errors"
  log_group_names = [aws_cloudwatch_log_group.app.name]
  query_string    = "fields @timestamp, @message | filter level = 'ERROR' | limit 20"
}
