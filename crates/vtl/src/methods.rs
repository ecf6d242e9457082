//! Methods and properties of values.

use std::rc::Rc;

use crate::java;
use crate::value::{List, Map};
use crate::{Limits, Value};

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `$value.name`: a map's entry, an entry's key or value, and Java's `isEmpty` as `.empty`.
pub(crate) fn property(value: &Value, name: &str) -> Option<Value> {
    match (value, name) {
        (Value::Map(map), _) => {
            let map = map.borrow();
            map.get(name)
                .cloned()
                .or_else(|| (name == "empty").then(|| Value::Bool(map.entries().is_empty())))
        }
        (Value::Entry(entry), "key") => Some(Value::Text(entry.0.clone())),
        (Value::Entry(entry), "value") => Some(entry.1.clone()),
        (Value::List(list), "empty") => Some(Value::Bool(list.items.borrow().is_empty())),
        (Value::Text(text), "empty") => Some(Value::Bool(text.is_empty())),
        _ => None,
    }
}

/// `$value[index]`.
pub(crate) fn index(value: &Value, index: &Value, limits: Limits) -> Option<Value> {
    match (value, index) {
        (Value::List(list), Value::Int(at)) => {
            let items = list.items.borrow();
            let len = i64::try_from(items.len()).ok()?;
            // Velocity 1.7 counts from the end for negative numbers.
            items.get(usize::try_from(if *at < 0 { len + at } else { *at }).ok()?).cloned()
        }
        (Value::Map(map), key) => map.borrow().get(&key.printed(limits.bytes)).cloned(),
        _ => None,
    }
}

/// `$value.name(arguments)`; `None` where Java has no such method, or would throw.
pub(crate) fn call(value: &Value, name: &str, arguments: &[Value], limits: Limits) -> Option<Value> {
    match value {
        Value::Text(text) => java::of_text(text, name, arguments, limits.bytes),
        Value::Int(_) | Value::Float(_) => java::of_number(value, name, arguments, limits.bytes),
        Value::Bool(flag) => match (name, arguments) {
            ("toString", []) => Some(Value::text(flag.to_string())),
            ("booleanValue", []) => Some(value.clone()),
            ("equals", [other]) => Some(Value::Bool(matches!(other, Value::Bool(b) if b == flag))),
            _ => None,
        },
        Value::List(list) => of_list(list, name, arguments, limits),
        Value::Map(map) => match (name, arguments) {
            ("toString", []) => Some(Value::text(value.printed(limits.bytes))),
            _ => of_map(&mut map.borrow_mut(), name, arguments, limits),
        },
        Value::Entry(entry) => match (name, arguments) {
            ("getKey", []) => Some(Value::Text(entry.0.clone())),
            ("getValue", []) => Some(entry.1.clone()),
            _ => None,
        },
        Value::Null | Value::Block(_) | Value::Object(_) => None,
    }
}

fn of_list(list: &Rc<List>, name: &str, arguments: &[Value], limits: Limits) -> Option<Value> {
    let place = |value: &Value| match value {
        Value::Int(at) => usize::try_from(*at).ok(),
        _ => None,
    };
    let found = |value: &Value| list.items.borrow().iter().position(|item| item.equals(value, limits.bytes));
    let room = |more: usize| (list.items.borrow().len().saturating_add(more) <= limits.steps).then_some(());
    match (name, arguments) {
        ("size" | "length", []) => Some(int(list.items.borrow().len())),
        ("isEmpty", []) => Some(Value::Bool(list.items.borrow().is_empty())),
        ("get", [at]) => list.items.borrow().get(place(at)?).cloned(),
        ("contains", [value]) => Some(Value::Bool(found(value).is_some())),
        ("indexOf", [value]) => Some(found(value).map_or(Value::Int(-1), int)),
        ("add", [value]) => {
            room(1)?;
            list.items.borrow_mut().push(value.clone());
            Some(Value::Bool(true))
        }
        ("add", [at, value]) => {
            room(1)?;
            let mut items = list.items.borrow_mut();
            let at = place(at).filter(|at| *at <= items.len())?;
            items.insert(at, value.clone());
            Some(Value::Null)
        }
        ("addAll", [Value::List(more)]) => {
            let more = more.items.borrow().clone();
            room(more.len())?;
            list.items.borrow_mut().extend(more);
            Some(Value::Bool(true))
        }
        ("set", [at, value]) => {
            let mut items = list.items.borrow_mut();
            let slot = items.get_mut(place(at)?)?;
            Some(std::mem::replace(slot, value.clone()))
        }
        ("remove", [at @ Value::Int(_)]) => {
            let mut items = list.items.borrow_mut();
            let at = place(at).filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        ("remove", [value]) => {
            let at = found(value);
            if let Some(at) = at {
                list.items.borrow_mut().remove(at);
            }
            Some(Value::Bool(at.is_some()))
        }
        ("subList", [from, to]) => {
            let items = list.items.borrow().get(place(from)?..place(to)?)?.to_vec();
            Some(Value::List(Rc::new(List { items: items.into(), json: list.json })))
        }
        ("clear", []) => {
            list.items.borrow_mut().clear();
            Some(Value::Null)
        }
        ("iterator" | "toArray", []) => Some(Value::List(list.clone())),
        ("toString", []) => Some(Value::text(Value::List(list.clone()).printed(limits.bytes))),
        _ => None,
    }
}

fn of_map(map: &mut Map, name: &str, arguments: &[Value], limits: Limits) -> Option<Value> {
    let key = |value: &Value| -> Rc<str> {
        match value {
            Value::Text(text) => text.clone(),
            other => other.printed(limits.bytes).into(),
        }
    };
    let listed =
        |of: fn(&(Rc<str>, Value)) -> Value, map: &Map| Value::list(map.entries().iter().map(of).collect());
    match (name, arguments) {
        ("get", [name]) => Some(map.get(&key(name)).cloned().unwrap_or(Value::Null)),
        ("getOrDefault", [name, default]) => Some(map.get(&key(name)).unwrap_or(default).clone()),
        ("put", [name, value]) => {
            if map.entries().len() >= limits.steps {
                return None;
            }
            Some(map.put(key(name), value.clone()).unwrap_or(Value::Null))
        }
        ("putAll", [Value::Map(more)]) => {
            // A map that is put into itself is borrowed already, and has nothing new.
            if let Ok(more) = more.try_borrow() {
                for (name, value) in more.entries() {
                    map.put(name.clone(), value.clone());
                }
            }
            Some(Value::Null)
        }
        ("remove", [name]) => Some(map.remove(&key(name)).unwrap_or(Value::Null)),
        ("containsKey", [name]) => Some(Value::Bool(map.get(&key(name)).is_some())),
        ("containsValue", [value]) => {
            Some(Value::Bool(map.entries().iter().any(|(_, held)| held.equals(value, limits.bytes))))
        }
        ("size", []) => Some(int(map.entries().len())),
        ("isEmpty", []) => Some(Value::Bool(map.entries().is_empty())),
        ("keySet", []) => Some(listed(|(key, _)| Value::Text(key.clone()), map)),
        ("values", []) => Some(listed(|(_, value)| value.clone(), map)),
        ("entrySet", []) => Some(listed(|entry| Value::Entry(Rc::new(entry.clone())), map)),
        ("clear", []) => {
            map.clear();
            Some(Value::Null)
        }
        _ => None,
    }
}
