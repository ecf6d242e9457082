//! TestInvokeMethod.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use arn::AccountId;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use store::{Reader, StoreError};
use tokio::time::{Instant, timeout_at};
use wire::{ApiError, Call, Reply};

use super::access_log::{Admitted, Answered};
use super::call::{Met, MethodCall};
use super::client::{ClientRequest, ClientResponse};
use super::compile::Compiled;
use super::custom_response::Names;
use super::integrate::{Failure, Replied};
use super::journal::{Journal, Level};
use super::route::Routes;
use super::trace::GatewayTrace;
use super::{Inner, integrate, served};
use crate::model::{GatewayResponse, RequestValidator, Resource, RestApi, SchemaModel, Snapshot, Texts};

/// Of a streamed answer, what is waited for: both by the guide, "Troubleshoot issues with response streaming".
const STREAM_TIME: Duration = Duration::from_secs(35);
const STREAM_BYTES: usize = 1 << 20;

/// The stage of tests (published logs).
pub(super) const STAGE: &str = "test-invoke-stage";

fn not_found(text: impl Into<String>) -> ApiError {
    ApiError::new("NotFoundException", 404, text)
}

pub(super) fn texts(call: &Call, member: &str) -> Vec<(String, String)> {
    let map = call.input.get(member).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

/// Runs a method of the API as it is now, and answers with the log. Follows the recordings
/// test_apigw_test_invoke_method_api and TestApigatewayTestInvoke.
pub(super) async fn run(inner: &Inner, call: &Call) -> Result<Reply, ApiError> {
    let (compiled, target) = compile(inner, call)?;
    let route = compiled.methods.get(target).ok_or_else(|| ApiError::internal("no such route"))?;
    let template = route.facts.resource_path.as_str();
    let given = call.text("pathWithQueryString").filter(|p| !p.is_empty()).unwrap_or(template);
    let (path, query) = given.split_once('?').unwrap_or((given, ""));
    let path = if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) };
    let request = request(call, call.required("httpMethod"), &path, query);
    let variables: Texts = texts(call, "stageVariables").into_iter().collect();

    // A path that does not belong to the resource is no error: it has no variables.
    let mut own = Routes::new();
    own.insert(template, Some(("ANY", 0)));
    let spans = own.find(&path, "ANY").map(|m| m.variables).unwrap_or_default();
    let values = spans.iter().map(|span| path.get(span.clone()).unwrap_or_default());
    let owner = &compiled.facts;
    let certificate = match call.text("clientCertificateId").filter(|id| !id.is_empty()) {
        Some(id) => served::certificate(&inner.store, &owner.account, &owner.region, id)
            .map_err(|e| ApiError::internal(e.to_string()))?,
        None => None,
    };
    let method_call = MethodCall {
        request: &request,
        api: &compiled,
        route,
        stage: STAGE,
        variables: &variables,
        path: &path,
        context_path: Cow::Borrowed(&path),
        path_parameters: route.variables.iter().map(|n| &**n).zip(values).collect(),
        caller: None,
        authorizer: None,
        key: None,
        certificate,
        canary: None,
        test: true,
        met: Met::default(),
    };
    let mut journal = Journal::new(Level::Trace, call.now_ms, request.began);
    let mut trace = GatewayTrace::default();
    let until = Instant::now() + STREAM_TIME;
    let running = integrate::run(&*inner.backend, &method_call, &mut journal, &mut trace);
    let outcome = match route.facts.streamed {
        false => Some(running.await),
        true => timeout_at(until, running).await.ok(),
    };
    let (status, headers, body) = match outcome {
        Some(Ok(Replied { head, rest: None })) => (head.status, head.headers, head.body),
        Some(Ok(Replied { head, rest: Some(rest) })) => {
            (head.status, head.headers, rest.until(until, STREAM_BYTES).await)
        }
        None => (0, Vec::new(), Bytes::new()),
        Some(Err(failure)) => {
            let Failure { response, why, .. } = *failure;
            let error_type =
                (Bytes::from_static(b"x-amzn-ErrorType"), Bytes::from_static(response.error_type.as_bytes()));
            let body = Bytes::from(response.body.clone().into_owned());
            let mut sent = ClientResponse { status: response.status, headers: vec![error_type], body };
            trace.response_type = Some(response.kind);
            trace.error_message = response.message();
            trace.why = Some(why);
            // As they are now (AWS on re:Post: one that is put shows at once).
            let (plain, admitted) = (sent.clone(), Admitted::default());
            let answered =
                Answered { request: &request, response: &plain, trace: &trace, admitted: &admitted };
            let path_parameters = &method_call.path_parameters;
            let names = Names { call: &answered, variables: &variables, path_parameters };
            compiled.responses.apply(&response, &names, &mut sent, &mut journal);
            (sent.status, sent.headers, sent.body)
        }
    };
    let latency = journal.elapsed_ms();
    journal.info(|| format!("Method completed with status: {status}"));
    let log = match route.facts.streamed {
        false => journal.into_text(&request.request_id),
        // Published by a user of AWS; the guide says that there is no log.
        true => "Execution log is not available for streaming response.".to_owned(),
    };
    let mut multi: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        let text = |b: &Bytes| String::from_utf8_lossy(b).into_owned();
        multi.entry(text(name)).or_default().push(text(value));
    }
    let single: Map<String, Value> =
        multi.iter().filter_map(|(k, v)| Some((k.clone(), json!(v.last()?)))).collect();
    Ok(Reply::from(json!({
        "status": status,
        "body": String::from_utf8_lossy(&body),
        "headers": single,
        "multiValueHeaders": multi,
        "log": log,
        "latency": latency,
    })))
}

/// What the method refers to.
struct Below {
    models: BTreeMap<String, SchemaModel>,
    validators: BTreeMap<String, RequestValidator>,
    gateway_responses: BTreeMap<String, GatewayResponse>,
}

/// Documents of one kind read of one API; AWS's quotas are far below.
const MAX_DOCUMENTS: usize = 1000;

fn named<T: DeserializeOwned>(
    reader: &Reader,
    collection: &str,
    prefix: &str,
) -> Result<BTreeMap<String, T>, StoreError> {
    let found: Vec<(String, T)> = reader.list(collection, prefix, None, MAX_DOCUMENTS)?;
    Ok(found.into_iter().map(|(key, one)| (key.trim_start_matches(prefix).to_owned(), one)).collect())
}

/// The one method, compiled from the present documents.
fn compile(inner: &Inner, call: &Call) -> Result<(Compiled, usize), ApiError> {
    let failed = |e: store::StoreError| ApiError::internal(e.to_string());
    let api_id = call.required("restApiId");
    let resource_id = call.required("resourceId");
    let prefix = format!("{api_id}/");
    let (api, resource, below): (Option<RestApi>, Option<Resource>, Below) = inner
        .store
        .read(|r| {
            let resource = r.get("resources", &format!("{prefix}{resource_id}"))?;
            let below = Below {
                models: named(r, "models", &prefix)?,
                validators: named(r, "validators", &prefix)?,
                gateway_responses: named(r, "gatewayResponses", &prefix)?,
            };
            Ok((r.get("apis", api_id)?, resource, below))
        })
        .map_err(failed)?;
    let own = |api: &RestApi| api.owner() == Some(call.account) && api.region == call.region;
    let account: AccountId = call.account;
    let api = api
        .filter(own)
        .ok_or_else(|| not_found(format!("Invalid API identifier specified {account}:{api_id}")))?;
    let resource = resource.ok_or_else(|| not_found("Invalid Resource identifier specified"))?;
    let verb = call.required("httpMethod");
    let methods = &resource.resource_methods;
    let configured = [verb, "ANY"].into_iter().find(|m| methods.contains_key(*m));
    let configured = configured.ok_or_else(|| not_found("Invalid Method identifier specified"))?.to_owned();
    let mut resource = resource;
    resource.resource_methods.retain(|name, _| *name == configured);
    let change_count = api.change_count;
    let snapshot = Snapshot {
        api,
        resources: vec![resource],
        models: below.models,
        validators: below.validators,
        authorizers: BTreeMap::new(),
        gateway_responses: below.gateway_responses,
    };
    Ok((Compiled::new(&snapshot, "", change_count), 0))
}

/// The request that the caller describes.
pub(super) fn request(call: &Call, method: &str, path: &str, query: &str) -> ClientRequest {
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    let multi = call.input.get("multiValueHeaders").and_then(Value::as_object);
    for (name, values) in multi.into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            headers.push((name.clone(), Bytes::copy_from_slice(value.as_bytes())));
        }
    }
    for (name, value) in texts(call, "headers") {
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(&name)) {
            headers.push((name, Bytes::from(value)));
        }
    }
    ClientRequest {
        api_id: call.required("restApiId").to_owned(),
        path: path.to_owned(),
        custom_domain: None,
        vpc_endpoint: None,
        query: query.to_owned(),
        method: method.to_owned().into(),
        headers,
        body_too_large: false,
        body: Bytes::copy_from_slice(call.text("body").unwrap_or_default().as_bytes()),
        source_ip: "test-invoke-source-ip".into(),
        domain_name: "testPrefix.testDomainName".to_owned(),
        port: 443,
        tls: true,
        protocol: "HTTP/1.1",
        request_id: call.request_id.clone(),
        extended_request_id: call.request_id.clone(),
        now_ms: call.now_ms,
        began: std::time::Instant::now(),
    }
}
