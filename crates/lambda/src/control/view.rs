//! What an invocation needs of a function, compiled once and shared: request paths read this, not the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use arn::AccountId;
use policy::{Policy, PolicyKind};
pub use store::Read;
use store::StoreError;
use wire::ApiError;

use super::create::Failed;
use super::errors;
use super::model::{
    Alias, Config, FUNCTIONS, Function, FunctionPolicy, LATEST, POLICIES, alias_key, function_key, is_number,
    policy_key, version_key,
};
use super::{FunctionName, Lambda};
use crate::execution::FunctionSpec;

/// A function under the name by which it is called.
pub struct FunctionView {
    /// The name, with the qualifier that was used.
    pub name: FunctionName,
    /// The ARN as named.
    pub arn: String,
    /// What runs.
    pub spec: Arc<FunctionSpec>,
    /// For an alias with weights: what runs instead, and the share of invocations for which it does.
    pub shifted: Option<(Arc<FunctionSpec>, f64)>,
    /// Subnets and security groups, when the function is attached to a VPC. They bear on what the function reaches,
    /// not on who may invoke it.
    pub vpc: Option<(Vec<String>, Vec<String>)>,
    /// Reserved concurrent executions.
    pub reserved: Option<u32>,
    /// What the account has for all functions without reserved concurrency.
    pub unreserved: u32,
    /// Where events go that failed every try.
    pub dead_letter: Option<String>,
    pub(super) in_flight: Arc<AtomicUsize>,
    pub(super) account_in_flight: Arc<AtomicUsize>,
}

impl FunctionView {
    /// The function's account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.name.account
    }
}

/// What a qualifier stands for.
pub enum Target {
    /// `$LATEST` or a version.
    One(Config),
    /// An alias: its version, and the version that gets a share of the invocations.
    Alias { alias: Alias, config: Config, shifted: Option<Box<(Config, f64)>> },
}

impl Target {
    pub fn config(&self) -> &Config {
        match self {
            Self::One(config) | Self::Alias { config, .. } => config,
        }
    }
}

/// The function itself.
pub fn function(read: &impl Read, name: &FunctionName) -> Result<Option<Function>, StoreError> {
    read.one(FUNCTIONS, &function_key(&name.key()))
}

/// What `name` with its qualifier stands for; `None` when there is no such function, version or alias.
pub fn target(read: &impl Read, name: &FunctionName) -> Result<Option<(Function, Target)>, StoreError> {
    let Some(function) = function(read, name)? else { return Ok(None) };
    let version = |number: &str| -> Result<Option<Config>, StoreError> {
        if number == LATEST {
            return Ok(Some(function.latest.clone()));
        }
        read.one(FUNCTIONS, &version_key(&name.key(), number))
    };
    let found = match name.qualifier.as_deref() {
        None | Some(LATEST) => version(LATEST)?.map(Target::One),
        Some(number) if is_number(number) => version(number)?.map(Target::One),
        Some(alias) => {
            let Some(alias) = read.one::<Alias>(FUNCTIONS, &alias_key(&name.key(), alias))? else {
                return Ok(None);
            };
            let Some(config) = version(&alias.version)? else { return Ok(None) };
            let shifted = match alias.weights.iter().next() {
                Some((number, weight)) => version(number)?.map(|c| Box::new((c, *weight))),
                None => None,
            };
            Some(Target::Alias { alias, config, shifted })
        }
    };
    Ok(found.map(|target| (function, target)))
}

/// A function's policy as it is kept between requests.
pub(super) struct Compiled {
    policy: Arc<Policy>,
    /// Unique ids of the users and roles that it names: asked for at each use.
    ids: Vec<String>,
    stored: FunctionPolicy,
}

fn compile(name: &FunctionName, title: &str, text: &str) -> Result<Arc<Policy>, ApiError> {
    Policy::parse(title, text, PolicyKind::Resource)
        .map(Arc::new)
        .map_err(|e| ApiError::internal(format!("the stored policy of {}: {e}", name.qualified_arn())))
}

impl Lambda {
    /// The function with this ARN, with or without qualifier; `None` when it does not exist or the text is no
    /// function's ARN. Compiled: after the first time this reads no store until something changes.
    ///
    /// # Errors
    /// When the store cannot be read or the package cannot be unpacked.
    pub fn lookup(&self, function_arn: &str) -> Result<Option<Arc<FunctionView>>, ApiError> {
        self.inner.views.get(&self.inner.store, function_arn, || self.load_view(function_arn))
    }

    fn load_view(&self, arn: &str) -> Result<Option<FunctionView>, ApiError> {
        let Some(name) = full_name(arn) else { return Ok(None) };
        let found = self.inner.store.read(|r| target(r, &name).map_err(Failed::from))?;
        let Some((function, target)) = found else { return Ok(None) };
        let (config, shifted) = match &target {
            Target::One(config) => (config, None),
            Target::Alias { config, shifted, .. } => (config, shifted.as_deref()),
        };
        let shifted = match shifted {
            Some((config, weight)) => Some((Arc::new(self.spec(&name, config)?), *weight)),
            None => None,
        };
        let vpc = config.vpc.as_ref().filter(|v| !v.subnets.is_empty() || !v.groups.is_empty());
        Ok(Some(FunctionView {
            arn: arn.to_owned(),
            spec: Arc::new(self.spec(&name, config)?),
            shifted,
            vpc: vpc.map(|v| (v.subnets.clone(), v.groups.clone())),
            reserved: function.reserved,
            unreserved: self.unreserved(&name).map_err(errors::store)?,
            dead_letter: config.dead_letter.clone(),
            in_flight: self.in_flight(&name.key()),
            account_in_flight: self.in_flight(&format!("{}/{}", name.account, name.region)),
            name,
        }))
    }

    pub(super) fn spec(&self, name: &FunctionName, config: &Config) -> Result<FunctionSpec, ApiError> {
        let packages = &self.inner.packages;
        packages.ensure_unpacked(&config.code.id)?;
        let mut layers = Vec::with_capacity(config.layers.len());
        for layer in &config.layers {
            packages.ensure_unpacked(&layer.code.id)?;
            layers.push(packages.unpacked(&layer.code.id));
        }
        Ok(FunctionSpec {
            key: environment_key(&name.key(), config),
            function_arn: name.arn(),
            name: name.name.clone(),
            version: config.version.clone(),
            account: name.account.to_string(),
            region: name.region.clone(),
            role: config.role.clone(),
            runtime: config.runtime.clone(),
            handler: config.handler.clone(),
            code_dir: packages.unpacked(&config.code.id),
            layers,
            environment: variables(config.environment.as_ref()),
            memory_mb: config.memory,
            ephemeral_mb: config.ephemeral,
            timeout: Duration::from_secs(config.timeout.into()),
            log_group: config.logging.group.clone(),
            provisioned: 0,
            json_log_level: config.logging.application.clone().filter(|_| config.logging.format == "JSON"),
            in_vpc: config.vpc.as_ref().is_some_and(|vpc| !vpc.subnets.is_empty()),
            system_log_level: config.logging.system.clone().filter(|_| config.logging.format == "JSON"),
        })
    }

    /// The policy of the function with this ARN: of its qualifier when the ARN has one, else of the function itself;
    /// neither stands in for the other. `None` when there is none. Compiled and cached, as is its absence.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn function_policy(&self, function_arn: &str) -> Result<Option<Arc<Policy>>, ApiError> {
        let Some(name) = full_name(function_arn) else { return Ok(None) };
        self.policy_of(&name)
    }

    pub(super) fn policy_of(&self, name: &FunctionName) -> Result<Option<Arc<Policy>>, ApiError> {
        let key = policy_key(&name.key(), name.qualifier.as_deref());
        let found = self.inner.policies.get(&self.inner.store, &key, || {
            let stored: Option<FunctionPolicy> =
                self.inner.store.read(|r| r.get(POLICIES, &key)).map_err(errors::store)?;
            let Some(stored) = stored else { return Ok(Some(None)) };
            let title = match &name.qualifier {
                Some(qualifier) => format!("policy of function {}:{qualifier}", name.name),
                None => format!("policy of function {}", name.name),
            };
            let policy = compile(name, &title, &stored.text(|_| false))?;
            let ids = stored.statements.iter().filter_map(|s| s.identity_id.clone()).collect();
            Ok::<_, ApiError>(Some(Some(Compiled { policy, ids, stored })))
        })?;
        let Some(Some(compiled)) = found.as_deref() else { return Ok(None) };
        if compiled.ids.iter().any(|id| self.is_gone(id)) {
            // What IAM deletes does not touch this cache; such a policy is rare and compiled each time.
            let text = compiled.stored.text(|id| self.is_gone(id));
            return compile(name, &compiled.policy.name, &text).map(Some);
        }
        Ok(Some(compiled.policy.clone()))
    }

    /// The names of an account's functions in a region, for "did you mean".
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn names(&self, account: AccountId, region: &str) -> Result<Vec<String>, ApiError> {
        let prefix = function_key(&format!("{account}/{region}/"));
        let found: Vec<(String, Function)> =
            self.inner.store.read(|r| r.list(FUNCTIONS, &prefix, None, NAMES)).map_err(errors::store)?;
        Ok(found.into_iter().map(|(_, f)| f.name).collect())
    }

    /// The regions, other than `region`, in which the account has a function of this name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn function_exists_in_other_region(
        &self,
        account: AccountId,
        region: &str,
        name: &str,
    ) -> Result<Vec<String>, ApiError> {
        let prefix = function_key(&format!("{account}/"));
        let found: Vec<(String, Function)> =
            self.inner.store.read(|r| r.list(FUNCTIONS, &prefix, None, NAMES)).map_err(errors::store)?;
        Ok(found
            .into_iter()
            .map(|(_, f)| f)
            .filter(|f| f.name == name && f.region != region)
            .map(|f| f.region)
            .collect())
    }
}

/// Names looked at for a hint.
const NAMES: usize = 1000;

/// The key of the environments of a configuration: another one for each revision.
pub fn environment_key(function: &str, config: &Config) -> String {
    format!("{function}/{}/{}", config.version, config.revision)
}

fn variables(map: Option<&BTreeMap<String, String>>) -> Vec<(String, String)> {
    map.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The name in a full ARN.
pub(super) fn full_name(arn: &str) -> Option<FunctionName> {
    if !arn.starts_with("arn:") {
        return None;
    }
    let account = AccountId::new(arn.split(':').nth(4)?).ok()?;
    FunctionName::parse(arn, account, "")
}
