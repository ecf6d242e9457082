//! Policy documents on their way in and out.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Policy, PolicyKind};

use crate::error::{Fail, internal, malformed};

/// RFC 3986: everything but the unreserved characters is escaped (API Reference: documents are "URL-encoded
/// compliant with RFC 3986").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A document as the API answers it.
pub(crate) fn encode(document: &str) -> String {
    utf8_percent_encode(document, ESCAPED).to_string()
}

/// Refuses what AWS refuses, in its words.
pub(crate) fn validate(document: &str, kind: PolicyKind) -> Result<(), Fail> {
    policy::validate(document, kind).map_err(|e| malformed(e.message))
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
