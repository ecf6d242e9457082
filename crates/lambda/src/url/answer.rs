//! A function's answer as a response, payload format 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

/// A response to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in order; names as the function wrote them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Reads what a function returned. An object with `statusCode` is a response; any other JSON is the body of a 200 whose
/// type is JSON, a text without its quotes (Lambda Developer Guide, "Response payload format"; recorded:
/// TestLambdaURL::test_lambda_url_invocation).
///
/// # Errors
/// Why the answer is no response: the client gets 502 then.
pub fn response(payload: &[u8]) -> Result<Response, String> {
    let answer: Value =
        serde_json::from_slice(payload).map_err(|e| format!("the function's answer is no JSON: {e}"))?;
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let Some(members) = answer.as_object().filter(|members| members.contains_key("statusCode")) else {
        let body = match answer {
            Value::String(text) => Bytes::from(text),
            other => Bytes::from(other.to_string()),
        };
        return Ok(Response { status: 200, headers: vec![json], body });
    };
    let status = status(&members["statusCode"])?;
    let mut headers = headers(members, false)?;
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(json);
    }
    let text = match members.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let body = match members.get("isBase64Encoded") {
        Some(Value::Bool(true)) => {
            STANDARD.decode(text.trim_ascii()).map_err(|_| "`body` is no base64".to_owned())?.into()
        }
        _ => Bytes::from(text),
    };
    Ok(Response { status, headers, body })
}

/// A `statusCode`.
///
/// # Errors
/// It is none.
pub(super) fn status(value: &Value) -> Result<u16, String> {
    let status = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let status = status.and_then(|s| u16::try_from(s).ok()).filter(|s| (100..=599).contains(s));
    status.ok_or_else(|| format!("`statusCode` is {value}, not a number from 100 to 599"))
}

/// `headers` and `cookies` of an answer; `lists`: whether a header may have several values.
///
/// # Errors
/// One of them is no text.
pub(super) fn headers(members: &Map<String, Value>, lists: bool) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for (name, value) in members.get("headers").and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => headers.push((name.clone(), text.clone())),
            Value::Bool(_) | Value::Number(_) => headers.push((name.clone(), value.to_string())),
            Value::Array(values) if lists && values.iter().all(Value::is_string) => {
                let values = values.iter().filter_map(Value::as_str);
                headers.extend(values.map(|value| (name.clone(), value.to_owned())));
            }
            _ => return Err(format!("`headers.{name}` is {value}, not a string")),
        }
    }
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        let cookie = cookie.as_str().ok_or_else(|| format!("`cookies` holds {cookie}, not a string"))?;
        headers.push(("set-cookie".to_owned(), cookie.to_owned()));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn body(answer: Value) -> (u16, String) {
        let response = response(answer.to_string().as_bytes()).unwrap();
        (response.status, String::from_utf8(response.body.to_vec()).unwrap())
    }

    #[test]
    fn any_json_is_a_body() {
        assert_eq!(body(json!({ "hello": "world" })), (200, "{\"hello\":\"world\"}".into()));
        assert_eq!(body(json!("hello")), (200, "hello".into()));
        assert_eq!(body(json!(3.1)), (200, "3.1".into()));
        assert_eq!(body(json!(true)), (200, "true".into()));
        assert_eq!(body(json!(["hello", 3, true])), (200, "[\"hello\",3,true]".into()));
    }

    #[test]
    fn an_object_with_a_status_is_a_response() {
        assert_eq!(body(json!({ "statusCode": 201, "body": "body123" })), (201, "body123".into()));
        assert_eq!(body(json!({ "statusCode": "204" })), (204, String::new()));
        let answer = json!({ "statusCode": 200, "cookies": ["a=1", "b=2"], "headers": { "X": 1 }, "body": "aGk=", "isBase64Encoded": true });
        let response = response(answer.to_string().as_bytes()).unwrap();
        assert_eq!(&response.body[..], b"hi");
        let names: Vec<&str> = response.headers.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["X", "set-cookie", "set-cookie", "content-type"]);
    }

    #[test]
    fn what_is_no_response_says_why() {
        for (answer, why) in [
            (json!({ "statusCode": "x" }), "`statusCode`"),
            (json!({ "statusCode": 200, "headers": { "a": [] } }), "`headers.a`"),
            (json!({ "statusCode": 200, "body": "%", "isBase64Encoded": true }), "no base64"),
        ] {
            assert!(response(answer.to_string().as_bytes()).unwrap_err().contains(why));
        }
    }
}
