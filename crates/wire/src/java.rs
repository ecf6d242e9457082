//! Values and names as AWS's Java services write them in their texts.

use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::Value;

use crate::model::{Kind, Model, ShapeId};
use crate::scalar;

/// A value longer than this (characters) is cut in an error's text.
pub(crate) const MAX_SHOWN: usize = 4096;

/// AWS lower-cases the first letter and no other (`sAMLOptions`).
pub(crate) fn push_lower_camel(name: &str, out: &mut String) {
    let mut chars = name.chars();
    out.extend(chars.next().map(|c| c.to_ascii_lowercase()));
    out.push_str(chars.as_str());
}

/// Writes a value as Java's `toString` does: `[a, b]`, `{k=v}`, `Name(member=value, other=null)` (recorded for
/// CloudWatch Logs' MetricTransformation).
pub(crate) fn write_java(model: &Model, id: ShapeId, value: &Value, out: &mut String) {
    if out.len() > MAX_SHOWN * 4 {
        return;
    }
    let shape = model.shape(id);
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            let _ = write!(out, "{}(", shape.name);
            for (at, member) in members.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                push_lower_camel(member.name, out);
                out.push('=');
                write_java(model, member.shape, object.get(member.name).unwrap_or(&Value::Null), out);
            }
            out.push(')');
        }
        (Kind::List(item), Value::Array(items)) => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_java(model, *item, value, out);
            }
            out.push(']');
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                let _ = write!(out, "{key}=");
                write_java(model, *inner, value, out);
            }
            out.push('}');
        }
        (Kind::Blob, Value::String(text)) => {
            let length = scalar::BASE64.decode(text).map_or(0, |b| b.len());
            let _ = write!(out, "java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]");
        }
        (Kind::Double, Value::Number(number)) => {
            let _ = write!(out, "{:?}", number.as_f64().unwrap_or_default());
        }
        (_, Value::String(text)) => out.push_str(text),
        (_, other) => out.push_str(&other.to_string()),
    }
}
