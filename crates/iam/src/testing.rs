//! Calls for tests.

use arn::AccountId;
use policy::Principal;
use serde_json::Value;
use store::Store;
use wire::{ApiError, Call, Kind, Model, Operation, Service, ShapeId};

use crate::{Caller, Iam};

pub(crate) const A: &str = "222222222222";
pub(crate) const B: &str = "111111111111";
pub(crate) const NOW: i64 = 1_700_000_000_000;

pub(crate) const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
pub(crate) const INVOKE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}]}"#;

/// IAM over a store in memory.
pub(crate) fn iam() -> Iam {
    Iam::new(Store::in_memory(&std::env::temp_dir()).unwrap())
}

pub(crate) fn account(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

pub(crate) fn root(of: &str) -> Caller {
    Caller::from(Principal::Root { account: account(of) })
}

pub(crate) fn call(of: &str, operation: &'static str, input: Value) -> Call {
    let Value::Object(input) = input else { panic!("an input is an object") };
    Call {
        operation,
        input,
        payload: Default::default(),
        account: account(of),
        region: "us-east-1".to_owned(),
        request_id: "test".to_owned(),
        now_ms: NOW,
        trace: None,
    }
}

/// Runs an operation as the root user of `of`.
pub(crate) fn try_run(iam: &Iam, of: &str, operation: &'static str, input: Value) -> Result<Value, ApiError> {
    try_run_as(iam, &root(of), operation, input)
}

/// Runs an operation as `caller`.
pub(crate) fn try_run_as(
    iam: &Iam,
    caller: &Caller,
    operation: &'static str,
    input: Value,
) -> Result<Value, ApiError> {
    let of = caller.principal.account().unwrap();
    let service = model(operation).service.name();
    let reply = iam.handle(service, &call(of.as_str(), operation, input), caller)?;
    let output = Value::Object(reply.output);
    let operation = model(operation);
    match operation.output {
        Some(shape) => assert_in_model(operation.model(), shape, &output, operation.name),
        None => assert_eq!(output, serde_json::json!({}), "{}", operation.name),
    }
    Ok(output)
}

/// The operation in the model.
pub(crate) fn model(operation: &str) -> &'static Operation {
    Service::Iam.operation(operation).or_else(|| Service::Sts.operation(operation)).unwrap()
}

/// Every member of an answer must be one that the model knows: others would silently not be sent.
pub(crate) fn assert_in_model(model: &Model, shape: ShapeId, value: &Value, at: &str) {
    match (&model.shape(shape).kind, value) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            for (name, value) in map {
                let member = members.iter().find(|m| m.name == name);
                let member = member.unwrap_or_else(|| panic!("{at} has no member {name}"));
                assert_in_model(model, member.shape, value, &format!("{at}.{name}"));
            }
        }
        (Kind::List(item), Value::Array(list)) => {
            list.iter().for_each(|value| assert_in_model(model, *item, value, at));
        }
        _ => {}
    }
}

#[track_caller]
pub(crate) fn run(iam: &Iam, of: &str, operation: &'static str, input: Value) -> Value {
    try_run(iam, of, operation, input).unwrap()
}

/// Runs an operation that must fail with this code and text.
#[track_caller]
pub(crate) fn refused(iam: &Iam, of: &str, operation: &'static str, input: Value, code: &str, message: &str) {
    let error = try_run(iam, of, operation, input).unwrap_err();
    assert_eq!((error.code.as_str(), error.message.as_deref()), (code, Some(message)));
}
