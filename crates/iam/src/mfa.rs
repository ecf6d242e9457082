//! Codes of MFA devices. The one place that AssumeRole and GetSessionToken ask.

use policy::Principal;
use wire::{ApiError, Call};

use crate::error::{Fail, denied};
use crate::model::Kind;
use crate::ops::credentials;
use crate::{Caller, Iam, trust};

impl Iam {
    /// The serial number of an MFA device that is enabled for the user `principal`, if it has one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn mfa_device(&self, principal: &Principal) -> Result<Option<String>, ApiError> {
        let Principal::User { arn, account, .. } = principal else { return Ok(None) };
        let found = self.read(|store| {
            let Some(user) = trust::by_arn(store, account, Kind::User, arn)? else { return Ok(None) };
            Ok(credentials::devices(store, account, &user)?.into_iter().next())
        });
        found.map(|device| device.map(|device| device.serial)).map_err(|fail| fail.0)
    }
}

/// Whether `call` shows a good code of the caller's MFA device (`SerialNumber` and `TokenCode`): `false` when it shows
/// none. The code stays good: a call that is denied uses none up.
///
/// # Errors
/// `AccessDenied` when the code is wrong, the device unknown, or the caller no user of the account.
pub(crate) fn shown(iam: &Iam, caller: &Caller, call: &Call) -> Result<bool, Fail> {
    check(iam, caller, call, false)
}

/// As [`shown`]; the code cannot be used again (IAM User Guide, id_credentials_mfa_sample-code: a code works once).
///
/// # Errors
/// As [`shown`].
pub(crate) fn used(iam: &Iam, caller: &Caller, call: &Call) -> Result<bool, Fail> {
    check(iam, caller, call, true)
}

fn check(iam: &Iam, caller: &Caller, call: &Call, used: bool) -> Result<bool, Fail> {
    if call.text("TokenCode").is_none() && call.text("SerialNumber").is_none() {
        return Ok(false);
    }
    let Principal::User { id, account, .. } = &caller.principal else {
        return Err(denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
             valid and associated with this user.",
        ));
    };
    let serial = call.text("SerialNumber").unwrap_or_default();
    iam.mfa_code(account, id, serial, call, used).map(|()| true)
}
