//! Configurations as AWS shows them.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::model::{Alias, Config};

/// Which of the state members are shown, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The answer of CreateFunction.
    Creating,
    /// The answer of an update.
    Updating,
    /// Done.
    Active,
    /// In lists: no state, no runtime version [D: ListFunctions; recorded: ListVersionsByFunction].
    Listed,
}

/// A `FunctionConfiguration`; `arn` with the qualifier under which it was asked for.
pub fn configuration(config: &Config, name: &str, arn: &str, progress: Progress) -> Value {
    let mut shown = Map::new();
    let mut set = |member: &str, value: Value| {
        shown.insert(member.to_owned(), value);
    };
    set("FunctionName", name.into());
    set("FunctionArn", arn.into());
    set("Runtime", config.runtime.as_str().into());
    set("Role", config.role.as_str().into());
    set("Handler", config.handler.as_str().into());
    set("CodeSize", config.code.size.into());
    set("CodeSha256", config.code.sha256.as_str().into());
    set("Description", config.description.as_str().into());
    set("Timeout", config.timeout.into());
    set("MemorySize", config.memory.into());
    set("LastModified", last_modified(config.modified_ms).into());
    set("Version", config.version.as_str().into());
    set("RevisionId", config.revision.as_str().into());
    set("PackageType", "Zip".into());
    set("Architectures", json!([config.architecture]));
    set("EphemeralStorage", json!({ "Size": config.ephemeral }));
    set("TracingConfig", json!({ "Mode": config.tracing }));
    set("SnapStart", json!({ "ApplyOn": config.snap_start, "OptimizationStatus": "Off" }));
    let logging = &config.logging;
    let mut log = json!({ "LogFormat": logging.format, "LogGroup": logging.group });
    if let (Some(application), Some(system)) = (&logging.application, &logging.system) {
        log = json!({
            "LogFormat": logging.format, "LogGroup": logging.group,
            "ApplicationLogLevel": application, "SystemLogLevel": system,
        });
    }
    set("LoggingConfig", log);
    if let Some(variables) = &config.environment {
        set("Environment", json!({ "Variables": variables }));
    }
    if let Some(vpc) = &config.vpc {
        // Without EC2 nothing knows which VPC the subnets belong to, and an id is not made up.
        set(
            "VpcConfig",
            json!({
                "SubnetIds": vpc.subnets, "SecurityGroupIds": vpc.groups, "VpcId": "",
                "Ipv6AllowedForDualStack": vpc.ipv6,
            }),
        );
    }
    if let Some(target) = &config.dead_letter {
        set("DeadLetterConfig", json!({ "TargetArn": target }));
    }
    if let Some(key) = &config.kms_key {
        set("KMSKeyArn", key.as_str().into());
    }
    if !config.layers.is_empty() {
        let layers: Vec<Value> =
            config.layers.iter().map(|l| json!({ "Arn": l.arn, "CodeSize": l.code.size })).collect();
        set("Layers", layers.into());
    }
    if !config.file_systems.is_empty() {
        set("FileSystemConfigs", config.file_systems.clone().into());
    }
    if progress != Progress::Listed {
        let region = arn.split(':').nth(3).unwrap_or_default();
        let partition = arn.split(':').nth(1).unwrap_or_default();
        set("RuntimeVersionConfig", runtime_version(&config.runtime, partition, region));
    }
    match progress {
        Progress::Creating => {
            set("State", "Pending".into());
            set("StateReason", "The function is being created.".into());
            set("StateReasonCode", "Creating".into());
        }
        Progress::Updating => {
            set("State", "Active".into());
            set("LastUpdateStatus", "InProgress".into());
            // AWS's own wording for an update (recorded: test_function_lifecycle).
            set("LastUpdateStatusReason", "The function is being created.".into());
            set("LastUpdateStatusReasonCode", "Creating".into());
        }
        Progress::Active => {
            set("State", "Active".into());
            set("LastUpdateStatus", "Successful".into());
        }
        Progress::Listed => {}
    }
    Value::Object(shown)
}

/// The ARN of a runtime's version. AWS's names a build of its own; ours stands for the runtime's name.
pub fn runtime_version(runtime: &str, partition: &str, region: &str) -> Value {
    let id = hex::encode(Sha256::digest(runtime));
    json!({ "RuntimeVersionArn": format!("arn:{partition}:lambda:{region}::runtime:{id}") })
}

/// `2026-11-23T09:00:00.000+0000`.
pub fn last_modified(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or_default();
    strtime::format("%Y-%m-%dT%H:%M:%S.%3f+0000", at).unwrap_or_default()
}

/// An `AliasConfiguration`.
pub fn alias(alias: &Alias, arn: &str) -> Value {
    let mut shown = json!({
        "AliasArn": arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    });
    if !alias.weights.is_empty()
        && let Some(members) = shown.as_object_mut()
    {
        members.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": alias.weights }));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_modified_is_iso_with_milliseconds_and_an_offset_without_colon() {
        assert_eq!(last_modified(1_795_424_400_007), "2026-11-23T09:00:00.007+0000");
        assert_eq!(last_modified(0), "1970-01-01T00:00:00.000+0000");
    }
}
