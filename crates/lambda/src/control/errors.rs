//! Lambda's errors. Each text is one that AWS answers, unless the function's comment says otherwise.

use serde_json::Value;
use store::StoreError;
use wire::ApiError;

use crate::execution::{InvokeError, ThrottleReason};

/// Most of Lambda's error shapes carry `Type: User` (recorded throughout `test_lambda_api.snapshot.json`).
fn user(code: &str, status: u16, message: impl Into<String>) -> ApiError {
    ApiError::new(code, status, message).with("Type", "User")
}

/// `InvalidParameterValueException`.
pub fn invalid(message: impl Into<String>) -> ApiError {
    user("InvalidParameterValueException", 400, message)
}

/// `ResourceNotFoundException`.
pub fn not_found(message: impl Into<String>) -> ApiError {
    user("ResourceNotFoundException", 404, message)
}

/// `Function not found: ARN`.
pub fn no_function(arn: &str) -> ApiError {
    not_found(format!("Function not found: {arn}"))
}

/// `ResourceConflictException`.
pub fn conflict(message: impl Into<String>) -> ApiError {
    user("ResourceConflictException", 409, message)
}

/// `PreconditionFailedException`; `source` names the API to call, for example `GetPolicy`.
pub fn stale_revision(source: &str) -> ApiError {
    user(
        "PreconditionFailedException",
        412,
        format!(
            "The Revision Id provided does not match the latest Revision Id. Call the {source} API to retrieve the \
             latest Revision Id"
        ),
    )
}

/// `RequestEntityTooLargeException`, which has no `Type`.
pub fn too_large(message: impl Into<String>) -> ApiError {
    ApiError::new("RequestEntityTooLargeException", 413, message).with("Type", Value::Null)
}

/// 403 with a null text: a function of another account (recorded: `TestLambdaFunction::test_function_arns`).
pub fn other_account() -> ApiError {
    let mut error = ApiError::new("AccessDeniedException", 403, "").with("Type", Value::Null);
    error.message = None;
    error
}

/// The text for a role that does not exist or whose trust policy does not name Lambda, for [`crate::Roles`].
#[must_use]
pub fn unassumable_role() -> ApiError {
    invalid(UNASSUMABLE)
}

const UNASSUMABLE: &str = "The role defined for the function cannot be assumed by Lambda.";

/// A defect or a full disk: the store failed.
pub fn store(error: StoreError) -> ApiError {
    ApiError::internal(error.to_string())
}

/// How an invocation that could not take place is answered.
pub fn not_run(error: &InvokeError) -> ApiError {
    match error {
        InvokeError::Throttled(reason) => {
            let reason = match reason {
                ThrottleReason::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
                ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded => {
                    "ReservedFunctionConcurrentInvocationLimitExceeded"
                }
            };
            user("TooManyRequestsException", 429, "Rate Exceeded.").with("Reason", reason)
        }
        // Quoted in public issues (awslabs/swift-aws-lambda-runtime, change 676); the status is reasoning: the code's own.
        InvokeError::RoleUnassumable(_) => user("AccessDeniedException", 403, UNASSUMABLE),
        // AWS has every runtime; this machine may not. Our own text says which one and what to install.
        InvokeError::RuntimeUnavailable(text) => {
            user("InvalidRuntimeException", 502, text.clone()).with("Type", "Server")
        }
        other => ApiError::new("ServiceException", 500, other.to_string()).with("Type", "Server"),
    }
}
