//! Functions for tests: written to a folder, run, and cleaned up.
#![allow(dead_code, reason = "each test file uses a part")]

use bytes::Bytes;
use lambda::execution::*;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl LogSink for Lines {
    fn log(&self, _: &FunctionSpec, _: &str, lines: Vec<(i64, String)>) {
        self.0.lock().expect("lock").extend(lines.into_iter().map(|l| l.1));
    }
}

struct Keys;

impl CredentialSource for Keys {
    fn credentials(&self, spec: &FunctionSpec) -> Option<Credentials> {
        Some(Credentials {
            access_key_id: format!("ASIA-{}", spec.name),
            secret_access_key: "secret".into(),
            session_token: "token".into(),
        })
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub executor: Executor,
    pub lines: Arc<Lines>,
    pub warnings: Arc<Mutex<Vec<String>>>,
    next: AtomicU64,
}

impl World {
    pub fn new() -> World {
        World::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ExecutorConfig)) -> World {
        let dir = tempfile::tempdir().expect("a folder");
        let lines = Arc::new(Lines::default());
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let mut config = ExecutorConfig::new(dir.path().join("state"));
        config.logs = lines.clone();
        config.credentials = Arc::new(Keys);
        config.endpoint_url = Some("http://127.0.0.1:4566".into());
        let kept = warnings.clone();
        config.warn = Arc::new(move |text| kept.lock().expect("lock").push(text.to_owned()));
        change(&mut config);
        if !cfg!(jail) && config.sandbox == Sandbox::Require {
            config.sandbox = Sandbox::Prefer;
        }
        let executor = Executor::new(config).expect("an executor");
        if !cfg!(jail) {
            // That there is none is told first; `unjailed.rs` looks.
            warnings.lock().expect("lock").clear();
        }
        World { dir, executor, lines, warnings, next: AtomicU64::new(1) }
    }

    /// A function of one file `app.py`.
    pub fn function(&self, name: &str, code: &str) -> FunctionSpec {
        self.files(name, &[("app.py", code)])
    }

    pub fn files(&self, name: &str, files: &[(&str, &str)]) -> FunctionSpec {
        let code_dir = self.dir.path().join("code").join(name);
        for (file, text) in files {
            let path = code_dir.join(file);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(&path, text).expect("written");
            if *file == "bootstrap" {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
            }
        }
        let mut spec = FunctionSpec {
            key: format!("222222222222:{name}:$LATEST:{}", self.next.fetch_add(1, Ordering::Relaxed)),
            function_arn: format!("arn:aws:lambda:us-east-1:222222222222:function:{name}"),
            name: name.into(),
            version: "$LATEST".into(),
            account: "222222222222".into(),
            region: "us-east-1".into(),
            role: "arn:aws:iam::222222222222:role/r".into(),
            runtime: python(),
            handler: "app.handler".into(),
            code_dir,
            layers: vec![],
            environment: vec![("OWN".into(), "value".into())],
            memory_mb: 128,
            ephemeral_mb: 512,
            timeout: Duration::from_secs(3),
            log_group: format!("/aws/lambda/{name}"),
            provisioned: 0,
            json_log_level: None,
            system_log_level: None,
            in_vpc: false,
        };
        if let Some((_, layer)) = client() {
            spec.layers.push(layer.into());
            spec.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".into(), "/opt/client".into()));
        }
        spec
    }

    pub fn context(&self) -> InvokeContext {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        InvokeContext {
            request_id: format!("00000000-0000-4000-8000-{n:012}"),
            invoked_arn: "arn:aws:lambda:us-east-1:222222222222:function:f".into(),
            trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into()),
            ..InvokeContext::default()
        }
    }

    pub async fn invoke(&self, spec: &Arc<FunctionSpec>, payload: &str) -> Invocation {
        self.try_invoke(spec, payload).await.expect("the invocation took place")
    }

    pub async fn try_invoke(
        &self,
        spec: &Arc<FunctionSpec>,
        payload: &str,
    ) -> Result<Invocation, InvokeError> {
        let payload = Bytes::from(payload.to_owned());
        self.executor.invoke(spec, payload, self.context()).await
    }

    /// One invocation of one file.
    pub async fn run(&self, name: &str, code: &str, payload: &str) -> Invocation {
        self.invoke(&Arc::new(self.function(name, code)), payload).await
    }

    pub fn log(&self) -> String {
        self.lines.0.lock().expect("lock").concat()
    }

    pub async fn end(self) {
        self.executor.shutdown().await;
        assert_eq!(self.executor.environments(), 0, "environments are left");
    }
}

pub fn text(invocation: &Invocation) -> String {
    String::from_utf8_lossy(&invocation.payload).into_owned()
}

pub fn tail(invocation: &Invocation) -> String {
    String::from_utf8_lossy(&invocation.log_tail).into_owned()
}

/// Python 3.9 where it is, else whatever stands in for it.
pub fn python() -> String {
    client().map_or_else(|| "python3.9".into(), |(version, _)| format!("python{version}"))
}

/// The variable that makes Python functions run through another client: `3.9=LAYER`, a layer with the program
/// `client` (see `awslambdaric.rs`).
pub const CLIENT: &str = "EXECUTION_TEST_CLIENT";

fn client() -> Option<(String, String)> {
    let given = std::env::var(CLIENT).ok()?;
    let (version, layer) = given.split_once('=').expect("VERSION=LAYER");
    Some((version.into(), layer.into()))
}

/// Minor versions of Python found in the usual places.
pub fn pythons() -> Vec<u8> {
    let home = std::env::var("HOME").unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = path.split(':').map(|d| Path::new(d).to_path_buf()).collect();
    for version in std::fs::read_dir(format!("{home}/.pyenv/versions")).into_iter().flatten().flatten() {
        dirs.push(version.path().join("bin"));
    }
    let found = |minor: &u8| {
        dirs.iter().filter(|d| !d.ends_with("shims")).any(|d| d.join(format!("python3.{minor}")).exists())
    };
    (7..20).filter(found).collect()
}

/// Waits for `what`, three seconds at most.
pub async fn wait_until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..300 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}
