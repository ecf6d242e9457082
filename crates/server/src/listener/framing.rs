use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::Bytes;

/// Headers that a head may have; hyper refuses more.
const MAX_HEADERS: usize = 100;

/// One head as it came over the wire.
#[derive(Debug)]
pub(super) struct RawHead {
    /// From the method to the empty line.
    pub(super) bytes: Bytes,
    /// Where the headers' names and values are in it.
    pub(super) headers: Vec<(Range<usize>, Range<usize>)>,
    /// The body's length is given in two ways, or the coding is not plainly `chunked`. Whoever stands between may
    /// read it the other way, so the request is refused (RFC 9112, section 6.1).
    pub(super) ambiguous: bool,
}

/// Where in the stream of requests a connection is: it finds the heads between the bodies.
#[derive(Debug)]
pub(super) enum Framing {
    /// In a head, or between requests; what has come of it.
    Head(Vec<u8>),
    /// In a body of which this many bytes are to come.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunk),
    /// Not known any more.
    Lost,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Chunk {
    /// In a chunk's size, digits so far.
    Size(u64),
    /// Between the size and the line's end.
    Extension(u64),
    /// In the data.
    Data(u64),
    /// In the line break after the data.
    DataEnd,
    /// In a trailer line; whether something other than the line break was in it.
    Trailer(bool),
}

impl Framing {
    /// Whether the next byte begins a head.
    pub(super) fn is_between(&self) -> bool {
        matches!(self, Self::Head(partial) if partial.is_empty())
    }

    /// Whether the next byte belongs to a body.
    pub(super) fn is_body(&self) -> bool {
        matches!(self, Self::Length(_) | Self::Chunked(_))
    }

    /// Takes what was read; gives every head that is complete with it.
    pub(super) fn take(&mut self, mut bytes: &[u8], max_head: usize, mut found: impl FnMut(RawHead)) {
        while !bytes.is_empty() {
            match self {
                Self::Lost => return,
                Self::Length(left) => {
                    let step = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= step as u64;
                    bytes = bytes.get(step..).unwrap_or_default();
                    if *left == 0 {
                        *self = Self::Head(Vec::new());
                    }
                }
                Self::Chunked(chunk) => match chunk.step(bytes) {
                    Some((next, rest)) => {
                        bytes = rest;
                        *self = next.map_or_else(|| Self::Head(Vec::new()), Self::Chunked);
                    }
                    None => *self = Self::Lost,
                },
                Self::Head(partial) if partial.is_empty() => match parse(bytes) {
                    Parsed::Whole { end, head, next } => {
                        found(head);
                        bytes = bytes.get(end..).unwrap_or_default();
                        *self = next;
                    }
                    Parsed::Partial if bytes.len() <= max_head => {
                        partial.extend_from_slice(bytes);
                        return;
                    }
                    Parsed::Partial | Parsed::Broken => *self = Self::Lost,
                },
                Self::Head(partial) => {
                    let had = partial.len();
                    partial.extend_from_slice(bytes);
                    // A head that comes byte by byte is not parsed at each: only a line's end can complete it.
                    if !bytes.contains(&b'\n') && partial.len() <= max_head {
                        return;
                    }
                    match parse(partial) {
                        Parsed::Whole { end, head, next } => {
                            found(head);
                            bytes = bytes.get(end.saturating_sub(had)..).unwrap_or_default();
                            *self = next;
                        }
                        Parsed::Partial if partial.len() <= max_head => return,
                        Parsed::Partial | Parsed::Broken => *self = Self::Lost,
                    }
                }
            }
        }
    }
}

enum Parsed {
    Whole { end: usize, head: RawHead, next: Framing },
    Partial,
    Broken,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let end = match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Err(_) => return Parsed::Broken,
    };
    let mut length = None;
    let mut codings = 0;
    let mut plain = true;
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            match std::str::from_utf8(header.value).ok().and_then(|v| v.trim().parse::<u64>().ok()) {
                Some(value) => length = Some(value),
                None => return Parsed::Broken,
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            codings += 1;
            plain &= header.value.trim_ascii().eq_ignore_ascii_case(b"chunked");
        }
    }
    let ambiguous = codings > 0 && (length.is_some() || codings > 1 || !plain);
    let next = match (codings, length) {
        _ if request.method == Some("CONNECT") => Framing::Lost,
        (1.., _) => Framing::Chunked(Chunk::Size(0)),
        (0, Some(length)) if length > 0 => Framing::Length(length),
        _ => Framing::Head(Vec::new()),
    };
    let at = |part: &[u8]| {
        let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
        start..start + part.len()
    };
    let headers = request.headers.iter().map(|h| (at(h.name.as_bytes()), at(h.value))).collect();
    let bytes = Bytes::copy_from_slice(bytes.get(..end).unwrap_or_default());
    Parsed::Whole { end, head: RawHead { bytes, headers, ambiguous }, next }
}

impl Chunk {
    /// One step: the state after it (`None`: the body is over) and what is left. `None`: this is not chunked.
    fn step(self, bytes: &[u8]) -> Option<(Option<Self>, &[u8])> {
        if let Self::Data(left) = self {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let left = left - step as u64;
            let next = if left == 0 { Self::DataEnd } else { Self::Data(left) };
            return Some((Some(next), bytes.get(step..)?));
        }
        let (byte, rest) = bytes.split_first()?;
        let next = match (self, byte) {
            (Self::Size(size) | Self::Extension(size), b'\n') => {
                if size == 0 {
                    Self::Trailer(false)
                } else {
                    Self::Data(size)
                }
            }
            (Self::Size(size), b';' | b' ' | b'\t' | b'\r') => Self::Extension(size),
            (Self::Size(size), digit) => {
                let digit = u64::from(char::from(*digit).to_digit(16)?);
                Self::Size(size.checked_mul(16)?.checked_add(digit)?)
            }
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size(0),
            (Self::Trailer(false), b'\n') => return Some((None, rest)),
            (Self::Trailer(true), b'\n') => Self::Trailer(false),
            (Self::Trailer(some), b'\r') => Self::Trailer(some),
            (Self::Trailer(_), _) => Self::Trailer(true),
            (Self::DataEnd | Self::Data(_), _) => return None,
        };
        Some((Some(next), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request lines found when `bytes` come in pieces of `size`.
    fn lines(bytes: &[u8], size: usize) -> Vec<String> {
        let mut framing = Framing::Head(Vec::new());
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            framing.take(piece, 1024, |head| {
                let text = String::from_utf8_lossy(&head.bytes).into_owned();
                let line = text.trim_start().lines().next().unwrap_or_default().to_owned();
                found.push(if head.ambiguous { format!("{line} ambiguous") } else { line });
            });
        }
        found
    }

    #[test]
    fn heads_are_found_between_bodies_however_they_are_cut() {
        let stream = b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n\
            POST /2 HTTP/1.1\r\nHOST: h\r\nContent-Length: 20\r\n\r\nGET /x HTTP/1.1\r\n\r\n!\
            POST /3 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n1A;x=y\r\nGET /y HTTP/1.1\r\nabcdefg\r\n\r\n0\r\nX-T: 1\r\n\r\n\
            \r\nPUT /4 HTTP/1.1\r\ncontent-length: 0\r\n\r\n\
            DELETE /5 HTTP/1.1\r\n\r\n";
        let want: Vec<String> = ["GET /1", "POST /2", "POST /3", "PUT /4", "DELETE /5"]
            .iter()
            .map(|line| format!("{line} HTTP/1.1"))
            .collect();
        for size in [1, 2, 3, 7, 16, 64, 1000] {
            assert_eq!(lines(stream, size), want, "pieces of {size}");
        }
    }

    #[test]
    fn a_length_given_in_two_ways_is_ambiguous() {
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
        ] {
            let head = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
            assert_eq!(lines(head.as_bytes(), 1000), ["POST / HTTP/1.1 ambiguous"], "{headers}");
        }
    }

    #[test]
    fn what_is_no_http_is_lost_and_stays_so() {
        let after = b"GET / HTTP/1.1\r\n\r\n";
        for broken in [
            "\x16\x03\x01 tls\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let stream = [broken.as_bytes(), after].concat();
            assert!(lines(&stream, 1000).len() <= 1, "{broken}");
        }
        let long = [b"GET /".as_slice(), &[b'a'; 5000]].concat();
        assert_eq!(lines(&long, 700), [""; 0]);
    }
}
