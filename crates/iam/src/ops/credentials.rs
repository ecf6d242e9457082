//! What users have besides access keys, in common: found, listed, given a status, deleted.

use arn::AccountId;
use serde_json::Value;
use store::Writer;

use super::{Op, Output, entities, nothing};
use crate::IAM;
use crate::error::Fail;
use crate::model::{Device, Entity, Kind, OfUser, ServiceCredential, SigningCertificate, SshKey};
use crate::names::{self, Read};
use crate::page::page;

/// The user that the call names, or who calls.
pub(crate) fn holder(op: &Op<'_>, store: &impl Read) -> Result<Entity, Fail> {
    entities::find(store, op.account(), Kind::User, &op.some_user()?)
}

/// All of one kind that a user has, with their ids.
pub(crate) fn all<T: OfUser>(
    store: &impl Read,
    account: &AccountId,
    user: &Entity,
) -> Result<Vec<(String, T)>, Fail> {
    let found: Vec<(String, T)> = store.all(IAM, &names::credentials(account, T::WORD, &user.id))?;
    Ok(found.into_iter().map(|(key, one)| (names::last_segment(&key).to_owned(), one)).collect())
}

pub(crate) fn find<T: OfUser>(
    store: &impl Read,
    account: &AccountId,
    user: &Entity,
    id: &str,
) -> Result<Option<T>, Fail> {
    Ok(store.one(IAM, &names::credential(account, T::WORD, &user.id, id))?)
}

pub(crate) fn save<T: OfUser>(
    store: &mut Writer<'_>,
    account: &AccountId,
    user: &Entity,
    id: &str,
    one: &T,
) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::credential(account, T::WORD, &user.id, id), one)?)
}

/// Changes the one that the call names, which `missing` reports when it is not the user's.
pub(crate) fn change<T: OfUser>(
    op: &Op<'_>,
    id: &str,
    missing: impl Fn(&str) -> Fail,
    change: impl FnOnce(&mut T),
) -> Output {
    op.iam.write(|store| {
        let user = holder(op, store)?;
        let mut one: T = find(store, op.account(), &user, id)?.ok_or_else(|| missing(id))?;
        change(&mut one);
        save(store, op.account(), &user, id, &one)?;
        nothing()
    })
}

pub(crate) fn delete<T: OfUser>(op: &Op<'_>, id: &str, missing: impl Fn(&str) -> Fail) -> Output {
    op.iam.write(|store| {
        let user = holder(op, store)?;
        if !store.delete(IAM, &names::credential(op.account(), T::WORD, &user.id, id))? {
            return Err(missing(id));
        }
        nothing()
    })
}

/// A page of a user's own; the root user, who has none here, may ask without naming anybody.
pub(crate) fn list<T: OfUser>(
    op: &Op<'_>,
    member: &str,
    keep: impl Fn(&T) -> bool,
    shown: impl Fn(&str, &str, &T) -> Value,
) -> Output {
    let Some(name) = op.user()? else { return page(op.call, member, []) };
    op.iam.read(|store| {
        let user = entities::find(store, op.account(), Kind::User, &name)?;
        let found = all::<T>(store, op.account(), &user)?.into_iter().filter(|(_, one)| keep(one));
        page(op.call, member, found.map(|(id, one)| (id.clone(), shown(&user.name, &id, &one))))
    })
}

/// The devices that are enabled for a user.
pub(crate) fn devices(store: &impl Read, account: &AccountId, user: &Entity) -> Result<Vec<Device>, Fail> {
    let found: Vec<(String, Device)> = store.all(IAM, &names::devices(account))?;
    let of_user = |device: &Device| device.user.as_ref() == Some(&user.id);
    Ok(found.into_iter().map(|(_, device)| device).filter(of_user).collect())
}

/// Whether anything here keeps a user from being deleted.
pub(crate) fn any(store: &impl Read, account: &AccountId, user: &Entity) -> Result<bool, Fail> {
    let some = |word: &str| -> Result<bool, Fail> {
        Ok(!store.all::<Value>(IAM, &names::credentials(account, word, &user.id))?.is_empty())
    };
    Ok(some(SshKey::WORD)? || some(SigningCertificate::WORD)? || some(ServiceCredential::WORD)?)
}
