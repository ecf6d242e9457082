//! A query's expressions, from the operator that binds least to the one that binds most.

use regex::Regex;

use super::expr::{Comparison, Expr};
use super::functions::{find, milliseconds};
use super::parse::{Refusal, Result};
use super::stats::{Aggregate, AggregateKind};
use super::value::Val;
use super::words::Parser;

/// Expressions within each other.
const MAX_DEPTH: usize = 48;
/// Functions that AWS has beside those here.
const OTHER_FUNCTIONS: [&str; 3] = ["jsonparse", "jsonstringify", "histogram"];

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        let mut left = self.and()?;
        while self.keyword("or") || self.symbol("||") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        while self.keyword("and") || self.symbol("&&") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        let mut negative = false;
        while self.keyword("not") {
            negative = !negative;
        }
        let inner = self.comparison()?;
        Ok(if negative { Expr::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.sum()?;
        let before = self.at;
        let negative = self.keyword("not");
        let found = if self.keyword("like") {
            match self.quoted()? {
                Some(part) => Expr::Contains(Box::new(left), part),
                None => Expr::Matches(Box::new(left), self.required_regex()?),
            }
        } else if self.keyword("in") {
            Expr::In(Box::new(left), self.list()?)
        } else if negative {
            self.at = before;
            return Err(self.unexpected());
        } else if self.symbol("=~") {
            match self.quoted()? {
                Some(source) => Expr::Matches(Box::new(left), self.compile(&source)?),
                None => Expr::Matches(Box::new(left), self.required_regex()?),
            }
        } else {
            let comparisons = [
                ("!=", Comparison::NotEqual),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("=", Comparison::Equal),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
            ];
            match comparisons.into_iter().find(|(symbol, _)| self.symbol(symbol)) {
                Some((_, comparison)) => Expr::Compare(comparison, Box::new(left), Box::new(self.sum()?)),
                None => left,
            }
        };
        Ok(if negative { Expr::Not(Box::new(found)) } else { found })
    }

    fn required_regex(&mut self) -> Result<Regex> {
        match self.regex()? {
            Some(regex) => Ok(regex),
            None => Err(self.unexpected()),
        }
    }

    fn list(&mut self) -> Result<Vec<Expr>> {
        if !self.symbol("[") {
            return Err(self.unexpected());
        }
        let mut items = vec![self.sum()?];
        while self.symbol(",") {
            items.push(self.sum()?);
        }
        if self.symbol("]") { Ok(items) } else { Err(self.unexpected()) }
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.symbol("+") => '+',
                () if self.symbol("-") => '-',
                () => return Ok(left),
            };
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr> {
        let mut left = self.power()?;
        loop {
            let operator = match () {
                () if self.symbol("*") => '*',
                () if self.symbol("/") => '/',
                () if self.symbol("%") => '%',
                () => return Ok(left),
            };
            left = Expr::Arithmetic(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    /// Binds to the right: `2 ^ 3 ^ 2` is 2 to the ninth.
    fn power(&mut self) -> Result<Expr> {
        let base = self.primary()?;
        if !self.symbol("^") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        let exponent = self.power()?;
        self.depth -= 1;
        Ok(Expr::Arithmetic('^', Box::new(base), Box::new(exponent)))
    }

    fn primary(&mut self) -> Result<Expr> {
        if self.symbol("(") {
            let inner = self.expr()?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        if self.symbol("-") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.unexpected());
            }
            let inner = self.primary()?;
            self.depth -= 1;
            return Ok(Expr::Negative(Box::new(inner)));
        }
        if let Some(text) = self.quoted()? {
            return Ok(Expr::Value(Val::Text(text)));
        }
        if let Some(number) = self.number() {
            return Ok(Expr::Value(Val::Num(number)));
        }
        self.space();
        let before = self.at;
        let quoted = self.rest().starts_with('`');
        let name = self.field_name()?;
        if quoted {
            return Ok(Expr::Field(name));
        }
        if self.rest().starts_with('(') {
            return self.call(&name, before);
        }
        Ok(match name.to_ascii_lowercase().as_str() {
            "true" => Expr::Value(Val::Bool(true)),
            "false" => Expr::Value(Val::Bool(false)),
            "null" => Expr::Value(Val::Null),
            _ => Expr::Field(name),
        })
    }

    fn call(&mut self, name: &str, before: usize) -> Result<Expr> {
        if let Some(kind) = AggregateKind::find(name)
            && self.aggregates.is_some()
        {
            return self.aggregate(kind);
        }
        if AggregateKind::find(name).is_some() {
            // After `stats` its columns go by what was written: `sort count(*) desc`.
            let length = self.rest().find(')').ok_or_else(|| self.unexpected())?;
            self.at += length + 1;
            return Ok(Expr::Field(self.text.get(before..self.at).unwrap_or_default().to_owned()));
        }
        let Some(function) = find(name) else {
            self.at = before;
            if OTHER_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(Refusal::NotImplemented(format!("StartQuery with the function {name}")));
            }
            return Err(self.unexpected());
        };
        self.symbol("(");
        let periods = ["bin", "datefloor", "dateceil"].contains(&function.name);
        let mut arguments = Vec::new();
        while !self.symbol(")") {
            if !arguments.is_empty() && !self.symbol(",") {
                return Err(self.unexpected());
            }
            let last = periods && (function.name == "bin" || arguments.len() == 1);
            arguments.push(if last { self.period()? } else { self.expr()? });
            if arguments.len() > function.most {
                return Err(self.unexpected());
            }
        }
        if arguments.len() < function.least {
            return Err(self.unexpected());
        }
        if function.name == "bin" {
            arguments.insert(0, Expr::Field("@timestamp".to_owned()));
        }
        Ok(Expr::Call(function, arguments))
    }

    fn period(&mut self) -> Result<Expr> {
        let count = self.number().unwrap_or(1.0);
        self.space();
        let before = self.at;
        let unit = self.word().unwrap_or_default();
        match milliseconds(count, unit) {
            Some(ms) => Ok(Expr::Value(Val::Num(ms))),
            None => {
                self.at = before;
                Err(self.unexpected())
            }
        }
    }

    fn aggregate(&mut self, kind: AggregateKind) -> Result<Expr> {
        self.symbol("(");
        // An aggregation is of plain expressions.
        let outer = self.aggregates.take();
        let (mut of, mut parameter) = (None, 0.0);
        if !(self.symbol("*") || self.rest().starts_with(')')) {
            of = Some(self.expr()?);
        }
        if kind == AggregateKind::Percentile {
            parameter = match (self.symbol(","), self.number()) {
                (true, Some(p)) if (0.0..=100.0).contains(&p) => p,
                _ => return Err(self.unexpected()),
            };
        }
        if !self.symbol(")") || (of.is_none() && kind != AggregateKind::Count) {
            return Err(self.unexpected());
        }
        let mut all = outer.unwrap_or_default();
        all.push(Aggregate { kind, of, parameter });
        let number = all.len() - 1;
        self.aggregates = Some(all);
        Ok(Expr::Aggregate(number))
    }
}
