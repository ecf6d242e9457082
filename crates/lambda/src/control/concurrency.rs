//! Reserved concurrency, and the account's limits.

use serde_json::{Value, json};
use store::StoreError;
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, invalid, no_function};
use super::model::{FUNCTIONS, Function, LATEST, SHARES, Shares, function_key};
use super::view::Read;
use super::{FunctionName, Lambda, view};

/// What must stay unreserved [D: Lambda Developer Guide, reserved concurrency].
pub const UNRESERVED: u32 = 100;

/// `InvalidParameterValueException` as concurrency's operations answer it: without `Type` (recorded).
pub fn untyped(message: impl Into<String>) -> ApiError {
    invalid(message).with("Type", Value::Null)
}

/// What the functions of an account in a region have of its concurrency, that of `except` left out.
pub fn taken(read: &impl Read, name: &FunctionName, except: Option<&str>) -> Result<u32, StoreError> {
    let shares: Vec<(String, Shares)> = read.all(SHARES, &format!("{}/{}/", name.account, name.region))?;
    let others = shares.iter().filter(|(key, _)| except.is_none_or(|e| key != e));
    // Provisioned concurrency of a function with reserved concurrency is part of it.
    Ok(others.map(|(_, s)| s.reserved.unwrap_or(s.provisioned)).fold(0, u32::saturating_add))
}

/// Stores a function together with its shares, so that the two always agree.
pub fn put_with_shares(w: &mut store::Writer<'_>, key: &str, function: &Function) -> Result<(), StoreError> {
    let shares = function.shares();
    w.put(FUNCTIONS, &function_key(key), function)?;
    if shares == Shares::default() {
        w.delete(SHARES, key)?;
    } else {
        w.put(SHARES, key, &shares)?;
    }
    Ok(())
}

impl Lambda {
    /// What functions without reserved concurrency have together.
    pub(super) fn unreserved(&self, name: &FunctionName) -> Result<u32, StoreError> {
        let taken = self.inner.store.read(|r| taken(r, name, None))?;
        Ok(self.inner.settings.concurrency.saturating_sub(taken))
    }

    fn whole_function(&self, call: &Call) -> Result<FunctionName, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if name.qualifier.is_some() {
            return Err(invalid(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                 operation. Please specify either a function name or an unqualified function ARN.",
            ));
        }
        Ok(name)
    }

    pub(super) fn put_concurrency(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.whole_function(call)?;
        let wanted =
            call.input.get("ReservedConcurrentExecutions").and_then(Value::as_u64).unwrap_or_default();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let key = name.key();
        let limit = self.inner.settings.concurrency;
        self.inner.store.write(|w| {
            let Some(mut function) = view::function(w, &name)? else {
                // With the qualifier (recorded: test_function_concurrency_exceptions).
                return Err(Failed::Api(no_function(&name.arn_with(LATEST))));
            };
            let provisioned = function.shares().provisioned;
            if wanted < provisioned {
                // AWS's own spacing (recorded: test_reserved_provisioned_overlap).
                return Err(Failed::Api(untyped(format!(
                    " ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned \
                     concurrency [{provisioned}]."
                ))));
            }
            let others = taken(w, &name, Some(&key))?;
            if others.saturating_add(wanted).saturating_add(UNRESERVED) > limit {
                return Err(Failed::Api(untyped(format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's \
                     UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}]."
                ))));
            }
            function.reserved = Some(wanted);
            put_with_shares(w, &key, &function)?;
            Ok(())
        })?;
        Ok(json!({ "ReservedConcurrentExecutions": wanted }).into())
    }

    pub(super) fn get_concurrency(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.whole_function(call)?;
        let function = self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?;
        let function = function.ok_or_else(|| no_function(&name.arn()))?;
        Ok(function
            .reserved
            .map_or_else(Reply::empty, |n| json!({ "ReservedConcurrentExecutions": n }).into()))
    }

    pub(super) fn delete_concurrency(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.whole_function(call)?;
        self.change_function(&name, |function| {
            function.reserved = None;
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn account_settings(&self, call: &Call) -> Result<Reply, ApiError> {
        let prefix = format!("{}/{}/", call.account, call.region);
        let (functions, layers, versions, taken) = self
            .inner
            .store
            .read(|r| {
                let functions: Vec<(String, Function)> = r.all(FUNCTIONS, &function_key(&prefix))?;
                let layers: Vec<(String, super::model::LayerVersion)> =
                    r.all(super::model::LAYERS, &prefix)?;
                let versions: Vec<(String, super::model::Config)> =
                    r.all(FUNCTIONS, &format!("v/{prefix}"))?;
                let shares: Vec<(String, Shares)> = r.all(SHARES, &prefix)?;
                let taken = shares.iter().map(|(_, s)| s.reserved.unwrap_or(s.provisioned));
                Ok((functions, layers, versions, taken.fold(0, u32::saturating_add)))
            })
            .map_err(errors::store)?;
        // Functions and layers with all their versions [D: Lambda quotas, function and layer storage].
        let size = functions.iter().map(|(_, f)| f.latest.code.size).sum::<u64>()
            + versions.iter().map(|(_, v)| v.code.size).sum::<u64>()
            + layers.iter().map(|(_, l)| l.code.size).sum::<u64>();
        let limit = self.inner.settings.concurrency;
        // The other limits are AWS's quotas of a new account [D: Lambda quotas].
        Ok(json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit.saturating_sub(taken),
            },
            "AccountUsage": { "TotalCodeSize": size, "FunctionCount": functions.len() },
        })
        .into())
    }
}
