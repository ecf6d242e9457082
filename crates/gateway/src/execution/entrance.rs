//! Who may come in: signatures, policies, keys.

use std::sync::Arc;

use super::compile::{Auth, Compiled, Route};
use super::front_door::{Access, AuthError, Caller, FrontDoor};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::key::{Key, Place};
use super::trace::Why;
use super::{ClientRequest, Inner};

/// Lets the call in, with its caller when the method asks for one.
///
/// # Errors
/// The gateway response for a call that is not let in. Nobody is let in by a method whose authorizer is not built.
pub(super) fn admit(
    request: &ClientRequest,
    door: &dyn FrontDoor,
    api: &Compiled,
    route: &Route,
    stage: &str,
    path: &str,
    journal: &mut Journal,
) -> Result<Option<Caller>, Box<Failure>> {
    let caller = match &route.auth {
        Auth::None => None,
        Auth::Iam => Some(door.authenticate(request).map_err(not_known)?),
        Auth::NotSupported(kind) => {
            journal.error(|| {
                format!(
                    "Execution failed due to configuration error: {kind} authorizers are not supported yet"
                )
            });
            return Err(Failure::new(
                GatewayResponse::authorizer_configuration(),
                Why::AuthorizerNotSupported { kind: kind.clone() },
            ));
        }
    };
    if caller.is_some() || api.policy.is_some() {
        authorize(request, door, api, caller.as_ref(), stage, path)?;
    }
    Ok(caller)
}

/// The key that opens a method, when it asks for one. A missing, unknown or disabled key, and one that no usage plan
/// joins with the stage, are answered alike.
pub(super) fn key(
    inner: &Inner,
    request: &ClientRequest,
    api: &Compiled,
    route: &Route,
    stage: &str,
) -> Result<Option<Arc<Key>>, Box<Failure>> {
    if !route.api_key {
        return Ok(None);
    }
    let given = request.header("x-api-key").filter(|k| !k.is_empty() && k.len() <= 128);
    let facts = &api.facts;
    let place = Place { account: &facts.account, region: &facts.region, api: &facts.api_id, stage };
    let found = match given {
        Some(value) => inner.keys.find(&inner.store, &place, value).map_err(|e| {
            let why = Why::Configuration { detail: e.to_string() };
            Failure::new(GatewayResponse::internal(ResponseType::Default5xx, 500), why)
        })?,
        None => None,
    };
    match found {
        Some(key) => Ok(Some(key)),
        None => {
            let why = Why::ApiKey { given: given.is_some() };
            Err(Failure::new(GatewayResponse::invalid_api_key(), why))
        }
    }
}

fn not_known(error: AuthError) -> Box<Failure> {
    use ResponseType::{ExpiredToken, InvalidSignature, MissingAuthenticationToken};
    let (response, detail) = match error {
        AuthError::Missing => {
            (GatewayResponse::missing_authentication_token(), "the request is not signed".to_owned())
        }
        AuthError::InvalidToken(detail) => (
            GatewayResponse::signature(
                ResponseType::AccessDenied,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            detail,
        ),
        AuthError::InvalidSignature(text) => {
            (GatewayResponse::signature(InvalidSignature, "InvalidSignatureException", &text), text)
        }
        AuthError::Expired => {
            let text = "The security token included in the request is expired";
            (GatewayResponse::signature(ExpiredToken, "ExpiredTokenException", text), text.to_owned())
        }
        AuthError::Incomplete(text) => {
            let kind = MissingAuthenticationToken;
            (GatewayResponse::signature(kind, "IncompleteSignatureException", &text), text)
        }
    };
    Failure::new(response, Why::AuthFailed { detail })
}

fn authorize(
    request: &ClientRequest,
    door: &dyn FrontDoor,
    api: &Compiled,
    caller: Option<&Caller>,
    stage: &str,
    path: &str,
) -> Result<(), Box<Failure>> {
    let facts = &api.facts;
    // The verb and path of the request here, where a source ARN has the configured method and the template.
    let resource = |account: &str| {
        format!(
            "arn:{}:execute-api:{}:{account}:{}/{stage}/{}{path}",
            arn::Arn::partition_of(&facts.region),
            facts.region,
            facts.api_id,
            request.method,
        )
    };
    let access = Access {
        caller,
        resource: &resource(&facts.account),
        api_account: &facts.account,
        policy: api.policy.as_deref(),
        iam: caller.is_some(),
        source_ip: &request.source_ip,
    };
    door.authorize(&access).map_err(|refusal| {
        // AWS shows the last four digits of the owner only (published by many).
        let masked = format!("********{}", facts.account.get(8..).unwrap_or_default());
        let sentence = format!(
            "User: {} is not authorized to perform: execute-api:Invoke on resource: {}{}",
            caller.map_or_else(|| "anonymous".to_owned(), |c| c.principal.arn()),
            resource(&masked),
            if refusal.explicit_deny { " with an explicit deny" } else { "" },
        );
        Failure::new(
            GatewayResponse::access_denied(&sentence),
            Why::NotAuthorized { sentence, detail: refusal.detail },
        )
    })
}
