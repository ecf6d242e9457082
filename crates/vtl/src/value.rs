//! Values of templates: Java's, as far as templates see them. Lists and maps are shared, so that `$list.add(…)` changes
//! what every variable sees.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::ast::Block;
use crate::json;
use crate::objects::Object;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer; Java's arithmetic wraps round.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(Rc<str>),
    /// A list.
    List(Rc<List>),
    /// A map, in the order of insertion.
    Map(Rc<RefCell<Map>>),
    /// A pair of a map's `entrySet`.
    Entry(Rc<(Rc<str>, Value)>),
    /// What `#define` keeps: rendered each time it is asked for.
    #[doc(hidden)]
    Block(BlockValue),
    /// `$input`, `$util` and what they give.
    #[doc(hidden)]
    Object(Object),
}

/// Kept from the outside: nodes are none of a caller's business.
#[derive(Clone, Debug)]
pub struct BlockValue(pub(crate) Block);

/// A list.
#[derive(Debug, Default)]
pub struct List {
    pub(crate) items: RefCell<Vec<Value>>,
    /// Of a JSON document: such lists print as JSON (recorded: test_input_path_template_formatting), others as Java's.
    pub(crate) json: bool,
}

/// A map that keeps the order in which its keys came.
#[derive(Debug, Default)]
pub struct Map {
    entries: Vec<(Rc<str>, Value)>,
    places: HashMap<Rc<str>, usize>,
}

impl Map {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.places.get(key).and_then(|at| self.entries.get(*at)).map(|(_, value)| value)
    }

    /// The value that was there before.
    pub(crate) fn put(&mut self, key: Rc<str>, value: Value) -> Option<Value> {
        if let Some(entry) = self.places.get(&key).and_then(|at| self.entries.get_mut(*at)) {
            return Some(std::mem::replace(&mut entry.1, value));
        }
        self.places.insert(key.clone(), self.entries.len());
        self.entries.push((key, value));
        None
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.places.remove(key)?;
        let (_, value) = self.entries.remove(at);
        self.places.values_mut().filter(|place| **place > at).for_each(|place| *place -= 1);
        Some(value)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn entries(&self) -> &[(Rc<str>, Value)] {
        &self.entries
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(List { items: RefCell::new(items), json: false }))
    }

    pub(crate) fn json_list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(List { items: RefCell::new(items), json: true }))
    }

    pub(crate) fn map(entries: impl IntoIterator<Item = (Rc<str>, Self)>) -> Self {
        let mut map = Map::default();
        for (key, value) in entries {
            map.put(key, value);
        }
        Self::Map(Rc::new(RefCell::new(map)))
    }

    /// Anything but `false` and no value is true (Velocity User Guide, "Conditionals").
    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    /// Java's `toString`, at most `bytes` long.
    pub(crate) fn print(&self, out: &mut String, bytes: usize, depth: usize) {
        if out.len() > bytes || depth > crate::parse::DEPTH {
            return;
        }
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Int(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&float(*number)),
            Self::Text(text) => out.push_str(text),
            Self::List(list) if list.json => json::write(self, out, bytes, depth),
            Self::List(list) => {
                out.push('[');
                for (number, item) in list.items.borrow().iter().enumerate() {
                    out.push_str(if number == 0 { "" } else { ", " });
                    item.print(out, bytes, depth + 1);
                }
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (number, (key, value)) in map.borrow().entries().iter().enumerate() {
                    out.push_str(if number == 0 { "" } else { ", " });
                    out.push_str(key);
                    out.push('=');
                    value.print(out, bytes, depth + 1);
                }
                out.push('}');
            }
            Self::Entry(entry) => {
                out.push_str(&entry.0);
                out.push('=');
                entry.1.print(out, bytes, depth + 1);
            }
            Self::Object(object) => object.print(out, bytes),
            Self::Block(_) => {}
        }
    }

    /// As [`Value::print`].
    pub(crate) fn printed(&self, bytes: usize) -> String {
        let mut out = String::new();
        self.print(&mut out, bytes, 0);
        out
    }

    /// Java's `equals`, numbers by what they are worth; values of different kinds are compared by their texts
    /// (Velocity User Guide, "Relational and Logical Operators").
    pub(crate) fn equals(&self, other: &Self, bytes: usize) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Int(_) | Self::Float(_), Self::Int(_) | Self::Float(_)) => self.number() == other.number(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            _ => self.printed(bytes) == other.printed(bytes),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// Java's `Double.toString`.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}").to_uppercase();
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}
