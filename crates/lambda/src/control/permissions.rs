//! AddPermission, RemovePermission, GetPolicy. Each qualifier has a policy of its own.

use serde_json::{Value, json};
use wire::{ApiError, Call, Reply};

use super::create::Failed;
use super::errors::{self, conflict, invalid, no_function, not_found, stale_revision};
use super::model::{FunctionPolicy, LATEST, POLICIES, Statement, is_number, policy_key};
use super::view::{Read, Target};
use super::{FunctionName, Lambda, uuid, view};

/// AWS's bound of a function's policy [D: Lambda quotas].
const MAX_POLICY: usize = 20 * 1024;

impl Lambda {
    pub(super) fn add_permission(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if name.qualifier.as_deref() == Some(LATEST) {
            return Err(invalid("We currently do not support adding policies for $LATEST."));
        }
        let (principal, identity) = principal(call.required("Principal"))?;
        let statement = Statement {
            sid: call.required("StatementId").to_owned(),
            text: statement(call, &principal, &name.qualified_arn())?,
            identity_id: identity.as_deref().and_then(|arn| self.inner.roles.principal_id(arn)),
            identity,
        };
        let key = policy_key(&name.key(), name.qualifier.as_deref());
        self.inner.store.write(|w| {
            let owner_revision = exists(w, &name)?;
            let stored: Option<FunctionPolicy> = w.get(POLICIES, &key)?;
            let latest = stored.as_ref().map_or(owner_revision.as_str(), |p| p.revision.as_str());
            if call.text("RevisionId").is_some_and(|r| r != latest) {
                return Err(Failed::Api(stale_revision("GetPolicy")));
            }
            let mut policy = stored.unwrap_or_default();
            if policy.statements.iter().any(|s| s.sid == statement.sid) {
                return Err(Failed::Api(conflict(format!(
                    "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement.",
                    statement.sid
                ))));
            }
            // A user or role that was deleted since spoils every later AddPermission (facts/iam.md 5.3).
            let known = |s: &Statement| {
                let named = s.identity_id.as_deref().or(s.identity.as_deref());
                named.is_none_or(|named| self.inner.roles.principal_exists(named))
            };
            let exists = |arn: &str| self.inner.roles.principal_exists(arn);
            if !policy.statements.iter().all(known) || !statement.identity.as_deref().is_none_or(exists) {
                return Err(Failed::Api(invalid_principal()));
            }
            policy.statements.push(statement.clone());
            let length = policy.text(|_| false).len();
            if length > MAX_POLICY {
                // The code and the limit are documented; the text is ours.
                let error = ApiError::new(
                    "PolicyLengthExceededException",
                    400,
                    format!("The final policy size ({length}) is bigger than the limit ({MAX_POLICY})."),
                );
                return Err(Failed::Api(error.with("Type", "User")));
            }
            policy.revision = uuid()?;
            w.put(POLICIES, &key, &policy)?;
            Ok(())
        })?;
        Ok(Reply { status: Some(201), ..json!({ "Statement": statement.text }).into() })
    }

    pub(super) fn remove_permission(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let sid = call.required("StatementId");
        let key = policy_key(&name.key(), name.qualifier.as_deref());
        self.inner.store.write(|w| {
            if view::function(w, &name)?.is_none() {
                return Err(Failed::Api(not_found(format!("No policy found for: {}", name.qualified_arn()))));
            }
            exists(w, &name)?;
            let Some(mut policy) = w.get::<FunctionPolicy>(POLICIES, &key)? else {
                return Err(Failed::Api(not_found("No policy is associated with the given resource.")));
            };
            if call.text("RevisionId").is_some_and(|r| r != policy.revision) {
                return Err(Failed::Api(stale_revision("GetPolicy")));
            }
            let before = policy.statements.len();
            policy.statements.retain(|s| s.sid != sid);
            if policy.statements.len() == before {
                return Err(Failed::Api(not_found(format!(
                    "Statement {sid} is not found in resource policy."
                ))));
            }
            if policy.statements.is_empty() {
                w.delete(POLICIES, &key)?;
            } else {
                policy.revision = uuid()?;
                w.put(POLICIES, &key, &policy)?;
            }
            Ok(())
        })?;
        Ok(Reply { status: Some(204), ..Reply::empty() })
    }

    pub(super) fn get_policy(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        let key = policy_key(&name.key(), name.qualifier.as_deref());
        let policy: Option<FunctionPolicy> =
            self.inner.store.read(|r| r.get(POLICIES, &key)).map_err(errors::store)?;
        let policy = policy.ok_or_else(|| not_found("The resource you requested does not exist."))?;
        Ok(json!({ "Policy": policy.text(|id| self.is_gone(id)), "RevisionId": policy.revision }).into())
    }
}

impl Lambda {
    /// Whether the user or role with this unique id is there no more.
    pub(super) fn is_gone(&self, id: &str) -> bool {
        !self.inner.roles.principal_exists(id)
    }
}

fn invalid_principal() -> ApiError {
    invalid("The provided principal was invalid. Please check the principal and try again.")
}

/// The `Principal` element, and the ARN of the user, role or session in it, which must exist.
fn principal(text: &str) -> Result<(Value, Option<String>), ApiError> {
    if text == "*" {
        return Ok(("*".into(), None));
    }
    if text.len() == 12 && is_number(text) {
        return Ok((json!({ "AWS": format!("arn:aws:iam::{text}:root") }), None));
    }
    if let Ok(arn) = arn::Arn::parse(text) {
        let account = arn::AccountId::new(&arn.account).is_ok();
        let resource = arn.resource.as_str();
        let identity = match arn.service.as_str() {
            "iam" if resource == "root" => None,
            "iam" if resource.starts_with("user/") || resource.starts_with("role/") => Some(text.to_owned()),
            "sts" if resource.starts_with("assumed-role/") || resource.starts_with("federated-user/") => {
                Some(text.to_owned())
            }
            _ => return Err(invalid_principal()),
        };
        if !account || !arn.region.is_empty() {
            return Err(invalid_principal());
        }
        return Ok((json!({ "AWS": text }), identity));
    }
    // Services outside the names of AWS (the Alexa Skills Kit's own templates: ask-cli, basic-lambda.yaml).
    if ["alexa-appkit.amazon.com", "alexa-connectedhome.amazon.com"].contains(&text) {
        return Ok((json!({ "Service": text }), None));
    }
    // AWS knows its services by name; any host name of theirs is taken here.
    let service = text.strip_suffix(".amazonaws.com").or_else(|| text.strip_suffix(".amazonaws.com.cn"));
    let label = |l: &str| {
        !l.is_empty() && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match service {
        Some(service) if service.split('.').all(label) => Ok((json!({ "Service": text }), None)),
        _ => Err(invalid_principal()),
    }
}

/// The statement's JSON with its members in AWS's order. `SourceArn` is taken with any principal: AWS does not say that
/// such a grant never matches (facts/iam.md 8).
fn statement(call: &Call, principal: &Value, resource: &str) -> Result<String, ApiError> {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut conditions: Vec<(&str, Vec<String>)> = Vec::new();
    let mut add = |operator: &'static str, key: &str, value: &str| {
        let entry = format!("{}:{}", quoted(key), quoted(value));
        match conditions.iter_mut().find(|(o, _)| *o == operator) {
            Some((_, entries)) => entries.push(entry),
            None => conditions.push((operator, vec![entry])),
        }
    };
    for (member, key) in [
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ] {
        if let Some(value) = call.text(member) {
            add("StringEquals", key, value);
        }
    }
    if call.input.get("InvokedViaFunctionUrl").and_then(Value::as_bool).unwrap_or(false) {
        add("Bool", "lambda:InvokedViaFunctionUrl", "true");
    }
    if let Some(arn) = call.text("SourceArn") {
        add("ArnLike", "AWS:SourceArn", arn);
    }
    let mut text = format!(
        r#"{{"Sid":{},"Effect":"Allow","Principal":{principal},"Action":{},"Resource":{}"#,
        quoted(call.required("StatementId")),
        quoted(call.required("Action")),
        quoted(resource),
    );
    if !conditions.is_empty() {
        let blocks: Vec<String> = conditions
            .iter()
            .map(|(o, entries)| format!("{}:{{{}}}", quoted(o), entries.join(",")))
            .collect();
        text.push_str(&format!(r#","Condition":{{{}}}"#, blocks.join(",")));
    }
    text.push('}');
    Ok(text)
}

/// The revision of what the policy belongs to; AWS's texts when that does not exist (recorded:
/// `TestLambdaPermissions::test_permission_exceptions`).
fn exists(read: &impl Read, name: &FunctionName) -> Result<String, Failed> {
    if view::function(read, name)?.is_none() {
        return Err(no_function(&name.arn()).into());
    }
    if let Some((_, target)) = view::target(read, name)? {
        return Ok(match target {
            Target::One(config) => config.revision,
            Target::Alias { alias, .. } => alias.revision,
        });
    }
    let qualifier = name.qualifier.as_deref().unwrap_or_default();
    let arn = name.qualified_arn();
    if is_number(qualifier) || qualifier.contains('$') {
        return Err(no_function(&arn).into());
    }
    Err(not_found(format!("Cannot find alias arn: {arn}")).into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::control::testing::{call, root, with, world};

    fn grant(more: Value) -> Value {
        let base = json!({
            "FunctionName": "users", "StatementId": "s1", "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
        });
        with(base, more)
    }

    #[test]
    fn the_statement_is_aws_s_to_the_byte() {
        let world = world();
        world.create("users");
        let arn = "arn:aws:execute-api:us-east-1:222222222222:abc/*/*";
        let more = json!({ "SourceArn": arn, "SourceAccount": "222222222222" });
        assert_eq!(
            world.ok("AddPermission", grant(more))["Statement"],
            r#"{"Sid":"s1","Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:111111111111:function:users","Condition":{"StringEquals":{"AWS:SourceAccount":"222222222222"},"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:us-east-1:222222222222:abc/*/*"}}}"#
        );
        let got = world.ok("GetPolicy", json!({ "FunctionName": "users" }));
        let policy = got["Policy"].as_str().unwrap();
        assert!(
            policy.starts_with(r#"{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s1","#),
            "{policy}"
        );
        assert!(got["RevisionId"].is_string());
    }

    #[test]
    fn the_grant_of_the_seed_is_accepted_as_written() {
        let world = world();
        world.create("users");
        let more = json!({
            "Principal": "arn:aws:iam::222222222222:root",
            "SourceArn": "arn:aws:execute-api:us-east-1:222222222222:api-id/stage/*/*",
        });
        let statement = world.ok("AddPermission", grant(more));
        let statement: Value = serde_json::from_str(statement["Statement"].as_str().unwrap()).unwrap();
        assert_eq!(statement["Principal"], json!({ "AWS": "arn:aws:iam::222222222222:root" }));
        assert_eq!(
            statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            "arn:aws:execute-api:us-east-1:222222222222:api-id/stage/*/*"
        );
    }

    #[test]
    fn principals() {
        let world = world();
        world.create("users");
        let mut number = 0;
        let mut check = |principal: &str, expected: Option<Value>| {
            number += 1;
            let more = json!({ "Principal": principal, "StatementId": format!("s{number}") });
            let got = world.run("AddPermission", grant(more));
            let got =
                got.map(|r| serde_json::from_str::<Value>(r.output["Statement"].as_str().unwrap()).unwrap());
            match expected {
                Some(expected) => assert_eq!(got.unwrap()["Principal"], expected, "{principal}"),
                None => assert_eq!(
                    got.unwrap_err().message.unwrap(),
                    "The provided principal was invalid. Please check the principal and try again.",
                    "{principal}"
                ),
            }
        };
        check("*", Some("*".into()));
        check("222222222222", Some(json!({ "AWS": "arn:aws:iam::222222222222:root" })));
        check(
            "arn:aws:iam::222222222222:role/a/b",
            Some(json!({ "AWS": "arn:aws:iam::222222222222:role/a/b" })),
        );
        check("alexa-appkit.amazon.com", Some(json!({ "Service": "alexa-appkit.amazon.com" })));
        check("logs.us-east-1.amazonaws.com", Some(json!({ "Service": "logs.us-east-1.amazonaws.com" })));
        check("arn:aws:iam::222222222222:role/gone", None);
        check("arn:aws:s3:::bucket", None);
        check("invalid.nonaws.com", None);
        check("users", None);
    }

    #[test]
    fn who_is_gone_stands_as_a_unique_id_and_spoils_later_grants() {
        let world = world();
        world.create("users");
        let more = json!({ "Principal": "arn:aws:iam::222222222222:role/leaver", "StatementId": "s9" });
        world.ok("AddPermission", grant(more));
        let policy = world.ok("GetPolicy", json!({ "FunctionName": "users" }));
        let policy = policy["Policy"].as_str().unwrap();
        assert!(policy.contains(r#""Principal":{"AWS":"AROALEAVERGONE"}"#), "{policy}");
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        let compiled = world.lambda.function_policy(arn).unwrap().unwrap();
        assert!(compiled.text.contains("AROALEAVERGONE"), "{}", compiled.text);
        let text = "The provided principal was invalid. Please check the principal and try again.";
        assert_eq!(world.refused("AddPermission", grant(json!({}))).1, text);
    }

    /// TestLambdaPermissions::test_permission_exceptions and test_remove_multi_permissions.
    #[test]
    fn refusals_in_the_recorded_words() {
        let world = world();
        world.create("users");
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        let add = |more| world.refused("AddPermission", grant(more)).1;
        let remove = |more| world.refused("RemovePermission", with(json!({ "StatementId": "x" }), more)).1;
        assert_eq!(
            add(json!({ "Qualifier": "$LATEST" })),
            "We currently do not support adding policies for $LATEST."
        );
        assert_eq!(add(json!({ "Qualifier": "42" })), format!("Function not found: {arn}:42"));
        assert_eq!(add(json!({ "Qualifier": "live" })), format!("Cannot find alias arn: {arn}:live"));
        assert_eq!(add(json!({ "Qualifier": "with-$" })), format!("Function not found: {arn}:with-$"));
        assert_eq!(
            remove(json!({ "FunctionName": "users" })),
            "No policy is associated with the given resource."
        );
        assert_eq!(
            remove(json!({ "FunctionName": "none" })),
            "No policy found for: arn:aws:lambda:us-east-1:111111111111:function:none"
        );
        assert_eq!(
            world.refused("GetPolicy", json!({ "FunctionName": "users" })).1,
            "The resource you requested does not exist."
        );
        world.ok("AddPermission", grant(json!({})));
        assert_eq!(
            add(json!({})),
            "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing \
             statement."
        );
        assert_eq!(
            remove(json!({ "FunctionName": "users" })),
            "Statement x is not found in resource policy."
        );
        assert_eq!(
            world.refused("AddPermission", grant(json!({ "StatementId": "s2", "RevisionId": "old" }))).0,
            "PreconditionFailedException"
        );
        world.run("RemovePermission", json!({ "FunctionName": "users", "StatementId": "s1" })).unwrap();
        assert_eq!(
            world.refused("GetPolicy", json!({ "FunctionName": "users" })).1,
            "The resource you requested does not exist."
        );
    }

    #[test]
    fn a_policy_belongs_to_its_qualifier_alone() {
        let world = world();
        world.create("users");
        world.ok("PublishVersion", json!({ "FunctionName": "users" }));
        world.ok("AddPermission", grant(json!({ "Qualifier": "1" })));
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        let policy = world.ok("GetPolicy", json!({ "FunctionName": "users:1" }));
        assert!(policy["Policy"].as_str().unwrap().contains(&format!(r#""Resource":"{arn}:1""#)));
        assert!(world.lambda.function_policy(&format!("{arn}:1")).unwrap().is_some());
        assert!(world.lambda.function_policy(arn).unwrap().is_none());
        assert!(world.lambda.function_policy(&format!("{arn}:$LATEST")).unwrap().is_none());
    }

    #[test]
    fn a_compiled_policy_follows_the_stored_one() {
        let world = world();
        world.create("users");
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:users";
        assert!(world.lambda.function_policy(arn).unwrap().is_none());
        world.ok("AddPermission", grant(json!({})));
        let policy = world.lambda.function_policy(arn).unwrap().unwrap();
        assert_eq!(policy.name, "policy of function users");
        world.ok("AddPermission", grant(json!({ "StatementId": "s2" })));
        assert!(world.lambda.function_policy(arn).unwrap().unwrap().text.contains("s2"));
        let checks =
            world.lambda.checks(&call("Invoke", json!({ "FunctionName": "users" })), &root("111111111111"));
        assert!(checks.unwrap()[0].resource_policy.is_some());
    }

    #[test]
    fn a_policy_has_at_most_20_kilobytes() {
        let world = world();
        world.create("users");
        let source = format!("arn:aws:execute-api:us-east-1:222222222222:{}", "x".repeat(900));
        let errors: Vec<String> = (0..30)
            .filter_map(|n| {
                let more = json!({ "StatementId": format!("s{n}"), "SourceArn": source });
                world.run("AddPermission", grant(more)).err().map(|e| e.code)
            })
            .collect();
        assert!(
            !errors.is_empty() && errors.iter().all(|c| c == "PolicyLengthExceededException"),
            "{errors:?}"
        );
    }
}
