//! Who may come in: signatures, policies, keys.

use std::sync::Arc;

use super::authorizer::LambdaAuthorizer;
use super::call::MethodCall;
use super::compile::Auth;
use super::front_door::{Access, AuthError, AuthorizerPolicy, FrontDoor, Refusal};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::key::{Key, Place};
use super::throttle::Limit;
use super::trace::{AuthorizerFacts, GatewayTrace, Why};
use super::{Inner, lambda_authorizer};
use crate::model::Throttle;

/// Lets the call in, and notes who makes it when the method asks.
///
/// The order is that of the guide's "How API Gateway resource policies affect authorization workflow".
///
/// # Errors
/// The gateway response for a call that is not let in.
pub(super) async fn admit(
    inner: &Inner,
    door: &dyn FrontDoor,
    call: &mut MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<(), Box<Failure>> {
    match &call.route.auth {
        Auth::None => {}
        Auth::Iam => {
            call.caller = Some(door.authenticate(call.request).map_err(not_known)?);
            return authorize(door, call, true);
        }
        Auth::Lambda(authorizer) => return ask(inner, door, authorizer, call, journal, trace).await,
        Auth::UserPools(pools) => {
            let (id, name) = (pools.id.clone(), pools.name.clone());
            let facts =
                AuthorizerFacts { id, name, kind: "COGNITO_USER_POOLS", ..AuthorizerFacts::default() };
            trace.authorizer = Some(Box::new(facts));
            call.authorizer = Some(Arc::new(pools.check(door, call, journal)?));
        }
        Auth::Broken(detail) => return Err(lambda_authorizer::failed(journal, detail, None, detail.clone())),
    }
    if call.api.policy.is_some() { authorize(door, call, false) } else { Ok(()) }
}

/// First what the API's policy denies, then the authorizer, then its policy and the API's together.
async fn ask(
    inner: &Inner,
    door: &dyn FrontDoor,
    authorizer: &LambdaAuthorizer,
    call: &mut MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<(), Box<Failure>> {
    let method_arn = call.method_arn();
    let access = access(call, &method_arn, false);
    if call.api.policy.is_some()
        && let Some(refusal) = door.denied_outright(&access)
    {
        return Err(denied(call, refusal));
    }
    let mut facts = Box::new(AuthorizerFacts {
        id: authorizer.id.clone(),
        name: authorizer.name.clone(),
        kind: if authorizer.token { "TOKEN" } else { "REQUEST" },
        ..AuthorizerFacts::default()
    });
    let said =
        lambda_authorizer::ask(&*inner.backend, &inner.authorizers, authorizer, call, journal, &mut facts)
            .await;
    if let Ok((answer, identity)) = &said {
        facts.principal_id.clone_from(&identity.principal_id);
        facts.policy = Some(answer.policy_text.clone());
    }
    trace.authorizer = Some(facts);
    let (answer, identity) = said?;
    let principal_id = identity.principal_id.as_deref().unwrap_or_default();
    let authorizer = Some(AuthorizerPolicy { principal_id, policy: &answer.policy });
    let result = door.authorize(&Access { authorizer, ..access });
    call.authorizer = Some(identity.clone());
    result.map_err(|refusal| {
        let explicit = refusal.explicit_deny;
        Failure::new(
            GatewayResponse::not_let_in(refusal.because.as_deref()),
            Why::AuthorizerDenied { explicit, detail: refusal.detail },
        )
    })
}

fn access<'a>(call: &'a MethodCall<'_>, resource: &'a str, iam: bool) -> Access<'a> {
    Access {
        action: "execute-api:Invoke",
        caller: call.caller.as_ref(),
        resource,
        api_account: &call.api.facts.account,
        policy: call.api.policy.as_deref(),
        authorizer: None,
        iam,
        source_ip: &call.request.source_ip,
    }
}

/// The key that opens a method, when it asks for one. A missing, unknown or disabled key, and one that no usage plan
/// joins with the stage, are answered alike.
pub(super) fn key(inner: &Inner, call: &MethodCall<'_>) -> Result<Option<Arc<Key>>, Box<Failure>> {
    let (api, stage) = (call.api, call.stage);
    if !call.route.api_key {
        return Ok(None);
    }
    let given = match api.key_of_authorizer {
        true => call.authorizer.as_ref().and_then(|identity| identity.usage_key.as_deref()),
        false => call.request.header("x-api-key"),
    };
    let given = given.filter(|k| !k.is_empty() && k.len() <= 128);
    let facts = &api.facts;
    let place = Place { account: &facts.account, region: &facts.region, api: &facts.api_id, stage };
    let found = match given {
        Some(value) => inner.keys.find(&inner.store, &place, value).map_err(|e| {
            let why = Why::Configuration { detail: e.to_string() };
            Failure::new(GatewayResponse::internal(ResponseType::Default5xx, 500), why)
        })?,
        None => None,
    };
    match found {
        Some(key) => Ok(Some(key)),
        None => {
            let why = Why::ApiKey { given: given.is_some() };
            Err(Failure::new(GatewayResponse::invalid_api_key(), why))
        }
    }
}

/// Takes a call from its plan's limits and its method's, in the order of the guide ("Throttle requests to your REST
/// APIs"): the key's for the method, the key's, the stage's for the method; then the plan's quota.
pub(super) fn limits(
    inner: &Inner,
    call: &MethodCall<'_>,
    stage_limit: Option<Limit>,
    journal: &mut Journal,
) -> Result<(), Box<Failure>> {
    let facts = &call.api.facts;
    let now_ms = call.request.now_ms;
    let plan = call.key.as_deref().and_then(|key| Some((key, key.plan.as_ref()?)));
    if plan.is_none() && stage_limit.is_none() {
        return Ok(());
    }
    let method = format!("{}/{}", call.route.facts.resource_path, call.route.facts.configured_method);
    let mut wanted = Vec::with_capacity(3);
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
    for (bucket, limit, what) in wanted {
        if !inner.buckets.take(&bucket, limit, now_ms) {
            let Limit { rate, burst } = limit;
            let detail = format!("the {what} takes {rate} requests a second and {burst} at once");
            return Err(Failure::new(GatewayResponse::throttled(), Why::Throttled { detail }));
        }
    }
    let Some((key, plan)) = plan else { return Ok(()) };
    let count = format!("{}/{}/{}/{}", facts.account, facts.region, plan.id, key.id);
    let counted = inner.usage.count(&count, plan.quota.as_ref(), now_ms);
    match counted {
        Ok(true) => Ok(()),
        Ok(false) => {
            let quota = plan.quota.clone().unwrap_or_default();
            let detail = format!(
                "the usage plan {} ({}) takes {} requests per {} of key {}",
                plan.name, plan.id, quota.limit, quota.period, key.id
            );
            journal.info(|| format!("Quota limit exceeded: {detail}"));
            Err(Failure::new(GatewayResponse::quota_exceeded(), Why::QuotaExceeded { detail }))
        }
        Err(error) => {
            let why = Why::Configuration { detail: error.to_string() };
            Err(Failure::new(GatewayResponse::internal(ResponseType::Default5xx, 500), why))
        }
    }
}

fn not_known(error: AuthError) -> Box<Failure> {
    use ResponseType::{ExpiredToken, InvalidSignature, MissingAuthenticationToken};
    let (response, detail) = match error {
        AuthError::Missing => {
            (GatewayResponse::missing_authentication_token(), "the request is not signed".to_owned())
        }
        AuthError::InvalidToken(detail) => (
            GatewayResponse::signature(
                ResponseType::AccessDenied,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            detail,
        ),
        AuthError::InvalidSignature(text) => {
            (GatewayResponse::signature(InvalidSignature, "InvalidSignatureException", &text), text)
        }
        AuthError::Expired => {
            let text = "The security token included in the request is expired";
            (GatewayResponse::signature(ExpiredToken, "ExpiredTokenException", text), text.to_owned())
        }
        AuthError::Incomplete(text) => {
            let kind = MissingAuthenticationToken;
            (GatewayResponse::signature(kind, "IncompleteSignatureException", &text), text)
        }
    };
    Failure::new(response, Why::AuthFailed { detail })
}

fn authorize(door: &dyn FrontDoor, call: &MethodCall<'_>, iam: bool) -> Result<(), Box<Failure>> {
    let method_arn = call.method_arn();
    door.authorize(&access(call, &method_arn, iam)).map_err(|refusal| denied(call, refusal))
}

fn denied(call: &MethodCall<'_>, refusal: Refusal) -> Box<Failure> {
    // AWS shows the last four digits of the owner only (published by many).
    let masked = format!("********{}", call.api.facts.account.get(8..).unwrap_or_default());
    let sentence = format!(
        "User: {} is not authorized to perform: execute-api:Invoke on resource: {}{}",
        call.caller.as_ref().map_or_else(|| "anonymous".to_owned(), |c| c.principal.arn()),
        call.method_arn_of(&masked),
        refusal.because.map(|because| format!(" {because}")).unwrap_or_default(),
    );
    Failure::new(
        GatewayResponse::access_denied(&sentence),
        Why::NotAuthorized { sentence, detail: refusal.detail },
    )
}
