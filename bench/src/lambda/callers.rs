//! Many callers of one function at once: none is lost, none is served much better than another.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{PYTHON, World};
use crate::Failed;
use crate::load::one_connection;
use crate::processes::environments_below;
use crate::scene::create;
use crate::table::Table;

const CALLERS: usize = 32;
const TIME: Duration = Duration::from_secs(5);

/// Each caller sends its next invocation when the last is answered. An answer that is not 200, or a connection that
/// breaks, is a request lost.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut world = World::new(program, &["--in-memory"]).await?;
    create(&mut world.root, "shared", "python3.9", PYTHON).await?;
    world.invoke("shared").await?;
    let request = world.bytes("shared").await?;
    let until = Instant::now() + TIME;
    let all: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (authority, request) = (world.server.authority.clone(), request.clone());
            tokio::spawn(async move { one_connection(&authority, &[request], until).await })
        })
        .collect();
    let (mut counts, mut lost) = (Vec::new(), Vec::new());
    for one in all {
        match one.await.map_err(|e| e.to_string())? {
            Ok(count) => counts.push(count),
            Err(why) => lost.push(why),
        }
    }
    let figure = "32 callers of one function: requests lost";
    table.verdict(figure, lost.len().to_string(), "0".to_owned(), lost.is_empty());
    lost.iter().take(3).for_each(|why| table.note(format!("lost: {why}")));
    let least = counts.iter().copied().min().unwrap_or_default();
    let most = counts.iter().copied().max().unwrap_or_default();
    let ratio = most as f64 / least.max(1) as f64;
    let figure = "32 callers of one function: most served, of least served";
    table.verdict(figure, format!("{ratio:.2} times"), "<= 2 times".to_owned(), ratio <= 2.0 && least > 0);
    counts.sort_unstable();
    let environments = environments_below(world.server.pid());
    table.note(format!(
        "32 callers: {} answers in {:.0} s, by caller {counts:?}; {environments} environments, spares included",
        counts.iter().sum::<usize>(),
        TIME.as_secs_f64()
    ));
    Ok(())
}
