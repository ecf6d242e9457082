//! Expressions: what stands in `#set`, `#if`, arguments and brackets.

use crate::ast::{Expression, Operator};
use crate::parse::{Parsed, Parser};

/// The binary operators by precedence, weakest first. Words are whole words.
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
        ("le", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("ge", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        ("lt", Operator::Less),
        (">", Operator::Greater),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// Operators in a row without parentheses; each makes the tree one deeper.
const MAX_CHAIN: usize = 64;

impl Parser<'_, '_> {
    pub fn expression(&mut self) -> Parsed<Expression> {
        self.binary(0)
    }

    fn binary(&mut self, level: usize) -> Parsed<Expression> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut chain = 0;
        while let Some(operator) = self.operator(operators) {
            chain += 1;
            if chain > MAX_CHAIN {
                return self
                    .bad(format!("more than {MAX_CHAIN} operators in a row: use parentheses or #set"));
            }
            let right = self.binary(level + 1)?;
            left = Expression::Binary(operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let before = self.at;
        self.blanks();
        for (text, operator) in operators {
            let Some(after) = self.rest().strip_prefix(*text) else { continue };
            let word = text.starts_with(|c: char| c.is_ascii_alphabetic());
            if word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                continue;
            }
            self.at += text.len();
            return Some(*operator);
        }
        self.at = before;
        None
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.blanks();
        let word = self.rest().strip_prefix("not");
        let word = word.is_some_and(|r| !r.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        if word || self.rest().starts_with('!') {
            self.at += if word { 3 } else { 1 };
            return Ok(Expression::Not(Box::new(self.deeper(Self::unary)?)));
        }
        if self.rest().starts_with('-') && !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            return Ok(Expression::Minus(Box::new(self.deeper(Self::unary)?)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let rest = self.rest();
        match rest.chars().next() {
            Some('$') => match self.reference()? {
                Some(reference) => Ok(Expression::Reference(reference)),
                None => self.bad("`$` begins no reference here"),
            },
            Some('"') => self.text('"'),
            Some('\'') => self.text('\''),
            Some('(') => {
                self.at += 1;
                let inside = self.deeper(Self::expression)?;
                self.expect(")", "after an expression")?;
                Ok(inside)
            }
            Some('[') => self.list_or_range(),
            Some('{') => self.map(),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Parsed<Expression> {
        for (text, value) in
            [("true", Expression::Bool(true)), ("false", Expression::Bool(false)), ("null", Expression::Null)]
        {
            let after = self.rest().strip_prefix(text);
            if after.is_some_and(|r| !r.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')) {
                self.at += text.len();
                return Ok(value);
            }
        }
        let found: String = self.rest().chars().take(20).collect();
        if found.is_empty() {
            return self.bad("an expression is missing, the template ends");
        }
        self.bad(format!("`{found}` begins no expression"))
    }

    fn number(&mut self) -> Parsed<Expression> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits =
            |from: usize| rest[from..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| from + n);
        let whole = digits(sign);
        let mut end = whole;
        // `1..5` is a range, not a fraction.
        if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
            end = digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let signed = end + 1 + usize::from(rest[end + 1..].starts_with(['-', '+']));
            if rest[signed..].starts_with(|c: char| c.is_ascii_digit()) {
                end = digits(signed);
            }
        }
        let text = &rest[..end];
        self.at += end;
        if end == whole
            && let Ok(number) = text.parse()
        {
            return Ok(Expression::Int(number));
        }
        match text.parse() {
            Ok(number) => Ok(Expression::Double(number)),
            Err(_) => self.bad(format!("`{text}` is no number")),
        }
    }

    /// A text in quotes. A quote inside is doubled; a backslash is a backslash.
    fn text(&mut self, quote: char) -> Parsed<Expression> {
        let open = self.at;
        let mut content = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                self.at = open;
                return self.bad(format!("the text that begins with {quote} is not closed"));
            };
            content.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.rest().starts_with(quote) {
                break;
            }
            content.push(quote);
            self.at += 1;
        }
        if quote == '"' && content.contains(['$', '#']) {
            let base = self.base + open + 1;
            return Ok(Expression::Interpolated(self.inner(&content, base)?));
        }
        Ok(Expression::Text(content.into_boxed_str()))
    }

    fn list_or_range(&mut self) -> Parsed<Expression> {
        self.at += 1;
        self.blanks();
        if self.eat("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.deeper(Self::expression)?;
        self.blanks();
        if self.eat("..") {
            let last = self.deeper(Self::expression)?;
            self.expect("]", "at the end of a range")?;
            return Ok(Expression::Range(Box::new((first, last))));
        }
        let mut items = vec![first];
        if self.eat(",") {
            items.extend(self.list("]", "at the end of a list")?);
        } else {
            self.expect("]", "at the end of a list")?;
        }
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Parsed<Expression> {
        self.at += 1;
        let mut entries = Vec::new();
        self.blanks();
        if self.eat("}") {
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.deeper(Self::expression)?;
            self.expect(":", "after a map's key")?;
            entries.push((key, self.deeper(Self::expression)?));
            self.blanks();
            if !self.eat(",") {
                self.expect("}", "at the end of a map")?;
                return Ok(Expression::Map(entries));
            }
        }
    }
}
