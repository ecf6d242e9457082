//! Signed calls to AWS APIs over a kept-alive connection.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use sigv4::Credentials;
use wire::{Operation, Service};

use crate::Failed;
use crate::client::Client;

/// The one region here.
pub const REGION: &str = "us-east-1";

/// A caller and its connection.
pub struct Aws {
    client: Client,
    authority: String,
    credentials: Credentials,
}

impl Aws {
    /// With an issued access key.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn with_key(authority: &str, key: &str, secret: &str) -> Result<Self, Failed> {
        let credentials = Credentials {
            access_key_id: key.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: None,
        };
        Ok(Self { client: Client::connect(authority).await?, authority: authority.to_owned(), credentials })
    }

    /// As the root user of `account`, by the development key.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn root(authority: &str, account: &str) -> Result<Self, Failed> {
        Self::with_key(authority, account, "bench").await
    }

    /// Goes on as the root user of `account`, over the same connection.
    pub fn become_root(&mut self, account: &str) {
        self.credentials.access_key_id = account.to_owned();
    }

    /// The operation's request, signed for this moment.
    ///
    /// # Errors
    /// The input does not fit the model.
    pub fn request(
        &self,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Result<Request<Full<Bytes>>, Failed> {
        self.request_with(service, operation, input, Bytes::new())
    }

    /// The same with a payload, for operations whose body is one.
    fn request_with(
        &self,
        service: Service,
        operation: &str,
        input: Value,
        payload: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failed> {
        let failed = |e: &dyn std::fmt::Display| format!("{operation}: {e}");
        let Value::Object(input) = input else { return Err(failed(&"the input is not an object")) };
        let built = wire::build(find(service, operation)?, &input, payload).map_err(|e| failed(&e))?;
        let (mut parts, body) = built.into_parts();
        parts.headers.insert("host", self.authority.parse().map_err(|e| failed(&e))?);
        let headers: Vec<(&str, &str)> = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let unsigned = sigv4::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
            region: REGION,
            service: service.name(),
            now: jiff::Timestamp::now().as_second(),
        };
        let added = sigv4::sign(&unsigned, &sigv4::sha256_hex(&body), &self.credentials);
        for (name, value) in added {
            let name: HeaderName = name.parse().map_err(|e| failed(&e))?;
            parts.headers.insert(name, HeaderValue::try_from(value).map_err(|e| failed(&e))?);
        }
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    /// Sends a request and gives the output, by the model's member names.
    ///
    /// # Errors
    /// What the service refused.
    pub async fn call(
        &mut self,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Result<Map<String, Value>, Failed> {
        self.call_with(service, operation, input, Bytes::new()).await
    }

    /// The same with a payload, for operations whose body is one.
    ///
    /// # Errors
    /// What the service refused.
    pub async fn call_with(
        &mut self,
        service: Service,
        operation: &str,
        input: Value,
        payload: Bytes,
    ) -> Result<Map<String, Value>, Failed> {
        let request = self.request_with(service, operation, input, payload)?;
        let answer = self.client.send(request).await?;
        wire::parse_response(find(service, operation)?, answer.status, &answer.headers, &answer.body)
            .map(|(output, _)| output)
            .map_err(|e| format!("{operation}: {e}"))
    }

    /// The access key's id and secret.
    pub fn key(&self) -> (String, String) {
        (self.credentials.access_key_id.clone(), self.credentials.secret_access_key.clone())
    }

    /// The connection, for requests that were built before.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }
}

fn find(service: Service, operation: &str) -> Result<&'static Operation, Failed> {
    service.operation(operation).ok_or_else(|| format!("{operation}: no such operation"))
}

/// A text of an output.
///
/// # Errors
/// The output has no such member.
pub fn text(output: &Map<String, Value>, member: &str) -> Result<String, Failed> {
    let found = output.get(member).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("the answer has no {member}"))
}
