//! Invoke, and the invocation of a function by its ARN.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply};

use super::errors::{self, invalid, no_function, too_large};
use super::model::LATEST;
use super::{FunctionName, FunctionView, Lambda};
use crate::execution::{FunctionSpec, Invocation, InvokeContext, InvokeError, ThrottleReason};

/// AWS's bound of a synchronous invocation's payload: 6 MB [D: Lambda quotas].
const MAX_PAYLOAD: usize = 6_291_456;
/// AWS's bound of an asynchronous invocation's payload: 1 MB since October 2025 [D: Lambda quotas].
const MAX_EVENT: usize = 1_048_576;

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
struct InFlight<'v>(&'v FunctionView);

impl<'v> InFlight<'v> {
    /// Reserved concurrency is a bound as well as a reservation [D: Lambda Developer Guide, concurrency].
    fn enter(view: &'v FunctionView) -> Result<Self, InvokeError> {
        let running = view.in_flight.fetch_add(1, Ordering::AcqRel) + 1;
        let guard = Self(view);
        if view.reserved.is_some_and(|reserved| running > reserved as usize) {
            return Err(InvokeError::Throttled(
                ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
            ));
        }
        Ok(guard)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
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
        let _in_flight = InFlight::enter(view).map_err(InvokeFailure::NotRun)?;
        self.inner.executor.invoke(view.pick(), payload, context).await.map_err(InvokeFailure::NotRun)
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
            trace_id: None,
            client_context: client_context(call)?,
            cognito_identity: None,
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

fn status(code: u16) -> Reply {
    let mut output = Map::new();
    output.insert("StatusCode".to_owned(), Value::from(code));
    Reply { output, payload: Some(Bytes::new()), status: Some(code) }
}

/// No payload is an empty object; anything else must be JSON.
fn payload(sent: &Bytes, asynchronous: bool) -> Result<Bytes, ApiError> {
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
        // The beginning is AWS's; what follows is its JSON library's text there (recorded: test_invocation_type_...),
        // and ours here.
        Err(e) => Err(ApiError::new(
            "InvalidRequestContentException",
            400,
            format!("Could not parse request body into json: Could not parse payload into json: {e}"),
        )
        .with("Type", "User")),
    }
}

/// `X-Amz-Client-Context` is base64 of JSON.
fn client_context(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(sent) = call.text("ClientContext") else { return Ok(None) };
    let decoded = STANDARD.decode(sent).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let readable = decoded.filter(|t| serde_json::from_str::<serde::de::IgnoredAny>(t).is_ok());
    readable.map(Some).ok_or_else(|| invalid("Client context must be a valid Base64-encoded JSON object."))
}
