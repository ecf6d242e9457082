//! Who is let in.

use policy::{Context, Principal};

use super::*;

pub fn alice() -> Caller {
    let account = arn::AccountId::new(OWNER).unwrap();
    Caller {
        principal: Principal::User {
            arn: format!("arn:aws:iam::{OWNER}:user/alice"),
            id: "AIDAALICE".to_owned(),
            account,
        },
        context: Context::new(),
        access_key: "AKIAALICE".to_owned(),
        user_id: "AIDAALICE".to_owned(),
    }
}

fn iam() -> Value {
    with(lambda(), json!({"authorizationType": "AWS_IAM"}))
}

#[tokio::test]
async fn an_aws_iam_method_refuses_an_unsigned_call() {
    let world = World::new(&[("GET /x", iam())]);
    let (response, trace) = world.call("GET /test/x").await;
    let body = r#"{"message":"Missing Authentication Token"}"#;
    gateway_error(&response, 403, "MissingAuthenticationTokenException", body);
    assert!(matches!(trace.why, Some(Why::AuthFailed { .. })) && !world.called());
}

#[tokio::test]
async fn bad_signatures_are_refused_with_their_own_errors() {
    for (error, code, kind) in [
        (
            AuthError::InvalidSignature("no".to_owned()),
            "InvalidSignatureException",
            ResponseType::InvalidSignature,
        ),
        (AuthError::Expired, "ExpiredTokenException", ResponseType::ExpiredToken),
        (AuthError::InvalidToken("?".to_owned()), "UnrecognizedClientException", ResponseType::AccessDenied),
    ] {
        let mut world = World::new(&[("GET /x", iam())]);
        world.door.error = Some(error);
        let (response, trace) = world.call("GET /test/x").await;
        assert_eq!((response.status, response.header("x-amzn-errortype")), (403, Some(code)));
        assert_eq!(trace.response_type, Some(kind));
        assert!(!world.called());
    }
}

#[tokio::test]
async fn an_unauthorized_caller_gets_the_sentence_of_aws() {
    let mut world = World::new(&[("ANY /pets/{id}", iam())]);
    world.door.caller = Some(alice());
    world.door.refusal = Some(Refusal {
        explicit_deny: true,
        because: Some("with an explicit deny in a resource-based policy".to_owned()),
        detail: "policy p, statement 1".to_owned(),
    });
    let (response, trace) = world.call("GET /test/pets/7").await;
    let sentence = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: execute-api:Invoke on \
                    resource: arn:aws:execute-api:us-east-1:********3333:a1b2c3d4e5/test/GET/pets/7 with an explicit deny in a \
                    resource-based policy";
    gateway_error(&response, 403, "AccessDeniedException", &format!("{{\"Message\":\"{sentence}\"}}"));
    let detail = "policy p, statement 1".to_owned();
    assert_eq!(trace.why, Some(Why::NotAuthorized { sentence: sentence.to_owned(), detail }));
    let asked = world.door.asked.lock().unwrap().clone();
    assert_eq!(asked, ["arn:aws:execute-api:us-east-1:111122223333:a1b2c3d4e5/test/GET/pets/7"]);
    assert!(!world.called());
}

#[tokio::test]
async fn an_authorized_caller_is_in_the_event() {
    let mut world = World::new(&[("GET /x", iam())]);
    world.door.caller = Some(alice());
    assert_eq!(world.call("GET /test/x").await.0.status, 200);
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    let identity = &event["requestContext"]["identity"];
    assert_eq!(identity["userArn"], json!("arn:aws:iam::111122223333:user/alice"));
    assert_eq!(identity["accountId"], json!(OWNER));
    assert_eq!((&identity["user"], &identity["caller"]), (&json!("AIDAALICE"), &json!("AIDAALICE")));
    assert_eq!(identity["accessKey"], json!("AKIAALICE"));
}

#[tokio::test]
async fn a_resource_policy_is_asked_for_the_anonymous_too() {
    let mut world = World::new(&[("GET /x", lambda())]);
    world.deploy(json!({"policy": "{}"}), json!({}));
    world.door.refusal = Some(Refusal { explicit_deny: false, because: None, detail: String::new() });
    let (response, _) = world.call("GET /test/x").await;
    let body = r#"{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********3333:a1b2c3d4e5/test/GET/x"}"#;
    gateway_error(&response, 403, "AccessDeniedException", body);
}

#[tokio::test]
async fn without_a_policy_an_open_method_asks_nobody() {
    let world = World::new(&[("GET /x", lambda())]);
    world.call("GET /test/x").await;
    assert!(world.door.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn authorizers_that_are_not_deployed_let_nobody_in() {
    for kind in ["CUSTOM", "COGNITO_USER_POOLS"] {
        let members = json!({"authorizationType": kind, "authorizerId": "gone00"});
        let world = World::new(&[("GET /x", with(lambda(), members))]);
        let (response, trace) = world.call("GET /test/x").await;
        gateway_error(&response, 500, "AuthorizerConfigurationException", r#"{"message":null}"#);
        let Some(Why::AuthorizerFailed { kind: None, detail }) = trace.why else { panic!("{trace:?}") };
        assert!(detail.contains("gone00") && !world.called());
    }
}

#[tokio::test]
async fn a_body_over_ten_megabytes_is_too_long() {
    let world = World::new(&[("POST /x", lambda())]);
    let mut request = World::request("POST /test/x");
    request.body = Bytes::from(vec![b'x'; MAX_BODY + 1]);
    let (response, trace) = world.send(request).await;
    assert_eq!(response.status, 413);
    assert_eq!(trace.response_type, Some(ResponseType::RequestTooLarge));
    assert!(!world.called());
}

#[tokio::test]
async fn a_stage_throttled_to_nothing_answers_429() {
    let mut world = World::new(&[("GET /x", lambda()), ("GET /y", lambda())]);
    let closed = json!({"throttlingRateLimit": 0.0, "throttlingBurstLimit": 0});
    world.deploy(json!({}), json!({"methodSettings": {"x/GET": closed}}));
    let (response, _) = world.call("GET /test/x").await;
    gateway_error(&response, 429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#);
    assert_eq!(world.call("GET /test/y").await.0.status, 200);
}

#[tokio::test]
async fn the_ways_of_calling_follow_the_credentials() {
    let role = format!("arn:aws:iam::{OWNER}:role/apigw-exec");
    let of = |credentials: &str| with(iam(), json!({"methodIntegration": {"credentials": credentials}}));
    let mut world = World::new(&[
        ("ANY /service/{x}", lambda()),
        ("GET /", lambda()),
        ("GET /role", of(&role)),
        ("GET /client", of("arn:aws:iam::*:user/*")),
    ]);
    world.door.caller = Some(alice());
    let source = |tail: &str| format!("arn:aws:execute-api:us-east-1:{OWNER}:{API}/test/{tail}");

    world.call("GET /test/service/1").await;
    // The configured method and the template, not the request's (published logs).
    let CallAs::Service { source_arn, source_account } = world.invocation().call_as else { panic!() };
    assert_eq!((source_arn, source_account.as_str()), (source("ANY/service/{x}"), OWNER));

    world.call("GET /test/").await;
    let CallAs::Service { source_arn, .. } = world.invocation().call_as else { panic!() };
    assert_eq!(source_arn, source("GET/"));

    world.call("GET /test/role").await;
    let CallAs::Role { role_arn, api_account, source_arn } = world.invocation().call_as else { panic!() };
    assert_eq!((role_arn, api_account.as_str(), source_arn), (role, OWNER, source("GET/role")));

    world.call("GET /test/client").await;
    let CallAs::Client(caller) = world.invocation().call_as else { panic!() };
    assert_eq!(caller.user_id, "AIDAALICE");
}

#[tokio::test]
async fn the_source_arn_has_the_region_of_the_function() {
    let uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/\
               arn:aws:lambda:eu-west-1:444455556666:function:f/invocations";
    let world = World::new(&[("GET /x", with(lambda(), json!({"methodIntegration": {"uri": uri}})))]);
    let (_, trace) = world.call("GET /test/x").await;
    let arn = "arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/test/GET/x";
    assert_eq!(trace.source_arn.as_deref(), Some(arn));
    assert_eq!(world.invocation().uri_region, "eu-west-1");
}

#[tokio::test]
async fn a_required_key_must_be_enabled_and_joined_with_the_stage() {
    // test_api_key_required_for_methods
    let world = World::new(&[("GET /x", with(lambda(), json!({"apiKeyRequired": true})))]);
    let place = format!("{OWNER}/us-east-1");
    let key = |enabled: bool| {
        json!({
            "id": "key0000001", "value": "secret-value-of-the-key", "enabled": enabled, "createdDate": 0.0,
            "lastUpdatedDate": 0.0,
        })
    };
    let send = async |value: Option<&str>| {
        let mut request = World::request("GET /test/x");
        request.headers.extend(value.map(|v| header("X-API-Key", v)));
        world.send(request).await
    };
    let good = Some("secret-value-of-the-key");
    let put = |collection: &str, id: &str, document: Value| {
        let key = format!("{place}/{id}");
        world.store.write(|w| w.put(collection, &key, &document)).unwrap();
    };
    put("apiKeys", "key0000001", key(true));
    put("apiKeyValues", "secret-value-of-the-key", json!("key0000001"));
    put(
        "usagePlans",
        "plan01",
        json!({"id": "plan01", "name": "p", "apiStages": [{"apiId": API, "stage": "test"}]}),
    );
    for value in [None, Some("unknown"), good] {
        let (response, trace) = send(value).await;
        gateway_error(&response, 403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
        assert_eq!(trace.why, Some(Why::ApiKey { given: value.is_some() }));
    }
    put("usagePlanKeys", "plan01/key0000001", json!(true));
    assert_eq!(send(good).await.0.status, 200);
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    assert_eq!(event["requestContext"]["identity"]["apiKeyId"], json!("key0000001"));
    put("apiKeys", "key0000001", key(false));
    assert_eq!(send(good).await.0.status, 403);
}

#[tokio::test]
async fn required_parameters_are_named_headers_then_path_then_query() {
    // test_api_gateway_request_validator
    let mut world = World::new(&[(
        "GET /{test}",
        with(
            lambda(),
            json!({"requestValidatorId": "val001", "requestParameters": {
                "method.request.header.x-header-param": true, "method.request.path.issuer": true,
                "method.request.querystring.qs1": true, "method.request.querystring.other": false,
            }}),
        ),
    )]);
    assert_eq!(world.call("GET /test/value").await.0.status, 200, "an unknown validator asks for nothing");
    world.validators = json!({"val001": {"id": "val001", "validateRequestParameters": true}});
    world.deploy(json!({}), json!({}));
    let (response, _) = world.call("GET /test/value?qs1=").await;
    let body = r#"{"message": "Missing required request parameters: [x-header-param, issuer, qs1]"}"#;
    gateway_error(&response, 400, "BadRequestException", body);
}

#[tokio::test]
async fn a_body_that_should_be_validated_is_not_passed_unseen() {
    let models = json!({"requestValidatorId": "val001", "requestModels": {"application/json": "User"}});
    let mut world = World::new(&[("POST /x", with(lambda(), models))]);
    world.validators = json!({"val001": {"id": "val001", "validateRequestBody": true}});
    world.deploy(json!({}), json!({}));
    let (response, trace) = world.call("POST /test/x").await;
    assert_eq!(response.status, 500, "there is no such model");
    let Some(Why::Configuration { detail }) = trace.why else { panic!("{trace:?}") };
    assert!(detail.contains("model `User`") && !world.called());
}
