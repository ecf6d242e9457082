//! TestInvokeMethod, against recording test_apigw_test_invoke_method_api.

use super::*;

fn call(input: Value) -> wire::Call {
    wire::Call {
        operation: "TestInvokeMethod",
        input: input.as_object().unwrap().clone(),
        payload: Bytes::new(),
        account: arn::AccountId::new(OWNER).unwrap(),
        region: "us-east-1".to_owned(),
        request_id: "63ecf43a-1b6e-40ef-80b7-98c5b7484ec9".to_owned(),
        now_ms: 1_707_072_504_000,
        trace: None,
    }
}

fn recorded() -> World {
    // An AWS integration with a role, as in the recording.
    let mapped = json!({
        "methodResponses": {"200": {"statusCode": "200"}},
        "methodIntegration": {
            "type": "AWS", "credentials": "arn:aws:iam::111122223333:role/r",
            "integrationResponses": {"200": {"statusCode": "200"}},
        },
    });
    World::new(&[("GET /foo", with(lambda(), mapped))])
}

#[tokio::test]
async fn the_log_is_that_of_the_recording() {
    let world = recorded();
    let input = json!({
        "restApiId": API, "resourceId": "res000", "httpMethod": "GET", "pathWithQueryString": "/foo",
        "body": "{\"test\": \"val123\"}", "headers": {"content-type": "application/json"},
    });
    let reply = world.execution.test_invoke_method(&call(input)).await.unwrap().output;
    assert_eq!(reply["status"], json!(200));
    assert_eq!(reply["body"], json!("{\"body\":\"hello\",\"statusCode\":200}"));
    assert_eq!(reply["headers"]["Content-Type"], json!("application/json"));
    assert!(
        reply["multiValueHeaders"]["X-Amzn-Trace-Id"][0].as_str().unwrap().starts_with("Root=1-65bfdbf8-")
    );
    assert!(reply["latency"].is_u64());

    let id = "63ecf43a-1b6e-40ef-80b7-98c5b7484ec9";
    let uri = format!("https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{FUNCTION}/invocations");
    let body = "{\"body\":\"hello\",\"statusCode\":200}";
    let trace = reply["headers"]["X-Amzn-Trace-Id"].as_str().unwrap();
    let sent = trace.replace("Root=", "root=").replace("Parent=", "parent=").replace("Sampled=", "sampled=");
    let stars = "*".repeat(64);
    let lines = [
        format!("Starting execution for request: {id}"),
        "HTTP Method: GET, Resource Path: /foo".to_owned(),
        "Method request path: {}".to_owned(),
        "Method request query string: {}".to_owned(),
        "Method request headers: {content-type=application/json}".to_owned(),
        "Method request body before transformations: {\"test\": \"val123\"}".to_owned(),
        format!("Endpoint request URI: {uri}"),
        format!(
            "Endpoint request headers: {{x-amzn-lambda-integration-tag={id}, Authorization={stars}, \
             X-Amz-Date=20240204T184824Z, x-amzn-apigateway-api-id={API}, Accept=application/json, \
             User-Agent=AmazonAPIGateway_{API}, X-Amz-Security-Token={stars} [TRUNCATED]"
        ),
        "Endpoint request body after transformations: {\"test\": \"val123\"}".to_owned(),
        format!("Sending request to {uri}"),
        "Received response. Status: 200, Integration latency: N ms".to_owned(),
        format!(
            "Endpoint response headers: {{Date=Sun, 04 Feb 2024 18:48:24 GMT, Content-Type=application/json, \
             Content-Length={}, Connection=keep-alive, x-amzn-RequestId=20a0cc6d-ade0-417f-853d-04c72dbe23d6, \
             x-amzn-Remapped-Content-Length=0, X-Amz-Executed-Version=$LATEST, X-Amzn-Trace-Id={sent}}}",
            body.len()
        ),
        format!("Endpoint response body before transformations: {body}"),
        format!("Method response body after transformations: {body}"),
        format!("Method response headers: {{X-Amzn-Trace-Id={trace}, Content-Type=application/json}}"),
        "Successfully completed execution".to_owned(),
        "Method completed with status: 200".to_owned(),
    ];
    let mut expected = format!("Execution log for request {id}\n");
    for line in lines {
        expected += &format!("Sun Feb 04 18:48:24 UTC 2024 : {line}\n");
    }
    let log = reply["log"].as_str().unwrap();
    let latency = log.split("Integration latency: ").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(log, expected.replace("latency: N", &format!("latency: {latency}")));
}

#[tokio::test]
async fn the_source_is_the_test_stage() {
    let world = World::new(&[("POST /", lambda())]);
    let input = json!({"restApiId": API, "resourceId": "res000", "httpMethod": "POST"});
    world.execution.test_invoke_method(&call(input)).await.unwrap();
    let CallAs::Service { source_arn, .. } = world.invocation().call_as else { panic!() };
    assert_eq!(source_arn, format!("arn:aws:execute-api:us-east-1:{OWNER}:{API}/test-invoke-stage/POST/"));
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    assert_eq!(event["headers"], Value::Null);
    assert_eq!(event["requestContext"]["stage"], json!("test-invoke-stage"));
    assert_eq!(event["requestContext"]["domainPrefix"], json!("testPrefix"));
    assert_eq!(event["requestContext"]["identity"]["apiKeyId"], json!("test-invoke-api-key-id"));
    assert_eq!(event["requestContext"].get("deploymentId"), None);
}

#[tokio::test]
async fn the_present_resources_are_run_and_not_the_deployed_ones() {
    let mut world = World::new(&[("GET /a", lambda())]);
    world.add("GET /pets/{petId}", super::mock::mock(json!({})));
    let run = async |path: Option<&str>| {
        let mut input = json!({"restApiId": API, "resourceId": "res001", "httpMethod": "GET"});
        if let Some(path) = path {
            input["pathWithQueryString"] = json!(path);
        }
        world.execution.test_invoke_method(&call(input)).await.unwrap().output
    };
    let log = |of: &serde_json::Map<String, Value>| of["log"].as_str().unwrap().to_owned();
    let matching = run(Some("/pets/123?foo=bar")).await;
    assert!(log(&matching).contains(": Method request path: {petId=123}\n"));
    assert!(log(&matching).contains(": Method request query string: {foo=bar}\n"));
    // MOCK has no lines of an endpoint.
    assert!(!log(&matching).contains("Endpoint") && !log(&matching).contains("Sending"));
    let foreign = run(Some("/other")).await;
    assert!(log(&foreign).contains(": Method request path: {}\n") && foreign["status"] == json!(200));
    assert!(log(&run(None).await).contains("HTTP Method: GET, Resource Path: /pets/{petId}\n"));
}

#[tokio::test]
async fn a_failure_has_its_lines_and_no_others() {
    // test_failed_invoke_test_method: no response lines
    let world = World::answering(&[("GET /x", lambda())], |_| {
        Some(Err(BackendError { kind: BackendErrorKind::AccessDenied, detail: String::new() }))
    });
    let input = json!({"restApiId": API, "resourceId": "res000", "httpMethod": "GET"});
    let reply = world.execution.test_invoke_method(&call(input)).await.unwrap().output;
    let log = reply["log"].as_str().unwrap();
    assert!(log.ends_with(
        ": Execution failed due to configuration error: Invalid permissions on Lambda function\nSun Feb 04 18:48:24 \
         UTC 2024 : Method completed with status: 500\n"
    ));
    assert!(!log.contains("Method response"));
    assert_eq!(reply["headers"], json!({"x-amzn-ErrorType": "InternalServerErrorException"}));
    assert_eq!(reply["body"], json!("{\"message\": \"Internal server error\"}"));
}

#[tokio::test]
async fn what_does_not_exist_is_named_as_aws_names_it() {
    let world = recorded();
    for (input, text) in [
        (
            json!({"restApiId": API, "resourceId": "res000", "httpMethod": "PUT"}),
            "Invalid Method identifier specified",
        ),
        (
            json!({"restApiId": API, "resourceId": "none", "httpMethod": "GET"}),
            "Invalid Resource identifier specified",
        ),
        (
            json!({"restApiId": "none", "resourceId": "res000", "httpMethod": "GET"}),
            "Invalid API identifier specified 111122223333:none",
        ),
    ] {
        let error = world.execution.test_invoke_method(&call(input)).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.status, error.message.as_deref()),
            ("NotFoundException", 404, Some(text))
        );
    }
}

#[tokio::test]
async fn another_accounts_api_does_not_exist() {
    let world = recorded();
    let mut call = call(json!({"restApiId": API, "resourceId": "res000", "httpMethod": "GET"}));
    call.account = arn::AccountId::new("999988887777").unwrap();
    assert_eq!(world.execution.test_invoke_method(&call).await.unwrap_err().status, 404);
}
