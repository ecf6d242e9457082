//! What a resource control policy may hold.

use super::{Checked, formats, resources_exist, texts};
use crate::MalformedPolicy;
use crate::json::Node;

/// A statement of a customer's RCP (Organizations User Guide, orgs_manage_policies_rcps_syntax): denies, binds everyone,
/// and names actions and resources; `Allow` is for AWS's own RCPFullAWSAccess only.
pub(super) fn statement(statement: &Node) -> Checked {
    if let Some(member) = statement.get("NotPrincipal").or_else(|| statement.get("NotAction")) {
        let help = format!("a resource control policy takes no {}", member.key);
        return Err(MalformedPolicy::syntax(member.key_span, help));
    }
    if let Some(effect) = statement.get("Effect").filter(|effect| effect.node.string() != Some("Deny")) {
        let help =
            "a resource control policy can only deny: what RCPFullAWSAccess allows needs no other Allow";
        return Err(MalformedPolicy::syntax(effect.node.span, help));
    }
    match statement.get("Principal") {
        Some(member) if member.node.string() == Some("*") => {}
        other => {
            let help = "a resource control policy binds everyone: \"Principal\": \"*\"";
            return Err(MalformedPolicy::syntax(other.map_or(statement.span, |m| m.node.span), help));
        }
    }
    for (text, span) in texts(&[statement], &["Resource", "NotResource"]) {
        formats::resource(text, span)?;
    }
    for (text, span) in texts(&[statement], &["Action"]) {
        formats::action(text, span)?;
    }
    resources_exist(statement)
}
