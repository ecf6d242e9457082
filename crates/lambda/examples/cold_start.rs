//! Measures cold and warm starts of a Python and of a Node function, jailed, against AWS's own client for Python and
//! a plain `node`, both spawned bare.
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
const NODE_CODE: &str =
    "exports.handler = async () => ({ statusCode: 200, body: JSON.stringify('Hello from Lambda!') });\n";
/// The least that runs a handler: one event, one answer.
const BARE_NODE: &str = "
const http = require('http'), { handler } = require('./index.js');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true }), path = '/2018-06-01/runtime/invocation/';
http.get({ host, port, agent, path: path + 'next' }, (answer) => {
    let text = '';
    answer.on('data', (d) => { text += d; });
    answer.on('end', async () => {
        const body = JSON.stringify(await handler(JSON.parse(text), {}));
        const id = answer.headers['lambda-runtime-aws-request-id'];
        http.request({ host, port, agent, method: 'POST', path: path + id + '/response' }).end(body);
    });
});";
const ROUNDS: usize = 40;

fn median(mut times: Vec<Duration>) -> String {
    times.sort();
    let at =
        |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    format!("median {:7.3} ms   p10 {:7.3}   p90 {:7.3}", at(50), at(10), at(90))
}

fn spec(dir: &std::path::Path, runtime: &str, revision: usize) -> Arc<FunctionSpec> {
    Arc::new(FunctionSpec {
        key: format!("bench:{runtime}:{revision}"),
        name: "bench".into(),
        version: "$LATEST".into(),
        region: "us-east-1".into(),
        runtime: runtime.into(),
        handler: if runtime.starts_with("node") { "index.handler" } else { "app.lambda_handler" }.into(),
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
    std::fs::write(code.join("index.js"), NODE_CODE).expect("written");
    std::fs::write(code.join("bare.js"), BARE_NODE).expect("written");
    for (sandbox, runtime) in [
        (Sandbox::Prefer, "python3.9"),
        (Sandbox::Off, "python3.9"),
        (Sandbox::Prefer, "nodejs20.x"),
        (Sandbox::Off, "nodejs20.x"),
    ] {
        let mut config = ExecutorConfig::new(dir.path().join(format!("state-{sandbox:?}-{runtime}")));
        config.sandbox = sandbox;
        config.warn = Arc::new(|text| println!("warning: {text}"));
        let executor = Executor::new(config).expect("an executor");
        let mut cold = Vec::new();
        let mut first = None;
        for n in 0..ROUNDS {
            let spec = spec(&code, runtime, n);
            let begun = Instant::now();
            let done = executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            let took = begun.elapsed();
            assert!(done.cold && done.function_error.is_none(), "{done:?}");
            first.get_or_insert(took);
            cold.push(took);
            executor.retire(&spec.key);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        println!("{runtime} {sandbox:?}: very first (starts the zygote) {:?}", first.unwrap_or_default());
        println!("{runtime} {sandbox:?}: cold, spare at hand      {}", median(cold.split_off(1)));
        let mut burst = Vec::new();
        for n in 0..ROUNDS {
            let spec = spec(&code, runtime, 1000 + n);
            let begun = Instant::now();
            executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            burst.push(begun.elapsed());
            executor.retire(&spec.key);
        }
        println!("{runtime} {sandbox:?}: cold, one after the other {}", median(burst));
        let spec = spec(&code, runtime, 9999);
        executor.invoke(&spec, Bytes::from_static(b"{}"), context(0)).await.expect("ran");
        let mut warm = Vec::new();
        for n in 0..2000 {
            let begun = Instant::now();
            executor.invoke(&spec, Bytes::from_static(b"{}"), context(n)).await.expect("ran");
            warm.push(begun.elapsed());
        }
        println!("{runtime} {sandbox:?}: warm                      {}", median(warm));
        executor.shutdown().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let times = (0..ROUNDS / 2).map(|_| {
        let mut command = Command::new("node");
        command.arg("bare.js").current_dir(&code).env("AWS_LAMBDA_RUNTIME_API", &address);
        bare(&mut command, &listener)
    });
    println!("node, spawned bare              {}", median(times.collect()));
    if let Some(python) = std::env::args().nth(1) {
        let times = (0..ROUNDS / 2).map(|_| {
            let mut command = Command::new(&python);
            command.args(["-m", "awslambdaric", "app.lambda_handler"]).current_dir(&code);
            command.env("AWS_LAMBDA_RUNTIME_API", &address).env("PYTHONPATH", &code);
            bare(&mut command, &listener)
        });
        println!("awslambdaric, spawned bare      {}", median(times.collect()));
    }
}
