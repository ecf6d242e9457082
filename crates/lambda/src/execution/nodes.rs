//! Finds Node on this machine: on `PATH`, in the folders of nvm, fnm and volta, in `/usr/local/bin` and `/usr/bin`.
//!
//! A program's name does not tell its version, so each program found is asked once (`node --version`) and the answer
//! is kept.

use super::runtimes::{Family, choose_from, is_binary, path_folders, says};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The oldest Node our bootstrap runs on.
const OLDEST: u8 = 18;
/// Programs looked at; a machine has a handful.
const MAX_PROGRAMS: usize = 64;

const NODE: Family = Family { runtime: |v| format!("nodejs{v}.x"), short: |v| v.to_string(), all: "Node" };

/// An installed Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The major version.
    pub major: u8,
    /// The program, links resolved.
    pub program: PathBuf,
}

impl Node {
    /// `nodejs20.x`.
    pub fn runtime(&self) -> String {
        (NODE.runtime)(self.major)
    }

    /// The folder that holds it and what it brings along, for the jail.
    pub fn prefix(&self) -> Option<PathBuf> {
        Some(self.program.parent()?.parent()?.to_path_buf())
    }
}

/// The Node for `major`, and a warning when it is another version. Starts programs and waits for them.
///
/// # Errors
/// None fits; the text says what to install.
pub(crate) fn choose(major: u8, strict: bool) -> Result<(Node, Option<String>), String> {
    let ((major, program), warning) = choose_from(&installed(), major, strict, &NODE)?;
    Ok((Node { major, program }, warning))
}

/// Every Node found, one per major version; the first place wins.
fn installed() -> BTreeMap<u8, PathBuf> {
    let mut found = BTreeMap::new();
    for program in programs() {
        if let Some(major) = version(&says(&program)).filter(|m| *m >= OLDEST) {
            found.entry(major).or_insert(program);
        }
    }
    found
}

fn programs() -> Vec<PathBuf> {
    let mut dirs = path_folders();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let or_home = |name: &str, below: &str| std::env::var_os(name).map_or(home.join(below), PathBuf::from);
    for (root, below) in [
        (or_home("NVM_DIR", ".nvm").join("versions/node"), "bin"),
        (or_home("FNM_DIR", ".local/share/fnm").join("node-versions"), "installation/bin"),
        (or_home("VOLTA_HOME", ".volta").join("tools/image/node"), "bin"),
    ] {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        let mut versions: Vec<_> = entries.map(|entry| entry.path()).collect();
        // The newest of a major version first, as far as names sort.
        versions.sort();
        dirs.extend(versions.into_iter().rev().map(|version| version.join(below)));
    }
    dirs.extend(["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let mut programs = Vec::new();
    for dir in dirs {
        // A shim (volta's) is a program of another name, or a script.
        let Ok(program) = dir.join("node").canonicalize() else { continue };
        let named = program.file_name().is_some_and(|n| n == "node" || n == "nodejs");
        if named && is_binary(&program) && !programs.contains(&program) && programs.len() < MAX_PROGRAMS {
            programs.push(program);
        }
    }
    programs
}

/// `v20.20.2` is 20.
fn version(text: &str) -> Option<u8> {
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(version("v20.20.2\n"), Some(20));
        assert_eq!(version("20.1"), None);
        assert_eq!(version("v"), None);
    }

    #[test]
    fn a_missing_version_is_answered_by_the_nearest_newer_one() {
        let found = BTreeMap::from([(18, PathBuf::from("/a")), (22, PathBuf::from("/b"))]);
        let ((major, _), warning) = choose_from(&found, 20, false, &NODE).expect("found");
        let expect = "nodejs20.x is not installed: nodejs22.x runs instead; install nodejs20.x";
        assert_eq!((major, warning.as_deref()), (22, Some(expect)));
        let refused = choose_from(&found, 20, true, &NODE).expect_err("refused");
        assert_eq!(
            refused,
            "nodejs20.x is not installed (found: 18, 22) and only the exact version is allowed"
        );
        let none = choose_from(&BTreeMap::new(), 20, false, &NODE).expect_err("refused");
        assert_eq!(none, "nodejs20.x is not installed, nor any other Node; install nodejs20.x");
    }
}
