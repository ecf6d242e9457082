//! The checks on a document that comes in: AWS's texts in AWS's order (`iam.md` section 13, recorded by moto).

use crate::json::{self, Json, MAX_TEXT, Member, Node};
use crate::operator::{Operator, Test};
use crate::principal_element::{Named, Who};
use crate::{MalformedPolicy, PolicyKind, Span, value};

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
    let statements = syntax(&document, kind)?;
    if !kind.has_principal() {
        version(&document)?;
        for statement in &statements {
            no_principal(statement)?;
        }
    }
    legacy(&statements)?;
    unique_sids(&statements)?;
    for statement in &statements {
        actions_exist(statement)?;
    }
    match kind {
        PolicyKind::Trust => trust(&statements),
        PolicyKind::Resource | PolicyKind::Rcp => resource_based(&statements, kind),
        _ => {
            // Recorded: a bad resource is named before a bad action, a missing resource after it.
            for (text, span) in texts(&statements, &["Resource", "NotResource"]) {
                resource_format(text, span)?;
            }
            for (text, span) in texts(&statements, &["Action", "NotAction"]) {
                action_format(text, span)?;
            }
            statements.iter().try_for_each(|s| resources_exist(s))
        }
    }
}

fn syntax(document: &Node, kind: PolicyKind) -> Result<Vec<&Node>, MalformedPolicy> {
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
        statement_syntax(statement, kind)?;
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

fn statement_syntax(statement: &Node, kind: PolicyKind) -> Checked {
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
            "Sid" if !kind.has_principal() => {
                let plain = member.node.string().unwrap_or("").bytes().all(|b| b.is_ascii_alphanumeric());
                if !plain {
                    // UG grammar: letters and digits. The text AWS answers is not recorded.
                    return Err(error(member.node.span, "a Sid has letters and digits only"));
                }
            }
            "Action" | "NotAction" | "Resource" | "NotResource" => {
                if member.node.items().iter().any(|item| item.string().is_none()) {
                    return Err(error(member.node.span, "takes a string or a list of strings"));
                }
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

fn version(document: &Node) -> Checked {
    match document.get("Version") {
        Some(v) if v.node.string() == Some("2012-10-17") => Ok(()),
        other => Err(MalformedPolicy::new(
            "Policy document must be version 2012-10-17 or greater.",
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
        if let Some(effect) = statement.get("Effect") {
            if !matches!(effect.node.string(), Some("Allow" | "Deny")) {
                return error(
                    effect.node.span,
                    "Effect is exactly `Allow` or `Deny`, in this case".to_owned(),
                );
            }
        }
        let operators = statement.get("Condition").and_then(|c| c.node.members()).unwrap_or(&[]);
        for operator in operators {
            let date = matches!(Operator::parse(&operator.key), Some(Operator { test: Test::Date(_), .. }));
            for value in operator.node.members().unwrap_or(&[]).iter().flat_map(|key| key.node.items()) {
                let text = value.scalar().unwrap_or_default();
                if date && value::date(&text).is_none() {
                    return error(value.span, format!("`{text}` is no date"));
                }
            }
        }
    }
    for (text, span) in texts(statements, &["Resource", "NotResource"]) {
        // Recorded: too few colons fail here when two of them stand together.
        let is_aws = text.split(':').nth(1).is_some_and(|p| p == "aws");
        if is_aws && text.matches(':').count() < 5 && text.contains("::") {
            return error(
                span,
                format!("`{text}` has fewer than six parts: arn:partition:service:region:account:resource"),
            );
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

const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

fn resource_format(text: &str, span: Span) -> Checked {
    let fail = |message: String, help: &str| Err(MalformedPolicy::new(message, span, help));
    if text == "*" {
        return Ok(());
    }
    let mut parts = text.splitn(6, ':');
    let _prefix = parts.next();
    let Some(partition) = parts.next() else {
        return fail(format!("Resource {text} must be in ARN format or \"*\"."), "write an ARN, or `*`");
    };
    // Recorded for `aws` only; the other two partitions are AWS's as well.
    if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov") {
        let rest = text.splitn(3, ':').nth(2).unwrap_or("");
        let given: Vec<&str> = rest.splitn(4, ':').collect();
        let part = |i: usize| match given.get(i) {
            Some(p) if i > 0 || !p.is_empty() || given.len() > 1 => *p,
            _ => "*",
        };
        let arn = format!("arn:{partition}:{}:{}:{}:{}", part(0), part(1), part(2), part(3));
        let message = format!("Partition \"{partition}\" is not valid for resource \"{arn}\".");
        return fail(message, "an ARN begins with `arn:aws:`");
    }
    let vendor = parts.next().unwrap_or("");
    if vendor.is_empty() || vendor.contains(['*', '?']) {
        let message = "Resource vendor must be fully qualified and cannot contain regexes.";
        return fail(message.to_owned(), "name the service, for example `arn:aws:lambda:…`");
    }
    let region = parts.next().unwrap_or("");
    match vendor {
        "iam" if !region.is_empty() => {
            return fail(
                format!("IAM resource {text} cannot contain region information."),
                "IAM is global: leave the region empty, as in `arn:aws:iam::111111111111:role/x`",
            );
        }
        "s3" if !region.is_empty() => {
            return fail(
                format!("Resource {text} can not contain region information."),
                "bucket names are global: leave the region empty, as in `arn:aws:s3:::bucket`",
            );
        }
        "iam" => {
            let path = parts.nth(1).unwrap_or("");
            if path != "*" && !IAM_PATHS.iter().any(|start| path.starts_with(start)) {
                let known = IAM_PATHS.join(", ");
                return fail(
                    format!("IAM resource path must either be \"*\" or start with {known}."),
                    "for example `arn:aws:iam::111111111111:role/x`",
                );
            }
        }
        _ => {}
    }
    Ok(())
}

fn action_format(text: &str, span: Span) -> Checked {
    let fail = |message: String, help: &str| Err(MalformedPolicy::new(message, span, help));
    if text == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = text.split_once(':') else {
        return fail(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned(),
            "write the service and the action, for example `lambda:InvokeFunction`",
        );
    };
    if name.contains(':') {
        return fail(
            "Actions/Condition can contain only one colon.".to_owned(),
            "one colon: `service:Action`",
        );
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if vendor != "*" && !vendor.bytes().all(plain) {
        return fail(format!("Vendor {vendor} is not valid"), "a service prefix takes no wildcard");
    }
    Ok(())
}

const TRUST_ACTIONS: [&str; 6] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "TagSession",
    "SetSourceIdentity",
    "SetContext",
];

fn trust(statements: &[&Node]) -> Checked {
    for statement in statements {
        if let Some(member) = statement.get("Resource").or_else(|| statement.get("NotResource")) {
            let help = "a trust policy is about its own role; remove the element";
            return Err(MalformedPolicy::new("Has prohibited field Resource.", member.key_span, help));
        }
        principals(statement)?;
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

fn resource_based(statements: &[&Node], kind: PolicyKind) -> Checked {
    for statement in statements {
        principals(statement)?;
        if kind == PolicyKind::Rcp {
            let everyone = statement.get("Principal").is_some_and(|m| {
                m.node.string() == Some("*")
                    || m.node
                        .get("AWS")
                        .is_some_and(|aws| aws.node.items().iter().all(|i| i.string() == Some("*")))
            });
            if !everyone {
                let help = "a resource control policy binds everyone: \"Principal\": \"*\"";
                return Err(MalformedPolicy::syntax(statement.span, help));
            }
        }
    }
    Ok(())
}

/// A Principal is there and every value has a form that can name somebody.
fn principals(statement: &Node) -> Checked {
    let Some(member) = statement.get("Principal").or_else(|| statement.get("NotPrincipal")) else {
        let help = "name the callers, for example {\"Service\": \"apigateway.amazonaws.com\"}";
        return Err(MalformedPolicy::new("Missing required field Principal", statement.span, help));
    };
    let entries = match &member.node.value {
        Json::String(text) if text == "*" => return Ok(()),
        Json::Object(entries) => entries,
        _ => {
            let help = "Principal is `\"*\"` or a map such as {\"AWS\": \"arn:aws:iam::111111111111:root\"}";
            return Err(MalformedPolicy::syntax(member.node.span, help));
        }
    };
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
