//! A function that tries to get out of its environment: `escapes/attempts.py`, in every way that a runtime is started,
//! with a server that runs as root and with one that does not. The same attempts without a jail are the control: what
//! gets through there is what the jail holds back.
//!
//! The servers are processes of their own, as in `servers.rs`: this test program again, told its role.
#![cfg(jail)]

mod support;

use lambda::execution::*;
use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const ROLE: &str = "ESCAPES_TEST_ROLE";
const ATTEMPTS: &str = include_str!("escapes/attempts.py");

/// Has what another function should not get at: shared memory, queues, sockets, a file, a variable.
const VICTIM: &str = r#"
import ctypes, os, socket, time
libc = ctypes.CDLL(None, use_errno=True)
kept = []
def handler(told, context):
    if told == "hold":
        time.sleep(20)
    if "clear" in told:
        told = told["clear"]
        libc.shmctl(libc.shmget(told["key"], 0, 0), 0, None)
        libc.msgctl(libc.msgget(told["key"], 0), 0, None)
        libc.mq_unlink(("/" + told["abstract"]).encode())
        os.unlink("/tmp/" + told["abstract"])
        return
    stream = socket.socket(socket.AF_UNIX)
    stream.bind("\0" + told["abstract"])
    stream.listen(64)
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagram.bind("\0" + told["abstract"] + "-datagram")
    libc.shmget(told["key"], 4096, 0o1666)
    libc.msgget(told["key"], 0o1666)
    libc.mq_open(("/" + told["abstract"]).encode(), 0o102, 0o666, None)
    open("/tmp/" + told["abstract"], "w").close()
    kept.extend([told, stream, datagram])
    return os.environ["AWS_LAMBDA_RUNTIME_API"]
"#;

const IN_PYTHON: &str = "
import contextlib, io, json, os, runpy, sys
def handler(told, context):
    sys.argv = ['attempts.py', json.dumps(told)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(os.environ['LAMBDA_TASK_ROOT'] + '/attempts.py')
    return json.loads(out.getvalue())
";

const IN_NODE: &str = "
const { execFileSync } = require('child_process');
exports.handler = async (told) => JSON.parse(
  execFileSync('python3', [process.env.LAMBDA_TASK_ROOT + '/attempts.py', JSON.stringify(told)]).toString());
";

const IN_A_SHELL: &str = r#"#!/bin/sh
exec python3 - <<'END'
import http.client, os, subprocess
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
while True:
    api.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = api.getresponse()
    done = subprocess.run(['python3', os.environ['LAMBDA_TASK_ROOT'] + '/attempts.py', answer.read()], stdout=subprocess.PIPE)
    api.request('POST', '/2018-06-01/runtime/invocation/%s/response' % answer.getheader('Lambda-Runtime-Aws-Request-Id'), done.stdout)
    api.getresponse().read()
END
"#;

#[tokio::test(flavor = "multi_thread")]
async fn play_the_server() {
    let sandbox = match std::env::var(ROLE).as_deref() {
        Ok("prefer") => Sandbox::Prefer,
        Ok("require") => Sandbox::Require,
        Ok("off") => Sandbox::Off,
        _ => return, // An ordinary test run: nothing to play.
    };
    let world = World::with(|c| c.sandbox = sandbox);
    let mut told = secrets(&world);
    let mut victim = world.function("victim", VICTIM);
    victim.environment.push(("PASSWORD".into(), "very-secret-text".into()));
    victim.timeout = Duration::from_secs(60);
    let victim = Arc::new(victim);
    let api = world.invoke(&victim, &told.to_string()).await;
    told["api"] = serde_json::from_slice(&api.payload).expect("an address");
    let (executor, context, held) = (world.executor.clone(), world.context(), victim.clone());
    told["request"] = Value::from(context.request_id.clone());
    let busy = tokio::spawn(async move { executor.invoke(&held, "\"hold\"".into(), context).await });
    told["pids"] = Value::from(family());
    let mut found = Map::new();
    for (runtime, file, code) in [
        ("python3.9", "app.py", IN_PYTHON),
        ("nodejs20.x", "app.js", IN_NODE),
        ("provided.al2023", "bootstrap", IN_A_SHELL),
    ] {
        let mut spy = world.files(runtime, &[(file, code), ("attempts.py", ATTEMPTS)]);
        spy.runtime = runtime.into();
        spy.account = "111111111111".into();
        spy.timeout = Duration::from_secs(30);
        told["task"] = Value::from(spy.code_dir.display().to_string());
        let done = world.invoke(&Arc::new(spy), &told.to_string()).await;
        let through = serde_json::from_slice(&done.payload).unwrap_or_else(|_| text(&done).into());
        found.insert(runtime.to_owned(), through);
    }
    println!("\nserver: {}", Value::from(found));
    busy.abort();
    if sandbox == Sandbox::Off {
        // In another environment: the first is busy. What it made is the machine's.
        world.invoke(&victim, &json!({ "clear": told }).to_string()).await;
    }
    world.executor.shutdown().await;
}

/// What the attempts are told: names, numbers and paths that a function could only have guessed.
fn secrets(world: &World) -> Value {
    let server = std::process::id();
    let state = world.dir.path().join("state");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    json!({
        "abstract": format!("crossgate-escapes-{server}"),
        "key": server,
        "secret": "very-secret-text",
        "files": [state.join("runtime/bootstrap.py"), world.dir.path().join("code/victim/app.py"), "/etc/shadow"],
        "folders": [world.dir.path(), &state, &world.dir.path().join("code")],
        "user": rustix::process::geteuid().as_raw(),
        "host": host.trim(),
        "explain": std::env::var("EXPLAIN").is_ok(),
    })
}

/// This process and all below it.
fn family() -> Vec<u32> {
    let own = std::process::id();
    let mut found = vec![own];
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
        };
        if std::iter::successors(Some(pid), |pid| parent(*pid)).skip(1).take(16).any(|pid| pid == own) {
            found.push(pid);
        }
    }
    found
}

/// What got through, by runtime, in a server with this policy.
fn attempts(sandbox: &str, as_root: bool) -> Map<String, Value> {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).expect("mode");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "play_the_server", "--nocapture"]).env(ROLE, sandbox).env("TMPDIR", dir.path());
    command.env("CROSSGATE_TEST_SENTINEL", "1");
    if is_root() && !as_root {
        reachable(Path::new(&std::env::current_exe().expect("this program")));
        command.uid(65534).gid(65534).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", "/nonexistent");
    }
    let done = command.output().expect("started");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix("server: "));
    let line = line.unwrap_or_else(|| panic!("{said}\n{}", String::from_utf8_lossy(&done.stderr)));
    serde_json::from_str(line).expect("JSON")
}

/// A program below a folder that only root may enter cannot be started by others.
fn reachable(program: &Path) {
    let closed = program
        .ancestors()
        .skip(1)
        .find(|dir| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 == 0));
    assert_eq!(closed, None, "the test program must lie where any user can start it");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn nothing_gets_out_of_an_environment_of_a_server_that_runs_as_root() {
    if !is_root() {
        return; // Not to be had then; the next test is the one that counts.
    }
    let nothing = json!({"python3.9": {}, "nodejs20.x": {}, "provided.al2023": {}});
    assert_eq!(Value::from(attempts("require", true)), nothing);
}

#[test]
fn nothing_gets_out_of_an_environment_of_a_server_without_root() {
    let nothing = json!({"python3.9": {}, "nodejs20.x": {}, "provided.al2023": {}});
    assert_eq!(Value::from(attempts("prefer", false)), nothing);
}

/// Or the attempts would prove nothing. Left out are those that need root, or a kernel or machine of some kind.
#[test]
fn without_a_jail_the_attempts_get_through() {
    const NAMES: &[&str] = &[
        "answers_for_others",
        "asks_the_runtime_api_of_others",
        "attaches_shared_memory_of_others",
        "calls_in_another_dialect",
        "calls_what_administers_the_machine",
        "connects_to_an_abstract_socket_of_others",
        "copies_the_memory_of_others",
        "finds_the_servers_folders",
        "joins_a_namespace",
        "keeps_the_rights_of_programs",
        "knows_the_machines_name",
        "limits_a_process_of_others",
        "mounts",
        "opens_a_file_by_its_handle",
        "opens_a_message_queue_of_others",
        "opens_a_posix_queue_of_others",
        "opens_a_socket_of_another_kind",
        "reads_the_memory_of_others",
        "reads_the_servers_environment",
        "reads_tmp_of_others",
        "reads_what_the_server_keeps",
        "sees_a_process_of_others",
        "sees_sys",
        "seizes_a_process_of_others",
        "sends_to_an_abstract_socket_of_others",
        "signals_a_process_of_others",
        "takes_a_descriptor_of_others",
        "traces_at_all",
        "types_into_a_terminal",
        "uses_keyrings",
        "walks_through_the_root_of_another_process",
    ];
    for (runtime, through) in &attempts("off", false) {
        let held: Vec<_> = NAMES.iter().filter(|name| through.get(**name).is_none()).collect();
        assert_eq!(held, Vec::<&&str>::new(), "{runtime}: {through}");
    }
}
