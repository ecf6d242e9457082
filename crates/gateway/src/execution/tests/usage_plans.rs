//! Keys, their plans' limits, and the stage's own.

use super::*;

const VALUE: &str = "secret-value-of-the-key";

fn world(plan: Value) -> World {
    let method = with(lambda(), json!({"apiKeyRequired": true}));
    let world = World::new(&[("GET /x", method.clone()), ("GET /y", method)]);
    let place = format!("{OWNER}/us-east-1");
    let base = json!({"id": "plan01", "name": "p", "apiStages": [{"apiId": API, "stage": "test"}]});
    let key = json!({"id": "key0000001", "value": VALUE, "enabled": true, "createdDate": 0.0, "lastUpdatedDate": 0.0});
    world
        .store
        .write(|w| {
            w.put("apiKeys", &format!("{place}/key0000001"), &key)?;
            w.put("apiKeyValues", &format!("{place}/{VALUE}"), &json!("key0000001"))?;
            w.put("usagePlans", &format!("{place}/plan01"), &with(base, plan))?;
            w.put("usagePlanKeys", &format!("{place}/plan01/key0000001"), &json!(true))
        })
        .unwrap();
    world
}

async fn status(world: &World, path: &str, later_ms: i64) -> u16 {
    let mut request = World::request(&format!("GET /test{path}"));
    request.headers.push(header("x-api-key", VALUE));
    request.now_ms += later_ms;
    world.send(request).await.0.status
}

#[tokio::test]
async fn a_plan_throttles_each_key_and_each_method() {
    let world = world(json!({"throttle": {"burstLimit": 3, "rateLimit": 1.0}, "apiStages": [
        {"apiId": API, "stage": "test", "throttle": {"/x/GET": {"burstLimit": 1, "rateLimit": 1.0}}}]}));
    assert_eq!(status(&world, "/x", 0).await, 200);
    assert_eq!(status(&world, "/x", 0).await, 429, "the method's own limit");
    assert_eq!([status(&world, "/y", 0).await, status(&world, "/y", 0).await], [200, 200]);
    let mut request = World::request("GET /test/y");
    request.headers.push(header("x-api-key", VALUE));
    let (response, trace) = world.send(request).await;
    gateway_error(&response, 429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#);
    assert_eq!(trace.response_type, Some(ResponseType::Throttled));
    assert_eq!(status(&world, "/y", 1000).await, 200);
}

#[tokio::test]
async fn a_quota_is_used_up_and_begins_anew() {
    let world = world(json!({"quota": {"limit": 2, "offset": 0, "period": "DAY"}}));
    assert_eq!([status(&world, "/x", 0).await, status(&world, "/y", 0).await], [200, 200]);
    let mut request = World::request("GET /test/y");
    request.headers.push(header("x-api-key", VALUE));
    let (response, trace) = world.send(request).await;
    gateway_error(&response, 429, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#);
    assert_eq!(trace.response_type, Some(ResponseType::QuotaExceeded));
    assert!(matches!(trace.why, Some(Why::QuotaExceeded { .. })));
    assert_eq!(status(&world, "/x", 86_400_000).await, 200);
}

#[tokio::test]
async fn the_stage_throttles_methods_and_minus_one_is_no_limit() {
    let mut world = World::new(&[("GET /x", lambda()), ("GET /y", lambda())]);
    let x = json!({"throttlingRateLimit": 1.0, "throttlingBurstLimit": 2});
    let y = json!({"throttlingRateLimit": -1.0, "throttlingBurstLimit": -1});
    world.deploy(json!({}), json!({"methodSettings": {"x/GET": x, "y/GET": y}}));
    let mut got = Vec::new();
    for path in ["x", "x", "x", "y", "y", "y"] {
        got.push(world.call(&format!("GET /test/{path}")).await.0.status);
    }
    assert_eq!(got, [200, 200, 429, 200, 200, 200]);
}
