//! GetUsage and UpdateUsage.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::Inner;
use super::usage::{Count, day};
use crate::model::UsagePlan;

/// Days that one answer covers (guide: the last 90 days).
const DAYS: i32 = 90;

fn bad_request(text: impl Into<String>) -> ApiError {
    ApiError::new("BadRequestException", 400, text)
}

fn failed(error: store::StoreError) -> ApiError {
    ApiError::internal(error.to_string())
}

/// The plan, and the prefix of what belongs to it.
fn plan(inner: &Inner, call: &Call) -> Result<(UsagePlan, String), ApiError> {
    let at = format!("{}/{}/{}", call.account, call.region, call.required("usagePlanId"));
    let found: Option<UsagePlan> = inner.store.read(|r| r.get("usagePlans", &at)).map_err(failed)?;
    let unknown = || ApiError::new("NotFoundException", 404, "Invalid Usage Plan ID specified");
    found.map(|plan| (plan, format!("{at}/"))).ok_or_else(unknown)
}

fn date(call: &Call, member: &str) -> Result<Date, ApiError> {
    let given = call.required(member);
    // Reasoning: the form is documented, the text is not recorded.
    given.parse().map_err(|_| bad_request(format!("Invalid {member} `{given}`: a date is YYYY-MM-DD")))
}

/// Every key of the plan with `[used, remaining]` for each day (API reference, Usage). Keys are named by their ids, as
/// scripts read them.
pub(super) fn get(inner: &Inner, call: &Call) -> Result<Reply, ApiError> {
    let (plan, prefix) = plan(inner, call)?;
    let (from, to) = (date(call, "startDate")?, date(call, "endDate")?);
    let days = from.until(to).map(|span| span.get_days()).unwrap_or(-1);
    if !(0..DAYS).contains(&days) {
        return Err(bad_request(format!(
            "startDate and endDate are at most {DAYS} days apart, the end not first"
        )));
    }
    let wanted = call.text("keyId");
    let keys: Vec<(String, bool)> =
        inner.store.read(|r| r.list("usagePlanKeys", &prefix, None, 10_000)).map_err(failed)?;
    let counts = inner.usage.of(&prefix).map_err(failed)?;
    let items: BTreeMap<&str, Value> = keys
        .iter()
        .filter_map(|(at, _)| at.strip_prefix(&prefix))
        .filter(|id| wanted.is_none_or(|wanted| wanted == *id))
        .map(|id| (id, daily(&plan, counts.get(id), from, days)))
        .collect();
    Ok(json!({
        "usagePlanId": plan.id, "startDate": from.to_string(), "endDate": to.to_string(), "items": items,
    })
    .into())
}

fn daily(plan: &UsagePlan, count: Option<&Count>, from: Date, days: i32) -> Value {
    // A day without calls leaves what the day before left; before the first, all of the quota.
    let mut left = plan.quota.as_ref().map_or(0, |quota| quota.limit);
    let day = |n: i32| {
        let date = from.checked_add(n.days()).unwrap_or(from).to_string();
        let [used, remaining] = count.and_then(|c| c.days.get(&date)).copied().unwrap_or([0, left]);
        left = remaining;
        if plan.quota.as_ref().is_some_and(|q| q.period == "DAY") {
            left = plan.quota.as_ref().map_or(0, |quota| quota.limit);
        }
        json!([used, remaining])
    };
    (0..=days).map(day).collect()
}

/// Sets what remains of a key's quota in this period (API reference, "Patch Operations": `replace` of `/remaining`).
pub(super) fn update(inner: &Inner, call: &Call) -> Result<Reply, ApiError> {
    let (plan, prefix) = plan(inner, call)?;
    let id = call.required("keyId");
    let entry: Option<bool> =
        inner.store.read(|r| r.get("usagePlanKeys", &format!("{prefix}{id}"))).map_err(failed)?;
    if entry.is_none() {
        let text = format!("Invalid Usage Plan Key identifier specified for usageplan {}", plan.id);
        return Err(ApiError::new("NotFoundException", 404, text));
    }
    let Some(quota) = &plan.quota else {
        return Err(bad_request(format!("Usage Plan {} has no quota", plan.id)));
    };
    let mut remaining = None;
    for patch in call.input.get("patchOperations").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or_default();
        let value = text("value").parse::<i64>().ok().filter(|n| *n >= 0);
        match (text("op"), text("path"), value) {
            ("replace", "/remaining", Some(value)) => remaining = Some(value),
            _ => return Err(bad_request(format!("Invalid patch path {}", text("path")))),
        }
    }
    let key = format!("{prefix}{id}");
    let left = inner
        .usage
        .change(&key, Some(quota), call.now_ms, |count| {
            if let Some(remaining) = remaining {
                count.granted += remaining - count.remaining(quota);
            }
            [count.used, count.remaining(quota)]
        })
        .map_err(failed)?;
    let today = day(call.now_ms).to_string();
    Ok(json!({ "usagePlanId": plan.id, "startDate": today, "endDate": today, "items": { id: [left] } })
        .into())
}
