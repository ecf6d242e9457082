//! The kinds of SDKs that API Gateway generates. crossgate lists them, as deployment tools ask for them, and generates
//! none: `GetSdk` answers NotImplemented.

use serde_json::{Value, json};
use wire::{Call, Reply};

use super::failure::{Failure, not_found};
use super::page::page;

/// Id, friendly name, and properties (name, friendly name, whether it is required), in order of id. Source: developer
/// guide, "Generate SDKs for an API using API Gateway CLI commands".
type Kind = (&'static str, &'static str, &'static [(&'static str, &'static str, bool)]);

const KINDS: &[Kind] = &[
    (
        "android",
        "Android",
        &[
            ("artifactId", "Artifact ID", true),
            ("artifactVersion", "Artifact version", true),
            ("groupId", "Group ID", true),
            ("invokerPackage", "Invoker package", true),
        ],
    ),
    (
        "java",
        "Java SDK",
        &[("serviceName", "Service Name", true), ("javaPackageName", "Java Package Name", true)],
    ),
    ("javascript", "JavaScript", &[]),
    ("objectivec", "iOS (Objective-C)", &[("classPrefix", "Prefix", true)]),
    ("ruby", "Ruby", &[("serviceName", "Service Name", true)]),
    ("swift", "iOS (Swift)", &[("classPrefix", "Prefix", true)]),
];

fn shown((id, name, properties): &Kind) -> Value {
    let properties: Vec<Value> = properties
        .iter()
        .map(|(name, friendly, required)| json!({ "name": name, "friendlyName": friendly, "required": required }))
        .collect();
    let mut kind = json!({ "id": id, "friendlyName": name });
    if !properties.is_empty() {
        kind["configurationProperties"] = properties.into();
    }
    kind
}

pub(super) fn get(call: &Call) -> Result<Reply, Failure> {
    let id = call.required("id");
    let found = KINDS.iter().find(|kind| kind.0 == id);
    Ok(shown(found.ok_or_else(|| not_found(format!("Invalid SDK type specified: {id}")))?).into())
}

pub(super) fn list(call: &Call) -> Result<Reply, Failure> {
    page(call, KINDS.iter().map(|kind| (kind.0.to_owned(), shown(kind))).collect())
}
