//! The checks on a document that comes in: AWS's texts in AWS's order (`iam.md` section 13, recorded by moto).

use crate::json::{self, MAX_TEXT, Node};
use crate::operator::{Operator, Test};
use crate::{MalformedPolicy, PolicyKind, Span, compile};

mod dates;
mod formats;
mod principals;
mod resource_control;
mod syntax;
#[cfg(test)]
mod tests;

type Checked = Result<(), MalformedPolicy>;

fn error(span: Span, help: impl Into<String>) -> MalformedPolicy {
    MalformedPolicy::syntax(span, help)
}

/// Checks a document that comes in, in AWS's order of checks and with AWS's texts.
///
/// Sizes and the existence of principals are the service's business; see
/// [`Policy::principals`](crate::Policy::principals).
///
/// # Errors
/// [`MalformedPolicy`] with the first text that AWS would answer.
pub fn validate(text: &str, kind: PolicyKind) -> Checked {
    let document = json::read(text, MAX_TEXT)?;
    let statements = syntax::statements(&document)?;
    if !kind.has_principal() {
        version(&document)?;
        for statement in &statements {
            no_principal(statement)?;
        }
    }
    legacy(&statements)?;
    if !kind.has_principal() {
        plain_sids(&statements)?;
    }
    unique_sids(&statements)?;
    for statement in &statements {
        actions_exist(statement)?;
    }
    match kind {
        PolicyKind::Trust => principals::trust(&statements)?,
        PolicyKind::Resource => statements.iter().try_for_each(|s| principals::named(s))?,
        PolicyKind::Rcp => {
            version(&document)?;
            statements.iter().try_for_each(|s| resource_control::statement(s))?;
        }
        _ => {
            // Recorded: a bad resource is named before a bad action, a missing resource after it.
            for (text, span) in texts(&statements, &["Resource", "NotResource"]) {
                formats::resource(text, span)?;
            }
            for (text, span) in texts(&statements, &["Action", "NotAction"]) {
                formats::action(text, span)?;
            }
            statements.iter().try_for_each(|s| resources_exist(s))?;
        }
    }
    // What is accepted is stored and compiled for every request that it bears on: it must be known to compile.
    compile::compile(&document, kind).map(drop)
}

/// Why AWS would not store `text`, leaving aside what it stores only for its own use or did store once: RCPs that allow,
/// as RCPFullAWSAccess does, and documents of an older version.
pub(crate) fn refusal(text: &str, kind: PolicyKind) -> Option<MalformedPolicy> {
    let checked = match kind {
        PolicyKind::Rcp => json::read(text, MAX_TEXT).and_then(|d| syntax::statements(&d).map(drop)),
        _ => validate(text, kind),
    };
    checked.err().filter(|error| error.message != VERSION)
}

const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";

fn version(document: &Node) -> Checked {
    match document.get("Version") {
        Some(v) if v.node.string() == Some("2012-10-17") => Ok(()),
        other => Err(MalformedPolicy::new(
            VERSION,
            other.map_or(document.span, |v| v.node.span),
            "write \"Version\": \"2012-10-17\"",
        )),
    }
}

fn no_principal(statement: &Node) -> Checked {
    match statement.get("Principal").or_else(|| statement.get("NotPrincipal")) {
        None => Ok(()),
        Some(member) => Err(MalformedPolicy::new(
            "Policy document should not specify a principal.",
            member.key_span,
            "the policy is attached to its principal; remove the element",
        )),
    }
}

fn legacy(statements: &[&Node]) -> Checked {
    let error =
        |span, help: String| Err(MalformedPolicy::new("The policy failed legacy parsing", span, help));
    for statement in statements {
        if let Some(effect) = statement.get("Effect")
            && !matches!(effect.node.string(), Some("Allow" | "Deny"))
        {
            return error(effect.node.span, "Effect is exactly `Allow` or `Deny`, in this case".to_owned());
        }
        let operators = statement.get("Condition").and_then(|c| c.node.members()).unwrap_or(&[]);
        for operator in operators {
            let date = matches!(Operator::parse(&operator.key), Some(Operator { test: Test::Date(_), .. }));
            for value in operator.node.members().unwrap_or(&[]).iter().flat_map(|key| key.node.items()) {
                let text = value.scalar().unwrap_or_default();
                if date && !dates::is_recorded_as_valid(&text) {
                    return error(value.span, format!("`{text}` is no date"));
                }
            }
        }
    }
    for (text, span) in texts(statements, &["Resource", "NotResource"]) {
        // Recorded: an empty service fails here, and too few colons when two of them stand together.
        let is_aws = text.split(':').nth(1).is_some_and(|p| p == "aws");
        let no_service = text.split(':').nth(2) == Some("");
        if is_aws && (no_service || text.matches(':').count() < 5 && text.contains("::")) {
            return error(
                span,
                format!("`{text}` has fewer than six parts: arn:partition:service:region:account:resource"),
            );
        }
    }
    Ok(())
}

/// Letters and digits only (UG reference_policies_elements_sid; the text as users quote it, for example
/// aws-cloudformation/cfn-lint#708). Where it stands among the checks is not recorded.
fn plain_sids(statements: &[&Node]) -> Checked {
    for sid in statements.iter().filter_map(|s| s.get("Sid")) {
        let text = sid.node.string().unwrap_or("");
        if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                           expression [0-9A-Za-z]*";
            return Err(MalformedPolicy::new(
                message,
                sid.node.span,
                format!("`{text}` has other characters"),
            ));
        }
    }
    Ok(())
}

fn unique_sids(statements: &[&Node]) -> Checked {
    let mut seen = std::collections::HashSet::new();
    for sid in statements.iter().filter_map(|s| s.get("Sid")) {
        let text = sid.node.string().unwrap_or("");
        if !text.is_empty() && !seen.insert(text) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            return Err(MalformedPolicy::new(message, sid.node.span, format!("`{text}` stands twice")));
        }
    }
    Ok(())
}

fn actions_exist(statement: &Node) -> Checked {
    let found = statement.get("Action").or_else(|| statement.get("NotAction"));
    match found {
        Some(member) if !member.node.items().is_empty() => Ok(()),
        _ => Err(MalformedPolicy::new(
            "Policy statement must contain actions.",
            found.map_or(statement.span, |m| m.node.span),
            "add an Action, for example \"lambda:InvokeFunction\"",
        )),
    }
}

fn resources_exist(statement: &Node) -> Checked {
    let found = statement.get("Resource").or_else(|| statement.get("NotResource"));
    match found {
        Some(member) if !member.node.items().is_empty() => Ok(()),
        _ => Err(MalformedPolicy::new(
            "Policy statement must contain resources.",
            found.map_or(statement.span, |m| m.node.span),
            "add a Resource: an ARN or \"*\"",
        )),
    }
}

/// Every string below any of `elements`, in order.
fn texts<'n>(statements: &[&'n Node], elements: &[&str]) -> Vec<(&'n str, Span)> {
    let mut out = Vec::new();
    for statement in statements {
        for member in elements.iter().filter_map(|e| statement.get(e)) {
            out.extend(member.node.items().iter().filter_map(|i| Some((i.string()?, i.span))));
        }
    }
    out
}
