//! What is stored. Members are named as API Gateway's own API names them, so that a document is its answer.
//!
//! Collections, and the keys in them:
//!
//! | collection | key | document |
//! |---|---|---|
//! | `apis` | `{api}` (ids are global: the owner follows from the id) | [`RestApi`] |
//! | `resources` | `{api}/{resource}` | [`Resource`] |
//! | `deployments` | `{api}/{deployment}` | [`Deployment`], without its snapshot |
//! | `snapshots` | `{api}/{deployment}` | [`Snapshot`]: what a stage serves, frozen |
//! | `stages` | `{api}/{stage}` | [`Stage`] |
//! | `models` | `{api}/{name}` | [`SchemaModel`] |
//! | `validators` | `{api}/{id}` | [`RequestValidator`] |
//! | `authorizers` | `{api}/{id}` | [`Authorizer`] |
//! | `gatewayResponses` | `{api}/{type}` | [`GatewayResponse`], only those that were put |
//! | `accountApis` | `{account}/{region}/{api}` | `true`: an index |
//! | `gatewayAccounts` | `{account}/{region}` | [`AccountSettings`] |
//! | `apiKeys` | `{account}/{region}/{key id}` | [`ApiKey`] |
//! | `apiKeyValues` | `{account}/{region}/{value}` | the key's id as text: an index |
//! | `usagePlans` | `{account}/{region}/{plan}` | [`UsagePlan`] |
//! | `usagePlanKeys` | `{account}/{region}/{plan}/{key id}` | `true` |
//! | `usage` | `{account}/{region}/{plan}/{key id}` | what the key has used of the plan's quota (`execution::usage`) |

use std::collections::BTreeMap;

use arn::AccountId;
use serde::{Deserialize, Serialize};

/// Names to texts: headers, templates, variables.
pub type Texts = BTreeMap<String, String>;

/// A REST API, owned by one account in one region.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestApi {
    /// Ten letters and digits, unique over all accounts.
    pub id: String,
    /// The owner: twelve digits. Not part of any answer.
    pub account: String,
    /// Where it lives. Not part of any answer.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Seconds since 1970.
    pub created_date: f64,
    /// The root resource's id.
    pub root_resource_id: String,
    /// The resource policy as text, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Media types passed as base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binary_media_types: Vec<String>,
    /// Where the key is read: `HEADER` or `AUTHORIZER`.
    pub api_key_source: String,
    /// Whether the invoke URL is switched off.
    #[serde(default)]
    pub disable_execute_api_endpoint: bool,
    /// Counted up by every change to the API's resources, methods and settings; a deployment remembers the count, so
    /// "changed since it was deployed" is one comparison. Not part of any answer.
    #[serde(default)]
    pub change_count: u64,
    /// Every other member, as given (`description`, `version`, `endpointConfiguration`, `tags`, …).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl RestApi {
    /// The owner.
    #[must_use]
    pub fn owner(&self) -> Option<AccountId> {
        AccountId::new(&self.account).ok()
    }
}

/// A path of an API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Six letters and digits (ten for the root).
    pub id: String,
    /// `None` for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The last part of the path; `None` for the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_part: Option<String>,
    /// The whole path, beginning with `/`.
    pub path: String,
    /// By HTTP method, `ANY` among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_methods: BTreeMap<String, Method>,
}

/// A method of a resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// `GET`, …, or `ANY`.
    pub http_method: String,
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization_type: String,
    /// For `CUSTOM` and `COGNITO_USER_POOLS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// Whether a key must be sent.
    pub api_key_required: bool,
    /// `method.request.header.x` and so on, to whether it is required.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, bool>,
    /// By status code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub method_responses: BTreeMap<String, MethodResponse>,
    /// Where a request goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method_integration: Option<Integration>,
    /// Every other member, as given (`operationName`, `requestModels`, `requestValidatorId`, …).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// What a method may answer with one status.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodResponse {
    /// Three digits.
    pub status_code: String,
    /// `method.response.header.x`, to whether it is required.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, bool>,
    /// By content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_models: Texts,
}

/// Where a method's requests go.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// `AWS_PROXY`, `MOCK`, `AWS`, `HTTP` or `HTTP_PROXY`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The backend's method (`POST` for Lambda).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`, or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// A role's ARN, `arn:aws:iam::*:user/*` for the caller's own credentials, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Mapping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: Texts,
    /// Templates by content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_templates: Texts,
    /// `WHEN_NO_MATCH`, `WHEN_NO_TEMPLATES` or `NEVER`.
    pub passthrough_behavior: String,
    /// `CONVERT_TO_BINARY`, `CONVERT_TO_TEXT` or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
    /// 50 to 29000; to 900000 for answers that are streamed.
    pub timeout_in_millis: u32,
    /// By status code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integration_responses: BTreeMap<String, IntegrationResponse>,
    /// Every other member, as given (`cacheNamespace`, `cacheKeyParameters`, `connectionType`, `tlsConfig`, …).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Integration {
    /// `responseTransferMode` is `STREAM`: the backend's answer is passed on as it comes.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.rest.get("responseTransferMode").and_then(serde_json::Value::as_str) == Some("STREAM")
    }
}

/// How a backend's answer becomes the method's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationResponse {
    /// Three digits.
    pub status_code: String,
    /// A regular expression over the error message or the backend's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// Mapping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: Texts,
    /// Templates by content type. None at all is shown where an empty map was given (recording
    /// test_put_integration_responses).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_templates: Option<Texts>,
    /// `CONVERT_TO_BINARY`, `CONVERT_TO_TEXT` or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
}

/// A snapshot's name and date.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Six letters and digits.
    pub id: String,
    /// As given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since 1970.
    pub created_date: f64,
    /// The API's [`RestApi::change_count`] when it was deployed. Not part of any answer.
    #[serde(default)]
    pub change_count: u64,
}

/// Everything that a stage serves: the API and its resources as they were when they were deployed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The API.
    pub api: RestApi,
    /// Its resources with their methods and integrations.
    pub resources: Vec<Resource>,
    /// Models by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, SchemaModel>,
    /// Request validators by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub validators: BTreeMap<String, RequestValidator>,
    /// Authorizers by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub authorizers: BTreeMap<String, Authorizer>,
    /// Gateway responses that were put, by type; [`crate::management::effective_gateway_response`] fills in the rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
}

/// A name under which a deployment is served.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The first part of the path.
    pub stage_name: String,
    /// What it serves.
    pub deployment_id: String,
    /// `${stageVariables.x}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: Texts,
    /// By `resource/path/METHOD` (the path without its first slash, so `/GET` for the root) or `*/*`: `loggingLevel`,
    /// `dataTraceEnabled`, `metricsEnabled`, `throttlingBurstLimit`, `throttlingRateLimit`, caching.
    #[serde(default)]
    pub method_settings: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Seconds since 1970.
    pub created_date: f64,
    /// Seconds since 1970.
    pub last_updated_date: f64,
    /// Every other member, as given (`description`, `tags`, `accessLogSettings`, `tracingEnabled`, …).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// A JSON schema with a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaModel {
    /// Six letters and digits.
    pub id: String,
    /// Unique in the API.
    pub name: String,
    /// As given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema, draft 4, as text; empty for models that are not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// For example `application/json`.
    pub content_type: String,
}

/// What of a request is validated before it goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestValidator {
    /// Six letters and digits.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Against the method's model.
    #[serde(default)]
    pub validate_request_body: bool,
    /// Whether required parameters are there.
    #[serde(default)]
    pub validate_request_parameters: bool,
}

/// Who lets requests through.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorizer {
    /// Six letters and digits.
    pub id: String,
    /// Unique in the API.
    pub name: String,
    /// `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// User pools.
    #[serde(default, rename = "providerARNs", skip_serializing_if = "Vec::is_empty")]
    pub provider_arns: Vec<String>,
    /// `custom`, `cognito_user_pools`, or as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_type: Option<String>,
    /// The function, in the form of an integration's URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_uri: Option<String>,
    /// The role that calls the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_credentials: Option<String>,
    /// One mapping expression for `TOKEN`, several with commas for `REQUEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_source: Option<String>,
    /// A regular expression over a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_validation_expression: Option<String>,
    /// Seconds for which an answer is kept, 0 to 3600; absent means 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_result_ttl_in_seconds: Option<u32>,
}

/// What a client gets when API Gateway itself answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayResponse {
    /// For example `DEFAULT_4XX`.
    pub response_type: String,
    /// Three digits; none for the two defaults when nobody set them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// `gatewayresponse.header.X` to a mapping expression.
    #[serde(default)]
    pub response_parameters: Texts,
    /// Templates by content type.
    #[serde(default)]
    pub response_templates: Texts,
    /// Whether nobody put this type itself.
    #[serde(default)]
    pub default_response: bool,
}

/// An account's settings in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountSettings {
    /// The role that writes execution logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudwatch_role_arn: Option<String>,
}

/// A key that a client sends as `x-api-key`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Ten letters and digits.
    pub id: String,
    /// The secret: 20 to 128 characters.
    pub value: String,
    /// As given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A disabled key is refused.
    pub enabled: bool,
    /// Seconds since 1970.
    pub created_date: f64,
    /// Seconds since 1970.
    pub last_updated_date: f64,
    /// `api/stage` of keys that were made for stages without a usage plan.
    #[serde(default)]
    pub stage_keys: Vec<String>,
    /// Every other member, as given (`description`, `customerId`, `tags`).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// Stages, with the limits of the keys that may call them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlan {
    /// Six letters and digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it opens.
    #[serde(default)]
    pub api_stages: Vec<ApiStage>,
    /// Over all methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Requests per period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Every other member, as given (`description`, `productCode`, `tags`).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// A stage of a usage plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiStage {
    /// The API.
    pub api_id: String,
    /// The stage's name.
    pub stage: String,
    /// By `/path/METHOD`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: BTreeMap<String, Throttle>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttle {
    /// The bucket's size.
    #[serde(default)]
    pub burst_limit: i64,
    /// Tokens per second.
    #[serde(default)]
    pub rate_limit: f64,
}

/// Requests per period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Requests.
    #[serde(default)]
    pub limit: i64,
    /// Requests taken off the first period.
    #[serde(default)]
    pub offset: i64,
    /// `DAY`, `WEEK` or `MONTH`.
    #[serde(default)]
    pub period: String,
}
