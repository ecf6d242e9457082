//! Who may come in: signatures, policies, keys.

use super::compile::{Auth, Compiled, Route};
use super::front_door::{Access, AuthError, Caller, FrontDoor};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::trace::Why;
use super::ClientRequest;

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
                format!("Execution failed due to configuration error: {kind} authorizers are not supported yet")
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
    if route.api_key {
        let given = request.header("x-api-key").is_some_and(|k| !k.is_empty());
        // No key can exist: CreateApiKey is not built. Every key is unknown, which AWS answers as a missing one.
        return Err(Failure::new(GatewayResponse::invalid_api_key(), Why::ApiKey { given }));
    }
    Ok(caller)
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
