//! Runtimes of the archive's own, over TCP as AWS's clients speak it.

mod support;

use lambda::execution::*;
use std::sync::Arc;
use std::time::Duration;
use support::*;

/// A runtime in shell, with the interpreter's HTTP client as its only tool.
const SHELL: &str = r#"#!/bin/sh
exec /usr/bin/env python3 -u /var/task/runtime.py
"#;

/// A runtime as a customer might write it.
const RUNTIME: &str = r#"
import http.client, os, json
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
def call(method, path, body=None):
    api.request(method, '/2018-06-01/runtime/' + path, body)
    answer = api.getresponse()
    return answer, answer.read()
while True:
    answer, event = call('GET', 'invocation/next')
    request = answer.getheader('Lambda-Runtime-Aws-Request-Id')
    print('event', event.decode())
    event = json.loads(event)
    if event == 'exit': os._exit(3)
    if event == 'wrong':
        wrong, text = call('POST', 'invocation/00000000-dead/response', '1')
        call('POST', 'invocation/%s/response' % request, json.dumps([wrong.status, json.loads(text)['errorType']]))
        continue
    call('POST', 'invocation/%s/response' % request, json.dumps([os.getpid(), os.getcwd(), event]))
    if event == 'twice':
        again, _ = call('POST', 'invocation/%s/response' % request, '"second"')
        print('second answer', again.status)
        again, text = call('POST', 'invocation/%s/error' % request, '{}')
        print('then an error', json.loads(text))
"#;

/// A Python outside /root and /home, which the jail of a custom runtime shows.
fn system_python() -> bool {
    std::path::Path::new("/usr/bin/python3").exists()
}

fn provided(world: &World, files: &[(&str, &str)]) -> FunctionSpec {
    let mut spec = world.files("custom", files);
    spec.runtime = "provided.al2023".into();
    spec.handler = "anything".into();
    spec.timeout = Duration::from_secs(5);
    spec
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn a_bootstrap_of_the_archive_runs_and_its_answers_are_checked() {
    assert!(system_python(), "this test's runtime needs /usr/bin/python3");
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let spec = Arc::new(provided(&world, &[("bootstrap", SHELL), ("runtime.py", RUNTIME)]));
    let done = world.invoke(&spec, "7").await;
    assert!(world.log().starts_with("INIT_START Runtime Version: provided:al2023."), "{}", world.log());
    assert_eq!(text(&done), "[2, \"/var/task\", 7]", "{}", world.log());
    assert!(done.cold && !world.invoke(&spec, "8").await.cold);
    assert_eq!(text(&world.invoke(&spec, "\"wrong\"").await), "[400, \"InvalidRequestID\"]");
    assert_eq!(text(&world.invoke(&spec, "\"twice\"").await), "[2, \"/var/task\", \"twice\"]");
    world.invoke(&spec, "9").await;
    assert!(world.log().contains("second answer 403"), "{}", world.log());
    let transition = "'State transition from RuntimeResponseSentState to InvocationErrorResponse failed for runtime. \
                      Error: State transition is not allowed'";
    assert!(world.log().contains(transition), "{}", world.log());
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 3"), "{}", text(&exit));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn another_environment_cannot_reach_the_api_of_this_one() {
    assert!(system_python(), "this test's runtime needs /usr/bin/python3");
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let spy = r#"
import os, http.client
def handler(address, context):
    try:
        api = http.client.HTTPConnection(address, timeout=2)
        api.request('POST', '/2018-06-01/runtime/init/error', '{}')
        return api.getresponse().status
    except (OSError, http.client.HTTPException) as e:
        return 'refused'
"#;
    let tell = RUNTIME.replace("os.getcwd()", "os.environ['AWS_LAMBDA_RUNTIME_API']");
    let spec = Arc::new(provided(&world, &[("bootstrap", SHELL), ("runtime.py", &tell)]));
    let told: serde_json::Value =
        serde_json::from_slice(&world.invoke(&spec, "1").await.payload).expect("json");
    let done = world.run("spy", spy, &told[1].to_string()).await;
    assert_eq!(text(&done), "\"refused\"");
    assert!(!world.invoke(&spec, "1").await.cold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_is_missing_or_not_executable_is_an_invalid_entry_point() {
    let world = World::new();
    for files in [&[("other", "x")][..], &[("Bootstrap", SHELL)]] {
        let done = world.invoke(&Arc::new(provided(&world, files)), "{}").await;
        assert_eq!(done.error_type.as_deref(), Some("Runtime.InvalidEntrypoint"), "{}", text(&done));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_that_exits_at_once_is_an_exit_error() {
    let world = World::new();
    let spec = provided(&world, &[("bootstrap", "#!/bin/sh\necho going\nexit 5\n")]);
    let done = world.invoke(&Arc::new(spec), "{}").await;
    assert!(text(&done).contains("Runtime exited with error: exit status 5"), "{}", text(&done));
    assert!(tail(&done).contains("going\n"), "{}", tail(&done));
    world.end().await;
}

/// What a runtime may do wrong, and how the Runtime API answers.
const WRONG: &str = r#"
import http.client, os, json, socket
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
def call(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(host, int(port))
    api.request(method, '/2018-06-01/runtime/' + path, body, headers)
    answer = api.getresponse()
    return answer, answer.read().decode()
while True:
    answer, event = call('GET', 'invocation/next')
    request = answer.getheader('Lambda-Runtime-Aws-Request-Id')
    told = None
    if event == '"again"':
        again, same = call('GET', 'invocation/next')
        told = [again.getheader('Lambda-Runtime-Aws-Request-Id') == request, same]
    if event == '"mode"':
        mode = {'Lambda-Runtime-Function-Response-Mode': 'sideways'}
        refused, text = call('POST', 'invocation/%s/response' % request, '1', mode)
        print('mode', refused.status, text)
        continue
    if event == '"breaks off"':
        s = socket.create_connection((host, int(port)))
        s.sendall(b'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"half' % request.encode())
        s.close()
        told = 'then all of it'
    if event == '"late"':
        told = [call('POST', 'init/error', '{}')[0].status, call('GET', 'nothing')[0].status]
    call('POST', 'invocation/%s/response' % request, json.dumps(told))
"#;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn what_a_runtime_does_wrong_is_answered_as_awss_supervisor_does() {
    assert!(system_python(), "this test's runtime needs /usr/bin/python3");
    // Each of these in the environment that was there.
    let world = World::with(|c| (c.sandbox, c.grace) = (Sandbox::Require, Duration::from_millis(500)));
    let spec = Arc::new(provided(&world, &[("bootstrap", SHELL), ("runtime.py", WRONG)]));
    assert_eq!(text(&world.invoke(&spec, "\"again\"").await), r#"[true, "\"again\""]"#);
    let refused = world.invoke(&spec, "\"mode\"").await;
    assert_eq!(
        refused.error_type.as_deref(),
        Some("Runtime.InvalidResponseModeHeader"),
        "{}",
        text(&refused)
    );
    assert_eq!(text(&world.invoke(&spec, "\"breaks off\"").await), "\"then all of it\"");
    assert_eq!(text(&world.invoke(&spec, "\"late\"").await), "[403, 404]");
    let told = r#"mode 400 {"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#;
    assert!(world.log().contains(told), "{}", world.log());
    world.end().await;
}

/// A runtime in shell and curl, as AWS's tutorial for custom runtimes has one.
const CURL: &str = r#"#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
    EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
    ID=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d: -f2)
    echo "event $EVENT of $_HANDLER"
    if [ "$EVENT" = '"fail"' ]; then
        curl -sS -X POST "$API/invocation/$ID/error" -H 'Lambda-Runtime-Function-Error-Type: Own.Kind' \
            -d '{"errorMessage":"asked to","errorType":"Own.Kind","stackTrace":[]}' > /tmp/told
    else
        curl -sS -X POST "$API/invocation/$ID/response" -d "{\"event\":$EVENT,\"told\":\"$(cat /tmp/told 2>&1)\"}" > /dev/null
    fi
done
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_script_with_curl_is_a_runtime() {
    assert!(std::path::Path::new("/usr/bin/curl").exists(), "this test's runtime needs /usr/bin/curl");
    // No second environment while the first one comes back.
    let world = World::with(|c| (c.sandbox, c.grace) = (Sandbox::Require, Duration::from_millis(500)));
    for runtime in ["provided.al2", "provided.al2023"] {
        let mut spec = provided(&world, &[("bootstrap", CURL)]);
        spec.runtime = runtime.into();
        let spec = Arc::new(spec);
        let failed = world.invoke(&spec, "\"fail\"").await;
        assert_eq!(text(&failed), r#"{"errorMessage":"asked to","errorType":"Own.Kind","stackTrace":[]}"#);
        assert_eq!(failed.error_type.as_deref(), Some("Own.Kind"));
        let done = world.invoke(&spec, "[1, 2]").await;
        assert!(!done.cold, "{}", world.log());
        assert!(text(&done).starts_with(r#"{"event":[1, 2],"told":"{"status":"OK"}"#), "{}", text(&done));
        assert!(tail(&done).contains("event [1, 2] of anything\n"), "{}", tail(&done));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn a_client_with_an_ipv6_socket_is_known() {
    assert!(system_python(), "this test's runtime needs /usr/bin/python3");
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let mapped = "import socket\nhost, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n\
                  api.sock = socket.socket(socket.AF_INET6)\napi.sock.connect(('::ffff:' + host, int(port)))\ndef call";
    let runtime = RUNTIME.replacen("def call", mapped, 1);
    let spec = Arc::new(provided(&world, &[("bootstrap", SHELL), ("runtime.py", &runtime)]));
    assert_eq!(text(&world.invoke(&spec, "7").await), "[2, \"/var/task\", 7]", "{}", world.log());
    world.end().await;
}

/// A function with AWS's runtime client for Rust: the example `runtime` as its `bootstrap`.
fn rust(world: &World, handler: &str) -> FunctionSpec {
    let build = ["build", "-q", "--locked", "-p", "lambda", "--example", "runtime"];
    let done = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(build)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let here = std::env::current_exe().expect("this program");
    let target = here.parent().and_then(std::path::Path::parent).expect("target/debug");
    let mut spec = world.files(handler, &[("bootstrap", "")]);
    std::fs::copy(target.join("examples/runtime"), spec.code_dir.join("bootstrap")).expect("copied");
    spec.runtime = "provided.al2023".into();
    spec.handler = handler.into();
    spec.timeout = Duration::from_secs(5);
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_runtime_client_for_rust_is_told_everything() {
    // No second environment while the first one comes back.
    let world = World::with(|c| (c.sandbox, c.grace) = (Sandbox::Require, Duration::from_millis(500)));
    let spec = Arc::new(rust(&world, "tell"));
    let context = InvokeContext {
        client_context: Some(r#"{"client":{"installation_id":"i","app_title":"T","app_version_name":"1","app_version_code":"1","app_package_name":"p"}}"#.into()),
        cognito_identity: Some(r#"{"cognitoIdentityId":"cid","cognitoIdentityPoolId":"pool"}"#.into()),
        ..world.context()
    };
    let id = context.request_id.clone();
    let begun =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let done = world.executor.invoke(&spec, r#"{"a":1}"#.into(), context).await.expect("ran");
    let mut told: serde_json::Value = serde_json::from_slice(&done.payload)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&done), world.log()));
    let deadline = u128::from(told["deadline"].take().as_u64().expect("a number"));
    assert!((begun + 5000..begun + 8000).contains(&deadline), "{begun} {deadline}");
    let expect = serde_json::json!({
        "event": { "a": 1 }, "id": id, "deadline": null, "client": "T", "identity": "cid", "memory": 128,
        "arn": "arn:aws:lambda:us-east-1:222222222222:function:f",
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
        "function": ["tell", "$LATEST"], "log": ["/aws/lambda/tell", done.log_stream],
    });
    assert_eq!(told, expect);
    let failed = world.invoke(&spec, "\"fail\"").await;
    assert!(text(&failed).contains(r#""errorMessage":"asked to""#), "{}", text(&failed));
    let panicked = world.invoke(&spec, "\"panic\"").await;
    assert!(panicked.function_error.is_some() && text(&panicked).contains("asked to"), "{}", text(&panicked));
    assert!(!world.invoke(&spec, "1").await.cold);
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 7"), "{}", text(&exit));
    let init = world.invoke(&Arc::new(rust(&world, "init")), "1").await;
    assert_eq!(init.error_type.as_deref(), Some("Runtime.ExitError"), "{}", text(&init));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_runtime_client_for_rust_streams() {
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let spec = Arc::new(rust(&world, "stream"));
    let (stream, mut parts) = tokio::sync::mpsc::channel(16);
    let context = InvokeContext { stream: Some(stream), ..world.context() };
    let running = world.executor.invoke(&spec, "{}".into(), context);
    let reading = async {
        let mut prelude = wire::Prelude::default();
        let Some(Part::Begin { content_type, .. }) = parts.recv().await else { panic!("no beginning") };
        assert_eq!(content_type, lambda::url::PRELUDE_TYPE);
        let mut read = None;
        let mut body = Vec::new();
        while let Some(Part::Chunk(data)) = parts.recv().await {
            match &read {
                Some(_) => body.extend_from_slice(&data),
                None => {
                    read = prelude.push(&data).expect("metadata");
                    body.extend_from_slice(read.as_ref().map_or(&[], |(_, rest)| rest));
                }
            }
        }
        (lambda::url::head(&read.expect("metadata").0).expect("a head"), body)
    };
    let (done, (head, body)) = tokio::join!(running, reading);
    let headers: Vec<_> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let kind = ("content-type", "application/octet-stream");
    assert_eq!(headers, [kind, ("x-mine", "1"), ("x-mine", "2"), ("set-cookie", "a=1")]);
    assert_eq!(head.status, 200);
    assert_eq!(body, b"one,two");
    assert_eq!(done.expect("ran").function_error, None);
    world.end().await;
}
