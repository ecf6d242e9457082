//! Functions run: results, errors, environments, concurrency. Real processes.

mod support;

use lambda::execution::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

const ECHO: &str = "
import os
def handler(event, context):
    print('hello', event)
    return {'event': event, 'pid': os.getpid(), 'id': context.aws_request_id}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_and_its_environment_is_used_again() {
    let world = World::new();
    let spec = Arc::new(world.function("echo", ECHO));
    let first = world.invoke(&spec, r#"{"a":1}"#).await;
    assert_eq!(first.function_error, None, "{} {}", text(&first), tail(&first));
    let body: serde_json::Value = serde_json::from_slice(&first.payload).expect("json");
    assert_eq!(body["event"]["a"], 1);
    assert!(first.cold && first.durations.init.is_some());
    let second = world.invoke(&spec, "2").await;
    assert!(!second.cold);
    assert_eq!(second.log_stream, first.log_stream);
    assert_eq!(world.executor.environments(), 1);
    let log = tail(&second);
    assert!(log.starts_with("START RequestId: "), "{log}");
    assert!(log.contains("\nhello 2\nEND RequestId: "), "{log}");
    assert!(log.contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{log}");
    assert!(world.log().starts_with("INIT_START Runtime Version: python:3."), "{}", world.log());
    world.end().await;
}
