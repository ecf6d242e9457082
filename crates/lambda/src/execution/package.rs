//! Function packages: unpacks a zip safely, and its `CodeSha256`.

use base64::Engine as _;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// AWS's bound of an unpacked package with its layers (recorded: `TestLambdaSizeLimits::test_oversized_lambda`).
pub const MAX_UNPACKED: u64 = 262_144_000;

/// Entries of one package. Not AWS's: bounds the work that a small archive can cause.
const MAX_ENTRIES: usize = 200_000;

/// Why a package was refused. `Display` is the text for `InvalidParameterValueException`.
#[derive(Debug)]
pub enum PackageError {
    /// Not a zip, or damaged.
    NotAZip(String),
    /// A zip with an entry that cannot be unpacked safely: it leaves the folder, or stands in another's way.
    Unsafe(String),
    /// More than `limit` bytes unpacked.
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    /// This machine could not write it.
    Io(io::Error),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Recorded: TestLambdaFunction::test_create_lambda_exceptions. AWS gives no detail.
            PackageError::NotAZip(_) => f.write_str(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ),
            // What AWS answers here is not recorded, so its text is followed by what is wrong.
            PackageError::Unsafe(detail) => {
                write!(
                    f,
                    "Could not unzip uploaded file. Please check your file, then try to upload again. ({detail})"
                )
            }
            // Recorded: TestLambdaSizeLimits::test_oversized_lambda.
            PackageError::TooLarge { limit } => write!(f, "Unzipped size must be smaller than {limit} bytes"),
            PackageError::Io(error) => write!(f, "the package could not be unpacked: {error}"),
        }
    }
}

impl std::error::Error for PackageError {}

impl PackageError {
    /// What exactly is wrong, for logs; AWS's text does not say.
    pub fn detail(&self) -> String {
        match self {
            PackageError::NotAZip(detail) | PackageError::Unsafe(detail) => detail.clone(),
            other => other.to_string(),
        }
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Files and links.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// `CodeSha256`: the archive's SHA-256 in base64.
pub fn code_sha256(archive: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(archive))
}

/// Unpacks `archive` into `target`, which is made and must not hold anything yet. Blocking: run it off the
/// runtime's threads. `limit` is [`MAX_UNPACKED`] less what layers take already.
///
/// Nothing is left behind on error. Names that are absolute or climb out, links that lead out, and devices are
/// refused. Sizes are counted as the bytes come, whatever the archive's headers say. Modes are reduced to 755
/// (for folders and what anyone may execute) and 644.
///
/// # Errors
/// See [`PackageError`].
pub fn unpack(archive: &[u8], target: &Path, limit: u64) -> Result<Unpacked, PackageError> {
    let result = unpack_all(archive, target, limit);
    if result.is_err() {
        let _ = std::fs::remove_dir_all(target);
    }
    result
}

fn bad(detail: impl Into<String>) -> PackageError {
    PackageError::NotAZip(detail.into())
}

fn refused(detail: String) -> PackageError {
    PackageError::Unsafe(detail)
}

fn unpack_all(archive: &[u8], target: &Path, limit: u64) -> Result<Unpacked, PackageError> {
    let mut zip = zip::ZipArchive::new(io::Cursor::new(archive)).map_err(|e| bad(e.to_string()))?;
    if zip.len() > MAX_ENTRIES {
        return Err(refused(format!("{} entries, at most {MAX_ENTRIES}", zip.len())));
    }
    make_dir(target)?;
    let mut done = Unpacked { files: 0, bytes: 0 };
    // Links are made last, so that no entry can be written through one.
    let mut links: Vec<(PathBuf, String)> = Vec::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|e| bad(e.to_string()))?;
        let name = safe_name(&entry.name().map_err(|e| bad(e.to_string()))?)?;
        if name.as_os_str().is_empty() {
            continue;
        }
        let path = target.join(&name);
        if entry.is_dir() {
            make_dir(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            make_dir(parent)?;
        }
        done.files += 1;
        if entry.is_symlink() {
            let mut to = String::new();
            entry.by_ref().take(4096).read_to_string(&mut to).map_err(|e| bad(e.to_string()))?;
            links.push((name, to));
            continue;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&path)
            .map_err(|e| name_error(e, &name))?;
        done.bytes += copy_bounded(&mut entry, &mut file, limit - done.bytes, limit)?;
    }
    for (name, to) in links {
        if !link_stays_inside(&name, &to) {
            return Err(refused(format!("the link {} leads out of the package", name.display())));
        }
        symlink(&to, target.join(&name)).map_err(|e| name_error(e, &name))?;
    }
    Ok(done)
}

/// A file where a folder is wanted, or the reverse, is the archive's fault; the rest is this machine's.
fn name_error(error: io::Error, name: &Path) -> PackageError {
    match error.kind() {
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename => refused(format!("{}: {error}", name.display())),
        _ => PackageError::Io(error),
    }
}

fn make_dir(path: &Path) -> Result<(), PackageError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(|e| name_error(e, path))
}

fn copy_bounded(
    from: &mut impl Read,
    to: &mut impl Write,
    left: u64,
    limit: u64,
) -> Result<u64, PackageError> {
    let mut buffer = [0u8; 64 * 1024];
    let mut copied = 0u64;
    loop {
        let n = from.read(&mut buffer).map_err(|e| bad(e.to_string()))?;
        if n == 0 {
            return Ok(copied);
        }
        copied += n as u64;
        if copied > left {
            return Err(PackageError::TooLarge { limit });
        }
        to.write_all(buffer.get(..n).unwrap_or_default()).map_err(PackageError::Io)?;
    }
}

/// The entry's path below the target: relative, without `..`, without NUL or backslash tricks.
fn safe_name(name: &str) -> Result<PathBuf, PackageError> {
    if name.contains('\0') || name.starts_with('/') || name.len() > 4096 {
        return Err(refused(format!("the name {name:?} is not allowed")));
    }
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => return Err(refused(format!("the name {name:?} leaves the package"))),
        }
    }
    Ok(path)
}

/// Whether a link at `name` to `to` stays inside: counts how deep the target lies, without looking at the disk.
/// A link through another link could still climb in theory; the jail's `/var/task` is what finally holds it.
fn link_stays_inside(name: &Path, to: &str) -> bool {
    let mut depth = name.components().count().saturating_sub(1);
    for part in Path::new(to).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    !to.is_empty() && !to.contains('\0')
}
