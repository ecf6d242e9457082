use std::sync::Arc;

use policy::{Context, Policy, Principal};
use serde_json::{Map, Value};

use super::ClientRequest;

/// How the gateway learns who calls, and whether the API's policy and the caller's own let the call in. Made by the
/// server for one request, so that it may hold what the signature was computed over (the target before any rewriting).
/// Asked only when a method or an API needs it.
pub trait FrontDoor: UserPoolTokens + Send + Sync {
    /// Verifies the request's Signature Version 4, in headers or query.
    ///
    /// # Errors
    /// Why the caller is not known.
    fn authenticate(&self, request: &ClientRequest) -> Result<Caller, AuthError>;

    /// Decides whether the client may do [`Access::action`].
    ///
    /// # Errors
    /// Why the call is not let in.
    fn authorize(&self, access: &Access<'_>) -> Result<(), Refusal>;

    /// Whether the API's resource policy denies the call outright, whatever an authorizer will say. Asked before a
    /// Lambda authorizer is (guide, "How API Gateway resource policies affect authorization workflow").
    fn denied_outright(&self, access: &Access<'_>) -> Option<Refusal>;
}

/// Who knows the keys of user pools.
pub trait UserPoolTokens {
    /// Verifies a token of one of the user pools (ARNs): its signature, issuer and expiry.
    ///
    /// # Errors
    /// Why it is not accepted.
    fn user_pool_token(&self, token: &str, pools: &[String]) -> Result<Map<String, Value>, TokenError>;
}

/// An authenticated client.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// The condition keys that come with the caller (`aws:PrincipalTag/…`, `aws:MultiFactorAuthPresent`, …), for calls
    /// made in its name.
    pub context: Context,
    /// The access key id that signed.
    pub access_key: String,
    /// `AIDA…`, `AROA…:session`, or the account id for a root user.
    pub user_id: String,
}

/// What [`FrontDoor::authorize`] decides about.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// `execute-api:Invoke` or `execute-api:InvalidateCache`.
    pub action: &'static str,
    /// The client; `None` when the method asks for no signature.
    pub caller: Option<&'a Caller>,
    /// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/VERB/path`, the verb and path of this request.
    pub resource: &'a str,
    /// The API's owner.
    pub api_account: &'a str,
    /// The API's resource policy, as deployed, if it has one.
    pub policy: Option<&'a str>,
    /// What a Lambda authorizer returned: counts as the caller's own policy does.
    pub authorizer: Option<AuthorizerPolicy<'a>>,
    /// Whether the caller's own policies count (`AWS_IAM`); if not, only the API's does.
    pub iam: bool,
    /// The client's address.
    pub source_ip: &'a str,
}

/// The policy that a Lambda authorizer returned.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizerPolicy<'a> {
    /// Whom the authorizer found.
    pub principal_id: &'a str,
    /// What it may do.
    pub policy: &'a Arc<Policy>,
}

/// Why a user pool's token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Its time is over: 401 `The incoming token has expired`.
    Expired,
    /// Anything else: 401 `Unauthorized`.
    Refused(String),
}

/// Why a caller is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Not signed: 403 `Missing Authentication Token`.
    Missing,
    /// The access key is unknown: 403 `The security token included in the request is invalid.`
    InvalidToken(String),
    /// The signature or its date is wrong: 403 with the text given, in AWS's words.
    InvalidSignature(String),
    /// The session is over: 403 `The security token included in the request is expired`.
    Expired,
    /// The signature's parts are incomplete or malformed: 403 with the text given.
    Incomplete(String),
}

/// Why a call is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether a Deny statement matched.
    pub explicit_deny: bool,
    /// Which kind of policy refuses, as AWS ends its sentence: `because no … policy allows the … action`, `with an
    /// explicit deny in …`. `None` when no policy came to a decision.
    pub because: Option<String>,
    /// What happened, for the trace.
    pub detail: String,
}
