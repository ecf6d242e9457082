use regex::Regex;
use serde_json::Value;

use crate::fail::Result;
use crate::filter::{Operand, malformed, operand, wildcard};

/// Parentheses within each other.
const MAX_DEPTH: usize = 32;

/// `{ ($.a = "x*") && ($.b[0].c > 1 || $.d IS NULL) }`.
#[derive(Debug)]
pub(crate) struct JsonFilter(Expression);

#[derive(Debug)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    /// The path as it is written and as it is walked.
    Test(String, Vec<Step>, Test),
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

#[derive(Debug)]
enum Test {
    Null,
    Is(bool),
    Missing,
    Number(Comparison, f64, String),
    Text { equal: bool, pattern: String },
    Regex { equal: bool, regex: Regex },
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonFilter {
    pub(crate) fn parse(pattern: &str, regexes: &mut usize) -> Result<Self> {
        let inner =
            pattern.trim().strip_prefix('{').and_then(|p| p.strip_suffix('}')).ok_or_else(malformed)?;
        let mut parser = Parser { rest: inner.trim(), regexes };
        let expression = parser.any(0)?;
        if parser.rest.is_empty() { Ok(Self(expression)) } else { Err(malformed()) }
    }

    /// The values of the paths that the pattern names.
    pub(crate) fn extract(&self, message: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if let Ok(value) = serde_json::from_str::<Value>(message) {
            self.0.extract(&value, &mut found);
        }
        found
    }

    /// A message that is no JSON object or array matches nothing.
    pub(crate) fn matches(&self, message: &str) -> bool {
        match serde_json::from_str::<Value>(message) {
            Ok(value) if value.is_object() || value.is_array() => self.0.holds(&value),
            _ => false,
        }
    }
}

impl Expression {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(value)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(value)),
            Self::Test(_, path, test) => test.holds(walk(path, value)),
        }
    }

    fn extract(&self, value: &Value, into: &mut Vec<(String, String)>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.extract(value, into)),
            Self::Test(written, path, _) => {
                if let Some(found) = walk(path, value) {
                    let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                    into.push((written.clone(), text));
                }
            }
        }
    }
}

fn walk<'v>(path: &[Step], value: &'v Value) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })
}

impl Test {
    /// A field that is not there passes no test but `NOT EXISTS`.
    fn holds(&self, found: Option<&Value>) -> bool {
        let Some(value) = found else { return matches!(self, Self::Missing) };
        match self {
            Self::Missing => false,
            Self::Null => value.is_null(),
            Self::Is(want) => value.as_bool() == Some(*want),
            Self::Number(comparison, want, text) => match (value.as_f64(), comparison) {
                (Some(number), _) => comparison.holds(number, *want),
                (None, Comparison::Equal) => value.as_str() == Some(text.as_str()),
                (None, Comparison::NotEqual) => value.as_str() != Some(text.as_str()),
                _ => false,
            },
            Self::Text { equal, pattern } => {
                let text = scalar(value);
                text.is_some_and(|text| wildcard(pattern, &text) == *equal)
            }
            Self::Regex { equal, regex } => scalar(value).is_some_and(|text| regex.is_match(&text) == *equal),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

impl Comparison {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
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

    fn any(&mut self, depth: usize) -> Result<Expression> {
        let mut parts = vec![self.all(depth)?];
        while self.eat("||") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Expression> {
        let mut parts = vec![self.one(depth)?];
        while self.eat("&&") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Expression> {
        if self.eat("(") {
            if depth == MAX_DEPTH {
                return Err(malformed());
            }
            let inner = self.any(depth + 1)?;
            return if self.eat(")") { Ok(inner) } else { Err(malformed()) };
        }
        let before = self.rest;
        let path = self.path()?;
        let written = before.strip_suffix(self.rest).unwrap_or(before).trim_end().to_owned();
        let test = self.test()?;
        Ok(Expression::Test(written, path, test))
    }

    fn path(&mut self) -> Result<Vec<Step>> {
        let mut rest = self.rest.strip_prefix('$').ok_or_else(malformed)?;
        let mut steps = Vec::new();
        loop {
            if let Some(after) = rest.strip_prefix('[') {
                let (inside, after) = after.split_once(']').ok_or_else(malformed)?;
                let quoted = inside.trim_matches(['"', '\'']);
                steps.push(match quoted.len() == inside.len() {
                    true => Step::Element(inside.trim().parse().map_err(|_| malformed())?),
                    false => Step::Member(quoted.to_owned()),
                });
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after
                    .find(|c: char| c.is_whitespace() || ".[=!<>()&|".contains(c))
                    .unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                // `$.[0]` is written too.
                if !name.is_empty() {
                    steps.push(Step::Member(name.to_owned()));
                } else if !after.starts_with('[') {
                    return Err(malformed());
                }
                rest = after;
            } else {
                break;
            }
        }
        self.rest = rest.trim_start();
        if steps.is_empty() { Err(malformed()) } else { Ok(steps) }
    }

    fn test(&mut self) -> Result<Test> {
        if self.eat("NOT") {
            return if self.eat("EXISTS") { Ok(Test::Missing) } else { Err(malformed()) };
        }
        if self.eat("IS") {
            return match () {
                () if self.eat("NULL") => Ok(Test::Null),
                () if self.eat("TRUE") => Ok(Test::Is(true)),
                () if self.eat("FALSE") => Ok(Test::Is(false)),
                () => Err(malformed()),
            };
        }
        let comparisons = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        let found = comparisons.into_iter().find(|(token, _)| self.eat(token));
        let (_, comparison) = found.ok_or_else(malformed)?;
        let equal = match comparison {
            Comparison::Equal => Some(true),
            Comparison::NotEqual => Some(false),
            _ => None,
        };
        let (operand, rest) = operand(self.rest, "()&|", equal.is_none(), self.regexes)?;
        self.rest = rest;
        // An ordered comparison has got a number.
        let equal = equal.unwrap_or_default();
        Ok(match operand {
            Operand::Text(pattern) => Test::Text { equal, pattern },
            Operand::Regex(regex) => Test::Regex { equal, regex },
            Operand::Number(number, written) => Test::Number(comparison, number, written),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, want: bool) {
        let message = r#"{"eventType":"UpdateTrail","ip":"123.123.4.5","n":10,"deep":{"list":[{"id":1},{"id":"two"}]},
            "nothing":null,"yes":true,"odd name":"x"}"#;
        let filter = JsonFilter::parse(pattern, &mut 0).unwrap_or_else(|_| panic!("{pattern} is a pattern"));
        assert_eq!(filter.matches(message), want, "{pattern}");
        assert!(!filter.matches("no json"), "{pattern}");
    }

    #[test]
    fn fields_are_compared() {
        check(r#"{ $.eventType = "UpdateTrail" }"#, true);
        check(r#"{$.eventType = UpdateTrail}"#, true);
        check(r#"{ $.eventType != "UpdateTrail" }"#, false);
        check(r#"{ $.ip = 123.123.* }"#, true);
        check(r#"{ $.ip != 123.123.* }"#, false);
        check(r#"{ $.ip = "*.4.*" }"#, true);
        check("{ $.n = 10 }", true);
        check("{ $.n >= 10.5 }", false);
        check("{ $.n < 11 }", true);
        check("{ $.deep.list[0].id = 1 }", true);
        check(r#"{ $.deep.list[1].id = "two" }"#, true);
        check(r#"{ $.["odd name"] = "x" }"#, true);
        check("{ $.missing = 1 }", false);
        check("{ $.missing != 1 }", false);
        check("{ $.eventType = %^Update% }", true);
    }

    #[test]
    fn special_values_and_compound_expressions() {
        check("{ $.nothing IS NULL }", true);
        check("{ $.yes IS TRUE }", true);
        check("{ $.yes IS FALSE }", false);
        check("{ $.missing NOT EXISTS }", true);
        check("{ $.nothing NOT EXISTS }", false);
        check("{ ($.n = 10) && ($.yes IS FALSE || $.ip = 1*) }", true);
        check("{ $.n = 1 || $.n = 2 && $.yes IS TRUE }", false);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let deep = format!("{{{}$.a = 1{}}}", "(".repeat(500), ")".repeat(500));
        for pattern in [
            "{",
            "{}",
            "{ a = 1 }",
            "{ $.a }",
            "{ $.a = }",
            "{ $.a > x }",
            "{ ($.a = 1 }",
            "{ $. = 1 }",
            "{ $.a = 1 } x",
            "{ $.a[x] = 1 }",
            deep.as_str(),
        ] {
            assert!(JsonFilter::parse(pattern, &mut 0).is_err(), "{pattern}");
        }
    }
}
