//! Control groups, version 1 and 2: memory, cpu and pids of one environment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The controllers used.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];
/// `cpu.cfs_period_us`, microseconds.
const CPU_PERIOD: u64 = 100_000;

/// Where this process may make groups.
#[derive(Clone, Debug)]
pub struct Cgroups {
    /// One folder per hierarchy: all three controllers in version 2, up to three in version 1.
    roots: Vec<(PathBuf, Vec<&'static str>)>,
    v2: bool,
}

/// What a group is limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory, `/tmp` included.
    pub memory: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Thousandths of a processor.
    pub cpu_milli: u64,
}

/// One environment's group; removed when dropped.
#[derive(Debug)]
pub struct Group {
    dirs: Vec<(PathBuf, Vec<&'static str>)>,
    v2: bool,
    set: Option<Limits>,
}

impl Cgroups {
    /// Finds the groups this process is in and whether it may make groups below them.
    ///
    /// # Errors
    /// What is missing, as a text for a report.
    pub fn find() -> Result<Cgroups, String> {
        if !cfg!(jail) {
            return Err("this system has no control groups".to_owned());
        }
        let read = |path: &str| fs::read_to_string(path).map_err(|e| format!("{path}: {e}"));
        let (mounts, own) = (read("/proc/self/mounts")?, read("/proc/self/cgroup")?);
        let found = from_v1(&mounts, &own);
        let (roots, v2) = if found.is_empty() { (from_v2(&mounts, &own)?, true) } else { (found, false) };
        let groups = Cgroups { roots, v2 };
        for (root, _) in &groups.roots {
            let trial = root.join(format!("crossgate-probe-{}", std::process::id()));
            match fs::create_dir(&trial) {
                // Another thread tries at this moment: it may, so may we.
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(format!("{}: {e}", trial.display()));
                }
                _ => {}
            }
            let _ = fs::remove_dir(&trial);
        }
        Ok(groups)
    }

    /// 1 or 2.
    pub fn version(&self) -> u8 {
        if self.v2 { 2 } else { 1 }
    }

    /// Whether `controller` (`memory`, `cpu` or `pids`) is there.
    pub fn has(&self, controller: &str) -> bool {
        self.roots.iter().any(|(_, controllers)| controllers.contains(&controller))
    }

    /// A parent group of the caller's own in this process; groups of processes that are gone are removed.
    ///
    /// # Errors
    /// The system's.
    pub fn for_this_process(&self) -> io::Result<Cgroups> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crossgate-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut roots = Vec::new();
        for (root, controllers) in &self.roots {
            remove_leftovers(root);
            let dir = root.join(&name);
            match fs::create_dir(&dir) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            if self.v2 {
                fs::write(dir.join("cgroup.subtree_control"), "+memory +pids +cpu")?;
            }
            roots.push((dir, controllers.clone()));
        }
        Ok(Cgroups { roots, v2: self.v2 })
    }

    /// Makes an empty group.
    ///
    /// # Errors
    /// The system's.
    pub fn group(&self, name: &str) -> io::Result<Group> {
        let mut group = Group { dirs: Vec::new(), v2: self.v2, set: None };
        for (root, controllers) in &self.roots {
            let dir = root.join(name);
            match fs::create_dir(&dir) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => group.dirs.push((dir, controllers.clone())),
            }
        }
        Ok(group)
    }

    /// Removes the parent group; for shutdown. `false` while processes are left in it: try again.
    pub fn remove(&self) -> bool {
        for (root, _) in &self.roots {
            remove_tree(root);
        }
        self.roots.iter().all(|(root, _)| !root.exists())
    }
}

/// The folders of version 1's hierarchies, each with its controllers.
fn from_v1(mounts: &str, own: &str) -> Vec<(PathBuf, Vec<&'static str>)> {
    let mut roots: Vec<(PathBuf, Vec<&'static str>)> = Vec::new();
    for controller in CONTROLLERS {
        let mount = mounts.lines().find_map(|line| {
            let mut parts = line.split(' ');
            let (_, at, kind, options) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            (kind == "cgroup" && options.split(',').any(|o| o == controller)).then_some(at)
        });
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            controllers.split(',').any(|c| c == controller).then_some(path)
        });
        let (Some(mount), Some(path)) = (mount, path) else { continue };
        let mut dir = Path::new(mount).join(path.trim_start_matches('/'));
        if !dir.is_dir() {
            dir = PathBuf::from(mount);
        }
        match roots.iter_mut().find(|(root, _)| *root == dir) {
            Some((_, controllers)) => controllers.push(controller),
            None => roots.push((dir, vec![controller])),
        }
    }
    roots
}

fn from_v2(mounts: &str, own: &str) -> Result<Vec<(PathBuf, Vec<&'static str>)>, String> {
    let mount = mounts.lines().find_map(|line| {
        let mut parts = line.split(' ').skip(1);
        let (at, kind) = (parts.next()?, parts.next()?);
        (kind == "cgroup2").then_some(at)
    });
    let mount = mount.ok_or("no cgroup file system is mounted")?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let own_dir = Path::new(mount).join(path.trim_start_matches('/'));
    // A group with processes cannot pass controllers on: the parent may.
    let mut candidates = vec![own_dir.clone()];
    candidates.extend(own_dir.parent().filter(|p| p.starts_with(mount)).map(Path::to_path_buf));
    for dir in candidates {
        let enabled = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
        let all = CONTROLLERS.iter().all(|c| enabled.split_ascii_whitespace().any(|e| e == *c));
        if all || fs::write(dir.join("cgroup.subtree_control"), "+memory +pids +cpu").is_ok() {
            return Ok(vec![(dir, CONTROLLERS.to_vec())]);
        }
    }
    Err(format!("{}: memory, pids and cpu are not delegated to this user", own_dir.display()))
}

impl Group {
    /// Sets the limits; nothing is written when they are set already.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn set(&mut self, limits: Limits) -> io::Result<()> {
        if self.set == Some(limits) {
            return Ok(());
        }
        self.set = None;
        for (dir, controllers) in &self.dirs {
            for controller in controllers {
                write_limits(dir, controller, limits, self.v2)?;
            }
        }
        self.set = Some(limits);
        Ok(())
    }

    /// Descriptors that a process writes `0` to in order to join.
    ///
    /// # Errors
    /// The system's.
    pub fn entries(&self) -> io::Result<Vec<File>> {
        let open = |(dir, _): &(PathBuf, _)| OpenOptions::new().write(true).open(dir.join("cgroup.procs"));
        self.dirs.iter().map(open).collect()
    }

    /// A file that holds the highest memory use so far, in bytes.
    pub fn peak(&self) -> Option<File> {
        let name = if self.v2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        self.dirs.iter().find_map(|(dir, _)| File::open(dir.join(name)).ok())
    }

    /// Bytes of memory now that belong to no file (a tmpfs counts as files).
    pub fn anonymous(&self) -> Option<u64> {
        let key = if self.v2 { "anon " } else { "total_rss " };
        let text = self.dirs.iter().find_map(|(dir, _)| fs::read_to_string(dir.join("memory.stat")).ok())?;
        text.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
    }

    /// How often the kernel killed for lack of memory in this group.
    pub fn oom_kills(&self) -> u64 {
        let name = if self.v2 { "memory.events" } else { "memory.oom_control" };
        let text = self.dirs.iter().find_map(|(dir, _)| fs::read_to_string(dir.join(name)).ok());
        let text = text.unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|c| c.trim().parse().ok()).unwrap_or(0)
    }

    /// The processes in it, as this process numbers them.
    pub fn processes(&self) -> Vec<i32> {
        let first = self.dirs.first();
        let text = first.and_then(|(dir, _)| fs::read_to_string(dir.join("cgroup.procs")).ok());
        text.unwrap_or_default().lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).collect()
    }

    /// Forgets the highest memory use, for the next environment in this group.
    pub fn reset_peak(&self) {
        let (name, value) =
            if self.v2 { ("memory.peak", "reset") } else { ("memory.max_usage_in_bytes", "0") };
        for (dir, _) in self.dirs.iter().filter(|(_, c)| c.contains(&"memory")) {
            let _ = write_existing(&dir.join(name), value);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for (dir, _) in &self.dirs {
            let _ = fs::remove_dir(dir);
        }
    }
}

fn write_existing(path: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

fn write_limits(dir: &Path, controller: &str, limits: Limits, v2: bool) -> io::Result<()> {
    let put = |name: &str, value: String| {
        write_existing(&dir.join(name), &value).map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))
    };
    let quota = (limits.cpu_milli * CPU_PERIOD / 1000).max(1000);
    match (controller, v2) {
        ("memory", true) => {
            put("memory.max", limits.memory.to_string())?;
            let _ = put("memory.swap.max", "0".into());
            Ok(())
        }
        ("memory", false) => {
            // Lowering needs the sum's limit out of the way first, raising needs it first: try both orders.
            let both = "memory.memsw.limit_in_bytes";
            let _ = put(both, "-1".into());
            put("memory.limit_in_bytes", limits.memory.to_string())?;
            let _ = put(both, limits.memory.to_string());
            Ok(())
        }
        ("cpu", true) => put("cpu.max", format!("{quota} {CPU_PERIOD}")),
        ("cpu", false) => {
            let _ = put("cpu.cfs_period_us", CPU_PERIOD.to_string());
            put("cpu.cfs_quota_us", quota.to_string())
        }
        _ => put("pids.max", limits.pids.to_string()),
    }
}

/// Groups of this program's earlier processes: all that are not alive any more.
fn remove_leftovers(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // `crossgate-PID-NUMBER`.
        let own = name.to_str().and_then(|n| n.strip_prefix("crossgate-"));
        let pid = own.and_then(|n| n.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            remove_tree(&entry.path());
        }
    }
}

fn remove_tree(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    let _ = fs::remove_dir(dir);
}
