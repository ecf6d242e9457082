//! Where the records of asynchronous invocations go: to another function, as the execution role. Queues, topics,
//! buses and buckets are not run here: what was due to them is reported, in the function's log and in the trace.

use bytes::Bytes;
use policy::Check;
use serde_json::{Value, json};
use wire::ApiError;

use super::errors::invalid;
use super::events::Event;
use super::model::{EventConfig, LATEST};
use super::view::{self, full_name};
use super::{FunctionName, FunctionView, Lambda, uuid};
use crate::execution::{Invocation, InvokeContext};

/// A record or a dead letter that was due.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The ARN that it was for.
    pub to: String,
    /// The request id of the destination's own invocation, or why it was not delivered.
    pub result: Result<String, String>,
}

/// The invocation record, version 1.0 [D: Lambda Developer Guide, invocation-async-retain-records]. An event that was
/// never run has no response (reasoned).
pub fn record(event: &Event, payload: &Bytes, condition: &str, last: Option<&Invocation>) -> Value {
    // The guide's example names `$LATEST` where no qualifier was used.
    let function = match full_name(&event.arn) {
        Some(name) if name.qualifier.is_none() => name.arn_with(LATEST),
        _ => event.arn.clone(),
    };
    let answered = u32::from(last.is_some_and(|done| done.function_error.is_none()));
    let now = jiff::Timestamp::now();
    let mut record = json!({
        "version": "1.0",
        "timestamp": format!("{now:.3}"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": event.failures + answered,
        },
        "requestPayload": serde_json::from_slice::<Value>(payload).unwrap_or_default(),
    });
    if let (Some(done), Some(members)) = (last, record.as_object_mut()) {
        let mut context = json!({ "statusCode": 200, "executedVersion": done.executed_version });
        if let (Some(error), Some(members)) = (done.function_error, context.as_object_mut()) {
            members.insert("functionError".to_owned(), error.as_str().into());
        }
        members.insert("responseContext".to_owned(), context);
        let answer = serde_json::from_slice(&done.payload)
            .unwrap_or_else(|_| String::from_utf8_lossy(&done.payload).into());
        members.insert("responsePayload".to_owned(), answer);
    }
    record
}

impl Lambda {
    /// Sends what is due at the end of an event.
    pub(super) async fn deliver(
        &self,
        view: &FunctionView,
        settings: &EventConfig,
        succeeded: bool,
        record: &Value,
    ) -> Vec<Delivery> {
        let which = if succeeded { "OnSuccess" } else { "OnFailure" };
        let mut due = Vec::new();
        if let Some(to) = destination(settings.destinations.as_ref(), which) {
            due.push(to.to_owned());
        }
        if let Some(queue) = view.dead_letter.as_ref().filter(|_| !succeeded) {
            due.push(queue.clone());
        }
        let mut deliveries = Vec::with_capacity(due.len());
        for to in due {
            let result = self.send(view, &to, record).await;
            if let Err(why) = &result {
                let id = record.pointer("/requestContext/requestId").and_then(Value::as_str);
                let line = format!(
                    "crossgate: the outcome of the asynchronous invocation {} was not delivered to {to}: {why}",
                    id.unwrap_or_default()
                );
                self.inner.background.log(&view.spec, line);
            }
            deliveries.push(Delivery { to, result });
        }
        deliveries
    }

    /// Invokes a function with the record: the role must be allowed, as for any call of its.
    async fn send(&self, view: &FunctionView, to: &str, record: &Value) -> Result<String, String> {
        let Some(target) = full_name(to) else {
            let service = to.split(':').nth(2).unwrap_or_default();
            return Err(format!("crossgate does not run the service {service}"));
        };
        if target.account != view.account() {
            return Err(format!("the destination is of another account ({})", target.account));
        }
        let wrong = |e: ApiError| e.to_string();
        let check = Check {
            action: "lambda:InvokeFunction".to_owned(),
            resource: to.to_owned(),
            resource_account: Some(target.account),
            resource_policy: self.policy_of(&target).map_err(wrong)?,
            context: self.tag_context(to).map_err(wrong)?,
        };
        self.inner.background.allowed(&view.spec, check)?;
        let found = self.lookup(to).map_err(wrong)?;
        let found = found.ok_or_else(|| format!("Function not found: {to}"))?;
        let request_id = uuid().map_err(wrong)?;
        let context = InvokeContext {
            request_id: request_id.clone(),
            invoked_arn: to.to_owned(),
            ..InvokeContext::default()
        };
        let now = jiff::Timestamp::now().as_millisecond();
        self.accept_event(&found, Bytes::from(record.to_string()), context, now).map_err(wrong)?;
        Ok(request_id)
    }

    /// Checks destinations as AWS does when they are set (recorded: `test_lambda_eventinvokeconfig_exceptions`).
    pub(super) fn check_destinations(
        &self,
        name: &FunctionName,
        role: &str,
        sent: &Value,
    ) -> Result<(), ApiError> {
        for which in ["OnSuccess", "OnFailure"] {
            let Some(to) = destination(Some(sent), which) else { continue };
            let service = to.split(':').nth(2).unwrap_or_default();
            match service {
                "lambda" => {
                    let target =
                        full_name(to).filter(|t| t.account == name.account && t.region == name.region);
                    let target = target.ok_or_else(|| no_such(to))?;
                    if target.name == name.name {
                        return Err(invalid("You can't specify the function as a destination for itself."));
                    }
                    let found =
                        self.inner.store.read(|r| view::target(r, &target)).map_err(super::errors::store)?;
                    found.ok_or_else(|| no_such(to))?;
                }
                // S3 only on failure [D: as above].
                "sqs" | "sns" => self.check_role_sends(role, name, to)?,
                "events" => {}
                "s3" if which == "OnFailure" => {}
                _ => {
                    return Err(invalid(format!(
                        "The provided destination config {} is invalid.",
                        shown(sent)
                    )));
                }
            }
        }
        Ok(())
    }
}

fn no_such(arn: &str) -> ApiError {
    invalid(format!("The destination ARN {arn} is invalid."))
}

/// The ARN under `OnSuccess` or `OnFailure`. An empty one means none.
fn destination<'c>(config: Option<&'c Value>, which: &str) -> Option<&'c str> {
    config?.get(which)?.get("Destination")?.as_str().filter(|to| !to.is_empty())
}

/// A destination configuration in the form of the recorded text.
fn shown(config: &Value) -> String {
    let one = |which: &str| match config.get(which) {
        Some(set) => {
            let to = set.get("Destination").and_then(Value::as_str).unwrap_or("null");
            format!("{which}(destination={to})")
        }
        None => "null".to_owned(),
    };
    format!("DestinationConfig(onSuccess={}, onFailure={})", one("OnSuccess"), one("OnFailure"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::testing::{failed, world};

    fn event() -> Event {
        Event {
            arn: "arn:aws:lambda:us-east-1:111111111111:function:users".to_owned(),
            payload: String::new(),
            request_id: "r".to_owned(),
            client_context: None,
            trace_id: None,
            accepted_ms: 0,
            failures: 3,
        }
    }

    #[test]
    fn the_record_is_version_1_0() {
        let record = record(&event(), &Bytes::from_static(b"{\"n\":1}"), "RetriesExhausted", Some(&failed()));
        assert_eq!(record["version"], "1.0");
        assert_eq!(
            record["requestContext"],
            json!({ "requestId": "r", "condition": "RetriesExhausted", "approximateInvokeCount": 3,
                "functionArn": "arn:aws:lambda:us-east-1:111111111111:function:users:$LATEST" })
        );
        assert_eq!(record["requestPayload"], json!({ "n": 1 }));
        assert_eq!(record["responseContext"]["functionError"], "Unhandled");
        assert!(record["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    /// TestLambdaEventInvokeConfig::test_lambda_eventinvokeconfig_exceptions.
    #[test]
    fn destinations_are_refused_in_the_recorded_words() {
        let world = world();
        world.create("users");
        let refused = |to: &str| {
            let config = json!({ "OnSuccess": { "Destination": to } });
            world
                .refused(
                    "PutFunctionEventInvokeConfig",
                    json!({ "FunctionName": "users", "DestinationConfig": config }),
                )
                .1
        };
        let arn = |name: &str| format!("arn:aws:lambda:us-east-1:111111111111:function:{name}");
        assert_eq!(refused(&arn("users")), "You can't specify the function as a destination for itself.");
        assert_eq!(refused(&arn("none")), format!("The destination ARN {} is invalid.", arn("none")));
        let iam = "arn:aws:iam:us-east-1:111111111111:function:users";
        assert_eq!(
            refused(iam),
            format!(
                "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={iam}), \
                 onFailure=null) is invalid."
            )
        );
        let foreign = "arn:aws:lambda:us-east-1:222222222222:function:users";
        assert_eq!(refused(foreign), format!("The destination ARN {foreign} is invalid."));
    }
}
