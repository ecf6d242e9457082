//! Tokens of Amazon Cognito user pools, against the keys that `serve --jwks` was given.

use gateway::execution::{TokenError, UserPoolTokens};
use identity::{Issuers, Token};
use serde_json::{Map, Value};

/// The keys at one moment.
pub struct PoolKeys<'a> {
    pub issuers: &'a Issuers,
    pub now_ms: i64,
}

impl UserPoolTokens for PoolKeys<'_> {
    fn user_pool_token(&self, token: &str, pools: &[String]) -> Result<Map<String, Value>, TokenError> {
        verify(self.issuers, token, pools, self.now_ms)
    }
}

/// The claims of a token that one of `pools` (ARNs) issued and that is valid now.
///
/// Cognito's guide, "Verifying JSON web tokens": the signature by the pool's keys, `iss` the pool, `exp` to come.
pub fn verify(
    issuers: &Issuers,
    token: &str,
    pools: &[String],
    now_ms: i64,
) -> Result<Map<String, Value>, TokenError> {
    let refused = |detail: String| TokenError::Refused(detail);
    let token = Token::parse(token).map_err(|e| refused(e.to_string()))?;
    let issuer = token.text("iss").unwrap_or_default();
    if !pools.iter().filter_map(|pool| issuer_of(pool)).any(|of| of == issuer) {
        return Err(refused(format!(
            "the token's issuer `{issuer}` is none of the authorizer's user pools: {}",
            pools.join(", ")
        )));
    }
    let keys = issuers.keys(issuer).ok_or_else(|| {
        refused(format!("the keys of {issuer} are not known: start the server with --jwks {issuer}=FILE"))
    })?;
    if !token.is_signed_by(&keys) {
        return Err(refused(format!("no key of {issuer} signed the token")));
    }
    let now = now_ms.div_euclid(1000);
    match token.seconds("exp") {
        Some(exp) if now < exp => {}
        Some(_) => return Err(TokenError::Expired),
        None => return Err(refused("the token has no `exp`".to_owned())),
    }
    Ok(token.claims().map(|(name, value)| (name.to_owned(), value.clone())).collect())
}

/// `arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID` as `https://cognito-idp.REGION.amazonaws.com/ID`.
fn issuer_of(pool: &str) -> Option<String> {
    let arn = arn::Arn::parse(pool).ok()?;
    let id = arn.resource.strip_prefix("userpool/")?;
    let suffix = if arn.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("https://cognito-idp.{}.{suffix}/{id}", arn.region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_follows_from_the_pool() {
        assert_eq!(
            issuer_of("arn:aws:cognito-idp:eu-west-1:111111111111:userpool/eu-west-1_AbC").as_deref(),
            Some("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC")
        );
        assert_eq!(issuer_of("arn:aws:iam::111111111111:role/x"), None);
    }
}
