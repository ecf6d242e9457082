//! Invoke, and the invocation of a function by its ARN.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wire::{ApiError, Call, Reply};

use super::errors::{self, invalid, no_function, too_large};
use super::model::LATEST;
use super::{FunctionName, FunctionView, Lambda};
use crate::execution::{FunctionSpec, Invocation, InvokeContext, InvokeError, Part, ThrottleReason};

/// AWS's bound of a synchronous invocation's payload: 6 MB [D: Lambda quotas].
const MAX_PAYLOAD: usize = 6_291_456;
/// AWS's bound of an asynchronous invocation's payload: 1 MB since October 2025 [D: Lambda quotas].
const MAX_EVENT: usize = 1_048_576;

/// Pieces of a streamed response that wait for a slow client; the function then waits too.
const WAITING_PARTS: usize = 16;

/// Why a function was not run.
#[derive(Clone, Debug, PartialEq)]
pub enum InvokeFailure {
    /// There is no function, version or alias with this ARN.
    NotFound(String),
    /// The function could not be run.
    NotRun(InvokeError),
    /// The store or a package could not be read.
    Broken(ApiError),
}

impl From<InvokeFailure> for ApiError {
    fn from(failure: InvokeFailure) -> Self {
        match failure {
            InvokeFailure::NotFound(arn) => no_function(&arn),
            InvokeFailure::NotRun(error) => errors::not_run(&error),
            InvokeFailure::Broken(error) => error,
        }
    }
}

/// Counts an invocation in flight until dropped.
struct InFlight<'v>(&'v AtomicUsize);

impl<'v> InFlight<'v> {
    /// Counts one more, unless that were more than `limit`.
    fn enter(counter: &'v AtomicUsize, limit: u32, reason: ThrottleReason) -> Result<Self, InvokeError> {
        let running = counter.fetch_add(1, Ordering::AcqRel) + 1;
        let guard = Self(counter);
        if running > limit as usize { Err(InvokeError::Throttled(reason)) } else { Ok(guard) }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl FunctionView {
    /// The version that runs this time.
    fn pick(&self) -> &Arc<FunctionSpec> {
        let Some((other, share)) = &self.shifted else { return &self.spec };
        let mut random = [0; 4];
        // Without randomness the alias's own version runs.
        let drawn = getrandom::fill(&mut random)
            .map_or(1.0, |()| f64::from(u32::from_le_bytes(random)) / 4_294_967_296.0);
        if drawn < *share { other } else { &self.spec }
    }
}

impl Lambda {
    /// Runs a function once, to its end, for a caller that has been allowed to: `view` is what [`Self::lookup`] found.
    ///
    /// # Errors
    /// Only when the function was not run; a failed function is an [`Invocation`] with an error.
    pub async fn run(
        &self,
        view: &FunctionView,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeFailure> {
        let spec = view.pick();
        // Reserved concurrency is a bound as well as a reservation [D: Lambda Developer Guide, concurrency].
        let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
        let limit = view.reserved.unwrap_or(u32::MAX);
        let _of_function = InFlight::enter(&view.in_flight, limit, reason).map_err(InvokeFailure::NotRun)?;
        if let Some(warmed) = self.warmed(&spec.key) {
            let ready = self.inner.executor.provisioned(&warmed.spec.key).ready;
            let ready = u32::try_from(ready).unwrap_or(u32::MAX);
            if let Ok(_of_provisioned) = InFlight::enter(&warmed.in_use, ready, reason) {
                let ran = self.inner.executor.invoke(&warmed.spec, payload, context).await;
                return ran.map_err(InvokeFailure::NotRun);
            }
        }
        // What a function has reserved or provisioned is not of the account's common share.
        let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
        let enter = || InFlight::enter(&view.account_in_flight, view.unreserved, reason);
        let common = view.reserved.is_none().then(enter);
        let _of_account = common.transpose().map_err(InvokeFailure::NotRun)?;
        self.inner.executor.invoke(spec, payload, context).await.map_err(InvokeFailure::NotRun)
    }

    /// [`Self::lookup`] and [`Self::run`]. The caller has been allowed to invoke exactly `arn`.
    ///
    /// # Errors
    /// As [`Self::run`], and [`InvokeFailure::NotFound`].
    pub async fn invoke_function(
        &self,
        arn: &str,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeFailure> {
        let view = self.lookup(arn).map_err(InvokeFailure::Broken)?;
        let Some(view) = view else { return Err(InvokeFailure::NotFound(arn.to_owned())) };
        self.run(&view, payload, context).await
    }

    /// The operation InvokeWithResponseStream: the version that will answer, what its response brings as it comes,
    /// and the invocation itself, which must be awaited for it to run.
    ///
    /// # Errors
    /// As [`Self::invoke`]; those of the invocation are its own.
    pub fn invoke_with_response_stream(
        &self,
        call: &Call,
    ) -> Result<
        (mpsc::Receiver<Part>, impl Future<Output = Result<Invocation, InvokeFailure>> + Send + use<>),
        ApiError,
    > {
        let name = FunctionName::of(
            call.required("FunctionName"),
            call.text("Qualifier"),
            call.account,
            &call.region,
        )?;
        let arn = name.qualified_arn();
        let Some(view) = self.lookup(&arn)? else {
            return Err(no_function(&name.arn_with(name.qualifier.as_deref().unwrap_or(LATEST))));
        };
        let payload = payload(&call.payload, false)?;
        let (stream, parts) = mpsc::channel(WAITING_PARTS);
        let context = InvokeContext {
            request_id: call.request_id.clone(),
            invoked_arn: arn,
            trace_id: call.trace.clone(),
            client_context: client_context(call)?,
            stream: Some(stream),
            ..InvokeContext::default()
        };
        let lambda = self.clone();
        Ok((parts, async move { lambda.run(&view, payload, context).await }))
    }

    /// The operation Invoke.
    ///
    /// # Errors
    /// Lambda's errors for missing functions, unreadable payloads and throttling.
    pub async fn invoke(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = FunctionName::of(
            call.required("FunctionName"),
            call.text("Qualifier"),
            call.account,
            &call.region,
        )?;
        let arn = name.qualified_arn();
        let Some(view) = self.lookup(&arn)? else {
            // With the qualifier since 2025, also when the caller named none (recorded: test_invoke_exceptions).
            return Err(no_function(&name.arn_with(name.qualifier.as_deref().unwrap_or(LATEST))));
        };
        let asynchronous = call.text("InvocationType") == Some("Event");
        let payload = payload(&call.payload, asynchronous)?;
        let context = InvokeContext {
            request_id: call.request_id.clone(),
            invoked_arn: arn,
            trace_id: call.trace.clone(),
            client_context: client_context(call)?,
            cognito_identity: None,
            stream: None,
        };
        if call.text("InvocationType") == Some("DryRun") {
            return Ok(status(204));
        }
        if asynchronous {
            self.accept_event(&view, payload, context, call.now_ms)?;
            return Ok(status(202));
        }
        let done = self.run(&view, payload, context).await?;
        let mut output = Map::new();
        output.insert("StatusCode".to_owned(), 200.into());
        output.insert("ExecutedVersion".to_owned(), done.executed_version.into());
        if let Some(error) = done.function_error {
            output.insert("FunctionError".to_owned(), error.as_str().into());
        }
        if call.text("LogType") == Some("Tail") {
            output.insert("LogResult".to_owned(), STANDARD.encode(&done.log_tail).into());
        }
        Ok(Reply { output, payload: Some(done.payload), status: Some(200) })
    }
}

impl Lambda {
    /// InvokeAsync, the way before InvocationType [D: InvokeAsync, deprecated].
    ///
    /// # Errors
    /// As [`Self::invoke`].
    pub fn invoke_async(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = FunctionName::of(call.required("FunctionName"), None, call.account, &call.region)?;
        let arn = name.qualified_arn();
        let Some(view) = self.lookup(&arn)? else {
            return Err(no_function(&name.arn_with(name.qualifier.as_deref().unwrap_or(LATEST))));
        };
        let context = InvokeContext {
            request_id: call.request_id.clone(),
            invoked_arn: arn,
            trace_id: call.trace.clone(),
            ..InvokeContext::default()
        };
        self.accept_event(&view, payload(&call.payload, true)?, context, call.now_ms)?;
        let mut output = Map::new();
        output.insert("Status".to_owned(), 202.into());
        Ok(Reply { output, status: Some(202), ..Reply::empty() })
    }
}

fn status(code: u16) -> Reply {
    let mut output = Map::new();
    output.insert("StatusCode".to_owned(), Value::from(code));
    Reply { output, payload: Some(Bytes::new()), status: Some(code) }
}

/// What a function is given for the `sent` payload of its invocation: an empty object when there is none.
///
/// # Errors
/// `InvalidRequestContentException`, 400: it is no JSON. `RequestTooLargeException`, 413: it is longer than 6 MB, or than
/// events of an `asynchronous` invocation may be.
pub fn payload(sent: &Bytes, asynchronous: bool) -> Result<Bytes, ApiError> {
    let limit = if asynchronous { MAX_EVENT } else { MAX_PAYLOAD };
    if sent.len() > limit {
        // AWS's text, quoted in public issues; not among the recordings.
        return Err(too_large(format!(
            "Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )));
    }
    if sent.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(sent) {
        Ok(_) => Ok(sent.clone()),
        // The beginning is AWS's; what follows is its JSON library's text there (recorded:
        // test_lambda_invoke_payload_encoding_error),
        // and ours here.
        Err(e) => Err(ApiError::new(
            "InvalidRequestContentException",
            400,
            format!("Could not parse request body into json: Could not parse payload into json: {e}"),
        )
        .with("Type", "User")),
    }
}

/// Bytes of a client context in Base64.
const MAX_CLIENT_CONTEXT: usize = 3583;

/// `X-Amz-Client-Context` is base64 of JSON.
fn client_context(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(sent) = call.text("ClientContext") else { return Ok(None) };
    if sent.len() > MAX_CLIENT_CONTEXT {
        // The bound is documented (API reference, Invoke), the words are not.
        return Err(invalid(format!(
            "Client context has {} bytes, at most {MAX_CLIENT_CONTEXT} are allowed, in Base64.",
            sent.len()
        )));
    }
    let decoded = STANDARD.decode(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let readable = decoded.filter(|t| serde_json::from_str::<serde::de::IgnoredAny>(t).is_ok());
    readable.map(Some).ok_or_else(|| invalid("Client context must be a valid Base64-encoded JSON object."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::control::model::EVENTS;
    use crate::control::testing::{World, call, failed, root, world};

    fn invoke(input: Value, payload: &str) -> Call {
        // The age of an event is measured by the clock.
        let now_ms = jiff::Timestamp::now().as_millisecond();
        Call { payload: Bytes::copy_from_slice(payload.as_bytes()), now_ms, ..call("Invoke", input) }
    }

    async fn run(world: &World, input: Value, payload: &str) -> Result<Reply, ApiError> {
        world.lambda.handle(&invoke(input, payload), &root("111111111111")).await
    }

    #[tokio::test]
    async fn a_synchronous_invocation() {
        let world = world();
        world.create("users");
        let reply =
            run(&world, json!({ "FunctionName": "users", "LogType": "Tail" }), r#"{"a":1}"#).await.unwrap();
        assert_eq!(reply.payload.unwrap(), r#"{"a":1}"#);
        assert_eq!(reply.output["ExecutedVersion"], "$LATEST");
        assert_eq!(reply.output["LogResult"], "U1RBUlQK");
        assert!(!reply.output.contains_key("FunctionError"));
        let seen = world.fake.seen.lock().unwrap();
        let (spec, _, context) = &seen[0];
        assert_eq!(spec.handler, "index.handler");
        assert_eq!(spec.log_group, "/aws/lambda/users");
        assert_eq!(context.invoked_arn, "arn:aws:lambda:us-east-1:111111111111:function:users");
        assert_eq!(context.request_id, "11111111-2222-4333-8444-555555555555");
    }

    #[tokio::test]
    async fn no_payload_is_an_empty_object_and_no_json_is_refused() {
        let world = world();
        world.create("users");
        let users = json!({ "FunctionName": "users" });
        assert_eq!(run(&world, users.clone(), "").await.unwrap().payload.unwrap(), "{}");
        let error = run(&world, users.clone(), "{").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("InvalidRequestContentException", 400));
        let error = run(&world, users, &format!("\"{}\"", "x".repeat(MAX_PAYLOAD))).await.unwrap_err();
        assert_eq!(
            error.message.unwrap(),
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
        );
    }

    #[tokio::test]
    async fn a_missing_function_is_named_with_its_qualifier() {
        let world = world();
        let error = run(&world, json!({ "FunctionName": "none" }), "").await.unwrap_err();
        assert_eq!(
            error.message.unwrap(),
            "Function not found: arn:aws:lambda:us-east-1:111111111111:function:none:$LATEST"
        );
    }

    #[tokio::test]
    async fn a_failed_function_is_an_answer() {
        let world = world();
        world.create("users");
        world.fake.answers.lock().unwrap().push_back(Ok(failed()));
        let reply = run(&world, json!({ "FunctionName": "users" }), "").await.unwrap();
        assert_eq!((reply.status, reply.output["FunctionError"].as_str()), (Some(200), Some("Unhandled")));
    }

    #[tokio::test]
    async fn a_dry_run_runs_nothing() {
        let world = world();
        world.create("users");
        let reply =
            run(&world, json!({ "FunctionName": "users", "InvocationType": "DryRun" }), "").await.unwrap();
        assert_eq!(reply.status, Some(204));
        assert!(world.fake.seen.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn changes_are_seen_by_the_next_invocation() {
        let world = world();
        world.create("users");
        let users = json!({ "FunctionName": "users" });
        run(&world, users.clone(), "").await.unwrap();
        world.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "users", "Timeout": 9 }));
        run(&world, users.clone(), "").await.unwrap();
        let keys: Vec<String> = world.fake.seen.lock().unwrap().iter().map(|s| s.0.key.clone()).collect();
        assert_ne!(keys[0], keys[1]);
        assert_eq!(*world.fake.retired.lock().unwrap(), keys[..1]);
        assert_eq!(world.fake.seen.lock().unwrap()[1].0.timeout, Duration::from_secs(9));
        world.run("DeleteFunction", users.clone()).unwrap();
        assert_eq!(run(&world, users, "").await.unwrap_err().status, 404);
        assert_eq!(*world.fake.retired.lock().unwrap(), keys);
    }

    #[tokio::test]
    async fn an_alias_with_weight_one_shifts_every_invocation() {
        let world = world();
        world.create("users");
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        world.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "users", "Timeout": 9 }));
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        let alias = json!({
            "FunctionName": "users", "Name": "live", "FunctionVersion": "1",
            "RoutingConfig": { "AdditionalVersionWeights": { "2": 1.0 } },
        });
        world.ok("CreateAlias", alias);
        let reply = run(&world, json!({ "FunctionName": "users:live" }), "").await.unwrap();
        assert_eq!(reply.output["ExecutedVersion"], "2");
        let update = json!({ "FunctionName": "users", "Name": "live", "RoutingConfig": { "AdditionalVersionWeights": {} } });
        world.ok("UpdateAlias", update);
        let reply = run(&world, json!({ "FunctionName": "users:live" }), "").await.unwrap();
        assert_eq!(reply.output["ExecutedVersion"], "1");
    }

    #[tokio::test]
    async fn reserved_concurrency_is_a_bound() {
        let world = world();
        world.create("users");
        world.ok(
            "PutFunctionConcurrency",
            json!({ "FunctionName": "users", "ReservedConcurrentExecutions": 0 }),
        );
        let error = run(&world, json!({ "FunctionName": "users" }), "").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("TooManyRequestsException", 429));
        assert_eq!(error.fields["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
        world.ok(
            "PutFunctionConcurrency",
            json!({ "FunctionName": "users", "ReservedConcurrentExecutions": 1 }),
        );
        for _ in 0..3 {
            run(&world, json!({ "FunctionName": "users" }), "").await.unwrap();
        }
        let (_, text) = world.refused(
            "PutFunctionConcurrency",
            json!({ "FunctionName": "users", "ReservedConcurrentExecutions": 901 }),
        );
        assert!(text.ends_with("below its minimum value of [100]."), "{text}");
    }

    #[tokio::test]
    async fn an_event_is_tried_three_times_with_one_request_id_and_forgotten() {
        let world = world();
        world.create("users");
        for _ in 0..5 {
            world.fake.answers.lock().unwrap().push_back(Ok(failed()));
        }
        // An event that is older than six hours is not tried again, so this one comes now.
        let mut call = invoke(json!({ "FunctionName": "users", "InvocationType": "Event" }), "{}");
        call.now_ms = jiff::Timestamp::now().as_millisecond();
        let reply = world.lambda.handle(&call, &root("111111111111")).await.unwrap();
        assert_eq!(reply.status, Some(202));
        settled(&world).await;
        let seen = world.fake.seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|s| s.2.request_id == seen[0].2.request_id));
    }

    #[tokio::test]
    async fn fewer_tries_when_the_function_says_so() {
        let world = world();
        world.create("users");
        world.ok(
            "PutFunctionEventInvokeConfig",
            json!({ "FunctionName": "users", "MaximumRetryAttempts": 0 }),
        );
        world.fake.answers.lock().unwrap().push_back(Ok(failed()));
        run(&world, json!({ "FunctionName": "users", "InvocationType": "Event" }), "{}").await.unwrap();
        settled(&world).await;
        assert_eq!(world.fake.seen.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_accepted_event_survives_the_process() {
        let world = world();
        world.create("users");
        world.fake.answers.lock().unwrap().push_back(Err(InvokeError::ShuttingDown));
        run(&world, json!({ "FunctionName": "users", "InvocationType": "Event" }), r#"{"n":7}"#)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(world.fake.seen.lock().unwrap().len(), 1);
        let roles = std::sync::Arc::new(crate::control::testing::FakeRoles);
        let _again = Lambda::new(world.store.clone(), world.fake.clone(), roles).unwrap();
        settled(&world).await;
        let seen = world.fake.seen.lock().unwrap();
        assert_eq!((seen.len(), seen[1].1.as_ref()), (2, &br#"{"n":7}"#[..]));
    }

    /// The seed's handler, from CreateFunction to the answer, on this machine's Python.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_function_that_was_created_runs() {
        let directory = tempfile::tempdir().unwrap();
        let store = store::Store::in_memory(directory.path()).unwrap();
        let config = crate::execution::ExecutorConfig::new(directory.path().join("execution"));
        let executor = crate::execution::Executor::new(config).unwrap();
        let roles = std::sync::Arc::new(crate::control::testing::FakeRoles);
        let lambda = Lambda::new(store, std::sync::Arc::new(executor.clone()), roles).unwrap();
        let owner = root("111111111111");
        let source = "import json\ndef handler(event, context):\n    print('got', event)\n    return \
                      {'statusCode': 200, 'body': json.dumps([event, context.invoked_function_arn])}\n";
        let code = json!({ "Code": { "ZipFile": crate::control::testing::zip(source) } });
        let created = crate::control::testing::with(crate::control::testing::function("users"), code);
        lambda.handle(&call("CreateFunction", created), &owner).await.unwrap();
        let input = json!({ "FunctionName": "users", "LogType": "Tail" });
        let reply = lambda.handle(&invoke(input.clone(), r#"{"n":1}"#), &owner).await.unwrap();
        let answer: Value = serde_json::from_slice(&reply.payload.unwrap()).unwrap();
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        assert_eq!(answer, json!({ "statusCode": 200, "body": format!(r#"[{{"n": 1}}, "{arn}"]"#) }));
        let log = STANDARD.decode(reply.output["LogResult"].as_str().unwrap()).unwrap();
        let log = String::from_utf8(log).unwrap();
        assert!(log.contains("got {'n': 1}") && log.contains("\nREPORT RequestId: "), "{log}");
        // New code is what the next invocation runs, although an environment of the old code is warm.
        let raising =
            crate::control::testing::zip("def handler(event, context):\n    raise KeyError('seed')\n");
        let update = call("UpdateFunctionCode", json!({ "FunctionName": "users", "ZipFile": raising }));
        lambda.handle(&update, &owner).await.unwrap();
        let reply = lambda.handle(&invoke(input, "{}"), &owner).await.unwrap();
        assert_eq!(reply.output["FunctionError"], "Unhandled");
        let answer: Value = serde_json::from_slice(&reply.payload.unwrap()).unwrap();
        assert_eq!(answer["errorType"], "KeyError");
        executor.shutdown().await;
    }

    /// Waits until no event is stored.
    async fn settled(world: &World) {
        for _ in 0..200 {
            let left: Vec<(String, Value)> =
                world.store.read(|r| r.list(EVENTS, "", None, 10)).map_err(errors::store).unwrap();
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("events are left");
    }
}
