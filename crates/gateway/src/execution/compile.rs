//! A deployment, compiled: everything about a method that does not depend on the request is worked out here.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Answers;
use super::authorizer::LambdaAuthorizer;
use super::binary::BinaryTypes;
use super::call::MethodCall;
use super::content::Handling;
use super::custom_response::Custom;
use super::http::{self, Http};
use super::mapping::{BackendAnswer, Source};
use super::response_cache::CacheKey;
use super::route::Routes;
use super::service;
use super::template::{Template, Templates};
use super::trace::{DeploymentFacts, RouteFacts};
use super::uri::{LambdaUri, WithVariables};
use super::user_pool::UserPools;
use super::validate::Validation;
use crate::model::{Integration, Method, Resource, RestApi, Snapshot};

/// What a stage serves.
pub(super) struct Compiled {
    pub facts: Arc<DeploymentFacts>,
    /// The API's resource policy.
    pub policy: Option<String>,
    pub disabled: bool,
    /// `apiKeySource` is `AUTHORIZER`, not `HEADER`.
    pub key_of_authorizer: bool,
    pub binary: BinaryTypes,
    /// `minimumCompressionSize`: bodies are compressed, and decompressed.
    pub compression: Option<usize>,
    pub responses: Custom,
    /// How long a streamed answer may pause.
    pub idle: Duration,
    pub routes: Routes,
    /// What [`Routes`] leads to.
    pub methods: Vec<Route>,
}

/// A method of a resource.
pub(super) struct Route {
    pub facts: Arc<RouteFacts>,
    /// The names of the path's variables, in order.
    pub variables: Vec<Box<str>>,
    pub auth: Auth,
    pub api_key: bool,
    pub operation_name: Option<String>,
    pub validation: Validation,
    pub integration: Target,
    /// `None` without an integration.
    pub cache_key: Option<CacheKey>,
}

/// What a method asks of its callers.
pub(super) enum Auth {
    None,
    Iam,
    Lambda(Box<LambdaAuthorizer>),
    UserPools(Box<UserPools>),
    /// An authorizer that cannot work: nobody is let in.
    Broken(String),
}

/// Where a method's calls go.
pub(super) enum Target {
    Lambda(Box<Lambda>),
    Mock(Box<Mock>),
    Http(Box<Http>),
    /// AWS has it, this program has not.
    NotSupported(String),
    /// It cannot work.
    Broken(String),
}

/// AWS_PROXY, or AWS to Lambda.
pub(super) struct Lambda {
    pub uri: Uri,
    /// Other than `POST`: Lambda refuses the call.
    pub wrong_method: Option<String>,
    pub credentials: Credentials,
    pub timeout: Duration,
    /// The answer is passed on as it comes.
    pub streamed: bool,
    /// Mapped headers that fail a call which has them.
    pub forbidden: Vec<(String, Source)>,
    /// `None` for AWS_PROXY.
    pub mapping: Option<Mapping>,
}

impl Lambda {
    /// A header that a request parameter sets and may not.
    pub fn forbidden(&self, call: &MethodCall<'_>) -> Option<&str> {
        let set = |source: &Source| source.value(call, &BackendAnswer::default()).is_some();
        self.forbidden.iter().find(|(_, source)| set(source)).map(|(name, _)| name.as_str())
    }
}

pub(super) enum Uri {
    Fixed(LambdaUri),
    Variable(WithVariables),
}

/// Who calls the function.
#[derive(Clone)]
pub(super) enum Credentials {
    Service,
    Role(WithVariables),
    Client,
}

/// The transformations of an AWS integration.
pub(super) struct Mapping {
    pub requests: Requests,
    /// `integration.request.header.X-Amz-Invocation-Type`: `Event` runs the function asynchronously.
    pub invocation_type: Option<Source>,
    pub answers: Answers,
}

/// Request templates, and what happens when none fits.
pub(super) struct Requests {
    pub templates: Templates,
    /// `WHEN_NO_MATCH`: pass; `WHEN_NO_TEMPLATES`: pass when there are none; `NEVER`.
    pub passthrough: Passthrough,
    /// `contentHandling`
    pub handling: Handling,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Passthrough {
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

/// A MOCK integration.
pub(super) struct Mock {
    pub requests: Requests,
    /// For each request template, in order, the answer that it selects.
    pub selected: Vec<Result<usize, MockFault>>,
    pub answers: Answers,
}

/// Why a MOCK integration cannot answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MockFault {
    /// The template says it when it is rendered.
    Rendered,
    /// The template's result has no `statusCode` that is a whole number.
    NoStatus,
    /// No integration response fits the status, and none is the default.
    NoAnswer(u16),
}

impl Requests {
    pub fn new(integration: &Integration) -> Self {
        Self {
            templates: Templates::compile(&integration.request_templates),
            passthrough: match integration.passthrough_behavior.as_str() {
                "NEVER" => Passthrough::Never,
                "WHEN_NO_TEMPLATES" => Passthrough::WhenNoTemplates,
                _ => Passthrough::WhenNoMatch,
            },
            handling: Handling::parse(integration.content_handling.as_deref()),
        }
    }

    /// The index of the template for a content type (`application/json` when there is none), `Ok(None)` to pass the
    /// body through.
    ///
    /// # Errors
    /// When neither is allowed: 415.
    pub fn select(&self, content_type: Option<&str>) -> Result<Option<usize>, ()> {
        let media_type = content_type.unwrap_or("application/json");
        if let Some(index) = self.templates.for_type(media_type) {
            return Ok(Some(index));
        }
        match self.passthrough {
            Passthrough::WhenNoMatch => Ok(None),
            Passthrough::WhenNoTemplates if self.templates.is_empty() => Ok(None),
            _ => Err(()),
        }
    }
}

impl Compiled {
    /// Compiles what `snapshot` holds. `change_count` is the API's when the deployment was made.
    pub fn new(snapshot: &Snapshot, deployment_id: &str, change_count: u64) -> Self {
        let api = &snapshot.api;
        let mut routes = Routes::new();
        let mut methods = Vec::new();
        for resource in &snapshot.resources {
            routes.insert(&resource.path, None);
            for (verb, method) in &resource.resource_methods {
                routes.insert(&resource.path, Some((verb, methods.len())));
                methods.push(Route::new(snapshot, resource, verb, method));
            }
        }
        Self {
            facts: Arc::new(facts(api, deployment_id, change_count)),
            policy: api.policy.clone().filter(|p| !p.trim().is_empty()),
            disabled: api.disable_execute_api_endpoint,
            key_of_authorizer: api.api_key_source == "AUTHORIZER",
            binary: BinaryTypes::new(&api.binary_media_types),
            compression: api
                .rest
                .get("minimumCompressionSize")
                .and_then(serde_json::Value::as_u64)
                .and_then(|size| usize::try_from(size).ok()),
            responses: Custom::new(&snapshot.gateway_responses),
            idle: idle(api),
            routes,
            methods,
        }
    }
}

/// Edge-optimized APIs wait 30 seconds, others 5 minutes (guide, "Stream the integration response").
fn idle(api: &RestApi) -> Duration {
    Duration::from_secs(if endpoint_type(api) == "EDGE" { 30 } else { 300 })
}

fn endpoint_type(api: &RestApi) -> &'static str {
    let types = api.rest.get("endpointConfiguration").and_then(|e| e.get("types")?.as_array());
    let has = |kind: &&str| types.is_some_and(|types| types.iter().any(|one| one == *kind));
    ["REGIONAL", "PRIVATE"].into_iter().find(has).unwrap_or("EDGE")
}

fn facts(api: &RestApi, deployment_id: &str, change_count: u64) -> DeploymentFacts {
    DeploymentFacts {
        api_id: api.id.clone(),
        api_name: api.name.clone(),
        account: api.account.clone(),
        region: api.region.clone(),
        endpoint_type: endpoint_type(api),
        deployment_id: deployment_id.to_owned(),
        change_count,
    }
}

impl Route {
    fn new(snapshot: &Snapshot, resource: &Resource, verb: &str, method: &Method) -> Self {
        let integration = method.method_integration.as_ref();
        let facts = RouteFacts {
            resource_id: resource.id.clone(),
            resource_path: resource.path.clone(),
            configured_method: verb.to_owned(),
            authorization_type: method.authorization_type.clone(),
            integration_type: integration.map(|i| i.kind.clone()).unwrap_or_default(),
            integration_uri: integration.and_then(|i| i.uri.clone()),
            credentials: integration.and_then(|i| i.credentials.clone()),
            streamed: integration.is_some_and(Integration::is_streamed),
        };
        let variables = resource
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| name.trim_end_matches('+').into())
            .collect();
        Self {
            facts: Arc::new(facts),
            variables,
            auth: match method.authorization_type.as_str() {
                "NONE" | "" => Auth::None,
                "AWS_IAM" => Auth::Iam,
                _ => authorizer(snapshot, method).unwrap_or_else(Auth::Broken),
            },
            api_key: method.api_key_required,
            operation_name: method
                .rest
                .get("operationName")
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned),
            validation: Validation::compile(snapshot, method),
            integration: target(method, integration),
            cache_key: integration.map(|i| CacheKey::new(i, &resource.id)),
        }
    }
}

fn authorizer(snapshot: &Snapshot, method: &Method) -> Result<Auth, String> {
    let id = method.authorizer_id.as_deref().unwrap_or_default();
    let stored = snapshot.authorizers.get(id).ok_or_else(|| {
        format!("the method's authorizer `{id}` is not part of the deployment; deploy the API again")
    })?;
    match stored.kind.as_str() {
        "TOKEN" | "REQUEST" => Ok(Auth::Lambda(Box::new(LambdaAuthorizer::compile(stored)?))),
        "COGNITO_USER_POOLS" => Ok(Auth::UserPools(Box::new(UserPools::compile(stored, method)?))),
        other => Err(format!("`{other}` is no type of authorizer")),
    }
}

fn target(method: &Method, integration: Option<&Integration>) -> Target {
    let Some(integration) = integration else {
        return Target::Broken("the method has no integration".to_owned());
    };
    match integration.kind.as_str() {
        "MOCK" => match Answers::compile(integration, method) {
            Ok(answers) => Target::Mock(Box::new(mock(Requests::new(integration), answers))),
            Err(broken) => Target::Broken(broken),
        },
        "AWS_PROXY" => lambda(integration, None),
        "AWS" if integration.uri.as_deref().is_some_and(|uri| !service::is_function(uri)) => {
            http::compile_service(method, integration, credentials(integration))
        }
        "AWS" => match Answers::compile(integration, method) {
            Ok(answers) => mapped(integration, answers),
            Err(broken) => Target::Broken(broken),
        },
        "HTTP" | "HTTP_PROXY" => http::compile(method, integration),
        other => Target::Broken(format!("`{other}` is no integration type")),
    }
}

/// Of an integration's request parameters Lambda reads one header; others reach it and mean nothing to it.
fn mapped(integration: &Integration, answers: Answers) -> Target {
    let mut invocation_type = None;
    for (to, from) in &integration.request_parameters {
        let Some(source) = Source::parse(from) else {
            return Target::Broken(format!(
                "the request parameter `{to}` = `{from}` is no mapping expression"
            ));
        };
        if to.eq_ignore_ascii_case("integration.request.header.X-Amz-Invocation-Type") {
            invocation_type = Some(source);
        }
    }
    lambda(integration, Some(Mapping { requests: Requests::new(integration), invocation_type, answers }))
}

fn lambda(integration: &Integration, mapping: Option<Mapping>) -> Target {
    let Some(uri) = integration.uri.as_deref() else {
        return Target::Broken("the integration has no URI".to_owned());
    };
    let uri = if uri.contains("${stageVariables.") {
        Uri::Variable(WithVariables::parse(uri))
    } else {
        match LambdaUri::parse(uri).and_then(|uri| of_mode(uri, integration.is_streamed())) {
            Ok(uri) => Uri::Fixed(uri),
            Err(broken) => return Target::Broken(broken),
        }
    };
    Target::Lambda(Box::new(Lambda {
        uri,
        wrong_method: integration.http_method.clone().filter(|m| m != "POST"),
        credentials: credentials(integration),
        timeout: Duration::from_millis(u64::from(integration.timeout_in_millis.clamp(50, 900_000))),
        streamed: integration.is_streamed(),
        forbidden: forbidden(integration),
        mapping,
    }))
}

/// Lambda answers in one piece or as a stream by the operation that it is asked for, which the URI names.
///
/// # Errors
/// The URI names the other one.
pub(super) fn of_mode(uri: LambdaUri, streamed: bool) -> Result<LambdaUri, String> {
    match (uri.streamed, streamed) {
        (true, false) => Err("the integration's URI ends in /response-streaming-invocations, and its \
                              responseTransferMode is not STREAM"
            .to_owned()),
        (false, true) => {
            Err("the integration's responseTransferMode is STREAM, and its URI does not end in \
                              path/2021-11-15/functions/FUNCTION_ARN/response-streaming-invocations"
                .to_owned())
        }
        _ => Ok(uri),
    }
}

fn forbidden(integration: &Integration) -> Vec<(String, Source)> {
    let parameters = integration.request_parameters.iter();
    let found = parameters.filter_map(|(to, from)| {
        let name = to.strip_prefix("integration.request.header.")?;
        let forbidden = http::FORBIDDEN_OF_AWS.iter().any(|f| name.eq_ignore_ascii_case(f));
        forbidden.then_some((name.to_owned(), Source::parse(from)?))
    });
    found.collect()
}

fn credentials(integration: &Integration) -> Credentials {
    match integration.credentials.as_deref() {
        None | Some("") => Credentials::Service,
        Some(client) if client.ends_with(":iam::*:user/*") => Credentials::Client,
        Some(role) => Credentials::Role(WithVariables::parse(role)),
    }
}

fn mock(requests: Requests, answers: Answers) -> Mock {
    let selected = requests.templates.iter().map(|(_, template)| select(template, &answers)).collect();
    Mock { requests, selected, answers }
}

fn select(template: &Template, answers: &Answers) -> Result<usize, MockFault> {
    match template {
        Template::Velocity(_) | Template::Broken(_) => Err(MockFault::Rendered),
        Template::Literal(text) => {
            let status = mock_status(text).ok_or(MockFault::NoStatus)?;
            answers.for_status(status).ok_or(MockFault::NoAnswer(status))
        }
    }
}

/// `statusCode` in what a MOCK template rendered. Besides JSON, `{statusCode:200}` is read: the Serverless Framework
/// has deployed exactly that for years, so AWS takes it.
pub(super) fn mock_status(rendered: &[u8]) -> Option<u16> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rendered {
        status_code: u16,
    }
    if let Ok(rendered) = serde_json::from_slice::<Rendered>(rendered) {
        return Some(rendered.status_code);
    }
    let text = std::str::from_utf8(rendered).ok()?.trim();
    let members = text.strip_prefix('{')?.strip_suffix('}')?;
    members.split(',').find_map(|member| {
        let (name, value) = member.split_once(':')?;
        let name = name.trim().trim_matches(['"', '\'']);
        if name == "statusCode" { value.trim().parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_template_may_leave_out_the_quotes_of_its_keys() {
        for text in ["{\"statusCode\": 200}", "{statusCode:200}", " { 'statusCode' : 200, a: b }\n"] {
            assert_eq!(mock_status(text.as_bytes()), Some(200), "{text}");
        }
        for text in ["", "{}", "{\"statusCode\": \"200\"}", "{\"statusCode\": 2.5}", "200"] {
            assert_eq!(mock_status(text.as_bytes()), None, "{text}");
        }
    }
}
