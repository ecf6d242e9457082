//! Passwords: kept as salted hashes, compared in constant time, held against the account's password policy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pbkdf2::pbkdf2_hmac_array;
use serde_json::{Map, Value};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::error::{Fail, fail};
use crate::names;

/// Rounds of PBKDF2. Few, as nobody can sign in here: the hash is there so that no password is stored in clear.
const ROUNDS: u32 = 10_000;

/// A password's salt and hash, in base64 with a dot between.
pub(crate) fn hash(password: &str) -> Result<String, Fail> {
    let salt: [u8; 16] = names::random()?;
    Ok(format!("{}.{}", STANDARD.encode(salt), STANDARD.encode(derive(password, &salt))))
}

/// Whether `password` is the one that was hashed.
pub(crate) fn is(password: &str, hash: &str) -> bool {
    let Some((salt, wanted)) = hash.split_once('.') else { return false };
    let (Ok(salt), Ok(wanted)) = (STANDARD.decode(salt), STANDARD.decode(wanted)) else { return false };
    derive(password, &salt).as_slice().ct_eq(&wanted).into()
}

fn derive(password: &str, salt: &[u8]) -> [u8; 32] {
    pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, ROUNDS)
}

fn violation(text: String) -> Fail {
    fail("PasswordPolicyViolation", 400, text)
}

/// Refuses what the account's password policy refuses; without one, IAM's default policy holds (User Guide,
/// id_credentials_passwords_account-policy: eight characters, three of the four kinds). Texts: those that AWS's users
/// quote for the kinds and the length; ours for the default policy's kinds and for reuse.
pub(crate) fn check(
    password: &str,
    policy: Option<&Map<String, Value>>,
    earlier: &[String],
) -> Result<(), Fail> {
    let kinds = [
        ("RequireUppercaseCharacters", "uppercase letter", password.chars().any(|c| c.is_ascii_uppercase())),
        ("RequireLowercaseCharacters", "lowercase letter", password.chars().any(|c| c.is_ascii_lowercase())),
        ("RequireNumbers", "number", password.chars().any(|c| c.is_ascii_digit())),
        ("RequireSymbols", "symbol", password.chars().any(|c| SYMBOLS.contains(c))),
    ];
    let number = |name: &str| policy.and_then(|policy| policy.get(name)).and_then(Value::as_u64);
    let least = if policy.is_some() { number("MinimumPasswordLength").unwrap_or(6) } else { 8 };
    if u64::try_from(password.chars().count()).is_ok_and(|length| length < least) {
        return Err(violation(format!("Password should have a minimum length of {least}")));
    }
    match policy {
        Some(policy) => {
            for (member, kind, has) in kinds {
                if policy.get(member).and_then(Value::as_bool).unwrap_or(false) && !has {
                    return Err(violation(format!("Password should have at least one {kind}")));
                }
            }
        }
        None if kinds.iter().filter(|(_, _, has)| *has).count() < 3 => {
            return Err(violation(
                "Password should have at least three of: uppercase letter, lowercase letter, number, symbol"
                    .to_owned(),
            ));
        }
        None => {}
    }
    let reuse = usize::try_from(number("PasswordReusePrevention").unwrap_or(0)).unwrap_or(0);
    if earlier.iter().take(reuse).any(|hash| is(password, hash)) {
        return Err(violation(format!("Password should differ from the last {reuse}")));
    }
    Ok(())
}

/// The symbols that count (User Guide, same page).
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let first = hash("correct horse").unwrap();
        assert!(is("correct horse", &first) && !is("correct horsf", &first));
        assert_ne!(first, hash("correct horse").unwrap());
        assert!(!is("", "") && !is("x", "no hash"));
    }

    #[test]
    fn policies_are_held() {
        let text = |password: &str, policy: Option<Value>, earlier: &[String]| {
            let policy = policy.and_then(|p| p.as_object().cloned());
            check(password, policy.as_ref(), earlier)
                .err()
                .and_then(|fail| fail.0.message)
                .unwrap_or_default()
        };
        assert_eq!(text("Sh0rt!", None, &[]), "Password should have a minimum length of 8");
        assert!(text("lowercase1", None, &[]).contains("at least three of"));
        assert_eq!(text("Lowercase1", None, &[]), "");
        assert_eq!(
            text("lowercase1", Some(json!({ "RequireSymbols": true })), &[]),
            "Password should have at least one symbol"
        );
        let earlier = [hash("aaaaaaA1").unwrap(), hash("bbbbbbB1").unwrap()];
        let policy = json!({ "PasswordReusePrevention": 1 });
        assert!(text("aaaaaaA1", Some(policy.clone()), &earlier).contains("differ"));
        assert_eq!(text("bbbbbbB1", Some(policy), &earlier), "");
    }
}
