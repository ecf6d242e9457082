//! The response cache of a stage (guide, "Enabling API caching").

use std::sync::Arc;

use bytes::Bytes;

use super::call::MethodCall;
use super::client::ClientResponse;
use super::front_door::{Access, FrontDoor};
use super::gateway_response::GatewayResponse;
use super::integrate::Failure;
use super::kept::Kept;
use super::mapping::{BackendAnswer, Source};
use super::trace::Why;
use crate::model::Integration;

/// Responses and bytes kept over all stages. AWS's smallest cache has 0.5 GB for each stage; this one is shared and
/// smaller, which costs calls of the integration and nothing else.
pub(super) const KEPT: (usize, usize) = (20_000, 128 << 20);
/// The largest response that is cached (guide: 1,048,576 bytes).
const LARGEST: usize = 1 << 20;

/// How a method caches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Caching {
    pub ttl_ms: i64,
    /// Invalidating needs `execute-api:InvalidateCache`.
    pub guarded: bool,
    pub unauthorized: Unauthorized,
}

/// What becomes of a call that may not invalidate and wants to (`unauthorizedCacheControlHeaderStrategy`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unauthorized {
    Fail,
    Warn,
    Ignore,
}

/// By what the responses of an integration are told apart.
pub(super) struct CacheKey {
    namespace: String,
    parameters: Vec<Option<Source>>,
}

impl CacheKey {
    pub fn new(integration: &Integration, resource: &str) -> Self {
        let text = |name: &str| integration.rest.get(name).and_then(serde_json::Value::as_str);
        let parameters = integration.rest.get("cacheKeyParameters").and_then(serde_json::Value::as_array);
        let source = |name: &str| {
            // A parameter of the integration's request is what is mapped to it.
            let mapped = integration.request_parameters.get(name).map_or(name, String::as_str);
            Source::parse(mapped)
        };
        Self {
            namespace: text("cacheNamespace").filter(|n| !n.is_empty()).unwrap_or(resource).to_owned(),
            parameters: parameters
                .into_iter()
                .flatten()
                .filter_map(serde_json::Value::as_str)
                .map(source)
                .collect(),
        }
    }

    /// Where a call's response is kept. Lengths keep values apart that join to one text.
    fn of(&self, call: &MethodCall<'_>, area: &str) -> String {
        let facts = &call.api.facts;
        let mut key =
            format!("{}/{}/{area}/{}/{}", facts.api_id, call.stage, self.namespace, call.request.method);
        for parameter in &self.parameters {
            match parameter.as_ref().and_then(|p| p.value(call, &BackendAnswer::default())) {
                Some(value) => key.push_str(&format!("/{}:{value}", value.len())),
                None => key.push_str("/-"),
            }
        }
        key
    }
}

/// What the cache makes of a call.
pub(super) enum Lookup {
    /// The answer.
    Hit(ClientResponse),
    /// The integration is to be asked and its answer kept; the header warns of an ignored `Cache-Control`.
    Miss { key: String, warn: bool },
}

/// Looks a call up.
///
/// # Errors
/// 403 for a call that wants to invalidate and may not, where the stage has it so.
pub(super) fn look_up(
    kept: &Kept<ClientResponse>,
    caching: Caching,
    key: &CacheKey,
    area: &str,
    call: &MethodCall<'_>,
    door: &dyn FrontDoor,
) -> Result<Lookup, Box<Failure>> {
    let key = key.of(call, area);
    let mut warn = false;
    let control = call.request.header("cache-control").unwrap_or_default();
    if control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("max-age=0")) {
        match (may_invalidate(caching, call, door), caching.unauthorized) {
            (Ok(()), _) => return Ok(Lookup::Miss { key, warn }),
            (Err(detail), Unauthorized::Fail) => {
                let sentence = "Unauthorized".to_owned();
                let why = Why::NotAuthorized { sentence, detail };
                return Err(Failure::new(GatewayResponse::may_not_invalidate(), why));
            }
            (Err(_), strategy) => warn = strategy == Unauthorized::Warn,
        }
    }
    Ok(match kept.get(&key, call.request.now_ms) {
        Some(response) => {
            let mut response = (*response).clone();
            if warn {
                add_warning(&mut response);
            }
            Lookup::Hit(response)
        }
        None => Lookup::Miss { key, warn },
    })
}

fn may_invalidate(caching: Caching, call: &MethodCall<'_>, door: &dyn FrontDoor) -> Result<(), String> {
    if !caching.guarded {
        return Ok(());
    }
    let resource = call.method_arn();
    let access = Access {
        action: "execute-api:InvalidateCache",
        caller: call.caller.as_ref(),
        resource: &resource,
        api_account: &call.api.facts.account,
        policy: call.api.policy.as_deref(),
        authorizer: None,
        iam: call.caller.is_some(),
        source_ip: &call.request.source_ip,
    };
    door.authorize(&access).map_err(|refusal| refusal.detail)
}

/// Keeps an answer of an integration. Only successes: that AWS keeps no errors is reasoning.
pub(super) fn keep(
    kept: &Kept<ClientResponse>,
    caching: Caching,
    (key, warn): (String, bool),
    response: &mut ClientResponse,
    now_ms: i64,
) {
    let size: usize =
        response.headers.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() + response.body.len();
    if response.status < 400 && size <= LARGEST {
        let mut copy = response.clone();
        // Of the call, not of the answer.
        copy.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(b"x-amzn-trace-id"));
        kept.put(key, Arc::new(copy), size, now_ms, now_ms + caching.ttl_ms);
    }
    if warn {
        add_warning(response);
    }
}

/// Published by users of AWS.
fn add_warning(response: &mut ClientResponse) {
    let text = b"199 Cache-control headers were ignored because the caller was unauthorized.";
    response.headers.push((Bytes::from_static(b"Warning"), Bytes::from_static(text)));
}
