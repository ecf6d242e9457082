//! One kept-alive connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failed;

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(authority: &str) -> Result<Self, Failed> {
        let failed = |e: &dyn std::fmt::Display| format!("http://{authority}: {e}");
        let stream = TcpStream::connect(authority).await.map_err(|e| failed(&e))?;
        stream.set_nodelay(true).map_err(|e| failed(&e))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        tokio::spawn(connection);
        Ok(Self { sender, authority: authority.to_owned() })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failed> {
        let failed = |e: hyper::Error| format!("http://{}: {e}", self.authority);
        self.sender.ready().await.map_err(failed)?;
        let (head, body) = self.sender.send_request(request).await.map_err(failed)?.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// A GET, with a host of its own where one is given.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn get(&mut self, path: &str, host: Option<&str>) -> Result<Answer, Failed> {
        let request = Request::get(path)
            .header("host", host.unwrap_or(&self.authority))
            .body(Full::default())
            .map_err(|e| e.to_string())?;
        self.send(request).await
    }
}
