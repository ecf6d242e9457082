//! Asynchronous invocations: accepted when they are stored, then run in the background with up to two further tries.
//! What became of one goes to its destinations and to [`Background`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use policy::Check;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use wire::ApiError;

use super::destinations::{Delivery, record};
use super::errors;
use super::invoke::InvokeFailure;
use super::model::{EVENTS, EventConfig, LATEST};
use super::{FunctionView, Lambda, view};
use crate::execution::{FunctionSpec, Invocation, InvokeContext, InvokeError, ThrottleReason};

/// Events stay six hours at most unless the function says less [D: Lambda Developer Guide, asynchronous invocation].
const MAX_AGE_S: u32 = 21_600;
/// The longest wait between tries of a throttled event [D: as above, "up to 5 minutes"].
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Tries that a report tells of; a throttled event has many more.
const TRIES_TOLD: usize = 20;
/// Characters of a function's error in a report.
const ERROR_KEPT: usize = 500;

/// An accepted invocation, stored under its request id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The function as it was named.
    pub arn: String,
    /// In base64.
    pub payload: String,
    /// Every try has it (recorded: test_lambda.py, asynchronous errors).
    pub request_id: String,
    /// The client context's JSON.
    pub client_context: Option<String>,
    /// `X-Amzn-Trace-Id`.
    #[serde(default)]
    pub trace_id: Option<String>,
    /// Milliseconds since 1970.
    pub accepted_ms: i64,
    /// Tries that the function failed.
    pub failures: u32,
}

/// What became of an accepted event.
#[derive(Clone, Debug)]
pub struct EventReport {
    /// The event's request id.
    pub request_id: String,
    /// The function as it was named.
    pub function_arn: String,
    /// Milliseconds since 1970.
    pub accepted_ms: i64,
    /// How each try ended, the first twenty.
    pub tries: Vec<String>,
    /// `Success`, `RetriesExhausted`, `EventAgeExceeded`, or why there was no end of these kinds.
    pub outcome: String,
    /// Whether the function answered.
    pub succeeded: bool,
    /// The records and dead letters that were due.
    pub deliveries: Vec<Delivery>,
}

/// The work of an event; `None` when it is left in the store for the next start.
pub type EventWork = Pin<Box<dyn Future<Output = Option<EventReport>> + Send>>;

/// Where asynchronous invocations run, and what they ask and tell. Answered by the server.
pub trait Background: Send + Sync {
    /// Runs `work` in a task of its own and keeps its report. Called inside a tokio runtime.
    fn spawn(&self, work: EventWork);

    /// Decides whether the execution role of the function `from` may do this, as each call is decided.
    ///
    /// # Errors
    /// AWS's sentence, or why nothing could be decided.
    fn allowed(&self, from: &FunctionSpec, check: Check) -> Result<(), String>;

    /// Writes a line about a function to its log.
    fn log(&self, function: &FunctionSpec, line: String);
}

/// Runs events and lets no record out: a Lambda without a server around it.
pub struct Alone;

impl Background for Alone {
    fn spawn(&self, work: EventWork) {
        tokio::spawn(work);
    }

    fn allowed(&self, _: &FunctionSpec, _: Check) -> Result<(), String> {
        Err("nothing decides here".to_owned())
    }

    fn log(&self, _: &FunctionSpec, _: String) {}
}

impl Lambda {
    /// Stores the invocation and starts it; the caller may be told 202 then.
    ///
    /// # Errors
    /// 429 when too many events wait, and when the store cannot be written.
    pub fn accept_event(
        &self,
        view: &FunctionView,
        payload: Bytes,
        context: InvokeContext,
        now_ms: i64,
    ) -> Result<(), ApiError> {
        let throttled = InvokeError::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded);
        let permit =
            self.inner.events.clone().try_acquire_owned().map_err(|_| errors::not_run(&throttled))?;
        let event = Event {
            arn: view.arn.clone(),
            payload: STANDARD.encode(&payload),
            request_id: context.request_id,
            client_context: context.client_context,
            trace_id: context.trace_id,
            accepted_ms: now_ms,
            failures: 0,
        };
        let key = event.request_id.clone();
        self.inner.store.write(|w| w.put(EVENTS, &key, &event)).map_err(errors::store)?;
        self.inner.background.spawn(Box::pin(self.clone().run_event(event, permit)));
        Ok(())
    }

    /// Takes up what an earlier process accepted and did not finish. Outside a runtime they wait for the next start.
    pub(super) fn resume_events(&self) -> Result<(), ApiError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Ok(());
        }
        let left: Vec<(String, Event)> =
            self.inner.store.read(|r| r.list(EVENTS, "", None, usize::MAX)).map_err(errors::store)?;
        for (_, event) in left {
            let lambda = self.clone();
            self.inner.background.spawn(Box::pin(async move {
                let permit = lambda.inner.events.clone().acquire_owned().await.ok()?;
                lambda.run_event(event, permit).await
            }));
        }
        Ok(())
    }

    /// The event with this request id while it waits or runs: how often the function failed it, and its ARN.
    #[must_use]
    pub fn pending_event(&self, request_id: &str) -> Option<(u32, String)> {
        let found: Option<Event> =
            self.inner.store.read::<_, store::StoreError>(|r| r.get(EVENTS, request_id)).ok()?;
        found.map(|event| (event.failures, event.arn))
    }

    async fn run_event(self, mut event: Event, _permit: OwnedSemaphorePermit) -> Option<EventReport> {
        let payload = Bytes::from(STANDARD.decode(&event.payload).unwrap_or_default());
        let mut report = EventReport {
            request_id: event.request_id.clone(),
            function_arn: event.arn.clone(),
            accepted_ms: event.accepted_ms,
            tries: Vec::new(),
            outcome: String::new(),
            succeeded: false,
            deliveries: Vec::new(),
        };
        let ended = self.try_until_done(&mut event, &payload, &mut report).await?;
        if let Some((view, settings, condition, last)) = ended {
            report.succeeded = condition == "Success";
            condition.clone_into(&mut report.outcome);
            let record = record(&event, &payload, condition, last.as_ref());
            report.deliveries = self.deliver(&view, &settings, report.succeeded, &record).await;
        }
        // Should this fail, the event runs again after a restart: at least once is what AWS promises too.
        let _ = self.inner.store.write(|w| w.delete(EVENTS, &event.request_id));
        Some(report)
    }

    /// Runs the function until it answered or the event is given up. `None`: the server stops. `Some(None)`: there is
    /// nothing to send a record for, and the report says why.
    async fn try_until_done(
        &self,
        event: &mut Event,
        payload: &Bytes,
        report: &mut EventReport,
    ) -> Option<Option<(Arc<FunctionView>, EventConfig, &'static str, Option<Invocation>)>> {
        let mut backoff = Duration::from_secs(1);
        let mut last = None;
        loop {
            let view = match self.lookup(&event.arn) {
                Ok(Some(view)) => view,
                // A function that is gone takes its events along.
                Ok(None) => {
                    report.outcome = format!("dropped: the function {} does not exist any more", event.arn);
                    return Some(None);
                }
                Err(error) => {
                    report.outcome = format!("dropped: the function cannot be read: {error}");
                    return Some(None);
                }
            };
            let settings = self.event_settings(&view);
            let context = InvokeContext {
                request_id: event.request_id.clone(),
                invoked_arn: event.arn.clone(),
                client_context: event.client_context.clone(),
                trace_id: event.trace_id.clone(),
                ..InvokeContext::default()
            };
            let tried = self.run(&view, payload.clone(), context).await;
            if report.tries.len() < TRIES_TOLD {
                report.tries.push(told(&tried));
            }
            let wait = match tried {
                Ok(done) if done.function_error.is_none() => {
                    return Some(Some((view, settings, "Success", Some(done))));
                }
                Ok(done) => {
                    last = Some(done);
                    let wait = self.inner.settings.retry_delays.get(event.failures as usize);
                    event.failures += 1;
                    let Some(wait) = wait.filter(|_| event.failures <= settings.retries.unwrap_or(2)) else {
                        return Some(Some((view, settings, "RetriesExhausted", last)));
                    };
                    // Remembered, so that a restart does not begin to count again.
                    let counted: &Event = event;
                    if let Err(error) =
                        self.inner.store.write(|w| w.put(EVENTS, &counted.request_id, counted))
                    {
                        report.outcome = format!("left for the next start: {error}");
                        return Some(None);
                    }
                    *wait
                }
                // Left in the store for the next start.
                Err(InvokeFailure::NotRun(InvokeError::ShuttingDown)) => return None,
                // A throttled or broken try does not count; AWS waits longer each time. With no reserved concurrency
                // at all the event goes to its failure destination at once [D: invocation-async-retain-records].
                Err(_) if view.reserved == Some(0) => {
                    return Some(Some((view, settings, "RetriesExhausted", last)));
                }
                Err(_) => {
                    let wait = backoff;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    wait
                }
            };
            let now = jiff::Timestamp::now().as_millisecond();
            let age = now
                .saturating_sub(event.accepted_ms)
                .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            if age > i64::from(settings.max_age.unwrap_or(MAX_AGE_S)) * 1000 {
                return Some(Some((view, settings, "EventAgeExceeded", last)));
            }
            drop(view);
            tokio::time::sleep(wait).await;
        }
    }

    fn event_settings(&self, view: &FunctionView) -> EventConfig {
        let qualifier = view.name.qualifier.as_deref().unwrap_or(LATEST);
        let function = self.inner.store.read(|r| view::function(r, &view.name));
        function.ok().flatten().and_then(|f| f.event_configs.get(qualifier).cloned()).unwrap_or_default()
    }
}

/// One try in words.
fn told(tried: &Result<Invocation, InvokeFailure>) -> String {
    match tried {
        Ok(done) if done.function_error.is_none() => {
            format!("ran {:.1} ms", done.durations.duration.as_secs_f64() * 1000.0)
        }
        Ok(done) => {
            let error: Value = serde_json::from_slice(&done.payload).unwrap_or_default();
            format!("the function failed: {}", error.to_string().chars().take(ERROR_KEPT).collect::<String>())
        }
        Err(failure) => format!("not run: {}", ApiError::from(failure.clone())),
    }
}
