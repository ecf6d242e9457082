//! How much longer than most the slowest requests take, at half of what the server can answer.
//!
//! The load is open: requests are due at times that are fixed beforehand, whatever was answered by then, and a
//! request's time counts from when it was due. A server that halts for a moment is told the wait of every request that
//! was due meanwhile.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::bare_server;
use crate::client::Client;
use crate::load;
use crate::scene::{A, mock_api};
use crate::server::Server;
use crate::stats::{median, percentile};
use crate::table::Table;

const ROUNDS: usize = 7;
/// Of one open-loop run.
const TIME: Duration = Duration::from_secs(1);
/// For the most that a server answers: the load is closed, as for MOCK.
const SATURATED: Duration = Duration::from_millis(800);
/// Each has a thread and a connection, so that one that waits keeps no other from being sent.
const SENDERS: u32 = 16;
/// The most that the 99th percentile may be of the median.
const TARGET: f64 = 3.0;

/// One figure, and the bare server's beside it, for it says what of it is the machine's.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&server.authority, A).await?;
    let api = mock_api(&mut a).await?;
    let (path, host) = ("/prod/users", format!("{api}.execute-api.{REGION}.localhost"));
    let answer = Client::connect(&server.authority).await?.get(path, Some(&host)).await?;
    let bare = bare_server::start(&answer)?;
    let request = load::get(path, &host);
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(&server.authority, &request)?);
        bares.push(round(&bare.authority, &request)?);
    }
    let middle = |of: fn(&Round) -> f64, rounds: &[Round]| median(rounds.iter().map(of).collect());
    let ratio = middle(|r| r.p99 / r.p50, &ours);
    table.verdict(
        "MOCK at half of saturation: p99 over p50",
        format!("{ratio:.1}"),
        format!("< {TARGET:.0}"),
        ratio < TARGET,
    );
    for (whose, rounds) in [("crossgate", &ours), ("the bare server", &bares)] {
        table.note(format!(
            "half of saturation, {whose}: {:.0} requests/s, p50 {:.0} us, p99 {:.0} us, ratio {:.1}",
            middle(|r| r.rate, rounds),
            middle(|r| r.p50, rounds),
            middle(|r| r.p99, rounds),
            middle(|r| r.p99 / r.p50, rounds),
        ));
    }
    Ok(())
}

/// Microseconds at a rate.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
}

fn round(authority: &str, request: &[u8]) -> Result<Round, Failed> {
    let most = load::requests_per_second(authority, &[request.to_vec()], SATURATED)?;
    let rate = most / 2.0;
    let between = Duration::from_secs_f64(f64::from(SENDERS) / rate);
    let begun = Instant::now() + Duration::from_millis(20);
    let times: Result<Vec<Vec<f64>>, Failed> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..SENDERS)
            .map(|i| {
                // Evenly spread, so that the requests of all come one by one.
                let first = begun + between * i / SENDERS;
                scope.spawn(move || sender(authority, request, first, between))
            })
            .collect();
        let join =
            |t: std::thread::ScopedJoinHandle<'_, _>| t.join().map_err(|_| "a thread broke".to_owned());
        threads.into_iter().map(|t| join(t).and_then(|done| done)).collect()
    });
    let mut times = times?.concat();
    Ok(Round { rate, p50: percentile(&mut times, 0.5), p99: percentile(&mut times, 0.99) })
}

/// Sends a request whenever one is due; gives their times in microseconds.
fn sender(authority: &str, request: &[u8], first: Instant, between: Duration) -> Result<Vec<f64>, Failed> {
    let failed = |e: std::io::Error| format!("http://{authority}: {e}");
    let wrong = |e: Failed| format!("http://{authority}: {e}");
    // Else the kernel rounds each sleep up by 50 us.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)).map_err(|e| failed(e.into()))?;
    let mut stream = TcpStream::connect(authority).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (mut times, mut due) = (Vec::new(), first);
    while due < first + TIME {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        load::ask(&mut stream, request).map_err(wrong)?;
        times.push(due.elapsed().as_secs_f64() * 1e6);
        due += between;
    }
    Ok(times)
}
