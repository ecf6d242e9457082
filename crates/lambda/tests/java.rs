//! Java functions. AWS's own runtime client is a library of Maven Central's; these run with a stand-in (`tests/java`)
//! that has its main class's name and speaks the Runtime API. Where there is no JDK, that is what is checked.

mod support;

use lambda::execution::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const CLIENT: &str = "com/amazonaws/services/lambda/runtime/api/client/AWSLambda.class";

/// Whether the stand-in can be compiled here.
fn has_jdk() -> bool {
    Command::new("javac").arg("-version").output().is_ok_and(|out| out.status.success())
}

fn java(world: &World, name: &str) -> FunctionSpec {
    let mut spec = world.files(name, &[("readme", "")]);
    spec.runtime = "java17".into();
    spec.handler = "App::handle".into();
    spec.memory_mb = 256;
    spec.timeout = Duration::from_secs(10);
    spec
}

/// Compiles the handler into the package, and the client into the folder given.
fn compile(spec: &FunctionSpec, client: &Path) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java");
    for (file, into) in [("App.java", spec.code_dir.as_path()), (&CLIENT.replace(".class", ".java"), client)]
    {
        let mut javac = Command::new("javac");
        let done =
            javac.args(["-nowarn", "--release", "11", "-d"]).arg(into).arg(sources.join(file)).output();
        let done = done.expect("javac runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// A jar with the client in it.
fn jar(world: &World, spec: &FunctionSpec, lib: PathBuf) {
    let classes = world.dir.path().join("classes");
    compile(spec, &classes);
    std::fs::create_dir_all(&lib).expect("folder");
    let made =
        Command::new("jar").arg("cf").arg(lib.join("client.jar")).arg("-C").arg(&classes).arg("com").status();
    assert!(made.expect("jar runs").success());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(jail), ignore = "asserts what a jail shows")]
async fn a_java_function_runs_with_the_runtime_client_of_its_archive() {
    // No second environment while the first one comes back.
    let world = World::with(|c| (c.sandbox, c.grace) = (Sandbox::Require, Duration::from_millis(500)));
    let spec = java(&world, "users");
    if !has_jdk() {
        let refused = world.try_invoke(&Arc::new(spec), "1").await.expect_err("no Java");
        assert!(refused.to_string().contains("looked for `java` on PATH"), "{refused}");
        return world.end().await;
    }
    jar(&world, &spec, spec.code_dir.join("lib"));
    let spec = Arc::new(spec);
    let done = world.invoke(&spec, "1").await;
    let told: serde_json::Value = serde_json::from_slice(&done.payload)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&done), world.log()));
    assert_eq!(told[0], 1);
    assert_eq!(
        (&told[1], &told[2], &told[3]),
        (&"AWS_Lambda_java17".into(), &"ASIA-users".into(), &"/var/task".into())
    );
    let heap = told[4].as_u64().expect("a number");
    assert!((190..=218).contains(&heap), "a heap of {heap} MiB is not 85 % of 256");
    assert!(tail(&done).contains("event 1 of 00000000-"), "{}", tail(&done));
    let warm = world.invoke(&spec, "2").await;
    assert!(!warm.cold && text(&warm).starts_with("[2,"), "{}", text(&warm));
    let failed = world.invoke(&spec, "\"throw\"").await;
    assert_eq!(failed.error_type.as_deref(), Some("java.lang.IllegalStateException"));
    assert!(text(&failed).contains("\"stackTrace\":[\"App.handle(App.java:8)\"]"), "{}", text(&failed));
    assert_eq!(text(&world.invoke(&spec, "\"hog\"").await), "\"Java heap space\"");
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 7"), "{}", text(&exit));
    assert!(world.invoke(&spec, "3").await.cold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_may_be_in_the_package_itself_or_in_a_layer() {
    if !has_jdk() {
        return java_is_missing().await;
    }
    let world = World::new();
    let spec = java(&world, "flat");
    compile(&spec, &spec.code_dir);
    assert!(text(&world.invoke(&Arc::new(spec), "1").await).starts_with("[1,"), "{}", world.log());
    let mut spec = java(&world, "layered");
    let layer = world.dir.path().join("layer");
    jar(&world, &spec, layer.join("java/lib"));
    spec.layers.push(layer);
    assert!(text(&world.invoke(&Arc::new(spec), "1").await).starts_with("[1,"), "{}", world.log());
    let mut spec = java(&world, "broken");
    compile(&spec, &spec.code_dir);
    spec.handler = "Nothing::handle".into();
    let failed = world.invoke(&Arc::new(spec), "1").await;
    assert_eq!(failed.error_type.as_deref(), Some("java.lang.ClassNotFoundException"), "{}", text(&failed));
    // A layer below every function's: the archive of an ordinary function is enough.
    let layer = world.dir.path().join("layer");
    let plain = World::with(|c| c.runtime_layer = Some(layer));
    let spec = java(&plain, "plain");
    compile(&spec, &plain.dir.path().join("unused"));
    assert!(text(&plain.invoke(&Arc::new(spec), "1").await).starts_with("[1,"), "{}", plain.log());
    plain.end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_without_the_client_is_refused_in_words() {
    if !has_jdk() {
        return java_is_missing().await;
    }
    let world = World::new();
    let refused = world.try_invoke(&Arc::new(java(&world, "users")), "1").await.expect_err("no client");
    assert!(refused.to_string().contains("aws-lambda-java-runtime-interface-client"), "{refused}");
    let mut old = java(&world, "old");
    let strict = World::with(|c| c.strict_runtimes = true);
    // Whatever is installed: a release that does not exist yet is not.
    old.runtime = "java99".into();
    let refused = strict.try_invoke(&Arc::new(old), "1").await.expect_err("no such Java");
    assert!(refused.to_string().starts_with("java99 is not installed (found: "), "{refused}");
    let prepared = strict.executor.prepare("java99").await;
    assert!(prepared.is_err() && strict.warnings.lock().expect("lock")[0].contains("java99"));
    strict.end().await;
    world.end().await;
}

async fn java_is_missing() {
    let world = World::new();
    let refused = world.executor.prepare("java17").await.expect_err("no Java");
    assert!(refused.to_string().contains("looked for `java` on PATH"), "{refused}");
    assert!(world.warnings.lock().expect("lock")[0].contains("java17 is not installed"));
    world.end().await;
}
