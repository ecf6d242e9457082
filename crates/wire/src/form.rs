//! The query protocol's form fields: `Tags.member.1.Key=a&Tags.member.1.Value=b`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::{Kind, Location, Member, Model, ShapeId};
use crate::{scalar, uri};

/// A field name with more parts than this is refused; the deepest of the models has ten.
const MAX_DEPTH: usize = 32;

/// Field names taken apart at their dots.
#[derive(Default)]
struct Node<'a> {
    value: Option<&'a str>,
    children: BTreeMap<&'a str, Node<'a>>,
}

/// Reads the members of a structure from decoded fields; unknown fields are left out.
///
/// # Errors
/// A text that says what cannot be read.
pub(crate) fn read(
    model: &Model,
    members: &[Member],
    fields: &[(Cow<'_, str>, Cow<'_, str>)],
) -> Result<Map<String, Value>, String> {
    let mut root = Node::default();
    for (name, value) in fields {
        let mut node = &mut root;
        for (depth, part) in name.split('.').enumerate() {
            if depth >= MAX_DEPTH {
                return Err(format!("a parameter name is nested deeper than {MAX_DEPTH} levels"));
            }
            node = node.children.entry(part).or_default();
        }
        node.value = Some(value);
    }
    read_structure(model, members, &root)
}

fn read_structure(model: &Model, members: &[Member], node: &Node<'_>) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for member in members {
        if let Some(child) = node.children.get(member.wire_name) {
            object.insert(member.name.to_owned(), read_value(model, member.shape, child)?);
        }
    }
    Ok(object)
}

fn read_value(model: &Model, id: ShapeId, node: &Node<'_>) -> Result<Value, String> {
    let shape = model.shape(id);
    match &shape.kind {
        Kind::Structure { members, .. } => Ok(Value::Object(read_structure(model, members, node)?)),
        // `Tags=` is how clients send an empty list; then there is no child `member`.
        Kind::List(item) => {
            let items = numbered(node.children.get("member"))?;
            items.into_iter().map(|n| read_value(model, *item, n)).collect::<Result<_, _>>().map(Value::Array)
        }
        Kind::Map { value, .. } => {
            let mut entries = Map::new();
            for entry in numbered(node.children.get("entry"))? {
                let key = entry.children.get("key").and_then(|k| k.value).unwrap_or_default();
                if let Some(child) = entry.children.get("value") {
                    entries.insert(key.to_owned(), read_value(model, *value, child)?);
                }
            }
            Ok(Value::Object(entries))
        }
        kind => scalar::from_text(kind, node.value.unwrap_or_default()),
    }
}

/// The children `1`, `2`, `10` in the order of their numbers; gaps do not count.
fn numbered<'n, 'a>(node: Option<&'n Node<'a>>) -> Result<Vec<&'n Node<'a>>, String> {
    let mut found = Vec::new();
    for (part, child) in node.into_iter().flat_map(|n| &n.children) {
        let number: u32 = part.parse().map_err(|_| format!("'{part}' is not a list index"))?;
        found.push((number, child));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, child)| child).collect())
}

/// Writes members as form fields behind those that `out` has already.
pub(crate) fn write(model: &Model, members: &[Member], input: &Map<String, Value>, out: &mut String) {
    write_structure(model, members, input, "", out);
}

fn write_structure(
    model: &Model,
    members: &[Member],
    object: &Map<String, Value>,
    prefix: &str,
    out: &mut String,
) {
    for member in members.iter().filter(|m| m.location == Location::Body) {
        let Some(value) = object.get(member.name).filter(|v| !v.is_null()) else { continue };
        let name = match prefix {
            "" => member.wire_name.to_owned(),
            _ => format!("{prefix}.{}", member.wire_name),
        };
        write_value(model, member.shape, value, &name, out);
    }
}

fn write_value(model: &Model, id: ShapeId, value: &Value, name: &str, out: &mut String) {
    match (&model.shape(id).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            write_structure(model, members, object, name, out);
        }
        (Kind::List(_), Value::Array(items)) if items.is_empty() => write_field(name, "", out),
        (Kind::List(item), Value::Array(items)) => {
            for (at, value) in items.iter().enumerate() {
                write_value(model, *item, value, &format!("{name}.member.{}", at + 1), out);
            }
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            for (at, (key, value)) in entries.iter().enumerate() {
                let entry = format!("{name}.entry.{}", at + 1);
                write_field(&format!("{entry}.key"), key, out);
                write_value(model, *inner, value, &format!("{entry}.value"), out);
            }
        }
        (kind, value) => {
            if let Some(text) = scalar::to_text(kind, value) {
                write_field(name, &text, out);
            }
        }
    }
}

fn write_field(name: &str, value: &str, out: &mut String) {
    if !out.is_empty() {
        out.push('&');
    }
    let _ = write!(out, "{}={}", uri::encode(name), uri::encode(value));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Service;

    fn parse(operation: &str, body: &str) -> Result<Value, String> {
        let operation = Service::Iam.operation(operation).expect("operation");
        let fields = uri::pairs(body).expect("form");
        read(operation.model(), operation.input_members(), &fields).map(Value::Object)
    }

    #[test]
    fn lists_are_read_in_the_order_of_their_numbers() {
        let body =
            "RoleName=r&Tags.member.10.Key=c&Tags.member.2.Key=b&Tags.member.1.Key=a&Tags.member.1.Value=1";
        assert_eq!(
            parse("CreateRole", body),
            Ok(json!({"RoleName": "r", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b"}, {"Key": "c"}]}))
        );
    }

    #[test]
    fn an_empty_field_is_an_empty_list() {
        assert_eq!(parse("CreateRole", "Tags="), Ok(json!({"Tags": []})));
    }

    #[test]
    fn bad_numbers_bad_indices_and_deep_names_are_refused() {
        assert!(parse("CreateRole", "MaxSessionDuration=long").is_err());
        assert!(parse("CreateRole", "Tags.member.x.Key=a").is_err());
        assert!(parse("CreateRole", &format!("{}=1", "a.".repeat(MAX_DEPTH))).is_err());
    }

    #[test]
    fn unknown_fields_are_left_out() {
        assert_eq!(parse("GetRole", "RoleName=r&Colour=red&Tags.member=1"), Ok(json!({"RoleName": "r"})));
    }
}
