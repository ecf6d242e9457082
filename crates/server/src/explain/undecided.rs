//! Refusals that come before any decision, or without one: what AWS refuses whatever the policies say.

use std::sync::Arc;

use arn::{AccountId, Arn, nearest};
use doctor::{Finding, Fix, Question, Report, compact, quote, statements};
use policy::{Decision, Policy, PolicyKind, Request, ResourcePolicies};
use serde_json::{Value, json};

use super::simulate;
use crate::decide::Surroundings;
use crate::state::State;
use crate::trace::{Decided, Trace};

/// Adds what is behind such an error of `service:operation`, and what mends it; tells whether this knows it.
pub fn tell(
    state: &State,
    trace: &Trace,
    (service, operation): (&str, &str),
    (code, message): (&str, &str),
    report: &mut Report,
) -> bool {
    match (service, operation, code) {
        ("lambda", _, "AccessDeniedException") if message.is_empty() => {
            other_account(state, trace, operation, report);
        }
        ("sts", "AssumeRole", "AccessDenied") if message.contains("by root accounts") => root(trace, report),
        ("sts", "AssumeRole", "AccessDenied") => match message.rsplit_once("on resource: ") {
            Some((_, role)) => no_role(state, role.trim(), report),
            None => return false,
        },
        ("organizations", _, "AccessDeniedException") => return delegation(state, trace, operation, report),
        _ => return false,
    }
    true
}

/// Lambda says nothing about functions of other accounts that have no policy.
fn other_account(state: &State, trace: &Trace, operation: &str, report: &mut Report) {
    let decoded = percent_encoding::percent_decode_str(&trace.path).decode_utf8_lossy();
    let named = decoded.split('/').find(|part| part.starts_with("arn:")).unwrap_or_default();
    if !lambda::Lambda::across_accounts(operation) {
        let title = "the function belongs to another account, whose callers alone may do this";
        report.findings.push(Finding::new(title).detail(
            "no policy of the function lets other accounts do it (Lambda Developer Guide, \
             access-control-resource-based); assume a role of the function's account instead",
        ));
        let account = named.split(':').nth(4).unwrap_or_default();
        report.fixes.push(Fix::words(format!(
            "assume a role of account {account} that may do it: aws sts assume-role, and call with the session's keys"
        )));
        return;
    }
    let title =
        "the function belongs to another account and has no policy that lets anybody in, or is not there";
    report.findings.push(Finding::new(title));
    let question = Question {
        principal: trace.caller.to_string(),
        action: format!("lambda:{operation}"),
        resource: named.to_owned(),
        ..Question::default()
    };
    let around =
        Surroundings { source_ip: None, user_agent: None, region: "us-east-1", now_ms: trace.started_ms };
    if let Ok(simulated) = simulate(state, &question, &around) {
        report.fixes.extend(simulated.fixes);
    }
}

/// IAM User Guide, id_roles_use: the root user cannot assume roles.
fn root(trace: &Trace, report: &mut Report) {
    let title = "the root user of an account cannot assume roles";
    report
        .findings
        .push(Finding::new(title).detail("a user or a role can: make one, and call with its keys"));
    let account = trace.caller.split(':').nth(4).unwrap_or_default();
    let commands =
        ["create-user", "create-access-key"].map(|made| format!("aws iam {made} --user-name operator"));
    report.fixes.push(Fix::run(account, "call as a user instead", commands.into()));
}

/// AWS does not tell a role that is not there from one that trusts nobody.
fn no_role(state: &State, role: &str, report: &mut Report) {
    let account = Arn::parse(role).ok().and_then(|arn| AccountId::new(&arn.account).ok());
    let names = account.and_then(|account| state.iam.names(&account).ok()).unwrap_or_default();
    let near = nearest(role, names.iter().map(String::as_str).filter(|name| name.contains(":role/")));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    report.findings.push(
        Finding::new(format!("there is no role {role}{hint}"))
            .detail("to whoever asks, a role that does not exist looks like one that trusts somebody else"),
    );
    report.fixes.push(match (near, account) {
        (Some(near), _) => {
            let command =
                format!("aws sts assume-role --role-arn {} --role-session-name session", quote(near));
            Fix::run("", "assume the role that exists", vec![command])
        }
        (None, Some(account)) => {
            let name = role.rsplit('/').next().unwrap_or(role);
            Fix::words(format!(
                "make the role in account {account}: aws iam create-role --role-name {}",
                quote(name)
            ))
        }
        (None, None) => Fix::words("name a role by its ARN: arn:aws:iam::ACCOUNT:role/NAME"),
    });
}

/// A member account asked what its organization keeps to the management account.
fn delegation(state: &State, trace: &Trace, operation: &str, report: &mut Report) -> bool {
    let Some(decided) = trace.events.decisions.last() else { return false };
    let Some(account) = decided.principal.account() else { return false };
    let Ok(Some(membership)) = state.iam.membership(&account) else { return false };
    let management = membership.management.as_str();
    let title = format!("account {account} is a member of an organization that account {management} manages");
    report.findings.push(Finding::new(title).detail(
        "the organization answers its management account, accounts to which a service was delegated, and whom its \
         resource policy lets in",
    ));
    let delegated = delegated(state, decided, &membership.management, operation);
    report.fixes.extend(delegated);
    let command = format!("eval \"$(crossgate env {management})\"");
    let or = if report.fixes.is_empty() { "" } else { "or, " };
    report.fixes.push(Fix::run("", format!("{or}ask as the management account"), vec![command]));
    true
}

/// The organization's resource policy with one statement more, evaluated.
fn delegated(state: &State, decided: &Decided, management: &str, operation: &str) -> Option<Fix> {
    if !iam::can_be_delegated(operation) {
        return None;
    }
    let account = decided.principal.account()?;
    let old = state.iam.delegation_policy(&account).ok()?;
    let mut document: Value = match &old {
        Some(text) => serde_json::from_str(text).ok()?,
        None => json!({"Version": "2012-10-17", "Statement": []}),
    };
    statements(&mut document)?.push(json!({
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")}, "Action": decided.action,
        "Resource": "*",
    }));
    let text = compact(&document);
    let policy = Policy::parse("suggestion", &text, PolicyKind::Resource).ok()?;
    let request = Request { resource_account: AccountId::new(management).ok(), ..decided.request() };
    let resource = ResourcePolicies { policy: Some(Arc::new(policy)), rcp: Vec::new() };
    if !Decision::evaluate_with(&request, &decided.caller, &resource).is_allowed() {
        return None;
    }
    let why = format!("let account {account} do {} in the organization", decided.action);
    let command = format!("aws organizations put-resource-policy --content {}", quote(&text));
    let mut fix = Fix::run(management, why, vec![command]);
    let (kind, name) = ("aws_organizations_resource_policy", "delegation");
    let code = [
        Ok(doctor::code::terraform_document(management, kind, name, "content", &document)),
        Ok(doctor::code::cloudformation(
            management,
            "AWS::Organizations::ResourcePolicy",
            name,
            &[("Content", document)],
        )),
    ];
    let [terraform, cloudformation] = code;
    fix.steps = fix.steps.into_iter().map(|s| s.coded(terraform.clone(), cloudformation.clone())).collect();
    fix.checked = true;
    Some(fix)
}
