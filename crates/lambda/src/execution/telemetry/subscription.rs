//! What an extension subscribes to, as it asks for it.

use super::delivery::Destination;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddrV4};

/// A request that AWS answers with 400 and `…ValidationError`; the reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub String);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `PUT /2022-07-01/telemetry`.
    Telemetry,
    /// `PUT /2020-08-15/logs`, which the Telemetry API supersedes.
    Logs,
}

/// The bounds of one buffering field: default, least, most.
type Bounds = (u64, u64, u64);

impl Api {
    /// (`maxItems`, `maxBytes`, `timeoutMs`), from "Lambda Telemetry API reference" and "Lambda Logs API".
    fn bounds(self) -> (Bounds, Bounds, Bounds) {
        let items = if self == Api::Telemetry { (1000, 1000, 10_000) } else { (10_000, 1000, 10_000) };
        (items, (262_144, 262_144, 1_048_576), (1000, 25, 30_000))
    }

    /// The schemas; the first is the default of the Logs API.
    fn schemas(self) -> &'static [&'static str] {
        match self {
            Api::Telemetry => &["2022-07-01", "2022-12-13", "2025-01-29"],
            Api::Logs => &["2020-08-15", "2021-03-18"],
        }
    }
}

/// A valid subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    api: Api,
    schema: &'static str,
    pub types: Vec<String>,
    pub max_items: usize,
    pub max_bytes: usize,
    pub timeout_ms: u64,
    http: Option<(&'static str, String)>,
    port: u16,
}

impl Subscription {
    /// Reads a request's body.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(api: Api, body: &[u8]) -> Result<Subscription, Invalid> {
        let body: Value =
            serde_json::from_slice(body).map_err(|e| Invalid(format!("the body is not JSON: {e}")))?;
        let mut wrong = Vec::new();
        let schema = match (body["schemaVersion"].as_str(), api) {
            (None, Api::Logs) => Some("2020-08-15"),
            (given, _) => api.schemas().iter().find(|s| Some(**s) == given).copied(),
        };
        if schema.is_none() {
            wrong.push(format!("schemaVersion should be one of {}", api.schemas().join(", ")));
        }
        let types: Vec<_> = body["types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if types.is_empty() {
            wrong.push("types should not be empty".to_owned());
        }
        for kind in types.iter().filter(|t| !["platform", "function", "extension"].contains(&t.as_str())) {
            wrong.push(format!("type {kind:?} is not one of platform, function, extension"));
        }
        let (items, bytes, timeout) = api.bounds();
        let mut field = |name: &str, (default, least, most): Bounds| match &body["buffering"][name] {
            Value::Null => default,
            value => value.as_u64().filter(|n| (least..=most).contains(n)).unwrap_or_else(|| {
                wrong.push(format!("buffering.{name} should be between {least} and {most}"));
                default
            }),
        };
        let (max_items, max_bytes) = (field("maxItems", items), field("maxBytes", bytes));
        let timeout_ms = field("timeoutMs", timeout);
        let (http, port) = match destination(&body["destination"]) {
            Ok(destination) => destination,
            Err(reason) => {
                wrong.push(reason);
                (None, 0)
            }
        };
        match schema {
            Some(schema) if wrong.is_empty() => Ok(Subscription {
                api,
                schema,
                types,
                max_items: usize::try_from(max_items).unwrap_or(1000),
                max_bytes: usize::try_from(max_bytes).unwrap_or(262_144),
                timeout_ms,
                http,
                port,
            }),
            _ => Err(Invalid(wrong.join("; "))),
        }
    }

    /// Whether it is the Telemetry API's.
    pub fn is_telemetry(&self) -> bool {
        self.api == Api::Telemetry
    }

    /// Whether records of this kind are delivered.
    pub fn wants(&self, kind: &str) -> bool {
        let (category, event) = kind.split_once('.').unwrap_or((kind, ""));
        let known = match (self.api, event) {
            (_, "start" | "report" | "extension" | "logsDropped" | "") => true,
            (Api::Telemetry, "end" | "fault" | "logsSubscription") => false,
            (Api::Telemetry, _) => true,
            (Api::Logs, "runtimeDone") => self.schema == "2021-03-18",
            (Api::Logs, event) => ["end", "fault", "logsSubscription"].contains(&event),
        };
        known && self.types.iter().any(|t| t == category)
    }

    pub(super) fn destination(&self, address: Ipv4Addr) -> Destination {
        Destination { address: SocketAddrV4::new(address, self.port), http: self.http.clone() }
    }
}

/// Method and path, for HTTP.
type Http = Option<(&'static str, String)>;

/// `{"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path"}` or `{"protocol": "TCP", "port": 8080}`.
fn destination(given: &Value) -> Result<(Http, u16), String> {
    let valid = |port: Option<u64>| {
        let port = port.and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0);
        match port {
            Some(9001) => Err("port 9001 is reserved".to_owned()), // AWS documentation, "Lambda Logs API"
            Some(port) => Ok(port),
            None => Err("URI port is not provided".to_owned()),
        }
    };
    match given["protocol"].as_str() {
        Some("HTTP") => {
            let uri = given["URI"].as_str().or_else(|| given["uri"].as_str()).unwrap_or_default();
            let Some(rest) = uri.strip_prefix("http://") else {
                return Err("destination.URI should be http://sandbox.localdomain:PORT".to_owned());
            };
            let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let (name, port) = host.split_once(':').unwrap_or((host, ""));
            if !["sandbox.localdomain", "sandbox"].contains(&name) {
                return Err(format!("destination.URI should name sandbox.localdomain, not {name:?}"));
            }
            if path.len() > 1024 || !path.bytes().all(|b| b.is_ascii_graphic()) {
                return Err("the path of destination.URI is not a path".to_owned());
            }
            let method = match given["method"].as_str() {
                None | Some("POST") => "POST",
                Some("PUT") => "PUT",
                Some(other) => {
                    return Err(format!("destination.method should be POST or PUT, not {other:?}"));
                }
            };
            Ok((Some((method, path.to_owned())), valid(port.parse().ok())?))
        }
        Some("TCP") => Ok((None, valid(given["port"].as_u64())?)),
        _ => Err("destination.protocol should be HTTP or TCP".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn refused(api: Api, body: Value, expect: &str) {
        let result = Subscription::parse(api, body.to_string().as_bytes());
        assert_eq!(result.map_err(|Invalid(text)| text), Err(expect.to_owned()));
    }

    #[test]
    fn defaults_and_bounds_are_awss() {
        let body = json!({
            "schemaVersion": "2022-12-13", "types": ["platform", "function"],
            "destination": { "protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path" },
        });
        let given = Subscription::parse(Api::Telemetry, body.to_string().as_bytes()).expect("valid");
        assert_eq!((given.max_items, given.max_bytes, given.timeout_ms), (1000, 262_144, 1000));
        assert!(given.wants("platform.initStart") && given.wants("function") && !given.wants("extension"));
        assert!(!given.wants("platform.end"));
        let tcp = json!({ "types": ["platform"], "destination": { "protocol": "TCP", "port": 8080 } });
        let given = Subscription::parse(Api::Logs, tcp.to_string().as_bytes()).expect("valid");
        assert!(given.wants("platform.end") && !given.wants("platform.runtimeDone"));
        assert!(!given.wants("platform.initStart"));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        refused(
            Api::Logs,
            json!({ "types": [], "destination": { "protocol": "HTTP", "URI": "http://sandbox.localdomain" } }),
            "types should not be empty; URI port is not provided",
        );
        refused(
            Api::Telemetry,
            json!({
                "types": ["all"], "buffering": { "timeoutMs": 5 },
                "destination": { "protocol": "HTTP", "URI": "http://example.com:80" },
            }),
            "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29; type \"all\" is not one of platform, \
             function, extension; buffering.timeoutMs should be between 25 and 30000; destination.URI should name \
             sandbox.localdomain, not \"example.com\"",
        );
    }
}
