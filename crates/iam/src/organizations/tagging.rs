//! Tags of roots, units, accounts, policies and the resource policy.

use serde_json::json;
use store::Writer;

use super::access::enter;
use super::fail::{constraint, invalid, no_target};
use super::listing::page;
use super::model::{OrgPolicy, Organization};
use super::{ORGANIZATIONS, names};
use crate::error::Fail;
use crate::model::Tag;
use crate::ops::{Op, Output, nothing};
use crate::tags;

/// Tags of one thing (User Guide, orgs_reference_limits).
const MOST: usize = 50;

/// The `Tags` of a call, checked.
pub(crate) fn sent(op: &Op<'_>) -> Result<Vec<Tag>, Fail> {
    let sent = tags::sent(op.call);
    merged(&[], sent)
}

fn merged(old: &[Tag], new: Vec<Tag>) -> Result<Vec<Tag>, Fail> {
    let mut all = old.to_vec();
    for (i, tag) in new.iter().enumerate() {
        if new.iter().take(i).any(|other| other.key.eq_ignore_ascii_case(&tag.key)) {
            return Err(invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached."));
        }
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                format!("You specified the tag key `{}`: keys that begin with aws: are reserved.", tag.key),
            ));
        }
        all.retain(|other| other.key != tag.key);
        all.push(tag.clone());
    }
    if all.len() > MOST {
        return Err(constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the maximum number of tags."));
    }
    Ok(all)
}

impl Organization {
    /// Tags of what is stored in the tree.
    pub(crate) fn tags(&self, id: &str) -> Option<&[Tag]> {
        let policy = || self.resource_policy.as_ref().filter(|p| p.id == id).map(|p| p.tags.as_slice());
        let unit = || self.units.get(id).map(|unit| unit.tags.as_slice());
        let account = || self.accounts.get(id).map(|member| member.tags.as_slice());
        let root = (id == self.root).then_some(self.root_tags.as_slice());
        root.or_else(unit).or_else(account).or_else(policy)
    }

    fn tags_mut(&mut self, id: &str) -> Option<&mut Vec<Tag>> {
        if id == self.root {
            return Some(&mut self.root_tags);
        }
        if let Some(unit) = self.units.get_mut(id) {
            return Some(&mut unit.tags);
        }
        if let Some(member) = self.accounts.get_mut(id) {
            return Some(&mut member.tags);
        }
        self.resource_policy.as_mut().filter(|policy| policy.id == id).map(|policy| &mut policy.tags)
    }
}

fn change(op: &Op<'_>, with: impl Fn(&[Tag]) -> Result<Vec<Tag>, Fail>) -> Output {
    let id = op.required("ResourceId");
    op.iam.write(|store: &mut Writer<'_>| {
        let mut organization = enter(op, store)?;
        let key = names::policy(&organization.id, id);
        if let Some(mut policy) = store.get::<OrgPolicy>(ORGANIZATIONS, &key)? {
            policy.tags = with(&policy.tags)?;
            store.put(ORGANIZATIONS, &key, &policy)?;
            return nothing();
        }
        let tags = organization.tags_mut(id).ok_or_else(no_target)?;
        *tags = with(tags)?;
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    change(op, |old| merged(old, tags::sent(op.call)))
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    let keys = tags::sent_keys(op.call);
    change(op, |old| Ok(old.iter().filter(|tag| !keys.contains(&tag.key)).cloned().collect()))
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    let id = op.required("ResourceId");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let found = match organization.tags(id) {
            Some(tags) => tags.to_vec(),
            None => match organization.policy(store, id)? {
                Some(policy) => policy.tags,
                None => return Err(no_target()),
            },
        };
        page(op, "Tags", found.into_iter().map(|tag| (tag.key.clone(), json!(tag))).collect())
    })
}
