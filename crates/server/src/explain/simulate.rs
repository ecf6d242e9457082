//! Answers what would be decided, without a request.

use std::sync::Arc;

use arn::{AccountId, Arn, nearest};
use doctor::{Question, Simulation};
use gateway::model::{Snapshot, Stage};
use iam::{Caller, IamPrincipal};
use policy::{Check, Context, Policy, PolicyKind, Principal};
use store::StoreError;

use super::decision;
use crate::decide::{Surroundings, decided};
use crate::state::State;

/// The most condition keys of a question.
const MAX_KEYS: usize = 100;

/// Decides as for a real call that `around` describes.
///
/// # Errors
/// What is wrong with the question, in words: no such principal, a malformed resource, too many keys.
pub fn simulate(state: &State, question: &Question, around: &Surroundings<'_>) -> Result<Simulation, String> {
    let caller = caller(state, &question.principal, around.now_ms)?;
    let (action, resource) = (question.action.as_str(), question.resource.as_str());
    if !policy::is_action(action) {
        return Err(format!(
            "`{action}` is no action: write one as service:Name, as in lambda:InvokeFunction"
        ));
    }
    if question.context.len() > MAX_KEYS {
        return Err(format!("the context has {} keys, the most is {MAX_KEYS}", question.context.len()));
    }
    let arn = match resource {
        "*" => None,
        text => Some(Arn::parse(text).map_err(|_| format!("`{text}` is no resource: write an ARN or *"))?),
    };
    let account = match &question.resource_account {
        Some(text) => {
            Some(AccountId::new(text).map_err(|_| format!("`{text}` is no account: write twelve digits"))?)
        }
        None => arn.as_ref().and_then(|arn| AccountId::new(&arn.account).ok()).or(caller.principal.account()),
    };
    let mut over = Context::new();
    for (key, values) in &question.context {
        if over.get(key).is_some() {
            return Err(format!("`{key}` is given twice: the case of condition keys does not matter"));
        }
        over.set_all(key.clone(), values.clone());
    }
    let broken = |e: &dyn std::fmt::Display| format!("the policies cannot be read: {e}");
    let (resource_policy, context) = match &arn {
        Some(arn) => on_resource(state, arn, &caller, action).map_err(|e| broken(&e))?,
        None => Default::default(),
    };
    let region = arn.as_ref().map(|arn| arn.region.as_str()).filter(|region| !region.is_empty());
    let service = matches!(caller.principal, Principal::Service { .. });
    let around = Surroundings {
        // A service's calls have no address and no agent.
        source_ip: around.source_ip.filter(|_| !service),
        user_agent: around.user_agent.filter(|_| !service),
        region: region.unwrap_or(around.region),
        now_ms: around.now_ms,
    };
    let check = Check {
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: account,
        resource_policy,
        context,
    };
    let decided = decided(&state.iam, &caller, check, &around, &over).map_err(|e| broken(&e))?;
    Ok(Simulation {
        allowed: decided.decision.is_allowed(),
        decision: decision::story(&decided),
        fixes: decision::fixes(state, &decided, None),
    })
}

/// The caller with its id, so that its policies are found.
fn caller(state: &State, text: &str, now_ms: i64) -> Result<Caller, String> {
    let principal = Principal::parse(text).map_err(|e| e.to_string())?;
    let Some(account) = principal.account() else { return Ok(principal.into()) };
    let names = || state.iam.names(&account).unwrap_or_default();
    let missing = |what: &str, arn: &str| {
        let names = names();
        let kind = if what == "role" { ":role/" } else { ":user/" };
        let near = nearest(arn, names.iter().map(String::as_str).filter(|name| name.contains(kind)));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("there is no {what} {arn}{near}")
    };
    let role = |arn: &str, session: &str| {
        let found = state.iam.role_session(arn, session, now_ms).map_err(|e| e.to_string())?;
        found.ok_or_else(|| missing("role", arn))
    };
    match principal {
        Principal::User { arn, .. } => match state.iam.resolve_principal(&arn) {
            Ok(Some(IamPrincipal::Entity { arn, id, account })) => {
                Ok(Principal::User { arn, id, account }.into())
            }
            _ => Err(missing("user", &arn)),
        },
        // A session's ARN does not show the role's path.
        Principal::RoleSession { role_arn, session, .. } if text.contains(":assumed-role/") => {
            let name = role_arn.rsplit('/').next().unwrap_or_default().to_owned();
            let whole = names()
                .into_iter()
                .find(|arn| arn.contains(":role/") && arn.rsplit('/').next() == Some(&name));
            role(whole.as_deref().unwrap_or(&role_arn), &session)
        }
        Principal::RoleSession { role_arn, session, .. } => role(&role_arn, &session),
        Principal::FederatedUser { .. } => Err(format!(
            "`{text}` may do what its own session policy and its user's policies both allow, which only the session \
             knows: simulate the user"
        )),
        other => Ok(other.into()),
    }
}

/// The policy of the resource, and the condition keys that come with it.
fn on_resource(
    state: &State,
    arn: &Arn,
    caller: &Caller,
    action: &str,
) -> Result<(Option<Arc<Policy>>, Context), wire::ApiError> {
    let text = arn.to_string();
    Ok(match arn.service.as_str() {
        "lambda" => {
            // As real calls have it: those of API Gateway carry no tags.
            let tagged = caller.principal.account().is_some();
            let context = if tagged { state.lambda.tag_context(&text)? } else { Context::new() };
            (state.lambda.function_policy(&text)?, context)
        }
        "iam" if action.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("sts:")) => {
            (state.iam.role(&text)?.map(|role| Arc::clone(&role.trust)), Context::new())
        }
        "execute-api" => (api_policy(state, arn), Context::new()),
        _ => Default::default(),
    })
}

/// The resource policy as the stage serves it; as the API has it now where there is no such stage.
fn api_policy(state: &State, arn: &Arn) -> Option<Arc<Policy>> {
    let mut parts = arn.resource.split('/');
    let (api, stage) = (parts.next()?, parts.next().unwrap_or_default());
    let served = state.store.read::<_, StoreError>(|reader| {
        let Some(stage) = reader.get::<Stage>("stages", &format!("{api}/{stage}"))? else { return Ok(None) };
        reader.get::<Snapshot>("snapshots", &format!("{api}/{}", stage.deployment_id))
    });
    let api = match served {
        Ok(Some(snapshot)) => snapshot.api,
        _ => state.api(api)?,
    };
    let text = api.policy.filter(|policy| !policy.trim().is_empty())?;
    Policy::parse("resource policy of the API", &text, PolicyKind::Resource).ok().map(Arc::new)
}
