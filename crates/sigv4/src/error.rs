/// How a service's protocol says that a caller was not recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IAM and STS: XML answers.
    Query,
    /// CloudWatch Logs: `x-amz-target`.
    Json,
    /// Lambda and API Gateway, and calls to a deployed API.
    RestJson,
}

/// What is wrong with a request's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthErrorKind {
    /// The request is not signed.
    MissingAuthenticationToken,
    /// A parameter of the signature is missing or cannot be read.
    IncompleteSignature,
    /// No such access key, or it does not go with the session token.
    InvalidToken,
    /// The signature is not the one that the secret gives, or its scope or time is wrong.
    SignatureDoesNotMatch,
    /// The session has ended.
    ExpiredToken,
    /// A presigned request is used after its `X-Amz-Expires`.
    RequestExpired,
}

/// A request that is not, or wrongly, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthError {
    /// What is wrong.
    pub kind: AuthErrorKind,
    /// AWS's text.
    pub message: String,
    /// For [`AuthErrorKind::SignatureDoesNotMatch`]: the canonical request and the string to sign that the signature
    /// should have been made from, session tokens blanked out.
    pub expected: Option<Box<(String, String)>>,
}

impl AuthError {
    fn new(kind: AuthErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), expected: None }
    }

    pub(crate) fn incomplete(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::IncompleteSignature, message)
    }

    pub(crate) fn mismatch(message: impl Into<String>) -> Self {
        Self::new(AuthErrorKind::SignatureDoesNotMatch, message)
    }

    pub(crate) fn request_expired() -> Self {
        Self::new(AuthErrorKind::RequestExpired, "Request has expired.")
    }

    /// An unsigned request to a service that answers signed ones only.
    #[must_use]
    pub fn missing(protocol: Protocol) -> Self {
        let text = match protocol {
            Protocol::Query => "Request is missing Authentication Token",
            Protocol::Json | Protocol::RestJson => "Missing Authentication Token",
        };
        Self::new(AuthErrorKind::MissingAuthenticationToken, text)
    }

    /// An access key id, or a session token, that is not known.
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::new(AuthErrorKind::InvalidToken, "The security token included in the request is invalid.")
    }

    /// A session that has ended.
    #[must_use]
    pub fn expired_token() -> Self {
        Self::new(AuthErrorKind::ExpiredToken, "The security token included in the request is expired")
    }

    /// The error's code as clients of `protocol` know it. The names without `Exception` are those of the query
    /// protocol (IAM API Reference, "Common Errors"); JSON services use those with it (Lambda API Reference, same
    /// page).
    #[must_use]
    pub fn code(&self, protocol: Protocol) -> &'static str {
        let query = protocol == Protocol::Query;
        match self.kind {
            AuthErrorKind::MissingAuthenticationToken if query => "MissingAuthenticationToken",
            AuthErrorKind::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            AuthErrorKind::IncompleteSignature if query => "IncompleteSignature",
            AuthErrorKind::IncompleteSignature => "IncompleteSignatureException",
            AuthErrorKind::InvalidToken if query => "InvalidClientTokenId",
            AuthErrorKind::InvalidToken => "UnrecognizedClientException",
            AuthErrorKind::SignatureDoesNotMatch if query => "SignatureDoesNotMatch",
            AuthErrorKind::SignatureDoesNotMatch => "InvalidSignatureException",
            AuthErrorKind::ExpiredToken if query => "ExpiredToken",
            AuthErrorKind::ExpiredToken => "ExpiredTokenException",
            AuthErrorKind::RequestExpired => "RequestExpired",
        }
    }

    /// The HTTP status: the JSON protocol answers 400 to everything that is the client's fault, the others 403
    /// except where the request itself is malformed (IAM API Reference, "Common Errors").
    #[must_use]
    pub fn status(&self, protocol: Protocol) -> u16 {
        match (protocol, self.kind) {
            (Protocol::Json, _) | (_, AuthErrorKind::RequestExpired) => 400,
            (Protocol::Query, AuthErrorKind::IncompleteSignature) => 400,
            _ => 403,
        }
    }

    /// The text with the canonical request and the string to sign added, as API Gateway answers calls to a deployed
    /// API whose signature does not match.
    #[must_use]
    pub fn message_with_expected(&self) -> String {
        match self.expected.as_deref() {
            None => self.message.clone(),
            Some((canonical, string_to_sign)) => format!(
                "{}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n\
                 The String-to-Sign should have been\n'{string_to_sign}'\n",
                self.message
            ),
        }
    }
}

impl std::fmt::Display for AuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(Protocol::Query), self.message)
    }
}

impl std::error::Error for AuthError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_own_codes() {
        let error = AuthError::invalid_token();
        assert_eq!(
            (error.code(Protocol::Query), error.status(Protocol::Query)),
            ("InvalidClientTokenId", 403)
        );
        assert_eq!(
            (error.code(Protocol::RestJson), error.status(Protocol::RestJson)),
            ("UnrecognizedClientException", 403)
        );
        assert_eq!(
            (error.code(Protocol::Json), error.status(Protocol::Json)),
            ("UnrecognizedClientException", 400)
        );
    }
}
