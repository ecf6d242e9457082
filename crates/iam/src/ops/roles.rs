//! Roles and their trust policies.

use policy::PolicyKind;
use serde_json::{Value, json};

use super::{Op, Output, boundary, entities, linked_roles, nothing, one};
use crate::error::{Fail, conflict, quota};
use crate::model::{InstanceProfile, Kind, RolePart};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, Form};
use crate::tags::{self, Case};
use crate::{IAM, documents, trust};

/// Seconds of the longest session unless the role says otherwise (API Reference, CreateRole).
const SESSION_S: i64 = 3_600;
/// Bytes of a trust policy (facts, section 13).
const TRUST_BYTES: usize = 2_048;

fn trust_part(op: &Op<'_>, store: &impl Read, document: &str) -> Result<RolePart, Fail> {
    documents::validate(document, PolicyKind::Trust)?;
    if documents::size(document) > TRUST_BYTES {
        return Err(quota("ACLSizePerRole", TRUST_BYTES));
    }
    let trust_ids = trust::resolve(store, document)?;
    let trust = trust::with_accounts_as_arns(document, op.partition());
    Ok(RolePart { trust, trust_ids, max_session_s: SESSION_S, ..RolePart::default() })
}

fn seconds(op: &Op<'_>) -> Option<i64> {
    op.call.input.get("MaxSessionDuration").and_then(Value::as_i64)
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    linked_roles::refuse_path(op.path())?;
    op.iam.write(|store| {
        let mut entity = entities::new(op, store, Kind::Role)?;
        let sent = tags::sent(op.call);
        tags::unique(&sent, Case::Ignored)?;
        let mut part = trust_part(op, store, op.required("AssumeRolePolicyDocument"))?;
        part.description = op.text("Description").map(str::to_owned);
        part.max_session_s = seconds(op).unwrap_or(SESSION_S);
        entity.role = Some(part);
        entity.tags = sent;
        entity.boundary = boundary::sent(op, store)?;
        entities::insert(store, op.account(), &entity)?;
        one("Role", render::role(store, &entity, Form::Created)?)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let entity = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        let mut shown = render::role(store, &entity, Form::Whole)?;
        if let Some(used) = op.iam.accesses_of(&entity.id).into_iter().max_by_key(|used| used.at_ms) {
            shown["RoleLastUsed"] =
                json!({ "LastUsedDate": render::seconds(used.at_ms), "Region": used.region });
        }
        one("Role", shown)
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let mut shown = Vec::new();
        for (key, entity) in entities::list(op, store, Kind::Role)? {
            shown.push((key, render::role(store, &entity, Form::Listed)?));
        }
        page(op.call, "Roles", shown)
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        // What is not sent stays (test_update_role `update-role-defaults-response`).
        if let Some(part) = &mut entity.role {
            if let Some(description) = op.text("Description") {
                part.description = Some(description.to_owned());
            }
            if let Some(seconds) = seconds(op) {
                part.max_session_s = seconds;
            }
        }
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn update_description(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        if let Some(part) = &mut entity.role {
            part.description = op.text("Description").map(str::to_owned);
        }
        entities::save(store, op.account(), &entity)?;
        one("Role", render::role(store, &entity, Form::Described)?)
    })
}

pub(crate) fn update_trust(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        linked_roles::refuse_change(&entity)?;
        let new = trust_part(op, store, op.required("PolicyDocument"))?;
        if let Some(part) = &mut entity.role {
            part.trust = new.trust;
            part.trust_ids = new.trust_ids;
        }
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let entity = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        linked_roles::refuse_change(&entity)?;
        let profiles: Vec<(String, InstanceProfile)> = store.all(IAM, &names::profiles(op.account()))?;
        let name = names::folded(&entity.name);
        // Texts: test_iam_roles, test_delete_role_with_….
        if profiles.iter().any(|(_, profile)| profile.role.as_deref() == Some(name.as_str())) {
            return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
        }
        super::inline::refuse_with_policies(&entity)?;
        entities::remove(store, op.account(), &entity)?;
        nothing()
    })
}
