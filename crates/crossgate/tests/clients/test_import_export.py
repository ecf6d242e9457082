"""APIs as documents: in, out and in again."""
import json

import pytest

from conftest import A, REGION
from front_door import MOCK, get, jwks, openapi, served  # noqa: F401


def run_uri(name):
    return (f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
            f"arn:aws:lambda:{REGION}:{A}:function:{name}/invocations")


def everything():
    """An OpenAPI 3.0 document with every extension of REST APIs that the guide lists ("OpenAPI extensions")."""
    def operation(integration, **more):
        return {"responses": {"200": {"description": "200 response"}}, "x-amazon-apigateway-integration": integration, **more}

    return {
        "openapi": "3.0.1",
        "info": {"title": "everything", "version": "2.5", "description": "has it all"},
        "servers": [{"url": "https://x.example/v1", "x-amazon-apigateway-endpoint-configuration": {
            "disableExecuteApiEndpoint": True}}],
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-binary-media-types": ["image/png", "application/x-zip"],
        "x-amazon-apigateway-minimum-compression-size": 512,
        "x-amazon-apigateway-policy": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]},
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True},
            "none": {"validateRequestBody": False, "validateRequestParameters": False}},
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {"statusCode": 418, "responseParameters": {
                "gatewayresponse.header.X": "'y'", "gatewayresponse.header.Y": "method.request.header.Z"},
                "responseTemplates": {"application/json": "{}", "text/plain": "no"}},
            "UNAUTHORIZED": {"responseTemplates": {"application/json": '{"why": $context.error.messageString}'}}},
        "x-amazon-apigateway-documentation": {"version": "1.0.3", "documentationParts": [
            {"location": {"type": "API"}, "properties": {"description": "the whole", "info": {"x": 1}}},
            {"location": {"type": "METHOD", "path": "/all/{id}", "method": "POST"}, "properties": {"summary": "posts"}},
            {"location": {"type": "PATH_PARAMETER", "path": "/all/{id}", "name": "id"}, "properties": {"description": "which"}},
            {"location": {"type": "RESPONSE", "path": "/all/{id}", "method": "POST", "statusCode": "200"},
             "properties": {"description": "fine"}},
            {"location": {"type": "MODEL", "name": "User"}, "properties": {"title": "a user"}}]},
        "components": {
            "schemas": {
                "User": {"type": "object", "properties": {"friends": {"type": "array", "items": {
                    "$ref": "#/components/schemas/User"}}, "name": {"$ref": "#/components/schemas/Name"}}},
                "Name": {"type": "string", "maxLength": 9}},
            "parameters": {"Page": {"name": "page", "in": "query", "schema": {"type": "integer"}}},
            "responses": {"Gone": {"description": "410 response", "headers": {"X-Gone": {"schema": {"type": "string"}}}}},
            "requestBodies": {"User": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}},
            "securitySchemes": {
                "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header",
                          "x-amazon-apigateway-authtype": "awsSigv4"},
                "tokens": {"type": "apiKey", "name": "X-Token", "in": "header",
                           "x-amazon-apigateway-authtype": "oauth2", "x-amazon-apigateway-authorizer": {
                               "type": "token", "authorizerUri": run_uri("tokens"), "authorizerResultTtlInSeconds": 60,
                               "authorizerCredentials": f"arn:aws:iam::{A}:role/tokens",
                               "identityValidationExpression": "^x-[a-z]+"}},
                "requests": {"type": "apiKey", "name": "Unused", "in": "header",
                             "x-amazon-apigateway-authtype": "custom", "x-amazon-apigateway-authorizer": {
                                 "type": "request", "authorizerUri": run_uri("requests"), "authorizerResultTtlInSeconds": 0,
                                 "identitySource": "method.request.header.A,method.request.querystring.b"}},
                "pool": {"type": "apiKey", "name": "Authorization", "in": "header",
                         "x-amazon-apigateway-authtype": "cognito_user_pools", "x-amazon-apigateway-authorizer": {
                             "type": "cognito_user_pools",
                             "providerARNs": [f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbCdEf"]}}},
            "x-amazon-apigateway-integrations": {"shared": {
                "type": "http_proxy", "httpMethod": "ANY", "uri": "https://x.example/{proxy}", "timeoutInMillis": 1234,
                "passthroughBehavior": "when_no_match", "tlsConfig": {"insecureSkipVerification": True},
                "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
                "cacheNamespace": "shared", "cacheKeyParameters": ["method.request.path.proxy"]}}},
        "security": [{"key": []}],
        "paths": {
            "/": {"get": operation(MOCK, security=[])},
            "/all/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                               {"$ref": "#/components/parameters/Page"}],
                "post": operation({
                    "type": "aws", "httpMethod": "POST", "uri": run_uri("all"), "credentials": f"arn:aws:iam::{A}:role/r",
                    "contentHandling": "CONVERT_TO_TEXT", "passthroughBehavior": "never",
                    "requestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
                    "requestTemplates": {"application/json": "#set ($root=$input.path('$')) {}", "text/plain": "x"},
                    "responses": {"4\\d{2}": {"statusCode": "410", "responseParameters": {
                        "method.response.header.X-Gone": "'yes'"}, "contentHandling": "CONVERT_TO_BINARY"},
                        "default": {"statusCode": 200, "responseTemplates": {"application/json": "$input.json('$')"}}}},
                    operationId="postAll", requestBody={"$ref": "#/components/requestBodies/User"},
                    security=[{"tokens": []}, {"key": []}],
                    responses={"200": {"description": "200 response", "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/User"}}}},
                        "410": {"$ref": "#/components/responses/Gone"}},
                    **{"x-amazon-apigateway-request-validator": "none"}),
                "get": operation(MOCK, security=[{"requests": []}]),
                "put": operation(MOCK, security=[{"pool": ["a/read", "a/write"]}]),
                "delete": operation(MOCK, security=[{"sigv4": []}]),
                "patch": operation(MOCK, **{"x-amazon-apigateway-auth": {"type": "AWS_IAM"}}),
                "options": operation({**MOCK, "responses": {"default": {"statusCode": "200", "responseParameters": {
                    "method.response.header.Access-Control-Allow-Origin": "'*'"}}}}, security=[], responses={"200": {
                        "description": "200 response",
                        "headers": {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}}}})},
            "/rest/{proxy+}": {"x-amazon-apigateway-any-method": operation(
                {"$ref": "#/components/x-amazon-apigateway-integrations/shared"},
                parameters=[{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}])},
        }}


def content(gateway, api, exported=None):
    """All that an API is, without what only tells one from another. A policy names the API that it was exported from."""
    settings = gateway.get_rest_api(restApiId=api)
    for member in ("id", "createdDate", "rootResourceId", "ResponseMetadata", "tags", "warnings"):
        settings.pop(member, None)
    if "policy" in settings:
        settings["policy"] = settings["policy"].replace(exported or api, "API")
    named = {}
    for what, method in (("authorizers", gateway.get_authorizers), ("validators", gateway.get_request_validators)):
        items = method(restApiId=api, limit=500)["items"]
        named |= {item["id"]: item["name"] for item in items}
        settings[what] = sorted(({k: v for k, v in item.items() if k != "id"} for item in items), key=lambda i: i["name"])
    settings["models"] = {m["name"]: (json.loads(m["schema"].replace(api, "API")), m["contentType"], m.get("description"))
                          for m in gateway.get_models(restApiId=api, limit=500)["items"]}
    settings["responses"] = [r for r in gateway.get_gateway_responses(restApiId=api, limit=500)["items"]
                             if not r["defaultResponse"]]
    settings["documentation"] = sorted(
        ((part["location"], json.loads(part["properties"]))
         for part in gateway.get_documentation_parts(restApiId=api, limit=500)["items"]), key=str)
    settings["resources"] = {}
    for resource in gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]:
        methods = resource.get("resourceMethods", {})
        for method in methods.values():
            for member in ("authorizerId", "requestValidatorId"):
                if member in method:
                    method[member] = named[method[member]]
            integration = method.get("methodIntegration", {})
            if integration.get("cacheNamespace") == resource["id"]:
                integration["cacheNamespace"] = "its own"
        settings["resources"][resource["path"]] = methods
    return settings


def test_everything_that_is_imported_is_exported(served):
    gateway = served.client("apigateway", A)
    made = gateway.import_rest_api(body=json.dumps(everything()), failOnWarnings=True)
    assert "warnings" not in made
    first = content(gateway, made["id"])
    # That the comparison below is not about nothing.
    assert (first["apiKeySource"], first["minimumCompressionSize"], first["disableExecuteApiEndpoint"]) == ("AUTHORIZER", 512, True)
    methods = first["resources"]["/all/{id}"]
    assert {verb: (m["authorizationType"], m["apiKeyRequired"]) for verb, m in methods.items()} == {
        "POST": ("CUSTOM", True), "GET": ("CUSTOM", False), "PUT": ("COGNITO_USER_POOLS", False),
        "DELETE": ("AWS_IAM", False), "PATCH": ("AWS_IAM", True), "OPTIONS": ("NONE", False)}
    assert methods["POST"]["methodIntegration"]["integrationResponses"]["200"]["statusCode"] == "200"
    assert methods["POST"]["requestValidatorId"] == "none" and methods["GET"]["requestValidatorId"] == "all"
    assert methods["PUT"]["authorizationScopes"] == ["a/read", "a/write"]
    assert first["resources"]["/rest/{proxy+}"]["ANY"]["methodIntegration"]["timeoutInMillis"] == 1234
    assert len(first["documentation"]) == 5 and len(first["responses"]) == 2 and len(first["authorizers"]) == 3
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    gateway.update_stage(restApiId=made["id"], stageName="prod", patchOperations=[
        {"op": "replace", "path": "/documentationVersion", "value": "1.0.3"}])
    for kind in ("oas30", "swagger"):
        for accepts in ("application/json", "application/yaml"):
            text = gateway.get_export(restApiId=made["id"], stageName="prod", exportType=kind, accepts=accepts,
                                      parameters={"extensions": "apigateway,documentation"})["body"].read()
            again = gateway.import_rest_api(body=text, failOnWarnings=True)["id"]
            second = content(gateway, again, made["id"])
            for part in first:
                assert second.get(part) == first[part], (kind, accepts, part)
            assert second.keys() == first.keys()
            # Into an API that exists: what was there goes, ids stay.
            other = gateway.create_rest_api(name="other")
            gateway.create_resource(restApiId=other["id"], parentId=other["rootResourceId"], pathPart="gone")
            put = gateway.put_rest_api(restApiId=other["id"], mode="overwrite", body=text, failOnWarnings=True)
            assert (put["id"], put["rootResourceId"]) == (other["id"], other["rootResourceId"])
            assert content(gateway, other["id"], made["id"]) == first, (kind, accepts)
            for api in (again, other["id"]):
                gateway.delete_rest_api(restApiId=api)


GONE = {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}


@pytest.mark.parametrize("document, warning", [
    (openapi({"/x": get(responses={"200": {"description": "ok", "content": GONE}})}),
     "Parse issue: attribute paths.'/x'(get).responses.200.content.schema.#/components/schemas/Gone is missing"),
    (openapi({"/x": get(requestBody={"content": GONE})}),
     "Parse issue: attribute paths.'/x'(get).requestBody.content.schema.#/components/schemas/Gone is missing"),
    (openapi({"x": get()}), "Parse issue: attribute paths. Resource x should start with /"),
])
def test_warnings_of_an_import(served, document, warning):
    """Guide, "Errors and warnings during import"; the texts as terraform-provider-aws and moto record them."""
    gateway = served.client("apigateway", A)
    made = gateway.import_rest_api(body=document)
    assert made["warnings"] == [warning]
    assert [r["path"] for r in gateway.get_resources(restApiId=made["id"])["items"] if "resourceMethods" in r] == ["/x"]
    before = len(gateway.get_rest_apis(limit=500)["items"])
    with pytest.raises(gateway.exceptions.BadRequestException) as refused:
        gateway.import_rest_api(body=document, failOnWarnings=True)
    assert refused.value.response["Error"]["Message"] == f"Warnings found during import:\n\t{warning}"
    with pytest.raises(gateway.exceptions.BadRequestException):
        gateway.put_rest_api(restApiId=made["id"], body=document, failOnWarnings=True)
    assert len(gateway.get_rest_apis(limit=500)["items"]) == before, "nothing is left of what was refused"


@pytest.mark.parametrize("document, says", [
    (openapi({"/x": get(**{"x-amazon-apigateway-integration": {"type": "nope"}})}), "Input.type' failed to satisfy constraint"),
    (openapi({}, **{"x-amazon-apigateway-gateway-responses": {"NOPE": {}}}), "'responseType' failed to satisfy constraint"),
    (openapi({"/x": {"$ref": "#/paths/~1x"}}), "leads back to itself"),
    (openapi({"/x": get(responses={"200": {"$ref": "#/components/responses/gone"}})}), "Unable to resolve the reference"),
])
def test_errors_of_an_import(served, document, says):
    gateway = served.client("apigateway", A)
    with pytest.raises(gateway.exceptions.BadRequestException) as refused:
        gateway.import_rest_api(body=document)
    assert says in refused.value.response["Error"]["Message"]


def test_base_paths_modes_and_parts_of_documents(served):
    gateway = served.client("apigateway", A)
    paths = lambda api: sorted(r["path"] for r in gateway.get_resources(restApiId=api)["items"])
    swagger = json.dumps({"swagger": "2.0", "basePath": "/a/b", "info": {"title": "t", "version": "1"}, "paths": {"/x": get()}})
    served_at = openapi({"/x": get()}, servers=[{
        "url": "https://host.example/{base}/b", "variables": {"base": {"default": "a"}}}])
    for document in (swagger, served_at):
        for mode, expected in ((None, ["/", "/x"]), ("ignore", ["/", "/x"]), ("prepend", ["/", "/a", "/a/b", "/a/b/x"]),
                               ("split", ["/", "/b", "/b/x"])):
            made = gateway.import_rest_api(body=document, parameters={"basepath": mode} if mode else {})
            assert paths(made["id"]) == expected, mode
    # Merge keeps what the document does not have, and replaces methods as a whole.
    api = gateway.import_rest_api(body=openapi({"/x": {**get(operationId="old"), "post": get()["get"]}, "/y": get()}))["id"]
    gateway.put_rest_api(restApiId=api, mode="merge", body=openapi({"/x": get(operationId="new"), "/z": get()}))
    assert paths(api) == ["/", "/x", "/y", "/z"]
    methods = gateway.get_resource(restApiId=api, resourceId=served.resource_id(api, "/x"), embed=["methods"])["resourceMethods"]
    assert methods["GET"]["operationName"] == "new" and "POST" in methods
    gateway.put_rest_api(restApiId=api, mode="overwrite", body=openapi({"/x": get()}))
    assert paths(api) == ["/", "/x"]
    # The documentation can be left out of an import, and each extension asked for in an export.
    body = json.dumps(everything())
    without = gateway.import_rest_api(body=body, parameters={"ignore": "documentation"})["id"]
    assert gateway.get_documentation_parts(restApiId=without)["items"] == []
    api = gateway.import_rest_api(body=body)["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/documentationVersion", "value": "1.0.3"}])
    marks = {"integrations": '"x-amazon-apigateway-integration"', "authorizers": '"x-amazon-apigateway-authorizer"',
             "documentation": '"x-amazon-apigateway-documentation"',
             "validators": '"x-amazon-apigateway-request-validators"',
             "gatewayresponses": '"x-amazon-apigateway-gateway-responses"'}
    for extension in marks:
        text = gateway.get_export(restApiId=api, stageName="prod", exportType="oas30",
                                  parameters={"extensions": extension})["body"].read().decode()
        assert [name for name, mark in marks.items() if mark in text] == [extension]


def test_a_reference_into_a_model(served):
    gateway = served.client("apigateway", A)
    schemas = {"User": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}},
               "Greeting": {"type": "object", "properties": {"to": {"$ref": "#/components/schemas/User/properties/name"}}}}
    document = openapi(
        {"/x": {"post": {**get()["get"], "x-amazon-apigateway-request-validator": "body", "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Greeting"}}}}}}},
        components={"schemas": schemas},
        **{"x-amazon-apigateway-request-validators": {
            "body": {"validateRequestBody": True, "validateRequestParameters": False}}})
    api = gateway.import_rest_api(body=document, failOnWarnings=True)["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    post = lambda body: served.get(api, "/prod/x", method="POST", body=body, headers={"Content-Type": "application/json"})
    assert post(b'{"to": "ann"}').status == 200
    assert post(b'{"to": "anna"}').json == {"message": "Invalid request body"}
    for kind, place in (("oas30", ["components", "schemas"]), ("swagger", ["definitions"])):
        shown = json.loads(gateway.get_export(restApiId=api, stageName="prod", exportType=kind)["body"].read())
        for member in place:
            shown = shown[member]
        assert shown["Greeting"]["properties"]["to"]["$ref"] == f"#/{'/'.join(place)}/User/properties/name"


def test_a_merge_replaces_authorizers_and_validators_in_place(served):
    """Methods that the document does not mention go on being guarded and validated."""
    gateway = served.client("apigateway", A)
    validators = lambda parameters: {"x-amazon-apigateway-request-validators": {
        "v": {"validateRequestBody": False, "validateRequestParameters": parameters}}}
    scheme = lambda ttl: {"components": {"securitySchemes": {"judge": {
        "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": run_uri("judge"),
                                           "authorizerResultTtlInSeconds": ttl}}}}}
    guarded = get(security=[{"judge": []}])
    checked = get(**{"x-amazon-apigateway-request-validator": "v", "parameters": [
        {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}]})
    api = gateway.import_rest_api(body=openapi({"/guarded": guarded, "/checked": checked}, **scheme(1), **validators(False)))["id"]
    method = lambda path: gateway.get_method(restApiId=api, resourceId=served.resource_id(api, path), httpMethod="GET")
    before = method("/guarded")["authorizerId"], method("/checked")["requestValidatorId"]
    gateway.put_rest_api(restApiId=api, mode="merge", body=openapi({"/more": get()}, **scheme(2), **validators(True)))
    assert (method("/guarded")["authorizerId"], method("/checked")["requestValidatorId"]) == before
    assert gateway.get_authorizer(restApiId=api, authorizerId=before[0])["authorizerResultTtlInSeconds"] == 2
    assert len(gateway.get_authorizers(restApiId=api)["items"]) == len(gateway.get_request_validators(restApiId=api)["items"]) == 1
    gateway.create_deployment(restApiId=api, stageName="prod")
    assert served.get(api, "/prod/checked").json == {"message": "Missing required request parameters: [q]"}
    assert served.get(api, "/prod/guarded").status == 401
