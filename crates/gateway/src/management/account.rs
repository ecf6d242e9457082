//! The account's settings in a region.

use serde_json::{Value, json};
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request};
use super::integration::check_credentials;
use super::lookup::Read;
use super::patch::{Rule, operations, permit};
use super::{Deps, lookup, quota};
use crate::model::AccountSettings;

fn key(call: &Call) -> String {
    format!("{}/{}", call.account, call.region)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| output(reader, &reader.one("gatewayAccounts", &key(call))?.unwrap_or_default()))
}

const RULES: &[Rule] = &[("/cloudwatchRoleArn", &["replace"]), ("/features", &["add", "remove"])];

pub(super) fn update(store: &Store, deps: &Deps, call: &Call) -> Result<Reply, Failure> {
    let patches = operations(call)?;
    for patch in &patches {
        if let ("/cloudwatchRoleArn", _) = permit(RULES, patch)?
            && let Some(role) = patch.non_empty()
        {
            check_credentials(&role, call)?;
            // Asked before the transaction: the answer lies in the same store.
            if deps.roles.as_ref().is_some_and(|roles| !roles.trusts(&role, "apigateway.amazonaws.com")) {
                // As users report it (hashicorp/terraform-provider-aws).
                return Err(bad_request(
                    "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.",
                ));
            }
        }
    }
    store.write(|writer| {
        let mut settings: AccountSettings =
            lookup::Read::one(writer, "gatewayAccounts", &key(call))?.unwrap_or_default();
        for patch in &patches {
            // Usage plans are the one feature, and every account has it.
            if patch.path == "/cloudwatchRoleArn" {
                settings.cloudwatch_role_arn = patch.non_empty();
            }
        }
        writer.put("gatewayAccounts", &key(call), &settings)?;
        output(writer, &settings)
    })
}

/// Throttle, features and key version are what AWS gives a new account (API reference, Account).
fn output(documents: &impl Read, settings: &AccountSettings) -> Result<Reply, Failure> {
    let mut members = lookup::members(settings)?;
    let [rate, burst] = quota::account_throttle(documents)?;
    members.insert("throttleSettings".into(), json!({ "burstLimit": burst, "rateLimit": rate as f64 }));
    members.insert("features".into(), json!(["UsagePlans"]));
    members.insert("apiKeyVersion".into(), "4".into());
    Ok(Value::Object(members).into())
}
