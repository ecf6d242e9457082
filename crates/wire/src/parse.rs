//! A request's parts and body as an operation's input.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::model::{Kind, Location, Member, Operation, Protocol};
use crate::scalar::malformed;
use crate::service::Service;
use crate::{form, json, route, scalar, uri};

/// Reads the input of an operation; see [`crate::Call::input`] for the form of its values. The second value is the body
/// of operations whose model says that one blob is the whole body, else empty.
///
/// The caller bounds the size of the body. Depth and the number of form fields are bounded here.
///
/// # Errors
/// `SerializationException` or `MalformedInput`, 400, for what cannot be read or has the wrong type.
pub fn parse(op: &Operation, parts: &Parts, body: Bytes) -> Result<(Map<String, Value>, Bytes), ApiError> {
    let refused = |text: String| malformed(op.service.protocol(), text);
    match op.service.protocol() {
        Protocol::Query => query(op, parts, &body).map_err(refused).map(|input| (input, Bytes::new())),
        Protocol::Json => {
            let mut input = Map::new();
            let value = json_body(op, &body)?;
            json::read_members(op.model(), op.input_members(), value, &mut input).map_err(refused)?;
            Ok((input, Bytes::new()))
        }
        Protocol::RestJson => {
            let mut input = Map::new();
            outside_body(op, parts, &mut input).map_err(refused)?;
            let model = op.model();
            if let Some(payload) = op.input_payload() {
                if matches!(model.shape(payload.shape).kind, Kind::Blob) {
                    return Ok((input, body));
                }
                if !body.is_empty() {
                    let value = json::read(model, payload.shape, json_body(op, &body)?).map_err(refused)?;
                    input.insert(payload.name.to_owned(), value);
                }
            } else if op.input_members().iter().any(|m| m.location == Location::Body) {
                let value = json_body(op, &body)?;
                json::read_members(model, op.input_members(), value, &mut input).map_err(refused)?;
            }
            Ok((input, Bytes::new()))
        }
    }
}

/// A JSON body; an empty one is an empty object.
fn json_body(op: &Operation, body: &Bytes) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|e| {
        let text = format!("Could not parse request body into json: {e}");
        match op.service {
            // Recorded for Lambda's Invoke (lambda_/test_lambda.snapshot.json, test_lambda_invoke_payload_encoding_error),
            // taken over for its other operations by reasoning; what follows the colon is our own parser's text.
            Service::Lambda => ApiError::new("InvalidRequestContentException", 400, text),
            _ => malformed(op.service.protocol(), text),
        }
    })
}

fn query(op: &Operation, parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, String> {
    let unreadable =
        || format!("a parameter is not UTF-8, or there are more than {} parameters", uri::MAX_PAIRS);
    let mut fields = uri::pairs(parts.uri.query().unwrap_or_default()).ok_or_else(unreadable)?;
    if route::is_form(parts) {
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        fields.extend(uri::pairs(text).ok_or_else(unreadable)?);
    }
    form::read(op.model(), op.input_members(), &fields)
}

/// The members that travel in the path, the query string and headers.
fn outside_body(op: &Operation, parts: &Parts, input: &mut Map<String, Value>) -> Result<(), String> {
    let members = op.input_members();
    if members.iter().all(|m| m.location == Location::Body) {
        return Ok(());
    }
    let unreadable = |what: &str| format!("{what} is not UTF-8");
    let labels = op.template.labels(parts.uri.path());
    let query =
        uri::pairs(parts.uri.query().unwrap_or_default()).ok_or_else(|| unreadable("the query string"))?;
    let kind = |member: &Member| &op.model().shape(member.shape).kind;
    for member in members {
        let value = match member.location {
            Location::Body | Location::Status => None,
            Location::Uri => {
                let label = labels.iter().find(|(name, _)| *name == member.wire_name);
                let text = label.map(|(_, raw)| uri::decode(raw).ok_or_else(|| unreadable("the path")));
                text.transpose()?.map(|text| scalar::from_text(kind(member), &text)).transpose()?
            }
            Location::Header => {
                let text = parts.headers.get(member.wire_name).map(|v| std::str::from_utf8(v.as_bytes()));
                let text = text.transpose().map_err(|_| unreadable("a header"))?;
                text.map(|text| scalar::from_text(kind(member), text)).transpose()?
            }
            Location::Query => query_member(op, member, &query)?,
        };
        if let Some(value) = value {
            input.insert(member.name.to_owned(), value);
        }
    }
    Ok(())
}

/// A member of the query string. A list takes every field of its name; a map every field that is nothing else.
fn query_member(
    op: &Operation,
    member: &Member,
    query: &[(Cow<'_, str>, Cow<'_, str>)],
) -> Result<Option<Value>, String> {
    let model = op.model();
    let own = || query.iter().filter(|(name, _)| name == member.wire_name);
    match &model.shape(member.shape).kind {
        Kind::List(item) => {
            let item = &model.shape(*item).kind;
            let items: Vec<Value> =
                own().map(|(_, text)| scalar::from_text(item, text)).collect::<Result<_, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Kind::Map { value, .. } => {
            let value = &model.shape(*value).kind;
            let other = query.iter().filter(|(name, _)| {
                let named =
                    op.input_members().iter().any(|m| m.location == Location::Query && m.wire_name == name);
                let constant = op.template.constants().iter().any(|(n, _)| n == name);
                // A presigned request carries its signature in the query string.
                !named && !constant && !name.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("x-amz-"))
            });
            let entries: Map<String, Value> = other
                .map(|(name, text)| Ok((name.to_string(), scalar::from_text(value, text)?)))
                .collect::<Result<_, String>>()?;
            Ok((!entries.is_empty()).then_some(Value::Object(entries)))
        }
        kind => own().next().map(|(_, text)| scalar::from_text(kind, text)).transpose(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(
        service: Service,
        request: http::request::Builder,
        body: &str,
    ) -> Result<(Value, Bytes), ApiError> {
        let (parts, ()) = request.body(()).expect("request").into_parts();
        let op = route::route(service, &parts, body.as_bytes())?;
        let (input, payload) = parse(op, &parts, Bytes::copy_from_slice(body.as_bytes()))?;
        Ok((Value::Object(input), payload))
    }

    #[test]
    fn labels_query_fields_headers_and_a_blob_body_make_one_input() {
        let request = http::Request::post("/2015-03-31/functions/a%3Ab/invocations?Qualifier=1&x=y")
            .header("X-Amz-Log-Type", "Tail");
        let (input, payload) = read(Service::Lambda, request, "{\"k\": 1}").expect("input");
        assert_eq!(input, json!({"FunctionName": "a:b", "Qualifier": "1", "LogType": "Tail"}));
        assert_eq!(payload, "{\"k\": 1}");
    }

    #[test]
    fn maps_in_the_query_string_leave_the_signature_and_named_fields_out() {
        let request = http::Request::get(
            "/restapis/a/stages/p/exports/oas30?extensions=apigateway&X-Amz-Signature=f&position=1",
        )
        .header("Accept", "application/yaml");
        let (input, _) = read(Service::ApiGateway, request, "").expect("input");
        assert_eq!(
            input,
            json!({"restApiId": "a", "stageName": "p", "exportType": "oas30", "accepts": "application/yaml",
                   "parameters": {"extensions": "apigateway", "position": "1"}})
        );
    }

    #[test]
    fn lists_in_the_query_string_take_every_field_of_their_name() {
        let request = http::Request::delete("/2017-03-31/tags/arn%3Aaws?tagKeys=a&tagKeys=b%20c");
        let (input, _) = read(Service::Lambda, request, "").expect("input");
        assert_eq!(input, json!({"Resource": "arn:aws", "TagKeys": ["a", "b c"]}));
    }

    #[test]
    fn broken_json_is_refused_in_each_services_code() {
        let lambda = read(Service::Lambda, http::Request::post("/2015-03-31/functions"), "{").unwrap_err();
        assert_eq!((lambda.code.as_str(), lambda.status), ("InvalidRequestContentException", 400));
        let gateway = read(Service::ApiGateway, http::Request::post("/restapis"), "[1]").unwrap_err();
        assert_eq!((gateway.code.as_str(), gateway.status), ("SerializationException", 400));
        let request = http::Request::post("/").header("x-amz-target", "Logs_20140328.CreateLogGroup");
        assert_eq!(read(Service::Logs, request, "nope").unwrap_err().code, "SerializationException");
    }

    #[test]
    fn json_nested_too_deeply_is_refused() {
        let deep = format!("{{\"Tags\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        let refused = read(Service::Lambda, http::Request::post("/2015-03-31/functions"), &deep).unwrap_err();
        assert_eq!(refused.status, 400);
    }

    #[test]
    fn a_number_in_the_path_must_be_one() {
        let request = http::Request::get("/2018-10-31/layers/l/versions/one");
        assert_eq!(read(Service::Lambda, request, "").unwrap_err().code, "SerializationException");
    }
}
