//! The checks on a document that comes in: AWS's texts in AWS's order (`iam.md` section 13, recorded by moto).

use crate::json::{self, Json, MAX_TEXT, Member, Node};
use crate::operator::{Operator, Test};
use crate::principal_element::{Named, Who};
use crate::{MalformedPolicy, PolicyKind, Span};

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
        PolicyKind::Resource => statements.iter().try_for_each(|s| principals(s)),
        PolicyKind::Rcp => {
            version(&document)?;
            statements.iter().try_for_each(|s| resource_control(s))
        }
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
                if date && !date_is_recorded_as_valid(&text) {
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

/// AWS checks dates of conditions part by part and takes more than ISO 8601 (`01T`, `-292275054`,
/// `2016-12-13t2:00:00.5+23` are recorded as valid).
fn date_is_recorded_as_valid(text: &str) -> bool {
    let within =
        |text: &str, low: i64, high: i64| text.parse::<i64>().is_ok_and(|n| (low..=high).contains(&n));
    let text = text.to_ascii_lowercase();
    if !text.contains(['t', '-']) {
        return within(&text, 0, i64::MAX);
    }
    let (date, time) = text.split_once('t').unwrap_or((&text, ""));
    let (sign, date) = date.strip_prefix('-').map_or(("", date), |date| ("-", date));
    let mut date = date.split('-');
    let year = format!("{sign}{}", date.next().unwrap_or(""));
    let date_fits = within(&year, -292_275_054, 292_278_993)
        && date.next().is_none_or(|month| within(month, 1, 12))
        && date.next().is_none_or(|day| within(day, 1, 31))
        && date.next().is_none();
    let mut time = time.splitn(3, ':');
    let hours = time.next().unwrap_or("");
    let time_fits = (hours.is_empty() || within(hours, 0, 23))
        && time.next().is_none_or(|minutes| within(minutes, 0, 59));
    let Some(rest) = time.next() else { return date_fits && time_fits };
    let two = |text: &str, high| text.len() == 2 && within(text, 0, high);
    let seconds = match rest.split_once(['z', '+', '-']) {
        Some((seconds, "")) if rest.ends_with('z') => seconds,
        Some((seconds, zone)) => {
            let (hours, minutes) = zone.split_once(':').unwrap_or((zone, "00"));
            if !two(hours, 23) || !two(minutes, 59) {
                return false;
            }
            seconds
        }
        None => rest,
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    date_fits && time_fits && within(whole, 0, 59) && within(fraction, 0, 999_999_999)
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

/// A statement of a customer's RCP (Organizations User Guide, orgs_manage_policies_rcps_syntax): denies, binds everyone,
/// and names actions and resources; `Allow` is for AWS's own RCPFullAWSAccess only.
fn resource_control(statement: &Node) -> Checked {
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
        resource_format(text, span)?;
    }
    for (text, span) in texts(&[statement], &["Action"]) {
        action_format(text, span)?;
    }
    resources_exist(statement)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The document, with `{}` of `statement` in place of the statement.
    #[track_caller]
    fn identity(text: &str, message: &str, underlined: &str) {
        let error = validate(text, PolicyKind::Identity).expect_err(text);
        assert_eq!(error.message, message, "{text}: {}", error.help);
        assert_eq!(error.span.of(text), underlined, "{text}");
    }

    #[track_caller]
    fn statement(statement: &str, message: &str, underlined: &str) {
        identity(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#), message, underlined);
    }

    const SYNTAX: &str = "Syntax errors in policy.";
    const LEGACY: &str = "The policy failed legacy parsing";
    const VERSION: &str = "Policy document must be version 2012-10-17 or greater.";
    const GOOD: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;

    // The texts and their order follow moto's tests (tests/test_iam/test_iam_policies.py), recorded from AWS.
    #[test]
    fn syntax_comes_before_everything() {
        identity("no json", SYNTAX, "n");
        identity(r#"{"Version":"2012-10-17"}"#, SYNTAX, r#"{"Version":"2012-10-17"}"#);
        identity(&format!(r#"{{"Version":"2013-10-17","Statement":{GOOD}}}"#), SYNTAX, r#""2013-10-17""#);
        identity(
            &format!(r#"{{"Version":"2012-10-17","Extra":1,"Statement":{GOOD}}}"#),
            SYNTAX,
            r#""Extra""#,
        );
        statement("[]", SYNTAX, "[]");
        statement(r#"["x"]"#, SYNTAX, r#""x""#);
        statement(r#"{"Effect":"maybe","Action":"s3:*","Resource":"*"}"#, SYNTAX, r#""maybe""#);
        statement(r#"{"Effect":"Allow","Action":{},"Resource":"*"}"#, SYNTAX, "{}");
        statement(
            r#"{"Effect":"Allow","Action":"s3:*","NotAction":[],"Resource":"*"}"#,
            SYNTAX,
            r#""NotAction""#,
        );
        statement(
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"x":{"a":"1"}}}"#,
            SYNTAX,
            r#""x""#,
        );
        statement(
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ForAnyValue::Bool":{"a":"1"}}}"#,
            SYNTAX,
            r#""ForAnyValue::Bool""#,
        );
    }

    #[test]
    fn then_the_version_then_legacy_parsing() {
        identity(
            r#"{"Statement":{"Effect":"denY","Action":"s3:*","Resource":"*"}}"#,
            VERSION,
            r#"{"Statement":{"Effect":"denY","Action":"s3:*","Resource":"*"}}"#,
        );
        identity(&format!(r#"{{"Version":"2008-10-17","Statement":{GOOD}}}"#), VERSION, r#""2008-10-17""#);
        statement(r#"{"Effect":"denY","Action":"s3:*","Resource":"*"}"#, LEGACY, r#""denY""#);
        statement(r#"{"Effect":"Allow","Resource":"arn:aws:s3::bucket"}"#, LEGACY, r#""arn:aws:s3::bucket""#);
        statement(
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws::::b"}"#,
            LEGACY,
            r#""arn:aws::::b""#,
        );
        for date in [
            "soon",
            "234-13",
            "2016-12-13t2:00:00.5+1",
            "2016-12-13t2:00:00.1999999999+10:59",
            "9223372036854775808",
        ] {
            let text = format!(
                r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{{"DateLessThan":{{"a":"{date}"}}}}}}"#
            );
            statement(&text, LEGACY, &format!("\"{date}\""));
        }
    }

    #[test]
    fn then_sids_actions_resource_formats_action_prefixes_and_missing_resources() {
        statement(
            r#"[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow"}]"#,
            "Statement IDs (SID) in a single policy must be unique.",
            r#""a""#,
        );
        statement(r#"{"Effect":"Allow","Action":[]}"#, "Policy statement must contain actions.", "[]");
        let prefix = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
        statement(r#"{"Effect":"Allow","Action":"all"}"#, prefix, r#""all""#);
        statement(
            r#"{"Effect":"Allow","Action":"s:3:List","Resource":"x"}"#,
            r#"Resource x must be in ARN format or "*"."#,
            r#""x""#,
        );
        statement(
            r#"{"Effect":"Allow","Action":"s3:List:B","Resource":"*"}"#,
            "Actions/Condition can contain only one colon.",
            r#""s3:List:B""#,
        );
        statement(
            r#"{"Effect":"Allow","Action":"a a:B","Resource":"*"}"#,
            "Vendor a a is not valid",
            r#""a a:B""#,
        );
        statement(
            r#"{"Effect":"Allow","Action":"s3:B","Resource":[]}"#,
            "Policy statement must contain resources.",
            "[]",
        );
    }

    #[test]
    fn resources() {
        #[track_caller]
        fn resource(text: &str, message: &str) {
            let json = format!("\"{text}\"");
            statement(&format!(r#"{{"Effect":"Allow","Action":"s3:B","Resource":{json}}}"#), message, &json);
        }
        resource("", r#"Resource  must be in ARN format or "*"."#);
        resource("a:bsd", r#"Partition "bsd" is not valid for resource "arn:bsd:*:*:*:*"."#);
        resource("a:b:cad", r#"Partition "b" is not valid for resource "arn:b:cad:*:*:*"."#);
        resource("a:b:c:d:e:f:g:h", r#"Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h"."#);
        resource("aws:s3:::bucket", r#"Partition "s3" is not valid for resource "arn:s3:::bucket:*"."#);
        resource("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes.");
        resource(
            "arn:aws:iam:us-east-1::x",
            "IAM resource arn:aws:iam:us-east-1::x cannot contain region information.",
        );
        resource(
            "arn:aws:s3:us-east-1::x",
            "Resource arn:aws:s3:us-east-1::x can not contain region information.",
        );
        resource(
            "arn:aws:iam:::x",
            "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
             instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, \
             report/, access-report/.",
        );
    }

    #[test]
    fn what_aws_is_recorded_to_accept() {
        for statement in [
            GOOD,
            r#"{"Effect":"Allow","Action":"iam: a b ","Resource":["arn:aws:s3:::b","*"]}"#,
            r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:fdsasf"}"#,
            r#"{"Effect":"Allow","NotAction":"s3-s.x:List","NotResource":"arn:aws:ec2:us-east-1::x"}"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam::*:user/${aws:username}","Condition":{"a":{}}}"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"DateGreaterThan":{"a":["01T","-292275054",
               "2016-12-13t2:00:00.593194+23","2019-07-01T13:20:15Z","2016-12-13T21:20:37.593194+00:00",1]}}}"#,
        ] {
            let text = format!(r#"{{"Version":"2012-10-17","Id":"x","Statement":{statement}}}"#);
            assert_eq!(validate(&text, PolicyKind::Identity), Ok(()), "{statement}");
        }
    }

    #[test]
    fn principals_belong_in_trust_and_resource_policies() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
        identity(text, "Policy document should not specify a principal.", r#""Principal""#);
        assert_eq!(validate(text, PolicyKind::Trust), Ok(()));
        #[track_caller]
        fn trust(statement: &str, message: &str, underlined: &str) {
            let text = format!(r#"{{"Version":"2008-10-17","Statement":{statement}}}"#);
            let error = validate(&text, PolicyKind::Trust).expect_err(statement);
            assert_eq!((error.message.as_str(), error.span.of(&text)), (message, underlined), "{statement}");
        }
        trust(
            r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#,
            "Has prohibited field Resource.",
            r#""Resource""#,
        );
        for action in ["sts:GetCallerIdentity", "*", "s3:*"] {
            trust(
                &format!(r#"{{"Effect":"Allow","Principal":"*","Action":"{action}"}}"#),
                "AssumeRole policy may only specify STS AssumeRole actions.",
                &format!("\"{action}\""),
            );
        }
        for principal in ["arn:aws:iam::222222222222:role/app-*", "arn:aws:iam::22:role/app", "ann"] {
            trust(
                &format!(
                    r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}"#
                ),
                &format!(r#"Invalid principal in policy: "AWS":"{principal}""#),
                &format!("\"{principal}\""),
            );
        }
    }

    // Organizations User Guide, orgs_manage_policies_rcps_syntax and orgs_manage_policies_scps_syntax.
    #[test]
    fn organization_policies_have_the_elements_of_their_kind() {
        let document = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        let good = r#"{"Effect":"Deny","Principal":"*","Action":"sts:*","NotResource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-x"}}}"#;
        assert_eq!(validate(&document(good), PolicyKind::Rcp), Ok(()));
        for (from, to) in [
            ("Deny", "Allow"),
            (r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#),
            (r#""Principal":"*","#, ""),
            ("Principal", "NotPrincipal"),
            ("Action", "NotAction"),
            (r#""NotResource":"*","#, ""),
            ("sts:*", "sts"),
        ] {
            let text = document(&good.replacen(from, to, 1));
            assert!(validate(&text, PolicyKind::Rcp).is_err(), "{text}");
        }
        let version = document(good).replace("2012-10-17", "2008-10-17");
        assert!(validate(&version, PolicyKind::Rcp).is_err());
        for statement in [
            r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"Bool":{"aws:x":"true"}}}"#,
            r#"{"Effect":"Allow","Action":["ec2:*","s3:Get*"],"NotResource":"arn:aws:s3:::b"}"#,
        ] {
            assert_eq!(validate(&document(statement), PolicyKind::Scp), Ok(()), "{statement}");
        }
        let principal = document(r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#);
        let error = validate(&principal, PolicyKind::Scp).expect_err("a principal");
        assert_eq!(error.message, "Policy document should not specify a principal.");
    }
}
