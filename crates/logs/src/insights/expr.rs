use regex::Regex;

use super::functions::{Function, call};
use super::row::Row;
use super::value::Val;

/// An expression of a query.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Field(String),
    Value(Val),
    /// The result of an aggregation of this number, in `stats`.
    Aggregate(usize),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(char, Box<Expr>, Box<Expr>),
    Matches(Box<Expr>, Regex),
    Contains(Box<Expr>, String),
    In(Box<Expr>, Vec<Expr>),
    Call(Function, Vec<Expr>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What expressions are evaluated against.
pub(super) struct Scope<'r> {
    pub(super) row: &'r Row,
    pub(super) aggregates: &'r [Val],
    /// Milliseconds since 1970, for `now()`.
    pub(super) now_ms: i64,
}

impl Expr {
    pub(super) fn eval(&self, scope: &Scope<'_>) -> Val {
        match self {
            Self::Field(name) => scope.row.get(name),
            Self::Value(value) => value.clone(),
            Self::Aggregate(number) => scope.aggregates.get(*number).cloned().unwrap_or(Val::Null),
            Self::Not(inner) => Val::Bool(!inner.eval(scope).is_true()),
            Self::Negative(inner) => inner.eval(scope).number().map_or(Val::Null, |n| Val::Num(-n)),
            Self::And(a, b) => Val::Bool(a.eval(scope).is_true() && b.eval(scope).is_true()),
            Self::Or(a, b) => Val::Bool(a.eval(scope).is_true() || b.eval(scope).is_true()),
            Self::Compare(comparison, a, b) => Val::Bool(comparison.holds(&a.eval(scope), &b.eval(scope))),
            Self::Arithmetic(operator, a, b) => arithmetic(*operator, &a.eval(scope), &b.eval(scope)),
            Self::Matches(text, regex) => match text.eval(scope) {
                Val::Null => Val::Bool(false),
                value => Val::Bool(regex.is_match(&value.text())),
            },
            Self::Contains(text, part) => Val::Bool(text.eval(scope).text().contains(part.as_str())),
            Self::In(value, list) => {
                let value = value.eval(scope);
                Val::Bool(list.iter().any(|item| Comparison::Equal.holds(&value, &item.eval(scope))))
            }
            Self::Call(function, arguments) => {
                let values: Vec<Val> = arguments.iter().map(|a| a.eval(scope)).collect();
                call(*function, &values, scope.now_ms)
            }
        }
    }
}

impl Comparison {
    fn holds(self, a: &Val, b: &Val) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = a.compare(b);
        match self {
            Self::Equal => order == Some(Equal),
            // What is not there differs from everything.
            Self::NotEqual => order != Some(Equal),
            Self::Less => order == Some(Less),
            Self::LessOrEqual => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        }
    }
}

fn arithmetic(operator: char, a: &Val, b: &Val) -> Val {
    let (Some(a), Some(b)) = (a.number(), b.number()) else { return Val::Null };
    let n = match operator {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        '%' => a % b,
        _ => a.powf(b),
    };
    if n.is_finite() { Val::Num(n) } else { Val::Null }
}
