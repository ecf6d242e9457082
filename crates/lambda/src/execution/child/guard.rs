//! Ends environments when this server is gone, whatever way it went.
//!
//! A jail ends with the server that made it. Elsewhere a shell reads which process groups there are, and kills them when
//! the server's end of the pipe is closed, which the system does.

use super::super::process::lock;
use rustix::process::Pid;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// Groups have a blank on either side, so that one is not found in another's number.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r what group; do
    case $what in
        +) groups="$groups$group " ;;
        -) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- "-$group"
done
"#;

static GUARD: LazyLock<Option<Mutex<Child>>> = LazyLock::new(|| start().ok().map(Mutex::new));

fn start() -> std::io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT]).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn tell(what: char, group: Pid) {
    if let Some(guard) = &*GUARD
        && let Some(orders) = &mut lock(guard).stdin
    {
        // One write, whole: whoever dies in the midst of it has not told anything.
        let _ = orders.write_all(format!("{what} {}\n", group.as_raw_nonzero()).as_bytes());
    }
}

/// The group ends with this server.
pub(super) fn add(group: Pid) {
    tell('+', group);
}

/// The group's number may soon be another's.
pub(super) fn remove(group: Pid) {
    tell('-', group);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60 & sleep 60"]).process_group(0).spawn().expect("a shell")
    }

    #[test]
    fn groups_that_are_left_end_with_the_pipe_and_others_do_not() {
        let mut all: Vec<_> = (0..4).map(|_| sleeper()).collect();
        let mut guard = start().expect("a guard");
        let mut orders = guard.stdin.take().expect("a pipe");
        for child in &all {
            writeln!(orders, "+ {}", child.id()).expect("told");
        }
        for index in [1, 3] {
            writeln!(orders, "- {}", all[index].id()).expect("told");
        }
        drop(orders);
        assert!(guard.wait().expect("ended").success());
        for (index, child) in all.iter_mut().enumerate() {
            let left = [1, 3].contains(&index);
            let ended = if left { child.try_wait() } else { child.wait().map(Some) };
            assert_eq!(ended.expect("known").is_none(), left, "{index}");
            if left {
                let _ = rustix::process::kill_process_group(
                    Pid::from_child(child),
                    rustix::process::Signal::KILL,
                );
                let _ = child.wait();
            }
        }
    }
}
