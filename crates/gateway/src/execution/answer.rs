//! Integration responses: which one fits a backend's answer, and what the client gets of it.

use bytes::Bytes;
use regex::Regex;

use super::call::MethodCall;
use super::client::{ClientResponse, valid_name, valid_value};
use super::template::{Template, Templates};
use crate::model::{Integration, Method};

/// A method's integration responses, compiled.
pub(super) struct Answers(Vec<Answer>);

struct Answer {
    status: u16,
    /// `None` for the default.
    pattern: Option<Regex>,
    templates: Templates,
    headers: Vec<(Bytes, Source)>,
    /// The method has no response of this status.
    undeclared: bool,
}

/// Where a header's value comes from.
enum Source {
    Static(Bytes),
    StageVariable(Box<str>),
    RequestId,
    /// The backend's own header: neither MOCK nor Lambda has any that may be mapped, but for `Content-Type`.
    ContentType,
    Nothing,
}

/// Why an answer cannot be made.
#[derive(Debug, PartialEq)]
pub(super) enum AnswerFault {
    /// The response template has Velocity in it.
    Velocity(String),
    /// The method response that the answer belongs to does not exist.
    Undeclared(u16),
}

impl Answers {
    /// # Errors
    /// What cannot work, or is not supported, in words.
    pub fn compile(integration: &Integration, method: &Method) -> Result<Self, String> {
        let mut answers = Vec::new();
        for (key, response) in &integration.integration_responses {
            let status = response.status_code.parse().ok().filter(|s| (200..=999).contains(s));
            let status =
                status.ok_or_else(|| format!("the integration response `{key}` has no valid status"))?;
            let pattern = match response.selection_pattern.as_deref() {
                None | Some("") => None,
                // The whole text must match, as Java's `matches` has it (recording test_lambda_selection_patterns).
                Some(p) => Some(Regex::new(&format!("^(?:{p})$")).map_err(|e| {
                    format!("the selection pattern `{p}` of the integration response {key} is no valid expression: {e}")
                })?),
            };
            let mut headers = Vec::new();
            for (to, from) in &response.response_parameters {
                let Some(name) = to.strip_prefix("method.response.header.").filter(|n| valid_name(n)) else {
                    return Err(format!("the response parameter `{to}` is no method.response.header"));
                };
                headers.push((Bytes::copy_from_slice(name.as_bytes()), source(to, from)?));
            }
            answers.push(Answer {
                status,
                pattern,
                templates: Templates::compile(&response.response_templates),
                headers,
                undeclared: !method.method_responses.contains_key(&response.status_code),
            });
        }
        Ok(Self(answers))
    }

    /// The answer whose pattern matches the status, else the default (MOCK).
    pub fn for_status(&self, status: u16) -> Option<usize> {
        self.for_text(Some(&status.to_string()))
    }

    /// The answer whose pattern matches an error's text, else the default. `None`: no error.
    pub fn for_text(&self, text: Option<&str>) -> Option<usize> {
        let matches = |a: &Answer| text.is_some_and(|t| a.pattern.as_ref().is_some_and(|p| p.is_match(t)));
        self.0.iter().position(matches).or_else(|| self.0.iter().position(|a| a.pattern.is_none()))
    }

    /// The response, without the gateway's own headers. `passed` is the backend's body, for answers without templates.
    ///
    /// # Errors
    /// Why there is none.
    pub fn render(
        &self,
        index: usize,
        call: &MethodCall<'_>,
        passed: Bytes,
    ) -> Result<ClientResponse, AnswerFault> {
        // `index` comes from `for_text`.
        let Some(answer) = self.0.get(index) else { return Ok(ClientResponse::default()) };
        if answer.undeclared {
            return Err(AnswerFault::Undeclared(answer.status));
        }
        let template = answer
            .templates
            .for_accept(call.request.header("accept"))
            .and_then(|index| answer.templates.get(index));
        let (content_type, body) = match template {
            None => (Bytes::from_static(b"application/json"), passed),
            Some((_, Template::Velocity(found))) => return Err(AnswerFault::Velocity(found.clone())),
            Some(("application/json", Template::Literal(body))) => {
                (Bytes::from_static(b"application/json"), body.clone())
            }
            Some((name, Template::Literal(body))) => (Bytes::copy_from_slice(name.as_bytes()), body.clone()),
        };
        let mut headers = Vec::with_capacity(answer.headers.len() + 4);
        for (name, source) in &answer.headers {
            let value = match source {
                Source::Static(value) => value.clone(),
                Source::StageVariable(name) => match call.variables.get(&**name) {
                    Some(value) if valid_value(value) => Bytes::copy_from_slice(value.as_bytes()),
                    _ => continue,
                },
                Source::RequestId => Bytes::copy_from_slice(call.request.request_id.as_bytes()),
                Source::ContentType => Bytes::from_static(b"application/json"),
                Source::Nothing => continue,
            };
            headers.push((name.clone(), value));
        }
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(b"content-type")) {
            headers.push((Bytes::from_static(b"Content-Type"), content_type));
        }
        Ok(ClientResponse { status: answer.status, headers, body })
    }
}

fn source(to: &str, from: &str) -> Result<Source, String> {
    if let Some(text) = from.strip_prefix('\'').and_then(|f| f.strip_suffix('\'')) {
        if !valid_value(text) {
            return Err(format!("the value of the response parameter `{to}` is no valid HTTP header value"));
        }
        return Ok(Source::Static(Bytes::copy_from_slice(text.as_bytes())));
    }
    if let Some(name) = from.strip_prefix("stageVariables.") {
        return Ok(Source::StageVariable(name.into()));
    }
    if let Some(name) = from.strip_prefix("integration.response.header.") {
        let content_type = name.eq_ignore_ascii_case("content-type");
        return Ok(if content_type { Source::ContentType } else { Source::Nothing });
    }
    match from {
        "context.requestId" => Ok(Source::RequestId),
        _ => Err(format!("the response parameter `{to}` = `{from}` is not implemented yet")),
    }
}
