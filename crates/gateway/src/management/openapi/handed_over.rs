//! What a document hands over besides its methods, which takes permissions of its own: roles and a policy.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;
use crate::management::failure::{Failure, bad_request};

/// The most roles of a document: more than an API has methods (300 resources of nine at most).
const MAX_ROLES: usize = 3_000;

/// What ImportRestApi and PutRestApi hand over.
#[derive(Debug, Default)]
pub(in crate::management) struct HandedOver {
    /// The `credentials` of integrations and the `authorizerCredentials` of authorizers, as they stand there.
    pub roles: BTreeSet<String>,
    /// Whether the document brings the API's policy along.
    pub policy: bool,
}

/// Looks through all of the document, so that a reference to an integration somewhere else hides nothing. What is no
/// document hands over nothing: the import itself refuses it.
pub(in crate::management) fn handed_over(bytes: &[u8]) -> Result<HandedOver, Failure> {
    let Ok(document) = Document::read(bytes) else { return Ok(HandedOver::default()) };
    let policy = document.root.get("x-amazon-apigateway-policy").is_some();
    let mut roles = BTreeSet::new();
    collect(&document.root, &mut roles);
    if roles.len() > MAX_ROLES {
        let text = format!("The API definition has {} roles, the maximum is {MAX_ROLES}.", roles.len());
        return Err(bad_request(text));
    }
    Ok(HandedOver { roles, policy })
}

fn collect(value: &Value, roles: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if matches!(&**name, "credentials" | "authorizerCredentials") => {
                        roles.insert(text.clone());
                    }
                    member => collect(member, roles),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, roles)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_behind_references_and_in_authorizers() {
        let document = r##"{"swagger":"2.0","info":{"title":"t","version":"1"},
            "paths":{"/":{"get":{"x-amazon-apigateway-integration":{"$ref":"#/x-shared"}}}},
            "x-shared":{"type":"aws","\u0063redentials":"arn:aws:iam::222222222222:role/a"},
            "securityDefinitions":{"s":{"type":"apiKey","x-amazon-apigateway-authorizer":
                {"type":"token","authorizerCredentials":"arn:aws:iam::222222222222:role/b"}}},
            "x-amazon-apigateway-\u0070olicy":{}}"##;
        let found = handed_over(document.as_bytes()).unwrap();
        let roles: Vec<_> = found.roles.iter().map(|role| role.rsplit('/').next().unwrap()).collect();
        assert_eq!((roles, found.policy), (vec!["a", "b"], true));
        assert!(handed_over(b"no document").unwrap().roles.is_empty());
    }

    #[test]
    fn more_roles_than_methods_are_refused() {
        let roles: Vec<_> = (0..=MAX_ROLES).map(|n| format!(r#"{{"credentials":"{n}"}}"#)).collect();
        let document = format!(r#"{{"swagger":"2.0","x-roles":[{}]}}"#, roles.join(","));
        assert!(handed_over(document.as_bytes()).is_err());
    }
}
