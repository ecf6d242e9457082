use std::sync::Arc;

use crate::{MalformedPolicy, PolicyKind};

/// A policy, compiled, with the name that an explanation calls it by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// For example `arn:aws:iam::222222222222:policy/deploy`, `inline policy "invoke" of role "apigw-exec"`,
    /// `policy of function account-b-lambda`.
    pub name: String,
    /// The text, as stored.
    pub text: Arc<str>,
    /// What it is attached to.
    pub kind: PolicyKind,
}

impl Policy {
    /// Reads and compiles a stored policy. Tolerant where AWS evaluates what it would no longer accept
    /// (Version 2008-10-17 or none): use [`validate`] on documents that come in.
    ///
    /// # Errors
    /// [`MalformedPolicy`] when the text cannot be a policy of this kind.
    pub fn parse(_name: impl Into<String>, _text: &str, _kind: PolicyKind) -> Result<Self, MalformedPolicy> {
        todo!()
    }
}

/// Checks a document that comes in, in AWS's order of checks and with AWS's texts.
///
/// # Errors
/// [`MalformedPolicy`] with the first text that AWS would answer.
pub fn validate(_text: &str, _kind: PolicyKind) -> Result<(), MalformedPolicy> {
    todo!()
}
