//! Lambda authorizers, compiled: where the client's identity is read, and which function judges it.

use regex::{Regex, RegexBuilder};

use super::call::{MethodCall, Multi};
use super::uri::WithVariables;
use crate::model::Authorizer;

/// A Lambda authorizer of a deployment.
pub(super) struct LambdaAuthorizer {
    pub id: String,
    pub name: String,
    /// `TOKEN`, else `REQUEST`.
    pub token: bool,
    pub sources: Vec<Source>,
    /// Over the token; `None` when every token is shown to the function.
    pub validation: Option<Regex>,
    pub uri: WithVariables,
    pub credentials: Option<WithVariables>,
    /// For how long an answer is kept; 0: not at all.
    pub ttl_ms: i64,
}

/// One mapping expression of `identitySource` (API reference, CreateAuthorizer).
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    Header(String),
    MultiHeader(String),
    Query(String),
    MultiQuery(String),
    StageVariable(String),
    Context(String),
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
        let sources: Result<Vec<Source>, String> =
            sources.filter(|s| !s.is_empty()).take(SOURCES).map(Source::parse).collect();
        let uri = stored.authorizer_uri.as_deref().filter(|uri| !uri.is_empty());
        // AWS calls the function for tokens that the expression matches as a whole (reasoning: Java's `matches`).
        let expression = stored.identity_validation_expression.as_deref().filter(|e| !e.is_empty());
        let validation = expression
            .map(|e| RegexBuilder::new(&format!("^(?:{e})$")).size_limit(EXPRESSION).build())
            .transpose()
            .map_err(|e| {
                format!("the identity validation expression of authorizer {} is invalid: {e}", stored.id)
            })?;
        Ok(Self {
            id: stored.id.clone(),
            name: stored.name.clone(),
            token: stored.kind == "TOKEN",
            sources: sources?,
            validation,
            uri: WithVariables::parse(
                uri.ok_or_else(|| format!("the authorizer {} has no authorizerUri", stored.id))?,
            ),
            credentials: stored
                .authorizer_credentials
                .as_deref()
                .filter(|c| !c.is_empty())
                .map(WithVariables::parse),
            ttl_ms: i64::from(stored.authorizer_result_ttl_in_seconds.unwrap_or(300)) * 1000,
        })
    }

    /// The values of the identity sources, or the first expression that has none.
    pub fn identity(&self, call: &MethodCall<'_>) -> Result<Vec<String>, &Source> {
        self.sources.iter().map(|s| s.value(call).filter(|v| !v.is_empty()).ok_or(s)).collect()
    }
}

impl Source {
    /// # Errors
    /// The expression is none of those that CreateAuthorizer documents.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kinds: [(&str, fn(String) -> Self); 6] = [
            ("method.request.header.", Self::Header),
            ("method.request.multivalueheader.", Self::MultiHeader),
            ("method.request.querystring.", Self::Query),
            ("method.request.multivaluequerystring.", Self::MultiQuery),
            ("stageVariables.", Self::StageVariable),
            ("context.", Self::Context),
        ];
        kinds
            .iter()
            .find_map(|(prefix, of)| {
                let name = text.strip_prefix(prefix).filter(|n| !n.is_empty())?;
                Some(of(name.to_owned()))
            })
            .ok_or_else(|| format!("`{text}` is no identity source"))
    }

    pub fn value(&self, call: &MethodCall<'_>) -> Option<String> {
        match self {
            Self::Header(name) => call.request.header(name).map(str::to_owned),
            Self::MultiHeader(name) => joined(call.headers(None), |n| n.eq_ignore_ascii_case(name)),
            Self::Query(name) => {
                let query = call.query();
                let (_, values) = query.iter().find(|(n, _)| n == name)?;
                values.last().map(|v| v.clone().into_owned())
            }
            Self::MultiQuery(name) => joined(call.query(), |n| n == name),
            Self::StageVariable(name) => call.variables.get(name).cloned(),
            Self::Context(name) => context(name, call),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (prefix, name) = match self {
            Self::Header(name) => ("method.request.header.", name),
            Self::MultiHeader(name) => ("method.request.multivalueheader.", name),
            Self::Query(name) => ("method.request.querystring.", name),
            Self::MultiQuery(name) => ("method.request.multivaluequerystring.", name),
            Self::StageVariable(name) => ("stageVariables.", name),
            Self::Context(name) => ("context.", name),
        };
        write!(f, "{prefix}{name}")
    }
}

fn joined(of: Multi<'_>, is: impl Fn(&str) -> bool) -> Option<String> {
    let (_, values) = of.into_iter().find(|(n, _)| is(n))?;
    Some(values.join(","))
}

/// The context variables that are known before a call is let in.
fn context(name: &str, call: &MethodCall<'_>) -> Option<String> {
    let (request, api, route) = (call.request, &call.api.facts, &call.route.facts);
    let text = match name {
        "accountId" => &api.account,
        "apiId" => &api.api_id,
        "domainName" => &request.domain_name,
        "extendedRequestId" => &request.extended_request_id,
        "httpMethod" => &request.method,
        "identity.sourceIp" => &request.source_ip,
        "identity.userAgent" => call.user_agent()?,
        "identity.apiKey" => request.header("x-api-key")?,
        "path" => &call.context_path,
        "protocol" => &request.protocol,
        "requestId" => &request.request_id,
        "resourceId" => &route.resource_id,
        "resourcePath" => &route.resource_path,
        "stage" => call.stage,
        _ => return None,
    };
    Some(text.to_owned())
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
            assert_eq!(Source::parse(text).unwrap().to_string(), text);
        }
        for text in ["method.request.body", "Authorization", "stageVariables."] {
            assert!(Source::parse(text).unwrap_err().contains(text), "{text}");
        }
    }
}
