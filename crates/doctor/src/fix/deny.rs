//! An explicit deny: the Deny that matched is narrowed by as little as lets this request through.

use policy::{Explanation, Layer, StatementEffect};
use serde_json::{Map, Value, json};

use super::change::{Change, Form, Place};
use super::document::statements;
use super::home::{self, Home};
use super::{Refusal, Setup, layers};

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
    let candidates = narrowed(&policy.text, statement.index, refusal)?;
    let title = statement.title();
    candidates.into_iter().find_map(|(document, how)| {
        let does = format!("{title} of {} {how}", policy.name);
        let change = edit(refusal, now, layer.layer, &policy.name, document, does)?;
        let mut then = now.clone();
        change.apply(Form::Commands, &mut then)?;
        (denies(&then.explain(&refusal.request)) < before).then_some(change)
    })
}

/// How many Deny statements match.
fn denies(story: &Explanation) -> usize {
    let policies = story.layers.iter().flat_map(|layer| &layer.policies);
    let statements = policies.flat_map(|policy| &policy.statements);
    statements.filter(|s| s.matched && s.effect == StatementEffect::Deny).count()
}

/// The document with the statement changed, the narrowest change first, and what the change is.
fn narrowed(text: &str, index: usize, refusal: &Refusal<'_>) -> Option<Vec<(Value, String)>> {
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
    if let (Some((_, arn)), true) = (layers::holder(refusal.request.principal), old.contains_key("Principal"))
    {
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
    }
    Some(found)
}

fn added(listed: &Value, more: &str) -> Value {
    let mut items = listed.as_array().cloned().unwrap_or_else(|| vec![listed.clone()]);
    items.push(json!(more));
    items.into()
}

/// The list without `item`; `None` where it is not listed as such, or stands alone.
fn taken(listed: &Value, item: &str) -> Option<Value> {
    let items = listed.as_array()?;
    let left: Vec<_> =
        items.iter().filter(|i| !i.as_str().is_some_and(|i| i.eq_ignore_ascii_case(item))).cloned().collect();
    (!left.is_empty() && left.len() < items.len()).then(|| left.into())
}

fn edit(
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
            let mut change = layers::session_with(refusal, now, document)?;
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
