//! Extensions beside and inside the runtime, and what they are told. Real processes, the machine's own jail.
#![cfg(jail)]

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::*;

/// An extension as a customer might write it. It writes what it is told, a line each.
const EXTENSION: &str = r#"#!/usr/bin/env python3
import http.client, http.server, json, os, sys, threading, time
name = os.path.basename(sys.argv[0])
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
def call(method, path, body=None, headers={}):
    api.request(method, path, body and json.dumps(body), headers)
    answer = api.getresponse()
    return answer, answer.read().decode()
def say(*words):
    sys.stdout.write('%s: %s\n' % (name, ' '.join(str(w) for w in words)))
    sys.stdout.flush()
if name == 'crashes':
    sys.exit(3)
class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        for record in json.loads(self.rfile.read(int(self.headers['Content-Length']))):
            if record['type'] != 'extension':
                say('RECORD', json.dumps([record['type'], record['record']]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
def listen(cls=http.server.HTTPServer):
    server = cls(('sandbox.localdomain', 4243), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
answer, body = call('POST', '/2020-01-01/extension/register', {'events': ['INVOKE', 'SHUTDOWN']},
                    {'Lambda-Extension-Name': name, 'Lambda-Extension-Accept-Feature': 'accountId'})
say('registered', answer.status, body)
say('hidden', sorted(n for n in os.environ if n in ('_HANDLER', 'LAMBDA_TASK_ROOT', 'AWS_EXECUTION_ENV', 'OWN')))
me = {'Lambda-Extension-Identifier': answer.getheader('Lambda-Extension-Identifier')}
if name.startswith('telemetry'):
    listen()
    for destination in ({'protocol': 'HTTP', 'URI': 'http://elsewhere:80'}, {'protocol': 'HTTP', 'URI': 'http://sandbox.localdomain:4243/x'}):
        answer, body = call('PUT', '/2022-07-01/telemetry', {'schemaVersion': '2022-12-13', 'types': ['platform', 'function'],
            'buffering': {'timeoutMs': 25}, 'destination': destination}, me)
        say('subscribed', answer.status, body)
if name == 'logs':
    import socketserver
    class Lines(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                record = json.loads(line)
                say('RECORD', json.dumps([record['type'], record['record']]))
    server = socketserver.TCPServer(('sandbox.localdomain', 4243), Lines)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer, body = call('PUT', '/2020-08-15/logs', {'types': ['platform', 'function'], 'buffering': {'timeoutMs': 25},
        'destination': {'protocol': 'TCP', 'port': 4243}}, me)
    say('subscribed', answer.status, body)
if name == 'fails':
    answer, body = call('POST', '/2020-01-01/extension/init/error', {}, dict(me, **{'Lambda-Extension-Function-Error-Type': 'Extension.NoConnection'}))
    say('told', answer.status)
    time.sleep(60)
try:
    found = open('/proc/1/environ').read(), open('/proc/1/maps').read()
    say('FOUND the leader')
except OSError:
    pass
while True:
    answer, body = call('GET', '/2020-01-01/extension/event/next', headers=me)
    event = json.loads(body)
    if event['eventType'] == 'INVOKE' and not answer.getheader('Lambda-Extension-Event-Identifier'):
        say('event without an identifier')
        continue
    say('event', event['eventType'], event.get('shutdownReason', event.get('requestId')))
    if event['eventType'] == 'SHUTDOWN':
        time.sleep(0.3)
        say('leaving')
        break
    if name == 'slow':
        time.sleep(0.4)
    if name == 'exits':
        answer, body = call('POST', '/2020-01-01/extension/exit/error', {}, dict(me, **{'Lambda-Extension-Function-Error-Type': 'Extension.Tired'}))
        say('told', answer.status)
        time.sleep(60)
"#;

const HANDLER: &str = "
import time, os
def handler(event, context):
    print('handling', event)
    if event == 'exit': os._exit(4)
    if event == 'sleep': time.sleep(60)
    return [event, os.getpid() != 1]
";

/// A function with these extensions, in a layer.
fn extended(world: &World, code: &str, names: &[&str]) -> FunctionSpec {
    use std::os::unix::fs::PermissionsExt as _;
    let mut spec = world.function("extended", code);
    let layer = world.dir.path().join(format!("layer-{}", names.join("-")));
    std::fs::create_dir_all(layer.join("extensions")).expect("folder");
    for name in names {
        let file = layer.join("extensions").join(name);
        std::fs::write(&file, EXTENSION).expect("written");
        let mode = if *name == "locked" { 0o644 } else { 0o755 };
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("mode");
    }
    spec.layers = vec![layer];
    spec.timeout = Duration::from_secs(2);
    spec
}

fn jailed() -> World {
    World::with(|c| c.sandbox = Sandbox::Require)
}

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_extension_is_told_of_invocations_and_of_the_end() {
    let world = jailed();
    let spec = Arc::new(extended(&world, HANDLER, &["watcher"]));
    let done = world.invoke(&spec, "1").await;
    assert_eq!(text(&done), "[1, true]", "{}", world.log());
    let told = r#"watcher: registered 200 {"accountId":"222222222222","functionName":"extended","functionVersion":"$LATEST","handler":"app.handler"}"#;
    assert!(world.log().contains(told), "{}", world.log());
    assert!(world.log().contains("watcher: hidden ['OWN']\n"), "{}", world.log());
    let ready = "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n";
    assert!(world.log().contains(ready), "{}", world.log());
    assert_eq!(text(&world.invoke(&spec, "2").await), "[2, true]");
    wait_until("both are told", || world.log().matches("watcher: event INVOKE 0000").count() == 2).await;
    world.executor.retire(&spec.key);
    wait_until("it has left", || world.log().contains("watcher: leaving")).await;
    assert!(world.log().contains("watcher: event SHUTDOWN SPINDOWN"), "{}", world.log());
    assert!(!world.log().contains("FOUND"), "{}", world.log());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_busy_while_an_extension_works() {
    let world = jailed();
    let spec = Arc::new(extended(&world, HANDLER, &["slow"]));
    world.invoke(&spec, "1").await;
    let begun = std::time::Instant::now();
    let second = world.invoke(&spec, "2").await;
    // It waited for its own environment, or got another: either way the first was not disturbed.
    assert!(second.cold || begun.elapsed() > Duration::from_millis(250), "{:?}", begun.elapsed());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_outs_and_exits_are_told_as_such() {
    let world = jailed();
    let mut spec = extended(&world, HANDLER, &["watcher"]);
    spec.timeout = Duration::from_secs(1);
    let spec = Arc::new(spec);
    assert_eq!(body(&world.invoke(&spec, "\"sleep\"").await)["errorType"], "Sandbox.Timedout");
    wait_until("it is told", || world.log().contains("event SHUTDOWN TIMEOUT")).await;
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 4"), "{}", text(&exit));
    wait_until("it is told", || world.log().contains("event SHUTDOWN FAILURE")).await;
    wait_until("all is gone", || world.executor.environments() == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_extension_fails_the_init_phase() {
    let world = jailed();
    for (name, kind, reason) in [
        ("crashes", "Extension.Crash", "exit status 3"),
        ("fails", "Extension.InitError", "Extension.NoConnection"),
        ("locked", "Extension.LaunchError", "fork/exec /opt/extensions/locked: permission denied"),
    ] {
        let done = world.invoke(&Arc::new(extended(&world, HANDLER, &[name])), "1").await;
        assert_eq!(body(&done)["errorType"], kind, "{}", world.log());
        let message = body(&done)["errorMessage"].as_str().unwrap_or_default().to_owned();
        assert!(message.ends_with(&format!(" Error: {reason}")), "{message}");
    }
    world.end().await;
}

/// The records that the extension got, as `[type, record]`.
fn records(world: &World) -> Vec<Value> {
    let log = world.log();
    let lines = log.lines().filter_map(|l| l.split_once("RECORD ")).map(|(_, record)| record);
    lines.map(|record| serde_json::from_str(record).expect("a record")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_platform_and_function_reach_a_subscriber() {
    let world = jailed();
    let spec = Arc::new(extended(&world, HANDLER, &["telemetry"]));
    assert_eq!(text(&world.invoke(&spec, "1").await), "[1, true]", "{}", world.log());
    let kinds =
        || records(&world).iter().map(|r| r[0].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    wait_until("the report is there", || kinds().iter().any(|k| k == "platform.report")).await;
    let expect = [
        "platform.initStart",
        "platform.extension",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ];
    assert_eq!(kinds(), expect, "{}", world.log());
    assert!(
        world.log().contains("telemetry: subscribed 400 {\"errorMessage\":\"destination.URI should name")
    );
    assert!(world.log().contains("telemetry: subscribed 200 \"OK\""));
    assert!(
        world.log().contains("TELEMETRY\tName: telemetry\tState: Subscribed\tTypes: [Platform, Function]\n")
    );
    let all = records(&world);
    let record = |kind: &str| all.iter().find(|r| r[0] == kind).map(|r| r[1].clone()).unwrap_or_default();
    assert_eq!(record("function"), "handling 1\n");
    assert_eq!(record("platform.initStart")["phase"], "init");
    assert_eq!(record("platform.runtimeDone")["status"], "success");
    let report = record("platform.report");
    assert_eq!((&report["status"], &report["metrics"]["memorySizeMB"]), (&json!("success"), &json!(128)));
    assert!(report["metrics"]["initDurationMs"].as_f64().is_some_and(|ms| ms > 1.0), "{report}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_logs_api_delivers_lines_over_tcp() {
    let world = jailed();
    let spec = Arc::new(extended(&world, HANDLER, &["logs"]));
    assert_eq!(text(&world.invoke(&spec, "1").await), "[1, true]", "{}", world.log());
    let kinds =
        || records(&world).iter().map(|r| r[0].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    wait_until("the report is there", || kinds().iter().any(|k| k == "platform.report")).await;
    assert!(world.log().contains("logs: subscribed 200 \"OK\""), "{}", world.log());
    let expect = [
        "platform.extension",
        "platform.logsSubscription",
        "platform.start",
        "function",
        "platform.end",
        "platform.report",
    ];
    assert_eq!(kinds(), expect, "{}", world.log());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_gives_up_during_an_invocation_ends_the_environment() {
    let world = jailed();
    let spec = Arc::new(extended(&world, HANDLER, &["exits"]));
    let done = world.invoke(&spec, "\"sleep\"").await;
    assert_eq!(body(&done)["errorType"], "Extension.ExitError", "{}", world.log());
    let message = body(&done)["errorMessage"].as_str().unwrap_or_default().to_owned();
    assert!(message.ends_with(" Error: Extension.Tired"), "{message}");
    wait_until("all is gone", || world.executor.environments() == 0).await;
    world.end().await;
}

/// Two environments at once whose extensions listen on the same port: each hears its own function.
#[tokio::test(flavor = "multi_thread")]
async fn subscribers_of_two_environments_share_no_port() {
    let world = jailed();
    let code =
        "import time\ndef handler(event, context):\n    print('secret of', event)\n    time.sleep(0.5)";
    let (one, two) = (extended(&world, code, &["telemetry1"]), extended(&world, code, &["telemetry2"]));
    let (one, two) = (Arc::new(one), Arc::new(two));
    tokio::join!(world.invoke(&one, "1"), world.invoke(&two, "2"));
    let heard = |name: &str, n: u8| {
        world.log().contains(&format!("{name}: RECORD [\"function\", \"secret of {n}\\n\"]"))
    };
    wait_until("both heard", || heard("telemetry1", 1) && heard("telemetry2", 2)).await;
    assert!(!heard("telemetry1", 2) && !heard("telemetry2", 1), "{}", world.log());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_inside_the_function_registers_by_name() {
    let world = jailed();
    let code = "
import http.client, json, os, threading
seen = []
def call(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
    api.request(method, '/2020-01-01/extension/' + path, body, headers)
    answer = api.getresponse()
    return answer.status, answer.getheader('Lambda-Extension-Identifier'), answer.read().decode()
seen.append(call('POST', 'register', '{\"events\": [\"SHUTDOWN\"]}', {'Lambda-Extension-Name': 'inside'})[::2])
status, me, _ = call('POST', 'register', '{\"events\": [\"INVOKE\"]}', {'Lambda-Extension-Name': 'inside'})
seen.append(status)
seen.append(call('GET', 'event/next', None, {'Lambda-Extension-Identifier': 'x'})[0])
def listen():
    while True:
        seen.append(json.loads(call('GET', 'event/next', None, {'Lambda-Extension-Identifier': me})[2])['eventType'])
threading.Thread(target=listen, daemon=True).start()
def handler(event, context):
    import time
    time.sleep(0.1)
    late = call('POST', 'register', '{}', {'Lambda-Extension-Name': 'late'})
    return seen + [late[0], json.loads(late[2])['errorType']]
";
    let done = world.run("inside", code, "{}").await;
    let told = json!({
        "errorMessage": "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
        "errorType": "Extension.InvalidEventType",
    });
    let expect = json!([[403, told.to_string()], 200, 403, "INVOKE", 403, "Extension.RegistrationClosed"]);
    assert_eq!(body(&done), expect, "{}", tail(&done));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapper_script_starts_python_and_node() {
    let world = jailed();
    let wrapper = "#!/bin/sh\nexport WRAPPED=yes\nexec \"$@\"\n";
    let python =
        ("app.py", "import os\ndef handler(e, c): return [e, os.environ['WRAPPED'], os.environ['OWN']]");
    let node = ("app.js", "exports.handler = async (e) => [e, process.env.WRAPPED, process.env.OWN];");
    for (runtime, file) in [("python3.9", python), ("nodejs20.x", node)] {
        let mut spec = world.files(runtime, &[file, ("bootstrap", wrapper)]);
        spec.runtime = runtime.into();
        spec.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".into(), "/var/task/bootstrap".into()));
        let spec = Arc::new(spec);
        assert_eq!(body(&world.invoke(&spec, "1").await), json!([1, "yes", "value"]), "{}", world.log());
        assert!(!world.invoke(&spec, "2").await.cold);
    }
    world.end().await;
}

/// The platform's own lines where the log format is JSON, by level.
#[tokio::test(flavor = "multi_thread")]
async fn platform_lines_are_json_and_filtered_when_asked_for() {
    for (level, expect) in [
        ("DEBUG", &["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"][..]),
        ("INFO", &["initStart", "start", "report"]),
        ("WARN", &[]),
    ] {
        let world = World::new();
        let mut spec = world.function("f", "def handler(e, c): return e / 1");
        (spec.json_log_level, spec.system_log_level) = (Some("INFO".into()), Some(level.into()));
        let spec = Arc::new(spec);
        let done = world.invoke(&spec, "1").await;
        let lines: Vec<Value> = world
            .lines
            .0
            .lock()
            .expect("lock")
            .iter()
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect();
        // Without a type: the warning where another Python stands in.
        let kinds: Vec<_> = lines.iter().filter_map(|l| l["type"].as_str().map(str::to_owned)).collect();
        let expect: Vec<_> = expect.iter().map(|k| format!("platform.{k}")).collect();
        assert_eq!(kinds, expect);
        assert_eq!(tail(&done).contains("platform.report"), level != "WARN", "{}", tail(&done));
        world.invoke(&spec, "\"x\"").await;
        let last = world.lines.0.lock().expect("lock").last().cloned().unwrap_or_default();
        assert!(last.contains(r#""status":"error""#) && last.contains("platform.report"), "{last}");
        world.end().await;
    }
}
