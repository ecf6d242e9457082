//! Mapping expressions: what may be assigned to what.
//!
//! Source: developer guide, "Amazon API Gateway API request and response data mapping reference".

use std::collections::BTreeMap;

use super::failure::{Failure, bad_request};
use crate::model::{Method, MethodResponse, Texts};

/// AWS wraps the refusal in the outcome of a validation (TestApigatewayIntegration::
/// test_put_integration_request_parameter_bool_type).
fn refuse(what: &str, expression: &str) -> Failure {
    bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{what} specified: {expression}]"
    ))
}

const EXPRESSION: &str = "Invalid mapping expression";
const PARAMETER: &str = "Invalid mapping expression parameter";

/// An integration's `requestParameters`.
pub(super) fn check_request(mapping: &Texts, method: &Method) -> Result<(), Failure> {
    for (target, source) in mapping {
        if !named(target, "integration.request.", &["header.", "querystring.", "path."]) {
            return Err(refuse(EXPRESSION, target));
        }
        if constant(source) || source == "method.request.body" || source.starts_with("method.request.body.") {
            continue;
        }
        let places = ["header.", "querystring.", "path.", "multivalueheader.", "multivaluequerystring."];
        if !named(source, "method.request.", &places) {
            return Err(refuse(EXPRESSION, source));
        }
        if !declared(&method.request_parameters, source) {
            return Err(refuse(PARAMETER, source));
        }
    }
    Ok(())
}

/// An integration response's `responseParameters`. A target must be declared by the method response.
pub(super) fn check_response(mapping: &Texts, response: Option<&MethodResponse>) -> Result<(), Failure> {
    for (target, source) in mapping {
        if !named(target, "method.response.", &["header."]) {
            return Err(refuse(EXPRESSION, target));
        }
        if response.is_none_or(|r| !r.response_parameters.contains_key(target)) {
            return Err(refuse(PARAMETER, target));
        }
        let from_body =
            source == "integration.response.body" || source.starts_with("integration.response.body.");
        if !constant(source)
            && !from_body
            && !named(source, "integration.response.", &["header.", "multivalueheader."])
        {
            return Err(refuse(EXPRESSION, source));
        }
    }
    Ok(())
}

/// A multi-value source is declared under its single-value name as well as under its own.
fn declared(parameters: &BTreeMap<String, bool>, source: &str) -> bool {
    parameters.contains_key(source) || parameters.contains_key(&source.replacen("multivalue", "", 1))
}

/// `'static'`, `context.x` or `stageVariables.x`.
fn constant(source: &str) -> bool {
    (source.len() >= 2 && source.starts_with('\'') && source.ends_with('\''))
        || named(source, "", &["context.", "stageVariables."])
}

fn named(text: &str, prefix: &str, places: &[&str]) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    places.iter().any(|place| rest.strip_prefix(place).is_some_and(|name| !name.is_empty()))
}

/// The keys of templates are media types (TestApigatewayIntegrationResponse::
/// test_integration_response_invalid_responsetemplates).
pub(super) fn check_templates(templates: &Texts) -> Result<(), Failure> {
    for name in templates.keys() {
        let media = name.split(';').next().unwrap_or_default().trim();
        let well_formed = media
            .split_once('/')
            .is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty() && !sub.contains('/'));
        if !well_formed && name != "$default" {
            return Err(bad_request(format!(
                "Validation Result: warnings : [], errors : [Invalid content type specified: {name}]"
            )));
        }
    }
    Ok(())
}
