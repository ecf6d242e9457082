//! Security schemes of a document: as authorizers, and as what a method asks of its callers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::{Document, Version};
use super::import::Step;

type Members = Map<String, Value>;

fn schemes(document: &Document) -> Option<&Members> {
    match document.version {
        Version::Swagger2 => document.members("securityDefinitions"),
        Version::OpenApi3 => {
            document.root.get("components").and_then(|c| c.get("securitySchemes")).and_then(Value::as_object)
        }
    }
}

/// The calls that make the document's authorizers, each with its scheme's name.
pub(super) fn authorizers(document: &Document, api: &str) -> Vec<(String, Step)> {
    let schemes = schemes(document).into_iter().flatten();
    schemes.filter_map(|(name, scheme)| Some((name.clone(), authorizer(api, name, scheme)?))).collect()
}

/// `x-amazon-apigateway-authorizer` of a scheme. Where the source of a token is not said, it is the header that the
/// scheme names.
fn authorizer(api: &str, name: &str, scheme: &Value) -> Option<Step> {
    let given = scheme.get("x-amazon-apigateway-authorizer")?.as_object()?;
    let text = |member: &str| given.get(member).and_then(Value::as_str);
    let kind = text("type").unwrap_or_default().to_ascii_lowercase();
    let kind = if kind == "cognito_user_pools" {
        "COGNITO_USER_POOLS".to_owned()
    } else {
        kind.to_ascii_uppercase()
    };
    let header = scheme.get("name").and_then(Value::as_str).filter(|header| *header != "Unused");
    let source = text("identitySource").map(str::to_owned);
    let source = source.or_else(|| {
        (kind != "REQUEST").then(|| header.map(|header| format!("method.request.header.{header}"))).flatten()
    });
    let mut input = Members::new();
    input.insert("restApiId".into(), api.into());
    input.insert("name".into(), name.into());
    input.insert("type".into(), kind.into());
    input.insert("identitySource".into(), json!(source));
    input.insert("authType".into(), json!(scheme.get("x-amazon-apigateway-authtype")));
    input.insert("providerARNs".into(), json!(given.get("providerARNs")));
    for member in [
        "authorizerUri",
        "authorizerCredentials",
        "identityValidationExpression",
        "authorizerResultTtlInSeconds",
    ] {
        input.insert(member.into(), json!(given.get(member)));
    }
    Some(Step::new("CreateAuthorizer", Value::Object(input)))
}

/// What a method asks of its callers: `authorizationType`, `authorizerId`, `authorizationScopes`, `apiKeyRequired`.
/// `ids` goes from a scheme's name to its authorizer.
pub(super) fn of_method(
    document: &Document,
    operation: &Members,
    ids: &BTreeMap<String, (String, String)>,
) -> Members {
    let mut input = Members::new();
    input.insert("authorizationType".into(), "NONE".into());
    let security = operation.get("security").or_else(|| document.root.get("security"));
    let requirements = security.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    for (name, scopes) in requirements.flatten() {
        let Some(scheme) = schemes(document).and_then(|all| all.get(name)) else { continue };
        if let Some((id, kind)) = ids.get(name) {
            let kind = if kind == "COGNITO_USER_POOLS" { kind.as_str() } else { "CUSTOM" };
            input.insert("authorizationType".into(), kind.into());
            input.insert("authorizerId".into(), id.as_str().into());
            if scopes.as_array().is_some_and(|list| !list.is_empty()) {
                input.insert("authorizationScopes".into(), scopes.clone());
            }
        } else if scheme.get("x-amazon-apigateway-authtype").and_then(Value::as_str) == Some("awsSigv4") {
            input.insert("authorizationType".into(), "AWS_IAM".into());
        } else if scheme.get("type").and_then(Value::as_str) == Some("apiKey") {
            input.insert("apiKeyRequired".into(), true.into());
        }
    }
    // `x-amazon-apigateway-auth` says it outright.
    let auth =
        operation.get("x-amazon-apigateway-auth").or_else(|| document.root.get("x-amazon-apigateway-auth"));
    if let Some(kind) = auth.and_then(|auth| auth.get("type")).and_then(Value::as_str) {
        input.insert("authorizationType".into(), kind.to_ascii_uppercase().into());
    }
    input
}
