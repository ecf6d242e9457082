//! HTTP endpoints as the gateway sees them: what it sends, what comes back, what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::CallAs;
use super::backend::Pieces;

/// The largest answer that an endpoint may give: API Gateway's own bound (quotas, "Payload size").
pub const MAX_ANSWER: usize = 10 * 1024 * 1024;

/// A request to an HTTP endpoint.
#[derive(Clone, Debug)]
pub struct EndpointRequest {
    /// The verb.
    pub method: String,
    /// With scheme, host, path and query.
    pub url: String,
    /// In order; `Host` and `Content-Length` are the sender's to add.
    pub headers: Vec<(String, Bytes)>,
    /// The body.
    pub body: Bytes,
    /// The integration's time-out; the gateway enforces it as well.
    pub timeout: Duration,
    /// `tlsConfig.insecureSkipVerification`: any issuer is believed.
    pub any_issuer: bool,
    /// The stage's certificate, shown to TLS endpoints that ask.
    pub client_certificate: Option<Arc<ClientCertificate>>,
}

/// A client certificate with its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// API Gateway's id.
    pub id: String,
    /// The certificate, PEM.
    pub pem: String,
    /// Its key, PEM.
    pub private_key_pem: String,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A call of an AWS API.
#[derive(Clone, Debug)]
pub struct ServiceCall {
    /// The service as URIs name it, for example `iam`.
    pub service: String,
    /// The region in the URI.
    pub region: String,
    /// The operation, of a URI with `action/`.
    pub action: Option<String>,
    /// On whose behalf.
    pub call_as: CallAs,
    /// The id that the client gets in `x-amzn-RequestId`.
    pub request_id: String,
    /// What is sent; the host in its URL is AWS's.
    pub request: EndpointRequest,
}

/// What an endpoint answered.
#[derive(Clone, Debug, Default)]
pub struct EndpointAnswer {
    /// 200 to 999.
    pub status: u16,
    /// Every header in order.
    pub headers: Vec<(Bytes, Bytes)>,
    /// At most [`MAX_ANSWER`] bytes.
    pub body: Bytes,
}

/// What an endpoint answers, with the body still to come.
#[derive(Debug)]
pub struct EndpointStream {
    /// 200 to 999.
    pub status: u16,
    /// Every header in order.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body.
    pub pieces: Pieces,
}

/// Why an endpoint gave no answer. The texts are for the trace, never for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// The address is none, or its host has no address: 500, log `Invalid endpoint address`.
    Address(String),
    /// TLS failed: 500, log as given.
    Tls(String),
    /// Nobody listens there, or the connection broke: 504, `Network error communicating with endpoint`.
    Network(String),
    /// The answer is longer than [`MAX_ANSWER`].
    TooLarge,
    /// The role cannot be assumed.
    Role(String),
}
