//! HTTP/1.1 on TCP: connections, their limits and their end; bodies collected; header names as the client wrote them.

mod activity;
mod at_once;
mod body;
mod framing;
mod head;
mod seldom;
mod tap;

pub use body::{Body, BodySender};
pub use head::Head;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use activity::{Activity, Tracked};
use at_once::AtOnce;
use body::Collected;
use head::Ends;
use seldom::Seldom;
use tap::{Heads, Tap};

/// After this long without a byte a connection between two requests costs no more than its socket.
const QUIET: Duration = Duration::from_millis(100);

/// What a listener allows; every bound of it is here.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more wait in the operating system's queue.
    pub connections: usize,
    /// Bytes of a request's line and headers. More are answered with 431. At least 8,192.
    pub head_bytes: usize,
    /// From the first byte of a head, or from an answer, until the next head is complete; looked at ten times a second.
    pub head_time: Duration,
    /// Between two pieces of a body.
    pub body_time: Duration,
    /// For all of a body: whoever sends a byte now and then does not hold a connection for ever.
    pub body_whole: Duration,
    /// After the end was asked for, until connections with requests in flight are dropped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head_bytes: 64 << 10,
            head_time: Duration::from_secs(60),
            body_time: Duration::from_secs(30),
            body_whole: Duration::from_secs(600),
            grace: Duration::from_secs(30),
        }
    }
}

/// A request, complete.
#[derive(Debug)]
pub struct Request {
    /// Everything but the body.
    pub head: Head,
    /// The body, no longer than [`Handler::body_limit`] said.
    pub body: Bytes,
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Bytes that the body of this request may have, when it has one. Asked before any of it is read, so that a client
    /// that expects `100-continue` need not send what would be refused.
    fn body_limit(&self, head: &Head) -> usize;

    /// The answer to a body over [`Self::body_limit`].
    fn too_large(&self, head: Head) -> impl Future<Output = Response<Body>> + Send {
        let _ = head;
        async { plain(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n") }
    }

    /// The answer. Runs to its end even when the client goes away, except at the end of the server's grace.
    fn handle(&self, request: Request) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves connections until `shutdown` is ready; then takes no more, lets requests in flight finish, closes idle
/// connections at once, and returns when all are closed or the grace is over.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let bound = u32::try_from(limits.connections.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(bound as usize));
    let (ending, _) = watch::channel(false);
    let limits = Arc::new(limits);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (handler, limits, ending) = (handler.clone(), limits.clone(), ending.subscribe());
        tokio::spawn(async move {
            connection(stream, peer, handler, &limits, ending).await;
            drop(place);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let _ = tokio::time::timeout(limits.grace, places.acquire_many(bound)).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, mut peer)) => {
            // Who calls `[::]` by IPv4 has the IPv4 address that policies name, not `::ffff:…`.
            peer.set_ip(peer.ip().to_canonical());
            Some((stream, peer, place))
        }
        Err(_) => {
            // Out of file descriptors, or a connection that was gone before it was taken: neither is cured by
            // asking again at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<H>,
    limits: &Limits,
    mut ending: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let ends = Ends { peer, source_ip: peer.ip().to_string().into(), local };
    let heads = Arc::new(Mutex::new(Heads::default()));
    let activity = Arc::new(Activity::default());
    let times = BodyTimes { pause: limits.body_time, whole: limits.body_whole };
    // Without a timer of hyper's, which would be set anew for each request: how long a head takes is looked at below.
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .max_buf_size(limits.head_bytes.max(8192))
        // A client that has sent all it will send may still wait for the answer, and a function that was called is
        // not stopped because the caller went away.
        .half_close(true);
    let mut tap = Tap::new(stream, heads.clone(), activity.clone(), limits.head_bytes);
    loop {
        tokio::select! {
            () = end(&mut ending) => return,
            ready = tokio::time::timeout(limits.head_time, tap.readable()) => {
                if !matches!(ready, Ok(Ok(()))) {
                    return;
                }
            }
        }
        let (handler, heads, at, ends) = (handler.clone(), heads.clone(), activity.clone(), ends.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (handler, heads, in_flight, ends) =
                (handler.clone(), heads.clone(), at.begin(), ends.clone());
            async move {
                let response = answer(request, &*handler, &heads, ends, times).await;
                Ok::<_, Infallible>(response.map(|body| Tracked { body, _request: in_flight }))
            }
        });
        let mut connection = AtOnce::new(builder.serve_connection(TokioIo::new(tap), service));
        let mut head = None;
        loop {
            let then = activity.now();
            let ended = {
                let quiet = pin!(tokio::time::timeout(QUIET, end(&mut ending)));
                tokio::select! {
                    biased;
                    _ = &mut connection => return,
                    ended = Seldom::new(quiet) => ended.is_ok(),
                }
            };
            if ended {
                Pin::new(&mut connection.future).graceful_shutdown();
                let _ = connection.await;
                return;
            }
            if activity.quiet_since(then) {
                break;
            }
            head = activity.in_head().map(|request| match head {
                Some((same, since)) if same == request => (same, since),
                _ => (request, Instant::now()),
            });
            if head.is_some_and(|(_, since)| since.elapsed() >= limits.head_time) {
                return;
            }
        }
        tap = connection.future.into_parts().io.into_inner();
    }
}

/// Waits for the end. An error means that the sender is gone, which is the end as well.
async fn end(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// How long a body may take: between two pieces, and in all.
#[derive(Clone, Copy)]
struct BodyTimes {
    pause: Duration,
    whole: Duration,
}

async fn answer<H: Handler>(
    request: hyper::Request<Incoming>,
    handler: &H,
    heads: &Mutex<Heads>,
    ends: Ends,
    times: BodyTimes,
) -> Response<Body> {
    let (parts, incoming) = request.into_parts();
    let (raw, in_step) = tap::take(heads, &parts.method, &parts.uri);
    if raw.as_ref().is_some_and(|raw| raw.ambiguous) {
        return closing(plain(
            StatusCode::BAD_REQUEST,
            "the request's length is given in two ways: Content-Length and Transfer-Encoding\n",
        ));
    }
    let head = Head::new(parts, raw, ends);
    let collected = if incoming.is_end_stream() {
        Collected::Whole(Bytes::new())
    } else {
        let limit = handler.body_limit(&head);
        let collecting = body::collect(incoming, limit, times.pause, head.headers.contains_key(EXPECT));
        tokio::time::timeout(times.whole, collecting).await.unwrap_or(Collected::Slow)
    };
    let response = match collected {
        Collected::Whole(body) => handler.handle(Request { head, body }).await,
        Collected::TooLarge => closing(handler.too_large(head).await),
        Collected::Slow => {
            closing(plain(StatusCode::REQUEST_TIMEOUT, "the request's body did not arrive in time\n"))
        }
        Collected::Broken => closing(plain(StatusCode::BAD_REQUEST, "the request's body cannot be read\n")),
    };
    if in_step { response } else { closing(response) }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
