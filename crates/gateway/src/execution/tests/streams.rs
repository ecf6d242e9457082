//! Answers that are passed on as they come. Time is the test's own.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

fn streamed(more: Value) -> Value {
    let uri = format!(
        "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/{FUNCTION}/response-streaming-invocations"
    );
    let members = json!({"uri": uri, "responseTransferMode": "STREAM", "timeoutInMillis": 900_000});
    with(lambda(), json!({"methodIntegration": with(members, more)}))
}

fn world(more: Value, writes: &[(u64, Result<&str, Cut>)]) -> World {
    let mut world = World::new(&[("GET /x", streamed(more))]);
    *world.backend.writes.lock().unwrap() = writes
        .iter()
        .map(|(wait, piece)| (*wait, piece.clone().map(|p| Bytes::from(p.to_owned()))))
        .collect();
    let log = json!({"destinationArn": format!("arn:aws:logs:us-east-1:{OWNER}:log-group:a"), "format":
        "$context.status $context.responseLength $context.integration.responseTransferMode \
         $context.integration.timeToAllHeaders $context.integration.timeToFirstContent $context.integration.latency"});
    let stage = json!({"methodSettings": {"*/*": {"loggingLevel": "INFO"}}, "accessLogSettings": log});
    world.deploy(json!({"minimumCompressionSize": 0}), stage);
    world
}

const HEAD: &str = "{\"statusCode\":201,\"headers\":{\"X-A\":\"b\"},\"multiValueHeaders\":{\"X-M\":[\"1\",\"2\"]},\
                    \"cookies\":[\"c=d\",\"e=f\"]}\0\0\0\0\0\0\0\0";

#[tokio::test(start_paused = true)]
async fn the_head_is_the_metadata_and_the_body_follows_as_it_is_written() {
    let world = world(json!({}), &[(100, Ok(HEAD)), (50, Ok("one")), (250, Ok("two"))]);
    let (head, body, broken, trace) = world.stream("GET /test/x").await;
    assert_eq!((head.status, head.body.len(), broken), (201, 0, false));
    assert_eq!((head.header("x-a"), head.header("content-type")), (Some("b"), Some("application/json")));
    let all =
        |name: &str| head.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).count();
    assert_eq!((all("set-cookie"), all("x-m"), all("x-amzn-requestid")), (2, 2, 1));
    assert!(head.header("x-amzn-trace-id").is_some() && head.header("content-encoding").is_none());
    assert_eq!(body, ["one", "two"]);
    let facts = trace.stream.unwrap();
    assert_eq!((facts.bytes, facts.headers_ms, facts.first_content_ms), (6, 100, Some(150)));
    assert!(facts.complete && trace.why.is_none());
    // The event is the one of answers that are not streamed.
    let event: Value = serde_json::from_slice(&world.invocation().payload).unwrap();
    assert_eq!(event["requestContext"]["stage"], "test");
    let log = world.log();
    let end = |i: usize| log[log.len() - i].rsplit(") ").next().unwrap();
    assert_eq!((end(4), end(3)), ("Successfully completed execution", "Method completed with status: 201"));
    assert!(end(2).starts_with("AWS Integration Endpoint RequestId : "));
    assert_eq!(end(1), "201 6 STREAMED 100 150 400");
}

#[tokio::test]
async fn an_answer_of_another_format_is_a_500() {
    for (writes, reason) in [
        (r#"{"statusCode": 200, "body": "buffered"}"#, "without a delimiter"),
        ("{\"statusCode\":200,\"body\":\"x\"}\0\0\0\0\0\0\0\0", "`body` is not one of"),
        ("{\"statusCode\":\"no\"}\0\0\0\0\0\0\0\0", "`statusCode` is a string"),
        ("{\"cookies\":\"a\"}\0\0\0\0\0\0\0\0", "`cookies` is a string"),
        ("", "it is empty"),
    ] {
        let world = world(json!({}), &[(0, Ok(writes))]);
        let (response, trace) = world.call("GET /test/x").await;
        gateway_error(
            &response,
            500,
            "InternalServerErrorException",
            r#"{"message": "Internal server error"}"#,
        );
        match trace.why {
            Some(Why::MalformedStream { reason: told, .. }) => assert!(told.contains(reason), "{told}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_function_that_fails_before_its_metadata_is_a_502_and_in_the_middle_breaks_off() {
    let payload = Bytes::from_static(br#"{"errorType":"TypeError","errorMessage":"no"}"#);
    let cut = || Cut::Function { kind: "Unhandled".to_owned(), payload: payload.clone() };
    let (response, trace) = world(json!({}), &[(0, Err(cut()))]).call("GET /test/x").await;
    assert_eq!(response.status, 502);
    assert!(matches!(trace.why, Some(Why::FunctionError { .. })));
    let world = world(json!({}), &[(0, Ok("{}\0\0\0\0\0\0\0\0one")), (0, Err(cut()))]);
    let (head, body, broken, trace) = world.stream("GET /test/x").await;
    assert_eq!((head.status, body, broken), (200, vec![Bytes::from_static(b"one")], true));
    assert!(matches!(trace.why, Some(Why::FunctionError { .. })) && !trace.stream.unwrap().complete);
    let log = world.log().join("\n");
    assert!(log.contains("due to customer function error: no. Lambda request id: 20a0cc6d"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn the_integrations_time_out_and_a_long_pause_break_it_off() {
    // Edge-optimized: 30 seconds without a byte.
    let late = [(0, Ok("{}\0\0\0\0\0\0\0\0a")), (29_000, Ok("b")), (31_000, Ok("c"))];
    let (_, body, broken, trace) = world(json!({}), &late).stream("GET /test/x").await;
    assert_eq!((body.concat(), broken), (b"ab".to_vec(), true));
    assert_eq!(trace.why, Some(Why::StreamIdle { after_ms: 30_000 }));
    let (_, body, broken, trace) =
        world(json!({"timeoutInMillis": 40_000}), &[late[0].clone(), late[1].clone(), (15_000, Ok("c"))])
            .stream("GET /test/x")
            .await;
    assert_eq!((body.concat(), broken), (b"ab".to_vec(), true));
    assert_eq!(trace.why, Some(Why::Timeout { after_ms: 40_000 }));
    // Before the metadata it is a gateway response.
    let (response, _) =
        world(json!({"timeoutInMillis": 1000}), &[(2000, Ok("{}"))]).call("GET /test/x").await;
    assert_eq!(response.status, 504);
}

#[tokio::test(start_paused = true)]
async fn ten_megabytes_are_free_and_the_rest_comes_at_two_in_a_second() {
    let mut writes = vec![(0, Ok("{}\0\0\0\0\0\0\0\0".to_owned()))];
    writes.extend((0..14).map(|_| (0, Ok("x".repeat(1 << 20)))));
    let writes: Vec<_> = writes
        .iter()
        .map(|(w, p): &(u64, Result<String, Cut>)| (*w, p.as_deref().map_err(Clone::clone)))
        .collect();
    let world = world(json!({}), &writes);
    let began = Instant::now();
    let (_, body, broken, _) = world.stream("GET /test/x").await;
    assert_eq!((body.len(), broken), (14, false));
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test]
async fn an_http_endpoints_answer_is_passed_on_as_it_is() {
    let http = json!({"methodIntegration": {
        "type": "HTTP_PROXY", "httpMethod": "GET", "uri": "http://localhost/x", "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000, "responseTransferMode": "STREAM",
    }});
    let mut world = World::new(&[("GET /x", http)]);
    world.deploy(json!({}), json!({}));
    let (head, body, broken, trace) = world.stream("GET /test/x").await;
    assert_eq!((head.status, broken, body.concat()), (200, false, b"GET http://localhost/x".to_vec()));
    assert_eq!(trace.stream.unwrap().bytes, 22);
}

#[tokio::test]
async fn the_uri_and_the_mode_must_fit() {
    for method in [
        with(lambda(), json!({"methodIntegration": {"responseTransferMode": "STREAM"}})),
        streamed(json!({"responseTransferMode": "BUFFERED"})),
    ] {
        let mut world = World::new(&[("GET /x", method)]);
        world.deploy(json!({}), json!({}));
        let (response, trace) = world.call("GET /test/x").await;
        assert_eq!(response.status, 500);
        assert!(
            matches!(trace.why, Some(Why::Configuration { detail }) if detail.contains("responseTransferMode"))
        );
    }
}
