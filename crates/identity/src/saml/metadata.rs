//! Metadata of an identity provider (SAML metadata, 2.3 and 2.4).

use roxmltree::Node;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;

use super::signature::decode;
use super::xml::{DSIG, METADATA, children, parse, text};

/// `rsaEncryption` (RFC 8017).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Certificates of one provider: rotation needs two.
const CERTIFICATES: usize = 100;

/// What a provider's metadata says.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Who issues the assertions.
    pub entity_id: String,
    /// Until when the document says that it holds, in milliseconds since 1970.
    pub valid_until_ms: Option<i64>,
    /// The keys that may have signed, as RSAPublicKey in DER.
    pub(super) keys: Vec<Vec<u8>>,
}

/// Why a document is no metadata of an identity provider, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMetadata(pub String);

impl std::fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidMetadata {}

impl Metadata {
    /// Reads an `EntityDescriptor` with an `IDPSSODescriptor` and at least one certificate of an RSA key for signing.
    ///
    /// # Errors
    /// [`InvalidMetadata`] for anything else.
    pub fn parse(document: &str) -> Result<Self, InvalidMetadata> {
        let tree = parse(document).map_err(InvalidMetadata)?;
        let root = tree.root_element();
        let fail = |why: &str| Err(InvalidMetadata(why.to_owned()));
        if !root.has_tag_name((METADATA, "EntityDescriptor")) {
            return fail("the root is no EntityDescriptor of SAML 2.0 metadata");
        }
        let Some(entity_id) = root.attribute("entityID").filter(|id| !id.is_empty()) else {
            return fail("the EntityDescriptor has no entityID");
        };
        let valid_until_ms = match root.attribute("validUntil") {
            None => None,
            Some(time) => match time.parse::<jiff::Timestamp>() {
                Ok(time) => Some(time.as_millisecond()),
                Err(_) => return fail("validUntil is no time"),
            },
        };
        let mut keys = Vec::new();
        for descriptor in children(root, METADATA, "IDPSSODescriptor") {
            let signing = children(descriptor, METADATA, "KeyDescriptor")
                .filter(|key| matches!(key.attribute("use"), None | Some("signing")));
            for certificate in signing.flat_map(certificates) {
                keys.push(key(certificate)?);
            }
        }
        if keys.is_empty() {
            return fail(
                "there is no IDPSSODescriptor with a KeyDescriptor for signing that holds a certificate",
            );
        }
        if keys.len() > CERTIFICATES {
            return fail("there are more than a hundred certificates");
        }
        Ok(Self { entity_id: entity_id.to_owned(), valid_until_ms, keys })
    }
}

fn certificates<'a, 'i>(key: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    key.descendants().filter(|node| node.has_tag_name((DSIG, "X509Certificate")))
}

/// The RSA key of a certificate. When the certificate ends is not looked at: AWS does not either (User Guide,
/// id_roles_providers_create_saml).
fn key(certificate: Node<'_, '_>) -> Result<Vec<u8>, InvalidMetadata> {
    let fail = |why: String| InvalidMetadata(format!("an X509Certificate {why}"));
    let der = decode(&text(certificate)).ok_or_else(|| fail("is no base64".to_owned()))?;
    let certificate = Certificate::from_der(&der).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let info = certificate.tbs_certificate().subject_public_key_info();
    if info.algorithm.oid != RSA {
        return Err(fail(format!("holds a key of the kind {}, not RSA", info.algorithm.oid)));
    }
    Ok(info.subject_public_key.raw_bytes().to_vec())
}
