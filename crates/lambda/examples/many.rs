//! Measures many functions with a warm environment each: the memory of all their processes together.
//!
//! `cargo run --release -p lambda --example many -- [functions, 1000] [runtime, python3.9]`

use lambda::execution::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PYTHON: &str = "import json\ndef handler(event, context):\n    return json.dumps(event)\n";
const NODE: &str = "exports.handler = async (event) => JSON.stringify(event);\n";

/// The memory of this process and all below it, shared pages counted once, in KiB.
fn memory() -> (usize, u64) {
    let own = std::process::id();
    let all: Vec<u32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let below = |pid: u32| {
        let line = std::iter::successors(Some(pid), |p| parent(*p).filter(|p| *p > 1));
        line.take(16).any(|p| p == own)
    };
    let (mut count, mut total) = (0, 0);
    for pid in all.into_iter().filter(|pid| below(*pid)) {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        total += pss.and_then(|t| t.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0);
        count += 1;
    }
    (count, total)
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let runtime = arguments.next().unwrap_or_else(|| "python3.9".to_owned());
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("app.py"), PYTHON).expect("written");
    std::fs::write(dir.path().join("app.js"), NODE).expect("written");
    let mut config = ExecutorConfig::new(dir.path().join("state"));
    config.max_environments = count;
    let executor = Executor::new(config).expect("an executor");
    let begun = Instant::now();
    for n in 0..count {
        let spec = Arc::new(FunctionSpec {
            key: format!("many:{n}"),
            name: format!("f{n}"),
            version: "$LATEST".into(),
            region: "us-east-1".into(),
            runtime: runtime.clone(),
            handler: "app.handler".into(),
            code_dir: dir.path().to_path_buf(),
            memory_mb: 128,
            ephemeral_mb: 512,
            timeout: Duration::from_secs(20),
            log_group: "/aws/lambda/f".into(),
            ..FunctionSpec::default()
        });
        let context = InvokeContext {
            request_id: format!("{n:032}"),
            invoked_arn: "arn".into(),
            ..InvokeContext::default()
        };
        let done = executor.invoke(&spec, "{\"a\": 1}".into(), context).await.expect("ran");
        assert!(done.function_error.is_none(), "{}", String::from_utf8_lossy(&done.payload));
    }
    let took = begun.elapsed();
    let (processes, kib) = memory();
    println!(
        "{runtime}: {} environments in {took:.1?}, {processes} processes, {:.0} MiB in all, {:.2} MiB each",
        executor.environments(),
        kib as f64 / 1024.0,
        kib as f64 / 1024.0 / count as f64
    );
    executor.shutdown().await;
}
