//! MOCK through the whole gateway, against a bare hyper server that answers the same bytes.

use std::path::Path;
use std::time::Duration;

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::bare::Bare;
use crate::bare_server;
use crate::client::Client;
use crate::load;
use crate::processes::processor_seconds;
use crate::scene::{A, mock_api};
use crate::server::Server;
use crate::stats::median;
use crate::table::Table;

/// Many, for pairs differ by a tenth where other machines share the processors.
const ROUNDS: usize = 15;
const TIME: Duration = Duration::from_millis(800);
/// Of the bare one's requests per second.
const TARGET: f64 = 0.7;

/// Both forms of the address; pairs of runs, and the median of their ratios.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&server.authority, A).await?;
    let api = mock_api(&mut a).await?;
    let host = format!("{api}.execute-api.{REGION}.localhost");
    let by_path = format!("/_aws/execute-api/{api}/prod/users");
    for (form, path, host) in
        [("by path", by_path.as_str(), server.authority.as_str()), ("by host", "/prod/users", host.as_str())]
    {
        let answer = Client::connect(&server.authority).await?.get(path, Some(host)).await?;
        if answer.status != 200 {
            return Err(format!("MOCK: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        let bare = bare_server::start(&answer)?;
        let what = (format!("MOCK, {form}"), "server", TARGET);
        compare(table, what, &server, &bare, &[load::get(path, host)])?;
    }
    Ok(())
}

/// Loads ours and the bare one in turns, and puts the median of the ratios into the table. `what` is compared with a
/// bare `kind` and must reach `target` of its requests per second.
///
/// # Errors
/// Any answer that is not 200, any connection that breaks.
pub fn compare(
    table: &mut Table,
    (what, kind, target): (String, &str, f64),
    server: &Server,
    bare: &Bare,
    requests: &[Vec<u8>],
) -> Result<(), Failed> {
    let pairs =
        in_turns((&server.authority, server.pid(), requests), (&bare.authority, bare.pid(), requests))?;
    let middle = |of: fn(&Pair) -> f64| median(pairs.iter().map(of).collect());
    let ratio = middle(|(ours, bare)| ours.rate / bare.rate);
    table.verdict(
        &format!("{what}: requests/s of a bare hyper {kind}"),
        format!("{:.0} %", ratio * 100.0),
        format!(">= {:.0} %", target * 100.0),
        ratio >= target,
    );
    table.note(format!(
        "{what}: {:.0} requests/s, bare {:.0}; processor time of the {kind} per request {:.1} us, bare {:.1} us",
        middle(|(ours, _)| ours.rate),
        middle(|(_, bare)| bare.rate),
        middle(|(ours, _)| ours.each),
        middle(|(_, bare)| bare.each),
    ));
    Ok(())
}

/// One run of the load generator.
pub struct Run {
    /// Requests per second.
    pub rate: f64,
    /// Processor time of the server per request, in microseconds.
    pub each: f64,
}

/// Ours and what it is compared with, one after the other.
pub type Pair = (Run, Run);

/// Where it is sent to, the process there, and what is sent.
pub type Load<'a> = (&'a str, u32, &'a [Vec<u8>]);

/// Pairs of runs, after one of each that is not counted.
///
/// # Errors
/// As [`load::requests_per_second`].
pub fn in_turns(first: Load<'_>, second: Load<'_>) -> Result<Vec<Pair>, Failed> {
    run(first)?;
    run(second)?;
    (0..ROUNDS).map(|_| Ok((run(first)?, run(second)?))).collect()
}

fn run((authority, pid, requests): Load<'_>) -> Result<Run, Failed> {
    let before = processor_seconds(pid);
    let rate = load::requests_per_second(authority, requests, TIME)?;
    let each = (processor_seconds(pid) - before) / (rate * TIME.as_secs_f64()) * 1e6;
    Ok(Run { rate, each })
}
