//! Many functions: with an environment each, and only stored.

use std::path::Path;
use std::time::Duration;

use super::{PYTHON, World};
use crate::Failed;
use crate::aws::Aws;
use crate::processes::proportional_mib;
use crate::scene::{B, create};
use crate::server::Server;
use crate::stats::median_ms;
use crate::table::Table;

const WARM: usize = 1_000;
const STORED: usize = 10_000;
const CALLS: usize = 1_000;
/// Log events are written, compiled policies are cached.
const QUIET: Duration = Duration::from_secs(1);

/// Memory of a thousand warm environments; start and invocation with ten thousand functions stored.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    warm(program, table).await?;
    stored(program, table).await
}

async fn warm(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let bound = (WARM + 8).to_string();
    let mut world = World::new(program, &["--in-memory", "--max-environments", &bound]).await?;
    for number in 0..WARM {
        let name = format!("f{number}");
        create(&mut world.root, &name, "python3.9", PYTHON).await?;
        world.invoke(&name).await?;
    }
    let (processes, mib) = proportional_mib(world.server.pid());
    table.below("1,000 functions with a warm environment each, memory in all", mib / 1024.0, 4.0, "GiB");
    table.note(format!(
        "1,000 warm environments: {processes} processes, shared pages counted once; the server among them"
    ));
    Ok(())
}

async fn stored(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let data = folder.path().join("many").display().to_string();
    let key = {
        let mut world = World::new(program, &["--data", &data]).await?;
        for number in 0..STORED {
            create(&mut world.root, &format!("f{number}"), "python3.9", PYTHON).await?;
        }
        world.user.key()
    };
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(Server::start(program, &["--data", &data]).await?.ready);
    }
    table.below("start with 10,000 functions stored", median_ms(&starts), 300.0, "ms");
    let server = Server::start(program, &["--data", &data]).await?;
    let root = Aws::root(&server.authority, B).await?;
    let user = Aws::with_key(&server.authority, &key.0, &key.1).await?;
    let mut many = World { server, root, user };
    let few_data = folder.path().join("few").display().to_string();
    let mut few = World::new(program, &["--data", &few_data]).await?;
    create(&mut few.root, "f0", "python3.9", PYTHON).await?;
    let mut times = [Vec::new(), Vec::new()];
    for world in [&mut few, &mut many] {
        for _ in 0..100 {
            world.invoke("f0").await?;
        }
    }
    tokio::time::sleep(QUIET).await;
    for _ in 0..CALLS {
        for (world, times) in [&mut few, &mut many].into_iter().zip(&mut times) {
            times.push(world.invoke("f0").await?);
        }
    }
    let [few, many] = times.map(|times| median_ms(&times));
    table.below("warm Invoke with 10,000 functions stored, of that with one", many / few, 1.1, "times");
    table
        .note(format!("warm Invoke, median: {few:.3} ms with one function stored, {many:.3} ms with 10,000"));
    Ok(())
}
