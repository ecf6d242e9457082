//! A handler's answer, or an error, as an HTTP response.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::call::Reply;
use crate::error::ApiError;
use crate::model::{Kind, Location, Member, Operation, Protocol, Shape};
use crate::service::Service;
use crate::{json, scalar, xml};

/// The header of the request id (`x-amzn-RequestId`; names of headers are case-insensitive).
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// The header of a rest-json error's code.
pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Writes the answer of an operation: status, headers and body as its protocol and model say.
///
/// A [`Reply::payload`] is the body where the model has a blob or an event stream as the whole body. IAM's policy
/// documents are percent-encoded here, so handlers give them as plain JSON text.
#[must_use]
pub fn render(op: &Operation, reply: Reply, request_id: &str) -> Response<Bytes> {
    match op.service.protocol() {
        Protocol::RestJson => rest(op, reply, request_id),
        Protocol::Query => {
            let body = query_body(op, &reply.output, request_id);
            respond(reply.status.unwrap_or(op.status), "text/xml", body.into(), request_id)
        }
        Protocol::Json => {
            let mut body = Vec::new();
            if let Some(payload) = reply.payload {
                body = payload.into();
            } else if op.output.is_some() {
                json::write_members(op.model(), op.output_members().iter(), &reply.output, &mut body);
            }
            let kind = json_type(op.service);
            respond(reply.status.unwrap_or(op.status), kind, body.into(), request_id)
        }
    }
}

fn rest(op: &Operation, reply: Reply, request_id: &str) -> Response<Bytes> {
    let model = op.model();
    let members = op.output_members();
    let from_member = members.iter().find(|m| m.location == Location::Status);
    let from_member = from_member.and_then(|m| reply.output.get(m.name)?.as_u64());
    let status = reply.status.or(from_member.and_then(|s| u16::try_from(s).ok())).unwrap_or(op.status);
    let body: Bytes = match op.output_payload() {
        Some(payload) => match (&model.shape(payload.shape).kind, reply.output.get(payload.name)) {
            (Kind::Structure { event_stream: false, .. }, Some(value)) => {
                let mut body = Vec::new();
                json::write(model, payload.shape, value, &mut body);
                body.into()
            }
            _ => reply.payload.unwrap_or_default(),
        },
        None if op.output.is_none() || status == 204 => Bytes::new(),
        // An output whose members all travel outside the body has none (Lambda's DeleteFunction).
        None if !members.is_empty() && members.iter().all(|m| m.location != Location::Body) => Bytes::new(),
        None => {
            let mut body = Vec::with_capacity(256);
            json::write_members(model, members.iter(), &reply.output, &mut body);
            body.into()
        }
    };
    let mut response = respond(status, "application/json", body, request_id);
    add_headers(&mut response, model, members, &reply.output);
    response
}

/// Sends the members that travel in headers. A value that no header can hold is left out.
fn add_headers(
    response: &mut Response<Bytes>,
    model: &crate::Model,
    members: &[Member],
    output: &Map<String, Value>,
) {
    for member in members.iter().filter(|m| m.location == Location::Header) {
        let text = output.get(member.name).and_then(|v| scalar::to_text(&model.shape(member.shape).kind, v));
        let value = text.and_then(|t| HeaderValue::from_bytes(t.as_bytes()).ok());
        if let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(member.wire_name.as_bytes())) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn query_body(op: &Operation, output: &Map<String, Value>, request_id: &str) -> String {
    let (name, namespace) = (op.name, op.model().namespace.unwrap_or_default());
    let mut body = format!("<{name}Response xmlns=\"{namespace}\">");
    if op.output.is_some() {
        let _ = write!(body, "<{name}Result>");
        xml::write_members(op.model(), op.output_members(), output, &mut body);
        let _ = write!(body, "</{name}Result>");
    }
    body.push_str("<ResponseMetadata><RequestId>");
    xml::escape(request_id, &mut body);
    let _ = write!(body, "</RequestId></ResponseMetadata></{name}Response>");
    body
}

/// Writes an error as the service's protocol and model say.
///
/// A status of 0 stands for the model's. The message goes under the name that the error's shape gives it (`Message` for
/// Lambda's ResourceNotFoundException, else `message`); `None` is sent as null. Where the shape has a member `Type` and
/// [`ApiError::fields`] has none, it is `User` or `Service`, as recorded for Lambda; a null there leaves it out.
#[must_use]
pub fn render_error(service: Service, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let model = service.model();
    let shape = model.error(&error.code);
    let traits = shape.and_then(|s| s.error);
    let code = traits.map_or(error.code.as_str(), |t| t.code);
    let status = match error.status {
        0 => traits.map_or(400, |t| t.status),
        status => status,
    };
    let message = error.message.as_deref();
    match service.protocol() {
        Protocol::Query => {
            let namespace = model.namespace.unwrap_or_default();
            let kind = if status >= 500 { "Receiver" } else { "Sender" };
            let mut body = format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>");
            xml::escape(code, &mut body);
            body.push_str("</Code>");
            if let Some(message) = message {
                body.push_str("<Message>");
                xml::escape(message, &mut body);
                body.push_str("</Message>");
            }
            if let Some(shape) = shape {
                let others = shape.members().iter().filter(|m| !m.name.eq_ignore_ascii_case("message"));
                for member in others {
                    xml::write_members(model, std::slice::from_ref(member), &error.fields, &mut body);
                }
            }
            body.push_str("</Error><RequestId>");
            xml::escape(request_id, &mut body);
            body.push_str("</RequestId></ErrorResponse>");
            respond(status, "text/xml", body.into(), request_id)
        }
        Protocol::Json => {
            let body = json_error(service, shape, error, Some(code), status);
            respond(status, json_type(service), body.into(), request_id)
        }
        Protocol::RestJson => {
            let body = json_error(service, shape, error, None, status);
            let mut response = respond(status, "application/json", body.into(), request_id);
            if let Some(shape) = shape {
                add_headers(&mut response, model, shape.members(), &error.fields);
            }
            if let Ok(code) = HeaderValue::from_str(code) {
                response.headers_mut().insert(ERROR_TYPE, code);
            }
            response
        }
    }
}

fn json_error(
    service: Service,
    shape: Option<&Shape>,
    error: &ApiError,
    type_name: Option<&str>,
    status: u16,
) -> Vec<u8> {
    let members = shape.map_or(&[][..], Shape::members);
    let modelled = members.iter().find(|m| m.name.eq_ignore_ascii_case("message")).map(|m| m.wire_name);
    // Refusals are not in the models; AWS's permission checks write a capital letter, recorded for Lambda
    // (lambda_/test_lambda.snapshot.json, TestLambdaFunction::test_function_arns: `Message` null).
    let unmodelled = if error.code == "AccessDeniedException" { "Message" } else { "message" };
    let mut body = Vec::with_capacity(128);
    body.push(b'{');
    if let Some(name) = type_name {
        body.extend_from_slice(b"\"__type\":");
        json::write_text(name, &mut body);
        body.push(b',');
    }
    if members.iter().any(|m| m.name == "Type") && !error.fields.contains_key("Type") {
        let kind = if status >= 500 { "Service" } else { "User" };
        body.extend_from_slice(b"\"Type\":");
        json::write_text(kind, &mut body);
        body.push(b',');
    }
    for (name, value) in error.fields.iter().filter(|(_, v)| !v.is_null()) {
        let member = members.iter().find(|m| m.name == name);
        if member.is_some_and(|m| m.location != Location::Body) {
            continue;
        }
        json::write_text(member.map_or(name.as_str(), |m| m.wire_name), &mut body);
        body.push(b':');
        match member {
            Some(member) => json::write(service.model(), member.shape, value, &mut body),
            None => body.extend_from_slice(value.to_string().as_bytes()),
        }
        body.push(b',');
    }
    json::write_text(modelled.unwrap_or(unmodelled), &mut body);
    body.push(b':');
    match error.message.as_deref() {
        Some(message) => json::write_text(message, &mut body),
        None => body.extend_from_slice(b"null"),
    }
    body.push(b'}');
    body
}

pub(crate) fn json_type(service: Service) -> &'static str {
    match service.model().json_version {
        "1.0" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

fn respond(status: u16, content_type: &'static str, body: Bytes, request_id: &str) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(response: &Response<Bytes>) -> &str {
        std::str::from_utf8(response.body()).expect("utf-8")
    }

    fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
        response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or("-")
    }

    fn answer(service: Service, operation: &str, output: Value) -> Response<Bytes> {
        render(service.operation(operation).expect("operation"), output.into(), "id-1")
    }

    #[test]
    fn rest_answers_hold_the_models_members_under_their_wire_names() {
        let response =
            answer(Service::ApiGateway, "GetRestApis", json!({"items": [{"id": "a", "x": 1}], "y": 2}));
        assert_eq!((response.status().as_u16(), text(&response)), (200, "{\"item\":[{\"id\":\"a\"}]}"));
        assert_eq!(header(&response, "content-type"), "application/json");
        assert_eq!(header(&response, "x-amzn-RequestId"), "id-1");
    }

    #[test]
    fn an_invocation_answers_its_payload_with_headers_and_status() {
        let op = Service::Lambda.operation("Invoke").expect("operation");
        let reply = Reply {
            output: json!({"StatusCode": 202, "ExecutedVersion": "$LATEST"})
                .as_object()
                .cloned()
                .expect("object"),
            payload: Some(Bytes::from_static(b"null")),
            status: None,
        };
        let response = render(op, reply, "id");
        assert_eq!((response.status().as_u16(), text(&response)), (202, "null"));
        assert_eq!(header(&response, "X-Amz-Executed-Version"), "$LATEST");
    }

    #[test]
    fn operations_without_output_have_no_body() {
        assert_eq!(text(&answer(Service::ApiGateway, "DeleteRestApi", json!({}))), "");
        let deleted = answer(Service::Lambda, "DeleteFunction", json!({"StatusCode": 204}));
        assert_eq!((deleted.status().as_u16(), text(&deleted)), (204, ""));
        assert_eq!(text(&answer(Service::Logs, "CreateLogGroup", json!({}))), "");
    }

    #[test]
    fn query_answers_are_wrapped_and_documents_encoded() {
        let role = json!({"Role": {"RoleName": "r", "CreateDate": 1_795_424_400, "AssumeRolePolicyDocument": "{\"a\": 1}",
                                   "Tags": []}});
        assert_eq!(
            text(&answer(Service::Iam, "GetRole", role)),
            "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role>\
             <RoleName>r</RoleName><CreateDate>2026-11-23T09:00:00Z</CreateDate>\
             <AssumeRolePolicyDocument>%7B%22a%22%3A%201%7D</AssumeRolePolicyDocument><Tags></Tags></Role>\
             </GetRoleResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetRoleResponse>"
        );
        assert_eq!(
            text(&answer(Service::Iam, "DeleteRole", json!({}))),
            "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DeleteRoleResponse>"
        );
    }

    #[test]
    fn lambda_errors_follow_their_shapes() {
        // errors.tsv: ResourceNotFoundException has `Message` and `Type`, ResourceConflictException `message` and `Type`,
        // ValidationException the message alone.
        let missing = ApiError::new("ResourceNotFoundException", 404, "gone");
        let response = render_error(Service::Lambda, &missing, "id-1");
        assert_eq!(text(&response), "{\"Type\":\"User\",\"Message\":\"gone\"}");
        assert_eq!(header(&response, "x-amzn-ErrorType"), "ResourceNotFoundException");
        let conflict = ApiError::new("ResourceConflictException", 0, "there");
        let response = render_error(Service::Lambda, &conflict, "id-1");
        assert_eq!(
            (response.status().as_u16(), text(&response)),
            (409, "{\"Type\":\"User\",\"message\":\"there\"}")
        );
        let invalid = ApiError::new("ValidationException", 400, "1 validation error detected");
        let response = render_error(Service::Lambda, &invalid, "id-1");
        assert_eq!(text(&response), "{\"message\":\"1 validation error detected\"}");
    }

    #[test]
    fn an_error_without_a_text_says_null() {
        let mut denied = ApiError::new("AccessDeniedException", 403, "");
        denied.message = None;
        assert_eq!(text(&render_error(Service::Lambda, &denied, "id-1")), "{\"Message\":null}");
    }

    #[test]
    fn throttling_errors_carry_their_reason_and_their_header() {
        let error = ApiError::new("TooManyRequestsException", 429, "Rate Exceeded.")
            .with("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded")
            .with("retryAfterSeconds", "1");
        let response = render_error(Service::Lambda, &error, "id-1");
        assert_eq!(
            text(&response),
            "{\"Type\":\"User\",\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\
             \"message\":\"Rate Exceeded.\"}"
        );
        assert_eq!(header(&response, "retry-after"), "1");
    }

    #[test]
    fn query_errors_name_the_side_at_fault() {
        let missing = ApiError::new("NoSuchEntityException", 0, "The role with name <r> cannot be found.");
        let response = render_error(Service::Iam, &missing, "id-1");
        assert_eq!(response.status(), 404);
        assert_eq!(
            text(&response),
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
             <Code>NoSuchEntity</Code><Message>The role with name &lt;r&gt; cannot be found.</Message></Error>\
             <RequestId>id-1</RequestId></ErrorResponse>"
        );
        let broken = render_error(Service::Sts, &ApiError::internal("x"), "id-1");
        assert!(text(&broken).contains("<Type>Receiver</Type>"));
    }

    #[test]
    fn json_errors_name_their_type() {
        let error =
            ApiError::new("ResourceNotFoundException", 400, "The specified log group does not exist.");
        let response = render_error(Service::Logs, &error, "id-1");
        assert_eq!(
            text(&response),
            "{\"__type\":\"ResourceNotFoundException\",\"message\":\"The specified log group does not exist.\"}"
        );
        assert_eq!(header(&response, "content-type"), "application/x-amz-json-1.1");
    }
}
