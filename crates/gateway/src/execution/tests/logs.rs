//! Execution logs of deployed stages.

use super::*;

#[tokio::test]
async fn nothing_is_logged_when_logging_is_off() {
    for settings in [json!({}), json!({"*/*": {"loggingLevel": "OFF", "dataTraceEnabled": true}})] {
        let mut world = World::new(&[("GET /x", lambda())]);
        world.deploy(json!({}), json!({"methodSettings": settings}));
        world.call("GET /test/x").await;
        assert!(world.log().is_empty());
    }
}

#[tokio::test]
async fn info_has_the_lines_of_published_logs() {
    let mut world = World::new(&[("ANY /{resource+}", lambda())]);
    world.deploy(json!({}), json!({"methodSettings": {"*/*": {"loggingLevel": "INFO"}}}));
    world.call("GET /test/all_state").await;
    let id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
    let expected = [
        "Extended Request Id: K2G9wEbUoAMEvag=".to_owned(),
        format!("Verifying Usage Plan for request: {id}. API Key:  API Stage: {API}/test"),
        "API Key  authorized because method 'ANY /{resource+}' does not require API Key. Request will not contribute \
         to throttle or quota limits"
            .to_owned(),
        format!("Usage Plan check succeeded for API Key  and API Stage {API}/test"),
        format!("Starting execution for request: {id}"),
        "HTTP Method: GET, Resource Path: /all_state".to_owned(),
        "Successfully completed execution".to_owned(),
        "Method completed with status: 200".to_owned(),
        "AWS Integration Endpoint RequestId : 20a0cc6d-ade0-417f-853d-04c72dbe23d6".to_owned(),
    ];
    assert_eq!(world.log(), expected.map(|l| format!("({id}) {l}")));
    let place = world.lines.0.lock().unwrap()[0].0.clone();
    assert_eq!(place, format!("{OWNER} us-east-1 API-Gateway-Execution-Logs_{API}/test"));
}

#[tokio::test]
async fn data_trace_adds_headers_and_bodies() {
    let mut world = World::new(&[("GET /users/{id}", lambda())]);
    let settings = json!({"loggingLevel": "INFO", "dataTraceEnabled": true});
    world.deploy(json!({}), json!({"methodSettings": {"*/*": settings}}));
    world.call("GET /test/users/7?a=b").await;
    let log = world.log().join("\n");
    for line in [
        "Method request path: {id=7}",
        "Method request query string: {a=b}",
        "Method request headers: {Host=",
        "Endpoint request URI: https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn:aws:lambda:us-east-1:444455556666:function:users/invocations",
        "x-amzn-apigateway-api-id=a1b2c3d4e5, X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:111122223333:a1b2c3d4e5/test/GET/users/{id}, Accept=application/json, User-Agent=AmazonAPIGateway_a1b2c3d4e5",
        "Endpoint request body after transformations: {\"resource\":\"/users/{id}\",\"path\":\"/users/7\",\"httpMethod\":\"GET\"",
        "Received response. Status: 200, Integration latency: ",
        "X-Amz-Executed-Version=$LATEST",
        "Method response body after transformations: hello",
    ] {
        assert!(log.contains(line), "{line}\nis not in\n{log}");
    }
}

#[tokio::test]
async fn a_role_sends_no_source_arn() {
    // test_apigw_test_invoke_method_api, and published logs
    let role = json!({"methodIntegration": {"credentials": "arn:aws:iam::111122223333:role/r"}});
    let mut world = World::new(&[("GET /x", with(lambda(), role))]);
    let settings = json!({"loggingLevel": "INFO", "dataTraceEnabled": true});
    world.deploy(json!({}), json!({"methodSettings": {"*/*": settings}}));
    world.call("GET /test/x").await;
    let log = world.log().join("\n");
    assert!(log.contains("Endpoint request headers") && !log.contains("X-Amz-Source-Arn"));
}

#[tokio::test]
async fn a_method_may_have_its_own_level() {
    let mut world = World::new(&[("GET /a/b", lambda()), ("GET /c", lambda())]);
    world.deploy(json!({}), json!({"methodSettings": {"a/b/GET": {"loggingLevel": "INFO"}}}));
    world.call("GET /test/c").await;
    assert!(world.log().is_empty());
    world.call("GET /test/a/b").await;
    assert_eq!(world.log().len(), 9);
}

#[tokio::test]
async fn a_success_leaves_no_line_at_level_error() {
    let world = World::new(&[("GET /x", lambda())]).logging("ERROR");
    world.call("GET /test/x").await;
    assert!(world.log().is_empty());
}

#[tokio::test]
async fn keys_throttled_calls_and_traced_stages() {
    // See usage_plan.rs for where the lines come from.
    let method = with(lambda(), json!({"apiKeyRequired": true}));
    let mut world = World::new(&[("GET /x", method)]);
    let settings = json!({"loggingLevel": "INFO", "throttlingRateLimit": 0.5, "throttlingBurstLimit": 1});
    world.deploy(json!({}), json!({"methodSettings": {"*/*": settings}, "tracingEnabled": true}));
    let place = format!("{OWNER}/us-east-1");
    let value = "secret-value-of-the-key";
    let key = json!({"id": "key0000001", "value": value, "enabled": true, "createdDate": 0.0, "lastUpdatedDate": 0.0});
    let plan = json!({"id": "plan01", "name": "p", "apiStages": [{"apiId": API, "stage": "test"}]});
    world
        .store
        .write(|w| {
            w.put("apiKeys", &format!("{place}/key0000001"), &key)?;
            w.put("apiKeyValues", &format!("{place}/{value}"), &json!("key0000001"))?;
            w.put("usagePlans", &format!("{place}/plan01"), &plan)?;
            w.put("usagePlanKeys", &format!("{place}/plan01/key0000001"), &json!(true))
        })
        .unwrap();
    let id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
    let said = async |key: Option<&str>| {
        world.lines.0.lock().unwrap().clear();
        let mut request = World::request("GET /test/x");
        request.headers.extend(key.map(|key| header("x-api-key", key)));
        request.headers.push(header("x-amzn-trace-id", "Root=1-5c7674f4-a3491d0a9c8012c191821b83"));
        world.send(request).await;
        let own = format!("({id}) ");
        world.log().into_iter().skip(1).map(|line| line.replace(&own, "")).collect::<Vec<_>>()
    };
    let masked = "*****************he-key";
    assert_eq!(
        said(None).await,
        [
            format!("Verifying Usage Plan for request: {id}. API Key:  API Stage: {API}/test"),
            format!(
                "API Key  not authorized because method 'GET /x' requires API Key and API Key is not associated with a \
                 Usage Plan for API Stage {API}/test: No Usage Plan found for key and API Stage"
            ),
            "Method completed with status: 403".to_owned(),
        ]
    );
    assert_eq!(
        said(Some(value)).await,
        [
            format!("Verifying Usage Plan for request: {id}. API Key: {masked} API Stage: {API}/test"),
            format!("Usage Plan check succeeded for API Key {masked} and API Stage {API}/test"),
            format!("Starting execution for request: {id}"),
            "HTTP Method: GET, Resource Path: /x".to_owned(),
            format!("API Key: {masked}"),
            "API Key ID: key0000001".to_owned(),
            "Successfully completed execution".to_owned(),
            "Method completed with status: 200".to_owned(),
            "AWS Integration Endpoint RequestId : 20a0cc6d-ade0-417f-853d-04c72dbe23d6".to_owned(),
            "X-ray Tracing ID : 1-5c7674f4-a3491d0a9c8012c191821b83".to_owned(),
        ]
    );
    assert_eq!(
        said(Some(value)).await[1..],
        [
            format!(
                "Key throttle limit exceeded for RestApi {API}, Stage test, Resource res000, HttpMethod GET. Limit: 0.50 \
                 Burst: 1"
            ),
            "Method completed with status: 429".to_owned(),
        ]
    );
}
