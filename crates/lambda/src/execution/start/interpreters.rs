//! How Python and Node are executed for one function alone.

use super::super::nodes::Node;
use super::super::runtimes::Python;
use super::super::spec::InvokeError;
use super::exec::Runtime;
use super::{Starter, internal};
use jailer::Layer;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The bootstraps' names, in the state folder's `runtime` and in the jail's `/var/runtime`.
pub(super) const PYTHON_BOOTSTRAP: &str = "bootstrap.py";
pub(super) const NODE_BOOTSTRAP: &str = "bootstrap.cjs";

impl Starter {
    /// How this Python is executed.
    pub(super) fn python_runtime(
        &self,
        python: &Python,
        warning: Option<String>,
    ) -> Result<Runtime, InvokeError> {
        let words = ["-B", "-X", "utf8"].map(OsString::from);
        let mut command = vec![python.program.clone().into_os_string()];
        command.extend(words);
        command.extend([self.bootstrap(PYTHON_BOOTSTRAP).into_os_string(), "run".into()]);
        let prefix = python.program.parent().and_then(Path::parent);
        let prefix = prefix.ok_or_else(|| internal(format!("{} has no prefix", python.program.display())))?;
        Ok(Runtime {
            command,
            folders: vec![prefix.to_path_buf()],
            bin: python.program.parent().map(|p| p.display().to_string()),
            used: python.runtime(),
            warning,
        })
    }

    /// How this Node is executed.
    pub(super) fn node_runtime(&self, node: &Node, warning: Option<String>) -> Runtime {
        let script = self.bootstrap(NODE_BOOTSTRAP).into_os_string();
        Runtime {
            command: vec![node.program.clone().into_os_string(), script, "run".into()],
            folders: node.prefix().into_iter().collect(),
            bin: node_folder(node),
            used: node.runtime(),
            warning,
        }
    }

    /// Where a bootstrap is seen.
    fn bootstrap(&self, name: &str) -> PathBuf {
        if self.layers.has(Layer::Mount) {
            return Path::new("/var/runtime").join(name);
        }
        super::absolute(&self.config.state_dir).join("runtime").join(name)
    }
}

/// Node's folder, where it is not on the path anyway.
pub(super) fn node_folder(node: &Node) -> Option<String> {
    let folder = node.program.parent().filter(|dir| !dir.starts_with("/usr/bin"));
    folder.map(|dir| dir.display().to_string())
}
