//! What a document says of the API as a whole: `info`, and the extensions at its top.

use serde_json::{Map, Value, json};
use wire::Call;

use super::document::Document;
use crate::management::failure::Failure;
use crate::management::{resource_policy, rest_api};
use crate::model::RestApi;

type Members = Map<String, Value>;

/// The input of CreateRestApi.
pub(super) fn created(call: &Call, document: &Document) -> Members {
    let info = |member: &str| document.root.get("info").and_then(|i| i.get(member)).cloned();
    let mut input = Members::new();
    let title = info("title").filter(|title| title.as_str().is_some_and(|t| !t.is_empty()));
    input.insert("name".into(), title.unwrap_or_else(|| "Untitled API".into()));
    for member in ["description", "version"] {
        let text = info(member).filter(|value| value.as_str() != Some(""));
        input.insert(member.into(), text.unwrap_or(Value::Null));
    }
    for (extension, member) in [
        ("x-amazon-apigateway-binary-media-types", "binaryMediaTypes"),
        ("x-amazon-apigateway-api-key-source", "apiKeySource"),
        ("x-amazon-apigateway-minimum-compression-size", "minimumCompressionSize"),
        ("x-amazon-apigateway-tags", "tags"),
    ] {
        input.insert(member.into(), document.root.get(extension).cloned().unwrap_or(Value::Null));
    }
    if let Some(Value::String(version)) = document.root.get("x-amazon-apigateway-security-policy") {
        input.insert("securityPolicy".into(), version.as_str().into());
    }
    input.insert("policy".into(), policy(document).into());
    let endpoint = document.endpoint_configuration();
    let disabled = endpoint.and_then(|e| e.get("disableExecuteApiEndpoint"));
    input.insert("disableExecuteApiEndpoint".into(), json!(disabled));
    let types = call.input.get("parameters").and_then(|p| p.get("endpointConfigurationTypes"));
    let mut configuration = Members::new();
    if let Some(Value::String(types)) = types {
        configuration.insert("types".into(), json!(types.split(',').collect::<Vec<_>>()));
    }
    if let Some(ids) = endpoint.and_then(|e| e.get("vpcEndpointIds")) {
        configuration.insert("vpcEndpointIds".into(), ids.clone());
    }
    if !configuration.is_empty() {
        if !configuration.contains_key("types") {
            configuration.insert("types".into(), json!(["EDGE"]));
        }
        input.insert("endpointConfiguration".into(), configuration.into());
    }
    input.retain(|_, value| !value.is_null());
    if let Some(Value::String(source)) = input.get("apiKeySource") {
        let upper = source.to_ascii_uppercase();
        input.insert("apiKeySource".into(), upper.into());
    }
    input
}

/// `x-amazon-apigateway-policy`, as text.
fn policy(document: &Document) -> Option<String> {
    document.root.get("x-amazon-apigateway-policy").map(|policy| match policy {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Puts what the document says into an API that exists. PutRestApi leaves alone what the document does not mention,
/// except, when it overwrites, the binary types, the key source, the compression and the policy.
pub(super) fn put(
    api: &mut RestApi,
    call: &Call,
    document: &Document,
    overwrite: bool,
) -> Result<(), Failure> {
    let said = created(call, document);
    let text = |member: &str| said.get(member).and_then(Value::as_str);
    if let Some(name) = text("name").filter(|_| document.root.get("info").is_some()) {
        name.clone_into(&mut api.name);
    }
    for member in ["description", "version", "minimumCompressionSize", "securityPolicy"] {
        match said.get(member) {
            Some(value) => {
                api.rest.insert(member.to_owned(), value.clone());
            }
            None if overwrite => {
                api.rest.remove(member);
            }
            None => {}
        }
    }
    if overwrite || said.contains_key("binaryMediaTypes") {
        api.binary_media_types = rest_api::texts(said.get("binaryMediaTypes"));
    }
    if overwrite || said.contains_key("apiKeySource") {
        api.api_key_source = text("apiKeySource").unwrap_or("HEADER").to_owned();
    }
    if let Some(disabled) = said.get("disableExecuteApiEndpoint").and_then(Value::as_bool) {
        api.disable_execute_api_endpoint = disabled;
    }
    if let Some(policy) = text("policy") {
        api.policy = Some(resource_policy::accept(policy, api)?);
    } else if overwrite {
        api.policy = None;
    }
    Ok(())
}
