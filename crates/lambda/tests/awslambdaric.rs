//! The tests of `execution.rs` and `function_logs.rs` a second time, through AWS's own runtime client for Python.
//!
//! It comes from PyPI, in the version that `awslambdaric.txt` pins, and runs as a layer with a wrapper script, jailed
//! as any function. What differs is listed in `awslambdaric.json` with the reason; a test that is listed and passes
//! fails this one too.
#![cfg(jail)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const CLIENT: &str = "#!/bin/sh
export PYTHONPATH=/opt/python:/var/task
exec \"$1\" -m awslambdaric \"$_HANDLER\"
";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python(version: &str) -> PathBuf {
    let home = std::env::var("HOME").unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let pyenv = std::fs::read_dir(format!("{home}/.pyenv/versions")).into_iter().flatten().flatten();
    let mut dirs: Vec<_> = pyenv.map(|entry| entry.path().join("bin")).collect();
    dirs.extend(path.split(':').map(PathBuf::from).filter(|d| !d.ends_with("shims")));
    let found = dirs.iter().map(|dir| dir.join(format!("python{version}"))).find(|p| p.exists());
    found.unwrap_or_else(|| panic!("this test needs a Python {version}, in ~/.pyenv/versions or on PATH"))
}

/// The layer with the client in it, made when it is missing or older than its requirements.
fn layer(version: &str) -> PathBuf {
    let requirements = here().join("tests/awslambdaric.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("requirements");
    let layer = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("awslambdaric-{version}"));
    let stamp = layer.join("made-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return layer;
    }
    let _ = std::fs::remove_dir_all(&layer);
    let done = Command::new(python(version))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
        .arg(requirements)
        .arg("--target")
        .arg(layer.join("python"))
        .output()
        .expect("pip runs");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "awslambdaric could not be installed for Python {version}:\n{error}");
    let client = layer.join("client");
    std::fs::write(&client, CLIENT).expect("written");
    std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).expect("mode");
    std::fs::write(stamp, wanted).expect("written");
    layer
}

fn run(version: &str) {
    let client = format!("{version}={}", layer(version).display());
    let done = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "test",
            "--locked",
            "--package",
            "lambda",
            "--test",
            "execution",
            "--test",
            "function_logs",
            "--no-fail-fast",
        ])
        .current_dir(here())
        .env(support::CLIENT, client)
        .output()
        .expect("cargo runs");
    let out = String::from_utf8_lossy(&done.stdout);
    let results: BTreeMap<_, _> = out
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "))
        .map(|(name, result)| (name.to_owned(), result == "ok"))
        .collect();
    assert!(results.len() >= 20, "the tests did not run\n{out}\n{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(here().join("tests/awslambdaric.json")).expect("the list");
    let listed: BTreeMap<String, String> = serde_json::from_str(&text).expect("JSON");
    let failed: BTreeSet<_> = results.iter().filter(|(_, ok)| !**ok).map(|(name, _)| name.as_str()).collect();
    let listed: BTreeSet<_> = listed.keys().map(String::as_str).collect();
    assert_eq!(
        failed, listed,
        "what differs (left) is not what is listed (right) for Python {version}\n{out}"
    );
}

#[test]
fn the_official_client_gives_the_same_results_on_python_3_9_and_3_13() {
    run("3.9");
    run("3.13");
}
