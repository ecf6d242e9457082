//! Turns a trace into a report: what happened, what is wrong, what mends it.

mod api;
mod aws;
mod decision;
mod event;
mod function_logs;
mod organization;
mod packages;
mod simulate;
mod undecided;

use doctor::Report;
pub use event::taken_up;

use crate::state::State;
use crate::trace::{Journey, Trace};

pub use simulate::simulate;

/// The whole story of a request. Looks at the present set-up for what is near to what was asked for, so that a
/// function made since is offered too.
#[must_use]
pub fn report(state: &State, trace: &Trace) -> Report {
    let time = jiff::Timestamp::from_millisecond(trace.started_ms).unwrap_or_default();
    let mut report = Report {
        request_id: trace.request_id.clone(),
        time: time.to_string(),
        method: trace.method.to_string(),
        path: trace.path.clone(),
        status: trace.status,
        caller: if trace.caller.is_empty() { "unknown".to_owned() } else { trace.caller.to_string() },
        duration_ms: trace.duration_us as f64 / 1000.0,
        decisions: trace.events.decisions.iter().map(decision::story).collect(),
        ..Report::default()
    };
    match &trace.journey {
        Journey::Event(event) => event::tell(state, trace, event, &mut report),
        Journey::Api(gateway) => api::tell(state, trace, gateway, &mut report),
        Journey::Aws { service, operation, error } => {
            aws::tell(state, trace, (service, operation), error.as_ref(), &mut report);
        }
    }
    if let Some(error) = trace.events.invoked().and_then(|i| i.error.as_deref()) {
        packages::tell(error, state.runtime_layer.as_deref(), &mut report);
    }
    function_logs::tell(state, trace, &mut report);
    report
}
