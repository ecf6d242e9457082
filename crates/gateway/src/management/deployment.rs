//! Deployments: the API frozen, and a stage pointed at it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use store::{Store, StoreError};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::lookup::{Read, api, api_or, members, now, random_id};
use super::method::{set, strings};
use super::page::page;
use super::patch::{Rule, operations, permit};
use super::quota::{self, Quota};
use super::rest_api::texts;
use super::stage;
use crate::model::{Deployment, Resource, RestApi, Snapshot, Stage};

pub(super) const UNKNOWN_DEPLOYMENT: &str = "Invalid Deployment identifier specified";

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let id = random_id(6)?;
    store.write(|writer| {
        let api = api(writer, call)?;
        let snapshot = freeze(writer, &api)?;
        check_private(&api)?;
        let deployment = Deployment {
            id: id.clone(),
            description: call.text("description").filter(|d| !d.is_empty()).map(str::to_owned),
            created_date: now(call),
            change_count: api.change_count,
        };
        let key = format!("{}/{id}", api.id);
        let name = call.text("stageName").filter(|name| !name.is_empty());
        let existing: Option<Stage> = match name {
            Some(name) => writer.one("stages", &format!("{}/{name}", api.id))?,
            None => None,
        };
        if name.is_some() && existing.is_none() {
            quota::room(writer, Quota::Stages, &format!("{}/", api.id), 1)?;
        }
        let moved = match (call.input.get("canarySettings").and_then(Value::as_object), name, existing) {
            (Some(canary), _, existing) => Some(with_canary(call, canary, existing, &id)?),
            (None, None, _) => None,
            (None, Some(name), existing) => Some(point(call, name, existing, &id)?),
        };
        writer.put("deployments", &key, &deployment)?;
        writer.put("snapshots", &key, &snapshot)?;
        if let Some(stage) = moved {
            writer.put("stages", &format!("{}/{}", api.id, stage.stage_name), &stage)?;
        }
        Ok(Value::Object(output(&deployment)?).into())
    })
}

/// A private API whose policy nobody wrote lets nobody in, and is not deployed (as users report it).
fn check_private(api: &RestApi) -> Result<(), Failure> {
    let types = api.rest.get("endpointConfiguration").map(|e| texts(e.get("types"))).unwrap_or_default();
    let open = api.policy.as_deref().is_some_and(|policy| !policy.trim().is_empty());
    if types.iter().any(|kind| kind == "PRIVATE") && !open {
        return Err(bad_request("Private REST API doesn't have a resource policy attached to it"));
    }
    Ok(())
}

/// Everything that a stage serves, as it is now. Refusals are as users report them (for example in
/// hashicorp/terraform-provider-aws and aws/aws-cdk).
fn freeze(documents: &impl Read, api: &RestApi) -> Result<Snapshot, Failure> {
    let resources: Vec<Resource> = documents
        .all("resources", &format!("{}/", api.id))?
        .into_iter()
        .map(|(_, resource)| resource)
        .collect();
    let mut methods = resources.iter().flat_map(|resource| resource.resource_methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(bad_request("No integration defined for method"));
    }
    Ok(Snapshot {
        models: below(documents, "models", &api.id)?,
        validators: below(documents, "validators", &api.id)?,
        authorizers: below(documents, "authorizers", &api.id)?,
        gateway_responses: below(documents, "gatewayResponses", &api.id)?,
        resources,
        api: api.clone(),
    })
}

/// What the deployment froze.
pub(super) fn deployed(documents: &impl Read, api: &str, id: &str) -> Result<Snapshot, Failure> {
    let found = documents.one("snapshots", &format!("{api}/{id}"))?;
    found.ok_or_else(|| not_found(UNKNOWN_DEPLOYMENT))
}

fn below<T: DeserializeOwned>(
    documents: &impl Read,
    collection: &str,
    api: &str,
) -> Result<BTreeMap<String, T>, StoreError> {
    let prefix = format!("{api}/");
    let found = documents.all::<T>(collection, &prefix)?;
    Ok(found.into_iter().map(|(key, one)| (key.trim_start_matches(&prefix).to_owned(), one)).collect())
}

/// The stage, new or moved, that serves the deployment.
fn point(call: &Call, name: &str, existing: Option<Stage>, deployment: &str) -> Result<Stage, Failure> {
    let mut stage = match existing {
        Some(stage) => stage,
        None => stage::blank(call, name, deployment)?,
    };
    deployment.clone_into(&mut stage.deployment_id);
    stage.last_updated_date = now(call);
    if call.input.contains_key("variables") {
        stage.variables = strings(call.input.get("variables"));
    }
    if let Some(description) = call.text("stageDescription") {
        set(&mut stage.rest, "description", description.into());
    }
    stage::set_switches(&mut stage, call);
    Ok(stage)
}

/// A canary is a second deployment of an existing stage (test_apigateway_canary
/// TestStageCrudCanary::test_create_canary_deployment_validation).
fn with_canary(
    call: &Call,
    canary: &Map<String, Value>,
    existing: Option<Stage>,
    deployment: &str,
) -> Result<Stage, Failure> {
    const WHAT: &str = "Invalid deployment content specified.";
    let name = match call.text("stageName") {
        Some(name) if !name.is_empty() => name,
        other => {
            let given = other.unwrap_or("null");
            return Err(bad_request(format!(
                "{WHAT}Non null and non empty stageName must be provided for canary deployment. Provided value is {given}"
            )));
        }
    };
    let mut stage = existing.ok_or_else(|| {
        bad_request(format!(
            "{WHAT}Stage {name} must already be created before making a canary release deployment"
        ))
    })?;
    let mut settings = canary.clone();
    settings.insert("deploymentId".into(), deployment.into());
    settings.entry("percentTraffic").or_insert(json!(0.0));
    settings.entry("useStageCache").or_insert(json!(false));
    stage.rest.insert("canarySettings".into(), Value::Object(settings));
    stage.last_updated_date = now(call);
    Ok(stage)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| {
        let (key, found) = find(reader, call)?;
        let mut answer = output(&found)?;
        if texts(call.input.get("embed")).iter().any(|e| e == "apisummary")
            && let Some(snapshot) = reader.get::<Snapshot>("snapshots", &key)?
        {
            answer.insert("apiSummary".into(), summary(&snapshot));
        }
        Ok(Value::Object(answer).into())
    })
}

fn summary(snapshot: &Snapshot) -> Value {
    let paths = snapshot.resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    let paths = paths.map(|resource| {
        let methods = resource.resource_methods.iter().map(|(name, method)| {
            let shown = json!({
                "authorizationType": method.authorization_type,
                "apiKeyRequired": method.api_key_required,
            });
            (name.clone(), shown)
        });
        (resource.path.clone(), Value::Object(methods.collect()))
    });
    Value::Object(paths.collect())
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, Deployment), Failure> {
    let api = api_or(documents, call, UNKNOWN_DEPLOYMENT)?;
    let key = format!("{}/{}", api.id, call.required("deploymentId"));
    let found = documents.one("deployments", &key)?.ok_or_else(|| not_found(UNKNOWN_DEPLOYMENT))?;
    Ok((key, found))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        let api = api(reader, call)?;
        Ok(reader.all::<Deployment>("deployments", &format!("{}/", api.id))?)
    })?;
    let items = found.into_iter().map(|(key, one)| Ok((key, Value::Object(output(&one)?))));
    page(call, items.collect::<Result<_, Failure>>()?)
}

const RULES: &[Rule] = &[("/description", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut found) = find(writer, call)?;
        for patch in operations(call)? {
            permit(RULES, &patch)?;
            found.description = patch.non_empty();
        }
        writer.put("deployments", &key, &found)?;
        Ok(Value::Object(output(&found)?).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, found) = find(writer, call)?;
        let api = call.required("restApiId");
        let used = writer.all::<Stage>("stages", &format!("{api}/"))?.into_iter().any(|(_, stage)| {
            let canary = stage.rest.get("canarySettings").and_then(|c| c.get("deploymentId"));
            stage.deployment_id == found.id || canary.and_then(Value::as_str) == Some(&found.id)
        });
        if used {
            // test_apigateway_common TestDeployments::test_create_delete_deployments.
            return Err(bad_request("Active stages pointing to this deployment must be moved or deleted"));
        }
        writer.delete("deployments", &key)?;
        writer.delete("snapshots", &key)?;
        Ok(Reply::empty())
    })
}

fn output(deployment: &Deployment) -> Result<Map<String, Value>, Failure> {
    let mut members = members(deployment)?;
    members.remove("changeCount");
    Ok(members)
}
