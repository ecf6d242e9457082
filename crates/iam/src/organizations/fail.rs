//! The errors of Organizations. Texts seen in AWS's answers are marked with where; the others follow the API
//! Reference's description of the error, whose wording is not recorded.

use wire::ApiError;

use crate::error::Fail;

/// An error of Organizations: all of them are 400 (service model).
pub(crate) fn fail(code: &str, message: impl Into<String>) -> Fail {
    Fail(ApiError::new(code, 400, message))
}

fn with_reason(code: &str, reason: &str, message: impl Into<String>) -> Fail {
    Fail(ApiError::new(code, 400, message).with("Reason", reason))
}

/// `InvalidInputException` with its reason.
pub(crate) fn invalid(reason: &str, message: impl Into<String>) -> Fail {
    with_reason("InvalidInputException", reason, message)
}

/// `ConstraintViolationException` with its reason.
pub(crate) fn constraint(reason: &str, message: impl Into<String>) -> Fail {
    with_reason("ConstraintViolationException", reason, message)
}

/// `HandshakeConstraintViolationException` with its reason.
pub(crate) fn handshake_constraint(reason: &str, message: impl Into<String>) -> Fail {
    with_reason("HandshakeConstraintViolationException", reason, message)
}

/// Seen with DescribeOrganization and ListAccounts (cloud-custodian issue 8106, cloudmapper issue 733).
pub(crate) fn not_in_use() -> Fail {
    fail("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

/// Seen with ListAccounts by a member account (aws-iam-access-key-auto-rotation issue 10).
pub(crate) fn no_access() -> Fail {
    fail("AccessDeniedException", "You don't have permissions to access this resource.")
}

pub(crate) fn no_account() -> Fail {
    fail("AccountNotFoundException", "You specified an account that doesn't exist.")
}

pub(crate) fn no_target() -> Fail {
    fail("TargetNotFoundException", "You specified a target that doesn't exist.")
}

pub(crate) fn no_parent() -> Fail {
    fail("ParentNotFoundException", "You specified a parent that doesn't exist.")
}

pub(crate) fn no_unit() -> Fail {
    fail("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
}

pub(crate) fn no_policy() -> Fail {
    fail("PolicyNotFoundException", "You specified a policy that doesn't exist.")
}

pub(crate) fn no_root() -> Fail {
    fail("RootNotFoundException", "You specified a root that doesn't exist.")
}

pub(crate) fn no_handshake() -> Fail {
    fail("HandshakeNotFoundException", "You specified a handshake that doesn't exist.")
}

/// API Reference, Errors: PolicyTypeNotEnabledException.
pub(crate) fn type_not_enabled() -> Fail {
    fail("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
}

/// API Reference, Errors: PolicyTypeNotAvailableForOrganizationException.
pub(crate) fn type_not_available() -> Fail {
    fail(
        "PolicyTypeNotAvailableForOrganizationException",
        "You can't use the specified policy type with the feature set currently enabled for your organization.",
    )
}

/// Seen with AttachPolicy and with CreatePolicy alike (CloudFormation roadmap issue 2245 for the latter).
pub(crate) fn duplicate(code: &str) -> Fail {
    fail(code, "A policy with the specified name and type already exists.")
}

/// Seen with UpdatePolicy (terraform-provider-aws issue 12597).
pub(crate) fn too_large() -> Fail {
    constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum policy size.")
}

/// The text that AWS answers to every document that is no policy of its type.
pub(crate) fn malformed() -> Fail {
    fail(
        "MalformedPolicyDocumentException",
        "The provided policy document does not meet the requirements of the specified policy type.",
    )
}
