//! A change as Terraform code for the AWS provider 5, to be pasted and applied.

use serde_json::{Value, json};

use super::Code;
use super::change::{Change, Kept, LayerPermission, Permission, Place, Said, Session, last};
use super::document::pretty;

/// The code, or why there is none.
pub(crate) fn write(change: &Change) -> Code {
    let account = format!("# account {}\n", change.account);
    Ok(match &change.place {
        Place::Inline { holder, name, policy, document } => {
            let word = holder.word();
            let label = label(&format!("{name}_{policy}"));
            account
                + &format!(
                    "resource \"aws_iam_{word}_policy\" \"{label}\" {{\n  name   = {}\n  {word:<6} = {}\n  policy = {}\n}}\n",
                    text(policy),
                    text(name),
                    encoded(document)
                )
        }
        Place::Managed { arn, document } => {
            let label = label(last(arn));
            let (path, name) = path_and_name(arn);
            account
                + &taken_over("aws_iam_policy", &label, arn)
                + &format!(
                    "resource \"aws_iam_policy\" \"{label}\" {{\n  name   = {}\n  path   = {}\n  policy = {}\n\n  \
                     lifecycle {{\n    ignore_changes = [description, tags, tags_all]\n  }}\n}}\n",
                    text(name),
                    text(&path),
                    encoded(document)
                )
        }
        Place::Permission(permission) if permission.via_url => {
            return Err("the AWS provider 5 has no argument for InvokedViaFunctionUrl".to_owned());
        }
        Place::Permission(permission) => account + &lambda_permission(permission),
        Place::Layer(permission) => account + &layer_permission(permission),
        Place::NewBoundary { holder, name, policy, document, .. } => {
            let made = label(policy);
            account
                + &format!(
                    "resource \"aws_iam_policy\" \"{made}\" {{\n  name   = {}\n  policy = {}\n}}\n\n\
                     # to set on the resource that makes the {word}\n\
                     resource \"aws_iam_{word}\" \"{}\" {{\n  permissions_boundary = aws_iam_policy.{made}.arn\n}}\n",
                    text(policy),
                    encoded(document),
                    label(name),
                    word = holder.word(),
                )
        }
        Place::Gone { kept, .. } => {
            return Err(match kept {
                Kept::Inline { holder, .. } => {
                    format!("in Terraform, delete the aws_iam_{}_policy", holder.word())
                }
                Kept::Attached { holder, .. } => {
                    format!("in Terraform, delete the aws_iam_{}_policy_attachment", holder.word())
                }
            });
        }
        Place::Trust { role_arn, document } => {
            let label = label(last(role_arn));
            let (path, name) = path_and_name(role_arn);
            account
                + &taken_over("aws_iam_role", &label, name)
                + &format!(
                    "resource \"aws_iam_role\" \"{label}\" {{\n  name               = {}\n  path               = {}\n  \
                     assume_role_policy = {}\n\n  lifecycle {{\n    ignore_changes = [description, \
                     max_session_duration, permissions_boundary, tags, tags_all]\n  }}\n}}\n",
                    text(name),
                    text(&path),
                    encoded(document)
                )
        }
        Place::Api { api, document, .. } => {
            let label = label(&format!("api_{api}"));
            account
                + "# takes effect with the API's next deployment\n"
                + &format!(
                    "resource \"aws_api_gateway_rest_api_policy\" \"{label}\" {{\n  rest_api_id = {}\n  policy      = {}\n}}\n",
                    text(api),
                    encoded(document)
                )
        }
        Place::Session(session) => match &session.role_arn {
            Some(role_arn) => account + &assume_role(role_arn, session),
            None => {
                return Err("Terraform asks for no federation token: give it the session's keys".to_owned());
            }
        },
    })
}

/// What the code says the policy becomes.
pub(crate) fn read(code: &str, of: &Change) -> Option<Said> {
    let attribute = |name: &str| -> Option<String> {
        let line = code.lines().find(|l| l.trim_start().split([' ', '=']).next() == Some(name))?;
        serde_json::from_str(&unescape(line.split_once('=')?.1.trim())).ok()
    };
    let permission = match &of.place {
        Place::Permission(permission) => permission,
        Place::Layer(layer) => {
            return Some(Said::Layer(LayerPermission {
                arn: attribute("layer_name")?,
                version: attribute("version_number").or_else(|| plain(code, "version_number"))?,
                sid: attribute("statement_id")?,
                principal: attribute("principal")?,
                ..layer.clone()
            }));
        }
        Place::Session(session) if session.document.is_none() => {
            return (!code.contains("policy ")).then_some(Said::Nothing);
        }
        _ => {
            let from = unescape(code.split_once("jsonencode(")?.1);
            let mut values = serde_json::Deserializer::from_str(&from).into_iter::<Value>();
            return values.next()?.ok().map(Said::Document);
        }
    };
    Some(Said::Permission(Box::new(Permission {
        partition: permission.partition.clone(),
        account: of.account.clone(),
        region: permission.region.clone(),
        function: attribute("function_name")?,
        qualifier: attribute("qualifier"),
        sid: attribute("statement_id")?,
        action: attribute("action")?,
        principal: attribute("principal")?,
        source_arn: attribute("source_arn"),
        source_account: attribute("source_account"),
        url_auth: attribute("function_url_auth_type"),
        via_url: false,
        replaces: permission.replaces,
    })))
}

/// What stands after `name =` as it is.
fn plain(code: &str, name: &str) -> Option<String> {
    let line = code.lines().find(|line| line.trim_start().starts_with(name))?;
    Some(line.split_once('=')?.1.trim().to_owned())
}

fn layer_permission(permission: &LayerPermission) -> String {
    let LayerPermission { region, arn, version, sid, action, principal } = permission;
    format!(
        "# region {region}\nresource \"aws_lambda_layer_version_permission\" \"{}\" {{\n  layer_name     = {}\n  \
         version_number = {version}\n  statement_id   = {}\n  action         = {}\n  principal      = {}\n}}\n",
        label(sid),
        text(arn),
        text(sid),
        text(action),
        text(principal)
    )
}

/// The provider gets the session itself, with the keys of whoever may assume the role.
fn assume_role(role_arn: &str, session: &Session) -> String {
    let mut lines =
        format!("    role_arn     = {}\n    session_name = {}\n", text(role_arn), text(&session.name));
    if !session.managed.is_empty() {
        let arns: Vec<String> = session.managed.iter().map(|arn| text(arn)).collect();
        lines += &format!("    policy_arns  = [{}]\n", arns.join(", "));
    }
    if let Some(document) = &session.document {
        lines += &format!("    policy       = jsonencode({})\n", escape(&pretty(document, 4)));
    }
    format!("provider \"aws\" {{\n  assume_role {{\n{lines}  }}\n}}\n")
}

fn lambda_permission(permission: &Permission) -> String {
    let optional = [
        ("qualifier", &permission.qualifier),
        ("source_arn", &permission.source_arn),
        ("source_account", &permission.source_account),
        ("function_url_auth_type", &permission.url_auth),
    ];
    let required = [
        ("statement_id", &permission.sid),
        ("action", &permission.action),
        ("function_name", &permission.function),
        ("principal", &permission.principal),
    ];
    let given = optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let attributes: Vec<_> = required.into_iter().chain(given).collect();
    let width = attributes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: String =
        attributes.iter().map(|(name, value)| format!("  {name:<width$} = {}\n", text(value))).collect();
    let label = label(&format!("{}_{}", permission.function, permission.sid));
    let function = match &permission.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", permission.function),
        None => permission.function.clone(),
    };
    let import = match permission.replaces {
        true => taken_over("aws_lambda_permission", &label, &format!("{function}/{}", permission.sid)),
        false => String::new(),
    };
    import
        + &format!(
            "# region {}\nresource \"aws_lambda_permission\" \"{label}\" {{\n{lines}}}\n",
            permission.region
        )
}

/// What exists is put into Terraform's state first, so that it is changed and not made again.
fn taken_over(kind: &str, label: &str, id: &str) -> String {
    format!(
        "# drop the import where your code has this resource already, and change it there\n\
         import {{\n  to = {kind}.{label}\n  id = {}\n}}\n\n",
        text(id)
    )
}

fn path_and_name(arn: &str) -> (String, &str) {
    let name = last(arn);
    let inner = arn.rsplit(':').next().and_then(|r| r.split_once('/')).map_or("", |(_, rest)| rest);
    let folders = inner.strip_suffix(name).unwrap_or_default();
    (format!("/{folders}"), name)
}

pub(crate) fn label(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // A label begins with a letter or an underscore.
    if clean.starts_with(|c: char| c.is_ascii_digit()) { format!("_{clean}") } else { clean }
}

fn text(text: &str) -> String {
    escape(&json!(text).to_string())
}

pub(crate) fn encoded(document: &Value) -> String {
    format!("jsonencode({})", escape(&pretty(document, 2)))
}

/// HCL reads JSON texts as its own, but for its templates and two escapes that it does not know.
pub(crate) fn escape(json: &str) -> String {
    json.replace("${", "$${").replace("%{", "%%{").replace("\\b", "\\u0008").replace("\\f", "\\u000c")
}

fn unescape(code: &str) -> String {
    code.replace("$${", "${").replace("%%{", "%{")
}
