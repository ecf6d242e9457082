//! Reserved concurrency, and the account's limits.

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, invalid, no_function};
use super::model::{FUNCTIONS, Function, LATEST, function_key};
use super::{FunctionName, Lambda, view};

/// Concurrent executions of an account in a region [D: Lambda quotas].
const ACCOUNT: u32 = 1000;
/// What must stay unreserved [D: Lambda Developer Guide, reserved concurrency].
const UNRESERVED: u32 = 100;

impl Lambda {
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
        self.inner.store.write(|w| {
            let Some(mut function) = view::function(w, &name)? else {
                // With the qualifier (recorded: test_function_concurrency_exceptions).
                return Err(Failed::Api(no_function(&name.arn_with(LATEST))));
            };
            let prefix = function_key(&format!("{}/{}/", name.account, name.region));
            let others: Vec<(String, Function)> = w.list(FUNCTIONS, &prefix, None, usize::MAX)?;
            let reserved: u32 =
                others.iter().filter(|(_, f)| f.name != name.name).filter_map(|(_, f)| f.reserved).sum();
            if reserved.saturating_add(wanted) > ACCOUNT - UNRESERVED {
                return Err(Failed::Api(invalid(format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's \
                     UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}]."
                ))));
            }
            function.reserved = Some(wanted);
            w.put(FUNCTIONS, &function_key(&name.key()), &function)?;
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
        let prefix = function_key(&format!("{}/{}/", call.account, call.region));
        let functions: Vec<(String, Function)> =
            self.inner.store.read(|r| r.list(FUNCTIONS, &prefix, None, usize::MAX)).map_err(errors::store)?;
        let reserved: u32 = functions.iter().filter_map(|(_, f)| f.reserved).sum();
        let size: u64 = functions.iter().map(|(_, f)| f.latest.code.size).sum();
        // The limits are AWS's quotas of a new account [D: Lambda quotas].
        Ok(json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": ACCOUNT, "UnreservedConcurrentExecutions": ACCOUNT.saturating_sub(reserved),
            },
            "AccountUsage": { "TotalCodeSize": size, "FunctionCount": functions.len() },
        })
        .into())
    }
}
