//! `$util`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::render::{Done, Engine, Halt};
use crate::value::Value;

/// `URLEncoder` of Java leaves these as they are; a blank becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

impl Engine<'_> {
    pub fn util_method(&mut self, name: &str, arguments: &[Value]) -> Done<Value> {
        let [argument] = arguments else { return Ok(Value::Null) };
        if argument.is_null() {
            return Ok(Value::Null);
        }
        let known =
            ["escapeJavaScript", "parseJson", "urlEncode", "urlDecode", "base64Encode", "base64Decode"];
        if !known.contains(&name) {
            return Ok(Value::Null);
        }
        let text = self.java(argument)?;
        // Every result has at most six bytes for one.
        self.step(text.len() / 64)?;
        match name {
            "escapeJavaScript" => self.new_text(&escape(&text)),
            "parseJson" => self.parse(&text),
            "urlEncode" => {
                let made = utf8_percent_encode(&text, FORM).to_string().replace(' ', "+");
                self.new_text(&made)
            }
            "urlDecode" => {
                let spaced = text.replace('+', " ");
                self.new_text(&percent_decode_str(&spaced).decode_utf8_lossy())
            }
            "base64Encode" => self.new_text(&STANDARD.encode(text.as_bytes())),
            _ => {
                let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('='));
                let bytes = bytes
                    .map_err(|e| Halt(format!("$util.base64Decode got a text that is no base64: {e}")))?;
                self.new_text(&String::from_utf8_lossy(&bytes))
            }
        }
    }
}

/// As `StringEscapeUtils.escapeJavaScript` of Apache Commons Lang 2: quotes of both kinds, backslashes, slashes, control
/// characters, and everything beyond ASCII as `\uXXXX`. AWS documents the single quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    out
}
