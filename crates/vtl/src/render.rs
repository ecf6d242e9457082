//! The interpreter.

mod context;
mod evaluate;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use regex::Regex;

use crate::ast::{
    BODY_CONTENT, Block, CONTEXT, Expression, FOREACH, INPUT, Macro, Names, Node, Reference, STAGE_VARIABLES,
    Step, Symbol, UTIL, VELOCITY_COUNT, VELOCITY_HAS_NEXT,
};
use crate::error::{Limits, MAX_ACTIVE, RenderError};
use crate::input::Input;
use crate::jsonpath::Budget;
use crate::parse::{self, position};
use crate::scope::Scope;
use crate::text::{Cut, Out};
use crate::value::{Loop, Value};
use crate::{Template, java_regex};

pub use context::Overrides;

/// What a template made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// What it assigned to `$context.requestOverride` and `$context.responseOverride`.
    pub overrides: Overrides,
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Stop,
}

/// Why rendering ends, without its place.
pub(crate) struct Halt(pub String);

pub(crate) type Done<T> = Result<T, Halt>;

pub(crate) struct Engine<'a> {
    scope: &'a dyn Scope,
    limits: &'a Limits,
    variables: Vec<Option<Value>>,
    /// Copied only by `#evaluate`, which may bring new ones.
    names: Cow<'a, Names>,
    macros: HashMap<Box<str>, Arc<Macro>>,
    out: String,
    /// Where the node under way stands.
    at: u32,
    steps: usize,
    texts: usize,
    active: usize,
    calls: usize,
    /// Below `#evaluate`: positions are those of its own text.
    evaluated: usize,
    pub input: Input,
    expressions: HashMap<Rc<str>, Regex>,
    context: Option<Value>,
}

pub(crate) fn render(
    template: &Template,
    scope: &dyn Scope,
    limits: &Limits,
) -> Result<Rendered, RenderError> {
    let mut engine = Engine {
        scope,
        limits,
        variables: vec![None; template.names.len()],
        names: Cow::Borrowed(&template.names),
        macros: HashMap::new(),
        out: String::new(),
        at: 0,
        steps: limits.steps,
        texts: limits.texts,
        active: 0,
        calls: 0,
        evaluated: 0,
        input: Input::default(),
        expressions: HashMap::new(),
        context: None,
    };
    engine.define_macros(&template.root);
    let done = engine.block(&template.root);
    match done {
        Ok(_) => {
            let overrides = engine.overrides();
            Ok(Rendered { text: engine.out, overrides })
        }
        Err(Halt(message)) => {
            let (line, column) = position(&template.lines, engine.at as usize);
            Err(RenderError { line, column, message })
        }
    }
}

impl Budget for Engine<'_> {
    fn spend(&mut self, count: usize) -> Result<(), String> {
        match self.steps.checked_sub(count) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(format!("the template takes more than {} steps", self.limits.steps))
            }
        }
    }
}

impl<'a> Engine<'a> {
    pub fn scope(&self) -> &'a dyn Scope {
        self.scope
    }

    pub fn step(&mut self, count: usize) -> Done<()> {
        self.spend(count).map_err(Halt)
    }

    pub fn steps_left(&self) -> usize {
        self.steps
    }

    /// Counts a text that is about to be made.
    pub fn charge(&mut self, bytes: usize) -> Done<()> {
        match self.texts.checked_sub(bytes) {
            Some(left) => {
                self.texts = left;
                Ok(())
            }
            None => Err(Halt(format!(
                "the texts that the template makes have more than {} bytes",
                self.limits.texts
            ))),
        }
    }

    /// A new text, counted.
    pub fn new_text(&mut self, text: &str) -> Done<Value> {
        self.charge(text.len())?;
        Ok(Value::text(text))
    }

    pub fn regex(&mut self, pattern: &str, whole: bool) -> Done<Regex> {
        let key: Rc<str> = format!("{}{pattern}", if whole { '=' } else { '~' }).into();
        if let Some(known) = self.expressions.get(&key) {
            return Ok(known.clone());
        }
        self.step(2000)?;
        let made = java_regex::compile(pattern, whole).map_err(Halt)?;
        // A template that makes ever new expressions keeps only some.
        if self.expressions.len() < 32 {
            self.expressions.insert(key, made.clone());
        }
        Ok(made)
    }

    pub fn java(&mut self, value: &Value) -> Done<Rc<str>> {
        match value {
            Value::Text(text) => return Ok(text.clone()),
            Value::Block(block) => return self.captured(block),
            _ => {}
        }
        self.written(|out| out.java(value, 0))
    }

    pub fn json(&mut self, value: &Value) -> Done<Rc<str>> {
        self.written(|out| out.json(value, 0))
    }

    fn written(&mut self, write: impl FnOnce(&mut Out) -> Result<(), Cut>) -> Done<Rc<str>> {
        let mut out = Out::new(self.texts, self.steps);
        let written = write(&mut out);
        self.step(self.steps - out.values_left())?;
        match written {
            Ok(()) => {
                self.charge(out.text.len())?;
                Ok(out.text.into())
            }
            Err(Cut::Values) => self.step(usize::MAX).map(|()| "".into()),
            Err(Cut::Length) => self.charge(usize::MAX).map(|()| "".into()),
            Err(Cut::Depth) => {
                Err(Halt(format!("a value is nested more than {} levels deep", crate::error::MAX_DEPTH)))
            }
        }
    }

    fn put(&mut self, text: &str) -> Done<()> {
        if self.out.len() + text.len() > self.limits.output {
            return Err(Halt(format!("the output has more than {} bytes", self.limits.output)));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn put_value(&mut self, value: &Value) -> Done<()> {
        match value {
            Value::Text(text) => self.put(text),
            Value::Block(block) => {
                let block = block.clone();
                self.called(|e| e.block(&block)).map(|_| ())
            }
            _ => {
                let text = self.java(value)?;
                self.put(&text)
            }
        }
    }

    /// What a block renders, as a text.
    fn captured(&mut self, block: &Block) -> Done<Rc<str>> {
        let outer = std::mem::take(&mut self.out);
        let done = self.called(|e| e.block(block));
        let made = std::mem::replace(&mut self.out, outer);
        done?;
        self.charge(made.len())?;
        Ok(made.into())
    }

    fn called<T>(&mut self, run: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.calls >= self.limits.calls {
            return Err(Halt(format!(
                "macros, definitions and #evaluate are nested more than {} levels deep",
                self.limits.calls
            )));
        }
        self.calls += 1;
        let done = run(self);
        self.calls -= 1;
        done
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.active >= MAX_ACTIVE {
            return Err(Halt(format!("the template is nested more than {MAX_ACTIVE} levels deep")));
        }
        self.active += 1;
        let done = run(self);
        self.active -= 1;
        done
    }

    fn stand(&mut self, at: u32) {
        if self.evaluated == 0 {
            self.at = at;
        }
    }

    /// Macros are known from the start, wherever they stand.
    fn define_macros(&mut self, block: &Block) {
        for node in block {
            if let Node::Macro(name, known) = node {
                self.macros.insert(name.clone(), known.clone());
            }
        }
    }

    fn block(&mut self, block: &Block) -> Done<Flow> {
        self.deeper(|e| {
            for node in block {
                match e.node(node)? {
                    Flow::Next => {}
                    ended => return Ok(ended),
                }
            }
            Ok(Flow::Next)
        })
    }

    fn node(&mut self, node: &Node) -> Done<Flow> {
        self.step(1)?;
        match node {
            Node::Text(text) => self.put(text)?,
            Node::Reference(reference) => self.reference(reference)?,
            Node::Escaped(slashes, reference) => self.escaped(*slashes, reference)?,
            Node::Set(target, value, at) => {
                self.stand(*at);
                let value = self.evaluate(value)?;
                // Null is not assigned: the variable keeps what it has (user guide, "Set").
                if !value.is_null() {
                    self.assign(target, value)?;
                }
            }
            Node::If(branches, at) => {
                for (condition, block) in branches {
                    self.stand(*at);
                    let chosen = match condition {
                        Some(condition) => self.evaluate(condition)?.is_true(),
                        None => true,
                    };
                    if chosen {
                        return self.block(block);
                    }
                }
            }
            Node::Foreach(item, list, block, at) => return self.foreach(*item, list, block, *at),
            Node::Break => return Ok(Flow::Break),
            Node::Stop => return Ok(Flow::Stop),
            Node::Macro(name, known) => {
                self.macros.insert(name.clone(), known.clone());
            }
            Node::Call { name, arguments, body, source, at } => {
                self.stand(*at);
                return self.call(name, arguments, body.as_ref(), source);
            }
            Node::Define(name, block) => self.set(*name, Some(Value::Block(block.clone()))),
            Node::Evaluate(text, at) => {
                self.stand(*at);
                return self.evaluate_text(text);
            }
        }
        Ok(Flow::Next)
    }

    fn reference(&mut self, reference: &Reference) -> Done<()> {
        let value = self.look_up(reference)?;
        match &value {
            Value::Null if empty_when_null(reference) => Ok(()),
            Value::Null => self.put(&reference.source),
            value => self.put_value(value),
        }
    }

    /// `\$a` is `$a` when `$a` is known, and stays as it is when not; two backslashes are one (user guide, "Escaping").
    fn escaped(&mut self, slashes: usize, reference: &Reference) -> Done<()> {
        let value = self.look_up(reference)?;
        if value.is_null() {
            self.put(&"\\".repeat(slashes))?;
            return self.put(&reference.source);
        }
        self.put(&"\\".repeat(slashes / 2))?;
        if slashes % 2 == 1 { self.put(&reference.source) } else { self.put_value(&value) }
    }

    pub fn get(&mut self, name: Symbol) -> Value {
        if let Some(value) = self.variables.get(name as usize).and_then(Option::as_ref) {
            return value.clone();
        }
        match name {
            INPUT => Value::Input,
            UTIL => Value::Util,
            CONTEXT => self.context(),
            STAGE_VARIABLES => {
                let entries = self.scope.stage_variables();
                let entries = entries.into_iter().map(|(k, v)| (k.into(), Value::Text(v.into())));
                let value = Value::map(entries.collect());
                self.set(name, Some(value.clone()));
                value
            }
            _ => Value::Null,
        }
    }

    fn set(&mut self, name: Symbol, value: Option<Value>) {
        let name = name as usize;
        if name >= self.variables.len() {
            self.variables.resize(name + 1, None);
        }
        if let Some(slot) = self.variables.get_mut(name) {
            *slot = value;
        }
    }

    fn look_up(&mut self, reference: &Reference) -> Done<Value> {
        self.stand(reference.at);
        if is_null_by_rule(reference) {
            return Ok(Value::Null);
        }
        let mut value = self.get(reference.name);
        for step in &reference.steps {
            if value.is_null() {
                return Ok(value);
            }
            value = self.follow(&value, step)?;
        }
        Ok(value)
    }

    fn follow(&mut self, value: &Value, step: &Step) -> Done<Value> {
        self.step(1)?;
        match step {
            Step::Property(name) => self.property(value, name),
            Step::Method(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.evaluate(argument)?);
                }
                self.method(value, name, &values)
            }
            Step::Index(index) => {
                let index = self.evaluate(index)?;
                self.index(value, &index)
            }
        }
    }

    fn assign(&mut self, target: &Reference, value: Value) -> Done<()> {
        let Some((last, before)) = target.steps.split_last() else {
            // The gateway's own names cannot be taken away from the gateway.
            if target.name != CONTEXT {
                self.set(target.name, Some(value));
            }
            return Ok(());
        };
        let mut holder = self.get(target.name);
        for step in before {
            holder = self.follow(&holder, step)?;
        }
        let key = match last {
            Step::Property(name) => Value::text(name),
            Step::Index(index) => self.evaluate(index)?,
            Step::Method(name, _) => return Err(Halt(format!("#set cannot assign to the method `{name}`"))),
        };
        self.put_into(&holder, &key, value)
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Expression],
        body: Option<&Arc<Block>>,
        source: &str,
    ) -> Done<Flow> {
        let Some(known) = self.macros.get(name).cloned() else {
            // Defined in a branch that was not taken.
            return self.put(source).map(|()| Flow::Next);
        };
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.evaluate(argument)?);
        }
        let mut before = Vec::with_capacity(known.parameters.len() + 1);
        let mut values = values.into_iter();
        for parameter in &known.parameters {
            before.push((*parameter, self.variables.get(*parameter as usize).cloned().flatten()));
            let value = values.next().filter(|v| !v.is_null());
            self.set(*parameter, value);
        }
        if let Some(body) = body {
            before.push((BODY_CONTENT, self.variables.get(BODY_CONTENT as usize).cloned().flatten()));
            self.set(BODY_CONTENT, Some(Value::Block(body.clone())));
        }
        let flow = self.called(|e| e.block(&known.body))?;
        for (name, value) in before.into_iter().rev() {
            self.set(name, value);
        }
        // #break ends the macro, and no more.
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    fn evaluate_text(&mut self, text: &Expression) -> Done<Flow> {
        let value = self.evaluate(text)?;
        if value.is_null() {
            return Ok(Flow::Next);
        }
        let text = self.java(&value)?;
        self.step(text.len())?;
        let block = match parse::template(&text, self.names.to_mut()) {
            Ok(block) => block,
            Err(bad) => return Err(Halt(format!("the text of #evaluate is no template: {}", bad.message))),
        };
        self.evaluated += 1;
        let flow = self.called(|e| {
            e.define_macros(&block);
            e.block(&block)
        });
        self.evaluated -= 1;
        let flow = flow?;
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }

    fn foreach(&mut self, item: Symbol, list: &Expression, block: &Block, at: u32) -> Done<Flow> {
        self.stand(at);
        let list = self.evaluate(list)?;
        let Some(items) = self.elements(&list)? else { return Ok(Flow::Next) };
        let names = [item, FOREACH, VELOCITY_COUNT, VELOCITY_HAS_NEXT];
        let before = names.map(|n| self.variables.get(n as usize).cloned().flatten());
        let parent = before.get(1).cloned().flatten().unwrap_or_default();
        let state =
            Rc::new(Loop { index: Cell::new(0), count: items.len(), parent, stopped: Cell::new(false) });
        let count = items.len();
        let mut flow = Flow::Next;
        for (index, value) in items.into_iter().enumerate() {
            self.step(1)?;
            if index >= self.limits.iterations {
                self.stand(at);
                return Err(Halt(format!("#foreach runs more than {} times", self.limits.iterations)));
            }
            state.index.set(index);
            self.set(item, Some(value));
            self.set(FOREACH, Some(Value::Loop(state.clone())));
            self.set(VELOCITY_COUNT, Some(Value::count(index + 1)));
            self.set(VELOCITY_HAS_NEXT, Some(Value::Bool(index + 1 < count)));
            flow = self.block(block)?;
            if flow != Flow::Next || state.stopped.get() {
                break;
            }
        }
        for (name, value) in names.into_iter().zip(before) {
            self.set(name, value);
        }
        Ok(if flow == Flow::Stop { Flow::Stop } else { Flow::Next })
    }
}

/// The guide's reference of variables: "Calling $context.authorizer.claims returns null"; its members are there.
fn is_null_by_rule(reference: &Reference) -> bool {
    let named = |step: &Step, expected: &str| matches!(step, Step::Property(name) if **name == *expected);
    match &reference.steps[..] {
        [first, second] if reference.name == CONTEXT => named(first, "authorizer") && named(second, "claims"),
        _ => false,
    }
}

/// `$!` is empty without a value. So is what begins with AWS's own names: published results of AWS's own pass-through
/// template show `""` for what `$context` has not, and `$input.path` of a missing member adds nothing (reasoning).
fn empty_when_null(reference: &Reference) -> bool {
    reference.quiet
        || (matches!(reference.name, INPUT | CONTEXT | STAGE_VARIABLES) && !reference.steps.is_empty())
}
