//! Runtime management configurations: stored and answered. The runtimes here are those of this machine, which nothing
//! updates behind a function's back.

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::Lambda;
use super::errors::invalid;
use super::model::{LATEST, RuntimeUpdates};

impl Lambda {
    pub(super) fn put_runtime_management(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        self.find(&name)?;
        let on = call.required("UpdateRuntimeOn").to_owned();
        let version_arn = call.text("RuntimeVersionArn").map(str::to_owned);
        // The rule is documented (PutRuntimeManagementConfig, RuntimeVersionArn); the texts are ours.
        if on == "Manual" && version_arn.is_none() {
            return Err(invalid("RuntimeVersionArn is required when UpdateRuntimeOn is Manual."));
        }
        if on != "Manual" && version_arn.is_some() {
            return Err(invalid("RuntimeVersionArn can be set only when UpdateRuntimeOn is Manual."));
        }
        let set = RuntimeUpdates { on, version_arn };
        let qualifier = name.qualifier.clone().unwrap_or_else(|| LATEST.to_owned());
        self.change_function(&name, |function| {
            function.runtime_updates.insert(qualifier, set.clone());
            Ok(())
        })?;
        Ok(shown(&set, &name.qualified_arn()).into())
    }

    pub(super) fn runtime_management(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let (function, _) = self.find(&name)?;
        let set = function.runtime_updates.get(name.qualifier.as_deref().unwrap_or(LATEST));
        let auto = RuntimeUpdates { on: "Auto".to_owned(), version_arn: None };
        Ok(shown(set.unwrap_or(&auto), &name.qualified_arn()).into())
    }
}

fn shown(set: &RuntimeUpdates, arn: &str) -> Value {
    let mut shown = json!({ "UpdateRuntimeOn": set.on, "FunctionArn": arn });
    if let (Some(version), Some(members)) = (&set.version_arn, shown.as_object_mut()) {
        members.insert("RuntimeVersionArn".to_owned(), version.as_str().into());
    }
    shown
}
