//! `CreateRestApi` with `cloneFrom`: another API of the caller's, without its deployments.
//!
//! The API reference says no more than "the ID of the RestApi that you want to clone from". That everything goes along
//! which a deployment would freeze, and the documentation parts, is reasoning.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Writer;
use wire::Call;

use super::failure::Failure;
use super::lookup::{Read as _, random_id, unknown_api, visible_api};
use crate::model::{Authorizer, GatewayResponse, RequestValidator, Resource, RestApi, SchemaModel};

/// The API that the call names to be cloned.
pub(super) fn source(writer: &Writer<'_>, call: &Call) -> Result<Option<RestApi>, Failure> {
    let Some(id) = call.text("cloneFrom").filter(|id| !id.is_empty()) else { return Ok(None) };
    Ok(Some(visible_api(writer, call, id)?.ok_or_else(|| unknown_api(call, id))?))
}

/// Gives `to` the settings of `from` that the call does not name.
pub(super) fn settings(from: &RestApi, to: &mut RestApi, call: &Call) {
    let given = |member: &str| call.input.contains_key(member);
    if !given("binaryMediaTypes") {
        to.binary_media_types.clone_from(&from.binary_media_types);
    }
    if !given("apiKeySource") {
        to.api_key_source.clone_from(&from.api_key_source);
    }
    for member in ["description", "version", "minimumCompressionSize"] {
        if let Some(value) = from.rest.get(member).filter(|_| !given(member)) {
            to.rest.insert(member.to_owned(), value.clone());
        }
    }
}

/// Copies what is below `from`. The root is `to`'s own; every other id is new.
pub(super) fn contents(writer: &mut Writer<'_>, from: &RestApi, to: &RestApi) -> Result<(), Failure> {
    let validators = renamed::<RequestValidator>(writer, "validators", from, to, |one, id| one.id = id)?;
    let authorizers = renamed::<Authorizer>(writer, "authorizers", from, to, |one, id| one.id = id)?;
    for (name, mut model) in below::<SchemaModel>(writer, "models", from)? {
        model.id = random_id(6)?;
        // References name the API that the model is of.
        let of = |api: &RestApi| format!("/restapis/{}/models/", api.id);
        model.schema = model.schema.map(|schema| schema.replace(&of(from), &of(to)));
        writer.put("models", &format!("{}/{name}", to.id), &model)?;
    }
    for (kind, response) in below::<GatewayResponse>(writer, "gatewayResponses", from)? {
        writer.put("gatewayResponses", &format!("{}/{kind}", to.id), &response)?;
    }
    renamed::<super::documentation_part::Part>(writer, "documentationParts", from, to, |part, id| {
        part.insert("id".into(), id.into());
    })?;
    resources(writer, from, to, &validators, &authorizers)
}

type Ids = BTreeMap<String, String>;

fn resources(
    writer: &mut Writer<'_>,
    from: &RestApi,
    to: &RestApi,
    validators: &Ids,
    authorizers: &Ids,
) -> Result<(), Failure> {
    let found = below::<Resource>(writer, "resources", from)?;
    let mut ids = Ids::new();
    for (id, _) in &found {
        let new = if *id == from.root_resource_id { to.root_resource_id.clone() } else { random_id(6)? };
        ids.insert(id.clone(), new);
    }
    let new = |ids: &Ids, old: &str| ids.get(old).cloned();
    for (_, mut resource) in found {
        let old = std::mem::take(&mut resource.id);
        resource.id = new(&ids, &old).unwrap_or_default();
        resource.parent_id = resource.parent_id.and_then(|parent| new(&ids, &parent));
        for method in resource.resource_methods.values_mut() {
            method.authorizer_id = method.authorizer_id.take().and_then(|id| new(authorizers, &id));
            let validator = method.rest.get("requestValidatorId").and_then(|id| id.as_str());
            if let Some(id) = validator.and_then(|id| new(validators, id)) {
                method.rest.insert("requestValidatorId".into(), id.into());
            }
            // By default the namespace is the resource.
            if let Some(integration) = &mut method.method_integration
                && integration.rest.get("cacheNamespace").and_then(|n| n.as_str()) == Some(&old)
            {
                integration.rest.insert("cacheNamespace".into(), resource.id.clone().into());
            }
        }
        writer.put("resources", &format!("{}/{}", to.id, resource.id), &resource)?;
    }
    Ok(())
}

/// Copies a collection; gives new ids by old ones.
fn renamed<T: Serialize + DeserializeOwned>(
    writer: &mut Writer<'_>,
    collection: &str,
    from: &RestApi,
    to: &RestApi,
    set_id: impl Fn(&mut T, String),
) -> Result<Ids, Failure> {
    let mut ids = Ids::new();
    for (old, mut one) in below::<T>(writer, collection, from)? {
        let id = random_id(6)?;
        set_id(&mut one, id.clone());
        writer.put(collection, &format!("{}/{id}", to.id), &one)?;
        ids.insert(old, id);
    }
    Ok(ids)
}

fn below<T: DeserializeOwned>(
    writer: &Writer<'_>,
    collection: &str,
    api: &RestApi,
) -> Result<Vec<(String, T)>, Failure> {
    let prefix = format!("{}/", api.id);
    let found = writer.all::<T>(collection, &prefix)?;
    Ok(found
        .into_iter()
        .map(|(key, one)| (key.strip_prefix(&prefix).unwrap_or(&key).to_owned(), one))
        .collect())
}
