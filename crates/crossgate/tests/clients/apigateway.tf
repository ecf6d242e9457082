# Every aws_api_gateway_* resource of the provider that has a meaning here.
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

resource "aws_iam_role" "function" {
  name = "function-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_lambda_function" "authorizer" {
  function_name = "authorizer"
  role          = aws_iam_role.function.arn
  runtime       = "python3.9"
  handler       = "index.handler"
  filename      = "function.zip"
}

resource "aws_iam_role" "logs" {
  name = "apigateway-logs"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "apigateway.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.logs.arn
}

resource "aws_api_gateway_rest_api" "by_hand" {
  name                     = "by-hand"
  description              = "made resource by resource"
  binary_media_types       = ["image/png"]
  minimum_compression_size = 1024
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  tags = { team = "a" }
}

resource "aws_api_gateway_rest_api_policy" "by_hand" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Principal = "*", Action = "execute-api:Invoke"
      Resource = "${aws_api_gateway_rest_api.by_hand.execution_arn}/*"
    }]
  })
}

resource "aws_api_gateway_resource" "users" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  parent_id   = aws_api_gateway_rest_api.by_hand.root_resource_id
  path_part   = "users"
}

resource "aws_api_gateway_model" "user" {
  rest_api_id  = aws_api_gateway_rest_api.by_hand.id
  name         = "User"
  content_type = "application/json"
  schema       = jsonencode({ type = "object", properties = { name = { type = "string" } } })
}

resource "aws_api_gateway_request_validator" "all" {
  rest_api_id                 = aws_api_gateway_rest_api.by_hand.id
  name                        = "all"
  validate_request_body       = true
  validate_request_parameters = true
}

resource "aws_api_gateway_authorizer" "token" {
  rest_api_id    = aws_api_gateway_rest_api.by_hand.id
  name           = "token"
  type           = "TOKEN"
  authorizer_uri = aws_lambda_function.authorizer.invoke_arn
}

resource "aws_api_gateway_method" "get" {
  rest_api_id          = aws_api_gateway_rest_api.by_hand.id
  resource_id          = aws_api_gateway_resource.users.id
  http_method          = "GET"
  authorization        = "NONE"
  api_key_required     = true
  request_validator_id = aws_api_gateway_request_validator.all.id
  request_parameters   = { "method.request.querystring.page" = false }
}

resource "aws_api_gateway_method" "post" {
  rest_api_id   = aws_api_gateway_rest_api.by_hand.id
  resource_id   = aws_api_gateway_resource.users.id
  http_method          = "POST"
  authorization        = "CUSTOM"
  authorizer_id        = aws_api_gateway_authorizer.token.id
  request_validator_id = aws_api_gateway_request_validator.all.id
  request_models       = { "application/json" = aws_api_gateway_model.user.name }
}

resource "aws_api_gateway_integration" "get" {
  rest_api_id       = aws_api_gateway_rest_api.by_hand.id
  resource_id       = aws_api_gateway_resource.users.id
  http_method       = aws_api_gateway_method.get.http_method
  type              = "MOCK"
  request_templates = { "application/json" = jsonencode({ statusCode = 200 }) }
}

resource "aws_api_gateway_integration" "post" {
  rest_api_id             = aws_api_gateway_rest_api.by_hand.id
  resource_id             = aws_api_gateway_resource.users.id
  http_method             = aws_api_gateway_method.post.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.authorizer.invoke_arn
}

resource "aws_api_gateway_method_response" "ok" {
  rest_api_id         = aws_api_gateway_rest_api.by_hand.id
  resource_id         = aws_api_gateway_resource.users.id
  http_method         = aws_api_gateway_method.get.http_method
  status_code         = "200"
  response_models     = { "application/json" = aws_api_gateway_model.user.name }
  response_parameters = { "method.response.header.X-Made" = true }
}

resource "aws_api_gateway_integration_response" "ok" {
  rest_api_id         = aws_api_gateway_rest_api.by_hand.id
  resource_id         = aws_api_gateway_resource.users.id
  http_method         = aws_api_gateway_method.get.http_method
  status_code         = aws_api_gateway_method_response.ok.status_code
  response_templates  = { "application/json" = "{\"name\": \"terraform\"}" }
  response_parameters = { "method.response.header.X-Made" = "'yes'" }
  depends_on          = [aws_api_gateway_integration.get]
}

resource "aws_api_gateway_gateway_response" "denied" {
  rest_api_id         = aws_api_gateway_rest_api.by_hand.id
  response_type       = "ACCESS_DENIED"
  status_code         = "418"
  response_templates  = { "application/json" = "{\"message\": $context.error.messageString}" }
  response_parameters = { "gatewayresponse.header.X-Why" = "'denied'" }
}

resource "aws_api_gateway_documentation_part" "api" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  properties  = jsonencode({ description = "an API" })
  location {
    type = "API"
  }
}

resource "aws_api_gateway_documentation_version" "first" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  version     = "1"
  depends_on  = [aws_api_gateway_documentation_part.api]
}

resource "aws_api_gateway_deployment" "by_hand" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  depends_on = [
    aws_api_gateway_integration_response.ok, aws_api_gateway_integration.post,
    aws_api_gateway_gateway_response.denied, aws_api_gateway_rest_api_policy.by_hand,
  ]
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_client_certificate" "this" {
  description = "shown to backends"
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id           = aws_api_gateway_rest_api.by_hand.id
  deployment_id         = aws_api_gateway_deployment.by_hand.id
  stage_name            = "prod"
  variables             = { colour = "blue" }
  client_certificate_id = aws_api_gateway_client_certificate.this.id
  documentation_version = aws_api_gateway_documentation_version.first.version
  tags                  = { team = "a" }
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"
  settings {
    metrics_enabled = true
    logging_level   = "INFO"
  }
  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_usage_plan" "basic" {
  name = "basic"
  api_stages {
    api_id = aws_api_gateway_rest_api.by_hand.id
    stage  = aws_api_gateway_stage.prod.stage_name
  }
  quota_settings {
    limit  = 1000
    period = "DAY"
  }
  throttle_settings {
    burst_limit = 20
    rate_limit  = 10
  }
}

resource "aws_api_gateway_api_key" "client" {
  name = "client"
}

resource "aws_api_gateway_usage_plan_key" "client" {
  usage_plan_id = aws_api_gateway_usage_plan.basic.id
  key_id        = aws_api_gateway_api_key.client.id
  key_type      = "API_KEY"
}

resource "aws_api_gateway_domain_name" "api" {
  domain_name              = "api.example.com"
  regional_certificate_arn = "arn:aws:acm:us-east-1:222222222222:certificate/11111111-1111-1111-1111-111111111111"
  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "v1" {
  domain_name = aws_api_gateway_domain_name.api.domain_name
  api_id      = aws_api_gateway_rest_api.by_hand.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  base_path   = "v1"
}

resource "aws_api_gateway_vpc_link" "inside" {
  name        = "inside"
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:222222222222:loadbalancer/net/n/1"]
}

# The same by an OpenAPI document.
resource "aws_api_gateway_rest_api" "by_document" {
  name = "by-document"
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "by-document", version = "1.0" }
    paths = {
      "/users" = {
        get = {
          responses = { "200" = { description = "ok" } }
          x-amazon-apigateway-integration = {
            type             = "mock"
            requestTemplates = { "application/json" = "{\"statusCode\": 200}" }
            responses        = { default = { statusCode = "200" } }
          }
        }
      }
    }
  })
}

resource "aws_api_gateway_deployment" "by_document" {
  rest_api_id = aws_api_gateway_rest_api.by_document.id
  triggers    = { body = sha1(aws_api_gateway_rest_api.by_document.body) }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "document" {
  rest_api_id   = aws_api_gateway_rest_api.by_document.id
  deployment_id = aws_api_gateway_deployment.by_document.id
  stage_name    = "prod"
}

data "aws_api_gateway_export" "document" {
  rest_api_id = aws_api_gateway_rest_api.by_document.id
  stage_name  = aws_api_gateway_stage.document.stage_name
  export_type = "oas30"
}

data "aws_api_gateway_resource" "users" {
  rest_api_id = aws_api_gateway_rest_api.by_hand.id
  path        = aws_api_gateway_resource.users.path
}

output "by_hand" {
  value = aws_api_gateway_rest_api.by_hand.id
}

output "by_document" {
  value = aws_api_gateway_rest_api.by_document.id
}

output "key" {
  value     = aws_api_gateway_api_key.client.value
  sensitive = true
}

output "exported" {
  value = jsondecode(data.aws_api_gateway_export.document.body).paths
}
