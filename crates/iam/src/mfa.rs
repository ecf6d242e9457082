//! Codes of MFA devices. The one place that AssumeRole and GetSessionToken ask.

use policy::Principal;
use wire::Call;

use crate::error::{Fail, denied};
use crate::{Caller, Iam};

/// Whether `call` shows a code of the caller's MFA device (`SerialNumber` and `TokenCode`): `false` when it shows none.
/// A call may ask several times.
///
/// # Errors
/// `AccessDenied` when the code is wrong, the device unknown, or the caller no user of the account.
pub(crate) fn shown(iam: &Iam, caller: &Caller, call: &Call) -> Result<bool, Fail> {
    if call.text("TokenCode").is_none() && call.text("SerialNumber").is_none() {
        return Ok(false);
    }
    let Principal::User { id, account, .. } = &caller.principal else {
        return Err(denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
             valid and associated with this user.",
        ));
    };
    iam.use_mfa_code(account, id, call.text("SerialNumber").unwrap_or_default(), call).map(|()| true)
}
