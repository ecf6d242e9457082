//! What jails and zygotes need on disk, and which layers of the jail are used.

use super::super::config::{ExecutorConfig, Sandbox};
use super::super::slot::Slots;
use super::super::spec::InvokeError;
use jailer::Layers;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Our bootstrap for Python.
const PYTHON_BOOTSTRAP: &str = include_str!("../../../bootstraps/bootstrap.py");
/// Our bootstrap for Node.
const NODE_BOOTSTRAP: &str = include_str!("../../../bootstraps/bootstrap.cjs");

/// The layers to use, by policy.
pub(super) fn layers(config: &ExecutorConfig) -> Result<Layers, InvokeError> {
    if config.sandbox == Sandbox::Off {
        (config.warn)("functions are not isolated (--sandbox off): they run as any program of this user");
        return Ok(Layers::none());
    }
    let report = jailer::probe();
    if !cfg!(jail) {
        let reason = report.missing().into_iter().next().map(|(_, reason)| reason).unwrap_or_default();
        return match config.sandbox {
            Sandbox::Require => Err(InvokeError::SandboxUnavailable(format!(
                "functions cannot be isolated here, for want of a jail: {reason}; run crossgate in a Linux container or \
                 virtual machine, or functions without isolation (--sandbox off)"
            ))),
            _ => {
                (config.warn)(&format!(
                    "functions run without a jail here, as any program of this user: {reason}"
                ));
                Ok(report.layers)
            }
        };
    }
    let missing: Vec<_> =
        report.missing().iter().map(|(layer, why)| format!("{}: {why}", layer.name())).collect();
    if missing.is_empty() {
        return Ok(report.layers);
    }
    let missing = missing.join("; ");
    if config.sandbox == Sandbox::Require {
        let text = format!("functions cannot be isolated fully here ({missing})");
        return Err(InvokeError::SandboxUnavailable(text));
    }
    (config.warn)(&format!("functions are isolated only in part here ({missing})"));
    Ok(report.layers)
}

/// The bootstrap, the folder to build roots on, and the `/etc` of jails.
pub(super) fn write_state(config: &ExecutorConfig, slots: &Slots) -> io::Result<()> {
    let state = &config.state_dir;
    let make = |path: &Path, mode| std::fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    make(state, 0o700)?;
    make(&state.join("root"), 0o755)?;
    std::fs::write(state.join("bootstrap.py"), PYTHON_BOOTSTRAP)?;
    make(&state.join("runtime"), 0o755)?;
    std::fs::write(state.join("runtime").join(super::interpreters::NODE_BOOTSTRAP), NODE_BOOTSTRAP)?;
    std::fs::write(state.join("runtime").join(super::interpreters::PYTHON_BOOTSTRAP), PYTHON_BOOTSTRAP)?;
    let etc = state.join("etc");
    make(&etc, 0o755)?;
    let mut passwd = "root:x:0:0:root:/root:/sbin/nologin\n".to_owned();
    let mut group = "root:x:0:\n".to_owned();
    // AWS's name for the function's user; each environment has a number of its own where the server is root.
    let user = |id: u32| format!("sbx_user1051:x:{id}:{id}::/home/sbx_user1051:/sbin/nologin\n");
    passwd.push_str(&format!(
        "sbx_user1051:x:{}:{}::/home/sbx_user1051:/sbin/nologin\n",
        jailer::TASK_USER,
        jailer::TASK_GROUP
    ));
    group.push_str(&format!("sbx_user1051:x:{}:\n", jailer::TASK_GROUP));
    for index in 0..u32::try_from(config.max_environments + config.spares + 64).unwrap_or(2000).min(2000) {
        passwd.push_str(&user(slots.uid(index)));
    }
    std::fs::write(etc.join("passwd"), passwd)?;
    std::fs::write(etc.join("group"), group)?;
    for name in ["hosts", "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf", "services", "protocols"] {
        copy(name, &etc);
    }
    // Where subscribers of records listen; environments with external extensions have an address each.
    let hosts = std::fs::read_to_string(etc.join("hosts")).unwrap_or_default();
    std::fs::write(etc.join("hosts"), format!("{hosts}\n127.0.0.1 sandbox.localdomain sandbox\n"))?;
    for name in ["ld.so.cache", "ld.so.conf", "localtime", "mime.types"] {
        copy(name, &etc);
    }
    for dir in ["ssl", "pki", "alternatives", "ca-certificates"] {
        if Path::new("/etc").join(dir).is_dir() {
            make(&etc.join(dir), 0o755)?;
        }
    }
    // Debian's packages of Java keep their settings there; mounted for functions that run in one.
    for entry in std::fs::read_dir("/etc").into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|n| n.starts_with("java-")) && entry.path().is_dir() {
            make(&etc.join(entry.file_name()), 0o755)?;
        }
    }
    Ok(())
}

/// A file of the machine's `/etc`, when everyone may read it.
fn copy(name: &str, etc: &Path) {
    let from = Path::new("/etc").join(name);
    let public = std::fs::metadata(&from).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o004 != 0);
    if public && let Ok(text) = std::fs::read(&from) {
        let _ = std::fs::write(etc.join(name), text);
    }
}
