//! What a function cannot do: each test is an attempt from inside. Real processes, the machine's own jail.
//!
//! Needs a kernel that offers the layers; `jailer::probe` names what is missing and the tests fail with it.
#![cfg(jail)]

mod support;

use lambda::execution::*;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

fn jailed() -> World {
    World::with(|c| c.sandbox = Sandbox::Require)
}

/// Runs `attempt`, an expression or statements that set `result`; gives the result, or the exception's name.
async fn attempt(world: &World, name: &str, attempt: &str) -> Value {
    let lines: String = attempt.lines().map(|l| format!("        {l}\n")).collect();
    let code = format!(
        "import os, sys, socket, subprocess, ctypes\ndef handler(event, context):\n    result = None\n    try:\n{lines}    \
         except Exception as e:\n        result = type(e).__name__\n    return result\n"
    );
    let done = world.run(name, &code, "{}").await;
    serde_json::from_slice(&done.payload).unwrap_or_else(|_| panic!("{} {}", text(&done), tail(&done)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_read_only_and_tmp_is_private() {
    let world = jailed();
    let read_only = attempt(&world, "a", "open('/var/task/x', 'w')\nresult = 'written'").await;
    assert!(read_only == "OSError" || read_only == "PermissionError", "{read_only}");
    assert_eq!(
        attempt(&world, "b", "open('/x', 'w')").await,
        "OSError",
        "the root is a read-only file system"
    );
    let first = "open('/tmp/note', 'w').write('secret')\nresult = os.listdir('/tmp')";
    assert_eq!(attempt(&world, "c", first).await, serde_json::json!(["note"]));
    assert_eq!(attempt(&world, "d", "result = os.listdir('/tmp')").await, serde_json::json!([]));
    assert!(!std::path::Path::new("/tmp/note").exists());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_code_and_the_servers_folders_do_not_exist_inside() {
    let world = jailed();
    let other = world.function("other", "SECRET = 1\ndef handler(e, c): return 1");
    world.invoke(&Arc::new(other.clone()), "{}").await;
    let state = world.dir.path().join("state");
    for path in [other.code_dir.join("app.py"), state.join("bootstrap.py"), "/root".into(), "/home".into()] {
        let code = format!("result = os.path.exists({:?})", path.display().to_string());
        let seen = attempt(&world, "f", &code).await;
        // An interpreter below /root makes that folder exist, with nothing but the interpreter in it.
        if seen != false {
            let code = format!("result = os.listdir({:?})", path.display().to_string());
            let inside = attempt(&world, "f", &code).await;
            assert!(
                inside == serde_json::json!([".pyenv"]) || inside == serde_json::json!([".local"]),
                "{path:?}: {inside}"
            );
        }
    }
    let root = attempt(&world, "g", "result = sorted(os.listdir('/'))").await;
    let allowed =
        ["bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root", "run", "sbin"];
    for name in root.as_array().expect("a list").iter().filter_map(Value::as_str) {
        assert!(allowed.contains(&name) || ["home", "tmp", "usr", "var", ".host"].contains(&name), "/{name}");
    }
    assert_eq!(attempt(&world, "h", "result = os.listdir('/.host')").await, serde_json::json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_processes_are_invisible_and_there_are_no_privileges() {
    let world = jailed();
    let pids = attempt(&world, "a", "result = [p for p in os.listdir('/proc') if p.isdigit()]").await;
    assert_eq!(pids, serde_json::json!(["1"]));
    let uid = attempt(&world, "b", "result = os.getuid()").await;
    assert_ne!(uid, 0);
    let refused = attempt(&world, "c", "os.setuid(0)").await;
    // In a user namespace there is no user 0 to become.
    assert!(refused == "PermissionError" || refused == "OSError", "{refused}");
    let refused = attempt(&world, "d", "os.chown('/tmp', 0, 0)").await;
    assert!(refused == "PermissionError" || refused == "OSError", "{refused}");
    let status = "result = [l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'NoNewPrivs', 'Seccomp:'))]";
    let none = "0000000000000000";
    assert_eq!(attempt(&world, "e", status).await, serde_json::json!([none, none, "1", "2"]));
    let name = attempt(&world, "f", "import pwd\nresult = pwd.getpwuid(os.getuid()).pw_name").await;
    assert_eq!(name, "sbx_user1051");
    assert_ne!(attempt(&world, "g", "result = socket.gethostname()").await, Value::from(host_name()));
    world.end().await;
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn dangerous_system_calls_are_refused() {
    let world = jailed();
    for (name, call) in [
        ("mount", "l.mount(b'none', b'/tmp', b'tmpfs', 0, None)"),
        ("unshare", "l.unshare(0x10000000)"),
        ("ptrace", "l.ptrace(0, 0, 0, 0)"),
        ("keyctl", "l.syscall(250, 0, 0, 0, 0, 0)"),
        ("socket", "l.socket(17, 3, 0)"),
        ("diagnosis", "l.socket(16, 3, 4)"),
    ] {
        let code =
            format!("l = ctypes.CDLL(None, use_errno=True)\nr = {call}\nresult = [r, ctypes.get_errno()]");
        assert_eq!(attempt(&world, name, &code).await, serde_json::json!([-1, 1]), "{name}");
    }
    // What programs do all the time still works.
    let ordinary = "
import threading, tempfile
t = threading.Thread(target=lambda: None); t.start(); t.join()
open('/dev/stdout', 'w').write('out')
result = subprocess.run(['/bin/sh', '-c', 'echo from a shell > /tmp/x; cat /tmp/x'], stdout=subprocess.PIPE).stdout.decode()
socket.getaddrinfo('localhost', 80)
";
    assert_eq!(attempt(&world, "ordinary", ordinary).await, "from a shell\n");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_variable_of_another_environment_is_out_of_reach() {
    let world = jailed();
    let mut other = world.function("other", "import time\ndef handler(e, c): time.sleep(1)");
    other.environment.push(("PASSWORD".into(), "very-secret-text".into()));
    let (other, executor, context) = (Arc::new(other), world.executor.clone(), world.context());
    let running = tokio::spawn(async move { executor.invoke(&other, "{}".into(), context).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let code = "
found = ''
for pid in range(1, 40000):
    try:
        found += open('/proc/%d/environ' % pid).read()
    except OSError:
        pass
result = 'very-secret-text' in found
";
    assert_eq!(attempt(&world, "f", code).await, false);
    running.await.expect("joined").expect("ran");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_bounded_and_ends_with_its_environment() {
    let world = jailed();
    let code = "
import os, time
def handler(event, context):
    count = 0
    try:
        while count < 5000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except OSError:
        pass
    return count
";
    let mut spec = world.function("bomb", code);
    spec.timeout = Duration::from_secs(20);
    spec.memory_mb = 3008;
    let spec = Arc::new(spec);
    let before = processes();
    let done = world.invoke(&spec, "{}").await;
    let count: usize = text(&done).parse().unwrap_or_else(|_| panic!("{} {}", text(&done), tail(&done)));
    assert!((100..=1024).contains(&count), "{count}");
    world.executor.retire(&spec.key);
    wait_until("all are gone", || processes() < before + 50).await;
    world.end().await;
}

fn processes() -> usize {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_hog_is_killed_and_reported() {
    let world = jailed();
    let code = "
import time
def handler(event, context):
    kept = []
    while True:
        kept.append(bytearray(8 << 20))
        time.sleep(0.005)
";
    let begun = Instant::now();
    let done = world.run("hog", code, "{}").await;
    let error = text(&done);
    assert!(error.contains("Runtime.ExitError") && error.contains("signal: killed"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let log = String::from_utf8_lossy(&done.log_tail).into_owned();
    let report = "\tMax Memory Used: 128 MB\t";
    assert!(
        log.contains(report) && log.ends_with("Status: error\tError Type: Runtime.OutOfMemory\n"),
        "{log}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tmp_has_the_size_asked_for() {
    let world = jailed();
    let code = "
def handler(event, context):
    written = 0
    try:
        with open('/tmp/big', 'wb', 0) as f:
            while True:
                written += f.write(b'x' * (1 << 20))
    except OSError as e:
        return [written >> 20, e.errno]
";
    let mut spec = world.function("disk", code);
    spec.ephemeral_mb = 64;
    assert_eq!(text(&world.invoke(&Arc::new(spec), "{}").await), "[64, 28]");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_lie_over_each_other_in_order() {
    let world = jailed();
    for (layer, text) in [("one", "one"), ("two", "two")] {
        let dir = world.dir.path().join(layer).join("python");
        std::fs::create_dir_all(&dir).expect("folder");
        std::fs::write(dir.join("shared.py"), format!("NAME = '{text}'")).expect("written");
        std::fs::write(dir.join(format!("only_{layer}.py")), "").expect("written");
    }
    let code = "
import shared, only_one
def handler(event, context):
    import os
    return [shared.NAME, sorted(os.listdir('/opt/python'))]
";
    let mut spec = world.function("f", code);
    spec.layers = vec![world.dir.path().join("one"), world.dir.path().join("two")];
    let done = world.invoke(&Arc::new(spec.clone()), "{}").await;
    assert!(text(&done).starts_with("[\"two\", [\"only_one.py\", \"only_two.py\", "), "{}", text(&done));
    spec.layers.pop();
    spec.key.push('1');
    assert!(text(&world.invoke(&Arc::new(spec), "{}").await).starts_with("[\"one\", [\"only_one.py\", "));
    world.end().await;
}
