//! MOCK integrations.

use super::*;

pub fn mock(members: Value) -> Value {
    let base = json!({
        "methodResponses": {"200": {"statusCode": "200"}, "404": {"statusCode": "404"}},
        "methodIntegration": {
            "type": "MOCK", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "integrationResponses": {"200": {
                "statusCode": "200", "responseTemplates": {"application/json": "{\"statusCode\": 200, \"id\": 42}"},
            }},
        },
    });
    with(base, json!({"methodIntegration": members}))
}

pub fn why(trace: &GatewayTrace) -> String {
    match &trace.why {
        Some(Why::Configuration { detail }) => detail.clone(),
        Some(Why::NotSupported { what }) => what.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_template_is_the_body() {
    // TestIntegrations::test_mock_integration_response
    for behavior in ["WHEN_NO_MATCH", "NEVER", "WHEN_NO_TEMPLATES"] {
        let world = World::new(&[("ANY /x", mock(json!({"passthroughBehavior": behavior})))]);
        for verb in ["GET", "POST"] {
            let (response, trace) = world.call(&format!("{verb} /test/x")).await;
            assert_eq!(
                (response.status, &response.body[..]),
                (200, &b"{\"statusCode\": 200, \"id\": 42}"[..])
            );
            assert_eq!(response.header("content-type"), Some("application/json"));
            assert_eq!(response.header("x-amz-apigw-id"), Some("K2G9wEbUoAMEvag="));
            // test_invocation_trace_id: MOCK returns none.
            assert_eq!(response.header("x-amzn-trace-id"), None);
            assert_eq!(trace.why, None);
        }
    }
}

#[tokio::test]
async fn the_status_selects_the_answer() {
    let answers = json!({
        "requestTemplates": {"application/json": "{\"statusCode\": 404}"},
        "integrationResponses": {
            "200": {"statusCode": "200"},
            "404": {"statusCode": "404", "selectionPattern": "40\\d", "responseTemplates": {"text/plain": "gone"}},
        },
    });
    let world = World::new(&[("GET /x", mock(answers))]);
    let (response, _) = world.call("GET /test/x").await;
    assert_eq!((response.status, &response.body[..]), (404, &b"gone"[..]));
    assert_eq!(response.header("content-type"), Some("text/plain"));
}

#[tokio::test]
async fn static_headers_are_sent() {
    let cors = json!({"integrationResponses": {"200": {"statusCode": "200", "responseParameters": {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.X-Stage": "stageVariables.colour",
        "method.response.header.X-None": "integration.response.header.x",
    }}}});
    let mut world = World::new(&[("OPTIONS /x", mock(cors))]);
    world.deploy(json!({}), json!({"variables": {"colour": "blue"}}));
    let (response, _) = world.call("OPTIONS /test/x").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("x-stage"), Some("blue"));
    assert_eq!(response.header("x-none"), None);
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn templates_of_both_directions_are_rendered() {
    let members = json!({
        "requestTemplates": {"application/json": "#set($s = 200 + 1)\n{\"statusCode\": $s}"},
        "integrationResponses": {"201": {
            "statusCode": "201", "selectionPattern": "201",
            "responseTemplates": {"application/json":
                "#set($context.responseOverride.header.X-Made = 'yes')#set($context.responseOverride.status = 202){\"path\": \"$context.path\", \"q\": \"$input.params('q')\"}"},
        }},
        "methodResponses": {"201": {"statusCode": "201"}},
    });
    let mut method = mock(members.clone());
    method["methodResponses"] = members["methodResponses"].clone();
    method["methodIntegration"]["requestTemplates"] = members["requestTemplates"].clone();
    method["methodIntegration"]["integrationResponses"] = members["integrationResponses"].clone();
    let world = World::new(&[("GET /x", method)]);
    let (response, trace) = world.call("GET /test/x?q=1").await;
    assert_eq!(response.status, 202, "{trace:?}");
    assert_eq!(response.header("x-made"), Some("yes"));
    assert_eq!(&response.body[..], br#"{"path": "/test/x", "q": "1"}"#);
}

#[tokio::test]
async fn a_template_that_cannot_be_run_says_why() {
    let bomb = "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end";
    for (template, found) in [("#if(true)", "#end"), (bomb, "takes more than")] {
        let mut method = mock(json!({}));
        method["methodIntegration"]["requestTemplates"] = json!({"application/json": template});
        let world = World::new(&[("GET /x", method)]).logging("ERROR");
        let (response, trace) = world.call("GET /test/x").await;
        assert_eq!((response.status, response.body.len()), (500, 36));
        assert!(why(&trace).contains(found), "{}", why(&trace));
        assert!(world.log()[0].contains(found));
    }
}

#[tokio::test]
async fn no_status_in_the_template_is_a_configuration_error() {
    for templates in [json!({}), json!({"application/json": "{}"})] {
        let mut method = mock(json!({}));
        method["methodIntegration"]["requestTemplates"] = templates;
        let world = World::new(&[("GET /x", method)]).logging("ERROR");
        let (response, trace) = world.call("GET /test/x").await;
        assert_eq!(response.status, 500);
        assert!(why(&trace).contains("statusCode"));
        assert!(
            world.log()[0].ends_with("statusCode should be an integer which defined in request template")
        );
    }
}

#[tokio::test]
async fn an_answer_that_nothing_fits_is_a_configuration_error() {
    let only = json!({"integrationResponses": {"404": {"statusCode": "404", "selectionPattern": "404"}}});
    let mut method = mock(json!({}));
    method["methodIntegration"]["integrationResponses"] = only["integrationResponses"].clone();
    let world = World::new(&[("GET /x", method)]).logging("ERROR");
    assert_eq!(world.call("GET /test/x").await.0.status, 500);
    assert!(world.log()[0].contains("No match for output mapping and no default output mapping configured"));
}

#[tokio::test]
async fn an_answer_without_a_method_response_is_a_configuration_error() {
    let mut method = mock(json!({}));
    method["methodResponses"] = json!({});
    let world = World::new(&[("GET /x", method)]).logging("ERROR");
    assert_eq!(world.call("GET /test/x").await.0.status, 500);
    assert!(world.log()[0].ends_with("Output mapping refers to an invalid method response: 200"));
}

#[tokio::test]
async fn a_media_type_without_a_template_is_unsupported_when_nothing_may_pass() {
    for behavior in ["NEVER", "WHEN_NO_TEMPLATES"] {
        let world = World::new(&[("POST /x", mock(json!({"passthroughBehavior": behavior})))]);
        let mut request = World::request("POST /test/x");
        request.headers = vec![header("Content-Type", "text/xml")];
        let (response, trace) = world.send(request).await;
        let body = r#"{"message": "Unsupported Media Type"}"#;
        gateway_error(&response, 415, "BadRequestException", body);
        assert_eq!(
            trace.why,
            Some(Why::UnsupportedMediaType {
                content_type: "text/xml".to_owned(),
                templates: vec!["application/json".to_owned()]
            })
        );
    }
}

#[tokio::test]
async fn a_body_that_passes_through_is_read_as_the_template() {
    let world = World::new(&[("POST /x", mock(json!({})))]);
    let mut request = World::request("POST /test/x");
    request.headers = vec![header("Content-Type", "text/xml")];
    request.body = Bytes::from_static(b"{\"statusCode\": 200}");
    assert_eq!(world.send(request).await.0.status, 200);
}
