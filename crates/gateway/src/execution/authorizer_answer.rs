//! What a Lambda authorizer answers.

use std::sync::Arc;

use policy::{Policy, PolicyKind};
use serde_json::{Map, Value};

/// Who an authorizer says that the client is: `requestContext.authorizer` and `$context.authorizer.*`.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// `None` for user pools.
    pub principal_id: Option<String>,
    /// Of a Lambda authorizer; every value is a text by now.
    pub context: Vec<(String, String)>,
    /// Of a user pool's token.
    pub claims: Vec<(String, String)>,
    /// The API key that the call counts for, when the API's keys come from the authorizer.
    pub usage_key: Option<String>,
    /// Milliseconds; 0 when the answer was kept from before.
    pub latency_ms: u64,
}

/// An answer that may be kept.
#[derive(Debug)]
pub(super) struct Answer {
    pub identity: Arc<Identity>,
    pub policy: Arc<Policy>,
    /// As the function wrote it.
    pub policy_text: String,
}

/// Reads `{principalId, policyDocument, context, usageIdentifierKey}` (guide, "Output from a Lambda authorizer").
///
/// # Errors
/// What is wrong with it, as AWS's log says it where that is published.
pub(super) fn parse(payload: &[u8], authorizer: &str) -> Result<Answer, String> {
    let value: Value =
        serde_json::from_slice(payload).map_err(|e| format!("Invalid JSON in response: {e}"))?;
    let Value::Object(members) = value else {
        return Err("Invalid JSON in response: the answer is no object".to_owned());
    };
    let known = ["principalId", "policyDocument", "context", "usageIdentifierKey"];
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        // Published logs, with AWS's blank.
        return Err(format!(
            "Invalid JSON in response: Unrecognized field \"{name}\" , not marked as ignorable"
        ));
    }
    let principal_id = match members.get("principalId") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err("the answer has no `principalId`, a text".to_owned()),
    };
    let Some(document @ Value::Object(_)) = members.get("policyDocument") else {
        return Err("the answer has no `policyDocument`, an object".to_owned());
    };
    let named = format!("policy that authorizer {authorizer} returned");
    let policy = Policy::parse(&named, &without_empty_grants(document).to_string(), PolicyKind::Identity)
        .map_err(|e| format!("`policyDocument` is no policy: {e}"))?;
    let context = match members.get("context") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(context)) => texts(context)?,
        Some(_) => return Err("`context` is no object".to_owned()),
    };
    let usage_key = members.get("usageIdentifierKey").and_then(Value::as_str).map(str::to_owned);
    let identity = Identity { principal_id: Some(principal_id), context, usage_key, ..Identity::default() };
    Ok(Answer { identity: Arc::new(identity), policy: Arc::new(policy), policy_text: document.to_string() })
}

/// The document without statements whose `Resource` is an empty list. Such a statement covers nothing, and an authorizer may
/// say so: AWS Chalice's authorizers refuse with it (its documentation, "Authorization": no routes, no access). IAM would not
/// store it, which is why `policy` does not read it.
fn without_empty_grants(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(Value::Array(statements)) = document.get_mut("Statement") {
        statements.retain(|s| !s.get("Resource").and_then(Value::as_array).is_some_and(Vec::is_empty));
    }
    document
}

/// Texts, numbers and truth values, all as texts (guide: "The returned values are all stringified. Notice that you
/// cannot set a JSON object or array").
fn texts(context: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let text = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(format!("`context.{name}` is no text, number or truth value, but {value}")),
        };
        Ok((name.clone(), text))
    };
    context.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]})
    }

    #[test]
    fn values_of_the_context_become_texts() {
        let answer = json!({"principalId": "u", "policyDocument": document(), "usageIdentifierKey": "k",
            "context": {"a": "x", "b": 1, "c": true, "d": 1.5}});
        let answer = parse(answer.to_string().as_bytes(), "id").unwrap();
        let identity = &answer.identity;
        let all: Vec<_> = identity.context.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(all, ["x", "1", "true", "1.5"]);
        assert_eq!(identity.principal_id.as_deref(), Some("u"));
        assert_eq!(identity.usage_key.as_deref(), Some("k"));
    }

    #[test]
    fn a_statement_about_no_resource_grants_nothing() {
        let mut document = document();
        document["Statement"][0]["Resource"] = json!([]);
        let answer =
            parse(json!({"principalId": "u", "policyDocument": document}).to_string().as_bytes(), "id")
                .unwrap();
        assert_eq!(answer.policy_text, document.to_string());
        assert_eq!(answer.policy.statement_count(), 0);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_the_reason() {
        for (answer, says) in [
            ("nonsense".to_owned(), "Invalid JSON in response"),
            ("[]".to_owned(), "no object"),
            (json!({"policyDocument": document()}).to_string(), "principalId"),
            (json!({"principalId": "u"}).to_string(), "policyDocument"),
            (json!({"principalId": "u", "policyDocument": {"Statement": 1}}).to_string(), "no policy"),
            (
                json!({"principalId": "u", "policyDocument": document(), "context": {"list": []}})
                    .to_string(),
                "context.list",
            ),
            (
                json!({"errorType": "Error"}).to_string(),
                "Unrecognized field \"errorType\" , not marked as ignorable",
            ),
        ] {
            let error = parse(answer.as_bytes(), "id").unwrap_err();
            assert!(error.contains(says), "{answer}: {error}");
        }
    }
}
