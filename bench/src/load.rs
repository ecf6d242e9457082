//! The load generator: kept-alive connections that send one request after the other. It writes and reads bytes with
//! little of its own around them, for what it needs is added to both servers that are compared.

use std::io::{Read, Write};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Failed, processors};

/// Two threads, so that a machine of two processors is busy whoever answers.
const THREADS: usize = 2;
/// Sixteen in all.
const CONNECTIONS_A_THREAD: usize = 8;

/// The request that is sent: as little as HTTP/1.1 asks for.
pub fn get(path: &str, host: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes()
}

/// Requests per second that `authority` answers with 200 within `time`. Each connection sends `requests` in turn and
/// begins at another one.
///
/// # Errors
/// Any answer that is not 200, any connection that breaks.
pub fn requests_per_second(authority: &str, requests: &[Vec<u8>], time: Duration) -> Result<f64, Failed> {
    let ready = Barrier::new(THREADS);
    let one = |thread| {
        let batch = processors::become_batch();
        ready.wait();
        batch?;
        let begun = Instant::now();
        let answered = one_thread(authority, requests, thread, begun + time)?;
        Ok(answered as f64 / begun.elapsed().as_secs_f64())
    };
    let one = &one;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || one(thread))).collect();
        let join =
            |t: std::thread::ScopedJoinHandle<'_, _>| t.join().map_err(|_| "a thread broke".to_owned());
        threads.into_iter().map(|t| join(t).and_then(|done| done)).sum()
    })
}

/// Sends each of `requests` once, over one connection.
///
/// # Errors
/// As [`requests_per_second`].
pub fn in_all(authority: &str, requests: &[Vec<u8>]) -> Result<(), Failed> {
    let failed = |e: std::io::Error| format!("http://{authority}: {e}");
    let mut stream = std::net::TcpStream::connect(authority).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    requests.iter().try_for_each(|request| ask(&mut stream, request).map_err(|e| format!("{authority}: {e}")))
}

/// Sends a request and reads its answer.
fn ask(stream: &mut std::net::TcpStream, request: &[u8]) -> Result<(), Failed> {
    let failed = |e: std::io::Error| e.to_string();
    stream.write_all(request).map_err(failed)?;
    let (mut buffer, mut filled) = ([0; 4096], 0);
    while !whole(buffer.get(..filled).unwrap_or_default())? {
        match stream.read(buffer.get_mut(filled..).unwrap_or_default()).map_err(failed)? {
            0 => return Err("the connection was closed".to_owned()),
            read => filled += read,
        }
    }
    Ok(())
}

fn one_thread(authority: &str, requests: &[Vec<u8>], thread: usize, until: Instant) -> Result<usize, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        let mut all = Vec::new();
        for connection in 0..CONNECTIONS_A_THREAD {
            let first = (thread * CONNECTIONS_A_THREAD + connection) * requests.len()
                / (THREADS * CONNECTIONS_A_THREAD);
            let turn: Vec<Vec<u8>> =
                requests.iter().cycle().skip(first).take(requests.len()).cloned().collect();
            let authority = authority.to_owned();
            all.push(tokio::spawn(async move { one_connection(&authority, &turn, until).await }));
        }
        let mut answered = 0;
        for one in all {
            answered += one.await.map_err(|e| e.to_string())??;
        }
        Ok(answered)
    })
}

/// Sends the requests one after another, again and again, over one connection; how often they were answered with 200.
///
/// # Errors
/// As [`requests_per_second`].
pub async fn one_connection(authority: &str, requests: &[Vec<u8>], until: Instant) -> Result<usize, Failed> {
    let failed = |e: std::io::Error| format!("http://{authority}: {e}");
    let mut stream = TcpStream::connect(authority).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut buffer = vec![0; 16 << 10];
    let mut answered = 0;
    for request in requests.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        stream.write_all(request).await.map_err(failed)?;
        let mut filled = 0;
        loop {
            let free = buffer.get_mut(filled..).unwrap_or_default();
            let read = stream.read(free).await.map_err(failed)?;
            if read == 0 {
                return Err(format!("http://{authority} closed the connection"));
            }
            filled += read;
            if whole(buffer.get(..filled).unwrap_or_default())? {
                break;
            }
        }
        answered += 1;
    }
    Ok(answered)
}

/// Whether an answer is complete.
///
/// # Errors
/// It is not 200, or has no length.
pub fn whole(bytes: &[u8]) -> Result<bool, Failed> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(|e| e.to_string())? else {
        return Ok(false);
    };
    if response.code != Some(200) {
        return Err(format!("an answer was {}", String::from_utf8_lossy(bytes)));
    }
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|h| std::str::from_utf8(h.value).ok()).and_then(|l| l.parse::<usize>().ok());
    Ok(bytes.len() >= head + length.ok_or("an answer has no content-length")?)
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(whole(answer), Ok(true));
        assert_eq!(whole(&answer[..answer.len() - 1]), Ok(false));
    }

    #[test]
    fn another_status_is_no_answer() {
        assert!(whole(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
