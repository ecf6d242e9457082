//! Texts, with the methods of Java's `String`. Positions count UTF-16 units, as in Java.

use std::rc::Rc;

use crate::java_regex;
use crate::render::{Done, Engine, Halt};
use crate::value::Value;

/// A text by its UTF-16 units; ASCII needs no copy.
enum Units<'a> {
    Ascii(&'a str),
    Wide(Vec<u16>),
}

impl<'a> Units<'a> {
    fn of(text: &'a str) -> Self {
        if text.is_ascii() { Self::Ascii(text) } else { Self::Wide(text.encode_utf16().collect()) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Ascii(text) => text.len(),
            Self::Wide(units) => units.len(),
        }
    }

    fn slice(&self, from: i64, to: i64) -> Option<String> {
        let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        match self {
            Self::Ascii(text) => text.get(range).map(str::to_owned),
            Self::Wide(units) => units.get(range).map(String::from_utf16_lossy),
        }
    }
}

fn units_before(text: &str, at: usize) -> i64 {
    let before = text.get(..at).map_or(0, |t| t.encode_utf16().count());
    i64::try_from(before).unwrap_or(i64::MAX)
}

/// The byte that a UTF-16 position stands for, moved into the text.
fn byte_of(text: &str, position: i64) -> usize {
    let mut left = position;
    for (at, c) in text.char_indices() {
        if left <= 0 {
            return at;
        }
        left -= i64::try_from(c.len_utf16()).unwrap_or(1);
    }
    text.len()
}

/// Java's `hashCode`.
fn hash(text: &str) -> i64 {
    let hash = text.encode_utf16().fold(0_i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)));
    i64::from(hash)
}

fn compare(left: &str, right: &str) -> i64 {
    let (mut a, mut b) = (left.encode_utf16(), right.encode_utf16());
    loop {
        match (a.next(), b.next()) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => return i64::from(x) - i64::from(y),
            _ => {
                let length = |t: &str| i64::try_from(t.encode_utf16().count()).unwrap_or(i64::MAX);
                return length(left) - length(right);
            }
        }
    }
}

impl Engine<'_> {
    pub fn text_method(&mut self, text: &Rc<str>, name: &str, arguments: &[Value]) -> Done<Value> {
        // Every method below takes time linear in the text.
        self.step(text.len() / 64)?;
        Ok(match (name, arguments) {
            ("length", []) => Value::count(Units::of(text).len()),
            ("isEmpty", []) => Value::Bool(text.is_empty()),
            ("isBlank", []) => Value::Bool(text.trim().is_empty()),
            ("hashCode", []) => Value::Int(hash(text)),
            ("intern", []) => Value::Text(text.clone()),
            ("trim", []) => self.new_text(text.trim_matches(|c: char| c <= ' '))?,
            ("strip", []) => self.new_text(text.trim())?,
            ("toLowerCase", []) => self.new_text(&text.to_lowercase())?,
            ("toUpperCase", []) => self.new_text(&text.to_uppercase())?,
            ("charAt", [index]) => {
                let index = self.whole(index)?;
                match Units::of(text).slice(index, index.saturating_add(1)) {
                    Some(c) => self.new_text(&c)?,
                    None => return Err(Halt(format!("String index out of range: {index}"))),
                }
            }
            ("substring" | "subSequence", [from]) => {
                let units = Units::of(text);
                let from = self.whole(from)?;
                match units.slice(from, i64::try_from(units.len()).unwrap_or(i64::MAX)) {
                    Some(part) => self.new_text(&part)?,
                    None => return Err(Halt(format!("String index out of range: {from}"))),
                }
            }
            ("substring" | "subSequence", [from, to]) => {
                let (from, to) = (self.whole(from)?, self.whole(to)?);
                match Units::of(text).slice(from, to) {
                    Some(part) => self.new_text(&part)?,
                    None => return Err(Halt(format!("String index out of range: begin {from}, end {to}"))),
                }
            }
            ("toCharArray", []) => {
                let parts: Vec<String> = text.chars().map(String::from).collect();
                self.parts(parts)?
            }
            (_, [Value::Int(_) | Value::Double(_) | Value::Bool(_)]) if name == "valueOf" => {
                Value::Text(self.java(&arguments[0])?)
            }
            ("equalsIgnoreCase", [Value::Text(other)]) => {
                Value::Bool(text.to_lowercase() == other.to_lowercase())
            }
            ("compareTo", [Value::Text(other)]) => Value::Int(compare(text, other)),
            ("compareToIgnoreCase", [Value::Text(other)]) => {
                Value::Int(compare(&text.to_lowercase(), &other.to_lowercase()))
            }
            ("contains", [Value::Text(part)]) => Value::Bool(text.contains(&**part)),
            ("startsWith", [Value::Text(part)]) => Value::Bool(text.starts_with(&**part)),
            ("startsWith", [Value::Text(part), from]) => {
                let from = self.whole(from)?;
                let rest = text.get(byte_of(text, from)..).unwrap_or("");
                Value::Bool(from >= 0 && rest.starts_with(&**part))
            }
            ("endsWith", [Value::Text(part)]) => Value::Bool(text.ends_with(&**part)),
            ("indexOf", [Value::Text(part)]) => {
                Value::Int(text.find(&**part).map_or(-1, |at| units_before(text, at)))
            }
            ("indexOf", [Value::Text(part), from]) => {
                let start = byte_of(text, self.whole(from)?);
                let found = text.get(start..).and_then(|rest| rest.find(&**part));
                Value::Int(found.map_or(-1, |at| units_before(text, start + at)))
            }
            ("lastIndexOf", [Value::Text(part)]) => {
                Value::Int(text.rfind(&**part).map_or(-1, |at| units_before(text, at)))
            }
            ("concat", [Value::Text(other)]) => {
                self.charge(text.len() + other.len())?;
                Value::Text(format!("{text}{other}").into())
            }
            ("repeat", [times]) => {
                let times = usize::try_from(self.whole(times)?).unwrap_or(0);
                self.charge(text.len().saturating_mul(times))?;
                Value::Text(text.repeat(times).into())
            }
            ("replace", [Value::Text(from), Value::Text(to)]) => {
                let count = text.matches(&**from).count();
                self.charge(count.saturating_mul(to.len()).saturating_add(text.len()))?;
                Value::Text(text.replace(&**from, to).into())
            }
            ("matches", [Value::Text(pattern)]) => Value::Bool(self.regex(pattern, true)?.is_match(text)),
            ("replaceAll" | "replaceFirst", [Value::Text(pattern), Value::Text(to)]) => {
                self.replaced(text, pattern, to, name == "replaceFirst")?
            }
            ("split", [Value::Text(pattern)]) => self.split(text, pattern, 0)?,
            ("split", [Value::Text(pattern), limit]) => {
                let limit = self.whole(limit)?;
                self.split(text, pattern, limit)?
            }
            _ => Value::Null,
        })
    }

    fn replaced(&mut self, text: &str, pattern: &str, to: &str, once: bool) -> Done<Value> {
        let regex = self.regex(pattern, false)?;
        let mut out = String::new();
        let mut from = 0;
        for captures in regex.captures_iter(text) {
            let Some(all) = captures.get(0) else { break };
            self.step(1)?;
            out.push_str(text.get(from..all.start()).unwrap_or(""));
            let before = out.len();
            java_regex::expand(to, &captures, &mut out)
                .map_err(|e| Halt(format!("the replacement `{}`: {e}", crate::methods::cut(to))))?;
            self.charge(out.len() - before)?;
            from = all.end();
            if once {
                break;
            }
        }
        out.push_str(text.get(from..).unwrap_or(""));
        self.new_text(&out)
    }

    /// As Java: without a limit, empty parts at the end are dropped; an empty match at the front makes no part.
    fn split(&mut self, text: &str, pattern: &str, limit: i64) -> Done<Value> {
        let regex = self.regex(pattern, false)?;
        let most = usize::try_from(limit).ok().filter(|n| *n > 0).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let mut from = 0;
        for found in regex.find_iter(text) {
            if parts.len() + 1 >= most {
                break;
            }
            if found.end() == 0 || (found.is_empty() && found.start() >= text.len()) {
                continue;
            }
            self.step(1)?;
            parts.push(text.get(from..found.start()).unwrap_or("").to_owned());
            from = found.end();
        }
        parts.push(text.get(from..).unwrap_or("").to_owned());
        if limit == 0 {
            while parts.len() > 1 && parts.last().is_some_and(String::is_empty) {
                parts.pop();
            }
        }
        self.parts(parts)
    }
}
