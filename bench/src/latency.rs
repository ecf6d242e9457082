//! How much longer than most the slowest requests take, at half of what the server can answer.
//!
//! The load is open: requests are due at times that are fixed beforehand, whatever was answered by then, and a
//! request's time counts from when it was due. A server that halts for a moment is told the wait of every request that
//! was due meanwhile.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::bare_server;
use crate::client::Client;
use crate::load;
use crate::processors::Parts;
use crate::scene::{A, mock_api};
use crate::server::Server;
use crate::stats::{median, percentile};
use crate::table::Table;

const ROUNDS: usize = 7;
/// Of one open-loop run.
const TIME: Duration = Duration::from_secs(1);
/// For the most that a server answers: the load is closed, as for MOCK.
const SATURATED: Duration = Duration::from_millis(800);
/// Kept alive, so that a request that waits keeps no other from being sent.
const CONNECTIONS: usize = 16;
/// A thread that spins and stands still for longer was halted, by the kernel or by what is below it.
const HALT: Duration = Duration::from_micros(100);
/// The most that the 99th percentile may be of the median.
const TARGET: f64 = 3.0;
/// Requests in a row whose percentiles are taken by themselves: some ten milliseconds, which most halts spare, and
/// still five requests above the 99th.
const WINDOW: usize = 500;

/// One figure, and the bare server's beside it, for it says what of it is the machine's.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let parts = Parts::new()?;
    parts.servers()?;
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&server.authority, A).await?;
    let api = mock_api(&mut a).await?;
    let (path, host) = ("/prod/users", format!("{api}.execute-api.{REGION}.localhost"));
    let answer = Client::connect(&server.authority).await?.get(path, Some(&host)).await?;
    let bare = bare_server::start(&answer)?;
    parts.load()?;
    let request = load::get(path, &host);
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(&server.authority, &request)?);
        bares.push(round(&bare.authority, &request)?);
    }
    let middle = |of: fn(&Round) -> f64, rounds: &[Round]| median(rounds.iter().map(of).collect());
    let halted = halted(&parts)?;
    for (what, ratio) in [
        ("MOCK at half of saturation: p99 over p50", middle(|r| r.p99 / r.p50, &ours)),
        ("the same, in the median of windows of 500 requests", middle(|r| r.window, &ours)),
    ] {
        table.verdict(what, format!("{ratio:.1}"), format!("< {TARGET:.0}"), ratio < TARGET);
    }
    for (whose, rounds) in [("crossgate", &ours), ("the bare server", &bares)] {
        table.note(format!(
            "half of saturation, {whose}: {:.0} requests/s, p50 {:.0} us, p99 {:.0} us, ratio {:.1}; of windows {:.1}",
            middle(|r| r.rate, rounds),
            middle(|r| r.p50, rounds),
            middle(|r| r.p99, rounds),
            middle(|r| r.p99 / r.p50, rounds),
            middle(|r| r.window, rounds),
        ));
    }
    table.note(format!(
        "half of saturation: with a thread on each part of the processors and no server, the threads stand still for \
         over {HALT:?} at a time in {:.1} % of the time; from 1 % on the 99th percentile is the machine's",
        halted * 100.0
    ));
    Ok(())
}

/// The part of the time for which one of two threads that do nothing but look at the clock stands still.
fn halted(parts: &Parts) -> Result<f64, Failed> {
    std::thread::scope(|scope| {
        let servers = scope.spawn(|| parts.servers().map(|()| spin()));
        let load = parts.load().map(|()| spin())?;
        Ok(load + servers.join().map_err(|_| "a thread broke".to_owned())??)
    })
}

/// The part of the time for which this thread stood still.
fn spin() -> f64 {
    let begun = Instant::now();
    let (mut last, mut halted) = (begun, Duration::ZERO);
    while last < begun + TIME {
        let now = Instant::now();
        let gap = now - last;
        if gap > HALT {
            halted += gap;
        }
        last = now;
    }
    halted.as_secs_f64() / TIME.as_secs_f64()
}

/// Microseconds at a rate.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    /// The median of `p99 / p50` in windows.
    window: f64,
}

fn round(authority: &str, request: &[u8]) -> Result<Round, Failed> {
    let most = load::requests_per_second(authority, &[request.to_vec()], SATURATED)?;
    let rate = most / 2.0;
    let mut times = open_load(authority, request, Duration::from_secs_f64(1.0 / rate))?;
    let windows = times.as_chunks_mut::<WINDOW>().0.iter_mut();
    let window = median(windows.map(|w| percentile(w, 0.99) / percentile(w, 0.5)).collect());
    Ok(Round { rate, p50: percentile(&mut times, 0.5), p99: percentile(&mut times, 0.99), window })
}

/// Sends a request whenever one is due, one every `between`; gives their times in microseconds.
///
/// It never sleeps, and has a processor of its own: how long the kernel takes to wake a sender is no time of the
/// server's.
fn open_load(authority: &str, request: &[u8], between: Duration) -> Result<Vec<f64>, Failed> {
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(Connection::open(authority)?);
    }
    let mut busy: VecDeque<(Instant, Connection)> = VecDeque::new();
    let (mut times, mut due) = (Vec::new(), Instant::now());
    let end = due + TIME;
    while due < end || !busy.is_empty() {
        while due < end && due <= Instant::now() {
            // With none free the request waits, and its time counts.
            let Some(mut connection) = idle.pop() else { break };
            connection.send(request)?;
            busy.push_back((due, connection));
            due += between;
        }
        for _ in 0..busy.len() {
            let Some((since, mut connection)) = busy.pop_front() else { break };
            if connection.answered()? {
                times.push(since.elapsed().as_secs_f64() * 1e6);
                idle.push(connection);
            } else {
                busy.push_back((since, connection));
            }
        }
    }
    Ok(times)
}

/// Kept alive; has one request at a time.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    fn open(authority: &str) -> Result<Self, Failed> {
        let opened = TcpStream::connect(authority).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(Self { stream, answer: Vec::new() })
        });
        opened.map_err(|e| format!("http://{authority}: {e}"))
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Failed> {
        // It is short, and nothing else is in the socket's buffer.
        self.stream.write_all(request).map_err(|e| e.to_string())
    }

    /// Whether its answer is there, whole; does not wait for it.
    fn answered(&mut self) -> Result<bool, Failed> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err("the connection was closed".to_owned()),
            Ok(read) => self.answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e.to_string()),
        }
        let whole = load::whole(&self.answer)?;
        if whole {
            self.answer.clear();
        }
        Ok(whole)
    }
}
