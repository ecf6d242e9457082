//! Warm invokes through the Lambda API against the same bootstrap in a bare Runtime API loop: one environment each.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{EVENT, PYTHON, World, bytes};
use crate::Failed;
use crate::load::one_connection;
use crate::processes::{Spent, arguments, environment_below, spent};
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
    development_key(program, table).await?;
    compare(program, table, "an empty handler", PYTHON).await?;
    compare(program, table, "2 ms of work", WORKING).await
}

/// Whose connection it is must be found out for development keys, as soon as a function has run: they are not for
/// functions.
async fn development_key(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut world = World::new(program, &["--in-memory"]).await?;
    create(&mut world.root, "keys", "python3.9", PYTHON).await?;
    world.invoke("keys").await?;
    let (development, made) = (bytes(&world.root, "keys").await?, world.bytes("keys").await?);
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let one = together(&world.server.authority, &development, 1).await?;
        let other = together(&world.server.authority, &made, 1).await?;
        if round > 0 {
            ratios.push(one / other);
        }
    }
    let share = median(ratios);
    table.verdict(
        "warm Invoke with a development key, of a made key's throughput",
        format!("{:.0} %", share * 100.0),
        ">= 80 %".to_owned(),
        share >= 0.8,
    );
    Ok(())
}

async fn compare(program: &Path, table: &mut Table, what: &str, handler: &str) -> Result<(), Failed> {
    let mut world = World::new(program, &["--in-memory", "--max-environments", "1"]).await?;
    create(&mut world.root, "warm", "python3.9", handler).await?;
    world.invoke("warm").await?;
    let server = world.server.pid();
    let environment = environment_below(server).ok_or("the server started no Python")?;
    let python = arguments(environment).into_iter().next().ok_or("the environment is gone")?;
    let folder = folder(handler)?;
    let mut bare = Loop::start(&python, folder.path())?;
    let request = world.bytes("warm").await?;
    for clients in CLIENTS {
        let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        let mut sides = [Side::default(), Side::default()];
        for round in 0..=ROUNDS {
            let begun = Side::now([server, environment]);
            let our = together(&world.server.authority, &request, clients).await?;
            let ended = Side::now([server, environment]);
            let bare_begun = Side::now([bare.pid(), bare.pid()]);
            let their = alone(&mut bare)?;
            let bare_ended = Side::now([bare.pid(), bare.pid()]);
            // The first round warms up.
            if round > 0 {
                sides[0].add(begun, ended, our);
                sides[1].add(bare_begun, bare_ended, their);
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
            "warm Invoke, {what}, {clients} at once: {:.0} a second; processor time and waits of each: {}",
            median(ours),
            sides[0].told(["server", "environment", "load generator"]),
        ));
        table.note(format!(
            "bare: {:.0} a second; {}",
            median(theirs),
            sides[1].told(["", "runtime", "driver"])
        ));
    }
    Ok(())
}

/// What three processes spent, and on how many invocations: a server, a runtime, and this one.
#[derive(Clone, Copy, Default)]
struct Side {
    spent: [Spent; 3],
    answered: f64,
}

impl Side {
    fn now([server, runtime]: [u32; 2]) -> Self {
        Self { spent: [spent(server), spent(runtime), spent(std::process::id())], answered: 0.0 }
    }

    fn add(&mut self, begun: Self, ended: Self, a_second: f64) {
        for (sum, (after, before)) in self.spent.iter_mut().zip(ended.spent.into_iter().zip(begun.spent)) {
            *sum += after - before;
        }
        self.answered += a_second * TIME.as_secs_f64();
    }

    fn told(&self, names: [&str; 3]) -> String {
        let told =
            names.into_iter().zip(self.spent).filter(|(name, _)| !name.is_empty()).map(|(name, spent)| {
                format!("{name} {:.0} us, {:.1}", spent.us / self.answered, spent.waits / self.answered)
            });
        told.collect::<Vec<_>>().join("; ")
    }
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
