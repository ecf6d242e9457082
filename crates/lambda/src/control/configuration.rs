//! Reads a configuration from CreateFunction's and UpdateFunctionConfiguration's input.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wire::ApiError;

use super::errors::{self, invalid};
use super::model::{Config, LAYERS, LayerUse, LayerVersion, Logging, Vpc};
use super::{Lambda, runtimes};

/// AWS's bound of all environment variables together, as JSON.
const MAX_ENVIRONMENT: usize = 4096;

/// Seconds that a function may take.
const MAX_TIMEOUT: u32 = 900;
/// MiB that a function may have; the model's bound is that of managed instances.
const MAX_MEMORY: u32 = 10_240;

/// What AWS sets itself in every environment [D: Lambda Developer Guide, "Defined runtime environment variables"].
const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

fn text<'v>(input: &'v Map<String, Value>, member: &str) -> Option<&'v str> {
    input.get(member).and_then(Value::as_str)
}

fn number(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
}

/// A bound that the model does not have [D: Lambda quotas], in the words of those that it has.
fn at_most(value: Option<u32>, member: &str, most: u32) -> Result<Option<u32>, ApiError> {
    match value {
        Some(value) if value > most => Err(ApiError::new(
            "ValidationException",
            400,
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must \
                 have value less than or equal to {most}"
            ),
        )),
        other => Ok(other),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Lambda {
    /// Puts the members that were sent into `config`; the others stay as they are.
    pub(super) fn configure(
        &self,
        config: &mut Config,
        name: &str,
        input: &Map<String, Value>,
        region: &str,
    ) -> Result<(), ApiError> {
        let set = |field: &mut String, member: &str| {
            if let Some(value) = text(input, member) {
                value.clone_into(field);
            }
        };
        set(&mut config.description, "Description");
        set(&mut config.role, "Role");
        set(&mut config.handler, "Handler");
        if let Some(runtime) = text(input, "Runtime") {
            runtimes::check(runtime)?;
            runtime.clone_into(&mut config.runtime);
        }
        config.timeout =
            at_most(number(input.get("Timeout")), "timeout", MAX_TIMEOUT)?.unwrap_or(config.timeout);
        config.memory =
            at_most(number(input.get("MemorySize")), "memorySize", MAX_MEMORY)?.unwrap_or(config.memory);
        config.ephemeral =
            number(input.get("EphemeralStorage").and_then(|e| e.get("Size"))).unwrap_or(config.ephemeral);
        if let Some(variables) = input.get("Environment") {
            config.environment = Some(environment(variables)?);
        }
        if let Some(mode) = input.get("TracingConfig").and_then(|t| t.get("Mode")).and_then(Value::as_str) {
            mode.clone_into(&mut config.tracing);
        }
        if let Some(vpc) = input.get("VpcConfig") {
            config.vpc = Some(vpc_config(vpc, config.vpc.take()));
        }
        if let Some(target) = input.get("DeadLetterConfig") {
            let arn = target.get("TargetArn").and_then(Value::as_str).unwrap_or_default();
            config.dead_letter = (!arn.is_empty()).then(|| arn.to_owned());
        }
        if let Some(key) = text(input, "KMSKeyArn") {
            config.kms_key = (!key.is_empty()).then(|| key.to_owned());
        }
        if let Some(logging) = input.get("LoggingConfig") {
            config.logging = logging_config(logging, &config.logging, name)?;
        }
        if let Some(apply) = input.get("SnapStart").and_then(|s| s.get("ApplyOn")).and_then(Value::as_str) {
            apply.clone_into(&mut config.snap_start);
        }
        if config.snap_start == "PublishedVersions" {
            runtimes::check_snap_start(&config.runtime)?;
        }
        if let Some(systems) = input.get("FileSystemConfigs").and_then(Value::as_array) {
            config.file_systems = systems.clone();
        }
        if let Some(layers) = input.get("Layers") {
            config.layers = self.layers(&texts(Some(layers)), region)?;
        }
        Ok(())
    }

    /// Looks up layer versions. The caller's right to use those of other accounts was one of the operation's checks.
    fn layers(&self, arns: &[String], region: &str) -> Result<Vec<LayerUse>, ApiError> {
        if arns.len() > 5 {
            return Err(invalid("Cannot reference more than 5 layers."));
        }
        let mut found: Vec<LayerUse> = Vec::with_capacity(arns.len());
        for arn in arns {
            let parts: Vec<&str> = arn.split(':').collect();
            let [_, _, "lambda", of_region, owner, "layer", name, version] = parts[..] else {
                return Err(invalid(format!("Layer version {arn} does not exist.")));
            };
            if of_region != region {
                return Err(invalid(format!(
                    "Layers are not in the same region as the function. Layers are expected to be in region {region}."
                )));
            }
            let layer_arn = arn.rsplit_once(':').map_or(arn.as_str(), |(layer, _)| layer);
            if let Some(other) =
                found.iter().find(|l| l.arn.rsplit_once(':').is_some_and(|(l, _)| l == layer_arn))
            {
                return Err(invalid(format!(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. \
                     {} and {arn} are versions of the same layer.",
                    other.arn
                )));
            }
            let key = format!("{owner}/{of_region}/{name}/{version:0>12}");
            let layer: Option<LayerVersion> =
                self.inner.store.read(|r| r.get(LAYERS, &key)).map_err(errors::store)?;
            match layer {
                Some(layer) => found.push(LayerUse { arn: arn.clone(), code: layer.code }),
                None => return Err(invalid(format!("Layer version {arn} does not exist."))),
            }
        }
        Ok(found)
    }
}

fn environment(value: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let mut variables = BTreeMap::new();
    for (key, value) in value.get("Variables").and_then(Value::as_object).into_iter().flatten() {
        variables.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|k| RESERVED.contains(k)).collect();
    if !reserved.is_empty() {
        // AWS's text, widely quoted in public issues; not among the recordings.
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let measured = serde_json::to_string(&variables).unwrap_or_default();
    if measured.len() > MAX_ENVIRONMENT {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(variables)
}

/// Members that are absent stay; empty lists take the function out of its VPC.
fn vpc_config(value: &Value, before: Option<Vpc>) -> Vpc {
    let mut vpc = before.unwrap_or(Vpc { subnets: Vec::new(), groups: Vec::new(), ipv6: false });
    if value.get("SubnetIds").is_some() {
        vpc.subnets = texts(value.get("SubnetIds"));
    }
    if value.get("SecurityGroupIds").is_some() {
        vpc.groups = texts(value.get("SecurityGroupIds"));
    }
    if let Some(ipv6) = value.get("Ipv6AllowedForDualStack").and_then(Value::as_bool) {
        vpc.ipv6 = ipv6;
    }
    vpc
}

fn logging_config(value: &Value, before: &Logging, name: &str) -> Result<Logging, ApiError> {
    let member = |m: &str| value.get(m).and_then(Value::as_str).map(str::to_owned);
    let format = member("LogFormat").unwrap_or_else(|| before.format.clone());
    let group = member("LogGroup").unwrap_or_else(|| before.group.clone());
    let group = if group.is_empty() { default_group(name) } else { group };
    let (application, system) = (member("ApplicationLogLevel"), member("SystemLogLevel"));
    if format == "JSON" {
        let or = |new: Option<String>, old: &Option<String>| {
            new.or_else(|| old.clone()).or_else(|| Some("INFO".to_owned()))
        };
        let application = or(application, &before.application);
        let system = or(system, &before.system);
        return Ok(Logging { format, application, system, group });
    }
    if application.is_some() || system.is_some() {
        // The rule is documented (LoggingConfig: levels only with JSON); the text is ours.
        return Err(invalid(
            "ApplicationLogLevel and SystemLogLevel can be set only when LogFormat is JSON.",
        ));
    }
    Ok(Logging { format, application: None, system: None, group })
}

/// The log group of a function that names none.
pub fn default_group(name: &str) -> String {
    format!("/aws/lambda/{name}")
}
