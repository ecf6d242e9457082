//! What isolates functions on this machine, layer by layer, with the way to what is missing.

use jailer::{Layer, cgroup::Cgroups};

/// Whether functions can be jailed at all by this build, on this kind of system.
pub const JAILS: bool = cfg!(jail);

/// One layer.
#[derive(Clone, Debug)]
pub struct SandboxLayer {
    /// `mount namespace`.
    pub name: &'static str,
    /// What it keeps a function from.
    pub purpose: &'static str,
    /// Why it does not work here; `None` where it does.
    pub missing: Option<String>,
    /// Whether `--sandbox require` insists on it.
    pub required: bool,
    /// How to get it.
    pub remedy: &'static str,
}

/// Probes every layer, in child processes; a few milliseconds.
pub fn sandbox_report() -> Vec<SandboxLayer> {
    let report = jailer::probe();
    let required: Vec<_> = report.missing().into_iter().map(|(layer, _)| layer).collect();
    let mut all: Vec<_> = report
        .each
        .iter()
        .map(|(layer, result)| {
            let (purpose, remedy) = explain(*layer);
            let remedy = if JAILS { remedy } else { ELSEWHERE };
            let missing = result.as_ref().err().cloned();
            let required = missing.is_none() || required.contains(layer);
            SandboxLayer { name: layer.name(), purpose, missing, required, remedy }
        })
        .collect();
    if let Ok(groups) = Cgroups::find() {
        let remedy = "boot with cgroup v2, or mount the version 1 hierarchy of this controller";
        for (controller, purpose) in [
            ("memory", "MemorySize is enforced by the kernel, /tmp included"),
            ("cpu", "a share of the processors by MemorySize"),
            ("pids", "1024 processes and threads"),
        ] {
            let (has, version) = (groups.has(controller), groups.version());
            let name = match (controller, version) {
                ("memory", 1) => "cgroup v1 memory",
                ("memory", _) => "cgroup v2 memory",
                ("cpu", 1) => "cgroup v1 cpu",
                ("cpu", _) => "cgroup v2 cpu",
                (_, 1) => "cgroup v1 pids",
                _ => "cgroup v2 pids",
            };
            let missing = (!has).then(|| "this controller is not there".to_owned());
            all.push(SandboxLayer { name, purpose, missing, required: false, remedy });
        }
    }
    if !JAILS {
        let purpose = "1024 descriptors, no core files";
        all.push(SandboxLayer {
            name: "resource limits",
            purpose,
            missing: None,
            required: true,
            remedy: "",
        });
        return all;
    }
    all.push(SandboxLayer {
        name: "abstract sockets",
        purpose: "Unix sockets without a file, of this machine or of other functions, are out of reach",
        missing: (!jailer::scopes_sockets()).then(|| "landlock of this kernel does not know them".to_owned()),
        required: false,
        remedy: "a kernel of 6.12 or newer with landlock, or --network isolated",
    });
    all.push(SandboxLayer {
        name: "resource limits",
        purpose: "1024 descriptors, no core files; 1024 processes of the environment's user",
        missing: None,
        required: true,
        remedy: "",
    });
    all
}

/// How to get a layer where there is no jail.
const ELSEWHERE: &str = "run crossgate in a Linux container or virtual machine";

/// What a layer is for, and how to get it.
fn explain(layer: Layer) -> (&'static str, &'static str) {
    const NAMESPACES: &str = "enable this kind of namespace in the kernel, or run as root";
    match layer {
        Layer::Uid => {
            ("other environments' processes and files belong to somebody else", "run crossgate as root")
        }
        Layer::User => (
            "namespaces without root",
            "sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, and \
             kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        Layer::Mount => ("only the runtime, the function's own files and a private /tmp exist", NAMESPACES),
        Layer::Pid => ("other processes do not exist; all of an environment's end together", NAMESPACES),
        Layer::Ipc => ("no shared memory or message queues with others", NAMESPACES),
        Layer::Uts => ("the machine's name is not seen", NAMESPACES),
        Layer::Proc => ("/proc shows the environment's own processes only", NAMESPACES),
        Layer::NoNewPrivs => ("set-uid programs give no rights", "a kernel of 3.5 or newer"),
        Layer::Landlock => (
            "files: read and execute, write below /tmp only, whatever is mounted",
            "a kernel of 5.13 or newer with landlock in its lsm= list",
        ),
        Layer::Seccomp => {
            ("system calls that administer the machine are refused", "a kernel with CONFIG_SECCOMP_FILTER")
        }
        Layer::Network => {
            ("functions with a VpcConfig, or all with --network isolated, reach this server only", NAMESPACES)
        }
        Layer::Cgroup => (
            "memory, processors and processes are bounded per environment",
            "run as root, or delegate memory, cpu and pids to this user (systemd-run --user --scope -p Delegate=yes)",
        ),
    }
}
