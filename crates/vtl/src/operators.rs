//! Arithmetic and comparison, as Velocity 1.7 does them on Java's values.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::ast::Operator;
use crate::error::MAX_DEPTH;
use crate::value::Value;

/// Values that one comparison looks at; beyond, the two count as different.
const MOST: usize = 100_000;

/// Equality as Java's `equals` has it, numbers by value; and how many values were looked at.
pub(crate) fn same(left: &Value, right: &Value) -> (bool, usize) {
    let mut seen = 0;
    (same_at(left, right, 0, &mut seen), seen)
}

fn same_at(left: &Value, right: &Value, depth: usize, seen: &mut usize) -> bool {
    *seen += 1;
    if depth > MAX_DEPTH || *seen > MOST {
        return false;
    }
    match (left, right) {
        (Value::Null, Value::Null) | (Value::Input, Value::Input) | (Value::Util, Value::Util) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => {
            *seen += a.len().min(b.len()) / 64;
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            Rc::ptr_eq(a, b) || {
                let (a, b) = (a.items.borrow(), b.items.borrow());
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same_at(a, b, depth + 1, seen))
            }
        }
        (Value::Map(a), Value::Map(b)) => {
            Rc::ptr_eq(a, b) || {
                let (a, b) = (a.entries.borrow(), b.entries.borrow());
                let equal = |(k, v): (&Rc<str>, &Value)| {
                    b.get(k).is_some_and(|other| same_at(v, other, depth + 1, seen))
                };
                a.len() == b.len() && a.iter().all(equal)
            }
        }
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
    }
}

/// Order of numbers and of texts; `None` for everything else.
pub(crate) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => left.number()?.partial_cmp(&right.number()?),
    }
}

/// `- * / %` and `+` of numbers. Whole numbers stay whole and are divided as Java does; what does not fit into 64 bits
/// becomes a fraction (Velocity goes on with big integers: reasoning). Anything else, division by zero among it, is null.
pub(crate) fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Value {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        if *b == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
            return Value::Null;
        }
        let whole = match operator {
            Operator::Add => a.checked_add(*b),
            Operator::Subtract => a.checked_sub(*b),
            Operator::Multiply => a.checked_mul(*b),
            Operator::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        };
        if let Some(whole) = whole {
            return Value::Int(whole);
        }
    }
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Value::Null };
    if b == 0.0 && matches!(operator, Operator::Divide | Operator::Remainder) {
        return Value::Null;
    }
    Value::Double(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => a % b,
    })
}
