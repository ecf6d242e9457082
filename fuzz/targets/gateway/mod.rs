//! A deployed API that answers calls, without a server around it.

use bytes::Bytes;
use gateway::execution::{
    Access, AuthError, Backend, BackendError, BackendErrorKind, BoxFuture, Caller, ClientRequest, ClientResponse,
    EndpointAnswer, EndpointError, EndpointRequest, EndpointStream, Execution, FrontDoor, Handled, LambdaAnswer,
    LambdaInvocation, LambdaStream, LogSink, Refusal, ServiceCall, TokenError, UserPoolTokens,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Store, StoreError};

/// The API's id.
pub const API: &str = "a1b2c3d4e5";

/// Answers functions with what they were sent, and endpoints with the URL that was called.
struct Echo;

impl Backend for Echo {
    fn invoke(&self, invocation: LambdaInvocation) -> BoxFuture<'_, Result<LambdaAnswer, BackendError>> {
        Box::pin(async move {
            if invocation.async_event {
                let (kind, detail) = (BackendErrorKind::Throttled, "too many".to_owned());
                return Err(BackendError { kind, detail });
            }
            Ok(LambdaAnswer {
                payload: invocation.payload,
                function_error: None,
                invocation_id: "20a0cc6d-ade0-417f-853d-04c72dbe23d6".to_owned(),
                executed_version: "$LATEST".to_owned(),
            })
        })
    }

    fn invoke_streaming(&self, _: LambdaInvocation) -> BoxFuture<'_, Result<LambdaStream, BackendError>> {
        unreachable!("no integration here has the response transfer mode STREAM")
    }

    fn send(&self, request: EndpointRequest) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        for (name, value) in &request.headers {
            sendable(name.as_bytes(), value);
        }
        // As the server's own, which parses the URL: what an API's owner configures may be none.
        if request.url.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Box::pin(async { Err(EndpointError::Address("no URL".to_owned())) });
        }
        let headers = request.headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Box::pin(async move { Ok(EndpointAnswer { status: 200, headers, body: request.url.into() }) })
    }

    fn send_streaming(&self, _: EndpointRequest) -> BoxFuture<'_, Result<EndpointStream, EndpointError>> {
        unreachable!("no integration here has the response transfer mode STREAM")
    }

    fn call_service(&self, call: ServiceCall) -> BoxFuture<'_, Result<EndpointAnswer, EndpointError>> {
        self.send(call.request)
    }
}

struct Nowhere;

impl LogSink for Nowhere {
    fn execution_log(&self, _: &str, _: &str, _: &str, _: &str, lines: Vec<(i64, String)>) {
        assert!(lines.iter().all(|(_, line)| line.len() < 1200), "a line of the log is not cut");
    }

    fn warn(&self, _: &str) {}
}

/// Knows nobody and lets everybody in.
struct Open;

impl FrontDoor for Open {
    fn authenticate(&self, _: &ClientRequest) -> Result<Caller, AuthError> {
        Err(AuthError::Missing)
    }

    fn authorize(&self, _: &Access<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn denied_outright(&self, _: &Access<'_>) -> Option<Refusal> {
        None
    }
}

impl UserPoolTokens for Open {
    fn user_pool_token(&self, _: &str, _: &[String]) -> Result<Map<String, Value>, TokenError> {
        Err(TokenError::Expired)
    }
}

/// Whether a header can be sent without becoming two.
#[track_caller]
fn sendable(name: &[u8], value: &[u8]) {
    assert!(!name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() && *b != b':'), "the header name {name:?}");
    assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "the header value {value:?}");
}

/// A server with one API.
pub struct World {
    store: Store,
    execution: Execution,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub fn new() -> Self {
        let store = Store::in_memory(&std::env::temp_dir()).expect("a store");
        let execution = Execution::new(store.clone(), Arc::new(Echo), Arc::new(Nowhere));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self { store, execution, runtime }
    }

    /// Deploys resources, given as `(path, verb, method)`, to the stage `test`; the log takes everything.
    pub fn deploy(&self, methods: &[(&str, &str, Value)]) {
        let resources: Vec<Value> = methods
            .iter()
            .enumerate()
            .map(|(i, (path, verb, method))| {
                let mut method = method.clone();
                method["httpMethod"] = (*verb).into();
                method["authorizationType"] = "NONE".into();
                method["apiKeyRequired"] = false.into();
                json!({"id": format!("r{i}"), "path": path, "resourceMethods": {*verb: method}})
            })
            .collect();
        let api = json!({"id": API, "account": "111122223333", "region": "us-east-1", "name": "fuzzed",
            "createdDate": 0.0, "rootResourceId": "r0", "apiKeySource": "HEADER", "changeCount": 1,
            "minimumCompressionSize": 0, "binaryMediaTypes": ["image/*"]});
        let stage = json!({"stageName": "test", "deploymentId": "d", "createdDate": 0.0, "lastUpdatedDate": 0.0,
            "variables": {"host": "example.com", "s": "v"},
            "methodSettings": {"*/*": {"loggingLevel": "INFO", "dataTraceEnabled": true}}});
        let snapshot = json!({"api": api, "resources": resources});
        self.store
            .write(|w| {
                w.put("apis", API, &api)?;
                w.put("snapshots", &format!("{API}/d"), &snapshot)?;
                w.put("stages", &format!("{API}/test"), &stage)?;
                Ok::<_, StoreError>(())
            })
            .expect("deployed");
    }

    /// One call. What comes back can be sent.
    pub fn call(&self, method: &str, target: &str, headers: Vec<(String, Bytes)>, body: Bytes) -> ClientResponse {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = ClientRequest {
            api_id: API.to_owned(),
            path: path.to_owned(),
            custom_domain: None,
            vpc_endpoint: None,
            query: query.to_owned(),
            method: method.to_owned().into(),
            headers,
            body,
            body_too_large: false,
            source_ip: "203.0.113.9".into(),
            domain_name: "a1b2c3d4e5.execute-api.us-east-1.localhost".to_owned(),
            port: 4566,
            tls: false,
            protocol: "HTTP/1.1",
            request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
            extended_request_id: "K2G9wEbUoAMEvag=".to_owned(),
            now_ms: 1_755_623_090_123,
            began: std::time::Instant::now(),
        };
        let Handled { response, trace, .. } = self.runtime.block_on(self.execution.handle(Box::new(request), &Open));
        assert!((200..=999).contains(&response.status), "status {}", response.status);
        assert_eq!(response.status, trace.status);
        assert!(trace.why.is_some() == trace.response_type.is_some());
        for (name, value) in &response.headers {
            sendable(name, value);
        }
        response
    }
}

/// Headers of lines `Name: value`, as far as a listener would let them through.
pub fn headers(lines: &str) -> Vec<(String, Bytes)> {
    let one = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let value = value.trim();
        let sent = value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f));
        (fits && sent).then(|| (name.to_owned(), Bytes::copy_from_slice(value.as_bytes())))
    };
    lines.lines().filter_map(one).take(100).collect()
}
