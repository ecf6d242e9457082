use std::sync::Arc;

use super::BackendErrorKind;
use super::gateway_response::ResponseType;

/// What happened to one call, for `crossgate explain`. Cheap to make: what belongs to the deployment is shared.
#[derive(Clone, Debug, Default)]
pub struct GatewayTrace {
    /// The API's id as called.
    pub api_id: String,
    /// The stage as called, empty when the path has none.
    pub stage: Arc<str>,
    /// The API, its owner and the deployment; `None` when the API or the stage does not exist.
    pub deployment: Option<Arc<DeploymentFacts>>,
    /// The method that the call went to.
    pub route: Option<Arc<RouteFacts>>,
    /// Its place among the deployment's methods.
    pub method: Option<usize>,
    /// What the stage's cache had; `None` where responses are not cached.
    pub cache: Option<CacheResult>,
    /// The authorizer that was asked.
    pub authorizer: Option<Box<AuthorizerFacts>>,
    /// Set when the integration's answer was passed on as it came.
    pub stream: Option<StreamFacts>,
    /// `aws:SourceArn` of the call to the function.
    pub source_arn: Option<String>,
    /// The function that was called, stage variables filled in.
    pub function_arn: Option<String>,
    /// The status that the client got.
    pub status: u16,
    /// Which gateway response it was, if it was one.
    pub response_type: Option<ResponseType>,
    /// Why the call did not go as it should; `None` for a call that did.
    pub why: Option<Why>,
    /// When the call failed: how many changes the API has had since the stage's deployment was made, if any.
    pub changes_since_deployment: Option<u64>,
    /// Milliseconds spent waiting for the integration.
    pub integration_latency_ms: Option<u64>,
    /// The message of the gateway response, if it was one.
    pub error_message: Option<String>,
    /// The id that the integration gave the call.
    pub integration_request_id: Option<String>,
    /// The status that the integration answered: an endpoint's own, Lambda's and not the function's.
    pub integration_status: Option<u16>,
    /// Milliseconds spent on the client's signature, where the method asks for one.
    pub authenticate_ms: Option<u64>,
    /// Milliseconds spent on whether that client may call.
    pub authorize_ms: Option<u64>,
    /// Milliseconds spent in all.
    pub latency_ms: u64,
}

/// What a stage's cache had for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheResult {
    /// The answer.
    Hit,
    /// Nothing: the integration was asked.
    Miss,
}

/// An answer that was passed on as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamFacts {
    /// Bytes of the body that the client got.
    pub bytes: u64,
    /// Milliseconds from the call of the integration until it had sent status and headers.
    pub headers_ms: u64,
    /// The same until the first byte of its body; `None` without one.
    pub first_content_ms: Option<u64>,
    /// Whether the client got all of it.
    pub complete: bool,
}

/// What is the same for every call to one stage.
#[derive(Clone, Debug)]
pub struct DeploymentFacts {
    /// The API's id.
    pub api_id: String,
    /// The API's name.
    pub api_name: String,
    /// Twelve digits.
    pub account: String,
    /// The API's region.
    pub region: String,
    /// `EDGE`, `REGIONAL` or `PRIVATE`.
    pub endpoint_type: &'static str,
    /// The deployment's id.
    pub deployment_id: String,
    /// The API's change count when it was deployed.
    pub change_count: u64,
}

/// What is the same for every call to one method.
#[derive(Clone, Debug)]
pub struct RouteFacts {
    /// The resource's id.
    pub resource_id: String,
    /// Its path template, for example `/users/{id}`.
    pub resource_path: String,
    /// The method as it is configured, `ANY` among them.
    pub configured_method: String,
    /// `NONE`, `AWS_IAM`, ….
    pub authorization_type: String,
    /// `AWS_PROXY`, `MOCK`, …; empty when the method has no integration.
    pub integration_type: String,
    /// The integration's URI, as configured.
    pub integration_uri: Option<String>,
    /// The integration's credentials, as configured.
    pub credentials: Option<String>,
    /// `responseTransferMode` is `STREAM`.
    pub streamed: bool,
}

/// An authorizer and what became of asking it.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerFacts {
    /// The authorizer's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
    pub kind: &'static str,
    /// The function that it asks, when it was asked.
    pub function_arn: Option<String>,
    /// `aws:SourceArn` of the call to it: `arn:aws:execute-api:REGION:ACCOUNT:API/authorizers/ID`.
    pub source_arn: Option<String>,
    /// The role that calls it, if one does.
    pub role_arn: Option<String>,
    /// Whether it was not asked because it had answered about the same identity before.
    pub cached: bool,
    /// Milliseconds spent on it in all.
    pub latency_ms: Option<u64>,
    /// Milliseconds that its function took; `None` when it was not asked.
    pub integration_latency_ms: Option<u64>,
    /// The id that Lambda gave the invocation.
    pub request_id: Option<String>,
    /// Whom it found.
    pub principal_id: Option<String>,
    /// The policy that it returned.
    pub policy: Option<String>,
}

/// Why a call did not go as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No API of any account has this id.
    NoSuchApi,
    /// The custom domain has no mapping for the path.
    NoBasePath {
        /// The domain, as called.
        domain: String,
        /// The base paths that it has.
        base_paths: Vec<String>,
    },
    /// The custom domain is private, and it is not clear through which VPC endpoint it is called.
    NoEndpoint {
        /// The domain, as called.
        domain: String,
        /// The endpoint that the client named.
        named: Option<String>,
        /// The endpoints that have an access association with it.
        endpoints: Vec<String>,
    },
    /// The API's `disableExecuteApiEndpoint` is set.
    EndpointDisabled,
    /// The API is private and the client did not come through a VPC endpoint, or the other way about.
    VpcEndpoint {
        /// The endpoint, if there was one.
        through: Option<String>,
    },
    /// The API has no stage of this name.
    NoSuchStage {
        /// The stage in the path.
        stage: String,
        /// The stage meant, most likely.
        nearest: Option<String>,
        /// The API's stages, at most 20.
        stages: Vec<String>,
        /// How many deployments the API has: none means that it was never deployed.
        deployments: usize,
    },
    /// The stage points at a deployment that is not stored or that cannot be read.
    DeploymentUnreadable {
        /// The deployment's id.
        deployment_id: String,
        /// What is wrong.
        detail: String,
    },
    /// Neither the deployment nor the API as it is now has such a path and method.
    NoRoute {
        /// The path without the stage.
        path: String,
        /// The verb.
        method: String,
        /// The resource whose path matches, and the methods it has; `None` when no path matches.
        matched: Option<(String, Vec<String>)>,
        /// The path template meant, most likely.
        nearest: Option<String>,
    },
    /// The path and method exist now, and did not when the stage's deployment was made.
    NotDeployed {
        /// The path without the stage.
        path: String,
        /// The verb.
        method: String,
        /// The resource that would match now.
        resource_path: String,
        /// The API's changes since the deployment.
        changes_since: u64,
    },
    /// A key is required and none came, or an unknown one.
    ApiKey {
        /// Whether a key came.
        given: bool,
    },
    /// The caller is not known.
    AuthFailed {
        /// What was wrong with the signature.
        detail: String,
    },
    /// The caller is known and may not call this method.
    NotAuthorized {
        /// `User: … is not authorized to perform: …`, as sent.
        sentence: String,
        /// The server's own words.
        detail: String,
    },
    /// The authorizer does not know the client: 401.
    Unauthorized {
        /// What was missing or wrong.
        detail: String,
    },
    /// The policy that the authorizer returned does not let the client in.
    AuthorizerDenied {
        /// Whether it denies, or only does not allow.
        explicit: bool,
        /// The server's own words.
        detail: String,
    },
    /// The authorizer could not be asked, or its answer cannot be used: 500.
    AuthorizerFailed {
        /// Why its function was not run; `None` when it was.
        kind: Option<BackendErrorKind>,
        /// What happened.
        detail: String,
    },
    /// The method's validator asks for parameters that are not there, or blank.
    MissingParameters {
        /// Their names.
        names: Vec<String>,
    },
    /// The body does not fit the method's model.
    InvalidBody {
        /// The model's name.
        model: String,
        /// In which ways, in AWS's sentences.
        errors: Vec<String>,
        /// And where: a JSON pointer for each, empty for the whole body.
        places: Vec<String>,
    },
    /// The body is not coded as its header says, or in a coding that API Gateway does not know.
    ContentEncoding {
        /// The request's `Content-Encoding`.
        content_encoding: String,
    },
    /// The request line and the headers' values are larger than 10,240 bytes.
    HeadTooLarge {
        /// Bytes.
        size: usize,
    },
    /// The body is larger than 10 MB.
    BodyTooLarge,
    /// No request template matches the content type, and passing through is not allowed.
    UnsupportedMediaType {
        /// The request's content type.
        content_type: String,
        /// The content types that have a template.
        templates: Vec<String>,
    },
    /// The deployed configuration cannot work.
    Configuration {
        /// What is wrong with it.
        detail: String,
    },
    /// Something that AWS has and this program has not yet.
    NotSupported {
        /// What.
        what: String,
    },
    /// Lambda did not run the function.
    IntegrationFailure {
        /// The kind.
        kind: BackendErrorKind,
        /// The server's own words.
        detail: String,
    },
    /// The HTTP endpoint could not be reached, or gave no answer that can be passed on.
    EndpointFailed {
        /// What happened.
        detail: String,
    },
    /// The integration did not answer in time.
    Timeout {
        /// The time-out.
        after_ms: u64,
    },
    /// Nothing came for so long that the answer was broken off.
    StreamIdle {
        /// The time that it may take.
        after_ms: u64,
    },
    /// The function ran, and what it wrote does not begin with the metadata of a streamed answer.
    MalformedStream {
        /// The rule that is broken.
        reason: String,
        /// What came instead, cut to 200 characters.
        value: String,
    },
    /// The function ran and failed.
    FunctionError {
        /// `Unhandled`.
        kind: String,
        /// `errorType` of the payload.
        error_type: Option<String>,
        /// `errorMessage` of the payload.
        error_message: Option<String>,
    },
    /// The function ran, and what it returned is no proxy response.
    MalformedProxyResponse {
        /// The rule that is broken.
        reason: String,
        /// The value that breaks it, cut to 200 characters.
        value: String,
    },
    /// A usage plan or the stage takes no more calls now.
    Throttled {
        /// Whose limit it is, and the limit.
        detail: String,
    },
    /// A usage plan's quota is used up.
    QuotaExceeded {
        /// Whose quota it is, and the quota.
        detail: String,
    },
}
