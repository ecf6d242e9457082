//! Gateway responses that an API's owner has put. Their templates are no Velocity: variables are replaced and nothing
//! else (API Gateway guide, "Gateway responses": "simple variable substitutions").

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::client::{ClientRequest, ClientResponse, valid_name, valid_value};
use super::gateway_response::{GatewayResponse, ResponseType};
use crate::model::{GatewayResponse as Stored, Texts};

/// The gateway responses of a deployment, by type.
#[derive(Default)]
pub(super) struct Custom(BTreeMap<String, Stored>);

/// What templates and parameters may name.
pub(super) struct Names<'a> {
    pub request: &'a ClientRequest,
    pub stage: &'a str,
    pub variables: &'a Texts,
}

impl Custom {
    pub fn new(put: &BTreeMap<String, Stored>) -> Self {
        Self(put.clone())
    }

    /// The one for a type: its own, else the default of its class
    /// (recording TestApiGatewayGatewayResponse::test_gateway_response_put).
    fn of(&self, kind: ResponseType, status: u16) -> Option<&Stored> {
        let class = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        self.0.get(kind.name()).or_else(|| self.0.get(class))
    }

    /// Dresses `response`, which is about to be sent as `sent`, as the owner wants it.
    pub fn apply(&self, response: &GatewayResponse, names: &Names<'_>, sent: &mut ClientResponse) {
        let Some(custom) = self.of(response.kind, response.status) else { return };
        if let Some(status) = custom.status_code.as_deref().and_then(|s| s.parse().ok()) {
            // Interim statuses cannot end an exchange.
            sent.status = if (200..=999).contains(&status) { status } else { sent.status };
        }
        let accept = names.request.header("accept").and_then(|a| a.split(',').next()).unwrap_or_default();
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

fn set(sent: &mut ClientResponse, name: &str, value: &str) {
    sent.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes()));
    sent.headers.push((Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes())));
}

fn value(from: &str, names: &Names<'_>) -> Option<String> {
    if let Some(text) = from.strip_prefix('\'').and_then(|f| f.strip_suffix('\'')) {
        return Some(text.to_owned());
    }
    if let Some(name) = from.strip_prefix("method.request.header.") {
        return names.request.header(name).map(str::to_owned);
    }
    if let Some(name) = from.strip_prefix("stageVariables.") {
        return names.variables.get(name).cloned();
    }
    context(from.strip_prefix("context.")?, names)
}

fn context(name: &str, names: &Names<'_>) -> Option<String> {
    let request = names.request;
    let text = match name {
        "requestId" => &request.request_id,
        "extendedRequestId" => &request.extended_request_id,
        "httpMethod" => &request.method,
        "path" => &request.path,
        "protocol" => &request.protocol,
        "domainName" => &request.domain_name,
        "identity.sourceIp" => &request.source_ip,
        "apiId" => &request.api_id,
        "stage" => names.stage,
        _ => return None,
    };
    Some(text.to_owned())
}

/// Replaces `$context.…` and `$stageVariables.…`; what is not known becomes empty.
fn fill(template: &str, response: &GatewayResponse, names: &Names<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.starts_with('{');
        let body = after.strip_prefix('{').unwrap_or(after);
        let end =
            body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(body.len());
        let name = body[..end].trim_end_matches('.');
        let known = if let Some(name) = name.strip_prefix("context.error.") {
            Some(error(name, response))
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

fn error(name: &str, response: &GatewayResponse) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let message = body.get("message").or_else(|| body.get("Message")).cloned().unwrap_or_default();
    match name {
        "messageString" => message.to_string(),
        "message" => message.as_str().unwrap_or_default().to_owned(),
        "responseType" => response.kind.name().to_owned(),
        _ => String::new(),
    }
}
