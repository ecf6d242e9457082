//! A JSON reader that remembers where everything stands and notices duplicate keys.
//!
//! Bounded: texts of at most [`MAX_TEXT`] bytes (or what the caller says), values nested at most [`MAX_DEPTH`] deep.

use crate::{MalformedPolicy, Span};

/// The most bytes of a policy document. IAM takes 131,072 characters with white space; a character has up to four bytes.
pub(crate) const MAX_TEXT: usize = 4 * 131_072;
/// The deepest nesting. A policy needs six; the rest is room for unknown elements, which are then named in the error.
const MAX_DEPTH: usize = 32;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Json,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The digits as written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    /// A string, number or boolean as text.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Json::String(s) | Json::Number(s) => Some(s.clone()),
            Json::Bool(b) => Some(b.to_string()),
            _ => None,
        }
    }

    pub(crate) fn string(&self) -> Option<&str> {
        match &self.value {
            Json::String(s) => Some(s),
            _ => None,
        }
    }

    /// The elements of an array; a single value counts as an array of one.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Json::Array(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(crate) fn members(&self) -> Option<&[Member]> {
        match &self.value {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member called `key`, exactly.
    pub(crate) fn get(&self, key: &str) -> Option<&Member> {
        self.members()?.iter().find(|m| m.key == key)
    }
}

/// Reads one JSON value that fills `text`.
pub(crate) fn read(text: &str, max: usize) -> Result<Node, MalformedPolicy> {
    if text.len() > max {
        let help = format!("the document has {} bytes, the most is {max}", text.len());
        return Err(MalformedPolicy::syntax(Span::new(0, 0), help));
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    reader.space();
    let node = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("the document ends here, but more text follows"));
    }
    Ok(node)
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, help: &str) -> MalformedPolicy {
        let mut start = self.at.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let end =
            self.text.get(start..).and_then(|t| t.chars().next()).map_or(start, |c| start + c.len_utf8());
        MalformedPolicy::syntax(Span::new(start, end), help)
    }

    fn value(&mut self, depth: usize) -> Result<Node, MalformedPolicy> {
        if depth > MAX_DEPTH {
            return Err(self.error("values are nested too deeply"));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Json::String(self.string()?),
            Some(b't') => self.word("true", Json::Bool(true))?,
            Some(b'f') => self.word("false", Json::Bool(false))?,
            Some(b'n') => self.word("null", Json::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.error("expected a JSON value")),
            None => return Err(self.error("the document is empty or breaks off")),
        };
        Ok(Node { value, span: Span::new(start, self.at) })
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, MalformedPolicy> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("expected a JSON value"))
        }
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> Result<Json, MalformedPolicy> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let first = self.at;
        if !self.digits() || leading_zero && self.at - first > 1 {
            return Err(self.error("this is no JSON number"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                return Err(self.error("digits must follow the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return Err(self.error("digits must follow the exponent's sign"));
            }
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or("").to_owned()))
    }

    fn string(&mut self) -> Result<String, MalformedPolicy> {
        let opening = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let from = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            out.push_str(self.text.get(from..self.at).unwrap_or(""));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("control characters must be escaped in a string")),
                None => {
                    self.at = opening;
                    return Err(self.error("this string has no closing quotation mark"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, MalformedPolicy> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("unknown escape in a string")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn unicode(&mut self) -> Result<char, MalformedPolicy> {
        let bad = "four hexadecimal digits must follow \\u";
        let first = self.hex4().ok_or_else(|| self.error(bad))?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.text.get(self.at..self.at + 2) != Some("\\u") {
                return Err(self.error("half of a surrogate pair"));
            }
            self.at += 2;
            let second = self.hex4().ok_or_else(|| self.error(bad))?;
            if !(0xDC00..0xE000).contains(&second) {
                return Err(self.error("half of a surrogate pair"));
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn array(&mut self, depth: usize) -> Result<Json, MalformedPolicy> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array(items));
                }
                _ => return Err(self.error("expected a comma or a closing bracket")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, MalformedPolicy> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        // Large maps would make the search for duplicates quadratic, so names are kept in a set as well.
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in quotation marks"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = Span::new(start, self.at);
            if !seen.insert(key.clone()) {
                return Err(MalformedPolicy::syntax(
                    key_span,
                    format!("the key `{key}` occurs twice; remove one"),
                ));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("expected a colon after the key"));
            }
            self.at += 1;
            self.space();
            let node = self.value(depth + 1)?;
            members.push(Member { key, key_span, node });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                _ => return Err(self.error("expected a comma or a closing brace")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place() {
        let text = r#" {"a": [1.5e3, "x\u00e9\ud83d\ude00\n", true, null], "b": {}} "#;
        let node = read(text, MAX_TEXT).unwrap();
        let items = node.get("a").unwrap().node.items();
        assert_eq!(items[0].span.of(text), "1.5e3");
        assert_eq!(items[1].string(), Some("xé😀\n"));
        assert_eq!(items[2].scalar().as_deref(), Some("true"));
        assert_eq!(node.get("b").unwrap().key_span.of(text), "\"b\"");
    }

    #[test]
    fn refuses_what_is_not_json_and_says_where() {
        for (text, place) in [
            ("", ""),
            ("{", ""),
            ("{\"a\":1,}", "}"),
            ("[1 2]", "2"),
            ("{\"a\":1,\"a\":2}", "\"a\""),
            ("\"abc", "\""),
            ("01", ""),
            ("[\"\\x\"]", "x"),
            ("[\"\\ud800\"]", "\""),
            ("{} é", "é"),
            ("nul", "n"),
        ] {
            let error = read(text, MAX_TEXT).unwrap_err();
            assert_eq!(error.message, "Syntax errors in policy.", "{text}");
            assert_eq!(error.span.of(text), place, "{text}: {}", error.help);
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(read(&"[".repeat(100_000), MAX_TEXT).unwrap_err().help.contains("deeply"));
        assert!(read(&" ".repeat(100), 99).unwrap_err().help.contains("99"));
    }
}
