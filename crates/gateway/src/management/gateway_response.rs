//! Gateway responses, with the defaults that show through where nothing was put.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{Store, StoreError, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::lookup::{Read, api, members, reply, touch};
use super::method::strings;
use super::patch::{Entry, Patch, Rule, apply_entry, operations, permit, text};
use crate::model::{GatewayResponse, RestApi};

/// Types and their statuses, sorted (TestApiGatewayGatewayResponse::test_gateway_response_crud).
const DEFAULTS: [(&str, Option<&str>); 21] = [
    ("ACCESS_DENIED", Some("403")),
    ("API_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_FAILURE", Some("500")),
    ("BAD_REQUEST_BODY", Some("400")),
    ("BAD_REQUEST_PARAMETERS", Some("400")),
    ("DEFAULT_4XX", None),
    ("DEFAULT_5XX", None),
    ("EXPIRED_TOKEN", Some("403")),
    ("INTEGRATION_FAILURE", Some("504")),
    ("INTEGRATION_TIMEOUT", Some("504")),
    ("INVALID_API_KEY", Some("403")),
    ("INVALID_SIGNATURE", Some("403")),
    ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
    ("QUOTA_EXCEEDED", Some("429")),
    ("REQUEST_TOO_LARGE", Some("413")),
    ("RESOURCE_NOT_FOUND", Some("404")),
    ("THROTTLED", Some("429")),
    ("UNAUTHORIZED", Some("401")),
    ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
    ("WAF_FILTERED", Some("403")),
];

const TEMPLATE: &str = "{\"message\":$context.error.messageString}";

/// The response of type `kind`: the one that was put, else what the default of its class says, else AWS's own. `None` for
/// a name that is no type.
///
/// A default that was put shows through with its status, parameters and templates (recording:
/// TestApiGatewayGatewayResponse::test_gateway_response_put).
#[must_use]
pub fn effective_gateway_response(
    put: &BTreeMap<String, GatewayResponse>,
    kind: &str,
) -> Option<GatewayResponse> {
    if let Some(own) = put.get(kind) {
        return Some(GatewayResponse { default_response: false, ..own.clone() });
    }
    let status = DEFAULTS.iter().find(|(name, _)| *name == kind)?.1;
    let class = match status.and_then(|s| s.chars().next()) {
        Some('4') => put.get("DEFAULT_4XX"),
        Some(_) => put.get("DEFAULT_5XX"),
        None => None,
    };
    let mut answer = class.cloned().unwrap_or_else(|| GatewayResponse {
        response_type: String::new(),
        status_code: None,
        response_parameters: BTreeMap::new(),
        response_templates: default_templates(),
        default_response: true,
    });
    kind.clone_into(&mut answer.response_type);
    answer.status_code = answer.status_code.or_else(|| status.map(str::to_owned));
    answer.default_response = true;
    Some(answer)
}

/// All of them, sorted by type.
#[must_use]
pub fn effective_gateway_responses(put: &BTreeMap<String, GatewayResponse>) -> Vec<GatewayResponse> {
    DEFAULTS.iter().filter_map(|(kind, _)| effective_gateway_response(put, kind)).collect()
}

fn default_templates() -> BTreeMap<String, String> {
    BTreeMap::from([("application/json".to_owned(), TEMPLATE.to_owned())])
}

fn load(documents: &impl Read, api: &RestApi) -> Result<BTreeMap<String, GatewayResponse>, StoreError> {
    let found = documents.all::<GatewayResponse>("gatewayResponses", &format!("{}/", api.id))?;
    Ok(found.into_iter().map(|(_, one)| (one.response_type.clone(), one)).collect())
}

fn effective(documents: &impl Read, api: &RestApi, call: &Call) -> Result<GatewayResponse, Failure> {
    effective_gateway_response(&load(documents, api)?, call.required("responseType"))
        .ok_or_else(|| not_found("Gateway response type not defined on api"))
}

pub(super) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| put_in(writer, call))
}

/// The same within a transaction.
pub(super) fn put_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let kind = call.required("responseType");
    let status = DEFAULTS.iter().find(|(name, _)| *name == kind).and_then(|(_, status)| *status);
    let mut templates = strings(call.input.get("responseTemplates"));
    if templates.is_empty() {
        templates = default_templates();
    }
    let response = GatewayResponse {
        response_type: kind.to_owned(),
        status_code: call.text("statusCode").or(status).map(str::to_owned),
        response_parameters: strings(call.input.get("responseParameters")),
        response_templates: templates,
        default_response: false,
    };
    let mut api = api(writer, call)?;
    writer.put("gatewayResponses", &format!("{}/{kind}", api.id), &response)?;
    touch(writer, &mut api)?;
    reply(&response)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| reply(&effective(reader, &api(reader, call)?, call)?))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let put = store.read::<_, Failure>(|reader| Ok(load(reader, &api(reader, call)?)?))?;
    let shown = effective_gateway_responses(&put);
    let items = shown.iter().map(|one| Ok(Value::Object(members(one)?)));
    Ok(json!({ "items": items.collect::<Result<Vec<_>, Failure>>()? }).into())
}

const RULES: &[Rule] = &[
    ("/statusCode", &["replace"]),
    ("/responseParameters/{}", &["add", "remove", "replace"]),
    ("/responseTemplates/{}", &["add", "remove", "replace"]),
];

/// TestApiGatewayGatewayResponse::test_update_gateway_response: a type that nobody put may be updated, and is put by it.
pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut api = api(writer, call)?;
        let mut response = effective(writer, &api, call)?;
        for patch in operations(call)? {
            apply(&mut response, &patch)?;
        }
        response.default_response = false;
        writer.put("gatewayResponses", &format!("{}/{}", api.id, response.response_type), &response)?;
        touch(writer, &mut api)?;
        reply(&response)
    })
}

fn apply(response: &mut GatewayResponse, patch: &Patch<'_>) -> Result<(), Failure> {
    // Here a wrong operation reads like a wrong path (…#update-gateway-add-status-code).
    let (path, key) =
        permit(RULES, patch).map_err(|_| bad_request(format!("Invalid patch path {}", patch.path)))?;
    let (map, member, entry) = match path {
        "/statusCode" => {
            response.status_code = patch.non_empty();
            return Ok(());
        }
        "/responseParameters/{}" => {
            (&mut response.response_parameters, "responseParameters", Entry::Parameter)
        }
        _ => (&mut response.response_templates, "responseTemplates", Entry::ContentType),
    };
    if patch.op != "remove" && patch.value.is_none_or(str::is_empty) {
        return Err(bad_request(format!("Invalid null or empty value in {member}")));
    }
    apply_entry(map, patch, key, entry, text)
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut api = api(writer, call)?;
        if !writer.delete("gatewayResponses", &format!("{}/{}", api.id, call.required("responseType")))? {
            return Err(not_found("Gateway response type not defined on api"));
        }
        touch(writer, &mut api)?;
        Ok(Reply::empty())
    })
}
