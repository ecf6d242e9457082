//! Documentation parts: what is said of one place in an API.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, api, api_or, random_id};
use super::page::page;
use super::patch::{Rule, operations, permit_listed, text};
use super::quota::{self, Quota};
use super::undocumented;

/// TestApiGatewayApiDocumentationPart::test_invalid_get_documentation_part; an unknown API reads the same.
const UNKNOWN: &str = "Invalid Documentation part identifier specified";
/// As stored and as answered: `id`, `location`, `properties`.
pub(super) type Part = Map<String, Value>;
/// API reference, DocumentationPartLocation: which members a location of each type may have besides `type`, and those
/// that stand for "any" when they are left out.
const LOCATIONS: &[(&str, &[&str])] = &[
    ("API", &[]),
    ("AUTHORIZER", &["name"]),
    ("MODEL", &["name"]),
    ("RESOURCE", &["path"]),
    ("METHOD", &["path", "method"]),
    ("PATH_PARAMETER", &["path", "method", "name"]),
    ("QUERY_PARAMETER", &["path", "method", "name"]),
    ("REQUEST_HEADER", &["path", "method", "name"]),
    ("REQUEST_BODY", &["path", "method"]),
    ("RESPONSE", &["path", "method", "statusCode"]),
    ("RESPONSE_HEADER", &["path", "method", "statusCode", "name"]),
    ("RESPONSE_BODY", &["path", "method", "statusCode"]),
];

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let location = location(call.input.get("location"))?;
    let properties = call.required("properties").to_owned();
    let api = api(writer, call)?;
    if let Some(taken) = parts(writer, &api.id)?.into_values().find(|part| is_at(part, &location)) {
        let at = described(taken.get("location"));
        // Developer guide, "Documentation of the API entity", which quotes the sentence for type `API`.
        return Err(conflict(format!("Documentation part already exists for the specified location: {at}.")));
    }
    quota::room(writer, Quota::DocumentationParts, &format!("{}/", api.id), 1)?;
    let part = insert(writer, &api.id, location, properties)?;
    Ok(Value::Object(part).into())
}

/// Stores a new part.
pub(super) fn insert(
    writer: &mut Writer<'_>,
    api: &str,
    location: Map<String, Value>,
    properties: String,
) -> Result<Part, Failure> {
    let id = random_id(6)?;
    let mut part = Map::new();
    part.insert("location".into(), Value::Object(location));
    part.insert("properties".into(), properties.into());
    part.insert("id".into(), id.clone().into());
    writer.put("documentationParts", &format!("{api}/{id}"), &part)?;
    Ok(part)
}

/// An API's parts, by id.
pub(super) fn parts(documents: &impl Read, api: &str) -> Result<BTreeMap<String, Part>, Failure> {
    let prefix = format!("{api}/");
    let found = documents.all::<Part>("documentationParts", &prefix)?;
    Ok(found.into_iter().map(|(key, part)| (key.trim_start_matches(&prefix).to_owned(), part)).collect())
}

/// A location with the members that its type has; `*` is what a method or status means when it is left out, so it is
/// not stored.
pub(super) fn location(given: Option<&Value>) -> Result<Map<String, Value>, Failure> {
    // Terraform sends empty texts for what is not set.
    let mut given = given.and_then(Value::as_object).cloned().unwrap_or_default();
    given.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
    let kind = given.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some((_, members)) = LOCATIONS.iter().find(|(name, _)| *name == kind) else {
        return Err(bad_request(format!("Invalid location type specified: {kind}")));
    };
    for member in given.keys() {
        if member != "type" && !members.contains(&member.as_str()) {
            // Reasoning: the reference says that the member is not valid for the type; AWS's words are not recorded.
            return Err(bad_request(format!(
                "Invalid location field '{member}' specified for type '{kind}'"
            )));
        }
    }
    if members.contains(&"name") && !given.contains_key("name") {
        return Err(bad_request(format!("Missing location field 'name' for type '{kind}'")));
    }
    Ok(given)
}

/// Whether a part is about this location; members left out mean their defaults.
pub(super) fn is_at(part: &Part, location: &Map<String, Value>) -> bool {
    let of_part = part.get("location").and_then(Value::as_object);
    let member = |of: Option<&Map<String, Value>>, name: &str| {
        let default = match name {
            "path" => "/",
            "method" | "statusCode" => "*",
            _ => "",
        };
        of.and_then(|o| o.get(name)).and_then(Value::as_str).unwrap_or(default).to_owned()
    };
    ["type", "path", "method", "statusCode", "name"]
        .iter()
        .all(|name| member(of_part, name) == member(Some(location), name))
}

fn described(location: Option<&Value>) -> String {
    let location = location.and_then(Value::as_object);
    let member = |name: &str| Some(format!("{name} '{}'", location?.get(name)?.as_str()?));
    ["type", "name", "path", "method", "statusCode"]
        .into_iter()
        .filter_map(member)
        .collect::<Vec<_>>()
        .join(", ")
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, Part), Failure> {
    let api = api_or(documents, call, UNKNOWN)?;
    let key = format!("{}/{}", api.id, call.required("documentationPartId"));
    let found = documents.one("documentationParts", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(Value::Object(find(reader, call)?.1).into()))
}

/// Filtered by `type`, `nameQuery` (part of the name), `path` and `locationStatus`, of which `UNDOCUMENTED` lists
/// places that have no part.
pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let undocumented = call.text("locationStatus") == Some("UNDOCUMENTED");
    let found = store.read::<_, Failure>(|reader| {
        let api = api(reader, call)?;
        let parts = parts(reader, &api.id)?;
        if !undocumented {
            return Ok(parts);
        }
        // In their order; what AWS answers of them is not recorded. Reasoning: a location and nothing else.
        let places = undocumented::places(reader, &api)?.into_iter();
        let without = places.filter(|place| !parts.values().any(|part| is_at(part, place)));
        Ok(without
            .enumerate()
            .map(|(at, place)| {
                let part = [("location".to_owned(), Value::Object(place))].into_iter().collect();
                (format!("{at:06}"), part)
            })
            .collect())
    })?;
    let member = |part: &Part, name: &str| {
        part.get("location").and_then(|l| l.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let items = found.into_iter().filter(|(_, part)| {
        call.text("type").is_none_or(|kind| member(part, "type") == kind)
            && call.text("path").is_none_or(|path| member(part, "path") == path)
            && call.text("nameQuery").is_none_or(|name| member(part, "name").contains(name))
    });
    page(call, items.map(|(key, part)| (key, Value::Object(part))).collect())
}

const RULES: &[Rule] = &[("/properties", &["replace"])];

/// TestApiGatewayApiDocumentationPart::test_invalid_update_documentation_part.
pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut part) = find(writer, call)?;
        for patch in operations(call)? {
            permit_listed(RULES, &patch)?;
            if patch.non_empty().is_none() {
                return Err(bad_request("Documentation part properties must be non-empty"));
            }
            part.insert("properties".into(), text(&patch).into());
        }
        writer.put("documentationParts", &key, &part)?;
        Ok(Value::Object(part).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, _) = find(writer, call)?;
        writer.delete("documentationParts", &key)?;
        Ok(Reply::empty())
    })
}
