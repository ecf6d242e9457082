//! The policies of a case: documents in place, in strings and in files of their own.

use std::sync::Arc;

use super::CaseError;
use crate::json::{Json, Node};
use crate::validate::refusal;
use crate::{MalformedPolicy, Policy, PolicyKind, Span};

pub(super) type Load<'l> = &'l mut dyn FnMut(&str) -> Result<String, String>;

/// Reads the policies of one case.
pub(super) struct Policies<'a> {
    /// The case file.
    pub(super) text: &'a str,
    /// Answers the text of a policy given as `{"file": "path"}`.
    pub(super) load: Load<'a>,
    /// The case's name.
    pub(super) case: &'a str,
    /// What is probably not meant, gathered while reading.
    pub(super) warnings: Vec<String>,
}

impl Policies<'_> {
    pub(super) fn levels(
        &mut self,
        what: &str,
        node: &Node,
        kind: PolicyKind,
    ) -> Result<Vec<Vec<Arc<Policy>>>, CaseError> {
        if matches!(node.value, Json::Null) {
            return Ok(Vec::new());
        }
        let levels = node.items().iter().enumerate();
        levels.map(|(i, level)| self.list(&format!("{what} level {i}"), level, kind)).collect()
    }

    pub(super) fn list(
        &mut self,
        what: &str,
        node: &Node,
        kind: PolicyKind,
    ) -> Result<Vec<Arc<Policy>>, CaseError> {
        let items = node.items();
        let one = items.len() == 1;
        let present = items.iter().filter(|item| !matches!(item.value, Json::Null)).enumerate();
        present
            .map(|(i, item)| {
                let name = if one { what.to_owned() } else { format!("{what} {}", i + 1) };
                self.policy(name, item, kind).map(Arc::new)
            })
            .collect()
    }

    pub(super) fn at_most_one(
        &mut self,
        what: &str,
        node: &Node,
        kind: PolicyKind,
    ) -> Result<Option<Arc<Policy>>, CaseError> {
        let mut list = self.list(what, node, kind)?;
        if list.len() > 1 {
            let message = format!("{}: there is one {what} at most, not {}", self.case, list.len());
            return Err(CaseError { message, span: node.span });
        }
        Ok(list.pop())
    }

    fn policy(&mut self, name: String, node: &Node, kind: PolicyKind) -> Result<Policy, CaseError> {
        let wrong = |case: &str, name: &str, e: &MalformedPolicy, span| CaseError {
            message: format!("{case}: {name}: {} ({})", e.message, e.help),
            span,
        };
        if let Some(path) = node.get("file").filter(|_| node.get("Statement").is_none()) {
            let failed =
                |what: String| CaseError { message: format!("{}: {what}", self.case), span: node.span };
            let path = path.node.string().ok_or_else(|| failed("`file` is a path".to_owned()))?;
            let text = (self.load)(path).map_err(|e| failed(format!("{path}: {e}")))?;
            let policy =
                Policy::parse(path, &text, kind).map_err(|e| wrong(self.case, path, &e, node.span))?;
            self.warn(path, &text, kind);
            return Ok(policy);
        }
        // A document in the file keeps its own text; one in a string is that string.
        let text = node.string().unwrap_or_else(|| node.span.of(self.text));
        let policy = Policy::parse(name.clone(), text, kind).map_err(|e| {
            let inside = node.string().is_none();
            let span = match inside {
                true => Span::new(node.span.start + e.span.start, node.span.start + e.span.end),
                false => node.span,
            };
            wrong(self.case, &name, &e, span)
        })?;
        self.warn(&name, text, kind);
        Ok(policy)
    }

    /// A misspelt operator or a resource that is no ARN never matches: as a Deny, such a statement would pass for one
    /// that spares the request, and AWS would not have stored it.
    fn warn(&mut self, name: &str, text: &str, kind: PolicyKind) {
        if let Some(refusal) = refusal(text, kind) {
            self.warnings.push(format!("{name}: AWS refuses it: {} ({})", refusal.message, refusal.help));
        }
    }
}
