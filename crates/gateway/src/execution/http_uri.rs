//! URIs of HTTP integrations: `https://host/{proxy}?x=${stageVariables.x}`.

use std::fmt::Write;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::uri::WithVariables;
use crate::model::Texts;

/// What is encoded of a path parameter's value: everything that would end the path or is no URI at all. The slash
/// stays: `{proxy}` has several parts.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What is encoded of a query's names and values.
const QUERY: &AsciiSet =
    &PATH.add(b'&').add(b'+').add(b'=').add(b'/').add(b':').add(b';').add(b'@').add(b'$').add(b',');

/// A URI, cut into pieces once.
#[derive(Debug)]
pub(super) struct HttpUri {
    text: WithVariables,
    /// Whether there is a `{name}` in it.
    parameters: bool,
}

/// Why a URI cannot be made.
#[derive(Debug, PartialEq)]
pub(super) enum BadUri {
    /// This stage variable is not set.
    Variable(String),
    /// Nothing is mapped to this path parameter.
    Parameter(String),
    /// It has no host, or is no `http` or `https` URI.
    Form(String),
}

impl std::fmt::Display for BadUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => {
                write!(
                    f,
                    "the integration's URI needs the stage variable `{name}`, which the stage does not set"
                )
            }
            Self::Parameter(name) => write!(
                f,
                "the integration's URI has {{{name}}}, and no request parameter fills it: map \
                 `integration.request.path.{name}`, for example to `method.request.path.{name}`"
            ),
            Self::Form(uri) => write!(f, "the integration's URI `{uri}` is not of the form http://HOST/PATH"),
        }
    }
}

impl HttpUri {
    pub fn parse(text: &str) -> Self {
        let plain = text.replace("${stageVariables.", "");
        Self { text: WithVariables::parse(text), parameters: plain.contains('{') }
    }

    /// The URI with everything filled in; `path` are the values of path parameters, decoded.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn fill(&self, variables: &Texts, path: &[(String, String)]) -> Result<String, BadUri> {
        let (text, missing) = self.text.fill(variables);
        if let Some(name) = missing {
            return Err(BadUri::Variable(name.to_owned()));
        }
        let text = if self.parameters { parameters(&text, path)? } else { text };
        let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(host) if !host.is_empty() && !host.starts_with(['/', '?', ':', '#']) => {}
            _ => return Err(BadUri::Form(text)),
        }
        // A fragment is not sent.
        Ok(text.split('#').next().unwrap_or_default().to_owned())
    }
}

fn parameters(text: &str, path: &[(String, String)]) -> Result<String, BadUri> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        let name = name.trim_end_matches('+');
        let value = path.iter().find(|(n, _)| n == name);
        let (_, value) = value.ok_or_else(|| BadUri::Parameter(name.to_owned()))?;
        out.extend(utf8_percent_encode(value, PATH));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Adds `name=value` pairs, decoded, to a URI's query.
pub(super) fn add_query<'a>(uri: &mut String, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, value) in pairs {
        if !uri.contains('?') {
            uri.push('?');
        } else if !uri.ends_with(['?', '&']) {
            uri.push('&');
        }
        // Writing to a String cannot fail.
        let _ = write!(uri, "{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(value, QUERY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parameters_and_stage_variables_are_filled_in() {
        let uri = HttpUri::parse("http://${stageVariables.host}:8080/v1/{proxy}/{id}?a=b");
        let variables = Texts::from([("host".to_owned(), "example.com".to_owned())]);
        let path = [("proxy", "a b/ü%"), ("id", "7")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let filled = uri.fill(&variables, &path).unwrap();
        assert_eq!(filled, "http://example.com:8080/v1/a%20b/%C3%BC%25/7?a=b");
        assert_eq!(uri.fill(&variables, &path[..1]), Err(BadUri::Parameter("id".to_owned())));
        assert_eq!(uri.fill(&Texts::new(), &path), Err(BadUri::Variable("host".to_owned())));
    }

    #[test]
    fn a_value_cannot_leave_the_path() {
        let uri = HttpUri::parse("http://example.com/{x}");
        for (value, filled) in [
            ("a?b=c#d", "http://example.com/a%3Fb=c%23d"),
            ("\r\nHost: x", "http://example.com/%0D%0AHost:%20x"),
        ] {
            assert_eq!(uri.fill(&Texts::new(), &[("x".to_owned(), value.to_owned())]).unwrap(), filled);
        }
    }

    #[test]
    fn what_has_no_host_is_refused() {
        for uri in ["", "example.com/x", "ftp://example.com", "http://", "https:///x", "http://?x"] {
            assert!(matches!(HttpUri::parse(uri).fill(&Texts::new(), &[]), Err(BadUri::Form(_))), "{uri}");
        }
    }

    #[test]
    fn queries_are_added_encoded() {
        let mut uri = "http://h/p".to_owned();
        add_query(&mut uri, [("a", "1 &2"), ("b c", "ü")]);
        assert_eq!(uri, "http://h/p?a=1%20%262&b%20c=%C3%BC");
        let mut uri = "http://h/p?x=1".to_owned();
        add_query(&mut uri, [("a", "")]);
        assert_eq!(uri, "http://h/p?x=1&a=");
    }
}
