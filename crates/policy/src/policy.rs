use std::sync::Arc;

use crate::json::{self, MAX_TEXT};
use crate::statement::Statement;
use crate::{MalformedPolicy, PolicyKind, compile};

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
    pub(crate) statements: Arc<[Statement]>,
}

impl Policy {
    /// Reads and compiles a stored policy. Tolerant where AWS evaluates what it would no longer accept
    /// (Version 2008-10-17 or none): use [`validate`](crate::validate) on documents that come in.
    ///
    /// Every `Principal` etc. keeps its place in the text, so explanations can underline it.
    ///
    /// # Errors
    /// [`MalformedPolicy`] when the text cannot be a policy of this kind.
    pub fn parse(name: impl Into<String>, text: &str, kind: PolicyKind) -> Result<Self, MalformedPolicy> {
        let document = json::read(text, MAX_TEXT)?;
        let statements = compile::compile(&document, kind)?.into();
        Ok(Self { name: name.into(), text: text.into(), kind, statements })
    }

    /// How many statements the policy has.
    #[must_use]
    pub fn statement_count(&self) -> usize {
        self.statements.len()
    }

    /// Every value of every Principal and NotPrincipal with the key it stands under (`AWS`, `Service`, …; empty for
    /// the bare `"*"`), so that a service can look up whether the users and roles exist.
    pub fn principals(&self) -> impl Iterator<Item = (&str, &str)> {
        let elements = self.statements.iter().filter_map(|s| s.principal.as_ref());
        elements.flat_map(|p| p.named.iter().map(|n| (&*n.key, &*n.text)))
    }
}
