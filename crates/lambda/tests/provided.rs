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
    assert!(world.log().contains("second answer 400"), "{}", world.log());
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 3"), "{}", text(&exit));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
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
