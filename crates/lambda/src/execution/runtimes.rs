//! Finds the interpreters on this machine: Python here, the others in [`nodes`](super::nodes), [`jdks`](super::jdks) and
//! [`rubies`](super::rubies).
//!
//! `python3.N` on `PATH`, in pyenv's and in uv's own folders; never a shim script, which would start another
//! interpreter than its name says and only after a detour through a shell.

use super::process::lock;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// The oldest Python our bootstrap runs on.
const OLDEST: u8 = 7;

/// An installed Python 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    /// The minor version: 9 for 3.9.
    pub minor: u8,
    /// The interpreter, links resolved.
    pub program: PathBuf,
}

impl Python {
    /// `python3.9`.
    pub fn runtime(&self) -> String {
        format!("python3.{}", self.minor)
    }
}

/// What a runtime name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Python 3 with this minor version.
    Python(u8),
    /// Node with this major version.
    Node(u8),
    /// Java of this release.
    Java(u8),
    /// Ruby 3 with this minor version.
    Ruby(u8),
    /// The archive's own `bootstrap`.
    Provided,
}

/// Reads a runtime's name.
///
/// # Errors
/// The name of a runtime that is not supported.
pub(crate) fn parse(runtime: &str) -> Result<Wanted, String> {
    if runtime == "provided" || runtime.starts_with("provided.") {
        return Ok(Wanted::Provided);
    }
    if let Some(minor) = runtime.strip_prefix("python3.").and_then(|m| m.parse::<u8>().ok()) {
        return Ok(Wanted::Python(minor));
    }
    let major = runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x"));
    if let Some(major) = major.and_then(|m| m.parse::<u8>().ok()) {
        return Ok(Wanted::Node(major));
    }
    let release = runtime.strip_prefix("java").map(|rest| rest.strip_suffix(".al2").unwrap_or(rest));
    if let Some(release) = release.and_then(|r| r.parse::<u8>().ok()) {
        return Ok(Wanted::Java(release));
    }
    if let Some(minor) = runtime.strip_prefix("ruby3.").and_then(|m| m.parse::<u8>().ok()) {
        return Ok(Wanted::Ruby(minor));
    }
    Err(format!(
        "functions of the runtime `{runtime}` cannot be run here: python3.N, nodejsN.x, javaN, ruby3.N and provided.* \
         can; a `bootstrap` in the archive that starts AWS's runtime client runs as provided.al2023"
    ))
}

/// The words for one language's versions.
pub(crate) struct Family {
    /// A version as a runtime's name: `python3.9`.
    pub runtime: fn(u8) -> String,
    /// A version by itself: `3.9`.
    pub short: fn(u8) -> String,
    /// All of them: `Python 3`.
    pub all: &'static str,
}

const PYTHON: Family =
    Family { runtime: |m| format!("python3.{m}"), short: |m| format!("3.{m}"), all: "Python 3" };

/// The interpreter for `minor`, and a warning when it is another version.
///
/// # Errors
/// None fits; the text says what to install.
pub(crate) fn choose(minor: u8, strict: bool) -> Result<(Python, Option<String>), String> {
    let ((minor, program), warning) = choose_from(&installed(), minor, strict, &PYTHON)?;
    Ok((Python { minor, program }, warning))
}

/// The program for `version`: that one, else (unless `strict`) the nearest newer one, else the nearest older one;
/// and a warning when it is another version.
///
/// # Errors
/// None fits; the text says what to install.
pub(crate) fn choose_from(
    found: &BTreeMap<u8, PathBuf>,
    version: u8,
    strict: bool,
    family: &Family,
) -> Result<((u8, PathBuf), Option<String>), String> {
    let own = |(version, program): (&u8, &PathBuf)| (*version, program.clone());
    if let Some(exact) = found.get_key_value(&version) {
        return Ok((own(exact), None));
    }
    let wanted = (family.runtime)(version);
    let list: Vec<_> = found.keys().map(|v| (family.short)(*v)).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    if strict {
        return Err(format!(
            "{wanted} is not installed (found: {list}) and only the exact version is allowed"
        ));
    }
    let nearest = found.range(version..).next().or_else(|| found.range(..version).next_back());
    match nearest.map(own) {
        Some(other) => {
            let used = (family.runtime)(other.0);
            let warning = format!("{wanted} is not installed: {used} runs instead; install {wanted}");
            Ok((other, Some(warning)))
        }
        None => Err(format!("{wanted} is not installed, nor any other {}; install {wanted}", family.all)),
    }
}

/// Every Python 3 found, one per minor version; the first place wins.
pub(crate) fn installed() -> BTreeMap<u8, PathBuf> {
    let mut found = BTreeMap::new();
    for dir in path_folders() {
        look_in(&dir, &mut found);
    }
    for root in roots() {
        let mut versions: Vec<_> =
            std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        versions.sort();
        for version in versions {
            look_in(&version.join("bin"), &mut found);
        }
    }
    found
}

fn roots() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let or_home = |name: &str, below: &str| std::env::var_os(name).map_or(home.join(below), PathBuf::from);
    vec![
        or_home("PYENV_ROOT", ".pyenv").join("versions"),
        home.join(".pyenv/versions"),
        or_home("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
    ]
}

fn look_in(dir: &Path, found: &mut BTreeMap<u8, PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name != "python3" && !name.starts_with("python3.") {
            continue;
        }
        let Ok(program) = entry.path().canonicalize() else { continue };
        let real = program.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let minor = real.strip_prefix("python3.").and_then(|m| m.parse::<u8>().ok());
        let Some(minor) = minor.filter(|m| *m >= OLDEST) else { continue };
        if !found.contains_key(&minor) && is_binary(&program) {
            found.insert(minor, program);
        }
    }
}

/// The folders of `PATH`.
pub(crate) fn path_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// What `program --version` says. Asked once: a program is not replaced while this server runs.
pub(crate) fn says(program: &Path) -> String {
    static KNOWN: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);
    if let Some(known) = lock(&KNOWN).get(program) {
        return known.clone();
    }
    let mut command = Command::new(program);
    let output = command.arg("--version").env_clear().stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = output.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    lock(&KNOWN).insert(program.to_path_buf(), said.clone());
    said
}

/// How programs begin: ELF, and Apple's Mach-O for one processor (of 64 bits) and for several.
const PROGRAMS: [[u8; 4]; 3] = [*b"\x7fELF", [0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];

/// A program, not a shim.
pub(crate) fn is_binary(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0u8; 4];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic));
    read.is_ok() && PROGRAMS.contains(&magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(minors: &[u8]) -> BTreeMap<u8, PathBuf> {
        minors.iter().map(|m| (*m, PathBuf::from(format!("/bin/python3.{m}")))).collect()
    }

    #[test]
    fn the_exact_version_runs_without_a_warning() {
        let (python, warning) = choose_from(&found(&[8, 9, 10]), 9, true, &PYTHON).expect("found");
        assert_eq!((python.0, warning), (9, None));
    }

    #[test]
    fn a_missing_version_is_answered_by_the_nearest_newer_one_then_by_the_nearest_older() {
        for (have, want, used) in [(&[8, 11, 12][..], 9, 11), (&[8, 12, 13], 14, 13), (&[11], 8, 11)] {
            let (python, warning) = choose_from(&found(have), want, false, &PYTHON).expect("found");
            assert_eq!(python.0, used);
            assert!(warning.expect("a warning").contains(&format!("python3.{want} is not installed")));
        }
    }

    #[test]
    fn strict_refuses_another_version() {
        let error = choose_from(&found(&[8, 12]), 9, true, &PYTHON).expect_err("refused");
        assert!(error.contains("found: 3.8, 3.12"), "{error}");
    }

    #[test]
    fn an_unknown_runtime_is_named() {
        assert!(parse("cobol85").expect_err("unknown").contains("`cobol85`"));
        assert_eq!(parse("provided.al2023"), Ok(Wanted::Provided));
        assert_eq!(parse("python3.13"), Ok(Wanted::Python(13)));
        assert_eq!(parse("nodejs22.x"), Ok(Wanted::Node(22)));
        assert_eq!(parse("java8.al2"), Ok(Wanted::Java(8)));
        assert_eq!(parse("java21"), Ok(Wanted::Java(21)));
        assert_eq!(parse("ruby3.4"), Ok(Wanted::Ruby(4)));
        assert!(parse("nodejs22").is_err() && parse("dotnet8").is_err() && parse("java").is_err());
    }
}
