//! Which permissions each operation of IAM needs.
use policy::Check;
use wire::Call;

use crate::error::Fail;
use crate::{Caller, Iam};

pub(crate) fn checks(_iam: &Iam, _call: &Call, _caller: &Caller) -> Result<Vec<Check>, Fail> {
    // Until the table stands: nothing may run unchecked.
    Err(wire::ApiError::not_implemented("iam", _call.operation).into())
}
