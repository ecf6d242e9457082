//! Every service over one store, with one thing of each kind in it, all tagged.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arn::AccountId;
use bytes::Bytes;
use gateway::management::{Deps, Management};
use iam::{Caller, Iam};
use lambda::execution::{FunctionSpec, Invocation, InvokeContext, InvokeError, Warm};
use lambda::{Execute, Lambda};
use logs::Logs;
use policy::{Check, Principal};
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Service};

use crate::calls::{ACCOUNT, Ids, ROLE};

/// A package with `index.py`.
const ZIP: &str = "UEsDBBQAAAAAAAAAIQA6RtamHAAAABwAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihlLCBjKTogcmV0dXJuIGUKUEsBAhQDFAAAAAAAAAAhADpG1qYcAAAAHAAAAAgAAAAAAAAAAAAAAIABAAAAAGluZGV4LnB5UEsFBgAAAAABAAEANgAAAEIAAAAAAA==";

/// Runs nothing: only checks are asked for.
struct Idle;

impl Execute for Idle {
    fn invoke<'a>(
        &'a self,
        _: &'a Arc<FunctionSpec>,
        _: Bytes,
        _: InvokeContext,
    ) -> Pin<Box<dyn Future<Output = Result<Invocation, InvokeError>> + Send + 'a>> {
        unimplemented!("no function is run here")
    }

    fn retire(&self, _: &str) {}

    fn provision(&self, _: &Arc<FunctionSpec>) {}

    fn provisioned(&self, _: &str) -> Warm {
        Warm::default()
    }
}

struct Trusting;

impl lambda::Roles for Trusting {
    fn check_execution_role(&self, _: &str, _: AccountId) -> Result<(), ApiError> {
        Ok(())
    }

    fn may(&self, _: &str, _: &lambda::FunctionName, _: policy::Check) -> Result<bool, ApiError> {
        Ok(true)
    }

    fn principal_exists(&self, _: &str) -> bool {
        true
    }

    fn principal_id(&self, _: &str) -> Option<String> {
        None
    }
}

pub struct World {
    iam: Iam,
    lambda: Lambda,
    gateway: Management,
    logs: Logs,
    caller: Caller,
    pub ids: Ids,
    _directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::in_memory(directory.path()).unwrap();
        let root = Principal::Root { account: AccountId::new(ACCOUNT).unwrap() };
        let mut world = Self {
            iam: Iam::new(store.clone()),
            lambda: Lambda::new(store.clone(), Arc::new(Idle), Arc::new(Trusting)).unwrap(),
            gateway: Management::new(store.clone(), Deps::default()),
            logs: Logs::new(store),
            caller: root.into(),
            ids: Ids::default(),
            _directory: directory,
        };
        world.people();
        world.things();
        world.caller = world.alice();
        world
    }

    fn people(&self) {
        let tags = json!([{ "Key": "team", "Value": "blue" }]);
        let all = json!({ "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "AWS": ACCOUNT, "Service": "lambda.amazonaws.com" },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] }] });
        let edge = format!("arn:aws:iam::{ACCOUNT}:policy/edge");
        let ok = |operation, input| self.ok(Service::Iam, operation, input);
        ok("CreatePolicy", json!({ "PolicyName": "edge", "PolicyDocument": all.to_string(), "Tags": tags }));
        ok("CreateUser", json!({ "UserName": "alice", "PermissionsBoundary": edge, "Tags": tags }));
        ok("CreateGroup", json!({ "GroupName": "staff" }));
        ok(
            "CreateRole",
            json!({ "RoleName": "exec", "AssumeRolePolicyDocument": trust.to_string(),
            "PermissionsBoundary": edge, "Tags": tags }),
        );
        ok("CreateInstanceProfile", json!({ "InstanceProfileName": "profile", "Tags": tags }));
    }

    fn things(&mut self) {
        let tags = json!({ "team": "blue" });
        let ok = |service, operation, input| self.ok(service, operation, input);
        ok(
            Service::Lambda,
            "CreateFunction",
            json!({ "FunctionName": "users", "Runtime": "python3.9",
            "Handler": "index.handler", "Role": ROLE, "Code": { "ZipFile": ZIP }, "Tags": tags }),
        );
        ok(
            Service::Lambda,
            "AddPermission",
            json!({ "FunctionName": "users", "StatementId": "gateway",
            "Action": "lambda:InvokeFunctionUrl", "Principal": "*", "FunctionUrlAuthType": "NONE" }),
        );
        ok(
            Service::Lambda,
            "CreateFunctionUrlConfig",
            json!({ "FunctionName": "users", "AuthType": "NONE" }),
        );
        ok(Service::Logs, "CreateLogGroup", json!({ "logGroupName": "team", "tags": tags }));

        let front = Service::ApiGateway;
        let id = |value: Value, member: &str| value[member].as_str().unwrap().to_owned();
        let api = ok(front, "CreateRestApi", json!({ "name": "users", "tags": tags }));
        let (api, root) = (id(api.clone(), "id"), id(api, "rootResourceId"));
        let at = |more: Value| {
            let mut all = json!({ "restApiId": api, "resourceId": root, "httpMethod": "GET" });
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        ok(front, "PutMethod", at(json!({ "authorizationType": "NONE" })));
        ok(front, "PutIntegration", at(json!({ "type": "MOCK" })));
        let uri = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:{ACCOUNT}:function:users/invocations"
        );
        let authorizer = ok(
            front,
            "CreateAuthorizer",
            json!({ "restApiId": api, "name": "a", "type": "TOKEN",
            "authorizerUri": uri, "identitySource": "method.request.header.Authorization" }),
        );
        ok(front, "CreateDeployment", json!({ "restApiId": api, "stageName": "dev" }));
        ok(
            front,
            "UpdateStage",
            json!({ "restApiId": api, "stageName": "dev", "patchOperations": [
            { "op": "replace", "path": "/accessLogSettings/destinationArn",
              "value": format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:team") },
            { "op": "replace", "path": "/accessLogSettings/format", "value": "$context.requestId" }] }),
        );
        let key = ok(front, "CreateApiKey", json!({ "name": "k", "tags": tags }));
        let plan = ok(front, "CreateUsagePlan", json!({ "name": "p", "tags": tags }));
        self.ids = Ids {
            api,
            resource: root,
            authorizer: id(authorizer, "id"),
            key: id(key, "id"),
            plan: id(plan, "id"),
        };
    }

    fn alice(&self) -> Caller {
        let user = self.ok(Service::Iam, "GetUser", json!({ "UserName": "alice" }));
        let text = |member: &str| user["User"][member].as_str().unwrap().to_owned();
        Principal::User { arn: text("Arn"), id: text("UserId"), account: AccountId::new(ACCOUNT).unwrap() }
            .into()
    }

    #[track_caller]
    fn ok(&self, service: Service, operation: &'static str, input: Value) -> Value {
        let Value::Object(input) = input else { panic!("an object") };
        let call = call(operation, input);
        let reply = match service {
            Service::Iam | Service::Sts => self.iam.handle(service.name(), &call, &self.caller),
            Service::Lambda => self.lambda.handle_sync(&call, &self.caller.principal),
            Service::ApiGateway => self.gateway.handle(&call, &self.caller.principal),
            _ => self.logs.handle(&call),
        };
        Value::Object(reply.unwrap_or_else(|e| panic!("{operation}: {e}")).output)
    }

    /// What must be allowed before a call by the user alice runs.
    pub fn checks(
        &self,
        service: Service,
        operation: &'static str,
        input: Map<String, Value>,
    ) -> Result<Vec<Check>, ApiError> {
        let call = call(operation, input);
        match service {
            Service::Iam | Service::Sts => self.iam.checks(service.name(), &call, &self.caller),
            Service::Lambda => self.lambda.checks(&call, &self.caller.principal),
            Service::ApiGateway => self.gateway.checks(&call, &self.caller.principal),
            _ => self.logs.checks(&call, &self.caller.principal),
        }
    }
}

fn call(operation: &'static str, input: Map<String, Value>) -> Call {
    Call {
        operation,
        input,
        payload: Bytes::new(),
        account: AccountId::new(ACCOUNT).unwrap(),
        region: "us-east-1".to_owned(),
        request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        now_ms: 1_795_424_400_000,
        trace: None,
    }
}
