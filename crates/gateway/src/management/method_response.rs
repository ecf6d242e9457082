//! Method responses.

use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{place, reply};
use super::method::{check_models, flags, strings};
use super::patch::{Entry, Rule, apply_entry, operations, permit, text};
use crate::model::MethodResponse;

pub(super) const UNKNOWN_STATUS: &str = "Invalid Response status code specified";

pub(super) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| put_in(writer, call))
}

/// The same within a transaction.
pub(super) fn put_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let status = call.required("statusCode").to_owned();
    let response = MethodResponse {
        status_code: status.clone(),
        response_parameters: flags(call.input.get("responseParameters")),
        response_models: strings(call.input.get("responseModels")),
    };
    let mut place = place(writer, call)?;
    let api = place.api.id.clone();
    let method = place.method_mut(call)?;
    if method.method_responses.contains_key(&status) {
        // As users report it (hashicorp/terraform-provider-aws).
        return Err(conflict("Response already exists for this resource"));
    }
    check(&response)?;
    check_models(writer, &api, response.response_models.values())?;
    method.method_responses.insert(status, response.clone());
    place.save(writer)?;
    reply(&response)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| {
        let place = place(reader, call)?;
        let found = place.method(call)?.method_responses.get(call.required("statusCode"));
        reply(found.ok_or_else(|| not_found(UNKNOWN_STATUS))?)
    })
}

const RULES: &[Rule] = &[
    ("/responseParameters/{}", &["add", "remove", "replace"]),
    ("/responseModels/{}", &["add", "remove", "replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let api = place.api.id.clone();
        let responses = &mut place.method_mut(call)?.method_responses;
        let response =
            responses.get_mut(call.required("statusCode")).ok_or_else(|| not_found(UNKNOWN_STATUS))?;
        for patch in operations(call)? {
            match permit(RULES, &patch)? {
                ("/responseParameters/{}", key) => {
                    let parameters = &mut response.response_parameters;
                    apply_entry(parameters, &patch, key, Entry::Parameter, |p| p.is_true())?;
                }
                (_, key) => {
                    apply_entry(&mut response.response_models, &patch, key, Entry::ContentType, text)?;
                }
            }
        }
        check(response)?;
        check_models(writer, &api, response.response_models.values())?;
        let answer = reply(response)?;
        place.save(writer)?;
        Ok(answer)
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let responses = &mut place.method_mut(call)?.method_responses;
        responses.remove(call.required("statusCode")).ok_or_else(|| not_found(UNKNOWN_STATUS))?;
        place.save(writer)?;
        Ok(Reply::empty())
    })
}

/// A method response declares headers only (developer guide, "Set up method response headers").
fn check(response: &MethodResponse) -> Result<(), Failure> {
    for name in response.response_parameters.keys() {
        if name.strip_prefix("method.response.header.").is_none_or(str::is_empty) {
            return Err(bad_request(format!("Invalid mapping expression specified: {name}")));
        }
    }
    Ok(())
}
