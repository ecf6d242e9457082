//! Groups and who is in them.

use serde_json::Value;

use super::{Op, Output, entities, nothing, one};
use crate::IAM;
use crate::error::{conflict, quota};
use crate::model::{Attachment, Entity, Kind};
use crate::names;
use crate::page::page;
use crate::render::{self, Form};

/// Groups that a user may be in (test_iam_account_summary).
const GROUPS_PER_USER: usize = 10;

pub(crate) fn create(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let entity = entities::new(op, store, Kind::Group)?;
        entities::insert(store, op.account(), &entity)?;
        one("Group", render::group(&entity))
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let account = op.account();
        let group = entities::find(store, account, Kind::Group, op.name(Kind::Group))?;
        let members: Vec<(String, Attachment)> =
            store.list(IAM, &names::members(account, &group.name), None, usize::MAX)?;
        let mut users = Vec::new();
        for (key, member) in members {
            if let Some(user) = store.get::<Entity>(IAM, &names::entity(account, Kind::User, &member.name))? {
                users.push((key, render::user(&user, Form::Listed)));
            }
        }
        let mut output = page(op.call, "Users", users)?;
        output.insert("Group".into(), render::group(&group));
        Ok(output)
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let found = entities::list(op, store, Kind::Group)?;
        page(op.call, "Groups", found.into_iter().map(|(key, entity)| (key, render::group(&entity))))
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let account = op.account();
        let entity = entities::find(store, account, Kind::Group, op.name(Kind::Group))?;
        let old = names::folded(&entity.name);
        let entity = entities::rename(op, store, entity, op.text("NewGroupName"), op.text("NewPath"))?;
        let new = names::folded(&entity.name);
        if new != old {
            let members: Vec<(String, Attachment)> =
                store.list(IAM, &names::members(account, &old), None, usize::MAX)?;
            for (at, member) in members {
                store.delete(IAM, &at)?;
                store.put(IAM, &names::member(account, &new, &member.name), &member)?;
                let mut user = entities::find(store, account, Kind::User, &member.name)?;
                user.groups.iter_mut().filter(|group| **group == old).for_each(|g| g.clone_from(&new));
                entities::save(store, account, &user)?;
            }
        }
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let account = op.account();
        let entity = entities::find(store, account, Kind::Group, op.name(Kind::Group))?;
        let members: Vec<(String, Value)> =
            store.list(IAM, &names::members(account, &entity.name), None, 1)?;
        if !members.is_empty() {
            return Err(conflict("Cannot delete entity, must remove users from group first."));
        }
        super::inline::refuse_with_policies(&entity)?;
        entities::remove(store, account, &entity)?;
        nothing()
    })
}

/// The user is looked up first (test_remove_user_from_unknown_group).
pub(crate) fn add_user(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let account = op.account();
        let mut user = entities::find(store, account, Kind::User, op.name(Kind::User))?;
        let group = entities::find(store, account, Kind::Group, op.name(Kind::Group))?;
        let name = names::folded(&group.name);
        if user.groups.contains(&name) {
            return nothing();
        }
        if user.groups.len() >= GROUPS_PER_USER {
            return Err(quota("GroupsPerUser", GROUPS_PER_USER));
        }
        user.groups.push(name);
        let member = Attachment { kind: Kind::User, name: user.name.clone(), id: user.id.clone() };
        store.put(IAM, &names::member(account, &group.name, &user.name), &member)?;
        entities::save(store, account, &user)?;
        nothing()
    })
}

/// Removing a user who is not in the group changes nothing [not recorded].
pub(crate) fn remove_user(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let account = op.account();
        let mut user = entities::find(store, account, Kind::User, op.name(Kind::User))?;
        let group = entities::find(store, account, Kind::Group, op.name(Kind::Group))?;
        let name = names::folded(&group.name);
        user.groups.retain(|there| *there != name);
        store.delete(IAM, &names::member(account, &group.name, &user.name))?;
        entities::save(store, account, &user)?;
        nothing()
    })
}

pub(crate) fn of_user(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let account = op.account();
        let mut groups = entities::find(store, account, Kind::User, op.name(Kind::User))?.groups;
        groups.sort_unstable();
        let mut shown = Vec::new();
        for name in groups {
            if let Some(group) = store.get::<Entity>(IAM, &names::entity(account, Kind::Group, &name))? {
                shown.push((name, render::group(&group)));
            }
        }
        page(op.call, "Groups", shown)
    })
}
