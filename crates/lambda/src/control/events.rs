//! Asynchronous invocations: accepted when they are stored, then run in the background with up to two further tries.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use wire::ApiError;

use super::errors;
use super::invoke::InvokeFailure;
use super::model::{EVENTS, EventConfig, LATEST};
use super::{FunctionView, Lambda, uuid, view};
use crate::execution::{InvokeContext, InvokeError, ThrottleReason};

/// Events stay six hours at most unless the function says less [D: Lambda Developer Guide, asynchronous invocation].
const MAX_AGE_S: u32 = 21_600;
/// The longest wait between tries of a throttled event [D: as above, "up to 5 minutes"].
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// An accepted invocation.
#[derive(Serialize, Deserialize)]
struct Event {
    arn: String,
    payload: String,
    request_id: String,
    client_context: Option<String>,
    accepted_ms: i64,
    /// Tries that the function failed.
    failures: u32,
}

impl Lambda {
    /// Stores the invocation and starts it; the caller may be told 202 then.
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
            accepted_ms: now_ms,
            failures: 0,
        };
        let key = uuid()?;
        self.inner.store.write(|w| w.put(EVENTS, &key, &event)).map_err(errors::store)?;
        tokio::spawn(self.clone().run_event(key, event, permit));
        Ok(())
    }

    /// Takes up what an earlier process accepted and did not finish. Outside a runtime they wait for the next start.
    pub(super) fn resume_events(&self) -> Result<(), ApiError> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Ok(()) };
        let left: Vec<(String, Event)> =
            self.inner.store.read(|r| r.list(EVENTS, "", None, usize::MAX)).map_err(errors::store)?;
        for (key, event) in left {
            let lambda = self.clone();
            runtime.spawn(async move {
                if let Ok(permit) = lambda.inner.events.clone().acquire_owned().await {
                    lambda.run_event(key, event, permit).await;
                }
            });
        }
        Ok(())
    }

    async fn run_event(self, key: String, mut event: Event, _permit: OwnedSemaphorePermit) {
        let payload = Bytes::from(STANDARD.decode(&event.payload).unwrap_or_default());
        let mut backoff = Duration::from_secs(1);
        // A function that is gone takes its events along.
        while let Ok(Some(view)) = self.lookup(&event.arn) {
            let settings = self.event_settings(&view);
            let max_age = settings.max_age.unwrap_or(MAX_AGE_S);
            // Every try of an event has the same request id (recorded: test_lambda.py, asynchronous errors).
            let context = InvokeContext {
                request_id: event.request_id.clone(),
                invoked_arn: event.arn.clone(),
                client_context: event.client_context.clone(),
                ..InvokeContext::default()
            };
            let wait = match self.run(&view, payload.clone(), context).await {
                Ok(done) if done.function_error.is_none() => break,
                Ok(_) => {
                    let wait = self.inner.settings.retry_delays.get(event.failures as usize);
                    event.failures += 1;
                    let Some(wait) = wait.filter(|_| event.failures <= settings.retries.unwrap_or(2)) else {
                        break;
                    };
                    // Remembered, so that a restart does not begin to count again.
                    if self.inner.store.write(|w| w.put(EVENTS, &key, &event)).is_err() {
                        break;
                    }
                    *wait
                }
                // Left in the store for the next start.
                Err(InvokeFailure::NotRun(InvokeError::ShuttingDown)) => return,
                // A throttled or broken try does not count; AWS waits longer each time.
                Err(_) => {
                    let wait = backoff;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    wait
                }
            };
            drop(view);
            let now = jiff::Timestamp::now().as_millisecond();
            let age = now
                .saturating_sub(event.accepted_ms)
                .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            if age > i64::from(max_age) * 1000 {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        // Should this fail, the event runs again after a restart: at least once is what AWS promises too.
        let _ = self.inner.store.write(|w| w.delete(EVENTS, &key));
    }

    fn event_settings(&self, view: &FunctionView) -> EventConfig {
        let qualifier = view.name.qualifier.as_deref().unwrap_or(LATEST);
        let function = self.inner.store.read(|r| view::function(r, &view.name));
        function.ok().flatten().and_then(|f| f.event_configs.get(qualifier).cloned()).unwrap_or_default()
    }
}
