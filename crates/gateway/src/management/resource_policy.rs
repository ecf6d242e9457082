//! An API's resource policy, as it comes in and as it is shown.

use policy::PolicyKind;
use serde_json::Value;

use super::failure::{Failure, bad_request};
use crate::model::RestApi;

/// AWS's text for a policy that it cannot read (as users report it, for example hashicorp/terraform-provider-aws).
const INVALID: &str =
    "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.";

/// Bytes of a resource policy (developer guide, "Amazon API Gateway quotas").
const MOST: usize = 8_192;

/// The policy to store: `execute-api:/stage/METHOD/path` written out as a full ARN (developer guide, "API Gateway resource
/// policy examples": the short form is expanded when the policy is saved).
pub(super) fn accept(text: &str, api: &RestApi) -> Result<String, Failure> {
    accept_of(text, &api.region, &api.account, &api.id)
}

/// The same for a private custom domain name. Its ARN is `arn:aws:execute-api:REGION:ACCOUNT:/domainnames/NAME+ID` (guide,
/// "Use VPC endpoint policies for private APIs"), which the short form therefore stands for without an API's id.
pub(super) fn accept_of_domain(text: &str, region: &str, account: &str) -> Result<String, Failure> {
    accept_of(text, region, account, "")
}

fn accept_of(text: &str, region: &str, account: &str, id: &str) -> Result<String, Failure> {
    let mut document: Value = serde_json::from_str(text).map_err(|_| bad_request(INVALID))?;
    let prefix = format!("arn:{}:execute-api:{region}:{account}:{id}/", arn::Arn::partition_of(region));
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(list)) => list.iter_mut().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(bad_request(INVALID)),
    };
    let mut expanded = false;
    for statement in statements {
        for element in ["Resource", "NotResource"] {
            match statement.get_mut(element) {
                Some(Value::Array(list)) => list.iter_mut().for_each(|one| expanded |= expand(one, &prefix)),
                Some(one) => expanded |= expand(one, &prefix),
                None => {}
            }
        }
    }
    let text = if expanded { document.to_string() } else { text.to_owned() };
    check(&text)?;
    Ok(text)
}

/// Whether a resource policy can be read.
fn check(text: &str) -> Result<(), Failure> {
    if text.len() > MOST {
        // What AWS answers is not recorded.
        return Err(bad_request(format!(
            "The resource policy has {} bytes, where {MOST} are allowed.",
            text.len()
        )));
    }
    policy::validate(text, PolicyKind::Resource).map_err(|_| bad_request(INVALID)).map(drop)
}

fn expand(resource: &mut Value, prefix: &str) -> bool {
    let Some(rest) = resource.as_str().and_then(|text| text.strip_prefix("execute-api:/")) else {
        return false;
    };
    *resource = Value::String(format!("{prefix}{rest}"));
    true
}

/// The policy as API Gateway shows it: with its quotes escaped once more, which clients such as Terraform undo.
pub(super) fn shown(policy: &str) -> String {
    policy.replace('\\', "\\\\").replace('"', "\\\"")
}
