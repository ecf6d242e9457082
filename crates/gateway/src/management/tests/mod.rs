//! One test per rule, through the front: `handle` on a store in memory.

use arn::AccountId;
use policy::Principal;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call};

use super::{Deps, Management, Roles};
use crate::model::Snapshot;

mod account_resources;
mod apis;
mod authorization;
mod authorizers;
mod deployments;
mod documentation;
mod domains;
mod integrations;
mod keys_and_plans;
mod methods;
mod models_and_validators;
mod openapi;
mod resources;
mod stages;
mod tags_and_responses;

const OWNER: &str = "222222222222";
const OTHER: &str = "333333333333";

struct Bench {
    management: Management,
    store: Store,
    _directory: tempfile::TempDir,
}

fn bench() -> Bench {
    bench_with(Deps::default())
}

fn bench_with(deps: Deps) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory(directory.path()).unwrap();
    Bench { management: Management::new(store.clone(), deps), store, _directory: directory }
}

fn call(operation: &'static str, input: Value) -> Call {
    let Value::Object(input) = input else { panic!("an input is an object") };
    Call {
        operation,
        input,
        payload: Default::default(),
        account: AccountId::new(OWNER).unwrap(),
        region: "us-east-1".into(),
        request_id: "r".into(),
        now_ms: 1_700_000_000_123,
        trace: None,
    }
}

fn root() -> Principal {
    Principal::Root { account: AccountId::new(OWNER).unwrap() }
}

impl Bench {
    fn raw(&self, call: &Call) -> Result<Value, ApiError> {
        self.management.handle(call, &root()).map(|reply| Value::Object(reply.output))
    }

    #[track_caller]
    fn ok(&self, operation: &'static str, input: Value) -> Value {
        self.raw(&call(operation, input)).unwrap()
    }

    /// The error as `code status text`.
    #[track_caller]
    fn err(&self, operation: &'static str, input: Value) -> String {
        let error = self.raw(&call(operation, input)).unwrap_err();
        format!("{} {} {}", error.code, error.status, error.message.unwrap_or_default())
    }

    #[track_caller]
    fn update(&self, operation: &'static str, of: &Value, patches: Value) -> Value {
        self.ok(operation, with(of, json!({ "patchOperations": patches })))
    }

    #[track_caller]
    fn update_err(&self, operation: &'static str, of: &Value, patches: Value) -> String {
        self.err(operation, with(of, json!({ "patchOperations": patches })))
    }

    /// An API: its id and its root's.
    fn api(&self) -> (String, String) {
        let api = self.ok("CreateRestApi", json!({ "name": "a" }));
        (text(&api, "id"), text(&api, "rootResourceId"))
    }

    /// An API with `GET /` that is a MOCK: the members that name the method.
    fn mock(&self) -> Value {
        let (api, root) = self.api();
        let at = json!({ "restApiId": api, "resourceId": root, "httpMethod": "GET" });
        self.ok("PutMethod", with(&at, json!({ "authorizationType": "NONE" })));
        self.ok("PutIntegration", with(&at, json!({ "type": "MOCK" })));
        at
    }
}

fn with(base: &Value, more: Value) -> Value {
    let mut all: Map<String, Value> = base.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    Value::Object(all)
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} in {value}")).to_owned()
}

const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111111111111:function:f/invocations";

/// A deployed API with stage `s1`: the members that name the stage.
fn staged(b: &Bench) -> Value {
    let at = b.mock();
    let made = b.ok("CreateDeployment", json!({ "restApiId": at["restApiId"] }));
    let of = json!({ "restApiId": at["restApiId"], "stageName": "s1" });
    b.ok("CreateStage", with(&of, json!({ "deploymentId": made["id"], "description": "my stage" })));
    of
}
