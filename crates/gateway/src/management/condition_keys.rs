//! API Gateway's condition keys: of the request, and of what it is about.
//!
//! Source: Service Authorization Reference, "Amazon API Gateway Management": which resource types have which key, and
//! each key's own words for the operations that have it ("available during the CreateRestApi and UpdateRestApi
//! operations"). Those of an imported document: `openapi::handed_over`.

use policy::Context;
use serde_json::Value;
use store::{Reader, StoreError};
use wire::Call;

use super::authorization::patched;
use super::key::own;
use super::lookup::visible_api;
use super::rest_api::texts;
use crate::model::{Authorizer, Method, Resource, RestApi, Stage};

/// `aws:RequestTag/…` and `aws:TagKeys`.
pub(super) fn request_tags(call: &Call) -> Context {
    let mut context = Context::new();
    if let Some(Value::Object(tags)) = call.input.get("tags") {
        for (name, value) in tags {
            context.set(format!("aws:RequestTag/{name}"), value.as_str().unwrap_or_default());
        }
        context.set_all("aws:TagKeys", tags.keys().cloned().collect());
    } else if call.operation == "UntagResource" {
        context.set_all("aws:TagKeys", texts(call.input.get("tagKeys")));
    }
    context
}

/// API Gateway's own keys of the request.
pub(super) fn of_request(call: &Call) -> Context {
    let mut context = Context::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            context.set(format!("apigateway:Request/{key}"), value);
        }
    };
    let own = |member: &str| call.text(member).map(str::to_owned);
    let flag = |member: &str| call.input.get(member).and_then(Value::as_bool).map(|on| on.to_string());
    let patch = |path: &str| patched(call, path).map(str::to_owned);
    match call.operation {
        "CreateRestApi" => {
            set("ApiName", own("name"));
            set("DisableExecuteApiEndpoint", flag("disableExecuteApiEndpoint"));
            set("SecurityPolicy", own("securityPolicy"));
        }
        "UpdateRestApi" => {
            set("ApiName", patch("/name"));
            set("DisableExecuteApiEndpoint", patch("/disableExecuteApiEndpoint"));
            set("SecurityPolicy", patch("/securityPolicy"));
        }
        "PutMethod" => {
            set("ApiKeyRequired", flag("apiKeyRequired").or_else(|| Some("false".to_owned())));
            set("RouteAuthorizationType", own("authorizationType"));
        }
        "UpdateMethod" => {
            set("ApiKeyRequired", patch("/apiKeyRequired"));
            set("RouteAuthorizationType", patch("/authorizationType"));
        }
        "CreateAuthorizer" => {
            set("AuthorizerType", own("type"));
            set("AuthorizerUri", own("authorizerUri"));
        }
        "UpdateAuthorizer" => {
            set("AuthorizerType", patch("/type"));
            set("AuthorizerUri", patch("/authorizerUri"));
        }
        "CreateDeployment" => set("StageName", own("stageName")),
        "UpdateStage" => {
            set("AccessLoggingDestination", patch("/accessLogSettings/destinationArn"));
            set("AccessLoggingFormat", patch("/accessLogSettings/format"));
        }
        "CreateDomainName" => {
            let trust = |member: &str| {
                let value = call.input.get("mutualTlsAuthentication")?.get(member)?;
                value.as_str().map(str::to_owned)
            };
            set("MtlsTrustStoreUri", trust("truststoreUri"));
            set("MtlsTrustStoreVersion", trust("truststoreVersion"));
            set("RoutingMode", own("routingMode"));
            set("SecurityPolicy", own("securityPolicy"));
        }
        "UpdateDomainName" => {
            set("MtlsTrustStoreUri", patch("/mutualTlsAuthentication/truststoreUri"));
            set("MtlsTrustStoreVersion", patch("/mutualTlsAuthentication/truststoreVersion"));
            set("RoutingMode", patch("/routingMode"));
            set("SecurityPolicy", patch("/securityPolicy"));
        }
        "CreateDomainNameAccessAssociation" => {
            set("AccessAssociationSource", own("accessAssociationSource"));
            set("DomainNameArn", own("domainNameArn"));
        }
        _ => {}
    }
    endpoint_type(call, &mut context);
    context
}

/// `apigateway:Request/EndpointType`, a list; an API or domain name that names none is `EDGE` (API Reference).
fn endpoint_type(call: &Call, context: &mut Context) {
    let types = match call.operation {
        "CreateRestApi" | "CreateDomainName" => {
            let given = texts(call.input.get("endpointConfiguration").and_then(|e| e.get("types")));
            if given.is_empty() { vec!["EDGE".to_owned()] } else { given }
        }
        "UpdateRestApi" | "UpdateDomainName" => {
            // The path ends in the type that is replaced, or its place.
            let ends = ["/EDGE", "/REGIONAL", "/PRIVATE", "/0", ""];
            let path = |end: &&str| format!("/endpointConfiguration/types{end}");
            ends.iter().find_map(|end| patched(call, &path(end))).map(str::to_owned).into_iter().collect()
        }
        _ => return,
    };
    if !types.is_empty() {
        context.set_all("apigateway:Request/EndpointType", types);
    }
}

/// Keys of what the request is about as it is now, for the operations that change or delete it.
pub(super) fn of_resource(reader: &Reader, call: &Call, context: &mut Context) -> Result<(), StoreError> {
    if matches!(call.operation, "UpdateDomainName" | "DeleteDomainName") {
        let id = call.text("domainNameId").map(|id| format!("+{id}")).unwrap_or_default();
        let key = domain_key(reader, call, &format!("{}{id}", call.required("domainName")))?;
        let domain: Option<Document> = key.map(|key| reader.get("domainNames", &key)).transpose()?.flatten();
        if let Some(domain) = domain {
            domain_keys(context, &domain);
        }
        return Ok(());
    }
    let Some(api) = visible_api(reader, call, call.text("restApiId").unwrap_or_default())? else {
        return Ok(());
    };
    match call.operation {
        "UpdateRestApi" | "DeleteRestApi" | "PutRestApi" => api_keys(context, &api),
        "PutMethod" | "UpdateMethod" | "DeleteMethod" => {
            let key = format!("{}/{}", api.id, call.required("resourceId"));
            let resource: Option<Resource> = reader.get("resources", &key)?;
            if let Some(method) =
                resource.as_ref().and_then(|r| r.resource_methods.get(call.required("httpMethod")))
            {
                method_keys(context, method);
            }
        }
        "UpdateAuthorizer" | "DeleteAuthorizer" => {
            let key = format!("{}/{}", api.id, call.required("authorizerId"));
            if let Some(authorizer) = reader.get::<Authorizer>("authorizers", &key)? {
                context.set("apigateway:Resource/AuthorizerType", authorizer.kind);
                if let Some(uri) = authorizer.authorizer_uri {
                    context.set("apigateway:Resource/AuthorizerUri", uri);
                }
            }
        }
        "UpdateStage" | "DeleteStage" => {
            let key = format!("{}/{}", api.id, call.required("stageName"));
            let stage: Option<Stage> = reader.get("stages", &key)?;
            let settings = stage.as_ref().and_then(|stage| stage.rest.get("accessLogSettings"));
            for (member, key) in
                [("destinationArn", "AccessLoggingDestination"), ("format", "AccessLoggingFormat")]
            {
                if let Some(value) = settings.and_then(|s| s.get(member)).and_then(Value::as_str) {
                    context.set(format!("apigateway:Resource/{key}"), value);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn api_keys(context: &mut Context, api: &RestApi) {
    context.set("apigateway:Resource/ApiName", api.name.as_str());
    context
        .set("apigateway:Resource/DisableExecuteApiEndpoint", api.disable_execute_api_endpoint.to_string());
    let types = api.rest.get("endpointConfiguration").and_then(|e| e.get("types"));
    context.set_all("apigateway:Resource/EndpointType", texts(types));
    if let Some(policy) = api.rest.get("securityPolicy").and_then(Value::as_str) {
        context.set("apigateway:Resource/SecurityPolicy", policy);
    }
}

fn method_keys(context: &mut Context, method: &Method) {
    context.set("apigateway:Resource/ApiKeyRequired", method.api_key_required.to_string());
    context.set("apigateway:Resource/RouteAuthorizationType", method.authorization_type.as_str());
}

/// `aws:ResourceTag/…` of what the ARN `on` names. What hangs below an API has the API's tags, keys of a usage plan the
/// plan's, and a stage's own tags win over its API's (developer guide, apigateway-tagging-supported-resources).
pub(super) fn resource_tags(
    reader: &Reader,
    call: &Call,
    on: &str,
    context: &mut Context,
) -> Result<(), StoreError> {
    let path = on.split_once(":/").map_or("", |(_, path)| path);
    let parts: Vec<&str> = path.split('/').collect();
    let own = own(call);
    let mut add = |collection: &str, key: &str| -> Result<(), StoreError> {
        let document: Option<Document> = reader.get(collection, key)?;
        let tags = document.as_ref().and_then(|document| document.get("tags")).and_then(Value::as_object);
        for (name, value) in tags.into_iter().flatten() {
            context.set(format!("aws:ResourceTag/{name}"), value.as_str().unwrap_or_default());
        }
        Ok(())
    };
    match parts.as_slice() {
        ["restapis", id, below @ ..] if visible_api(reader, call, id)?.is_some() => {
            add("apis", id)?;
            if let ["stages", stage, ..] = below {
                add("stages", &format!("{id}/{stage}"))?;
            }
        }
        ["apikeys", id] => add("apiKeys", &format!("{own}{id}"))?,
        ["usageplans", id, ..] => add("usagePlans", &format!("{own}{id}"))?,
        ["vpclinks", id] => add("vpcLinks", &format!("{own}{id}"))?,
        ["clientcertificates", id] => add("clientCertificates", &format!("{own}{id}"))?,
        ["domainnames", name, ..] => {
            if let Some(key) = domain_key(reader, call, name)? {
                add("domainNames", &key)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Where the caller's domain name is stored: a private one, with its id behind a `+`, below its owner.
fn domain_key(reader: &Reader, call: &Call, name: &str) -> Result<Option<String>, StoreError> {
    let own = own(call);
    if name.contains('+') {
        return Ok(Some(format!("{own}{name}")));
    }
    let ours = reader.get::<bool>("accountDomainNames", &format!("{own}{name}"))?;
    Ok(ours.map(|_| name.to_owned()))
}

/// A stored document as its JSON.
type Document = serde_json::Map<String, Value>;

fn domain_keys(context: &mut Context, domain: &Document) {
    let types = domain.get("endpointConfiguration").and_then(|e| e.get("types"));
    context.set_all("apigateway:Resource/EndpointType", texts(types));
    let trust = domain.get("mutualTlsAuthentication");
    for (value, key) in [
        (trust.and_then(|t| t.get("truststoreUri")), "MtlsTrustStoreUri"),
        (trust.and_then(|t| t.get("truststoreVersion")), "MtlsTrustStoreVersion"),
        (domain.get("routingMode"), "RoutingMode"),
        (domain.get("securityPolicy"), "SecurityPolicy"),
    ] {
        if let Some(value) = value.and_then(Value::as_str) {
            context.set(format!("apigateway:Resource/{key}"), value);
        }
    }
}
