//! `application/vnd.amazon.eventstream`: a body of framed events.
//!
//! ```text
//! u32 total length, u32 headers' length, u32 CRC of these, headers, payload, u32 CRC of everything before
//! header: u8 length, name, u8 7 (a string), u16 length, value
//! ```
//! All big-endian, CRC-32 as in zip (documented with Amazon Transcribe, "Event stream encoding", and Smithy's
//! `amazon-eventstream`).

use bytes::Bytes;

/// The content type of a body of events.
pub const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
/// The header type of strings.
const STRING: u8 = 7;

/// One event of the type `event_type`.
#[must_use]
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Bytes {
    let mut headers = Vec::with_capacity(96);
    for (name, value) in
        [(":event-type", event_type), (":content-type", content_type), (":message-type", "event")]
    {
        // Names and values are this project's own and short.
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let total = 16 + headers.len() + payload.len();
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(&length(total));
    out.extend_from_slice(&length(headers.len()));
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_lengths_and_checksums() {
        let frame = event("PayloadChunk", "application/octet-stream", b"abc");
        let word = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        assert_eq!(word(0) as usize, frame.len());
        assert_eq!(word(4) as usize, frame.len() - 16 - 3);
        assert_eq!(word(8), crc32fast::hash(&frame[..8]));
        assert_eq!(word(frame.len() - 4), crc32fast::hash(&frame[..frame.len() - 4]));
        assert!(frame[12..].starts_with(b"\x0b:event-type\x07\x00\x0cPayloadChunk"));
    }
}
