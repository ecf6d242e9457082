//! Values as text: as Java's `toString` has it, and as JSON.

use std::fmt::Write;

use crate::error::MAX_DEPTH;
use crate::value::Value;

/// What stops a value from being written.
#[derive(Debug)]
pub(crate) enum Cut {
    Depth,
    Length,
    Values,
}

/// A text with a bound, of a bounded number of values.
pub(crate) struct Out {
    pub text: String,
    left: usize,
    values: usize,
}

impl Out {
    pub fn new(most: usize, values: usize) -> Self {
        Self { text: String::new(), left: most, values }
    }

    /// Counts a value that is about to be written.
    fn enter(&mut self, depth: usize) -> Result<(), Cut> {
        if depth > MAX_DEPTH {
            return Err(Cut::Depth);
        }
        self.values = self.values.checked_sub(1).ok_or(Cut::Values)?;
        Ok(())
    }

    /// The values that could still be written.
    pub fn values_left(&self) -> usize {
        self.values
    }

    fn put(&mut self, text: &str) -> Result<(), Cut> {
        self.left = self.left.checked_sub(text.len()).ok_or(Cut::Length)?;
        self.text.push_str(text);
        Ok(())
    }

    /// As Java's `toString`: `{a=1, b=x}` for maps, `[1, 2]` for lists made by a template, JSON for lists of the body.
    pub fn java(&mut self, value: &Value, depth: usize) -> Result<(), Cut> {
        self.enter(depth)?;
        match value {
            Value::Null => self.put("null"),
            Value::Text(text) => self.put(text),
            Value::List(list) if list.json => self.json(value, depth),
            Value::List(list) => {
                self.put("[")?;
                for (i, item) in list.items.borrow().iter().enumerate() {
                    self.put(if i > 0 { ", " } else { "" })?;
                    self.java(item, depth + 1)?;
                }
                self.put("]")
            }
            Value::Map(object) => {
                self.put("{")?;
                for (i, (name, item)) in object.entries.borrow().iter().enumerate() {
                    self.put(if i > 0 { ", " } else { "" })?;
                    self.put(name)?;
                    self.put("=")?;
                    self.java(item, depth + 1)?;
                }
                self.put("}")
            }
            Value::Entry(entry) => {
                self.put(&entry.0)?;
                self.put("=")?;
                self.java(&entry.1, depth + 1)
            }
            Value::Bool(value) => self.put(if *value { "true" } else { "false" }),
            Value::Int(number) => self.number(format_args!("{number}")),
            Value::Double(number) => self.put(&double(*number)),
            // AWS's classes print their own names; nobody can depend on that.
            Value::Iterator(_) | Value::Block(_) | Value::Loop(_) | Value::Input | Value::Util => Ok(()),
        }
    }

    pub fn json(&mut self, value: &Value, depth: usize) -> Result<(), Cut> {
        self.enter(depth)?;
        match value {
            Value::Text(text) => self.quoted(text),
            Value::List(list) => {
                self.put("[")?;
                for (i, item) in list.items.borrow().iter().enumerate() {
                    self.put(if i > 0 { "," } else { "" })?;
                    self.json(item, depth + 1)?;
                }
                self.put("]")
            }
            Value::Map(object) => {
                self.put("{")?;
                for (i, (name, item)) in object.entries.borrow().iter().enumerate() {
                    self.put(if i > 0 { "," } else { "" })?;
                    self.quoted(name)?;
                    self.put(":")?;
                    self.json(item, depth + 1)?;
                }
                self.put("}")
            }
            Value::Null | Value::Bool(_) | Value::Int(_) => self.java(value, depth),
            Value::Double(number) if number.is_finite() => self.put(&double(*number)),
            Value::Double(_) => self.put("null"),
            other => {
                let mut inner = Out::new(self.left, self.values);
                inner.java(other, depth)?;
                self.quoted(&inner.text)
            }
        }
    }

    fn number(&mut self, number: std::fmt::Arguments<'_>) -> Result<(), Cut> {
        let before = self.text.len();
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(number);
        self.left = self.left.checked_sub(self.text.len() - before).ok_or(Cut::Length)?;
        Ok(())
    }

    fn quoted(&mut self, text: &str) -> Result<(), Cut> {
        // A str is always a JSON string.
        let quoted = serde_json::to_string(text).unwrap_or_default();
        self.put(&quoted)
    }
}

/// As Java's `Double.toString`: at least one digit behind the point; from 10^7 on and below 10^-3 with an exponent.
pub(crate) fn double(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_does() {
        for (number, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (249.99, "249.99"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.0001, "1.0E-4"),
            (-0.0, "-0.0"),
            (9_999_999.0, "9999999.0"),
        ] {
            assert_eq!(double(number), text);
        }
    }
}
