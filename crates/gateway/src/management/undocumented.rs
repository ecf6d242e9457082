//! The places of an API that can be documented (API reference, DocumentationPartLocation).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::lookup::Read;
use super::method::strings;
use crate::model::{Authorizer, Method, Resource, RestApi, SchemaModel};

/// Every place of the API, as the location of a part about it alone.
pub(super) fn places(documents: &impl Read, api: &RestApi) -> Result<Vec<Map<String, Value>>, Failure> {
    let prefix = format!("{}/", api.id);
    let mut places = vec![json!({ "type": "API" })];
    for (_, authorizer) in documents.all::<Authorizer>("authorizers", &prefix)? {
        places.push(json!({ "type": "AUTHORIZER", "name": authorizer.name }));
    }
    for (_, model) in documents.all::<SchemaModel>("models", &prefix)? {
        places.push(json!({ "type": "MODEL", "name": model.name }));
    }
    for (_, resource) in documents.all::<Resource>("resources", &prefix)? {
        places.push(json!({ "type": "RESOURCE", "path": resource.path }));
        for (verb, method) in &resource.resource_methods {
            of_method(&resource, verb, method, &mut places);
        }
    }
    let objects = places.into_iter().filter_map(|place| match place {
        Value::Object(place) => Some(place),
        _ => None,
    });
    Ok(objects.collect())
}

fn of_method(resource: &Resource, verb: &str, method: &Method, places: &mut Vec<Value>) {
    let mut put = |kind: &str, more: Value| {
        let mut place = json!({ "type": kind, "path": resource.path, "method": verb });
        if let (Value::Object(place), Value::Object(more)) = (&mut place, more) {
            place.extend(more);
        }
        places.push(place);
    };
    put("METHOD", json!({}));
    let of_path = resource.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut named: BTreeSet<(&str, String)> =
        of_path.map(|name| ("PATH_PARAMETER", name.trim_end_matches('+').to_owned())).collect();
    for parameter in method.request_parameters.keys() {
        let known =
            [("path", "PATH_PARAMETER"), ("querystring", "QUERY_PARAMETER"), ("header", "REQUEST_HEADER")];
        let rest = parameter.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
        let Some((place, name)) = rest else { continue };
        if let Some((_, kind)) = known.iter().find(|(known, _)| *known == place) {
            named.insert((kind, name.to_owned()));
        }
    }
    for (kind, name) in named {
        put(kind, json!({ "name": name }));
    }
    if !strings(method.rest.get("requestModels")).is_empty() {
        put("REQUEST_BODY", json!({}));
    }
    for (status, response) in &method.method_responses {
        put("RESPONSE", json!({ "statusCode": status }));
        for header in response.response_parameters.keys() {
            if let Some(name) = header.strip_prefix("method.response.header.") {
                put("RESPONSE_HEADER", json!({ "statusCode": status, "name": name }));
            }
        }
        if !response.response_models.is_empty() {
            put("RESPONSE_BODY", json!({ "statusCode": status }));
        }
    }
}
