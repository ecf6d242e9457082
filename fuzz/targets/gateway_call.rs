//! Calls to a deployed API: routing, decoding, events, compression, and what is mapped of a request. The input is a
//! request: its line, its headers, an empty line, its body.
#![no_main]

mod gateway;

use std::sync::LazyLock;

use gateway::{World, headers};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static API: LazyLock<World> = LazyLock::new(|| {
    let world = World::new();
    let proxy = json!({"methodIntegration": {"type": "AWS_PROXY", "httpMethod": "POST", "timeoutInMillis": 29000,
        "passthroughBehavior": "WHEN_NO_MATCH",
        "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:444455556666:function:users/invocations"}});
    let http = json!({"methodIntegration": {"type": "HTTP_PROXY", "httpMethod": "ANY", "timeoutInMillis": 29000,
        "passthroughBehavior": "WHEN_NO_MATCH", "uri": "http://${stageVariables.host}/a/{id}?b={id}",
        "requestParameters": {"integration.request.path.id": "method.request.path.id",
            "integration.request.header.x-q": "method.request.querystring.q",
            "integration.request.querystring.all": "method.request.multivaluequerystring.q"}}});
    let responses = json!({"200": {"statusCode": "200", "responseParameters": {}}});
    let mock = json!({"methodResponses": responses, "methodIntegration": {"type": "MOCK",
        "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
        "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
        "integrationResponses": {"200": {"statusCode": "200",
            "responseParameters": {
                "method.response.header.x-q": "method.request.querystring.q",
                "method.response.header.x-h": "method.request.header.x-h",
                "method.response.header.x-b": "method.request.body.a.b",
                "method.response.header.x-p": "method.request.path.proxy"},
            "responseTemplates": {"application/json":
                "#set($context.responseOverride.header.x-o = $input.params('o'))$input.params() $input.json('$') $context.path"}}}}});
    world.deploy(&[
        ("/", "ANY", proxy.clone()),
        ("/users", "GET", proxy.clone()),
        ("/users/{id}", "GET", http.clone()),
        ("/users/{id}/x", "ANY", proxy.clone()),
        ("/{a}/users/{id}", "POST", http),
        ("/{a}/{b}/{c}", "GET", proxy),
        ("/m/{proxy+}", "ANY", mock),
    ]);
    world
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (line, rest) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    // The listener lets no others through.
    if !method.bytes().all(|b| b.is_ascii_uppercase()) || !target.bytes().all(|b| b.is_ascii_graphic()) {
        return;
    }
    API.call(method, target, headers(rest), bytes::Bytes::copy_from_slice(body.as_bytes()));
});
