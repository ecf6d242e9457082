//! Bodies as text or bytes on their way to an integration and back: the guide's "Content type conversions", every row of
//! which is recorded (TestApiGatewayS3BinarySupport).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// `contentHandling`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Handling {
    #[default]
    None,
    ToBinary,
    ToText,
}

impl Handling {
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("CONVERT_TO_BINARY") => Self::ToBinary,
            Some("CONVERT_TO_TEXT") => Self::ToText,
            _ => Self::None,
        }
    }
}

/// A request's body; `binary` when its media type is one of the API's binary ones.
///
/// # Errors
/// The body is to be decoded and is no base64.
pub(super) fn request(body: &Bytes, binary: bool, handling: Handling) -> Result<Bytes, ()> {
    match (binary, handling) {
        (true, Handling::ToText) => Ok(STANDARD.encode(body).into()),
        (true, _) => Ok(body.clone()),
        (false, Handling::ToBinary) => decode(body),
        (false, _) => Ok(text(body)),
    }
}

/// Whether what [`request`] gives is text, which is all that a template takes (recording
/// test_apigw_s3_binary_support_request_convert_to_binary_with_request_template: 500).
pub(super) fn is_text(binary: bool, handling: Handling) -> bool {
    match handling {
        Handling::ToText => true,
        Handling::ToBinary => false,
        Handling::None => !binary,
    }
}

/// An answer's body; `accepted` when the first of the client's `Accept` is a binary type.
///
/// # Errors
/// The body is to be decoded and is no base64.
pub(super) fn response(body: &Bytes, binary: bool, accepted: bool, handling: Handling) -> Result<Bytes, ()> {
    match (binary, handling) {
        (true, Handling::ToText) => Ok(STANDARD.encode(body).into()),
        (true, Handling::None) if !accepted => Ok(STANDARD.encode(body).into()),
        (true, _) => Ok(body.clone()),
        (false, Handling::ToBinary) => decode(body),
        (false, Handling::None) if accepted => decode(body),
        (false, _) => Ok(text(body)),
    }
}

/// The quotes of a function that returns base64 are those of its JSON; that they do not count is reasoning (the guide's
/// tutorial returns an image so).
fn decode(body: &Bytes) -> Result<Bytes, ()> {
    let text = body.trim_ascii();
    let bare = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text);
    STANDARD.decode(bare).map(Bytes::from).map_err(|_| ())
}

/// What is no UTF-8 is replaced, as it is wherever API Gateway takes a body for text.
fn text(body: &Bytes) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(_) => body.clone(),
        Err(_) => Bytes::from(String::from_utf8_lossy(body).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_the_guides_table() {
        let (bytes, coded) = (Bytes::from_static(b"\xff\x00"), Bytes::from_static(b"/wA="));
        assert_eq!(request(&bytes, true, Handling::None), Ok(bytes.clone()));
        assert_eq!(request(&bytes, true, Handling::ToText), Ok(coded.clone()));
        assert_eq!(request(&coded, false, Handling::ToBinary), Ok(bytes.clone()));
        assert_eq!(request(&bytes, false, Handling::ToBinary), Err(()));
        assert_eq!(request(&bytes, false, Handling::None), Ok(Bytes::from("\u{fffd}\0")));
    }

    #[test]
    fn answers_follow_the_guides_table() {
        let (bytes, coded) = (Bytes::from_static(b"\xff\x00"), Bytes::from_static(b"/wA="));
        assert_eq!(response(&bytes, true, true, Handling::None), Ok(bytes.clone()));
        assert_eq!(response(&bytes, true, false, Handling::None), Ok(coded.clone()));
        assert_eq!(response(&bytes, true, false, Handling::ToBinary), Ok(bytes.clone()));
        assert_eq!(response(&bytes, true, true, Handling::ToText), Ok(coded.clone()));
        assert_eq!(response(&coded, false, false, Handling::ToBinary), Ok(bytes.clone()));
        assert_eq!(response(&coded, false, true, Handling::None), Ok(bytes.clone()));
        assert_eq!(
            response(&Bytes::from_static(b"\"/wA=\""), false, true, Handling::None),
            Ok(bytes.clone())
        );
        assert_eq!(response(&bytes, false, true, Handling::None), Err(()));
        assert_eq!(response(&coded, false, true, Handling::ToText), Ok(coded.clone()));
        assert_eq!(response(&coded, false, false, Handling::None), Ok(coded));
    }
}
