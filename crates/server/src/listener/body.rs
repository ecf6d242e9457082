use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

/// Of a body that is refused, bytes that are read and thrown away, so that the client gets to see the answer: most
/// clients send all of a request before they look.
const MAX_DISCARDED: usize = 128 << 20;
/// And the time that is spent on it.
const DISCARD_TIME: Duration = Duration::from_secs(10);
/// Pieces of a streamed answer that wait for a slow client.
const STREAM_BOUND: usize = 64;

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Full(Bytes),
    /// Piece by piece, as they come; see [`Body::stream`]. Sent chunked.
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

/// The writing end of a streamed body. The body ends when it is dropped; sending an error cuts the connection, so
/// that the client does not take what it has for the whole.
pub type BodySender = mpsc::Sender<io::Result<Bytes>>;

impl Body {
    /// A body to be written later, and its writing end. Sending waits while 64 pieces are unsent, and fails when the
    /// client is gone, which shows at the first piece after it: who waits long between pieces sends empty lines.
    #[must_use]
    pub fn stream() -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(STREAM_BOUND);
        (sender, Self::Stream(receiver))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Full(Bytes::new())
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self::Full(bytes.into())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(receiver) => receiver.poll_recv(cx).map(|piece| piece.map(|p| p.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

pub(super) enum Collected {
    Whole(Bytes),
    TooLarge,
    Slow,
    Broken,
}

/// Reads a body of at most `limit` bytes, waiting at most `pause` for each piece.
pub(super) async fn collect(
    mut incoming: Incoming,
    limit: usize,
    pause: Duration,
    expects: bool,
) -> Collected {
    let announced = incoming.size_hint().exact();
    if announced.is_some_and(|length| length > limit as u64) {
        // Who expects `100-continue` has not sent anything yet, and is told no by the answer itself.
        if !expects {
            discard(incoming).await;
        }
        return Collected::TooLarge;
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(pause, incoming.frame()).await {
            Err(_) => return Collected::Slow,
            Ok(Some(Err(_))) => return Collected::Broken,
            Ok(None) if whole.is_empty() => return Collected::Whole(first),
            Ok(None) => return Collected::Whole(whole.freeze()),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are dropped: no service here reads them.
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(whole.len()) + data.len() > limit {
            discard(incoming).await;
            return Collected::TooLarge;
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
}

async fn discard(mut incoming: Incoming) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MAX_DISCARDED {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}
