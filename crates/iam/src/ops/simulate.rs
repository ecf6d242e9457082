//! The policy simulator: what would be allowed, with the statements that decide.

use arn::{AccountId, Arn};
use policy::{
    CallerPolicies, Context, Decision, Effect, Explanation, Layer, LayerStory, LayerVerdict, Policy,
    PolicyKind, Principal, Request, Side, StatementEffect, Why,
};
use serde_json::{Value, json};

use super::{Op, Output, last_accessed};
use crate::collect;
use crate::documents;
use crate::error::{Fail, invalid_input};
use crate::model::{Entity, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::object;
use crate::tags::texts;

/// Whom a simulation is about: the principal, and the policies that it brings.
struct Subject {
    principal: Principal,
    policies: CallerPolicies,
    /// `PolicySourceArn` is a user's.
    is_user: bool,
}

fn account_of(resource: &str) -> Option<AccountId> {
    AccountId::new(&Arn::parse(resource).ok()?.account).ok()
}

/// The entity behind `PolicySourceArn`: a user, group or role of the caller's account.
pub(super) fn source(op: &Op<'_>, store: &impl Read) -> Result<Entity, Fail> {
    last_accessed::entity_of(op, store, op.required("PolicySourceArn"))
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
        documents::validate_input(document, PolicyKind::Identity)?;
        documents::compile(format!("{member}.{}", i + 1), document, kind).map(std::sync::Arc::new)
    };
    documents.iter().enumerate().map(compile).collect()
}

pub(crate) fn principal_policy(op: &Op<'_>) -> Output {
    let mut subject = op.iam.read(|store| {
        let entity = source(op, store)?;
        let policies = collect::policies_of(store, op.account(), &entity)?;
        let principal = principal_of(&entity, *op.account());
        Ok(Subject { principal, policies, is_user: entity.kind == Kind::User })
    })?;
    // The simulator asks the SCPs of the account as well (User Guide, access_policies_testing-policies).
    if let Some(membership) = op.iam.find_membership(op.account())? {
        subject.policies.scp.clone_from(&membership.scp);
    }
    simulate(op, Some(subject))
}

pub(crate) fn custom_policy(op: &Op<'_>) -> Output {
    simulate(op, None)
}

/// The name of the policy that stands in for the resource's own.
const UNASKED: &str = "";

/// A resource's policy takes part only when the call brings it (User Guide, access_policies_testing-policies). Otherwise,
/// within the account, the caller's policies decide, also about sts:AssumeRole (recorded: aws/aws-cli#10314); so this
/// leaves everything to them. Across accounts both sides must allow, and nothing allows on the other.
fn unasked(account: AccountId) -> Result<Policy, Fail> {
    let everything = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": account.to_string() }, "Action": "*", "Resource": "*",
    } });
    documents::compile(UNASKED.to_owned(), &everything.to_string(), PolicyKind::Resource)
}

/// The values of `ResourceHandlingOption` (API Reference, SimulateCustomPolicy): for ec2:RunInstances they say which
/// resources are to be given. Each resource is evaluated by itself either way.
const SCENARIOS: [&str; 6] = [
    "EC2-Classic-InstanceStore",
    "EC2-Classic-EBS",
    "EC2-VPC-InstanceStore",
    "EC2-VPC-InstanceStore-Subnet",
    "EC2-VPC-EBS",
    "EC2-VPC-EBS-Subnet",
];

/// What the API Reference forbids; the texts are ours.
fn refuse(op: &Op<'_>, subject: Option<&Subject>) -> Result<(), Fail> {
    if let Some(option) = op.text("ResourceHandlingOption")
        && !SCENARIOS.contains(&option)
    {
        let known = SCENARIOS.join(", ");
        return Err(invalid_input(format!("ResourceHandlingOption {option} is not one of {known}.")));
    }
    // "Each operation must include the service identifier", "does not support using wildcards".
    let whole = |action: &&String| action.contains(':') && !action.contains(['*', '?']);
    if let Some(action) = texts(op.call, "ActionNames").iter().find(|action| !whole(action)) {
        return Err(invalid_input(format!(
            "ActionNames holds {action}: name the service and one action, such as iam:CreateUser."
        )));
    }
    let of_user = subject.is_some_and(|subject| subject.is_user);
    if op.text("ResourcePolicy").is_some() && op.text("CallerArn").is_none() && !of_user {
        return Err(invalid_input(
            "CallerArn is required with ResourcePolicy, unless PolicySourceArn is the ARN of a user.",
        ));
    }
    if texts(op.call, "PermissionsBoundaryPolicyInputList").len() > 1 {
        return Err(invalid_input("PermissionsBoundaryPolicyInputList may hold one policy."));
    }
    Ok(())
}

fn simulate(op: &Op<'_>, subject: Option<Subject>) -> Output {
    refuse(op, subject.as_ref())?;
    let mut subject = subject.unwrap_or_else(|| {
        let arn = op.arn("user", "/", "simulation");
        let principal = Principal::User { arn, id: String::new(), account: *op.account() };
        Subject { principal, policies: CallerPolicies::default(), is_user: false }
    });
    subject.policies.identity.extend(inputs(op, "PolicyInputList", PolicyKind::Identity)?);
    if let Some(boundary) = inputs(op, "PermissionsBoundaryPolicyInputList", PolicyKind::Boundary)?.pop() {
        subject.policies.boundary = Some(boundary);
    }
    if let Some(caller) = op.text("CallerArn") {
        // API Reference: "You can specify only the ARN of an IAM user." The text is ours.
        let parsed = Principal::parse(caller).ok().filter(|p| matches!(p, Principal::User { .. }));
        subject.principal = parsed
            .ok_or_else(|| invalid_input(format!("CallerArn {caller} is not the ARN of an IAM user.")))?;
    }
    let resource_policy = match op.text("ResourcePolicy") {
        Some(document) => {
            documents::validate_input(document, PolicyKind::Resource)?;
            Some(documents::compile("ResourcePolicy".to_owned(), document, PolicyKind::Resource)?)
        }
        None => None,
    };
    let account = subject.principal.account().unwrap_or(*op.account());
    let unasked = unasked(account)?;
    let context = context(op);
    let owner = op.text("ResourceOwner").and_then(|owner| Principal::parse(owner).ok()?.account());
    let mut resources = texts(op.call, "ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut results = Vec::new();
    for action in texts(op.call, "ActionNames") {
        for resource in &resources {
            // The ARN's own account counts; `ResourceOwner` is for those that name none.
            let resource_account = account_of(resource).or(owner);
            let request = Request {
                principal: &subject.principal,
                action: &action,
                resource,
                resource_account,
                context: &context,
            };
            let own = resource_account.is_none_or(|owner| owner == account);
            let policy = resource_policy.as_ref().or(own.then_some(&unasked));
            let story = Decision::explain(&request, &subject.policies, policy);
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
        context.set_all(key.to_owned(), values);
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
    // What a layer says by itself, whichever layer is named for the decision.
    let allows = |of: Layer| {
        let refuses = |verdict| matches!(verdict, LayerVerdict::NoAllow | LayerVerdict::Denies);
        !story.layers.iter().any(|layer| layer.layer == of && refuses(layer.verdict))
    };
    let mut shown = object(json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MatchedStatements": matched,
        "MissingContextValues": missing,
        "OrganizationsDecisionDetail": { "AllowedByOrganizations": allows(Layer::Scp) },
    }));
    if bounded {
        let detail = json!({ "AllowedByPermissionsBoundary": allows(Layer::Boundary) });
        shown.insert("PermissionsBoundaryDecisionDetail".into(), detail.clone());
        specific.insert("PermissionsBoundaryDecisionDetail".into(), detail);
    }
    if resource != "*" {
        // "If an AWS Organizations SCP included in the evaluation denies access, the simulation ends."
        if allows(Layer::Scp) {
            let details = details(story);
            shown.insert("EvalDecisionDetails".into(), details.clone());
            specific.insert("EvalDecisionDetails".into(), details);
        }
        shown.insert("ResourceSpecificResults".into(), json!([specific]));
    }
    Value::Object(shown)
}

/// What each account's policies say: "populated for only cross-account simulations", empty within one account (API
/// Reference, EvaluationResult).
fn details(story: &Explanation) -> Value {
    if !story.cross_account {
        return json!({});
    }
    let side = |side: Side| {
        let denies = |layer: &LayerStory| layer.side == side && layer.verdict == LayerVerdict::Denies;
        if story.layers.iter().any(denies) {
            "explicitDeny"
        } else if story.failed_sides.contains(&side) {
            "implicitDeny"
        } else {
            "allowed"
        }
    };
    json!({ "IAM Policy": side(Side::Trusted), "Resource Policy": side(Side::Trusting) })
}

/// The layers that the account may read. Statements and missing keys are those "in the input policies" (API Reference,
/// EvaluationResult); of the organization's policies, which another account owns, only
/// `OrganizationsDecisionDetail` tells.
fn own_layers(story: &Explanation) -> impl Iterator<Item = &LayerStory> {
    story.layers.iter().filter(|layer| !matches!(layer.layer, Layer::Scp | Layer::Rcp))
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
    for layer in own_layers(story).filter(|layer| layer.verdict != LayerVerdict::NotConsulted) {
        for policy in layer.policies.iter().filter(|policy| policy.name != UNASKED) {
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
        own_layers(story).flat_map(|layer| &layer.policies).flat_map(|policy| &policy.statements);
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
