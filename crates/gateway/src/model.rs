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
    /// 50 to 29000.
    pub timeout_in_millis: u32,
    /// By status code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integration_responses: BTreeMap<String, IntegrationResponse>,
    /// Every other member, as given (`cacheNamespace`, `cacheKeyParameters`, `connectionType`, `tlsConfig`, …).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
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
    /// Templates by content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: Texts,
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
    /// By `resource/path/METHOD` or `*/*`: logging level, data trace, metrics, throttling, caching.
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
