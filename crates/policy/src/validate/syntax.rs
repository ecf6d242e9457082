//! The shape of a document: which elements there are, and of what type (UG reference_policies_grammar).

use super::{Checked, error};
use crate::MalformedPolicy;
use crate::json::{Member, Node};
use crate::operator::Operator;

/// The document's statements, if all of it has the shape of a policy.
pub(super) fn statements(document: &Node) -> Result<Vec<&Node>, MalformedPolicy> {
    let Some(members) = document.members() else {
        return Err(error(document.span, "a policy is a JSON object"));
    };
    for member in members {
        match member.key.as_str() {
            "Version" => {
                if !matches!(member.node.string(), Some("2008-10-17" | "2012-10-17")) {
                    return Err(error(member.node.span, "Version is `2012-10-17`"));
                }
            }
            "Id" => {
                if member.node.string().is_none() {
                    return Err(error(member.node.span, "Id is a string"));
                }
            }
            "Statement" => {}
            other => {
                let help = unknown(other, &["Version", "Id", "Statement"]);
                return Err(error(member.key_span, help));
            }
        }
    }
    let Some(statement) = document.get("Statement") else {
        return Err(error(document.span, "a policy has a Statement"));
    };
    let statements: Vec<&Node> = statement.node.items().iter().collect();
    if statements.is_empty() {
        return Err(error(statement.node.span, "a policy has at least one statement"));
    }
    for statement in &statements {
        statement_syntax(statement)?;
    }
    Ok(statements)
}

const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn unknown(key: &str, known: &[&str]) -> String {
    match arn::nearest(key, known.iter().copied()) {
        Some(near) => format!("`{key}` is no element; did you mean `{near}`?"),
        None => format!("`{key}` is no element"),
    }
}

fn statement_syntax(statement: &Node) -> Checked {
    let Some(members) = statement.members() else {
        return Err(error(statement.span, "a statement is a JSON object"));
    };
    for member in members {
        if !ELEMENTS.contains(&member.key.as_str()) {
            return Err(error(member.key_span, unknown(&member.key, &ELEMENTS)));
        }
        match member.key.as_str() {
            "Sid" if member.node.string().is_none() => {
                return Err(error(member.node.span, "Sid is a string"));
            }
            "Action" | "NotAction" | "Resource" | "NotResource"
                if member.node.items().iter().any(|item| item.string().is_none()) =>
            {
                return Err(error(member.node.span, "takes a string or a list of strings"));
            }
            "Condition" => condition_syntax(member)?,
            _ => {}
        }
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")]
    {
        if let (Some(_), Some(other)) = (statement.get(one), statement.get(other)) {
            return Err(error(other.key_span, format!("`{one}` stands here already: keep one of the two")));
        }
    }
    let effect = statement.get("Effect").ok_or_else(|| error(statement.span, "a statement has an Effect"))?;
    match effect.node.string() {
        Some(e) if e.eq_ignore_ascii_case("Allow") || e.eq_ignore_ascii_case("Deny") => Ok(()),
        _ => Err(error(effect.node.span, "Effect is `Allow` or `Deny`")),
    }
}

fn condition_syntax(member: &Member) -> Checked {
    let shape = "Condition is a map {operator: {key: value or list of values}}";
    let operators = member.node.members().ok_or_else(|| error(member.node.span, shape))?;
    for operator in operators {
        let keys = operator.node.members().ok_or_else(|| error(operator.node.span, shape))?;
        for key in keys {
            if key.node.items().iter().any(|v| v.scalar().is_none()) {
                return Err(error(key.node.span, shape));
            }
        }
        // Recorded: an unknown operator is let through while it is empty.
        if Operator::parse(&operator.key).is_none() && !keys.is_empty() {
            return Err(error(operator.key_span, format!("`{}` is no condition operator", operator.key)));
        }
    }
    Ok(())
}
