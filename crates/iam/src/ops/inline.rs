//! Inline policies of users, groups and roles.

use policy::PolicyKind;
use serde_json::{Value, json};

use super::{Op, Output, entities, linked_roles, nothing};
use crate::documents;
use crate::error::{Fail, conflict, limit, no_such};
use crate::model::{Entity, Kind};
use crate::page::page;
use crate::render::object;

/// test_iam_roles, test_iam_groups: `The role policy with name … cannot be found.`
fn missing(kind: Kind, name: &str) -> Fail {
    no_such(format!("The {} policy with name {name} cannot be found.", kind.word()))
}

pub(crate) fn put(op: &Op<'_>, kind: Kind) -> Output {
    let document = op.required("PolicyDocument");
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        documents::validate(document, PolicyKind::Identity)?;
        entity.inline.insert(op.required("PolicyName").to_owned(), document.to_owned());
        let total: usize = entity.inline.values().map(|text| documents::size(text)).sum();
        if total > kind.inline_quota() {
            return Err(limit(format!(
                "Maximum policy size of {} bytes exceeded for {} {}",
                kind.inline_quota(),
                kind.word(),
                entity.name
            )));
        }
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn get(op: &Op<'_>, kind: Kind) -> Output {
    let name = op.required("PolicyName");
    op.iam.read(|store| {
        let entity = entities::find(store, op.account(), kind, op.name(kind))?;
        let document = entity.inline.get(name).ok_or_else(|| missing(kind, name))?;
        let mut output = object(json!({
            "PolicyName": name,
            "PolicyDocument": document,
        }));
        output.insert(kind.name_member().to_owned(), entity.name.into());
        Ok(output)
    })
}

pub(crate) fn list(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.read(|store| {
        let entity = entities::find(store, op.account(), kind, op.name(kind))?;
        let names = entity.inline.into_keys().map(|name| (name.clone(), Value::String(name)));
        page(op.call, "PolicyNames", names)
    })
}

pub(crate) fn delete(op: &Op<'_>, kind: Kind) -> Output {
    let name = op.required("PolicyName");
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        entity.inline.remove(name).ok_or_else(|| missing(kind, name))?;
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

/// What keeps an entity from being deleted (test_delete_role_with_attached_policy, …_with_inline_policy).
pub(crate) fn refuse_with_policies(entity: &Entity) -> Result<(), Fail> {
    if !entity.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !entity.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}
