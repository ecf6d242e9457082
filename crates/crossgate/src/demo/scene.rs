use std::io::Write;

use bytes::Bytes;
use doctor::{Report, Style, render};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use wire::Service::{ApiGateway, Iam, Lambda};

use crate::aws::Aws;
use crate::client::send;

/// Owns the API.
pub const A: &str = "222222222222";
/// Owns the function.
pub const B: &str = "111111111111";
const REGION: &str = "us-east-1";
const NAME: &str = "account-b-lambda";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda";
/// As the article has it; `API` stands for the API's id.
pub const GRANT_OF_THE_SEED: &str = "aws lambda add-permission --function-name account-b-lambda \
    --statement-id apigateway-invoke-from-account-a --action lambda:InvokeFunction \
    --principal arn:aws:iam::222222222222:root --source-arn 'arn:aws:execute-api:us-east-1:222222222222:API/prod/*/*'";
const HANDLER: &str = "import json

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

/// The set-up as far as it is built.
pub struct Scene {
    authority: String,
    style: Style,
    steps: usize,
    api: String,
    users: String,
}

impl Scene {
    pub fn new(authority: String, style: Style) -> Self {
        Self { authority, style, steps: 0, api: String::new(), users: String::new() }
    }

    /// A new step's title.
    pub fn step(&mut self, title: &str) {
        self.steps += 1;
        println!("\n{}. {title}", self.steps);
    }

    /// What is done, as the command that does the same.
    pub fn show(&self, command: &str) {
        println!("   $ {command}");
    }

    /// A command with the API's id filled in.
    pub fn command(&self, text: &str) -> String {
        text.replace("API/", &format!("{}/", self.api))
    }

    async fn call(
        &self,
        account: &str,
        service: wire::Service,
        operation: &str,
        input: Value,
    ) -> Result<Map<String, Value>, String> {
        Aws { authority: &self.authority, account, region: REGION }.call(service, operation, input).await
    }

    /// Account B's function and its execution role.
    pub async fn function(&mut self) -> Result<(), String> {
        self.step("Account B makes the function account-b-lambda: Python 3.9, handler index.handler");
        self.show("aws iam create-role …; aws lambda create-function …");
        self.role(B, "function-role", "lambda.amazonaws.com").await?;
        let input = json!({
            "FunctionName": NAME, "Runtime": "python3.9", "Handler": "index.handler",
            "Role": format!("arn:aws:iam::{B}:role/function-role"),
            "Code": {"ZipFile": package(HANDLER)?},
        });
        self.call(B, Lambda, "CreateFunction", input).await?;
        self.until_active().await
    }

    /// Account A's API, its execution role, and the deployment.
    pub async fn api(&mut self) -> Result<(), String> {
        self.step(
            "Account A makes the API: GET /users, integrated with the function, with the role apigw-exec",
        );
        self.show("aws apigateway create-rest-api …; put-method …; put-integration …; create-deployment --stage-name prod");
        self.role(A, "apigw-exec", "apigateway.amazonaws.com").await?;
        let allow = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION}]});
        let policy =
            json!({"RoleName": "apigw-exec", "PolicyName": "invoke", "PolicyDocument": allow.to_string()});
        self.call(A, Iam, "PutRolePolicy", policy).await?;
        let api = self.call(A, ApiGateway, "CreateRestApi", json!({"name": "my-cross-account-api"})).await?;
        self.api = text(&api, "id")?;
        let root = text(&api, "rootResourceId")?;
        let resource = json!({"restApiId": self.api, "parentId": root, "pathPart": "users"});
        self.users = text(&self.call(A, ApiGateway, "CreateResource", resource).await?, "id")?;
        self.call(A, ApiGateway, "PutMethod", self.method(json!({"authorizationType": "NONE"}))).await?;
        let integration = json!({
            "type": "AWS_PROXY", "integrationHttpMethod": "POST",
            "uri": format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"),
            "credentials": format!("arn:aws:iam::{A}:role/apigw-exec"),
        });
        self.call(A, ApiGateway, "PutIntegration", self.method(integration)).await?;
        self.deploy().await
    }

    pub async fn grant_of_the_seed(&self) -> Result<(), String> {
        self.grant(json!({
            "StatementId": "apigateway-invoke-from-account-a",
            "Principal": format!("arn:aws:iam::{A}:root"),
            "SourceArn": format!("arn:aws:execute-api:{REGION}:{A}:{}/prod/*/*", self.api),
        }))
        .await
    }

    pub async fn grant_the_role(&self) -> Result<(), String> {
        self.grant(json!({"StatementId": "role", "Principal": format!("arn:aws:iam::{A}:role/apigw-exec")}))
            .await
    }

    pub async fn grant_the_service(&self) -> Result<(), String> {
        let operations = json!([{"op": "replace", "path": "/credentials", "value": ""}]);
        self.call(A, ApiGateway, "UpdateIntegration", self.method(json!({"patchOperations": operations})))
            .await?;
        self.deploy().await?;
        let removed = json!({"FunctionName": NAME, "StatementId": "role"});
        self.call(B, Lambda, "RemovePermission", removed).await?;
        self.grant(json!({
            "StatementId": "gateway",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": format!("arn:aws:execute-api:{REGION}:{A}:{}/*/GET/users", self.api),
        }))
        .await
    }

    pub async fn replace_handler(&self, source: &str) -> Result<(), String> {
        for line in source.lines() {
            println!("   | {line}");
        }
        let code = json!({"FunctionName": NAME, "ZipFile": package(source)?});
        self.call(B, Lambda, "UpdateFunctionCode", code).await?;
        self.until_active().await
    }

    /// GETs `/users` as anybody would, and prints what came and why.
    pub async fn get(&self, expected: u16) -> Result<(), String> {
        let host = format!("{}.execute-api.{REGION}.localhost", self.api);
        let request = hyper::Request::get("/prod/users")
            .header("host", &host)
            .body(Full::<Bytes>::default())
            .map_err(|e| e.to_string())?;
        let answer = send(&self.authority, request).await?;
        let body = String::from_utf8_lossy(&answer.body);
        let shown: String = body.chars().take(120).collect();
        println!("   GET http://{host}/prod/users\n   -> {} {shown}", answer.status);
        if let Some(id) = answer.header("x-amzn-requestid").filter(|_| answer.status >= 400) {
            self.explain(id).await?;
        }
        if answer.status != expected {
            return Err(format!(
                "step {}: the answer should have been {expected}, and was {}",
                self.steps, answer.status
            ));
        }
        if expected == 200 && !body.contains("Hello from Account B Lambda!") {
            return Err(format!("step {}: the answer is not the function's", self.steps));
        }
        Ok(())
    }

    async fn explain(&self, id: &str) -> Result<(), String> {
        let request = hyper::Request::get(format!("/_crossgate/requests/{id}"))
            .header("host", &self.authority)
            .body(Full::<Bytes>::default())
            .map_err(|e| e.to_string())?;
        let answer = send(&self.authority, request).await?;
        let report: Report =
            serde_json::from_slice(&answer.body).map_err(|e| format!("{}: {e}", answer.error()))?;
        if report.findings.is_empty() {
            return Err(format!("step {}: the refusal has no explanation", self.steps));
        }
        println!("   $ crossgate explain {id}");
        for line in render(&report, self.style).lines() {
            println!("   {line}");
        }
        // A reader who follows along sees each step when it happens, also through a pipe.
        let _ = std::io::stdout().flush();
        Ok(())
    }

    async fn role(&self, account: &str, name: &str, service: &str) -> Result<(), String> {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
        let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
        self.call(account, Iam, "CreateRole", input).await.map(|_| ())
    }

    async fn grant(&self, statement: Value) -> Result<(), String> {
        let mut input = json!({"FunctionName": NAME, "Action": "lambda:InvokeFunction"});
        merge(&mut input, statement);
        self.call(B, Lambda, "AddPermission", input).await.map(|_| ())
    }

    async fn deploy(&self) -> Result<(), String> {
        let input = json!({"restApiId": self.api, "stageName": "prod"});
        self.call(A, ApiGateway, "CreateDeployment", input).await.map(|_| ())
    }

    fn method(&self, more: Value) -> Value {
        let mut input = json!({"restApiId": self.api, "resourceId": self.users, "httpMethod": "GET"});
        merge(&mut input, more);
        input
    }

    async fn until_active(&self) -> Result<(), String> {
        for _ in 0..200 {
            let found =
                self.call(B, Lambda, "GetFunctionConfiguration", json!({"FunctionName": NAME})).await?;
            let (state, update) = (text(&found, "State")?, text(&found, "LastUpdateStatus")?);
            if state == "Active" && update == "Successful" {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        Err(format!("the function {NAME} did not become active within five seconds"))
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

fn text(answer: &Map<String, Value>, member: &str) -> Result<String, String> {
    let found = answer.get(member).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("the answer has no {member}"))
}

/// A zip of one file, in base64.
fn package(source: &str) -> Result<String, String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot make the function's package: {e}");
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("index.py", zip::write::SimpleFileOptions::default()).map_err(|e| failed(&e))?;
    archive.write_all(source.as_bytes()).map_err(|e| failed(&e))?;
    let bytes = archive.finish().map_err(|e| failed(&e))?.into_inner();
    Ok(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
}
