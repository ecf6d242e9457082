//! Public keys of an issuer: a JSON Web Key Set (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// Keys in a set; issuers have a handful.
const MOST: usize = 100;

/// The keys that an issuer signs with.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    alg: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    /// Of a kind that is not verified here: never matches.
    Other,
}

/// Why a text is no key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeySet(String);

impl std::fmt::Display for InvalidKeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this is no JSON Web Key Set: {}; wanted is {{\"keys\": [{{\"kty\": \"RSA\", \"kid\": …, \"n\": …, \
             \"e\": …}}]}}, as the issuer's jwks_uri answers it",
            self.0
        )
    }
}

impl std::error::Error for InvalidKeySet {}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl RawKey {
    fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text?.trim_end_matches('=')).ok()
    }

    fn material(&self) -> Option<Material> {
        let point = |size: usize| {
            let (x, y) = (Self::bytes(self.x.as_ref())?, Self::bytes(self.y.as_ref())?);
            // An uncompressed point (SEC 1, 2.3.3).
            (x.len() == size && y.len() == size).then(|| [vec![4], x, y].concat())
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                Some(Material::Rsa { n: Self::bytes(self.n.as_ref())?, e: Self::bytes(self.e.as_ref())? })
            }
            ("EC", Some("P-256")) => point(32).map(Material::P256),
            ("EC", Some("P-384")) => point(48).map(Material::P384),
            ("OKP", Some("Ed25519")) => Self::bytes(self.x.as_ref()).map(Material::Ed25519),
            _ => Some(Material::Other),
        }
    }
}

impl KeySet {
    /// Reads a key set. Keys for encryption are left out; keys of other kinds than RSA, P-256, P-384 and Ed25519 are
    /// kept and verify nothing.
    ///
    /// # Errors
    /// [`InvalidKeySet`] when it is no JSON of that form, a key lacks a member, or there are more than a hundred.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKeySet> {
        let raw: RawSet = serde_json::from_slice(text).map_err(|e| InvalidKeySet(e.to_string()))?;
        if raw.keys.len() > MOST {
            return Err(InvalidKeySet(format!("it has {} keys, and {MOST} are the most", raw.keys.len())));
        }
        let mut keys = Vec::new();
        for key in raw.keys.into_iter().filter(|key| key.purpose.as_deref() != Some("enc")) {
            let material = key.material().ok_or_else(|| {
                let name = key.kid.clone().unwrap_or_default();
                InvalidKeySet(format!(
                    "the {} key `{name}` lacks a member or has one that is no base64url",
                    key.kty
                ))
            })?;
            keys.push(Key { id: key.kid, alg: key.alg, material });
        }
        Ok(Self { keys })
    }

    /// Whether there is a key for tokens with this `kid`; a token without one may be of any key.
    #[must_use]
    pub fn has(&self, kid: Option<&str>) -> bool {
        self.candidates(kid).next().is_some()
    }

    fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| match (kid, key.id.as_deref()) {
            (Some(wanted), Some(has)) => wanted == has,
            _ => true,
        })
    }

    /// Whether a key of the set made `signature` over `message` with the algorithm `alg` (RFC 7518). `none` and the
    /// symmetric algorithms verify nothing: a public key is no secret.
    #[must_use]
    pub fn verify(&self, kid: Option<&str>, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        self.candidates(kid)
            .filter(|key| key.alg.as_deref().is_none_or(|only| only == alg))
            .any(|key| key.material.verify(alg, message, signature))
    }
}

impl Material {
    fn verify(&self, alg: &str, message: &[u8], sig: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => {
                let parameters = match alg {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, sig).is_ok()
            }
            Self::P256(point) if alg == "ES256" => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, sig)
                    .is_ok()
            }
            Self::P384(point) if alg == "ES384" => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
                    .verify(message, sig)
                    .is_ok()
            }
            Self::Ed25519(key) if alg == "EdDSA" => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, sig).is_ok()
            }
            _ => false,
        }
    }
}
