//! Resources: the paths of an API.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::{Store, StoreError, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Place, Read, UNKNOWN_RESOURCE, api, members, place, random_id, touch};
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::quota::{self, Quota};
use super::rest_api::texts;
use crate::model::Resource;

type Resources = BTreeMap<String, Resource>;

fn load(documents: &impl Read, api: &str) -> Result<Resources, StoreError> {
    let found = documents.all::<Resource>("resources", &format!("{api}/"))?;
    Ok(found.into_iter().map(|(_, resource)| (resource.id.clone(), resource)).collect())
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let part = call.required("pathPart");
    check_part(part)?;
    let id = random_id(6)?;
    let mut api = api(writer, call)?;
    let all = load(writer, &api.id)?;
    let parent = all.get(call.required("parentId")).ok_or_else(|| not_found(UNKNOWN_RESOURCE))?;
    quota::room(writer, Quota::Resources, &format!("{}/", api.id), 1)?;
    check_place(&all, parent, part, None)?;
    let created = Resource {
        id,
        parent_id: Some(parent.id.clone()),
        path_part: Some(part.to_owned()),
        path: join(&parent.path, part),
        resource_methods: BTreeMap::new(),
    };
    writer.put("resources", &format!("{}/{}", api.id, created.id), &created)?;
    touch(writer, &mut api)?;
    Ok(Value::Object(output(&created, false)?).into())
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read(|reader| place(reader, call))?;
    Ok(Value::Object(output(&found.resource, embeds_methods(call))?).into())
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let all = store.read::<_, Failure>(|reader| Ok(load(reader, &api(reader, call)?.id)?))?;
    let embed = embeds_methods(call);
    let mut items = all
        .values()
        .map(|resource| Ok((resource.path.clone(), Value::Object(output(resource, embed)?))))
        .collect::<Result<Vec<_>, Failure>>()?;
    items.sort_by(|a, b| a.0.cmp(&b.0));
    page(call, items)
}

const RULES: &[Rule] = &[("/parentId", &["replace"]), ("/pathPart", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let Place { mut api, resource } = place(writer, call)?;
        let mut all = load(writer, &api.id)?;
        for patch in operations(call)? {
            let (path, _) = permit_listed(RULES, &patch)?;
            let value = patch.value.unwrap_or_default();
            move_one(&mut all, &resource.id, path, value)?;
        }
        store_paths(writer, &api.id, &mut all)?;
        touch(writer, &mut api)?;
        let moved = all.get(&resource.id).ok_or_else(|| not_found(UNKNOWN_RESOURCE))?;
        Ok(Value::Object(output(moved, false)?).into())
    })
}

/// Refusals as in TestApiGatewayApiResource::test_update_resource_behaviour and …::test_update_resource_on_root.
fn move_one(all: &mut Resources, id: &str, path: &str, value: &str) -> Result<(), Failure> {
    let moved = all.get(id).cloned().ok_or_else(|| not_found(UNKNOWN_RESOURCE))?;
    let member = path.trim_start_matches('/');
    let (Some(parent_id), Some(part)) = (moved.parent_id.as_deref(), moved.path_part.as_deref()) else {
        return Err(bad_request(format!("Root resource cannot update its {member}.")));
    };
    let (parent_id, part) = if member == "parentId" { (value, part) } else { (parent_id, value) };
    check_part(part)?;
    let parent = all.get(parent_id).ok_or_else(|| not_found(UNKNOWN_RESOURCE))?;
    let mut ancestor = Some(parent);
    while let Some(one) = ancestor {
        if one.id == id {
            return Err(bad_request("Resources cannot be cyclical."));
        }
        ancestor = one.parent_id.as_ref().and_then(|id| all.get(id));
    }
    check_place(all, parent, part, Some(id))?;
    let (parent_id, part) = (parent_id.to_owned(), part.to_owned());
    if let Some(moved) = all.get_mut(id) {
        moved.parent_id = Some(parent_id);
        moved.path_part = Some(part);
    }
    Ok(())
}

/// Gives every resource the path that follows from its parents, and stores those that changed.
fn store_paths(writer: &mut Writer<'_>, api: &str, all: &mut Resources) -> Result<(), StoreError> {
    let mut paths = BTreeMap::new();
    for resource in all.values() {
        let mut parts = Vec::new();
        let mut at = Some(resource);
        // Bounded: moves never make a circle.
        while let Some(one) = at {
            parts.extend(one.path_part.as_deref());
            at = one.parent_id.as_ref().and_then(|id| all.get(id));
        }
        parts.reverse();
        paths.insert(resource.id.clone(), format!("/{}", parts.join("/")));
    }
    for (id, path) in paths {
        if let Some(resource) = all.get_mut(&id) {
            resource.path = path;
            writer.put("resources", &format!("{api}/{id}"), resource)?;
        }
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let Place { mut api, resource } = place(writer, call)?;
        if resource.parent_id.is_none() {
            // Reasoning: AWS refuses to delete a root; its text is not recorded.
            return Err(bad_request("Root resource cannot be deleted."));
        }
        let all = load(writer, &api.id)?;
        let below = format!("{}/", resource.path);
        for one in all.values().filter(|one| one.id == resource.id || one.path.starts_with(&below)) {
            writer.delete("resources", &format!("{}/{}", api.id, one.id))?;
        }
        touch(writer, &mut api)?;
        Ok(Reply::empty())
    })
}

fn embeds_methods(call: &Call) -> bool {
    texts(call.input.get("embed")).iter().any(|e| e == "methods")
}

/// A resource; without `embed=methods` the methods are named only.
fn output(resource: &Resource, embed: bool) -> Result<Map<String, Value>, Failure> {
    let mut members = members(resource)?;
    if !embed && let Some(Value::Object(methods)) = members.get_mut("resourceMethods") {
        methods.values_mut().for_each(|method| *method = json!({}));
    }
    Ok(members)
}

fn join(parent: &str, part: &str) -> String {
    format!("{}/{part}", parent.trim_end_matches('/'))
}

/// What a path part may be. The text is as users report it.
fn check_part(part: &str) -> Result<(), Failure> {
    let name = match part.strip_prefix('{') {
        None => part,
        Some(inner) => {
            let inner = inner.strip_suffix('}').unwrap_or("");
            inner.strip_suffix('+').unwrap_or(inner)
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(());
    }
    Err(bad_request(
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
    ))
}

/// Whether `part` may stand below `parent`; `moving` is not its own sibling.
/// TestApiGatewayApiResource::test_create_proxy_resource_validation.
fn check_place(all: &Resources, parent: &Resource, part: &str, moving: Option<&str>) -> Result<(), Failure> {
    if let Some(greedy) = parent.path_part.as_deref().filter(|p| p.ends_with("+}")) {
        return Err(bad_request(format!(
            "Cannot create a child of a resource with a greedy path variable: {greedy}"
        )));
    }
    let siblings = all
        .values()
        .filter(|r| r.parent_id.as_deref() == Some(&parent.id) && Some(r.id.as_str()) != moving)
        .filter_map(|r| r.path_part.as_deref());
    for sibling in siblings {
        if sibling == part {
            return Err(conflict(format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        if sibling.starts_with('{') && part.starts_with('{') {
            return Err(bad_request(format!(
                "A sibling ({sibling}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}
