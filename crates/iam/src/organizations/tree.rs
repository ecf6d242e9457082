//! The tree: root, organizational units, accounts; and which policies are where in it.

use store::{Read, Writer};

use super::kinds;
use super::model::{Attached, OrgPolicy, Organization};
use super::{ORGANIZATIONS, names};
use crate::error::Fail;

/// Levels of organizational units below the root (User Guide, orgs_reference_limits).
pub(crate) const DEEPEST: usize = 5;

impl Organization {
    /// The organization of an account.
    pub(crate) fn of(store: &impl Read, account: &str) -> Result<Option<Self>, Fail> {
        let Some(id) = store.one::<String>(ORGANIZATIONS, &names::member(account))? else { return Ok(None) };
        Self::find(store, &id)
    }

    pub(crate) fn find(store: &impl Read, id: &str) -> Result<Option<Self>, Fail> {
        Ok(store.one(ORGANIZATIONS, &names::organization(id))?)
    }

    pub(crate) fn save(&self, store: &mut Writer<'_>) -> Result<(), Fail> {
        Ok(store.put(ORGANIZATIONS, &names::organization(&self.id), self)?)
    }

    /// Whether this is the root or a unit: what can hold accounts.
    pub(crate) fn is_parent(&self, id: &str) -> bool {
        id == self.root || self.units.contains_key(id)
    }

    /// Whether policies can be attached to this.
    pub(crate) fn is_target(&self, id: &str) -> bool {
        self.is_parent(id) || self.accounts.contains_key(id)
    }

    pub(crate) fn parent(&self, id: &str) -> Option<&str> {
        let unit = self.units.get(id).map(|unit| unit.parent.as_str());
        unit.or_else(|| self.accounts.get(id).map(|member| member.parent.as_str()))
    }

    /// From the root down to `id`, both included.
    pub(crate) fn line<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        let mut line = vec![id];
        let mut at = id;
        while let Some(parent) = self.parent(at)
            // A damaged document must not hang a request.
            && line.len() < DEEPEST + 3
        {
            line.push(parent);
            at = parent;
        }
        line.reverse();
        line
    }

    /// `o-…/r-…/ou-…/`: the form of `aws:PrincipalOrgPaths` and of the paths that the API shows.
    pub(crate) fn path(&self, id: &str) -> String {
        let mut path = format!("{}/", self.id);
        for part in self.line(id) {
            path += part;
            path.push('/');
        }
        path
    }

    /// What people call it.
    pub(crate) fn title<'a>(&'a self, id: &'a str) -> &'a str {
        let unit = self.units.get(id).map(|unit| unit.name.as_str());
        let account = || self.accounts.get(id).map(|member| member.name.as_str());
        unit.or_else(account).unwrap_or("Root")
    }

    /// The policies of a type on a root, unit or account.
    pub(crate) fn attached(&self, target: &str, kind: &str) -> impl Iterator<Item = &str> {
        let all = self.attached.get(target).into_iter().flatten();
        all.filter(move |a| a.kind == kind).map(|a| a.policy.as_str())
    }

    pub(crate) fn attach(&mut self, target: &str, policy: &str, kind: &str) {
        let attached = Attached { policy: policy.to_owned(), kind: kind.to_owned() };
        self.attached.entry(target.to_owned()).or_default().push(attached);
    }

    /// Puts on a new root, unit or account what AWS puts there.
    pub(crate) fn attach_defaults(&mut self, target: &str) {
        for kind in self.enabled.clone() {
            if let Some(policy) = kinds::default_policy(&kind) {
                self.attach(target, policy, &kind);
            }
        }
    }

    /// Root, units and accounts.
    pub(crate) fn targets(&self) -> Vec<String> {
        let units = self.units.keys().chain(self.accounts.keys()).cloned();
        std::iter::once(self.root.clone()).chain(units).collect()
    }

    /// A policy of this organization, AWS's own included.
    pub(crate) fn policy(&self, store: &impl Read, id: &str) -> Result<Option<OrgPolicy>, Fail> {
        match kinds::aws_policy(id) {
            Some(policy) => Ok(Some(policy)),
            None => Ok(store.one(ORGANIZATIONS, &names::policy(&self.id, id))?),
        }
    }

    /// Takes an account out of the tree.
    pub(crate) fn remove(&mut self, store: &mut Writer<'_>, account: &str) -> Result<(), Fail> {
        self.accounts.remove(account);
        self.attached.remove(account);
        self.delegated.remove(account);
        store.delete(ORGANIZATIONS, &names::member(account))?;
        Ok(())
    }
}
