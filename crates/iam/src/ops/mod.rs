//! The operations. One table: a name is implemented exactly when it stands here.

use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply};

use crate::error::Fail;
use crate::{Caller, Iam};

/// An operation at work.
pub(crate) struct Op<'a> {
    pub(crate) iam: &'a Iam,
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
}

pub(crate) type Output = Result<Map<String, Value>, Fail>;
type Handler = fn(&Op<'_>) -> Output;

/// Name and behaviour of every operation.
static TABLE: &[(&str, Handler)] = &[];

/// Names of the operations of IAM and STS that have behaviour. The two services share no name.
#[must_use]
pub fn implemented() -> &'static [&'static str] {
    static NAMES: std::sync::LazyLock<Vec<&'static str>> =
        std::sync::LazyLock::new(|| TABLE.iter().map(|(name, _)| *name).collect());
    &NAMES
}

pub(crate) fn run(iam: &Iam, service: &str, call: &Call, caller: &Caller) -> Result<Reply, Fail> {
    let Some((_, handler)) = TABLE.iter().find(|(name, _)| *name == call.operation) else {
        return Err(ApiError::not_implemented(service, call.operation).into());
    };
    let output = handler(&Op { iam, call, caller })?;
    Ok(Reply { output, ..Reply::default() })
}
