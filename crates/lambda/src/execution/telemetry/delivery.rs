//! Delivers records to a subscriber, in batches, in order, again when that fails.

use super::super::process::{Process, lock};
use super::super::sockets::Owner;
use super::{Record, Subscription, time};
use serde_json::json;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How long one delivery may take; AWS does not say.
const DELIVERY: Duration = Duration::from_secs(1);
/// Attempts of one batch, 50 ms apart at first and twice as far each time.
const ATTEMPTS: u32 = 5;
/// What is kept for a subscriber that does not keep up: AWS documentation, payloads of `2*maxBytes` and more.
const BATCHES: usize = 2;

#[derive(Default)]
struct Waiting {
    records: VecDeque<Record>,
    bytes: usize,
    dropped: (u64, u64),
    flush: bool,
    closed: bool,
}

/// What waits for one subscriber.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_items: usize,
    max_bytes: usize,
    timeout: Duration,
}

/// Where a subscriber listens; method and path for HTTP, neither for TCP.
pub(super) struct Destination {
    pub address: SocketAddrV4,
    pub http: Option<(&'static str, String)>,
}

impl Queue {
    pub fn new(subscription: &Subscription) -> Arc<Queue> {
        Arc::new(Queue {
            waiting: Mutex::default(),
            changed: Notify::new(),
            max_items: subscription.max_items,
            max_bytes: subscription.max_bytes,
            timeout: Duration::from_millis(subscription.timeout_ms),
        })
    }

    pub fn push(&self, record: Record) {
        let size = record.text.len();
        let mut waiting = lock(&self.waiting);
        let full =
            waiting.records.len() >= BATCHES * self.max_items || waiting.bytes >= BATCHES * self.max_bytes;
        if full {
            waiting.dropped.0 += 1;
            waiting.dropped.1 += size as u64;
            return;
        }
        waiting.bytes += size;
        waiting.records.push_back(record);
        let due = waiting.records.len() == 1
            || waiting.records.len() >= self.max_items
            || waiting.bytes >= self.max_bytes;
        drop(waiting);
        if due {
            self.changed.notify_one();
        }
    }

    pub fn flush(&self) {
        lock(&self.waiting).flush = true;
        self.changed.notify_one();
    }

    pub fn close(&self) {
        lock(&self.waiting).closed = true;
        self.changed.notify_one();
    }

    /// The next batch, as soon as it is full or old enough; `None` when there will be none.
    async fn batch(&self) -> Option<Vec<Record>> {
        loop {
            let first = {
                let waiting = lock(&self.waiting);
                if waiting.closed && waiting.records.is_empty() {
                    return None;
                }
                !waiting.records.is_empty()
            };
            if first {
                break;
            }
            self.changed.notified().await;
        }
        let until = tokio::time::Instant::now() + self.timeout;
        loop {
            {
                let mut waiting = lock(&self.waiting);
                let full = waiting.records.len() >= self.max_items || waiting.bytes >= self.max_bytes;
                if full || waiting.flush || waiting.closed || tokio::time::Instant::now() >= until {
                    waiting.flush = false;
                    return Some(self.take(&mut waiting));
                }
            }
            let _ = tokio::time::timeout_at(until, self.changed.notified()).await;
        }
    }

    fn take(&self, waiting: &mut Waiting) -> Vec<Record> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < self.max_items && bytes < self.max_bytes {
            let Some(record) = waiting.records.pop_front() else { break };
            bytes += record.text.len();
            batch.push(record);
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        let (records, lost) = std::mem::take(&mut waiting.dropped);
        if records > 0 {
            let reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";
            let record = json!({ "reason": reason, "droppedRecords": records, "droppedBytes": lost });
            let kind = "platform.logsDropped";
            let text = json!({ "time": time(), "type": kind, "record": record }).to_string();
            batch.push(Record { kind, text: text.into() });
        }
        batch
    }

    fn lost(&self, batch: &[Record]) {
        let mut waiting = lock(&self.waiting);
        waiting.dropped.0 += batch.len() as u64;
        waiting.dropped.1 += batch.iter().map(|r| r.text.len() as u64).sum::<u64>();
    }

    fn is_closed(&self) -> bool {
        lock(&self.waiting).closed
    }
}

/// Delivers until the queue is closed.
pub(super) async fn deliver(queue: Arc<Queue>, to: Destination, owner: Owner, process: Arc<Process>) {
    let mut stream = None;
    while let Some(batch) = queue.batch().await {
        let mut pause = Duration::from_millis(50);
        let mut attempts = 0;
        loop {
            let sent = tokio::time::timeout(DELIVERY, send(&mut stream, &to, &batch, owner, &process)).await;
            if matches!(sent, Ok(Ok(()))) {
                break;
            }
            stream = None;
            attempts += 1;
            if attempts >= ATTEMPTS || queue.is_closed() || process.has_exited() {
                queue.lost(&batch);
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

async fn send(
    stream: &mut Option<TcpStream>,
    to: &Destination,
    batch: &[Record],
    owner: Owner,
    process: &Process,
) -> io::Result<()> {
    let texts: Vec<&str> = batch.iter().map(|r| &*r.text).collect();
    let Some((method, path)) = &to.http else {
        // One connection for all; a line each.
        let stream = match stream {
            Some(stream) => stream,
            None => stream.insert(connect(to.address, owner, process).await?),
        };
        return stream.write_all((texts.join("\n") + "\n").as_bytes()).await;
    };
    let body = format!("[{}]", texts.join(","));
    let port = to.address.port();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox.localdomain:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = connect(to.address, owner, process).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut status = [0u8; 12];
    stream.read_exact(&mut status).await?;
    // `HTTP/1.1 2xx`.
    if status.get(9) == Some(&b'2') {
        Ok(())
    } else {
        Err(io::Error::other("the subscriber refused the records"))
    }
}

async fn connect(to: SocketAddrV4, owner: Owner, process: &Process) -> io::Result<TcpStream> {
    // The network is shared with other environments: records go to this one's programs only.
    if !owner.listens(process, to) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    TcpStream::connect(to).await
}
