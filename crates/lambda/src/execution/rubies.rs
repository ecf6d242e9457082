//! Finds Ruby on this machine: on `PATH`, in the folders of rbenv, RVM and chruby.

use super::runtimes::{Family, choose_from, is_binary, path_folders, says};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Programs looked at; a machine has a handful.
const MAX_PROGRAMS: usize = 64;

const RUBY: Family = Family {
    runtime: |minor| format!("ruby3.{minor}"),
    short: |minor| format!("3.{minor}"),
    all: "Ruby 3 (looked for `ruby` on PATH and in the folders of rbenv, RVM and chruby)",
};

/// An installed Ruby 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruby {
    /// The minor version: 3 for 3.3.
    pub minor: u8,
    /// The program, links resolved.
    pub program: PathBuf,
}

impl Ruby {
    /// `ruby3.3`.
    pub fn runtime(&self) -> String {
        (RUBY.runtime)(self.minor)
    }
}

/// The Ruby for `minor`, and a warning when it is another version. Starts programs and waits for them.
///
/// # Errors
/// None fits; the text says what was looked for.
pub(crate) fn choose(minor: u8, strict: bool) -> Result<(Ruby, Option<String>), String> {
    let ((minor, program), warning) = choose_from(&installed(), minor, strict, &RUBY)?;
    Ok((Ruby { minor, program }, warning))
}

/// Every Ruby 3 found, one per minor version; the first place wins.
fn installed() -> BTreeMap<u8, PathBuf> {
    let mut found = BTreeMap::new();
    for program in programs() {
        if let Some(minor) = version(&says(&program)) {
            found.entry(minor).or_insert(program);
        }
    }
    found
}

fn programs() -> Vec<PathBuf> {
    let mut dirs = path_folders();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let rbenv = std::env::var_os("RBENV_ROOT").map_or(home.join(".rbenv"), PathBuf::from);
    for root in [rbenv.join("versions"), home.join(".rvm/rubies"), home.join(".rubies"), "/opt/rubies".into()]
    {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        let mut versions: Vec<_> = entries.map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        dirs.extend(versions);
    }
    let mut programs = Vec::new();
    for dir in dirs {
        // A shim is a script.
        let Ok(program) = dir.join("ruby").canonicalize() else { continue };
        if is_binary(&program) && !programs.contains(&program) && programs.len() < MAX_PROGRAMS {
            programs.push(program);
        }
    }
    programs
}

/// `ruby 3.1.2p20 (2022-04-12 revision 4491bb740a)` is 1.
fn version(text: &str) -> Option<u8> {
    text.strip_prefix("ruby 3.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(version("ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]\n"), Some(1));
        assert_eq!(version("ruby 2.7.8"), None);
    }

    #[test]
    fn a_machine_without_ruby_is_told_what_was_looked_for() {
        let text = choose_from(&BTreeMap::new(), 3, false, &RUBY).expect_err("none");
        assert!(
            text.starts_with("ruby3.3 is not installed, nor any other Ruby 3 (looked for `ruby`"),
            "{text}"
        );
    }
}
