//! Servers as processes of their own: killed without warning, and without root.
//!
//! Each test starts this test program again, with one test to run and its instructions in the environment.

mod support;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::*;

const ROLE: &str = "EXECUTION_TEST_ROLE";
const SLEEPER: &str = "import time\ndef handler(e, c):\n    if e: time.sleep(e)\n    return 'awake'";

/// Takes back what the jail set so that it ends with its parent, and stays.
const STUBBORN: &str = "
import ctypes, os, signal, time
def stay():
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP): signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0: os.setsid()
    while True: time.sleep(1)
def handler(event, context):
    if event: stay()
    return 'ready'
";

/// A custom runtime that does the same, with `dir` in its command line.
fn stubborn_bootstrap(dir: &Path) -> String {
    format!(
        "#!/bin/sh
exec python3 - {} <<'END'
import http.client, os
{STUBBORN}
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
while True:
    api.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = api.getresponse()
    if answer.read() != b'0': stay()
    api.request('POST', '/2018-06-01/runtime/invocation/%s/response' % answer.getheader('Lambda-Runtime-Aws-Request-Id'), '1')
    api.getresponse().read()
END
",
        dir.display()
    )
}

/// Both, up and running.
async fn stubborn(world: &World) -> Vec<Arc<lambda::execution::FunctionSpec>> {
    let mut custom = world.files("custom", &[("bootstrap", &stubborn_bootstrap(world.dir.path()))]);
    custom.runtime = "provided.al2023".into();
    let mut both = Vec::new();
    for mut spec in [world.function("python", STUBBORN), custom] {
        spec.timeout = Duration::from_secs(1);
        let spec = Arc::new(spec);
        assert_eq!(world.invoke(&spec, "0").await.function_error, None, "{}", world.log());
        both.push(spec);
    }
    both
}

/// This program again, as the server `role`, with its files below `dir`.
fn server(role: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "play_the_server", "--nocapture"]).env(ROLE, role).env("TMPDIR", dir);
    command.stdout(Stdio::piped());
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test(flavor = "multi_thread")]
async fn play_the_server() {
    match std::env::var(ROLE).as_deref() {
        Ok("sleeps") => {
            let world = World::new();
            let spec = Arc::new(world.function("sleeper", SLEEPER));
            assert_eq!(text(&world.invoke(&spec, "0").await), "\"awake\"");
            let (busy, executor, context) = (spec.clone(), world.executor.clone(), world.context());
            tokio::spawn(async move { executor.invoke(&busy, "2".into(), context).await });
            tokio::time::sleep(Duration::from_millis(200)).await;
            println!("\nserver: ready");
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Ok("stubborn") => {
            let world = World::new();
            for spec in stubborn(&world).await {
                let mut spec = (*spec).clone();
                spec.timeout = Duration::from_secs(60);
                let (executor, context) = (world.executor.clone(), world.context());
                tokio::spawn(async move { executor.invoke(&Arc::new(spec), "1".into(), context).await });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            println!("\nserver: ready");
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Ok("unprivileged") => {
            let world = World::with(|c| c.sandbox = lambda::execution::Sandbox::Prefer);
            let code = "import os\ndef handler(e, c):\n    return [os.getuid(), os.path.exists('/.host/etc'), [p for p in os.listdir('/proc') if p.isdigit()], os.listdir('/var/task')]";
            let spec = Arc::new(world.function("f", code));
            let done = world.invoke(&spec, "0").await;
            println!("\nserver: {}", text(&done));
            println!("server: {:?}", world.warnings.lock().expect("lock"));
            world.end().await;
        }
        _ => {} // An ordinary test run: nothing to play.
    }
}

/// The first line that the server says. Its output is read to the end elsewhere, so that it never blocks.
fn hear(child: &mut Child) -> String {
    let out = child.stdout.take().expect("piped");
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(said) = line.strip_prefix("server: ") {
                let _ = send.send(said.to_owned());
            }
        }
    });
    receive.recv_timeout(Duration::from_secs(20)).expect("the server says something")
}

/// Processes that were started with a path below `dir`.
fn processes_of(dir: &Path) -> Vec<String> {
    let marker = dir.display().to_string();
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&marker).then_some(line)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_leaves_no_process_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = server("sleeps", dir.path()).spawn().expect("started");
    assert_eq!(hear(&mut child), "ready");
    // Zygote, the busy environment, the spare; without a jail the environment alone.
    let least = if cfg!(jail) { 2 } else { 1 };
    assert!(processes_of(dir.path()).len() >= least, "{:?}", processes_of(dir.path()));
    let pid = child.id();
    let root = is_root();
    assert!(!cfg!(jail) || !root || !groups_of(pid).is_empty(), "the server has made no control group");
    child.kill().expect("killed");
    child.wait().expect("waited");
    wait_until("all are gone", || processes_of(dir.path()).is_empty()).await;
    // No mount of its jails is seen outside them, and the next server removes its control groups.
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    assert!(!mounts.contains(&dir.path().display().to_string()), "{mounts}");
    let world = World::new();
    assert_eq!(text(&world.run("next", "def handler(e, c): return 'fine'", "{}").await), "\"fine\"");
    assert_eq!(groups_of(pid), Vec::<std::path::PathBuf>::new());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "without a jail, what leaves its process group stays")]
async fn a_function_does_not_outlive_its_time_out_whatever_it_does() {
    let world = World::new();
    for spec in stubborn(&world).await {
        let done = world.invoke(&spec, "1").await;
        assert!(text(&done).contains("Sandbox.Timedout"), "{}", text(&done));
    }
    wait_until("no environment is left", || world.executor.environments() == 0).await;
    let own = |line: &String| line.contains("python3 - ");
    wait_until("no process is left", || !processes_of(world.dir.path()).iter().any(own)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "without a jail, what leaves its process group stays")]
async fn a_function_does_not_outlive_a_server_that_is_killed_whatever_it_does() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = server("stubborn", dir.path()).spawn().expect("started");
    assert_eq!(hear(&mut child), "ready");
    assert!(processes_of(dir.path()).len() >= 4, "{:?}", processes_of(dir.path()));
    child.kill().expect("killed");
    child.wait().expect("waited");
    wait_until("all are gone", || processes_of(dir.path()).is_empty()).await;
}

/// The control groups that a process with this id made, in every hierarchy.
fn groups_of(pid: u32) -> Vec<std::path::PathBuf> {
    let own = format!("crossgate-{pid}-");
    let (mut found, mut folders) = (Vec::new(), vec![std::path::PathBuf::from("/sys/fs/cgroup")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy().starts_with(&own) {
                found.push(entry.path());
            } else {
                folders.push(entry.path());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn without_root_functions_are_jailed_in_a_user_namespace() {
    if !is_root() {
        return; // Then every other test has shown it.
    }
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).expect("mode");
    let mut command = server("unprivileged", dir.path());
    command.uid(65534).gid(65534).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", "/nonexistent");
    let mut child = command.spawn().expect("started");
    assert_eq!(hear(&mut child), r#"[993, false, ["1"], ["app.py"]]"#);
    assert!(child.wait().expect("waited").success());
    wait_until("all are gone", || processes_of(dir.path()).is_empty()).await;
}
