//! Instance profiles. Nothing here runs on EC2, but Terraform asks for them when it deletes a role. Texts:
//! test_iam_instance_profiles.

use serde_json::Value;

use super::{Op, Output, entities, nothing, one, tagging};
use crate::IAM;
use crate::error::{Fail, conflict, exists, no_such, quota};
use crate::model::{InstanceProfile, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, Form};
use crate::tags::{self, Case};

/// Instance profiles of an account.
const PER_ACCOUNT: usize = 1_000;

fn find(op: &Op<'_>, store: &impl Read) -> Result<InstanceProfile, Fail> {
    let name = op.required("InstanceProfileName");
    store
        .one(IAM, &names::profile(op.account(), name))?
        .ok_or_else(|| no_such(format!("Instance Profile {name} cannot be found.")))
}

fn save(op: &Op<'_>, store: &mut store::Writer<'_>, profile: &InstanceProfile) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::profile(op.account(), &profile.name), profile)?)
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let (name, path) = (op.required("InstanceProfileName"), op.path());
    op.iam.write(|store| {
        if store.get::<Value>(IAM, &names::profile(op.account(), name))?.is_some() {
            return Err(exists(format!("Instance Profile {name} already exists.")));
        }
        let there: Vec<(String, Value)> =
            store.list(IAM, &names::profiles(op.account()), None, PER_ACCOUNT)?;
        if there.len() >= PER_ACCOUNT {
            return Err(quota("InstanceProfilesPerAccount", PER_ACCOUNT));
        }
        let tags = tags::sent(op.call);
        tags::unique(&tags, Case::Kept)?;
        let profile = InstanceProfile {
            name: name.to_owned(),
            path: path.to_owned(),
            arn: op.arn("instance-profile", path, name),
            id: names::new_id("AIPA")?,
            created_ms: op.call.now_ms,
            role: None,
            tags,
        };
        save(op, store, &profile)?;
        one("InstanceProfile", render::profile(store, op.account(), &profile, Form::Created)?)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let profile = find(op, store)?;
        one("InstanceProfile", render::profile(store, op.account(), &profile, Form::Whole)?)
    })
}

fn list_where(op: &Op<'_>, keep: impl Fn(&InstanceProfile) -> bool, store: &impl Read) -> Output {
    let found: Vec<(String, InstanceProfile)> = store.all(IAM, &names::profiles(op.account()))?;
    let mut shown = Vec::new();
    for (key, profile) in found.into_iter().filter(|(_, profile)| keep(profile)) {
        shown.push((key, render::profile(store, op.account(), &profile, Form::Listed)?));
    }
    page(op.call, "InstanceProfiles", shown)
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    let prefix = op.text("PathPrefix").unwrap_or("/");
    op.iam.read(|store| list_where(op, |profile| profile.path.starts_with(prefix), store))
}

pub(crate) fn of_role(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let role = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        let name = names::folded(&role.name);
        list_where(op, |profile| profile.role.as_ref() == Some(&name), store)
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let profile = find(op, store)?;
        if profile.role.is_some() {
            return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
        }
        store.delete(IAM, &names::profile(op.account(), &profile.name))?;
        nothing()
    })
}

pub(crate) fn add_role(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut profile = find(op, store)?;
        let role = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        if profile.role.is_some() {
            return Err(quota("InstanceSessionsPerInstanceProfile", 1));
        }
        profile.role = Some(names::folded(&role.name));
        save(op, store, &profile)?;
        nothing()
    })
}

pub(crate) fn remove_role(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut profile = find(op, store)?;
        let role = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        if profile.role.as_deref() != Some(names::folded(&role.name).as_str()) {
            return Err(no_such(format!(
                "Role {} in Instance Profile {} cannot be found.",
                role.name, profile.name
            )));
        }
        profile.role = None;
        save(op, store, &profile)?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut profile = find(op, store)?;
        tags::merge(&mut profile.tags, tags::sent(op.call), Case::Kept)?;
        save(op, store, &profile)?;
        nothing()
    })
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut profile = find(op, store)?;
        tags::remove(&mut profile.tags, &tags::sent_keys(op.call), Case::Kept);
        save(op, store, &profile)?;
        nothing()
    })
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    op.iam.read(|store| tagging::list_of(op, find(op, store)?.tags))
}
