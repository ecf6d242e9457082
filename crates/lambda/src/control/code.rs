//! Packages on disk: `code/ID.zip` as it was sent, and `code/ID/` unpacked, ID being the archive's SHA-256.
//!
//! Files are written and on disk before the commit that names them, so what was acknowledged can be run after a crash;
//! files that no commit names are removed at the next start. Equal archives share their files, which functions can
//! only read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use store::{Reader, Store, StoreError};
use wire::ApiError;

use super::errors::{self, invalid, too_large};
use super::model::{Code, Config, FUNCTIONS, Function, LAYERS, LayerVersion};
use super::{Lambda, model};
use crate::execution::package::{self, PackageError};

/// AWS's bound of a zip that is sent directly (recorded: `TestLambdaSizeLimits::test_oversized_zipped_create_lambda`).
const MAX_ZIPPED: usize = 52_428_800;
/// How long a link of GetFunction can be fetched. AWS's links live for ten minutes [D: GetFunction].
const LINK_LIFETIME_MS: i64 = 600_000;
/// The path under which the server serves what [`Lambda::code`] finds.
const LINK_PATH: &str = "/_crossgate/code/";

pub struct Packages {
    directory: PathBuf,
    state: Mutex<State>,
    /// Signs links; new in each process.
    secret: [u8; 32],
}

#[derive(Default)]
struct State {
    /// Packages being put to use by operations that have not committed yet.
    pinned: HashMap<String, usize>,
    /// Packages to remove, and when they were given up; checked against the store before.
    released: HashMap<String, Instant>,
}

/// Keeps a package's files until the operation that stored it has committed.
pub struct Pinned<'p> {
    packages: &'p Packages,
    pub code: Code,
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        let mut state = self.packages.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = state.pinned.get_mut(&self.code.id) {
            *count -= 1;
            if *count == 0 {
                state.pinned.remove(&self.code.id);
            }
        }
        // When the operation failed nothing uses the files: look again later.
        state.released.insert(self.code.id.clone(), Instant::now());
    }
}

fn disk(error: std::io::Error) -> ApiError {
    ApiError::internal(format!("the package could not be stored: {error}"))
}

impl Packages {
    pub fn open(store: &Store) -> Result<Self, ApiError> {
        let directory = store.directory().join("code");
        fs::create_dir_all(&directory).map_err(disk)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| ApiError::internal(format!("no randomness: {e}")))?;
        let packages = Self { directory, state: Mutex::default(), secret };
        packages.distrust_after_reboot()?;
        packages.collect(store)?;
        Ok(packages)
    }

    /// Only archives are written through to the disk. What was unpacked before the machine last started may have lost
    /// its contents, so it is unpacked again when it is next used.
    fn distrust_after_reboot(&self) -> Result<(), ApiError> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let marker = self.directory.join("boot");
        if fs::read_to_string(&marker).is_ok_and(|seen| seen == boot) {
            return Ok(());
        }
        for entry in fs::read_dir(&self.directory).map_err(disk)? {
            let path = entry.map_err(disk)?.path();
            if path.is_dir() {
                remove(&path);
            }
        }
        fs::write(marker, boot).map_err(disk)
    }

    /// Removes what no function or layer names.
    fn collect(&self, store: &Store) -> Result<(), ApiError> {
        let used = store.read(all_used).map_err(errors::store)?;
        for entry in fs::read_dir(&self.directory).map_err(disk)? {
            let entry = entry.map_err(disk)?;
            let name = entry.file_name();
            let id = name.to_str().map(|n| n.strip_suffix(".zip").unwrap_or(n)).unwrap_or_default();
            if id != "boot" && !used.contains(id) {
                remove(&entry.path());
            }
        }
        Ok(())
    }

    fn archive(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.zip"))
    }

    /// Where a package is unpacked.
    pub fn unpacked(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    /// Checks, writes and unpacks `archive`.
    pub fn store(&self, archive: &[u8]) -> Result<Pinned<'_>, ApiError> {
        if archive.len() > MAX_ZIPPED {
            return Err(too_large(format!("Zipped size must be smaller than {MAX_ZIPPED} bytes")));
        }
        let code = Code {
            id: hex::encode(Sha256::digest(archive)),
            sha256: package::code_sha256(archive),
            size: archive.len() as u64,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.pinned.entry(code.id.clone()).or_default() += 1;
        drop(state);
        let pinned = Pinned { packages: self, code };
        self.write(archive, &pinned.code.id)?;
        Ok(pinned)
    }

    fn write(&self, archive: &[u8], id: &str) -> Result<(), ApiError> {
        let (zip, unpacked) = (self.archive(id), self.unpacked(id));
        if zip.exists() && unpacked.exists() {
            return Ok(());
        }
        // Names of their own, so that two operations with the same archive do not meet, and renames, so that a name
        // stands for something complete.
        let temporary = self.directory.join(format!("new-{}", super::uuid()?));
        let written = self.write_at(archive, &temporary, &zip, &unpacked);
        if written.is_err() {
            remove(&temporary);
            remove(&temporary.with_extension("zip"));
        }
        written
    }

    fn write_at(
        &self,
        archive: &[u8],
        temporary: &Path,
        zip: &Path,
        unpacked: &Path,
    ) -> Result<(), ApiError> {
        package::unpack(archive, temporary, package::MAX_UNPACKED).map_err(|e| match e {
            PackageError::Io(error) => disk(error),
            refused => invalid(refused.to_string()),
        })?;
        let temporary_zip = temporary.with_extension("zip");
        let mut file = File::create(&temporary_zip).map_err(disk)?;
        file.write_all(archive).map_err(disk)?;
        file.sync_all().map_err(disk)?;
        fs::rename(&temporary_zip, zip).map_err(disk)?;
        match fs::rename(temporary, unpacked) {
            // Another operation was faster with the same archive.
            Err(_) if unpacked.exists() => remove(temporary),
            other => other.map_err(disk)?,
        }
        File::open(&self.directory).and_then(|d| d.sync_all()).map_err(disk)
    }

    /// Checks AWS's bound of a function's code together with its layers.
    ///
    /// # Errors
    /// They are larger, in AWS's words (quoted in public issues: brefphp/bref#450 for both together, bento-video/bento#1
    /// for the layers alone; not among the recordings).
    pub fn check_together(&self, config: &Config) -> Result<(), ApiError> {
        const MOST: u64 = package::MAX_UNPACKED;
        if config.layers.is_empty() {
            return Ok(()); // then it was checked when it was unpacked
        }
        let mut sum = 0;
        for layer in &config.layers {
            self.ensure_unpacked(&layer.code.id)?;
            sum += package::bytes_below(&self.unpacked(&layer.code.id)).map_err(disk)?;
        }
        if sum > MOST {
            return Err(invalid(format!("Layers consume more than the available size of {MOST} bytes")));
        }
        self.ensure_unpacked(&config.code.id)?;
        sum += package::bytes_below(&self.unpacked(&config.code.id)).map_err(disk)?;
        if sum > MOST {
            return Err(invalid(format!(
                "Function code combined with layers exceeds the maximum allowed size of {MOST} bytes. The actual size \
                 is {sum} bytes."
            )));
        }
        Ok(())
    }

    /// Unpacks an acknowledged package again when its folder is gone, see [`Self::distrust_after_reboot`].
    pub fn ensure_unpacked(&self, id: &str) -> Result<(), ApiError> {
        if self.unpacked(id).exists() {
            return Ok(());
        }
        let archive = fs::read(self.archive(id)).map_err(disk)?;
        self.write(&archive, id)
    }

    /// A package is no longer used by one function or version: its files go when nothing else names them, after
    /// `keep`.
    pub fn release(&self, store: &Store, ids: impl IntoIterator<Item = String>, keep: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.released.extend(ids.into_iter().map(|id| (id, now)));
        let mut due = Vec::new();
        state.released.retain(|id, at| {
            let waits = at.elapsed() < keep;
            if !waits {
                due.push(id.clone());
            }
            waits
        });
        if due.is_empty() {
            return;
        }
        // An error leaves files behind, for the next start.
        let Ok(used) = store.read(all_used) else { return };
        for id in due {
            // The lock is held: nobody can pin the package between this look and the removal.
            if !used.contains(&id) && !state.pinned.contains_key(&id) {
                remove(&self.archive(&id));
                remove(&self.unpacked(&id));
            }
        }
    }

    fn signature(&self, id: &str, until_ms: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(format!("{id}.{until_ms}").as_bytes());
        Some(mac)
    }
}

fn remove(path: &Path) {
    // Best effort: what stays is collected at the next start.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

fn all_used(reader: &Reader) -> Result<HashSet<String>, StoreError> {
    let mut used = HashSet::new();
    let mut add = |config: Config| {
        used.insert(config.code.id);
        used.extend(config.layers.into_iter().map(|l| l.code.id));
    };
    for (_, function) in reader.list::<Function>(FUNCTIONS, "f/", None, usize::MAX)? {
        add(function.latest);
    }
    for (_, version) in reader.list::<Config>(FUNCTIONS, "v/", None, usize::MAX)? {
        add(version);
    }
    for (_, layer) in reader.list::<LayerVersion>(LAYERS, "", None, usize::MAX)? {
        used.insert(layer.code.id);
    }
    Ok(used)
}

impl Lambda {
    /// The link for GetFunction's `Code.Location` and a layer's `Content.Location`.
    pub(super) fn link(&self, code: &model::Code, now_ms: i64) -> String {
        let until = now_ms.saturating_add(LINK_LIFETIME_MS);
        let signature = self.inner.packages.signature(&code.id, until);
        let signature = signature.map(|m| hex::encode(m.finalize().into_bytes())).unwrap_or_default();
        format!("{}{LINK_PATH}{}.{until}.{signature}", self.inner.settings.base_url, code.id)
    }

    /// The archive that a link of GetFunction stands for: `token` is what follows `/_crossgate/code/`. `None` when the
    /// token was not made here or is older than ten minutes. Like AWS's presigned links, a link needs no signature.
    #[must_use]
    pub fn code(&self, token: &str, now_ms: i64) -> Option<PathBuf> {
        let mut parts = token.splitn(3, '.');
        let (id, until, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let until: i64 = until.parse().ok()?;
        let signature = hex::decode(signature).ok()?;
        let mac = self.inner.packages.signature(id, until)?;
        mac.verify_slice(&signature).ok()?;
        (now_ms <= until).then(|| self.inner.packages.archive(id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::control::testing::{Fake, FakeRoles, function, with, world, zip};

    #[test]
    fn what_was_acknowledged_comes_back_and_what_was_not_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let store = Store::open(directory.path()).unwrap();
            Lambda::new(store, Arc::new(Fake::default()), Arc::new(FakeRoles)).unwrap()
        };
        let lambda = open();
        let call = crate::control::testing::call("CreateFunction", function("users"));
        lambda.create_function(&call).unwrap();
        drop(lambda);
        let code = directory.path().join("code");
        // As a server leaves them that is killed between the files and the commit.
        fs::write(code.join("feed.zip"), "half").unwrap();
        fs::create_dir_all(code.join("feed")).unwrap();
        fs::create_dir_all(code.join("new-1")).unwrap();
        let lambda = open();
        let mut left: Vec<String> =
            fs::read_dir(&code).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left.len(), 3, "{left:?}");
        let view = lambda.lookup("arn:aws:lambda:us-east-1:111111111111:function:users").unwrap().unwrap();
        assert!(view.spec.code_dir.join("index.py").is_file());
    }

    const KILLED: &str = "CROSSGATE_TEST_KILLED_DIRECTORY";

    /// What the child of the test below does, which is this test program run again.
    fn create_until_killed(directory: &Path) {
        let store = Store::open(directory).unwrap();
        let lambda = Lambda::new(store, Arc::new(Fake::default()), Arc::new(FakeRoles)).unwrap();
        for n in 0.. {
            let name = format!("f{n}");
            let code = json!({ "Code": { "ZipFile": zip(&format!("n = {n}")) } });
            let call = crate::control::testing::call("CreateFunction", with(function(&name), code));
            lambda.create_function(&call).unwrap();
            println!("acknowledged {name}");
        }
    }

    #[test]
    fn a_killed_server_keeps_what_it_acknowledged() {
        use std::io::BufRead as _;
        if let Some(directory) = std::env::var_os(KILLED) {
            return create_until_killed(Path::new(&directory));
        }
        for round in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let mut child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture"])
                .arg("control::code::tests::a_killed_server_keeps_what_it_acknowledged")
                .env(KILLED, directory.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines =
                std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            let mut acknowledged = Vec::new();
            let wanted = 5 + round * 3;
            while acknowledged.len() < wanted {
                let line = lines.next().expect("the child lives");
                acknowledged.extend(line.rsplit_once("acknowledged ").map(|(_, name)| name.to_owned()));
            }
            // A moment later each round, so that the signal meets different steps.
            std::thread::sleep(Duration::from_micros(700 * round as u64));
            child.kill().unwrap();
            acknowledged
                .extend(lines.filter_map(|l| l.rsplit_once("acknowledged ").map(|(_, n)| n.to_owned())));
            child.wait().unwrap();

            let store = Store::open(directory.path()).unwrap();
            let lambda = Lambda::new(store, Arc::new(Fake::default()), Arc::new(FakeRoles)).unwrap();
            let names = lambda.names(arn::AccountId::new("111111111111").unwrap(), "us-east-1").unwrap();
            for name in &acknowledged {
                assert!(names.contains(name), "{name} was acknowledged");
            }
            for name in &names {
                let arn = format!("arn:aws:lambda:us-east-1:111111111111:function:{name}");
                let view = lambda.lookup(&arn).unwrap().unwrap();
                let source = fs::read_to_string(view.spec.code_dir.join("index.py")).unwrap();
                assert_eq!(format!("n = {}", name.trim_start_matches('f')), source);
            }
            let files = fs::read_dir(directory.path().join("code")).unwrap().count();
            assert_eq!(
                files,
                names.len() * 2 + 1,
                "an archive and a folder for each function, and the boot marker"
            );
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_unpacked_again() {
        let world = world();
        world.create("users");
        let code = world.directory.path().join("code");
        for entry in fs::read_dir(code).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        let view =
            world.lambda.lookup("arn:aws:lambda:us-east-1:111111111111:function:users").unwrap().unwrap();
        assert!(view.spec.code_dir.join("index.py").is_file());
    }

    #[test]
    fn packages_go_when_nothing_names_them() {
        let world = world();
        world.create("users");
        world.create("same-package");
        let packages = &world.lambda.inner.packages;
        let id = |name: &str| {
            let view = world.lambda.lookup(&format!("arn:aws:lambda:us-east-1:111111111111:function:{name}"));
            view.unwrap().unwrap().spec.code_dir.file_name().unwrap().to_str().unwrap().to_owned()
        };
        let first = id("users");
        world.ok("UpdateFunctionCode", json!({ "FunctionName": "users", "ZipFile": zip("x = 1") }));
        packages.release(&world.store, [], Duration::ZERO);
        assert!(packages.archive(&first).exists(), "the other function uses it");
        world.run("DeleteFunction", json!({ "FunctionName": "same-package" })).unwrap();
        packages.release(&world.store, [], Duration::ZERO);
        assert!(!packages.archive(&first).exists());
        assert!(!packages.unpacked(&first).exists());
        assert!(packages.archive(&id("users")).exists());
    }

    #[test]
    fn a_link_works_for_ten_minutes_and_cannot_be_made_up() {
        let world = world();
        world.create("users");
        let got = world.ok("GetFunction", json!({ "FunctionName": "users" }));
        let location = got["Code"]["Location"].as_str().unwrap().to_owned();
        let token = location.strip_prefix(LINK_PATH).unwrap();
        let now = 1_795_424_400_000;
        assert!(world.lambda.code(token, now).unwrap().is_file());
        assert!(world.lambda.code(token, now + LINK_LIFETIME_MS + 1).is_none());
        let (head, _) = token.rsplit_once('.').unwrap();
        for forged in
            [format!("{head}.00"), head.to_owned(), token.replacen('1', "2", 1), "../x.1.00".to_owned()]
        {
            assert!(world.lambda.code(&forged, now).is_none(), "{forged}");
        }
    }

    #[test]
    fn a_zip_over_the_limit_is_refused_before_it_is_read() {
        let world = world();
        let big = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vec![0; MAX_ZIPPED + 1]);
        let input = with(function("users"), json!({ "Code": { "ZipFile": big } }));
        assert_eq!(
            world.refused("CreateFunction", input),
            (
                "RequestEntityTooLargeException".to_owned(),
                "Zipped size must be smaller than 52428800 bytes".to_owned()
            )
        );
    }
}
