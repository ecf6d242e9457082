//! Time-based one-time codes (RFC 6238: SHA-1, six digits, steps of 30 seconds), as virtual MFA devices show them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Seconds of a step.
const STEP_S: i64 = 30;
/// Steps by which a device's clock may be off when it is enabled or resynchronized: five minutes.
const DRIFT: i64 = 10;
/// Steps by which it may be off when a code is used.
const SLACK: i64 = 1;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648 base32 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    let (mut buffer, mut bits) = (0u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(letter(buffer >> bits));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(letter(buffer << (5 - bits)));
    }
    out
}

fn letter(value: u32) -> char {
    BASE32.get((value & 31) as usize).map_or('A', |byte| char::from(*byte))
}

fn from_base32(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut buffer, mut bits) = (0u32, 0);
    for value in text.bytes().filter_map(|byte| BASE32.iter().position(|there| *there == byte)) {
        buffer = buffer << 5 | u32::try_from(value).unwrap_or(0);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(buffer >> bits & 0xff).unwrap_or(0));
            buffer &= (1 << bits) - 1;
        }
    }
    out
}

/// The code of a step (RFC 4226, 5.3).
pub(crate) fn code(seed: &str, step: i64) -> String {
    // A key of any length is taken, so there is nothing that can fail.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&from_base32(seed)) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest.last().copied().unwrap_or(0) & 0xf);
    let four = digest.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).unwrap_or_default();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

fn is(seed: &str, step: i64, sent: &str) -> bool {
    code(seed, step).as_bytes().ct_eq(sent.as_bytes()).into()
}

/// The step of the second of two consecutive codes, if they are that.
pub(crate) fn two_codes(seed: &str, first: &str, second: &str, now_ms: i64) -> Option<i64> {
    let now = now_ms.div_euclid(1_000 * STEP_S);
    (now - DRIFT..=now + DRIFT)
        .find(|step| is(seed, *step, first) && is(seed, step + 1, second))
        .map(|step| step + 1)
}

/// The step of a code that is good now and was not used, nor any later one: `last` is the last step used.
pub(crate) fn one_code(seed: &str, sent: &str, last: i64, now_ms: i64) -> Option<i64> {
    let now = now_ms.div_euclid(1_000 * STEP_S);
    (now - SLACK..=now + SLACK).find(|step| *step > last && is(seed, *step, sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_of_the_rfc() {
        let seed = base32(b"12345678901234567890");
        assert_eq!(seed, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, wanted) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(code(&seed, seconds / STEP_S), wanted);
        }
    }

    #[test]
    fn base32_is_read_as_it_is_written() {
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37)).collect();
            assert_eq!(from_base32(&base32(&bytes)), bytes);
        }
    }

    #[test]
    fn two_codes_must_follow_each_other_and_one_is_good_once() {
        let (seed, now) = (base32(&[7; 64]), 1_700_000_000_000);
        let step = now / 30_000;
        let at = |step| code(&seed, step);
        assert_eq!(two_codes(&seed, &at(step - 1), &at(step), now), Some(step));
        assert_eq!(two_codes(&seed, &at(step), &at(step - 1), now), None);
        assert_eq!(two_codes(&seed, &at(step - 2), &at(step), now), None);
        assert_eq!(two_codes(&seed, &at(step - 100), &at(step - 99), now), None);
        assert_eq!(one_code(&seed, &at(step), 0, now), Some(step));
        assert_eq!(one_code(&seed, &at(step), step, now), None);
        assert_eq!(one_code(&seed, &at(step - 5), 0, now), None);
    }
}
