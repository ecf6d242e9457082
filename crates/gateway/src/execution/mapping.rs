//! Mapping expressions: where a mapped parameter's value comes from (developer guide, "API Gateway API request and
//! response data mapping reference").

use bytes::Bytes;

use super::call::MethodCall;
use super::client::valid_value;
use super::event;

/// Where a value comes from.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    /// `'text'`
    Static(Box<str>),
    /// `stageVariables.x`
    StageVariable(Box<str>),
    /// `context.x.y`
    Context(Box<str>),
    /// `method.request.{header,querystring,path}.x`; with the flag all values, joined with commas
    Header(Box<str>, bool),
    Query(Box<str>, bool),
    Path(Box<str>),
    /// `method.request.body` and `…body.PATH`
    Body(Option<Box<str>>),
    /// `integration.response.header.x`; with the flag all values
    BackendHeader(Box<str>, bool),
    /// `integration.response.body` and `…body.PATH`
    BackendBody(Option<Box<str>>),
}

/// What a backend answered, as far as mappings see it.
#[derive(Debug, Default)]
pub(super) struct BackendAnswer {
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// What the request template overrode.
    pub overrides: vtl::Overrides,
}

impl Source {
    /// `None` for what is no expression.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(text) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
            return Some(Self::Static(text.into()));
        }
        if let Some(name) = text.strip_prefix("stageVariables.") {
            return Some(Self::StageVariable(name.into()));
        }
        if let Some(name) = text.strip_prefix("context.") {
            return Some(Self::Context(name.into()));
        }
        let body = |rest: &str| match rest.strip_prefix('.') {
            Some(path) => Some(Some(path.into())),
            None => rest.is_empty().then_some(None),
        };
        if let Some(rest) = text.strip_prefix("method.request.") {
            if let Some(rest) = rest.strip_prefix("body") {
                return body(rest).map(Self::Body);
            }
            let (place, name) = rest.split_once('.')?;
            let name = name.into();
            return match place {
                "header" => Some(Self::Header(name, false)),
                "multivalueheader" => Some(Self::Header(name, true)),
                "querystring" => Some(Self::Query(name, false)),
                "multivaluequerystring" => Some(Self::Query(name, true)),
                "path" => Some(Self::Path(name)),
                _ => None,
            };
        }
        let rest = text.strip_prefix("integration.response.")?;
        if let Some(rest) = rest.strip_prefix("body") {
            return body(rest).map(Self::BackendBody);
        }
        let (place, name) = rest.split_once('.')?;
        match place {
            "header" => Some(Self::BackendHeader(name.into(), false)),
            "multivalueheader" => Some(Self::BackendHeader(name.into(), true)),
            _ => None,
        }
    }

    /// The value for a call; `None` where the call, or the backend's answer, has none, and for what no header may hold.
    pub fn value(&self, call: &MethodCall<'_>, backend: &BackendAnswer) -> Option<String> {
        let many = |values: Vec<String>, all: bool| {
            if all { (!values.is_empty()).then(|| values.join(",")) } else { values.last().cloned() }
        };
        let path = |text: &str, path: &Option<Box<str>>| match path {
            None => Some(text.to_owned()),
            Some(path) => vtl::Path::parse(path).ok()?.first_text(text),
        };
        let value = match self {
            Self::Static(text) => Some(text.to_string()),
            Self::StageVariable(name) => call.variables.get(&**name).cloned(),
            Self::Context(name) => context(call, name),
            Self::Header(name, all) => {
                let pairs = call.headers().into_iter();
                let found = pairs.filter(|(n, _)| n.eq_ignore_ascii_case(name));
                many(found.flat_map(|(_, v)| v).map(|v| v.into_owned()).collect(), *all)
            }
            Self::Query(name, all) => {
                let found = call.query().into_iter().filter(|(n, _)| *n == **name);
                many(found.flat_map(|(_, v)| v).map(|v| v.into_owned()).collect(), *all)
            }
            Self::Path(name) => {
                call.path_parameters.iter().find(|(n, _)| *n == &**name).map(|(_, v)| (*v).to_owned())
            }
            Self::Body(at) => path(&String::from_utf8_lossy(&call.request.body), at),
            Self::BackendHeader(name, all) => {
                let found = backend.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
                many(found.map(|(_, v)| v.clone()).collect(), *all)
            }
            Self::BackendBody(at) => path(&String::from_utf8_lossy(&backend.body), at),
        };
        value.filter(|value| valid_value(value))
    }
}

/// A member of `$context` by its dotted name.
fn context(call: &MethodCall<'_>, name: &str) -> Option<String> {
    if name == "requestId" {
        return Some(call.request.request_id.clone());
    }
    let context = serde_json::Value::Object(event::context(call));
    match context.pointer(&format!("/{}", name.replace('.', "/")))? {
        // No variable is an object (guide, "Context variables for data transformations").
        serde_json::Value::Null | serde_json::Value::Object(_) => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_apart() {
        let of = Source::parse;
        assert_eq!(of("'a b'"), Some(Source::Static("a b".into())));
        assert_eq!(of("method.request.body"), Some(Source::Body(None)));
        assert_eq!(of("method.request.body.a.b"), Some(Source::Body(Some("a.b".into()))));
        assert_eq!(of("integration.response.header.X"), Some(Source::BackendHeader("X".into(), false)));
        assert_eq!(of("method.request.multivaluequerystring.q"), Some(Source::Query("q".into(), true)));
        for text in ["method.request.cookie.x", "integration.response.status", "x", "'"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
