//! What `/proc` says of a server and the processes below it.

use std::collections::HashMap;
use std::fs;

use crate::Failed;

/// Resident memory of one process, in MiB.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn resident_mib(pid: u32) -> Result<f64, Failed> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib: Option<f64> = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
    kib.map(|k| k / 1024.0).ok_or_else(|| format!("{path} has no VmRSS"))
}

/// Processor time of one process (its threads, not its children), in seconds.
pub fn processor_seconds(pid: u32) -> f64 {
    let ticks: f64 = stat(pid)
        .map(|fields| fields.iter().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum())
        .unwrap_or_default();
    ticks / 100.0 // ticks of USER_HZ, which is 100 on x86-64 and arm64
}

/// What all threads of one process have had so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Processor time in microseconds, by the scheduler's own clock.
    pub us: f64,
    /// How often they waited for something.
    pub waits: f64,
}

impl std::ops::Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { us: self.us - before.us, waits: self.waits - before.waits }
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.us += more.us;
        self.waits += more.waits;
    }
}

/// What the threads that a process has now were given since they began.
pub fn spent(pid: u32) -> Spent {
    let mut all = Spent::default();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let number = |text: &str| text.split_whitespace().find_map(|word| word.parse::<f64>().ok());
        let waits = read("status")
            .lines()
            .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok());
        all += Spent {
            us: number(&read("schedstat")).unwrap_or_default() / 1e3,
            waits: waits.unwrap_or_default(),
        };
    }
    all
}

/// Every process below `root`: its process id and its parent's.
fn below(root: u32) -> Vec<(u32, u32)> {
    let mut all: HashMap<u32, Vec<u32>> = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            all.entry(parent).or_default().push(pid);
        }
    }
    let (mut open, mut found) = (vec![root], Vec::new());
    while let Some(parent) = open.pop() {
        for pid in all.remove(&parent).unwrap_or_default() {
            open.push(pid);
            found.push((pid, parent));
        }
    }
    found
}

/// Every Python process below `root`: its process id and its parent's.
pub fn pythons_below(root: u32) -> Vec<(u32, u32)> {
    let python = |pid: u32| arguments(pid).first().is_some_and(|a| a.contains("python"));
    below(root).into_iter().filter(|(pid, _)| python(*pid)).collect()
}

/// How many processes `root` and those below it are, and their memory in MiB: a page that several have counts once.
pub fn proportional_mib(root: u32) -> (usize, f64) {
    let all: Vec<u32> = std::iter::once(root).chain(below(root).into_iter().map(|(pid, _)| pid)).collect();
    let kib = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    (all.len(), all.iter().filter_map(kib).sum::<f64>() / 1024.0)
}

/// The environments among [`pythons_below`], spares included: those without Python children.
pub fn environments_below(root: u32) -> usize {
    let pythons = pythons_below(root);
    pythons.iter().filter(|(pid, _)| !pythons.iter().any(|(_, parent)| parent == pid)).count()
}

/// One of the environments that [`environments_below`] counts.
pub fn environment_below(root: u32) -> Option<u32> {
    let pythons = pythons_below(root);
    // The one that was used: it waited more often than a spare.
    let leaves = pythons.iter().filter(|(pid, _)| !pythons.iter().any(|(_, parent)| parent == pid));
    leaves.map(|(pid, _)| *pid).max_by(|a, b| spent(*a).waits.total_cmp(&spent(*b).waits))
}

/// A process's command line.
pub fn arguments(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).split('\0').map(str::to_owned).collect()
}

/// The fields behind the name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_arguments() {
        let own = std::process::id();
        assert!(resident_mib(own).unwrap() > 0.5);
        assert!(!arguments(own).is_empty());
        assert!(stat(own).unwrap().len() > 20);
    }
}
