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
  alias                       = "a"
  region                      = "us-east-1"
  access_key                  = "222222222222"
  secret_key                  = "any"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    apigateway = var.endpoint
    iam        = var.endpoint
    lambda     = var.endpoint
    logs       = var.endpoint
    sts        = var.endpoint
  }
}

provider "aws" {
  alias                       = "b"
  region                      = "us-east-1"
  access_key                  = "111111111111"
  secret_key                  = "any"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {
    apigateway = var.endpoint
    iam        = var.endpoint
    lambda     = var.endpoint
    logs       = var.endpoint
    sts        = var.endpoint
  }
}

resource "aws_iam_role" "function" {
  provider = aws.b
  name     = "function-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "function" {
  provider   = aws.b
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_cloudwatch_log_group" "function" {
  provider          = aws.b
  name              = "/aws/lambda/account-b-lambda"
  retention_in_days = 7
}

resource "aws_lambda_function" "users" {
  provider         = aws.b
  function_name    = "account-b-lambda"
  runtime          = "python3.9"
  handler          = "index.handler"
  role             = aws_iam_role.function.arn
  filename         = "function.zip"
  source_code_hash = filebase64sha256("function.zip")
  environment {
    variables = {
      TABLE = "users"
    }
  }
  depends_on = [aws_cloudwatch_log_group.function]
}

resource "aws_lambda_permission" "gateway" {
  provider      = aws.b
  statement_id  = "apigateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.users.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.users.execution_arn}/*/GET/users"
}

resource "aws_api_gateway_rest_api" "users" {
  provider    = aws.a
  name        = "my-cross-account-api"
  description = "Users of account B"
  tags        = { team = "users" }
}

resource "aws_api_gateway_resource" "users" {
  provider    = aws.a
  rest_api_id = aws_api_gateway_rest_api.users.id
  parent_id   = aws_api_gateway_rest_api.users.root_resource_id
  path_part   = "users"
}

resource "aws_api_gateway_method" "get" {
  provider      = aws.a
  rest_api_id   = aws_api_gateway_rest_api.users.id
  resource_id   = aws_api_gateway_resource.users.id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "get" {
  provider                = aws.a
  rest_api_id             = aws_api_gateway_rest_api.users.id
  resource_id             = aws_api_gateway_resource.users.id
  http_method             = aws_api_gateway_method.get.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.users.invoke_arn
}

resource "aws_api_gateway_method" "options" {
  provider      = aws.a
  rest_api_id   = aws_api_gateway_rest_api.users.id
  resource_id   = aws_api_gateway_resource.users.id
  http_method   = "OPTIONS"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "options" {
  provider          = aws.a
  rest_api_id       = aws_api_gateway_rest_api.users.id
  resource_id       = aws_api_gateway_resource.users.id
  http_method       = aws_api_gateway_method.options.http_method
  type              = "MOCK"
  request_templates = { "application/json" = jsonencode({ statusCode = 200 }) }
}

resource "aws_api_gateway_method_response" "options" {
  provider            = aws.a
  rest_api_id         = aws_api_gateway_rest_api.users.id
  resource_id         = aws_api_gateway_resource.users.id
  http_method         = aws_api_gateway_method.options.http_method
  status_code         = "200"
  response_parameters = { "method.response.header.Access-Control-Allow-Origin" = true }
}

resource "aws_api_gateway_integration_response" "options" {
  provider            = aws.a
  rest_api_id         = aws_api_gateway_rest_api.users.id
  resource_id         = aws_api_gateway_resource.users.id
  http_method         = aws_api_gateway_method.options.http_method
  status_code         = aws_api_gateway_method_response.options.status_code
  response_parameters = { "method.response.header.Access-Control-Allow-Origin" = "'*'" }
  depends_on          = [aws_api_gateway_integration.options]
}

resource "aws_api_gateway_deployment" "users" {
  provider    = aws.a
  rest_api_id = aws_api_gateway_rest_api.users.id
  triggers    = { integration = aws_api_gateway_integration.get.id }
  depends_on  = [aws_api_gateway_integration.get, aws_api_gateway_integration_response.options]
}

resource "aws_api_gateway_stage" "prod" {
  provider      = aws.a
  rest_api_id   = aws_api_gateway_rest_api.users.id
  deployment_id = aws_api_gateway_deployment.users.id
  stage_name    = "prod"
}

resource "aws_iam_role" "logs" {
  provider = aws.a
  name     = "apigw-logs"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "apigateway.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  provider   = aws.a
  role       = aws_iam_role.logs.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "a" {
  provider            = aws.a
  cloudwatch_role_arn = aws_iam_role.logs.arn
}

resource "aws_api_gateway_method_settings" "all" {
  provider    = aws.a
  rest_api_id = aws_api_gateway_rest_api.users.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"
  settings {
    logging_level   = "ERROR"
    metrics_enabled = true
  }
  depends_on = [aws_api_gateway_account.a]
}

output "api" {
  value = aws_api_gateway_rest_api.users.id
}
