//! Stages.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, api, api_or, members, now, reply};
use super::method::{set, strings};
use super::method_settings;
use super::patch::{Patch, operations, text};
use super::quota::{self, Quota};
use crate::model::{AccountSettings, Deployment, Stage};

pub(super) const UNKNOWN_STAGE: &str = "Invalid stage identifier specified";
const UNKNOWN_DEPLOYMENT: &str = "Deployment id does not exist";
/// Quotas: an access log template has at most 3 KB.
const MAX_FORMAT: usize = 3 * 1024;
const ACCESS_LOGS: [&str; 2] = ["destinationArn", "format"];

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let api = api(writer, call)?;
        let deployment = call.required("deploymentId");
        check_deployment(writer, &api.id, deployment)?;
        let mut stage = blank(call, call.required("stageName"), deployment)?;
        let key = format!("{}/{}", api.id, stage.stage_name);
        if writer.one::<Stage>("stages", &key)?.is_some() {
            // As users report it (hashicorp/terraform-provider-aws issue 1153).
            return Err(conflict("Stage already exists"));
        }
        quota::room(writer, Quota::Stages, &format!("{}/", api.id), 1)?;
        stage.variables = strings(call.input.get("variables"));
        for member in ["description", "documentationVersion", "tags"] {
            set(&mut stage.rest, member, call.input.get(member).cloned().unwrap_or_default());
        }
        if let Some(Value::Object(canary)) = call.input.get("canarySettings") {
            let mut canary = canary.clone();
            let second = canary.get("deploymentId").and_then(Value::as_str).unwrap_or_default();
            check_deployment(writer, &api.id, second)?;
            canary.entry("percentTraffic").or_insert(json!(0.0));
            canary.entry("useStageCache").or_insert(json!(false));
            stage.rest.insert("canarySettings".into(), Value::Object(canary));
        }
        set_switches(&mut stage, call);
        writer.put("stages", &key, &stage)?;
        reply(&stage)
    })
}

/// A stage as AWS makes it when nothing else is said (test_apigateway_common TestStages::test_create_update_stages).
pub(super) fn blank(call: &Call, name: &str, deployment: &str) -> Result<Stage, Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
        // As users report it; API reference CreateStage: letters, digits, hyphens and underscores, at most 128.
        return Err(bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    let mut rest = Map::new();
    rest.insert("cacheClusterEnabled".into(), false.into());
    rest.insert("cacheClusterStatus".into(), "NOT_AVAILABLE".into());
    rest.insert("tracingEnabled".into(), false.into());
    Ok(Stage {
        stage_name: name.to_owned(),
        deployment_id: deployment.to_owned(),
        variables: BTreeMap::new(),
        method_settings: BTreeMap::new(),
        created_date: now(call),
        last_updated_date: now(call),
        rest,
    })
}

/// What CreateStage and CreateDeployment both may say of a stage.
pub(super) fn set_switches(stage: &mut Stage, call: &Call) {
    for member in ["tracingEnabled", "cacheClusterSize"] {
        if let Some(value) = call.input.get(member) {
            stage.rest.insert(member.into(), value.clone());
        }
    }
    if let Some(enabled) = call.input.get("cacheClusterEnabled").and_then(Value::as_bool) {
        set_cache(stage, enabled);
    }
}

fn set_cache(stage: &mut Stage, enabled: bool) {
    stage.rest.insert("cacheClusterEnabled".into(), enabled.into());
    if enabled {
        stage.rest.entry("cacheClusterSize").or_insert("0.5".into());
    }
    let status = if enabled { "AVAILABLE" } else { "NOT_AVAILABLE" };
    stage.rest.insert("cacheClusterStatus".into(), status.into());
}

fn check_deployment(documents: &impl Read, api: &str, id: &str) -> Result<(), Failure> {
    match documents.one::<Deployment>("deployments", &format!("{api}/{id}"))? {
        Some(_) => Ok(()),
        // test_apigateway_canary TestStageCrudCanary::test_create_canary_deployment#bad-canary-deployment-id.
        None => Err(bad_request(UNKNOWN_DEPLOYMENT)),
    }
}

/// The stage that the call names, with its key.
fn find(documents: &impl Read, call: &Call) -> Result<(String, Stage), Failure> {
    let api = api_or(documents, call, UNKNOWN_STAGE)?;
    let key = format!("{}/{}", api.id, call.required("stageName"));
    let found = documents.one("stages", &key)?.ok_or_else(|| not_found(UNKNOWN_STAGE))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| reply(&find(reader, call)?.1))
}

/// The one list of API Gateway that has no pages and calls its items `item`.
pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let deployment = call.text("deploymentId");
    store.read(|reader| {
        let api = api(reader, call)?;
        let stages = reader.all::<Stage>("stages", &format!("{}/", api.id))?.into_iter();
        let shown = stages
            .filter(|(_, stage)| deployment.is_none_or(|id| stage.deployment_id == id))
            .map(|(_, stage)| Ok(Value::Object(members(&stage)?)));
        Ok(json!({ "item": shown.collect::<Result<Vec<_>, Failure>>()? }).into())
    })
}

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut stage) = find(writer, call)?;
        let api = call.required("restApiId");
        for patch in operations(call)? {
            apply(&mut stage, &patch)?;
            if ["/deploymentId", "/canarySettings/deploymentId"].contains(&patch.path) && patch.op != "copy" {
                check_deployment(writer, api, &text(&patch))?;
            }
        }
        check_logging(writer, call, &stage)?;
        stage.last_updated_date = now(call);
        writer.put("stages", &key, &stage)?;
        reply(&stage)
    })
}

/// Execution logs need a role to write them: the refusal is as users report it.
fn check_logging(documents: &impl Read, call: &Call, stage: &Stage) -> Result<(), Failure> {
    let logs = stage.method_settings.values().any(|setting| {
        setting.get("loggingLevel").and_then(Value::as_str).is_some_and(|level| level != "OFF")
    });
    if !logs {
        return Ok(());
    }
    let key = format!("{}/{}", call.account, call.region);
    let account: Option<AccountSettings> = documents.one("gatewayAccounts", &key)?;
    match account.and_then(|account| account.cloudwatch_role_arn) {
        Some(_) => Ok(()),
        None => {
            Err(bad_request("CloudWatch Logs role ARN must be set in account settings to enable logging"))
        }
    }
}

fn apply(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Failure> {
    if patch.op == "copy" {
        return promote(stage, patch);
    }
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (patch.op, segments.as_slice()) {
        ("add" | "replace", ["variables", name]) => {
            stage.variables.insert((*name).to_owned(), text(patch));
        }
        ("remove", ["variables", name]) => {
            stage.variables.remove(*name);
        }
        ("replace", ["deploymentId"]) => stage.deployment_id = text(patch),
        ("replace", [member @ ("description" | "documentationVersion" | "clientCertificateId")])
        | ("replace", [member @ "cacheClusterSize"]) => {
            set(&mut stage.rest, member, text(patch).into());
        }
        ("remove", [member @ ("description" | "documentationVersion" | "clientCertificateId")]) => {
            stage.rest.remove(*member);
        }
        ("replace", ["cacheClusterEnabled"]) => set_cache(stage, patch.is_true()),
        ("replace", ["tracingEnabled"]) => {
            stage.rest.insert("tracingEnabled".into(), patch.is_true().into());
        }
        ("remove", ["accessLogSettings"]) => {
            stage.rest.remove("accessLogSettings");
        }
        ("add" | "replace", ["accessLogSettings", member]) => access_log(stage, member, patch)?,
        ("remove", ["canarySettings"]) => {
            stage.rest.remove("canarySettings");
        }
        (_, ["canarySettings", rest @ ..]) if !rest.is_empty() && patch.op != "remove" => {
            canary(stage, rest, patch)?;
        }
        _ => method_settings::apply(&mut stage.method_settings, patch, &segments)?,
    }
    Ok(())
}

/// test_apigateway_api TestApigatewayStage::test_stage_access_log_settings_validation.
fn access_log(stage: &mut Stage, member: &str, patch: &Patch<'_>) -> Result<(), Failure> {
    if !ACCESS_LOGS.contains(&member) {
        return Err(bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ));
    }
    let value = patch.non_empty().ok_or_else(|| bad_request("Access Log value must not be empty"))?;
    if member == "format" {
        check_format(&value)?;
    }
    let settings = stage.rest.entry("accessLogSettings").or_insert_with(|| json!({}));
    settings[member] = value.into();
    Ok(())
}

/// One line, as users report the refusal of others (serverless/serverless issue 7162), and of the size that the quotas
/// name; the words for the second are reasoning.
fn check_format(format: &str) -> Result<(), Failure> {
    if format.trim_end_matches(['\r', '\n']).contains(['\r', '\n']) {
        return Err(bad_request(format!(
            "Access Log format must be single line, new line character is allowed only at end of the format: '{format}'"
        )));
    }
    if format.len() > MAX_FORMAT {
        return Err(bad_request(format!(
            "Access Log format must not be larger than {MAX_FORMAT} bytes, this one has {}",
            format.len()
        )));
    }
    Ok(())
}

/// test_apigateway_canary TestStageCrudCanary::test_update_stage_canary_deployment_validation, and for what a canary is
/// when only one of its members is named, test_create_canary_deployment_by_stage_update.
fn canary(stage: &mut Stage, rest: &[&str], patch: &Patch<'_>) -> Result<(), Failure> {
    let value = text(patch);
    let settings = match (patch.op, rest) {
        ("replace", ["percentTraffic" | "useStageCache" | "deploymentId"])
        | (_, ["stageVariableOverrides", _]) => {
            let deployment = &stage.deployment_id;
            stage.rest.entry("canarySettings").or_insert_with(
                || json!({ "deploymentId": deployment, "percentTraffic": 0.0, "useStageCache": false }),
            )
        }
        ("add", ["deploymentId"]) => {
            return Err(bad_request(format!("Invalid add operation with path: {}", patch.path)));
        }
        _ => return Err(method_settings::invalid_path(patch)),
    };
    match rest {
        ["percentTraffic"] => {
            let percent: f64 = value.parse().unwrap_or(-1.0);
            if !(0.0..=100.0).contains(&percent) {
                // Reasoning: the bounds are documented, the text is not recorded.
                return Err(bad_request("Invalid percentTraffic specified, must be between 0.0 and 100.0"));
            }
            settings["percentTraffic"] = json!(percent);
        }
        ["useStageCache"] => settings["useStageCache"] = patch.is_true().into(),
        ["stageVariableOverrides", name] => settings["stageVariableOverrides"][*name] = value.into(),
        _ => settings["deploymentId"] = value.into(),
    }
    Ok(())
}

/// Promotes a canary (…::test_update_stage_with_copy_ops).
fn promote(stage: &mut Stage, patch: &Patch<'_>) -> Result<(), Failure> {
    let of_variables = match (patch.path, patch.from.unwrap_or_default()) {
        ("/deploymentId", "/canarySettings/deploymentId") => false,
        ("/variables", "/canarySettings/stageVariableOverrides") => true,
        (path, from) => {
            return Err(bad_request(format!(
                "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
            )));
        }
    };
    let Some(canary) = stage.rest.get("canarySettings") else {
        return Err(bad_request("Promotion not available. Canary does not exist."));
    };
    if of_variables {
        stage.variables.extend(strings(canary.get("stageVariableOverrides")));
    } else if let Some(id) = canary.get("deploymentId").and_then(Value::as_str) {
        stage.deployment_id = id.to_owned();
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, _) = find(writer, call)?;
        writer.delete("stages", &key)?;
        Ok(Reply::empty())
    })
}
