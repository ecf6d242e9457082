//! A small HTTP client: one connection a request, which is plenty for a command line.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::cli::Endpoint;

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// What the server said went wrong.
    pub fn error(&self) -> String {
        let value: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let message = value.as_ref().and_then(|v| v.get("message")).and_then(|m| m.as_str());
        message.map_or_else(|| format!("the server answered with status {}", self.status), str::to_owned)
    }
}

/// Runs one asynchronous thing to its end.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    Ok(runtime.block_on(work))
}

/// `host:port` of an `http://` endpoint.
pub fn authority(endpoint: &str) -> Result<String, String> {
    let rest = endpoint.strip_prefix("http://").ok_or_else(|| {
        format!("the endpoint `{endpoint}` must begin with http://, as in http://127.0.0.1:4566")
    })?;
    let host = rest.split('/').next().unwrap_or_default();
    Ok(if host.contains(':') { host.to_owned() } else { format!("{host}:80") })
}

/// Sends one request and gives its answer as it begins.
pub async fn open(authority: &str, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
    let unreachable = |e: &dyn std::fmt::Display| {
        format!(
            "no server answers at http://{authority}: {e}\nstart one with `crossgate serve`, or name it with --endpoint"
        )
    };
    let stream = tokio::net::TcpStream::connect(authority).await.map_err(|e| unreachable(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| unreachable(&e))?;
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|e| unreachable(&e))
}

/// Sends one request and reads its answer.
pub async fn send(authority: &str, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let (head, body) = open(authority, request).await?.into_parts();
    let body = body.collect().await.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Ok(Answer { status: head.status.as_u16(), headers, body })
}

/// A GET of one of the server's own pages.
pub fn page(at: &Endpoint, path: &str) -> Result<(String, Request<Full<Bytes>>), String> {
    let authority = authority(&at.endpoint)?;
    let mut request = Request::get(path).header("host", &authority);
    if let Some(token) = &at.admin_token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Full::default()).map_err(|e| format!("cannot ask for {path}: {e}"))?;
    Ok((authority, request))
}

/// GETs one of the server's own pages.
pub async fn get(at: &Endpoint, path: &str) -> Result<Answer, String> {
    let (authority, request) = page(at, path)?;
    send(&authority, request).await
}
