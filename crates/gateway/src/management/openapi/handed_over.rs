//! What a document brings that bears on whether it may be imported: roles and a policy, which take permissions of their
//! own, and the values of condition keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::authorizers::{authorizers, of_method};
use super::document::Document;
use super::import::VERBS;
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
    /// The values of `apigateway:Request/…` keys, which for a document are lists (Service Authorization Reference, the
    /// keys' own words: "also available as a collection during import").
    pub keys: BTreeMap<&'static str, BTreeSet<String>>,
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
    Ok(HandedOver { roles, policy, keys: keys(&document) })
}

fn keys(document: &Document) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut keys: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    let mut add = |key, value: &str| keys.entry(key).or_default().insert(value.to_owned());
    let mut ids = BTreeMap::new();
    for (name, step) in authorizers(document, "") {
        let kind = step.text("type").unwrap_or_default().to_owned();
        add("AuthorizerType", &kind);
        if let Some(uri) = step.text("authorizerUri") {
            add("AuthorizerUri", uri);
        }
        ids.insert(name, (String::new(), kind));
    }
    for item in document.members("paths").into_iter().flat_map(|paths| paths.values()) {
        let Ok(item) = document.resolve(item) else { continue };
        for operation in VERBS.iter().filter_map(|(member, _)| item.get(member)?.as_object()) {
            let method = of_method(document, operation, &ids);
            add(
                "RouteAuthorizationType",
                method.get("authorizationType").and_then(Value::as_str).unwrap_or("NONE"),
            );
            let key = method.get("apiKeyRequired").and_then(Value::as_bool).unwrap_or(false);
            add("ApiKeyRequired", &key.to_string());
        }
    }
    keys
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
    fn condition_keys_are_those_of_every_method_and_authorizer() {
        let document = r##"{"swagger":"2.0","info":{"title":"t","version":"1"},
            "securityDefinitions":{"key":{"type":"apiKey","name":"x-api-key","in":"header"},
                "iam":{"type":"apiKey","x-amazon-apigateway-authtype":"awsSigv4"},
                "own":{"type":"apiKey","name":"A","x-amazon-apigateway-authorizer":{"type":"token","authorizerUri":"uri"}}},
            "paths":{"/a":{"get":{"security":[{"iam":[]}]},"post":{"security":[{"own":[]},{"key":[]}]}},"/b":{"get":{}}}}"##;
        let keys = handed_over(document.as_bytes()).unwrap().keys;
        let of = |key: &str| keys[key].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("RouteAuthorizationType"), ["AWS_IAM", "CUSTOM", "NONE"]);
        assert_eq!(of("ApiKeyRequired"), ["false", "true"]);
        assert_eq!((of("AuthorizerType"), of("AuthorizerUri")), (vec!["TOKEN"], vec!["uri"]));
    }

    #[test]
    fn more_roles_than_methods_are_refused() {
        let roles: Vec<_> = (0..=MAX_ROLES).map(|n| format!(r#"{{"credentials":"{n}"}}"#)).collect();
        let document = format!(r#"{{"swagger":"2.0","x-roles":[{}]}}"#, roles.join(","));
        assert!(handed_over(document.as_bytes()).is_err());
    }
}
