//! JSONPath as Jayway's library for Java has it, which `$input.path` and `$input.json` use.

use std::rc::Rc;

use crate::filter::{self, Filter};
use crate::value::{Map, Value};

/// A parsed path. Opaque: made and used by templates, and by parameter mappings through [`Path::first_text`].
#[derive(Debug)]
pub struct Path {
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Child(Rc<str>),
    Children(Vec<Rc<str>>),
    Index(i64),
    Indexes(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    /// `..`: the value and all below it.
    Descend,
    Filter(Filter),
    Function(Function),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    Length,
    Min,
    Max,
    Average,
    Sum,
    Deviation,
    Keys,
    First,
    Last,
}

/// Bytes of a path.
const MAX_PATH: usize = 4096;
/// Steps of a path.
const MAX_STEPS: usize = 64;

/// Counts what a search looks at.
pub(crate) trait Budget {
    /// # Errors
    /// When too much has been looked at.
    fn spend(&mut self, count: usize) -> Result<(), String>;
}

impl Path {
    /// Parses `$.a[0]` and the like. A path without `$` begins at the root as well.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATH {
            return Err(format!("a JSONPath has at most {MAX_PATH} bytes, this one has {}", text.len()));
        }
        let mut reader = Reader { text, at: 0 };
        reader.blanks();
        let rooted = reader.eat("$") || reader.eat("@");
        let path = reader.steps(!rooted)?;
        reader.blanks();
        if reader.at < text.len() {
            return Err(format!("`{}` is no JSONPath: `{}` is left over", text, reader.rest()));
        }
        Ok(path)
    }

    /// Whether there can be one result at most.
    pub(crate) fn is_definite(&self) -> bool {
        let leaf = self.steps.len().saturating_sub(1);
        self.steps.iter().enumerate().all(|(at, step)| is_definite(step, at == leaf))
    }

    /// The result: `None` when a definite path leads nowhere; a list of everything found for the others.
    pub(crate) fn find(
        &self,
        root: &Value,
        from: &Value,
        budget: &mut dyn Budget,
    ) -> Result<Option<Value>, String> {
        let mut found = vec![from.clone()];
        let mut definite = true;
        let leaf = self.steps.len().saturating_sub(1);
        for (at, step) in self.steps.iter().enumerate() {
            if let Step::Function(function) = step {
                // On everything found so far, or on the one value.
                let subject = if definite { found.pop() } else { Some(Value::json_list(found)) };
                let made = subject.and_then(|s| apply(*function, &s));
                found = made.into_iter().collect();
                definite = true;
                continue;
            }
            definite &= is_definite(step, at == leaf);
            let mut next = Vec::new();
            for value in &found {
                match (step, value) {
                    (Step::Children(names), Value::Map(map)) if at < leaf => {
                        budget.spend(names.len())?;
                        let map = map.entries.borrow();
                        next.extend(names.iter().filter_map(|name| map.get(name).cloned()));
                    }
                    _ => walk(step, root, value, &mut next, budget)?,
                }
            }
            found = next;
        }
        Ok(if definite { found.into_iter().next() } else { Some(Value::json_list(found)) })
    }

    /// What the path finds in a JSON document, as a text: itself for a text, else JSON. `None`: nothing or null, or the
    /// document is not JSON.
    #[must_use]
    pub fn first_text(&self, document: &str) -> Option<String> {
        struct Count(usize);
        impl Budget for Count {
            fn spend(&mut self, count: usize) -> Result<(), String> {
                self.0 = self.0.checked_sub(count).ok_or_else(String::new)?;
                Ok(())
            }
        }
        let left = std::cell::Cell::new(500_000);
        let root = crate::value::FromJson { left: &left }.read(document).ok()?;
        let found = self.find(&root, &root, &mut Count(500_000)).ok()??;
        match &found {
            Value::Null => None,
            Value::Text(text) => Some(text.to_string()),
            other => {
                let mut out = crate::text::Out::new(1 << 20, 500_000);
                out.json(other, 0).ok()?;
                Some(out.text)
            }
        }
    }
}

/// Whether a step leads to one value. Several names at the end make one map (Jayway's README, "multi-props").
fn is_definite(step: &Step, leaf: bool) -> bool {
    matches!(step, Step::Child(_) | Step::Index(_) | Step::Function(_))
        || (leaf && matches!(step, Step::Children(_)))
}

fn walk(
    step: &Step,
    root: &Value,
    value: &Value,
    out: &mut Vec<Value>,
    budget: &mut dyn Budget,
) -> Result<(), String> {
    budget.spend(1)?;
    match (step, value) {
        (Step::Child(name), Value::Map(map)) => out.extend(map.entries.borrow().get(name).cloned()),
        (Step::Children(names), Value::Map(map)) => {
            let map = map.entries.borrow();
            let mut some = Map::new();
            for name in names {
                if let Some(value) = map.get(name) {
                    some.insert(name.clone(), value.clone());
                }
            }
            out.push(Value::map(some));
        }
        (Step::Index(index), Value::List(list)) => out.extend(at(&list.items.borrow(), *index)),
        (Step::Indexes(indexes), Value::List(list)) => {
            out.extend(indexes.iter().filter_map(|i| at(&list.items.borrow(), *i)));
        }
        (Step::Slice(from, to), Value::List(list)) => {
            let items = list.items.borrow();
            let clamp = |n: i64| {
                let n = if n < 0 { n.saturating_add_unsigned(items.len() as u64) } else { n };
                usize::try_from(n).unwrap_or(0).min(items.len())
            };
            let (from, to) = (from.map_or(0, clamp), to.map_or(items.len(), clamp));
            let part = items.get(from..to).unwrap_or_default();
            budget.spend(part.len())?;
            out.extend_from_slice(part);
        }
        (Step::Wildcard, Value::List(list)) => {
            budget.spend(list.items.borrow().len())?;
            out.extend_from_slice(&list.items.borrow());
        }
        (Step::Wildcard, Value::Map(map)) => {
            budget.spend(map.entries.borrow().len())?;
            out.extend(map.entries.borrow().values().cloned());
        }
        (Step::Descend, _) => descend(value, out, budget)?,
        (Step::Filter(filter), Value::List(list)) => {
            for item in list.items.borrow().iter() {
                if filter::holds(filter, root, item, budget)? {
                    out.push(item.clone());
                }
            }
        }
        // Jayway tests an object itself.
        (Step::Filter(filter), Value::Map(_)) => {
            let own = filter::holds(filter, root, value, budget)?.then(|| value.clone());
            out.extend(own);
        }
        _ => {}
    }
    Ok(())
}

/// The value and everything below it, each before what it holds.
fn descend(value: &Value, out: &mut Vec<Value>, budget: &mut dyn Budget) -> Result<(), String> {
    let mut waiting = vec![value.clone()];
    while let Some(value) = waiting.pop() {
        budget.spend(1)?;
        match &value {
            Value::List(list) => waiting.extend(list.items.borrow().iter().rev().cloned()),
            Value::Map(map) => waiting.extend(map.entries.borrow().values().rev().cloned()),
            _ => continue,
        }
        out.push(value);
    }
    Ok(())
}

fn at(items: &[Value], index: i64) -> Option<Value> {
    let index = if index < 0 { index.checked_add_unsigned(items.len() as u64)? } else { index };
    items.get(usize::try_from(index).ok()?).cloned()
}

fn apply(function: Function, value: &Value) -> Option<Value> {
    match (function, value) {
        (Function::Length, Value::Text(text)) => Some(Value::count(text.encode_utf16().count())),
        (Function::Length, Value::Map(map)) => Some(Value::count(map.entries.borrow().len())),
        (Function::Keys, Value::Map(map)) => {
            Some(Value::json_list(map.entries.borrow().keys().cloned().map(Value::Text).collect()))
        }
        (function, Value::List(list)) => {
            let items = list.items.borrow();
            match function {
                Function::Length => return Some(Value::count(items.len())),
                Function::First => return items.first().cloned(),
                Function::Last => return items.last().cloned(),
                _ => {}
            }
            let numbers: Vec<f64> = items.iter().filter_map(Value::number).collect();
            let count = numbers.len() as f64;
            if numbers.is_empty() {
                return None;
            }
            let sum: f64 = numbers.iter().sum();
            let mean = sum / count;
            Some(Value::Double(match function {
                Function::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
                Function::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Function::Average => mean,
                Function::Sum => sum,
                Function::Deviation => {
                    (numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / count).sqrt()
                }
                _ => return None,
            }))
        }
        _ => None,
    }
}

/// Reads a path, also inside a filter.
pub(crate) struct Reader<'s> {
    pub text: &'s str,
    pub at: usize,
}

impl<'s> Reader<'s> {
    pub fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    pub fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("`{}` is no JSONPath: {what} at character {}", self.text, self.at + 1))
    }

    /// `bare`: the first name may stand without a dot.
    pub fn steps(&mut self, bare: bool) -> Result<Path, String> {
        let mut steps = Vec::new();
        let mut bare = bare;
        loop {
            if steps.len() > MAX_STEPS {
                return self.wrong("too many steps");
            }
            if self.eat("..") {
                steps.push(Step::Descend);
                if self.rest().starts_with('[') {
                    continue;
                }
            } else if self.eat(".") {
                if self.rest().starts_with('[') {
                    continue;
                }
            } else if self.rest().starts_with('[') {
                self.at += 1;
                let step = self.bracket()?;
                steps.push(step);
                bare = false;
                continue;
            } else if !bare {
                return Ok(Path { steps });
            }
            bare = false;
            steps.push(self.name()?);
        }
    }

    fn name(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Wildcard);
        }
        let rest = self.rest();
        let stop = |c: char| c.is_whitespace() || ".[]()=<>!&|,~".contains(c);
        let name = &rest[..rest.find(stop).unwrap_or(rest.len())];
        if name.is_empty() {
            return self.wrong("a name is missing");
        }
        self.at += name.len();
        if !self.eat("(") {
            return Ok(Step::Child(name.into()));
        }
        self.blanks();
        if !self.eat(")") {
            return self.wrong("functions with arguments are not supported");
        }
        Ok(Step::Function(match name {
            "length" | "size" => Function::Length,
            "min" => Function::Min,
            "max" => Function::Max,
            "avg" => Function::Average,
            "sum" => Function::Sum,
            "stddev" => Function::Deviation,
            "keys" => Function::Keys,
            "first" => Function::First,
            "last" => Function::Last,
            _ => return self.wrong(&format!("there is no function `{name}`")),
        }))
    }

    fn bracket(&mut self) -> Result<Step, String> {
        self.blanks();
        if self.eat("?") {
            self.blanks();
            if !self.eat("(") {
                return self.wrong("a filter is written [?(…)]");
            }
            let filter = filter::parse(self, 0)?;
            self.close(")")?;
            self.close("]")?;
            return Ok(Step::Filter(filter));
        }
        if self.eat("*") {
            self.close("]")?;
            return Ok(Step::Wildcard);
        }
        if self.rest().starts_with(['\'', '"']) {
            let mut names = vec![self.quoted()?];
            self.blanks();
            while self.eat(",") {
                self.blanks();
                names.push(self.quoted()?);
                self.blanks();
            }
            self.close("]")?;
            return Ok(match names.pop() {
                Some(name) if names.is_empty() => Step::Child(name),
                Some(last) => {
                    names.push(last);
                    Step::Children(names)
                }
                None => return self.wrong("a name is missing"),
            });
        }
        let first = self.integer()?;
        self.blanks();
        if self.eat(":") {
            let last = self.integer()?;
            self.close("]")?;
            return Ok(Step::Slice(first, last));
        }
        let Some(first) = first else { return self.wrong("a name, an index, `*` or a filter is missing") };
        let mut indexes = vec![first];
        while self.eat(",") {
            match self.integer()? {
                Some(index) => indexes.push(index),
                None => return self.wrong("an index is missing"),
            }
            self.blanks();
        }
        self.close("]")?;
        Ok(if indexes.len() == 1 { Step::Index(first) } else { Step::Indexes(indexes) })
    }

    pub fn close(&mut self, text: &str) -> Result<(), String> {
        self.blanks();
        if self.eat(text) { Ok(()) } else { self.wrong(&format!("`{text}` is missing")) }
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        self.blanks();
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let end = rest[sign..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| sign + n);
        if end == sign {
            return Ok(None);
        }
        self.at += end;
        match rest[..end].parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => self.wrong("the index is too large"),
        }
    }

    /// A text in single or double quotes; a backslash takes the next character as it is.
    pub fn quoted(&mut self) -> Result<Rc<str>, String> {
        let mut chars = self.rest().char_indices();
        let Some((_, quote @ ('\'' | '"'))) = chars.next() else { return self.wrong("a quote is missing") };
        let mut out = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.at += at + 1;
                return Ok(out.into());
            }
            match c {
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c => out.push(c),
            }
        }
        self.wrong("a text is not closed")
    }
}
