//! Usage plans and their keys.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::key::own;
use super::lookup::{Read, members, random_id, visible_api};
use super::method::set;
use super::page::page;
use super::patch::{Patch, operations, text};
use super::quota::{self, Quota as Most};
use crate::model::{ApiKey, ApiStage, Quota, Stage, Throttle, UsagePlan};

/// test_apigateway_common TestUsagePlans::test_usage_plan_crud, as every text of this file that has no other source.
const UNKNOWN: &str = "Invalid Usage Plan ID specified";
const UNKNOWN_KEY: &str = "Invalid API Key identifier specified";

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let mut rest = Map::new();
    for member in ["description", "tags"] {
        set(&mut rest, member, call.input.get(member).cloned().unwrap_or_default());
    }
    let plan = UsagePlan {
        id: random_id(6)?,
        name: call.required("name").to_owned(),
        api_stages: read(call.input.get("apiStages"))?.unwrap_or_default(),
        throttle: read(call.input.get("throttle"))?,
        quota: read(call.input.get("quota"))?,
        rest,
    };
    check_quota(plan.quota.as_ref())?;
    store.write(|writer| {
        for stage in &plan.api_stages {
            check_stage(writer, call, &plan.id, stage)?;
        }
        quota::room(writer, Most::UsagePlans, &own(call), 1)?;
        writer.put("usagePlans", &format!("{}{}", own(call), plan.id), &plan)?;
        Ok(Value::Object(output(&plan, false)?).into())
    })
}

fn read<T: DeserializeOwned>(value: Option<&Value>) -> Result<Option<T>, Failure> {
    let Some(value) = value else { return Ok(None) };
    serde_json::from_value(value.clone()).map(Some).map_err(|_| bad_request("Invalid API Stage specified"))
}

/// API reference QuotaSettings. The text is reasoning.
fn check_quota(quota: Option<&Quota>) -> Result<(), Failure> {
    match quota {
        Some(quota) if !["DAY", "WEEK", "MONTH"].contains(&quota.period.as_str()) => {
            Err(bad_request("Usage Plan quota period must be one of: DAY, WEEK, MONTH"))
        }
        _ => Ok(()),
    }
}

fn check_stage(documents: &impl Read, call: &Call, plan: &str, stage: &ApiStage) -> Result<(), Failure> {
    let known = match visible_api(documents, call, &stage.api_id)? {
        Some(api) => documents.one::<Stage>("stages", &format!("{}/{}", api.id, stage.stage))?.is_some(),
        None => false,
    };
    if known {
        return Ok(());
    }
    Err(not_found(format!(
        "Invalid API Stage {{api: {}, stage: {}}} specified for usageplan {plan}",
        stage.api_id, stage.stage
    )))
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, UsagePlan), Failure> {
    let key = format!("{}{}", own(call), call.required("usagePlanId"));
    let found = documents.one("usagePlans", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let (_, found) = store.read(|reader| find(reader, call))?;
    Ok(Value::Object(output(&found, true)?).into())
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let key_id = call.text("keyId");
    let found = store.read::<_, Failure>(|reader| {
        let mut found = Vec::new();
        for (at, plan) in reader.all::<UsagePlan>("usagePlans", &own(call))? {
            let wanted = match key_id {
                None => true,
                Some(id) => reader.get::<bool>("usagePlanKeys", &format!("{at}/{id}"))?.is_some(),
            };
            if wanted {
                found.push((at, Value::Object(output(&plan, false)?)));
            }
        }
        Ok(found)
    })?;
    page(call, found)
}

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (at, mut plan) = find(writer, call)?;
        for patch in operations(call)? {
            if let Some(added) = apply(&mut plan, &patch)? {
                check_stage(writer, call, &plan.id, &added)?;
            }
        }
        check_quota(plan.quota.as_ref())?;
        writer.put("usagePlans", &at, &plan)?;
        Ok(Value::Object(output(&plan, true)?).into())
    })
}

/// Applies one operation; gives back a stage that it added, to be checked.
fn apply(plan: &mut UsagePlan, patch: &Patch<'_>) -> Result<Option<ApiStage>, Failure> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let number = || text(patch).parse::<f64>().ok().filter(|n| n.is_finite());
    let wrong = || bad_request(format!("Invalid patch path {}", patch.path));
    match (patch.op, segments.as_slice()) {
        ("replace", ["name"]) => plan.name = text(patch),
        ("replace", [member @ ("description" | "productCode")]) => {
            set(&mut plan.rest, member, text(patch).into());
        }
        ("remove", [member @ ("description" | "productCode")]) => {
            plan.rest.remove(*member);
        }
        ("remove", ["throttle"]) => plan.throttle = None,
        ("remove", ["quota"]) => plan.quota = None,
        ("add" | "replace", ["throttle", limit]) => {
            set_limit(plan.throttle.get_or_insert_default(), limit, number().ok_or_else(wrong)?)
                .ok_or_else(wrong)?;
        }
        ("add" | "replace", ["quota", "period"]) => plan.quota.get_or_insert_default().period = text(patch),
        ("add" | "replace", ["quota", "limit"]) => {
            plan.quota.get_or_insert_default().limit = number().ok_or_else(wrong)? as i64;
        }
        ("add" | "replace", ["quota", "offset"]) => {
            plan.quota.get_or_insert_default().offset = number().ok_or_else(wrong)? as i64;
        }
        ("add", ["apiStages"]) => {
            let added = named(patch)?;
            if !plan.api_stages.iter().any(|s| s.api_id == added.api_id && s.stage == added.stage) {
                plan.api_stages.push(added.clone());
            }
            return Ok(Some(added));
        }
        ("remove", ["apiStages"]) => {
            let gone = named(patch)?;
            plan.api_stages.retain(|s| s.api_id != gone.api_id || s.stage != gone.stage);
        }
        (op, ["apiStages", stage, "throttle", rest @ ..]) => stage_throttle(plan, stage, op, rest, patch)?,
        _ => return Err(wrong()),
    }
    Ok(None)
}

/// `API:STAGE`.
fn named(patch: &Patch<'_>) -> Result<ApiStage, Failure> {
    let parts = patch.value.and_then(|value| value.split_once(':'));
    let (api_id, stage) = parts.ok_or_else(|| bad_request("Invalid API Stage specified"))?;
    Ok(ApiStage { api_id: api_id.to_owned(), stage: stage.to_owned(), throttle: Default::default() })
}

/// `/apiStages/{api}:{stage}/throttle/{path}/{METHOD}/rateLimit`, or the whole map as JSON (API reference, "Patch
/// Operations").
fn stage_throttle(
    plan: &mut UsagePlan,
    stage: &str,
    op: &str,
    rest: &[&str],
    patch: &Patch<'_>,
) -> Result<(), Failure> {
    let wrong = || bad_request(format!("Invalid patch path {}", patch.path));
    let one = plan.api_stages.iter_mut().find(|s| format!("{}:{}", s.api_id, s.stage) == stage);
    let throttle = &mut one.ok_or_else(|| bad_request("Invalid API Stage specified"))?.throttle;
    match (op, rest) {
        ("add" | "replace", []) => {
            *throttle = serde_json::from_str(patch.value.unwrap_or("{}")).map_err(|_| wrong())?;
        }
        ("remove", []) => throttle.clear(),
        ("remove", [path, method]) => {
            throttle.remove(&format!("{path}/{method}"));
        }
        ("add" | "replace", [path, method, limit]) => {
            let value = text(patch).parse::<f64>().map_err(|_| wrong())?;
            let entry = throttle.entry(format!("{path}/{method}")).or_default();
            set_limit(entry, limit, value).ok_or_else(wrong)?;
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

fn set_limit(throttle: &mut Throttle, limit: &str, value: f64) -> Option<()> {
    match limit {
        "rateLimit" => throttle.rate_limit = value,
        "burstLimit" => throttle.burst_limit = value as i64,
        _ => return None,
    }
    Some(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (at, plan) = find(writer, call)?;
        if !plan.api_stages.is_empty() {
            // As users report it.
            return Err(bad_request(format!(
                "Cannot delete Usage Plan {} because it is associated with API Stages",
                plan.id
            )));
        }
        writer.delete("usagePlans", &at)?;
        writer.delete_prefix("usagePlanKeys", &format!("{at}/"))?;
        Ok(Reply::empty())
    })
}

fn output(plan: &UsagePlan, with_empty_tags: bool) -> Result<Map<String, Value>, Failure> {
    let mut members = members(plan)?;
    if with_empty_tags && !members.contains_key("tags") {
        members.insert("tags".into(), json!({}));
    }
    Ok(members)
}

pub(super) fn create_key(store: &Store, call: &Call) -> Result<Reply, Failure> {
    if call.required("keyType") != "API_KEY" {
        // API reference: the one type there is. The text is reasoning.
        return Err(bad_request("Invalid key type specified. Valid options are API_KEY"));
    }
    store.write(|writer| {
        let key = api_key(writer, call)?;
        add_key(writer, call, call.required("usagePlanId"), &key)?;
        Ok(key_output(&key).into())
    })
}

/// Ties a key to the plan with this id.
pub(super) fn add_key(writer: &mut Writer<'_>, call: &Call, plan: &str, key: &ApiKey) -> Result<(), Failure> {
    let at = format!("{}{plan}", own(call));
    writer.one::<UsagePlan>("usagePlans", &at)?.ok_or_else(|| not_found(UNKNOWN))?;
    let entry = format!("{at}/{}", key.id);
    if writer.one::<bool>("usagePlanKeys", &entry)?.is_some() {
        // As users report it.
        return Err(conflict(format!("API Key {} is already attached to Usage Plan {plan}", key.id)));
    }
    Ok(writer.put("usagePlanKeys", &entry, &true)?)
}

fn api_key(documents: &impl Read, call: &Call) -> Result<ApiKey, Failure> {
    let at = format!("{}{}", own(call), call.required("keyId"));
    documents.one("apiKeys", &at)?.ok_or_else(|| not_found(UNKNOWN_KEY))
}

fn key_output(key: &ApiKey) -> Value {
    let mut shown = json!({ "id": key.id, "type": "API_KEY", "value": key.value });
    if let Some(name) = &key.name {
        shown["name"] = name.as_str().into();
    }
    shown
}

/// The plan's entry for the key, and the key.
fn attached(documents: &impl Read, call: &Call) -> Result<(String, ApiKey), Failure> {
    let (at, plan) = find(documents, call)?;
    let entry = format!("{at}/{}", call.required("keyId"));
    if documents.one::<bool>("usagePlanKeys", &entry)?.is_none() {
        // Reasoning: the plan and the key exist, their association does not.
        return Err(not_found(format!(
            "Invalid Usage Plan Key identifier specified for usageplan {}",
            plan.id
        )));
    }
    Ok((entry, api_key(documents, call)?))
}

pub(super) fn get_key(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let (_, key) = store.read(|reader| attached(reader, call))?;
    Ok(key_output(&key).into())
}

pub(super) fn list_keys(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let name = call.text("nameQuery");
    let found = store.read::<_, Failure>(|reader| {
        let (at, _) = find(reader, call)?;
        let mut found = Vec::new();
        for (entry, _) in reader.all::<bool>("usagePlanKeys", &format!("{at}/"))? {
            let id = entry.rsplit('/').next().unwrap_or_default();
            let key: Option<ApiKey> = reader.get("apiKeys", &format!("{}{id}", own(call)))?;
            if let Some(key) = key
                && name.is_none_or(|name| key.name.as_deref().is_some_and(|n| n.starts_with(name)))
            {
                found.push((entry, key_output(&key)));
            }
        }
        Ok(found)
    })?;
    page(call, found)
}

pub(super) fn delete_key(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (entry, _) = attached(writer, call)?;
        writer.delete("usagePlanKeys", &entry)?;
        Ok(Reply::empty())
    })
}
