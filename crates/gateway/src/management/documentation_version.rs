//! Documentation versions: an API's documentation parts, frozen under a name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Store, StoreError, Writer};
use wire::{Call, Reply};

use super::documentation_part::{Part, parts};
use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, api, api_or, now};
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::stage::UNKNOWN_STAGE;
use crate::model::Stage;

/// Reasoning: in the form of the text for parts.
const UNKNOWN: &str = "Invalid Documentation version specified";

/// A frozen documentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub version: String,
    /// Seconds since 1970.
    pub created_date: f64,
    pub description: Option<String>,
    /// The parts as they were, by id.
    pub parts: BTreeMap<String, Part>,
}

fn shown(version: &Version) -> Value {
    let mut shown = json!({ "version": version.version, "createdDate": version.created_date });
    if let Some(description) = &version.description {
        shown["description"] = description.as_str().into();
    }
    shown
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let name = call.required("documentationVersion").to_owned();
    if name.is_empty() {
        return Err(bad_request("Documentation version must be non-empty"));
    }
    store.write(|writer| {
        let api = api(writer, call)?;
        let key = format!("{}/{name}", api.id);
        if writer.one::<Version>("documentationVersions", &key)?.is_some() {
            // Reasoning: a conflict, as the operation's errors say; AWS's words are not recorded.
            return Err(conflict(format!("Documentation version {name} already exists")));
        }
        let version = save(writer, call, &api.id, &name)?;
        if let Some(stage) = call.text("stageName") {
            let at = format!("{}/{stage}", api.id);
            let mut found: Stage = writer.one("stages", &at)?.ok_or_else(|| not_found(UNKNOWN_STAGE))?;
            found.rest.insert("documentationVersion".into(), name.clone().into());
            writer.put("stages", &at, &found)?;
        }
        Ok(shown(&version).into())
    })
}

/// What is published with a stage.
pub(super) fn of_stage(
    documents: &impl Read,
    stage: &Stage,
    api: &str,
) -> Result<Option<Version>, StoreError> {
    match stage.rest.get("documentationVersion").and_then(Value::as_str) {
        Some(name) => documents.one("documentationVersions", &format!("{api}/{name}")),
        None => Ok(None),
    }
}

/// Freezes the API's parts under a name.
pub(super) fn save(writer: &mut Writer<'_>, call: &Call, api: &str, name: &str) -> Result<Version, Failure> {
    let version = Version {
        version: name.to_owned(),
        created_date: now(call),
        description: call.text("description").filter(|d| !d.is_empty()).map(str::to_owned),
        parts: parts(writer, api)?,
    };
    writer.put("documentationVersions", &format!("{api}/{name}"), &version)?;
    Ok(version)
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, Version), Failure> {
    let api = api_or(documents, call, UNKNOWN)?;
    let key = format!("{}/{}", api.id, call.required("documentationVersion"));
    let found = documents.one("documentationVersions", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(shown(&find(reader, call)?.1).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        Ok(reader.all::<Version>("documentationVersions", &format!("{}/", api(reader, call)?.id))?)
    })?;
    page(call, found.into_iter().map(|(key, version)| (key, shown(&version))).collect())
}

const RULES: &[Rule] = &[("/description", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut version) = find(writer, call)?;
        for patch in operations(call)? {
            permit_listed(RULES, &patch)?;
            version.description = patch.non_empty();
        }
        writer.put("documentationVersions", &key, &version)?;
        Ok(shown(&version).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, version) = find(writer, call)?;
        let api = key.split('/').next().unwrap_or_default().to_owned();
        let used = writer.all::<Stage>("stages", &format!("{api}/"))?.into_iter().any(|(_, stage)| {
            stage.rest.get("documentationVersion").and_then(Value::as_str) == Some(version.version.as_str())
        });
        if used {
            // Reasoning: a published version belongs to its stage until the stage lets go of it.
            return Err(bad_request("Documentation version is published to a stage and cannot be deleted"));
        }
        writer.delete("documentationVersions", &key)?;
        Ok(Reply::empty())
    })
}
