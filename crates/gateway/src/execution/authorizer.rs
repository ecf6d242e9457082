//! Lambda authorizers, compiled: where the client's identity is read, and which function judges it.

use regex::{Regex, RegexBuilder};

use super::call::MethodCall;
use super::mapping::{BackendAnswer, Source};
use super::uri::WithVariables;
use crate::model::Authorizer;

/// A Lambda authorizer of a deployment.
pub(super) struct LambdaAuthorizer {
    pub id: String,
    pub name: String,
    /// `TOKEN`, else `REQUEST`.
    pub token: bool,
    pub sources: Vec<IdentitySource>,
    /// Over the token; `None` when every token is shown to the function.
    pub validation: Option<Regex>,
    pub uri: WithVariables,
    pub credentials: Option<WithVariables>,
    /// For how long an answer is kept; 0: not at all.
    pub ttl_ms: i64,
}

/// One mapping expression of `identitySource`.
#[derive(Debug, PartialEq)]
pub(super) struct IdentitySource {
    text: String,
    source: Source,
}

/// Bytes of a compiled `identityValidationExpression`; matching takes linear time.
const EXPRESSION: usize = 1 << 20;
/// Identity sources of one authorizer.
const SOURCES: usize = 32;

impl LambdaAuthorizer {
    /// # Errors
    /// What is wrong with the configuration, for the execution log.
    pub fn compile(stored: &Authorizer) -> Result<Self, String> {
        let sources = stored.identity_source.as_deref().unwrap_or_default().split(',').map(str::trim);
        let sources: Result<Vec<IdentitySource>, String> =
            sources.filter(|s| !s.is_empty()).take(SOURCES).map(IdentitySource::parse).collect();
        let uri = stored.authorizer_uri.as_deref().filter(|uri| !uri.is_empty());
        // AWS calls the function for tokens that the expression matches as a whole (reasoning: Java's `matches`).
        let expression = stored.identity_validation_expression.as_deref().filter(|e| !e.is_empty());
        let validation = expression
            .map(|e| RegexBuilder::new(&format!("^(?:{e})$")).size_limit(EXPRESSION).build())
            .transpose()
            .map_err(|e| {
                format!("the identity validation expression of authorizer {} is invalid: {e}", stored.id)
            })?;
        let sources = sources?;
        // An answer that is about nobody in particular is kept for nobody.
        let ttl_s = match sources.is_empty() {
            true => 0,
            false => stored.authorizer_result_ttl_in_seconds.unwrap_or(300),
        };
        Ok(Self {
            id: stored.id.clone(),
            name: stored.name.clone(),
            token: stored.kind == "TOKEN",
            sources,
            validation,
            uri: WithVariables::parse(
                uri.ok_or_else(|| format!("the authorizer {} has no authorizerUri", stored.id))?,
            ),
            credentials: stored
                .authorizer_credentials
                .as_deref()
                .filter(|c| !c.is_empty())
                .map(WithVariables::parse),
            ttl_ms: i64::from(ttl_s) * 1000,
        })
    }

    /// The values of the identity sources, or the first expression that has none.
    pub fn identity(&self, call: &MethodCall<'_>) -> Result<Vec<String>, &IdentitySource> {
        self.sources.iter().map(|s| s.value(call).ok_or(s)).collect()
    }
}

impl IdentitySource {
    /// # Errors
    /// The expression is none of those that an identity may come from (API reference, CreateAuthorizer).
    pub fn parse(text: &str) -> Result<Self, String> {
        let source = Source::parse(text).filter(|source| {
            matches!(
                source,
                Source::Header(..) | Source::Query(..) | Source::StageVariable(_) | Source::Context(_)
            )
        });
        let source = source.ok_or_else(|| format!("`{text}` is no identity source"))?;
        Ok(Self { text: text.to_owned(), source })
    }

    /// The value for a call, unless it is empty.
    pub fn value(&self, call: &MethodCall<'_>) -> Option<String> {
        self.source.value(call, &BackendAnswer::default()).filter(|value| !value.is_empty())
    }
}

impl std::fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_sources_are_those_that_are_documented() {
        for text in [
            "method.request.header.Authorization",
            "method.request.multivalueheader.X",
            "method.request.querystring.q",
            "method.request.multivaluequerystring.q",
            "stageVariables.v",
            "context.identity.sourceIp",
        ] {
            assert_eq!(IdentitySource::parse(text).unwrap().to_string(), text);
        }
        for text in ["method.request.body", "Authorization", "method.request.path.x", "'text'"] {
            assert!(IdentitySource::parse(text).unwrap_err().contains(text), "{text}");
        }
    }
}
