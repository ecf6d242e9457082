//! A Lambda over a store in memory, with an executor and an IAM of its own, for the tests of this folder.

use std::collections::VecDeque;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arn::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use policy::Principal;
use serde_json::{Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use super::{Execute, Lambda, Roles, Settings, unassumable_role};
use crate::execution::{FunctionError, FunctionSpec, Invocation, InvokeContext, InvokeError, Warm};

pub const OWNER: &str = "111111111111";
pub const OTHER: &str = "222222222222";
pub const ROLE: &str = "arn:aws:iam::111111111111:role/exec";

/// Answers what `answers` holds, then echoes.
#[derive(Default)]
pub struct Fake {
    pub answers: Mutex<VecDeque<Result<Invocation, InvokeError>>>,
    pub seen: Mutex<Vec<(Arc<FunctionSpec>, Bytes, InvokeContext)>>,
    pub retired: Mutex<Vec<String>>,
    pub provisioned: Mutex<Vec<Arc<FunctionSpec>>>,
}

impl Execute for Fake {
    fn invoke<'a>(
        &'a self,
        spec: &'a Arc<FunctionSpec>,
        payload: Bytes,
        context: InvokeContext,
    ) -> Pin<Box<dyn Future<Output = Result<Invocation, InvokeError>> + Send + 'a>> {
        self.seen.lock().unwrap().push((spec.clone(), payload.clone(), context));
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.unwrap_or_else(|| Ok(done(spec, payload))) })
    }

    fn retire(&self, key: &str) {
        self.retired.lock().unwrap().push(key.to_owned());
        self.provisioned.lock().unwrap().retain(|spec| spec.key != key);
    }

    fn provision(&self, spec: &Arc<FunctionSpec>) {
        self.provisioned.lock().unwrap().push(spec.clone());
    }

    fn provisioned(&self, key: &str) -> Warm {
        let ready =
            self.provisioned.lock().unwrap().iter().find(|s| s.key == key).map_or(0, |s| s.provisioned);
        Warm { ready: ready as usize, failure: None }
    }
}

fn done(spec: &FunctionSpec, payload: Bytes) -> Invocation {
    Invocation {
        payload,
        function_error: None,
        error_type: None,
        executed_version: spec.version.clone(),
        log_tail: Bytes::from_static(b"START\n"),
        log_stream: String::new(),
        durations: Default::default(),
        cold: false,
        max_memory_mb: 1,
        runtime_used: spec.runtime.clone(),
        warning: None,
    }
}

pub fn failed() -> Invocation {
    Invocation {
        function_error: Some(FunctionError::Unhandled),
        ..done(&FunctionSpec::default(), Bytes::new())
    }
}

/// Knows the role `exec`, and principals that are not called `gone`.
pub struct FakeRoles;

impl Roles for FakeRoles {
    fn check_execution_role(&self, role_arn: &str, _: AccountId) -> Result<(), ApiError> {
        if role_arn == ROLE { Ok(()) } else { Err(unassumable_role()) }
    }

    fn may(&self, _: &str, _: &crate::FunctionName, _: policy::Check) -> Result<bool, ApiError> {
        Ok(true)
    }

    fn principal_exists(&self, arn_or_id: &str) -> bool {
        !arn_or_id.ends_with("gone") && !arn_or_id.ends_with("GONE")
    }

    /// The last part of the ARN in capitals; that of `leaver` is gone by the time it is asked for.
    fn principal_id(&self, arn: &str) -> Option<String> {
        let name = arn.rsplit('/').next()?;
        arn.contains(":iam:")
            .then(|| if name == "leaver" { "AROALEAVERGONE".into() } else { name.to_uppercase() })
    }
}

pub struct World {
    pub lambda: Lambda,
    pub fake: Arc<Fake>,
    pub store: Store,
    pub directory: tempfile::TempDir,
}

pub fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory(directory.path()).unwrap();
    let fake = Arc::new(Fake::default());
    let settings = Settings { retry_delays: [Duration::from_millis(1); 2], ..Settings::default() };
    let lambda = Lambda::with_settings(store.clone(), fake.clone(), Arc::new(FakeRoles), settings).unwrap();
    World { lambda, fake, store, directory }
}

/// A package with `index.py`.
pub fn zip(source: &str) -> String {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(source.as_bytes()).unwrap();
    STANDARD.encode(zip.finish().unwrap().into_inner())
}

pub fn call_as(account: &str, operation: &'static str, input: Value) -> Call {
    let Value::Object(input) = input else { panic!("an object") };
    Call {
        operation,
        input,
        payload: Bytes::new(),
        account: AccountId::new(account).unwrap(),
        region: "us-east-1".to_owned(),
        request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        now_ms: 1_795_424_400_000,
        trace: None,
    }
}

pub fn call(operation: &'static str, input: Value) -> Call {
    call_as(OWNER, operation, input)
}

pub fn root(account: &str) -> Principal {
    Principal::Root { account: AccountId::new(account).unwrap() }
}

impl World {
    pub fn run(&self, operation: &'static str, input: Value) -> Result<Reply, ApiError> {
        self.lambda.handle_sync(&call(operation, input), &root(OWNER))
    }

    #[track_caller]
    pub fn ok(&self, operation: &'static str, input: Value) -> Value {
        Value::Object(self.run(operation, input).unwrap().output)
    }

    /// The code and text of the error.
    #[track_caller]
    pub fn refused(&self, operation: &'static str, input: Value) -> (String, String) {
        let error = self.run(operation, input).unwrap_err();
        (error.code, error.message.unwrap_or_default())
    }

    #[track_caller]
    pub fn create(&self, name: &str) -> Value {
        self.ok("CreateFunction", function(name))
    }
}

/// CreateFunction's input.
pub fn function(name: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "python3.9", "Handler": "index.handler", "Role": ROLE,
        "Code": { "ZipFile": zip("def handler(event, context):\n    return event\n") },
    })
}

/// `value` with the members of `more`.
pub fn with(mut value: Value, more: Value) -> Value {
    let (Some(members), Value::Object(more)) = (value.as_object_mut(), more) else { panic!("objects") };
    members.extend(more);
    value
}
