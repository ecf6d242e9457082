//! A running server: requests in, answers out, a trace for each.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::execution::{DomainTarget, Stream};
use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use tokio::net::TcpListener;

use crate::api::{Destination, Moment};
use crate::clock::now_ms;
use crate::compose::{Composed, StartError, compose};
use crate::listener::{self, Body, BodySender, Handler, Head, Limits, Request};
use crate::state::State;
use crate::target::{Target, by_host, by_path, may_be_custom};
use crate::trace::{Events, Journey, Trace, recorded};
use crate::{Config, api, aws, function_url, own, subscriptions};

/// How often buffered log events are written to the store.
const FLUSH: Duration = Duration::from_millis(200);
/// How often log events are deleted that are older than their group's retention; they are not shown in any case.
const EXPIRE: Duration = Duration::from_secs(3600);
/// The largest body of an AWS API's request: a 50 MB package in base64, and what is around it.
const AWS_BODY: usize = 70 << 20;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
    warnings: Vec<String>,
    // Removed when the server is gone: the files of a server that keeps nothing.
    _temporary: Option<tempfile::TempDir>,
}

impl Server {
    /// Opens the store, composes the services and listens. Must be called inside a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// In words for the person who started it: the address is taken, the directory in use, a runtime missing.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listener =
            TcpListener::bind(config.listen).await.map_err(|e| StartError::listen(config.listen, &e))?;
        let address = listener.local_addr().map_err(|e| StartError::listen(config.listen, &e))?;
        let Composed { state, warnings, temporary } = compose(&config, address)?;
        Ok(Self { listener, address, state, warnings, _temporary: temporary })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the person who started it should know.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Answers requests until `stop` is ready; then finishes those in flight, ends every function, and writes what
    /// is still buffered.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let state = self.state.clone();
        let flushing = tokio::spawn(async move {
            let reports = subscriptions::Reports::default();
            loop {
                tokio::time::sleep(FLUSH).await;
                tokio::task::block_in_place(|| flush(&state));
                subscriptions::deliver(&state, &reports).await;
            }
        });
        let state = self.state.clone();
        let expiring = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EXPIRE).await;
                if let Err(error) = tokio::task::block_in_place(|| state.logs.expire(now_ms())) {
                    eprintln!("warning: expired log events cannot be deleted: {error}");
                }
            }
        });
        let handler = Arc::new(Front { state: self.state.clone() });
        let ending = async {
            stop.await;
            self.state.ring.end();
        };
        raise_descriptors();
        listener::serve(self.listener, handler, Limits::default(), ending).await;
        flushing.abort();
        expiring.abort();
        // What was stored last reaches its subscribers' queues, which are durable, while functions can still be called.
        flush(&self.state);
        subscriptions::deliver(&self.state, &subscriptions::Reports::default()).await;
        self.state.executor.shutdown().await;
        flush(&self.state);
    }
}

/// Connections are file descriptors, and the soft limit is often 1024: this takes what the hard one allows. Functions
/// have a limit of their own.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // macOS says that there is no hard limit and refuses more than OPEN_MAX.
    for most in [limit.maximum, Some(10_240)] {
        // Left as it is where it cannot be raised: connections then wait for their turn.
        if setrlimit(Resource::Nofile, Rlimit { current: most, maximum: limit.maximum }).is_ok() {
            break;
        }
    }
}

/// What cannot be written stays buffered, up to the buffer's bound, and is tried again.
fn flush(state: &State) {
    if let Err(error) = state.logs.flush() {
        eprintln!("warning: log events cannot be written: {error}");
    }
}

struct Front {
    state: Arc<State>,
}

impl Front {
    /// Where a request is for; a store that cannot be read has no custom domains.
    fn target<'a>(&self, head: &'a Head, host: &'a str) -> Target<'a> {
        if let Some(found) = by_host(host, head.path()) {
            return match found {
                // The endpoint's own name: the API is in a header (guide, "Invoke a private API").
                Target::Api { api: "", path, endpoint: endpoint @ Some(_) } => {
                    Target::Api { api: head.text("x-apigw-api-id").unwrap_or_default(), path, endpoint }
                }
                // With private DNS an API's own name leads to the endpoint of the client's network (the same page).
                Target::Api { api, path, endpoint: None } => {
                    Target::Api { api, path, endpoint: head.text(api::ENDPOINT) }
                }
                found => found,
            };
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let domain = may_be_custom(name)
            .then(|| self.state.execution.domain(name, head.path(), head.text(api::ENDPOINT)));
        match domain {
            Some(Ok(Some(domain))) => Target::Domain(domain),
            _ => by_path(head.path()),
        }
    }
}

impl Handler for Front {
    fn body_limit(&self, head: &Head) -> usize {
        match self.target(head, head.host()) {
            Target::Api { .. } | Target::Domain(_) => gateway::execution::MAX_BODY,
            Target::FunctionUrl(_) => function_url::MAX_BODY,
            Target::Own(_) => own::MAX_BODY,
            Target::Aws => AWS_BODY,
        }
    }

    async fn too_large(&self, head: Head) -> Response<Body> {
        let of_api = matches!(self.target(&head, head.host()), Target::Api { .. } | Target::Domain(_));
        if of_api && !head.headers.contains_key(hyper::header::CONTENT_LENGTH) {
            // An API has an answer of its own to it, and an access log.
            let request = Request { head, body: bytes::Bytes::new() };
            return Box::pin(self.answer(request, true)).await;
        }
        let request_id = arn::request_id(crate::random::random());
        let (response, journey) = if of_api {
            let (response, trace) = api::length_exceeded(&request_id);
            (response, Journey::Api(Box::new(trace)))
        } else {
            let limit = self.body_limit(&head);
            let of = match self.target(&head, head.host()) {
                Target::FunctionUrl(_) => "the InvokeFunction operation",
                Target::Own(_) => "crossgate's own pages",
                _ => "a call to an AWS API",
            };
            let error = Some(("RequestTooLarge".to_owned(), format!("the body is over {limit} bytes")));
            let response = aws::too_large(of, limit, &request_id);
            (response, Journey::Aws { service: "", operation: "", error })
        };
        self.state.ring.push(Trace {
            request_id,
            started_ms: now_ms(),
            method: head.verb(),
            path: head.path().to_owned(),
            status: 413,
            caller: Cow::Borrowed(""),
            duration_us: 0,
            journey,
            events: Events::default(),
        });
        response
    }

    async fn handle(&self, request: Request) -> Response<Body> {
        self.answer(request, false).await
    }
}

impl Front {
    /// `too_large`: the body was over its limit, and what there is of it is not the request's.
    async fn answer(&self, request: Request, too_large: bool) -> Response<Body> {
        let came = Moment { ms: now_ms(), at: Instant::now() };
        let request_id = arn::request_id(crate::random::random());
        let (head, state) = (&request.head, &self.state);
        let mut stream = None;
        let work = async {
            let host = head.host();
            match self.target(head, host) {
                Target::Own(page) => (Box::pin(own::answer(state, &request, page)).await, None),
                Target::Api { api, path, endpoint } => {
                    let (api, endpoint) = (api.into(), endpoint.map(Cow::from));
                    let to = Destination { api, path, host, domain: None, endpoint, too_large };
                    let answer = api::answer(state, &request, to, &request_id, came).await;
                    stream = answer.stream;
                    (answer.response, Some((answer.caller, Journey::Api(answer.trace))))
                }
                Target::Domain(DomainTarget::Api { api, path, domain, endpoint }) => {
                    let (domain, endpoint) = (Some(domain), endpoint.map(Cow::from));
                    let (api, path) = (api.into(), path.into());
                    let to = Destination { api, path, host, domain, endpoint, too_large };
                    let answer = api::answer(state, &request, to, &request_id, came).await;
                    stream = answer.stream;
                    (answer.response, Some((answer.caller, Journey::Api(answer.trace))))
                }
                Target::Domain(DomainTarget::Unmapped { base_paths }) => {
                    let (response, trace) = api::unmapped(head, base_paths, &request_id);
                    (response, Some((api::ANONYMOUS, Journey::Api(Box::new(trace)))))
                }
                Target::Domain(DomainTarget::NotAssociated { endpoints }) => {
                    let (response, trace) = api::not_associated(head, endpoints, &request_id);
                    (response, Some((api::ANONYMOUS, Journey::Api(Box::new(trace)))))
                }
                Target::FunctionUrl(id) => {
                    // Boxed, as below: the journey of most requests is that to an API, and a future is as large as
                    // its largest branch.
                    let answer =
                        Box::pin(function_url::answer(state, &request, id, &request_id, came.ms)).await;
                    (answer.response, Some((answer.caller.into(), answer.journey)))
                }
                Target::Aws => {
                    let answer = Box::pin(aws::answer(state, &request, &request_id)).await;
                    (answer.response, Some((answer.caller.into(), answer.journey)))
                }
            }
        };
        let ((mut response, told), events) = recorded(work).await;
        // The server's own pages leave no trace: reading traces would push them out.
        let Some((caller, journey)) = told else { return response };
        const ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
        // The gateway names its answers itself.
        if !matches!(journey, Journey::Api(_))
            && !response.headers().contains_key(ID)
            && let Ok(id) = HeaderValue::from_str(&request_id)
        {
            response.headers_mut().insert(ID, id);
        }
        let trace = Trace {
            started_ms: came.ms,
            method: head.verb(),
            path: head.path().to_owned(),
            status: response.status().as_u16(),
            caller,
            duration_us: microseconds(came.at),
            journey,
            events,
            request_id,
        };
        match stream {
            None => state.ring.push(trace),
            Some((stream, sender)) => {
                let state = state.clone();
                tokio::spawn(async move { pass_on(&state, *stream, &sender, trace, came.at).await });
            }
        }
        response
    }
}

fn microseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Passes a response's body on, and remembers the request when it is over.
async fn pass_on(state: &State, stream: Stream, sender: &BodySender, mut trace: Trace, started: Instant) {
    let told = stream.pass_on(sender).await;
    let complete = told.stream.is_none_or(|facts| facts.complete);
    trace.journey = Journey::Api(told);
    trace.duration_us = microseconds(started);
    // Before the client sees the end: who asks for the explanation then gets it.
    state.ring.push(trace);
    if !complete {
        let _ = sender.send(Err(std::io::Error::other("the response broke off"))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NetworkPolicy, SandboxPolicy, Storage};

    /// It is moved whole to where it is kept. A branch that needs much is boxed where it begins.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_kept_for_a_request_under_way_is_small() {
        let listen = ([127, 0, 0, 1], 1).into();
        let config = Config {
            listen,
            storage: Storage::InMemory,
            source_arn_on_role_calls: false,
            dev_credentials: true,
            dev_account: None,
            admin_token: None,
            jwks: Vec::new(),
            sandbox: SandboxPolicy::Prefer,
            network: NetworkPolicy::Host,
            idle_environments: Duration::from_secs(1),
            max_environments: None,
            strict_runtimes: false,
            runtime_layer: None,
            quotas: Default::default(),
            concurrency: None,
            retry_delay: None,
        };
        let composed = compose(&config, listen).unwrap();
        let front = Front { state: composed.state };
        let head = Head::made_of(hyper::Request::new(()).into_parts().0);
        let size = size_of_val(&front.handle(Request { head, body: bytes::Bytes::new() }));
        assert!(size < 2 << 10, "{size} bytes");
    }
}
