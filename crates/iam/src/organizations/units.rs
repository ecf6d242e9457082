//! Organizational units.

use super::access::enter;
use super::fail::{constraint, fail, no_parent, no_unit};
use super::model::{Organization, Unit};
use super::tree::DEEPEST;
use super::{names, tagging};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing, one};

/// Organizational units of an organization (User Guide, orgs_reference_limits).
const MOST: usize = 1_000;

fn unique(organization: &Organization, parent: &str, name: &str, but: &str) -> Result<(), Fail> {
    let twin = organization.units.iter().any(|(id, u)| u.parent == parent && u.name == name && id != but);
    if !twin {
        return Ok(());
    }
    Err(fail("DuplicateOrganizationalUnitException", "An OU with the same name already exists."))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let (parent, name) = (op.required("ParentId"), op.required("Name"));
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        if !organization.is_parent(parent) {
            return Err(no_parent());
        }
        // The line begins with the root, which is no level of units.
        if organization.line(parent).len() > DEEPEST {
            return Err(constraint(
                "OU_DEPTH_LIMIT_EXCEEDED",
                "You have exceeded the allowed depth of the OU tree: five levels of OUs below the root.",
            ));
        }
        if organization.units.len() >= MOST {
            return Err(constraint(
                "OU_NUMBER_LIMIT_EXCEEDED",
                "You have exceeded the number of OUs that you can have in an organization.",
            ));
        }
        unique(&organization, parent, name, "")?;
        let id = format!("ou-{}-{}", organization.root.trim_start_matches("r-"), names::some(8)?);
        let unit = Unit { name: name.to_owned(), parent: parent.to_owned(), tags: tagging::sent(op)? };
        organization.units.insert(id.clone(), unit);
        organization.attach_defaults(&id);
        organization.save(store)?;
        one("OrganizationalUnit", organization.unit_shown(&id))
    })
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    let id = op.required("OrganizationalUnitId");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        organization.units.get(id).ok_or_else(no_unit)?;
        one("OrganizationalUnit", organization.unit_shown(id))
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    let id = op.required("OrganizationalUnitId");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        let parent = organization.units.get(id).ok_or_else(no_unit)?.parent.clone();
        if let Some(name) = op.text("Name") {
            unique(&organization, &parent, name, id)?;
            if let Some(unit) = organization.units.get_mut(id) {
                name.clone_into(&mut unit.name);
            }
            organization.save(store)?;
        }
        one("OrganizationalUnit", organization.unit_shown(id))
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let id = op.required("OrganizationalUnitId");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.units.get(id).ok_or_else(no_unit)?;
        let full = organization.units.values().any(|unit| unit.parent == id)
            || organization.accounts.values().any(|member| member.parent == id);
        if full {
            return Err(fail(
                "OrganizationalUnitNotEmptyException",
                "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child \
                 OUs, and try the operation again.",
            ));
        }
        organization.units.remove(id);
        organization.attached.remove(id);
        organization.save(store)?;
        nothing()
    })
}
