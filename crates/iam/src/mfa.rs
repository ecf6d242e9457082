//! Codes of MFA devices. The one place that AssumeRole and GetSessionToken ask.

use wire::Call;

use crate::error::{Fail, denied};
use crate::{Caller, Iam};

/// Whether `call` shows a code of the caller's MFA device (`SerialNumber` and `TokenCode`): `false` when it shows none.
///
/// # Errors
/// `AccessDenied` when the code is wrong. No devices exist here yet, so every code is: who makes them compares the code
/// here and answers `true`. AssumeRole asks twice, once for its checks and once for the session: a code that is
/// good once only must be remembered with the request's id (`call.request_id`).
pub(crate) fn shown(_iam: &Iam, _caller: &Caller, call: &Call) -> Result<bool, Fail> {
    if call.text("TokenCode").is_none() && call.text("SerialNumber").is_none() {
        return Ok(false);
    }
    Err(denied(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid \
         and associated with this user.",
    ))
}
