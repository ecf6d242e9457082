//! What API Gateway answers by itself.

use std::borrow::Cow;

use bytes::Bytes;

use super::ClientResponse;

/// The kinds of gateway responses (API Gateway guide, "Gateway response types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// `ACCESS_DENIED`
    AccessDenied,
    /// `API_CONFIGURATION_ERROR`
    ApiConfigurationError,
    /// `AUTHORIZER_CONFIGURATION_ERROR`
    AuthorizerConfigurationError,
    /// `BAD_REQUEST_BODY`
    BadRequestBody,
    /// `BAD_REQUEST_PARAMETERS`
    BadRequestParameters,
    /// `DEFAULT_4XX`
    Default4xx,
    /// `DEFAULT_5XX`
    Default5xx,
    /// `EXPIRED_TOKEN`
    ExpiredToken,
    /// `INTEGRATION_FAILURE`
    IntegrationFailure,
    /// `INTEGRATION_TIMEOUT`
    IntegrationTimeout,
    /// `INVALID_API_KEY`
    InvalidApiKey,
    /// `INVALID_SIGNATURE`
    InvalidSignature,
    /// `MISSING_AUTHENTICATION_TOKEN`
    MissingAuthenticationToken,
    /// `QUOTA_EXCEEDED`
    QuotaExceeded,
    /// `REQUEST_TOO_LARGE`
    RequestTooLarge,
    /// `THROTTLED`
    Throttled,
    /// `UNAUTHORIZED`
    Unauthorized,
    /// `UNSUPPORTED_MEDIA_TYPE`
    UnsupportedMediaType,
}

impl ResponseType {
    /// The name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "ACCESS_DENIED",
            Self::ApiConfigurationError => "API_CONFIGURATION_ERROR",
            Self::AuthorizerConfigurationError => "AUTHORIZER_CONFIGURATION_ERROR",
            Self::BadRequestBody => "BAD_REQUEST_BODY",
            Self::BadRequestParameters => "BAD_REQUEST_PARAMETERS",
            Self::Default4xx => "DEFAULT_4XX",
            Self::Default5xx => "DEFAULT_5XX",
            Self::ExpiredToken => "EXPIRED_TOKEN",
            Self::IntegrationFailure => "INTEGRATION_FAILURE",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::InvalidSignature => "INVALID_SIGNATURE",
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::Throttled => "THROTTLED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        }
    }
}

/// A gateway response about to be sent.
#[derive(Clone, Debug)]
pub(super) struct GatewayResponse {
    pub kind: ResponseType,
    pub status: u16,
    pub error_type: &'static str,
    pub body: Cow<'static, str>,
}

/// `{"message": "Internal server error"}`: 36 bytes, with the blank (recording TestApiGatewayHeaderRemapping). The
/// front door's own answers have no blank.
const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

impl GatewayResponse {
    fn new(
        kind: ResponseType,
        status: u16,
        error_type: &'static str,
        body: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, status, error_type, body: body.into() }
    }

    /// An unknown path or verb (recording TestApigatewayRouting::test_routing_not_found), or an unsigned call to an
    /// `AWS_IAM` method.
    pub fn missing_authentication_token() -> Self {
        Self::new(
            ResponseType::MissingAuthenticationToken,
            403,
            "MissingAuthenticationTokenException",
            r#"{"message":"Missing Authentication Token"}"#,
        )
    }

    /// An unknown stage or API, a switched-off endpoint.
    /// (No recording for stages and APIs; "API Gateway 403 errors" in AWS's knowledge centre.)
    pub fn forbidden() -> Self {
        Self::new(ResponseType::Default4xx, 403, "ForbiddenException", r#"{"message":"Forbidden"}"#)
    }

    /// A missing or unknown API key (facts, "Measured on AWS by others").
    pub fn invalid_api_key() -> Self {
        Self { kind: ResponseType::InvalidApiKey, ..Self::forbidden() }
    }

    /// Throttling of the stage (facts, "Measured on AWS by others").
    pub fn throttled() -> Self {
        Self::new(
            ResponseType::Throttled,
            429,
            "TooManyRequestsException",
            r#"{"message":"Too Many Requests"}"#,
        )
    }

    /// A usage plan's quota is used up (guide, "Gateway response types": QUOTA_EXCEEDED; text published by many).
    pub fn quota_exceeded() -> Self {
        Self::new(
            ResponseType::QuotaExceeded,
            429,
            "LimitExceededException",
            r#"{"message":"Limit Exceeded"}"#,
        )
    }

    /// An authorizer that does not know the client (published by many).
    pub fn unauthorized() -> Self {
        Self::new(ResponseType::Unauthorized, 401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#)
    }

    /// A user pool's token whose time is over (published by many).
    pub fn token_expired() -> Self {
        Self {
            body: Cow::Borrowed(r#"{"message":"The incoming token has expired"}"#),
            ..Self::unauthorized()
        }
    }

    /// A Lambda authorizer's policy does not let the client in (published by many; since 2025 AWS says besides which
    /// kind of policy refuses).
    pub fn not_let_in(because: Option<&str>) -> Self {
        let mut sentence = "User is not authorized to access this resource".to_owned();
        if let Some(because) = because {
            sentence.push_str(&format!(" {because}"));
        }
        Self::access_denied(&sentence)
    }

    /// `FAIL_WITH_403` (guide, "Enabling API caching": "returns a 403 Unauthorized response"; the body is reasoning).
    pub fn may_not_invalidate() -> Self {
        Self::new(ResponseType::AccessDenied, 403, "AccessDeniedException", r#"{"message":"Unauthorized"}"#)
    }

    pub fn too_large() -> Self {
        Self::new(
            ResponseType::RequestTooLarge,
            413,
            "RequestTooLargeException",
            r#"{"message":"Request Too Long"}"#,
        )
    }

    /// A request line and headers over the quota. The text is published by its receivers, the status is reasoning
    /// (RFC 6585, section 5).
    pub fn head_too_large() -> Self {
        Self::new(
            ResponseType::RequestTooLarge,
            431,
            "RequestTooLargeException",
            r#"{"message":"HTTP header is larger than 10240 bytes."}"#,
        )
    }

    /// Recording test_api_gateway_request_validator.
    pub fn missing_parameters(names: &str) -> Self {
        let message = serde_json::Value::from(format!("Missing required request parameters: [{names}]"));
        let body = format!("{{\"message\": {message}}}");
        Self::new(ResponseType::BadRequestParameters, 400, "BadRequestException", body)
    }

    /// Recording test_api_gateway_request_validator.
    pub fn invalid_body() -> Self {
        Self::new(
            ResponseType::BadRequestBody,
            400,
            "BadRequestException",
            r#"{"message": "Invalid request body"}"#,
        )
    }

    pub fn unsupported_media_type() -> Self {
        Self::new(
            ResponseType::UnsupportedMediaType,
            415,
            "BadRequestException",
            r#"{"message": "Unsupported Media Type"}"#,
        )
    }

    /// A payload that Lambda cannot read. Its words reach the client (published by many: serverless/serverless#2270);
    /// the status is that of Lambda's refusal, the type reasoning.
    pub fn no_json(message: &str) -> Self {
        let body = format!("{{\"message\": {}}}", serde_json::Value::from(message));
        Self::new(ResponseType::Default4xx, 400, "BadRequestException", body)
    }

    /// `status` is 500 or 502.
    pub fn internal(kind: ResponseType, status: u16) -> Self {
        Self::new(kind, status, "InternalServerErrorException", INTERNAL)
    }

    /// Published by its owner with headers and log: 504, `Content-Length: 41`.
    pub fn timed_out() -> Self {
        Self::new(
            ResponseType::IntegrationTimeout,
            504,
            "InternalServerErrorException",
            r#"{"message": "Endpoint request timed out"}"#,
        )
    }

    /// Nobody listens at the endpoint, or the connection broke. Published by many.
    pub fn network_error() -> Self {
        Self::new(
            ResponseType::IntegrationFailure,
            504,
            "InternalServerErrorException",
            r#"{"message": "Network error communicating with endpoint"}"#,
        )
    }

    pub fn authorizer_configuration() -> Self {
        Self::new(
            ResponseType::AuthorizerConfigurationError,
            500,
            "AuthorizerConfigurationException",
            "{\"message\":null}",
        )
    }

    /// What a bad signature gets: AWS's text and code.
    pub fn signature(kind: ResponseType, error_type: &'static str, message: &str) -> Self {
        Self::new(kind, 403, error_type, format!("{{\"message\":{}}}", serde_json::Value::from(message)))
    }

    /// A policy's refusal: `Message` with a capital, as AWS sends it (published by many).
    pub fn access_denied(sentence: &str) -> Self {
        Self::new(
            ResponseType::AccessDenied,
            403,
            "AccessDeniedException",
            format!("{{\"Message\":{}}}", serde_json::Value::from(sentence)),
        )
    }

    /// The text of the body's `message`.
    pub fn message(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        body.get("message").or_else(|| body.get("Message"))?.as_str().map(str::to_owned)
    }

    /// Headers and body. `trace_id` is there when the integration was reached.
    pub fn to_response(&self, request_id: &str, extended: &str, trace_id: Option<&str>) -> ClientResponse {
        let mut headers = Vec::with_capacity(5);
        headers.push((Bytes::from_static(b"Content-Type"), Bytes::from_static(b"application/json")));
        headers
            .push((Bytes::from_static(b"x-amzn-RequestId"), Bytes::copy_from_slice(request_id.as_bytes())));
        headers
            .push((Bytes::from_static(b"x-amzn-ErrorType"), Bytes::from_static(self.error_type.as_bytes())));
        headers.push((Bytes::from_static(b"x-amz-apigw-id"), Bytes::copy_from_slice(extended.as_bytes())));
        if let Some(trace) = trace_id {
            headers.push((Bytes::from_static(b"X-Amzn-Trace-Id"), Bytes::copy_from_slice(trace.as_bytes())));
        }
        let body = match &self.body {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::copy_from_slice(text.as_bytes()),
        };
        ClientResponse { status: self.status, headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_that_aws_sends() {
        assert_eq!(GatewayResponse::internal(ResponseType::Default5xx, 500).body.len(), 36);
        assert_eq!(GatewayResponse::timed_out().body.len(), 41);
        assert_eq!(GatewayResponse::missing_authentication_token().body.len(), 42);
        assert_eq!(GatewayResponse::forbidden().body.len(), 23);
    }
}
