//! A change as a CloudFormation template in YAML.

use serde_json::{Map, Value, json};

use super::Code;
use super::change::{Change, Holder, Kept, LayerPermission, Permission, Place, Said, last};
use super::document::members;
use crate::yaml;

/// The template, or why there is none.
pub(crate) fn write(change: &Change) -> Code {
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
            ("AWS::Lambda::Permission", id, properties, permission.replaces)
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
        Place::Layer(permission) => {
            let version = permission.version_arn();
            let properties = vec![
                ("LayerVersionArn", json!(version)),
                ("Action", json!(permission.action)),
                ("Principal", json!(permission.principal)),
            ];
            ("AWS::Lambda::LayerVersionPermission", permission.sid.clone(), properties, false)
        }
        Place::NewBoundary { holder, name, policy, document, .. } => {
            let properties = [("ManagedPolicyName", json!(policy)), ("PolicyDocument", document.clone())];
            let kind = if *holder == Holder::Role { "AWS::IAM::Role" } else { "AWS::IAM::User" };
            let boundary = format!(
                "  # a property to set on the resource that makes the {}\n  {}:\n    Type: {kind}\n    Properties:\n      \
                 PermissionsBoundary:\n        Ref: {}\n",
                holder.word(),
                logical_id(name),
                logical_id(policy)
            );
            let made = resource("AWS::IAM::ManagedPolicy", policy, &properties);
            return Ok(format!("# account {}\n{made}{boundary}", change.account));
        }
        Place::Gone { kept, .. } => {
            return Err(match kept {
                Kept::Inline { holder, .. } => format!(
                    "in CloudFormation, delete the AWS::IAM::{}Policy, or its entry in the {}'s Policies",
                    holder.title(),
                    holder.word()
                ),
                Kept::Attached { arn, holder, .. } => {
                    format!(
                        "in CloudFormation, delete {arn} from the ManagedPolicyArns of the {}",
                        holder.word()
                    )
                }
            });
        }
        Place::Session(_) => {
            return Err(
                "CloudFormation works with the session that calls it: the session is got before".to_owned()
            );
        }
    };
    let mut out = format!("# account {}\n", change.account);
    if existing {
        out += "# properties to set on the resource that makes it\n";
    }
    if matches!(change.place, Place::Api { .. }) {
        out += "# takes effect with the API's next deployment\n";
    }
    Ok(out + &resource(kind, &id, &properties))
}

/// A template with one resource; `name` is made a logical id.
pub(crate) fn resource(kind: &str, name: &str, properties: &[(&str, Value)]) -> String {
    let mut out = format!("Resources:\n  {}:\n    Type: {kind}\n    Properties:\n", logical_id(name));
    for (name, value) in properties {
        out += &format!("      {name}:{}\n", block(value, 8));
    }
    out
}

/// The properties that hold policies.
const DOCUMENTS: [&str; 3] = ["PolicyDocument", "AssumeRolePolicyDocument", "Policy"];

/// What the template says the policy becomes.
pub(crate) fn read(template: &str, of: &Change) -> Option<Said> {
    let json = yaml::to_json(template).ok()?;
    let document: Value = serde_json::from_str(&json.text).ok()?;
    let resources = document.get("Resources")?.as_object()?;
    let of_resource = |resource: &Value| resource.get("Properties").cloned();
    let said = |properties: &Value| DOCUMENTS.iter().any(|name| properties.get(name).is_some());
    let mut all = resources.values().filter_map(of_resource);
    // A user or role beside its new boundary says nothing of the policy.
    let properties = &resources.values().filter_map(of_resource).find(said).or_else(|| all.next())?;
    if let Place::Layer(layer) = &of.place {
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let (arn, version) = text("LayerVersionArn")?.rsplit_once(':')?;
        return Some(Said::Layer(LayerPermission {
            arn: arn.to_owned(),
            version: version.to_owned(),
            principal: text("Principal")?.to_owned(),
            action: text("Action")?.to_owned(),
            ..layer.clone()
        }));
    }
    let Place::Permission(permission) = &of.place else {
        let document = DOCUMENTS.iter().find_map(|name| properties.get(name))?;
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
        // CloudFormation makes one up, for what it makes.
        sid: if permission.replaces { permission.sid.clone() } else { logical_id(&permission.sid) },
        replaces: permission.replaces,
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
