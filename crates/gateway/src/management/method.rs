//! Methods.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, UNKNOWN_METHOD, place, reply};
use super::patch::{Entry, Patch, Rule, apply_entry, operations, permit, text};
use super::rest_api::texts;
use crate::model::{Authorizer, Method, RequestValidator, SchemaModel};

const HTTP_METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];

/// Refuses anything but a method's name.
pub(super) fn check_http_method(name: &str) -> Result<(), Failure> {
    if HTTP_METHODS.contains(&name) {
        return Ok(());
    }
    Err(bad_request(format!("Invalid HttpMethod specified. Valid options are {}", HTTP_METHODS.join(","))))
}

pub(super) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| put_in(writer, call))
}

/// The same within a transaction.
pub(super) fn put_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let http_method = call.required("httpMethod");
    let mut place = place(writer, call)?;
    check_http_method(http_method)?;
    if place.resource.resource_methods.contains_key(http_method) {
        // As users report it (hashicorp/terraform-provider-aws).
        return Err(conflict("Method already exists for this resource"));
    }
    let request_parameters = flags(call.input.get("requestParameters"));
    check_parameters(&request_parameters)?;
    let mut rest = Map::new();
    for member in ["operationName", "requestModels", "requestValidatorId", "authorizationScopes"] {
        if let Some(value) = call.input.get(member).filter(|v| !is_empty(v)) {
            rest.insert(member.to_owned(), value.clone());
        }
    }
    let mut method = Method {
        http_method: http_method.to_owned(),
        authorization_type: call.required("authorizationType").to_owned(),
        authorizer_id: call.text("authorizerId").map(str::to_owned),
        api_key_required: call.input.get("apiKeyRequired").and_then(Value::as_bool).unwrap_or(false),
        request_parameters,
        method_responses: BTreeMap::new(),
        method_integration: None,
        rest,
    };
    check_references(writer, &place.api.id, &mut method)?;
    place.resource.resource_methods.insert(http_method.to_owned(), method.clone());
    place.save(writer)?;
    reply(&method)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| reply(place(reader, call)?.method(call)?))
}

const RULES: &[Rule] = &[
    ("/authorizationType", &["replace"]),
    ("/authorizerId", &["replace"]),
    ("/apiKeyRequired", &["replace"]),
    ("/operationName", &["replace"]),
    ("/requestValidatorId", &["replace"]),
    ("/authorizationScopes", &["add", "remove", "replace"]),
    ("/requestParameters/{}", &["add", "remove", "replace"]),
    ("/requestModels/{}", &["add", "remove", "replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let api = place.api.id.clone();
        let method = place.method_mut(call)?;
        for patch in operations(call)? {
            apply(method, &patch)?;
        }
        check_parameters(&method.request_parameters)?;
        check_references(writer, &api, method)?;
        let answer = reply(method)?;
        place.save(writer)?;
        Ok(answer)
    })
}

fn apply(method: &mut Method, patch: &Patch<'_>) -> Result<(), Failure> {
    let (path, key) = permit(RULES, patch)?;
    match path {
        "/authorizationType" => method.authorization_type = text(patch),
        "/authorizerId" => method.authorizer_id = patch.non_empty(),
        "/apiKeyRequired" => method.api_key_required = patch.is_true(),
        "/requestParameters/{}" => {
            apply_entry(&mut method.request_parameters, patch, key, Entry::Parameter, |p| p.is_true())?;
        }
        "/requestModels/{}" => {
            let mut models = strings(method.rest.get("requestModels"));
            apply_entry(&mut models, patch, key, Entry::ContentType, text)?;
            set(&mut method.rest, "requestModels", json!(models));
        }
        "/authorizationScopes" => {
            let value = text(patch);
            let mut scopes = texts(method.rest.get("authorizationScopes"));
            match patch.op {
                "add" if !scopes.contains(&value) => scopes.push(value),
                "replace" => scopes = value.split(',').map(|s| s.trim().to_owned()).collect(),
                "remove" => scopes.retain(|scope| *scope != value),
                _ => {}
            }
            set(&mut method.rest, "authorizationScopes", json!(scopes));
        }
        plain => set(&mut method.rest, plain.trim_start_matches('/'), json!(text(patch))),
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        place
            .resource
            .resource_methods
            .remove(call.required("httpMethod"))
            .ok_or_else(|| not_found(UNKNOWN_METHOD))?;
        place.save(writer)?;
        Ok(Reply::empty())
    })
}

/// TestApiGatewayApiMethod::test_method_request_parameters#req-params-same-name.
fn check_parameters(parameters: &BTreeMap<String, bool>) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    for name in parameters.keys() {
        let well_formed = ["header", "querystring", "path", "multivalueheader", "multivaluequerystring"]
            .iter()
            .find_map(|place| name.strip_prefix("method.request.")?.strip_prefix(place)?.strip_prefix('.'))
            .filter(|rest| !rest.is_empty());
        let Some(last) = well_formed else {
            // The inner text is recorded for integrations; that methods answer with it is reasoning.
            return Err(bad_request(format!("Invalid mapping expression specified: {name}")));
        };
        if !seen.insert(last) {
            return Err(bad_request("Parameter names must be unique across querystring, header and path"));
        }
    }
    Ok(())
}

/// What a method refers to must exist (TestApiGatewayApiMethod::test_put_method_validation). An authorizer id on a
/// method that takes none is dropped (…::test_update_method_validation#skip-auth-id-with-wrong-type).
fn check_references(documents: &impl Read, api: &str, method: &mut Method) -> Result<(), Failure> {
    match method.authorization_type.as_str() {
        "CUSTOM" | "COGNITO_USER_POOLS" => {
            let id = method.authorizer_id.as_deref().unwrap_or_default();
            if documents.one::<Authorizer>("authorizers", &format!("{api}/{id}"))?.is_none() {
                return Err(bad_request(
                    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
                ));
            }
        }
        "NONE" | "AWS_IAM" => method.authorizer_id = None,
        // Reasoning: worded as the refusal of HTTP methods.
        _ => {
            return Err(bad_request(
                "Invalid Authorization Type specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS",
            ));
        }
    }
    if let Some(id) = method.rest.get("requestValidatorId").and_then(Value::as_str)
        && documents.one::<RequestValidator>("validators", &format!("{api}/{id}"))?.is_none()
    {
        return Err(bad_request("Invalid Request Validator identifier specified"));
    }
    check_models(documents, api, strings(method.rest.get("requestModels")).values())
}

/// Models are referred to by name.
pub(super) fn check_models<'a>(
    documents: &impl Read,
    api: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), Failure> {
    for name in names {
        if documents.one::<SchemaModel>("models", &format!("{api}/{name}"))?.is_none() {
            return Err(bad_request(format!("Invalid model identifier specified: {name}")));
        }
    }
    Ok(())
}

/// Sets a member, or takes it away when there is nothing to say.
pub(super) fn set(members: &mut Map<String, Value>, member: &str, value: Value) {
    if is_empty(&value) {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A map of texts, empty when absent.
pub(super) fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object);
    members.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// A map of booleans, empty when absent.
pub(super) fn flags(value: Option<&Value>) -> BTreeMap<String, bool> {
    let members = value.and_then(Value::as_object);
    members.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_bool()?))).collect()
}
