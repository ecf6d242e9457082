use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Caller;
use super::endpoint::{EndpointAnswer, EndpointError, EndpointRequest, EndpointStream, ServiceCall};

/// A future on the heap: the traits of this module are used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How the gateway reaches what is behind it. The server implements it; Lambda by the way that every other caller goes:
/// caller, then policy, then Lambda.
pub trait Backend: Send + Sync {
    /// Invokes a function and waits for its answer (or, for an event, for its acceptance). The gateway drops the
    /// future when the integration's time is over.
    fn invoke(&self, invocation: LambdaInvocation) -> BoxFuture<'_, Result<LambdaAnswer, BackendError>>;

    /// Invokes a function by InvokeWithResponseStream and gives its answer as it comes: returns with the answer's
    /// first piece, or its end. The function goes on when the gateway drops the future or the pieces.
    fn invoke_streaming(
        &self,
        invocation: LambdaInvocation,
    ) -> BoxFuture<'_, Result<LambdaStream, BackendError>>;

    /// Sends a request to an HTTP endpoint and reads the whole answer; redirects are answers. The gateway drops the
    /// future when the integration's time is over.
    fn send(&self, request: EndpointRequest) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>>;

    /// Sends a request to an HTTP endpoint and gives its answer as it comes: returns with all its headers.
    fn send_streaming(
        &self,
        request: EndpointRequest,
    ) -> BoxFuture<'_, Result<EndpointStream, EndpointError>>;

    /// Calls an AWS API by the way that every other caller goes. What the service refuses is an answer.
    fn call_service(&self, call: ServiceCall) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>>;
}

/// On whose behalf the function is called. It follows from the integration's `credentials`.
#[derive(Clone, Debug)]
pub enum CallAs {
    /// No credentials: `apigateway.amazonaws.com` itself; the function's own policy decides.
    Service {
        /// `aws:SourceArn`: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path/template`.
        source_arn: String,
        /// `aws:SourceAccount`: the API's owner.
        source_account: String,
    },
    /// The ARN of a role: the session `BackplaneAssumeRoleSession` of that role.
    Role {
        /// The role, as it is configured.
        role_arn: String,
        /// The API's owner, for whom the role is assumed.
        api_account: String,
        /// What the service would have sent. AWS sends no source ARN with a role's call, so this is for a server that
        /// was told to.
        source_arn: String,
    },
    /// `arn:aws:iam::*:user/*`: the client that called the API.
    Client(Box<Caller>),
}

/// A function to be invoked.
#[derive(Clone, Debug)]
pub struct LambdaInvocation {
    /// The function as the URI names it, stage variables filled in; it may end in `:qualifier`.
    pub function_arn: String,
    /// The region in the URI: where Lambda is asked.
    pub uri_region: String,
    /// On whose behalf.
    pub call_as: CallAs,
    /// The event.
    pub payload: Bytes,
    /// The id that the client gets in `x-amzn-RequestId`.
    pub request_id: String,
    /// Whether nobody waits for the result (`X-Amz-Invocation-Type: Event`).
    pub async_event: bool,
    /// The integration's time-out; the gateway enforces it as well.
    pub timeout: Duration,
    /// `X-Amzn-Trace-Id`, the client's or a new one.
    pub trace_header: String,
    /// The API's id.
    pub api_id: String,
    /// The API's owner.
    pub api_account: String,
    /// The API's region.
    pub api_region: String,
}

/// What Lambda answered: the function ran, well or not.
#[derive(Clone, Debug, Default)]
pub struct LambdaAnswer {
    /// What the function returned, or Lambda's description of its error.
    pub payload: Bytes,
    /// `X-Amz-Function-Error`, for example `Unhandled`.
    pub function_error: Option<String>,
    /// The id that Lambda gave the invocation (`x-amzn-RequestId` of its answer).
    pub invocation_id: String,
    /// `X-Amz-Executed-Version`.
    pub executed_version: String,
}

/// The pieces of an answer. Its end is the end of the channel; an error says that it broke off.
pub type Pieces = mpsc::Receiver<Result<Bytes, Cut>>;

/// Why an answer broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The function failed.
    Function {
        /// As in [`LambdaAnswer::function_error`].
        kind: String,
        /// Lambda's description of the error.
        payload: Bytes,
    },
    /// The connection did, or something in between.
    Broken(String),
}

/// What Lambda answers while the function runs.
#[derive(Debug)]
pub struct LambdaStream {
    /// As in [`LambdaAnswer::invocation_id`].
    pub invocation_id: String,
    /// What the function writes.
    pub pieces: Pieces,
}

/// Why Lambda did not run the function.
#[derive(Clone, Debug)]
pub struct BackendError {
    /// The kind, which decides what the client and the execution log get.
    pub kind: BackendErrorKind,
    /// What happened, for the trace and `crossgate explain`; never sent to the client.
    pub detail: String,
}

/// The kinds of [`BackendError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendErrorKind {
    /// Policies refuse the call: 500, log `Invalid permissions on Lambda function`.
    AccessDenied,
    /// The role cannot be assumed: 500, log `API Gateway does not have permission to assume the provided role …`.
    CannotAssumeRole,
    /// There is no such function or qualifier.
    FunctionNotFound,
    /// The region of the URI is not the region of the function's ARN.
    WrongRegion,
    /// The payload is no JSON, which Lambda says: 400, with its words.
    NoJson,
    /// The payload is longer than Lambda takes: 413.
    PayloadTooLarge,
    /// Lambda has no room for the call.
    Throttled,
    /// The call took longer than it may: 504.
    Timeout,
    /// Anything else.
    Other,
}
