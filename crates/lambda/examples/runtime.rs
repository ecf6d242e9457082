//! A function that brings AWS's runtime client for Rust, as its `bootstrap`: `tests/provided.rs` and the client tests run
//! it. The handler `stream` answers with metadata and a streamed body, any other tells what it was given.

use lambda_runtime::streaming::{Response, channel};
use lambda_runtime::{Error, LambdaEvent, MetadataPrelude, run, service_fn};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("_HANDLER").as_deref() {
        Ok("stream") => run(service_fn(stream)).await,
        Ok("init") => Err("asked to fail before the first event".into()),
        _ => run(service_fn(tell)).await,
    }
}

async fn tell(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    println!("event {event}");
    match event.as_str() {
        Some("fail") => Err("asked to".into()),
        Some("panic") => panic!("asked to"),
        Some("exit") => std::process::exit(7),
        _ => Ok(json!({
            "event": event,
            "id": context.request_id,
            "deadline": context.deadline,
            "arn": context.invoked_function_arn,
            "trace": context.xray_trace_id,
            "client": context.client_context.map(|c| c.client.app_title),
            "identity": context.identity.map(|i| i.identity_id),
            "function": [context.env_config.function_name, context.env_config.version],
            "memory": context.env_config.memory,
            "log": [context.env_config.log_group, context.env_config.log_stream],
        })),
    }
}

async fn stream(_: LambdaEvent<Value>) -> Result<Response<lambda_runtime::streaming::Body>, Error> {
    let mut metadata_prelude = MetadataPrelude::default();
    metadata_prelude.headers.append("x-mine", "1".parse()?);
    metadata_prelude.headers.append("x-mine", "2".parse()?);
    metadata_prelude.cookies.push("a=1".to_owned());
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        let _ = sender.send_data("one,".into()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _ = sender.send_data("two".into()).await;
    });
    Ok(Response { metadata_prelude, stream: body })
}
