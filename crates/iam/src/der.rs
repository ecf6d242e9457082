//! As much of DER (ITU-T X.690) and PEM (RFC 7468) as certificates and keys need: reading lengths and tags without
//! trusting either, and writing a public key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// One element: its tag, its contents, and all its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Takes the first element off `rest`.
pub(crate) fn next<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let from = *rest;
    let (&tag, after) = from.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        // Four bytes of length are far more than any input may have; none at all is BER, not DER.
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (bytes, left) = after.split_at_checked(count)?;
        after = left;
        bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (contents, left) = after.split_at_checked(length)?;
    let whole = from.get(..from.len() - left.len())?;
    *rest = left;
    Some(Element { tag, contents, whole })
}

/// As [`next`], when the element has this tag.
pub(crate) fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(rest).filter(|element| element.tag == tag).map(|element| element.contents)
}

/// An element with this tag around `contents`.
pub(crate) fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = contents.len().to_be_bytes();
            let bytes: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend(bytes);
        }
    }
    out.extend(contents);
    out
}

/// The first PEM block of a text: its label and bytes.
pub(crate) fn pem(text: &str) -> Option<(String, Vec<u8>)> {
    pem_and_rest(text).map(|(label, bytes, _)| (label, bytes))
}

/// The bytes of all PEM blocks of a text; `None` when one is broken or there is none.
pub(crate) fn pem_all(mut text: &str) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while text.contains("-----BEGIN ") {
        let (_, bytes, rest) = pem_and_rest(text)?;
        found.push(bytes);
        text = rest;
    }
    (!found.is_empty()).then_some(found)
}

fn pem_and_rest(text: &str) -> Option<(String, Vec<u8>, &str)> {
    let (_, from) = text.split_once("-----BEGIN ")?;
    let (label, from) = from.split_once("-----")?;
    let (body, rest) = from.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label.to_owned(), STANDARD.decode(body).ok()?, rest))
}

/// A PEM block, its lines 64 characters long.
pub(crate) fn to_pem(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let lines: Vec<String> =
        body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_read_again() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let contents = vec![7; length];
            let whole = wrap(OCTET_STRING, &contents);
            let mut rest = whole.as_slice();
            let read = next(&mut rest).unwrap();
            assert_eq!((read.tag, read.contents, read.whole), (OCTET_STRING, &contents[..], &whole[..]));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 5, 1],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[4, 0x84, 255, 255, 255, 255],
        ] {
            assert!(next(&mut &*bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn pem_blocks_are_found_amid_other_text() {
        let text = format!("Bag Attributes\n{}between\n{}", to_pem("A", b"first"), to_pem("B", &[9; 200]));
        assert_eq!(pem(&text), Some(("A".to_owned(), b"first".to_vec())));
        assert_eq!(pem_all(&text), Some(vec![b"first".to_vec(), vec![9; 200]]));
        assert!(pem("-----BEGIN X-----\nno end").is_none());
        assert!(pem_all("nothing").is_none());
    }
}
