use super::*;

const USERS: &str = r##"
openapi: 3.0.1
info: {title: users, version: "1.0", description: d}
servers: [{url: "https://x.example/a/b"}]
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-request-validators:
  all: {validateRequestBody: true, validateRequestParameters: true}
x-amazon-apigateway-request-validator: all
x-amazon-apigateway-gateway-responses:
  DEFAULT_4XX: {statusCode: 418, responseParameters: {gatewayresponse.header.X: "'y'"}}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: getUser
      parameters: [{name: page, in: query, schema: {type: integer}}]
      security: [{auth: []}, {api_key: []}]
      responses:
        "200":
          description: ok
          headers: {X-A: {schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/User"}}}
        default: {description: other}
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111111111111:function:f/invocations
    post:
      requestBody: {content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}}
      security: [{sigv4: []}]
      responses: {"200": {description: ok}, "400": {description: bad}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        passthroughBehavior: when_no_templates
        responses:
          default: {statusCode: "200"}
          "4..": {statusCode: "400", responseTemplates: {application/json: "{}"}}
components:
  schemas:
    User: {type: object, description: who, properties: {name: {$ref: "#/components/schemas/Name"}}}
    Name: {type: string}
  securitySchemes:
    api_key: {type: apiKey, name: x-api-key, in: header}
    sigv4: {type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}
    auth:
      type: apiKey
      name: X-Token
      in: header
      x-amazon-apigateway-authtype: custom
      x-amazon-apigateway-authorizer:
        type: token
        authorizerUri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111111111111:function:a/invocations
        authorizerResultTtlInSeconds: 60
"##;

fn import(b: &Bench, document: &str, more: Value) -> Result<Value, ApiError> {
    let mut call = call("ImportRestApi", more);
    call.payload = document.to_owned().into();
    b.raw(&call)
}

fn resource_paths(b: &Bench, api: &str) -> Vec<String> {
    let listed = b.ok("GetResources", json!({ "restApiId": api }));
    listed["items"].as_array().unwrap().iter().map(|item| text(item, "path")).collect()
}

fn method(b: &Bench, api: &str, path: &str, verb: &str) -> Value {
    let listed = b.ok("GetResources", json!({ "restApiId": api }));
    let item = listed["items"].as_array().unwrap().iter().find(|item| item["path"] == path).unwrap().clone();
    b.ok("GetMethod", json!({ "restApiId": api, "resourceId": item["id"], "httpMethod": verb }))
}

#[test]
fn a_document_becomes_an_api() {
    let b = bench();
    let made = import(&b, USERS, json!({})).unwrap();
    assert_eq!(
        (&made["name"], &made["version"], &made["description"]),
        (&json!("users"), &json!("1.0"), &json!("d"))
    );
    assert_eq!(made["binaryMediaTypes"], json!(["image/png"]));
    assert_eq!(made.get("warnings"), None, "{made}");
    let api = text(&made, "id");
    assert_eq!(resource_paths(&b, &api), ["/", "/users", "/users/{id}"]);
    let get = method(&b, &api, "/users/{id}", "GET");
    assert_eq!((&get["authorizationType"], &get["apiKeyRequired"]), (&json!("CUSTOM"), &json!(true)));
    assert_eq!(get["operationName"], "getUser");
    assert_eq!(
        get["requestParameters"],
        json!({ "method.request.path.id": true, "method.request.querystring.page": false })
    );
    assert_eq!(get["methodResponses"]["200"]["responseModels"], json!({ "application/json": "User" }));
    assert_eq!(
        get["methodResponses"]["200"]["responseParameters"],
        json!({ "method.response.header.X-A": false })
    );
    assert_eq!(get["methodIntegration"]["type"], "AWS_PROXY");
    let post = method(&b, &api, "/users/{id}", "POST");
    assert_eq!(post["authorizationType"], "AWS_IAM");
    assert!(text(&post["requestModels"], "application/json").starts_with("MODEL"));
    let mock = &post["methodIntegration"];
    assert_eq!(mock["passthroughBehavior"], "WHEN_NO_TEMPLATES");
    assert_eq!(mock["integrationResponses"]["400"]["selectionPattern"], "4..");
    assert_eq!(mock["integrationResponses"]["200"].get("selectionPattern"), None);
    let models = b.ok("GetModels", json!({ "restApiId": api }));
    let named = |name: &str| models["items"].as_array().unwrap().iter().find(|m| m["name"] == name).cloned();
    let user = named("User").unwrap();
    assert_eq!(user["description"], "who");
    assert!(
        text(&user, "schema")
            .contains(&format!("https://apigateway.amazonaws.com/restapis/{api}/models/Name"))
    );
    assert!(named("Empty").is_none());
    let authorizers = b.ok("GetAuthorizers", json!({ "restApiId": api }));
    assert_eq!(authorizers["items"][0]["identitySource"], "method.request.header.X-Token");
    let response = b.ok("GetGatewayResponse", json!({ "restApiId": api, "responseType": "DEFAULT_4XX" }));
    assert_eq!(response["statusCode"], "418");
    assert_eq!(
        get["requestValidatorId"],
        b.ok("GetRequestValidators", json!({ "restApiId": api }))["items"][0]["id"]
    );
}

#[test]
fn base_paths_are_ignored_prepended_or_split() {
    let b = bench();
    for (mode, first) in [("ignore", "/users"), ("prepend", "/a"), ("split", "/b")] {
        let made = import(&b, USERS, json!({ "parameters": { "basepath": mode } })).unwrap();
        assert_eq!(resource_paths(&b, &text(&made, "id"))[1], first, "{mode}");
    }
    let refused = import(&b, USERS, json!({ "parameters": { "basepath": "x" } })).unwrap_err();
    assert_eq!(refused.code, "BadRequestException");
}

#[test]
fn an_import_that_is_refused_leaves_nothing() {
    let b = bench();
    let broken = USERS.replace("httpMethod: POST", "httpMethod: FETCH");
    let refused = import(&b, &broken, json!({})).unwrap_err();
    assert!(
        refused
            .message
            .unwrap_or_default()
            .contains("GET' for resource at path '/users/{id}': Invalid HttpMethod")
    );
    assert_eq!(b.ok("GetRestApis", json!({}))["items"], json!([]));
    for (document, why) in [
        ("{", "Invalid OpenAPI input."),
        ("[]", "Invalid OpenAPI input."),
        ("{\"openapi\": \"4.0\"}", "Invalid OpenAPI input."),
        (
            "{\"swagger\": \"2.0\", \"paths\": {\"/a\": {\"get\": {\"parameters\": [{\"$ref\": \"#/x\"}]}}}}",
            "Unable to resolve",
        ),
    ] {
        let told = import(&b, document, json!({})).unwrap_err().message.unwrap_or_default();
        assert!(told.contains(why), "{document}: {told}");
    }
}

#[test]
fn documents_that_are_too_large_too_deep_or_unfold() {
    let b = bench();
    let refused = |document: &str| {
        let began = std::time::Instant::now();
        let error = import(&b, document, json!({})).unwrap_err();
        assert_eq!(error.code, "BadRequestException");
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        error.message.unwrap_or_default()
    };
    let large = format!("{{\"openapi\": \"3.0.1\", \"x\": \"{}\"}}", "a".repeat(6 << 20));
    assert!(refused(&large).contains("the maximum is 6291456"));
    let deep = |open: &str, close: &str| {
        format!("{{\"openapi\": \"3.0.1\", \"x\": {}1{}}}", open.repeat(10_000), close.repeat(10_000))
    };
    assert!(refused(&deep("[", "]")).starts_with("Invalid OpenAPI input."));
    assert!(refused(&deep("{\"a\":", "}")).starts_with("Invalid OpenAPI input."));
    let yaml = |text: &str| format!("openapi: 3.0.1\nx: {text}\n");
    assert!(refused(&yaml(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)))).starts_with("Invalid"));
    // Each list is ten of the one before: a billion words.
    let laughs: String =
        (1..10).map(|i| format!("l{i}: &l{i} [{}]\n", vec![format!("*l{}", i - 1); 10].join(", "))).collect();
    assert!(refused(&format!("openapi: 3.0.1\nl0: &l0 ha\n{laughs}")).starts_with("Invalid OpenAPI input."));
    assert_eq!(b.ok("GetRestApis", json!({}))["items"], json!([]), "nothing is left");
}

#[test]
fn models_that_refer_to_themselves_are_imported_and_shown() {
    let b = bench();
    let document = USERS.replace(
        "    Name: {type: string}",
        "    Name: {type: object, properties: {user: {$ref: \"#/components/schemas/User\"}, name: {$ref: \"#/components/schemas/Name\"}}}",
    );
    let api = import(&b, &document, json!({})).unwrap()["id"].clone();
    b.ok("CreateDeployment", json!({ "restApiId": api, "stageName": "s" }));
    let shown = b.ok("GetModelTemplate", json!({ "restApiId": api, "modelName": "Name" }));
    assert!(text(&shown, "value").len() < 10_000);
    let export = json!({ "restApiId": api, "stageName": "s", "exportType": "oas30" });
    assert!(b.raw(&call("GetExport", export)).is_ok());
}

#[test]
fn what_cannot_be_deployed_is_warned_of() {
    let b = bench();
    let document =
        r#"{"swagger": "2.0", "info": {"title": "t"}, "paths": {"/a": {"get": {"responses": {}}}}}"#;
    assert_eq!(import(&b, document, json!({})).unwrap()["warnings"].as_array().unwrap().len(), 1);
    let refused = import(&b, document, json!({ "failOnWarnings": true })).unwrap_err();
    assert!(refused.message.unwrap_or_default().contains("GET /a"));
}

fn put(b: &Bench, api: &str, document: &str, mode: &str) -> Value {
    let mut call = call("PutRestApi", json!({ "restApiId": api, "mode": mode }));
    call.payload = document.to_owned().into();
    b.raw(&call).unwrap()
}

#[test]
fn put_rest_api_merges_or_overwrites() {
    let b = bench();
    let made = import(&b, USERS, json!({})).unwrap();
    let api = text(&made, "id");
    let more = r#"{"swagger": "2.0", "info": {"title": "more"}, "basePath": "/v1", "paths": {"/cats": {"get": {
        "x-amazon-apigateway-integration": {"type": "mock"}, "responses": {"200": {"description": "ok"}}}}}}"#;
    let merged = put(&b, &api, more, "merge");
    assert_eq!((&merged["name"], &merged["id"]), (&json!("more"), &made["id"]));
    assert_eq!(resource_paths(&b, &api), ["/", "/cats", "/users", "/users/{id}"]);
    put(&b, &api, more, "merge");
    let over = put(&b, &api, more, "overwrite");
    assert_eq!(over["rootResourceId"], made["rootResourceId"]);
    assert_eq!(over.get("binaryMediaTypes"), None);
    assert_eq!(resource_paths(&b, &api), ["/", "/cats"]);
    assert_eq!(b.ok("GetAuthorizers", json!({ "restApiId": api }))["items"], json!([]));
}

#[test]
fn a_merge_keeps_the_ids_of_what_it_replaces() {
    let b = bench();
    let api = text(&import(&b, USERS, json!({})).unwrap(), "id");
    let ids = || {
        let get = method(&b, &api, "/users/{id}", "GET");
        (get["authorizerId"].clone(), get["requestValidatorId"].clone())
    };
    let before = ids();
    put(&b, &api, &USERS.replace("/users/{id}:", "/others/{id}:"), "merge");
    assert_eq!(ids(), before);
    let authorizer = json!({ "restApiId": api, "authorizerId": before.0 });
    assert_eq!(b.ok("GetAuthorizer", authorizer)["id"], before.0);
    let validator = json!({ "restApiId": api, "requestValidatorId": before.1 });
    assert_eq!(b.ok("GetRequestValidator", validator)["id"], before.1);
    assert_eq!(b.ok("GetAuthorizers", json!({ "restApiId": api }))["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_status_may_be_a_number_and_a_kind_must_exist() {
    let b = bench();
    let number = USERS.replace("default: {statusCode: \"200\"}", "default: {statusCode: 200}");
    let api = text(&import(&b, &number, json!({})).unwrap(), "id");
    let responses =
        method(&b, &api, "/users/{id}", "POST")["methodIntegration"]["integrationResponses"].clone();
    assert_eq!(responses["200"]["statusCode"], "200");
    let unknown = USERS.replace("DEFAULT_4XX: {", "DEFAULT_6XX: {");
    let refused = import(&b, &unknown, json!({})).unwrap_err();
    assert_eq!(refused.code, "BadRequestException");
    assert!(refused.message.unwrap_or_default().contains("'responseType' failed to satisfy constraint"));
}

fn export(b: &Bench, api: &str, more: Value) -> (Value, String) {
    let input = with(&json!({ "restApiId": api, "stageName": "prod" }), more);
    let reply = b.management.handle(&call("GetExport", input), &root()).unwrap();
    let body = String::from_utf8(reply.payload.unwrap().to_vec()).unwrap();
    (Value::Object(reply.output), body)
}

#[test]
fn what_is_exported_with_extensions_imports_as_the_same_api() {
    let b = bench();
    let api = text(&import(&b, USERS, json!({})).unwrap(), "id");
    b.ok("CreateDeployment", json!({ "restApiId": api, "stageName": "prod" }));
    for (kind, accepts) in
        [("oas30", "application/json"), ("oas30", "application/yaml"), ("swagger", "application/json")]
    {
        let asked =
            json!({ "exportType": kind, "accepts": accepts, "parameters": { "extensions": "apigateway" } });
        let (output, body) = export(&b, &api, asked.clone());
        assert_eq!(output["contentType"], accepts);
        let again = text(&import(&b, &body, json!({})).unwrap_or_else(|e| panic!("{e:?}\n{body}")), "id");
        assert_eq!(resource_paths(&b, &again), resource_paths(&b, &api), "{kind}");
        for verb in ["GET", "POST"] {
            let mut pair = [method(&b, &api, "/users/{id}", verb), method(&b, &again, "/users/{id}", verb)];
            for one in &mut pair {
                for of_its_own in ["authorizerId", "requestValidatorId"] {
                    one.as_object_mut().unwrap().remove(of_its_own);
                }
                one["methodIntegration"].as_object_mut().unwrap().remove("cacheNamespace");
            }
            assert_eq!(pair[0], pair[1], "{kind} {verb}");
        }
    }
    let (_, plain) = export(&b, &api, json!({ "exportType": "swagger" }));
    assert!(!plain.contains("x-amazon-apigateway-integration"));
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["basePath"], "/prod");
    assert_eq!(plain["definitions"]["User"]["properties"]["name"]["$ref"], "#/definitions/Name");
}

#[test]
fn documentation_parts_are_imported_with_their_version() {
    let b = bench();
    let (api, _) = b.api();
    let mut import = call("ImportDocumentationParts", json!({ "restApiId": api, "mode": "merge" }));
    import.payload = r#"{"openapi": "3.0.0", "x-amazon-apigateway-documentation": {"version": "1.0.3",
        "documentationParts": [{"location": {"type": "API"}, "properties": {"description": "x"}}]}}"#
        .into();
    let done = b.raw(&import).unwrap();
    assert_eq!(done["ids"].as_array().unwrap().len(), 1);
    b.raw(&import).unwrap();
    let parts = b.ok("GetDocumentationParts", json!({ "restApiId": api }));
    assert_eq!(parts["items"].as_array().unwrap().len(), 1, "the same place is replaced");
    assert_eq!(parts["items"][0]["properties"], "{\"description\":\"x\"}");
    let versions = b.ok("GetDocumentationVersions", json!({ "restApiId": api }));
    assert_eq!(versions["items"][0]["version"], "1.0.3");
    import.payload = "{".into();
    assert_eq!(b.raw(&import).unwrap_err().message.unwrap(), "Unable to build importer with provided input.");
}
