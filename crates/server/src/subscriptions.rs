//! How CloudWatch Logs reaches a subscribed function: caller, policy, Lambda, as every other call does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arn::AccountId;
use iam::Caller;
use lambda::execution::InvokeContext;
use logs::Delivery;
use policy::{Check, Context, Principal};
use wire::{ApiError, Call};

use crate::clock::now_ms;
use crate::decide::{Surroundings, Verdict, decide};
use crate::state::State;
use crate::trace::{Journey, Trace, recorded};

/// How often a delivery is tried that Lambda cannot take at the moment. Once Lambda has it, its own retries apply.
const ATTEMPTS: u32 = 25;
/// A subscription that does not work is reported once in this time.
const REPORT_MS: i64 = 60_000;
/// Subscriptions whose last report is remembered.
const REPORTS: usize = 1024;

/// PutSubscriptionFilter for a function: Logs must be allowed to call it. No event is sent for that: in the recording
/// test_put_subscription_filter_lambda the function has got the two events of the test and no third.
///
/// # Errors
/// AWS's refusal of a function that cannot be called.
pub fn check(state: &State, call: &Call) -> Result<(), ApiError> {
    let Some(function) = state.logs.subscribed_function(call)? else { return Ok(()) };
    let group = call.required("logGroupName");
    let verdict = may_call(state, &function, call.account, &call.region, group)?;
    if verdict.allowed && state.lambda.lookup(&function)?.is_some() {
        return Ok(());
    }
    // AWS's text, known from public reports.
    Err(ApiError::new(
        "InvalidParameterException",
        400,
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your \
         function.",
    ))
}

/// As the service, for the group. A grant may name `logs.amazonaws.com` (CloudWatch Logs User Guide) or
/// `logs.REGION.amazonaws.com` (the recording).
fn may_call(
    state: &State,
    function: &str,
    account: AccountId,
    region: &str,
    group: &str,
) -> Result<Verdict, ApiError> {
    let around = Surroundings { source_ip: None, user_agent: None, region, now_ms: now_ms() };
    let ask = |host: String| {
        let mut context = Context::new();
        // The form that AWS's own grants match: `arn:aws:logs:R:A:log-group:NAME:*`.
        let source = arn::Arn::new("logs", region, account.as_str(), format!("log-group:{group}:*"));
        context.set("aws:SourceArn", source.to_string());
        context.set("aws:SourceAccount", account.as_str());
        context.extend(state.lambda.tag_context(function)?);
        let check = Check {
            action: "lambda:InvokeFunction".to_owned(),
            resource: function.to_owned(),
            resource_account: Some(account),
            resource_policy: state.lambda.function_policy(function)?,
            context,
        };
        decide(&state.iam, &Caller::from(Principal::Service { host }), check, &around)
    };
    let verdict = ask("logs.amazonaws.com".to_owned())?;
    if verdict.allowed || verdict.explicit {
        return Ok(verdict);
    }
    ask(format!("logs.{region}.amazonaws.com"))
}

/// When each subscription that does not work was last reported.
#[derive(Default)]
pub struct Reports(Mutex<HashMap<String, i64>>);

impl Reports {
    fn due(&self, delivery: &Delivery) -> bool {
        let now = now_ms();
        let key = format!("{}:{}:{}:{}", delivery.account, delivery.region, delivery.group, delivery.filter);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&key).is_some_and(|at| now - at < REPORT_MS) {
            return false;
        }
        if last.len() >= REPORTS {
            last.clear();
        }
        last.insert(key, now);
        true
    }
}

/// Why events did not reach their destination.
enum Failure {
    /// Lambda takes no more events at the moment.
    Busy,
    /// It would not get better by trying again.
    Final(String),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Final(error.to_string())
    }
}

fn hand_over(state: &State, delivery: &Delivery) -> Result<(), Failure> {
    let Delivery { destination, account, region, group, .. } = delivery;
    if !destination.contains(":lambda:") {
        return Err(Failure::Final("crossgate delivers to functions only".to_owned()));
    }
    let verdict = may_call(state, destination, *account, region, group)?;
    if !verdict.allowed {
        return Err(Failure::Final(verdict.sentence.unwrap_or_default()));
    }
    let Some(view) = state.lambda.lookup(destination)? else {
        return Err(Failure::Final("the function does not exist".to_owned()));
    };
    let context = InvokeContext {
        request_id: arn::request_id(crate::random::random()),
        invoked_arn: destination.clone(),
        ..InvokeContext::default()
    };
    // Logs calls functions asynchronously (Lambda Developer Guide, "Using Lambda with CloudWatch Logs").
    match state.lambda.accept_event(&view, delivery.payload.clone().into(), context, now_ms()) {
        Err(error) if error.code == "TooManyRequestsException" => Err(Failure::Busy),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

/// Hands over everything that waits. What cannot be delivered is reported on standard error and as a trace.
pub async fn deliver(state: &State, reports: &Reports) {
    let (deliveries, dropped) = state.logs.deliveries();
    if dropped > 0 {
        eprintln!(
            "warning: {dropped} batches of log events for subscriptions were dropped: they came too fast"
        );
    }
    for delivery in deliveries {
        let (done, events) =
            recorded(async { tokio::task::block_in_place(|| hand_over(state, &delivery)) }).await;
        let why = match done {
            Ok(()) => continue,
            Err(Failure::Busy) if delivery.attempts < ATTEMPTS => {
                state.logs.deliver_later(Delivery { attempts: delivery.attempts + 1, ..delivery });
                continue;
            }
            Err(_) if !reports.due(&delivery) => continue,
            Err(Failure::Busy) => format!("Lambda took no more events, {ATTEMPTS} times"),
            Err(Failure::Final(why)) => why,
        };
        let Delivery { events: count, group, destination, filter, .. } = delivery;
        let text = format!(
            "{count} log events of {group} were not delivered to {destination} (subscription filter {filter}): {why}"
        );
        let request_id = arn::request_id(crate::random::random());
        eprintln!("warning: {text}; crossgate explain {request_id}");
        state.ring.push(Trace {
            request_id,
            started_ms: now_ms(),
            method: "POST".into(),
            path: group,
            status: 500,
            caller: "logs.amazonaws.com".into(),
            duration_us: 0,
            journey: Journey::Aws {
                service: "logs",
                operation: "SubscriptionDelivery",
                error: Some(("NotDelivered".to_owned(), text)),
            },
            events,
        });
    }
}
