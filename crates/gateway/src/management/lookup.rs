//! An API and what hangs below it, as one account in one region sees them.
//!
//! An API id is global, but another account's API, or one of another region, is answered exactly like one that does not
//! exist (recording: test_apigateway_api TestApiGatewayApiRestApi::test_update_rest_api_invalid_api_id for the text).

use serde::Serialize;
use serde_json::{Map, Value};
pub(super) use store::Read;
use store::{StoreError, Writer};
use wire::{ApiError, Call, Reply};

use super::failure::{Failure, not_found};
use crate::model::{Method, Resource, RestApi};

/// The API, if the caller may know of it.
pub(super) fn visible_api(
    documents: &impl Read,
    call: &Call,
    id: &str,
) -> Result<Option<RestApi>, StoreError> {
    let found: Option<RestApi> = documents.one("apis", id)?;
    Ok(found.filter(|api| api.account == call.account.as_str() && api.region == call.region))
}

/// The API that the call names.
pub(super) fn api(documents: &impl Read, call: &Call) -> Result<RestApi, Failure> {
    let id = call.required("restApiId");
    visible_api(documents, call, id)?.ok_or_else(|| unknown_api(call, id))
}

pub(super) fn unknown_api(call: &Call, id: &str) -> Failure {
    not_found(format!("Invalid API identifier specified {}:{id}", call.account))
}

/// The API, with another answer when there is none: below an API, AWS complains of the thing that was asked for.
pub(super) fn api_or(documents: &impl Read, call: &Call, text: &str) -> Result<RestApi, Failure> {
    visible_api(documents, call, call.required("restApiId"))?.ok_or_else(|| not_found(text))
}

/// A resource with its API.
pub(super) struct Place {
    pub api: RestApi,
    pub resource: Resource,
}

pub(super) const UNKNOWN_RESOURCE: &str = "Invalid Resource identifier specified";
pub(super) const UNKNOWN_METHOD: &str = "Invalid Method identifier specified";

/// The resource that the call names. An unknown API reads like an unknown resource here (recording:
/// TestApiGatewayApiMethod::test_put_method_validation#wrong-api).
pub(super) fn place(documents: &impl Read, call: &Call) -> Result<Place, Failure> {
    let api = api_or(documents, call, UNKNOWN_RESOURCE)?;
    let key = format!("{}/{}", api.id, call.required("resourceId"));
    let resource = documents.one("resources", &key)?.ok_or_else(|| not_found(UNKNOWN_RESOURCE))?;
    Ok(Place { api, resource })
}

impl Place {
    pub(super) fn method(&self, call: &Call) -> Result<&Method, Failure> {
        self.resource
            .resource_methods
            .get(call.required("httpMethod"))
            .ok_or_else(|| not_found(UNKNOWN_METHOD))
    }

    pub(super) fn method_mut(&mut self, call: &Call) -> Result<&mut Method, Failure> {
        self.resource
            .resource_methods
            .get_mut(call.required("httpMethod"))
            .ok_or_else(|| not_found(UNKNOWN_METHOD))
    }

    /// Stores the resource and counts the change.
    pub(super) fn save(mut self, writer: &mut Writer<'_>) -> Result<(), StoreError> {
        writer.put("resources", &format!("{}/{}", self.api.id, self.resource.id), &self.resource)?;
        touch(writer, &mut self.api)
    }
}

/// Counts a change to what a deployment would freeze, and stores the API.
pub(super) fn touch(writer: &mut Writer<'_>, api: &mut RestApi) -> Result<(), StoreError> {
    api.change_count += 1;
    writer.put("apis", &api.id, api)
}

/// A document as an answer's members.
pub(super) fn members<T: Serialize>(document: &T) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(document) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::internal("a document is not an object").into()),
        Err(e) => Err(ApiError::internal(format!("a document cannot be rendered: {e}")).into()),
    }
}

/// A document as the answer.
pub(super) fn reply<T: Serialize>(document: &T) -> Result<Reply, Failure> {
    Ok(Reply { output: members(document)?, ..Reply::default() })
}

/// Seconds since 1970, whole: API Gateway keeps no fractions.
pub(super) fn now(call: &Call) -> f64 {
    call.now_ms.div_euclid(1000) as f64
}

/// `count` random lower-case letters and digits, beginning with a letter.
pub(super) fn random_id(count: usize) -> Result<String, Failure> {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random).map_err(|e| ApiError::internal(format!("no random bytes: {e}")))?;
    let mut id = arn::api_id(&random);
    id.truncate(count);
    Ok(id)
}
