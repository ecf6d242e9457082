//! Compressed bodies of APIs with `minimumCompressionSize` (developer guide, "Enable payload compression").

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use super::client::{ClientRequest, ClientResponse, MAX_BODY};

/// Larger bodies are compressed on a thread of their own, so that nobody else waits.
const INLINE: usize = 64 << 10;

/// A coding that API Gateway knows besides `identity`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coding {
    Gzip,
    Deflate,
}

/// Why a body cannot be decompressed.
#[derive(Debug, PartialEq)]
pub(super) enum Undecodable {
    /// The coding is not known, or the body is not coded so: 415.
    Coding(String),
    /// It is longer than [`MAX_BODY`]: 413.
    TooLarge,
}

impl Coding {
    fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            n if n.eq_ignore_ascii_case("gzip") || n.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            n if n.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            _ => None,
        }
    }

    fn name(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"gzip",
            Self::Deflate => b"deflate",
        }
    }
}

/// The request with its body decompressed, when it says that it is compressed.
///
/// # Errors
/// Why it cannot be. Never more than [`MAX_BODY`] bytes and one are made of it.
pub(super) fn decompressed(request: &ClientRequest) -> Result<Option<Box<ClientRequest>>, Undecodable> {
    let Some(name) = request.header("content-encoding") else { return Ok(None) };
    if request.body.is_empty() || name.trim().eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    let coding = Coding::parse(name).ok_or_else(|| Undecodable::Coding(name.to_owned()))?;
    let mut body = Vec::new();
    let bound = MAX_BODY as u64 + 1;
    let read = match coding {
        Coding::Gzip => MultiGzDecoder::new(&*request.body).take(bound).read_to_end(&mut body),
        Coding::Deflate => ZlibDecoder::new(&*request.body).take(bound).read_to_end(&mut body),
    };
    read.map_err(|_| Undecodable::Coding(name.to_owned()))?;
    if body.len() > MAX_BODY {
        return Err(Undecodable::TooLarge);
    }
    let headers = request.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("content-encoding"));
    let plain = ClientRequest { body: body.into(), headers: headers.cloned().collect(), ..request.clone() };
    Ok(Some(Box::new(plain)))
}

/// Compresses an answer of at least `minimum` bytes, when the client names a coding and the integration used none.
pub(super) async fn compress(minimum: usize, request: &ClientRequest, response: &mut ClientResponse) {
    if response.body.is_empty()
        || response.body.len() < minimum
        || response.header("content-encoding").is_some()
    {
        return;
    }
    let Some(coding) = request.header("accept-encoding").and_then(accepted) else { return };
    let body = response.body.clone();
    let made = if body.len() <= INLINE {
        encode(coding, &body)
    } else {
        tokio::task::spawn_blocking(move || encode(coding, &body)).await.ok().flatten()
    };
    let Some(made) = made else { return };
    response.body = made;
    response.headers.push((Bytes::from_static(b"Content-Encoding"), Bytes::from_static(coding.name())));
}

fn encode(coding: Coding, body: &[u8]) -> Option<Bytes> {
    let made = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
    };
    made.ok().map(Bytes::from)
}

/// The coding that the client likes best. `*` names none (guide).
fn accepted(header: &str) -> Option<Coding> {
    let mut best: Option<(f32, Coding)> = None;
    for part in header.split(',') {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let quality = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        if let Some(coding) = Coding::parse(name)
            && quality > best.map_or(0.0, |(q, _)| q)
        {
            best = Some((quality, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses() {
        for (header, expected) in [
            ("gzip", Some(Coding::Gzip)),
            ("br, deflate", Some(Coding::Deflate)),
            ("deflate;q=0.5, GZIP;q=0.8", Some(Coding::Gzip)),
            ("gzip;q=0, deflate;q=x", None),
            ("*", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn what_is_encoded_decodes() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let text = b"hello ".repeat(100);
            let request = super::super::tests::World::request("POST /x");
            let header = ("Content-Encoding".to_owned(), Bytes::from_static(coding.name()));
            let request =
                ClientRequest { body: encode(coding, &text).unwrap(), headers: vec![header], ..request };
            let plain = decompressed(&request).unwrap().unwrap();
            assert_eq!(plain.body, text);
            assert!(plain.headers.is_empty());
        }
    }
}
