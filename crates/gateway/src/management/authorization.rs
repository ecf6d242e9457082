//! What must be allowed before an operation runs.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway Management".

use arn::Arn;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Check, Context, Principal};
use serde_json::Value;
use store::{Reader, Store, StoreError};
use wire::{ApiError, Call};

use super::failure::Failure;
use super::lookup::visible_api;
use super::operations::operation;
use super::rest_api::texts;
use crate::model::{Resource, RestApi};

/// An ARN within a path, as `/tags/…` has it.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn checks(store: &Store, call: &Call, _principal: &Principal) -> Result<Vec<Check>, Failure> {
    let operation = operation(call.operation)
        .ok_or_else(|| ApiError::internal(format!("apigateway has no operation {}", call.operation)))?;
    let context = store.read::<_, Failure>(|reader| Ok(context(reader, call)?))?;
    let mut all =
        vec![check(call, format!("apigateway:{}", operation.method), &path(operation.path, call), &context)];
    if changes_policy(call) {
        // An additional control, because the policy is sensitive.
        let path = match call.text("restApiId") {
            Some(id) => format!("/restapis/{id}"),
            None => "/restapis".to_owned(),
        };
        all.push(check(call, "apigateway:UpdateRestApiPolicy".to_owned(), &path, &context));
    }
    if let Some(path) = tagged(call) {
        all.push(check(call, "apigateway:PUT".to_owned(), &path, &context));
    }
    if call.operation == "TagResource"
        && let Some((_, path)) = call.required("resourceArn").split_once("::/")
    {
        // Tagging changes the resource as well (iann0036/iam-dataset pull request 39, tested against AWS).
        all.push(check(call, "apigateway:PATCH".to_owned(), &format!("/{path}"), &context));
    }
    all.extend(passed_role(call).and_then(|role| pass_role(call, role)));
    Ok(all)
}

/// Creating something with tags is tagging too. The resource, which has no id yet, reads
/// `/tags/arn%3Aaws%3Aapigateway%3AREGION%3A%3A%2Frestapis%2F*` (a refusal published in mattclay/aws-terminator pull
/// request 284; the other collections by analogy).
fn tagged(call: &Call) -> Option<String> {
    call.input.get("tags").and_then(Value::as_object).filter(|tags| !tags.is_empty())?;
    let collection = match call.operation {
        "CreateRestApi" => "/restapis".to_owned(),
        "CreateStage" => format!("/restapis/{}/stages", call.required("restApiId")),
        "CreateApiKey" => "/apikeys".to_owned(),
        "CreateUsagePlan" => "/usageplans".to_owned(),
        _ => return None,
    };
    let arn = format!("arn:{}:apigateway:{}::{collection}/", Arn::partition_of(&call.region), call.region);
    Some(format!("/tags/{}*", utf8_percent_encode(&arn, IN_PATH)))
}

/// `apigateway` ARNs name no account. The resource counts as the caller's: an API of another account is answered by the
/// handler like one that does not exist, and a decision about it must not tell otherwise.
fn check(call: &Call, action: String, path: &str, context: &Context) -> Check {
    Check {
        action,
        resource: format!("arn:{}:apigateway:{}::{path}", Arn::partition_of(&call.region), call.region),
        resource_account: Some(call.account),
        resource_policy: None,
        context: context.clone(),
    }
}

/// Fills the members into an operation's path.
fn path(template: &str, call: &Call) -> String {
    let mut path = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (member, after) = after.split_once('}').unwrap_or((after, ""));
        path.push_str(before);
        let value = call.required(member);
        if value.starts_with("arn:") {
            path.extend(utf8_percent_encode(value, IN_PATH));
        } else {
            path.push_str(value);
        }
        rest = after;
    }
    path.push_str(rest);
    path
}

fn changes_policy(call: &Call) -> bool {
    match call.operation {
        "CreateRestApi" => call.text("policy").is_some_and(|p| !p.is_empty()),
        "UpdateRestApi" => patched(call, "/policy").is_some(),
        _ => false,
    }
}

/// The value of the last patch of `path`, empty when it takes the value away.
fn patched<'c>(call: &'c Call, path: &str) -> Option<&'c str> {
    let list = call.input.get("patchOperations")?.as_array()?;
    let one = list.iter().rev().find(|one| one.get("path").and_then(Value::as_str) == Some(path))?;
    Some(one.get("value").and_then(Value::as_str).unwrap_or_default())
}

/// The role that the call hands to API Gateway.
fn passed_role(call: &Call) -> Option<&str> {
    let role = match call.operation {
        "PutIntegration" => call.text("credentials"),
        "UpdateIntegration" => patched(call, "/credentials"),
        "CreateAuthorizer" => call.text("authorizerCredentials"),
        "UpdateAuthorizer" => patched(call, "/authorizerCredentials"),
        "UpdateAccount" => patched(call, "/cloudwatchRoleArn"),
        _ => None,
    };
    role.filter(|role| !role.is_empty())
}

/// `iam:PassRole` on a role of the caller's account. A role of another account is refused by the handler with AWS's own
/// text, and `arn:aws:iam::*:user/*` (the credentials of whoever calls the API) is no role.
fn pass_role(call: &Call, role: &str) -> Option<Check> {
    let arn = Arn::parse(role).ok()?;
    if arn.service != "iam" || arn.account != call.account.as_str() {
        return None;
    }
    let mut context = Context::new();
    context.set("iam:PassedToService", "apigateway.amazonaws.com");
    Some(Check {
        action: "iam:PassRole".to_owned(),
        resource: role.to_owned(),
        resource_account: Some(call.account),
        resource_policy: None,
        context,
    })
}

/// The documented condition keys: of the request, and of the API or method that it is about.
fn context(reader: &Reader, call: &Call) -> Result<Context, StoreError> {
    let mut context = Context::new();
    request_keys(&mut context, call);
    if let Some(api) = visible_api(reader, call, call.text("restApiId").unwrap_or_default())? {
        resource_keys(&mut context, &api);
        let key = format!("{}/{}", api.id, call.text("resourceId").unwrap_or_default());
        if let Some(resource) = reader.get::<Resource>("resources", &key)?
            && let Some(method) = resource.resource_methods.get(call.required("httpMethod"))
        {
            context.set("apigateway:Resource/ApiKeyRequired", method.api_key_required.to_string());
            context.set("apigateway:Resource/RouteAuthorizationType", method.authorization_type.as_str());
        }
    }
    Ok(context)
}

fn request_keys(context: &mut Context, call: &Call) {
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            context.set(&format!("apigateway:Request/{key}"), value);
        }
    };
    let own = |member: &str| call.text(member).map(str::to_owned);
    let flag = |member: &str| call.input.get(member).and_then(Value::as_bool).map(|on| on.to_string());
    let patch = |path: &str| patched(call, path).map(str::to_owned);
    match call.operation {
        "CreateRestApi" => {
            set("ApiName", own("name"));
            set("DisableExecuteApiEndpoint", flag("disableExecuteApiEndpoint"));
            let types = call.input.get("endpointConfiguration").and_then(|e| e.get("types"));
            let types = texts(types);
            context.set_all(
                "apigateway:Request/EndpointType",
                if types.is_empty() { vec!["EDGE".to_owned()] } else { types },
            );
        }
        "UpdateRestApi" => {
            set("ApiName", patch("/name"));
            set("DisableExecuteApiEndpoint", patch("/disableExecuteApiEndpoint"));
            let types =
                ["EDGE", "REGIONAL", "PRIVATE", "0"].map(|t| format!("/endpointConfiguration/types/{t}"));
            let given = types.iter().find_map(|path| patch(path));
            set("EndpointType", given.or_else(|| patch("/endpointConfiguration/types")));
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
        _ => {}
    }
    if let Some(Value::Object(tags)) = call.input.get("tags") {
        for (name, value) in tags {
            context.set(&format!("aws:RequestTag/{name}"), value.as_str().unwrap_or_default());
        }
        context.set_all("aws:TagKeys", tags.keys().cloned().collect());
    } else if call.operation == "UntagResource" {
        context.set_all("aws:TagKeys", texts(call.input.get("tagKeys")));
    }
}

fn resource_keys(context: &mut Context, api: &RestApi) {
    context.set("apigateway:Resource/ApiName", api.name.as_str());
    context
        .set("apigateway:Resource/DisableExecuteApiEndpoint", api.disable_execute_api_endpoint.to_string());
    let types = api.rest.get("endpointConfiguration").and_then(|e| e.get("types"));
    context.set_all("apigateway:Resource/EndpointType", texts(types));
    if let Some(Value::Object(tags)) = api.rest.get("tags") {
        for (name, value) in tags {
            context.set(&format!("aws:ResourceTag/{name}"), value.as_str().unwrap_or_default());
        }
    }
}
