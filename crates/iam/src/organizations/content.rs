//! Whether a document is a policy of its type.

use policy::{Policy, PolicyKind};

use super::fail::{malformed, too_large};
use super::kinds::{self, RCP, SCP};
use crate::error::Fail;

/// Refuses documents that are too large or not of the type. AWS has one text for everything that is wrong in them.
pub(crate) fn check(kind: &str, content: &str) -> Result<(), Fail> {
    if content.chars().count() > kinds::limits(kind).size {
        return Err(too_large());
    }
    match kind {
        SCP => authorization(content, PolicyKind::Scp),
        RCP => authorization(content, PolicyKind::Rcp),
        // Management policies have grammars of their own per type; what they share is that they are JSON objects.
        _ => match serde_json::from_str::<serde_json::Value>(content) {
            Ok(serde_json::Value::Object(_)) => Ok(()),
            _ => Err(malformed()),
        },
    }
}

fn authorization(content: &str, kind: PolicyKind) -> Result<(), Fail> {
    policy::validate(content, kind).map_err(|_| malformed())?;
    // What is stored is compiled for every request of the accounts below.
    Policy::parse("document", content, kind).map(|_| ()).map_err(|_| malformed())
}
