//! Principals of trust policies: checked and turned into unique ids when saved, shown as ARNs while they exist.
//!
//! User Guide, reference_policies_elements_principal: a user or role ARN in Principal is turned into the unique id
//! when the policy is saved; after the entity is deleted the policy shows the id and matches nobody, also when an
//! entity of the same name is made again. Conditions are left alone.

use std::collections::BTreeMap;
use std::ops::Range;

use arn::{AccountId, Arn};

use crate::IAM;
use crate::error::{Fail, malformed};
use crate::model::{Entity, Kind, Owner};
use crate::names::{self, Read};

/// A value of a Principal element.
struct Named {
    /// `AWS`, `Service`, `Federated`, …; empty for a bare string.
    class: String,
    value: String,
    /// The JSON string with its quotes.
    at: Range<usize>,
}

/// Checks the principals of a trust policy that comes in, and returns the unique ids of the users and roles named.
pub(crate) fn resolve(store: &impl Read, document: &str) -> Result<BTreeMap<String, String>, Fail> {
    let mut ids = BTreeMap::new();
    for named in principals(document) {
        let known = match named.class.as_str() {
            // Only as `{"AWS": "*"}`, although the two mean the same (recorded: aws/aws-cdk#5732; the Terraform provider
            // keeps the two apart for that reason).
            "" if named.value == "*" => {
                return Err(malformed("AssumeRolepolicy contained an invalid principal: \"STAR\":\"*\"."));
            }
            "" => false,
            "AWS" => match aws_principal(store, &named.value)? {
                Resolved::Id(id) => {
                    ids.insert(named.value.clone(), id);
                    true
                }
                Resolved::Plain => true,
                Resolved::Unknown => false,
            },
            "Service" => is_service(&named.value),
            // As widely reported. Whether the provider exists is not looked at [reasoned: no report says so].
            "Federated" if !is_provider(&named.value) => {
                return Err(malformed(
                    "Federated principals must be valid domain names or SAML metadata ARNs",
                ));
            }
            // Only S3 knows these (User Guide, reference_policies_elements_principal).
            "CanonicalUser" => false,
            _ => true,
        };
        if !known {
            let class = if named.class == "AWS" { "AWS".to_owned() } else { named.class.to_uppercase() };
            return Err(malformed(format!("Invalid principal in policy: \"{class}\":\"{}\"", named.value)));
        }
    }
    Ok(ids)
}

/// The document as AWS shows and evaluates it now: each user and role by its present ARN, or by its unique id when it
/// is gone.
pub(crate) fn current(
    store: &impl Read,
    document: &str,
    ids: &BTreeMap<String, String>,
) -> Result<String, Fail> {
    if ids.is_empty() {
        return Ok(document.to_owned());
    }
    let mut out = String::with_capacity(document.len());
    let mut from = 0;
    for named in principals(document) {
        let Some(id) = ids.get(&named.value) else { continue };
        let shown = by_id(store, id)?.map_or_else(|| id.clone(), |entity| entity.arn);
        out.push_str(document.get(from..named.at.start).unwrap_or_default());
        out.push_str(&serde_json::Value::String(shown).to_string());
        from = named.at.end;
    }
    out.push_str(document.get(from..).unwrap_or_default());
    Ok(out)
}

/// The document with every account that is named by its twelve digits named by the ARN of its root user, as IAM stores it:
/// the two mean the same (UG reference_policies_elements_principal; HashiCorp's awspolicyequivalence takes them for equal
/// because AWS converts the one into the other).
pub(crate) fn with_accounts_as_arns(document: &str, partition: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut from = 0;
    for named in principals(document) {
        let Some(account) = AccountId::new(&named.value).ok().filter(|_| named.class == "AWS") else {
            continue;
        };
        out.push_str(document.get(from..named.at.start).unwrap_or_default());
        out.push_str(&format!("\"arn:{partition}:iam::{account}:root\""));
        from = named.at.end;
    }
    out.push_str(document.get(from..).unwrap_or_default());
    out
}

/// What a value under `AWS` stands for.
pub(crate) enum Resolved {
    /// A user or role that exists: its unique id.
    Id(String),
    /// An account, a session, everybody: nothing to turn into an id.
    Plain,
    /// Nothing of that name.
    Unknown,
}

/// Looks up a value under `AWS`.
pub(crate) fn aws_principal(store: &impl Read, value: &str) -> Result<Resolved, Fail> {
    if value == "*" || AccountId::new(value).is_ok() {
        return Ok(Resolved::Plain);
    }
    if value.starts_with("AROA") || value.starts_with("AIDA") {
        return Ok(match by_id(store, value)? {
            Some(entity) => Resolved::Id(entity.id),
            None => Resolved::Unknown,
        });
    }
    let Ok(arn) = Arn::parse(value) else { return Ok(Resolved::Unknown) };
    let Ok(account) = AccountId::new(&arn.account) else { return Ok(Resolved::Unknown) };
    match (arn.service.as_str(), arn.resource.as_str()) {
        ("iam", "root") => Ok(Resolved::Plain),
        ("iam", resource) => {
            let kind = match resource.split('/').next() {
                Some("role") => Kind::Role,
                Some("user") => Kind::User,
                _ => return Ok(Resolved::Unknown),
            };
            Ok(match by_arn(store, &account, kind, value)? {
                Some(entity) => Resolved::Id(entity.id),
                None => Resolved::Unknown,
            })
        }
        // Sessions come and go: their names are not checked.
        ("sts", resource)
            if resource.starts_with("assumed-role/") || resource.starts_with("federated-user/") =>
        {
            Ok(Resolved::Plain)
        }
        _ => Ok(Resolved::Unknown),
    }
}

/// The user or role with this ARN, its path included.
pub(crate) fn by_arn(
    store: &impl Read,
    account: &AccountId,
    kind: Kind,
    arn: &str,
) -> Result<Option<Entity>, Fail> {
    let found: Option<Entity> = store.one(IAM, &names::entity(account, kind, names::last_segment(arn)))?;
    Ok(found.filter(|entity| entity.arn == arn))
}

/// The user, group or role with this unique id.
pub(crate) fn by_id(store: &impl Read, id: &str) -> Result<Option<Entity>, Fail> {
    let Some(owner) = store.one::<Owner>(IAM, &names::id(id))? else { return Ok(None) };
    let Ok(account) = AccountId::new(&owner.account) else { return Ok(None) };
    Ok(store.one(IAM, &names::entity(&account, owner.kind, &owner.name))?)
}

/// Host names of services. AWS knows its list; here the form decides.
fn is_service(host: &str) -> bool {
    let known_end = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"]
        .iter()
        .any(|end| host.strip_suffix(end).is_some_and(|name| !name.is_empty()));
    known_end && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

/// ARNs of identity providers, and host names of those that AWS knows by itself.
fn is_provider(text: &str) -> bool {
    if let Ok(arn) = Arn::parse(text) {
        let named = ["oidc-provider/", "saml-provider/"]
            .iter()
            .any(|kind| arn.resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
        return arn.service == "iam" && AccountId::new(&arn.account).is_ok() && named;
    }
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.contains('.') && text.split('.').all(label)
}

/// An object or array that the scanner is inside of.
struct Frame {
    object: bool,
    key: Option<String>,
}

/// Every string in a Principal or NotPrincipal element. The document is valid JSON: `policy` has parsed it.
fn principals(document: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut stack: Vec<Frame> = Vec::new();
    let bytes = document.as_bytes();
    let mut i = 0;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'{' => stack.push(Frame { object: true, key: None }),
            b'[' => stack.push(Frame { object: false, key: None }),
            b'}' | b']' => {
                stack.pop();
            }
            b',' => {
                if let Some(frame) = stack.last_mut() {
                    frame.key = None;
                }
            }
            b'"' => {
                let end = string_end(bytes, i);
                let text = document.get(i..end).unwrap_or_default();
                let value: String = serde_json::from_str(text).unwrap_or_default();
                match stack.last_mut() {
                    Some(frame) if frame.object && frame.key.is_none() => frame.key = Some(value),
                    _ => {
                        if let Some(class) = class(&stack) {
                            found.push(Named { class, value, at: i..end });
                        }
                    }
                }
                i = end;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// The offset after the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut i = start + 1;
    while let Some(byte) = bytes.get(i) {
        match byte {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The key below Principal, when the scanner is in one.
fn class(stack: &[Frame]) -> Option<String> {
    let keys: Vec<&str> = stack.iter().filter_map(|frame| frame.key.as_deref()).collect();
    let at = keys.iter().position(|key| matches!(*key, "Principal" | "NotPrincipal"))?;
    Some(keys.get(at + 1).map(|key| (*key).to_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_found_and_conditions_are_not() {
        let document = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:user/a","222222222222"],
             "Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole",
             "Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/a"}}},
            {"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}"#;
        let found: Vec<(String, String)> =
            principals(document).into_iter().map(|n| (n.class, n.value)).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            found,
            [
                pair("AWS", "arn:aws:iam::111111111111:user/a"),
                pair("AWS", "222222222222"),
                pair("Service", "lambda.amazonaws.com"),
                pair("", "*"),
            ]
        );
    }

    #[test]
    fn federated_principals_are_providers() {
        for good in [
            "arn:aws:iam::111111111111:oidc-provider/token.example.com/x",
            "arn:aws:iam::111111111111:saml-provider/crew",
            "cognito-identity.amazonaws.com",
            "accounts.google.com",
        ] {
            assert!(is_provider(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "google",
            "arn:aws:iam::111111111111:role/x",
            "arn:aws:iam::aws:saml-provider/x",
            "a..b",
            "a b.c",
        ] {
            assert!(!is_provider(bad), "{bad}");
        }
    }

    #[test]
    fn service_principals_are_host_names() {
        for good in ["lambda.amazonaws.com", "edgelambda.amazonaws.com", "alexa-appkit.amazon.com"] {
            assert!(is_service(good), "{good}");
        }
        for bad in ["lambda", ".amazonaws.com", "lambda.amazonaws.com.evil", "la mbda.amazonaws.com"] {
            assert!(!is_service(bad), "{bad}");
        }
    }
}
