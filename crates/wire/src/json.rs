//! JSON bodies: read against a shape, written by a shape.

use serde_json::{Map, Number, Value};

use crate::model::{Kind, Location, Member, Model, Shape, ShapeId};
use crate::scalar::{self, conversion};
use crate::service::Service;

/// Reads the body members of a structure; unknown members are left out, as AWS does.
///
/// # Errors
/// The text of a `SerializationException`.
pub(crate) fn read_members(
    model: &Model,
    members: &[Member],
    body: Value,
    into: &mut Map<String, Value>,
) -> Result<(), String> {
    let mut body = match body {
        Value::Object(body) => body,
        Value::Null => return Ok(()),
        _ => return Err("Unexpected field type".to_owned()),
    };
    for member in members.iter().filter(|m| m.location == Location::Body) {
        match body.remove(member.wire_name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                into.insert(member.name.to_owned(), read(model, member.shape, value)?);
            }
        }
    }
    Ok(())
}

/// Reads a value of a shape. The texts for a structure where a scalar is wanted, and the other way round, have no
/// recording: they are taken over from other AWS services on the same framework. Depth is bounded by the JSON parser (128).
pub(crate) fn read(model: &Model, id: ShapeId, value: Value) -> Result<Value, String> {
    let shape = model.shape(id);
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(body)) => {
            let mut object = Map::new();
            read_members(model, members, Value::Object(body), &mut object)?;
            Ok(Value::Object(object))
        }
        (Kind::List(item), Value::Array(items)) => {
            let present = items.into_iter().filter(|i| keeps_nulls(model) || !i.is_null());
            let read: Result<Vec<Value>, String> = present.map(|i| read_or_null(model, *item, i)).collect();
            Ok(Value::Array(read?))
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            let present = entries.into_iter().filter(|(_, v)| keeps_nulls(model) || !v.is_null());
            let read: Result<Map<String, Value>, String> =
                present.map(|(key, v)| Ok((key, read_or_null(model, *inner, v)?))).collect();
            Ok(Value::Object(read?))
        }
        (_, Value::Object(_)) => Err("Start of structure or map found where not expected.".to_owned()),
        (_, Value::Array(_)) => Err("Start of list found where not expected.".to_owned()),
        (Kind::Structure { .. } | Kind::List(_) | Kind::Map { .. }, _) => {
            Err("Unexpected field type".to_owned())
        }
        (_, value) => read_scalar(shape, value),
    }
}

/// API Gateway has texts of its own for nulls inside maps ("Invalid null or empty value in responseParameters"), so
/// they reach its handlers. Elsewhere they are dropped: no recording shows a service that tells them from absence.
fn keeps_nulls(model: &Model) -> bool {
    model.service == Service::ApiGateway
}

fn read_or_null(model: &Model, id: ShapeId, value: Value) -> Result<Value, String> {
    if value.is_null() { Ok(value) } else { read(model, id, value) }
}

fn read_scalar(shape: &Shape, value: Value) -> Result<Value, String> {
    let kind = &shape.kind;
    match (kind, value) {
        (Kind::String, Value::String(text)) => Ok(Value::String(text)),
        (Kind::Blob, Value::String(text)) => {
            use base64::Engine as _;
            scalar::BASE64.decode(&text).map_err(|_| conversion("java.lang.String", kind))?;
            Ok(Value::String(text))
        }
        (Kind::Boolean, Value::Bool(truth)) => Ok(Value::Bool(truth)),
        (Kind::Timestamp, Value::String(text)) => {
            scalar::timestamp_from_text(&text).ok_or_else(|| conversion("java.lang.String", kind))
        }
        (Kind::Timestamp, Value::Number(n)) => {
            n.as_f64().and_then(scalar::seconds_value).ok_or_else(|| conversion(NUMBER, kind))
        }
        (Kind::Integer, Value::Number(n)) => {
            let whole = truncated(&n).filter(|w| i32::try_from(*w).is_ok());
            whole.map(Value::from).ok_or_else(|| conversion(NUMBER, kind))
        }
        (Kind::Long, Value::Number(n)) => {
            truncated(&n).map(Value::from).ok_or_else(|| conversion(NUMBER, kind))
        }
        (Kind::Double, Value::Number(n)) => Ok(Value::Number(n)),
        (kind, value) => Err(conversion(java_class(&value), kind)),
    }
}

/// The class that AWS's JSON reader makes of numbers; its name says that it truncates.
const NUMBER: &str = "com.amazon.coral.value.json.numbers.TruncatingBigNumber";

fn truncated(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let whole = number.as_f64()?.trunc();
        (whole.abs() < 9e15).then_some(whole as i64)
    })
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => NUMBER,
        _ => "java.lang.String",
    }
}

/// Writes the body members of a structure as one JSON object.
pub(crate) fn write_members<'a>(
    model: &Model,
    members: impl Iterator<Item = &'a Member>,
    object: &Map<String, Value>,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut first = true;
    for member in members.filter(|m| m.location == Location::Body) {
        let Some(value) = object.get(member.name).filter(|v| !v.is_null()) else { continue };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_text(member.wire_name, out);
        out.push(b':');
        write(model, member.shape, value, out);
    }
    out.push(b'}');
}

/// Writes a value of a shape. A value that does not fit its shape is written as it is.
pub(crate) fn write(model: &Model, id: ShapeId, value: &Value, out: &mut Vec<u8>) {
    match (&model.shape(id).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            write_members(model, members.iter(), object, out);
        }
        (Kind::List(item), Value::Array(items)) => {
            out.push(b'[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(model, *item, value, out);
            }
            out.push(b']');
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            out.push(b'{');
            for (at, (key, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write(model, *inner, value, out);
            }
            out.push(b'}');
        }
        (_, Value::String(text)) => write_text(text, out),
        (_, other) => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

/// Writes a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Text always serializes, and a Vec takes every write.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(operation: &str, body: Value) -> Result<Value, String> {
        let operation = Service::ApiGateway.operation(operation).expect("operation");
        let mut input = Map::new();
        read_members(operation.model(), operation.input_members(), body, &mut input)?;
        Ok(Value::Object(input))
    }

    #[test]
    fn a_value_of_another_type_is_refused_in_aws_words() {
        // errors.tsv, apigateway SerializationException.
        assert_eq!(
            parse("CreateRestApi", json!({"name": true})),
            Err("class java.lang.Boolean can not be converted to an String".to_owned())
        );
        assert_eq!(
            parse("CreateRestApi", json!({"name": 1})),
            Err(
                "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
                    .to_owned()
            )
        );
    }

    #[test]
    fn unknown_and_null_members_are_left_out() {
        assert_eq!(
            parse("CreateRestApi", json!({"name": "a", "colour": 1, "description": null})),
            Ok(json!({"name": "a"}))
        );
    }

    #[test]
    fn fractions_of_integers_are_cut_and_overflow_is_refused() {
        assert_eq!(
            parse("CreateRestApi", json!({"minimumCompressionSize": 1.9})),
            Ok(json!({"minimumCompressionSize": 1}))
        );
        assert!(parse("CreateRestApi", json!({"minimumCompressionSize": 3_000_000_000_u64})).is_err());
    }
}
