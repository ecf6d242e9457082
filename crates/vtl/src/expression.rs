//! Expressions, weakest operators first.

use crate::ParseError;
use crate::ast::{Expression, Operator};
use crate::parse::Reader;

/// Operators of one strength, each as a sign and as a word; longer signs before those that they begin with.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("eq", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("ne", Operator::NotEqual),
    ],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("le", Operator::LessOrEqual),
        ("ge", Operator::GreaterOrEqual),
        ("lt", Operator::Less),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

impl Reader<'_> {
    pub(crate) fn expression(&mut self) -> Result<Expression, ParseError> {
        self.deeper(|reader| reader.level(0))
    }

    fn level(&mut self, level: usize) -> Result<Expression, ParseError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        self.skip_blanks();
        let rest = self.rest();
        let (sign, operator) = operators.iter().find(|(sign, _)| {
            let after = rest.strip_prefix(sign);
            let word = sign.starts_with(|c: char| c.is_ascii_alphabetic());
            after.is_some_and(|after| {
                !word || !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            })
        })?;
        self.at += sign.len();
        Some(*operator)
    }

    fn unary(&mut self) -> Result<Expression, ParseError> {
        self.skip_blanks();
        let word =
            self.rest().strip_prefix("not").is_some_and(|after| after.starts_with([' ', '(', '$', '\t']));
        if word {
            self.at += 3;
        }
        if word || !self.rest().starts_with("!=") && self.take("!") {
            return Ok(Expression::Not(Box::new(self.deeper(|reader| reader.unary())?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expression, ParseError> {
        match self.peek() {
            Some('$') => {
                let reference = self.reference()?;
                reference.map(Expression::Reference).ok_or_else(|| self.error("a $reference is missing"))
            }
            Some('\'') => {
                self.at += 1;
                let rest = self.rest();
                let end = rest.find('\'').ok_or_else(|| self.error("the text '…' has no end"))?;
                self.at += end + 1;
                Ok(Expression::Text(rest.get(..end).unwrap_or_default().into()))
            }
            Some('"') => self.double_quoted(),
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some('[') => self.list(),
            Some('{') => self.map(),
            Some(c) if c.is_ascii_digit() || c == '-' || c == '.' => self.number(),
            _ => {
                let before = self.at;
                match self.identifier() {
                    Some("true") => Ok(Expression::Bool(true)),
                    Some("false") => Ok(Expression::Bool(false)),
                    Some("null") => Ok(Expression::Null),
                    _ => {
                        self.at = before;
                        Err(self.error("a value is missing"))
                    }
                }
            }
        }
    }

    fn number(&mut self) -> Result<Expression, ParseError> {
        let rest = self.rest();
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let sign = usize::from(rest.starts_with('-'));
        let mut end = sign + digits(rest.get(sign..).unwrap_or_default());
        let after = rest.get(end..).unwrap_or_default();
        // `1..5` is a range, not `1.` and `.5`.
        let fraction = after.strip_prefix('.').map(digits).filter(|digits| *digits > 0);
        let text = |end: usize| rest.get(..end).unwrap_or_default();
        let number = match fraction {
            Some(digits) => {
                end += 1 + digits;
                text(end).parse().ok().map(Expression::Float)
            }
            // A number beyond 64 bits is kept as a float, as Velocity keeps a BigInteger: no digit matters here.
            None => text(end)
                .parse()
                .ok()
                .map(Expression::Int)
                .or_else(|| text(end).parse().ok().map(Expression::Float)),
        };
        let number = number.ok_or_else(|| self.error("this is no number"))?;
        self.at += end;
        Ok(number)
    }

    /// A quote is written twice within the quotes.
    fn double_quoted(&mut self) -> Result<Expression, ParseError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find('"').ok_or_else(|| self.error("the text \"…\" has no end"))?;
            text.push_str(rest.get(..end).unwrap_or_default());
            self.at += end + 1;
            if !self.take("\"") {
                break;
            }
            text.push('"');
        }
        if text.contains(['$', '#']) {
            return Ok(Expression::Interpolated(self.inner(&text)?));
        }
        Ok(Expression::Text(text.into()))
    }

    fn list(&mut self) -> Result<Expression, ParseError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take("]") {
            return Ok(Expression::List(items));
        }
        loop {
            let item = self.expression()?;
            self.skip_blanks();
            if items.is_empty() && self.take("..") {
                let to = self.expression()?;
                self.expect("]")?;
                return Ok(Expression::Range(Box::new(item), Box::new(to)));
            }
            items.push(item);
            if self.take("]") {
                return Ok(Expression::List(items));
            }
            self.expect(",")?;
        }
    }

    fn map(&mut self) -> Result<Expression, ParseError> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_blanks();
        if self.take("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            entries.push((key, value));
            self.skip_blanks();
            if self.take("}") {
                return Ok(Expression::Map(entries));
            }
            self.expect(",")?;
        }
    }
}
