//! `$input`.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::jsonpath::Path;
use crate::render::{Done, Engine, Halt};
use crate::scope::Place;
use crate::value::{FromJson, Map, Value};

/// What has been read of the request so far.
#[derive(Default)]
pub(crate) struct Input {
    body: Option<Value>,
    parameters: Option<Value>,
    paths: HashMap<Rc<str>, Rc<Path>>,
}

impl Engine<'_> {
    pub fn input_property(&mut self, name: &str) -> Done<Value> {
        match name {
            "body" => self.body_text(),
            _ => Ok(Value::Null),
        }
    }

    pub fn input_method(&mut self, name: &str, arguments: &[Value]) -> Done<Value> {
        match (name, arguments) {
            ("path", [path]) => {
                let path = self.java(path)?;
                Ok(self.find(&path)?.unwrap_or_default())
            }
            ("json", [path]) => {
                let path = self.java(path)?;
                match self.find(&path)? {
                    // Published by many: a member that is missing is an empty text.
                    None => self.new_text("\"\""),
                    Some(found) => Ok(Value::Text(self.json(&found)?)),
                }
            }
            ("params", []) => self.parameters(),
            ("params", [name]) => {
                let name = self.java(name)?;
                self.parameter(&name)
            }
            ("body" | "getBody", []) => self.body_text(),
            _ => Ok(Value::Null),
        }
    }

    fn body_text(&mut self) -> Done<Value> {
        let body = self.scope().body();
        self.new_text(if body.is_empty() { "{}" } else { body })
    }

    fn body(&mut self) -> Done<Value> {
        if let Some(body) = &self.input.body {
            return Ok(body.clone());
        }
        let text = self.scope().body();
        let body = self.parse(if text.trim().is_empty() { "{}" } else { text })?;
        self.input.body = Some(body.clone());
        Ok(body)
    }

    /// A text that is no JSON is a text (AWS's parser is lenient; reasoning).
    pub fn parse(&mut self, text: &str) -> Done<Value> {
        self.charge(text.len())?;
        let left = Cell::new(self.steps_left());
        let read = FromJson { left: &left }.read(text);
        self.step(self.steps_left() - left.get())?;
        match read {
            Ok(value) => Ok(value),
            Err(e) if e.is_data() => Err(Halt(format!("the JSON holds too many values: {e}"))),
            Err(e) if e.to_string().starts_with("recursion limit") => {
                Err(Halt("the JSON is nested more than 127 levels deep".to_owned()))
            }
            Err(_) => Ok(Value::text(text)),
        }
    }

    fn find(&mut self, path: &Rc<str>) -> Done<Option<Value>> {
        let parsed = match self.input.paths.get(path) {
            Some(parsed) => parsed.clone(),
            None => {
                self.step(path.len())?;
                let parsed = Rc::new(Path::parse(path).map_err(Halt)?);
                if self.input.paths.len() < 256 {
                    self.input.paths.insert(path.clone(), parsed.clone());
                }
                parsed
            }
        };
        let body = self.body()?;
        let found = parsed.find(&body, &body, self).map_err(Halt)?;
        // Null in the body is null in the template, which is no value.
        Ok(found.filter(|_| parsed.is_definite() || !matches!(body, Value::Text(_))))
    }

    /// All parameters by place, in the order of published results.
    fn parameters(&mut self) -> Done<Value> {
        if let Some(known) = &self.input.parameters {
            return Ok(known.clone());
        }
        let mut all = Map::new();
        for (name, place) in
            [("path", Place::Path), ("querystring", Place::QueryString), ("header", Place::Header)]
        {
            let values = self.scope().parameters(place);
            self.step(values.len())?;
            let values = values.into_iter().map(|(k, v)| (k.into(), Value::Text(v.into()))).collect();
            all.insert(name.into(), Value::map(values));
        }
        let all = Value::map(all);
        self.input.parameters = Some(all.clone());
        Ok(all)
    }

    /// Path, query, header, in this order; empty when there is none.
    fn parameter(&mut self, name: &str) -> Done<Value> {
        let Value::Map(all) = self.parameters()? else { return Ok(Value::Null) };
        for (place, values) in all.entries.borrow().iter() {
            let Value::Map(values) = values else { continue };
            let values = values.entries.borrow();
            if let Some(value) = values.get(name) {
                return Ok(value.clone());
            }
            if &**place == "header"
                && let Some((_, value)) = values.iter().find(|(k, _)| k.eq_ignore_ascii_case(name))
            {
                return Ok(value.clone());
            }
        }
        self.new_text("")
    }
}
