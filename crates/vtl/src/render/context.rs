//! `$context`, and what a template assigns to it.

use std::rc::Rc;

use serde_json::Value as Json;

use super::Engine;
use crate::value::{Map, Value, from_document};

/// Assignments to `$context.requestOverride.*` and `$context.responseOverride.*`. Values are JSON: a header may have been
/// given a text, a number or a list of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `requestOverride.header`
    pub request_header: Vec<(String, Json)>,
    /// `requestOverride.querystring`
    pub request_querystring: Vec<(String, Json)>,
    /// `requestOverride.path`
    pub request_path: Vec<(String, Json)>,
    /// `responseOverride.header`
    pub response_header: Vec<(String, Json)>,
    /// `responseOverride.status`
    pub response_status: Option<Json>,
}

impl Engine<'_> {
    /// `$context`, with the places that templates assign to.
    pub(super) fn context(&mut self) -> Value {
        if let Some(known) = &self.context {
            return known.clone();
        }
        let mut entries: Map =
            self.scope.context().into_iter().map(|(k, v)| (k.into(), from_document(v))).collect();
        let places = |names: &[&str]| {
            Value::map(names.iter().map(|n| (Rc::from(*n), Value::map(Map::new()))).collect())
        };
        // A scope may have what an earlier template assigned.
        entries.entry("requestOverride".into()).or_insert_with(|| places(&["header", "querystring", "path"]));
        entries.insert("responseOverride".into(), places(&["header"]));
        let value = Value::map(entries);
        self.context = Some(value.clone());
        value
    }

    pub(super) fn overrides(&mut self) -> Overrides {
        let Some(context) = self.context.take() else { return Overrides::default() };
        let child = |of: &Value, name: &str| match of {
            Value::Map(map) => map.entries.borrow().get(name).cloned().unwrap_or_default(),
            _ => Value::Null,
        };
        let mut read = |of: &Value| -> Option<Json> {
            if of.is_null() {
                return None;
            }
            // What cannot be written is not there; it is bounded like everything else.
            let text = self.json(of).ok()?;
            serde_json::from_str(&text).ok()
        };
        let mut entries = |of: &Value| match of {
            Value::Map(map) => {
                let map = map.entries.borrow();
                map.iter().filter_map(|(k, v)| Some((k.to_string(), read(v)?))).collect()
            }
            _ => Vec::new(),
        };
        let (request, response) = (child(&context, "requestOverride"), child(&context, "responseOverride"));
        let (request_header, request_querystring, request_path, response_header) = (
            entries(&child(&request, "header")),
            entries(&child(&request, "querystring")),
            entries(&child(&request, "path")),
            entries(&child(&response, "header")),
        );
        let response_status = read(&child(&response, "status"));
        Overrides { request_header, request_querystring, request_path, response_header, response_status }
    }
}
