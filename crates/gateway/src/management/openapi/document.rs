//! A document as it came: which version, what its references stand for, and where its paths begin.

use serde_json::{Map, Value};

use crate::management::failure::{Failure, bad_request};

/// "The maximum size of the API definition file is 6 MB" (developer guide, "API Gateway quotas").
const MAX_BYTES: usize = 6 << 20;
pub(super) const ENDPOINT_CONFIGURATION: &str = "x-amazon-apigateway-endpoint-configuration";
/// References followed one after the other.
const MAX_HOPS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Swagger2,
    OpenApi3,
}

pub(super) struct Document {
    pub version: Version,
    pub root: Value,
}

type Members = Map<String, Value>;

impl Document {
    /// Texts as recorded (TestApiGatewayImportRestApi::test_import_api_bad_file); the rest of a text is ours.
    pub fn read(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.len() > MAX_BYTES {
            return Err(bad_request(format!(
                "The API definition has {} bytes, the maximum is {MAX_BYTES}.",
                bytes.len()
            )));
        }
        let root = value(bytes)?;
        let version = match (
            root.get("swagger").and_then(Value::as_str),
            root.get("openapi").and_then(Value::as_str),
        ) {
            (Some("2.0"), _) => Version::Swagger2,
            (_, Some(version)) if version.starts_with("3.0.") => Version::OpenApi3,
            _ => return Err(bad_request("Invalid OpenAPI input.")),
        };
        Ok(Self { version, root })
    }

    pub fn members(&self, name: &str) -> Option<&Members> {
        self.root.get(name).and_then(Value::as_object)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.root.get(name).and_then(Value::as_str)
    }

    /// `value`, or what its `$ref` stands for. A reference that leads nowhere, or in a circle, is refused.
    pub fn resolve<'v>(&'v self, value: &'v Value) -> Result<&'v Value, Failure> {
        let mut at = value;
        for _ in 0..MAX_HOPS {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return Ok(at) };
            let found = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            at = found.ok_or_else(|| bad_request(format!("Unable to resolve the reference {reference}")))?;
        }
        Err(bad_request("A reference of the API definition leads back to itself"))
    }

    /// `x-amazon-apigateway-endpoint-configuration`: at the top, or of the first server in OpenAPI 3.0 (guide, page of that
    /// name).
    pub fn endpoint_configuration(&self) -> Option<&Value> {
        let server = self.root.get("servers").and_then(|servers| servers.get(0));
        let of_server = server.and_then(|server| server.get(ENDPOINT_CONFIGURATION));
        of_server.or_else(|| self.root.get(ENDPOINT_CONFIGURATION))
    }

    /// The path that all paths are below: `basePath`, or the path of the first server, its variables at their defaults.
    pub fn base_path(&self) -> String {
        let path = match self.version {
            Version::Swagger2 => self.text("basePath").unwrap_or_default().to_owned(),
            Version::OpenApi3 => {
                let server = self.root.get("servers").and_then(|s| s.get(0));
                let mut url =
                    server.and_then(|s| s.get("url")).and_then(Value::as_str).unwrap_or_default().to_owned();
                let variables = server.and_then(|s| s.get("variables")).and_then(Value::as_object);
                for (name, variable) in variables.into_iter().flatten() {
                    let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
                    url = url.replace(&format!("{{{name}}}"), default.trim_start_matches('/'));
                }
                match url.split_once("://") {
                    Some((_, rest)) => rest.find('/').map(|at| rest[at..].to_owned()).unwrap_or_default(),
                    None => url,
                }
            }
        };
        let path = path.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }
}

/// JSON, or YAML.
pub(super) fn value(bytes: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad_request("Invalid OpenAPI input."))?;
    let parsed = if text.trim_start().starts_with('{') {
        serde_json::from_str::<Value>(text).map_err(|e| e.to_string())
    } else {
        serde_saphyr::from_str::<Value>(text).map_err(|e| e.to_string())
    };
    match parsed {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(bad_request("Invalid OpenAPI input.")),
        Err(why) => Err(bad_request(format!("Invalid OpenAPI input. {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(root: Value) -> Document {
        Document { version: Version::OpenApi3, root }
    }

    #[test]
    fn where_paths_begin() {
        let at = |url: &str, variables: Value| {
            document(json!({ "servers": [{ "url": url, "variables": variables }] })).base_path()
        };
        assert_eq!(at("https://a.example/v1/x/", json!({})), "/v1/x");
        assert_eq!(
            at("https://a.example/{basePath}", json!({ "basePath": { "default": "/prod" } })),
            "/prod"
        );
        assert_eq!(at("/v2", json!({})), "/v2");
        assert_eq!(at("https://a.example", json!({})), "");
    }

    #[test]
    fn the_endpoint_is_configured_at_the_server_or_at_the_top() {
        let of = |root: Value| document(root).endpoint_configuration().cloned();
        let configuration = json!({ "disableExecuteApiEndpoint": true });
        let server = json!({ "url": "/", ENDPOINT_CONFIGURATION: configuration });
        assert_eq!(of(json!({ "servers": [server] })).as_ref(), Some(&configuration));
        assert_eq!(of(json!({ ENDPOINT_CONFIGURATION: configuration })).as_ref(), Some(&configuration));
        assert_eq!(of(json!({ "servers": [{ "url": "/" }] })), None);
    }

    #[test]
    fn references_end_or_are_refused() {
        let of = document(
            json!({ "a": { "$ref": "#/b" }, "b": { "c": 1 }, "d": { "$ref": "#/d" }, "e": { "$ref": "#/x" } }),
        );
        assert_eq!(of.resolve(&of.root["a"]).unwrap(), &json!({ "c": 1 }));
        assert!(of.resolve(&of.root["d"]).is_err());
        assert!(of.resolve(&of.root["e"]).is_err());
    }

    #[test]
    fn yaml_numbers_and_texts_are_what_they_look_like() {
        let read = value(b"swagger: '2.0'\na: 29000\nb: true\nc: {d: [x]}\n").unwrap();
        assert_eq!(read, json!({ "swagger": "2.0", "a": 29000, "b": true, "c": { "d": ["x"] } }));
        assert!(value(b"a: [").is_err());
        assert!(value(b"just text").is_err());
    }
}
