//! Functions with a network of their own: they reach this server, and nothing else. Real processes.
#![cfg(jail)]

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use support::*;

/// Answers every connection with `text`.
fn server(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(text.as_bytes());
        }
    });
    port
}

const PYTHON: &str = "
import os, socket
def ask(host, port):
    try:
        s = socket.create_connection((host, port), 1)
        s.sendall(b'hello')
        return s.recv(64).decode()
    except OSError as e:
        return type(e).__name__
def handler(port, context):
    host, own = os.environ['AWS_ENDPOINT_URL'][len('http://'):].split(':')
    links = [l.split(':')[0].strip() for l in open('/proc/net/dev').readlines()[2:]]
    return [ask(host, int(own)), ask('127.0.0.1', port), ask('192.0.2.1', 80), links]
";

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

fn world(network: Network) -> World {
    let own = server("crossgate");
    World::with(|c| {
        c.sandbox = Sandbox::Require;
        c.network = network;
        c.endpoint_url = Some(format!("http://127.0.0.1:{own}"));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_in_a_vpc_reaches_this_server_and_nothing_else() {
    let (world, other) = (world(Network::Host), server("database").to_string());
    let open = Arc::new(world.function("open", PYTHON));
    let told = body(&world.invoke(&open, &other).await);
    assert_eq!((&told[0], &told[1]), (&json!("crossgate"), &json!("database")));
    let mut closed = world.function("closed", PYTHON);
    closed.in_vpc = true;
    closed.timeout = Duration::from_secs(5);
    let closed = Arc::new(closed);
    for _ in 0..2 {
        let told = body(&world.invoke(&closed, &other).await);
        assert_eq!(
            (&told[0], &told[1]),
            (&json!("crossgate"), &json!("ConnectionRefusedError")),
            "{}",
            world.log()
        );
        assert_eq!((&told[2], &told[3]), (&json!("OSError"), &json!(["lo"])));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_runtime_works_in_an_isolated_network() {
    let (world, other) = (world(Network::Isolated), server("database"));
    let node = format!(
        "const net = require('net');
const ask = (port) => new Promise((done) => {{
  const s = net.connect(port, '127.0.0.1', () => s.write('hello'));
  s.on('data', (d) => {{ done(d.toString()); s.destroy(); }}).on('error', (e) => done(e.code));
}});
exports.handler = async () => [await ask(new URL(process.env.AWS_ENDPOINT_URL).port), await ask({other})];"
    );
    let mut node = world.files("node", &[("app.js", &node)]);
    node.runtime = "nodejs20.x".into();
    let shell = "#!/bin/sh
exec python3 - <<'END'
import http.client, os, json, socket
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
while True:
    api.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = api.getresponse(); answer.read()
    try: socket.create_connection(('127.0.0.1', OTHER), 1); told = 'reached'
    except OSError as e: told = type(e).__name__
    api.request('POST', '/2018-06-01/runtime/invocation/%s/response' % answer.getheader('Lambda-Runtime-Aws-Request-Id'), json.dumps(told))
    api.getresponse().read()
END
";
    let mut shell = world.files("shell", &[("bootstrap", &shell.replace("OTHER", &other.to_string()))]);
    shell.runtime = "provided.al2023".into();
    assert_eq!(
        body(&world.invoke(&Arc::new(node), "1").await),
        json!(["crossgate", "ECONNREFUSED"]),
        "{}",
        world.log()
    );
    assert_eq!(
        body(&world.invoke(&Arc::new(shell), "1").await),
        json!("ConnectionRefusedError"),
        "{}",
        world.log()
    );
    let told = body(&world.run("python", PYTHON, &other.to_string()).await);
    assert_eq!((&told[0], &told[1]), (&json!("crossgate"), &json!("ConnectionRefusedError")));
    world.end().await;
}
