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

/// Folders in one another. Not AWS's either: the deeper, the slower each is made.
const MAX_DEPTH: usize = 128;

/// Why a package was refused. `Display` is the text for `InvalidParameterValueException`.
#[derive(Debug)]
pub enum PackageError {
    /// Not a zip, or damaged.
    NotAZip(String),
    /// A zip without entries.
    Empty,
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
            // AWS's text, quoted in many public issues about archives without entries.
            PackageError::Empty => f.write_str("Uploaded file must be a non-empty zip"),
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

/// Bytes of the files below a folder that was unpacked.
///
/// # Errors
/// The folder cannot be read.
pub fn bytes_below(folder: &Path) -> io::Result<u64> {
    let (mut sum, mut open) = (0, vec![folder.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // Of a link, the link itself.
            let meta = entry.metadata()?;
            if meta.is_dir() {
                open.push(entry.path());
            } else if meta.is_file() {
                sum += meta.len();
            }
        }
    }
    Ok(sum)
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
    if zip.is_empty() {
        return Err(PackageError::Empty);
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(target).map_err(PackageError::Io)?;
    let mut folders = 0;
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
            make_dirs(target, &name, &mut folders)?;
            continue;
        }
        make_dirs(target, name.parent().unwrap_or(Path::new("")), &mut folders)?;
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

/// Makes the folder `name` below `target` with those on the way, and counts them: one entry's name can want thousands.
fn make_dirs(target: &Path, name: &Path, made: &mut usize) -> Result<(), PackageError> {
    if target.join(name).is_dir() {
        return Ok(());
    }
    let mut path = target.to_path_buf();
    for part in name.components() {
        path.push(part);
        match std::fs::DirBuilder::new().mode(0o755).create(&path) {
            Ok(()) => *made += 1,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(e) => return Err(name_error(e, name)),
        }
        if *made > MAX_ENTRIES {
            return Err(refused(format!("more than {MAX_ENTRIES} folders")));
        }
    }
    Ok(())
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
    if path.components().count() > MAX_DEPTH {
        return Err(refused(format!("a name has more than {MAX_DEPTH} folders")));
    }
    Ok(path)
}

/// Whether a link at `name` to `to` stays inside, without looking at the disk. `..` may stand at the start only:
/// there it climbs through real folders (links are made last), behind another link it could climb anywhere.
fn link_stays_inside(name: &Path, to: &str) -> bool {
    let mut depth = name.components().count().saturating_sub(1);
    let mut descended = false;
    for part in Path::new(to).components() {
        match part {
            Component::Normal(_) => descended = true,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 && !descended => depth -= 1,
            _ => return false,
        }
    }
    !to.is_empty() && !to.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use zip::write::{SimpleFileOptions, ZipWriter};

    enum Entry {
        File(&'static str, Vec<u8>, u32),
        Link(&'static str, &'static str),
        Folder(&'static str),
    }

    fn zipped(entries: &[Entry]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        for entry in entries {
            match entry {
                Entry::File(name, data, mode) => {
                    zip.start_file(*name, options.unix_permissions(*mode)).expect("started");
                    zip.write_all(data).expect("written");
                }
                Entry::Link(name, to) => zip.add_symlink(*name, *to, options).expect("linked"),
                Entry::Folder(name) => zip.add_directory(*name, options).expect("made"),
            }
        }
        zip.finish().expect("finished").into_inner()
    }

    fn file(name: &'static str) -> Entry {
        Entry::File(name, b"x".to_vec(), 0o644)
    }

    /// Unpacks below a fresh folder; gives the result and the folder.
    fn try_unpack(archive: &[u8], limit: u64) -> (Result<Unpacked, PackageError>, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a folder");
        (unpack(archive, &dir.path().join("in/code"), limit), dir)
    }

    #[track_caller]
    fn check_refused(entries: &[Entry]) {
        let (result, dir) = try_unpack(&zipped(entries), MAX_UNPACKED);
        assert!(matches!(result, Err(PackageError::Unsafe(_))), "{result:?}");
        assert!(!dir.path().join("in/code").exists(), "something is left behind");
        let left: Vec<_> =
            std::fs::read_dir(dir.path()).expect("read").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["in"], "something was written outside");
    }

    #[test]
    fn files_folders_links_and_modes_are_kept() {
        let archive = zipped(&[
            Entry::Folder("lib/"),
            Entry::File("bootstrap", b"#!/bin/sh".to_vec(), 0o4775),
            Entry::File("a/b/app.py", b"text".to_vec(), 0o600),
            Entry::Link("a/link.py", "b/app.py"),
        ]);
        let (result, dir) = try_unpack(&archive, MAX_UNPACKED);
        assert_eq!(result.expect("unpacked"), Unpacked { files: 3, bytes: 13 });
        let code = dir.path().join("in/code");
        let mode = |name: &str| code.join(name).metadata().expect("there").permissions().mode() & 0o7777;
        assert_eq!([mode("bootstrap"), mode("a/b/app.py"), mode("lib")], [0o755, 0o644, 0o755]);
        assert_eq!(std::fs::read(code.join("a/link.py")).expect("read"), b"text");
    }

    #[test]
    fn what_is_no_zip_gets_the_text_of_aws() {
        for bytes in [&b""[..], b"not a zip", b"PK\x03\x04 broken"] {
            let error = try_unpack(bytes, MAX_UNPACKED).0.expect_err("refused");
            assert!(matches!(error, PackageError::NotAZip(_)), "{error:?}");
            assert!(error.to_string().starts_with("Could not unzip uploaded file. Please check your file"));
        }
        let error = try_unpack(&zipped(&[]), MAX_UNPACKED).0.expect_err("refused");
        assert_eq!(error.to_string(), "Uploaded file must be a non-empty zip");
        let mut damaged = zipped(&[Entry::File("a", vec![7; 4000], 0o644)]);
        if let Some(byte) = damaged.get_mut(36) {
            *byte ^= 0xff;
        }
        assert!(matches!(try_unpack(&damaged, MAX_UNPACKED).0, Err(PackageError::NotAZip(_))));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../out", "a/../../out", "/etc/passwd", "a/b/../../../out"] {
            check_refused(&[file("fine"), file(name)]);
        }
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for to in ["/etc/passwd", "../out", "a/../../out", "a/../b"] {
            check_refused(&[file("fine"), Entry::Link("link", to)]);
        }
        // Written through a link: the link's name is a folder by then.
        check_refused(&[Entry::Link("link", "sub"), file("link/file")]);
    }

    #[test]
    fn too_much_is_refused_whatever_the_archive_says() {
        let mut archive = zipped(&[Entry::File("big", vec![0; 300_000], 0o644), file("small")]);
        assert!(try_unpack(&archive, 300_001).0.is_ok());
        let (result, dir) = try_unpack(&archive, 300_000);
        let error = result.expect_err("refused");
        assert_eq!(error.to_string(), "Unzipped size must be smaller than 300000 bytes");
        assert!(!dir.path().join("in/code").exists());
        // The same archive lying about its size, in both places where a zip says it.
        let size = 300_000u32.to_le_bytes();
        while let Some(at) = archive.windows(4).position(|w| w == size) {
            archive.splice(at..at + 4, 5u32.to_le_bytes());
        }
        assert!(try_unpack(&archive, 1000).0.is_err());
    }

    #[test]
    fn one_name_cannot_want_thousands_of_folders() {
        let deep = |depth: usize| {
            let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
            zip.start_file(format!("{}f", "d/".repeat(depth)), SimpleFileOptions::default())
                .expect("started");
            try_unpack(&zip.finish().expect("finished").into_inner(), MAX_UNPACKED)
        };
        assert!(deep(MAX_DEPTH - 1).0.is_ok());
        let (result, dir) = deep(MAX_DEPTH);
        assert!(matches!(&result, Err(PackageError::Unsafe(why)) if why.contains("folders")), "{result:?}");
        assert!(!dir.path().join("in/code").exists());
        // Nor many names together.
        let mut made = MAX_ENTRIES - 1;
        assert!(make_dirs(dir.path(), Path::new("a"), &mut made).is_ok());
        assert!(make_dirs(dir.path(), Path::new("a"), &mut made).is_ok());
        assert!(make_dirs(dir.path(), Path::new("b"), &mut made).is_err());
    }

    #[test]
    fn the_code_sha_is_base64_of_sha_256() {
        assert_eq!(code_sha256(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
