//! `binaryMediaTypes`: which bodies travel as base64.

use super::template::essence;

/// The binary media types of an API, as deployed.
#[derive(Debug, Default)]
pub(super) struct BinaryTypes(Vec<Box<str>>);

impl BinaryTypes {
    pub fn new(types: &[String]) -> Self {
        Self(types.iter().map(|t| t.as_str().into()).collect())
    }

    /// Whether a body of this media type is binary. A wildcard counts on the right of the slash only
    /// (recording test_aws_proxy_binary_response: `application/*` works, `*/test` does not), or as `*/*`.
    fn contains(&self, media_type: &str) -> bool {
        let media_type = essence(media_type);
        self.0.iter().any(|configured| {
            if **configured == *"*/*" {
                return true;
            }
            match configured.strip_suffix("/*") {
                Some(kind) => media_type.split_once('/').is_some_and(|(k, _)| k.eq_ignore_ascii_case(kind)),
                None => configured.eq_ignore_ascii_case(media_type),
            }
        })
    }

    /// Whether a body of this type, if any, is binary.
    pub fn media_type(&self, content_type: Option<&str>) -> bool {
        !self.0.is_empty() && content_type.map_or_else(|| self.contains(""), |c| self.contains(c))
    }

    /// Whether a request's body goes to the function as base64.
    pub fn request(&self, content_type: Option<&str>) -> bool {
        self.media_type(content_type)
    }

    /// Whether a function's base64 is decoded: only the first entry of `Accept` counts, the answer's own
    /// `Content-Type` does not (recording test_aws_proxy_binary_response).
    pub fn response(&self, accept: Option<&str>) -> bool {
        !self.0.is_empty()
            && accept
                .and_then(|a| a.split(',').next())
                .map_or_else(|| self.contains(""), |a| self.contains(a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn decoded(configured: &str, accept: Option<&str>, expected: bool) {
        let types = BinaryTypes::new(&[configured.to_owned()]);
        assert_eq!(types.response(accept), expected, "{configured} {accept:?}");
    }

    #[test]
    fn the_first_entry_of_accept_decides() {
        // test_apigateway_lambda.py / test_apigateway_basic: test_aws_proxy_binary_response
        decoded("image/png", Some("image/png"), true);
        decoded("image/png", Some("image/png,text/html"), true);
        decoded("image/png", Some("text/html,image/png"), false);
        decoded("image/png", Some("*/*"), false);
        decoded("image/png", Some("image/*"), false);
        decoded("image/png", None, false);
        decoded("image/png", Some("nonsense"), false);
        decoded("application/*", Some("application/test"), true);
        decoded("*/test", Some("application/test"), false);
        decoded("image/webp,image/png", Some("image/png"), false);
    }

    #[test]
    fn without_configured_types_nothing_is_binary() {
        let types = BinaryTypes::new(&[]);
        assert!(!types.request(Some("image/png")) && !types.response(Some("image/png")));
    }
}
