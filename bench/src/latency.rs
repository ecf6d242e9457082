//! How much longer than most the slowest requests take, at half of what the server can answer.
//!
//! The server has one processor and the load generator another, so that neither waits for the other's turn: the
//! generator never sleeps. At half of saturation its load is open: requests are due at times that are fixed beforehand,
//! whatever was answered by then, and a request's time counts from when it was due. A server that halts for a moment is
//! told the wait of every request that was due meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::bare_server;
use crate::client::Client;
use crate::load;
use crate::scene::{A, mock_api};
use crate::server::Server;
use crate::stats::{median, percentile};
use crate::table::Table;

const ROUNDS: usize = 9;
/// Of one open-loop run.
const TIME: Duration = Duration::from_secs(1);
/// For the most that a server answers.
const SATURATED: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 16;
/// The most that the 99th percentile may be of the median.
const TARGET: f64 = 3.0;

/// One figure, and the bare server's beside it, for it says what of it is the machine's.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let processors = Processors::of_this_thread()?;
    // What is started here stays there: an affinity is inherited.
    processors.take(&processors.first)?;
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&server.authority, A).await?;
    let api = mock_api(&mut a).await?;
    let (path, host) = ("/prod/users", format!("{api}.execute-api.{REGION}.localhost"));
    let answer = Client::connect(&server.authority).await?.get(path, Some(&host)).await?;
    let bare = bare_server::start(&answer)?;
    processors.take(&processors.second)?;
    let request = load::get(path, &host);
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(&server.authority, &request)?);
        bares.push(round(&bare.authority, &request)?);
    }
    processors.take(&processors.all)?;
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

/// Which processors this thread may run on; of a machine with one, all three are that one.
struct Processors {
    all: CpuSet,
    first: CpuSet,
    second: CpuSet,
}

impl Processors {
    fn of_this_thread() -> Result<Self, Failed> {
        let all = sched_getaffinity(None).map_err(|e| format!("no processors: {e}"))?;
        let mut each = (0..CpuSet::MAX_CPU).filter(|&n| all.is_set(n));
        let first = each.next().unwrap_or_default();
        let only = |n| {
            let mut set = CpuSet::new();
            set.set(n);
            set
        };
        Ok(Self { all, first: only(first), second: only(each.next().unwrap_or(first)) })
    }

    fn take(&self, set: &CpuSet) -> Result<(), Failed> {
        sched_setaffinity(None, set).map_err(|e| format!("a processor of its own is refused: {e}"))
    }
}

/// Microseconds at a rate.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
}

fn round(authority: &str, request: &[u8]) -> Result<Round, Failed> {
    let failed = |e: Failed| format!("http://{authority}: {e}");
    let connect = |_| Connection::to(authority);
    let mut all = (0..CONNECTIONS).map(connect).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let most = drive(&mut all, request, None, SATURATED).map_err(failed)?.len();
    let rate = most as f64 / SATURATED.as_secs_f64() / 2.0;
    let between = Duration::from_secs_f64(1.0 / rate);
    let mut times = drive(&mut all, request, Some(between), TIME).map_err(failed)?;
    Ok(Round { rate, p50: percentile(&mut times, 0.5), p99: percentile(&mut times, 0.99) })
}

/// Sends requests `between` apart, or as soon as a connection is free, for `time`; how long each took, in microseconds.
fn drive(
    all: &mut [Connection],
    request: &[u8],
    between: Option<Duration>,
    time: Duration,
) -> Result<Vec<f64>, Failed> {
    let mut due = Instant::now();
    let (end, mut times) = (due + time, Vec::new());
    loop {
        for connection in all.iter_mut().filter(|c| c.due.is_none()) {
            let now = Instant::now();
            if between.is_none() {
                due = now;
            }
            if due > now || due >= end {
                break;
            }
            connection.ask(request, due)?;
            due += between.unwrap_or_default();
        }
        for connection in all.iter_mut() {
            times.extend(connection.answered()?.map(|time| time.as_secs_f64() * 1e6));
        }
        if Instant::now() >= end && all.iter().all(|c| c.due.is_none()) {
            return Ok(times);
        }
    }
}

/// A connection with at most one request under way.
struct Connection {
    stream: TcpStream,
    /// When that request was due.
    due: Option<Instant>,
    buffer: [u8; 4096],
    filled: usize,
}

impl Connection {
    fn to(authority: &str) -> Result<Self, Failed> {
        let open = || -> std::io::Result<TcpStream> {
            let stream = TcpStream::connect(authority)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|e| e.to_string())?;
        Ok(Self { stream, due: None, buffer: [0; 4096], filled: 0 })
    }

    /// So few bytes fit into an empty send buffer.
    fn ask(&mut self, request: &[u8], due: Instant) -> Result<(), Failed> {
        self.stream.write_all(request).map_err(|e| e.to_string())?;
        (self.due, self.filled) = (Some(due), 0);
        Ok(())
    }

    /// The time since the request was due, once its answer is whole.
    fn answered(&mut self) -> Result<Option<Duration>, Failed> {
        let Some(due) = self.due else { return Ok(None) };
        match self.stream.read(self.buffer.get_mut(self.filled..).unwrap_or_default()) {
            Ok(0) => return Err("the connection was closed".to_owned()),
            Ok(read) => self.filled += read,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(e) => return Err(e.to_string()),
        }
        if !load::whole(self.buffer.get(..self.filled).unwrap_or_default())? {
            return Ok(None);
        }
        self.due = None;
        Ok(Some(due.elapsed()))
    }
}
