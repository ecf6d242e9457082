//! Lambda authorizers and user pools.

use super::*;

const JUDGE: &str = "arn:aws:lambda:us-east-1:444455556666:function:judge";

fn uri() -> String {
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{JUDGE}/invocations")
}

fn said(effect: &str, resource: &str) -> Value {
    json!({"principalId": "alice", "context": {"level": 7, "vip": true, "name": "x"}, "usageIdentifierKey": "k",
        "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}]}})
}

/// Methods GET /x, GET /y with an authorizer whose function answers by the script.
fn world(
    authorizer: Value,
    judge: impl Fn(&LambdaInvocation) -> Option<Answer> + Send + Sync + 'static,
) -> World {
    let method = with(lambda(), json!({"authorizationType": "CUSTOM", "authorizerId": "auth01"}));
    let mut world =
        World::answering(&[("GET /x/{id}", method.clone()), ("GET /y", method)], move |i| {
            match i.function_arn == JUDGE {
                true => judge(i),
                false => Some(answer(json!({"statusCode": 200}))),
            }
        });
    let base = json!({"id": "auth01", "name": "judge", "type": "TOKEN", "authorizerUri": uri(),
        "identitySource": "method.request.header.Authorization", "authorizerResultTtlInSeconds": 300});
    world.authorizers = json!({"auth01": with(base, authorizer)});
    let logs = json!({"methodSettings": {"*/*": {"loggingLevel": "INFO", "dataTraceEnabled": true}}});
    world.deploy(json!({}), logs);
    world
}

fn bearing(line: &str, token: &str) -> ClientRequest {
    let mut request = World::request(line);
    request.headers.push(header("authorization", token));
    request
}

fn judged(world: &World) -> Vec<LambdaInvocation> {
    world.backend.seen.lock().unwrap().iter().filter(|i| i.function_arn == JUDGE).cloned().collect()
}

#[tokio::test]
async fn a_token_authorizer_is_asked_as_the_service_with_its_own_source_arn() {
    let world = world(json!({}), |_| Some(answer(said("Allow", "*"))));
    let (response, trace) = world.send(bearing("GET /test/x/7", "secret-token-of-alice")).await;
    assert_eq!(response.status, 200);
    let asked = &judged(&world)[0];
    let event: Value = serde_json::from_slice(&asked.payload).unwrap();
    assert_eq!(
        event,
        json!({"type": "TOKEN", "authorizationToken": "secret-token-of-alice",
            "methodArn": format!("arn:aws:execute-api:us-east-1:{OWNER}:{API}/test/GET/x/7")})
    );
    let CallAs::Service { source_arn, source_account } = &asked.call_as else { panic!() };
    assert_eq!(source_arn, &format!("arn:aws:execute-api:us-east-1:{OWNER}:{API}/authorizers/auth01"));
    assert_eq!(source_account, OWNER);
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    let mut authorizer = event["requestContext"]["authorizer"].clone();
    assert!(authorizer["integrationLatency"].take().is_u64());
    let expected =
        json!({"principalId": "alice", "level": "7", "vip": "true", "name": "x", "integrationLatency": null});
    assert_eq!(authorizer, expected);
    let facts = trace.authorizer.unwrap();
    assert_eq!((facts.kind, facts.principal_id.as_deref()), ("TOKEN", Some("alice")));
    let log = world.log().join("\n");
    for line in ["Starting authorizer: auth01 for request: ", "Successfully completed authorizer execution"] {
        assert!(log.contains(line), "{log}");
    }
    let before = log.split("Successfully completed authorizer").next().unwrap();
    assert!(!before.contains("secret-token"), "a token is not logged by its authorizer: {before}");
}

#[tokio::test]
async fn with_credentials_the_role_asks() {
    let role = format!("arn:aws:iam::{OWNER}:role/asks");
    let world = world(json!({"authorizerCredentials": role}), |_| Some(answer(said("Allow", "*"))));
    world.send(bearing("GET /test/y", "t")).await;
    let CallAs::Role { role_arn, api_account, .. } = &judged(&world)[0].call_as else { panic!() };
    assert_eq!((role_arn, api_account.as_str()), (&role, OWNER));
}

#[tokio::test]
async fn without_identity_nobody_is_asked() {
    let request = json!({"type": "REQUEST", "authorizerResultTtlInSeconds": 0, "identitySource":
        "method.request.header.A, method.request.querystring.q, stageVariables.v, context.identity.sourceIp"});
    for authorizer in [json!({}), json!({"identityValidationExpression": "Bearer [a-z]+"}), request] {
        let world = world(authorizer, |_| Some(answer(said("Allow", "*"))));
        let mut sent = vec![World::request("GET /test/y")];
        if world.authorizers["auth01"]["identityValidationExpression"].is_string() {
            sent.push(bearing("GET /test/y", "Bearer abc1"));
            sent.push(bearing("GET /test/y", "x Bearer abc"));
        }
        for request in sent {
            let (response, trace) = world.send(request).await;
            gateway_error(&response, 401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);
            assert_eq!(trace.response_type, Some(ResponseType::Unauthorized));
        }
        assert!(!world.called());
    }
}

#[tokio::test]
async fn a_request_authorizer_gets_the_request() {
    let sources = "method.request.header.A,method.request.querystring.q,stageVariables.v,context.httpMethod";
    let mut world =
        world(json!({"type": "REQUEST", "identitySource": sources}), |_| Some(answer(said("Allow", "*"))));
    world.deploy(json!({}), json!({"variables": {"v": "1"}}));
    let mut request = World::request("GET /test/x/7?q=1&q=2");
    request.headers.push(header("A", "yes"));
    assert_eq!(world.send(request).await.0.status, 200);
    let event: Value = serde_json::from_slice(&judged(&world)[0].payload).unwrap();
    assert_eq!(event["type"], "REQUEST");
    assert_eq!(
        (&event["resource"], &event["path"], &event["httpMethod"]),
        (&json!("/x/{id}"), &json!("/x/7"), &json!("GET"))
    );
    assert_eq!(event["multiValueQueryStringParameters"], json!({"q": ["1", "2"]}));
    assert_eq!(
        (&event["pathParameters"], &event["stageVariables"]),
        (&json!({"id": "7"}), &json!({"v": "1"}))
    );
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "203.0.113.9");
    assert!(event.get("body").is_none() && event["requestContext"].get("authorizer").is_none());
    let mut request = World::request("GET /test/y");
    request.headers.push(header("A", "yes"));
    assert_eq!(world.send(request).await.0.status, 401, "the query is an identity source");
}

#[tokio::test]
async fn policies_decide_and_are_kept_over_paths() {
    let only_x = format!("arn:aws:execute-api:us-east-1:{OWNER}:{API}/test/GET/x/*");
    let world = world(json!({}), move |i| {
        let event: Value = serde_json::from_slice(&i.payload).unwrap();
        let effect = if event["authorizationToken"] == "bad" { "Deny" } else { "Allow" };
        Some(answer(said(effect, &only_x)))
    });
    assert_eq!(world.send(bearing("GET /test/x/1", "good")).await.0.status, 200);
    let (response, trace) = world.send(bearing("GET /test/y", "good")).await;
    let body = r#"{"Message":"User is not authorized to access this resource because no identity-based policy allows the execute-api:Invoke action"}"#;
    gateway_error(&response, 403, "AccessDeniedException", body);
    assert!(trace.authorizer.unwrap().cached);
    assert_eq!(judged(&world).len(), 1, "the second answer came from the first");
    let (response, trace) = world.send(bearing("GET /test/x/1", "bad")).await;
    let body = r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
    gateway_error(&response, 403, "AccessDeniedException", body);
    assert!(matches!(trace.why, Some(Why::AuthorizerDenied { explicit: true, .. })));
    let mut later = bearing("GET /test/x/1", "good");
    later.now_ms += 300_000;
    world.send(later).await;
    assert_eq!(judged(&world).len(), 3, "after five minutes the function is asked again");
}

#[tokio::test]
async fn a_function_that_fails_is_500_and_one_that_says_unauthorized_401() {
    let error = |message: &str| {
        Ok(LambdaAnswer {
            payload: Bytes::from(json!({"errorType": "Error", "errorMessage": message}).to_string()),
            function_error: Some("Unhandled".to_owned()),
            ..LambdaAnswer::default()
        })
    };
    let refused = BackendError { kind: BackendErrorKind::AccessDenied, detail: "no".to_owned() };
    for (given, status) in [
        (error("Unauthorized"), 401),
        (error("boom"), 500),
        (Err(refused), 500),
        (answer(json!("text")), 500),
        (answer(with(said("Allow", "*"), json!({"context": {"a": {"b": 1}}}))), 500),
    ] {
        let told = given.clone();
        let world = world(json!({}), move |_| Some(told.clone()));
        let (response, trace) = world.send(bearing("GET /test/y", "t")).await;
        assert_eq!(response.status, status, "{given:?}");
        assert_eq!(judged(&world).len(), 1);
        assert_eq!(world.backend.seen.lock().unwrap().len(), 1, "the integration is not asked");
        if status == 500 {
            gateway_error(&response, 500, "AuthorizerConfigurationException", r#"{"message":null}"#);
            assert!(matches!(trace.why, Some(Why::AuthorizerFailed { .. })));
        }
        world.send(bearing("GET /test/y", "t")).await;
        assert_eq!(judged(&world).len(), 2, "failures are not kept");
    }
}

#[tokio::test]
async fn what_the_api_denies_outright_is_denied_before_the_authorizer_is_asked() {
    let mut world = world(json!({}), |_| Some(answer(said("Allow", "*"))));
    world.deploy(json!({"policy": "{}"}), json!({}));
    world.door.refusal = Some(Refusal { explicit_deny: true, because: None, detail: String::new() });
    assert_eq!(world.send(bearing("GET /test/y", "t")).await.0.status, 403);
    assert!(!world.called());
}

#[tokio::test]
async fn user_pools_take_identity_tokens_without_scopes_and_access_tokens_with_them() {
    let pool = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_x";
    let plain = json!({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "pool01"});
    let scoped = with(plain.clone(), json!({"authorizationScopes": ["api/read", "api/write"]}));
    let mut world =
        World::new(&[("GET /id", with(lambda(), plain)), ("GET /scoped", with(lambda(), scoped))]);
    world.authorizers = json!({"pool01": {"id": "pool01", "name": "pool", "type": "COGNITO_USER_POOLS",
        "providerARNs": [pool], "identitySource": "method.request.header.Authorization"}});
    world.deploy(json!({}), json!({}));
    let id = json!({"token_use": "id", "sub": "s", "aud": "client", "exp": 7});
    let access = |scope: &str| json!({"token_use": "access", "scope": scope, "client_id": "client"});
    for (path, token, status) in [
        ("id", id.to_string(), 200),
        ("id", format!("Bearer {id}"), 200),
        ("id", access("api/read").to_string(), 401),
        ("scoped", access("openid api/read").to_string(), 200),
        ("scoped", access("openid").to_string(), 401),
        ("scoped", id.to_string(), 401),
        ("id", "nonsense".to_owned(), 401),
        ("id", String::new(), 401),
    ] {
        let (response, _) = world.send(bearing(&format!("GET /test/{path}"), &token)).await;
        assert_eq!(response.status, status, "{path} {token}");
    }
    let (response, _) = world.send(bearing("GET /test/id", "expired")).await;
    gateway_error(&response, 401, "UnauthorizedException", r#"{"message":"The incoming token has expired"}"#);
    world.send(bearing("GET /test/id", &id.to_string())).await;
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    let claims = json!({"token_use": "id", "sub": "s", "aud": "client", "exp": "7"});
    assert_eq!(event["requestContext"]["authorizer"], json!({"claims": claims}));
}
