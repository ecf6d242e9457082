//! Resource policies: stored and described. They let services of AWS write into groups; the services that write here
//! (Lambda and API Gateway) do so by roles of their own, so that no decision asks for these policies.

use policy::PolicyKind;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use crate::fail::{Fail, Result, invalid, limit_exceeded};
use crate::model::RESOURCE_POLICIES;
use crate::names::group_key;
use crate::shelf;

/// Resource policies of an account in a region (PutResourcePolicy, API Reference).
const MAX_POLICIES: usize = 10;
/// Characters of a policy document (same page).
const MAX_DOCUMENT: usize = 5120;

/// A policy of the account has a name, a policy of a resource its ARN.
fn key(call: &Call) -> Result<(String, &'static str)> {
    let all = group_key(call.account, &call.region, "");
    match (call.text("policyName"), call.text("resourceArn")) {
        (_, Some(arn)) => Ok((format!("{all}resource:{arn}"), "RESOURCE")),
        (Some(name), None) => Ok((format!("{all}account:{name}"), "ACCOUNT")),
        // The API Reference wants one of them; its text is not recorded.
        (None, None) => Err(invalid("Either policyName or resourceArn must be provided.")),
    }
}

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    let (key, scope) = key(call)?;
    let document = call.text("policyDocument").ok_or_else(|| invalid("policyDocument must be provided."))?;
    if document.len() > MAX_DOCUMENT {
        return Err(invalid(format!(
            "policyDocument has {} characters, where {MAX_DOCUMENT} are allowed.",
            document.len()
        )));
    }
    // That a malformed document is refused is recorded for other services; this text is the parser's.
    policy::validate(document, PolicyKind::Resource)
        .map_err(|e| invalid(format!("Invalid policyDocument: {e}")))?;
    let mut policy = shelf::members(call, &["policyName", "policyDocument", "resourceArn"]);
    policy.insert("policyScope".to_owned(), scope.into());
    policy.insert("lastUpdatedTime".to_owned(), call.now_ms.into());
    store.write(|writer| {
        let before: Option<Map<String, Value>> = writer.get(RESOURCE_POLICIES, &key)?;
        if scope == "RESOURCE" {
            revision(call, before.as_ref())?;
            policy.insert("revisionId".to_owned(), call.request_id.as_str().into());
        } else if before.is_none() {
            let prefix = format!("{}account:", group_key(call.account, &call.region, ""));
            let there: Vec<(String, Value)> = writer.list(RESOURCE_POLICIES, &prefix, None, usize::MAX)?;
            if there.len() >= MAX_POLICIES {
                return Err(limit_exceeded());
            }
        }
        writer.put(RESOURCE_POLICIES, &key, &policy)?;
        let mut output = json!({ "resourcePolicy": policy });
        if let Some(revision) = policy.get("revisionId") {
            output["revisionId"] = revision.clone();
        }
        Ok(output.into())
    })
}

/// A policy of a resource is replaced by whoever knows its revision (API Reference, expectedRevisionId).
fn revision(call: &Call, before: Option<&Map<String, Value>>) -> Result<()> {
    let now = before.map(|policy| shelf::text(policy, "revisionId"));
    match (call.text("expectedRevisionId"), now) {
        (None, _) => Ok(()),
        (Some(expected), Some(now)) if expected == now => Ok(()),
        // The code is in the model; the text is not recorded.
        _ => Err(Fail::from(ApiError::new(
            "OperationAbortedException",
            400,
            "The policy was changed since: expectedRevisionId is not its revision.",
        ))),
    }
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let all = group_key(call.account, &call.region, "");
    let start = match (call.text("resourceArn"), call.text("policyScope")) {
        (Some(arn), _) => format!("{all}resource:{arn}"),
        (None, Some("RESOURCE")) => format!("{all}resource:"),
        // Without a scope the account's are shown (API Reference).
        (None, _) => format!("{all}account:"),
    };
    let found: Vec<(String, Map<String, Value>)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(RESOURCE_POLICIES, &start, None, usize::MAX)?))?;
    let exact = call.text("resourceArn").is_some();
    shelf::page(call, "resourcePolicies", found.into_iter().filter(|(key, _)| !exact || *key == start), 50)
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let (key, scope) = key(call)?;
    store.write(|writer| {
        if scope == "RESOURCE" {
            revision(call, writer.get(RESOURCE_POLICIES, &key)?.as_ref())?;
        }
        if writer.delete(RESOURCE_POLICIES, &key)? {
            return Ok(Reply::empty());
        }
        // Recorded: test_delete_resource_policy_not_found.
        let name = call.text("policyName").or_else(|| call.text("resourceArn")).unwrap_or_default();
        Err(shelf::missing(format!("Policy with name [{name}] does not exist.")))
    })
}
