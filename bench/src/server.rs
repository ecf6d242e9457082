//! A crossgate server as a process of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failed;
use crate::client::Client;

/// The binary under measurement: beside this one.
///
/// # Errors
/// It is not built; the text says how to.
pub fn program() -> Result<PathBuf, Failed> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find my own folder: {e}"))?;
    let program = own.with_file_name("crossgate");
    if own.parent().is_some_and(|p| p.ends_with("debug")) {
        return Err("a debug build measures nothing: cargo run --release --locked -p bench".to_owned());
    }
    if !program.is_file() {
        return Err(format!(
            "{} is missing; build it: cargo build --release --locked -p crossgate",
            program.display()
        ));
    }
    Ok(program)
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// `host:port`.
    pub authority: String,
    /// From the spawn to the first 200 of the health page.
    pub ready: Duration,
}

impl Server {
    /// Spawns `program serve` with `arguments` and waits until the health page answers.
    ///
    /// # Errors
    /// It does not start, or does not answer within ten seconds.
    pub async fn start(program: &Path, arguments: &[&str]) -> Result<Self, Failed> {
        let authority = free_port()?;
        let begun = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--listen", &authority])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", program.display()))?;
        let mut server = Self { child, authority, ready: Duration::ZERO };
        while begun.elapsed() < Duration::from_secs(10) {
            if let Ok(mut client) = Client::connect(&server.authority).await
                && client.get("/_crossgate/health", None).await.is_ok_and(|a| a.status == 200)
            {
                server.ready = begun.elapsed();
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended at its start: {status}"));
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        Err("the server did not answer within ten seconds".to_owned())
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Zygotes and environments end by themselves when the server is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that was free a moment ago.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<String, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    listener.local_addr().map(|a| a.to_string()).map_err(|e| format!("no free port: {e}"))
}
