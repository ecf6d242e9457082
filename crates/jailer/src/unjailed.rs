//! In place of the jail where there is none: programs start as they are, in a process group of their own.

use crate::layers::{ALL, Layers, Report};
use crate::spec::{BaseSpec, EnterSpec};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Why no layer works.
const REASON: &str = match cfg!(target_os = "linux") {
    true => "this crossgate was built without it (feature `unjailed`)",
    false => "only Linux has it",
};

/// Where a program starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    directory: Option<PathBuf>,
}

/// Every layer is missing.
pub fn probe() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| Report {
        layers: Layers::none(),
        each: ALL.map(|layer| (layer, Err(REASON.to_owned()))).to_vec(),
    })
}

/// It is not kept from them.
pub fn scopes_sockets() -> bool {
    false
}

/// No root of its own.
pub fn base(_: &BaseSpec) -> Plan {
    Plan::default()
}

/// No namespaces.
pub fn prepare(_: Layers) -> Plan {
    Plan::default()
}

/// It starts in its package's folder.
pub fn enter(spec: &EnterSpec) -> Plan {
    Plan { directory: Some(spec.task.clone()) }
}

/// Starts a program.
pub mod spawn {
    use super::Plan;
    use crate::inherit;
    pub use crate::spec::Jail;
    use std::io;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    /// AWS: descriptors of one process.
    const DESCRIPTORS: libc::rlim_t = 1024;

    /// Joins the stages for [`jail`].
    pub fn stages(_: &Plan, _: &Plan, enter: &Plan) -> Plan {
        enter.clone()
    }

    /// Gives `command` its folder, its descriptors and limits, and a process group of its own. The group stays in the
    /// server's session: when the server is gone, the system wakes and hangs up a group that was stopped.
    ///
    /// # Errors
    /// None here.
    pub fn jail(command: &mut Command, jail: Jail) -> io::Result<()> {
        let Jail { plan, inherit, .. } = jail;
        if let Some(directory) = plan.directory {
            command.current_dir(directory);
        }
        command.process_group(0);
        inherit::reserve(&inherit);
        // SAFETY: between fork and exec only raw system calls are made, on memory laid out before the fork.
        unsafe {
            command.pre_exec(move || {
                inherit::hand_over(&inherit)?;
                let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                if libc::getrlimit(libc::RLIMIT_NOFILE, &mut files) == 0 {
                    let most = files.rlim_max.min(DESCRIPTORS);
                    libc::setrlimit(libc::RLIMIT_NOFILE, &libc::rlimit { rlim_cur: most, rlim_max: most });
                }
                libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 });
                Ok(())
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_has_its_folder_its_descriptors_and_a_group_of_its_own() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let directory = std::env::temp_dir().canonicalize().expect("a folder");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "(pwd; ulimit -n; ulimit -c; kill -s 0 -- -$$ && echo group) >&9"]);
        let jail = spawn::Jail {
            plan: Plan { directory: Some(directory.clone()) },
            pid_namespace: false,
            groups: Vec::new(),
            inherit: vec![(OwnedFd::from(writer), 9)],
            crew: None,
        };
        spawn::jail(&mut command, jail).expect("prepared");
        let ended = command.stdin(Stdio::null()).status().expect("started");
        assert!(ended.success());
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let [folder, files, core, group] = lines[..] else { panic!("{text}") };
        assert_eq!((folder, core, group), (directory.to_str().expect("text"), "0", "group"));
        assert!(files.parse::<u32>().is_ok_and(|files| files <= 1024), "{files}");
    }

    #[test]
    fn every_layer_that_is_needed_is_missing() {
        let report = probe();
        assert_eq!(report.layers, Layers::none());
        assert_eq!(report.missing().len(), ALL.len() - 1);
        assert!(crate::cgroup::Cgroups::find().is_err());
    }
}
