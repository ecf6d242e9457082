//! Where asynchronous invocations run: their traces, and the decisions about what they send on.

use std::sync::Arc;
use std::time::Instant;

use arn::AccountId;
use iam::Iam;
use lambda::execution::{FunctionSpec, LogSink};
use lambda::{Background, EventWork};
use policy::Check;

use crate::clock::now_ms;
use crate::decide::{Surroundings, decide};
use crate::roles::function_session;
use crate::sinks::FunctionLogs;
use crate::trace::{Journey, Ring, Trace, recorded};

/// The log stream of what Lambda itself has to say about a function.
const STREAM: &str = "crossgate/asynchronous-invocations";

/// Runs events beside the requests.
pub struct Events {
    pub(crate) iam: Iam,
    pub(crate) logs: FunctionLogs,
    pub(crate) ring: Arc<Ring>,
}

impl Background for Events {
    fn spawn(&self, work: EventWork) {
        let ring = self.ring.clone();
        tokio::spawn(async move {
            let started = Instant::now();
            let (report, events) = recorded(work).await;
            let Some(report) = report else { return };
            ring.push(Trace {
                request_id: report.request_id.clone(),
                started_ms: report.accepted_ms,
                method: "EVENT".into(),
                path: report.function_arn.clone(),
                // What the client got when the event was accepted.
                status: 202,
                caller: "lambda.amazonaws.com".into(),
                duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                journey: Journey::Event(Box::new(report)),
                events,
            });
        });
    }

    fn allowed(&self, from: &FunctionSpec, check: Check) -> Result<(), String> {
        let now_ms = now_ms();
        let around = Surroundings { source_ip: None, user_agent: None, region: &from.region, now_ms };
        let owner = AccountId::new(&from.account).ok();
        let session = function_session(&self.iam, (&from.role, owner), &from.name, now_ms);
        let caller = session.map_err(|e| e.to_string())?;
        let caller = caller.ok_or_else(|| format!("the execution role {} does not exist", from.role))?;
        let verdict = decide(&self.iam, &caller, check, &around).map_err(|e| e.to_string())?;
        if verdict.allowed { Ok(()) } else { Err(verdict.sentence.unwrap_or_default()) }
    }

    fn log(&self, function: &FunctionSpec, line: String) {
        self.logs.log(function, STREAM, vec![(now_ms(), line)]);
    }
}
