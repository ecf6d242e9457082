//! OpenAPI documents in, and out again.
#![no_main]

use std::sync::LazyLock;

use gateway::management::{Deps, Management};
use libfuzzer_sys::fuzz_target;
use policy::Principal;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

static APIS: LazyLock<Management> =
    LazyLock::new(|| Management::new(Store::in_memory(&std::env::temp_dir()).expect("a store"), Deps::default()));

fn run(operation: &'static str, input: Value, payload: &[u8]) -> Result<Reply, ApiError> {
    let account = arn::AccountId::new("111122223333").expect("an account");
    let input = match input {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let call = Call {
        operation,
        input,
        payload: bytes::Bytes::copy_from_slice(payload),
        account,
        region: "us-east-1".into(),
        request_id: "r".into(),
        now_ms: 1_700_000_000_123,
        trace: None,
    };
    APIS.handle(&call, &Principal::Root { account })
}

fuzz_target!(|data: &[u8]| {
    let made = match run("ImportRestApi", json!({}), data) {
        Ok(made) => made,
        Err(error) => {
            assert!((400..500).contains(&error.status), "{} {} {:?}", error.status, error.code, error.message);
            return;
        }
    };
    let id = made.output.get("id").cloned().expect("an id");
    let deployed = run("CreateDeployment", json!({"restApiId": id, "stageName": "s"}), b"");
    if deployed.is_ok() {
        let export = json!({"restApiId": id, "stageName": "s", "exportType": "oas30",
            "parameters": {"extensions": "integrations,authorizers,apigateway"}});
        let exported = run("GetExport", export, b"").expect("what was imported is exported").payload;
        run("PutRestApi", json!({"restApiId": id, "mode": "overwrite"}), &exported.unwrap_or_default())
            .expect("what was exported is imported");
    }
    run("DeleteRestApi", json!({"restApiId": id}), b"").expect("deleted");
});
