//! GetExport: a stage's API as a document.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use super::document::{ENDPOINT_CONFIGURATION, Version};
use crate::management::deployment::deployed;
use crate::management::documentation_version;
use crate::management::failure::{Failure, bad_request, not_found};
use crate::management::lookup::{Read, api};
use crate::management::stage::UNKNOWN_STAGE;
use crate::model::{Authorizer, Integration, Method, Resource, Snapshot, Stage};

type Members = Map<String, Value>;

/// What the document is to hold besides the standard: parameter `extensions`, comma separated.
struct Wanted {
    version: Version,
    integrations: bool,
    authorizers: bool,
    validators: bool,
    gateway_responses: bool,
    /// What else API Gateway has for the API as a whole.
    gateway: bool,
}

pub(in crate::management) fn export(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let kind = call.required("exportType");
    let version = match kind {
        "swagger" => Version::Swagger2,
        "oas30" => Version::OpenApi3,
        // API reference, GetExport: the two that there are. The text is reasoning.
        other => return Err(bad_request(format!("Unsupported export type {other}. Use oas30 or swagger."))),
    };
    let yaml = match call.text("accepts").unwrap_or("application/json") {
        "application/yaml" => true,
        "application/json" | "*/*" => false,
        other => {
            return Err(bad_request(format!(
                "Unsupported media type {other}. Use application/json or application/yaml."
            )));
        }
    };
    let extensions = call
        .input
        .get("parameters")
        .and_then(|p| p.get("extensions"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let has = |name: &str| extensions.split(',').any(|e| e.trim() == name);
    // `integrations`, `authorizers` and `apigateway` are the reference's; the others are published by their users, as the
    // console asks for them.
    let gateway = has("apigateway");
    let wanted = Wanted {
        version,
        integrations: gateway || has("integrations"),
        authorizers: gateway || has("authorizers"),
        validators: gateway || has("validators"),
        gateway_responses: gateway || has("gatewayresponses"),
        gateway,
    };
    let (stage, snapshot, documentation) = store.read::<_, Failure>(|reader| {
        let api = api(reader, call)?;
        let key = format!("{}/{}", api.id, call.required("stageName"));
        let stage: Stage = reader.one("stages", &key)?.ok_or_else(|| not_found(UNKNOWN_STAGE))?;
        let snapshot = deployed(reader, &api.id, &stage.deployment_id)?;
        let documentation = match has("documentation") {
            true => documentation_version::of_stage(reader, &stage, &api.id)?,
            false => None,
        };
        Ok((stage, snapshot, documentation))
    })?;
    let mut document = document(&snapshot, &stage, &wanted);
    put(
        &mut document,
        "x-amazon-apigateway-documentation",
        documentation.map(documented).unwrap_or_default(),
    );
    let text = if yaml {
        serde_saphyr::to_string(&document)
            .map_err(|e| wire::ApiError::internal(format!("the export cannot be written as YAML: {e}")))?
    } else {
        serde_json::to_string_pretty(&document).unwrap_or_default()
    };
    let (content_type, suffix) =
        if yaml { ("application/yaml", "yaml") } else { ("application/json", "json") };
    let mut output = Members::new();
    output.insert("contentType".into(), content_type.into());
    let file = format!("attachment; filename=\"{kind}_{}.{suffix}\"", date(snapshot.api.created_date));
    output.insert("contentDisposition".into(), file.into());
    Ok(Reply { output, payload: Some(Bytes::from(text)), status: None })
}

fn date(seconds: f64) -> String {
    let time = jiff::Timestamp::from_second(seconds as i64).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn document(snapshot: &Snapshot, stage: &Stage, wanted: &Wanted) -> Value {
    let api = &snapshot.api;
    let version = api.rest.get("version").cloned().unwrap_or_else(|| date(api.created_date).into());
    let mut info = json!({ "title": api.name, "version": version });
    if let Some(description) = api.rest.get("description") {
        info["description"] = description.clone();
    }
    let host = format!("{}.execute-api.{}.amazonaws.com", api.id, api.region);
    let paths = paths(snapshot, wanted);
    let schemas: Members = snapshot
        .models
        .iter()
        .filter_map(|(name, model)| {
            let mut schema: Value = serde_json::from_str(model.schema.as_deref()?).ok()?;
            refer(&mut schema, wanted.version);
            Some((name.clone(), schema))
        })
        .collect();
    let security = schemes(snapshot, wanted);
    let mut document = match wanted.version {
        Version::Swagger2 => json!({
            "swagger": "2.0", "info": info, "host": host, "basePath": format!("/{}", stage.stage_name),
            "schemes": ["https"], "paths": paths,
        }),
        Version::OpenApi3 => json!({
            "openapi": "3.0.1", "info": info,
            "servers": [{ "url": format!("https://{host}/{{basePath}}"),
                          "variables": { "basePath": { "default": stage.stage_name } } }],
            "paths": paths,
        }),
    };
    match wanted.version {
        Version::Swagger2 => {
            put(&mut document, "securityDefinitions", security.into());
            put(&mut document, "definitions", schemas.into());
        }
        Version::OpenApi3 => {
            let mut components = json!({});
            put(&mut components, "schemas", schemas.into());
            put(&mut components, "securitySchemes", security.into());
            put(&mut document, "components", components);
        }
    }
    extend(&mut document, snapshot, wanted);
    document
}

/// `x-amazon-apigateway-documentation`, as it is imported: properties are an object, where they are one.
fn documented(version: documentation_version::Version) -> Value {
    let parts = version.parts.into_values().map(|part| {
        let properties = part.get("properties").and_then(Value::as_str).unwrap_or_default();
        let properties = serde_json::from_str(properties).unwrap_or_else(|_| Value::from(properties));
        json!({ "location": part.get("location"), "properties": properties })
    });
    json!({ "version": version.version, "documentationParts": parts.collect::<Vec<_>>() })
}

/// Sets a member unless it would be empty.
fn put(document: &mut Value, member: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if !empty {
        document[member] = value;
    }
}

/// API Gateway's own settings.
fn extend(document: &mut Value, snapshot: &Snapshot, wanted: &Wanted) {
    if wanted.gateway {
        settings(document, snapshot, wanted.version);
    }
    if wanted.gateway_responses {
        put(document, "x-amazon-apigateway-gateway-responses", gateway_responses(snapshot).into());
    }
    if wanted.validators {
        put(document, "x-amazon-apigateway-request-validators", validators(snapshot).into());
    }
}

fn settings(document: &mut Value, snapshot: &Snapshot, version: Version) {
    let api = &snapshot.api;
    put(document, "x-amazon-apigateway-binary-media-types", json!(api.binary_media_types));
    let mut endpoint = json!({});
    let configuration = api.rest.get("endpointConfiguration");
    put(&mut endpoint, "vpcEndpointIds", json!(configuration.and_then(|c| c.get("vpcEndpointIds"))));
    if api.disable_execute_api_endpoint {
        endpoint["disableExecuteApiEndpoint"] = true.into();
    }
    let place = match version {
        Version::Swagger2 => Some(&mut *document),
        Version::OpenApi3 => document.pointer_mut("/servers/0"),
    };
    if let Some(place) = place {
        put(place, ENDPOINT_CONFIGURATION, endpoint);
    }
    if api.api_key_source != "HEADER" {
        put(document, "x-amazon-apigateway-api-key-source", api.api_key_source.as_str().into());
    }
    put(
        document,
        "x-amazon-apigateway-minimum-compression-size",
        json!(api.rest.get("minimumCompressionSize")),
    );
    let policy = api.policy.as_deref().and_then(|text| serde_json::from_str(text).ok());
    put(document, "x-amazon-apigateway-policy", policy.unwrap_or_default());
}

fn gateway_responses(snapshot: &Snapshot) -> Members {
    let shown = snapshot.gateway_responses.iter().map(|(kind, response)| {
        let mut shown = json!({
            "responseParameters": response.response_parameters, "responseTemplates": response.response_templates,
        });
        put(&mut shown, "statusCode", json!(response.status_code.as_deref().and_then(|s| s.parse::<u16>().ok())));
        (kind.clone(), shown)
    });
    shown.collect()
}

fn validators(snapshot: &Snapshot) -> Members {
    snapshot
        .validators
        .values()
        .map(|validator| {
            let shown = json!({
                "validateRequestParameters": validator.validate_request_parameters,
                "validateRequestBody": validator.validate_request_body,
            });
            (validator.name.clone(), shown)
        })
        .collect()
}

/// References to models as references within the document.
fn refer(schema: &mut Value, version: Version) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.rsplit_once("/models/").map(|(_, name)| name.to_owned())
            {
                // A reference into a model has a JSON pointer.
                *reference = place(version, &name.replacen("#/", "/", 1));
            }
            members.values_mut().for_each(|member| refer(member, version));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, version)),
        _ => {}
    }
}

fn place(version: Version, model: &str) -> String {
    match version {
        Version::Swagger2 => format!("#/definitions/{model}"),
        Version::OpenApi3 => format!("#/components/schemas/{model}"),
    }
}

fn schemes(snapshot: &Snapshot, wanted: &Wanted) -> Members {
    let methods = || snapshot.resources.iter().flat_map(|resource| resource.resource_methods.values());
    let mut schemes = Members::new();
    if methods().any(|method| method.api_key_required) {
        schemes.insert("api_key".into(), json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }));
    }
    if methods().any(|method| method.authorization_type == "AWS_IAM") {
        schemes.insert("sigv4".into(), json!({
            "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
        }));
    }
    for authorizer in snapshot.authorizers.values() {
        let header =
            authorizer.identity_source.as_deref().and_then(|s| s.strip_prefix("method.request.header."));
        let mut scheme = json!({ "type": "apiKey", "name": header.unwrap_or("Unused"), "in": "header" });
        put(&mut scheme, "x-amazon-apigateway-authtype", json!(authorizer.auth_type));
        if wanted.authorizers {
            scheme["x-amazon-apigateway-authorizer"] = authorizer_extension(authorizer);
        }
        schemes.insert(authorizer.name.clone(), scheme);
    }
    schemes
}

fn authorizer_extension(authorizer: &Authorizer) -> Value {
    let mut shown = json!({ "type": authorizer.kind.to_ascii_lowercase() });
    put(&mut shown, "authorizerUri", json!(authorizer.authorizer_uri));
    put(&mut shown, "authorizerCredentials", json!(authorizer.authorizer_credentials));
    put(&mut shown, "authorizerResultTtlInSeconds", json!(authorizer.authorizer_result_ttl_in_seconds));
    put(&mut shown, "identityValidationExpression", json!(authorizer.identity_validation_expression));
    put(&mut shown, "providerARNs", json!(authorizer.provider_arns));
    if authorizer.kind == "REQUEST" {
        put(&mut shown, "identitySource", json!(authorizer.identity_source));
    }
    shown
}

fn paths(snapshot: &Snapshot, wanted: &Wanted) -> Members {
    let mut paths = Members::new();
    for resource in snapshot.resources.iter().filter(|resource| !resource.resource_methods.is_empty()) {
        let item: Members = resource
            .resource_methods
            .iter()
            .map(|(verb, method)| {
                let member = match verb.as_str() {
                    "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                    verb => verb.to_ascii_lowercase(),
                };
                (member, operation(snapshot, resource, method, wanted))
            })
            .collect();
        paths.insert(resource.path.clone(), item.into());
    }
    paths
}

fn operation(snapshot: &Snapshot, resource: &Resource, method: &Method, wanted: &Wanted) -> Value {
    let mut shown = json!({});
    put(&mut shown, "operationId", json!(method.rest.get("operationName")));
    let swagger = wanted.version == Version::Swagger2;
    let models =
        |member: &str| method.rest.get(member).and_then(Value::as_object).cloned().unwrap_or_default();
    let bodies = models("requestModels");
    let mut parameters: Vec<Value> = method
        .request_parameters
        .iter()
        .filter_map(|(name, required)| {
            let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
            let place = match place {
                "querystring" | "multivaluequerystring" => "query",
                "path" => "path",
                _ => "header",
            };
            let required = *required || place == "path";
            let mut shown = json!({ "name": name, "in": place, "required": required });
            if swagger {
                shown["type"] = "string".into()
            } else {
                shown["schema"] = json!({ "type": "string" })
            }
            Some(shown)
        })
        .collect();
    let reference =
        |model: &Value| json!({ "$ref": place(wanted.version, model.as_str().unwrap_or_default()) });
    if swagger {
        put(&mut shown, "consumes", json!(bodies.keys().collect::<Vec<_>>()));
        let produces: std::collections::BTreeSet<&String> =
            method.method_responses.values().flat_map(|response| response.response_models.keys()).collect();
        put(&mut shown, "produces", json!(produces));
        if let Some((_, model)) = bodies.iter().next() {
            let name = model.as_str().unwrap_or_default();
            parameters
                .push(json!({ "in": "body", "name": name, "required": true, "schema": reference(model) }));
        }
    } else if !bodies.is_empty() {
        let content: Members = bodies
            .iter()
            .map(|(kind, model)| (kind.clone(), json!({ "schema": reference(model) })))
            .collect();
        shown["requestBody"] = json!({ "content": content, "required": true });
    }
    put(&mut shown, "parameters", parameters.into());
    shown["responses"] = responses(method, wanted);
    put(&mut shown, "security", security(snapshot, method));
    if wanted.validators
        && let Some(id) = method.rest.get("requestValidatorId").and_then(Value::as_str)
        && let Some(validator) = snapshot.validators.get(id)
    {
        shown["x-amazon-apigateway-request-validator"] = validator.name.as_str().into();
    }
    if wanted.integrations
        && let Some(given) = &method.method_integration
    {
        shown["x-amazon-apigateway-integration"] = integration(given, resource);
    }
    shown
}

fn responses(method: &Method, wanted: &Wanted) -> Value {
    let swagger = wanted.version == Version::Swagger2;
    let shown: Members = method
        .method_responses
        .iter()
        .map(|(status, response)| {
            let mut shown = json!({ "description": format!("{status} response") });
            let headers: Members = response
                .response_parameters
                .keys()
                .filter_map(|name| {
                    let name = name.strip_prefix("method.response.header.")?;
                    let kind = json!({ "type": "string" });
                    Some((name.to_owned(), if swagger { kind } else { json!({ "schema": kind }) }))
                })
                .collect();
            put(&mut shown, "headers", headers.into());
            let reference = |model: &String| json!({ "$ref": place(wanted.version, model) });
            if swagger {
                if let Some(model) = response.response_models.values().next() {
                    shown["schema"] = reference(model);
                }
            } else {
                let content: Members = response
                    .response_models
                    .iter()
                    .map(|(kind, model)| (kind.clone(), json!({ "schema": reference(model) })))
                    .collect();
                put(&mut shown, "content", content.into());
            }
            (status.clone(), shown)
        })
        .collect();
    shown.into()
}

fn security(snapshot: &Snapshot, method: &Method) -> Value {
    let mut required = Vec::new();
    match method.authorization_type.as_str() {
        "AWS_IAM" => required.push(json!({ "sigv4": [] })),
        "CUSTOM" | "COGNITO_USER_POOLS" => {
            let id = method.authorizer_id.as_deref().unwrap_or_default();
            if let Some(authorizer) = snapshot.authorizers.get(id) {
                let scopes = method.rest.get("authorizationScopes").cloned().unwrap_or_else(|| json!([]));
                required.push(json!({ authorizer.name.as_str(): scopes }));
            }
        }
        _ => {}
    }
    if method.api_key_required {
        required.push(json!({ "api_key": [] }));
    }
    required.into()
}

fn integration(given: &Integration, resource: &Resource) -> Value {
    let mut shown = json!({ "type": given.kind.to_ascii_lowercase() });
    put(&mut shown, "httpMethod", json!(given.http_method));
    put(&mut shown, "uri", json!(given.uri));
    put(&mut shown, "credentials", json!(given.credentials));
    put(&mut shown, "requestParameters", json!(given.request_parameters));
    put(&mut shown, "requestTemplates", json!(given.request_templates));
    shown["passthroughBehavior"] = given.passthrough_behavior.to_ascii_lowercase().into();
    put(&mut shown, "contentHandling", json!(given.content_handling));
    if given.timeout_in_millis != 29_000 {
        shown["timeoutInMillis"] = given.timeout_in_millis.into();
    }
    if given.is_streamed() {
        shown["responseTransferMode"] = "STREAM".into();
    }
    for member in ["connectionId", "tlsConfig", "cacheKeyParameters", "integrationTarget"] {
        put(&mut shown, member, json!(given.rest.get(member)));
    }
    if let Some(Value::String(kind)) = given.rest.get("connectionType").filter(|kind| *kind != "INTERNET") {
        shown["connectionType"] = kind.as_str().into();
    }
    let namespace = given.rest.get("cacheNamespace").and_then(Value::as_str);
    put(&mut shown, "cacheNamespace", json!(namespace.filter(|name| *name != resource.id)));
    let responses: Members = given
        .integration_responses
        .values()
        .map(|response| {
            let mut shown = json!({ "statusCode": response.status_code });
            put(&mut shown, "responseParameters", json!(response.response_parameters));
            put(&mut shown, "responseTemplates", json!(response.response_templates));
            put(&mut shown, "contentHandling", json!(response.content_handling));
            let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
            (pattern.unwrap_or("default").to_owned(), shown)
        })
        .collect();
    put(&mut shown, "responses", responses.into());
    shown
}
