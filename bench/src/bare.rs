//! What crossgate is compared with: this program again, as a process of its own on the runtime of `crossgate serve`. It
//! reads one line of standard input, prints its address, and ends with its standard input.

use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::Failed;

/// A process that runs, killed when dropped.
pub struct Bare {
    child: Child,
    /// `host:port`.
    pub authority: String,
}

impl Bare {
    /// Spawns `bench KIND` and tells it `line`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(kind: &str, line: &str) -> Result<Self, Failed> {
        let failed = |e: &dyn std::fmt::Display| format!("the {kind} does not start: {e}");
        let program = std::env::current_exe().map_err(|e| failed(&e))?;
        let mut child = Command::new(program)
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        let mut stdin = child.stdin.take().ok_or_else(|| failed(&"no standard input"))?;
        writeln!(stdin, "{line}").map_err(|e| failed(&e))?;
        child.stdin = Some(stdin);
        let stdout = child.stdout.take().ok_or_else(|| failed(&"no standard output"))?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address).map_err(|e| failed(&e))?;
        Ok(Self { child, authority: address.trim().to_owned() })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The line that such a process is told.
///
/// # Errors
/// There is none.
pub fn input_line() -> Result<String, Failed> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| format!("nothing was told: {e}"))?;
    Ok(line.trim().to_owned())
}

/// Serves until standard input ends.
///
/// # Errors
/// It cannot listen.
pub fn until_input_ends(serve: impl Future<Output = std::io::Result<()>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        std::process::exit(0);
    });
    runtime.block_on(serve).map_err(|e| format!("cannot listen: {e}"))
}
