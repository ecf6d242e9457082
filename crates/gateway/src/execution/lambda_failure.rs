//! A function that was not run, or that failed: what the client gets, and what the execution log says.

use super::backend::{BackendError, BackendErrorKind};
use super::call::MethodCall;
use super::compile::{Credentials, Lambda};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::trace::Why;

pub(super) fn timed_out(target: &Lambda, journal: &mut Journal) -> Box<Failure> {
    journal.error(|| "Execution failed due to a timeout error".to_owned());
    let after_ms = u64::try_from(target.timeout.as_millis()).unwrap_or(u64::MAX);
    Failure::new(GatewayResponse::timed_out(), Why::Timeout { after_ms })
}

pub(super) fn backend_error(
    error: BackendError,
    target: &Lambda,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Box<Failure> {
    let BackendError { kind, detail } = error;
    let refused = |journal: &mut Journal, status: u16| {
        // Recorded by its owner for 429 and `Rate Exceeded.`; the same form for the others by reasoning.
        journal.error(|| {
            format!(
                "Lambda invocation failed with status: {status}. Lambda request id: {}",
                call.request.request_id
            )
        });
    };
    let log = match &kind {
        BackendErrorKind::Timeout => return timed_out(target, journal),
        BackendErrorKind::AccessDenied => "Invalid permissions on Lambda function".to_owned(),
        BackendErrorKind::CannotAssumeRole => {
            let role = match &target.credentials {
                Credentials::Role(role) => role.fill(call.variables).0,
                _ => String::new(),
            };
            journal.error(|| {
                format!(
                    "Execution failed due to configuration error: API Gateway does not have permission to assume the \
                     provided role {role}"
                )
            });
            return Failure::new(
                GatewayResponse::internal(ResponseType::Default5xx, 500),
                Why::IntegrationFailure { kind, detail },
            );
        }
        BackendErrorKind::NoJson => {
            refused(journal, 400);
            let response = GatewayResponse::no_json(&detail);
            return Failure::new(response, Why::IntegrationFailure { kind, detail });
        }
        BackendErrorKind::PayloadTooLarge => {
            refused(journal, 413);
            return Failure::new(GatewayResponse::too_large(), Why::IntegrationFailure { kind, detail });
        }
        BackendErrorKind::Throttled => {
            refused(journal, 429);
            // 500 by default, and yet a gateway response for INTEGRATION_FAILURE is the one that dresses it (published by
            // its owner on AWS re:Post, with both answers).
            let mut failure =
                Failure::configuration(journal, "Rate Exceeded.", Why::IntegrationFailure { kind, detail });
            failure.response.kind = ResponseType::IntegrationFailure;
            return failure;
        }
        BackendErrorKind::FunctionNotFound | BackendErrorKind::WrongRegion => {
            refused(journal, 404);
            detail.clone()
        }
        BackendErrorKind::Other => {
            refused(journal, 500);
            detail.clone()
        }
    };
    Failure::configuration(journal, &log, Why::IntegrationFailure { kind, detail })
}

/// `errorType` and `errorMessage` of a function's error.
pub(super) fn error_members(payload: &[u8]) -> (Option<String>, Option<String>) {
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let member = |name: &str| value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    (member("errorType"), member("errorMessage"))
}

/// 502 for a function that failed.
pub(super) fn function_failed(
    kind: &str,
    payload: &[u8],
    invocation_id: &str,
    journal: &mut Journal,
) -> Box<Failure> {
    let (error_type, error_message) = error_members(payload);
    log_function_error(error_message.as_deref(), invocation_id, journal);
    Failure::new(
        GatewayResponse::internal(ResponseType::Default5xx, 502),
        Why::FunctionError { kind: kind.to_owned(), error_type, error_message },
    )
}

pub(super) fn log_function_error(message: Option<&str>, invocation_id: &str, journal: &mut Journal) {
    journal.error(|| {
        format!(
            "Lambda execution failed with status 200 due to customer function error: {}. Lambda request id: \
             {invocation_id}",
            message.unwrap_or("null")
        )
    });
}
