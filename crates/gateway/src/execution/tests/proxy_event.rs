//! The event, against recording test_lambda_aws_proxy_integration (names of its entries in the tests).

use super::*;

async fn event(world: &World, request: ClientRequest) -> Value {
    world.send(request).await;
    serde_json::from_slice(&world.invocation().payload).unwrap()
}

fn recorded(line: &str) -> ClientRequest {
    let mut request = World::request(line);
    request.headers = vec![
        header("host", "a1b2c3d4e5.execute-api.us-east-1.localhost:4566"),
        header("Accept-Encoding", "gzip, deflate"),
        header("Accept", "*/*"),
        header("Connection", "keep-alive"),
        header("tEsT-HEADeR", "aValUE"),
        header("authorization", "random-value"),
        header("user-agent", "python-requests/testing"),
        header("Content-Length", "0"),
        header("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
    ];
    request
}

fn world() -> World {
    World::new(&[("ANY /{proxy+}", lambda()), ("ANY /hardcoded", lambda())])
}

#[tokio::test]
async fn every_key_of_the_recording_is_there() {
    let event = event(&world(), recorded("GET /test/test-path")).await;
    let headers = json!({
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Authorization": "random-value",
        "Host": "a1b2c3d4e5.execute-api.us-east-1.localhost:4566",
        "User-Agent": "python-requests/testing",
        "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Port": "4566",
        "X-Forwarded-Proto": "http",
        "tEsT-HEADeR": "aValUE",
    });
    let multi: Value = headers
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), json!([v])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let expected = json!({
        "body": null,
        "headers": headers,
        "httpMethod": "GET",
        "isBase64Encoded": false,
        "multiValueHeaders": multi,
        "multiValueQueryStringParameters": null,
        "path": "/test-path",
        "pathParameters": {"proxy": "test-path"},
        "queryStringParameters": null,
        "requestContext": {
            "accountId": OWNER,
            "apiId": API,
            "deploymentId": "dep123",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.localhost",
            "domainPrefix": API,
            "extendedRequestId": "K2G9wEbUoAMEvag=",
            "httpMethod": "GET",
            "identity": {
                "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                "principalOrgId": null, "sourceIp": "203.0.113.9", "user": null,
                "userAgent": "python-requests/testing", "userArn": null,
            },
            "path": "/test/test-path",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "19/Aug/2025:17:04:50 +0000",
            "requestTimeEpoch": 1_755_623_090_123_i64,
            "resourceId": "res000",
            "resourcePath": "/{proxy+}",
            "stage": "test",
        },
        "resource": "/{proxy+}",
        "stageVariables": null,
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn paths_are_those_of_the_recording() {
    for (request, path, proxy, context) in [
        // invocation-payload-without-trailing-slash
        ("/test/test-path", "/test-path", Some("test-path"), "/test/test-path"),
        // invocation-payload-with-trailing-slash
        ("/test/test-path/", "/test-path/", Some("test-path"), "/test/test-path/"),
        // invocation-payload-with-path-encoded-email
        (
            "/test/test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "/test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            Some("test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com"),
            "/test/test-path/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
        ),
        // double slashes: behind the stage, before it, and inside the path
        ("/test//proxy-value", "/proxy-value", Some("proxy-value"), "/test//proxy-value"),
        ("//test/proxy-value", "/proxy-value", Some("proxy-value"), "/test/proxy-value"),
        ("/test/a//b", "/a//b", Some("a//b"), "/test/a//b"),
        // invocation-hardcoded
        ("/test//hardcoded", "/hardcoded", None, "/test//hardcoded"),
    ] {
        let event = event(&world(), World::request(&format!("GET {request}"))).await;
        let parameters = proxy.map_or(Value::Null, |p| json!({"proxy": p}));
        assert_eq!(
            (&event["path"], &event["pathParameters"], &event["requestContext"]["path"]),
            (&json!(path), &parameters, &json!(context)),
            "{request}"
        );
    }
}

#[tokio::test]
async fn the_query_is_decoded() {
    // invocation-payload-with-params-encoding
    let event = event(
        &world(),
        World::request(
            "GET /test/test-path/api?dateTimeOffset=2023-06-12T18:05:10.123456+00:00&email=test%2Balias@gmail.com&\
             plus=test+alias@gmail.com&url=https://www.google.com/&whitespace=foo%20bar&zhash=abort/&empty",
        ),
    )
    .await;
    assert_eq!(
        event["queryStringParameters"],
        json!({
            "dateTimeOffset": "2023-06-12T18:05:10.123456 00:00", "email": "test+alias@gmail.com",
            "plus": "test alias@gmail.com", "url": "https://www.google.com/", "whitespace": "foo bar",
            "zhash": "abort/", "empty": "",
        })
    );
}

#[tokio::test]
async fn one_value_is_the_last_and_many_are_all() {
    // invocation-payload-with-params-encoding-multi
    let mut request =
        World::request("POST /test/test-path?category=electronics&category=books&price=10&price=20&price=30");
    request.body = Bytes::from_static(b"{\"message\": \"hello world\"}");
    request.headers = vec![header("X-Many", "1"), header("x-many", "2")];
    let event = event(&world(), request).await;
    assert_eq!(event["queryStringParameters"], json!({"category": "books", "price": "30"}));
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({"category": ["electronics", "books"], "price": ["10", "20", "30"]})
    );
    assert_eq!(
        (&event["headers"]["X-Many"], &event["multiValueHeaders"]["X-Many"]),
        (&json!("2"), &json!(["1", "2"]))
    );
    assert_eq!(event["body"], json!("{\"message\": \"hello world\"}"));
}

#[tokio::test]
async fn binary_media_types_send_base64() {
    let mut world = world();
    world.deploy(json!({"binaryMediaTypes": ["image/png"]}), json!({}));
    for (content_type, body, base64) in [("image/png", "iVA=", true), ("text/plain", "\u{fffd}P", false)] {
        let mut request = World::request("POST /test/x");
        request.headers = vec![header("Content-Type", content_type)];
        request.body = Bytes::from_static(b"\x89P");
        let event = event(&world, request).await;
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(body), &json!(base64)));
    }
}

#[tokio::test]
async fn stage_variables_are_in_the_event_and_fill_the_uri() {
    let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
               arn:aws:lambda:us-east-1:444455556666:function:${stageVariables.fn}:live/invocations";
    let mut world = World::new(&[("GET /x", with(lambda(), json!({"methodIntegration": {"uri": uri}})))]);
    world.deploy(json!({}), json!({"variables": {"fn": "users"}}));
    let event = event(&world, World::request("GET /test/x")).await;
    assert_eq!(event["stageVariables"], json!({"fn": "users"}));
    assert_eq!(world.invocation().function_arn, "arn:aws:lambda:us-east-1:444455556666:function:users:live");
}

#[tokio::test]
async fn a_forwarded_client_keeps_its_chain() {
    let mut request = World::request("GET /test/x");
    request.headers = vec![header("x-forwarded-for", "198.51.100.1")];
    let event = event(&world(), request).await;
    assert_eq!(event["multiValueHeaders"]["X-Forwarded-For"], json!(["198.51.100.1, 203.0.113.9"]));
}
