//! TestInvokeAuthorizer, and forgetting what authorizers said.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wire::{ApiError, Call, Reply};

use super::call::{Met, MethodCall};
use super::compile::{Auth, Compiled};
use super::journal::{Journal, Level};
use super::trace::AuthorizerFacts;
use super::{Inner, UserPoolTokens, lambda_authorizer, test_invoke};
use crate::model::{Authorizer, Method, Resource, RestApi, Snapshot, Texts};

fn not_found(text: impl Into<String>) -> ApiError {
    ApiError::new("NotFoundException", 404, text)
}

fn failed(error: store::StoreError) -> ApiError {
    ApiError::internal(error.to_string())
}

/// The API, when the caller may know of it.
pub(super) fn api(inner: &Inner, call: &Call) -> Result<RestApi, ApiError> {
    let id = call.required("restApiId");
    let found: Option<RestApi> = inner.store.read(|r| r.get("apis", id)).map_err(failed)?;
    found
        .filter(|api| api.owner() == Some(call.account) && api.region == call.region)
        .ok_or_else(|| not_found(format!("Invalid API identifier specified {}:{id}", call.account)))
}

/// Asks an authorizer about a request that the caller describes, and answers with what it said and the log. Nothing is
/// kept.
///
/// A user pool's claims are answered as the API reference has them; no method is tested, so a token is an identity token.
pub(super) async fn run(
    inner: &Inner,
    call: &Call,
    tokens: &(dyn UserPoolTokens + Sync),
) -> Result<Reply, ApiError> {
    let api = api(inner, call)?;
    let key = format!("{}/{}", api.id, call.required("authorizerId"));
    let stored: Option<Authorizer> = inner.store.read(|r| r.get("authorizers", &key)).map_err(failed)?;
    let stored = stored.ok_or_else(|| not_found("Invalid Authorizer identifier specified"))?;
    let given = call.text("pathWithQueryString").filter(|p| !p.is_empty()).unwrap_or("/");
    let (path, query) = given.split_once('?').unwrap_or((given, ""));
    let request = test_invoke::request(call, "GET", path, query);
    let compiled = compile(api, stored);
    let variables: Texts = test_invoke::texts(call, "stageVariables").into_iter().collect();
    let route = compiled.methods.first().ok_or_else(|| ApiError::internal("no such route"))?;
    let method_call = MethodCall {
        request: &request,
        api: &compiled,
        route,
        stage: test_invoke::STAGE,
        variables: &variables,
        path,
        context_path: path.into(),
        path_parameters: Vec::new(),
        caller: None,
        authorizer: None,
        key: None,
        certificate: None,
        canary: None,
        test: true,
        met: Met::default(),
    };
    let mut journal = Journal::new(Level::Trace, call.now_ms, request.began);
    let mut facts = AuthorizerFacts::default();
    let said = match &route.auth {
        Auth::Lambda(authorizer) => {
            let kept = super::kept::Kept::new(0, 0);
            let backend = &*inner.backend;
            lambda_authorizer::ask(backend, &kept, authorizer, &method_call, &mut journal, &mut facts)
                .await
                .map(|(answer, identity)| (Some(answer), identity))
        }
        Auth::UserPools(pools) => {
            pools.check(tokens, &method_call, &mut journal).map(|identity| (None, Arc::new(identity)))
        }
        Auth::Broken(detail) => Err(lambda_authorizer::failed(&mut journal, detail, None, detail.clone())),
        _ => return Err(ApiError::internal("an authorizer that authorizes nothing")),
    };
    let latency = journal.elapsed_ms();
    let mut reply = json!({ "latency": latency });
    match said {
        Ok((None, identity)) => {
            reply["clientStatus"] = 200.into();
            reply["claims"] = identity.claims.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        }
        Ok((Some(answer), identity)) => {
            let context: Map<String, Value> =
                identity.context.iter().map(|(k, v)| (k.clone(), json!([v]))).collect();
            reply["clientStatus"] = 200.into();
            reply["principalId"] = json!(identity.principal_id);
            reply["policy"] = answer.policy_text.clone().into();
            reply["authorization"] = Value::Object(context);
        }
        Err(failure) => reply["clientStatus"] = failure.response.status.into(),
    }
    reply["log"] = journal.into_text(&request.request_id).into();
    Ok(reply.into())
}

/// The API with nothing but a method that the authorizer guards.
fn compile(api: RestApi, authorizer: Authorizer) -> Compiled {
    let method = Method {
        http_method: "GET".to_owned(),
        authorization_type: "CUSTOM".to_owned(),
        authorizer_id: Some(authorizer.id.clone()),
        api_key_required: false,
        request_parameters: BTreeMap::new(),
        method_responses: BTreeMap::new(),
        method_integration: None,
        rest: Map::new(),
    };
    let root = Resource {
        id: api.root_resource_id.clone(),
        parent_id: None,
        path_part: None,
        path: "/".to_owned(),
        resource_methods: BTreeMap::from([("GET".to_owned(), method)]),
    };
    let change_count = api.change_count;
    let snapshot = Snapshot {
        api,
        resources: vec![root],
        models: BTreeMap::new(),
        validators: BTreeMap::new(),
        authorizers: BTreeMap::from([(authorizer.id.clone(), authorizer)]),
        gateway_responses: BTreeMap::new(),
    };
    Compiled::new(&snapshot, "", change_count)
}

/// `FlushStageAuthorizersCache`: forgets what the authorizers of a stage said.
pub(super) fn flush(inner: &Inner, call: &Call) -> Result<Reply, ApiError> {
    let prefix = stage(inner, call)?;
    inner.authorizers.flush(&prefix);
    Ok(Reply::empty())
}

/// `FlushStageCache`: forgets what the integrations of a stage answered.
pub(super) fn flush_responses(inner: &Inner, call: &Call) -> Result<Reply, ApiError> {
    let prefix = stage(inner, call)?;
    inner.responses.flush(&prefix);
    Ok(Reply::empty())
}

/// `API/STAGE/` of an existing stage.
pub(super) fn stage(inner: &Inner, call: &Call) -> Result<String, ApiError> {
    let api = api(inner, call)?;
    let key = format!("{}/{}", api.id, call.required("stageName"));
    let found: Option<Value> = inner.store.read(|r| r.get("stages", &key)).map_err(failed)?;
    found.map(|_| format!("{key}/")).ok_or_else(|| not_found("Invalid stage identifier specified"))
}
