//! What is stored of an organization. The tree is one document, so that every change to it is one write and every
//! reader sees a tree that hangs together; policy texts are documents of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::Tag;

/// An organization with its tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Organization {
    /// `o-…`.
    pub(crate) id: String,
    /// The management account.
    pub(crate) management: String,
    /// `ALL` or `CONSOLIDATED_BILLING`.
    pub(crate) feature_set: String,
    /// `r-…`: an organization has one root.
    pub(crate) root: String,
    #[serde(default)]
    pub(crate) root_tags: Vec<Tag>,
    /// Policy types enabled in the root, in order of enabling.
    #[serde(default)]
    pub(crate) enabled: Vec<String>,
    /// Organizational units by id.
    #[serde(default)]
    pub(crate) units: BTreeMap<String, Unit>,
    /// Every account, the management account among them.
    #[serde(default)]
    pub(crate) accounts: BTreeMap<String, Member>,
    /// By the id of a root, unit or account, in order of attachment.
    #[serde(default)]
    pub(crate) attached: BTreeMap<String, Vec<Attached>>,
    /// Service principals with trusted access, and since when.
    #[serde(default)]
    pub(crate) services: BTreeMap<String, i64>,
    /// Delegated administrators: for which service principals, and since when.
    #[serde(default)]
    pub(crate) delegated: BTreeMap<String, BTreeMap<String, i64>>,
    /// Features of centralized root access that are enabled.
    #[serde(default)]
    pub(crate) root_features: BTreeSet<String>,
    #[serde(default)]
    pub(crate) resource_policy: Option<ResourcePolicy>,
    /// Requests to create accounts, oldest first.
    #[serde(default)]
    pub(crate) requests: Vec<AccountRequest>,
}

/// An organizational unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unit {
    pub(crate) name: String,
    /// A root or unit.
    pub(crate) parent: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// An account of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) email: String,
    /// `ACTIVE` or `SUSPENDED` (closed).
    pub(crate) status: String,
    /// `INVITED` or `CREATED`.
    pub(crate) joined_method: String,
    pub(crate) joined_ms: i64,
    /// A root or unit.
    pub(crate) parent: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// A policy on a root, unit or account. The type stands here too, so that counting by type reads no policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attached {
    pub(crate) policy: String,
    pub(crate) kind: String,
}

/// A policy of any type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OrgPolicy {
    /// `p-…`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// `SERVICE_CONTROL_POLICY`, ….
    pub(crate) kind: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    #[serde(default)]
    pub(crate) updated_ms: i64,
}

/// The organization's resource-based delegation policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    /// `rp-…`.
    pub(crate) id: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// A request to create an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountRequest {
    /// `car-…`.
    pub(crate) id: String,
    pub(crate) name: String,
    /// `SUCCEEDED` or `FAILED`: the work is done in the request's own transaction.
    pub(crate) state: String,
    pub(crate) at_ms: i64,
    #[serde(default)]
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// A handshake between an organization and an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Handshake {
    /// `h-…`.
    pub(crate) id: String,
    pub(crate) organization: String,
    pub(crate) management: String,
    /// `INVITE`, `ENABLE_ALL_FEATURES` or `APPROVE_ALL_FEATURES`.
    pub(crate) action: String,
    /// `REQUESTED`, `OPEN`, `ACCEPTED`, `CANCELED` or `DECLINED`; whether it has expired follows from the time.
    pub(crate) state: String,
    pub(crate) requested_ms: i64,
    pub(crate) expires_ms: i64,
    /// The account that is asked; for `ENABLE_ALL_FEATURES` the management account.
    pub(crate) account: String,
    #[serde(default)]
    pub(crate) notes: Option<String>,
    /// Tags that the account gets when it joins.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// For `APPROVE_ALL_FEATURES`: the handshake it belongs to.
    #[serde(default)]
    pub(crate) parent: Option<String>,
}
