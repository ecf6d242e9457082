/// The gateway responses: what API Gateway answers by itself (API Gateway guide, "Gateway response types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// `ACCESS_DENIED`
    AccessDenied,
    /// `API_CONFIGURATION_ERROR`
    ApiConfigurationError,
    /// `AUTHORIZER_CONFIGURATION_ERROR`
    AuthorizerConfigurationError,
    /// `DEFAULT_5XX`
    Default5xx,
    /// `DEFAULT_4XX`
    Default4xx,
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
    /// `REQUEST_TOO_LARGE`
    RequestTooLarge,
    /// `UNSUPPORTED_MEDIA_TYPE`
    UnsupportedMediaType,
}
