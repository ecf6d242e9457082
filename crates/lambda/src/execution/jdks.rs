//! Finds Java on this machine: on `PATH`, at `JAVA_HOME`, in `/usr/lib/jvm`, macOS's and SDKMAN's folders.
//!
//! Every JDK and JRE since Java 8 says in its file `release` which version it is, so none has to be started for it.

use super::runtimes::{Family, choose_from, is_binary, path_folders};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The oldest that AWS's runtime client runs on.
const OLDEST: u8 = 8;
/// Folders looked at; a machine has a handful.
const MAX_HOMES: usize = 64;

const JAVA: Family = Family {
    runtime: |v| if v == 8 { "java8.al2".to_owned() } else { format!("java{v}") },
    short: |v| v.to_string(),
    all: "Java (looked for `java` on PATH, at JAVA_HOME, in /usr/lib/jvm and SDKMAN's folder)",
};

/// An installed Java.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Java {
    /// The feature release: 17.
    pub release: u8,
    /// Its home, links resolved.
    pub home: PathBuf,
}

impl Java {
    /// `java17`.
    pub fn runtime(&self) -> String {
        (JAVA.runtime)(self.release)
    }

    /// The launcher.
    pub fn program(&self) -> PathBuf {
        self.home.join("bin/java")
    }
}

/// The Java for `release`, and a warning when it is another version.
///
/// # Errors
/// None fits; the text says what was looked for.
pub(crate) fn choose(release: u8, strict: bool) -> Result<(Java, Option<String>), String> {
    let ((release, home), warning) = choose_from(&installed(), release, strict, &JAVA)?;
    Ok((Java { release, home }, warning))
}

/// Every Java found, one per release; the first place wins.
fn installed() -> BTreeMap<u8, PathBuf> {
    let mut found = BTreeMap::new();
    for home in homes() {
        if let Some(release) = release(&home).filter(|r| *r >= OLDEST) {
            found.entry(release).or_insert(home);
        }
    }
    found
}

fn homes() -> Vec<PathBuf> {
    let mut programs: Vec<_> = path_folders().iter().map(|dir| dir.join("java")).collect();
    programs.extend(std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java")));
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let apple = "/Library/Java/JavaVirtualMachines";
    let roots = ["/usr/lib/jvm", apple].map(PathBuf::from);
    for root in roots
        .into_iter()
        .chain([home.join(apple.trim_start_matches('/')), home.join(".sdkman/candidates/java")])
    {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        let places = |entry: std::fs::DirEntry| {
            // Apple's bundles have the home inside.
            ["bin/java", "Contents/Home/bin/java"].map(|below| entry.path().join(below))
        };
        let mut found: Vec<_> = entries.flat_map(places).collect();
        found.sort();
        programs.extend(found);
    }
    let mut homes = Vec::new();
    for program in programs {
        let Ok(program) = program.canonicalize() else { continue };
        // `jre/bin/java` of a JDK 8 is the JDK's own.
        let home = program.parent().and_then(Path::parent).map(|home| match home.ends_with("jre") {
            true => home.parent().unwrap_or(home),
            false => home,
        });
        let Some(home) = home.filter(|_| is_binary(&program)).map(Path::to_path_buf) else { continue };
        if !homes.contains(&home) && homes.len() < MAX_HOMES {
            homes.push(home);
        }
    }
    homes
}

/// The version that the Java at `home` says it has.
fn release(home: &Path) -> Option<u8> {
    version(&std::fs::read_to_string(home.join("release")).ok()?)
}

/// `JAVA_VERSION="17.0.15"` is 17, `"1.8.0_402"` is 8.
fn version(text: &str) -> Option<u8> {
    let value = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim().trim_matches('"');
    let value = value.strip_prefix("1.").unwrap_or(value);
    value.split(['.', '_', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(version("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\n"), Some(17));
        assert_eq!(version("JAVA_VERSION=\"1.8.0_402\""), Some(8));
        assert_eq!(version("JAVA_VERSION=\"25\""), Some(25));
        assert_eq!(version("JAVA_VERSION_DATE=\"2025-04-15\""), None);
    }

    #[test]
    fn a_machine_without_java_is_told_what_was_looked_for() {
        let text = choose_from(&BTreeMap::new(), 8, false, &JAVA).expect_err("none");
        assert!(
            text.starts_with("java8.al2 is not installed, nor any other Java (looked for `java`"),
            "{text}"
        );
    }
}
