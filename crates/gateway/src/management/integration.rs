//! Integrations.

use std::collections::BTreeMap;

use arn::Arn;
use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{ApiError, Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::lookup::{place, reply};
use super::method::{check_http_method, set, strings};
use super::patch::{Entry, Patch, Rule, apply_entry, operations, permit, text};
use super::rest_api::texts;
use super::{integration_uri, mapping};
use crate::model::{Integration, Method};

pub(super) const UNKNOWN_INTEGRATION: &str = "Invalid Integration identifier specified";
const DEFAULT_TIMEOUT: u32 = 29_000;
const MIN_TIMEOUT: u32 = 50;
/// Fifteen minutes (guide, "Stream the integration response for your proxy integrations").
const STREAMED_TIMEOUT: u32 = 900_000;

pub(super) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| put_in(writer, call))
}

/// The same within a transaction.
pub(super) fn put_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let mut place = place(writer, call)?;
    let resource = place.resource.id.clone();
    let method = place.method_mut(call)?;
    let integration = read(call, &resource)?;
    check(&integration, method, call)?;
    method.method_integration = Some(integration.clone());
    place.save(writer)?;
    reply(&integration)
}

fn read(call: &Call, resource: &str) -> Result<Integration, Failure> {
    let kind = call.required("type").to_owned();
    let text = |member: &str| call.text(member).filter(|t| !t.is_empty()).map(str::to_owned);
    let mut rest = Map::new();
    for member in ["connectionType", "connectionId", "tlsConfig", "responseTransferMode", "integrationTarget"]
    {
        if let Some(value) = call.input.get(member) {
            rest.insert(member.to_owned(), value.clone());
        }
    }
    let namespace = text("cacheNamespace").unwrap_or_else(|| resource.to_owned());
    rest.insert("cacheNamespace".into(), namespace.into());
    rest.insert("cacheKeyParameters".into(), json!(texts(call.input.get("cacheKeyParameters"))));
    // test_put_integration_responses#put-integration-get.
    if kind.starts_with("HTTP") {
        rest.entry("connectionType").or_insert_with(|| "INTERNET".into());
    }
    // Deployed integrations show it without having been given one; published by a user of AWS.
    rest.entry("responseTransferMode").or_insert_with(|| "BUFFERED".into());
    let timeout = match call.input.get("timeoutInMillis").and_then(Value::as_i64) {
        None => DEFAULT_TIMEOUT,
        Some(n) => u32::try_from(n).unwrap_or(0),
    };
    Ok(Integration {
        http_method: text("integrationHttpMethod"),
        // AWS keeps no URI for a MOCK (test_apigateway_integrations test_put_integration_validation).
        uri: text("uri").filter(|_| kind != "MOCK"),
        credentials: text("credentials"),
        request_parameters: strings(call.input.get("requestParameters")),
        request_templates: strings(call.input.get("requestTemplates")),
        passthrough_behavior: text("passthroughBehavior").unwrap_or_else(|| "WHEN_NO_MATCH".to_owned()),
        content_handling: text("contentHandling"),
        timeout_in_millis: timeout,
        integration_responses: BTreeMap::new(),
        kind,
        rest,
    })
}

fn check(integration: &Integration, method: &Method, call: &Call) -> Result<(), Failure> {
    if integration.kind != "MOCK" {
        let http_method = integration.http_method.as_deref();
        let http_method =
            http_method.ok_or_else(|| bad_request("Enumeration value for HttpMethod must be non-empty"))?;
        check_http_method(http_method)?;
        integration_uri::check(&integration.kind, integration.uri.as_deref().unwrap_or_default())?;
    }
    if let Some(credentials) = &integration.credentials {
        check_credentials(credentials, call)?;
    }
    if !["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"].contains(&integration.passthrough_behavior.as_str()) {
        // Reasoning: worded as the refusal of HTTP methods.
        return Err(bad_request(
            "Invalid passthrough behavior specified. Valid options are WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER",
        ));
    }
    check_transfer(integration)?;
    let most = if integration.is_streamed() { STREAMED_TIMEOUT } else { DEFAULT_TIMEOUT };
    if !(MIN_TIMEOUT..=most).contains(&integration.timeout_in_millis) {
        // As users report it, with both numbers.
        return Err(bad_request(format!("Timeout should be between 50 ms and {most} ms")));
    }
    mapping::check_request(&integration.request_parameters, method)?;
    mapping::check_templates(&integration.request_templates)
}

/// The guide: streaming is for HTTP_PROXY and AWS_PROXY. The words are not recorded; reasoning.
fn check_transfer(integration: &Integration) -> Result<(), Failure> {
    match integration.rest.get("responseTransferMode").and_then(Value::as_str) {
        None | Some("BUFFERED") => Ok(()),
        Some("STREAM") if ["HTTP_PROXY", "AWS_PROXY"].contains(&integration.kind.as_str()) => Ok(()),
        Some("STREAM") => Err(bad_request(
            "Response transfer mode STREAM is only supported for integrations of type HTTP_PROXY and AWS_PROXY",
        )),
        Some(_) => {
            Err(bad_request("Invalid response transfer mode specified. Valid options are BUFFERED,STREAM"))
        }
    }
}

/// A role is given by an ARN of the caller's account. `arn:aws:iam::*:user/*` stands for whoever calls the API.
pub(super) fn check_credentials(credentials: &str, call: &Call) -> Result<(), Failure> {
    let role = Arn::parse(credentials).map_err(|_| bad_request("Invalid ARN specified in the request"))?;
    if role.service != "iam" {
        return Err(bad_request("Invalid ARN specified in the request"));
    }
    if role.account != "*" && role.account != call.account.as_str() {
        return Err(
            ApiError::new("AccessDeniedException", 403, "Cross-account pass role is not allowed.").into()
        );
    }
    Ok(())
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| {
        let place = place(reader, call)?;
        let found = place.method(call)?.method_integration.as_ref();
        reply(found.ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?)
    })
}

const RULES: &[Rule] = &[
    ("/type", &["replace"]),
    ("/uri", &["replace"]),
    ("/httpMethod", &["replace"]),
    ("/credentials", &["replace"]),
    ("/passthroughBehavior", &["replace"]),
    ("/contentHandling", &["replace"]),
    ("/timeoutInMillis", &["replace"]),
    ("/cacheNamespace", &["replace"]),
    ("/connectionId", &["replace"]),
    ("/connectionType", &["replace"]),
    ("/responseTransferMode", &["replace"]),
    ("/integrationTarget", &["replace"]),
    ("/tlsConfig/insecureSkipVerification", &["replace"]),
    ("/cacheKeyParameters/{}", &["add", "remove", "replace"]),
    ("/requestParameters/{}", &["add", "remove", "replace"]),
    ("/requestTemplates/{}", &["add", "remove", "replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let method = place.method_mut(call)?;
        let mut integration =
            method.method_integration.clone().ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
        for patch in operations(call)? {
            apply(&mut integration, &patch)?;
        }
        check(&integration, method, call)?;
        method.method_integration = Some(integration.clone());
        place.save(writer)?;
        reply(&integration)
    })
}

fn apply(integration: &mut Integration, patch: &Patch<'_>) -> Result<(), Failure> {
    let (path, key) = permit(RULES, patch)?;
    match path {
        "/type" => integration.kind = text(patch),
        "/uri" => integration.uri = patch.non_empty(),
        "/httpMethod" => integration.http_method = patch.non_empty(),
        "/credentials" => integration.credentials = patch.non_empty(),
        "/passthroughBehavior" => integration.passthrough_behavior = text(patch),
        "/contentHandling" => integration.content_handling = patch.non_empty(),
        "/timeoutInMillis" => integration.timeout_in_millis = text(patch).parse().unwrap_or(0),
        "/cacheKeyParameters/{}" => {
            let mut parameters = texts(integration.rest.get("cacheKeyParameters"));
            parameters.retain(|p| *p != key);
            if patch.op != "remove" {
                parameters.push(key);
            }
            integration.rest.insert("cacheKeyParameters".into(), json!(parameters));
        }
        "/requestParameters/{}" => {
            apply_entry(&mut integration.request_parameters, patch, key, Entry::Parameter, text)?;
        }
        "/requestTemplates/{}" => {
            apply_entry(&mut integration.request_templates, patch, key, Entry::ContentType, text)?;
        }
        "/tlsConfig/insecureSkipVerification" => {
            integration
                .rest
                .insert("tlsConfig".into(), json!({ "insecureSkipVerification": patch.is_true() }));
        }
        plain => set(&mut integration.rest, plain.trim_start_matches('/'), json!(text(patch))),
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let method = place.method_mut(call)?;
        method.method_integration.take().ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
        place.save(writer)?;
        Ok(Reply::empty())
    })
}
