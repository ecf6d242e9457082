//! Responses signed by signxml (`saml/`): read as they were signed, and never otherwise.

use identity::saml::{Metadata, Rejected, read};

const METADATA: &str = include_str!("saml/metadata.xml");
const ASSERTION_SIGNED: &str = include_str!("saml/assertion-signed.xml");
const RESPONSE_SIGNED: &str = include_str!("saml/response-signed.xml");
const SHA1: &str = include_str!("saml/sha1.xml");

#[test]
fn what_was_signed_is_what_is_read() {
    let metadata = Metadata::parse(METADATA).unwrap();
    assert_eq!(
        (metadata.entity_id.as_str(), metadata.valid_until_ms),
        ("https://idp.example.com/saml", None)
    );
    for response in [ASSERTION_SIGNED, RESPONSE_SIGNED] {
        let said = read(response, &metadata).unwrap();
        assert_eq!(said.subject.as_deref(), Some("ann@example.com"));
        assert_eq!(said.recipient.as_deref(), Some("https://signin.aws.amazon.com/saml"));
        assert_eq!((said.issued_ms, said.ends_ms), (1_700_000_000_123, Some(1_700_000_300_123)));
        assert_eq!(said.audiences, [["https://signin.aws.amazon.com/saml"]]);
        let (name, values) = said.attributes.last().unwrap();
        assert!(name.ends_with("/PrincipalTag:Team"));
        assert_eq!(values, &["core & more"]);
    }
    assert!(read(SHA1, &metadata).is_ok());
}

/// Every byte of a response, changed: it is refused, or says what it said before (bytes outside of what is signed, and
/// such as canonicalization makes equal).
#[test]
fn no_changed_byte_changes_what_is_said() {
    let metadata = Metadata::parse(METADATA).unwrap();
    for response in [ASSERTION_SIGNED, RESPONSE_SIGNED] {
        let said = format!("{:?}", read(response, &metadata).unwrap());
        let (mut refused, mut equal) = (0, 0);
        for at in 0..response.len() {
            for with in [b'x', b'<', b' ', b'"', b'#'] {
                let mut bytes = response.as_bytes().to_vec();
                if bytes[at] == with {
                    continue;
                }
                bytes[at] = with;
                let changed = String::from_utf8(bytes).unwrap();
                match read(&changed, &metadata) {
                    Err(_) => refused += 1,
                    Ok(other) => {
                        assert_eq!(format!("{other:?}"), said, "byte {at} of {changed}");
                        equal += 1;
                    }
                }
            }
        }
        assert!(refused > equal, "{refused} refused, {equal} equal");
    }
}

/// A response cut at any byte is refused, without a panic.
#[test]
fn a_response_that_ends_early_is_refused() {
    let metadata = Metadata::parse(METADATA).unwrap();
    for end in 0..ASSERTION_SIGNED.len() {
        assert!(read(&ASSERTION_SIGNED[..end], &metadata).is_err());
    }
}

#[test]
fn another_providers_metadata_does_not_fit() {
    let other = METADATA.replace("https://idp.example.com/saml", "https://other.example.com/saml");
    let other = Metadata::parse(&other).unwrap();
    assert_eq!(
        read(ASSERTION_SIGNED, &other).unwrap_err(),
        Rejected::Issuer("https://idp.example.com/saml".to_owned())
    );
}
