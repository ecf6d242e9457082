use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::{Method, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;
use super::framing::{Framing, RawHead};

/// Heads read and not yet answered: a client may send requests ahead.
const MAX_HEADS: usize = 4096;

/// Bytes of an answer that are put together before they are written: the kernel takes one piece faster than two.
const SMALL: usize = 1024;

/// The heads of one connection that hyper has read and that no request was made of yet.
#[derive(Debug, Default)]
pub(super) struct Heads {
    queue: VecDeque<RawHead>,
    /// Whether the queue no longer goes with hyper's requests.
    lost: bool,
}

/// A connection that keeps each request's head as it was sent: hyper gives header names in lower case only.
#[derive(Debug)]
pub(super) struct Tap {
    stream: TcpStream,
    framing: Framing,
    heads: Arc<Mutex<Heads>>,
    activity: Arc<Activity>,
    max_head: usize,
}

impl Tap {
    pub(super) fn new(
        stream: TcpStream,
        heads: Arc<Mutex<Heads>>,
        activity: Arc<Activity>,
        max_head: usize,
    ) -> Self {
        Self { stream, framing: Framing::Head(Vec::new()), heads, activity, max_head }
    }

    /// Waits until there is something to read, or the client is gone.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        self.activity.wrote(result.is_pending());
    }

    fn saw(&mut self, bytes: &[u8]) {
        let heads = &self.heads;
        let mut overrun = false;
        self.framing.take(bytes, self.max_head, |head| {
            let mut heads = heads.lock().unwrap_or_else(PoisonError::into_inner);
            if heads.queue.len() < MAX_HEADS { heads.queue.push_back(head) } else { overrun = true }
        });
        if overrun {
            self.framing = Framing::Lost;
        }
    }
}

/// The head of the request that hyper just gave, and whether the queue still goes with the connection. A request
/// whose head is not known gets no further ones on its connection.
pub(super) fn take(heads: &Mutex<Heads>, method: &Method, uri: &Uri) -> (Option<RawHead>, bool) {
    let mut heads = heads.lock().unwrap_or_else(PoisonError::into_inner);
    if !heads.lost
        && let Some(head) = heads.queue.pop_front()
        && is_of(&head, method, uri)
    {
        return (Some(head), true);
    }
    heads.lost = true;
    heads.queue.clear();
    (None, false)
}

fn is_of(head: &RawHead, method: &Method, uri: &Uri) -> bool {
    let bytes = head.bytes.trim_ascii_start();
    let Some(rest) = bytes.strip_prefix(method.as_str().as_bytes()).and_then(|r| r.strip_prefix(b" ")) else {
        return false;
    };
    // An absolute target begins with the scheme; comparing its end is enough to notice a shift.
    match uri.scheme() {
        None => rest.starts_with(uri.path().as_bytes()),
        Some(scheme) => rest
            .get(..scheme.as_str().len())
            .is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_str().as_bytes())),
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = result
            && let Some(new) = buf.filled().get(before..)
        {
            self.saw(new);
            self.activity.read(self.framing.is_between(), self.framing.is_body());
        }
        result
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: usize = bufs.iter().map(|piece| piece.len()).sum();
        if bytes <= SMALL {
            let (mut together, mut filled) = ([0; SMALL], 0);
            for piece in bufs {
                together[filled..filled + piece.len()].copy_from_slice(piece);
                filled += piece.len();
            }
            return self.poll_write(cx, &together[..filled]);
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
