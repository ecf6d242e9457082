//! An existing statement that nearly matches: it may have been meant for this request, and is edited then.

use policy::{ElementStory, LayerVerdict, PolicyStory, Principal, StatementEffect, StatementStory};
use policy::{Explanation, Layer};
use serde_json::{Map, Value, json};

use super::change::{Change, Form, Permission, Place};
use super::document::statements;
use super::{Fix, Refusal, Setup, Way, bring, deny, plan, request};

/// The way that edits what is there, where it differs from `grant`. Where the nearest statement cannot be edited to
/// let the request through, it is named in `grant`'s notes, unless it is `named` by another fix.
pub(crate) fn fix(refusal: &Refusal<'_>, setup: &Setup, grant: &mut Fix, named: bool) -> Option<Fix> {
    let edited = plan::make(refusal, setup, Way::Edit).ok().filter(|edited| edited.steps != grant.steps);
    let Some(mut edited) = edited else {
        grant.notes.extend(note(refusal, setup).filter(|_| !named));
        return None;
    };
    edited.why = match edited.steps.as_slice() {
        [one] => format!("or, {}", one.does),
        _ => format!("or, with what is there edited: {}", edited.why),
    };
    Some(edited)
}

/// The one element in which an Allow statement fails. To name one principal or action more is what a grant does.
fn only_failure(statement: &StatementStory) -> Option<&ElementStory> {
    let mut failed = statement.elements.iter().filter(|e| !e.matched);
    let (Some(one), None) = (failed.next(), failed.next()) else { return None };
    let by_grant = ["Principal", "NotPrincipal", "Action", "NotAction"].contains(&one.element.as_str());
    (statement.effect == StatementEffect::Allow && !by_grant).then_some(one)
}

/// A sentence about the nearest Allow statement, if it fails in one element.
fn note(refusal: &Refusal<'_>, setup: &Setup) -> Option<String> {
    let story = setup.explain(&refusal.request);
    let found = story.nearest?;
    let layer = story.layers.get(found.layer)?;
    let (policy, statement) = story.statement(found)?;
    let one = only_failure(statement).filter(|_| layer.verdict == LayerVerdict::NoAllow)?;
    Some(format!("{} of {} fails in one element only, its {}", statement.title(), policy.name, one.element))
}

/// The edit of a statement that makes `layer` allow the request.
pub(crate) fn edit(refusal: &Refusal<'_>, now: &Setup, layer: Layer) -> Option<Change> {
    let story = now.explain(&refusal.request);
    candidates(&story, layer).into_iter().find_map(|(policy, statement, failed)| {
        let change = edited(refusal, now, layer, (policy, statement, failed))?;
        let mut then = now.clone();
        change.apply(Form::Commands, &mut then)?;
        (then.decide(&refusal.request).denied_by != Some(layer)).then_some(change)
    })
}

fn candidates(story: &Explanation, layer: Layer) -> Vec<(&PolicyStory, &StatementStory, &ElementStory)> {
    let layers = story.layers.iter().filter(|l| l.layer == layer && l.verdict == LayerVerdict::NoAllow);
    let policies = layers.flat_map(|layer| &layer.policies);
    let statements = policies.flat_map(|policy| policy.statements.iter().map(move |s| (policy, s)));
    statements.filter_map(|(policy, s)| Some((policy, s, only_failure(s)?))).collect()
}

fn edited(
    refusal: &Refusal<'_>,
    now: &Setup,
    layer: Layer,
    (policy, statement, failed): (&PolicyStory, &StatementStory, &ElementStory),
) -> Option<Change> {
    let of_function = layer == Layer::Resource && refusal.request.resource.contains(":lambda:");
    let mut document: Value = serde_json::from_str(&policy.text).ok()?;
    let members = statements(&mut document)?.get_mut(statement.index)?.as_object_mut()?;
    let how = widened(members, failed, refusal, of_function)?;
    let does = format!("{} of {} {how}", statement.title(), policy.name);
    if of_function {
        let permission = permission(members)?;
        let account = refusal.request.resource_account?.to_string();
        let notes = vec!["whoever the statement let in before has to meet what it says now".to_owned()];
        return Some(Change { account, does, place: Place::Permission(permission), notes });
    }
    deny::edit(refusal, now, layer, &policy.name, document, does)
}

/// Changes the element so that it takes this request; says what it does then.
fn widened(
    members: &mut Map<String, Value>,
    failed: &ElementStory,
    refusal: &Refusal<'_>,
    single: bool,
) -> Option<String> {
    let resource = refusal.request.resource;
    let mut words = failed.element.split(' ');
    match (words.next()?, words.next(), words.next()) {
        ("Resource", ..) if !single => {
            let more = deny::added(members.get("Resource")?, resource);
            members.insert("Resource".into(), more);
            Some(format!("also covers {resource}"))
        }
        ("NotResource", ..) => {
            let less = deny::taken(members.get("NotResource")?, resource)?;
            members.insert("NotResource".into(), less);
            Some(format!("no longer leaves out {resource}"))
        }
        ("Condition", Some(operator), Some(key)) => condition(members, operator, key, refusal, single),
        _ => None,
    }
}

fn condition(
    members: &mut Map<String, Value>,
    operator: &str,
    key: &str,
    refusal: &Refusal<'_>,
    single: bool,
) -> Option<String> {
    const POSITIVE: [&str; 6] =
        ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"];
    // What the caller can bring is not to be given up.
    if bring::can(key) || !POSITIVE.contains(&request::base(operator)) {
        return None;
    }
    let anyone = members.get("Principal").is_some_and(|principal| principal.to_string().contains("\"*\""));
    let conditions = members.get_mut("Condition")?.as_object_mut()?;
    let keys = conditions.get_mut(operator)?.as_object_mut()?;
    let written = keys.keys().find(|written| written.eq_ignore_ascii_case(key))?.clone();
    let how = match refusal.request.context.get(key) {
        Some([value]) if single => {
            keys.insert(written, json!(value));
            format!("asks for {key} {value}")
        }
        Some([value]) => {
            let more = deny::added(keys.get(&written)?, value);
            keys.insert(written, more);
            format!("also takes {key} {value}")
        }
        // Only a service's own calls have a source; without it, the principal must be the limit.
        None if key.to_ascii_lowercase().starts_with("aws:source")
            && !key.eq_ignore_ascii_case("aws:SourceIp")
            && !matches!(refusal.request.principal, Principal::Service { .. })
            && !anyone =>
        {
            keys.remove(&written);
            if keys.is_empty() {
                conditions.remove(operator);
            }
            if conditions.is_empty() {
                members.remove("Condition");
            }
            format!("no longer asks for {key}")
        }
        _ => return None,
    };
    Some(how)
}

/// What `add-permission` takes for this statement; `None` for what it cannot say.
fn permission(statement: &Map<String, Value>) -> Option<Permission> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let arn = text(statement.get("Resource"))?;
    let parts: Vec<&str> = arn.split(':').collect();
    let principal = match statement.get("Principal")? {
        Value::Object(principal) => {
            let named = principal.values().next()?.as_str()?;
            // An account is kept as its root's ARN.
            let account = named.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next());
            account.unwrap_or(named).to_owned()
        }
        anyone => anyone.as_str()?.to_owned(),
    };
    let condition = |operator: &str, key: &str| text(statement.get("Condition")?.get(operator)?.get(key));
    let permission = Permission {
        partition: (*parts.get(1)?).to_owned(),
        region: (*parts.get(3)?).to_owned(),
        account: (*parts.get(4)?).to_owned(),
        function: (*parts.get(6)?).to_owned(),
        qualifier: parts.get(7).map(|qualifier| (*qualifier).to_owned()),
        sid: text(statement.get("Sid"))?,
        action: text(statement.get("Action"))?,
        principal,
        source_arn: condition("ArnLike", "AWS:SourceArn"),
        source_account: condition("StringEquals", "AWS:SourceAccount"),
        url_auth: condition("StringEquals", "lambda:FunctionUrlAuthType"),
        via_url: condition("Bool", "lambda:InvokedViaFunctionUrl").is_some(),
        replaces: true,
    };
    (permission.statement() == Value::Object(statement.clone())).then_some(permission)
}
