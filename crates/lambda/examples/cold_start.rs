//! Measures cold and warm starts of a Python function, jailed, against AWS's own client spawned bare.
//!
//! `cargo run --release -p lambda --example cold_start -- [python with awslambdaric installed]`

use bytes::Bytes;
use lambda::execution::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CODE: &str = "import json\ndef lambda_handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps('Hello from Lambda!')}\n";
const ROUNDS: usize = 40;

fn median(mut times: Vec<Duration>) -> String {
    times.sort();
    let at =
        |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    format!("median {:7.3} ms   p10 {:7.3}   p90 {:7.3}", at(50), at(10), at(90))
}

fn spec(dir: &std::path::Path, revision: usize) -> Arc<FunctionSpec> {
    Arc::new(FunctionSpec {
        key: format!("bench:{revision}"),
        name: "bench".into(),
        version: "$LATEST".into(),
        region: "us-east-1".into(),
        runtime: "python3.9".into(),
        handler: "app.lambda_handler".into(),
        code_dir: dir.to_path_buf(),
        memory_mb: 128,
        ephemeral_mb: 512,
        timeout: Duration::from_secs(3),
        log_group: "/aws/lambda/bench".into(),
        ..FunctionSpec::default()
    })
}

fn context(n: usize) -> InvokeContext {
    InvokeContext { request_id: format!("{n:032}"), invoked_arn: "arn".into(), ..InvokeContext::default() }
}

/// Plays the Runtime API for one invocation of a bare process: the time from spawn to the answer.
fn bare(command: &mut Command, listener: &TcpListener) -> Duration {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("spawned");
    let mut answered = None;
    while answered.is_none() {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.set_nodelay(true);
        let mut buffer = vec![0u8; 65536];
        while let Ok(n) = stream.read(&mut buffer) {
            let request = String::from_utf8_lossy(&buffer[..n]).into_owned();
            if n == 0 {
                break;
            } else if request.starts_with("GET ") {
                let head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\nLambda-Runtime-Invoked-Function-Arn: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                stream.write_all(head.as_bytes()).expect("sent");
            } else if request.contains("/response ") {
                answered = Some(begun.elapsed());
                break;
            }
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    answered.unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let code = dir.path().join("code");
    std::fs::create_dir(&code).expect("a folder");
    std::fs::write(code.join("app.py"), CODE).expect("written");
    for sandbox in [Sandbox::Prefer, Sandbox::Off] {
        let mut config = ExecutorConfig::new(dir.path().join(format!("state-{sandbox:?}")));
        config.sandbox = sandbox;
        config.warn = Arc::new(|text| println!("warning: {text}"));
        let executor = Executor::new(config).expect("an executor");
        let mut cold = Vec::new();
        let mut first = None;
        for n in 0..ROUNDS {
            let spec = spec(&code, n);
            let begun = Instant::now();
            let done = executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            let took = begun.elapsed();
            assert!(done.cold && done.function_error.is_none(), "{done:?}");
            first.get_or_insert(took);
            cold.push(took);
            executor.retire(&spec.key);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        println!("{sandbox:?}: very first (starts the zygote) {:?}", first.unwrap_or_default());
        println!("{sandbox:?}: cold, spare at hand      {}", median(cold.split_off(1)));
        let mut burst = Vec::new();
        for n in 0..ROUNDS {
            let spec = spec(&code, 1000 + n);
            let begun = Instant::now();
            executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            burst.push(begun.elapsed());
            executor.retire(&spec.key);
        }
        println!("{sandbox:?}: cold, one after the other {}", median(burst));
        let spec = spec(&code, 9999);
        executor.invoke(&spec, Bytes::from_static(b"{}"), context(0)).await.expect("ran");
        let mut warm = Vec::new();
        for n in 0..2000 {
            let begun = Instant::now();
            executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            warm.push(begun.elapsed());
        }
        println!("{sandbox:?}: warm                      {}", median(warm));
        executor.shutdown().await;
    }
    if let Some(python) = std::env::args().nth(1) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let times = (0..ROUNDS / 2).map(|_| {
            let mut command = Command::new(&python);
            command.args(["-m", "awslambdaric", "app.lambda_handler"]).current_dir(&code);
            command.env("AWS_LAMBDA_RUNTIME_API", &address).env("PYTHONPATH", &code);
            bare(&mut command, &listener)
        });
        println!("awslambdaric, spawned bare      {}", median(times.collect()));
    }
}
