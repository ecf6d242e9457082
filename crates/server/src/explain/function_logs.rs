//! Whether AWS would have kept what a function printed. Here it is kept whatever the execution role allows; on AWS a
//! function whose role may not write its logs runs and leaves none (Lambda Developer Guide, "Sending Lambda function logs
//! to CloudWatch Logs": the role needs `logs:CreateLogGroup`, `logs:CreateLogStream` and `logs:PutLogEvents`).

use arn::{AccountId, Arn};
use doctor::{Fix, Report, quote};
use lambda::execution::FunctionSpec;
use policy::{Check, Context, Effect, Layer};

use super::decision;
use crate::decide::{Surroundings, decided};
use crate::roles::function_session;
use crate::state::State;
use crate::trace::{Decided, Journey, Trace};

/// What is asked for each log stream. The group exists on AWS since its first stream, so that CreateLogGroup is not asked
/// here: a role without it logs into a group that somebody else made.
const ACTIONS: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
/// What AWS's console attaches.
const BASIC: &str = "policy/service-role/AWSLambdaBasicExecutionRole";

/// Says of a request that ran a function that AWS would have kept no log, where that is so, and what mends it. Decided
/// about the role as it is now.
pub fn tell(state: &State, trace: &Trace, report: &mut Report) {
    let Some(arn) = function(trace) else { return };
    let Ok(Some(view)) = state.lambda.lookup(arn) else { return };
    let Some(denied) = denied(state, &view.spec, trace.started_ms) else { return };
    report.steps.push(format!(
        "on AWS this would leave no log: the execution role {} is not allowed {} on {}. Here logs are kept all the same",
        view.spec.role, denied.action, denied.resource
    ));
    report.fixes.extend(fixes(state, &view.spec, &denied));
}

/// The function that ran: the last that somebody was allowed to invoke.
fn function(trace: &Trace) -> Option<&str> {
    if let Journey::Event(event) = &trace.journey {
        return Some(&event.function_arn);
    }
    // Lambda's API answers a dry run with 204; an API's 204 is its function's own.
    let dry_run = trace.status == 204 && matches!(trace.journey, Journey::Aws { .. });
    if trace.denied().is_some() || dry_run {
        return None;
    }
    let invocations = ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"];
    let mut decisions = trace.events.decisions.iter().rev();
    decisions.find(|decided| invocations.contains(&decided.action.as_str())).map(|d| d.resource.as_str())
}

/// The first of what the role may not do.
fn denied(state: &State, spec: &FunctionSpec, now_ms: i64) -> Option<Decided> {
    let owner = AccountId::new(&spec.account).ok()?;
    let role = function_session(&state.iam, (&spec.role, Some(owner)), &spec.name, now_ms).ok().flatten()?;
    let around = Surroundings { source_ip: None, user_agent: None, region: &spec.region, now_ms };
    // One that every function's streams begin like.
    let day = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().strftime("%Y/%m/%d");
    let stream = format!("{day}/[{}]", spec.version);
    let resource = logs::stream_arn(owner, &spec.region, &spec.log_group, &stream);
    let ask = |action: &str| {
        let check = Check {
            action: action.to_owned(),
            resource: resource.clone(),
            resource_account: Some(owner),
            resource_policy: None,
            context: Context::new(),
        };
        decided(&state.iam, &role, check, &around, &Context::new()).ok()
    };
    ACTIONS.into_iter().filter_map(ask).find(|decided| !decided.decision.is_allowed())
}

/// AWS's own policy where nothing but a grant is missing; else what the decision itself takes.
fn fixes(state: &State, spec: &FunctionSpec, denied: &Decided) -> Vec<Fix> {
    let why = (denied.decision.effect, denied.decision.denied_by);
    let name = spec.role.rsplit('/').next().unwrap_or_default();
    if why != (Effect::ImplicitlyDenied, Some(Layer::Identity)) {
        return decision::fixes(state, denied, None);
    }
    let policy = format!("arn:{}:iam::aws:{BASIC}", Arn::partition_of(&spec.region));
    let attach =
        format!("aws iam attach-role-policy --role-name {} --policy-arn {}", quote(name), quote(&policy));
    vec![Fix::run(&spec.account, "let the function write its log on AWS", vec![attach])]
}
