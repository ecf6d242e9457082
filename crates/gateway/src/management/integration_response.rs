//! Integration responses.

use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, not_found};
use super::integration::UNKNOWN_INTEGRATION;
use super::lookup::{place, reply};
use super::mapping;
use super::method::strings;
use super::method_response::UNKNOWN_STATUS;
use super::patch::{Entry, Rule, apply_entry, operations, permit, text};
use crate::model::{IntegrationResponse, Method};

pub(super) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| put_in(writer, call))
}

/// The same within a transaction.
pub(super) fn put_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let status = call.required("statusCode").to_owned();
    let response = IntegrationResponse {
        status_code: status.clone(),
        selection_pattern: call.text("selectionPattern").map(str::to_owned),
        response_parameters: strings(call.input.get("responseParameters")),
        response_templates: call.input.get("responseTemplates").map(|given| strings(Some(given))),
        content_handling: call.text("contentHandling").map(str::to_owned),
    };
    let mut place = place(writer, call)?;
    let method = place.method_mut(call)?;
    check(&response, method)?;
    let integration = method.method_integration.as_mut().ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
    integration.integration_responses.insert(status, response.clone());
    place.save(writer)?;
    reply(&response)
}

fn check(response: &IntegrationResponse, method: &Method) -> Result<(), Failure> {
    mapping::check_response(
        &response.response_parameters,
        method.method_responses.get(&response.status_code),
    )?;
    response.response_templates.as_ref().map_or(Ok(()), mapping::check_templates)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| {
        let place = place(reader, call)?;
        let integration = place.method(call)?.method_integration.as_ref();
        let integration = integration.ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
        let found = integration.integration_responses.get(call.required("statusCode"));
        reply(found.ok_or_else(|| not_found(UNKNOWN_STATUS))?)
    })
}

const RULES: &[Rule] = &[
    ("/selectionPattern", &["replace"]),
    ("/contentHandling", &["replace"]),
    ("/responseParameters/{}", &["add", "remove", "replace"]),
    ("/responseTemplates/{}", &["add", "remove", "replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let method = place.method_mut(call)?;
        let integration = method.method_integration.as_ref().ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
        let status = call.required("statusCode");
        let mut response = integration
            .integration_responses
            .get(status)
            .cloned()
            .ok_or_else(|| not_found(UNKNOWN_STATUS))?;
        for patch in operations(call)? {
            match permit(RULES, &patch)? {
                ("/selectionPattern", _) => response.selection_pattern = patch.value.map(str::to_owned),
                ("/contentHandling", _) => response.content_handling = patch.non_empty(),
                ("/responseParameters/{}", key) => {
                    apply_entry(&mut response.response_parameters, &patch, key, Entry::Parameter, text)?;
                }
                (_, key) => {
                    let templates = response.response_templates.get_or_insert_default();
                    apply_entry(templates, &patch, key, Entry::ContentType, text)?;
                }
            }
        }
        check(&response, method)?;
        if let Some(integration) = &mut method.method_integration {
            integration.integration_responses.insert(status.to_owned(), response.clone());
        }
        place.save(writer)?;
        reply(&response)
    })
}

/// An unknown method reads like an unknown integration here, and only here
/// (TestApigatewayIntegrationResponse::test_delete_integration_response_errors#non-existent-method).
pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut place = place(writer, call)?;
        let method = place.resource.resource_methods.get_mut(call.required("httpMethod"));
        let integration = method.and_then(|method| method.method_integration.as_mut());
        let integration = integration.ok_or_else(|| not_found(UNKNOWN_INTEGRATION))?;
        integration
            .integration_responses
            .remove(call.required("statusCode"))
            .ok_or_else(|| not_found(UNKNOWN_STATUS))?;
        place.save(writer)?;
        Ok(Reply::empty())
    })
}
