//! A change as Terraform code for the AWS provider 5, to be pasted and applied.

use serde_json::{Value, json};

use super::change::{Change, Permission, Place, Said, last};
use super::document::pretty;

/// The code; `None` for a session's policy, which Terraform does not make.
pub(crate) fn write(change: &Change) -> Option<String> {
    let account = format!("# account {}\n", change.account);
    Some(match &change.place {
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
        // The provider's version 5 has no `invoked_via_function_url`.
        Place::Permission(permission) if permission.via_url => return None,
        Place::Permission(permission) => account + &lambda_permission(permission),
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
        Place::Session { .. } => return None,
    })
}

/// What the code says the policy becomes.
pub(crate) fn read(code: &str, of: &Change) -> Option<Said> {
    let Place::Permission(permission) = &of.place else {
        let from = code.split_once("jsonencode(")?.1;
        let until = from.split_once("\n  })")?.0;
        return serde_json::from_str(&unescape(&format!("{until}\n  }}"))).ok().map(Said::Document);
    };
    let attribute = |name: &str| -> Option<String> {
        let line = code.lines().find(|l| l.trim_start().split([' ', '=']).next() == Some(name))?;
        serde_json::from_str(&unescape(line.split_once('=')?.1.trim())).ok()
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
    })))
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
    format!("# region {}\nresource \"aws_lambda_permission\" \"{label}\" {{\n{lines}}}\n", permission.region)
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

fn label(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // A label begins with a letter or an underscore.
    if clean.starts_with(|c: char| c.is_ascii_digit()) { format!("_{clean}") } else { clean }
}

fn text(text: &str) -> String {
    escape(&json!(text).to_string())
}

fn encoded(document: &Value) -> String {
    format!("jsonencode({})", escape(&pretty(document, 2)))
}

/// HCL reads JSON texts as its own, but for its templates and two escapes that it does not know.
fn escape(json: &str) -> String {
    json.replace("${", "$${").replace("%{", "%%{").replace("\\b", "\\u0008").replace("\\f", "\\u000c")
}

fn unescape(code: &str) -> String {
    code.replace("$${", "${").replace("%%{", "%{")
}
