//! The proxy that HTTP_PROXY is compared with: hyper's server in front of hyper's pooled client, on the same runtime as
//! `crossgate serve`, which hands every request on and every answer back. `bench bare-proxy` reads the endpoint's
//! authority from standard input, prints its own, and ends with its standard input.

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::Failed;
use crate::bare::{Bare, input_line, until_input_ends};

type Pooled = Client<HttpConnector, Full<Bytes>>;

/// The proxy, as `bench bare-proxy`.
pub fn run() -> Result<(), Failed> {
    until_input_ends(serve(input_line()?))
}

async fn serve(endpoint: String) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Pooled = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, endpoint) = (client.clone(), endpoint.clone());
        let service = service_fn(move |request| {
            let (client, endpoint) = (client.clone(), endpoint.clone());
            async move { Ok::<_, Infallible>(pass(&client, &endpoint, request).await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

/// Both bodies are read whole, as API Gateway reads them.
async fn pass(client: &Pooled, endpoint: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let failed = || {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    };
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |p| p.as_str());
    let Ok(uri) = format!("http://{endpoint}{path}").parse::<Uri>() else { return failed() };
    head.uri = uri;
    head.headers.remove("host");
    let Ok(body) = body.collect().await else { return failed() };
    let request = Request::from_parts(head, Full::new(body.to_bytes()));
    let Ok(answer) = client.request(request).await else { return failed() };
    let (head, body) = answer.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(head, Full::new(body.to_bytes())),
        Err(_) => failed(),
    }
}

/// A bare proxy in front of `endpoint`.
///
/// # Errors
/// It does not start.
pub fn start(endpoint: &str) -> Result<Bare, Failed> {
    Bare::start("bare-proxy", endpoint)
}
