//! What happens when the integration does not do what it should.

use super::*;

const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

fn failing(kind: BackendErrorKind, detail: &str) -> World {
    let error = BackendError { kind, detail: detail.to_owned() };
    let role = json!({"methodIntegration": {"credentials": "arn:aws:iam::111122223333:role/apigw-exec"}});
    let world = World::answering(&[("GET /x", with(lambda(), role))], move |_| Some(Err(error.clone())));
    world.logging("ERROR")
}

impl World {
    pub fn logging(mut self, level: &str) -> Self {
        let settings = json!({"methodSettings": {"*/*": {"loggingLevel": level}}});
        self.deploy(json!({}), settings);
        self
    }
}

fn id(line: &str) -> String {
    format!("(c6af9ac6-7b61-11e6-9a41-93e8deadbeef) {line}")
}

#[track_caller]
fn logged(world: &World, lines: &[&str]) {
    assert_eq!(world.log(), lines.iter().map(|l| id(l)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_denied_call_is_an_internal_error_and_the_log_says_permissions() {
    // Published with headers and log for AWS: 500, X-Amzn-Trace-Id with the root alone.
    let world = failing(BackendErrorKind::AccessDenied, "no statement matches");
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
    let root = response.header("x-amzn-trace-id").unwrap();
    assert!(root.starts_with("Root=1-68a4aeb2-") && !root.contains(';'), "{root}");
    logged(
        &world,
        &[
            "Execution failed due to configuration error: Invalid permissions on Lambda function",
            "Method completed with status: 500",
        ],
    );
    let detail = "no statement matches".to_owned();
    assert_eq!(trace.why, Some(Why::IntegrationFailure { kind: BackendErrorKind::AccessDenied, detail }));
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_named_in_the_log() {
    let world = failing(BackendErrorKind::CannotAssumeRole, "trust policy");
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
    assert_eq!(trace.response_type, Some(ResponseType::Default5xx));
    logged(
        &world,
        &[
            "Execution failed due to configuration error: API Gateway does not have permission to assume the provided \
             role arn:aws:iam::111122223333:role/apigw-exec",
            "Method completed with status: 500",
        ],
    );
}

#[tokio::test]
async fn a_throttled_function_is_an_internal_error() {
    // Published with its log for AWS.
    let world = failing(BackendErrorKind::Throttled, "");
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
    assert_eq!(trace.response_type, Some(ResponseType::IntegrationFailure));
    logged(
        &world,
        &[
            "Lambda invocation failed with status: 429. Lambda request id: c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "Execution failed due to configuration error: Rate Exceeded.",
            "Method completed with status: 500",
        ],
    );
}

#[tokio::test]
async fn a_missing_function_is_an_internal_error_and_named_in_the_log() {
    let world = failing(BackendErrorKind::FunctionNotFound, "Function not found: arn:aws:lambda:x");
    let (response, _) = world.call("GET /test/x").await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
    assert!(world.log()[1].ends_with("configuration error: Function not found: arn:aws:lambda:x"));
}

#[tokio::test(start_paused = true)]
async fn an_integration_that_takes_too_long_times_out() {
    let slow = json!({"methodIntegration": {"timeoutInMillis": 50}});
    let world = World::answering(&[("GET /x", with(lambda(), slow))], |_| None).logging("ERROR");
    let (response, trace) = world.call("GET /test/x").await;
    let body = r#"{"message": "Endpoint request timed out"}"#;
    gateway_error(&response, 504, "InternalServerErrorException", body);
    assert_eq!(trace.why, Some(Why::Timeout { after_ms: 50 }));
    assert!(response.header("x-amzn-trace-id").is_some());
    logged(&world, &["Execution failed due to a timeout error", "Method completed with status: 504"]);
}

#[tokio::test]
async fn a_function_error_is_a_bad_gateway() {
    let world = World::answering(&[("GET /x", lambda())], |_| {
        let mut answer = answer(json!({"errorMessage": "boom", "errorType": "ValueError"})).unwrap();
        answer.function_error = Some("Unhandled".to_owned());
        Some(Ok(answer))
    })
    .logging("ERROR");
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 502, "InternalServerErrorException", INTERNAL);
    logged(
        &world,
        &[
            "Lambda execution failed with status 200 due to customer function error: boom. Lambda request id: \
             20a0cc6d-ade0-417f-853d-04c72dbe23d6",
            "Method completed with status: 502",
        ],
    );
    assert_eq!(
        trace.why,
        Some(Why::FunctionError {
            kind: "Unhandled".to_owned(),
            error_type: Some("ValueError".to_owned()),
            error_message: Some("boom".to_owned())
        })
    );
}

#[tokio::test]
async fn a_malformed_answer_is_a_bad_gateway_and_the_trace_says_which_rule() {
    let world = World::answering(&[("GET /x", lambda())], |_| Some(answer(json!("Bad response"))));
    let world = world.logging("ERROR");
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 502, "InternalServerErrorException", INTERNAL);
    let Some(Why::MalformedProxyResponse { reason, value }) = trace.why else { panic!("{trace:?}") };
    assert!(reason.contains("a string, not an object"), "{reason}");
    assert_eq!(value, "\"Bad response\"");
    logged(
        &world,
        &[
            "Execution failed due to configuration error: Malformed Lambda proxy response",
            "Method completed with status: 502",
        ],
    );
}

#[tokio::test]
async fn base64_that_cannot_be_decoded_is_an_internal_error() {
    // test_aws_proxy_binary_response
    let mut world = World::answering(&[("GET /x", lambda())], |_| {
        Some(answer(json!({"body": "not base64!", "isBase64Encoded": true})))
    });
    world.deploy(json!({"binaryMediaTypes": ["image/png"]}), json!({}));
    let mut request = World::request("GET /test/x");
    request.headers = vec![header("Accept", "image/png")];
    let (response, _) = world.send(request).await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
}

#[tokio::test]
async fn another_verb_than_post_to_lambda_is_an_internal_error() {
    // test_lambda_aws_proxy_integration_non_post_method
    let get = json!({"methodIntegration": {"httpMethod": "GET"}});
    let world = World::new(&[("GET /x", with(lambda(), get))]);
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
    assert!(matches!(trace.why, Some(Why::Configuration { .. })) && !world.called());
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    for integration in [
        json!({"type": "HTTP_PROXY", "uri": "https://example.com", "connectionType": "VPC_LINK"}),
        json!({"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:sqs:path/1/q"}),
    ] {
        let world = World::new(&[("GET /x", with(lambda(), json!({"methodIntegration": integration})))]);
        let world = world.logging("ERROR");
        let (response, trace) = world.call("GET /test/x").await;
        gateway_error(&response, 500, "InternalServerErrorException", INTERNAL);
        let Some(Why::NotSupported { what }) = trace.why else { panic!("{trace:?}") };
        assert!(world.log()[0].contains(&what), "{what}");
    }
}

#[tokio::test]
async fn a_missing_stage_variable_is_named() {
    let uri =
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${stageVariables.fn}/invocations";
    let world = World::new(&[("GET /x", with(lambda(), json!({"methodIntegration": {"uri": uri}})))]);
    let (response, trace) = world.call("GET /test/x").await;
    assert_eq!(response.status, 500);
    let Some(Why::Configuration { detail }) = trace.why else { panic!("{trace:?}") };
    assert!(detail.contains("stage variable `fn`"), "{detail}");
}

#[tokio::test]
async fn answers_carry_the_ids_and_the_trace() {
    let world = World::new(&[("GET /x", lambda())]);
    let (response, trace) = world.call("GET /test/x").await;
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-amzn-requestid"), Some("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"));
    assert_eq!(response.header("x-amz-apigw-id"), Some("K2G9wEbUoAMEvag="));
    assert!(response.header("x-amzn-trace-id").unwrap().contains(";Parent="));
    assert_eq!(world.invocation().trace_header, response.header("x-amzn-trace-id").unwrap());
    assert_eq!((trace.why, trace.status), (None, 200));
}

#[tokio::test]
async fn an_aws_integration_chooses_its_answer_by_the_error_message() {
    // test_lambda_selection_patterns
    let mapped = json!({
        "methodResponses": {"200": {"statusCode": "200"}, "405": {"statusCode": "405"}, "502": {"statusCode": "502"}},
        "methodIntegration": {"type": "AWS", "integrationResponses": {
            "200": {"statusCode": "200", "selectionPattern": ""},
            "405": {"statusCode": "405", "selectionPattern": ".*four hundred.*"},
            "502": {"statusCode": "502", "selectionPattern": ".+"},
        }},
    });
    for (message, status) in [(None, 200), (Some("Error: four hundred x"), 405), (Some("other"), 502)] {
        let world = World::answering(&[("POST /x", with(lambda(), mapped.clone()))], move |_| {
            let mut answer = answer(message.map_or(json!("Pass"), |m| json!({"errorMessage": m}))).unwrap();
            answer.function_error = message.map(|_| "Unhandled".to_owned());
            Some(Ok(answer))
        });
        let mut request = World::request("POST /test/x");
        request.body = Bytes::from_static(b"{\"a\": 1}");
        let (response, _) = world.send(request).await;
        assert_eq!(response.status, status, "{message:?}");
        assert_eq!(&world.invocation().payload[..], b"{\"a\": 1}");
        assert!(response.header("x-amzn-trace-id").is_some());
    }
}

#[tokio::test]
async fn a_gateway_response_that_was_put_is_sent_and_a_default_shows_through() {
    let mut world = failing(BackendErrorKind::AccessDenied, "");
    world.responses = json!({
        "DEFAULT_5XX": {
            "responseType": "DEFAULT_5XX", "statusCode": "599",
            "responseParameters": {
                "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                "gatewayresponse.header.X-Origin": "method.request.header.Origin",
            },
            "responseTemplates": {
                "application/json": "{\"m\":$context.error.messageString,\"t\":\"${context.error.responseType}\",\"$5\":1}",
            },
        },
        "MISSING_AUTHENTICATION_TOKEN": {"responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404"},
    });
    world.deploy(json!({}), json!({}));
    let mut request = World::request("GET /test/x");
    request.headers = vec![header("origin", "https://example.com")];
    let (response, trace) = world.send(request).await;
    assert_eq!(
        (response.status, &response.body[..]),
        (599, &br#"{"m":"Internal server error","t":"API_CONFIGURATION_ERROR","$5":1}"#[..])
    );
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("x-origin"), Some("https://example.com"));
    assert_eq!(trace.status, 599);
    world.responses = json!({"DEFAULT_5XX": {
        "responseType": "DEFAULT_5XX", "statusCode": "500",
        "responseParameters": {
            "gatewayresponse.header.X-Q": "method.request.querystring.q",
            "gatewayresponse.header.X-All": "method.request.multivaluequerystring.q",
            "gatewayresponse.header.X-Path": "context.resourcePath",
            "gatewayresponse.header.X-Agent": "context.identity.userAgent",
            "gatewayresponse.header.X-None": "method.request.path.none",
        },
        "responseTemplates": {"application/json": "$context.httpMethod $context.accountId $context.requestTimeEpoch"},
    }});
    world.deploy(json!({}), json!({}));
    let mut request = World::request("GET /test/x?q=a%20b&q=c");
    request.headers = vec![header("user-agent", "me")];
    let (response, _) = world.send(request).await;
    let sent =
        ["x-q", "x-all", "x-path", "x-agent", "x-none"].map(|name| response.header(name).unwrap_or("-"));
    assert_eq!(sent, ["c", "a b,c", "/x", "me", "-"]);
    let body = String::from_utf8_lossy(&response.body);
    assert!(body.starts_with("GET 111122223333 1"), "{body}");
    world.responses = json!({
        "MISSING_AUTHENTICATION_TOKEN": {"responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404"},
    });
    world.deploy(json!({}), json!({}));
    let (response, _) = world.call("GET /test/none").await;
    let body = r#"{"message":"Missing Authentication Token"}"#;
    gateway_error(&response, 404, "MissingAuthenticationTokenException", body);
}
