//! How the parts of an organization look in answers.

use serde_json::{Value, json};

use super::kinds;
use super::model::{AccountRequest, Handshake, Member, OrgPolicy, Organization};
use super::names::handshake_arn;
use crate::render::seconds;

impl Organization {
    pub(crate) fn shown(&self) -> Value {
        let management = &self.management;
        let mut shown = json!({
            "Id": self.id,
            "Arn": self.arn(),
            "FeatureSet": self.feature_set,
            "MasterAccountId": management,
            "MasterAccountArn": self.account_arn(management),
            "MasterAccountEmail": self.accounts.get(management).map(|account| account.email.as_str()),
        });
        // "Do not use. This field is deprecated": it is the same in every organization with all features (API
        // Reference, Organization; examples of CreateOrganization). What is enabled is told by ListRoots.
        shown["AvailablePolicyTypes"] = match self.feature_set.as_str() {
            "ALL" => json!([{ "Type": kinds::SCP, "Status": "ENABLED" }]),
            _ => json!([]),
        };
        shown
    }

    pub(crate) fn root_shown(&self) -> Value {
        let types: Vec<Value> =
            self.enabled.iter().map(|kind| json!({ "Type": kind, "Status": "ENABLED" })).collect();
        json!({ "Id": self.root, "Arn": self.target_arn(&self.root), "Name": "Root", "PolicyTypes": types })
    }

    pub(crate) fn unit_shown(&self, id: &str) -> Value {
        json!({ "Id": id, "Arn": self.target_arn(id), "Name": self.title(id), "Path": self.path(id) })
    }

    pub(crate) fn account_shown(&self, id: &str, member: &Member) -> Value {
        json!({
            "Id": id,
            "Arn": self.account_arn(id),
            "Email": member.email,
            "Name": member.name,
            "Status": member.status,
            "State": member.status,
            "Paths": [self.path(id)],
            "JoinedMethod": member.joined_method,
            "JoinedTimestamp": seconds(member.joined_ms),
        })
    }

    pub(crate) fn policy_shown(&self, policy: &OrgPolicy) -> Value {
        json!({
            "Id": policy.id,
            "Arn": self.policy_arn(policy),
            "Name": policy.name,
            "Description": policy.description,
            "Type": policy.kind,
            "AwsManaged": kinds::aws_policy(&policy.id).is_some(),
        })
    }
}

pub(crate) fn request(request: &AccountRequest, state: &str) -> Value {
    let mut shown = json!({
        "Id": request.id,
        "AccountName": request.name,
        "State": state,
        "RequestedTimestamp": seconds(request.at_ms),
    });
    if state != "IN_PROGRESS" {
        shown["CompletedTimestamp"] = seconds(request.at_ms);
        if let Some(account) = &request.account {
            shown["AccountId"] = json!(account);
        }
        if let Some(reason) = &request.reason {
            shown["FailureReason"] = json!(reason);
        }
    }
    shown
}

pub(crate) fn handshake(shake: &Handshake, organization: Option<&Organization>, now_ms: i64) -> Value {
    let mut resources = Vec::new();
    let mut about = json!({ "Type": "ORGANIZATION", "Value": shake.organization });
    if let Some(organization) = organization
        && let Some(management) = organization.accounts.get(&shake.management)
    {
        about["Resources"] = json!([
            { "Type": "MASTER_EMAIL", "Value": management.email },
            { "Type": "MASTER_NAME", "Value": management.name },
            { "Type": "ORGANIZATION_FEATURE_SET", "Value": organization.feature_set },
        ]);
    }
    resources.push(about);
    if shake.action != "ENABLE_ALL_FEATURES" {
        resources.push(json!({ "Type": "ACCOUNT", "Value": shake.account }));
    }
    if let Some(notes) = &shake.notes {
        resources.push(json!({ "Type": "NOTES", "Value": notes }));
    }
    if let Some(parent) = &shake.parent {
        resources.push(json!({ "Type": "PARENT_HANDSHAKE", "Value": parent }));
    }
    // The organization's party is told by its id without `o-` in AWS's examples of handshakes.
    let mut parties =
        vec![json!({ "Id": shake.organization.trim_start_matches("o-"), "Type": "ORGANIZATION" })];
    if shake.action != "ENABLE_ALL_FEATURES" {
        parties.push(json!({ "Id": shake.account, "Type": "ACCOUNT" }));
    }
    json!({
        "Id": shake.id,
        "Arn": handshake_arn(&shake.management, &shake.organization, &shake.action, &shake.id),
        "Parties": parties,
        "State": shake.state_at(now_ms),
        "RequestedTimestamp": seconds(shake.requested_ms),
        "ExpirationTimestamp": seconds(shake.expires_ms),
        "Action": shake.action,
        "Resources": resources,
    })
}
