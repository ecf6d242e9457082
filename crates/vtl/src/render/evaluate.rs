//! Expressions while a template is rendered.

use std::rc::Rc;

use super::{Done, Engine, empty_when_null};
use crate::ast::{Expression, Operator};
use crate::operators;
use crate::value::{Map, Value};

impl Engine<'_> {
    pub fn evaluate(&mut self, expression: &Expression) -> Done<Value> {
        self.step(1)?;
        match expression {
            Expression::Null => Ok(Value::Null),
            Expression::Bool(value) => Ok(Value::Bool(*value)),
            Expression::Int(number) => Ok(Value::Int(*number)),
            Expression::Double(number) => Ok(Value::Double(*number)),
            Expression::Text(text) => self.new_text(text),
            Expression::Reference(reference) => self.deeper(|e| e.look_up(reference)),
            Expression::Interpolated(block) => {
                let outer = std::mem::take(&mut self.out);
                let done = self.block(block);
                let made = std::mem::replace(&mut self.out, outer);
                done?;
                self.charge(made.len())?;
                Ok(Value::Text(made.into()))
            }
            Expression::List(items) => self.deeper(|e| {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(e.evaluate(item)?);
                }
                Ok(Value::list(values))
            }),
            Expression::Range(ends) => self.deeper(|e| e.range(&ends.0, &ends.1)),
            Expression::Map(entries) => self.deeper(|e| {
                let mut map = Map::new();
                for (key, value) in entries {
                    let key = e.evaluate(key)?;
                    let key = e.java(&key)?;
                    map.insert(key, e.evaluate(value)?);
                }
                Ok(Value::map(map))
            }),
            Expression::Not(inside) => {
                let value = self.deeper(|e| e.evaluate(inside))?;
                Ok(Value::Bool(!value.is_true()))
            }
            Expression::Minus(inside) => {
                let value = self.deeper(|e| e.evaluate(inside))?;
                Ok(operators::arithmetic(Operator::Subtract, &Value::Int(0), &value))
            }
            Expression::Binary(operator, sides) => self.deeper(|e| e.binary(*operator, &sides.0, &sides.1)),
        }
    }

    fn range(&mut self, first: &Expression, last: &Expression) -> Done<Value> {
        let (first, last) = (self.evaluate(first)?, self.evaluate(last)?);
        let (Value::Int(first), Value::Int(last)) = (first, last) else { return Ok(Value::Null) };
        let count = usize::try_from(first.abs_diff(last)).unwrap_or(usize::MAX).saturating_add(1);
        self.step(count)?;
        let items = if first <= last {
            (first..=last).map(Value::Int).collect()
        } else {
            (last..=first).rev().map(Value::Int).collect()
        };
        Ok(Value::list(items))
    }

    fn binary(&mut self, operator: Operator, left: &Expression, right: &Expression) -> Done<Value> {
        let first = self.evaluate(left)?;
        match operator {
            Operator::And if !first.is_true() => return Ok(Value::Bool(false)),
            Operator::Or if first.is_true() => return Ok(Value::Bool(true)),
            _ => {}
        }
        let second = self.evaluate(right)?;
        Ok(match operator {
            Operator::And | Operator::Or => Value::Bool(second.is_true()),
            Operator::Equal => Value::Bool(self.equal(&first, &second)?),
            Operator::NotEqual => Value::Bool(!self.equal(&first, &second)?),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                // Numbers only; everything else is false (Velocity logs it).
                let (Some(_), Some(_)) = (first.number(), second.number()) else {
                    return Ok(Value::Bool(false));
                };
                let order = operators::order(&first, &second);
                Value::Bool(order.is_some_and(|o| match operator {
                    Operator::Less => o.is_lt(),
                    Operator::LessOrEqual => o.is_le(),
                    Operator::Greater => o.is_gt(),
                    _ => o.is_ge(),
                }))
            }
            Operator::Add if matches!(first, Value::Text(_)) || matches!(second, Value::Text(_)) => {
                // A reference without a value adds its own text.
                let (first, second) = (self.addend(left, &first)?, self.addend(right, &second)?);
                self.charge(first.len() + second.len())?;
                Value::Text(format!("{first}{second}").into())
            }
            _ => operators::arithmetic(operator, &first, &second),
        })
    }

    fn addend(&mut self, expression: &Expression, value: &Value) -> Done<Rc<str>> {
        match (value, expression) {
            (Value::Null, Expression::Reference(reference)) => {
                Ok(if empty_when_null(reference) { "".into() } else { (&*reference.source).into() })
            }
            _ => self.java(value),
        }
    }

    /// Velocity 1.7: values of one class by `equals`, of different classes by their texts.
    fn equal(&mut self, left: &Value, right: &Value) -> Done<bool> {
        if left.is_null() || right.is_null() {
            return Ok(left.is_null() && right.is_null());
        }
        let alike = std::mem::discriminant(left) == std::mem::discriminant(right)
            || (left.number().is_some() && right.number().is_some());
        if alike {
            let (equal, seen) = operators::same(left, right);
            self.step(seen)?;
            return Ok(equal);
        }
        Ok(self.java(left)? == self.java(right)?)
    }
}
