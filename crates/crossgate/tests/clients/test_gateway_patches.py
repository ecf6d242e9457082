"""Every path and operation of AWS's table "Patch Operations" (API reference) is taken, and shows in the answer."""
import json

import pytest

from conftest import A, REGION
from test_domains import CERTIFICATE

ROLE = f"arn:aws:iam::{A}:role/apigw-exec"
LAMBDA = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{A}:function:f/invocations"
POOL = f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_"


@pytest.fixture(scope="module")
def api(shared):
    """An API with one of everything; gives the client and what names each."""
    gateway = shared.client("apigateway", A)
    shared.role()
    rest = gateway.create_rest_api(name="patched")
    at = dict(restApiId=rest["id"])
    method = dict(at, resourceId=rest["rootResourceId"], httpMethod="GET")
    authorizer = gateway.create_authorizer(**at, name="token", type="TOKEN", authorizerUri=LAMBDA,
                                           identitySource="method.request.header.Authorization")["id"]
    pools = gateway.create_authorizer(**at, name="pools", type="COGNITO_USER_POOLS", providerARNs=[POOL + "A"])["id"]
    validator = gateway.create_request_validator(**at, name="v")["id"]
    gateway.put_method(**method, authorizationType="NONE", requestParameters={"method.request.querystring.q": False})
    gateway.put_method_response(**method, statusCode="200", responseParameters={"method.response.header.X": False})
    gateway.put_integration(**method, type="HTTP", uri="http://example.com", integrationHttpMethod="GET")
    gateway.put_integration_response(**method, statusCode="200")
    deployment = gateway.create_deployment(**at, stageName="prod")["id"]
    child = gateway.create_resource(**at, parentId=rest["rootResourceId"], pathPart="a")["id"]
    parent = gateway.create_resource(**at, parentId=rest["rootResourceId"], pathPart="b")["id"]
    part = gateway.create_documentation_part(**at, location={"type": "API"}, properties="{}")["id"]
    gateway.create_documentation_version(**at, documentationVersion="1")
    gateway.create_model(**at, name="M", contentType="application/json", schema='{"type":"object"}')
    plan = gateway.create_usage_plan(name="plan")["id"]
    key = gateway.create_api_key(name="key")["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    gateway.create_domain_name(domainName="patched.example.com", regionalCertificateArn=CERTIFICATE,
                               endpointConfiguration={"types": ["REGIONAL"]})
    gateway.create_base_path_mapping(domainName="patched.example.com", restApiId=rest["id"])
    link = gateway.create_vpc_link(name="link", targetArns=[
        f"arn:aws:elasticloadbalancing:{REGION}:{A}:loadbalancer/net/x/0123456789abcdef"])["id"]
    certificate = gateway.generate_client_certificate()["clientCertificateId"]
    names = {
        "account": {}, "rest_api": at, "method": method, "integration": method, "method_response": dict(method, statusCode="200"),
        "integration_response": dict(method, statusCode="200"), "resource": dict(at, resourceId=child),
        "authorizer": dict(at, authorizerId=authorizer), "pools": dict(at, authorizerId=pools),
        "request_validator": dict(at, requestValidatorId=validator), "model": dict(at, modelName="M"),
        "deployment": dict(at, deploymentId=deployment), "stage": dict(at, stageName="prod"),
        "gateway_response": dict(at, responseType="DEFAULT_4XX"), "api_key": dict(apiKey=key),
        "usage_plan": dict(usagePlanId=plan), "usage": dict(usagePlanId=plan, keyId=key),
        "documentation_part": dict(at, documentationPartId=part),
        "documentation_version": dict(at, documentationVersion="1"),
        "domain_name": dict(domainName="patched.example.com"),
        "base_path_mapping": dict(domainName="patched.example.com", basePath="(none)"),
        "vpc_link": dict(vpcLinkId=link), "client_certificate": dict(clientCertificateId=certificate),
    }
    values = {"VALIDATOR": validator, "DEPLOYMENT": deployment, "PARENT": parent,
              "CERTIFICATE": certificate, "API": rest["id"], "STAGE": f"{rest['id']}:prod",
              "POLICY": json.dumps({"Version": "2012-10-17", "Statement": [{
                  "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}]})}
    return gateway, names, values


def found(document, path):
    """The member of a dotted path; None when it is not there."""
    for name in path.split(">"):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    return document


# What is patched, the operation, the path, the value, and what the answer then has (`>` goes into a member).
TABLE = [
    ("account", "replace", "/cloudwatchRoleArn", ROLE, "cloudwatchRoleArn", ROLE),
    ("rest_api", "replace", "/name", "new", "name", "new"),
    ("rest_api", "replace", "/description", "new", "description", "new"),
    ("rest_api", "replace", "/version", "2", "version", "2"),
    ("rest_api", "replace", "/apiKeySource", "AUTHORIZER", "apiKeySource", "AUTHORIZER"),
    ("rest_api", "add", "/binaryMediaTypes/image~1png", None, "binaryMediaTypes", ["image/png"]),
    ("rest_api", "replace", "/binaryMediaTypes/image~1png", "image/gif", "binaryMediaTypes", ["image/gif"]),
    ("rest_api", "remove", "/binaryMediaTypes/image~1gif", None, "binaryMediaTypes", None),
    ("rest_api", "replace", "/minimumCompressionSize", "10", "minimumCompressionSize", 10),
    ("rest_api", "replace", "/disableExecuteApiEndpoint", "true", "disableExecuteApiEndpoint", True),
    ("rest_api", "replace", "/endpointConfiguration/types/EDGE", "REGIONAL", "endpointConfiguration>types", ["REGIONAL"]),
    ("rest_api", "replace", "/policy", "POLICY", "policy", Ellipsis),
    ("method", "replace", "/apiKeyRequired", "true", "apiKeyRequired", True),
    ("method", "replace", "/operationName", "op", "operationName", "op"),
    ("method", "replace", "/requestValidatorId", "VALIDATOR", "requestValidatorId", "VALIDATOR"),
    ("method", "add", "/requestParameters/method.request.header.X", "true", "requestParameters>method.request.header.X", True),
    ("method", "replace", "/requestParameters/method.request.header.X", "false",
     "requestParameters>method.request.header.X", False),
    ("method", "remove", "/requestParameters/method.request.header.X", None, "requestParameters>method.request.header.X", None),
    ("method", "add", "/requestModels/application~1json", "M", "requestModels>application/json", "M"),
    ("method", "remove", "/requestModels/application~1json", None, "requestModels>application/json", None),
    ("method", "replace", "/authorizationType", "AWS_IAM", "authorizationType", "AWS_IAM"),
    ("method_response", "add", "/responseParameters/method.response.header.Y", "false",
     "responseParameters>method.response.header.Y", False),
    ("method_response", "replace", "/responseParameters/method.response.header.Y", "true",
     "responseParameters>method.response.header.Y", True),
    ("method_response", "remove", "/responseParameters/method.response.header.Y", None,
     "responseParameters>method.response.header.Y", None),
    ("method_response", "add", "/responseModels/application~1json", "Empty", "responseModels>application/json", "Empty"),
    ("method_response", "replace", "/responseModels/application~1json", "Error", "responseModels>application/json", "Error"),
    ("method_response", "remove", "/responseModels/application~1json", None, "responseModels", None),
    ("integration", "replace", "/uri", "http://example.org", "uri", "http://example.org"),
    ("integration", "replace", "/httpMethod", "POST", "httpMethod", "POST"),
    ("integration", "replace", "/credentials", ROLE, "credentials", ROLE),
    ("integration", "replace", "/passthroughBehavior", "NEVER", "passthroughBehavior", "NEVER"),
    ("integration", "replace", "/contentHandling", "CONVERT_TO_TEXT", "contentHandling", "CONVERT_TO_TEXT"),
    ("integration", "replace", "/timeoutInMillis", "1000", "timeoutInMillis", 1000),
    ("integration", "replace", "/cacheNamespace", "n", "cacheNamespace", "n"),
    ("integration", "add", "/cacheKeyParameters/method.request.querystring.q", "", "cacheKeyParameters",
     ["method.request.querystring.q"]),
    ("integration", "remove", "/cacheKeyParameters/method.request.querystring.q", None, "cacheKeyParameters", []),
    ("integration", "replace", "/tlsConfig/insecureSkipVerification", "true", "tlsConfig>insecureSkipVerification", True),
    ("integration", "add", "/requestParameters/integration.request.header.X", "'x'",
     "requestParameters>integration.request.header.X", "'x'"),
    ("integration", "replace", "/requestParameters/integration.request.header.X", "'y'",
     "requestParameters>integration.request.header.X", "'y'"),
    ("integration", "remove", "/requestParameters/integration.request.header.X", None, "requestParameters", None),
    ("integration", "add", "/requestTemplates/application~1json", "{}", "requestTemplates>application/json", "{}"),
    ("integration", "replace", "/requestTemplates/application~1json", "[]", "requestTemplates>application/json", "[]"),
    ("integration", "remove", "/requestTemplates/application~1json", None, "requestTemplates", None),
    ("integration_response", "replace", "/selectionPattern", "2..", "selectionPattern", "2.."),
    ("integration_response", "replace", "/contentHandling", "CONVERT_TO_BINARY", "contentHandling", "CONVERT_TO_BINARY"),
    ("integration_response", "add", "/responseParameters/method.response.header.X", "'x'",
     "responseParameters>method.response.header.X", "'x'"),
    ("integration_response", "remove", "/responseParameters/method.response.header.X", None, "responseParameters", None),
    ("integration_response", "add", "/responseTemplates/application~1json", "{}", "responseTemplates>application/json", "{}"),
    ("integration_response", "replace", "/responseTemplates/application~1json", "[]", "responseTemplates>application/json", "[]"),
    ("resource", "replace", "/pathPart", "c", "path", "/c"),
    ("resource", "replace", "/parentId", "PARENT", "path", "/b/c"),
    ("authorizer", "replace", "/name", "new", "name", "new"),
    ("authorizer", "replace", "/authorizerCredentials", ROLE, "authorizerCredentials", ROLE),
    ("authorizer", "replace", "/authorizerResultTtlInSeconds", "10", "authorizerResultTtlInSeconds", 10),
    ("authorizer", "replace", "/authorizerUri", LAMBDA.replace(":f/", ":g/"), "authorizerUri", LAMBDA.replace(":f/", ":g/")),
    ("authorizer", "replace", "/identitySource", "method.request.header.Auth", "identitySource", "method.request.header.Auth"),
    ("authorizer", "replace", "/identityValidationExpression", "x.*", "identityValidationExpression", "x.*"),
    ("authorizer", "replace", "/authType", "custom", "authType", "custom"),
    ("pools", "add", "/providerARNs", POOL + "B", "providerARNs", [POOL + "A", POOL + "B"]),
    ("pools", "remove", "/providerARNs", POOL + "A", "providerARNs", [POOL + "B"]),
    ("request_validator", "replace", "/name", "new", "name", "new"),
    ("request_validator", "replace", "/validateRequestBody", "true", "validateRequestBody", True),
    ("request_validator", "replace", "/validateRequestParameters", "true", "validateRequestParameters", True),
    ("model", "replace", "/description", "new", "description", "new"),
    ("model", "replace", "/schema", '{"type":"string"}', "schema", '{"type":"string"}'),
    ("deployment", "replace", "/description", "new", "description", "new"),
    ("stage", "replace", "/description", "new", "description", "new"),
    ("stage", "replace", "/cacheClusterEnabled", "true", "cacheClusterEnabled", True),
    ("stage", "replace", "/cacheClusterSize", "1.6", "cacheClusterSize", "1.6"),
    ("stage", "replace", "/clientCertificateId", "CERTIFICATE", "clientCertificateId", "CERTIFICATE"),
    ("stage", "replace", "/documentationVersion", "1", "documentationVersion", "1"),
    ("stage", "replace", "/tracingEnabled", "true", "tracingEnabled", True),
    ("stage", "replace", "/deploymentId", "DEPLOYMENT", "deploymentId", "DEPLOYMENT"),
    ("stage", "add", "/variables/a", "1", "variables>a", "1"),
    ("stage", "replace", "/variables/a", "2", "variables>a", "2"),
    ("stage", "remove", "/variables/a", None, "variables>a", None),
    ("stage", "replace", "/*/*/metrics/enabled", "true", "methodSettings>*/*>metricsEnabled", True),
    ("stage", "replace", "/*/*/logging/loglevel", "INFO", "methodSettings>*/*>loggingLevel", "INFO"),
    ("stage", "replace", "/*/*/logging/dataTrace", "true", "methodSettings>*/*>dataTraceEnabled", True),
    ("stage", "replace", "/*/*/throttling/burstLimit", "5", "methodSettings>*/*>throttlingBurstLimit", 5),
    ("stage", "replace", "/*/*/throttling/rateLimit", "2.5", "methodSettings>*/*>throttlingRateLimit", 2.5),
    ("stage", "replace", "/*/*/caching/enabled", "true", "methodSettings>*/*>cachingEnabled", True),
    ("stage", "replace", "/*/*/caching/ttlInSeconds", "60", "methodSettings>*/*>cacheTtlInSeconds", 60),
    ("stage", "replace", "/*/*/caching/dataEncrypted", "true", "methodSettings>*/*>cacheDataEncrypted", True),
    ("stage", "replace", "/*/*/caching/requireAuthorizationForCacheControl", "false",
     "methodSettings>*/*>requireAuthorizationForCacheControl", False),
    ("stage", "replace", "/*/*/caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403",
     "methodSettings>*/*>unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"),
    ("stage", "remove", "/*/*", None, "methodSettings>*/*", None),
    ("stage", "replace", "/accessLogSettings/destinationArn", f"arn:aws:logs:{REGION}:{A}:log-group:x",
     "accessLogSettings>destinationArn", f"arn:aws:logs:{REGION}:{A}:log-group:x"),
    ("stage", "replace", "/accessLogSettings/format", "$context.requestId", "accessLogSettings>format", "$context.requestId"),
    ("stage", "remove", "/accessLogSettings", None, "accessLogSettings", None),
    ("stage", "replace", "/canarySettings/percentTraffic", "10", "canarySettings>percentTraffic", 10.0),
    ("stage", "replace", "/canarySettings/useStageCache", "true", "canarySettings>useStageCache", True),
    ("stage", "remove", "/canarySettings", None, "canarySettings", None),
    ("gateway_response", "replace", "/statusCode", "418", "statusCode", "418"),
    ("gateway_response", "add", "/responseParameters/gatewayresponse.header.X", "'x'",
     "responseParameters>gatewayresponse.header.X", "'x'"),
    ("gateway_response", "replace", "/responseParameters/gatewayresponse.header.X", "'y'",
     "responseParameters>gatewayresponse.header.X", "'y'"),
    ("gateway_response", "remove", "/responseParameters/gatewayresponse.header.X", None, "responseParameters", {}),
    ("gateway_response", "add", "/responseTemplates/text~1plain", "x", "responseTemplates>text/plain", "x"),
    ("gateway_response", "remove", "/responseTemplates/text~1plain", None, "responseTemplates>text/plain", None),
    ("api_key", "replace", "/name", "new", "name", "new"),
    ("api_key", "replace", "/description", "new", "description", "new"),
    ("api_key", "replace", "/enabled", "true", "enabled", True),
    ("api_key", "replace", "/customerId", "c", "customerId", "c"),
    ("api_key", "add", "/stages", "API/prod", "stageKeys", ["API/prod"]),
    ("api_key", "remove", "/stages", "API/prod", "stageKeys", []),
    ("usage_plan", "replace", "/name", "new", "name", "new"),
    ("usage_plan", "replace", "/description", "new", "description", "new"),
    ("usage_plan", "replace", "/productCode", "p", "productCode", "p"),
    ("usage_plan", "add", "/apiStages", "STAGE", "apiStages", [{"apiId": "API", "stage": "prod"}]),
    ("usage_plan", "replace", "/apiStages/STAGE/throttle/~1/GET/rateLimit", "5", "apiStages", Ellipsis),
    ("usage_plan", "replace", "/apiStages/STAGE/throttle/~1/GET/burstLimit", "5", "apiStages",
     [{"apiId": "API", "stage": "prod", "throttle": {"//GET": {"burstLimit": 5, "rateLimit": 5.0}}}]),
    ("usage_plan", "remove", "/apiStages/STAGE/throttle", None, "apiStages", [{"apiId": "API", "stage": "prod"}]),
    ("usage_plan", "remove", "/apiStages", "STAGE", "apiStages", []),
    ("usage_plan", "replace", "/throttle/burstLimit", "7", "throttle>burstLimit", 7),
    ("usage_plan", "replace", "/throttle/rateLimit", "7", "throttle>rateLimit", 7.0),
    ("usage_plan", "remove", "/throttle", None, "throttle", None),
    ("usage_plan", "replace", "/quota/period", "DAY", "quota>period", "DAY"),
    ("usage_plan", "replace", "/quota/limit", "7", "quota>limit", 7),
    ("usage_plan", "replace", "/quota/offset", "0", "quota>offset", 0),
    ("usage", "replace", "/remaining", "3", "items", Ellipsis),
    ("usage_plan", "remove", "/quota", None, "quota", None),
    ("documentation_part", "replace", "/properties", '{"a":1}', "properties", '{"a":1}'),
    ("documentation_version", "replace", "/description", "new", "description", "new"),
    ("domain_name", "replace", "/securityPolicy", "TLS_1_2", "securityPolicy", "TLS_1_2"),
    ("domain_name", "replace", "/regionalCertificateArn", CERTIFICATE, "regionalCertificateArn", CERTIFICATE),
    ("base_path_mapping", "replace", "/restapiId", "API", "restApiId", "API"),
    ("base_path_mapping", "replace", "/stage", "prod", "stage", "prod"),
    ("base_path_mapping", "replace", "/basePath", "v1", "basePath", "v1"),
    ("vpc_link", "replace", "/name", "new", "name", "new"),
    ("vpc_link", "replace", "/description", "new", "description", "new"),
    ("client_certificate", "replace", "/description", "new", "description", "new"),
]


def test_every_patch_of_the_table(api):
    gateway, names, values = api
    wrong = []

    def filled(value):
        if isinstance(value, str):
            for name, real in values.items():
                value = value.replace(name, real) if name in ("API", "STAGE") else real if value == name else value
            return value
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, dict):
            return {filled(k): filled(v) for k, v in value.items()}
        return value

    for what, op, path, value, member, expected in TABLE:
        # The stage's name holds the API's.
        operation = {"op": op, "path": path.replace("STAGE", values["STAGE"])}
        if value is not None:
            operation["value"] = filled(value)
        update = getattr(gateway, "update_authorizer" if what == "pools" else f"update_{what}")
        try:
            answer = update(**names[what], patchOperations=[operation])
        except gateway.exceptions.ClientError as error:
            wrong.append((what, op, path, str(error)))
            continue
        got = found(answer, member)
        if expected is Ellipsis and got or got == filled(expected):
            continue
        wrong.append((what, op, path, got))
    assert not wrong, "\n".join(map(str, wrong))
