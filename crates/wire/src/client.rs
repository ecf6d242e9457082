//! The client's side: an operation's input as a request, a response as its output.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::model::{Kind, Location, Operation, Protocol};
use crate::render::{ERROR_TYPE, json_type};
use crate::{form, json, scalar, uri, xml_read};

/// Writes the request of an operation: method, path and query string without a host, headers and body. It is not signed.
/// `payload` is the body where the model says that one blob is the whole body.
///
/// # Errors
/// `ParamValidation` (botocore's name for errors of this kind), status 400: a member of the path is missing or empty, or
/// a value cannot be sent where the model puts it.
pub fn build(op: &Operation, input: &Map<String, Value>, payload: Bytes) -> Result<Request<Bytes>, ApiError> {
    let (target, headers, body) = match op.service.protocol() {
        Protocol::RestJson => rest(op, input, payload)?,
        Protocol::Query => {
            let mut body = format!("Action={}&Version={}", op.name, op.model().api_version);
            form::write(op.model(), op.input_members(), input, &mut body);
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
            ("/".to_owned(), vec![(CONTENT_TYPE, kind)], body.into())
        }
        Protocol::Json => {
            let mut body = Vec::new();
            json::write_members(op.model(), op.input_members().iter(), input, &mut body);
            let target = format!("{}.{}", op.model().target_prefix.unwrap_or_default(), op.name);
            let target = HeaderValue::from_str(&target).map_err(|e| refused(op, &e.to_string()))?;
            let kind = HeaderValue::from_static(json_type(op.service));
            let headers = vec![(CONTENT_TYPE, kind), (HeaderName::from_static("x-amz-target"), target)];
            ("/".to_owned(), headers, body.into())
        }
    };
    let mut request = Request::builder().method(op.method).uri(target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(body).map_err(|e| refused(op, &e.to_string()))
}

fn refused(op: &Operation, text: &str) -> ApiError {
    ApiError::new("ParamValidation", 400, format!("{}: {text}", op.name))
}

type Pieces = (String, Vec<(HeaderName, HeaderValue)>, Bytes);

fn rest(op: &Operation, input: &Map<String, Value>, payload: Bytes) -> Result<Pieces, ApiError> {
    let (model, members) = (op.model(), op.input_members());
    let text = |id, value: &Value| scalar::to_text(&model.shape(id).kind, value);
    let label = |name: &str| {
        let member = members.iter().find(|m| m.location == Location::Uri && m.wire_name == name)?;
        text(member.shape, input.get(member.name)?)
    };
    let path =
        op.template.fill(label).ok_or_else(|| refused(op, "a member of the path is missing or empty"))?;
    let mut query = String::new();
    let mut field = |name: &str, value: &str| {
        let mark = if query.is_empty() { '?' } else { '&' };
        let _ = write!(query, "{mark}{}={}", uri::encode(name), uri::encode(value));
    };
    for (name, value) in op.template.constants() {
        field(name, value);
    }
    let mut headers = Vec::new();
    for member in members {
        let Some(value) = input.get(member.name).filter(|v| !v.is_null()) else { continue };
        match (member.location, &model.shape(member.shape).kind, value) {
            (Location::Query, Kind::List(item), Value::Array(items)) => {
                items.iter().filter_map(|i| text(*item, i)).for_each(|t| field(member.wire_name, &t));
            }
            (Location::Query, Kind::Map { value: inner, .. }, Value::Object(entries)) => {
                let texts = entries.iter().filter_map(|(k, v)| Some((k, text(*inner, v)?)));
                texts.for_each(|(name, t)| field(name, &t));
            }
            (Location::Query, _, value) => {
                if let Some(t) = text(member.shape, value) {
                    field(member.wire_name, &t);
                }
            }
            (Location::Header, _, value) => {
                let sent = text(member.shape, value).and_then(|t| HeaderValue::from_bytes(t.as_bytes()).ok());
                let name = HeaderName::from_bytes(member.wire_name.as_bytes()).ok();
                let pair = name.zip(sent);
                headers
                    .push(pair.ok_or_else(|| refused(op, &format!("{} cannot be a header", member.name)))?);
            }
            _ => {}
        }
    }
    let mut body = Vec::new();
    let in_body = members.iter().any(|m| m.location == Location::Body);
    match op.input_payload() {
        Some(member) if matches!(model.shape(member.shape).kind, Kind::Blob) => body = payload.into(),
        Some(member) => {
            if let Some(value) = input.get(member.name) {
                json::write(model, member.shape, value, &mut body);
            }
        }
        None if in_body => json::write_members(model, members.iter(), input, &mut body),
        None => {}
    }
    if !body.is_empty() && !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    }
    Ok((path + &query, headers, body.into()))
}

/// Reads the response of an operation; the second value is the body where one blob or event stream is the whole body.
///
/// # Errors
/// What the service answered, for a status of 300 and above: its code, text, status and the other members of the
/// error. `InvalidResponse`, 502, for an answer that cannot be read.
pub fn parse_response(
    op: &Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Map<String, Value>, Bytes), ApiError> {
    if status.as_u16() >= 300 {
        return Err(parse_error(op, status.as_u16(), headers, body));
    }
    let unreadable = |text: String| ApiError::new("InvalidResponse", 502, format!("{}: {text}", op.name));
    let (model, members) = (op.model(), op.output_members());
    match op.service.protocol() {
        Protocol::Query => {
            if op.output.is_none() {
                return Ok((Map::new(), Bytes::new()));
            }
            let root = xml_read::parse(body).map_err(unreadable)?;
            let wrapper = format!("{}Result", op.name);
            let result = root.child(&wrapper).ok_or_else(|| unreadable(format!("no element {wrapper}")))?;
            let output = xml_read::read_members(model, members, result).map_err(unreadable)?;
            Ok((output, Bytes::new()))
        }
        Protocol::Json | Protocol::RestJson => {
            let mut output = Map::new();
            for member in members {
                let kind = &model.shape(member.shape).kind;
                let value = match member.location {
                    Location::Status => Some(Value::from(status.as_u16())),
                    Location::Header => {
                        let text = headers
                            .get(member.wire_name)
                            .and_then(|v| std::str::from_utf8(v.as_bytes()).ok());
                        text.map(|t| scalar::from_text(kind, t)).transpose().map_err(unreadable)?
                    }
                    _ => None,
                };
                if let Some(value) = value {
                    output.insert(member.name.to_owned(), value);
                }
            }
            let value = || match body.iter().all(u8::is_ascii_whitespace) {
                true => Ok(Value::Null),
                false => serde_json::from_slice(body).map_err(|e| unreadable(format!("no JSON: {e}"))),
            };
            match op.output_payload() {
                Some(payload) => match &model.shape(payload.shape).kind {
                    Kind::Structure { event_stream: false, .. } => {
                        let inner = json::read(model, payload.shape, value()?).map_err(unreadable)?;
                        output.insert(payload.name.to_owned(), inner);
                    }
                    _ => return Ok((output, body.clone())),
                },
                None if members.iter().any(|m| model.shape(m.shape).is_event_stream()) => {
                    return Ok((output, body.clone()));
                }
                None => json::read_members(model, members, value()?, &mut output).map_err(unreadable)?,
            }
            Ok((output, Bytes::new()))
        }
    }
}

fn parse_error(op: &Operation, status: u16, headers: &HeaderMap, body: &Bytes) -> ApiError {
    let mut error = ApiError { code: status.to_string(), message: None, status, fields: Map::new() };
    if op.service.protocol() == Protocol::Query {
        let root = xml_read::parse(body).unwrap_or_default();
        let details = root.child("Error").unwrap_or(&root);
        for child in details.children() {
            match child.name() {
                "Code" => error.code = child.text().to_owned(),
                "Message" => error.message = Some(child.text().to_owned()),
                "Type" => {}
                other => {
                    error.fields.insert(other.to_owned(), Value::from(child.text()));
                }
            }
        }
        return error;
    }
    let fields = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let mut type_name = headers.get(ERROR_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("__type" | "code", Value::String(text)) if type_name.is_none() => type_name = Some(text),
            ("__type", _) => {}
            ("message" | "Message", value) => error.message = value.as_str().map(str::to_owned),
            (_, value) => {
                error.fields.insert(name, value);
            }
        }
    }
    // Seen in both forms: `com.amazonaws.logs#Code` and `Code:http://internal…`.
    if let Some(name) = type_name {
        let name = name.split(':').next().unwrap_or_default();
        error.code = name.rsplit('#').next().unwrap_or_default().to_owned();
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;
    use crate::render::render_error;

    fn op(service: Service, name: &str) -> &'static Operation {
        service.operation(name).expect("operation")
    }

    #[test]
    fn an_empty_label_is_refused_before_it_is_sent() {
        let error = build(op(Service::Lambda, "GetFunction"), &Map::new(), Bytes::new()).unwrap_err();
        assert_eq!(error.code, "ParamValidation");
    }

    #[test]
    fn errors_survive_the_way_to_the_client() {
        for (service, name, code) in [
            (Service::Lambda, "GetFunction", "ResourceNotFoundException"),
            (Service::ApiGateway, "GetRestApi", "NotFoundException"),
            (Service::Iam, "GetRole", "NoSuchEntity"),
            (Service::Logs, "GetLogEvents", "ResourceNotFoundException"),
        ] {
            let sent = render_error(service, &ApiError::new(code, 0, "a <b> & \"c\""), "id");
            let got =
                parse_response(op(service, name), sent.status(), sent.headers(), sent.body()).unwrap_err();
            assert_eq!(
                (got.code.as_str(), got.message.as_deref()),
                (code, Some("a <b> & \"c\"")),
                "{service}"
            );
            assert_eq!(got.status, sent.status().as_u16());
        }
    }

    #[test]
    fn prefixes_of_error_types_are_cut() {
        let body = Bytes::from_static(b"{\"__type\":\"com.amazonaws.logs#Gone:http://x\",\"Message\":\"m\"}");
        let status = StatusCode::BAD_REQUEST;
        let error =
            parse_response(op(Service::Logs, "GetLogEvents"), status, &HeaderMap::new(), &body).unwrap_err();
        assert_eq!(error.to_string(), "Gone: m");
    }

    #[test]
    fn an_answer_that_is_no_answer_is_an_error_with_its_status() {
        let body = Bytes::from_static(b"<html>Bad Gateway");
        let status = StatusCode::BAD_GATEWAY;
        for (service, name) in [(Service::Iam, "GetRole"), (Service::Lambda, "GetFunction")] {
            let error = parse_response(op(service, name), status, &HeaderMap::new(), &body).unwrap_err();
            assert_eq!(error.code, "502");
        }
        let ok = parse_response(op(Service::Iam, "GetRole"), StatusCode::OK, &HeaderMap::new(), &body)
            .unwrap_err();
        assert_eq!(ok.code, "InvalidResponse");
    }
}
