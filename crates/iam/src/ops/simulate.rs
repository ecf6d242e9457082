//! The policy simulator: what would be allowed, with the statements that decide.

use arn::{AccountId, Arn};
use policy::{
    CallerPolicies, Context, Decision, Effect, Explanation, Layer, LayerVerdict, Policy, PolicyKind,
    Principal, Request, StatementEffect, Why,
};
use serde_json::{Map, Value, json};

use super::{Op, Output};
use crate::documents;
use crate::error::{Fail, invalid_input, no_such_entity, validation};
use crate::model::{Entity, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::object;
use crate::tags::texts;
use crate::{IAM, Iam, collect};

/// Whom a simulation is about: the principal, and the policies that it brings.
struct Subject {
    principal: Principal,
    policies: CallerPolicies,
}

/// The entity behind `PolicySourceArn`: a user, group or role of the caller's account.
fn source(op: &Op<'_>, store: &impl Read) -> Result<Entity, Fail> {
    let arn = op.required("PolicySourceArn");
    let invalid =
        || invalid_input(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."));
    let parsed = Arn::parse(arn).map_err(|_| invalid())?;
    let kind = match parsed.resource.split('/').next() {
        Some("user") => Kind::User,
        Some("group") => Kind::Group,
        Some("role") => Kind::Role,
        _ => return Err(invalid()),
    };
    let name = names::last_segment(arn);
    let found: Option<Entity> = store.one(IAM, &names::entity(op.account(), kind, name))?;
    found.filter(|entity| entity.arn == arn).ok_or_else(|| no_such_entity(kind, name))
}

fn principal_of(entity: &Entity, account: AccountId) -> Principal {
    match entity.kind {
        Kind::Role => Principal::RoleSession {
            role_arn: entity.arn.clone(),
            role_id: entity.id.clone(),
            session: "simulation".to_owned(),
            account,
        },
        // A group is simulated as a user who has its policies and no others.
        Kind::User | Kind::Group => {
            Principal::User { arn: entity.arn.clone(), id: entity.id.clone(), account }
        }
    }
}

/// Compiles the documents of a list member, under names such as `PolicyInputList.1`.
fn inputs(op: &Op<'_>, member: &str, kind: PolicyKind) -> Result<Vec<std::sync::Arc<Policy>>, Fail> {
    let documents = texts(op.call, member);
    let compile = |(i, document): (usize, &String)| {
        documents::validate(document, PolicyKind::Identity)?;
        documents::compile(format!("{member}.{}", i + 1), document, kind).map(std::sync::Arc::new)
    };
    documents.iter().enumerate().map(compile).collect()
}

pub(crate) fn principal_policy(op: &Op<'_>) -> Output {
    let subject = op.iam.read(|store| {
        let entity = source(op, store)?;
        let policies = collect::policies_of(store, op.account(), &entity)?;
        Ok(Subject { principal: principal_of(&entity, *op.account()), policies })
    })?;
    simulate(op, subject)
}

pub(crate) fn custom_policy(op: &Op<'_>) -> Output {
    let arn = op.arn("user", "/", "simulation");
    let principal = Principal::User { arn, id: String::new(), account: *op.account() };
    simulate(op, Subject { principal, policies: CallerPolicies::default() })
}

fn simulate(op: &Op<'_>, mut subject: Subject) -> Output {
    subject.policies.identity.extend(inputs(op, "PolicyInputList", PolicyKind::Identity)?);
    if let Some(boundary) = inputs(op, "PermissionsBoundaryPolicyInputList", PolicyKind::Boundary)?.pop() {
        subject.policies.boundary = Some(boundary);
    }
    if let Some(caller) = op.text("CallerArn") {
        subject.principal =
            Principal::parse(caller).map_err(|_| validation(format!("{caller} is not a valid caller")))?;
    }
    let resource_policy = match op.text("ResourcePolicy") {
        Some(document) => {
            documents::validate(document, PolicyKind::Resource)?;
            Some(documents::compile("ResourcePolicy".to_owned(), document, PolicyKind::Resource)?)
        }
        None => None,
    };
    let context = context(op);
    let owner = op.text("ResourceOwner").and_then(|owner| Principal::parse(owner).ok()?.account());
    let mut resources = texts(op.call, "ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut results = Vec::new();
    for action in texts(op.call, "ActionNames") {
        for resource in &resources {
            let request = Request {
                principal: &subject.principal,
                action: &action,
                resource,
                resource_account: owner,
                context: &context,
            };
            let story = Decision::explain(&request, &subject.policies, resource_policy.as_ref());
            let shown = result(&action, resource, &story, subject.policies.boundary.is_some());
            results.push((format!("{:06}", results.len()), shown));
        }
    }
    page(op.call, "EvaluationResults", results)
}

/// The keys that the call gives, and no others: the simulator adds none.
fn context(op: &Op<'_>) -> Context {
    let mut context = Context::new();
    for entry in op.call.input.get("ContextEntries").and_then(Value::as_array).into_iter().flatten() {
        let Some(key) = entry.get("ContextKeyName").and_then(Value::as_str) else { continue };
        let values = entry.get("ContextKeyValues").and_then(Value::as_array);
        let values = values.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        context.set_all(key, values);
    }
    context
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allowed => "allowed",
        Effect::ImplicitlyDenied => "implicitDeny",
        Effect::ExplicitlyDenied => "explicitDeny",
    }
}

fn result(action: &str, resource: &str, story: &Explanation, bounded: bool) -> Value {
    let decision = word(story.effect);
    let (matched, missing) = (json!(matched(story)), json!(missing(story)));
    let mut specific = object(json!({
        "EvalResourceName": resource,
        "EvalResourceDecision": decision,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
    }));
    let mut shown = object(json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
        "OrganizationsDecisionDetail": { "AllowedByOrganizations": story.denied_by != Some(Layer::Scp) },
    }));
    if bounded {
        let detail = json!({ "AllowedByPermissionsBoundary": story.denied_by != Some(Layer::Boundary) });
        shown.insert("PermissionsBoundaryDecisionDetail".into(), detail.clone());
        specific.insert("PermissionsBoundaryDecisionDetail".into(), detail);
    }
    if resource != "*" {
        shown.insert("ResourceSpecificResults".into(), json!([specific]));
    }
    Value::Object(shown)
}

/// The statements that decided: those that deny, or, when nothing does, those that allow. Positions are those of the
/// statement's first and last character, counted from 1 [AWS's own columns are off by the delimiter before it].
fn matched(story: &Explanation) -> Vec<Value> {
    let wanted = match story.effect {
        Effect::ExplicitlyDenied => StatementEffect::Deny,
        Effect::Allowed => StatementEffect::Allow,
        Effect::ImplicitlyDenied => return Vec::new(),
    };
    let mut found = Vec::new();
    for layer in story.layers.iter().filter(|layer| layer.verdict != LayerVerdict::NotConsulted) {
        for policy in &layer.policies {
            for statement in policy.statements.iter().filter(|s| s.matched && s.effect == wanted) {
                let (start, end) = (statement.span.position(&policy.text), statement.span.end);
                let end = policy::Span::new(end, end).position(&policy.text);
                found.push(json!({
                    "SourcePolicyId": source_id(&policy.name),
                    "SourcePolicyType": if layer.layer == Layer::Resource { "Resource Policy" } else { "IAM Policy" },
                    "StartPosition": { "Line": start.line, "Column": start.column },
                    "EndPosition": { "Line": end.line, "Column": end.column },
                }));
            }
        }
    }
    found
}

/// A managed policy goes by its name, an inline one by `role_NAME_POLICY`, an input by its place.
fn source_id(name: &str) -> String {
    let mut parts = name.split('"');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("inline policy "), Some(policy), Some(of), Some(entity)) => {
            format!("{}_{entity}_{policy}", of.trim().trim_start_matches("of "))
        }
        _ => names::last_segment(name).to_owned(),
    }
}

/// Condition keys and variables that policies ask for and the call does not give.
fn missing(story: &Explanation) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let statements =
        story.layers.iter().flat_map(|layer| &layer.policies).flat_map(|policy| &policy.statements);
    for element in statements.flat_map(|statement| &statement.elements) {
        if let Why::MissingKey { key, .. } | Why::Unresolved { variable: key } = &element.why
            && !keys.iter().any(|there| there.eq_ignore_ascii_case(key))
        {
            keys.push(key.clone());
        }
    }
    keys.sort_unstable();
    keys
}

pub(crate) fn keys_of_principal(op: &Op<'_>) -> Output {
    let policies = op.iam.read(|store| {
        let entity = source(op, store)?;
        collect::policies_of(store, op.account(), &entity)
    })?;
    let own = policies.identity.iter().map(|policy| policy.text.to_string());
    context_keys(own.chain(texts(op.call, "PolicyInputList")))
}

pub(crate) fn keys_of_custom(op: &Op<'_>) -> Output {
    let documents = texts(op.call, "PolicyInputList");
    documents.iter().try_for_each(|document| documents::validate(document, PolicyKind::Identity))?;
    context_keys(documents)
}

fn context_keys(documents: impl IntoIterator<Item = String>) -> Output {
    let mut keys = Vec::new();
    for document in documents {
        if let Ok(document) = serde_json::from_str::<Value>(&document) {
            let statements = document.get("Statement").cloned().unwrap_or_default();
            for statement in as_list(statements) {
                let conditions = statement.get("Condition").and_then(Value::as_object);
                for tests in conditions.into_iter().flat_map(Map::values).filter_map(Value::as_object) {
                    keys.extend(tests.keys().cloned());
                }
                variables(&statement, &mut keys);
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(object(json!({ "ContextKeyNames": keys })))
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        other => vec![other],
    }
}

/// Names of `${…}` anywhere in a statement.
fn variables(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for part in text.split("${").skip(1) {
                let name = part.split(['}', ',']).next().unwrap_or_default().trim();
                if name.contains(':') {
                    into.push(name.to_owned());
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| variables(value, into)),
        Value::Object(map) => map.values().for_each(|value| variables(value, into)),
        _ => {}
    }
}

impl Iam {
    /// Whether a session may use IAM's API: those of GetSessionToken and GetFederationToken may not without MFA
    /// (API Reference of both: "You cannot call any IAM API operations"). AWS answers as for an unknown key.
    pub(crate) fn refuse_token_sessions(caller: &crate::Caller) -> Result<(), Fail> {
        use crate::caller::SessionKind::{Federation, SessionToken};
        match &caller.session {
            Some(session) if matches!(session.kind, SessionToken | Federation) && !session.mfa => {
                Err(Fail(wire::ApiError::new(
                    "InvalidClientTokenId",
                    403,
                    "The security token included in the request is invalid",
                )))
            }
            _ => Ok(()),
        }
    }
}
