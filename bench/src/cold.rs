//! From a GET that finds no environment to its answer.

use std::path::Path;
use std::time::Duration;

use crate::Failed;
use crate::client::Client;
use crate::runtime_api::{folder, spawned_client};
use crate::scene::{HANDLER, update};
use crate::stats::median_ms;
use crate::table::Table;
use crate::venv::python_with_client;
use crate::warm::World;

const ROUNDS: usize = 20;
const SHARE: &str = "cold start, share of spawning awslambdaric";
/// Between new code and the GET: people do not call in the same moment, and the last start's work is over.
const PAUSE: Duration = Duration::from_millis(100);

/// New code for every sample; in pairs with a spawn of AWS's own client, where it can be had.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut world = World::new(program).await?;
    let folder = folder(HANDLER)?;
    let client_python = python_with_client(&world.python);
    let mut client = Client::connect(&world.server.authority).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        update(&mut world.b, &format!("{HANDLER}# {round}\n")).await?;
        tokio::time::sleep(PAUSE).await;
        ours.push(world.get(&mut client).await?);
        if let Ok(python) = &client_python {
            theirs.push(spawned_client(python, folder.path(), &world.event)?);
        }
    }
    let cold = median_ms(&ours);
    table.verdict(
        "cold start of the seed's function, to its first response",
        format!("{cold:.2} ms"),
        "< 25 ms".to_owned(),
        cold < 25.0,
    );
    match client_python {
        Ok(_) => {
            let spawned = median_ms(&theirs);
            let share = cold / spawned;
            table.verdict(SHARE, format!("{:.0} %", share * 100.0), "< 50 %".to_owned(), share < 0.5);
            table.note(format!("awslambdaric, spawned bare, to its first response: {spawned:.2} ms"));
        }
        Err(why) => table.not_measured(SHARE, "< 50 %", &why),
    }
    Ok(())
}
