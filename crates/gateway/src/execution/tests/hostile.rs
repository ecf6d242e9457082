//! What is meant to take time, memory or another's answer: each call ends soon, with an answer that says what was met.

use std::time::{Duration, Instant};

use super::mock::{mock, why};
use super::*;

/// One call must be over by then on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn failing_with(message: &str, pattern: &str) -> World {
    let mapped = json!({
        "methodResponses": {"200": {"statusCode": "200"}, "400": {"statusCode": "400"}},
        "methodIntegration": {"type": "AWS", "integrationResponses": {
            "200": {"statusCode": "200"},
            "400": {"statusCode": "400", "selectionPattern": pattern},
        }},
    });
    let message = message.to_owned();
    let world = World::answering(&[("POST /x", with(lambda(), mapped))], move |_| {
        let mut answer = answer(json!({"errorMessage": message})).unwrap();
        answer.function_error = Some("Unhandled".to_owned());
        Some(Ok(answer))
    });
    world.logging("ERROR")
}

#[tokio::test]
async fn selection_patterns_that_go_back_for_ever_elsewhere() {
    let long = "a".repeat(200_000);
    for pattern in ["(a+)+b", "(a*)*b", "(a|a)*b", "(.*a){12}b", "(a|aa)+$b"] {
        let world = failing_with(&long, pattern);
        let began = Instant::now();
        let (response, _) = world.call("POST /test/x").await;
        assert_eq!(response.status, 200, "{pattern} matches nothing, the default answers");
        assert!(began.elapsed() < SOON, "{pattern}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_selection_pattern_that_would_fill_the_memory_is_refused() {
    let world = failing_with("a", "((a{1000}){1000}){1000}");
    let began = Instant::now();
    let (response, trace) = world.call("POST /test/x").await;
    assert_eq!(response.status, 500);
    assert!(why(&trace).contains("selection pattern"), "{}", why(&trace));
    assert!(world.log()[0].contains("selection pattern"), "{:?}", world.log());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test]
async fn template_bombs_end_with_500_and_the_reason_in_the_log() {
    let each = "#foreach($i in [1..1000])";
    let loops = format!("{}x{}", each.repeat(3), "#end".repeat(3));
    let double = "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..100])#set($s = $s + $s)#end";
    for (template, reason) in [
        (&*loops, "steps"),
        ("#set($r = [1..2000000000])", "steps"),
        ("#macro(m)#m()#end#m()", "nested more than 20 levels"),
        ("#evaluate($input.body)", "nested more than 20 levels"),
        (double, "bytes"),
        ("#set($s = 'x')$s.repeat(2000000000)", "bytes"),
    ] {
        let mut method = mock(json!({}));
        method["methodIntegration"]["requestTemplates"] = json!({"application/json": template});
        let world = World::new(&[("POST /x", method)]).logging("ERROR");
        let mut request = World::request("POST /test/x");
        request.body = Bytes::from_static(b"#evaluate($input.body)");
        let began = Instant::now();
        let (response, trace) = world.send(request).await;
        assert_eq!((response.status, response.body.len()), (500, 36), "{template}");
        assert!(why(&trace).contains(reason), "{template}: {}", why(&trace));
        assert!(world.log()[0].contains(reason), "{template}: {:?}", world.log());
        assert!(began.elapsed() < SOON, "{template}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_header_that_holds_a_line_break_is_not_sent() {
    let mut method = mock(json!({}));
    method["methodIntegration"]["integrationResponses"] = json!({"200": {
        "statusCode": "200",
        "responseParameters": {
            "method.response.header.x-query": "method.request.querystring.v",
            "method.response.header.x-body": "method.request.body.v",
            "method.response.header.x-stage": "stageVariables.v",
            "method.response.header.x-plain": "method.request.querystring.plain",
        },
        "responseTemplates": {"application/json":
            "#set($context.responseOverride.header.x-made = $input.path('$.v'))#set($context.responseOverride.header['x-a
    b'] = 'x')"},
    }});
    let mut world = World::new(&[("POST /x", method)]);
    world.deploy(json!({}), json!({"variables": {"v": "a\r\nx-injected: 1"}}));
    let mut request = World::request("POST /test/x?v=a%0d%0ax-injected:%201&plain=p");
    request.body = Bytes::from_static(br#"{"v": "a\r\nx-injected: 1"}"#);
    let (response, _) = world.send(request).await;
    assert_eq!((response.status, response.header("x-plain")), (200, Some("p")));
    for (name, value) in &response.headers {
        let bytes = || name.iter().chain(value);
        assert!(!bytes().any(|b| matches!(b, b'\r' | b'\n')), "{name:?}: {value:?}");
    }
    for name in ["x-query", "x-body", "x-stage", "x-made", "x-injected"] {
        assert_eq!(response.header(name), None, "{name}");
    }
}

/// 1 GB of zeros: one member of a gzip file again and again.
#[tokio::test]
async fn a_body_that_unfolds_to_more_than_10_mb_is_refused_without_unfolding_all_of_it() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = Bytes::from(encoder.finish().unwrap().repeat(1024));
    assert!(bomb.len() < MAX_BODY, "{}", bomb.len());
    let began = Instant::now();
    let mut world = World::new(&[("POST /x", lambda())]);
    world.deploy(json!({"minimumCompressionSize": 0}), json!({}));
    let mut request = World::request("POST /test/x");
    request.headers = vec![header("Content-Encoding", "gzip")];
    request.body = bomb;
    let (response, trace) = world.send(request).await;
    assert_eq!(response.status, 413);
    assert_eq!(trace.why, Some(Why::BodyTooLarge));
    assert!(!world.called());
    assert!(began.elapsed() < SOON * 2, "{:?}", began.elapsed());
}

/// The parser's bound holds wherever a body is read as JSON; a function gets it as it is.
#[tokio::test]
async fn json_that_is_10_000_deep() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut templated = mock(json!({}));
    templated["methodIntegration"]["requestTemplates"] = json!({"application/json": "$input.json('$.a')"});
    let mut mapped = mock(json!({}));
    mapped["methodIntegration"]["integrationResponses"]["200"] = json!({"statusCode": "200",
        "responseParameters": {"method.response.header.x": "method.request.body.a"}});
    let world = World::new(&[("POST /t", templated), ("POST /m", mapped), ("POST /f", lambda())]);
    let world = world.logging("ERROR");
    for (path, status) in [("t", 500), ("m", 200), ("f", 200)] {
        let mut request = World::request(&format!("POST /test/{path}"));
        request.body = Bytes::from(deep.clone());
        let (response, trace) = world.send(request).await;
        assert_eq!((response.status, response.header("x")), (status, None), "{path}: {trace:?}");
    }
    assert!(world.log()[0].contains("nested"), "{:?}", world.log());
}
