//! Condition keys that the caller, or the tags, have to bring: the policy is right and the request is not.

use policy::{ElementStory, Request, StatementEffect, StatementRef, Why};

use super::change::{Holder, last};
use super::{Fix, Refusal, Setup, Step, layers, plan};
use crate::quote;

/// Ways to bring what the nearest statement asks for. Tells besides whether that is the whole answer: a caller who
/// leaves out an external id is not to be let in without it.
pub(crate) fn fixes(refusal: &Refusal<'_>, setup: &Setup) -> (Vec<Fix>, bool) {
    let story = setup.explain(&refusal.request);
    let mut best: Option<(Fix, bool)> = None;
    for (l, layer) in story.layers.iter().enumerate() {
        for (p, policy) in layer.policies.iter().enumerate() {
            for s in 0..policy.statements.len() {
                let at = StatementRef { layer: l, policy: p, statement: s };
                let found =
                    story.statement(at).filter(|(_, s)| s.effect == StatementEffect::Allow && !s.matched);
                let Some((_, statement)) = found else { continue };
                let failed: Vec<&ElementStory> = statement.elements.iter().filter(|e| !e.matched).collect();
                let title = format!("{} of {}", statement.title(), policy.name);
                if best.is_none() {
                    best = bring(refusal, setup, &failed, &title);
                }
            }
        }
    }
    best.map_or((Vec::new(), false), |(fix, whole)| (vec![fix], whole))
}

fn bring(refusal: &Refusal<'_>, setup: &Setup, failed: &[&ElementStory], title: &str) -> Option<(Fix, bool)> {
    let mut context = refusal.request.context.clone();
    let mut steps = Vec::new();
    let mut whole = true;
    for element in failed {
        let mut words = element.element.split(' ');
        let (Some("Condition"), Some(operator), Some(key)) = (words.next(), words.next(), words.next())
        else {
            return None;
        };
        let value = wanted(operator, element)?;
        let (step, only_way) = how(refusal, key, &value)?;
        whole &= only_way;
        context.set(key, value.as_str());
        steps.push(step);
    }
    let what: Vec<&str> = steps.iter().map(|step| step.does.as_str()).collect();
    let why = format!("{title} asks for it: {}", what.join(", "));
    let request = Request { context: &context, ..refusal.request.clone() };
    if setup.allows(&request) {
        return Some((Fix { why, steps, checked: true, notes: Vec::new() }, whole));
    }
    // Something else is missing too. Only what has no other way is worth pursuing.
    let also = Refusal { request, caller: refusal.caller, resource: refusal.resource.clone(), ..*refusal };
    let more = whole.then(|| plan::make(&also, setup).ok()).flatten()?;
    // Granting it all anew would make the condition pointless.
    if more.steps.iter().any(|step| step.commands.iter().any(|c| c.contains("update-assume-role-policy"))) {
        return None;
    }
    steps.extend(more.steps);
    Some((Fix { why, steps, ..more }, true))
}

/// A value that the condition takes, as far as it names one; operators that name none give `None`.
fn wanted(operator: &str, element: &ElementStory) -> Option<String> {
    let base = operator.rsplit(':').next()?.trim_end_matches("IfExists");
    if !["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"].contains(&base) {
        return None;
    }
    let value = match &element.why {
        Why::WrongValue { expected, .. } | Why::MissingKey { expected, .. } => expected.first()?.clone(),
        _ => return None,
    };
    (!value.contains(['*', '?', '$'])).then_some(value)
}

/// How `key` gets `value`, and whether that is the only sensible way.
fn how(refusal: &Refusal<'_>, key: &str, value: &str) -> Option<(Step, bool)> {
    let Request { principal, resource, resource_account, .. } = refusal.request;
    let lower = key.to_ascii_lowercase();
    let caller = principal.account().map(|a| a.to_string()).unwrap_or_default();
    let assume = |option: &str| {
        let name = if option == "role-session-name" { value } else { "session" };
        let mut command =
            format!("aws sts assume-role --role-arn {} --role-session-name {}", quote(resource), quote(name));
        if option != "role-session-name" {
            command += &format!(" --{option} {}", quote(value));
        }
        let does = format!("assume the role with --{option} {}", quote(value));
        (Step { account: caller.clone(), does, commands: vec![command], ..Step::default() }, true)
    };
    let tag = |name: &str| format!("Key={},Value={}", quote(name), quote(value));
    match lower.as_str() {
        "sts:externalid" => Some(assume("external-id")),
        "sts:rolesessionname" => Some(assume("role-session-name")),
        "sts:sourceidentity" => Some(assume("source-identity")),
        _ => {
            let (kind, name) = key.split_once('/')?;
            match kind.to_ascii_lowercase().as_str() {
                "aws:principaltag" => {
                    let (holder, arn) = layers::holder(principal)?;
                    let word = holder.word();
                    let command =
                        format!("aws iam tag-{word} --{word}-name {} --tags {}", quote(last(arn)), tag(name));
                    let does = format!("the {word} {} gets the tag {name} = {value}", last(arn));
                    debug_assert!(holder != Holder::Group);
                    Some((Step { account: caller, does, commands: vec![command], ..Step::default() }, false))
                }
                "aws:resourcetag" if resource.contains(":lambda:") => {
                    let account = resource_account.map(|a| a.to_string()).unwrap_or_default();
                    let region = resource.split(':').nth(3)?;
                    // Tags belong to the function, not to a version or alias.
                    let function: Vec<&str> = resource.split(':').take(7).collect();
                    let command = format!(
                        "aws lambda tag-resource --region {region} --resource {} --tags {}",
                        quote(&function.join(":")),
                        quote(&format!("{name}={value}"))
                    );
                    let does = format!("the function gets the tag {name} = {value}");
                    Some((Step { account, does, commands: vec![command], ..Step::default() }, false))
                }
                "aws:requesttag" => {
                    let does = format!("send the tag {name} = {value} with the request");
                    Some((Step { account: caller, does, ..Step::default() }, true))
                }
                _ => None,
            }
        }
    }
}
