//! `$input`, `$util` and the parameters (API Gateway Developer Guide, "API Gateway mapping template and access logging
//! variable reference").

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::json;
use crate::json_path::Path;
use crate::{Limits, Scope, Value};

/// What Java's `URLEncoder` leaves alone.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'*').remove(b'_');

/// A root object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// `$input`
    Input,
    /// `$util`
    Util,
}

/// What `$input` looks at, read at most once.
#[derive(Debug, Default)]
pub(crate) struct Input {
    root: std::cell::OnceCell<Option<Value>>,
}

impl Input {
    /// The body as JSON. No body is `{}` (recorded: test_input_body_formatting).
    fn root(&self, scope: &Scope<'_>) -> Option<&Value> {
        let read = || if scope.body.is_empty() { Some(Value::map([])) } else { json::read(scope.body) };
        self.root.get_or_init(read).as_ref()
    }

    /// What a path leads to. Nothing there is an empty text, as is everything in a body that is no JSON (reasoned from
    /// published templates, which compare with `''`).
    fn find(&self, scope: &Scope<'_>, path: &str) -> Value {
        let found = self.root(scope).and_then(|root| Path::parse(path)?.find(root));
        found.unwrap_or_else(|| Value::text(""))
    }
}

impl Object {
    pub(crate) fn print(self, out: &mut String, _bytes: usize) {
        out.push_str(match self {
            Self::Input => "$input",
            Self::Util => "$util",
        });
    }

    pub(crate) fn property(self, name: &str, scope: &Scope<'_>) -> Option<Value> {
        match (self, name) {
            (Self::Input, "body") => Some(Value::text(if scope.body.is_empty() { "{}" } else { scope.body })),
            _ => None,
        }
    }

    pub(crate) fn call(
        self,
        name: &str,
        arguments: &[Value],
        scope: &Scope<'_>,
        input: &Input,
        limits: Limits,
    ) -> Option<Value> {
        match self {
            Self::Input => of_input(name, arguments, scope, input, limits),
            Self::Util => of_util(name, arguments, limits),
        }
    }
}

fn of_input(
    name: &str,
    arguments: &[Value],
    scope: &Scope<'_>,
    input: &Input,
    limits: Limits,
) -> Option<Value> {
    match (name, arguments) {
        ("path", [path]) => Some(input.find(scope, &path.printed(limits.bytes))),
        ("json", [path]) => {
            let mut out = String::new();
            json::write(&input.find(scope, &path.printed(limits.bytes)), &mut out, limits.bytes, 0);
            Some(Value::text(out))
        }
        ("params", []) => {
            let group = |name: &str, pairs: &[(String, String)]| (Rc::from(name), texts(pairs));
            Some(Value::map([
                group("path", scope.path),
                group("querystring", scope.query),
                group("header", scope.header),
            ]))
        }
        // "searches in the path, query string and header values, in that order"
        ("params", [name]) => {
            let name = name.printed(limits.bytes);
            let pairs = scope.path.iter().chain(scope.query);
            let found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next();
            let header =
                || scope.header.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name)).map(|(_, v)| v);
            Some(Value::text(found.or_else(header).map_or("", String::as_str)))
        }
        _ => None,
    }
}

pub(crate) fn texts(pairs: &[(String, String)]) -> Value {
    Value::map(pairs.iter().map(|(name, value)| (Rc::from(name.as_str()), Value::text(value.as_str()))))
}

fn of_util(name: &str, arguments: &[Value], limits: Limits) -> Option<Value> {
    let [argument] = arguments else { return None };
    let text = argument.printed(limits.bytes);
    let changed = match name {
        "escapeJavaScript" => escaped(&text),
        "parseJson" => return json::read(&text),
        "urlEncode" => utf8_percent_encode(&text, KEPT).to_string().replace("%20", "+"),
        "urlDecode" => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned(),
        "base64Encode" => STANDARD.encode(text),
        "base64Decode" => String::from_utf8_lossy(&STANDARD.decode(text).ok()?).into_owned(),
        _ => return None,
    };
    Some(Value::text(changed))
}

/// As Apache Commons Lang escapes JavaScript; single quotes too, which makes JSON invalid, as the guide warns. Other
/// characters beyond ASCII become `\uXXXX`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '"' | '\'' | '\\' | '/' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            other => other
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| out.push_str(&format!("\\u{unit:04X}"))),
        }
    }
    out
}
