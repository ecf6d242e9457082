//! What is looked at in X.509 certificates (RFC 5280) and private keys: when a certificate ends, and whether a key is
//! its own. Signatures are not verified: IAM does not say whether it does.

use crate::der::{self, BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, UTC_TIME};

/// A certificate as far as IAM shows it.
pub(crate) struct Certificate {
    /// The end of its validity, in milliseconds since 1970.
    pub(crate) expires_ms: i64,
    /// The contents of subjectPublicKey, without the count of unused bits.
    public_key: Vec<u8>,
}

/// Reads a certificate in PEM; `None` when it is none.
pub(crate) fn certificate(text: &str) -> Option<Certificate> {
    let (label, bytes) = der::pem(text)?;
    (label == "CERTIFICATE").then_some(())?;
    parse(&bytes)
}

/// Whether every block of a chain is a certificate.
pub(crate) fn is_chain(text: &str) -> bool {
    der::pem_all(text).is_some_and(|blocks| blocks.iter().all(|block| parse(block).is_some()))
}

fn parse(bytes: &[u8]) -> Option<Certificate> {
    let mut outer = der::expect(&mut &*bytes, SEQUENCE)?;
    let mut fields = der::expect(&mut outer, SEQUENCE)?;
    let first = der::next(&mut fields)?;
    if first.tag == 0xa0 {
        der::expect(&mut fields, INTEGER)?; // the version came first, here is the serial number
    } else if first.tag != INTEGER {
        return None;
    }
    der::expect(&mut fields, SEQUENCE)?; // signature algorithm
    der::expect(&mut fields, SEQUENCE)?; // issuer
    let mut validity = der::expect(&mut fields, SEQUENCE)?;
    der::next(&mut validity)?;
    let not_after = der::next(&mut validity)?;
    let expires_ms = time(not_after.tag, not_after.contents)?;
    der::expect(&mut fields, SEQUENCE)?; // subject
    let mut key = der::expect(&mut fields, SEQUENCE)?;
    der::expect(&mut key, SEQUENCE)?;
    let public_key = der::expect(&mut key, BIT_STRING)?.get(1..)?.to_vec();
    Some(Certificate { expires_ms, public_key })
}

/// `YYMMDDHHMMSSZ` (years below 50 are of this century) or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, contents: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(contents).ok()?.strip_suffix('Z')?;
    let text = match tag {
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? < 50 => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(
        text.get(..4)?.parse().ok()?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        0,
    );
    Some(date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A private key as far as it can be compared with a certificate.
pub(crate) struct PrivateKey {
    /// The public key that it holds; EC keys may leave theirs out.
    public_key: Option<Vec<u8>>,
}

impl PrivateKey {
    /// Whether this may be the key of `certificate`: `false` only where the two are known to differ.
    pub(crate) fn fits(&self, certificate: &Certificate) -> bool {
        self.public_key.as_ref().is_none_or(|key| *key == certificate.public_key)
    }
}

/// Reads an unencrypted private key in PEM: PKCS #8, PKCS #1 (RSA) or SEC 1 (EC).
pub(crate) fn private_key(text: &str) -> Option<PrivateKey> {
    // EC keys are often preceded by a block of parameters.
    let from = text.find("PRIVATE KEY-----")?;
    let start = text.get(..from)?.rfind("-----BEGIN ")?;
    let (label, bytes) = der::pem(text.get(start..)?)?;
    match label.as_str() {
        "RSA PRIVATE KEY" => rsa(&bytes),
        "EC PRIVATE KEY" => ec(&bytes),
        "PRIVATE KEY" => {
            let mut fields = der::expect(&mut bytes.as_slice(), SEQUENCE)?;
            der::expect(&mut fields, INTEGER)?;
            der::expect(&mut fields, SEQUENCE)?;
            let inner = der::expect(&mut fields, OCTET_STRING)?;
            // Ed25519 and others: a key, though not one that is compared.
            rsa(inner).or_else(|| ec(inner)).or(Some(PrivateKey { public_key: None }))
        }
        _ => None,
    }
}

/// Version, modulus, public exponent, …: the public key is the sequence of the latter two.
fn rsa(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = der::expect(&mut &*bytes, SEQUENCE)?;
    der::expect(&mut fields, INTEGER)?;
    let modulus = der::next(&mut fields).filter(|element| element.tag == INTEGER)?;
    let exponent = der::next(&mut fields).filter(|element| element.tag == INTEGER)?;
    let both = [modulus.whole, exponent.whole].concat();
    Some(PrivateKey { public_key: Some(der::wrap(SEQUENCE, &both)) })
}

/// Version, private key, [0] curve, [1] public key.
fn ec(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = der::expect(&mut &*bytes, SEQUENCE)?;
    der::expect(&mut fields, INTEGER)?;
    der::expect(&mut fields, OCTET_STRING)?;
    let mut public_key = None;
    while let Some(element) = der::next(&mut fields) {
        if element.tag == 0xa1 {
            let mut inner = element.contents;
            public_key = Some(der::expect(&mut inner, BIT_STRING)?.get(1..)?.to_vec());
        }
    }
    Some(PrivateKey { public_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `openssl req -x509 -newkey …` for these tests; valid to 2126 (RSA) and 2036 (EC).
    const RSA: &str = include_str!("tests/data/rsa.crt");
    const RSA_KEY: &str = include_str!("tests/data/rsa.key");
    const EC: &str = include_str!("tests/data/ec.crt");
    const EC_KEY: &str = include_str!("tests/data/ec.key");

    #[test]
    fn a_certificate_tells_its_end_and_knows_its_key() {
        let (rsa, ec) = (certificate(RSA).unwrap(), certificate(EC).unwrap());
        let year =
            |ms| jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned(jiff::tz::TimeZone::UTC).year();
        assert_eq!((year(rsa.expires_ms), year(ec.expires_ms)), (2126, 2036));
        let (rsa_key, ec_key) = (private_key(RSA_KEY).unwrap(), private_key(EC_KEY).unwrap());
        assert!(rsa_key.fits(&rsa) && ec_key.fits(&ec));
        assert!(!rsa_key.fits(&ec) && !ec_key.fits(&rsa));
        assert!(is_chain(&format!("{RSA}{EC}")) && !is_chain(RSA_KEY));
    }

    #[test]
    fn cut_anywhere_it_is_no_certificate_and_no_panic() {
        let (_, bytes) = crate::der::pem(RSA).unwrap();
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_none(), "{end}");
        }
        for bad in ["", "invalid-certificate-body", RSA_KEY] {
            assert!(certificate(bad).is_none());
        }
        assert!(private_key(RSA).is_none());
    }
}
