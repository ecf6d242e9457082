//! A change as a CloudFormation template in YAML.

use serde_json::{Map, Value, json};

use super::change::{Change, Holder, Permission, Place, Said, last};
use super::document::members;
use crate::yaml;

/// The template; `None` for a session's policy, which CloudFormation does not make.
pub(crate) fn write(change: &Change) -> Option<String> {
    let (kind, id, properties, existing) = match &change.place {
        Place::Inline { holder, name, policy, document } => {
            let (kind, member) = match holder {
                Holder::User => ("AWS::IAM::UserPolicy", "UserName"),
                Holder::Role => ("AWS::IAM::RolePolicy", "RoleName"),
                Holder::Group => ("AWS::IAM::GroupPolicy", "GroupName"),
            };
            let properties = vec![
                (member, json!(name)),
                ("PolicyName", json!(policy)),
                ("PolicyDocument", document.clone()),
            ];
            (kind, format!("{name} {policy}"), properties, false)
        }
        Place::Managed { arn, document } => {
            let properties =
                vec![("ManagedPolicyName", json!(last(arn))), ("PolicyDocument", document.clone())];
            ("AWS::IAM::ManagedPolicy", last(arn).to_owned(), properties, true)
        }
        Place::Permission(permission) => {
            let function =
                if permission.qualifier.is_some() { permission.arn() } else { permission.function.clone() };
            let mut properties = vec![
                ("FunctionName", json!(function)),
                ("Action", json!(permission.action)),
                ("Principal", json!(permission.principal)),
            ];
            let more = [
                ("SourceArn", &permission.source_arn),
                ("SourceAccount", &permission.source_account),
                ("FunctionUrlAuthType", &permission.url_auth),
            ];
            properties.extend(more.into_iter().filter_map(|(name, v)| Some((name, json!(v.as_ref()?)))));
            properties.extend(permission.via_url.then_some(("InvokedViaFunctionUrl", json!(true))));
            let id = format!("{} {}", permission.function, permission.sid);
            ("AWS::Lambda::Permission", id, properties, false)
        }
        Place::Trust { role_arn, document } => {
            let properties =
                vec![("RoleName", json!(last(role_arn))), ("AssumeRolePolicyDocument", document.clone())];
            ("AWS::IAM::Role", last(role_arn).to_owned(), properties, true)
        }
        Place::Api { api, document, .. } => {
            let properties = vec![("Policy", document.clone())];
            ("AWS::ApiGateway::RestApi", format!("api {api}"), properties, true)
        }
        Place::Session { .. } => return None,
    };
    let mut out = format!("# account {}\n", change.account);
    if existing {
        out += "# properties to set on the resource that makes it\n";
    }
    if matches!(change.place, Place::Api { .. }) {
        out += "# takes effect with the API's next deployment\n";
    }
    out += &format!("Resources:\n  {}:\n    Type: {kind}\n    Properties:\n", logical_id(&id));
    for (name, value) in properties {
        out += &format!("      {name}:{}\n", block(&value, 8));
    }
    Some(out)
}

/// What the template says the policy becomes.
pub(crate) fn read(template: &str, of: &Change) -> Option<Said> {
    let json = yaml::to_json(template).ok()?;
    let document: Value = serde_json::from_str(&json.text).ok()?;
    let resource = document.get("Resources")?.as_object()?.values().next()?.clone();
    let properties = resource.get("Properties")?;
    let Place::Permission(permission) = &of.place else {
        let document = ["PolicyDocument", "AssumeRolePolicyDocument", "Policy"]
            .iter()
            .find_map(|m| properties.get(m))?;
        return Some(Said::Document(document.clone()));
    };
    let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
    let function = text("FunctionName")?;
    let parts: Vec<&str> = function.split(':').collect();
    Some(Said::Permission(Box::new(Permission {
        partition: permission.partition.clone(),
        account: of.account.clone(),
        region: permission.region.clone(),
        function: parts.get(6).map_or_else(|| function.clone(), |name| (*name).to_owned()),
        qualifier: parts.get(7).map(|qualifier| (*qualifier).to_owned()),
        // CloudFormation makes one up.
        sid: logical_id(&permission.sid),
        action: text("Action")?,
        principal: text("Principal")?,
        source_arn: text("SourceArn"),
        source_account: text("SourceAccount"),
        url_auth: text("FunctionUrlAuthType"),
        via_url: properties.get("InvokedViaFunctionUrl") == Some(&json!(true)),
    })))
}

/// Letters and digits only.
fn logical_id(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id: String = words
        .map(|word| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default())
        .collect();
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("X{id}") }
}

/// A value after `name:` or `-`: on the same line, or as a block indented by `indent`.
fn block(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(object) if !object.is_empty() => format!("\n{}", lines(object, &pad, indent)),
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().map(|item| match item {
                Value::Object(object) if !object.is_empty() => {
                    format!("{pad}- {}", lines(object, &" ".repeat(indent + 2), indent + 2).trim_start())
                }
                other => format!("{pad}-{}", block(other, indent + 2)),
            });
            format!("\n{}", items.collect::<Vec<_>>().join("\n"))
        }
        Value::String(text) => format!(" {}", scalar(text)),
        other => format!(" {other}"),
    }
}

fn lines(object: &Map<String, Value>, pad: &str, indent: usize) -> String {
    let lines = members(object).into_iter();
    lines
        .map(|(key, value)| format!("{pad}{}:{}", scalar(key), block(value, indent + 2)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Plain where nothing can be mistaken, else quoted: YAML reads JSON's strings as its own.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.".contains(c))
        && !WORDS.contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { json!(text).to_string() }
}
