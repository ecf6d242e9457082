//! JSON Web Tokens in their compact form (RFC 7519, RFC 7515).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::KeySet;

/// Characters of a token; STS takes 20,000, headers of HTTP requests hold less.
const MOST: usize = 20_000;

/// A token that was read and not yet verified: look at nothing but its issuer before [`Token::is_signed_by`].
#[derive(Clone, Debug)]
pub struct Token {
    alg: String,
    kid: Option<String>,
    claims: Map<String, Value>,
    /// Header and claims as they were signed.
    signed: String,
    signature: Vec<u8>,
}

/// The text is no JSON Web Token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken;

impl std::fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this is no JSON Web Token: three parts in base64url, joined by dots, the first two JSON objects",
        )
    }
}

impl std::error::Error for InvalidToken {}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

impl Token {
    /// Reads the three parts of `text`.
    ///
    /// # Errors
    /// [`InvalidToken`] when it is anything else, longer than 20,000 characters, or asks for extensions.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        if text.len() > MOST {
            return Err(InvalidToken);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(InvalidToken)?;
        let (header, claims) = signed.split_once('.').ok_or(InvalidToken)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| InvalidToken)?;
        if header.crit.is_some() {
            return Err(InvalidToken);
        }
        Ok(Self {
            alg: header.alg,
            kid: header.kid,
            claims: serde_json::from_slice(&decode(claims)?).map_err(|_| InvalidToken)?,
            signature: decode(signature)?,
            signed: signed.to_owned(),
        })
    }

    /// Whether a key of `keys` signed the token.
    #[must_use]
    pub fn is_signed_by(&self, keys: &KeySet) -> bool {
        keys.verify(self.key_id(), &self.alg, self.signed.as_bytes(), &self.signature)
    }

    /// `kid` of the header: which key is said to have signed.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// A claim.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Every claim with its name.
    pub fn claims(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.claims.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claim(name)?.as_str()
    }

    /// A claim that is a string or a list of strings (`aud`, `amr`); empty when absent.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.claim(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A claim that is a time (`exp`, `nbf`, `iat`), in seconds since 1970; fractions are cut off.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.claim(name)?;
        // A float cast to an integer stays within the integer's bounds.
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    fn part(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    fn key() -> (EcdsaKeyPair, KeySet) {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let set = format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{y}"}}]}}"#);
        let keys = KeySet::parse(set.as_bytes()).unwrap();
        (pair, keys)
    }

    fn signed(pair: &EcdsaKeyPair, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn only_the_key_that_signed_verifies_and_only_what_it_signed() {
        let (pair, keys) = key();
        let (_, others) = key();
        let header = r#"{"alg":"ES256","kid":"k"}"#;
        let text = signed(&pair, header, r#"{"iss":"https://a.example","aud":["x","y"],"exp":17.9}"#);
        let token = Token::parse(&text).unwrap();
        assert!(token.is_signed_by(&keys));
        assert!(!token.is_signed_by(&others));
        assert_eq!((token.text("iss"), token.seconds("exp")), (Some("https://a.example"), Some(17)));
        assert_eq!(token.texts("aud"), ["x", "y"]);

        let (_, signature) = text.rsplit_once('.').unwrap();
        let forged = format!("{}.{}.{signature}", part(header), part(r#"{"iss":"https://b.example"}"#));
        assert!(!Token::parse(&forged).unwrap().is_signed_by(&keys));
    }

    #[test]
    fn no_signature_no_shared_secret_and_no_other_key_is_taken() {
        let (pair, keys) = key();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256","kid":"k"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"ES256","kid":"z"}"#,
        ] {
            let token = Token::parse(&signed(&pair, header, "{}")).unwrap();
            assert!(!token.is_signed_by(&keys), "{header}");
        }
        let bare = format!("{}.{}.", part(r#"{"alg":"none"}"#), part("{}"));
        assert!(!Token::parse(&bare).unwrap().is_signed_by(&keys));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "a.b", "a.b.c", "e30.e30.e30", &format!("{}.W10.", part(r#"{"alg":"ES256"}"#))] {
            assert!(Token::parse(text).is_err(), "{text}");
        }
        let critical = format!("{}.{}.", part(r#"{"alg":"ES256","crit":["b64"]}"#), part("{}"));
        assert!(Token::parse(&critical).is_err());
    }
}
