//! AWS's own runtime client for Python, at a pinned version, in a virtual environment below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failed;

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The interpreter of an environment of `python` that has the client; made when it is not there yet.
///
/// # Errors
/// It cannot be made: no `venv`, no network, no package for this version. The text says which.
pub fn python_with_client(python: &str) -> Result<PathBuf, Failed> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let target = own.parent().and_then(Path::parent).ok_or("no target folder")?;
    let name = Path::new(python).file_name().and_then(|n| n.to_str()).unwrap_or("python3");
    let folder = target.join(format!("bench-{name}"));
    let (program, marker) = (folder.join("bin/python"), folder.join("installed.txt"));
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(program);
    }
    let list = folder.join("requirements.txt");
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
    std::fs::write(&list, REQUIREMENTS).map_err(|e| format!("{}: {e}", list.display()))?;
    let mut install = Command::new(&program);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "-r",
    ]);
    run(install.arg(&list))?;
    std::fs::write(&marker, REQUIREMENTS).map_err(|e| format!("{}: {e}", marker.display()))?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), Failed> {
    let done = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if done.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&done.stderr);
    let last = errors.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
    Err(format!("{command:?} failed: {last}"))
}
