//! Integration responses: which one fits a backend's answer, and what the client gets of it.

use bytes::Bytes;
use fancy_regex::{Regex, RegexBuilder};
use serde_json::Value;
use vtl::Overrides;

use super::call::MethodCall;
use super::client::{ClientResponse, valid_name, valid_value};
use super::content::Handling;
use super::headers::given;
use super::mapping::{BackendAnswer, Source};
use super::proxy_answer::cut;
use super::template::Templates;
use crate::model::{Integration, Method};

/// Steps back that one match of a selection pattern may take; one that takes more does not match.
const BACKTRACKS: usize = 100_000;
/// What a response is when nothing says otherwise.
const JSON: &str = "application/json";
/// Bytes that a compiled selection pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

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
    handling: Handling,
}

/// Why an answer cannot be made.
#[derive(Debug, PartialEq)]
pub(super) enum AnswerFault {
    /// The response template gave nothing, and why.
    Template(String),
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
                Some(p) => Some(selection(p).map_err(|e| {
                    let p = cut(p);
                    format!("the selection pattern `{p}` of the integration response {key} is no valid expression: {e}")
                })?),
            };
            let mut headers = Vec::new();
            for (to, from) in &response.response_parameters {
                let Some(name) = to.strip_prefix("method.response.header.").filter(|n| valid_name(n)) else {
                    return Err(format!("the response parameter `{to}` is no method.response.header"));
                };
                let source = Source::parse(from).ok_or_else(|| {
                    format!("the response parameter `{to}` = `{from}` is no mapping expression")
                })?;
                if matches!(&source, Source::Static(text) if !valid_value(text)) {
                    return Err(format!(
                        "the value of the response parameter `{to}` is no valid HTTP header value"
                    ));
                }
                headers.push((Bytes::copy_from_slice(name.as_bytes()), source));
            }
            answers.push(Answer {
                status,
                pattern,
                templates: response.response_templates.as_ref().map(Templates::compile).unwrap_or_default(),
                headers,
                handling: Handling::parse(response.content_handling.as_deref()),
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
        let fits = |pattern: &Regex| text.is_some_and(|text| pattern.is_match(text).unwrap_or(false));
        let matches = |a: &Answer| a.pattern.as_ref().is_some_and(fits);
        self.0.iter().position(matches).or_else(|| self.0.iter().position(|a| a.pattern.is_none()))
    }

    /// `contentHandling` of an answer.
    pub fn handling(&self, index: usize) -> Handling {
        self.0.get(index).map(|answer| answer.handling).unwrap_or_default()
    }

    /// The response, without the gateway's own headers, from what the backend answered.
    ///
    /// # Errors
    /// Why there is none.
    pub fn render(
        &self,
        index: usize,
        call: &MethodCall<'_>,
        backend: &BackendAnswer,
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
        let (content_type, body, overrides) = match template {
            None => (JSON, backend.body.clone(), Overrides::default()),
            // Guide, "Select a VTL mapping template": an empty template returns the payload unmapped.
            Some((name, template)) if template.is_empty() => {
                (name, backend.body.clone(), Overrides::default())
            }
            Some((name, template)) => {
                let rendered = template
                    .render(call, &backend.body, &backend.overrides)
                    .map_err(AnswerFault::Template)?;
                (name, rendered.body, rendered.overrides)
            }
        };
        let mut headers = Vec::with_capacity(answer.headers.len() + 4);
        for (name, source) in &answer.headers {
            if let Some(value) = source.value(call, backend)
                && let Some(name) = given(name.clone())
            {
                headers.push((name, Bytes::from(value)));
            }
        }
        let mut response = ClientResponse { status: answer.status, headers, body };
        apply(&overrides, &mut response);
        if !response.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(b"content-type")) {
            let content_type = match content_type {
                JSON => Bytes::from_static(JSON.as_bytes()),
                other => Bytes::copy_from_slice(other.as_bytes()),
            };
            response.headers.push((Bytes::from_static(b"Content-Type"), content_type));
        }
        Ok(response)
    }
}

/// The whole text must match, as Java's `matches` has it (recording test_lambda_selection_patterns), and Java's
/// expressions look ahead and behind.
fn selection(pattern: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(&format!("^(?:{pattern})$"));
    builder
        .backtrack_limit(BACKTRACKS)
        .delegate_size_limit(PATTERN_BYTES)
        .delegate_dfa_size_limit(PATTERN_BYTES);
    builder.build().map_err(|e| e.to_string())
}

/// What a template assigned to `$context.responseOverride` (developer guide, "Use a mapping template to override").
fn apply(overrides: &Overrides, response: &mut ClientResponse) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let status = overrides.response_status.as_ref().and_then(|status| text(status).parse().ok());
    if let Some(status) = status.filter(|status| (200..=999).contains(status)) {
        response.status = status;
    }
    for (name, value) in overrides.response_header.iter().filter(|(name, _)| valid_name(name)) {
        let Some(name) = given(Bytes::copy_from_slice(name.as_bytes())) else { continue };
        response.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().map(text).filter(|value| valid_value(value)) {
            response.headers.push((name.clone(), Bytes::from(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn selects(pattern: &str, text: &str, expected: bool) {
        assert_eq!(selection(pattern).unwrap().is_match(text).unwrap_or(false), expected, "{pattern} {text}");
    }

    #[test]
    fn selection_patterns_are_javas() {
        selects("4\\d{2}", "404", true);
        selects("4", "404", false);
        selects("^(?!2)\\d{3}$", "404", true);
        selects("^(?!2)\\d{3}$", "200", false);
        selects("(?=.*bad)(?s).*", "a\nbad one", false);
        selects("(\\n|.)*bad(\\n|.)*", "a\nbad\none", true);
        selects(".+", "a\nb", false);
        assert!(selection("(").is_err());
    }

    #[test]
    fn a_pattern_that_takes_too_long_does_not_match() {
        selects("(?=(a+)+$)b", &format!("{}!", "a".repeat(60)), false);
        selects("(a+)+(?<!x)", &format!("{}!", "a".repeat(60)), false);
    }
}
