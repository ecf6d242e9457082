//! What a key's usage plan and the stage let through, and the lines about it.
//!
//! The lines of methods without a key, and of one that its stage throttles, are those of published logs; so is the one for
//! a key without a plan.

use std::sync::Arc;

use super::Inner;
use super::access_log::Admitted;
use super::call::MethodCall;
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::key::{Key, Place};
use super::lambda_authorizer::masked;
use super::throttle::Limit;
use super::trace::Why;
use crate::model::{Throttle, UsagePlan};

/// Finds the key that the method asks for and takes the call from every limit.
///
/// # Errors
/// The gateway response for a key that does not open the method, and for a limit that is reached.
pub(super) fn admit(
    inner: &Inner,
    call: &mut MethodCall<'_>,
    admitted: &mut Admitted,
    stage_limit: Option<Limit>,
    journal: &mut Journal,
) -> Result<(), Box<Failure>> {
    let (request, api, route, stage) = (call.request, call.api, call.route, call.stage);
    let given = given(call).unwrap_or_default().to_owned();
    let shown = || masked(&given);
    let place = || format!("{}/{stage}", api.facts.api_id);
    let method = || format!("'{} {}'", route.facts.configured_method, route.facts.resource_path);
    journal.info(|| {
        let id = &request.request_id;
        format!("Verifying Usage Plan for request: {id}. API Key: {} API Stage: {}", shown(), place())
    });
    if route.api_key {
        let Some(key) = key(inner, call, &given)? else {
            journal.info(|| {
                format!(
                    "API Key {} not authorized because method {} requires API Key and API Key is not associated with a \
                     Usage Plan for API Stage {}: No Usage Plan found for key and API Stage",
                    shown(),
                    method(),
                    place()
                )
            });
            let why = Why::ApiKey { given: !given.is_empty() };
            return Err(Failure::new(GatewayResponse::invalid_api_key(), why));
        };
        admitted.key = Some(key.clone());
        call.key = Some(key);
    }
    limits(inner, call, stage_limit, journal)?;
    if !route.api_key {
        journal.info(|| {
            format!(
                "API Key {} authorized because method {} does not require API Key. Request will not contribute to throttle \
                 or quota limits",
                shown(),
                method()
            )
        });
    }
    journal.info(|| format!("Usage Plan check succeeded for API Key {} and API Stage {}", shown(), place()));
    Ok(())
}

/// The key that the client sent to a method that asks for one.
fn given<'c>(call: &'c MethodCall<'_>) -> Option<&'c str> {
    if !call.route.api_key {
        return None;
    }
    let given = match call.api.key_of_authorizer {
        true => call.authorizer.as_ref().and_then(|identity| identity.usage_key.as_deref()),
        false => call.request.header("x-api-key"),
    };
    given.filter(|k| k.len() <= 128)
}

/// A missing, unknown or disabled key, and one that no usage plan joins with the stage, are answered alike.
fn key(inner: &Inner, call: &MethodCall<'_>, given: &str) -> Result<Option<Arc<Key>>, Box<Failure>> {
    if given.is_empty() {
        return Ok(None);
    }
    let facts = &call.api.facts;
    let place =
        Place { account: &facts.account, region: &facts.region, api: &facts.api_id, stage: call.stage };
    inner.keys.find(&inner.store, &place, given).map_err(|e| failed(e.to_string()))
}

fn failed(detail: String) -> Box<Failure> {
    Failure::new(GatewayResponse::internal(ResponseType::Default5xx, 500), Why::Configuration { detail })
}

/// Takes a call from its plan's limits and its method's, in the order of the guide ("Throttle requests to your REST
/// APIs"): the key's for the method, the key's, the stage's for the method, the account's; then the plan's quota.
fn limits(
    inner: &Inner,
    call: &MethodCall<'_>,
    stage_limit: Option<Limit>,
    journal: &mut Journal,
) -> Result<(), Box<Failure>> {
    let (facts, route) = (&call.api.facts, &call.route.facts);
    let now_ms = call.request.now_ms;
    let plan = call.key.as_deref().and_then(|key| Some((key, key.plan.as_ref()?)));
    let account_limit = inner.account_limit.get();
    if plan.is_none() && stage_limit.is_none() && account_limit.is_none() {
        return Ok(());
    }
    let method = format!("{}/{}", route.resource_path, route.configured_method);
    let mut wanted = Vec::with_capacity(4);
    if let Some((key, plan)) = plan {
        let place = format!("{}/{}", plan.id, key.id);
        let of = |t: &Throttle| Limit { rate: t.rate_limit, burst: t.burst_limit as f64 };
        let stage = plan.api_stages.iter().find(|s| s.api_id == facts.api_id && s.stage == call.stage);
        if let Some(limit) = stage.and_then(|s| s.throttle.get(&method)) {
            let what = format!("usage plan {} ({}) for {method}", plan.name, plan.id);
            wanted.push((format!("m/{place}/{}/{}{method}", facts.api_id, call.stage), of(limit), what));
        }
        if let Some(limit) = &plan.throttle {
            wanted.push((format!("p/{place}"), of(limit), format!("usage plan {} ({})", plan.name, plan.id)));
        }
    }
    if let Some(limit) = stage_limit {
        let what = format!("stage {} for {method}", call.stage);
        wanted.push((format!("s/{}/{}{method}", facts.api_id, call.stage), limit, what));
    }
    if let Some(limit) = account_limit {
        let what = format!("account {} in {}", facts.account, facts.region);
        wanted.push((format!("a/{}/{}", facts.account, facts.region), *limit, what));
    }
    for (bucket, limit, what) in wanted {
        if !inner.buckets.take(&bucket, limit, now_ms) {
            let Limit { rate, burst } = limit;
            journal.info(|| {
                format!(
                    "Key throttle limit exceeded for RestApi {}, Stage {}, Resource {}, HttpMethod {}. Limit: {rate:.2} \
                     Burst: {burst}",
                    facts.api_id, call.stage, route.resource_id, route.configured_method
                )
            });
            let detail = format!("the {what} takes {rate} requests a second and {burst} at once");
            return Err(Failure::new(GatewayResponse::throttled(), Why::Throttled { detail }));
        }
    }
    match plan {
        Some((key, plan)) => quota(inner, call, key, plan, journal),
        None => Ok(()),
    }
}

fn quota(
    inner: &Inner,
    call: &MethodCall<'_>,
    key: &Key,
    plan: &UsagePlan,
    journal: &mut Journal,
) -> Result<(), Box<Failure>> {
    let facts = &call.api.facts;
    let count = format!("{}/{}/{}/{}", facts.account, facts.region, plan.id, key.id);
    let counted = inner.usage.count(&count, plan.quota.as_ref(), call.request.now_ms);
    if counted.map_err(|e| failed(e.to_string()))? {
        return Ok(());
    }
    let quota = plan.quota.clone().unwrap_or_default();
    let detail = format!(
        "the usage plan {} ({}) takes {} requests per {} of key {}",
        plan.name, plan.id, quota.limit, quota.period, key.id
    );
    // Not recorded; this line is ours.
    journal.info(|| format!("Quota limit exceeded: {detail}"));
    Err(Failure::new(GatewayResponse::quota_exceeded(), Why::QuotaExceeded { detail }))
}
