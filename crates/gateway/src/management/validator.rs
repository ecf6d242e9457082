//! Request validators.

use serde_json::Value;
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::lookup::{Read, api, api_or, members, random_id, reply, touch, visible_api};
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use crate::model::{RequestValidator, RestApi};

const UNKNOWN: &str = "Invalid Request Validator identifier specified";

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let flag = |member: &str| call.input.get(member).and_then(Value::as_bool).unwrap_or(false);
    let validator = RequestValidator {
        id: random_id(6)?,
        name: call.text("name").unwrap_or_default().to_owned(),
        validate_request_body: flag("validateRequestBody"),
        validate_request_parameters: flag("validateRequestParameters"),
    };
    // An unknown API has words of its own here (TestApiGatewayApiRequestValidator::test_validators_crud_no_api).
    let mut api = visible_api(writer, call, call.required("restApiId"))?
        .ok_or_else(|| bad_request("Invalid REST API identifier specified"))?;
    writer.put("validators", &format!("{}/{}", api.id, validator.id), &validator)?;
    touch(writer, &mut api)?;
    reply(&validator)
}

fn find(documents: &impl Read, call: &Call) -> Result<(RestApi, String, RequestValidator), Failure> {
    let api = api_or(documents, call, UNKNOWN)?;
    let key = format!("{}/{}", api.id, call.required("requestValidatorId"));
    let found = documents.one("validators", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((api, key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| reply(&find(reader, call)?.2))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        Ok(reader.all::<RequestValidator>("validators", &format!("{}/", api(reader, call)?.id))?)
    })?;
    let items = found.into_iter().map(|(key, one)| Ok((key, Value::Object(members(&one)?))));
    page(call, items.collect::<Result<_, Failure>>()?)
}

const RULES: &[Rule] = &[
    ("/name", &["replace"]),
    ("/validateRequestParameters", &["replace"]),
    ("/validateRequestBody", &["replace"]),
];

/// TestApiGatewayApiRequestValidator::test_invalid_update_request_validator_operations.
pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, mut validator) = find(writer, call)?;
        for patch in operations(call)? {
            match permit_listed(RULES, &patch)?.0 {
                "/name" => {
                    validator.name = patch
                        .non_empty()
                        .ok_or_else(|| bad_request("Request Validator name cannot be blank"))?;
                }
                "/validateRequestBody" => validator.validate_request_body = patch.is_true(),
                _ => validator.validate_request_parameters = patch.is_true(),
            }
        }
        writer.put("validators", &key, &validator)?;
        touch(writer, &mut api)?;
        reply(&validator)
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, _) = find(writer, call)?;
        writer.delete("validators", &key)?;
        touch(writer, &mut api)?;
        Ok(Reply::empty())
    })
}
