//! The proxy that HTTP_PROXY is compared with: hyper's server in front of hyper's pooled client, on the same runtime as
//! `crossgate serve`, which hands every request on and every answer back. `bench bare-proxy` reads the endpoint's
//! authority from standard input, prints its own, and ends with its standard input.

use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::process::{Child, Command, Stdio};

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

type Pooled = Client<HttpConnector, Full<Bytes>>;

/// The proxy, as `bench bare-proxy`.
pub fn run() -> Result<(), Failed> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| format!("no endpoint: {e}"))?;
    let endpoint = line.trim().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        std::process::exit(0);
    });
    runtime.block_on(serve(endpoint)).map_err(|e| format!("the bare proxy: {e}"))
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

/// A bare proxy that runs, killed when dropped.
pub struct BareProxy {
    child: Child,
    /// `host:port`.
    pub authority: String,
}

impl BareProxy {
    /// Spawns one in front of `endpoint`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(endpoint: &str) -> Result<Self, Failed> {
        let failed = |e: &dyn std::fmt::Display| format!("the bare proxy does not start: {e}");
        let program = std::env::current_exe().map_err(|e| failed(&e))?;
        let mut child = Command::new(program)
            .arg("bare-proxy")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        let mut stdin = child.stdin.take().ok_or_else(|| failed(&"no standard input"))?;
        writeln!(stdin, "{endpoint}").map_err(|e| failed(&e))?;
        child.stdin = Some(stdin);
        let stdout = child.stdout.take().ok_or_else(|| failed(&"no standard output"))?;
        let mut line = String::new();
        std::io::BufReader::new(stdout).read_line(&mut line).map_err(|e| failed(&e))?;
        Ok(Self { child, authority: line.trim().to_owned() })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for BareProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
