//! The set-up that is measured: the seed's function in account B, and APIs in account A.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};
use wire::Service::{ApiGateway, Iam, Lambda};

use crate::Failed;
use crate::aws::{Aws, REGION, text};

/// Owns the APIs.
pub const A: &str = "222222222222";
/// Owns the function.
pub const B: &str = "111111111111";
/// The execution role of functions.
pub const ROLE: &str = "function-role";
/// The function's name.
pub const NAME: &str = "account-b-lambda";
/// The seed's handler.
pub const HANDLER: &str = "import json

def handler(event, context):
    print(\"Received event: \" + json.dumps(event, indent=2))
    return {
        'statusCode': 200,
        'body': json.dumps({
            'message': 'Hello from Account B Lambda!',
            'event_received': event
        })
    }
";

/// The function in account B, callable by the role of account A's API.
///
/// # Errors
/// What a service refused.
pub async fn function(b: &mut Aws) -> Result<(), Failed> {
    role(b, ROLE, "lambda.amazonaws.com").await?;
    create(b, NAME, "python3.9", HANDLER).await?;
    let grant = json!({
        "FunctionName": NAME, "StatementId": "role", "Action": "lambda:InvokeFunction",
        "Principal": format!("arn:aws:iam::{A}:role/apigw-exec"),
    });
    b.call(Lambda, "AddPermission", grant).await.map(|_| ())
}

/// `count` functions more beside [`function`], with its role.
///
/// # Errors
/// What a service refused.
pub async fn more_functions(b: &mut Aws, count: usize) -> Result<(), Failed> {
    let code = package("python3.9", HANDLER)?;
    for number in 0..count {
        let input = json!({
            "FunctionName": format!("other-{number}"), "Runtime": "python3.9", "Handler": "index.handler",
            "Role": format!("arn:aws:iam::{B}:role/function-role"), "Code": {"ZipFile": code},
        });
        b.call(Lambda, "CreateFunction", input).await?;
    }
    Ok(())
}

/// A role of this name in each of `count` accounts that nothing else is in; goes on as the root user of the last.
///
/// # Errors
/// What a service refused.
pub async fn roles_elsewhere(root: &mut Aws, name: &str, count: usize) -> Result<(), Failed> {
    for number in 1..=count {
        root.become_root(&format!("{number:012}"));
        role(root, name, "lambda.amazonaws.com").await?;
    }
    Ok(())
}

/// A function of account B with [`ROLE`], active when this returns.
///
/// # Errors
/// What a service refused.
pub async fn create(b: &mut Aws, name: &str, runtime: &str, source: &str) -> Result<(), Failed> {
    let input = json!({
        "FunctionName": name, "Runtime": runtime, "Handler": "index.handler",
        "Role": format!("arn:aws:iam::{B}:role/{ROLE}"), "Code": {"ZipFile": package(runtime, source)?},
    });
    b.call(Lambda, "CreateFunction", input).await?;
    until_active(b, name).await
}

/// A user of account B with a key of its own, who may invoke every function there; the key's id and secret.
///
/// # Errors
/// What a service refused.
pub async fn invoker(b: &mut Aws) -> Result<(String, String), Failed> {
    b.call(Iam, "CreateUser", json!({"UserName": "invoker"})).await?;
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": format!("arn:aws:lambda:{REGION}:{B}:function:*")}]});
    let policy = json!({"UserName": "invoker", "PolicyName": "invoke", "PolicyDocument": allow.to_string()});
    b.call(Iam, "PutUserPolicy", policy).await?;
    let made = b.call(Iam, "CreateAccessKey", json!({"UserName": "invoker"})).await?;
    let key = made.get("AccessKey").and_then(Value::as_object).ok_or("the answer has no AccessKey")?;
    Ok((text(key, "AccessKeyId")?, text(key, "SecretAccessKey")?))
}

/// The execution role of account A, which [`function`]'s grant names.
///
/// # Errors
/// What a service refused.
pub async fn execution_role(a: &mut Aws) -> Result<(), Failed> {
    role(a, "apigw-exec", "apigateway.amazonaws.com").await?;
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function_arn()}]});
    let policy =
        json!({"RoleName": "apigw-exec", "PolicyName": "invoke", "PolicyDocument": allow.to_string()});
    a.call(Iam, "PutRolePolicy", policy).await.map(|_| ())
}

/// An API with `GET /users` that calls the function by the execution role, deployed as `prod`; its id.
///
/// # Errors
/// What a service refused.
pub async fn proxy_api(a: &mut Aws) -> Result<String, Failed> {
    let (api, method) = api(a).await?;
    let integration = json!({
        "type": "AWS_PROXY", "integrationHttpMethod": "POST",
        "uri": format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{}/invocations", function_arn()),
        "credentials": format!("arn:aws:iam::{A}:role/apigw-exec"),
    });
    a.call(ApiGateway, "PutIntegration", with(&method, integration)).await?;
    deploy(a, api).await
}

/// An API with a MOCK `GET /users`, deployed as `prod`; its id.
///
/// # Errors
/// What a service refused.
pub async fn mock_api(a: &mut Aws) -> Result<String, Failed> {
    let (api, method) = api(a).await?;
    a.call(ApiGateway, "PutMethodResponse", with(&method, json!({"statusCode": "200"}))).await?;
    let integration =
        json!({"type": "MOCK", "requestTemplates": {"application/json": "{\"statusCode\": 200}"}});
    a.call(ApiGateway, "PutIntegration", with(&method, integration)).await?;
    let answer = json!({"statusCode": "200", "responseTemplates": {
        "application/json": "{\"message\": \"Hello from a mock!\"}"}});
    a.call(ApiGateway, "PutIntegrationResponse", with(&method, answer)).await?;
    deploy(a, api).await
}

/// An API with as many resources beside the root, each with a MOCK `GET`, deployed as `prod`; its id. They are `/users`
/// and, below it, a path variable, `/users/2` and so on.
///
/// # Errors
/// What a service refused.
pub async fn mock_api_of(a: &mut Aws, resources: usize) -> Result<String, Failed> {
    let get = json!({"get": {
        "responses": {"200": {"description": "ok"}},
        "x-amazon-apigateway-integration": {
            "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {
                "application/json": "{\"message\": \"Hello from a mock!\"}"}}}}}});
    let below = (1..resources).map(|i| match i {
        1 => "/users/{id}".to_owned(),
        i => format!("/users/{i}"),
    });
    let paths: Map<String, Value> =
        std::iter::once("/users".to_owned()).chain(below).map(|path| (path, get.clone())).collect();
    let document = json!({"openapi": "3.0.1", "info": {"title": "many", "version": "1"}, "paths": paths});
    let payload = document.to_string().into();
    let api = a.call_with(ApiGateway, "ImportRestApi", json!({}), payload).await?;
    deploy(a, text(&api, "id")?).await
}

/// An API whose `GET /users` is passed on to `uri`, deployed as `prod`; its id.
///
/// # Errors
/// What a service refused.
pub async fn http_proxy_api(a: &mut Aws, uri: &str) -> Result<String, Failed> {
    let (api, method) = api(a).await?;
    let integration = json!({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri});
    a.call(ApiGateway, "PutIntegration", with(&method, integration)).await?;
    deploy(a, api).await
}

/// New code, in force when this returns.
///
/// # Errors
/// What Lambda refused.
pub async fn update(b: &mut Aws, source: &str) -> Result<(), Failed> {
    update_function(b, NAME, "python3.9", source).await
}

/// [`update`] of any function of this runtime.
///
/// # Errors
/// What Lambda refused.
pub async fn update_function(b: &mut Aws, name: &str, runtime: &str, source: &str) -> Result<(), Failed> {
    let code = json!({"FunctionName": name, "ZipFile": package(runtime, source)?});
    b.call(Lambda, "UpdateFunctionCode", code).await?;
    until_active(b, name).await
}

/// The function's ARN.
pub fn function_arn() -> String {
    format!("arn:aws:lambda:{REGION}:{B}:function:{NAME}")
}

async fn api(a: &mut Aws) -> Result<(String, Value), Failed> {
    let api = a.call(ApiGateway, "CreateRestApi", json!({"name": "my-cross-account-api"})).await?;
    let (id, root) = (text(&api, "id")?, text(&api, "rootResourceId")?);
    let resource = json!({"restApiId": id, "parentId": root, "pathPart": "users"});
    let users = text(&a.call(ApiGateway, "CreateResource", resource).await?, "id")?;
    let method = json!({"restApiId": id, "resourceId": users, "httpMethod": "GET"});
    a.call(ApiGateway, "PutMethod", with(&method, json!({"authorizationType": "NONE"}))).await?;
    Ok((id, method))
}

async fn deploy(a: &mut Aws, api: String) -> Result<String, Failed> {
    a.call(ApiGateway, "CreateDeployment", json!({"restApiId": api, "stageName": "prod"})).await?;
    Ok(api)
}

/// A role that `service` may assume, without rights.
///
/// # Errors
/// What IAM refused.
pub async fn role(aws: &mut Aws, name: &str, service: &str) -> Result<(), Failed> {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
    aws.call(Iam, "CreateRole", input).await.map(|_| ())
}

async fn until_active(b: &mut Aws, name: &str) -> Result<(), Failed> {
    for _ in 0..200 {
        let found = b.call(Lambda, "GetFunctionConfiguration", json!({"FunctionName": name})).await?;
        if text(&found, "State")? == "Active" && text(&found, "LastUpdateStatus")? == "Successful" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Err(format!("the function {name} did not become active within five seconds"))
}

fn with(base: &Value, more: Value) -> Value {
    let members = [base, &more].into_iter().filter_map(Value::as_object).flatten();
    Value::Object(members.map(|(n, v)| (n.clone(), v.clone())).collect::<Map<_, _>>())
}

/// A zip of one file, `index.py` or `index.js`, in base64.
fn package(runtime: &str, source: &str) -> Result<String, Failed> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot make the function's package: {e}");
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let file = if runtime.starts_with("node") { "index.js" } else { "index.py" };
    archive.start_file(file, zip::write::SimpleFileOptions::default()).map_err(|e| failed(&e))?;
    archive.write_all(source.as_bytes()).map_err(|e| failed(&e))?;
    let bytes = archive.finish().map_err(|e| failed(&e))?.into_inner();
    Ok(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
}
