//! Users.

use policy::Principal;
use serde_json::{Value, json};

use super::{Op, Output, boundary, credentials, entities, nothing, one};
use crate::IAM;
use crate::error::conflict;
use crate::model::{Attachment, Key, Kind};
use crate::names;
use crate::page::page;
use crate::render::{self, Form};
use crate::tags::{self, Case};

pub(crate) fn create(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::new(op, store, Kind::User)?;
        entity.tags = tags::sent(op.call);
        tags::unique(&entity.tags, Case::Ignored)?;
        entity.boundary = boundary::sent(op, store)?;
        entities::insert(store, op.account(), &entity)?;
        one("User", render::user(&entity, Form::Created))
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    let Some(name) = op.user()? else {
        // The root user asks about itself. AWS adds the account's creation date; an account here has none.
        let arn = Principal::Root { account: *op.account() }.arn();
        let user = json!({ "Path": "/", "UserId": op.account().as_str(), "Arn": arn, "CreateDate": 0 });
        return one("User", user);
    };
    op.iam.read(|store| {
        let entity = entities::find(store, op.account(), Kind::User, &name)?;
        one("User", render::user(&entity, Form::Whole))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let found = entities::list(op, store, Kind::User)?;
        let shown = found.into_iter().map(|(key, entity)| (key, render::user(&entity, Form::Listed)));
        page(op.call, "Users", shown)
    })
}

/// Renames: keys, groups and attachments follow, the unique id stays.
pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let account = op.account();
        let entity = entities::find(store, account, Kind::User, op.name(Kind::User))?;
        let old = names::folded(&entity.name);
        let entity = entities::rename(op, store, entity, op.text("NewUserName"), op.text("NewPath"))?;
        let new = names::folded(&entity.name);
        if new != old {
            let keys: Vec<(String, Value)> =
                store.list(IAM, &names::user_keys(account, &old), None, usize::MAX)?;
            for (at, mark) in keys {
                let id = names::last_segment(&at).to_owned();
                store.delete(IAM, &at)?;
                store.put(IAM, &names::user_key(account, &new, &id), &mark)?;
                if let Some(mut key) = store.get::<Key>(IAM, &names::key(&id))? {
                    key.user = Some(new.clone());
                    store.put(IAM, &names::key(&id), &key)?;
                }
            }
        }
        for group in &entity.groups {
            store.delete(IAM, &names::member(account, group, &old))?;
            let member = Attachment { kind: Kind::User, name: entity.name.clone(), id: entity.id.clone() };
            store.put(IAM, &names::member(account, group, &new), &member)?;
        }
        nothing()
    })
}

/// What must go first: API Reference, DeleteUser. Texts beyond the recorded ones (policies) are those that AWS's
/// users quote.
pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let entity = entities::find(store, op.account(), Kind::User, op.name(Kind::User))?;
        if entity.login.is_some() {
            return Err(conflict("Cannot delete entity, must delete login profile first."));
        }
        let keys: Vec<(String, Value)> =
            store.list(IAM, &names::user_keys(op.account(), &entity.name), None, 1)?;
        if !keys.is_empty() {
            return Err(conflict("Cannot delete entity, must delete access keys first."));
        }
        super::inline::refuse_with_policies(&entity)?;
        if !credentials::devices(store, op.account(), &entity)?.is_empty() {
            return Err(conflict("Cannot delete entity, must delete MFA device first."));
        }
        // test_delete_user_after_service_credential_created.
        if credentials::any(store, op.account(), &entity)? {
            return Err(conflict("Cannot delete entity, must remove referenced objects first."));
        }
        if !entity.groups.is_empty() {
            return Err(conflict("Cannot delete entity, must remove users from group first."));
        }
        entities::remove(store, op.account(), &entity)?;
        nothing()
    })
}
