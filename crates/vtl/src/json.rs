//! JSON in and out. Members keep their order, which `$input.json` shows.

use std::fmt;
use std::rc::Rc;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::Value;
use crate::parse::DEPTH;

/// The value of a JSON text; `None` when it is none. Nesting is bounded by serde_json (128).
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

struct Seed;

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Seed)? {
            items.push(item);
        }
        Ok(Value::json_list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Rc<str>, Value)> = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            entries.push((key.into(), members.next_value_seed(Seed)?));
        }
        Ok(Value::map(entries))
    }
}

/// Writes a value as JSON; what is no JSON is written as a text.
pub(crate) fn write(value: &Value, out: &mut String, bytes: usize, depth: usize) {
    if out.len() > bytes || depth > DEPTH {
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) | Value::Int(_) => value.print(out, bytes, depth),
        Value::Float(number) if number.is_finite() => out.push_str(&format!("{number:?}")),
        Value::List(list) => {
            out.push('[');
            for (number, item) in list.items.borrow().iter().enumerate() {
                out.push_str(if number == 0 { "" } else { "," });
                write(item, out, bytes, depth + 1);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (number, (key, value)) in map.borrow().entries().iter().enumerate() {
                out.push_str(if number == 0 { "" } else { "," });
                out.push_str(&serde_json::Value::from(&**key).to_string());
                out.push(':');
                write(value, out, bytes, depth + 1);
            }
            out.push('}');
        }
        other => out.push_str(&serde_json::Value::from(other.printed(bytes)).to_string()),
    }
}
