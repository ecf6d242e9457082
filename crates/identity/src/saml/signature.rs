//! XML signatures as SAML uses them (SAML core, 5.4): enveloped in the element that they sign, over that element alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::signature::{self, RsaParameters, UnparsedPublicKey};
use roxmltree::Node;

use super::canonical::canonical;
use super::xml::{DSIG, children, only, text};

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Exclusive canonicalization; comments count in the second only, and SAML documents have none worth signing.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Whether the signature that is a child of `signed` was made by one of `keys` (RSAPublicKey in DER) over `signed`.
/// `Err` says in words what is not as SAML demands.
pub(super) fn verify(signed: Node<'_, '_>, keys: &[Vec<u8>]) -> Result<(), String> {
    let wanted = |what: &str| format!("the signature has no single {what}");
    let sig = only(signed, DSIG, "Signature").ok_or("there is no single signature")?;
    let info = only(sig, DSIG, "SignedInfo").ok_or_else(|| wanted("SignedInfo"))?;
    let value = only(sig, DSIG, "SignatureValue").ok_or_else(|| wanted("SignatureValue"))?;

    let method =
        only(info, DSIG, "CanonicalizationMethod").ok_or_else(|| wanted("CanonicalizationMethod"))?;
    let prefixes = exclusive(method)?;
    let algorithm = only(info, DSIG, "SignatureMethod")
        .and_then(|method| method.attribute("Algorithm"))
        .ok_or_else(|| wanted("SignatureMethod"))?;
    let parameters = rsa(algorithm).ok_or_else(|| {
        format!("the signature algorithm {algorithm} is not RSA with SHA-1, SHA-256, SHA-384 or SHA-512")
    })?;
    reference(signed, sig, info)?;

    let value = decode(&text(value)).ok_or("the signature value is no base64")?;
    let message = canonical(info, None, &prefixes);
    let fits = |key: &Vec<u8>| UnparsedPublicKey::new(parameters, key).verify(&message, &value).is_ok();
    if keys.iter().any(fits) { Ok(()) } else { Err("no key of the metadata made the signature".to_owned()) }
}

/// The one reference of a signature: to `signed` itself, whose digest it holds.
fn reference(signed: Node<'_, '_>, sig: Node<'_, '_>, info: Node<'_, '_>) -> Result<(), String> {
    let reference = only(info, DSIG, "Reference").ok_or("the signature has no single Reference")?;
    let id = signed.attribute("ID").filter(|id| !id.is_empty()).ok_or("the signed element has no ID")?;
    let target = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
    if target != Some(id) {
        return Err("the signature is not over the element that it stands in".to_owned());
    }
    let bearers = signed.document().descendants().filter(|node| node.attribute("ID") == Some(id)).count();
    if bearers != 1 {
        return Err(format!("the ID {id} is borne by {bearers} elements"));
    }
    let transforms = only(reference, DSIG, "Transforms").ok_or("the signature has no single Transforms")?;
    let transforms: Vec<Node<'_, '_>> = children(transforms, DSIG, "Transform").collect();
    let prefixes = match transforms.as_slice() {
        [first, second] if first.attribute("Algorithm") == Some(ENVELOPED) => exclusive(*second)?,
        _ => {
            return Err(
                "the transforms must be enveloped-signature and exclusive canonicalization".to_owned()
            );
        }
    };
    let algorithm = only(reference, DSIG, "DigestMethod").and_then(|method| method.attribute("Algorithm"));
    let algorithm =
        algorithm.and_then(hash).ok_or("the digest algorithm is not SHA-1, SHA-256, SHA-384 or SHA-512")?;
    let wanted = only(reference, DSIG, "DigestValue").and_then(|value| decode(&text(value)));
    let made = digest::digest(algorithm, &canonical(signed, Some(sig.id()), &prefixes));
    if wanted.as_deref() == Some(made.as_ref()) {
        Ok(())
    } else {
        Err("the signed element was changed after it was signed".to_owned())
    }
}

/// The `PrefixList` of an exclusive canonicalization.
fn exclusive(method: Node<'_, '_>) -> Result<Vec<String>, String> {
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    if algorithm != EXCLUSIVE {
        return Err(format!("the canonicalization {algorithm} is not {EXCLUSIVE}"));
    }
    let list = only(method, EXCLUSIVE, "InclusiveNamespaces").and_then(|list| list.attribute("PrefixList"));
    let prefix = |word: &str| if word == "#default" { String::new() } else { word.to_owned() };
    Ok(list.unwrap_or_default().split_whitespace().map(prefix).collect())
}

/// Keys of 1,024 bits are taken: AWS takes metadata with them (User Guide, troubleshoot_saml, "Could not parse
/// metadata").
fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1" => {
            &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => {
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        _ => return None,
    })
}

fn hash(algorithm: &str) -> Option<&'static digest::Algorithm> {
    Some(match algorithm {
        "http://www.w3.org/2000/09/xmldsig#sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "http://www.w3.org/2001/04/xmlenc#sha256" => &digest::SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
        _ => return None,
    })
}

/// Base64 in lines.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(compact).ok()
}
