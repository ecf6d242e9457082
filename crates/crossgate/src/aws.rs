//! Calls AWS APIs as any client does: built from the service models, signed, over HTTP.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Map, Value};
use sigv4::Credentials;
use wire::Service;

use crate::client::send;

/// An account's client.
pub struct Aws<'a> {
    /// `host:port` of the server.
    pub authority: &'a str,
    /// Twelve digits: the development key of its root user.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

impl Aws<'_> {
    /// Calls `operation`; input and output by the model's member names.
    ///
    /// # Errors
    /// What the service answered, or why it could not be reached, in words.
    pub async fn call(
        &self,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Result<Map<String, Value>, String> {
        let failed = |e: &dyn std::fmt::Display| format!("{service}:{operation}: {e}");
        let found = service.operation(operation).ok_or_else(|| failed(&"no such operation"))?;
        let Value::Object(input) = input else { return Err(failed(&"the input is not an object")) };
        let built = wire::build(found, &input, Bytes::new()).map_err(|e| failed(&e))?;
        let (mut parts, body) = built.into_parts();
        parts.headers.insert("host", self.authority.parse().map_err(|e| failed(&e))?);
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let request = sigv4::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
            region: self.region,
            service: service.name(),
            now: jiff::Timestamp::now().as_second(),
        };
        let credentials = Credentials {
            access_key_id: self.account.to_owned(),
            secret_access_key: "crossgate".to_owned(),
            session_token: None,
        };
        for (name, value) in sigv4::sign(&request, &sigv4::sha256_hex(&body), &credentials) {
            let name: hyper::header::HeaderName = name.parse().map_err(|e| failed(&e))?;
            parts.headers.insert(name, value.parse().map_err(|e| failed(&e))?);
        }
        let answer = send(self.authority, hyper::Request::from_parts(parts, Full::new(body))).await?;
        let mut headers = hyper::HeaderMap::new();
        for (name, value) in &answer.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<hyper::header::HeaderName>(), value.parse()) {
                headers.append(name, value);
            }
        }
        let status = hyper::StatusCode::from_u16(answer.status).map_err(|e| failed(&e))?;
        let (output, _) =
            wire::parse_response(found, status, &headers, &answer.body).map_err(|e| failed(&e))?;
        Ok(output)
    }
}
