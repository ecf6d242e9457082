use regex::Regex;

use crate::fail::{Fail, Result, invalid};
use crate::filter_regex::compile;
use crate::json_filter::JsonFilter;
use crate::space_filter::SpaceFilter;

/// Regular expressions in one pattern (CloudWatch Logs User Guide, "Supported regular expressions", quotas).
const MAX_REGEXES: usize = 2;

/// A filter pattern (CloudWatch Logs User Guide, "Filter pattern syntax").
#[derive(Debug)]
pub(crate) enum Filter {
    /// No pattern.
    All,
    /// Words, phrases and expressions of an unstructured message.
    Terms(Terms),
    /// `{ $.field = value }`.
    Json(JsonFilter),
    /// `[ip, user, ..., status = 4*]`.
    Space(SpaceFilter),
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
        let mut regexes = 0;
        let filter = Self::read(pattern.trim(), &mut regexes)?;
        if regexes > MAX_REGEXES {
            // The quota is in the guide, the text is this project's.
            return Err(invalid(format!(
                "Invalid filter pattern: {regexes} regular expressions, where a pattern may hold {MAX_REGEXES}"
            )));
        }
        Ok(filter)
    }

    fn read(pattern: &str, regexes: &mut usize) -> Result<Self> {
        if pattern.is_empty() {
            return Ok(Self::All);
        }
        if pattern.starts_with('{') {
            return JsonFilter::parse(pattern, regexes).map(Self::Json);
        }
        if pattern.starts_with('[') {
            return SpaceFilter::parse(pattern, regexes).map(Self::Space);
        }
        let mut terms = Terms::default();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (to, after) = match rest.as_bytes().first() {
                Some(b'?') => (&mut terms.any, rest.get(1..).unwrap_or_default()),
                Some(b'-') => (&mut terms.none, rest.get(1..).unwrap_or_default()),
                _ => (&mut terms.all, rest),
            };
            let (term, after) = term(after, regexes)?;
            to.push(term);
            rest = after.trim_start();
        }
        Ok(Self::Terms(terms))
    }

    /// The pattern holds a regular expression; a group may have five filters with such (PutMetricFilter, API
    /// Reference).
    pub(crate) fn has_regex(pattern: &str) -> bool {
        let mut regexes = 0;
        Self::read(pattern.trim(), &mut regexes).is_ok() && regexes > 0
    }

    /// The fields that the pattern names and their values in a message, as TestMetricFilter shows them.
    pub(crate) fn extract(&self, message: &str) -> Vec<(String, String)> {
        match self {
            Self::All | Self::Terms(_) => Vec::new(),
            Self::Json(filter) => filter.extract(message),
            Self::Space(filter) => filter.extract(message),
        }
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.matches(message),
            Self::Json(filter) => filter.matches(message),
            Self::Space(filter) => filter.matches(message),
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
fn term<'t>(text: &'t str, regexes: &mut usize) -> Result<(Term, &'t str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = unquote(quoted)?;
        return Ok((Term::Text(value), rest));
    }
    if let Some(expression) = text.strip_prefix('%') {
        let (expression, rest) = expression.split_once('%').ok_or_else(malformed)?;
        *regexes += 1;
        return Ok((Term::Regex(compile(expression)?), rest));
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

/// What a field is compared with.
#[derive(Debug)]
pub(crate) enum Operand {
    /// With `*` for any text.
    Text(String),
    Regex(Regex),
    /// The number, and as it is written.
    Number(f64, String),
}

/// The operand at the beginning of `text` and what follows it. A word without quotes ends at a space or one of `stops`;
/// an `ordered` comparison is of numbers only.
pub(crate) fn operand<'t>(
    text: &'t str,
    stops: &str,
    ordered: bool,
    regexes: &mut usize,
) -> Result<(Operand, &'t str)> {
    let (operand, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let (pattern, rest) = unquote(quoted)?;
        (Operand::Text(pattern), rest)
    } else if let Some(expression) = text.strip_prefix('%') {
        let (expression, rest) = expression.split_once('%').ok_or_else(malformed)?;
        *regexes += 1;
        (Operand::Regex(compile(expression)?), rest)
    } else {
        let end = text.find(|c: char| c.is_whitespace() || stops.contains(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        match word.parse() {
            _ if word.is_empty() => return Err(malformed()),
            Ok(number) => (Operand::Number(number, word.to_owned()), rest),
            Err(_) => (Operand::Text(word.to_owned()), rest),
        }
    };
    match operand {
        Operand::Text(_) | Operand::Regex(_) if ordered => Err(malformed()),
        operand => Ok((operand, rest.trim_start())),
    }
}

/// `*` stands for any text, everything else for itself.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = tail.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
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

    /// CloudWatch Logs User Guide, "Filter pattern syntax" and the pages below it.
    #[test]
    fn patterns_match_as_their_cases_say() {
        let mut wrong = Vec::new();
        let mut count = 0;
        let cases = include_str!("../tests/cases/filter-patterns.tsv");
        for line in cases.lines().filter(|line| !line.starts_with('#')) {
            let [pattern, message, want] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line}")
            };
            count += 1;
            let got = match Filter::parse(pattern) {
                Err(_) => "refused",
                Ok(filter) if filter.matches(message) => "matches",
                Ok(_) => "no",
            };
            if got != want {
                wrong.push(format!("{pattern}  {message}  want {want}, got {got}"));
            }
        }
        assert!(count >= 80, "{count} cases");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for pattern in ["\"open", "%open", "%[%", "-", "?", "[a, b", "%a(b)%", "%a!%", "%a% %b% %c%"] {
            assert!(Filter::parse(pattern).is_err(), "{pattern}");
        }
    }
}
