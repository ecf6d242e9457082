//! An explicit deny: the Deny that matched is narrowed by as little as lets this request through.

use policy::{Explanation, Layer, StatementEffect};
use serde_json::{Map, Value, json};

use super::change::{Change, Form, Holder, Kept, Place, last};
use super::document::statements;
use super::home::{self, Home};
use super::{Refusal, Setup, bring, layers};

/// The edit of the policy that holds the Deny; `None` where nobody in the accounts involved can make it.
pub(crate) fn lift(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let story = now.explain(&refusal.request);
    let found = story.nearest?;
    let layer = story.layers.get(found.layer)?;
    let (policy, statement) = story.statement(found)?;
    if statement.effect != StatementEffect::Deny || !statement.matched {
        return None;
    }
    let before = denies(&story);
    let title = statement.title();
    let helps = |change: &Change| {
        let mut then = now.clone();
        change.apply(Form::Commands, &mut then).is_some() && denies(&then.explain(&refusal.request)) < before
    };
    // A session takes managed policies as they are, or not.
    if layer.layer == Layer::Session && policy.name != "session policy" {
        let arn = policy.name.split(' ').next()?;
        let own = layers::own_session_policy(now).and_then(|own| serde_json::from_str(&own.text).ok());
        let change = layers::session_with(refusal, now, own, &[arn])?;
        let does = format!("get another session, without {arn}, in which {title} matches");
        return Some(Change { does, ..change }).filter(helps);
    }
    let shared =
        matches!(home::of(&policy.name), Some(Home::Managed(_) | Home::Inline { holder: Holder::Group, .. }));
    let candidates = narrowed(&policy.text, statement.index, refusal, shared)?;
    let narrowed = candidates.into_iter().find_map(|(document, how)| {
        let does = format!("{title} of {} {how}", policy.name);
        edit(refusal, now, layer.layer, &policy.name, document, does).filter(helps)
    });
    narrowed.or_else(|| gone(refusal, layer.layer, &policy.name, &title).filter(helps))
}

/// The policy as a whole taken away, where nothing of it can be changed or would be left.
fn gone(refusal: &Refusal<'_>, layer: Layer, name: &str, title: &str) -> Option<Change> {
    if layer != Layer::Identity {
        return None;
    }
    let principal = refusal.request.principal;
    let (kept, notes) = match home::of(name)? {
        Home::Inline { holder, name, policy } => {
            (Kept::Inline { holder, name: name.to_owned(), policy: policy.to_owned() }, Vec::new())
        }
        Home::Managed(arn) | Home::Aws(arn) => {
            let (holder, of) = layers::holder(principal)?;
            let group = "where the user has the policy by a group: aws iam detach-group-policy";
            let notes = (holder == Holder::User).then(|| group.to_owned()).into_iter().collect();
            (Kept::Attached { holder, name: last(of).to_owned(), arn: arn.to_owned() }, notes)
        }
    };
    Some(Change {
        account: principal.account()?.to_string(),
        does: format!("take away {name}, in which {title} matches"),
        place: Place::Gone { shown: name.to_owned(), kept },
        notes,
    })
}

/// How many Deny statements match.
fn denies(story: &Explanation) -> usize {
    let policies = story.layers.iter().flat_map(|layer| &layer.policies);
    let statements = policies.flat_map(|policy| &policy.statements);
    statements.filter(|s| s.matched && s.effect == StatementEffect::Deny).count()
}

/// The document with the statement changed, the narrowest change first, and what the change is.
fn narrowed(text: &str, index: usize, refusal: &Refusal<'_>, shared: bool) -> Option<Vec<(Value, String)>> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    let old = statements(&mut document)?.get(index)?.as_object()?.clone();
    let (action, resource) = (refusal.request.action, refusal.request.resource);
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Map<String, Value>), how: String| {
        let mut document = document.clone();
        if let Some(Value::Object(members)) = statements(&mut document).and_then(|s| s.get_mut(index)) {
            change(members);
            found.push((document, how));
        }
    };
    for (operator, key, value, more) in spared(&old, refusal) {
        let spare = |s: &mut Map<String, Value>| {
            let keys =
                s.get_mut("Condition").and_then(|c| c.get_mut(&operator)).and_then(Value::as_object_mut);
            if let Some(keys) = keys {
                keys.insert(key.clone(), more.clone());
            }
        };
        with(&spare, format!("also spares {key} {value}"));
    }
    if let Some(listed) = old.get("NotResource") {
        let more = added(listed, resource);
        with(&|s| drop(s.insert("NotResource".into(), more.clone())), format!("also spares {resource}"));
    }
    if let Some(less) = old.get("Resource").and_then(|listed| taken(listed, resource)) {
        with(&|s| drop(s.insert("Resource".into(), less.clone())), format!("no longer lists {resource}"));
    }
    if resource != "*" && old.get("Resource").is_some_and(|r| r == "*" || *r == json!(["*"])) {
        let spare = |s: &mut Map<String, Value>| {
            s.remove("Resource");
            s.insert("NotResource".into(), json!(resource));
        };
        with(&spare, format!("covers everything but {resource}"));
    }
    if let Some(listed) = old.get("NotAction") {
        let more = added(listed, action);
        with(&|s| drop(s.insert("NotAction".into(), more.clone())), format!("also spares {action}"));
    }
    if let Some(less) = old.get("Action").and_then(|listed| taken(listed, action)) {
        with(&|s| drop(s.insert("Action".into(), less.clone())), format!("no longer lists {action}"));
    }
    let many = shared || old.contains_key("Principal");
    if let (Some((_, arn)), true) = (layers::holder(refusal.request.principal), many) {
        let mut condition = old.get("Condition").cloned().unwrap_or_else(|| json!({}));
        if let Some(operators) = condition.as_object_mut().filter(|c| !c.contains_key("ArnNotEquals")) {
            operators.insert("ArnNotEquals".into(), json!({"aws:PrincipalArn": arn}));
            with(
                &|s| drop(s.insert("Condition".into(), condition.clone())),
                format!("spares {}", refusal.request.principal.words()),
            );
        }
    }
    let mut without = document.clone();
    statements(&mut without)?.remove(index);
    // A policy without statements is none: AWS refuses it.
    if !statements(&mut without)?.is_empty() {
        found.push((without, "is taken out".to_owned()));
    } else if old.contains_key("Principal") {
        statements(&mut without)?.push(layers::entry(&refusal.request));
        let who = refusal.request.principal.words();
        found.push((without, format!("becomes an Allow for {who}")));
    }
    Some(found)
}

/// Negated conditions that would not hold with the request's value listed: operator, key, value, and the new list.
fn spared(old: &Map<String, Value>, refusal: &Refusal<'_>) -> Vec<(String, String, String, Value)> {
    const NEGATED: [&str; 6] = [
        "StringNotEquals",
        "StringNotEqualsIgnoreCase",
        "StringNotLike",
        "ArnNotEquals",
        "ArnNotLike",
        "NotIpAddress",
    ];
    let mut found = Vec::new();
    for (operator, keys) in old.get("Condition").and_then(Value::as_object).into_iter().flatten() {
        if !NEGATED.contains(&operator.trim_end_matches("IfExists")) {
            continue;
        }
        for (key, listed) in keys.as_object().into_iter().flatten() {
            // What the caller can bring is not to be given up.
            if let (false, Some([value])) = (bring::can(key), refusal.request.context.get(key)) {
                found.push((operator.clone(), key.clone(), value.clone(), added(listed, value)));
            }
        }
    }
    found
}

pub(crate) fn added(listed: &Value, more: &str) -> Value {
    let mut items = listed.as_array().cloned().unwrap_or_else(|| vec![listed.clone()]);
    items.push(json!(more));
    items.into()
}

/// The list without `item`; `None` where it is not listed as such, or stands alone.
pub(crate) fn taken(listed: &Value, item: &str) -> Option<Value> {
    let items = listed.as_array()?;
    let left: Vec<_> =
        items.iter().filter(|i| !i.as_str().is_some_and(|i| i.eq_ignore_ascii_case(item))).cloned().collect();
    (!left.is_empty() && left.len() < items.len()).then(|| left.into())
}

/// The change that makes the policy `name` of `layer` say `document`.
pub(crate) fn edit(
    refusal: &Refusal<'_>,
    now: &Setup,
    layer: Layer,
    name: &str,
    document: Value,
    does: String,
) -> Option<Change> {
    let principal = refusal.request.principal;
    match layer {
        Layer::Identity | Layer::Boundary => {
            let account = principal.account()?.to_string();
            let (place, notes) = match home::of(name)? {
                Home::Inline { holder, name, policy } => {
                    let (name, policy) = (name.to_owned(), policy.to_owned());
                    (Place::Inline { holder, name, policy, document }, Vec::new())
                }
                Home::Managed(arn) => {
                    (Place::Managed { arn: arn.to_owned(), document }, vec![layers::everyone(arn)])
                }
                Home::Aws(_) => return None,
            };
            Some(Change { account, does, place, notes })
        }
        Layer::Session if name == "session policy" => {
            let mut change = layers::session_with(refusal, now, Some(document), &[])?;
            change.does = format!("get another session: {does}");
            Some(change)
        }
        Layer::Trust => layers::trust_with(refusal.request.resource, document, does),
        Layer::Resource if refusal.request.resource.contains(":execute-api:") => {
            layers::api_with(refusal.request.resource, document, does)
        }
        // `add-permission` makes no Deny, and nobody of the accounts changes an organization's policies.
        Layer::Session | Layer::Resource | Layer::Scp | Layer::Rcp => None,
    }
}
