//! YAML as JSON text, with the place in the YAML of everything in the JSON.
//!
//! Policies are JSON, and their numbers and texts compare alike; so a plain scalar becomes `true`, `false`, `null` or a
//! string, exactly as written: `Version: 2012-10-17` and `000000000000` stay what they are. One document a file; tags
//! are not followed. `<<: *alias` takes over the members of another mapping (yaml.org/type/merge).

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Value, json};

/// The deepest nesting.
const MAX_DEPTH: usize = 64;
/// The most bytes of JSON, which bounds what aliases of aliases grow to.
const MAX_TEXT: usize = 32 * 1024 * 1024;

/// What [`to_json`] gives.
#[derive(Debug, Default)]
pub struct Converted {
    /// The JSON text.
    pub text: String,
    /// For each value, in order: the byte at which it begins in `text`, and its line and column (from 1) in the YAML.
    places: Vec<(usize, usize, usize)>,
}

impl Converted {
    /// Line and column in the YAML of what stands at byte `at` of the JSON.
    #[must_use]
    pub fn place(&self, at: usize) -> (usize, usize) {
        let after = self.places.partition_point(|(start, ..)| *start <= at);
        let found = after.checked_sub(1).and_then(|i| self.places.get(i));
        found.map_or((1, 1), |(_, line, column)| (*line, *column))
    }
}

/// What cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct YamlError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// Converts one document.
///
/// # Errors
/// [`YamlError`] for what is no YAML, a second document, keys that are no scalars, and what exceeds the bounds.
pub fn to_json(text: &str) -> Result<Converted, YamlError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        out: Converted::default(),
        anchors: HashMap::new(),
        merged: 0,
    };
    let mut found = false;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if found => {
                return Err(wrong("a second document begins here: a file holds one", span));
            }
            Event::DocumentStart(_) => {
                found = true;
                let (event, span) = reader.next()?;
                reader.value(event, span, 0)?;
            }
            _ => break,
        }
    }
    if !found {
        reader.out.text.push_str("null");
    }
    Ok(reader.out)
}

fn wrong(message: &str, span: Span) -> YamlError {
    YamlError { message: message.to_owned(), line: span.start.line(), column: span.start.col() + 1 }
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    out: Converted,
    /// The JSON of what aliases stand for.
    anchors: HashMap<usize, String>,
    /// The bytes that merge keys took over so far.
    merged: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(e)) => Err(YamlError {
                message: e.info().to_owned(),
                line: e.marker().line(),
                column: e.marker().col() + 1,
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<(), YamlError> {
        if depth > MAX_DEPTH {
            return Err(wrong("values are nested too deeply", span));
        }
        let start = self.out.text.len();
        if start > MAX_TEXT {
            return Err(wrong("the document is too large, with what its aliases stand for", span));
        }
        self.out.places.push((start, span.start.line(), span.start.col() + 1));
        let anchor = match event {
            Event::Scalar(value, style, anchor, _) => {
                self.out.text.push_str(&scalar(&value, style));
                anchor
            }
            Event::SequenceStart(anchor, _) => {
                self.out.text.push('[');
                let mut first = true;
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                        break;
                    }
                    self.comma(&mut first);
                    self.value(event, span, depth + 1)?;
                }
                self.out.text.push(']');
                anchor
            }
            Event::MappingStart(anchor, _) => {
                self.out.text.push('{');
                let mut first = true;
                let (mut own, mut merges) = (HashSet::new(), Vec::new());
                loop {
                    let (event, span) = self.next()?;
                    let (key, style) = match event {
                        Event::MappingEnd | Event::StreamEnd => break,
                        Event::Scalar(key, style, ..) => (key, style),
                        _ => return Err(wrong("a key has to be a text", span)),
                    };
                    if key == "<<" && style == ScalarStyle::Plain {
                        merges.push(self.merge(depth)?);
                        continue;
                    }
                    self.comma(&mut first);
                    // Writing to a String cannot fail.
                    let _ = write!(self.out.text, "{}:", json!(key));
                    own.insert(key.into_owned());
                    let (event, span) = self.next()?;
                    self.value(event, span, depth + 1)?;
                }
                // What the mapping says itself counts, then the first that is merged.
                for (key, value) in merges.into_iter().flatten().flatten() {
                    if !own.contains(&key) {
                        self.comma(&mut first);
                        let _ = write!(self.out.text, "{}:{value}", json!(key));
                        own.insert(key);
                    }
                }
                self.out.text.push('}');
                anchor
            }
            Event::Alias(id) => {
                let text = self.anchors.get(&id);
                let text = text.ok_or_else(|| wrong("the alias stands for nothing complete", span))?;
                self.out.text.push_str(text);
                0
            }
            _ => return Err(wrong("a value is missing here", span)),
        };
        if anchor > 0 {
            let text = self.out.text.get(start..).unwrap_or_default().to_owned();
            self.anchors.insert(anchor, text);
        }
        Ok(())
    }

    /// The mapping, or the list of them, that follows a merge key.
    fn merge(&mut self, depth: usize) -> Result<Vec<Map<String, Value>>, YamlError> {
        let (text_before, places_before) = (self.out.text.len(), self.out.places.len());
        let (event, span) = self.next()?;
        self.value(event, span, depth + 1)?;
        let text = self.out.text.split_off(text_before);
        self.out.places.truncate(places_before);
        self.merged += text.len();
        if self.merged > MAX_TEXT {
            return Err(wrong("the document is too large, with what its aliases stand for", span));
        }
        let one = |value| match value {
            Value::Object(members) => Ok(members),
            _ => Err(wrong("`<<` takes a mapping, or a list of them", span)),
        };
        match serde_json::from_str(&text) {
            Ok(Value::Array(list)) => list.into_iter().map(one).collect(),
            Ok(value) => Ok(vec![one(value)?]),
            Err(e) => Err(wrong(&e.to_string(), span)),
        }
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.text.push(',');
        }
    }
}

fn scalar(value: &str, style: ScalarStyle) -> String {
    match value {
        _ if style != ScalarStyle::Plain => json!(value).to_string(),
        "" | "~" | "null" | "Null" | "NULL" => "null".to_owned(),
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        text => json!(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, json: &str) {
        assert_eq!(to_json(yaml).unwrap().text, json);
    }

    #[test]
    fn texts_stay_what_they_are() {
        check("Version: 2012-10-17", r#"{"Version":"2012-10-17"}"#);
        check("- 000000000000\n- 'true'\n- true\n- ~\n-", r#"["000000000000","true",true,null,null]"#);
        check("a: &x [1, {b: \"c\\n\"}]\nd: *x", r#"{"a":["1",{"b":"c\n"}],"d":["1",{"b":"c\n"}]}"#);
        check("a: |\n  {\"x\": 1}\n", r#"{"a":"{\"x\": 1}\n"}"#);
        check("", "null");
    }

    #[test]
    fn merge_keys_take_over_what_is_not_said() {
        check("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3", r#"{"a":{"x":"1","y":"2"},"b":{"y":"3","x":"1"}}"#);
        check(
            "- &a {x: 1}\n- &b {x: 2, y: 2}\n- <<: [*a, *b]",
            r#"[{"x":"1"},{"x":"2","y":"2"},{"x":"1","y":"2"}]"#,
        );
        check(
            "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}",
            r#"{"a":{"x":"1"},"b":{"y":"2","x":"1"},"c":{"x":"1","y":"2"}}"#,
        );
        check("'<<': 1", r#"{"<<":"1"}"#);
        let error = to_json("a: 1\n<<: x").unwrap_err();
        assert_eq!((error.message.contains("takes a mapping"), error.line), (true, 2));
        let long = "x".repeat(200_000);
        let many = format!("a: &a {{x: {long}}}\nb:\n") + &"- {<<: *a, x: 1}\n".repeat(200);
        assert!(to_json(&many).unwrap_err().message.contains("too large"));
    }

    #[test]
    fn places_are_those_of_the_yaml() {
        let yaml = "- name: x\n  request:\n    action: y\n";
        let converted = to_json(yaml).unwrap();
        assert_eq!(converted.place(converted.text.find("\"y\"").unwrap()), (3, 13));
        assert_eq!(converted.place(1), (1, 3));
    }

    #[test]
    fn what_cannot_be_read_is_placed() {
        let error = |yaml: &str| to_json(yaml).unwrap_err();
        assert_eq!((error("a: [1\nb: 2").line, error("a: 1\n---\nb: 2").line), (2, 2));
        assert!(error("? [a]\n: b").message.contains("key"));
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(error(&deep).message.contains("deeply"));
    }

    #[test]
    fn aliases_of_aliases_do_not_grow_without_bound() {
        let mut yaml = "a0: &a0 [xxxxxxxxxxxxxxxxxxxx]\n".to_owned();
        for n in 1..30 {
            let _ = writeln!(yaml, "a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]", n - 1);
        }
        assert!(to_json(&yaml).unwrap_err().message.contains("too large"));
    }
}
