//! The socket of our own bootstraps, read here while they say what they always say: the answer to the invocation in
//! progress, and the question for the next. Whatever else comes is hyper's from then on, with all that follows.
//!
//! Every warm invocation goes through here, so an answer's 202 and the next invocation leave in one piece where the
//! question for it has come already.

use super::{MAX_HEAD, Outcome, PREFIX, headers, invocation, serve};
use crate::execution::environment::Environment;
use crate::execution::run::Run;
use bytes::{Bytes, BytesMut};
use std::io::{self, Cursor, Write as _};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
/// Who has asked twice is told so the first time.
const REPLACED: &[u8] =
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 93\r\n\r\n\
      {\"errorMessage\":\"asked again, or the environment ends\",\"errorType\":\"InvalidStateTransition\"}\n";
/// What is read ahead, and the longest message that is not left to hyper.
const MAX_MESSAGE: usize = MAX_HEAD;
/// Room for what is read at once: most messages.
const ROOM: usize = 4 << 10;

/// Serves a bootstrap's socket until it closes.
pub(crate) async fn serve_own(mut stream: UnixStream, environment: Arc<Environment>) {
    let (mut read, mut write) = (BytesMut::new(), Vec::new());
    // An error is the end of the connection, which is the process's to explain.
    if usual(&mut stream, &environment, &mut read, &mut write).await.is_ok()
        && stream.write_all(&write).await.is_ok()
    {
        let (from, to) = stream.into_split();
        serve(tokio::io::join(Cursor::new(read).chain(from), to), environment).await;
    }
}

/// Returns when something unusual has come: it stands in `read`, and what is to be sent before its answer in `write`.
async fn usual(
    stream: &mut UnixStream,
    environment: &Arc<Environment>,
    read: &mut BytesMut,
    write: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        match said(read) {
            Said::Next { length } => {
                let Ok(waiting) = environment.next() else {
                    environment.part();
                    return Ok(());
                };
                let _ = read.split_to(length);
                match event(waiting, stream, read).await? {
                    Some(run) => put(write, &run)?,
                    None => write.extend_from_slice(REPLACED),
                }
                let sent = send(stream, write).await;
                environment.part();
                sent?;
            }
            Said::Answer { id, is_response, body, length } => {
                // One that is handed on as it comes, or is not the one in progress.
                if !matches!(environment.current(id), Some(None)) {
                    return Ok(());
                }
                let told = Bytes::copy_from_slice(body);
                let outcome = if is_response { Outcome::Response(told) } else { Outcome::Error(told) };
                let next = read.get(length..).is_some_and(|rest| matches!(said(rest), Said::Next { .. }));
                if !environment.answer(id, outcome, next) {
                    return Ok(());
                }
                let _ = read.split_to(length);
                write.extend_from_slice(ACCEPTED);
                if !next {
                    send(stream, write).await?;
                }
            }
            Said::Part if read.len() < MAX_MESSAGE => {
                more(stream, read).await?;
            }
            Said::Part | Said::Other => return Ok(()),
        }
    }
}

async fn more(stream: &mut UnixStream, read: &mut BytesMut) -> io::Result<()> {
    read.reserve(ROOM);
    match stream.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn send(stream: &mut UnixStream, write: &mut Vec<u8>) -> io::Result<()> {
    stream.write_all(write).await?;
    write.clear();
    write.shrink_to(MAX_MESSAGE);
    Ok(())
}

/// The event that is waited for, `None` when another connection asked later; an error when the bootstrap is gone.
async fn event(
    mut waiting: oneshot::Receiver<Run>,
    stream: &mut UnixStream,
    read: &mut BytesMut,
) -> io::Result<Option<Run>> {
    loop {
        tokio::select! {
            biased;
            run = &mut waiting => return Ok(run.ok()),
            more = more(stream, read), if read.len() < MAX_MESSAGE => more?,
        }
    }
}

/// An invocation, as the answer to the question for it.
fn put(to: &mut Vec<u8>, run: &Run) -> io::Result<()> {
    to.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    for (name, value) in headers(run) {
        // As hyper's header values: no control characters but the tab.
        if value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f)) {
            write!(to, "{name}: {value}\r\n")?;
        }
    }
    write!(to, "Content-Length: {}\r\n\r\n", run.job.payload.len())?;
    to.extend_from_slice(&run.job.payload);
    Ok(())
}

enum Said<'b> {
    /// The question for the next invocation; all of it.
    Next {
        length: usize,
    },
    /// An answer; all of it, up to the body's end.
    Answer {
        id: &'b str,
        is_response: bool,
        body: &'b [u8],
        length: usize,
    },
    /// More is to come.
    Part,
    Other,
}

/// What stands at the beginning of `bytes`.
fn said(bytes: &[u8]) -> Said<'_> {
    // Ours send four headers.
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Said::Part,
        Err(_) => return Said::Other,
    };
    let (Some(method), Some(path), Some(1)) = (request.method, request.path, request.version) else {
        return Said::Other;
    };
    let mut length = None;
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") && length.is_none() {
            length = std::str::from_utf8(header.value).ok().and_then(|v| v.parse::<usize>().ok());
            if length.is_none_or(|length| length > MAX_MESSAGE) {
                return Said::Other;
            }
        } else if !(is("host") || is("content-type") || is("lambda-runtime-function-error-type")) {
            return Said::Other;
        }
    }
    let Some(rest) = path.strip_prefix(PREFIX) else { return Said::Other };
    match (method, length, invocation(rest)) {
        ("GET", None, _) if rest == "invocation/next" => Said::Next { length: head },
        ("POST", Some(length), Some((id, is_response))) => match bytes.get(head..head + length) {
            Some(body) => Said::Answer { id, is_response, body, length: head + length },
            None => Said::Part,
        },
        _ => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_taken_only_whole_and_only_when_it_is_usual() {
        let answer = b"POST /2018-06-01/runtime/invocation/an-id/response HTTP/1.1\r\nHost: runtime\r\n\
            Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let next = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n";
        let both = [&answer[..], next].concat();
        for cut in 0..answer.len() {
            assert!(matches!(said(&both[..cut]), Said::Part), "{cut}");
        }
        assert!(matches!(
            said(&both),
            Said::Answer { id: "an-id", is_response: true, body: b"{}", length } if length == answer.len()
        ));
        assert!(matches!(said(next), Said::Next { length } if length == next.len()));
        let text = String::from_utf8_lossy(&both).into_owned();
        for (usual, other) in [
            ("Host: runtime", "Lambda-Runtime-Function-Response-Mode: streaming"),
            ("Content-Length: 2", "Transfer-Encoding: chunked"),
            ("Content-Length: 2", "Content-Length: 2\r\nContent-Length: 2"),
            ("Content-Length: 2", "Content-Length: -2"),
            ("Content-Length: 2", "Content-Length: 99999999999999999999"),
            ("an-id/response", "an-id/else"),
            ("invocation/an-id/response", "init/error"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("POST", "PUT"),
        ] {
            assert!(matches!(said(text.replacen(usual, other, 1).as_bytes()), Said::Other), "{other}");
        }
    }

    #[test]
    fn what_is_refused_has_the_length_that_it_says() {
        let text = std::str::from_utf8(REPLACED).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
