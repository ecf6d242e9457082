//! The tree, listed.

use serde_json::{Value, json};
use wire::paginate;

use super::access::enter;
use super::fail::{fail, invalid, no_parent};
use super::model::Organization;
use crate::error::Fail;
use crate::ops::{Op, Output};

/// Items of a page at most, and unless the call says fewer (service model, MaxResults).
const MOST: usize = 20;

/// One page of `items`, which come in order of their keys, under `member`.
pub(crate) fn page(op: &Op<'_>, member: &str, items: Vec<(String, Value)>) -> Output {
    let limit = op.call.input.get("MaxResults").and_then(Value::as_u64);
    let limit = limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(MOST);
    let (found, next) = paginate(items, |(key, _)| key.clone(), op.text("NextToken"), limit)
        .map_err(|_| invalid("INVALID_NEXT_TOKEN", "You specified an invalid value for NextToken."))?;
    let mut output = serde_json::Map::new();
    output.insert(member.to_owned(), found.into_iter().map(|(_, value)| value).collect());
    if let Some(next) = next {
        output.insert("NextToken".to_owned(), next.into());
    }
    Ok(output)
}

fn accounts_where(organization: &Organization, parent: Option<&str>) -> Vec<(String, Value)> {
    let all = organization.accounts.iter().filter(|(_, m)| parent.is_none_or(|p| m.parent == p));
    all.map(|(id, member)| (id.clone(), organization.account_shown(id, member))).collect()
}

fn parent<'a>(op: &'a Op<'_>, organization: &Organization) -> Result<&'a str, Fail> {
    let id = op.required("ParentId");
    if organization.is_parent(id) { Ok(id) } else { Err(no_parent()) }
}

pub(crate) fn accounts(op: &Op<'_>) -> Output {
    op.iam.read(|store| page(op, "Accounts", accounts_where(&enter(op, store)?, None)))
}

pub(crate) fn accounts_of(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let parent = parent(op, &organization)?;
        page(op, "Accounts", accounts_where(&organization, Some(parent)))
    })
}

pub(crate) fn units_of(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let parent = parent(op, &organization)?;
        let units = organization.units.iter().filter(|(_, unit)| unit.parent == parent);
        let shown = units.map(|(id, _)| (id.clone(), organization.unit_shown(id))).collect();
        page(op, "OrganizationalUnits", shown)
    })
}

pub(crate) fn children(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let (parent, kind) = (parent(op, &organization)?, op.required("ChildType"));
        let ids: Vec<&String> = match kind {
            "ACCOUNT" => {
                organization.accounts.iter().filter(|(_, m)| m.parent == parent).map(|(id, _)| id).collect()
            }
            _ => organization.units.iter().filter(|(_, u)| u.parent == parent).map(|(id, _)| id).collect(),
        };
        let shown = ids.into_iter().map(|id| (id.clone(), json!({ "Id": id, "Type": kind }))).collect();
        page(op, "Children", shown)
    })
}

pub(crate) fn parents(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let parent = organization
            .parent(op.required("ChildId"))
            .ok_or_else(|| fail("ChildNotFoundException", "You specified a child that doesn't exist."))?;
        let kind = if parent == organization.root { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
        page(op, "Parents", vec![(parent.to_owned(), json!({ "Id": parent, "Type": kind }))])
    })
}

pub(crate) fn roots(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        page(op, "Roots", vec![(organization.root.clone(), organization.root_shown())])
    })
}
