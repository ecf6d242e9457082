//! Errors inside this crate, and AWS's texts for the common ones.

use store::StoreError;
use wire::ApiError;

use crate::model::Kind;

/// An [`ApiError`] that store errors turn into.
#[derive(Debug)]
pub(crate) struct Fail(pub(crate) ApiError);

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self(ApiError::internal(error.to_string()))
    }
}

impl From<ApiError> for Fail {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Fail> for ApiError {
    fn from(fail: Fail) -> Self {
        fail.0
    }
}

/// An error of any code.
pub(crate) fn fail(code: &str, status: u16, message: impl Into<String>) -> Fail {
    Fail(ApiError::new(code, status, message))
}

/// 404 `NoSuchEntity`.
pub(crate) fn no_such(message: impl Into<String>) -> Fail {
    fail("NoSuchEntity", 404, message)
}

/// 404 for a role, user or group (test_iam_roles, test_iam_users, test_iam_groups).
pub(crate) fn no_such_entity(kind: Kind, name: &str) -> Fail {
    no_such(format!("The {} with name {name} cannot be found.", kind.word()))
}

/// 404 for a managed policy (test_iam_policies).
pub(crate) fn no_such_policy(arn: &str) -> Fail {
    no_such(format!("Policy {arn} was not found."))
}

/// 404 on attaching a policy (test_iam_roles `attach-nonexistent-policy-error`).
pub(crate) fn not_attachable(arn: &str) -> Fail {
    no_such(format!("Policy {arn} does not exist or is not attachable."))
}

/// 403 on changing a managed policy of AWS or of another account. The text is the one that users meet; it is also that of
/// IAM-compatible servers (ctyun OOS, `deletePolicy`).
pub(crate) fn outside_account() -> Fail {
    denied("Policy is outside your own account.")
}

/// 409 `EntityAlreadyExists`.
pub(crate) fn exists(message: impl Into<String>) -> Fail {
    fail("EntityAlreadyExists", 409, message)
}

/// 409 `DeleteConflict`.
pub(crate) fn conflict(message: impl Into<String>) -> Fail {
    fail("DeleteConflict", 409, message)
}

/// 409 `LimitExceeded`.
pub(crate) fn limit(message: impl Into<String>) -> Fail {
    fail("LimitExceeded", 409, message)
}

/// 409 `LimitExceeded` in the usual words, for example `Cannot exceed quota for AccessKeysPerUser: 2`.
pub(crate) fn quota(name: &str, value: usize) -> Fail {
    limit(format!("Cannot exceed quota for {name}: {value}"))
}

/// 400 `InvalidInput`.
pub(crate) fn invalid_input(message: impl Into<String>) -> Fail {
    fail("InvalidInput", 400, message)
}

/// 400 `ValidationError`.
pub(crate) fn validation(message: impl Into<String>) -> Fail {
    fail("ValidationError", 400, message)
}

/// 400 `InvalidParameterValue`.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fail {
    fail("InvalidParameterValue", 400, message)
}

/// 400 `MalformedPolicyDocument`.
pub(crate) fn malformed(message: impl Into<String>) -> Fail {
    fail("MalformedPolicyDocument", 400, message)
}

/// 403 `AccessDenied`.
pub(crate) fn denied(message: impl Into<String>) -> Fail {
    fail("AccessDenied", 403, message)
}

/// 500, with what went wrong on this side.
pub(crate) fn internal(message: impl Into<String>) -> Fail {
    Fail(ApiError::internal(message))
}
