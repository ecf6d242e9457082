//! What is found, what is not, and what the trace says of it.

use super::*;

const MISSING: &str = r#"{"message":"Missing Authentication Token"}"#;
const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

#[track_caller]
fn missing(response: &ClientResponse) {
    gateway_error(response, 403, "MissingAuthenticationTokenException", MISSING);
}

#[tokio::test]
async fn an_unknown_api_is_forbidden() {
    let world = World::new(&[("GET /x", lambda())]);
    let mut request = World::request("GET /test/x");
    request.api_id = "nosuchapi0".to_owned();
    let (response, trace) = world.send(request).await;
    gateway_error(&response, 403, "ForbiddenException", FORBIDDEN);
    assert_eq!(trace.why, Some(Why::NoSuchApi));
}

#[tokio::test]
async fn an_unknown_stage_is_forbidden_and_the_nearest_is_named() {
    let world = World::new(&[("GET /x", lambda())]);
    let (response, trace) = world.call("GET /tset/x").await;
    gateway_error(&response, 403, "ForbiddenException", FORBIDDEN);
    assert_eq!(
        trace.why,
        Some(Why::NoSuchStage {
            stage: "tset".to_owned(),
            nearest: Some("test".to_owned()),
            stages: vec!["test".to_owned()],
            deployments: 1
        })
    );
}

#[tokio::test]
async fn an_unknown_path_misses_a_token_and_the_nearest_is_named() {
    let world = World::new(&[("GET /users", lambda()), ("GET /orders", lambda())]);
    let (response, trace) = world.call("GET /test/user").await;
    missing(&response);
    assert_eq!(
        trace.why,
        Some(Why::NoRoute {
            path: "/user".to_owned(),
            method: "GET".to_owned(),
            matched: None,
            nearest: Some("/users".to_owned())
        })
    );
}

#[tokio::test]
async fn a_method_that_is_not_configured_misses_a_token_and_the_configured_ones_are_named() {
    let world = World::new(&[("GET /users", lambda()), ("PUT /users", lambda())]);
    let (response, trace) = world.call("POST /test/users").await;
    missing(&response);
    let Some(Why::NoRoute { matched: Some((path, methods)), .. }) = trace.why else { panic!("{trace:?}") };
    assert_eq!((path.as_str(), methods), ("/users", vec!["GET".to_owned(), "PUT".to_owned()]));
}

#[tokio::test]
async fn a_stage_serves_the_deployment_and_not_the_present_resources() {
    let mut world = World::new(&[("GET /users", lambda())]);
    world.add("POST /users", lambda());
    let (response, trace) = world.call("POST /test/users").await;
    missing(&response);
    assert_eq!(
        trace.why,
        Some(Why::NotDeployed {
            path: "/users".to_owned(),
            method: "POST".to_owned(),
            resource_path: "/users".to_owned(),
            changes_since: 1
        })
    );
    assert_eq!(trace.changes_since_deployment, Some(1));
    world.deploy(json!({}), json!({}));
    let (response, trace) = world.call("POST /test/users").await;
    assert_eq!((response.status, trace.why), (200, None));
}

#[tokio::test]
async fn a_stage_whose_deployment_is_gone_says_so() {
    let world = World::new(&[("GET /x", lambda())]);
    world.store.write(|w| w.delete("snapshots", &format!("{API}/dep123"))).unwrap();
    // The stage was not in the cache yet.
    let (response, trace) = world.call("GET /test/x").await;
    assert_eq!(response.status, 500);
    assert!(matches!(trace.why, Some(Why::DeploymentUnreadable { .. })), "{trace:?}");
}

#[tokio::test]
async fn a_switched_off_endpoint_is_forbidden() {
    let mut world = World::new(&[("GET /x", lambda())]);
    world.deploy(json!({"disableExecuteApiEndpoint": true}), json!({}));
    let (response, trace) = world.call("GET /test/x").await;
    gateway_error(&response, 403, "ForbiddenException", FORBIDDEN);
    assert_eq!(trace.why, Some(Why::EndpointDisabled));
}

#[tokio::test]
async fn the_trace_names_what_was_called() {
    let world = World::new(&[("ANY /users/{id}", lambda())]);
    let (_, trace) = world.call("GET /test/users/7").await;
    let route = trace.route.unwrap();
    assert_eq!(
        (route.resource_path.as_str(), route.configured_method.as_str(), route.integration_type.as_str()),
        ("/users/{id}", "ANY", "AWS_PROXY")
    );
    assert_eq!(trace.deployment.unwrap().account, OWNER);
    assert_eq!(trace.function_arn.as_deref(), Some(FUNCTION));
    assert!(trace.integration_latency_ms.is_some());
}
