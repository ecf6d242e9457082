//! From a read document to compiled statements.

use crate::arn_pattern::ArnPattern;
use crate::condition::Condition;
use crate::json::{Json, Member, Node};
use crate::principal_element::{Named, PrincipalElement};
use crate::statement::{ActionElement, ActionPattern, ResourceElement, Statement};
use crate::{MalformedPolicy, PolicyKind};

/// Compiles every statement of `document`.
pub(crate) fn compile(document: &Node, kind: PolicyKind) -> Result<Vec<Statement>, MalformedPolicy> {
    if document.members().is_none() {
        return Err(MalformedPolicy::syntax(document.span, "a policy is a JSON object"));
    }
    // Only this version knows variables (UG elements_version).
    let variables = document.get("Version").and_then(|v| v.node.string()) == Some("2012-10-17");
    let Some(statements) = document.get("Statement") else {
        return Err(MalformedPolicy::syntax(document.span, "a policy has a Statement"));
    };
    statements.node.items().iter().enumerate().map(|(i, node)| statement(i, node, kind, variables)).collect()
}

fn statement(
    index: usize,
    node: &Node,
    kind: PolicyKind,
    variables: bool,
) -> Result<Statement, MalformedPolicy> {
    if node.members().is_none() {
        return Err(MalformedPolicy::syntax(node.span, "a statement is a JSON object"));
    }
    let deny = match node.get("Effect").map(|m| (m, m.node.string())) {
        Some((_, Some("Allow"))) => false,
        Some((_, Some("Deny"))) => true,
        Some((effect, _)) => {
            return Err(MalformedPolicy::syntax(effect.node.span, "Effect is exactly `Allow` or `Deny`"));
        }
        None => return Err(MalformedPolicy::syntax(node.span, "a statement has an Effect")),
    };
    let principal = principal(node, kind)?;
    let (action, not_action) = one_of(node, "Action", "NotAction")?.ok_or_else(|| {
        MalformedPolicy::new("Policy statement must contain actions.", node.span, "add an Action")
    })?;
    let actions = strings(action)?;
    if actions.is_empty() {
        let help = "list at least one action";
        return Err(MalformedPolicy::new("Policy statement must contain actions.", action.node.span, help));
    }
    let action = ActionElement {
        negated: not_action,
        patterns: actions.iter().map(|text| ActionPattern::compile(text)).collect(),
        span: action.node.span,
    };
    let resource = match one_of(node, "Resource", "NotResource")? {
        Some((member, _)) if kind == PolicyKind::Trust => {
            let help = "a trust policy is about its own role; remove the element";
            return Err(MalformedPolicy::new("Has prohibited field Resource.", member.key_span, help));
        }
        Some((member, negated)) => {
            // Resource policies that end early match nothing without a wildcard; see `ArnPattern::resource`.
            let pad = kind != PolicyKind::Resource;
            let texts = strings(member)?;
            if texts.is_empty() {
                let message = "Policy statement must contain resources.";
                return Err(MalformedPolicy::new(message, member.node.span, "list at least one resource"));
            }
            let arns = texts.iter().map(|text| ArnPattern::resource(text, variables, pad)).collect();
            Some(ResourceElement { negated, arns, span: member.node.span })
        }
        None if kind.has_principal() => None,
        None => {
            let message = "Policy statement must contain resources.";
            return Err(MalformedPolicy::new(message, node.span, "add a Resource, for example `\"*\"`"));
        }
    };
    let sid = node.get("Sid").and_then(|m| m.node.scalar());
    let conditions = conditions(node, variables)?;
    Ok(Statement { index, sid, deny, span: node.span, principal, action, resource, conditions })
}

/// The member called `positive` or `negative`; the flag says which.
fn one_of<'n>(
    node: &'n Node,
    positive: &str,
    negative: &str,
) -> Result<Option<(&'n Member, bool)>, MalformedPolicy> {
    match (node.get(positive), node.get(negative)) {
        (Some(_), Some(not)) => {
            let help = format!("a statement has {positive} or {negative}, not both");
            Err(MalformedPolicy::syntax(not.key_span, help))
        }
        (Some(member), None) => Ok(Some((member, false))),
        (None, Some(member)) => Ok(Some((member, true))),
        (None, None) => Ok(None),
    }
}

/// One string or many.
fn strings(member: &Member) -> Result<Vec<&str>, MalformedPolicy> {
    let text = |node: &'_ Node| -> MalformedPolicy {
        MalformedPolicy::syntax(node.span, format!("{} takes a string or a list of strings", member.key))
    };
    member.node.items().iter().map(|item| item.string().ok_or_else(|| text(item))).collect()
}

fn principal(node: &Node, kind: PolicyKind) -> Result<Option<PrincipalElement>, MalformedPolicy> {
    let found = one_of(node, "Principal", "NotPrincipal")?;
    let Some((member, negated)) = found else {
        return match kind {
            PolicyKind::Resource | PolicyKind::Trust => {
                let help = "name the callers, for example {\"Service\": \"apigateway.amazonaws.com\"}";
                Err(MalformedPolicy::new("Missing required field Principal", node.span, help))
            }
            // RCPs bind everyone; their Principal can only be `*`.
            _ => Ok(None),
        };
    };
    if !kind.has_principal() {
        let help = "the policy is attached to its principal; remove the element";
        let message = "Policy document should not specify a principal.";
        return Err(MalformedPolicy::new(message, member.key_span, help));
    }
    let mut named = Vec::new();
    match &member.node.value {
        Json::String(text) if text == "*" => named.push(Named::everyone()),
        Json::Object(entries) => {
            for entry in entries {
                for text in entry.node.items() {
                    let text = text.scalar().ok_or_else(|| {
                        MalformedPolicy::syntax(text.span, "a principal is a string or a list of strings")
                    })?;
                    named.push(Named::compile(&entry.key, &text));
                }
            }
        }
        _ => {
            let help = "Principal is `\"*\"` or a map such as {\"AWS\": \"arn:aws:iam::111111111111:root\"}";
            return Err(MalformedPolicy::syntax(member.node.span, help));
        }
    }
    Ok(Some(PrincipalElement { negated, named, span: member.node.span }))
}

fn conditions(node: &Node, variables: bool) -> Result<Vec<Condition>, MalformedPolicy> {
    let mut conditions = Vec::new();
    let Some(block) = node.get("Condition") else { return Ok(conditions) };
    let help = "Condition is a map {operator: {key: value or list of values}}";
    let Some(operators) = block.node.members() else {
        return Err(MalformedPolicy::syntax(block.node.span, help));
    };
    for operator in operators {
        let Some(keys) = operator.node.members() else {
            return Err(MalformedPolicy::syntax(operator.node.span, help));
        };
        for key in keys {
            let texts = key
                .node
                .items()
                .iter()
                .map(|v| v.scalar().map(Into::into).ok_or_else(|| MalformedPolicy::syntax(v.span, help)))
                .collect::<Result<Vec<Box<str>>, _>>()?;
            let span = crate::Span::new(key.key_span.start, key.node.span.end);
            conditions.push(Condition::compile(&operator.key, &key.key, texts, variables, span));
        }
    }
    Ok(conditions)
}
