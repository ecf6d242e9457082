//! Answers that are passed on as they come: their bounds, and what is logged and counted at their end.
//!
//! Source: API Gateway guide, "Stream the integration response for your proxy integrations": up to 15 minutes, idle
//! time-outs of 30 seconds (edge-optimized) and 5 minutes (others), 10 MB at any speed and the rest at 2 MB/s.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::access_log::{Admitted, Answered};
use super::backend::{Cut, Pieces};
use super::client::{ClientRequest, ClientResponse};
use super::handle::{log_ids, tell, write_log};
use super::journal::Journal;
use super::lambda_failure::{error_members, log_function_error};
use super::served::Served;
use super::trace::{GatewayTrace, Why};
use super::{Inner, journal};

/// Bytes that are passed on as fast as they come.
const UNBOUND: u64 = 10 << 20;
/// Bytes in a second after that.
const RATE: u64 = 2 << 20;

/// The bounds of one stream, from the call of its integration on.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    began: Instant,
    timeout: Duration,
    idle: Duration,
}

impl Bounds {
    pub fn new(timeout: Duration, idle: Duration) -> Self {
        Self { began: Instant::now(), timeout, idle }
    }

    /// Until when the next piece must have come.
    pub fn next(&self) -> Instant {
        (Instant::now() + self.idle).min(self.began + self.timeout)
    }

    /// Which of the two was too long.
    pub fn exceeded(&self) -> Why {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match self.began.elapsed() >= self.timeout {
            true => Why::Timeout { after_ms: ms(self.timeout) },
            false => Why::StreamIdle { after_ms: ms(self.idle) },
        }
    }

    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is still to come of an answer whose head is there.
pub(super) struct Rest {
    /// What came with the head.
    pub first: Bytes,
    pub pieces: Pieces,
    pub bounds: Bounds,
    /// What the integration calls the invocation, for the log.
    pub invocation_id: String,
}

impl Rest {
    /// What comes until `until`, and at most a piece more than `bytes` of it.
    pub async fn until(mut self, until: Instant, bytes: usize) -> Bytes {
        let mut all = self.first.to_vec();
        while all.len() <= bytes
            && let Ok(Some(Ok(piece))) = timeout_at(until, self.pieces.recv()).await
        {
            all.extend_from_slice(&piece);
        }
        all.into()
    }
}

/// The body of an answer that is passed on as it comes, with everything that its end wants.
pub struct Stream {
    pub(super) inner: Arc<Inner>,
    pub(super) stage: Arc<Result<Served, Why>>,
    pub(super) canary: bool,
    pub(super) request: Box<ClientRequest>,
    pub(super) head: ClientResponse,
    pub(super) trace: Box<GatewayTrace>,
    pub(super) admitted: Admitted,
    pub(super) journal: Journal,
    pub(super) rest: Rest,
}

impl Stream {
    /// Passes the body on to the client until it ends, breaks off, or the client is gone; then logs and counts the call.
    /// Where [`StreamFacts::complete`](super::StreamFacts) is false afterwards, the connection is to be cut, so that the
    /// client does not take what it has for the whole.
    pub async fn pass_on(mut self, to: &mpsc::Sender<io::Result<Bytes>>) -> Box<GatewayTrace> {
        let mut passed = Passed::default();
        let why = pass_on(&mut self.rest, to, &mut passed).await.err();
        self.end(passed, why)
    }

    fn end(mut self, passed: Passed, why: Option<Why>) -> Box<GatewayTrace> {
        if let Some(facts) = &mut self.trace.stream {
            facts.bytes = passed.bytes;
            facts.first_content_ms = passed.first_ms;
            facts.complete = why.is_none() && !passed.left;
        }
        self.trace.integration_latency_ms = Some(self.rest.bounds.elapsed_ms());
        self.trace.latency_ms = self.journal.elapsed_ms();
        log_end(&mut self.journal, why.as_ref(), &self.rest.invocation_id, self.head.status);
        self.trace.why = why;
        if let Ok(stage) = &*self.stage {
            let served = stage.canary.as_ref().filter(|_| self.canary).map_or(stage, |(_, second)| second);
            log_ids(&mut self.journal, &self.trace, served, &self.head);
            let none = Journal::new(journal::Level::Off, 0, self.request.began);
            let journal = std::mem::replace(&mut self.journal, none);
            write_log(&self.inner, &self.request, served, journal);
            let Self { request, head, trace, admitted, .. } = &self;
            tell(&self.inner, served, &Answered { request, response: head, trace, admitted });
        }
        self.trace
    }
}

/// AWS's lines for answers that break off are not recorded; these are the ones of answers that are not streamed.
fn log_end(journal: &mut Journal, why: Option<&Why>, invocation_id: &str, status: u16) {
    match why {
        None => journal.info(|| "Successfully completed execution".to_owned()),
        Some(Why::Timeout { .. } | Why::StreamIdle { .. }) => {
            journal.error(|| "Execution failed due to a timeout error".to_owned());
        }
        Some(Why::FunctionError { error_message, .. }) => {
            log_function_error(error_message.as_deref(), invocation_id, journal);
        }
        Some(_) => {
            journal
                .error(|| "Execution failed due to a network error communicating with endpoint".to_owned());
        }
    }
    journal.info(|| format!("Method completed with status: {status}"));
}

/// What the client got.
#[derive(Default)]
struct Passed {
    bytes: u64,
    first_ms: Option<u64>,
    /// The client went away before the end.
    left: bool,
}

async fn pass_on(
    rest: &mut Rest,
    to: &mpsc::Sender<io::Result<Bytes>>,
    passed: &mut Passed,
) -> Result<(), Why> {
    let mut pace: Option<Instant> = None;
    let mut next = Some(std::mem::take(&mut rest.first)).filter(|first| !first.is_empty());
    loop {
        let piece = match next.take() {
            Some(first) => first,
            None => {
                let came = tokio::select! {
                    biased;
                    () = to.closed() => {
                        passed.left = true;
                        return Ok(());
                    }
                    came = timeout_at(rest.bounds.next(), rest.pieces.recv()) => came,
                };
                match came {
                    Err(_) => return Err(rest.bounds.exceeded()),
                    Ok(None) => return Ok(()),
                    Ok(Some(Err(cut))) => return Err(why(cut)),
                    Ok(Some(Ok(piece))) if piece.is_empty() => continue,
                    Ok(Some(Ok(piece))) => piece,
                }
            }
        };
        passed.first_ms.get_or_insert_with(|| rest.bounds.elapsed_ms());
        let size = piece.len() as u64;
        match timeout_at(rest.bounds.next(), to.send(Ok(piece))).await {
            Err(_) => return Err(rest.bounds.exceeded()),
            Ok(Err(_)) => {
                passed.left = true;
                return Ok(());
            }
            Ok(Ok(())) => passed.bytes += size,
        }
        if let Some(over) = passed.bytes.checked_sub(UNBOUND) {
            let since = *pace.get_or_insert_with(Instant::now);
            let due = since + Duration::from_secs_f64(over as f64 / RATE as f64);
            sleep(due.saturating_duration_since(Instant::now())).await;
        }
    }
}

pub(super) fn why(cut: Cut) -> Why {
    match cut {
        Cut::Function { kind, payload } => {
            let (error_type, error_message) = error_members(&payload);
            Why::FunctionError { kind, error_type, error_message }
        }
        Cut::Broken(detail) => Why::EndpointFailed { detail },
    }
}
