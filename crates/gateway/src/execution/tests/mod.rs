//! Whole calls, with an in-memory store, documents put directly, and a backend that answers as it is told.

mod authorizers;
mod entrance;
mod failures;
mod hostile;
mod logs;
mod mock;
mod proxy_event;
mod releases;
mod routing;
mod speed;
mod streams;
mod test_invoke;
mod usage_plans;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use store::{Store, StoreError};

use super::*;
use crate::model::{Deployment, Resource, RestApi, Snapshot, Stage};

pub const API: &str = "a1b2c3d4e5";
pub const OWNER: &str = "111122223333";
pub const FUNCTION: &str = "arn:aws:lambda:us-east-1:444455556666:function:users";

pub type Answer = Result<LambdaAnswer, BackendError>;
type Script = Box<dyn Fn(&LambdaInvocation) -> Option<Answer> + Send + Sync>;

/// Answers with its script; without an answer it never does.
pub struct Fake {
    pub script: Script,
    /// What a function that streams writes: milliseconds to wait, and the piece.
    pub writes: Mutex<Vec<(u64, Result<Bytes, Cut>)>>,
    pub seen: Mutex<Vec<LambdaInvocation>>,
}

impl Backend for Fake {
    fn invoke(&self, invocation: LambdaInvocation) -> BoxFuture<'_, Answer> {
        let answer = (self.script)(&invocation);
        self.seen.lock().unwrap().push(invocation);
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn invoke_streaming(
        &self,
        invocation: LambdaInvocation,
    ) -> BoxFuture<'_, Result<LambdaStream, BackendError>> {
        self.seen.lock().unwrap().push(invocation);
        let writes = std::mem::take(&mut *self.writes.lock().unwrap());
        let (sender, pieces) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            for (wait, piece) in writes {
                tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
                let _ = sender.send(piece).await;
            }
        });
        let invocation_id = "20a0cc6d-ade0-417f-853d-04c72dbe23d6".to_owned();
        Box::pin(async move { Ok(LambdaStream { invocation_id, pieces }) })
    }

    fn send_streaming(
        &self,
        request: EndpointRequest,
    ) -> BoxFuture<'_, Result<EndpointStream, EndpointError>> {
        let EndpointAnswer { status, headers, body } = Self::told(&request);
        let (sender, pieces) = tokio::sync::mpsc::channel(1);
        // There is room for one.
        sender.try_send(Ok(body)).unwrap();
        Box::pin(async move { Ok(EndpointStream { status, headers, pieces }) })
    }

    /// An endpoint that says what it was sent.
    fn send(&self, request: EndpointRequest) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        Box::pin(async move { Ok(Self::told(&request)) })
    }

    fn call_service(&self, call: ServiceCall) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        Box::pin(async move { Ok(Self::told(&call.request)) })
    }
}

impl Fake {
    fn told(request: &EndpointRequest) -> EndpointAnswer {
        let line = format!("{} {}", request.method, request.url);
        let headers = request.headers.iter().map(|(n, v)| (Bytes::from(n.clone()), v.clone()));
        EndpointAnswer { status: 200, headers: headers.collect(), body: Bytes::from(line) }
    }
}

#[derive(Default)]
pub struct Lines(pub Mutex<Vec<(String, String)>>);

impl LogSink for Lines {
    fn execution_log(&self, account: &str, region: &str, group: &str, _: &str, lines: Vec<(i64, String)>) {
        let place = format!("{account} {region} {group}");
        self.0.lock().unwrap().extend(lines.into_iter().map(|(_, l)| (place.clone(), l)));
    }

    fn warn(&self, text: &str) {
        self.0.lock().unwrap().push(("warning".to_owned(), text.to_owned()));
    }
}

/// Knows one caller, and refuses what it is told to.
#[derive(Default)]
pub struct Door {
    pub caller: Option<Caller>,
    pub error: Option<AuthError>,
    pub refusal: Option<Refusal>,
    pub asked: Mutex<Vec<String>>,
}

impl FrontDoor for Door {
    fn authenticate(&self, _: &ClientRequest) -> Result<Caller, AuthError> {
        self.caller.clone().ok_or_else(|| self.error.clone().unwrap_or(AuthError::Missing))
    }

    fn authorize(&self, access: &Access<'_>) -> Result<(), Refusal> {
        let asked = match access.action {
            "execute-api:Invoke" => access.resource.to_owned(),
            action => format!("{action} {}", access.resource),
        };
        self.asked.lock().unwrap().push(asked);
        // As the server does: the authorizer's policy by itself, for these tests' APIs have no other.
        if let Some(authorizer) = &access.authorizer {
            return by_policy(access, authorizer);
        }
        self.refusal.clone().map_or(Ok(()), Err)
    }

    fn denied_outright(&self, access: &Access<'_>) -> Option<Refusal> {
        self.asked.lock().unwrap().push(format!("outright {}", access.resource));
        self.refusal.clone().filter(|refusal| refusal.explicit_deny)
    }
}

impl UserPoolTokens for Door {
    fn user_pool_token(
        &self,
        token: &str,
        _: &[String],
    ) -> Result<serde_json::Map<String, Value>, TokenError> {
        match serde_json::from_str(token) {
            Ok(claims) => Ok(claims),
            Err(_) if token == "expired" => Err(TokenError::Expired),
            Err(_) => Err(TokenError::Refused("no token".to_owned())),
        }
    }
}

fn by_policy(access: &Access<'_>, authorizer: &AuthorizerPolicy<'_>) -> Result<(), Refusal> {
    let account = arn::AccountId::new(access.api_account).unwrap();
    let arn = format!("arn:aws:iam::{account}:user/{}", authorizer.principal_id);
    let principal = policy::Principal::User { arn, id: String::new(), account };
    let request = policy::Request {
        principal: &principal,
        action: "execute-api:Invoke",
        resource: access.resource,
        resource_account: Some(account),
        context: &policy::Context::new(),
    };
    let own = policy::CallerPolicies { identity: vec![authorizer.policy.clone()], ..Default::default() };
    let decision = policy::Decision::evaluate(&request, &own, None);
    match decision.effect {
        policy::Effect::Allowed => Ok(()),
        effect => Err(Refusal {
            explicit_deny: effect == policy::Effect::ExplicitlyDenied,
            because: decision.because(request.action),
            detail: String::new(),
        }),
    }
}

pub fn answer(payload: Value) -> Answer {
    Ok(LambdaAnswer {
        payload: Bytes::from(payload.to_string()),
        function_error: None,
        invocation_id: "20a0cc6d-ade0-417f-853d-04c72dbe23d6".to_owned(),
        executed_version: "$LATEST".to_owned(),
    })
}

/// A server with one API: each method is `("GET /users/{id}", members of the method)`.
pub struct World {
    pub execution: Execution,
    pub store: Store,
    pub backend: Arc<Fake>,
    pub lines: Arc<Lines>,
    pub door: Door,
    methods: Vec<(String, Value)>,
    changes: u64,
    /// The deployment's validators, by id.
    pub validators: Value,
    /// The deployment's authorizers, by id.
    pub authorizers: Value,
    /// The deployment's gateway responses, by type.
    pub responses: Value,
}

pub fn lambda() -> Value {
    json!({"methodIntegration": {
        "type": "AWS_PROXY", "httpMethod": "POST", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
        "uri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"),
    }})
}

/// Puts members over those of `base`, one level into objects.
pub fn with(mut base: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match (base.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(inner), Some(value)) => inner.extend(value.clone()),
            _ => {
                base[name] = value.clone();
            }
        }
    }
    base
}

impl World {
    pub fn new(methods: &[(&str, Value)]) -> Self {
        Self::answering(methods, |_| Some(answer(json!({"statusCode": 200, "body": "hello"}))))
    }

    pub fn answering(
        methods: &[(&str, Value)],
        script: impl Fn(&LambdaInvocation) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let store = Store::in_memory(&std::env::temp_dir()).unwrap();
        let backend =
            Arc::new(Fake { script: Box::new(script), writes: Mutex::default(), seen: Mutex::default() });
        let lines = Arc::new(Lines::default());
        let execution = Execution::new(store.clone(), backend.clone(), lines.clone());
        let mut world = Self {
            execution,
            store,
            backend,
            lines,
            door: Door::default(),
            methods: Vec::new(),
            changes: 0,
            validators: json!({}),
            responses: json!({}),
            authorizers: json!({}),
        };
        world.methods = methods.iter().map(|(m, v)| ((*m).to_owned(), v.clone())).collect();
        world.save(json!({}));
        world.deploy(json!({}), json!({}));
        world
    }

    fn api(&self, members: Value) -> RestApi {
        let base = json!({
            "id": API, "account": OWNER, "region": "us-east-1", "name": "users", "createdDate": 0.0,
            "rootResourceId": "root000000", "apiKeySource": "HEADER", "changeCount": self.changes,
        });
        serde_json::from_value(with(base, members)).unwrap()
    }

    pub fn resources(&self) -> Vec<Resource> {
        let mut resources: Vec<Resource> = Vec::new();
        for (i, (name, method)) in self.methods.iter().enumerate() {
            let (verb, path) = name.split_once(' ').unwrap();
            let base = json!({"httpMethod": verb, "authorizationType": "NONE", "apiKeyRequired": false});
            let method = serde_json::from_value(with(base, method.clone())).unwrap();
            let at = resources.iter().position(|r| r.path == path).unwrap_or_else(|| {
                resources.push(Resource {
                    id: format!("res{i:03}"),
                    parent_id: None,
                    path_part: path.rsplit('/').next().map(str::to_owned),
                    path: path.to_owned(),
                    resource_methods: Default::default(),
                });
                resources.len() - 1
            });
            resources[at].resource_methods.insert(verb.to_owned(), method);
        }
        resources
    }

    /// Writes the API and its resources as they are now.
    pub fn save(&mut self, api: Value) {
        self.changes += 1;
        let api = self.api(api);
        let resources = self.resources();
        self.store
            .write(|w| {
                w.put("apis", API, &api)?;
                for resource in &resources {
                    w.put("resources", &format!("{API}/{}", resource.id), resource)?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    /// Adds a method without deploying it.
    pub fn add(&mut self, name: &str, method: Value) {
        self.methods.push((name.to_owned(), method));
        self.save(json!({}));
    }

    /// Deploys to stage `test`.
    pub fn deploy(&mut self, api: Value, stage: Value) {
        let snapshot = json!({
            "api": self.api(api), "resources": self.resources(), "validators": self.validators,
            "gateway_responses": self.responses, "authorizers": self.authorizers,
        });
        let snapshot: Snapshot = serde_json::from_value(snapshot).unwrap();
        let deployment = Deployment {
            id: "dep123".to_owned(),
            description: None,
            created_date: 0.0,
            change_count: self.changes,
        };
        let base = json!({
            "stageName": "test", "deploymentId": "dep123", "createdDate": 0.0, "lastUpdatedDate": 0.0,
        });
        let stage: Stage = serde_json::from_value(with(base, stage)).unwrap();
        self.store
            .write(|w| {
                w.put("snapshots", &format!("{API}/dep123"), &snapshot)?;
                w.put("deployments", &format!("{API}/dep123"), &deployment)?;
                w.put("stages", &format!("{API}/test"), &stage)?;
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    pub fn request(line: &str) -> ClientRequest {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        ClientRequest {
            api_id: API.to_owned(),
            path: path.to_owned(),
            custom_domain: None,
            vpc_endpoint: None,
            query: query.to_owned(),
            method: method.to_owned().into(),
            headers: Vec::new(),
            body: Bytes::new(),
            body_too_large: false,
            source_ip: "203.0.113.9".into(),
            domain_name: format!("{API}.execute-api.us-east-1.localhost"),
            port: 4566,
            tls: false,
            protocol: "HTTP/1.1",
            request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
            extended_request_id: "K2G9wEbUoAMEvag=".to_owned(),
            now_ms: 1_755_623_090_123,
            began: std::time::Instant::now(),
        }
    }

    pub async fn call(&self, line: &str) -> (ClientResponse, Box<GatewayTrace>) {
        self.send(Self::request(line)).await
    }

    pub async fn send(&self, request: ClientRequest) -> (ClientResponse, Box<GatewayTrace>) {
        let handled = self.execution.handle(Box::new(request), &self.door).await;
        (handled.response, handled.trace)
    }

    /// The head, the body as far as it came, whether it broke off, and the trace of its end.
    pub async fn stream(&self, line: &str) -> (ClientResponse, Vec<Bytes>, bool, Box<GatewayTrace>) {
        let handled = self.execution.handle(Box::new(Self::request(line)), &self.door).await;
        let stream = handled.stream.expect("an answer that is passed on as it comes");
        let (to, mut from) = tokio::sync::mpsc::channel(1);
        let passing = tokio::spawn(async move { stream.pass_on(&to).await });
        let mut body = Vec::new();
        while let Some(piece) = from.recv().await {
            body.push(piece.unwrap());
        }
        let trace = passing.await.unwrap();
        let broken = !trace.stream.unwrap().complete;
        (handled.response, body, broken, trace)
    }

    pub fn invocation(&self) -> LambdaInvocation {
        self.backend.seen.lock().unwrap().last().cloned().expect("the function was not called")
    }

    pub fn called(&self) -> bool {
        !self.backend.seen.lock().unwrap().is_empty()
    }

    pub fn log(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }
}

pub fn header(name: &str, value: &str) -> (String, Bytes) {
    (name.to_owned(), Bytes::copy_from_slice(value.as_bytes()))
}

#[track_caller]
pub fn gateway_error(response: &ClientResponse, status: u16, error_type: &str, body: &str) {
    let text = std::str::from_utf8(&response.body).unwrap();
    assert_eq!((response.status, text), (status, body));
    assert_eq!(response.header("x-amzn-errortype"), Some(error_type));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-amzn-requestid"), Some("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"));
    assert_eq!(response.header("x-amz-apigw-id"), Some("K2G9wEbUoAMEvag="));
}
