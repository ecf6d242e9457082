//! From an `Invoke` that finds no environment to its answer, against the same handler spawned bare.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{EVENT, NODE, PYTHON, World};
use crate::Failed;
use crate::processes::{arguments, pythons_below};
use crate::runtime_api::{folder, spawned, spawned_client};
use crate::scene::{create, update_function};
use crate::stats::median_ms;
use crate::table::Table;
use crate::venv::python_with_client;

const ROUNDS: usize = 20;
/// Between new code and the invocation, as for a person.
const PAUSE: Duration = Duration::from_millis(150);
/// The least that runs a handler of Node: one event, one answer.
const BARE_NODE: &str = include_str!("bare_node.js");

/// Python against AWS's own client, Node against a plain `node`; in pairs.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut world = World::new(program, &["--in-memory"]).await?;
    create(&mut world.root, "python", "python3.9", PYTHON).await?;
    create(&mut world.root, "node", "nodejs20.x", NODE).await?;
    python(&mut world, table).await?;
    node(&mut world, table).await
}

/// The time of the first invocation after new code.
async fn cold(
    world: &mut World,
    name: &str,
    runtime: &str,
    code: &str,
    round: usize,
) -> Result<Duration, Failed> {
    let comment = if runtime.starts_with("node") { "//" } else { "#" };
    update_function(&mut world.root, name, runtime, &format!("{code}{comment} {round}\n")).await?;
    tokio::time::sleep(PAUSE).await;
    world.invoke(name).await
}

async fn python(world: &mut World, table: &mut Table) -> Result<(), Failed> {
    const SHARE: &str = "the same, share of spawning awslambdaric";
    world.invoke("python").await?;
    let interpreter = pythons_below(world.server.pid()).first().map(|(pid, _)| arguments(*pid));
    let interpreter = interpreter.and_then(|a| a.into_iter().next()).ok_or("the server started no Python")?;
    let (folder, client) = (folder(PYTHON)?, python_with_client(&interpreter));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(cold(world, "python", "python3.9", PYTHON, round).await?);
        if let Ok(client) = &client {
            theirs.push(spawned_client(client, folder.path(), EVENT.as_bytes())?);
        }
    }
    let (ours, theirs) = (median_ms(&ours), median_ms(&theirs));
    table.below("Python cold start, jailed, Invoke to answer, median", ours, 12.0, "ms");
    match client {
        Ok(_) => {
            let share = ours / theirs;
            table.verdict(SHARE, format!("{:.0} %", share * 100.0), "< 33 %".to_owned(), share * 3.0 < 1.0);
            table.note(format!("awslambdaric with {interpreter}, spawned bare: {theirs:.2} ms"));
        }
        Err(why) => table.not_measured(SHARE, "< 33 %", &why),
    }
    Ok(())
}

async fn node(world: &mut World, table: &mut Table) -> Result<(), Failed> {
    const SHARE: &str = "Node cold start, jailed, share of spawning node";
    if let Err(why) = Command::new("node").arg("--version").output() {
        table.not_measured(SHARE, "< 60 %", &format!("node: {why}"));
        return Ok(());
    }
    world.invoke("node").await?;
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    for (name, text) in [("index.js", NODE), ("bare.js", BARE_NODE)] {
        std::fs::write(folder.path().join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(cold(world, "node", "nodejs20.x", NODE, round).await?);
        theirs.push(spawned(Command::new("node").arg("bare.js"), folder.path(), EVENT.as_bytes())?);
    }
    let (ours, theirs) = (median_ms(&ours), median_ms(&theirs));
    let share = ours / theirs;
    table.verdict(SHARE, format!("{:.0} %", share * 100.0), "< 60 %".to_owned(), share < 0.6);
    table.note(format!("Node: {ours:.2} ms; node spawned bare, to its first answer: {theirs:.2} ms"));
    Ok(())
}
