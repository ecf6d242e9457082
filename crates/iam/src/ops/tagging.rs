//! Tags of users and roles.

use super::{Op, Output, entities, nothing};
use crate::model::{Kind, Tag};
use crate::page::page;
use crate::tags::{self, Case};

pub(crate) fn tag(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        tags::merge(&mut entity.tags, tags::sent(op.call), Case::Ignored)?;
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn untag(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        tags::remove(&mut entity.tags, &tags::sent_keys(op.call), Case::Ignored);
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn list(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.read(|store| {
        let entity = entities::find(store, op.account(), kind, op.name(kind))?;
        list_of(op, entity.tags)
    })
}

/// A page of tags, by key (test_iam_policies `list-case-sensitive-tags`: `A` comes before `a`).
pub(crate) fn list_of(op: &Op<'_>, mut tags: Vec<Tag>) -> Output {
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    page(op.call, "Tags", tags.into_iter().map(|tag| (tag.key.clone(), serde_json::json!(tag))))
}
