//! Who may come in: signatures, policies, keys.

use std::sync::Arc;

use super::authorizer::LambdaAuthorizer;
use super::call::MethodCall;
use super::compile::Auth;
use super::front_door::{Access, AuthError, AuthorizerPolicy, FrontDoor, Refusal};
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::Failure;
use super::journal::Journal;
use super::trace::{AuthorizerFacts, GatewayTrace, Why};
use super::{ClientRequest, Inner, PrivateDomain, lambda_authorizer};

/// Lets the call in, and notes who makes it when the method asks.
///
/// The order is that of the guide's "How API Gateway resource policies affect authorization workflow".
///
/// # Errors
/// The gateway response for a call that is not let in.
pub(super) async fn admit(
    inner: &Inner,
    door: &dyn FrontDoor,
    call: &mut MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<(), Box<Failure>> {
    match &call.route.auth {
        Auth::None => {}
        Auth::Iam => {
            let began = journal.elapsed_ms();
            let known = door.authenticate(call.request);
            let authenticated = journal.elapsed_ms();
            trace.authenticate_ms = Some(authenticated - began);
            call.caller = Some(known.map_err(not_known)?);
            let allowed = authorize(door, call, true);
            trace.authorize_ms = Some(journal.elapsed_ms() - authenticated);
            return allowed;
        }
        Auth::Lambda(authorizer) => {
            return Box::pin(ask(inner, door, authorizer, call, journal, trace)).await;
        }
        Auth::UserPools(pools) => {
            let (id, name) = (pools.id.clone(), pools.name.clone());
            let facts =
                AuthorizerFacts { id, name, kind: "COGNITO_USER_POOLS", ..AuthorizerFacts::default() };
            trace.authorizer = Some(Box::new(facts));
            call.authorizer = Some(Arc::new(pools.check(door, call, journal)?));
        }
        Auth::Broken(detail) => return Err(lambda_authorizer::failed(journal, detail, None, detail.clone())),
    }
    if call.api.policy.is_some() { authorize(door, call, false) } else { Ok(()) }
}

/// First what the API's policy denies, then the authorizer, then its policy and the API's together.
async fn ask(
    inner: &Inner,
    door: &dyn FrontDoor,
    authorizer: &LambdaAuthorizer,
    call: &mut MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<(), Box<Failure>> {
    let method_arn = call.method_arn();
    let access = access(call, &method_arn, false);
    if call.api.policy.is_some()
        && let Some(refusal) = door.denied_outright(&access)
    {
        return Err(denied(call, refusal));
    }
    let mut facts = Box::new(AuthorizerFacts {
        id: authorizer.id.clone(),
        name: authorizer.name.clone(),
        kind: if authorizer.token { "TOKEN" } else { "REQUEST" },
        ..AuthorizerFacts::default()
    });
    let said =
        lambda_authorizer::ask(&*inner.backend, &inner.authorizers, authorizer, call, journal, &mut facts)
            .await;
    if let Ok((answer, identity)) = &said {
        facts.principal_id.clone_from(&identity.principal_id);
        facts.policy = Some(answer.policy_text.clone());
    }
    trace.authorizer = Some(facts);
    let (answer, identity) = said?;
    let principal_id = identity.principal_id.as_deref().unwrap_or_default();
    let authorizer = Some(AuthorizerPolicy { principal_id, policy: &answer.policy });
    let result = door.authorize(&Access { authorizer, ..access });
    call.authorizer = Some(identity.clone());
    result.map_err(|refusal| {
        let explicit = refusal.explicit_deny;
        Failure::new(
            GatewayResponse::not_let_in(refusal.because.as_deref()),
            Why::AuthorizerDenied { explicit, detail: refusal.detail },
        )
    })
}

fn access<'a>(call: &'a MethodCall<'_>, resource: &'a str, iam: bool) -> Access<'a> {
    Access {
        action: "execute-api:Invoke",
        caller: call.caller.as_ref(),
        resource,
        api_account: &call.api.facts.account,
        policy: call.api.policy.as_deref(),
        authorizer: None,
        iam,
        source_ip: &call.request.source_ip,
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

fn authorize(door: &dyn FrontDoor, call: &MethodCall<'_>, iam: bool) -> Result<(), Box<Failure>> {
    let method_arn = call.method_arn();
    door.authorize(&access(call, &method_arn, iam)).map_err(|refusal| denied(call, refusal))
}

/// Asks the policy of a private custom domain, which decides besides that of the API (guide, "Custom domain names for
/// private APIs").
pub(super) fn through_domain(
    door: &dyn FrontDoor,
    request: &ClientRequest,
    domain: &PrivateDomain,
) -> Result<(), Box<Failure>> {
    let access = Access {
        action: "execute-api:Invoke",
        caller: None,
        resource: &domain.arn,
        api_account: &domain.account,
        policy: domain.policy.as_deref(),
        authorizer: None,
        iam: false,
        source_ip: &request.source_ip,
    };
    let shown = domain.arn.replacen(&domain.account, &masked(&domain.account), 1);
    door.authorize(&access).map_err(|refusal| not_authorized("anonymous", &shown, refusal))
}

/// AWS shows the last four digits of the owner only (published by many).
fn masked(account: &str) -> String {
    format!("********{}", account.get(8..).unwrap_or_default())
}

fn denied(call: &MethodCall<'_>, refusal: Refusal) -> Box<Failure> {
    let caller = call.caller.as_ref().map_or_else(|| "anonymous".to_owned(), |c| c.principal.arn());
    not_authorized(&caller, &call.method_arn_of(&masked(&call.api.facts.account)), refusal)
}

fn not_authorized(caller: &str, resource: &str, refusal: Refusal) -> Box<Failure> {
    let sentence = format!(
        "User: {caller} is not authorized to perform: execute-api:Invoke on resource: {resource}{}",
        refusal.because.map(|because| format!(" {because}")).unwrap_or_default(),
    );
    Failure::new(
        GatewayResponse::access_denied(&sentence),
        Why::NotAuthorized { sentence, detail: refusal.detail },
    )
}
