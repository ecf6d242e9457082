//! Warm invokes through the Lambda API against the same bootstrap in a bare Runtime API loop: one environment each.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{EVENT, PYTHON, World};
use crate::Failed;
use crate::load::one_connection;
use crate::processes::{arguments, processor_seconds, pythons_below};
use crate::runtime_api::{Loop, folder};
use crate::scene::create;
use crate::stats::median;
use crate::table::Table;

const ROUNDS: usize = 9;
const TIME: Duration = Duration::from_millis(700);
/// Enough that the environment always has an event to go on with.
const CLIENTS: [usize; 2] = [1, 4];

/// Works for two milliseconds, as a function does that parses, decides and renders.
const WORKING: &str = "import time

def handler(event, context):
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    return event
";

/// Throughput, one client and several; the bare loop has its next event ready at once. Of a handler that does nothing,
/// and of one that works.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    compare(program, table, "an empty handler", PYTHON).await?;
    compare(program, table, "2 ms of work", WORKING).await
}

async fn compare(program: &Path, table: &mut Table, what: &str, handler: &str) -> Result<(), Failed> {
    let mut world = World::new(program, &["--in-memory", "--max-environments", "1"]).await?;
    create(&mut world.root, "warm", "python3.9", handler).await?;
    world.invoke("warm").await?;
    let python = pythons_below(world.server.pid()).first().map(|(pid, _)| arguments(*pid));
    let python = python.and_then(|a| a.into_iter().next()).ok_or("the server started no Python")?;
    let folder = folder(handler)?;
    let mut bare = Loop::start(&python, folder.path())?;
    let request = world.bytes("warm").await?;
    for clients in CLIENTS {
        let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut spent, mut answered) = (0.0, 0.0);
        for round in 0..=ROUNDS {
            let before = processor_seconds(world.server.pid());
            let our = together(&world.server.authority, &request, clients).await?;
            let after = processor_seconds(world.server.pid());
            let their = alone(&mut bare)?;
            // The first round warms up.
            if round > 0 {
                spent += after - before;
                answered += our * TIME.as_secs_f64();
                ratios.push(our / their);
                ours.push(our);
                theirs.push(their);
            }
        }
        let share = median(ratios);
        table.verdict(
            &format!("warm Invoke, {what}, {clients} at once, of a bare loop's throughput"),
            format!("{:.0} %", share * 100.0),
            ">= 85 %".to_owned(),
            share >= 0.85,
        );
        table.note(format!(
            "warm Invoke, {what}, {clients} at once: {:.0} a second, {:.0} us of the server's processor time each; bare: {:.0} a second",
            median(ours),
            spent / answered * 1e6,
            median(theirs)
        ));
    }
    Ok(())
}

/// Invocations per second that are answered with 200.
async fn together(authority: &str, request: &[u8], clients: usize) -> Result<f64, Failed> {
    let begun = Instant::now();
    let all: Vec<_> = (0..clients)
        .map(|_| {
            let (authority, request) = (authority.to_owned(), request.to_vec());
            tokio::spawn(async move { one_connection(&authority, &[request], begun + TIME).await })
        })
        .collect();
    let mut answered = 0;
    for one in all {
        answered += one.await.map_err(|e| e.to_string())??;
    }
    Ok(answered as f64 / begun.elapsed().as_secs_f64())
}

fn alone(bare: &mut Loop) -> Result<f64, Failed> {
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < TIME {
        bare.invoke(EVENT.as_bytes())?;
        answered += 1;
    }
    Ok(f64::from(answered) / begun.elapsed().as_secs_f64())
}
