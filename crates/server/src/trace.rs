//! What happened to one request: filled in on the way, kept in a bounded ring for `explain` and `tail`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arn::AccountId;
use gateway::execution::GatewayTrace;
use iam::Membership;
use lambda::EventReport;
use policy::{CallerPolicies, Context, Decision, Policy, Principal, Request, ResourcePolicies};
use tokio::sync::{broadcast, watch};

/// Failed requests remembered; older ones are forgotten.
pub const FAILED: usize = 2_000;
/// The same of others, which thus push no failed one out. Few enough to stay in a processor's own cache: each request
/// reuses the memory of the one that it pushes out.
pub const OTHERS: usize = 256;
/// Requests that a slow `tail` may lag behind before it loses some.
const TAIL: usize = 512;
/// Decisions remembered for one request.
const DECISIONS: usize = 32;

/// One finished request.
#[derive(Debug)]
pub struct Trace {
    /// Answered in `x-amzn-RequestId`.
    pub request_id: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// The client's method.
    pub method: Cow<'static, str>,
    /// The client's path, without the query, which may hold a signature.
    pub path: String,
    /// What the client got.
    pub status: u16,
    /// An ARN, `anonymous`, or nothing when the caller never became known.
    pub caller: Cow<'static, str>,
    /// Microseconds.
    pub duration_us: u64,
    /// What kind of request it was.
    pub journey: Journey,
    /// What was decided and done on the way.
    pub events: Events,
}

/// The journeys of a request.
#[derive(Debug)]
pub enum Journey {
    /// A call to an AWS API.
    Aws {
        /// For example `lambda`; empty when it was not found out.
        service: &'static str,
        /// For example `CreateFunction`; empty when it was not found out.
        operation: &'static str,
        /// The error's code and text, when it was one.
        error: Option<(String, String)>,
    },
    /// A call to a deployed API.
    Api(Box<GatewayTrace>),
    /// An asynchronous invocation, from its acceptance to its end.
    Event(Box<EventReport>),
}

impl Trace {
    /// Whether the client was refused, or a function that it invoked failed: Lambda answers such invocations with 200.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.status >= 400 || self.events.invoked().is_some_and(|i| i.error.is_some())
    }

    /// The first decision that refused, with its number.
    #[must_use]
    pub fn denied(&self) -> Option<(usize, &Decided)> {
        self.events.decisions.iter().enumerate().find(|(_, decided)| !decided.decision.is_allowed())
    }
}

/// What is recorded while a request is on its way.
#[derive(Debug, Default)]
pub struct Events {
    /// Permission decisions, in order.
    pub decisions: Vec<Decided>,
    /// The function's run, when there was one.
    pub invocation: Option<Invoked>,
    /// Where the run is told when it ends, for an answer that streams: by then the trace may be made.
    pub streamed: Option<Arc<OnceLock<Invoked>>>,
}

impl Events {
    /// The function's run, as far as it is over.
    #[must_use]
    pub fn invoked(&self) -> Option<&Invoked> {
        self.invocation.as_ref().or_else(|| self.streamed.as_ref()?.get())
    }
}

/// One permission decision with everything needed to tell its whole story, or to try it again with another policy.
#[derive(Debug)]
pub struct Decided {
    /// Who asked.
    pub principal: Principal,
    /// `service:Name`.
    pub action: String,
    /// An ARN or `*`.
    pub resource: String,
    /// Whose the resource is.
    pub resource_account: Option<AccountId>,
    /// The complete context.
    pub context: Context,
    /// The caller's policies.
    pub caller: Arc<CallerPolicies>,
    /// The resource's policy.
    pub resource_policy: Option<Arc<Policy>>,
    /// The RCPs of the resource's account, by level.
    pub rcp: Vec<Vec<Arc<Policy>>>,
    /// Where the caller's account stands in its organization, if it is in one.
    pub caller_in: Option<Arc<Membership>>,
    /// The same of the resource's account.
    pub owner_in: Option<Arc<Membership>>,
    /// What came out.
    pub decision: Decision,
}

impl Decided {
    /// The question that was asked.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account,
            context: &self.context,
        }
    }

    /// The policies on the resource's side.
    #[must_use]
    pub fn resource(&self) -> ResourcePolicies {
        ResourcePolicies { policy: self.resource_policy.clone(), rcp: self.rcp.clone() }
    }
}

/// A function's run.
#[derive(Clone, Debug, Default)]
pub struct Invoked {
    /// What went wrong in the function, as Lambda describes it; cut to 2,000 characters.
    pub error: Option<String>,
    /// A remark of the executor, for example that a newer runtime stood in.
    pub warning: Option<String>,
    /// Whether an environment was started for it.
    pub cold: bool,
    /// Milliseconds in the function.
    pub duration_ms: f64,
}

tokio::task_local! {
    static CURRENT: RefCell<Events>;
}

/// Runs `work` and gives what was recorded while it ran.
pub fn recorded<T>(work: impl Future<Output = T>) -> impl Future<Output = (T, Events)> {
    // On the heap: whatever a future awaits by value it holds twice, and each that holds it again.
    let mut work = Box::pin(CURRENT.scope(RefCell::default(), work));
    async move {
        let done = work.as_mut().await;
        let events = work.as_mut().take_value().map(RefCell::into_inner);
        (done, events.unwrap_or_default())
    }
}

/// Records something of the request that this task is working on; does nothing outside of one.
pub fn record(with: impl FnOnce(&mut Events)) {
    let _ = CURRENT.try_with(|events| with(&mut events.borrow_mut()));
}

/// Records a decision.
pub fn record_decision(decided: Decided) {
    record(|events| {
        if events.decisions.len() < DECISIONS {
            events.decisions.push(decided);
        }
    });
}

#[derive(Default)]
struct Kept {
    /// Those that stream among them: whether they fail is known at their end.
    failed: VecDeque<Arc<Trace>>,
    others: VecDeque<Arc<Trace>>,
}

/// The latest requests, and whoever follows them.
pub struct Ring {
    kept: Mutex<Kept>,
    followers: broadcast::Sender<Arc<Trace>>,
    ending: watch::Sender<bool>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            followers: broadcast::channel(TAIL).0,
            ending: watch::Sender::new(false),
        }
    }
}

impl Ring {
    /// Remembers a finished request.
    pub fn push(&self, trace: Trace) {
        let trace = Arc::new(trace);
        if self.followers.receiver_count() > 0 {
            // Fails only when the last follower has just left.
            let _ = self.followers.send(trace.clone());
        }
        let failed = trace.failed() || trace.events.streamed.is_some();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (traces, bound) = if failed { (&mut kept.failed, FAILED) } else { (&mut kept.others, OTHERS) };
        let oldest = if traces.len() == bound { traces.pop_front() } else { None };
        traces.push_back(trace);
        drop(kept);
        // Freed without the lock: other requests push meanwhile.
        drop(oldest);
    }

    /// The request with this id; `last` is the latest that failed.
    #[must_use]
    pub fn find(&self, request_id: &str) -> Option<Arc<Trace>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if request_id == "last" {
            return kept.failed.iter().rev().find(|trace| trace.failed()).cloned();
        }
        // The latest first: the end of an event has the id of the call that sent it.
        let mut all = kept.failed.iter().rev().chain(kept.others.iter().rev());
        all.find(|trace| trace.request_id == request_id).cloned()
    }

    /// Requests from now on, and the end of the server.
    #[must_use]
    pub fn follow(&self) -> (broadcast::Receiver<Arc<Trace>>, watch::Receiver<bool>) {
        (self.followers.subscribe(), self.ending.subscribe())
    }

    /// Sends whoever follows away: a server that stops waits for its open answers.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ring: &Ring, id: usize, status: u16) {
        ring.push(Trace {
            request_id: id.to_string(),
            started_ms: 0,
            method: "GET".into(),
            path: String::new(),
            status,
            caller: "".into(),
            duration_us: 0,
            journey: Journey::Aws { service: "", operation: "", error: None },
            events: Events::default(),
        });
    }

    #[test]
    fn a_failed_request_is_remembered_behind_any_number_of_others() {
        let ring = Ring::default();
        push(&ring, 0, 403);
        for id in 1..=OTHERS + 1 {
            push(&ring, id, 200);
        }
        let found = |id: &str| ring.find(id).map(|trace| trace.request_id.clone());
        assert_eq!(found("last").as_deref(), Some("0"));
        assert_eq!(found("0").as_deref(), Some("0"));
        assert_eq!((found("1"), found("2").as_deref()), (None, Some("2")));
        for id in 0..FAILED {
            push(&ring, OTHERS + 2 + id, 500);
        }
        assert_eq!(found("0"), None);
        assert_eq!(found("last"), Some((OTHERS + FAILED + 1).to_string()));
    }
}
