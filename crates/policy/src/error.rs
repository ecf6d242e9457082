use std::fmt;

use crate::Span;

/// A policy document that AWS would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedPolicy {
    /// AWS's text where one is recorded, for example `Syntax errors in policy.`; it belongs to the code
    /// `MalformedPolicyDocument` (400) in IAM.
    pub message: String,
    /// Where in the document.
    pub span: Span,
    /// What exactly is wrong and what to write instead, in our words.
    pub help: String,
}

impl MalformedPolicy {
    pub(crate) fn new(message: impl Into<String>, span: Span, help: impl Into<String>) -> Self {
        Self { message: message.into(), span, help: help.into() }
    }

    pub(crate) fn syntax(span: Span, help: impl Into<String>) -> Self {
        Self::new("Syntax errors in policy.", span, help)
    }
}

impl fmt::Display for MalformedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MalformedPolicy {}
