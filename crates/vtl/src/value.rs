//! Values while a template is rendered.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::ast::Block;

pub(crate) type Map = IndexMap<Rc<str>, Value>;

#[derive(Clone, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Rc<str>),
    List(Rc<List>),
    Map(Rc<Object>),
    /// An entry of a map.
    Entry(Rc<(Rc<str>, Value)>),
    Iterator(Rc<Iter>),
    /// `#define`, and the body of `#@macro`.
    Block(Arc<Block>),
    Loop(Rc<Loop>),
    Input,
    Util,
}

#[derive(Debug)]
pub(crate) struct List {
    pub items: RefCell<Vec<Value>>,
    /// From JSON: written as JSON (recording test_input_path_template_formatting).
    pub json: bool,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub entries: RefCell<Map>,
}

#[derive(Debug)]
pub(crate) struct Iter {
    pub items: RefCell<Vec<Value>>,
    pub next: Cell<usize>,
}

/// `$foreach`.
#[derive(Debug)]
pub(crate) struct Loop {
    pub index: Cell<usize>,
    pub count: usize,
    pub parent: Value,
    pub stopped: Cell<bool>,
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List { items: RefCell::new(items), json: false }))
    }

    pub fn json_list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List { items: RefCell::new(items), json: true }))
    }

    pub fn map(entries: Map) -> Self {
        Self::Map(Rc::new(Object { entries: RefCell::new(entries) }))
    }

    pub fn count(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Velocity 1.7: a boolean is itself, null is false, everything else is true.
    pub fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            _ => None,
        }
    }
}

/// Values inside values are dropped one by one: a template can nest them deeper than the stack is.
fn drop_flat(first: Vec<Value>) {
    let mut waiting = first;
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(list) => {
                if let Some(mut list) = Rc::into_inner(list) {
                    waiting.append(list.items.get_mut());
                }
            }
            Value::Map(object) => {
                if let Some(mut object) = Rc::into_inner(object) {
                    waiting.extend(object.entries.get_mut().drain(..).map(|(_, v)| v));
                }
            }
            Value::Iterator(iter) => {
                if let Some(mut iter) = Rc::into_inner(iter) {
                    waiting.append(iter.items.get_mut());
                }
            }
            Value::Entry(entry) => {
                if let Some((_, value)) = Rc::into_inner(entry) {
                    waiting.push(value);
                }
            }
            _ => {}
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.items.get_mut().is_empty() {
            drop_flat(std::mem::take(self.items.get_mut()));
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if !self.entries.get_mut().is_empty() {
            drop_flat(std::mem::take(self.entries.get_mut()).into_values().collect());
        }
    }
}

impl Drop for Iter {
    fn drop(&mut self) {
        if !self.items.get_mut().is_empty() {
            drop_flat(std::mem::take(self.items.get_mut()));
        }
    }
}

/// Reads JSON into values, at most as many as `left` allows. serde_json bounds the depth.
pub(crate) struct FromJson<'a> {
    pub left: &'a Cell<usize>,
}

impl FromJson<'_> {
    pub fn read(&self, text: &str) -> Result<Value, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = FromJson { left: self.left }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }

    fn take<E: Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for FromJson<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.take()?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FromJson<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Double(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(FromJson { left: self.left })? {
            items.push(item);
        }
        Ok(Value::json_list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            entries.insert(name.into(), from.next_value_seed(FromJson { left: self.left })?);
        }
        Ok(Value::map(entries))
    }
}

/// A document that the gateway made.
pub(crate) fn from_document(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(n) => Value::Int(n),
            None => Value::Double(n.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(s) => Value::Text(s.into()),
        serde_json::Value::Array(items) => Value::json_list(items.into_iter().map(from_document).collect()),
        serde_json::Value::Object(entries) => {
            Value::map(entries.into_iter().map(|(k, v)| (k.into(), from_document(v))).collect())
        }
    }
}
