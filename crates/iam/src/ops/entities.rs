//! What users, groups and roles have in common: made, found, renamed, deleted.

use arn::AccountId;
use serde_json::Value;
use store::Writer;

use super::Op;
use crate::IAM;
use crate::error::{Fail, exists, no_such_entity, quota};
use crate::model::{Attachment, Entity, Kind, Owner};
use crate::names::{self, Read};

/// The entity of that name.
pub(crate) fn find(store: &impl Read, account: &AccountId, kind: Kind, name: &str) -> Result<Entity, Fail> {
    store.one(IAM, &names::entity(account, kind, name))?.ok_or_else(|| no_such_entity(kind, name))
}

/// Writes an entity that is there already, under the name it has.
pub(crate) fn save(store: &mut Writer<'_>, account: &AccountId, entity: &Entity) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::entity(account, entity.kind, &entity.name), entity)?)
}

/// A new entity of the name and path that the call gives; not yet written.
pub(crate) fn new(op: &Op<'_>, store: &impl Read, kind: Kind) -> Result<Entity, Fail> {
    named(op, store, kind, op.name(kind), op.path())
}

/// As [`new`], of any name and path.
pub(crate) fn named(
    op: &Op<'_>,
    store: &impl Read,
    kind: Kind,
    name: &str,
    path: &str,
) -> Result<Entity, Fail> {
    let account = op.account();
    if store.one::<Value>(IAM, &names::entity(account, kind, name))?.is_some() {
        return Err(taken(kind, name));
    }
    let there: Vec<(String, Value)> = store.all(IAM, &names::entities(account, kind))?;
    if there.len() >= kind.count_quota() {
        return Err(quota(&format!("{}sPerAccount", kind.title()), kind.count_quota()));
    }
    Ok(Entity {
        kind,
        name: name.to_owned(),
        path: path.to_owned(),
        arn: op.arn(kind.word(), path, name),
        id: names::new_id(kind.id_prefix())?,
        created_ms: op.call.now_ms,
        inline: Default::default(),
        attached: Vec::new(),
        boundary: None,
        tags: Vec::new(),
        role: None,
        groups: Vec::new(),
        login: None,
    })
}

pub(crate) fn taken(kind: Kind, name: &str) -> Fail {
    exists(format!("{} with name {name} already exists.", kind.title()))
}

/// Writes an entity and what finds it: its unique id, its boundary.
pub(crate) fn insert(store: &mut Writer<'_>, account: &AccountId, entity: &Entity) -> Result<(), Fail> {
    save(store, account, entity)?;
    let owner = Owner { account: account.to_string(), kind: entity.kind, name: names::folded(&entity.name) };
    store.put(IAM, &names::id(&entity.id), &owner)?;
    let attachment = Attachment { kind: entity.kind, name: entity.name.clone(), id: entity.id.clone() };
    for arn in &entity.attached {
        store.put(IAM, &names::attachment(account, arn, entity.kind, &entity.name), &attachment)?;
    }
    if let Some(arn) = &entity.boundary {
        store.put(IAM, &names::boundary(account, arn, entity.kind, &entity.name), &attachment)?;
    }
    Ok(())
}

/// Removes an entity and what finds it.
pub(crate) fn remove(store: &mut Writer<'_>, account: &AccountId, entity: &Entity) -> Result<(), Fail> {
    store.delete(IAM, &names::entity(account, entity.kind, &entity.name))?;
    store.delete(IAM, &names::id(&entity.id))?;
    for arn in &entity.attached {
        store.delete(IAM, &names::attachment(account, arn, entity.kind, &entity.name))?;
    }
    if let Some(arn) = &entity.boundary {
        store.delete(IAM, &names::boundary(account, arn, entity.kind, &entity.name))?;
    }
    Ok(())
}

/// Gives a user or group another name or path; the unique id stays. Returns it as it is now.
pub(crate) fn rename(
    op: &Op<'_>,
    store: &mut Writer<'_>,
    mut entity: Entity,
    name: Option<&str>,
    path: Option<&str>,
) -> Result<Entity, Fail> {
    let (kind, account) = (entity.kind, op.account());
    if let Some(name) = name
        && names::folded(name) != names::folded(&entity.name)
        && store.get::<Value>(IAM, &names::entity(account, kind, name))?.is_some()
    {
        return Err(taken(kind, name));
    }
    remove(store, account, &entity)?;
    if let Some(name) = name {
        entity.name = name.to_owned();
    }
    if let Some(path) = path {
        entity.path = path.to_owned();
    }
    entity.arn = op.arn(kind.word(), &entity.path, &entity.name);
    insert(store, account, &entity)?;
    Ok(entity)
}

/// All entities of a kind whose path begins with `PathPrefix`, by name.
pub(crate) fn list(op: &Op<'_>, store: &impl Read, kind: Kind) -> Result<Vec<(String, Entity)>, Fail> {
    let prefix = op.text("PathPrefix").unwrap_or("/");
    let mut found: Vec<(String, Entity)> = store.all(IAM, &names::entities(op.account(), kind))?;
    found.retain(|(_, entity)| entity.path.starts_with(prefix));
    Ok(found)
}
