//! Functions where there is no jail, as on systems other than Linux. Real processes.
#![cfg(not(jail))]

mod support;

use lambda::execution::*;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

const PYTHON: &str = "
import os, subprocess, time
def handler(event, context):
    print('hello', event)
    if event == 'raise': raise KeyError('k')
    if event == 'exit': os._exit(3)
    if event == 'sleep': time.sleep(60)
    if event == 'leave': return subprocess.Popen(['/bin/sleep', '600'], stdout=subprocess.DEVNULL).pid
    return [event, os.environ['OWN'], os.environ['AWS_ACCESS_KEY_ID'], os.getcwd() == os.environ['LAMBDA_TASK_ROOT']]
";

const NODE: &str = "
exports.handler = async (event) => {
  console.log('hello', event);
  if (event === 'raise') throw new TypeError('k');
  if (event === 'exit') process.exit(3);
  if (event === 'sleep') for (;;) {}
  if (event === 'leave') {
    return require('child_process').spawn('/bin/sleep', ['600'], { stdio: 'ignore' }).pid;
  }
  const { OWN, AWS_ACCESS_KEY_ID, LAMBDA_TASK_ROOT } = process.env;
  return [event, OWN, AWS_ACCESS_KEY_ID, process.cwd() === LAMBDA_TASK_ROOT];
};";

fn both(world: &World) -> [FunctionSpec; 2] {
    let mut node = world.files("node", &[("app.js", NODE)]);
    node.runtime = "nodejs20.x".into();
    [world.function("python", PYTHON), node]
}

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_no_jail_is_said_or_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = Arc::new(Mutex::new(Vec::new()));
    let executor = |sandbox| {
        let mut config = ExecutorConfig::new(dir.path());
        let told = Arc::clone(&told);
        config.sandbox = sandbox;
        config.warn = Arc::new(move |text| told.lock().expect("lock").push(text.to_owned()));
        Executor::new(config)
    };
    executor(Sandbox::Prefer).expect("an executor").shutdown().await;
    let warnings = told.lock().expect("lock").join("|");
    assert!(
        warnings.starts_with("functions run without a jail here, as any program of this user: "),
        "{warnings}"
    );
    assert!(!warnings.contains('|'), "{warnings}");
    let refused = executor(Sandbox::Require).err().expect("refused").to_string();
    assert!(refused.contains("a Linux container or virtual machine"), "{refused}");
    assert!(refused.contains("--sandbox off"), "{refused}");
    let report = sandbox_report();
    let (works, missing): (Vec<_>, Vec<_>) = report.iter().partition(|layer| layer.missing.is_none());
    assert_eq!((works.len(), works[0].name, missing.len()), (1, "resource limits", 12));
    assert!(missing.iter().all(|layer| layer.remedy.contains("Linux")));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_log_fail_crash_and_time_out() {
    let world = World::with(|c| c.grace = Duration::from_millis(500));
    for mut spec in both(&world) {
        spec.timeout = Duration::from_secs(1);
        let spec = Arc::new(spec);
        let first = world.invoke(&spec, "1").await;
        let expect = json!([1, "value", format!("ASIA-{}", spec.name), true]);
        assert_eq!(body(&first), expect, "{}", world.log());
        assert!(first.cold && tail(&first).contains("hello 1\n"), "{}", tail(&first));
        assert!(first.max_memory_mb > 5, "{}", tail(&first));
        let second = world.invoke(&spec, "2").await;
        assert!(!second.cold && second.log_stream == first.log_stream);
        let raised = world.invoke(&spec, "\"raise\"").await;
        assert_eq!(raised.function_error, Some(FunctionError::Unhandled), "{}", text(&raised));
        assert!(["KeyError", "TypeError"].contains(&body(&raised)["errorType"].as_str().unwrap_or_default()));
        assert!(raised.log_stream == first.log_stream);
        let exited = world.invoke(&spec, "\"exit\"").await;
        assert!(text(&exited).contains("Runtime exited with error: exit status 3"), "{}", text(&exited));
        let slept = world.invoke(&spec, "\"sleep\"").await;
        assert!(text(&slept).contains("Task timed out after 1.00 seconds"), "{}", text(&slept));
        assert_eq!(body(&world.invoke(&spec, "1").await), expect);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_has_started_ends_with_its_environment() {
    let world = World::new();
    let mut left = Vec::new();
    for spec in both(&world) {
        let pid = body(&world.invoke(&Arc::new(spec), "\"leave\"").await).as_i64().expect("a number");
        left.push(Pid::from_raw(pid as i32).expect("a number"));
    }
    assert!(left.iter().all(|pid| test_kill_process(*pid).is_ok()));
    world.end().await;
    wait_until("both are gone", || left.iter().all(|pid| test_kill_process(*pid).is_err())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_found_where_they_lie() {
    let world = World::with(|c| c.runtime_layer = Some(c.state_dir.with_file_name("below")));
    let layer = |name: &str, python: &str, node: &str| {
        let folder = world.dir.path().join(name);
        for (file, text) in [
            ("python/which.py", format!("which = '{python}'")),
            (&format!("python/only_{name}.py"), String::new()),
            ("nodejs/node_modules/which/index.js", format!("module.exports = '{node}';")),
            ("wrap", "#!/bin/sh\nexport OWN=wrapped\nexec \"$@\"\n".to_owned()),
        ] {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
        folder
    };
    layer("below", "below", "below");
    let (first, top) = (layer("first", "first", "first"), layer("top", "top", "top"));
    let code = "
import os, which, only_below, only_first
def handler(event, context): return [which.which, os.environ['OWN']]";
    let mut python = world.function("python", code);
    let code = "exports.handler = async () => [require('which'), process.env.OWN];";
    let mut node = world.files("node", &[("app.js", code)]);
    node.runtime = "nodejs20.x".into();
    for spec in [&mut python, &mut node] {
        spec.layers = vec![first.clone(), top.clone()];
        spec.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".into(), "/opt/wrap".into()));
        let done = world.invoke(&Arc::new(spec.clone()), "1").await;
        assert_eq!(text(&done).replace(", ", ","), r#"["top","wrapped"]"#, "{}", world.log());
    }
    world.end().await;
}
