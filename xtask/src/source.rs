//! botocore's `service-2.json` and `paginators-1.json` as types.
//!
//! Every type refuses fields it does not know: a feature that the tables cannot express stops the reduction instead of
//! getting lost.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A JSON object in the order of the file. The order of members is the order of validation and of XML elements.
#[derive(Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

/// The whole `service-2.json`.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFile {
    pub metadata: Metadata,
    pub operations: Ordered<Operation>,
    pub shapes: Ordered<Shape>,
}

/// The service itself.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    pub json_version: Option<String>,
    pub service_id: String,
    pub signing_name: Option<String>,
    pub target_prefix: Option<String>,
    pub xml_namespace: Option<String>,
}

/// One operation.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    pub name: String,
    pub http: Http,
    pub input: Option<Wrapper>,
    pub output: Option<Wrapper>,
    #[serde(default)]
    pub errors: Vec<ShapeName>,
    #[serde(default)]
    pub deprecated: bool,
    pub auth: Option<Vec<String>>,
    pub endpoint: Option<Endpoint>,
    #[serde(rename = "documentation")]
    _documentation: Option<IgnoredAny>,
    #[serde(rename = "deprecatedMessage")]
    _deprecated_message: Option<IgnoredAny>,
    #[serde(rename = "readonly")]
    _readonly: Option<IgnoredAny>,
    #[serde(rename = "idempotent")]
    _idempotent: Option<IgnoredAny>,
    // The older spelling of `auth`.
    #[serde(rename = "authtype")]
    _authtype: Option<IgnoredAny>,
}

/// Where an operation is found.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

/// A host prefix such as `stream-`.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    pub host_prefix: String,
}

/// The input or output of an operation.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wrapper {
    pub shape: String,
    pub result_wrapper: Option<String>,
}

/// A reference by name.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeName {
    pub shape: String,
    #[serde(rename = "documentation")]
    _documentation: Option<IgnoredAny>,
}

/// A shape of any type.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Ordered<Member>,
    #[serde(default)]
    pub required: Vec<String>,
    pub payload: Option<String>,
    pub member: Option<Member>,
    pub key: Option<Member>,
    pub value: Option<Member>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(rename = "enum", default)]
    pub choices: Vec<String>,
    pub min: Option<serde_json::Number>,
    pub max: Option<serde_json::Number>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorTrait>,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub event: bool,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub deprecated: bool,
    pub timestamp_format: Option<String>,
    #[serde(rename = "box")]
    _box: Option<IgnoredAny>,
    #[serde(rename = "documentation")]
    _documentation: Option<IgnoredAny>,
    #[serde(rename = "deprecatedMessage")]
    _deprecated_message: Option<IgnoredAny>,
    // botocore's own hint for retries.
    #[serde(rename = "retryable")]
    _retryable: Option<IgnoredAny>,
    #[serde(rename = "synthetic")]
    _synthetic: Option<IgnoredAny>,
}

/// How an error looks to a client.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    #[serde(default)]
    pub sender_fault: bool,
    #[serde(default)]
    pub fault: bool,
}

/// A member of a structure, list or map.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub idempotency_token: bool,
    #[serde(default)]
    pub eventpayload: bool,
    #[serde(default)]
    pub deprecated: bool,
    pub timestamp_format: Option<String>,
    #[serde(rename = "box")]
    _box: Option<IgnoredAny>,
    #[serde(rename = "documentation")]
    _documentation: Option<IgnoredAny>,
    #[serde(rename = "deprecatedMessage")]
    _deprecated_message: Option<IgnoredAny>,
}

/// The whole `paginators-1.json`.
#[derive(Debug, serde::Deserialize)]
pub struct PaginatorFile {
    #[serde(default)]
    pub pagination: Ordered<Paginator>,
}

/// How one operation hands out pages.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paginator {
    pub input_token: OneOrMore,
    pub output_token: OneOrMore,
    pub limit_key: Option<String>,
    pub more_results: Option<String>,
    pub result_key: OneOrMore,
    #[serde(rename = "non_aggregate_keys")]
    _non_aggregate_keys: Option<IgnoredAny>,
}

/// A name, or several.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// The names with a bar between them.
    pub fn joined(&self) -> String {
        match self {
            Self::One(name) => name.clone(),
            Self::More(names) => names.join("|"),
        }
    }
}
