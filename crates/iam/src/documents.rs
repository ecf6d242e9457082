//! Policy documents on their way in, and compiled. On their way out `wire` escapes them.

use policy::{Policy, PolicyKind};

use crate::error::{Fail, internal, invalid_input, malformed};

/// Refuses what AWS refuses, in its words.
pub(crate) fn validate(document: &str, kind: PolicyKind) -> Result<(), Fail> {
    // Text that is no JSON has its own words where roles are concerned (test_update_assume_role_policy_errors); as an
    // identity policy it has a syntax error.
    if kind == PolicyKind::Trust && serde_json::from_str::<serde::de::IgnoredAny>(document).is_err() {
        return Err(malformed("This policy contains invalid Json"));
    }
    policy::validate(document, kind).map_err(|e| match e.message.strip_suffix('.') {
        // Recorded in 2026 without the full stop that older records have (same test, `resource-field-error`).
        Some(text) if text.starts_with("Has prohibited field") => malformed(text),
        _ => malformed(e.message),
    })
}

/// The same for documents that are only asked about: the code that the API Reference gives for the policy simulator and
/// GetContextKeysFor….
pub(crate) fn validate_input(document: &str, kind: PolicyKind) -> Result<(), Fail> {
    validate(document, kind).map_err(|fail| invalid_input(fail.0.message.unwrap_or_default()))
}

/// The size that quotas count: "IAM does not count white space" (User Guide, reference_iam-quotas).
pub(crate) fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum()
}

/// Compiles a stored document.
pub(crate) fn compile(name: String, document: &str, kind: PolicyKind) -> Result<Policy, Fail> {
    let shown = name.clone();
    Policy::parse(name, document, kind)
        .map_err(|e| internal(format!("the stored {shown} does not parse: {e}")))
}
