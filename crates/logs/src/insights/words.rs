//! The words, signs and literals that commands and expressions are made of.

use regex::{Regex, RegexBuilder};

use super::parse::{Refusal, Result};
use super::stats::Aggregate;

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES: usize = 1 << 18;

/// Reads a query from left to right.
pub(super) struct Parser<'q> {
    pub(super) text: &'q str,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// The aggregations of the `stats` that is being read.
    pub(super) aggregates: Option<Vec<Aggregate>>,
}

impl<'q> Parser<'q> {
    pub(super) fn new(text: &'q str) -> Parser<'q> {
        Parser { text, at: 0, depth: 0, aggregates: None }
    }

    pub(super) fn rest(&self) -> &'q str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Spaces and comments, which reach from `#` to the end of the line.
    pub(super) fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// A word of the language, whatever its case.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let is = rest.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
        let ends = rest.get(word.len()..).is_some_and(|after| !after.starts_with(in_name));
        if is && ends {
            self.at += word.len();
        }
        is && ends
    }

    /// AWS's text, seen in public reports.
    pub(super) fn unexpected(&mut self) -> Refusal {
        self.space();
        let found = self.rest();
        // A word or a sign, cut to 64 characters.
        let word = found.find(|c: char| c.is_whitespace() || "|,()[]".contains(c)).unwrap_or(found.len());
        let symbol: String = match found.chars().next() {
            None => "end of query".to_owned(),
            Some(sign) if word == 0 => sign.to_string(),
            Some(_) => found.get(..word).unwrap_or_default().chars().take(64).collect(),
        };
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let position = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let start = before.chars().count();
        Refusal::Malformed(
            format!("unexpected symbol found {symbol} at line {line} and position {position}"),
            start,
            start + symbol.chars().count().min(found.chars().count()),
        )
    }

    /// A name as it is written without quotes: letters, digits, `@ . _` and `-` within.
    pub(super) fn word(&mut self) -> Option<&'q str> {
        self.space();
        let rest = self.rest();
        let starts = rest.starts_with(|c: char| c.is_alphabetic() || c == '@' || c == '_');
        let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        let found = rest.get(..end).filter(|_| starts)?;
        self.at += end;
        Some(found)
    }

    pub(super) fn field_name(&mut self) -> Result<String> {
        if self.symbol("`") {
            let (name, _) = self.rest().split_once('`').ok_or_else(|| self.unexpected())?;
            self.at += name.len() + 1;
            return Ok(name.to_owned());
        }
        match self.word() {
            Some(word) => Ok(word.to_owned()),
            None => Err(self.unexpected()),
        }
    }

    pub(super) fn number(&mut self) -> Option<f64> {
        self.space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest.get(..end)?.parse().ok()?;
        self.at += end;
        Some(number)
    }

    /// Text in single or double quotes.
    pub(super) fn quoted(&mut self) -> Result<Option<String>> {
        self.space();
        let Some(quote) = self.rest().chars().next().filter(|c| *c == '"' || *c == '\'') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => {
                    // Before anything else a backslash stands for itself.
                    if c != quote && c != '\\' {
                        text.push('\\');
                    }
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += at + 1;
                    return Ok(Some(text));
                }
                c => text.push(c),
            }
        }
        Err(self.unexpected())
    }

    /// `/…/`, where `\/` is a slash.
    pub(super) fn regex(&mut self) -> Result<Option<Regex>> {
        self.space();
        if !self.rest().starts_with('/') {
            return Ok(None);
        }
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '/' => {
                    let source = self.rest().get(1..at).unwrap_or_default().replace("\\/", "/");
                    let regex = self.compile(&source)?;
                    self.at += at + 1;
                    return Ok(Some(regex));
                }
                _ => {}
            }
        }
        Err(self.unexpected())
    }

    pub(super) fn compile(&mut self, source: &str) -> Result<Regex> {
        match RegexBuilder::new(source).size_limit(REGEX_BYTES).build() {
            Ok(regex) => Ok(regex),
            Err(_) => Err(self.unexpected()),
        }
    }
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '@' || c == '_' || c == '.'
}
