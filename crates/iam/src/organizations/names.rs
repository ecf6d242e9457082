//! Keys in the store, ids and ARNs (Service Authorization Reference, AWS Organizations, resource types).

use super::kinds;
use super::model::{OrgPolicy, Organization};
use crate::error::Fail;
use crate::names::random;

pub(crate) fn organization(id: &str) -> String {
    format!("organizations/{id}")
}

/// Tells the organization of an account.
pub(crate) fn member(account: &str) -> String {
    format!("members/{account}")
}

pub(crate) fn policies(organization: &str) -> String {
    format!("policies/{organization}/")
}

pub(crate) fn policy(organization: &str, id: &str) -> String {
    format!("policies/{organization}/{id}")
}

/// Ten lower-case letters and digits.
pub(crate) fn ten() -> Result<String, Fail> {
    Ok(arn::api_id(&random()?))
}

/// The first `n` of them.
pub(crate) fn some(n: usize) -> Result<String, Fail> {
    Ok(ten()?.chars().take(n).collect())
}

impl Organization {
    pub(super) fn arn_of(&self, kind: &str, rest: &str) -> String {
        format!("arn:aws:organizations::{}:{kind}/{}{rest}", self.management, self.id)
    }

    pub(crate) fn arn(&self) -> String {
        self.arn_of("organization", "")
    }

    pub(crate) fn account_arn(&self, account: &str) -> String {
        self.arn_of("account", &format!("/{account}"))
    }

    /// All policies of a type.
    pub(crate) fn policies_arn(&self, kind: &str) -> String {
        self.arn_of("policy", &format!("/{}/*", kind.to_lowercase()))
    }

    pub(crate) fn resource_policy_arn(&self, id: &str) -> String {
        self.arn_of("resourcepolicy", &format!("/{id}"))
    }

    pub(crate) fn policy_arn(&self, policy: &OrgPolicy) -> String {
        let (kind, id) = (policy.kind.to_lowercase(), &policy.id);
        if kinds::aws_policy(id).is_some() {
            return format!("arn:aws:organizations::aws:policy/{kind}/{id}");
        }
        self.arn_of("policy", &format!("/{kind}/{id}"))
    }

    /// The ARN of a root, unit or account, which may be gone.
    pub(crate) fn target_arn(&self, id: &str) -> String {
        let kind = match id.split_once('-') {
            Some(("r", _)) => "root",
            Some(("ou", _)) => "ou",
            _ => "account",
        };
        self.arn_of(kind, &format!("/{id}"))
    }
}

pub(crate) fn handshake_arn(management: &str, organization: &str, action: &str, id: &str) -> String {
    format!("arn:aws:organizations::{management}:handshake/{organization}/{}/{id}", action.to_lowercase())
}
