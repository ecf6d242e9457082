//! Rendering: nodes to text, with variables, loops, macros and bounds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::ast::{Block, Expression, Node, Operator, Part, Program, Reference};
use crate::objects::{Input, Object, texts};
use crate::value::{BlockValue, Map};
use crate::{Limits, RenderError, Scope, Value, json, methods, parse};

/// What a template gave.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// `$context.requestOverride` and `$context.responseOverride`, as far as they were assigned: `(path, value)`, for
    /// example `("responseOverride.status", "404")` and `("responseOverride.header.X", "y")`.
    pub overrides: Vec<(String, String)>,
}

/// How a block ended.
enum Flow {
    Next,
    Break,
    Stop,
}

type Outcome<T> = Result<T, RenderError>;

struct Renderer<'s> {
    program: &'s Program,
    scope: &'s Scope<'s>,
    limits: Limits,
    input: Input,
    variables: HashMap<Box<str>, Value>,
    /// Macros of texts that were evaluated.
    evaluated: Vec<Program>,
    steps: usize,
    depth: usize,
}

pub(crate) fn render(program: &Program, scope: &Scope<'_>, limits: Limits) -> Outcome<Rendered> {
    let mut renderer = Renderer {
        program,
        scope,
        limits,
        input: Input::default(),
        variables: HashMap::new(),
        evaluated: Vec::new(),
        steps: 0,
        depth: 0,
    };
    let mut text = String::new();
    renderer.block(&program.nodes, &mut text)?;
    Ok(Rendered { text, overrides: renderer.overrides() })
}

fn bound(what: &str, limit: usize) -> RenderError {
    RenderError { message: format!("the template exceeds its bound of {limit} {what}") }
}

impl Renderer<'_> {
    fn step(&mut self, cost: usize) -> Outcome<()> {
        self.steps = self.steps.saturating_add(cost);
        if self.steps > self.limits.steps { Err(bound("steps", self.limits.steps)) } else { Ok(()) }
    }

    fn push(&mut self, out: &mut String, text: &str) -> Outcome<()> {
        self.step(1 + text.len() / 64)?;
        if out.len() + text.len() > self.limits.bytes {
            return Err(bound("bytes of output", self.limits.bytes));
        }
        out.push_str(text);
        Ok(())
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(bound("levels of macros and evaluations", self.limits.depth));
        }
        let done = work(self);
        self.depth -= 1;
        done
    }

    fn block(&mut self, nodes: &[Node], out: &mut String) -> Outcome<Flow> {
        for node in nodes {
            match self.node(node, out)? {
                Flow::Next => {}
                ended => return Ok(ended),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Outcome<Flow> {
        self.step(1)?;
        match node {
            Node::Text(text) => self.push(out, text)?,
            Node::Reference(reference) => self.print(reference, out)?,
            Node::Escaped(count, reference) => {
                // Velocity User Guide, "Escaping Valid VTL References".
                let defined = !matches!(self.reference(reference)?, Value::Null);
                let shown = if defined { count / 2 } else { *count };
                self.push(out, &"\\".repeat(shown))?;
                match defined && count % 2 == 0 {
                    true => self.print(reference, out)?,
                    false => self.push(out, &reference.source)?,
                }
            }
            Node::Set(target, value) => {
                let value = self.expression(value)?;
                self.assign(target, value)?;
            }
            Node::If(arms) => {
                for (condition, block) in arms {
                    if self.expression(condition)?.is_true() {
                        return self.deeper(|renderer| renderer.block(block, out));
                    }
                }
            }
            Node::Foreach { variable, over, body } => return self.foreach(variable, over, body, out),
            Node::Define(name, body) => {
                self.variables.insert(name.clone(), Value::Block(BlockValue(body.clone())));
            }
            Node::Call { name, arguments, body, source } => {
                return self.call(name, arguments, body.as_ref(), source, out);
            }
            Node::Evaluate(text) => {
                let text = self.expression(text)?;
                if let Value::Text(text) = text {
                    // A text that cannot be read renders nothing (Velocity logs it).
                    if let Ok(program) = parse::program(&text) {
                        let nodes = program.nodes.clone();
                        self.evaluated.push(program);
                        let flow = self.deeper(|renderer| renderer.block(&nodes, out));
                        self.evaluated.pop();
                        return flow;
                    }
                }
            }
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, reference: &Reference, out: &mut String) -> Outcome<()> {
        match self.reference(reference)? {
            Value::Null if reference.quiet => Ok(()),
            Value::Null => self.push(out, &reference.source),
            Value::Text(text) => self.push(out, &text),
            Value::Block(block) => self.deeper(|renderer| renderer.block(&block.0, out).map(drop)),
            value => {
                let text = value.printed(self.limits.bytes);
                self.push(out, &text)
            }
        }
    }

    fn foreach(
        &mut self,
        variable: &str,
        over: &Expression,
        body: &Block,
        out: &mut String,
    ) -> Outcome<Flow> {
        let items = match self.expression(over)? {
            Value::List(list) => list.items.borrow().clone(),
            Value::Map(map) => map.borrow().entries().iter().map(|(_, value)| value.clone()).collect(),
            _ => return Ok(Flow::Next),
        };
        let before = [variable, "foreach", "velocityCount", "velocityHasNext"]
            .map(|name| (name, self.variables.get(name).cloned()));
        let parent = before[1].1.clone().unwrap_or(Value::Null);
        let rounds = items.len().min(self.limits.rounds);
        let mut flow = Flow::Next;
        for (number, item) in items.into_iter().take(rounds).enumerate() {
            self.step(1)?;
            let int = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
            let has_next = Value::Bool(number + 1 < rounds);
            self.variables.insert(variable.into(), item);
            self.variables.insert("velocityCount".into(), int(number + 1));
            self.variables.insert("velocityHasNext".into(), has_next.clone());
            let about = [
                ("index", int(number)),
                ("count", int(number + 1)),
                ("hasNext", has_next),
                ("first", Value::Bool(number == 0)),
                ("last", Value::Bool(number + 1 == rounds)),
                ("parent", parent.clone()),
            ];
            let about = Value::map(about.map(|(name, value)| (Rc::from(name), value)));
            self.variables.insert("foreach".into(), about);
            match self.deeper(|renderer| renderer.block(body, out))? {
                Flow::Next => {}
                Flow::Break => break,
                Flow::Stop => {
                    flow = Flow::Stop;
                    break;
                }
            }
        }
        for (name, value) in before {
            match value {
                Some(value) => self.variables.insert(name.into(), value),
                None => self.variables.remove(name),
            };
        }
        Ok(flow)
    }

    /// Arguments are passed by value: what a macro assigns to its parameters stays in it.
    fn call(
        &mut self,
        name: &str,
        arguments: &[Expression],
        body: Option<&Block>,
        source: &str,
        out: &mut String,
    ) -> Outcome<Flow> {
        let programs = self.evaluated.iter().rev().chain([self.program]);
        let Some(found) = programs.filter_map(|program| program.macros.get(name)).next().cloned() else {
            self.push(out, source)?;
            return match body {
                Some(body) => self.block(body, out),
                None => Ok(Flow::Next),
            };
        };
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.expression(argument)?);
        }
        let mut values = values.into_iter();
        let mut before = Vec::new();
        for parameter in &found.parameters {
            let value = values.next().unwrap_or(Value::Null);
            before.push((parameter.clone(), self.variables.insert(parameter.clone(), value)));
        }
        if let Some(body) = body {
            let content = Value::Block(BlockValue(body.clone()));
            before.push(("bodyContent".into(), self.variables.insert("bodyContent".into(), content)));
        }
        let flow = self.deeper(|renderer| renderer.block(&found.body, out));
        for (name, value) in before {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
        match flow? {
            Flow::Stop => Ok(Flow::Stop),
            _ => Ok(Flow::Next),
        }
    }

    /// The value; `Null` where any part of the reference has none.
    fn reference(&mut self, reference: &Reference) -> Outcome<Value> {
        self.step(1)?;
        let mut value = self.root(&reference.name);
        for part in &reference.parts {
            if matches!(value, Value::Null) {
                break;
            }
            value = self.part(value, part)?;
        }
        Ok(value)
    }

    fn part(&mut self, value: Value, part: &Part) -> Outcome<Value> {
        let found = match part {
            Part::Property(name) => match &value {
                Value::Object(object) => object.property(name, self.scope),
                value => methods::property(value, name),
            },
            Part::Index(index) => {
                let index = self.expression(index)?;
                methods::index(&value, &index, self.limits)
            }
            Part::Method(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.expression(argument)?);
                }
                match &value {
                    Value::Object(object) => object.call(name, &values, self.scope, &self.input, self.limits),
                    value => methods::call(value, name, &values, self.limits),
                }
            }
        };
        let found = found.unwrap_or(Value::Null);
        self.step(weight(&found))?;
        Ok(found)
    }

    fn root(&mut self, name: &str) -> Value {
        if let Some(value) = self.variables.get(name) {
            return value.clone();
        }
        let value = match name {
            "input" => Value::Object(Object::Input),
            "util" => Value::Object(Object::Util),
            "stageVariables" => texts(self.scope.stage_variables),
            "context" => context(self.scope.context),
            _ => return Value::Null,
        };
        // Kept, so that what a template assigns into it stays.
        self.variables.insert(name.into(), value.clone());
        value
    }

    /// A value of nothing is not assigned: the variable keeps what it had (Velocity's `directive.set.null.allowed` is
    /// false).
    fn assign(&mut self, target: &Reference, value: Value) -> Outcome<()> {
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let Some((last, parts)) = target.parts.split_last() else {
            self.variables.insert(target.name.clone(), value);
            return Ok(());
        };
        let mut holder = self.root(&target.name);
        for part in parts {
            holder = self.part(holder, part)?;
        }
        match (holder, last) {
            (Value::Map(map), Part::Property(name)) => {
                put(&map, Rc::from(&**name), value);
            }
            (Value::Map(map), Part::Index(index)) => {
                let key = self.expression(index)?.printed(self.limits.bytes);
                put(&map, key.into(), value);
            }
            (list @ Value::List(_), Part::Index(index)) => {
                let index = self.expression(index)?;
                methods::call(&list, "set", &[index, value], self.limits);
            }
            _ => {}
        }
        Ok(())
    }

    fn expression(&mut self, expression: &Expression) -> Outcome<Value> {
        self.step(1)?;
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Int(number) => Value::Int(*number),
            Expression::Float(number) => Value::Float(*number),
            Expression::Text(text) => Value::text(&**text),
            Expression::Interpolated(nodes) => {
                let mut text = String::new();
                self.deeper(|renderer| renderer.block(nodes, &mut text))?;
                Value::text(text)
            }
            Expression::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.expression(item)?);
                }
                Value::list(values)
            }
            Expression::Map(entries) => {
                let mut map = Map::default();
                for (key, value) in entries {
                    let key = self.expression(key)?.printed(self.limits.bytes);
                    let value = self.expression(value)?;
                    map.put(key.into(), value);
                }
                Value::Map(Rc::new(RefCell::new(map)))
            }
            Expression::Range(from, to) => self.range(from, to)?,
            Expression::Reference(reference) => match self.reference(reference)? {
                Value::Block(block) => {
                    let mut text = String::new();
                    self.deeper(|renderer| renderer.block(&block.0, &mut text))?;
                    Value::text(text)
                }
                value => value,
            },
            Expression::Not(inner) => Value::Bool(!self.expression(inner)?.is_true()),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right)?,
        })
    }

    fn range(&mut self, from: &Expression, to: &Expression) -> Outcome<Value> {
        let (Value::Int(from), Value::Int(to)) = (self.expression(from)?, self.expression(to)?) else {
            return Ok(Value::Null);
        };
        let count = usize::try_from(from.abs_diff(to)).unwrap_or(usize::MAX).saturating_add(1);
        self.step(count)?;
        let items: Vec<Value> = match from <= to {
            true => (from..=to).map(Value::Int).collect(),
            false => (to..=from).rev().map(Value::Int).collect(),
        };
        Ok(Value::list(items))
    }

    fn binary(&mut self, operator: Operator, left: &Expression, right: &Expression) -> Outcome<Value> {
        let left = self.expression(left)?;
        match operator {
            Operator::Or if left.is_true() => return Ok(Value::Bool(true)),
            Operator::And if !left.is_true() => return Ok(Value::Bool(false)),
            _ => {}
        }
        let right = self.expression(right)?;
        Ok(match operator {
            Operator::Or | Operator::And => Value::Bool(right.is_true()),
            Operator::Equal => Value::Bool(left.equals(&right, self.limits.bytes)),
            Operator::NotEqual => Value::Bool(!left.equals(&right, self.limits.bytes)),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                // Only numbers have an order (Velocity logs anything else).
                let order = left.number().zip(right.number()).and_then(|(a, b)| a.partial_cmp(&b));
                Value::Bool(order.is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            _ => self.arithmetic(operator, &left, &right)?,
        })
    }

    fn arithmetic(&mut self, operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
        if let (Value::Int(a), Value::Int(b)) = (left, right) {
            let made = match operator {
                Operator::Add => Some(a.wrapping_add(*b)),
                Operator::Subtract => Some(a.wrapping_sub(*b)),
                Operator::Multiply => Some(a.wrapping_mul(*b)),
                Operator::Divide => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            return Ok(made.map_or(Value::Null, Value::Int));
        }
        if let Some((a, b)) = left.number().zip(right.number()) {
            return Ok(Value::Float(match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                _ => a % b,
            }));
        }
        // A text takes part in additions only.
        let text = matches!(left, Value::Text(_)) || matches!(right, Value::Text(_));
        let nothing = matches!(left, Value::Null) || matches!(right, Value::Null);
        if operator != Operator::Add || !text || nothing {
            return Ok(Value::Null);
        }
        let mut joined = left.printed(self.limits.bytes);
        right.print(&mut joined, self.limits.bytes, 0);
        if joined.len() > self.limits.bytes {
            return Err(bound("bytes of a text", self.limits.bytes));
        }
        self.step(joined.len() / 64)?;
        Ok(Value::text(joined))
    }

    fn overrides(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let Some(Value::Map(context)) = self.variables.get("context") else { return found };
        let context = context.borrow();
        for group in ["requestOverride", "responseOverride"] {
            let Some(Value::Map(members)) = context.get(group) else { continue };
            for (name, value) in members.borrow().entries() {
                match value {
                    Value::Map(inner) => {
                        for (key, value) in inner.borrow().entries() {
                            found.push((format!("{group}.{name}.{key}"), value.printed(self.limits.bytes)));
                        }
                    }
                    value => found.push((format!("{group}.{name}"), value.printed(self.limits.bytes))),
                }
            }
        }
        found
    }
}

fn put(map: &RefCell<Map>, key: Rc<str>, value: Value) {
    map.borrow_mut().put(key, value);
}

/// Steps that a value costs: long texts and lists take their time.
fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() / 64,
        Value::List(list) => list.items.borrow().len() / 8,
        _ => 0,
    }
}

/// `$context`, with the places that a template may assign overrides to.
fn context(text: &str) -> Value {
    let value = json::read(text).filter(|value| matches!(value, Value::Map(_)));
    let value = value.unwrap_or_else(|| Value::map([]));
    if let Value::Map(map) = &value {
        let empty = |names: &[&str]| Value::map(names.iter().map(|name| (Rc::from(*name), Value::map([]))));
        let mut map = map.borrow_mut();
        map.put("requestOverride".into(), empty(&["header", "querystring", "path"]));
        map.put("responseOverride".into(), empty(&["header"]));
    }
    value
}
