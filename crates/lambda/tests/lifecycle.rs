//! From the init phase to the end of an environment. Real processes, the machine's own jail.

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use support::*;

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_phase_that_takes_too_long_is_tried_once_more_inside_the_time_out() {
    let world = World::with(|c| c.init_timeout = Duration::from_millis(300));
    let mut spec = world.function("slow", "import time\ntime.sleep(0.7)\ndef handler(e, c): return e");
    spec.timeout = Duration::from_secs(3);
    let spec = Arc::new(spec);
    assert_eq!(text(&world.invoke(&spec, "1").await), "1", "{}", world.log());
    let log = world.log();
    assert_eq!(log.matches("INIT_REPORT").count(), 1, "{log}");
    assert!(log.contains(" ms\tPhase: init\tStatus: timeout\n"), "{log}");
    // The second try is a part of the invocation, in the first one's stream.
    assert_eq!(log.matches("INIT_START").count(), 1, "{log}");
    assert!(!log.contains("Init Duration: 7") && log.contains("\tDuration: 7"), "{log}");
    let mut never = world.function("never", "import time\ntime.sleep(60)\n");
    never.timeout = Duration::from_secs(1);
    let done = world.invoke(&Arc::new(never), "1").await;
    assert_eq!(body(&done)["errorType"], "Sandbox.Timedout");
    assert!(
        tail(&done).contains("\tDuration: 1000.00 ms\t") && tail(&done).contains("Status: timeout"),
        "{}",
        tail(&done)
    );
    assert!(world.log().contains(" ms\tPhase: invoke\tStatus: timeout\n"), "{}", world.log());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_phase_that_fails_is_tried_once_more_inside_the_invocation() {
    let world = World::new();
    let done = world.run("fails", "print('loading')\nraise OSError('no')\n", "1").await;
    assert_eq!(body(&done)["errorType"], "OSError");
    assert!(done.durations.init.is_none() && !done.durations.duration.is_zero(), "{:?}", done.durations);
    let log = world.log();
    assert_eq!(
        (log.matches("INIT_START Runtime").count(), log.matches("loading\n").count()),
        (1, 2),
        "{log}"
    );
    for phase in ["init", "invoke"] {
        let told = format!(" ms\tPhase: {phase}\tStatus: error\tError Type: OSError\n");
        assert_eq!(log.matches(&told).count(), 1, "{log}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_invocation_the_init_phase_is_a_part_of_the_next() {
    // No second environment while the first one comes back.
    let world = World::with(|c| c.grace = Duration::from_millis(300));
    let code = "
import os, time
print('loading')
time.sleep(0.4)
def handler(event, context):
    if event == 'exit': os._exit(1)
    if event == 'sleep': time.sleep(60)
    return context.get_remaining_time_in_millis()
";
    let mut spec = world.function("resets", code);
    spec.timeout = Duration::from_secs(2);
    let spec = Arc::new(spec);
    let first = world.invoke(&spec, "1").await;
    assert!(first.durations.init.is_some_and(|init| init >= Duration::from_millis(400)));
    assert!(body(&first).as_i64().is_some_and(|left| (1600..=2000).contains(&left)), "{}", text(&first));
    for event in ["\"exit\"", "\"sleep\""] {
        assert!(world.invoke(&spec, event).await.function_error.is_some());
        let next = world.invoke(&spec, "1").await;
        assert!(next.cold && next.durations.init.is_none(), "{:?}", next.durations);
        assert_eq!(next.log_stream, first.log_stream);
        assert!(body(&next).as_i64().is_some_and(|left| left <= 1600), "{}", text(&next));
        let log = tail(&next);
        assert!(next.durations.billed_ms >= 400 && !log.contains("Init Duration"), "{log}");
        let warm = world.invoke(&spec, "1").await;
        assert!(!warm.cold && warm.durations.billed_ms < 400, "{:?}", warm.durations);
    }
    let log = world.log();
    assert_eq!((log.matches("INIT_START").count(), log.matches("loading").count()), (1, 3), "{log}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_queue_is_not_run_and_what_has_begun_goes_on() {
    // So long that those who wait do not look before their turn has come.
    let world = World::with(|c| (c.max_environments, c.grace) = (1, Duration::from_secs(20)));
    let code = "
import time
def handler(event, context):
    print('begins with', event)
    time.sleep(60 if event == 'hangs' else 0.5)
    return event
";
    let mut spec = world.function("queue", code);
    spec.timeout = Duration::from_secs(1);
    let spec = Arc::new(spec);
    let ask = |event: &str| {
        let (executor, spec, context) = (world.executor.clone(), Arc::clone(&spec), world.context());
        let payload = json!(event).to_string();
        tokio::spawn(async move { executor.invoke(&spec, payload.into(), context).await })
    };
    let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
    assert_eq!(text(&world.invoke(&spec, "\"warms up\"").await), "\"warms up\"");
    let first = ask("first");
    pause(100).await;
    let leaves = ask("leaves");
    pause(50).await;
    let hangs = ask("hangs");
    pause(50).await;
    let last = ask("last");
    pause(50).await;
    leaves.abort();
    assert_eq!(text(&first.await.expect("joined").expect("run")), "\"first\"");
    pause(200).await;
    // It has begun while its task still waits for its turn; its time-out ends it all the same.
    assert!(world.log().contains("begins with hangs"), "{}", world.log());
    hangs.abort();
    assert_eq!(text(&last.await.expect("joined").expect("run")), "\"last\"");
    let log = world.log();
    assert!(!log.contains("begins with leaves") && log.contains("Status: timeout"), "{log}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_between_invocations() {
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let code = "
import os, threading, time
counts = [0, 0]
def count():
    while True:
        time.sleep(0.01)
        counts[0] += 1
threading.Thread(target=count, daemon=True).start()
if os.fork() == 0:
    with open('/tmp/child', 'ab', 0) as f:
        while True:
            time.sleep(0.01)
            f.write(b'x')
def handler(event, context):
    time.sleep(0.05)
    return [counts[0], os.path.getsize('/tmp/child')]
";
    let spec = Arc::new(world.function("counts", code));
    let before = body(&world.invoke(&spec, "1").await);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = world.invoke(&spec, "1").await;
    assert!(!after.cold);
    let after = body(&after);
    for at in [0, 1] {
        let ticks = after[at].as_i64().unwrap_or(999) - before[at].as_i64().unwrap_or_default();
        // 5 while the handler sleeps, at most 30 until the environment is frozen; 200 without that.
        assert!((1..=60).contains(&ticks), "{before} {after}");
    }
    world.executor.retire(&spec.key);
    wait_until("a frozen environment ends too", || world.executor.environments() == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_goes_on_where_it_was() {
    let world = World::with(|c| c.sandbox = Sandbox::Require);
    let mut node = world.files("node", &[("app.js", "let n = 0; exports.handler = async (e) => [e, ++n];")]);
    node.runtime = "nodejs20.x".into();
    let node = Arc::new(node);
    for n in 1..=3 {
        assert_eq!(body(&world.invoke(&node, "7").await), json!([7, n]));
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    world.end().await;
}

/// Environments come from a parent of their version's, or were booted ahead: nothing of a function's is in the next.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn what_a_function_leaves_behind_is_in_no_other_environment() {
    let world = World::new();
    let python = "
import builtins, os, sys, threading
import secret
found = [hasattr(builtins, 'LEFT'), os.environ.get('LEFT'), os.listdir('/tmp'), threading.active_count(),
         [m for m in sys.modules if 'secret' in m and secret.NAME != os.environ['AWS_LAMBDA_FUNCTION_NAME']]]
builtins.LEFT = os.environ['LEFT'] = 'x'
open('/tmp/left', 'w').close()
def handler(event, context):
    return found + [secret.NAME]
";
    let node = "
const fs = require('fs'), secret = require('./secret');
const found = [globalThis.LEFT === undefined, process.env.LEFT === undefined, fs.readdirSync('/tmp'),
    Object.keys(require.cache).map((file) => file.split('/').pop()).sort()];
globalThis.LEFT = process.env.LEFT = 'x';
fs.writeFileSync('/tmp/left', '');
exports.handler = async () => [...found, secret.NAME];";
    for name in ["one", "two", "three"] {
        let secret = format!("NAME = '{name}'\n");
        let spec = world.files(name, &[("app.py", python), ("secret.py", &secret)]);
        let told = body(&world.invoke(&Arc::new(spec), "1").await);
        assert_eq!(told, json!([false, null, [], 1, [], name]));
        let secret = format!("exports.NAME = '{name}';");
        let mut spec = world.files(&format!("node-{name}"), &[("app.js", node), ("secret.js", &secret)]);
        spec.runtime = "nodejs20.x".into();
        let told = body(&world.invoke(&Arc::new(spec), "1").await);
        assert_eq!(told, json!([true, true, [], ["app.js", "bootstrap.cjs", "secret.js"], name]));
    }
    world.end().await;
}
