//! The store's promises, on both backends.

use std::process::Command;

use store::{Cache, OpenError, Store, StoreError};

fn each_backend(check: impl Fn(Store)) {
    let directory = tempfile::tempdir().unwrap();
    check(Store::open(directory.path()).unwrap());
    let directory = tempfile::tempdir().unwrap();
    check(Store::in_memory(directory.path()).unwrap());
}

#[test]
fn a_failed_write_leaves_nothing() {
    each_backend(|store| {
        let failed: Result<(), StoreError> = store.write(|w| {
            w.put("c", "k", &1)?;
            w.get::<String>("c", "k").map(|_| ())
        });
        assert!(failed.unwrap_err().to_string().contains("c/k"));
        let found: Result<Option<i32>, StoreError> = store.read(|r| r.get("c", "k"));
        assert_eq!(found.unwrap(), None);
    });
}

#[test]
fn lists_by_prefix_in_order_and_by_page() {
    each_backend(|store| {
        let written: Result<(), StoreError> = store.write(|w| {
            for key in ["a/2", "a/1", "a/3", "b/1"] {
                w.put("c", key, &key)?;
            }
            w.put("d", "a/9", &"a/9")
        });
        written.unwrap();
        let page = |after, limit| -> Vec<String> {
            let rows: Result<Vec<(String, String)>, StoreError> =
                store.read(|r| r.list("c", "a/", after, limit));
            rows.unwrap().into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(page(None, 2), ["a/1", "a/2"]);
        assert_eq!(page(Some("a/2"), 9), ["a/3"]);
    });
}

#[test]
fn a_cache_entry_is_loaded_again_after_a_commit_to_its_collection() {
    each_backend(|store| {
        let cache: Cache<i32> = Cache::new("c", 8);
        let put = |collection, value: i32| -> Result<(), StoreError> {
            store.write(|w| w.put(collection, "k", &value))
        };
        let load = || cache.get(&store, "k", || store.read::<_, StoreError>(|r| r.get("c", "k"))).unwrap();
        put("c", 1).unwrap();
        let first = load().unwrap();
        put("other", 9).unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &load().unwrap()));
        put("c", 2).unwrap();
        assert_eq!(*load().unwrap(), 2);
    });
}

#[test]
fn a_cache_over_several_collections_is_out_of_date_after_a_commit_to_any() {
    each_backend(|store| {
        let cache: Cache<i32> = Cache::over(&["c", "d"], 8);
        let put = |collection| -> Result<(), StoreError> { store.write(|w| w.put(collection, "k", &1)) };
        let load = || cache.get(&store, "k", || Ok::<_, StoreError>(Some(1))).unwrap().unwrap();
        let first = load();
        put("other").unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &load()));
        put("c").unwrap();
        let second = load();
        assert!(!std::sync::Arc::ptr_eq(&first, &second));
        put("d").unwrap();
        assert!(!std::sync::Arc::ptr_eq(&second, &load()));
    });
}

#[test]
fn a_cache_by_part_is_out_of_date_after_a_commit_to_the_same_part_alone() {
    each_backend(|store| {
        let cache: Cache<i32> = Cache::by_part("c", 8);
        let put = |key: &str| store.write(|w| w.put("c", key, &1)).map_err(|e: StoreError| e).unwrap();
        let load = || cache.get(&store, "a/1", || Ok::<_, StoreError>(Some(1))).unwrap().unwrap();
        let first = load();
        put("b/1");
        put("ab");
        assert!(std::sync::Arc::ptr_eq(&first, &load()));
        put("a/2");
        let second = load();
        assert!(!std::sync::Arc::ptr_eq(&first, &second));
        put("a");
        assert!(!std::sync::Arc::ptr_eq(&second, &load()));
    });
}

#[test]
fn a_full_cache_drops_some_and_goes_on() {
    each_backend(|store| {
        let cache: Cache<usize> = Cache::new("c", 8);
        let load = |i: usize| {
            let mut loaded = false;
            let load = || {
                loaded = true;
                Ok::<_, StoreError>(Some(i))
            };
            assert_eq!(*cache.get(&store, &i.to_string(), load).unwrap().unwrap(), i);
            loaded
        };
        assert!((0..100).all(load), "each is loaded once");
        let kept = (0..100).filter(|i| !load(*i)).count();
        assert!((1..=8).contains(&kept), "{kept}");
    });
}

#[cfg(unix)]
#[test]
fn a_new_directory_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("data");
    let _store = Store::open(&directory).unwrap();
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_opening_names_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let _held = Store::open(directory.path()).unwrap();
    // A lock belongs to an open file, so a second opening is refused in the same process too.
    match Store::open(directory.path()) {
        Err(OpenError::Held { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let store = Store::open(directory.as_ref()).unwrap();
        for i in 0.. {
            let put: Result<(), StoreError> = store.write(|w| w.put("c", &format!("{i:06}"), &i));
            put.unwrap();
            println!("acknowledged {i}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["what_was_acknowledged_outlives_a_kill", "--exact", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let acknowledged = lines
        .map_while(Result::ok)
        .filter_map(|line| line.split("acknowledged ").nth(1)?.parse::<usize>().ok())
        .find(|i| *i >= 20)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let rows: Result<Vec<(String, usize)>, StoreError> = store.read(|r| r.list("c", "", None, usize::MAX));
    assert!(rows.unwrap().len() > acknowledged);
}
