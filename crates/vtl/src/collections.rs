//! Lists, maps and iterators, with Java's methods.

use std::rc::Rc;

use crate::methods::cut;
use crate::operators;
use crate::render::{Done, Engine, Halt};
use crate::value::{Iter, List, Object, Value};

/// Java's own words for an index that is out of bounds.
fn out_of_bounds(index: i64, size: usize) -> Halt {
    Halt(format!("Index: {index}, Size: {size}"))
}

impl Engine<'_> {
    /// What `#foreach` goes over: `None` for what has no elements.
    pub fn elements(&mut self, value: &Value) -> Done<Option<Vec<Value>>> {
        let items = match value {
            Value::List(list) => list.items.borrow().clone(),
            Value::Map(map) => map.entries.borrow().values().cloned().collect(),
            Value::Iterator(iter) => {
                let items = iter.items.borrow();
                let from = iter.next.replace(items.len());
                items.get(from..).unwrap_or_default().to_vec()
            }
            _ => return Ok(None),
        };
        self.step(items.len())?;
        Ok(Some(items))
    }

    /// Refuses to put `value` into a collection that it holds itself: it could never be written nor dropped.
    fn outside(&mut self, holder: *const (), value: &Value) -> Done<()> {
        let mut waiting = vec![value.clone()];
        while let Some(value) = waiting.pop() {
            let itself = match &value {
                Value::List(list) => {
                    waiting.extend(list.items.borrow().iter().filter(|v| holds_more(v)).cloned());
                    Rc::as_ptr(list).cast()
                }
                Value::Map(map) => {
                    waiting.extend(map.entries.borrow().values().filter(|v| holds_more(v)).cloned());
                    Rc::as_ptr(map).cast()
                }
                Value::Iterator(iter) => {
                    waiting.extend(iter.items.borrow().iter().filter(|v| holds_more(v)).cloned());
                    Rc::as_ptr(iter).cast()
                }
                Value::Entry(entry) => {
                    waiting.push(entry.1.clone());
                    continue;
                }
                _ => continue,
            };
            if itself == holder {
                return Err(Halt("a list or map cannot hold itself".to_owned()));
            }
            self.step(1)?;
        }
        Ok(())
    }

    /// `holder.key = value`, `holder[key] = value`.
    pub fn put_into(&mut self, holder: &Value, key: &Value, value: Value) -> Done<()> {
        match holder {
            Value::Map(map) => {
                let key = self.java(key)?;
                self.insert(map, key, value).map(|_| ())
            }
            Value::List(_) => self.method(holder, "set", &[key.clone(), value]).map(|_| ()),
            // Velocity logs that there is nothing to assign to, and goes on.
            _ => Ok(()),
        }
    }

    fn insert(&mut self, map: &Rc<Object>, key: Rc<str>, value: Value) -> Done<Value> {
        self.outside(Rc::as_ptr(map).cast(), &value)?;
        self.charge(key.len() + 32)?;
        Ok(map.entries.borrow_mut().insert(key, value).unwrap_or_default())
    }

    fn position(&mut self, items: &[Value], value: &Value, last: bool) -> Done<Option<usize>> {
        let mut found = None;
        for (at, item) in items.iter().enumerate() {
            let (equal, seen) = operators::same(item, value);
            self.step(seen)?;
            if equal {
                found = Some(at);
                if !last {
                    break;
                }
            }
        }
        Ok(found)
    }

    pub fn list_method(&mut self, list: &Rc<List>, name: &str, arguments: &[Value]) -> Done<Value> {
        let size = list.items.borrow().len();
        let at = |index: i64| usize::try_from(index).ok().filter(|n| *n < size);
        Ok(match (name, arguments) {
            ("size" | "length", []) => Value::count(size),
            // The guide's own example counts with it.
            ("count", []) => Value::count(size),
            ("isEmpty", []) => Value::Bool(size == 0),
            ("get", [Value::Int(index)]) => match at(*index) {
                Some(at) => list.items.borrow().get(at).cloned().unwrap_or_default(),
                None => return Err(out_of_bounds(*index, size)),
            },
            ("add", [value]) => {
                self.outside(Rc::as_ptr(list).cast(), value)?;
                self.charge(32)?;
                list.items.borrow_mut().push(value.clone());
                Value::Bool(true)
            }
            ("add", [Value::Int(index), value]) => {
                let at = usize::try_from(*index).ok().filter(|n| *n <= size);
                let at = at.ok_or_else(|| out_of_bounds(*index, size))?;
                self.outside(Rc::as_ptr(list).cast(), value)?;
                self.charge(32)?;
                self.step(size / 16)?;
                list.items.borrow_mut().insert(at, value.clone());
                Value::text("")
            }
            ("set", [Value::Int(index), value]) => {
                let at = at(*index).ok_or_else(|| out_of_bounds(*index, size))?;
                self.outside(Rc::as_ptr(list).cast(), value)?;
                match list.items.borrow_mut().get_mut(at) {
                    Some(slot) => std::mem::replace(slot, value.clone()),
                    None => Value::Null,
                }
            }
            ("remove", [Value::Int(index)]) => {
                let at = at(*index).ok_or_else(|| out_of_bounds(*index, size))?;
                self.step(size / 16)?;
                list.items.borrow_mut().remove(at)
            }
            ("remove", [value]) => {
                let items = list.items.borrow().clone();
                let found = self.position(&items, value, false)?;
                if let Some(at) = found {
                    list.items.borrow_mut().remove(at);
                }
                Value::Bool(found.is_some())
            }
            ("addAll", [other]) => {
                let Some(items) = self.elements(other)? else { return Ok(Value::Null) };
                self.outside(Rc::as_ptr(list).cast(), &Value::list(items.clone()))?;
                self.charge(32 * items.len())?;
                let changed = !items.is_empty();
                list.items.borrow_mut().extend(items);
                Value::Bool(changed)
            }
            ("removeAll" | "retainAll" | "containsAll", [other]) => {
                let Some(others) = self.elements(other)? else { return Ok(Value::Null) };
                let own = list.items.borrow().clone();
                if name == "containsAll" {
                    for value in &others {
                        if self.position(&own, value, false)?.is_none() {
                            return Ok(Value::Bool(false));
                        }
                    }
                    return Ok(Value::Bool(true));
                }
                let mut kept = Vec::new();
                for value in own {
                    if self.position(&others, &value, false)?.is_some() == (name == "retainAll") {
                        kept.push(value);
                    }
                }
                let changed = kept.len() != size;
                *list.items.borrow_mut() = kept;
                Value::Bool(changed)
            }
            ("contains", [value]) => {
                let items = list.items.borrow().clone();
                Value::Bool(self.position(&items, value, false)?.is_some())
            }
            ("indexOf" | "lastIndexOf", [value]) => {
                let items = list.items.borrow().clone();
                let found = self.position(&items, value, name == "lastIndexOf")?;
                found.map_or(Value::Int(-1), Value::count)
            }
            ("subList", [Value::Int(from), Value::Int(to)]) => {
                let (Ok(first), Ok(last)) = (usize::try_from(*from), usize::try_from(*to)) else {
                    return Err(Halt(format!("fromIndex = {from}, toIndex = {to}")));
                };
                let part = list.items.borrow().get(first..last).map(<[Value]>::to_vec);
                let part =
                    part.ok_or_else(|| Halt(format!("fromIndex = {from}, toIndex = {to}, size = {size}")))?;
                self.step(part.len())?;
                if list.json { Value::json_list(part) } else { Value::list(part) }
            }
            ("iterator" | "listIterator", []) => {
                self.step(size)?;
                iterator(list.items.borrow().clone())
            }
            ("toArray", []) => {
                self.step(size)?;
                Value::list(list.items.borrow().clone())
            }
            ("clear", []) => {
                list.items.borrow_mut().clear();
                Value::text("")
            }
            _ => Value::Null,
        })
    }

    pub fn map_method(&mut self, map: &Rc<Object>, name: &str, arguments: &[Value]) -> Done<Value> {
        let size = map.entries.borrow().len();
        Ok(match (name, arguments) {
            ("size", []) => Value::count(size),
            ("isEmpty", []) => Value::Bool(size == 0),
            ("get", [key]) => {
                let key = self.java(key)?;
                map.entries.borrow().get(&*key).cloned().unwrap_or_default()
            }
            ("getOrDefault", [key, other]) => {
                let key = self.java(key)?;
                map.entries.borrow().get(&*key).cloned().unwrap_or_else(|| other.clone())
            }
            ("containsKey", [key]) => {
                let key = self.java(key)?;
                Value::Bool(map.entries.borrow().contains_key(&*key))
            }
            ("containsValue", [value]) => {
                let values: Vec<Value> = map.entries.borrow().values().cloned().collect();
                Value::Bool(self.position(&values, value, false)?.is_some())
            }
            ("put" | "putIfAbsent", [key, value]) => {
                let key = self.java(key)?;
                let known = map.entries.borrow().get(&*key).cloned();
                match known {
                    Some(known) if name == "putIfAbsent" && !known.is_null() => known,
                    _ => {
                        // A quiet nothing: templates write `$!map.put(…)` or get the old value printed.
                        self.insert(map, key, value.clone())?
                    }
                }
            }
            ("putAll", [Value::Map(other)]) => {
                let entries: Vec<_> =
                    other.entries.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                self.step(entries.len())?;
                for (key, value) in entries {
                    self.insert(map, key, value)?;
                }
                Value::text("")
            }
            ("remove", [key]) => {
                let key = self.java(key)?;
                self.step(size / 16)?;
                map.entries.borrow_mut().shift_remove(&*key).unwrap_or_default()
            }
            ("clear", []) => {
                map.entries.borrow_mut().clear();
                Value::text("")
            }
            ("keySet", []) => {
                self.step(size)?;
                Value::list(map.entries.borrow().keys().cloned().map(Value::Text).collect())
            }
            ("values", []) => {
                self.step(size)?;
                Value::list(map.entries.borrow().values().cloned().collect())
            }
            ("entrySet", []) => {
                self.step(size)?;
                let entries = map.entries.borrow();
                let entry = |(k, v): (&Rc<str>, &Value)| Value::Entry(Rc::new((k.clone(), v.clone())));
                Value::list(entries.iter().map(entry).collect())
            }
            _ => Value::Null,
        })
    }

    pub fn iterator_method(&mut self, iter: &Rc<Iter>, name: &str, arguments: &[Value]) -> Done<Value> {
        let items = iter.items.borrow();
        let at = iter.next.get();
        Ok(match (name, arguments) {
            ("hasNext", []) => Value::Bool(at < items.len()),
            ("next", []) => match items.get(at) {
                Some(item) => {
                    iter.next.set(at + 1);
                    item.clone()
                }
                None => return Err(Halt("the iterator has no next element".to_owned())),
            },
            _ => Value::Null,
        })
    }

    /// The parts of a text as a list, for `split`.
    pub fn parts(&mut self, parts: Vec<String>) -> Done<Value> {
        let mut items = Vec::with_capacity(parts.len());
        self.step(parts.len())?;
        for part in parts {
            items.push(self.new_text(&part)?);
        }
        Ok(Value::list(items))
    }

    /// A whole number among a method's arguments.
    pub fn whole(&self, value: &Value) -> Done<i64> {
        match value {
            Value::Int(number) => Ok(*number),
            Value::Text(text) => Err(Halt(format!("a whole number is needed, not the text `{}`", cut(text)))),
            _ => Err(Halt("a whole number is needed".to_owned())),
        }
    }
}

fn holds_more(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_) | Value::Iterator(_) | Value::Entry(_))
}

fn iterator(items: Vec<Value>) -> Value {
    Value::Iterator(Rc::new(Iter { items: items.into(), next: 0.into() }))
}
