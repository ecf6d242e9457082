//! What an API's owner configures: mapping expressions, selection patterns, templates, URIs. Each line of the input is
//! one of them, the last is the target of the request that is made.
#![no_main]

mod gateway;

use std::sync::LazyLock;

use gateway::{World, headers};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static API: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (to, from, out, answer, pattern, template, uri, target) =
        (next(), next(), next(), next(), next(), next(), next(), next());
    let method = json!({
        "methodResponses": {"200": {"statusCode": "200"}, "404": {"statusCode": "404"}},
        "methodIntegration": {"type": "HTTP", "httpMethod": "POST", "timeoutInMillis": 29000,
            "passthroughBehavior": "WHEN_NO_MATCH", "uri": uri, "requestParameters": {to: from},
            "requestTemplates": {"application/json": template},
            "integrationResponses": {
                "a": {"statusCode": "404", "selectionPattern": pattern},
                "b": {"statusCode": "200", "responseParameters": {out: answer}}}}});
    API.deploy(&[("/x/{id}", "ANY", method)]);
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return;
    }
    let headers = headers("X-H: v\nContent-Type: application/json");
    API.call("POST", &format!("/test/x/{target}"), headers, bytes::Bytes::from_static(b"{\"a\": {\"b\": \"c\\r\\nd\"}}"));
});
