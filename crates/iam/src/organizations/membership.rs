//! What an organization imposes on an account: its SCPs and RCPs by level, compiled once and shared, and the values
//! of the condition keys `aws:PrincipalOrgID` and their like.

use std::sync::Arc;

use arn::AccountId;
use policy::{Policy, PolicyKind};
use store::Read;

use super::kinds::{RCP, SCP};
use super::model::Organization;
use crate::Iam;
use crate::documents;
use crate::error::Fail;

/// Where an account stands in its organization, and the policies that come down on it.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// `o-…`.
    pub organization: String,
    /// The management account: who can change any of this.
    pub management: String,
    /// `o-…/r-…/ou-…/`: down to what the account is in.
    pub path: String,
    /// Root, each organizational unit, account.
    pub levels: Vec<Level>,
    /// SCPs by level; empty where none bind: in the management account, and while the type is not enabled.
    pub scp: Vec<Vec<Arc<Policy>>>,
    /// RCPs by level; empty as for SCPs.
    pub rcp: Vec<Vec<Arc<Policy>>>,
}

/// A root, unit or account with what is attached to it.
#[derive(Clone, Debug)]
pub struct Level {
    /// `r-…`, `ou-…` or the account's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Ids of the SCPs on it, in the order of [`Membership::scp`].
    pub scp: Vec<String>,
    /// Ids of the RCPs on it, in the order of [`Membership::rcp`].
    pub rcp: Vec<String>,
}

impl Level {
    /// For example `organizational unit Sandbox (ou-…)`.
    #[must_use]
    pub fn words(&self) -> String {
        match self.id.split_once('-') {
            Some(("r", _)) => format!("the root ({})", self.id),
            Some(("ou", _)) => format!("organizational unit {} ({})", self.name, self.id),
            _ => format!("account {}", self.id),
        }
    }
}

fn compile(
    store: &impl Read,
    organization: &Organization,
    level: &Level,
    ids: &[String],
    kind: PolicyKind,
) -> Result<Vec<Arc<Policy>>, Fail> {
    let word = if kind == PolicyKind::Rcp { "resource control policy" } else { "service control policy" };
    let mut compiled = Vec::new();
    for id in ids {
        if let Some(policy) = organization.policy(store, id)? {
            let shown = format!("{word} {} ({id}) on {}", policy.name, level.words());
            compiled.push(Arc::new(documents::compile(shown, &policy.content, kind)?));
        }
    }
    Ok(compiled)
}

fn read(store: &impl Read, account: &str) -> Result<Membership, Fail> {
    let Some(organization) = Organization::of(store, account)? else { return Ok(Membership::default()) };
    let attached = |id: &str, kind: &str| organization.attached(id, kind).map(str::to_owned).collect();
    let level = |id: &&str| Level {
        id: (*id).to_owned(),
        name: organization.title(id).to_owned(),
        scp: attached(id, SCP),
        rcp: attached(id, RCP),
    };
    let levels: Vec<Level> = organization.line(account).iter().map(level).collect();
    let enabled = |kind: &str| organization.enabled.iter().any(|enabled| enabled == kind);
    let (mut scp, mut rcp) = (Vec::new(), Vec::new());
    // "SCPs don't affect users or roles in the management account", nor do RCPs its resources (User Guide,
    // orgs_manage_policies_scps, orgs_manage_policies_rcps).
    if account != organization.management {
        for level in &levels {
            if enabled(SCP) {
                scp.push(compile(store, &organization, level, &level.scp, PolicyKind::Scp)?);
            }
            if enabled(RCP) {
                rcp.push(compile(store, &organization, level, &level.rcp, PolicyKind::Rcp)?);
            }
        }
    }
    let above = organization.parent(account).unwrap_or(&organization.root);
    Ok(Membership {
        path: organization.path(above),
        organization: organization.id.clone(),
        management: organization.management.clone(),
        levels,
        scp,
        rcp,
    })
}

impl Iam {
    /// See [`Iam::membership`].
    pub(crate) fn find_membership(&self, account: &AccountId) -> Result<Option<Arc<Membership>>, Fail> {
        // Accounts of no organization are kept too: most are, and every request asks.
        let load = || self.read(|store| read(store, account.as_str())).map(Some);
        let found = self.inner.memberships.get(&self.inner.store, account.as_str(), load)?;
        Ok(found.filter(|membership| !membership.organization.is_empty()))
    }
}
