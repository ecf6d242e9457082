//! What a broken or hostile function does, and what becomes of it. Real processes, the machine's own jail.
//!
//! | fault | test |
//! |---|---|
//! | fork bomb | `isolation.rs`: `a_fork_bomb_is_bounded_and_ends_with_its_environment` |
//! | memory hog | `isolation.rs`: `a_memory_hog_is_killed_and_reported` |
//! | endless loop | here; one that sleeps: `execution.rs`: `a_time_out_ends_the_environment` |
//! | disk filler | `isolation.rs`: `tmp_has_the_size_asked_for`; several files and folders: here |
//! | a response of 6 MB and one byte | `execution.rs`: `a_response_over_6_mb_is_refused_and_the_environment_goes_on` |
//! | 10 MB of log in one line | `function_logs.rs`: `ten_megabytes_of_log_in_one_line_do_no_harm` |
//! | closed standard output | `execution.rs`: `a_function_that_closes_its_descriptors_fails_alone` |
//! | double response, response for another's id | `provided.rs`: `a_bootstrap_of_the_archive_runs_and_its_answers_are_checked` |
//! | a runtime that never calls `next` | here; one that hangs while it loads: `execution.rs` |
//! | bootstrap without execute bit | here |
//! | writes outside | here, `isolation.rs`: `the_code_is_read_only_and_tmp_is_private` |
//! | reads another function's code | `isolation.rs`: `other_code_and_the_servers_folders_do_not_exist_inside` |
//! | … its environment and credentials | here |
//! | … its Runtime API | here; over TCP: `provided.rs`: `another_environment_cannot_reach_the_api_of_this_one` |
//! | … its memory, processes, sockets, shared memory, queues; the server's | `escapes.rs` |
//! | makes namespaces, mounts, gains rights, other calls, devices, kernel settings | `escapes.rs` |
//! | outlives its time-out, or a server that is killed | `servers.rs`: `a_function_does_not_outlive_…` |
//! | server killed in the middle of an invocation | `servers.rs`: `a_server_that_is_killed_leaves_no_process_behind` |
//! | is the root user of any account by a development key; reads the traces of others | `test_functions_as_clients.py` |

mod support;

use lambda::execution::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::*;

fn jailed() -> World {
    World::with(|c| c.sandbox = Sandbox::Require)
}

fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap_or_else(|_| panic!("no JSON: {}", text(invocation)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_at_the_time_out() {
    let world = jailed();
    let mut spec = world.function("loop", "def handler(e, c):\n    while e: pass\n    return 'fine'");
    spec.timeout = Duration::from_secs(1);
    let spec = Arc::new(spec);
    let begun = Instant::now();
    let done = world.invoke(&spec, "1").await;
    assert!(begun.elapsed() < Duration::from_millis(1800), "{:?}", begun.elapsed());
    assert_eq!(body(&done)["errorType"], "Sandbox.Timedout");
    assert!(text(&done).ends_with(" Error: Task timed out after 1.00 seconds\"}"), "{}", text(&done));
    assert_eq!(text(&world.invoke(&spec, "0").await), "\"fine\"");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_never_asks_for_an_event_is_ended_after_the_init_phase() {
    let world = World::with(|c| {
        c.sandbox = Sandbox::Require;
        c.init_timeout = Duration::from_millis(300);
    });
    let mut spec = world.files("custom", &[("bootstrap", "#!/bin/sh\necho waiting\nsleep 60\n")]);
    spec.runtime = "provided.al2023".into();
    spec.timeout = Duration::from_secs(1);
    let begun = Instant::now();
    let done = world.invoke(&Arc::new(spec), "{}").await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(body(&done)["errorType"], "Sandbox.Timedout", "{}", text(&done));
    assert!(world.log().contains("waiting\n"), "{}", world.log());
    wait_until("its processes are gone", || world.executor.environments() == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_without_execute_bit_is_refused_in_awss_words() {
    let world = jailed();
    let mut spec = world.files("custom", &[("bootstrap", "#!/bin/sh\n")]);
    use std::os::unix::fs::PermissionsExt as _;
    let file = spec.code_dir.join("bootstrap");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("mode");
    spec.runtime = "provided.al2".into();
    let done = world.invoke(&Arc::new(spec), "{}").await;
    let error = body(&done);
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
    let message = error["errorMessage"].as_str().unwrap_or_default();
    assert!(message.starts_with("RequestId: "), "{message}");
    assert!(message.ends_with(" Error: fork/exec /var/task/bootstrap: permission denied"), "{message}");
    assert!(tail(&done).contains("permission denied\nRuntime.InvalidEntrypoint\n"), "{}", tail(&done));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn a_full_tmp_is_full_for_every_kind_of_file_and_nothing_of_it_outlives_the_environment() {
    let world = jailed();
    let code = "
import os
def handler(event, context):
    if event == 'look':
        return os.listdir('/tmp')
    made = 0
    try:
        for n in range(100000):
            os.makedirs('/tmp/%d' % n)
            with open('/tmp/%d/file' % n, 'wb') as f:
                f.write(b'x' * (1 << 20))
            made += 1
    except OSError as e:
        return [made <= 64, e.errno]
";
    let mut spec = world.function("disk", code);
    spec.ephemeral_mb = 64;
    let spec = Arc::new(spec);
    assert_eq!(body(&world.invoke(&spec, "0").await), json!([true, 28]));
    world.executor.retire(&spec.key);
    wait_until("the environment is gone", || world.executor.environments() == 0).await;
    assert_eq!(body(&world.invoke(&spec, "\"look\"").await), json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn nothing_outside_tmp_can_be_written() {
    let world = jailed();
    let code = "
import os, sys
def handler(event, context):
    written = []
    for path in ['/x', '/var/task/x', '/opt/x', '/etc/passwd', '/usr/x', '/var/x', '/run/x', '/dev/x', '/proc/sys/kernel/hostname',
                 '/var/runtime/x', sys.prefix + '/x', '/dev/shm/x', '/home/x', '/root/x']:
        try:
            with open(path, 'a') as f:
                f.write('x')
            written.append(path)
        except OSError:
            pass
    for call in (lambda: os.symlink('/tmp', '/var/task/l'), lambda: os.mkdir('/opt/d'), lambda: os.chmod('/var/task', 0o777),
                 lambda: os.link('/etc/passwd', '/tmp/p'), lambda: os.unlink('/var/task/app.py'), lambda: os.mknod('/tmp/n', 0o20666, 259)):
        try:
            call()
            written.append('call')
        except OSError:
            pass
    return written
";
    let done = world.run("writer", code, "{}").await;
    assert_eq!(body(&done), json!([]), "{}", tail(&done));
    world.end().await;
}

/// Another function's environment is busy while a spy looks for what is its own.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn another_functions_credentials_memory_and_runtime_api_are_out_of_reach() {
    let world = jailed();
    let mut victim = world.function("victim", "import time\ndef handler(e, c): time.sleep(e)");
    victim.environment.push(("PASSWORD".into(), "very-secret-text".into()));
    let victim = Arc::new(victim);
    let (executor, context) = (world.executor.clone(), world.context());
    let running = tokio::spawn(async move { executor.invoke(&victim, "1.5".into(), context).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let code = "
import os, socket, glob
def handler(secrets, context):
    found = []
    own = os.environ['AWS_ACCESS_KEY_ID']
    if own != 'ASIA-spy': found.append(own)
    for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/[0-9]*/maps'):
        try:
            text = open(path, 'rb').read()
        except OSError:
            continue
        found += [path for s in secrets if s.encode() in text]
    for pid in range(2, 3000):
        for name in ('mem', 'root', 'cwd', 'fd', 'ns/mnt', 'environ'):
            if os.path.lexists('/proc/%d/%s' % (pid, name)): found.append('%d/%s' % (pid, name))
    for name in os.listdir('/proc/self/fd'):
        try:
            target = os.readlink('/proc/self/fd/' + name)
        except OSError:
            continue
        if '/proc/' not in target and not target.startswith(('/dev/null', 'pipe:', 'socket:')): found.append(target)
    # The address that the variables name, and every socket with a name that the kernel lists.
    try:
        socket.create_connection(('127.0.0.1', 9001), 0.3).close()
        found.append('127.0.0.1:9001')
    except OSError:
        pass
    try:
        names = [l.split()[-1] for l in open('/proc/net/unix') if '@' in l or 'crossgate' in l]
    except OSError:
        names = []
    for name in names:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect('\\0' + name[1:] if name.startswith('@') else name)
            found.append(name)
        except OSError:
            pass
    try:
        os.kill(2, 0)
        found.append('signal')
    except OSError:
        pass
    return found
";
    let spy = world.function("spy", code);
    let done = world.invoke(&Arc::new(spec_with_time(spy)), r#"["very-secret-text", "ASIA-victim"]"#).await;
    assert_eq!(body(&done), json!([]), "{}", tail(&done));
    running.await.expect("joined").expect("ran");
    world.end().await;
}

fn spec_with_time(mut spec: FunctionSpec) -> FunctionSpec {
    spec.timeout = Duration::from_secs(10);
    spec
}
