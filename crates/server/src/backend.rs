//! How a deployed API reaches a function: caller, policy, Lambda, as every other call does.

use std::sync::Arc;

use arn::{AccountId, Arn};
use bytes::Bytes;
use gateway::execution::{
    Backend, BackendError, BackendErrorKind, BoxFuture, CallAs, EndpointAnswer, EndpointError,
    EndpointRequest, EndpointStream, LambdaAnswer, LambdaInvocation, LambdaStream, ServiceCall,
};
use iam::{Caller, Iam};
use lambda::execution::{Invocation, InvokeContext, InvokeError};
use lambda::{FunctionView, InvokeFailure, Lambda};
use policy::{Check, Context, Principal};

use crate::clock::now_ms;
use crate::decide::{Surroundings, decide};
use crate::endpoints::Endpoints;
use crate::function_stream;
use crate::services::{self, Services};
use crate::trace::{Invoked, record};

/// The session of API Gateway's service roles (facts/iam.md section 9, seen in CloudTrail, SQS and S3 records).
const SESSION: &str = "BackplaneAssumeRoleSession";
/// Characters of a function's error kept for explanations.
const ERROR_KEPT: usize = 2_000;

/// What is behind API Gateway.
pub struct LambdaBackend {
    pub(crate) iam: Iam,
    pub(crate) lambda: Lambda,
    /// HTTP endpoints.
    pub(crate) endpoints: Endpoints,
    /// This server's own services.
    pub(crate) services: Services,
    /// Calls with a role carry the source ARN too, which AWS's do not.
    pub(crate) source_arn_on_role_calls: bool,
}

impl Backend for LambdaBackend {
    fn invoke(&self, invocation: LambdaInvocation) -> BoxFuture<'_, Result<LambdaAnswer, BackendError>> {
        Box::pin(self.call(invocation))
    }

    fn invoke_streaming(
        &self,
        invocation: LambdaInvocation,
    ) -> BoxFuture<'_, Result<LambdaStream, BackendError>> {
        Box::pin(function_stream::call(self, invocation))
    }

    fn send(&self, request: EndpointRequest) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        Box::pin(self.endpoints.send(request))
    }

    fn send_streaming(
        &self,
        request: EndpointRequest,
    ) -> BoxFuture<'_, Result<EndpointStream, EndpointError>> {
        Box::pin(self.endpoints.send_streaming(request))
    }

    fn call_service(&self, call: ServiceCall) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        Box::pin(services::call(self, call))
    }
}

fn refused(kind: BackendErrorKind, detail: impl Into<String>) -> BackendError {
    BackendError { kind, detail: detail.into() }
}

pub(crate) fn broken(error: impl std::fmt::Display) -> BackendError {
    refused(BackendErrorKind::Other, error.to_string())
}

impl LambdaBackend {
    async fn call(&self, invocation: LambdaInvocation) -> Result<LambdaAnswer, BackendError> {
        self.allow(&invocation)?;
        self.run(invocation).await
    }

    /// Decides whether the function may be invoked. `lambda:InvokeFunction` is asked for a stream, too: Lambda's API
    /// reference of InvokeWithResponseStream has it so.
    pub(crate) fn allow(&self, invocation: &LambdaInvocation) -> Result<(), BackendError> {
        let arn = Arn::parse(&invocation.function_arn).map_err(broken)?;
        let owner = AccountId::new(&arn.account).map_err(broken)?;
        let around = Surroundings {
            source_ip: None,
            user_agent: None,
            region: &invocation.uri_region,
            now_ms: now_ms(),
        };
        if invocation.uri_region != arn.region {
            // Lambda's own text, as API Gateway logs quote it.
            return Err(refused(
                BackendErrorKind::WrongRegion,
                format!(
                    "Functions from '{}' are not reachable in this region ('{}')",
                    arn.region, invocation.uri_region
                ),
            ));
        }
        let (caller, mut context) = self.caller(&invocation.call_as, &around)?;
        context.extend(self.lambda.tag_context(&invocation.function_arn).map_err(broken)?);
        let check = Check {
            action: "lambda:InvokeFunction".to_owned(),
            resource: invocation.function_arn.clone(),
            resource_account: Some(owner),
            resource_policy: self.lambda.function_policy(&invocation.function_arn).map_err(broken)?,
            context,
        };
        // Before the function is looked up: a stranger must not learn which functions exist.
        let verdict = decide(&self.iam, &caller, check, &around).map_err(broken)?;
        if !verdict.allowed {
            return Err(refused(BackendErrorKind::AccessDenied, verdict.sentence.unwrap_or_default()));
        }
        Ok(())
    }

    /// Who calls, and the condition keys that come with being called on behalf of an API.
    pub(crate) fn caller(
        &self,
        call_as: &CallAs,
        around: &Surroundings<'_>,
    ) -> Result<(Caller, Context), BackendError> {
        let mut context = Context::new();
        match call_as {
            CallAs::Service { source_arn, source_account } => {
                context.set("aws:SourceArn", source_arn.as_str());
                context.set("aws:SourceAccount", source_account.as_str());
                Ok((gateway_itself(), context))
            }
            CallAs::Role { role_arn, api_account, source_arn } => {
                let caller = self.assume(role_arn, api_account, around)?;
                if self.source_arn_on_role_calls {
                    context.set("aws:SourceArn", source_arn.as_str());
                    context.set("aws:SourceAccount", api_account.as_str());
                }
                Ok((caller, context))
            }
            CallAs::Client(client) => {
                // The key is looked up again for its session; a development key has none.
                let key = self.iam.access_key(&client.access_key).map_err(broken)?;
                let caller =
                    key.map_or_else(|| Caller::from(client.principal.clone()), |key| key.caller.clone());
                // A service that uses its client's credentials (User Guide, aws:ViaAWSService). API Gateway is not
                // on the list of services that aws:CalledVia supports.
                context.set("aws:ViaAWSService", "true");
                Ok((caller, context))
            }
        }
    }

    fn assume(
        &self,
        role_arn: &str,
        api_account: &str,
        around: &Surroundings<'_>,
    ) -> Result<Caller, BackendError> {
        let cannot = |why: String| refused(BackendErrorKind::CannotAssumeRole, why);
        let role = self.iam.role(role_arn).map_err(broken)?;
        let Some(role) = role else {
            return Err(cannot(format!("the role {role_arn} does not exist")));
        };
        if role.account.as_str() != api_account {
            return Err(cannot(format!(
                "the role {role_arn} is of another account than the API ({api_account})"
            )));
        }
        let check = Check {
            action: "sts:AssumeRole".to_owned(),
            resource: role.arn.clone(),
            resource_account: Some(role.account),
            resource_policy: Some(role.trust.clone()),
            // Whether API Gateway sends aws:SourceArn here is not documented (facts/iam.md section 9), so it does not.
            context: Context::new(),
        };
        let verdict = decide(&self.iam, &gateway_itself(), check, around).map_err(broken)?;
        if !verdict.allowed {
            return Err(cannot(format!("the role {role_arn} does not trust apigateway.amazonaws.com")));
        }
        let session = self.iam.role_session(&role.arn, SESSION, around.now_ms).map_err(broken)?;
        session.ok_or_else(|| cannot(format!("the role {role_arn} does not exist any more")))
    }

    pub(crate) fn function(&self, arn: &str) -> Result<Arc<FunctionView>, BackendError> {
        let found = self.lambda.lookup(arn).map_err(broken)?;
        found.ok_or_else(|| refused(BackendErrorKind::FunctionNotFound, format!("Function not found: {arn}")))
    }

    async fn run(&self, invocation: LambdaInvocation) -> Result<LambdaAnswer, BackendError> {
        let arn = invocation.function_arn;
        let view = self.function(&arn)?;
        let payload = payload(&invocation.payload, invocation.async_event)?;
        let invocation_id = arn::request_id(crate::random::random());
        let context = InvokeContext {
            request_id: invocation_id.clone(),
            invoked_arn: arn.clone(),
            trace_id: Some(invocation.trace_header),
            ..InvokeContext::default()
        };
        if invocation.async_event {
            self.lambda.accept_event(&view, payload, context, now_ms()).map_err(broken)?;
            return Ok(LambdaAnswer { invocation_id, ..LambdaAnswer::default() });
        }
        let done = self.lambda.run(&view, payload, context).await.map_err(not_run)?;
        record(|events| events.invocation = Some(invoked(&done)));
        Ok(LambdaAnswer {
            payload: done.payload,
            function_error: done.function_error.map(|error| error.as_str().to_owned()),
            invocation_id,
            executed_version: done.executed_version,
        })
    }
}

/// The payload as Lambda takes it, or what it says against it.
pub(crate) fn payload(sent: &Bytes, asynchronous: bool) -> Result<Bytes, BackendError> {
    lambda::payload(sent, asynchronous).map_err(|error| {
        let kind = match error.status {
            413 => BackendErrorKind::PayloadTooLarge,
            _ => BackendErrorKind::NoJson,
        };
        refused(kind, error.message.unwrap_or_default())
    })
}

pub(crate) fn not_run(failure: InvokeFailure) -> BackendError {
    match failure {
        InvokeFailure::NotRun(InvokeError::Throttled(reason)) => {
            refused(BackendErrorKind::Throttled, format!("{reason:?}"))
        }
        InvokeFailure::NotRun(error) => broken(error),
        InvokeFailure::NotFound(arn) => {
            refused(BackendErrorKind::FunctionNotFound, format!("Function not found: {arn}"))
        }
        InvokeFailure::Broken(error) => broken(error),
    }
}

/// What explanations tell of a run.
pub(crate) fn invoked(done: &Invocation) -> Invoked {
    let error = |_| String::from_utf8_lossy(&done.payload).chars().take(ERROR_KEPT).collect();
    Invoked {
        error: done.function_error.map(error),
        warning: done.warning.clone(),
        cold: done.cold,
        duration_ms: done.durations.duration.as_secs_f64() * 1000.0,
    }
}

fn gateway_itself() -> Caller {
    Principal::Service { host: "apigateway.amazonaws.com".to_owned() }.into()
}

/// As the gateway wants it.
impl From<LambdaBackend> for Arc<dyn Backend> {
    fn from(backend: LambdaBackend) -> Self {
        Arc::new(backend)
    }
}
