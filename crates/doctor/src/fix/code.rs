//! Code for what is set on a resource that exists, in the form in which people keep it.

use serde_json::Value;

use super::{cloudformation, document, terraform};

/// Terraform: one attribute of a resource whose other attributes stand where it is made.
#[must_use]
pub fn terraform(account: &str, kind: &str, name: &str, attribute: &str, value: &Value) -> String {
    terraform_of(account, kind, name, attribute, &terraform::escape(&document::pretty(value, 2)))
}

/// The same for an attribute that holds a policy document.
#[must_use]
pub fn terraform_document(account: &str, kind: &str, name: &str, attribute: &str, value: &Value) -> String {
    terraform_of(account, kind, name, attribute, &terraform::encoded(value))
}

fn terraform_of(account: &str, kind: &str, name: &str, attribute: &str, value: &str) -> String {
    format!(
        "# account {account}\n# to set on the resource that makes it, or, by its name there, in a file *_override.tf\n\
         resource \"{kind}\" \"{}\" {{\n  {attribute} = {value}\n}}\n",
        terraform::label(name)
    )
}

/// CloudFormation: properties of a resource whose other properties stand where it is made.
#[must_use]
pub fn cloudformation(account: &str, kind: &str, name: &str, properties: &[(&str, Value)]) -> String {
    let head = format!("# account {account}\n# properties to set on the resource that makes it\n");
    head + &cloudformation::resource(kind, name, properties)
}
