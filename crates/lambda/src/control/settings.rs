//! Settings of asynchronous invocation, recursion, and event source mappings, of which there are none.

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::errors::{self, invalid, not_found};
use super::model::{EventConfig, LATEST};
use super::{FunctionName, Lambda, view};

impl Lambda {
    fn event_qualifier(name: &FunctionName) -> String {
        name.qualifier.clone().unwrap_or_else(|| LATEST.to_owned())
    }

    fn no_event_config(name: &FunctionName) -> ApiError {
        let arn = name.arn_with(&Self::event_qualifier(name));
        not_found(format!("The function {arn} doesn't have an EventInvokeConfig"))
    }

    /// `update`: members that were not sent stay; otherwise they are reset.
    pub(super) fn put_event_config(&self, call: &Call, update: bool) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let number =
            |member: &str| call.input.get(member).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let sent = EventConfig {
            retries: number("MaximumRetryAttempts"),
            max_age: number("MaximumEventAgeInSeconds"),
            destinations: call.input.get("DestinationConfig").cloned(),
            modified_ms: call.now_ms,
        };
        if sent.retries.is_none() && sent.max_age.is_none() && sent.destinations.is_none() {
            return Err(invalid("You must specify at least one of error handling or destination setting."));
        }
        // Not the usual text (recorded: test_lambda_eventinvokeconfig_exceptions).
        let target = self.inner.store.read(|r| view::target(r, &name)).map_err(errors::store)?;
        let (_, target) = target.ok_or_else(|| not_found("The function doesn't exist."))?;
        if let Some(destinations) = &sent.destinations {
            self.check_destinations(&name, &target.config().role, destinations)?;
        }
        let qualifier = Self::event_qualifier(&name);
        let mut stored = EventConfig::default();
        self.change_function(&name, |function| {
            let before = function.event_configs.get(&qualifier).cloned();
            if update && before.is_none() {
                return Err(Self::no_event_config(&name));
            }
            let before = before.filter(|_| update).unwrap_or_default();
            stored = EventConfig {
                retries: sent.retries.or(before.retries),
                max_age: sent.max_age.or(before.max_age),
                destinations: sent.destinations.or(before.destinations),
                modified_ms: sent.modified_ms,
            };
            function.event_configs.insert(qualifier.clone(), stored.clone());
            Ok(())
        })?;
        Ok(event_config(&stored, &name.arn_with(&qualifier)).into())
    }

    pub(super) fn get_event_config(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let qualifier = Self::event_qualifier(&name);
        let function = self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?;
        let config = function.and_then(|f| f.event_configs.get(&qualifier).cloned());
        let config = config.ok_or_else(|| Self::no_event_config(&name))?;
        Ok(event_config(&config, &name.arn_with(&qualifier)).into())
    }

    pub(super) fn delete_event_config(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?.is_none() {
            return Err(Self::no_event_config(&name));
        }
        let qualifier = Self::event_qualifier(&name);
        self.change_function(&name, |function| {
            function.event_configs.remove(&qualifier).map(|_| ()).ok_or_else(|| Self::no_event_config(&name))
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn list_event_configs(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let function = self.inner.store.read(|r| view::function(r, &name)).map_err(errors::store)?;
        let function = function.ok_or_else(|| not_found("The function doesn't exist."))?;
        let shown = function.event_configs.iter().map(|(q, c)| event_config(c, &name.arn_with(q))).collect();
        Ok(super::read::page(call, "FunctionEventInvokeConfigs", shown))
    }

    pub(super) fn put_recursion(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let wanted = call.required("RecursiveLoop").to_owned();
        self.change_function(&name, |function| {
            function.recursive_loop = Some(wanted.clone());
            Ok(())
        })?;
        Ok(json!({ "RecursiveLoop": wanted }).into())
    }

    pub(super) fn get_recursion(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let (function, _) = self.find(&name)?;
        Ok(json!({ "RecursiveLoop": function.recursive_loop.as_deref().unwrap_or("Terminate") }).into())
    }
}

/// Timestamps are seconds.
fn event_config(config: &EventConfig, arn: &str) -> Value {
    let mut shown = json!({
        "FunctionArn": arn,
        "LastModified": config.modified_ms as f64 / 1000.0,
        "DestinationConfig": config.destinations.clone().unwrap_or_else(|| json!({ "OnSuccess": {}, "OnFailure": {} })),
    });
    if let Some(members) = shown.as_object_mut() {
        if let Some(retries) = config.retries {
            members.insert("MaximumRetryAttempts".to_owned(), retries.into());
        }
        if let Some(age) = config.max_age {
            members.insert("MaximumEventAgeInSeconds".to_owned(), age.into());
        }
    }
    shown
}
