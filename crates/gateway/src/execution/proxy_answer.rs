//! What an AWS_PROXY function returned, checked and turned into a response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::client::{ClientResponse, valid_name, valid_value};
use super::headers::passed;

/// What is wrong with a function's answer.
#[derive(Debug, PartialEq)]
pub(super) enum BadAnswer {
    /// 502, `Malformed Lambda proxy response`: the rule, and the value that breaks it.
    Malformed { reason: String, value: String },
    /// 500: `isBase64Encoded` is true and the body is no base64.
    Undecodable,
}

fn malformed(reason: impl Into<String>, value: &Value) -> BadAnswer {
    BadAnswer::Malformed { reason: reason.into(), value: cut(&value.to_string()) }
}

/// The first 200 characters.
pub(super) fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The members of a streamed answer's metadata (guide, "Set up a Lambda proxy integration with payload response
/// streaming").
const STREAM_MEMBERS: [&str; 4] = ["statusCode", "headers", "multiValueHeaders", "cookies"];
const MEMBERS: [&str; 5] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// Checks `payload` and makes the response, without the gateway's own headers. `decode` tells whether a base64 body is
/// to be decoded.
///
/// Follows the recordings test_aws_proxy_response_payload_format_validation and test_lambda_aws_proxy_response_format;
/// what they do not show (`null`, a body that is no text) follows AWS's documentation of the format.
pub(super) fn response(payload: &[u8], decode: bool) -> Result<ClientResponse, BadAnswer> {
    let answer: Value = serde_json::from_slice(payload).map_err(|e| BadAnswer::Malformed {
        reason: format!("the function's answer is no JSON: {e}"),
        value: cut(&String::from_utf8_lossy(payload)),
    })?;
    let Value::Object(answer) = answer else {
        return Err(malformed(
            format!(
                "the function returned {}, not an object with statusCode, headers and body",
                kind(&answer)
            ),
            &answer,
        ));
    };
    only(&answer, &MEMBERS)?;
    let status = status(answer.get("statusCode").unwrap_or(&Value::Null))?;
    let base64 = flag(answer.get("isBase64Encoded").unwrap_or(&Value::Null))?;
    let body = body(answer.get("body").unwrap_or(&Value::Null))?;
    let headers = headers(&answer)?;
    let body = if base64 && decode {
        STANDARD.decode(body.trim_ascii()).map(Bytes::from).map_err(|_| BadAnswer::Undecodable)?
    } else {
        Bytes::from(body)
    };
    Ok(ClientResponse { status, headers, body })
}

/// Checks the metadata of a streamed answer and makes the response's head.
pub(super) fn head(metadata: &Map<String, Value>) -> Result<ClientResponse, BadAnswer> {
    only(metadata, &STREAM_MEMBERS)?;
    let status = status(metadata.get("statusCode").unwrap_or(&Value::Null))?;
    let mut headers = headers(metadata)?;
    let cookies = match metadata.get("cookies") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(cookies)) => cookies.as_slice(),
        Some(other) => return Err(malformed(format!("`cookies` is {}, not a list", kind(other)), other)),
    };
    for cookie in cookies {
        match cookie.as_str().filter(|c| valid_value(c)) {
            Some(text) => {
                headers.push((Bytes::from_static(b"Set-Cookie"), Bytes::copy_from_slice(text.as_bytes())));
            }
            None => return Err(malformed("a member of `cookies` is no valid HTTP header", cookie)),
        }
    }
    Ok(ClientResponse { status, headers, body: Bytes::new() })
}

fn only(answer: &Map<String, Value>, members: &[&str]) -> Result<(), BadAnswer> {
    let Some((name, value)) = answer.iter().find(|(name, _)| !members.contains(&name.as_str())) else {
        return Ok(());
    };
    let near = arn::nearest(name, members.iter().copied());
    let hint = near.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default();
    Err(malformed(format!("the member `{name}` is not one of {}{hint}", members.join(", ")), value))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn status(value: &Value) -> Result<u16, BadAnswer> {
    let number = match value {
        Value::Null => return Ok(200),
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(number) = number else {
        return Err(malformed(format!("`statusCode` is {}, not a whole number", kind(value)), value));
    };
    // An interim status (1xx) cannot end an HTTP exchange.
    u16::try_from(number)
        .ok()
        .filter(|s| (200..=999).contains(s))
        .ok_or_else(|| malformed("`statusCode` is not between 200 and 999", value))
}

fn flag(value: &Value) -> Result<bool, BadAnswer> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(malformed(format!("`isBase64Encoded` is {}, not a boolean", kind(value)), value)),
    }
}

fn body(value: &Value) -> Result<String, BadAnswer> {
    scalar(value).ok_or_else(|| {
        malformed(
            format!("`body` is {}, not a string: turn it into JSON text in the function", kind(value)),
            value,
        )
    })
}

/// Scalars become text; null is empty. (Recorded for header values: `true` becomes `"true"`.)
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn object<'a>(
    answer: &'a Map<String, Value>,
    member: &str,
) -> Result<Option<&'a Map<String, Value>>, BadAnswer> {
    match answer.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(other) => Err(malformed(format!("`{member}` is {}, not an object", kind(other)), other)),
    }
}

/// `multiValueHeaders` first, then `headers`; the spelling of `multiValueHeaders` wins.
fn headers(answer: &Map<String, Value>) -> Result<Vec<(Bytes, Bytes)>, BadAnswer> {
    let multi = object(answer, "multiValueHeaders")?;
    let single = object(answer, "headers")?;
    let mut out = Vec::new();
    let add = |name: &str, member: &str, value: &Value, out: &mut Vec<(Bytes, Bytes)>| {
        let Some(text) = scalar(value) else {
            return Err(malformed(format!("`{member}.{name}` is {}, not a string", kind(value)), value));
        };
        if !valid_name(name) || !valid_value(&text) {
            return Err(malformed(format!("`{member}.{name}` is no valid HTTP header"), value));
        }
        if let Some(name) = passed(Bytes::copy_from_slice(name.as_bytes())) {
            out.push((name, Bytes::from(text)));
        }
        Ok(())
    };
    for (name, values) in multi.into_iter().flatten() {
        match values {
            Value::Null => {}
            Value::Array(values) => {
                for value in values {
                    add(name, "multiValueHeaders", value, &mut out)?;
                }
            }
            other => {
                return Err(malformed(
                    format!("`multiValueHeaders.{name}` is {}, not a list", kind(other)),
                    other,
                ));
            }
        }
    }
    for (name, value) in single.into_iter().flatten() {
        if value.is_null() {
            continue;
        }
        let spelled = multi.and_then(|m| m.keys().find(|k| k.eq_ignore_ascii_case(name)));
        add(spelled.unwrap_or(name), "headers", value, &mut out)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(answer: Value) -> Result<ClientResponse, BadAnswer> {
        response(answer.to_string().as_bytes(), false)
    }

    #[track_caller]
    fn accepted(answer: Value, status: u16, body: &str, headers: &[(&str, &str)]) {
        let r = of(answer.clone()).unwrap_or_else(|e| panic!("{answer}: {e:?}"));
        let got: Vec<_> = r
            .headers
            .iter()
            .map(|(n, v)| (std::str::from_utf8(n).unwrap(), std::str::from_utf8(v).unwrap()))
            .collect();
        assert_eq!((r.status, &r.body[..], got.as_slice()), (status, body.as_bytes(), headers), "{answer}");
    }

    #[track_caller]
    fn refused(answer: Value, rule: &str) {
        match of(answer.clone()) {
            Err(BadAnswer::Malformed { reason, .. }) => assert!(reason.contains(rule), "{answer}: {reason}"),
            other => panic!("{answer}: {other:?}"),
        }
    }

    // The names are the keys of the recording test_aws_proxy_response_payload_format_validation.

    #[test]
    fn accepted_by_the_recording() {
        accepted(json!({"statusCode": 200}), 200, "", &[]);
        accepted(
            json!({"statusCode": 200, "headers": {"test-header": "value", "header-bool": true}}),
            200,
            "",
            // serde_json keeps object members sorted; HTTP does not care.
            &[("header-bool", "true"), ("test-header", "value")],
        );
        accepted(json!({"statusCode": 200, "headers": null}), 200, "", &[]);
        accepted(json!({"statusCode": 200, "body": "dGVzdC1kYXRh"}), 200, "dGVzdC1kYXRh", &[]);
        accepted(
            json!({"statusCode": 200, "multiValueHeaders": {"test-multi": ["value1", "value2"]}}),
            200,
            "",
            &[("test-multi", "value1"), ("test-multi", "value2")],
        );
        accepted(json!({"statusCode": "201"}), 201, "", &[]);
        accepted(json!({"headers": {"test-header": "value"}}), 200, "", &[("test-header", "value")]);
        // test_lambda_aws_proxy_response_format, empty-response
        accepted(json!({}), 200, "", &[]);
    }

    #[test]
    fn refused_by_the_recording() {
        refused(json!({"statusCode": 200, "wrongValue": "value"}), "`wrongValue` is not one of");
        refused(
            json!({"statusCode": 200, "multiValueHeaders": {"m": "value1"}}),
            "`multiValueHeaders.m` is a string",
        );
        refused(json!({"statusCode": "test"}), "`statusCode` is a string");
        refused(json!("justAString"), "returned a string");
    }

    #[test]
    fn single_values_follow_multiple_ones_and_take_their_spelling() {
        for key in ["test-multi", "tesT-Multi"] {
            accepted(
                json!({"multiValueHeaders": {key: ["value-multi"]}, "headers": {"test-multi": "value-solo"}}),
                200,
                "",
                &[(key, "value-multi"), (key, "value-solo")],
            );
        }
    }

    #[test]
    fn headers_of_the_connection_are_remapped() {
        accepted(
            json!({"headers": {"Content-Length": "9", "Server": "x", "Transfer-Encoding": "chunked"}}),
            200,
            "",
            &[("x-amzn-Remapped-Content-Length", "9"), ("x-amzn-Remapped-Server", "x")],
        );
    }

    #[test]
    fn other_malformed_answers_name_the_rule() {
        refused(json!(null), "returned null");
        refused(json!([1]), "returned a list");
        refused(json!({"statuscode": 200}), "did you mean `statusCode`?");
        refused(json!({"body": {"a": 1}}), "`body` is an object");
        refused(json!({"statusCode": 20.5}), "`statusCode`");
        refused(json!({"statusCode": 7}), "between 200 and 999");
        refused(json!({"headers": {"a": ["b"]}}), "`headers.a` is a list");
        refused(json!({"headers": {"a b": "c"}}), "no valid HTTP header");
        refused(json!({"headers": {"a": "b\r\nSet-Cookie: x"}}), "no valid HTTP header");
        refused(json!({"isBase64Encoded": 1}), "`isBase64Encoded` is a number");
        assert!(matches!(response(b"{", false), Err(BadAnswer::Malformed { .. })));
    }

    #[test]
    fn base64_is_decoded_only_when_asked_for() {
        let answer = json!({"body": "dGVzdC1kYXRh", "isBase64Encoded": true}).to_string();
        assert_eq!(&response(answer.as_bytes(), true).unwrap().body[..], b"test-data");
        assert_eq!(&response(answer.as_bytes(), false).unwrap().body[..], b"dGVzdC1kYXRh");
        let answer = json!({"body": "%%%", "isBase64Encoded": true}).to_string();
        assert_eq!(response(answer.as_bytes(), true).unwrap_err(), BadAnswer::Undecodable);
    }
}
