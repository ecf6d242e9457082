//! The complete condition contexts of a request's decisions, for whoever wants to know what a policy could have seen.

use serde_json::{Map, Value, json};

use crate::trace::Trace;

/// One entry a decision: who, what, on what, and every condition key with its values.
pub fn of(trace: &Trace) -> Value {
    let one = |decided: &crate::trace::Decided| {
        let keys: Map<String, Value> =
            decided.context.iter().map(|(key, values)| (key.to_owned(), json!(values))).collect();
        json!({
            "principal": decided.principal.arn(),
            "action": decided.action,
            "resource": decided.resource,
            "allowed": decided.decision.is_allowed(),
            "keys": keys,
        })
    };
    trace.events.decisions.iter().map(one).collect()
}
