//! Canaries, and the response cache.

use super::*;

/// Answers with the number of its calls.
fn counting(methods: &[(&str, Value)]) -> World {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    World::answering(methods, move |_| {
        let n = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(answer(json!({"statusCode": 200, "body": n.to_string()})))
    })
}

async fn body(world: &World, line: &str, control: Option<&str>) -> (String, ClientResponse) {
    let mut request = World::request(line);
    request.headers.extend(control.map(|c| header("Cache-Control", c)));
    let (response, _) = world.send(request).await;
    (String::from_utf8(response.body.to_vec()).unwrap(), response)
}

fn cached(setting: Value) -> Value {
    let base = json!({"cachingEnabled": true, "cacheTtlInSeconds": 60});
    json!({"cacheClusterEnabled": true, "methodSettings": {"*/*": with(base, setting)}})
}

#[tokio::test]
async fn a_canary_gets_its_share_of_the_calls_and_variables_of_its_own() {
    let mut world = World::new(&[("GET /x", lambda())]);
    let canary = |percent: f64| {
        json!({"variables": {"v": "stage"}, "canarySettings": {"deploymentId": "dep123",
            "percentTraffic": percent, "stageVariableOverrides": {"v": "canary"}}})
    };
    for (percent, range) in [(0.0, 0..=0), (30.0, 200..=400), (100.0, 1000..=1000)] {
        world.deploy(json!({}), canary(percent));
        let mut hits = 0;
        for _ in 0..1000 {
            world.call("GET /test/x").await;
            let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
            hits += usize::from(event["stageVariables"]["v"] == "canary");
        }
        assert!(range.contains(&hits), "{percent}: {hits}");
    }
}

#[tokio::test]
async fn responses_are_kept_by_their_key_parameters_for_their_time() {
    let keyed = json!({"methodIntegration": {"cacheKeyParameters": ["method.request.querystring.type"]}});
    let mut world = counting(&[("GET /x", with(lambda(), keyed)), ("POST /x", lambda())]);
    assert_ne!(body(&world, "GET /test/x", None).await.0, body(&world, "GET /test/x", None).await.0);
    world.deploy(json!({}), cached(json!({})));
    let first = body(&world, "GET /test/x?type=a", None).await.0;
    assert_eq!(body(&world, "GET /test/x?type=a&other=1", None).await.0, first);
    assert_ne!(body(&world, "GET /test/x?type=b", None).await.0, first);
    let posted = body(&world, "POST /test/x", None).await.0;
    assert_ne!(body(&world, "POST /test/x", None).await.0, posted, "GET alone is cached by `*/*`");
    let mut later = World::request("GET /test/x?type=a");
    later.now_ms += 60_000;
    assert_ne!(world.send(later).await.0.body, first);
    world.deploy(json!({}), with(cached(json!({})), json!({"cacheClusterEnabled": false})));
    assert_ne!(
        body(&world, "GET /test/x?type=a", None).await.0,
        first,
        "without a cluster nothing is cached"
    );
}

#[tokio::test]
async fn invalidating_needs_its_permission() {
    let mut world = counting(&[("GET /x", lambda())]);
    world.deploy(json!({}), cached(json!({})));
    let first = body(&world, "GET /test/x", None).await.0;
    let second = body(&world, "GET /test/x", Some("no-cache, max-age=0")).await.0;
    assert_ne!(first, second, "who may invalidate does");
    assert_eq!(body(&world, "GET /test/x", None).await.0, second, "and the new response is kept");
    let asked = world.door.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [format!("execute-api:InvalidateCache arn:aws:execute-api:us-east-1:{OWNER}:{API}/test/GET/x")]
    );

    world.door.refusal = Some(Refusal { explicit_deny: false, because: None, detail: String::new() });
    for (strategy, status, warned) in [
        ("SUCCEED_WITH_RESPONSE_HEADER", 200, true),
        ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, false),
        ("FAIL_WITH_403", 403, false),
    ] {
        world.deploy(json!({}), cached(json!({"unauthorizedCacheControlHeaderStrategy": strategy})));
        let (text, response) = body(&world, "GET /test/x", Some("max-age=0")).await;
        assert_eq!((response.status, response.header("warning").is_some()), (status, warned), "{strategy}");
        assert!(status == 403 || text == second);
    }
    world.deploy(json!({}), cached(json!({"requireAuthorizationForCacheControl": false})));
    assert_ne!(body(&world, "GET /test/x", Some("max-age=0")).await.0, second);
}
