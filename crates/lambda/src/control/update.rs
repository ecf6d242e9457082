//! UpdateFunctionCode and UpdateFunctionConfiguration.

use serde_json::Value;
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{no_function, stale_revision};
use super::model::{Config, FUNCTIONS, function_key};
use super::render::{self, Progress};
use super::view::environment_key;
use super::{FunctionName, Lambda, uuid, view};

impl Lambda {
    pub(super) fn update_code(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        // Before the package is unpacked, so that an unknown function is not told from a bad package.
        let function = self.inner.store.read(|r| view::function(r, &name)).map_err(super::errors::store)?;
        let function = function.ok_or_else(|| no_function(&name.arn()))?;
        self.check_signature(&name.name, function.code_signing.as_deref())?;
        let pinned = self.package(&call.input, call.operation)?;
        self.inner.packages.check_together(&Config { code: pinned.code.clone(), ..function.latest })?;
        let architectures = call.input.get("Architectures").and_then(Value::as_array);
        let architecture = architectures.and_then(|a| a.first()).and_then(Value::as_str);
        let dry_run = call.input.get("DryRun").and_then(Value::as_bool).unwrap_or(false);
        let mut config = self.change(call, &name, dry_run, |config| {
            config.code = pinned.code.clone();
            if let Some(architecture) = architecture {
                architecture.clone_into(&mut config.architecture);
            }
            Ok(())
        })?;
        drop(pinned);
        if !dry_run && call.input.get("Publish").and_then(Value::as_bool).unwrap_or(false) {
            let published = self.publish(&name, None, None, None, call.now_ms)?;
            let arn = name.arn_with(&published.version);
            return Ok(render::configuration(&published, &name.name, &arn, Progress::Active).into());
        }
        config.revision = uuid()?;
        Ok(render::configuration(&config, &name.name, &name.arn(), Progress::Updating).into())
    }

    pub(super) fn update_configuration(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let before = self.read_config(&name)?;
        // Validated and looked up outside the transaction; done again inside on what is stored then.
        let mut after = before;
        self.configure(&mut after, &name.name, &call.input, &name.region)?;
        if call.input.contains_key("Layers") {
            self.inner.packages.check_together(&after)?;
        }
        if let Some(role) = call.text("Role") {
            self.inner.roles.check_execution_role(role, name.account)?;
        }
        self.check_role_permissions(&after.role, &name, &call.input)?;
        let mut config = self.change(call, &name, false, |config| {
            self.configure(config, &name.name, &call.input, &name.region)
        })?;
        config.revision = uuid()?;
        Ok(render::configuration(&config, &name.name, &name.arn(), Progress::Updating).into())
    }

    fn read_config(&self, name: &FunctionName) -> Result<Config, ApiError> {
        let function = self.inner.store.read(|r| view::function(r, name)).map_err(super::errors::store)?;
        function.map(|f| f.latest).ok_or_else(|| no_function(&name.arn()))
    }

    /// Changes `$LATEST` in one transaction and ends the environments of what it was.
    fn change(
        &self,
        call: &Call,
        name: &FunctionName,
        dry_run: bool,
        change: impl FnOnce(&mut Config) -> Result<(), ApiError>,
    ) -> Result<Config, ApiError> {
        let key = name.key();
        let (before, after) = self.inner.store.write(|w| {
            let Some(mut function) = view::function(w, name)? else {
                return Err(Failed::Api(no_function(&name.arn())));
            };
            if call.text("RevisionId").is_some_and(|r| r != function.latest.revision) {
                return Err(Failed::Api(stale_revision("GetFunction/GetAlias")));
            }
            let before = function.latest.clone();
            change(&mut function.latest)?;
            function.latest.revision = uuid()?;
            function.latest.modified_ms = call.now_ms;
            if !dry_run {
                w.put(FUNCTIONS, &function_key(&key), &function)?;
            }
            Ok((before, function.latest))
        })?;
        if !dry_run {
            self.inner.executor.retire(&environment_key(&key, &before));
            self.release([before]);
        }
        Ok(after)
    }

    /// These configurations are no longer stored: their packages may go when nothing else uses them.
    pub(super) fn release(&self, configs: impl IntoIterator<Item = Config>) {
        let ids = configs.into_iter().flat_map(|c| {
            let layers: Vec<String> = c.layers.into_iter().map(|l| l.code.id).collect();
            layers.into_iter().chain([c.code.id])
        });
        self.inner.packages.release(&self.inner.store, ids, self.inner.settings.keep_code);
    }
}
