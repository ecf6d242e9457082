//! A request as an event, payload format 2.0 (Lambda Developer Guide, "Request and response payloads" of function URLs;
//! members that would be null are left out, as in published events).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// A request to a function URL.
pub struct Request<'a> {
    /// The URL's id.
    pub url_id: &'a str,
    /// The client's method.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// The query, as sent, without `?`.
    pub query: &'a str,
    /// `HTTP/1.1`.
    pub protocol: &'a str,
    /// Headers, names in lower case.
    pub headers: &'a [(String, Bytes)],
    /// The body.
    pub body: &'a Bytes,
    /// The client's address.
    pub source_ip: &'a str,
    /// The host name that was called, without port.
    pub domain: &'a str,
    /// The port that was called.
    pub port: u16,
    /// `Root=1-…`.
    pub trace: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Who signed, for URLs with `AWS_IAM`.
    pub caller: Option<IamCaller>,
}

/// Who signed.
pub struct IamCaller {
    /// The access key's id.
    pub access_key: String,
    /// Whose it is.
    pub account: String,
    /// `AIDA…`, `AROA…:session`, or the account's id.
    pub user_id: String,
    /// The caller's ARN.
    pub arn: String,
}

/// The event.
#[must_use]
pub fn event(request: &Request<'_>) -> Bytes {
    let mut cookies = Vec::new();
    let mut headers = Map::new();
    let mut add = |name: &str, value: &str| {
        let joined = match headers.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.to_owned(),
        };
        headers.insert(name.to_owned(), joined.into());
    };
    for (name, value) in request.headers {
        let value = String::from_utf8_lossy(value);
        if name == "cookie" {
            cookies.extend(value.split(';').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()));
        } else {
            add(name, &value);
        }
    }
    for (name, value) in [
        ("x-forwarded-for", request.source_ip),
        ("x-forwarded-port", &request.port.to_string()),
        ("x-forwarded-proto", "http"),
    ] {
        add(name, value);
    }
    headers.insert("x-amzn-trace-id".to_owned(), request.trace.into());
    let text = |name: &str| headers.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_text = textual(&text("content-type"));
    let time = jiff::Timestamp::from_millisecond(request.now_ms).unwrap_or_default();
    let mut context = json!({
        "accountId": request.caller.as_ref().map_or("anonymous", |c| c.account.as_str()),
        "apiId": request.url_id,
        "domainName": request.domain,
        "domainPrefix": request.domain.split('.').next().unwrap_or_default(),
        "http": {
            "method": request.method,
            "path": decoded(request.path),
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": text("user-agent"),
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": request.now_ms,
    });
    if let Some(caller) = &request.caller {
        context["authorizer"] = json!({ "iam": {
            "accessKey": caller.access_key,
            "accountId": caller.account,
            "callerId": caller.user_id,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": caller.arn,
            "userId": caller.user_id,
        }});
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "requestContext": context,
        "isBase64Encoded": !request.body.is_empty() && !is_text,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    event["headers"] = Value::Object(headers);
    let parameters = parameters(request.query);
    if !parameters.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters);
    }
    if !request.body.is_empty() {
        event["body"] = match is_text {
            true => String::from_utf8_lossy(request.body).into_owned().into(),
            false => STANDARD.encode(request.body).into(),
        };
    }
    Bytes::from(event.to_string())
}

/// Bodies that are passed as they are. Reasoned from HTTP APIs, whose payload format this is; forms are passed in base64
/// (recorded: TestLambdaURL::test_lambda_url_form_payload).
fn textual(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Values of one name are joined with commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut parameters: Map<String, Value> = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")));
        let joined = match parameters.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        parameters.insert(name, joined.into());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)], query: &str, body: &'static [u8]) -> Value {
        let headers: Vec<(String, Bytes)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), Bytes::copy_from_slice(v.as_bytes()))).collect();
        let request = Request {
            url_id: "abc",
            method: "POST",
            path: "/a%20b",
            query,
            protocol: "HTTP/1.1",
            headers: &headers,
            body: &Bytes::from_static(body),
            source_ip: "127.0.0.1",
            domain: "abc.lambda-url.us-east-1.localhost",
            port: 4566,
            trace: "Root=1-0-0",
            request_id: "r",
            now_ms: 1_700_000_000_123,
            caller: None,
        };
        serde_json::from_slice(&event(&request)).unwrap()
    }

    #[test]
    fn headers_cookies_and_parameters() {
        let event = of(
            &[
                ("host", "h"),
                ("cookie", "a=1; b=2"),
                ("x-many", "1"),
                ("x-many", "2"),
                ("x-forwarded-for", "10.0.0.1"),
            ],
            "p=1&p=2&q=a%2Cb&r",
            b"",
        );
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["headers"]["x-many"], "1,2");
        assert_eq!(event["headers"]["x-forwarded-for"], "10.0.0.1,127.0.0.1");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["queryStringParameters"], json!({ "p": "1,2", "q": "a,b", "r": "" }));
        assert_eq!(
            (&event["rawPath"], &event["requestContext"]["http"]["path"]),
            (&json!("/a%20b"), &json!("/a b"))
        );
        assert_eq!(event.get("body"), None);
        assert_eq!(event["requestContext"]["time"], "14/Nov/2023:22:13:20 +0000");
    }

    #[test]
    fn bodies_that_are_no_text_come_in_base64() {
        let body = |kind: &str| {
            let event = of(&[("content-type", kind)], "", b"a=1");
            (event["body"].as_str().unwrap().to_owned(), event["isBase64Encoded"].as_bool().unwrap())
        };
        assert_eq!(body("application/json; charset=utf-8"), ("a=1".to_owned(), false));
        assert_eq!(body("application/x-www-form-urlencoded"), ("YT0x".to_owned(), true));
        assert_eq!(body("image/png"), ("YT0x".to_owned(), true));
    }
}
