//! The least that serves a Lambda runtime: no jail, no gateway, no decision. What crossgate adds is measured by it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failed;

const BOOTSTRAP: &str = include_str!("../../crates/lambda/bootstraps/bootstrap.py");
/// What a zygote's child does when it has become an environment.
const ON_ITS_INPUT: &str = "
import bootstrap, os, socket
api = bootstrap.Api(socket.socket(fileno=os.dup(0)))
bootstrap.start('')
bootstrap.serve(api, os.environ['_HANDLER'])";
const PATIENCE: Duration = Duration::from_secs(10);
const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// A folder with the bootstrap and a handler.
///
/// # Errors
/// It cannot be written.
pub fn folder(handler: &str) -> Result<tempfile::TempDir, Failed> {
    let failed = |e: std::io::Error| format!("no temporary folder: {e}");
    let folder = tempfile::tempdir().map_err(failed)?;
    std::fs::write(folder.path().join("index.py"), handler).map_err(failed)?;
    std::fs::write(folder.path().join("bootstrap.py"), BOOTSTRAP).map_err(failed)?;
    Ok(folder)
}

/// crossgate's bootstrap on its socket, warm.
pub struct Loop {
    child: Child,
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Loop {
    /// Starts `python` with the bootstrap of `folder` and waits until it asks for an invocation.
    ///
    /// # Errors
    /// It does not start, or does not ask.
    pub fn start(python: &str, folder: &Path) -> Result<Self, Failed> {
        let failed = |e: std::io::Error| format!("{python} with the bootstrap: {e}");
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        // A socket of its own, where the bootstrap would open a connection; output goes to a pipe, as in crossgate.
        let mut child = Command::new(python)
            .args(["-c", ON_ITS_INPUT])
            .env_clear()
            .env("PYTHONPATH", folder)
            .env("_HANDLER", "index.handler")
            .env("LAMBDA_TASK_ROOT", folder)
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_python3.9")
            .env("AWS_LAMBDA_FUNCTION_NAME", "bare")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        if let Some(mut output) = child.stdout.take() {
            std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        }
        let mut started = Self { child, stream: ours, buffer: Vec::new() };
        request(&mut started.stream, &mut started.buffer).map_err(failed)?;
        Ok(started)
    }

    /// The runtime's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The time from the event to its answer.
    ///
    /// # Errors
    /// The process ended or answered with an error.
    pub fn invoke(&mut self, event: &[u8]) -> Result<Duration, Failed> {
        let failed = |e: std::io::Error| format!("the bare Runtime API loop: {e}");
        let begun = Instant::now();
        self.stream.write_all(&invocation(event)).map_err(failed)?;
        let head = request(&mut self.stream, &mut self.buffer).map_err(failed)?;
        let took = begun.elapsed();
        if !head.contains("/response ") {
            return Err(format!("the bare Runtime API loop: the handler failed: {head}"));
        }
        self.stream.write_all(ACCEPTED).map_err(failed)?;
        request(&mut self.stream, &mut self.buffer).map_err(failed)?;
        Ok(took)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Spawns AWS's own client on TCP: the time from the spawn to its first answer.
///
/// # Errors
/// It does not answer.
pub fn spawned_client(python: &Path, folder: &Path, event: &[u8]) -> Result<Duration, Failed> {
    let mut command = Command::new(python);
    spawned(command.args(["-m", "awslambdaric", "index.handler"]), folder, event)
}

/// Spawns a runtime that calls the Runtime API over TCP: the time from the spawn to its first answer.
///
/// # Errors
/// It does not answer.
pub fn spawned(command: &mut Command, folder: &Path, event: &[u8]) -> Result<Duration, Failed> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| format!("{name}, spawned: {e}");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?.to_string();
    let begun = Instant::now();
    let mut child = command
        .current_dir(folder)
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("LAMBDA_TASK_ROOT", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let took = first_answer(&listener, &mut child, event, begun);
    let _ = child.kill();
    let _ = child.wait();
    took.map_err(failed)
}

fn first_answer(
    listener: &TcpListener,
    child: &mut Child,
    event: &[u8],
    begun: Instant,
) -> std::io::Result<Duration> {
    listener.set_nonblocking(true)?;
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                if begun.elapsed() > PATIENCE || child.try_wait()?.is_some() {
                    return Err(ErrorKind::TimedOut.into());
                }
                std::thread::sleep(Duration::from_micros(100));
                continue;
            }
            Err(e) => return Err(e),
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = Vec::new();
        while let Ok(head) = request(&mut stream, &mut buffer) {
            if head.starts_with("GET ") {
                stream.write_all(&invocation(event))?;
            } else if head.contains("/response ") {
                return Ok(begun.elapsed());
            } else {
                return Err(std::io::Error::other(head));
            }
        }
    }
}

fn invocation(event: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         Lambda-Runtime-Deadline-Ms: 9999999999999\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda\r\n\
         Content-Length: {}\r\n\r\n",
        event.len()
    )
    .into_bytes();
    message.extend_from_slice(event);
    message
}

/// Reads one request to its end: its head. What was read beyond it stays in `buffer`.
fn request(stream: &mut impl Read, buffer: &mut Vec<u8>) -> std::io::Result<String> {
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse::<usize>().ok());
            let whole = end + 4 + length.unwrap_or_default();
            if buffer.len() >= whole {
                buffer.drain(..whole);
                return Ok(head);
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => buffer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_come_together_are_read_one_by_one() {
        let mut sent: &[u8] =
            b"POST /a/response HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /next HTTP/1.1\r\n\r\n";
        let mut buffer = Vec::new();
        assert!(request(&mut sent, &mut buffer).unwrap().contains("/a/response "));
        assert_eq!(request(&mut sent, &mut buffer).unwrap(), "GET /next HTTP/1.1");
        assert!(request(&mut sent, &mut buffer).is_err());
    }
}
