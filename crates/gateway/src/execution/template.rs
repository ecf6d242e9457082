//! Body templates, compiled with their deployment.

use bytes::Bytes;
use serde_json::{Map, Value};
use vtl::{Limits, Overrides, Place, Scope};

use super::call::MethodCall;
use super::event;
use crate::model::Texts;

/// A template, looked at once.
#[derive(Debug)]
pub(super) enum Template {
    /// No directive and no reference: rendered, it is itself.
    Literal(Bytes),
    /// Velocity.
    Velocity(Box<vtl::Template>),
    /// It cannot be read, and why.
    Broken(String),
}

/// What a template made.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub body: Bytes,
    pub overrides: Overrides,
}

impl Template {
    pub fn compile(text: &str) -> Self {
        match vtl::Template::parse(text) {
            Ok(template) => match template.literal() {
                Some(literal) => Self::Literal(Bytes::copy_from_slice(literal.as_bytes())),
                None => Self::Velocity(Box::new(template)),
            },
            Err(error) => Self::Broken(error.to_string()),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }

    /// Renders it with `body` as `$input`, and with what an earlier template of the call assigned to
    /// `$context.requestOverride` (recording test_integration_mock_with_request_overrides_in_response_template).
    ///
    /// # Errors
    /// Why there is no result, in words.
    pub fn render(&self, call: &MethodCall<'_>, body: &[u8], before: &Overrides) -> Result<Rendered, String> {
        let template = match self {
            Self::Literal(body) => return Ok(Rendered { body: body.clone(), ..Rendered::default() }),
            Self::Broken(why) => return Err(format!("the template cannot be read: {why}")),
            Self::Velocity(template) => template,
        };
        let scope = CallScope { call, body: &String::from_utf8_lossy(body), before };
        let rendered = template.render(&scope, &Limits::default()).map_err(|e| e.to_string())?;
        Ok(Rendered { body: Bytes::from(rendered.text), overrides: rendered.overrides })
    }
}

/// A call as its templates see it: one value a parameter, the last.
struct CallScope<'a> {
    call: &'a MethodCall<'a>,
    body: &'a str,
    before: &'a Overrides,
}

impl Scope for CallScope<'_> {
    fn body(&self) -> &str {
        self.body
    }

    fn parameters(&self, place: Place) -> Vec<(String, String)> {
        let last = |pairs: super::call::Multi<'_>| {
            let pairs = pairs.into_iter();
            pairs.filter_map(|(name, values)| Some((name.into_owned(), values.last()?.to_string()))).collect()
        };
        match place {
            Place::Path => {
                let pairs = self.call.path_parameters.iter();
                pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            }
            Place::QueryString => last(self.call.query()),
            Place::Header => last(self.call.headers()),
        }
    }

    fn context(&self) -> Map<String, Value> {
        let mut context = event::context(self.call);
        let Overrides { request_header, request_querystring, request_path, .. } = self.before;
        let places =
            [("header", request_header), ("querystring", request_querystring), ("path", request_path)];
        if places.iter().any(|(_, values)| !values.is_empty()) {
            let of = |values: &[(String, Value)]| Value::Object(values.iter().cloned().collect());
            let request = places.map(|(name, values)| (name.to_owned(), of(values)));
            context.insert("requestOverride".to_owned(), Value::Object(request.into_iter().collect()));
        }
        context
    }

    fn stage_variables(&self) -> Vec<(String, String)> {
        self.call.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Templates by media type, keys in the order of the document.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<(Box<str>, Template)>);

impl Templates {
    pub fn compile(texts: &Texts) -> Self {
        Self(texts.iter().map(|(k, v)| (k.as_str().into(), Template::compile(v))).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(k, _)| k.to_string()).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(k, t)| (&**k, t))
    }

    /// The index of the template for a media type; parameters such as `charset` do not count.
    pub fn for_type(&self, media_type: &str) -> Option<usize> {
        let wanted = essence(media_type);
        self.iter()
            .position(|(k, _)| k.eq_ignore_ascii_case(media_type) || essence(k).eq_ignore_ascii_case(wanted))
    }

    /// The index of the template that renders an answer: the one that the client's first choice names, else
    /// `application/json`, else the first. (The guide says no more than that the template is chosen by the media type;
    /// reasoning.)
    pub fn for_accept(&self, accept: Option<&str>) -> Option<usize> {
        let position = |name: &str| self.0.iter().position(|(k, _)| essence(k).eq_ignore_ascii_case(name));
        let first = accept.and_then(|a| a.split(',').next()).map(essence);
        let any = (!self.0.is_empty()).then_some(0);
        first.and_then(position).or_else(|| position("application/json")).or(any)
    }

    pub fn get(&self, index: usize) -> Option<(&str, &Template)> {
        self.0.get(index).map(|(k, t)| (&**k, t))
    }
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> &str {
    let end = media_type.bytes().position(|b| b == b';').unwrap_or(media_type.len());
    media_type[..end].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_velocity_is_literal() {
        for text in ["{\"statusCode\": 200}", "", "costs $5 and #1", "color: #fff"] {
            assert!(matches!(Template::compile(text), Template::Literal(_)), "{text}");
        }
    }

    #[test]
    fn velocity_is_told_from_text_and_from_what_cannot_be_read() {
        for text in ["{\"a\": $input.json('$')}", "$!{x}", "#set($a = 1)\nrest", "#if(true)a#end"] {
            assert!(matches!(Template::compile(text), Template::Velocity(_)), "{text}");
        }
        for text in ["#if(true)", "#end", "#set($a", "#parse('x')"] {
            assert!(matches!(Template::compile(text), Template::Broken(_)), "{text}");
        }
    }

    #[test]
    fn the_template_follows_the_media_type_without_parameters() {
        let texts = Texts::from([
            ("application/json".to_owned(), "{}".to_owned()),
            ("text/plain".to_owned(), "x".to_owned()),
        ]);
        let templates = Templates::compile(&texts);
        assert_eq!(templates.for_type("Text/Plain; charset=utf-8"), Some(1));
        assert!(templates.for_type("text/html").is_none());
        assert_eq!(templates.for_accept(Some("text/plain, */*")), Some(1));
        assert_eq!(templates.for_accept(Some("image/png")), Some(0));
    }
}
