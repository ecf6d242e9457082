use wire::{ApiError, Call};

use crate::Iam;
use crate::error::Fail;
use crate::federation::Identity;

pub(crate) fn identity(_: &Iam, call: &Call) -> Result<Identity, Fail> {
    Err(ApiError::not_implemented("sts", call.operation).into())
}
