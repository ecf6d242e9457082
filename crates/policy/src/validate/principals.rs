//! What trust policies and resource-based policies must have besides: principals, and the actions of a trust policy.

use super::{Checked, texts};
use crate::MalformedPolicy;
use crate::json::{Json, Node};
use crate::principal_element::{Named, Who};

const TRUST_ACTIONS: [&str; 6] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "TagSession",
    "SetSourceIdentity",
    "SetContext",
];

pub(super) fn trust(statements: &[&Node]) -> Checked {
    for statement in statements {
        if let Some(member) = statement.get("Resource").or_else(|| statement.get("NotResource")) {
            let help = "a trust policy is about its own role; remove the element";
            return Err(MalformedPolicy::new("Has prohibited field Resource.", member.key_span, help));
        }
        if let Some(member) = statement.get("NotPrincipal") {
            // UG reference_policies_elements_notprincipal: not in a trust policy. The text is that of other fields.
            let help = "name whom the role trusts in Principal, or compare aws:PrincipalArn in a Condition";
            return Err(MalformedPolicy::new("Has prohibited field NotPrincipal.", member.key_span, help));
        }
        named(statement)?;
        for (text, span) in texts(&[statement], &["Action", "NotAction"]) {
            let pattern = crate::pattern::Pattern::compile(
                text.split_once(':').map_or("", |(_, name)| name),
                crate::pattern::Dialect { variables: false, wildcards: true },
            );
            let is_sts = text.split_once(':').is_some_and(|(s, _)| s.eq_ignore_ascii_case("sts"));
            let units = pattern.expand(&crate::Context::new()).unwrap_or_default();
            let known = TRUST_ACTIONS.iter().any(|name| crate::pattern::glob(&units, name, true));
            if !is_sts || !known {
                return Err(MalformedPolicy::new(
                    "AssumeRole policy may only specify STS AssumeRole actions.",
                    span,
                    "write `sts:AssumeRole`",
                ));
            }
        }
    }
    Ok(())
}

/// A Principal is there and every value has a form that can name somebody.
pub(super) fn named(statement: &Node) -> Checked {
    let Some(member) = statement.get("Principal").or_else(|| statement.get("NotPrincipal")) else {
        let help = "name the callers, for example {\"Service\": \"apigateway.amazonaws.com\"}";
        return Err(MalformedPolicy::new("Missing required field Principal", statement.span, help));
    };
    let allow = statement.get("Effect").and_then(|effect| effect.node.string()) == Some("Allow");
    if allow && member.key == "NotPrincipal" {
        // UG reference_policies_elements_notprincipal: "not supported". The text is S3's.
        let help = "write Principal, or compare aws:PrincipalArn in a Condition";
        return Err(MalformedPolicy::new("Allow with NotPrincipal is not allowed.", member.key_span, help));
    }
    let entries = match &member.node.value {
        Json::String(text) if text == "*" => return Ok(()),
        Json::Object(entries) => entries,
        _ => {
            let help = "Principal is `\"*\"` or a map such as {\"AWS\": \"arn:aws:iam::111111111111:root\"}";
            return Err(MalformedPolicy::syntax(member.node.span, help));
        }
    };
    if entries.iter().all(|entry| entry.node.items().is_empty()) {
        // The text is S3's, as users quote it.
        let message = "Missing required field Principal cannot be empty!";
        return Err(MalformedPolicy::new(message, member.node.span, "name the callers"));
    }
    for entry in entries {
        for item in entry.node.items() {
            let text = item.scalar().unwrap_or_default();
            let named = Named::compile(&entry.key, &text);
            let canonical = entry.key == "CanonicalUser";
            if let (Who::Nobody(because), false) = (&named.who, canonical) {
                let key = if entry.key == "AWS" { entry.key.clone() } else { entry.key.to_uppercase() };
                let message = format!("Invalid principal in policy: \"{key}\":\"{text}\"");
                return Err(MalformedPolicy::new(message, item.span, *because));
            }
        }
    }
    Ok(())
}
