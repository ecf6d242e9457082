//! A list of what cannot be made here yet: truthfully empty. The operations that would make one say that they are not
//! implemented.

use serde_json::Value;

use super::{Op, Output};

/// The one list without pages.
pub(crate) fn saml_providers(_: &Op<'_>) -> Output {
    super::one("SAMLProviderList", Value::Array(Vec::new()))
}
