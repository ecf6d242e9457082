//! Properties, indexes and methods: which value knows which. What a value does not know is null, as in Velocity.

use crate::render::{Done, Engine, Halt};
use crate::value::{Loop, Value};

impl Engine<'_> {
    pub fn property(&mut self, value: &Value, name: &str) -> Done<Value> {
        Ok(match value {
            Value::Map(map) => match map.entries.borrow().get(name) {
                Some(value) => value.clone(),
                None => match name {
                    "empty" => Value::Bool(map.entries.borrow().is_empty()),
                    _ => Value::Null,
                },
            },
            Value::List(list) if name == "empty" => Value::Bool(list.items.borrow().is_empty()),
            Value::Text(text) if name == "empty" => Value::Bool(text.is_empty()),
            Value::Entry(entry) => match name {
                "key" => Value::Text(entry.0.clone()),
                "value" => entry.1.clone(),
                _ => Value::Null,
            },
            Value::Loop(state) => loop_property(state, name),
            Value::Input => self.input_property(name)?,
            _ => Value::Null,
        })
    }

    pub fn index(&mut self, value: &Value, index: &Value) -> Done<Value> {
        match (value, index) {
            (Value::List(_), _) => self.method(value, "get", std::slice::from_ref(index)),
            (Value::Map(_), _) => self.method(value, "get", std::slice::from_ref(index)),
            _ => Ok(Value::Null),
        }
    }

    pub fn method(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Done<Value> {
        self.step(1)?;
        match (name, arguments) {
            ("toString", []) if !matches!(value, Value::Input | Value::Util) => {
                return Ok(Value::Text(self.java(value)?));
            }
            ("equals", [other]) => {
                let (equal, seen) = crate::operators::same(value, other);
                self.step(seen)?;
                return Ok(Value::Bool(equal));
            }
            _ => {}
        }
        match value {
            Value::Text(text) => self.text_method(text, name, arguments),
            Value::List(list) => self.list_method(list, name, arguments),
            Value::Map(map) => self.map_method(map, name, arguments),
            Value::Iterator(iter) => self.iterator_method(iter, name, arguments),
            Value::Entry(entry) => Ok(match (name, arguments) {
                ("getKey", []) => Value::Text(entry.0.clone()),
                ("getValue", []) => entry.1.clone(),
                _ => Value::Null,
            }),
            Value::Int(_) | Value::Double(_) => self.number_method(value, name, arguments),
            Value::Bool(own) => Ok(match (name, arguments) {
                ("booleanValue", []) => Value::Bool(*own),
                ("compareTo", [Value::Bool(other)]) => Value::Int(i64::from(*own) - i64::from(*other)),
                _ => Value::Null,
            }),
            Value::Loop(state) => Ok(match (name, arguments) {
                ("stop", []) => {
                    state.stopped.set(true);
                    Value::text("")
                }
                (getter, []) => match getter.strip_prefix("get").or_else(|| getter.strip_prefix("is")) {
                    Some(name) => {
                        let name =
                            name.get(..1).unwrap_or("").to_ascii_lowercase() + name.get(1..).unwrap_or("");
                        loop_property(state, &name)
                    }
                    None => loop_property(state, getter),
                },
                _ => Value::Null,
            }),
            Value::Input => self.input_method(name, arguments),
            Value::Util => self.util_method(name, arguments),
            Value::Null | Value::Block(_) => Ok(Value::Null),
        }
    }

    /// Methods of numbers, and the static ones that templates reach through a number:
    /// `#set($Integer = 0) $Integer.parseInt("7")`.
    fn number_method(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Done<Value> {
        let number = value.number().unwrap_or_default();
        Ok(match (name, arguments) {
            ("intValue", []) => match value {
                Value::Int(n) => Value::Int(i64::from(*n as i32)),
                _ => Value::Int(i64::from(number as i32)),
            },
            ("longValue", []) => match value {
                Value::Int(n) => Value::Int(*n),
                _ => Value::Int(number as i64),
            },
            ("doubleValue" | "floatValue", []) => Value::Double(number),
            ("hashCode", []) => match value {
                Value::Int(n) => Value::Int(i64::from((n ^ (n >> 32)) as i32)),
                _ => Value::Null,
            },
            ("compareTo", [other]) => match crate::operators::order(value, other) {
                Some(order) => Value::Int(order as i64),
                None => Value::Null,
            },
            ("parseInt" | "parseLong" | "valueOf", [Value::Text(text)]) => {
                let parsed: Result<i64, _> = text.parse();
                match (value, parsed) {
                    (Value::Int(_), Ok(number)) => Value::Int(number),
                    (Value::Int(_), Err(_)) => {
                        return Err(Halt(format!("`{}` is no whole number", cut(text))));
                    }
                    _ => Value::Double(decimal(text)?),
                }
            }
            ("parseDouble" | "parseFloat", [Value::Text(text)]) => Value::Double(decimal(text)?),
            ("valueOf", [number @ (Value::Int(_) | Value::Double(_))]) => number.clone(),
            ("toString", [number]) => Value::Text(self.java(number)?),
            ("isNaN", []) => Value::Bool(number.is_nan()),
            _ => Value::Null,
        })
    }
}

fn decimal(text: &str) -> Done<f64> {
    text.trim().parse().map_err(|_| Halt(format!("`{}` is no number", cut(text))))
}

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

fn loop_property(state: &Loop, name: &str) -> Value {
    let index = state.index.get();
    match name {
        "index" => Value::count(index),
        "count" => Value::count(index + 1),
        "hasNext" => Value::Bool(index + 1 < state.count),
        "first" => Value::Bool(index == 0),
        "last" => Value::Bool(index + 1 == state.count),
        "parent" => state.parent.clone(),
        "topmost" => {
            let mut top = &state.parent;
            while let Value::Loop(outer) = top {
                if !matches!(outer.parent, Value::Loop(_)) {
                    break;
                }
                top = &outer.parent;
            }
            top.clone()
        }
        _ => Value::Null,
    }
}
