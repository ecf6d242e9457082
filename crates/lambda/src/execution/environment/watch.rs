//! What an environment's processes write, and how much memory they take.

use super::Environment;
use crate::execution::process::lock;
use crate::execution::slot::Slot;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// Where the highest memory use is read.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) peak: Option<File>,
    pub(super) statm: Option<File>,
    pub(super) max_mb: u64,
}

impl Environment {
    /// Reads what is in the pipe now.
    pub fn drain_log(&self) {
        let mut buffer = Vec::with_capacity(16 * 1024);
        let mut log = lock(&self.log);
        // Bounded: a process that writes without pause must not hold us here. `try_read` does not look into the pipe
        // before the reactor has told of it, which may be after what was written to the Runtime API behind it.
        for _ in 0..1024 {
            match rustix::io::read(&self.pipe, rustix::buffer::spare_capacity(&mut buffer)) {
                Ok(n) if n > 0 => log.feed(&buffer),
                _ => break,
            }
            buffer.clear();
        }
        log.finish_line();
    }

    pub(super) async fn read_log(self: Arc<Self>) {
        let mut buffer = vec![0u8; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            let mut log = lock(&self.log);
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    log.feed(buffer.get(..n).unwrap_or_default());
                    log.flush();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    }

    /// The memory of the function's processes now, in MiB, without what lies in `/tmp`.
    pub fn own_memory_mb(&self) -> u64 {
        let slot = lock(&self.slot).as_ref().and_then(Slot::anonymous);
        let bytes = slot.or_else(|| {
            if let Some(memory) = jailer::memory(self.process.pid()?) {
                return memory.own;
            }
            let text = std::fs::read_to_string(format!("/proc/{}/statm", self.process.pid()?)).ok()?;
            let mut pages = text.split(' ').skip(1).map_while(|n| n.parse::<u64>().ok());
            let own = pages.next()?.saturating_sub(pages.next()?);
            Some(own * rustix::param::page_size() as u64)
        });
        bytes.unwrap_or(0) >> 20
    }

    /// The highest memory use seen, in MiB: the control group's peak, or the resident size now.
    pub fn max_memory_mb(&self) -> u64 {
        let mut memory = lock(&self.memory);
        if memory.peak.is_none() && memory.statm.is_none() {
            let pid = self.process.pid();
            memory.statm = pid.and_then(|pid| File::open(format!("/proc/{pid}/statm")).ok());
        }
        let mut buffer = [0u8; 128];
        let mut read = |file: &File| {
            let n = file.read_at(&mut buffer, 0).ok()?;
            Some(String::from_utf8_lossy(buffer.get(..n)?).into_owned())
        };
        let now = if let Some(file) = &memory.peak {
            read(file).and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
        } else if let Some(file) = &memory.statm {
            let pages = read(file).and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
            pages.unwrap_or(0) * rustix::param::page_size() as u64
        } else {
            self.process.pid().and_then(jailer::memory).map_or(0, |memory| memory.resident)
        };
        memory.max_mb = memory.max_mb.max(now.div_ceil(1 << 20));
        memory.max_mb
    }
}
