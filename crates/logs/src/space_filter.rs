use regex::Regex;

use crate::fail::Result;
use crate::filter::{Operand, malformed, operand, wildcard};

/// Fields of a pattern.
const MAX_FIELDS: usize = 64;
/// Parentheses within each other.
const MAX_DEPTH: usize = 16;

/// `[ip, user, ..., status_code = 4*, bytes > 1000]`: fields of an event by their place (CloudWatch Logs User Guide,
/// "Using filter patterns to match terms in space-delimited log events").
#[derive(Debug)]
pub(crate) struct SpaceFilter {
    before: Vec<Field>,
    /// The fields after `...`; without one there are exactly as many fields as the pattern names.
    after: Option<Vec<Field>>,
}

#[derive(Debug)]
struct Field {
    /// Empty for a field that is only a placeholder.
    name: String,
    condition: Option<Condition>,
}

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(Test),
}

#[derive(Debug)]
enum Test {
    Number(&'static str, f64, String),
    Text { equal: bool, pattern: String },
    Regex { equal: bool, regex: Regex },
}

impl SpaceFilter {
    pub(crate) fn parse(pattern: &str, regexes: &mut usize) -> Result<Self> {
        let inner =
            pattern.trim().strip_prefix('[').and_then(|p| p.strip_suffix(']')).ok_or_else(malformed)?;
        let (mut before, mut after) = (Vec::new(), None::<Vec<Field>>);
        let mut parser = Parser { rest: inner.trim(), regexes };
        // Recorded: `[]` is a pattern (test_put_subscription_filter_update). That it matches every event is reasoned:
        // it says nothing of any field.
        if parser.rest.is_empty() {
            return Ok(Self { before, after: Some(Vec::new()) });
        }
        loop {
            if parser.eat("...") || parser.eat("…") {
                if after.replace(Vec::new()).is_some() {
                    return Err(malformed());
                }
            } else {
                let field = parser.field()?;
                after.as_mut().unwrap_or(&mut before).push(field);
            }
            if before.len() + after.as_ref().map_or(0, Vec::len) > MAX_FIELDS {
                return Err(malformed());
            }
            if parser.rest.is_empty() {
                return Ok(Self { before, after });
            }
            if !parser.eat(",") {
                return Err(malformed());
            }
        }
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        let fields = split(message);
        let Some((head, tail)) = self.cut(&fields) else { return false };
        let hold = |pattern: &[Field], fields: &[&str]| {
            pattern.iter().zip(fields).all(|(p, text)| p.condition.as_ref().is_none_or(|c| c.holds(text)))
        };
        hold(&self.before, head) && hold(self.after.as_deref().unwrap_or_default(), tail)
    }

    /// The values by their names, as TestMetricFilter shows them: `$ip`, and `$1` for a field without a name, the number
    /// being its place in the event.
    pub(crate) fn extract(&self, message: &str) -> Vec<(String, String)> {
        let fields = split(message);
        let names: Vec<&str> = match self.cut(&fields) {
            None => return Vec::new(),
            Some((head, tail)) => {
                let skipped = fields.len() - head.len() - tail.len();
                let before = self.before.iter().map(|f| f.name.as_str());
                let after = self.after.iter().flatten().map(|f| f.name.as_str());
                before.chain(std::iter::repeat_n("", skipped)).chain(after).collect()
            }
        };
        let named = names.iter().zip(&fields).enumerate();
        named
            .map(|(at, (name, value))| match name.is_empty() {
                true => (format!("${}", at + 1), (*value).to_owned()),
                false => (format!("${name}"), (*value).to_owned()),
            })
            .collect()
    }

    /// The fields that stand before and after the ellipsis; `None` when there are too few or too many.
    fn cut<'f, 't>(&self, fields: &'f [&'t str]) -> Option<(&'f [&'t str], &'f [&'t str])> {
        match &self.after {
            None if fields.len() != self.before.len() => None,
            None => Some((fields, &[])),
            Some(after) => {
                let tail = fields.len().checked_sub(after.len()).filter(|at| *at >= self.before.len())?;
                Some((fields.get(..self.before.len())?, fields.get(tail..)?))
            }
        }
    }
}

/// The fields of an event: text between spaces; what stands between two quotes or between brackets is one field
/// without these.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = close.and_then(|close| rest.get(1..)?.split_once(close));
        let (field, after) =
            enclosed.unwrap_or_else(|| rest.split_once(char::is_whitespace).unwrap_or((rest, "")));
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}

impl Condition {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(text)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(text)),
            Self::Test(test) => test.holds(text),
        }
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Text { equal, pattern } => wildcard(pattern, text) == *equal,
            Self::Regex { equal, regex } => regex.is_match(text) == *equal,
            Self::Number(operator, want, written) => match (text.parse::<f64>(), *operator) {
                (Ok(number), "=") => number == *want,
                (Ok(number), "!=") => number != *want,
                (Ok(number), "<") => number < *want,
                (Ok(number), "<=") => number <= *want,
                (Ok(number), ">") => number > *want,
                (Ok(number), _) => number >= *want,
                (Err(_), "=") => text == written,
                (Err(_), "!=") => text != written,
                (Err(_), _) => false,
            },
        }
    }
}

struct Parser<'p, 'r> {
    rest: &'p str,
    regexes: &'r mut usize,
}

impl Parser<'_, '_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// The name comes once, or again in each part of a compound: `w1 = ERROR || w1 = %WARN%`.
    fn field(&mut self) -> Result<Field> {
        let mut name = String::new();
        let condition = self.any(&mut name, 0)?;
        Ok(Field { name, condition })
    }

    fn any(&mut self, name: &mut String, depth: usize) -> Result<Option<Condition>> {
        let mut parts = vec![self.all(name, depth)?];
        while self.eat("||") {
            parts.push(self.all(name, depth)?);
        }
        together(parts, Condition::Any)
    }

    fn all(&mut self, name: &mut String, depth: usize) -> Result<Option<Condition>> {
        let mut parts = vec![self.one(name, depth)?];
        while self.eat("&&") {
            parts.push(self.one(name, depth)?);
        }
        together(parts, Condition::All)
    }

    fn one(&mut self, name: &mut String, depth: usize) -> Result<Option<Condition>> {
        if self.eat("(") {
            if depth == MAX_DEPTH {
                return Err(malformed());
            }
            let inner = self.any(name, depth + 1)?;
            return if self.eat(")") { Ok(inner) } else { Err(malformed()) };
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || ",=!<>()&|\"%".contains(c))
            .unwrap_or(self.rest.len());
        let (found, rest) = self.rest.split_at(end);
        if !found.is_empty() && !name.is_empty() && name != found {
            return Err(malformed());
        }
        if name.is_empty() {
            found.clone_into(name);
        }
        self.rest = rest.trim_start();
        let operators = ["!=", "<=", ">=", "<", ">", "="];
        match operators.into_iter().find(|operator| self.eat(operator)) {
            Some(operator) => self.test(operator).map(|test| Some(Condition::Test(test))),
            // A name and nothing else, or nothing at all: a place for a field.
            None if self.rest.is_empty() || self.rest.starts_with(',') => Ok(None),
            None => Err(malformed()),
        }
    }

    fn test(&mut self, operator: &'static str) -> Result<Test> {
        let equal = match operator {
            "=" => Some(true),
            "!=" => Some(false),
            _ => None,
        };
        let (operand, rest) = operand(self.rest, ",()&|", equal.is_none(), self.regexes)?;
        self.rest = rest;
        // An ordered comparison has got a number.
        let equal = equal.unwrap_or_default();
        Ok(match operand {
            Operand::Text(pattern) => Test::Text { equal, pattern },
            Operand::Regex(regex) => Test::Regex { equal, regex },
            Operand::Number(number, written) => Test::Number(operator, number, written),
        })
    }
}

/// A compound of tests; a name alone is no part of one.
fn together(
    mut parts: Vec<Option<Condition>>,
    with: impl FnOnce(Vec<Condition>) -> Condition,
) -> Result<Option<Condition>> {
    if parts.len() == 1 {
        return Ok(parts.pop().flatten());
    }
    let parts: Option<Vec<Condition>> = parts.into_iter().collect();
    parts.map(|parts| Some(with(parts))).ok_or_else(malformed)
}
