//! The invariants of ARCHITECTURE.md that can be read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

const PURE: [&str; 5] = ["arn", "identity", "policy", "sigv4", "vtl"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Files of a crate's `src` with their text, without the tests that stand below the code.
fn code(name: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&crates().join(name).join("src"), &mut found);
    let is_test = |path: &PathBuf| path.file_stem().is_some_and(|s| s == "tests" || s == "testing");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        (path, text[..end].to_owned())
    };
    found.into_iter().filter(|path| !is_test(path)).map(read).collect()
}

fn every_crate() -> Vec<String> {
    let entries = fs::read_dir(crates()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[track_caller]
fn absent(name: &str, words: &[&str]) {
    for (path, text) in code(name) {
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for word in words {
                assert!(
                    !line.contains(word),
                    "{}:{}: `{word}` does not belong here",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    for name in PURE {
        absent(
            name,
            &[
                "std::fs",
                "TcpStream",
                "TcpListener",
                "UdpSocket",
                "std::process",
                "std::thread",
                "SystemTime",
                "Instant::now",
                "::now()",
                "tokio",
            ],
        );
    }
}

#[test]
fn unsafe_stays_in_the_jailer() {
    for name in every_crate() {
        if name == "jailer" {
            continue;
        }
        let root = ["lib.rs", "main.rs"].map(|file| crates().join(&name).join("src").join(file));
        let text = root.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
    }
}

#[test]
fn only_lambda_and_its_jailer_start_processes() {
    for name in every_crate() {
        if !["lambda", "jailer"].contains(&name.as_str()) {
            absent(&name, &["process::Command", "Command::new("]);
        }
    }
}

#[test]
fn gateway_and_lambda_do_not_know_each_other() {
    absent("gateway", &["lambda::"]);
    absent("lambda", &["gateway::"]);
}

#[test]
fn files_are_one_idea() {
    for name in every_crate() {
        for (path, text) in code(&name) {
            let lines = text.lines().count();
            assert!(lines <= 600, "{} has {lines} lines: is it one idea?", path.display());
        }
    }
}
