//! Identifiers in the shapes that AWS gives out, made from random bytes that the caller supplies.

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8; 16] = b"0123456789abcdef";
const LOWER36: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn letters(alphabet: &[u8], random: &[u8]) -> String {
    random.iter().map(|b| alphabet[usize::from(*b) % alphabet.len()] as char).collect()
}

/// An IAM unique id: a four-letter prefix (`AIDA` user, `AROA` role, `ANPA` managed policy, `AGPA` group,
/// `AIPA` instance profile) and 17 more characters, as in `AROADBQP57FF2AEXAMPLE`.
#[must_use]
pub fn unique_id(prefix: &str, random: &[u8; 17]) -> String {
    format!("{prefix}{}", letters(BASE32, random))
}

/// An access key id: `AKIA` (long-term) or `ASIA` (temporary) and 16 more characters.
#[must_use]
pub fn access_key_id(prefix: &str, random: &[u8; 16]) -> String {
    format!("{prefix}{}", letters(BASE32, random))
}

/// A secret access key: 40 characters of the base64 alphabet.
#[must_use]
pub fn secret_access_key(random: &[u8; 40]) -> String {
    letters(BASE64, random)
}

/// An API Gateway id: ten lower-case letters and digits, beginning with a letter.
#[must_use]
pub fn api_id(random: &[u8; 10]) -> String {
    letters(&LOWER36[..26], &random[..1]) + &letters(LOWER36, &random[1..])
}

/// A request id: a version 4 UUID.
#[must_use]
pub fn request_id(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    // Every request has one: bytes, then one text; the places are known when this is compiled.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; 36];
    for (byte, at) in random.iter().zip(PLACES) {
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
    }
    // All of it is ASCII.
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(unique_id("AROA", &[0; 17]).len(), 21);
        assert_eq!(access_key_id("AKIA", &[255; 16]).len(), 20);
        assert_eq!(secret_access_key(&[7; 40]).len(), 40);
        assert_eq!(api_id(&[9; 10]), "j999999999".replace('9', "j"));
        assert_eq!(request_id([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
