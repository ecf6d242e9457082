//! What became of an asynchronous invocation.

use std::sync::Arc;

use doctor::{Finding, Report};
use lambda::EventReport;

use super::decision;
use crate::state::State;
use crate::trace::{Events, Journey, Trace};

/// Adds the tries, the outcome and what was sent on.
pub fn tell(state: &State, trace: &Trace, event: &EventReport, report: &mut Report) {
    report.steps.push(format!("asynchronous invocation of {}", event.function_arn));
    for (number, tried) in event.tries.iter().enumerate() {
        report.steps.push(format!("try {}: {tried}", number + 1));
    }
    report.steps.push(format!("outcome: {}", event.outcome));
    for delivery in &event.deliveries {
        if let Ok(request_id) = &delivery.result {
            report.steps.push(format!("record sent to {}, as request {request_id}", delivery.to));
        }
    }
    if !event.succeeded {
        let title = match event.outcome.as_str() {
            "RetriesExhausted" => "the event was given up: every try failed",
            "EventAgeExceeded" => "the event was given up: it became older than its function allows",
            other => other,
        };
        report.findings.push(Finding::new(title).detail(event.tries.join("\n")));
    }
    for delivery in &event.deliveries {
        if let Err(why) = &delivery.result {
            let title = format!("the outcome was not delivered to {}", delivery.to);
            report.findings.push(Finding::new(title).detail(why.as_str()));
        }
    }
    if let Some(denied) = trace.denied() {
        decision::tell(state, denied, None, report);
    }
}

/// An event that an earlier process accepted and that is not done: its request left no trace in this one.
#[must_use]
pub fn taken_up(state: &State, request_id: &str) -> Option<Arc<Trace>> {
    let (failures, function_arn) = state.lambda.pending_event(request_id)?;
    let outcome =
        format!("none yet: the function failed it {failures} times, and it runs or waits for its next try");
    Some(Arc::new(Trace {
        request_id: request_id.to_owned(),
        started_ms: crate::clock::now_ms(),
        method: "EVENT".into(),
        path: function_arn.clone(),
        status: 202,
        caller: "lambda.amazonaws.com".into(),
        duration_us: 0,
        journey: Journey::Event(Box::new(EventReport {
            request_id: request_id.to_owned(),
            function_arn,
            accepted_ms: 0,
            tries: Vec::new(),
            outcome,
            succeeded: true,
            deliveries: Vec::new(),
        })),
        events: Events::default(),
    }))
}

/// Adds how far an event is that was accepted by this request and is not done.
pub fn pending(state: &State, request_id: &str, report: &mut Report) {
    if let Some((failures, arn)) = state.lambda.pending_event(request_id) {
        report.steps.push(format!(
            "the event is accepted and not done: {arn} failed it {failures} times so far, and it runs or waits for its \
             next try"
        ));
    }
}
