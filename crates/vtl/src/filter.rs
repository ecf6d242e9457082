//! Filters of the JSONPath dialect: `[?(@.price < 10 && @.category == 'fiction')]`.

use std::cmp::Ordering;
use std::rc::Rc;

use regex::Regex;

use crate::java_regex;
use crate::jsonpath::{Budget, Path, Reader};
use crate::operators;
use crate::value::Value;

#[derive(Debug)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
    Matches(Operand, Box<Regex>),
}

#[derive(Debug)]
pub(crate) enum Operand {
    /// From the element (`@`), or from the root (`$`).
    Path(Path, bool),
    Value(Literal),
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Literal>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

const COMPARISONS: [(&str, Comparison); 14] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("in ", Comparison::In),
    ("nin ", Comparison::NotIn),
    ("contains ", Comparison::Contains),
    ("size ", Comparison::Size),
    ("empty ", Comparison::Empty),
    ("subsetof ", Comparison::SubsetOf),
    ("anyof ", Comparison::AnyOf),
    ("noneof ", Comparison::NoneOf),
];

const MAX_NESTING: usize = 16;

pub(crate) fn parse(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    if depth > MAX_NESTING {
        return reader.wrong("the filter is nested too deep");
    }
    let mut any = vec![all(reader, depth)?];
    loop {
        reader.blanks();
        if !reader.eat("||") {
            return Ok(if any.len() == 1 { any.remove(0) } else { Filter::Or(any) });
        }
        any.push(all(reader, depth)?);
    }
}

fn all(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    let mut every = vec![one(reader, depth)?];
    loop {
        reader.blanks();
        if !reader.eat("&&") {
            return Ok(if every.len() == 1 { every.remove(0) } else { Filter::And(every) });
        }
        every.push(one(reader, depth)?);
    }
}

fn one(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    reader.blanks();
    if reader.eat("!") {
        if depth > MAX_NESTING {
            return reader.wrong("the filter is nested too deep");
        }
        return Ok(Filter::Not(Box::new(one(reader, depth + 1)?)));
    }
    if reader.eat("(") {
        let inside = parse(reader, depth + 1)?;
        reader.close(")")?;
        return Ok(inside);
    }
    let left = operand(reader, depth)?;
    reader.blanks();
    if reader.eat("=~") {
        return Ok(Filter::Matches(left, Box::new(expression(reader)?)));
    }
    for (text, comparison) in COMPARISONS {
        if reader.eat(text) {
            return Ok(Filter::Compare(left, comparison, operand(reader, depth)?));
        }
    }
    Ok(Filter::Exists(left))
}

/// `/expression/flags`.
fn expression(reader: &mut Reader<'_>) -> Result<Regex, String> {
    reader.blanks();
    if !reader.eat("/") {
        return reader.wrong("a regular expression is written /…/");
    }
    let rest = reader.rest();
    let mut escaped = false;
    let end = rest.find(|c: char| {
        let ends = c == '/' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let Some(end) = end else { return reader.wrong("the regular expression is not closed") };
    let pattern = rest[..end].replace("\\/", "/");
    reader.at += end + 1;
    let flags = reader.rest();
    let flags = &flags[..flags.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(flags.len())];
    reader.at += flags.len();
    let flags: String = flags.chars().filter(|c| "imsx".contains(*c)).collect();
    let pattern = if flags.is_empty() { pattern } else { format!("(?{flags}){pattern}") };
    // The whole text must match (Jayway uses `matches`).
    java_regex::compile(&pattern, true)
}

fn operand(reader: &mut Reader<'_>, depth: usize) -> Result<Operand, String> {
    reader.blanks();
    if reader.eat("@") {
        return Ok(Operand::Path(nested(reader, depth)?, true));
    }
    if reader.eat("$") {
        return Ok(Operand::Path(nested(reader, depth)?, false));
    }
    Ok(Operand::Value(literal(reader, depth)?))
}

fn nested(reader: &mut Reader<'_>, depth: usize) -> Result<Path, String> {
    // A filter in a filter's path counts as deeper: its own count begins anew, the path's length bounds it.
    if depth > MAX_NESTING || reader.text.matches("[?").count() > MAX_NESTING {
        return reader.wrong("the filter is nested too deep");
    }
    reader.steps(false)
}

fn literal(reader: &mut Reader<'_>, depth: usize) -> Result<Literal, String> {
    reader.blanks();
    let rest = reader.rest();
    if rest.starts_with(['\'', '"']) {
        return Ok(Literal::Text(reader.quoted()?.to_string()));
    }
    if reader.eat("[") {
        if depth > MAX_NESTING {
            return reader.wrong("the filter is nested too deep");
        }
        let mut items = Vec::new();
        reader.blanks();
        while !reader.eat("]") {
            items.push(literal(reader, depth + 1)?);
            reader.blanks();
            reader.eat(",");
            reader.blanks();
        }
        return Ok(Literal::List(items));
    }
    for (text, value) in
        [("true", Literal::Bool(true)), ("false", Literal::Bool(false)), ("null", Literal::Null)]
    {
        if reader.eat(text) {
            return Ok(value);
        }
    }
    let number =
        &rest[..rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len())];
    match number.parse() {
        Ok(value) => {
            reader.at += number.len();
            Ok(Literal::Number(value))
        }
        Err(_) => reader.wrong("a value is missing"),
    }
}

fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(b) => Value::Bool(*b),
        Literal::Number(n) => Value::Double(*n),
        Literal::Text(text) => Value::Text(Rc::from(text.as_str())),
        Literal::List(items) => Value::json_list(items.iter().map(value).collect()),
    }
}

fn look(
    operand: &Operand,
    root: &Value,
    item: &Value,
    budget: &mut dyn Budget,
) -> Result<Option<Value>, String> {
    match operand {
        Operand::Value(literal) => Ok(Some(value(literal))),
        Operand::Path(path, from_item) => path.find(root, if *from_item { item } else { root }, budget),
    }
}

/// Whether an element passes.
pub(crate) fn holds(
    filter: &Filter,
    root: &Value,
    item: &Value,
    budget: &mut dyn Budget,
) -> Result<bool, String> {
    budget.spend(1)?;
    match filter {
        Filter::Or(any) => {
            for one in any {
                if holds(one, root, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Filter::And(every) => {
            for one in every {
                if !holds(one, root, item, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Filter::Not(inside) => Ok(!holds(inside, root, item, budget)?),
        Filter::Exists(operand) => {
            let indefinite = matches!(operand, Operand::Path(path, _) if !path.is_definite());
            Ok(match look(operand, root, item, budget)? {
                Some(Value::List(list)) if indefinite => !list.items.borrow().is_empty(),
                Some(_) => true,
                None => false,
            })
        }
        Filter::Matches(operand, regex) => Ok(match look(operand, root, item, budget)? {
            Some(Value::Text(text)) => {
                budget.spend(text.len() / 64)?;
                regex.is_match(&text)
            }
            _ => false,
        }),
        Filter::Compare(left, comparison, right) => {
            let (left, right) = (look(left, root, item, budget)?, look(right, root, item, budget)?);
            compare(left, *comparison, right, budget)
        }
    }
}

fn compare(
    left: Option<Value>,
    comparison: Comparison,
    right: Option<Value>,
    budget: &mut dyn Budget,
) -> Result<bool, String> {
    let (Some(left), Some(right)) = (left, right) else {
        // What is not there equals nothing.
        return Ok(matches!(comparison, Comparison::NotEqual | Comparison::NotIn));
    };
    let items = |value: &Value| match value {
        Value::List(list) => list.items.borrow().clone(),
        _ => Vec::new(),
    };
    let mut cost = 0;
    let mut same = |a: &Value, b: &Value| {
        // A search among many stops looking when it has become too dear.
        if cost > 1_000_000 {
            return false;
        }
        let (equal, seen) = operators::same(a, b);
        cost += seen;
        equal
    };
    let order = operators::order(&left, &right);
    let holds = match comparison {
        Comparison::Equal => same(&left, &right),
        Comparison::NotEqual => !same(&left, &right),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::In => items(&right).iter().any(|item| same(item, &left)),
        Comparison::NotIn => !items(&right).iter().any(|item| same(item, &left)),
        Comparison::Contains => match (&left, &right) {
            (Value::Text(text), Value::Text(part)) => text.contains(&**part),
            _ => items(&left).iter().any(|item| same(item, &right)),
        },
        Comparison::Size | Comparison::Empty => {
            let size = match &left {
                Value::List(list) => list.items.borrow().len(),
                Value::Map(map) => map.entries.borrow().len(),
                Value::Text(text) => text.encode_utf16().count(),
                _ => return Ok(false),
            };
            match &right {
                Value::Bool(empty) => (size == 0) == *empty,
                other => other.number() == Some(size as f64),
            }
        }
        Comparison::SubsetOf | Comparison::AnyOf | Comparison::NoneOf => {
            let (own, others) = (items(&left), items(&right));
            let mut within = |v: &Value| others.iter().any(|other| same(other, v));
            match comparison {
                Comparison::SubsetOf => own.iter().all(&mut within),
                Comparison::AnyOf => own.iter().any(&mut within),
                _ => !own.iter().any(&mut within),
            }
        }
    };
    budget.spend(cost)?;
    Ok(holds)
}
