//! Java's methods of texts and numbers, as far as templates use them.

use regex::Regex;

use crate::Value;

/// Bytes that a pattern may take, compiled.
const PATTERN_BYTES: usize = 1 << 18;

/// The pattern of `matches`, `replaceAll`, `split` and so on. Java's look-arounds and back references have no
/// counterpart here: such a pattern has no value.
fn regex(pattern: &str) -> Option<Regex> {
    regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().ok()
}

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The byte at which the character number `index` begins; Java counts UTF-16 units, which differ beyond U+FFFF only.
fn byte(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index)
}

fn place(text: &str, at: Option<usize>) -> Value {
    at.map_or(Value::Int(-1), |at| int(text.get(..at).unwrap_or_default().chars().count()))
}

/// Java writes groups as `$1`, this library as `${1}`.
fn replacement(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => match letters.peek() {
                Some(digit) if digit.is_ascii_digit() => {
                    out.push_str(&format!("${{{digit}}}"));
                    letters.next();
                }
                _ => out.push_str("$$"),
            },
            other => out.push(other),
        }
    }
    out
}

/// A method of a text; `None` when there is none of this name for these arguments, or Java would throw.
pub(crate) fn of_text(text: &str, method: &str, arguments: &[Value], bytes: usize) -> Option<Value> {
    let first = arguments.first();
    let word = || first.map(|value| value.printed(bytes));
    let number = |at: usize| match arguments.get(at) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    let bool = |flag: bool| Some(Value::Bool(flag));
    Some(match (method, arguments.len()) {
        ("length", 0) => int(text.chars().count()),
        ("isEmpty", 0) => return bool(text.is_empty()),
        ("isBlank", 0) => return bool(text.trim().is_empty()),
        ("toString" | "intern", 0) => Value::text(text),
        ("trim" | "strip", 0) => Value::text(text.trim()),
        ("toLowerCase", 0) => Value::text(text.to_lowercase()),
        ("toUpperCase", 0) => Value::text(text.to_uppercase()),
        ("hashCode", 0) => {
            let hash = text
                .encode_utf16()
                .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
            Value::Int(hash.into())
        }
        ("charAt", 1) => {
            let at = byte(text, number(0)?)?;
            Value::text(text.get(at..)?.chars().next()?.to_string())
        }
        ("substring", 1) => Value::text(text.get(byte(text, number(0)?)?..)?),
        ("substring" | "subSequence", 2) => {
            Value::text(text.get(byte(text, number(0)?)?..byte(text, number(1)?)?)?)
        }
        ("indexOf", 1) => place(text, text.find(&word()?)),
        ("indexOf", 2) => {
            let from = byte(text, number(1)?).unwrap_or(text.len());
            place(text, text.get(from..)?.find(&word()?).map(|at| from + at))
        }
        ("lastIndexOf", 1) => place(text, text.rfind(&word()?)),
        ("contains", 1) => return bool(text.contains(&word()?)),
        ("startsWith", 1) => return bool(text.starts_with(&word()?)),
        ("endsWith", 1) => return bool(text.ends_with(&word()?)),
        ("equals", 1) => return bool(matches!(first, Some(Value::Text(other)) if **other == *text)),
        ("equalsIgnoreCase", 1) => return bool(text.to_lowercase() == word()?.to_lowercase()),
        ("compareTo", 1) => {
            let other = word()?;
            let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
            let (a, b) = (units(text), units(&other));
            let differs = a.iter().zip(&b).find(|(a, b)| a != b).map(|(a, b)| i64::from(*a) - i64::from(*b));
            let lengths = || Some(i64::try_from(a.len()).ok()? - i64::try_from(b.len()).ok()?);
            Value::Int(differs.or_else(lengths)?)
        }
        ("concat", 1) => Value::text(format!("{text}{}", word()?)),
        ("matches", 1) => return bool(regex(&format!("^(?:{})$", word()?))?.is_match(text)),
        ("replace", 2) => {
            let to = arguments.get(1)?.printed(bytes);
            bounded(text, &word()?, &to, bytes)?
        }
        ("replaceAll", 2) => {
            let to = replacement(&arguments.get(1)?.printed(bytes));
            let pattern = regex(&word()?)?;
            let grown = pattern.find_iter(text).count().saturating_mul(to.len().saturating_add(text.len()));
            if to.contains("${") && grown > bytes {
                return None;
            }
            Value::text(pattern.replace_all(text, to.as_str()).into_owned())
        }
        ("replaceFirst", 2) => {
            let to = replacement(&arguments.get(1)?.printed(bytes));
            Value::text(regex(&word()?)?.replace(text, to.as_str()).into_owned())
        }
        ("split", 1 | 2) => split(text, &regex(&word()?)?, number(1).unwrap_or(0)),
        ("repeat", 1) => {
            let count = usize::try_from(number(0)?).ok()?;
            if text.len().saturating_mul(count) > bytes {
                return None;
            }
            Value::text(text.repeat(count))
        }
        // Static in Java, and called on any text by templates.
        ("valueOf", 1) => Value::text(word()?),
        _ => return None,
    })
}

/// `replace`, unless the result would be too long.
fn bounded(text: &str, from: &str, to: &str, bytes: usize) -> Option<Value> {
    let grown = text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len());
    (grown <= bytes).then(|| Value::text(text.replace(from, to)))
}

/// Trailing empty pieces are left out when there is no limit.
fn split(text: &str, pattern: &Regex, limit: i64) -> Value {
    let mut pieces: Vec<&str> = match usize::try_from(limit) {
        Ok(limit) if limit > 0 => pattern.splitn(text, limit).collect(),
        _ => pattern.split(text).collect(),
    };
    // A match of no width at the beginning gives no empty piece (Java 8).
    if pieces.len() > 1
        && pieces.first() == Some(&"")
        && pattern.find(text).is_some_and(|found| found.is_empty())
    {
        pieces.remove(0);
    }
    if limit == 0 {
        while pieces.len() > 1 && pieces.last() == Some(&"") {
            pieces.pop();
        }
    }
    Value::list(pieces.into_iter().map(Value::text).collect())
}

/// A method of a number.
pub(crate) fn of_number(value: &Value, method: &str, arguments: &[Value], bytes: usize) -> Option<Value> {
    let number = value.number()?;
    let parse = |argument: Option<&Value>| argument.map(|value| value.printed(bytes).trim().to_owned());
    Some(match (method, arguments.len()) {
        ("intValue" | "longValue", 0) => Value::Int(number as i64),
        ("doubleValue" | "floatValue", 0) => Value::Float(number),
        ("toString", 0) => Value::text(value.printed(bytes)),
        ("equals", 1) => Value::Bool(arguments.first()?.number() == Some(number)),
        ("compareTo", 1) => Value::Int(match number.partial_cmp(&arguments.first()?.number()?)? {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        }),
        // Static in Java: `#set($Integer = 0) $Integer.parseInt("7")` is how templates read numbers.
        ("parseInt" | "parseLong", 1) => Value::Int(parse(arguments.first())?.parse().ok()?),
        ("parseDouble" | "parseFloat", 1) => Value::Float(parse(arguments.first())?.parse().ok()?),
        ("valueOf", 1) => match value {
            Value::Int(_) => Value::Int(parse(arguments.first())?.parse().ok()?),
            _ => Value::Float(parse(arguments.first())?.parse().ok()?),
        },
        _ => return None,
    })
}
