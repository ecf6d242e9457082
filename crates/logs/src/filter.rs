use regex::{Regex, RegexBuilder};
use wire::ApiError;

use crate::fail::{Fail, Result, invalid};
use crate::json_filter::JsonFilter;

/// Bytes that a compiled expression may take.
const REGEX_BYTES: usize = 1 << 18;

/// A filter pattern (CloudWatch Logs User Guide, "Filter pattern syntax").
#[derive(Debug)]
pub(crate) enum Filter {
    /// No pattern.
    All,
    /// Words, phrases and expressions of an unstructured message.
    Terms(Terms),
    /// `{ $.field = value }`.
    Json(JsonFilter),
}

#[derive(Debug, Default)]
pub(crate) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
pub(crate) enum Term {
    /// Text as whole words: the guide offers regular expressions for "partial matches".
    Text(String),
    Regex(Regex),
}

impl Filter {
    pub(crate) fn parse(pattern: &str) -> Result<Self> {
        let pattern = pattern.trim();
        if pattern.is_empty() {
            return Ok(Self::All);
        }
        if pattern.starts_with('{') {
            return JsonFilter::parse(pattern).map(Self::Json);
        }
        if pattern.starts_with('[') {
            return Err(Fail::from(ApiError::not_implemented(
                "logs",
                "FilterLogEvents with a pattern for space-delimited events ([...])",
            )));
        }
        let mut terms = Terms::default();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (to, after) = match rest.as_bytes().first() {
                Some(b'?') => (&mut terms.any, rest.get(1..).unwrap_or_default()),
                Some(b'-') => (&mut terms.none, rest.get(1..).unwrap_or_default()),
                _ => (&mut terms.all, rest),
            };
            let (term, after) = term(after)?;
            to.push(term);
            rest = after.trim_start();
        }
        Ok(Self::Terms(terms))
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.matches(message),
            Self::Json(filter) => filter.matches(message),
        }
    }
}

impl Terms {
    /// With terms to include or exclude, optional terms change nothing, as the guide says.
    fn matches(&self, message: &str) -> bool {
        let has = |term: &Term| term.is_in(message);
        if self.all.is_empty() && self.none.is_empty() {
            return self.any.iter().any(has);
        }
        self.all.iter().all(has) && !self.none.iter().any(has)
    }
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(message),
            Self::Text(text) => message.match_indices(text.as_str()).any(|(at, found)| {
                let before = message.get(..at).and_then(|b| b.chars().next_back());
                let after = message.get(at + found.len()..).and_then(|a| a.chars().next());
                !joins(before, text.chars().next()) && !joins(text.chars().next_back(), after)
            }),
        }
    }
}

/// Whether two neighbouring characters belong to the same word.
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    word(left) && word(right)
}

/// One term and what follows it.
fn term(text: &str) -> Result<(Term, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = unquote(quoted)?;
        return Ok((Term::Text(value), rest));
    }
    if let Some(expression) = text.strip_prefix('%') {
        let (expression, rest) = expression.split_once('%').ok_or_else(malformed)?;
        return Ok((Term::Regex(regex(expression)?), rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    if term.is_empty() {
        return Err(malformed());
    }
    Ok((Term::Text(term.to_owned()), rest))
}

/// The text up to the closing quote, escapes taken out, and what follows it.
pub(crate) fn unquote(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            _ => value.push(c),
        }
    }
    Err(malformed())
}

pub(crate) fn regex(expression: &str) -> Result<Regex> {
    RegexBuilder::new(expression).size_limit(REGEX_BYTES).build().map_err(|_| malformed())
}

/// The code is in the model; the text is that of public reports.
pub(crate) fn malformed() -> Fail {
    invalid("Invalid filter pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let filter = Filter::parse(pattern).unwrap_or_else(|_| panic!("{pattern} is a pattern"));
        for message in yes {
            assert!(filter.matches(message), "{pattern} should match {message}");
        }
        for message in no {
            assert!(!filter.matches(message), "{pattern} should not match {message}");
        }
    }

    #[test]
    fn words_phrases_and_exclusions() {
        check("", &["anything", ""], &[]);
        check("ERROR", &["[ERROR 400] BAD", "ERROR"], &["error", "ERRORS", "MYERROR"]);
        check("hello world", &["hello world", "world: hello"], &["hello", "world"]);
        check("\"hello cruel\"", &["hello cruel world"], &["cruel hello"]);
        check("\"a \\\"b\\\"\"", &["x a \"b\""], &["a b"]);
        check("ERROR -ARGUMENTS", &["ERROR here"], &["ERROR ARGUMENTS", "fine"]);
        check("-\"Health check\"", &["GET /"], &["Health check ok"]);
        check("?ERROR ?WARN", &["ERROR", "a WARN b"], &["INFO"]);
        check("?ERROR INFO", &["INFO"], &["ERROR"]);
        check("%AUTHORIZED%", &["UNAUTHORIZED", "AUTHORIZED"], &["authorized"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for pattern in ["\"open", "%open", "%[%", "-", "?", "[a, b]"] {
            assert!(Filter::parse(pattern).is_err(), "{pattern}");
        }
    }
}
