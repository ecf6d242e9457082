//! How soon a server serves, and what it needs when idle.

use std::path::Path;

use crate::Failed;
use crate::processes::resident_mib;
use crate::server::Server;
use crate::stats::{median, median_ms};
use crate::table::Table;

const ROUNDS: usize = 15;

/// Starts servers: without data, with a new directory, with one that was there before.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let (mut ready, mut memory) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]]);
    for round in 0..ROUNDS {
        let data = folder.path().join(round.to_string()).display().to_string();
        let ways: [&[&str]; 3] = [&["--in-memory"], &["--data", &data], &["--data", &data]];
        for ((arguments, ready), memory) in ways.iter().zip(&mut ready).zip(&mut memory) {
            let server = Server::start(program, arguments).await?;
            ready.push(server.ready);
            memory.push(resident_mib(server.pid())?);
        }
    }
    for ((times, memory), way) in
        ready.iter().zip(memory).zip(["--in-memory", "--data, new directory", "--data, existing directory"])
    {
        table.below(&format!("ready to serve, {way}"), median_ms(times), 20.0, "ms");
        table.below(&format!("idle memory, {way}"), median(memory), 15.0, "MiB");
    }
    Ok(())
}
