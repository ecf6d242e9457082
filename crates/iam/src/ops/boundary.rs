//! Permissions boundaries of users and roles.

use super::{Op, Output, attached, entities, linked_roles, nothing};
use crate::IAM;
use crate::error::{Fail, invalid_input, no_such};
use crate::model::{Attachment, Kind};
use crate::names::{self, Read};

/// The `PermissionsBoundary` member, checked (test_role_permissions_boundary_errors).
pub(crate) fn sent(op: &Op<'_>, store: &impl Read) -> Result<Option<String>, Fail> {
    let Some(arn) = op.text("PermissionsBoundary") else { return Ok(None) };
    if !attached::is_policy_arn(arn) {
        return Err(invalid_input(format!("ARN {arn} is not valid.")));
    }
    if !attached::usable(store, op.account(), arn)? {
        return Err(no_such(format!("Scope ARN: {arn} does not exist or is not attachable.")));
    }
    Ok(Some(arn.to_owned()))
}

pub(crate) fn put(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        let Some(arn) = sent(op, store)? else { return nothing() };
        if let Some(old) = &entity.boundary {
            store.delete(IAM, &names::boundary(op.account(), old, kind, &entity.name))?;
        }
        let attachment = Attachment { kind, name: entity.name.clone(), id: entity.id.clone() };
        store.put(IAM, &names::boundary(op.account(), &arn, kind, &entity.name), &attachment)?;
        entity.boundary = Some(arn);
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>, kind: Kind) -> Output {
    op.iam.write(|store| {
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        if let Some(old) = entity.boundary.take() {
            store.delete(IAM, &names::boundary(op.account(), &old, kind, &entity.name))?;
            entities::save(store, op.account(), &entity)?;
        }
        nothing()
    })
}
