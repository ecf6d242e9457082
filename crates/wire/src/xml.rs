//! The query protocol's XML, written.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::{Kind, Member, Model, ShapeId};
use crate::{scalar, uri};

/// IAM sends policy documents percent-encoded (RFC 3986; API reference, `GetRolePolicy`), and clients decode members of
/// this shape and no other (botocore `handlers.py`, `json_decode_policies`).
pub(crate) const ENCODED_DOCUMENT: &str = "policyDocumentType";

/// Writes the members of a structure as elements.
pub(crate) fn write_members(
    model: &Model,
    members: &[Member],
    object: &Map<String, Value>,
    out: &mut String,
) {
    for member in members {
        if let Some(value) = object.get(member.name).filter(|v| !v.is_null()) {
            write(model, member.shape, member.wire_name, value, out);
        }
    }
}

fn write(model: &Model, id: ShapeId, name: &str, value: &Value, out: &mut String) {
    let shape = model.shape(id);
    let _ = write!(out, "<{name}>");
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            write_members(model, members, object, out)
        }
        (Kind::List(item), Value::Array(items)) => {
            for value in items {
                write(model, *item, "member", value, out);
            }
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            for (key, value) in entries {
                out.push_str("<entry><key>");
                escape(key, out);
                out.push_str("</key>");
                write(model, *inner, "value", value, out);
                out.push_str("</entry>");
            }
        }
        (_, Value::String(text)) if shape.name == ENCODED_DOCUMENT => {
            let _ = write!(out, "{}", uri::encode(text));
        }
        (_, Value::String(text)) => escape(text, out),
        (kind, value) => {
            if let Some(text) = scalar::to_text(kind, value) {
                escape(&text, out);
            }
        }
    }
    let _ = write!(out, "</{name}>");
}

/// Writes text. A carriage return would be read back as a line feed unless it is written as a reference; characters
/// that XML 1.0 cannot hold at all become U+FFFD.
pub(crate) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_escaped() {
        let mut out = String::new();
        escape("a<b>&\"c\"\r\n\u{1}ü", &mut out);
        assert_eq!(out, "a&lt;b&gt;&amp;&quot;c&quot;&#13;\n\u{fffd}ü");
    }
}
