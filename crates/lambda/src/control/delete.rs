//! DeleteFunction.

use std::sync::PoisonError;

use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{conflict, invalid, no_function};
use super::model::{
    Alias, Config, FUNCTIONS, LATEST, POLICIES, function_key, is_number, policy_key, version_key,
};
use super::view::environment_key;
use super::{FunctionName, Lambda, urls, view};

impl Lambda {
    pub(super) fn delete_function(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        match name.qualifier.as_deref() {
            None => self.delete_all(&name)?,
            Some(LATEST) => {
                return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
            }
            Some(number) if is_number(number) => self.delete_version(&name, number)?,
            // Reasoned: an alias is no version; DeleteAlias removes it.
            Some(_) => return Err(invalid("Deletion of aliases is not currently supported.")),
        }
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    fn delete_all(&self, name: &FunctionName) -> Result<(), ApiError> {
        let key = name.key();
        let gone = self.inner.store.write(|w| {
            let Some(function) = view::function(w, name)? else {
                return Err(Failed::Api(no_function(&name.arn())));
            };
            let versions: Vec<(String, Config)> =
                w.list(FUNCTIONS, &format!("v/{key}/"), None, usize::MAX)?;
            w.delete(FUNCTIONS, &function_key(&key))?;
            w.delete_prefix(FUNCTIONS, &format!("v/{key}/"))?;
            w.delete_prefix(FUNCTIONS, &format!("a/{key}/"))?;
            w.delete_prefix(POLICIES, &format!("{key}/"))?;
            urls::forget(w, &key, None)?;
            let mut gone = vec![function.latest];
            gone.extend(versions.into_iter().map(|(_, config)| config));
            Ok(gone)
        })?;
        for config in &gone {
            self.inner.executor.retire(&environment_key(&key, config));
        }
        self.inner.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.release(gone);
        Ok(())
    }

    fn delete_version(&self, name: &FunctionName, number: &str) -> Result<(), ApiError> {
        let key = name.key();
        let gone = self.inner.store.write(|w| {
            if view::function(w, name)?.is_none() {
                return Err(Failed::Api(no_function(&name.arn())));
            }
            let aliases: Vec<(String, Alias)> = w.list(FUNCTIONS, &format!("a/{key}/"), None, usize::MAX)?;
            let using: Vec<String> = aliases
                .into_iter()
                .map(|(_, a)| a)
                .filter(|a| a.version == number || a.weights.contains_key(number))
                .map(|a| a.name)
                .collect();
            if !using.is_empty() {
                // AWS's text, quoted in public issues; not among the recordings.
                return Err(Failed::Api(conflict(format!(
                    "Unable to delete version because the following aliases reference it: [{}]",
                    using.join(", ")
                ))));
            }
            let version: Option<Config> = w.get(FUNCTIONS, &version_key(&key, number))?;
            w.delete(FUNCTIONS, &version_key(&key, number))?;
            w.delete(POLICIES, &policy_key(&key, Some(number)))?;
            Ok(version)
        })?;
        // A version that does not exist is deleted silently (recorded: test_delete_on_nonexisting_version).
        if let Some(config) = gone {
            self.inner.executor.retire(&environment_key(&key, &config));
            self.release([config]);
        }
        Ok(())
    }
}
