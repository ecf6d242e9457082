//! HTTP endpoints of deployed APIs, over pooled connections.
//!
//! An endpoint may be any host that this machine reaches, itself included: what an API's owner configures is what is
//! called. That is what the integration is for, and a reason to let only people one trusts write to a server that
//! listens on more than loopback.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gateway::execution::{
    ClientCertificate, Cut, EndpointAnswer, EndpointError, EndpointRequest, EndpointStream, MAX_ANSWER,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::endpoint_names::Names;
use crate::tls;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept to one host.
const IDLE_PER_HOST: usize = 256;
/// Clients kept, one for each way of TLS (client certificates are by stage).
const CLIENTS: usize = 256;
/// Pieces of an answer that wait to be passed on.
const WAITING: usize = 16;
/// Bytes of an answer's head; hyper takes 100 headers at most besides.
const HEAD: usize = 64 << 10;

type Pooled = Client<HttpsConnector<HttpConnector<Names>>, Full<Bytes>>;

/// A way of TLS: whether any issuer is believed, and the client certificate's id.
type Way = (bool, Option<String>);

/// Pools of connections.
#[derive(Default)]
pub struct Endpoints {
    /// For endpoints without TLS: needs no certificates.
    plain: OnceLock<Pooled>,
    secure: RwLock<HashMap<Way, Pooled>>,
}

impl Endpoints {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(&self, request: EndpointRequest) -> Result<EndpointAnswer, EndpointError> {
        let (head, body) = self.open(request).await?;
        Ok(EndpointAnswer {
            status: head.status.as_u16(),
            headers: headers(&head),
            body: collect(body).await?,
        })
    }

    /// Sends a request and gives the answer as it comes.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send_streaming(&self, request: EndpointRequest) -> Result<EndpointStream, EndpointError> {
        let (head, mut body) = self.open(request).await?;
        let (sender, pieces) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            loop {
                let frame = tokio::select! {
                    frame = body.frame() => frame,
                    // Nobody wants the rest: the connection is closed.
                    () = sender.closed() => return,
                };
                let piece = match frame {
                    None => return,
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => Ok(data),
                        Err(_) => continue,
                    },
                    Some(Err(error)) => Err(Cut::Broken(format!("the endpoint's answer broke off: {error}"))),
                };
                let last = piece.is_err();
                if sender.send(piece).await.is_err() || last {
                    return;
                }
            }
        });
        Ok(EndpointStream { status: head.status.as_u16(), headers: headers(&head), pieces })
    }

    async fn open(&self, request: EndpointRequest) -> Result<(Parts, Incoming), EndpointError> {
        let uri: Uri = request
            .url
            .parse()
            .map_err(|e| EndpointError::Address(format!("`{}` is no URL: {e}", request.url)))?;
        let client = match uri.scheme_str() {
            Some("http") => self.plain.get_or_init(|| pooled(tls::none())).clone(),
            Some("https") => self.secure(request.any_issuer, request.client_certificate.as_deref())?,
            _ => {
                return Err(EndpointError::Address(format!(
                    "`{}` begins with neither http:// nor https://",
                    request.url
                )));
            }
        };
        let mut message = Request::new(Full::new(request.body));
        *message.method_mut() = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| EndpointError::Address(format!("`{}` is no HTTP method", request.method)))?;
        *message.uri_mut() = uri;
        for (name, value) in request.headers {
            // A client's headers came over HTTP, and mapped ones are checked: none is lost here. A `Host` is mapped; hyper
            // adds one where there is none.
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_maybe_shared(value))
            {
                message.headers_mut().append(name, value);
            }
        }
        let answer = client.request(message).await.map_err(|e| failed(&e, &request.url))?;
        // 101 would make another protocol of the client's connection, too.
        if answer.status().is_informational() {
            let detail = format!("{} answered {}, which ends no exchange", request.url, answer.status());
            return Err(EndpointError::Network(detail));
        }
        Ok(answer.into_parts())
    }

    fn secure(
        &self,
        any_issuer: bool,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Pooled, EndpointError> {
        let way = (any_issuer, certificate.map(|c| c.id.clone()));
        if let Some(client) = self.secure.read().unwrap_or_else(PoisonError::into_inner).get(&way) {
            return Ok(client.clone());
        }
        let client = pooled(tls::config(any_issuer, certificate).map_err(EndpointError::Tls)?);
        let mut clients = self.secure.write().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        Ok(clients.entry(way).or_insert(client).clone())
    }
}

fn pooled(config: ClientConfig) -> Pooled {
    let mut tcp = HttpConnector::new_with_resolver(Names::new());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(HEAD)
        .build(connector)
}

fn headers(head: &Parts) -> Vec<(Bytes, Bytes)> {
    let copy = Bytes::copy_from_slice;
    head.headers.iter().map(|(n, v)| (copy(n.as_str().as_bytes()), copy(v.as_bytes()))).collect()
}

async fn collect(mut body: Incoming) -> Result<Bytes, EndpointError> {
    if body.size_hint().lower() > MAX_ANSWER as u64 {
        return Err(EndpointError::TooLarge);
    }
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| EndpointError::Network(format!("the answer broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(whole.len()) + data.len() > MAX_ANSWER {
            return Err(EndpointError::TooLarge);
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Tells names without an address and TLS from the rest by what is at the bottom of the error.
fn failed(error: &hyper_util::client::legacy::Error, url: &str) -> EndpointError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut told = String::new();
    while let Some(at) = cause {
        let text = at.to_string();
        // hyper-util names this step and gives the system's error below it, whose kind is not specific.
        if text.contains("dns error") {
            return EndpointError::Address(format!("the host of {url} has no address"));
        }
        if let Some(tls) = tls_error(at) {
            return EndpointError::Tls(tls::log_text(tls));
        }
        if !told.is_empty() {
            told.push_str(": ");
        }
        told.push_str(&text);
        cause = at.source();
    }
    EndpointError::Network(format!("{url}: {told}"))
}

/// A TLS error, which may be wrapped in input and output errors, whose `source` leaves them out.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| tls_error(error.downcast_ref::<io::Error>()?.get_ref()?))
}
