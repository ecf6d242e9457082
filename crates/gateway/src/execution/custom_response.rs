//! Gateway responses that an API's owner has put. Their templates are no Velocity: variables are replaced and nothing
//! else (API Gateway guide, "Gateway responses": "simple variable substitutions").

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::access_log::Answered;
use super::call::query;
use super::client::{ClientResponse, valid_name, valid_value};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::headers::given;
use super::journal::Journal;
use crate::model::{GatewayResponse as Stored, Texts};

/// The gateway responses of a deployment, by type.
#[derive(Default)]
pub(super) struct Custom(BTreeMap<String, Stored>);

/// What templates and parameters may name.
pub(super) struct Names<'a> {
    /// The call, with the answer as it would be sent without a gateway response.
    pub call: &'a Answered<'a>,
    pub variables: &'a Texts,
    pub path_parameters: &'a [(&'a str, &'a str)],
}

impl Custom {
    pub fn new(put: &BTreeMap<String, Stored>) -> Self {
        Self(put.clone())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one for a type: its own, else the default of its class
    /// (recording TestApiGatewayGatewayResponse::test_gateway_response_put).
    fn of(&self, kind: ResponseType, status: u16) -> Option<(&String, &Stored)> {
        let class = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        self.0.get_key_value(kind.name()).or_else(|| self.0.get_key_value(class))
    }

    /// Dresses `response`, which is about to be sent as `sent`, as the owner wants it.
    pub fn apply(
        &self,
        response: &GatewayResponse,
        names: &Names<'_>,
        sent: &mut ClientResponse,
        journal: &mut Journal,
    ) {
        let Some((kind, custom)) = self.of(response.kind, response.status) else { return };
        if let Some(status) = custom.status_code.as_deref().and_then(|s| s.parse().ok()) {
            // Interim statuses cannot end an exchange.
            sent.status = if (200..=999).contains(&status) { status } else { sent.status };
        }
        // In published logs of APIs that have put one.
        journal.error(|| format!("Gateway response type: {kind} with status code: {}", sent.status));
        let accept =
            names.call.request.header("accept").and_then(|a| a.split(',').next()).unwrap_or_default();
        let templates = &custom.response_templates;
        let chosen = templates
            .get_key_value(accept.trim())
            .or_else(|| templates.get_key_value("application/json"))
            .or_else(|| templates.first_key_value());
        if let Some((media_type, template)) = chosen {
            sent.body = Bytes::from(fill(template, response, names));
            set(sent, "Content-Type", media_type);
        }
        for (to, from) in &custom.response_parameters {
            let Some(name) = to.strip_prefix("gatewayresponse.header.").filter(|n| valid_name(n)) else {
                continue;
            };
            if let Some(value) = value(from, names).filter(|v| valid_value(v)) {
                set(sent, name, &value);
            }
        }
    }
}

/// What frames the answer cannot be set: it is renamed as an integration's own is (reasoning).
fn set(sent: &mut ClientResponse, name: &str, value: &str) {
    let Some(name) = given(Bytes::copy_from_slice(name.as_bytes())) else { return };
    sent.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
    sent.headers.push((name, Bytes::copy_from_slice(value.as_bytes())));
}

/// A parameter's value: a text in quotes, or what of the client's request the expression names.
fn value(from: &str, names: &Names<'_>) -> Option<String> {
    if let Some(text) = from.strip_prefix('\'').and_then(|f| f.strip_suffix('\'')) {
        return Some(text.to_owned());
    }
    let request = names.call.request;
    if let Some(name) = from.strip_prefix("method.request.header.") {
        return request.header(name).map(str::to_owned);
    }
    if let Some(name) = from.strip_prefix("method.request.multivalueheader.") {
        let all = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let all: Vec<_> = all.map(|(_, v)| String::from_utf8_lossy(v)).collect();
        return Some(all.join(",")).filter(|_| !all.is_empty());
    }
    if let Some(name) = from.strip_prefix("method.request.querystring.") {
        return queried(&request.query, name).pop();
    }
    if let Some(name) = from.strip_prefix("method.request.multivaluequerystring.") {
        let all = queried(&request.query, name);
        return Some(all.join(",")).filter(|_| !all.is_empty());
    }
    if let Some(name) = from.strip_prefix("method.request.path.") {
        return names.path_parameters.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    }
    if let Some(name) = from.strip_prefix("stageVariables.") {
        return names.variables.get(name).cloned();
    }
    context(from.strip_prefix("context.")?, names)
}

/// Replaces `$context.…` and `$stageVariables.…`; what is not known becomes empty.
fn fill(template: &str, response: &GatewayResponse, names: &Names<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.starts_with('{');
        let body = after.strip_prefix('{').unwrap_or(after);
        // Headers have hyphens.
        let of_request = body.starts_with("method.request.");
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || (of_request && c == '-');
        let end = body.find(|c| !named(c)).unwrap_or(body.len());
        let name = body[..end].trim_end_matches('.');
        let known = if of_request {
            // Guide, "Gateway responses": a template "can access … method request parameters".
            Some(value(name, names).unwrap_or_default())
        } else if let Some(name) = name.strip_prefix("context.error.") {
            Some(error(name, response, names))
        } else if let Some(name) = name.strip_prefix("context.") {
            Some(context(name, names).unwrap_or_default())
        } else {
            let variable = name.strip_prefix("stageVariables.");
            variable.map(|name| names.variables.get(name).cloned().unwrap_or_default())
        };
        match known {
            Some(text) => {
                out.push_str(&text);
                rest = &body[name.len()..];
                if braced {
                    rest = rest.strip_prefix('}').unwrap_or(rest);
                }
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn queried(text: &str, name: &str) -> Vec<String> {
    let found = query(text).into_iter().filter(|(n, _)| *n == *name);
    found.flat_map(|(_, values)| values).map(Cow::into_owned).collect()
}

/// The variables of access logs have the same names and values.
fn context(name: &str, names: &Names<'_>) -> Option<String> {
    names.call.value(name).map(Cow::into_owned)
}

fn error(name: &str, response: &GatewayResponse, names: &Names<'_>) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let message = body.get("message").or_else(|| body.get("Message")).cloned().unwrap_or_default();
    match name {
        "messageString" => message.to_string(),
        "message" => message.as_str().unwrap_or_default().to_owned(),
        "responseType" => response.kind.name().to_owned(),
        // Reasoning: published templates put it into quotes and read JSON, and it has quotes of its own.
        "validationErrorString" => {
            let quoted =
                Value::from(context("error.validationErrorString", names).unwrap_or_default()).to_string();
            quoted.trim_matches('"').to_owned()
        }
        _ => String::new(),
    }
}
