# A service as teams deploy one: the API is an OpenAPI document with its functions, authorizer and models; a stage with
# logs and throttling; a usage plan with a key; a domain name. Besides, what apigateway.tf leaves out of the provider's
# aws_api_gateway_* resources and data sources (all but aws_api_gateway_sdk: GetSdk is not implemented).

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "222222222222"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  endpoints {
    apigateway = var.endpoint
    iam        = var.endpoint
    lambda     = var.endpoint
    logs       = var.endpoint
    sts        = var.endpoint
  }
}

locals {
  certificate = "arn:aws:acm:us-east-1:222222222222:certificate/11111111-1111-1111-1111-111111111111"
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["lambda", "apigateway"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each           = data.aws_iam_policy_document.trust
  name               = "stack-${each.key}"
  assume_role_policy = each.value.json
}

resource "aws_lambda_function" "this" {
  for_each      = { orders = "index.handler", judge = "judge.handler" }
  function_name = "stack-${each.key}"
  filename      = "${path.module}/function.zip"
  handler       = each.value
  runtime       = "python3.9"
  role          = aws_iam_role.this["lambda"].arn
}

resource "aws_lambda_permission" "this" {
  for_each      = { orders = "*/*/*", judge = "authorizers/*" }
  function_name = aws_lambda_function.this[each.key].function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.orders.execution_arn}/${each.value}"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.this["apigateway"].arn
}

resource "aws_cloudwatch_log_group" "access" {
  name = "/stack/access"
}

resource "aws_api_gateway_rest_api" "orders" {
  name = "orders"
  endpoint_configuration {
    types = ["REGIONAL"]
  }
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "orders", version = "1.0" }
    components = {
      schemas = {
        Order = {
          type       = "object"
          required   = ["item"]
          properties = { item = { type = "string" }, count = { type = "integer", minimum = 1 } }
        }
      }
      securitySchemes = {
        api_key = { type = "apiKey", name = "x-api-key", in = "header" }
        judge = {
          type                         = "apiKey", name = "Authorization", in = "header"
          x-amazon-apigateway-authtype = "custom"
          x-amazon-apigateway-authorizer = {
            type = "token", authorizerUri = aws_lambda_function.this["judge"].invoke_arn, authorizerResultTtlInSeconds = 0
          }
        }
      }
    }
    x-amazon-apigateway-request-validators = { body = { validateRequestBody = true, validateRequestParameters = false } }
    x-amazon-apigateway-gateway-responses = {
      BAD_REQUEST_BODY = { statusCode = 422, responseTemplates = { "application/json" = "{\"why\": \"$context.error.validationErrorString\"}" } }
    }
    x-amazon-apigateway-binary-media-types = ["image/png"]
    paths = {
      "/orders" = {
        post = {
          security                              = [{ judge = [] }, { api_key = [] }]
          x-amazon-apigateway-request-validator = "body"
          requestBody                           = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/Order" } } } }
          responses                             = { "200" = { description = "ok" } }
          x-amazon-apigateway-integration = {
            type = "aws_proxy", httpMethod = "POST", uri = aws_lambda_function.this["orders"].invoke_arn
          }
        }
        options = {
          responses = { "200" = { description = "ok", headers = { Access-Control-Allow-Origin = { schema = { type = "string" } } } } }
          x-amazon-apigateway-integration = {
            type             = "mock"
            requestTemplates = { "application/json" = "{\"statusCode\": 200}" }
            responses        = { default = { statusCode = "200", responseParameters = { "method.response.header.Access-Control-Allow-Origin" = "'*'" } } }
          }
        }
      }
      "/{proxy+}" = {
        x-amazon-apigateway-any-method = {
          parameters = [{ name = "proxy", in = "path", required = true, schema = { type = "string" } }]
          responses  = {}
          x-amazon-apigateway-integration = {
            type = "aws_proxy", httpMethod = "POST", uri = aws_lambda_function.this["orders"].invoke_arn
          }
        }
      }
    }
  })
}

resource "aws_api_gateway_deployment" "orders" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  triggers    = { body = sha1(aws_api_gateway_rest_api.orders.body) }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "live" {
  rest_api_id          = aws_api_gateway_rest_api.orders.id
  deployment_id        = aws_api_gateway_deployment.orders.id
  stage_name           = "live"
  xray_tracing_enabled = true
  variables            = { colour = "green" }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = "$context.requestId $context.status $context.authorizer.principalId"
  }
  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "*/*"
  settings {
    logging_level          = "INFO"
    metrics_enabled        = true
    throttling_rate_limit  = 100
    throttling_burst_limit = 50
  }
}

resource "aws_api_gateway_usage_plan" "gold" {
  name = "gold"
  api_stages {
    api_id = aws_api_gateway_rest_api.orders.id
    stage  = aws_api_gateway_stage.live.stage_name
    throttle {
      path        = "/orders/POST"
      rate_limit  = 50
      burst_limit = 20
    }
  }
  quota_settings {
    limit  = 1000
    period = "MONTH"
  }
  throttle_settings {
    rate_limit  = 80
    burst_limit = 40
  }
}

resource "aws_api_gateway_api_key" "client" {
  name = "client"
}

resource "aws_api_gateway_usage_plan_key" "client" {
  usage_plan_id = aws_api_gateway_usage_plan.gold.id
  key_id        = aws_api_gateway_api_key.client.id
  key_type      = "API_KEY"
}

resource "aws_api_gateway_domain_name" "orders" {
  domain_name              = "orders.example.com"
  regional_certificate_arn = local.certificate
  security_policy          = "TLS_1_2"
  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "v1" {
  domain_name = aws_api_gateway_domain_name.orders.domain_name
  api_id      = aws_api_gateway_rest_api.orders.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  base_path   = "v1"
}

# The rest of the provider's resources.

resource "aws_api_gateway_domain_name" "inside" {
  domain_name     = "inside.example.com"
  certificate_arn = local.certificate
  endpoint_configuration {
    types = ["PRIVATE"]
  }
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "execute-api:Invoke", Resource = "*" }]
  })
}

resource "aws_api_gateway_domain_name_access_association" "inside" {
  access_association_source      = "vpce-0123456789abcdef0"
  access_association_source_type = "VPCE"
  domain_name_arn                = aws_api_gateway_domain_name.inside.arn
}

resource "aws_api_gateway_rest_api" "put" {
  name = "put"
}

resource "aws_api_gateway_rest_api_put" "put" {
  rest_api_id      = aws_api_gateway_rest_api.put.id
  fail_on_warnings = false
  body = jsonencode({
    swagger = "2.0", info = { title = "put", version = "1" }, schemes = ["https"]
    paths = { "/a" = { get = { responses = {}, x-amazon-apigateway-integration = {
      type = "MOCK", requestTemplates = { "application/json" = "{\"statusCode\": 200}" }
    } } } }
  })
}

resource "aws_api_gateway_vpc_link" "inside" {
  name        = "inside"
  target_arns = ["arn:aws:elasticloadbalancing:us-east-1:222222222222:loadbalancer/net/inside/0123456789abcdef"]
}

data "aws_api_gateway_rest_api" "orders" {
  name       = "orders"
  depends_on = [aws_api_gateway_rest_api.orders]
}

data "aws_api_gateway_api_key" "client" {
  id = aws_api_gateway_api_key.client.id
}

data "aws_api_gateway_api_keys" "all" {
  depends_on = [aws_api_gateway_api_key.client]
}

data "aws_api_gateway_authorizers" "orders" {
  rest_api_id = aws_api_gateway_rest_api.orders.id
}

data "aws_api_gateway_authorizer" "judge" {
  rest_api_id   = aws_api_gateway_rest_api.orders.id
  authorizer_id = tolist(data.aws_api_gateway_authorizers.orders.ids)[0]
}

data "aws_api_gateway_domain_name" "orders" {
  domain_name = aws_api_gateway_domain_name.orders.domain_name
}

data "aws_api_gateway_vpc_link" "inside" {
  name       = "inside"
  depends_on = [aws_api_gateway_vpc_link.inside]
}

output "api" { value = aws_api_gateway_rest_api.orders.id }
output "key" {
  value     = aws_api_gateway_api_key.client.value
  sensitive = true
}
output "seen" {
  value = {
    api     = data.aws_api_gateway_rest_api.orders.id
    key     = data.aws_api_gateway_api_key.client.name
    keys    = length(data.aws_api_gateway_api_keys.all.items)
    judge   = data.aws_api_gateway_authorizer.judge.name
    domain  = data.aws_api_gateway_domain_name.orders.security_policy
    link    = data.aws_api_gateway_vpc_link.inside.status
    private = aws_api_gateway_domain_name.inside.domain_name_id != ""
  }
}
