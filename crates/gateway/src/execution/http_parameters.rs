//! What of a method request goes where in the request to an HTTP endpoint: mapped parameters, and what a template
//! overrides.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use vtl::Overrides;

use super::call::MethodCall;
use super::client::{valid_name, valid_value};
use super::mapping::{BackendAnswer, Source};
use crate::model::Texts;

/// One mapping of `requestParameters`.
#[derive(Debug)]
pub(super) struct Parameter {
    to: Place,
    name: Box<str>,
    from: Source,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Path,
    Query,
    Header,
}

/// The parameters of one request, decoded. Each name stands once in `headers` and `query`, with all its values.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub path: Vec<(String, String)>,
    pub query: Vec<(String, Vec<String>)>,
    pub headers: Vec<(String, Vec<String>)>,
}

impl Parameter {
    /// # Errors
    /// What is no mapping, in words.
    pub fn compile(parameters: &Texts) -> Result<Vec<Self>, String> {
        parameters.iter().map(|(to, from)| Self::new(to, from)).collect()
    }

    fn new(to: &str, from: &str) -> Result<Self, String> {
        let place = to.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'));
        let (to_place, name) = match place {
            Some(("path", name)) => (Place::Path, name),
            Some(("querystring", name)) => (Place::Query, name),
            Some(("header", name)) if valid_name(name) => (Place::Header, name),
            _ => return Err(format!("the request parameter `{to}` is no header, query string or path")),
        };
        let source = Source::parse(from)
            .ok_or_else(|| format!("the request parameter `{to}` = `{from}` is no mapping expression"))?;
        Ok(Self { to: to_place, name: name.into(), from: source })
    }

    /// The values; none when the request has no such thing.
    fn values(&self, call: &MethodCall<'_>) -> Vec<String> {
        match &self.from {
            // Several values stay several.
            Source::Query(name, true) => {
                let found = call.query().into_iter().filter(|(n, _)| *n == **name);
                found
                    .flat_map(|(_, values)| values)
                    .map(|v| v.into_owned())
                    .filter(|v| valid_value(v))
                    .collect()
            }
            // Decoded before it goes on, and encoded again there (guide, "Important notes", REST APIs).
            from @ Source::Path(_) => {
                let value = from.value(call, &BackendAnswer::default());
                let decoded = value.map(|v| percent_decode_str(&v).decode_utf8_lossy().into_owned());
                // A path may hold what a header may not: it is encoded again.
                decoded.filter(|v| self.to != Place::Header || valid_value(v)).into_iter().collect()
            }
            from => from.value(call, &BackendAnswer::default()).into_iter().collect(),
        }
    }
}

impl Parameters {
    /// What `mapped` and then `overrides` say (guide, "Use a mapping template to override": the override wins).
    pub fn of(mapped: &[Parameter], overrides: &Overrides, call: &MethodCall<'_>) -> Self {
        let mut out = Self::default();
        for parameter in mapped {
            let mut values = parameter.values(call);
            let name = parameter.name.to_string();
            match parameter.to {
                Place::Path => out.path.extend(values.pop().map(|value| (name, value))),
                // Also without a value: the client's own of this name is not meant.
                Place::Query => out.query.push((name, values)),
                Place::Header if values.is_empty() => {}
                Place::Header => out.headers.push((name, values)),
            }
        }
        for (name, value) in &overrides.request_path {
            out.path.retain(|(n, _)| n != name);
            out.path.extend(texts(value).pop().map(|value| (name.clone(), value)));
        }
        for (name, value) in &overrides.request_querystring {
            out.query.retain(|(n, _)| n != name);
            out.query.push((name.clone(), texts(value)));
        }
        for (name, value) in overrides.request_header.iter().filter(|(name, _)| valid_name(name)) {
            out.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            out.headers.push((name.clone(), texts(value).into_iter().filter(|v| valid_value(v)).collect()));
        }
        out
    }
}

/// A value that a template assigned: one text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_array().map_or_else(|| vec![text(value)], |values| values.iter().map(text).collect())
}
