//! What a streamed response begins with, as HTTP: status, headers and cookies.

use serde_json::{Map, Value};

use super::answer::{headers, status};

/// The type of a response that has metadata before its body; others are a body from their first byte on (AWS's runtime
/// clients set it in `HttpResponseStream.from`).
pub const PRELUDE_TYPE: &str = "application/vnd.awslambda.http-integration-response";

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status; 200 where none was written.
    pub status: u16,
    /// Headers in order, cookies as `set-cookie`.
    pub headers: Vec<(String, String)>,
}

/// The head that a function's metadata ask for.
///
/// # Errors
/// What is wrong with them, in words for the function's author.
pub fn head(metadata: &Map<String, Value>) -> Result<Head, String> {
    let status = metadata.get("statusCode").map_or(Ok(200), status)?;
    // AWS's client for Rust writes a header of several values as a list.
    Ok(Head { status, headers: headers(metadata, true)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metadata: &str) -> Result<Head, String> {
        head(&serde_json::from_str(metadata).unwrap())
    }

    #[test]
    fn status_headers_and_cookies() {
        let head = of(r#"{"statusCode":201,"headers":{"X":1},"cookies":["a=1"]}"#).unwrap();
        assert_eq!((head.status, head.headers.len()), (201, 2));
        assert_eq!(head.headers[1], ("set-cookie".to_owned(), "a=1".to_owned()));
    }

    #[test]
    fn nothing_in_it_is_a_200() {
        assert_eq!(of("{}").unwrap(), Head { status: 200, headers: Vec::new() });
    }

    #[test]
    fn what_is_no_head_says_why() {
        assert!(of(r#"{"statusCode":99}"#).unwrap_err().contains("`statusCode` is 99"));
        assert!(of(r#"{"headers":{"a":[1]}}"#).unwrap_err().contains("`headers.a`"));
    }
}
