//! Base path mappings: which API and stage a custom domain's paths lead to.

use serde_json::{Map, Value};
use store::Store;
use wire::{Call, Reply};

use super::domain_name;
use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, visible_api};
use super::method::set;
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::stage::UNKNOWN_STAGE;
use crate::model::Stage;

/// As users report it.
const UNKNOWN: &str = "Invalid base path mapping identifier specified";
/// The empty base path, as the API writes it.
pub(crate) const NONE: &str = "(none)";

/// As stored and answered: `basePath`, `restApiId`, `stage` (absent: the path's next part names it).
pub(crate) type Mapping = Map<String, Value>;

fn base_path(given: Option<&str>) -> Result<String, Failure> {
    let path = given.unwrap_or_default();
    if path.contains('/') {
        // As users report it; paths of several parts belong to version 2 of the API.
        return Err(bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level \
             base path mapping, use API Gateway V2.",
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "$-_.+!*'()".contains(c);
    if !path.chars().all(allowed) {
        // As users report it; developer guide, "Set up custom domain names".
        return Err(bad_request(
            "Invalid characters in base path, only alphanumerics and $-_.+!*'() are allowed",
        ));
    }
    Ok(if path.is_empty() { NONE.to_owned() } else { path.to_owned() })
}

/// Whether API and stage are there.
fn check(documents: &impl Read, call: &Call, mapping: &Mapping) -> Result<(), Failure> {
    let text = |member: &str| mapping.get(member).and_then(Value::as_str);
    let id = text("restApiId").unwrap_or_default();
    let api = visible_api(documents, call, id)?;
    let api = api.ok_or_else(|| bad_request("Invalid REST API identifier specified"))?;
    if let Some(stage) = text("stage")
        && documents.one::<Stage>("stages", &format!("{}/{stage}", api.id))?.is_none()
    {
        return Err(bad_request(UNKNOWN_STAGE));
    }
    Ok(())
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let path = base_path(call.text("basePath"))?;
    let mut mapping = Map::new();
    mapping.insert("basePath".into(), path.clone().into());
    mapping.insert("restApiId".into(), call.required("restApiId").into());
    set(&mut mapping, "stage", call.text("stage").into());
    store.write(|writer| {
        let (domain, _) = domain_name::find(writer, call)?;
        check(writer, call, &mapping)?;
        let key = format!("{domain}/{path}");
        if writer.one::<Mapping>("basePathMappings", &key)?.is_some() {
            return Err(conflict("Base path already exists for this domain name"));
        }
        writer.put("basePathMappings", &key, &mapping)?;
        Ok(Value::Object(mapping).into())
    })
}

/// The key of the mapping that the call names, and the mapping.
fn find(documents: &impl Read, call: &Call) -> Result<(String, Mapping), Failure> {
    let (domain, _) = domain_name::find(documents, call)?;
    let key = format!("{domain}/{}", base_path(call.text("basePath"))?);
    let found = documents.one("basePathMappings", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(Value::Object(find(reader, call)?.1).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        let (domain, _) = domain_name::find(reader, call)?;
        Ok(reader.all::<Mapping>("basePathMappings", &format!("{domain}/"))?)
    })?;
    page(call, found.into_iter().map(|(key, mapping)| (key, Value::Object(mapping))).collect())
}

/// API reference, "Patch Operations", base path mappings; Terraform sends `/restapiId`.
const RULES: &[Rule] = &[
    ("/basePath", &["replace"]),
    ("/restapiId", &["replace"]),
    ("/restApiId", &["replace"]),
    ("/stage", &["replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut mapping) = find(writer, call)?;
        let mut new_key = key.clone();
        for patch in operations(call)? {
            match permit_listed(RULES, &patch)?.0 {
                "/basePath" => {
                    let path = base_path(patch.value.map(|v| if v == NONE { "" } else { v }))?;
                    let (domain, _) = key.rsplit_once('/').unwrap_or((&key, ""));
                    new_key = format!("{domain}/{path}");
                    mapping.insert("basePath".into(), path.into());
                }
                "/stage" => set(&mut mapping, "stage", patch.value.into()),
                _ => set(&mut mapping, "restApiId", patch.value.into()),
            }
        }
        check(writer, call, &mapping)?;
        if new_key != key {
            if writer.one::<Mapping>("basePathMappings", &new_key)?.is_some() {
                return Err(conflict("Base path already exists for this domain name"));
            }
            writer.delete("basePathMappings", &key)?;
        }
        writer.put("basePathMappings", &new_key, &mapping)?;
        Ok(Value::Object(mapping).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, _) = find(writer, call)?;
        writer.delete("basePathMappings", &key)?;
        Ok(Reply::empty())
    })
}
