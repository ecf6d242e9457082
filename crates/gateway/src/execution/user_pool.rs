//! Amazon Cognito user pools as authorizers.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::authorizer::IdentitySource;
use super::authorizer_answer::Identity;
use super::call::MethodCall;
use super::front_door::{TokenError, UserPoolTokens};
use super::gateway_response::GatewayResponse;
use super::integrate::Failure;
use super::journal::Journal;
use super::lambda_authorizer::{masked, unauthorized};
use super::trace::Why;
use crate::model::{Authorizer, Method};

/// An authorizer of type COGNITO_USER_POOLS, for one method.
pub(super) struct UserPools {
    pub id: String,
    pub name: String,
    /// ARNs of user pools.
    pools: Vec<String>,
    source: IdentitySource,
    /// Over the client that the token was made for.
    validation: Option<Regex>,
    /// Any of these must be in an access token; without any, an identity token is asked for.
    scopes: Vec<String>,
}

impl UserPools {
    /// # Errors
    /// What is wrong with the configuration.
    pub fn compile(stored: &Authorizer, method: &Method) -> Result<Self, String> {
        let source = stored.identity_source.as_deref().filter(|s| !s.is_empty());
        let expression = stored.identity_validation_expression.as_deref().filter(|e| !e.is_empty());
        let validation = expression
            .map(|e| RegexBuilder::new(&format!("^(?:{e})$")).size_limit(1 << 20).build())
            .transpose()
            .map_err(|e| {
                format!("the identity validation expression of authorizer {} is invalid: {e}", stored.id)
            })?;
        let scopes = method.rest.get("authorizationScopes").and_then(Value::as_array);
        Ok(Self {
            id: stored.id.clone(),
            name: stored.name.clone(),
            pools: stored.provider_arns.clone(),
            source: IdentitySource::parse(source.unwrap_or("method.request.header.Authorization"))?,
            validation,
            scopes: scopes.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// Whom the token names.
    pub fn check(
        &self,
        tokens: &dyn UserPoolTokens,
        call: &MethodCall<'_>,
        journal: &mut Journal,
    ) -> Result<Identity, Box<Failure>> {
        journal.info(|| format!("Starting authorizer: {} for request: {}", self.id, call.request.request_id));
        let Some(sent) = self.source.value(call) else {
            return Err(unauthorized(journal, format!("the request has no {}", self.source)));
        };
        journal.info(|| format!("Incoming identity: {}", masked(&sent)));
        let token = sent.strip_prefix("Bearer ").unwrap_or(&sent).trim();
        let claims = match tokens.user_pool_token(token, &self.pools) {
            Ok(claims) => claims,
            Err(TokenError::Expired) => {
                let detail = "the token has expired".to_owned();
                return Err(Failure::new(GatewayResponse::token_expired(), Why::Unauthorized { detail }));
            }
            Err(TokenError::Refused(detail)) => return Err(unauthorized(journal, detail)),
        };
        self.fits(&claims).map_err(|detail| unauthorized(journal, detail))?;
        journal.info(|| "Successfully completed authorizer execution".to_owned());
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let claims = claims.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        Ok(Identity { claims, ..Identity::default() })
    }

    /// Guide, "Control access to a REST API using Amazon Cognito user pools": without scopes the token is an identity
    /// token; with them it is an access token that has one of them.
    fn fits(&self, claims: &Map<String, Value>) -> Result<(), String> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if let Some(expression) = &self.validation {
            let client =
                [text("aud"), text("client_id")].into_iter().find(|c| !c.is_empty()).unwrap_or_default();
            if !expression.is_match(client) {
                return Err(format!("the token's client `{client}` does not match {}", expression.as_str()));
            }
        }
        let used = text("token_use");
        if self.scopes.is_empty() {
            return match used {
                "id" => Ok(()),
                _ => Err(format!(
                    "the method has no authorization scopes, so it takes identity tokens, and this token's \
                     token_use is `{used}`"
                )),
            };
        }
        if used != "access" {
            return Err(format!(
                "the method has authorization scopes, so it takes access tokens, and this token's token_use is `{used}`"
            ));
        }
        let has = |scope: &&str| self.scopes.iter().any(|s| s == scope);
        match text("scope").split(' ').find(has) {
            Some(_) => Ok(()),
            None => Err(format!(
                "the token's scopes are `{}`, and the method asks for one of {}",
                text("scope"),
                self.scopes.join(", ")
            )),
        }
    }
}
