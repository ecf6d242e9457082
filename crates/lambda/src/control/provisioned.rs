//! Provisioned concurrency: environments of a version that are started ahead of need and kept.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};
use store::StoreError;
use wire::{ApiError, Call, Reply};

use super::concurrency::{UNRESERVED, put_with_shares, taken, untyped};
use super::create::Failed;
use super::errors::{self, conflict, invalid, no_function, not_found};
use super::model::{
    Alias, Config, FUNCTIONS, Function, LATEST, Provisioned, SHARES, Shares, alias_key, is_number,
};
use super::render::last_modified;
use super::view::{self, Read, Target, environment_key};
use super::{FunctionName, Lambda};
use crate::execution::FunctionSpec;

/// Environments that stand ready for a version.
pub struct Warmed {
    /// What runs in them: the version, with a key of its own.
    pub spec: Arc<FunctionSpec>,
    /// Invocations in them.
    pub in_use: AtomicUsize,
}

fn qualifier(name: &FunctionName) -> &str {
    name.qualifier.as_deref().unwrap_or_default()
}

/// AWS's texts for a qualifier that names nothing (recorded: `test_provisioned_concurrency_exceptions`).
fn missing(name: &FunctionName) -> ApiError {
    let arn = name.qualified_arn();
    if is_number(qualifier(name)) {
        no_function(&arn)
    } else {
        not_found(format!("Cannot find alias arn: {arn}"))
    }
}

/// A version has one configuration at most: its own or that of an alias that points to it (recorded:
/// `test_lambda_provisioned_lifecycle`).
fn check_overlap(
    read: &impl Read,
    name: &FunctionName,
    function: &Function,
    target: &Target,
) -> Result<(), Failed> {
    match target {
        Target::Alias { alias, .. } if function.provisioned.contains_key(&alias.version) => Err(conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        )
        .into()),
        Target::Alias { .. } => Ok(()),
        Target::One(config) => {
            for (qualifier, _) in function.provisioned.iter().filter(|(q, _)| !is_number(q)) {
                let alias: Option<Alias> = read.one(FUNCTIONS, &alias_key(&name.key(), qualifier))?;
                if alias.is_some_and(|a| a.version == config.version) {
                    return Err(conflict("Version is pointed by a Provisioned Concurrency alias").into());
                }
            }
            Ok(())
        }
    }
}

impl Lambda {
    pub(super) fn put_provisioned(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let unpublished =
            || invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.");
        if qualifier(&name) == LATEST {
            return Err(unpublished());
        }
        let wanted =
            call.input.get("ProvisionedConcurrentExecutions").and_then(Value::as_u64).unwrap_or_default();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let (key, limit) = (name.key(), self.inner.settings.concurrency);
        self.inner.store.write(|w| {
            let Some((mut function, target)) = view::target(w, &name)? else {
                return Err(Failed::Api(missing(&name)));
            };
            if target.config().version == LATEST {
                return Err(unpublished().into());
            }
            check_overlap(w, &name, &function, &target)?;
            function.provisioned.remove(qualifier(&name));
            let total = function.shares().provisioned.saturating_add(wanted);
            match function.reserved {
                Some(reserved) if total > reserved => {
                    return Err(invalid(
                        "Requested Provisioned Concurrency should not be greater than the \
                         reservedConcurrentExecution for function",
                    )
.into());
                }
                Some(_) => {}
                None => {
                    let unreserved = limit.saturating_sub(taken(w, &name, Some(&key))?);
                    if total > unreserved {
                        return Err(untyped(format!(
                            "Specified ConcurrentExecutions for function is greater than account's unreserved \
                             concurrency [{unreserved}]."
                        ))
                        .into());
                    }
                    if total.saturating_add(UNRESERVED) > unreserved {
                        return Err(untyped(format!(
                            "Specified ConcurrentExecutions for function decreases account's \
                             UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}]."
                        ))
                        .into());
                    }
                }
            }
            let set = Provisioned { requested: wanted, modified_ms: call.now_ms };
            function.provisioned.insert(qualifier(&name).to_owned(), set);
            put_with_shares(w, &key, &function)?;
            Ok(())
        })?;
        self.provision(&name)?;
        let shown = json!({
            "RequestedProvisionedConcurrentExecutions": wanted, "AvailableProvisionedConcurrentExecutions": 0,
            "AllocatedProvisionedConcurrentExecutions": 0, "Status": "IN_PROGRESS",
            "LastModified": last_modified(call.now_ms),
        });
        Ok(Reply { status: Some(202), ..shown.into() })
    }

    pub(super) fn get_provisioned(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if qualifier(&name) == LATEST {
            return Err(invalid("The function resource provided must be an alias or a published version."));
        }
        let found = self.inner.store.read(|r| view::target(r, &name)).map_err(errors::store)?;
        let (function, target) = found.ok_or_else(|| missing(&name))?;
        let Some(set) = function.provisioned.get(qualifier(&name)) else {
            let text = "No Provisioned Concurrency Config found for this function";
            return Err(ApiError::new("ProvisionedConcurrencyConfigNotFoundException", 404, text)
                .with("Type", "User"));
        };
        Ok(self.shown(&name, set, &target).into())
    }

    pub(super) fn delete_provisioned(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if qualifier(&name) == LATEST {
            return Err(invalid("The function resource provided must be an alias or a published version."));
        }
        let key = name.key();
        self.inner.store.write(|w| {
            let Some((mut function, _)) = view::target(w, &name)? else {
                return Err(Failed::Api(missing(&name)));
            };
            function.provisioned.remove(qualifier(&name));
            put_with_shares(w, &key, &function)?;
            Ok(())
        })?;
        self.provision(&name)?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn list_provisioned(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let (function, _) = self.find(&FunctionName { qualifier: None, ..name.clone() })?;
        let mut shown = Vec::new();
        for (qualifier, set) in &function.provisioned {
            let name = FunctionName { qualifier: Some(qualifier.clone()), ..name.clone() };
            let found = self.inner.store.read(|r| view::target(r, &name)).map_err(errors::store)?;
            let Some((_, target)) = found else { continue };
            let mut one = self.shown(&name, set, &target);
            if let Some(members) = one.as_object_mut() {
                members.insert("FunctionArn".to_owned(), name.qualified_arn().into());
            }
            shown.push(one);
        }
        Ok(super::read::page(call, "ProvisionedConcurrencyConfigs", shown))
    }

    /// A configuration, with the environments that are up now.
    fn shown(&self, name: &FunctionName, set: &Provisioned, target: &Target) -> Value {
        let (mut ready, mut free, mut failure) = (0, 0, None);
        for (config, _) in split(set.requested, target) {
            let Some(warmed) = self.warmed(&environment_key(&name.key(), config)) else { continue };
            let warm = self.inner.executor.provisioned(&warmed.spec.key);
            let in_use = warmed.in_use.load(std::sync::atomic::Ordering::Acquire);
            ready += warm.ready;
            free += warm.ready.saturating_sub(in_use);
            failure = failure.or(warm.failure);
        }
        let up = ready >= set.requested as usize;
        let status = match &failure {
            _ if up => "READY",
            Some(_) => "FAILED",
            None => "IN_PROGRESS",
        };
        let mut shown = json!({
            "RequestedProvisionedConcurrentExecutions": set.requested,
            "AvailableProvisionedConcurrentExecutions": free,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": status,
            "LastModified": last_modified(set.modified_ms),
        });
        if let (Some(why), "FAILED", Some(members)) = (failure, status, shown.as_object_mut()) {
            members.insert("StatusReason".to_owned(), why.into());
        }
        shown
    }

    /// The environments that stand ready in place of those with `key`.
    pub(super) fn warmed(&self, key: &str) -> Option<Arc<Warmed>> {
        self.inner.warm.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Makes the environments of a function those that its configurations want: after each change of a configuration,
    /// an alias or the function itself.
    pub(super) fn provision(&self, name: &FunctionName) -> Result<(), ApiError> {
        let key = name.key();
        let mut wanted: HashMap<String, (Config, u32)> = HashMap::new();
        let found: Vec<(Target, u32)> = self
            .inner
            .store
            .read::<_, StoreError>(|r| {
                let Some(function) = view::function(r, name)? else { return Ok(Vec::new()) };
                let mut found = Vec::new();
                for (qualifier, set) in &function.provisioned {
                    let name = FunctionName { qualifier: Some(qualifier.clone()), ..name.clone() };
                    if let Some((_, target)) = view::target(r, &name)? {
                        found.push((target, set.requested));
                    }
                }
                Ok(found)
            })
            .map_err(errors::store)?;
        for (target, requested) in &found {
            for (config, count) in split(*requested, target) {
                let entry =
                    wanted.entry(environment_key(&key, config)).or_insert_with(|| (config.clone(), 0));
                entry.1 += count;
            }
        }
        let mut fresh = Vec::new();
        for (environments, (config, count)) in wanted {
            let mut spec = self.spec(name, &config)?;
            // Another count is another set of environments.
            spec.key = format!("{environments}/provisioned-{count}");
            spec.provisioned = count;
            fresh.push((environments, Arc::new(spec)));
        }
        let mut warm = self.inner.warm.write().unwrap_or_else(PoisonError::into_inner);
        let prefix = format!("{key}/");
        warm.retain(|environments, warmed| {
            let stays = !environments.starts_with(&prefix)
                || fresh.iter().any(|(_, spec)| spec.key == warmed.spec.key);
            if !stays {
                self.inner.executor.retire(&warmed.spec.key);
            }
            stays
        });
        for (environments, spec) in fresh {
            warm.entry(environments).or_insert_with(|| {
                self.inner.executor.provision(&spec);
                Arc::new(Warmed { spec, in_use: AtomicUsize::new(0) })
            });
        }
        Ok(())
    }

    /// Starts what an earlier process had standing ready. Outside a runtime nothing runs.
    pub(super) fn resume_provisioned(&self) -> Result<(), ApiError> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Ok(()) };
        let shares: Vec<(String, Shares)> =
            self.inner.store.read(|r| r.all(SHARES, "")).map_err(errors::store)?;
        for (key, _) in shares.into_iter().filter(|(_, s)| s.provisioned > 0) {
            let mut parts = key.splitn(3, '/');
            let (Some(Ok(account)), Some(region), Some(name)) =
                (parts.next().map(arn::AccountId::new), parts.next(), parts.next())
            else {
                continue;
            };
            let name =
                FunctionName { account, region: region.to_owned(), name: name.to_owned(), qualifier: None };
            let lambda = self.clone();
            // A package that cannot be read is reported when the function is called.
            runtime.spawn_blocking(move || lambda.provision(&name).ok());
        }
        Ok(())
    }
}

/// The versions behind a target with their parts of `requested`: an alias's environments go to its two versions by
/// weight, rounded up [D: Lambda Developer Guide, provisioned concurrency, "weighted aliases"].
fn split(requested: u32, target: &Target) -> Vec<(&Config, u32)> {
    match target {
        Target::Alias { config, shifted: Some(shifted), .. } => {
            let part = |share: f64| (f64::from(requested) * share).ceil() as u32;
            let (other, share) = &**shifted;
            let both = [(config, part(1.0 - share)), (other, part(*share))];
            both.into_iter().filter(|(_, count)| *count > 0).collect()
        }
        other => vec![(other.config(), requested)],
    }
}
