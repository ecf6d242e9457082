//! The journey of a call to a deployed API: the front door's questions, and the gateway's request and answer in
//! the listener's terms.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arn::AccountId;
use bytes::Bytes;
use gateway::execution::{
    Access, AuthError, AuthorizerPolicy, Caller as GatewayCaller, ClientRequest, ClientResponse,
    CustomDomain, FrontDoor, GatewayTrace, Handled, MAX_BODY, PrivateDomain, Refusal, ResponseType, Stream,
    TokenError, UserPoolTokens, Why,
};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode, Version};
use iam::Caller;
use policy::{Check, Context, Policy, PolicyKind, Principal};
use serde_json::{Map, Value};
use sigv4::{AuthErrorKind, SignedRequest};

use crate::caller::Signer;
use crate::decide::{Surroundings, Verdict, decide, decided, decided_by_authorizer};
use crate::listener::{Body, BodySender, Head, Request};
use crate::state::State;
use crate::trace::{Decided, record_decision};
use crate::user_pool;

/// When a call came.
#[derive(Clone, Copy)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub ms: i64,
    /// The same by the clock that only goes forward.
    pub at: Instant,
}

/// Where a call goes.
pub struct Destination<'a> {
    /// The API's id.
    pub api: Cow<'a, str>,
    /// Begins with the stage.
    pub path: Cow<'a, str>,
    /// The host that was called, with its port if that was sent.
    pub host: &'a str,
    /// What a custom domain adds.
    pub domain: Option<CustomDomain>,
    /// The VPC endpoint that the client came through.
    pub endpoint: Option<Cow<'a, str>>,
    /// Whether the body was over API Gateway's limit, and is not there.
    pub too_large: bool,
}

/// The name of a client whom nobody knows.
pub const ANONYMOUS: Cow<'static, str> = Cow::Borrowed("anonymous");

/// An answer to a call.
pub struct Answer {
    pub response: Response<Body>,
    /// The client's name.
    pub caller: Cow<'static, str>,
    pub trace: Box<GatewayTrace>,
    /// Of a response that is passed on as it comes: what is to be passed on, and where to.
    pub stream: Option<(Box<Stream>, BodySender)>,
}

/// Answers a call to an API, which came at `came` under the id `request_id`.
pub fn answer<'a>(
    state: &'a Arc<State>,
    request: &'a Request,
    to: Destination<'_>,
    request_id: &str,
    came: Moment,
) -> impl Future<Output = Answer> + Send + 'a {
    let endpoint = to.endpoint.clone().map(Cow::into_owned);
    let domain = to.domain.as_ref().and_then(|domain| domain.private.clone());
    let door = Door { state, request, now_ms: came.ms, endpoint, domain, signer: OnceLock::new() };
    let call = client_request(request, to, request_id, came);
    // What it was made from is not kept meanwhile.
    async move {
        let Handled { response: head, trace, stream } = state.execution.handle(call, &door).await;
        let caller = door.signer.get().map_or(ANONYMOUS, |s| s.caller.principal.arn().into());
        let mut response = response(head);
        let stream = stream.map(|stream| {
            let (sender, body) = Body::stream();
            *response.body_mut() = body;
            (stream, sender)
        });
        Answer { response, caller, trace, stream }
    }
}

fn client_request(
    request: &Request,
    to: Destination<'_>,
    request_id: &str,
    came: Moment,
) -> Box<ClientRequest> {
    let Destination { api, path, host, domain: custom_domain, endpoint, too_large } = to;
    let head = &request.head;
    // A host name is too short for what `str` has for searching.
    let (domain, port) = match host.bytes().rposition(|byte| byte == b':') {
        Some(colon) => (&host[..colon], host[colon + 1..].parse().ok()),
        None => (host, None),
    };
    Box::new(ClientRequest {
        api_id: api.into_owned(),
        path: path.into_owned(),
        custom_domain,
        vpc_endpoint: endpoint.map(Cow::into_owned),
        query: head.query().to_owned(),
        method: head.verb(),
        headers: head.original_headers(),
        body: request.body.clone(),
        body_too_large: too_large,
        source_ip: head.source_ip.clone(),
        domain_name: domain.to_owned(),
        port: port.unwrap_or_else(|| head.local.port()),
        tls: false,
        protocol: if head.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
        request_id: request_id.to_owned(),
        extended_request_id: extended_id(),
        now_ms: came.ms,
        began: came.at,
    })
}

/// In the shape of AWS's, for example `Ab3dEFghIjKlMnQ=`.
fn extended_id() -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = [b'='; 16];
    for (letter, random) in id.iter_mut().zip(crate::random::random::<15>()) {
        *letter = letters[usize::from(random) % letters.len()];
    }
    // All of it is ASCII.
    std::str::from_utf8(&id).unwrap_or_default().to_owned()
}

fn response(answer: ClientResponse) -> Response<Body> {
    let mut response = Response::new(Body::Full(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = HeaderMap::with_capacity(answer.headers.len());
    for (name, value) in answer.headers {
        let name = known_name(&name).map_or_else(|| HeaderName::from_bytes(&name), Ok);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The names that nearly every answer has, which need not be made anew for each.
fn known_name(name: &[u8]) -> Option<HeaderName> {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
    const EXTENDED_ID: HeaderName = HeaderName::from_static("x-amz-apigw-id");
    match name {
        b"Content-Type" => Some(CONTENT_TYPE),
        b"x-amzn-RequestId" => Some(REQUEST_ID),
        b"x-amz-apigw-id" => Some(EXTENDED_ID),
        _ => None,
    }
}

/// Answers the gateway's questions about the client of one request.
struct Door<'a> {
    state: &'a State,
    request: &'a Request,
    now_ms: i64,
    /// The VPC endpoint that the client came through.
    endpoint: Option<String>,
    /// The private custom domain that it called by.
    domain: Option<Arc<PrivateDomain>>,
    signer: OnceLock<Signer>,
}

impl Door<'_> {
    fn head(&self) -> &Head {
        &self.request.head
    }

    fn around<'a>(&'a self, region: &'a str, source_ip: &'a str) -> Surroundings<'a> {
        let user_agent = self.head().text("user-agent");
        // Through an endpoint there is `aws:VpcSourceIp` instead (User Guide, `aws:SourceIp`).
        let source_ip = Some(source_ip).filter(|_| self.endpoint.is_none());
        Surroundings { source_ip, user_agent, region, now_ms: self.now_ms }
    }
}

impl FrontDoor for Door<'_> {
    fn authenticate(&self, _: &ClientRequest) -> Result<GatewayCaller, AuthError> {
        let head = self.head();
        let signed: SignedRequest =
            sigv4::parse(head.method.as_str(), head.path(), head.query(), &head.signed())
                .map_err(|e| worded(&e))?
                .ok_or(AuthError::Missing)?;
        let proven = signed
            .check_scope("execute-api", None)
            .and_then(|()| self.state.callers.prove(&signed, &self.request.body, head, self.now_ms));
        let signer = proven.map_err(|e| worded(&e))?;
        let context = self
            .state
            .iam
            .principal_context(&signer.caller)
            .map_err(|e| AuthError::InvalidToken(e.to_string()))?;
        let user_id = context.get("aws:userid").and_then(|v| v.first()).cloned().unwrap_or_default();
        let caller = GatewayCaller {
            principal: signer.caller.principal.clone(),
            context,
            access_key: signer.access_key_id.clone(),
            user_id,
        };
        // Set once a request: the gateway asks once.
        let _ = self.signer.set(signer);
        Ok(caller)
    }

    fn authorize(&self, access: &Access<'_>) -> Result<(), Refusal> {
        let check = self.check(access)?;
        let caller = match (access.iam, self.signer.get()) {
            (true, Some(signer)) => signer.caller.clone(),
            _ => Caller::from(Principal::Anonymous),
        };
        let region = region(access);
        let around = self.around(region, access.source_ip);
        let verdict = match &access.authorizer {
            Some(authorizer) => return self.with_authorizer(authorizer, check, &around),
            None => decide(&self.state.iam, &caller, check, &around).map_err(|e| refused(e.to_string()))?,
        };
        if verdict.allowed { Ok(()) } else { Err(refusal(verdict)) }
    }

    fn denied_outright(&self, access: &Access<'_>) -> Option<Refusal> {
        let decided = self.check(access).and_then(|check| self.by_policy_alone(check, access));
        match decided {
            Ok(decided) => {
                let verdict = Verdict::of(&decided);
                verdict.explicit.then(|| {
                    record_decision(decided);
                    refusal(verdict)
                })
            }
            Err(refusal) => Some(refusal),
        }
    }
}

impl UserPoolTokens for Door<'_> {
    fn user_pool_token(&self, token: &str, pools: &[String]) -> Result<Map<String, Value>, TokenError> {
        user_pool::verify(self.state.iam.issuers(), token, pools, self.now_ms)
    }
}

fn region<'a>(access: &Access<'a>) -> &'a str {
    access.resource.split(':').nth(3).unwrap_or_default()
}

fn refused(detail: String) -> Refusal {
    Refusal { explicit_deny: false, because: None, detail }
}

fn refusal(verdict: Verdict) -> Refusal {
    Refusal {
        explicit_deny: verdict.explicit,
        because: verdict.because,
        detail: verdict.sentence.unwrap_or_default(),
    }
}

impl Door<'_> {
    fn check(&self, access: &Access<'_>) -> Result<Check, Refusal> {
        let policy = match access.policy {
            Some(text) => Some(Arc::new(
                Policy::parse("resource policy of the API", text, PolicyKind::Resource)
                    .map_err(|e| refused(format!("the API's resource policy cannot be read: {e}")))?,
            )),
            None => None,
        };
        let mut context = Context::new();
        if let Some(referer) = self.head().text("referer") {
            context.set("aws:referer", referer);
        }
        if let Some(endpoint) = &self.endpoint {
            context.set("aws:SourceVpce", endpoint.as_str());
            context.set("aws:VpcSourceIp", access.source_ip);
        }
        if let Some(domain) = &self.domain {
            context.set("execute-api:viaDomainArn", domain.arn.as_str());
        }
        Ok(Check {
            action: access.action.to_owned(),
            resource: access.resource.to_owned(),
            resource_account: AccountId::new(access.api_account).ok(),
            resource_policy: policy,
            context,
        })
    }

    /// What the API's policy says of a client whom nobody knows.
    fn by_policy_alone(&self, check: Check, access: &Access<'_>) -> Result<Decided, Refusal> {
        let around = self.around(region(access), access.source_ip);
        let nobody = Caller::from(Principal::Anonymous);
        decided(&self.state.iam, &nobody, check, &around, &Context::new()).map_err(|e| refused(e.to_string()))
    }

    /// The authorizer's policy and the API's, each by itself, put together by table A of the guide's "How API Gateway
    /// resource policies affect authorization workflow": a Deny of either wins, then an Allow of either.
    fn with_authorizer(
        &self,
        authorizer: &AuthorizerPolicy<'_>,
        check: Check,
        around: &Surroundings<'_>,
    ) -> Result<(), Refusal> {
        let iam = &self.state.iam;
        let failed = |e: wire::ApiError| refused(e.to_string());
        let mut both = Vec::new();
        if check.resource_policy.is_some() {
            let nobody = Caller::from(Principal::Anonymous);
            both.push(decided(iam, &nobody, check.clone(), around, &Context::new()).map_err(failed)?);
        }
        let alone = Check { resource_policy: None, ..check };
        let policy = authorizer.policy.clone();
        both.push(
            decided_by_authorizer(iam, authorizer.principal_id, policy, alone, around).map_err(failed)?,
        );
        let verdict = |decided: &Decided| Verdict::of(decided);
        let at = both.iter().position(|d| verdict(d).explicit);
        let at = at.or_else(|| both.iter().position(|d| verdict(d).allowed)).unwrap_or(both.len() - 1);
        // The one that settled it is told; the other changed nothing.
        let settled = both.swap_remove(at);
        let verdict = Verdict::of(&settled);
        record_decision(settled);
        if verdict.allowed { Ok(()) } else { Err(refusal(verdict)) }
    }
}

fn worded(error: &sigv4::AuthError) -> AuthError {
    match error.kind {
        AuthErrorKind::MissingAuthenticationToken => AuthError::Missing,
        AuthErrorKind::InvalidToken => AuthError::InvalidToken(error.message.clone()),
        AuthErrorKind::SignatureDoesNotMatch | AuthErrorKind::RequestExpired => {
            AuthError::InvalidSignature(error.message_with_expected())
        }
        AuthErrorKind::ExpiredToken => AuthError::Expired,
        AuthErrorKind::IncompleteSignature => AuthError::Incomplete(error.message.clone()),
    }
}

/// A custom domain without a mapping for the path: 403, as for an unknown stage (AWS's knowledge centre, "403 errors of
/// custom domains").
pub fn unmapped(head: &Head, base_paths: Vec<String>, request_id: &str) -> (Response<Body>, GatewayTrace) {
    forbidden(Why::NoBasePath { domain: head.host().to_owned(), base_paths }, request_id)
}

/// The header by which a client names the VPC endpoint through which it comes to a private API or a private custom domain,
/// where the host name does not: this server's own, in the place of a network.
pub const ENDPOINT: HeaderName = HeaderName::from_static("x-crossgate-vpc-endpoint");

/// A private custom domain to which no VPC endpoint leads: 403 (guide, "Share your private custom domain name", of rejected
/// associations).
pub fn not_associated(
    head: &Head,
    endpoints: Vec<String>,
    request_id: &str,
) -> (Response<Body>, GatewayTrace) {
    let named = head.text(ENDPOINT).map(str::to_owned);
    forbidden(Why::NoEndpoint { domain: head.host().to_owned(), named, endpoints }, request_id)
}

fn forbidden(why: Why, request_id: &str) -> (Response<Body>, GatewayTrace) {
    let trace = GatewayTrace {
        status: 403,
        response_type: Some(ResponseType::Default4xx),
        why: Some(why),
        ..GatewayTrace::default()
    };
    let headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ForbiddenException")];
    (turned_away(403, &headers, r#"{"message":"Forbidden"}"#.to_owned(), request_id), trace)
}

/// A `Content-Length` over API Gateway's limit: refused before any API sees it, so that no gateway response dresses the
/// answer (published by many who received it, one of them with the missing CORS headers of the API's gateway responses).
pub fn length_exceeded(request_id: &str) -> (Response<Body>, GatewayTrace) {
    let trace = GatewayTrace {
        status: 413,
        response_type: Some(ResponseType::RequestTooLarge),
        why: Some(Why::BodyTooLarge),
        ..GatewayTrace::default()
    };
    let text = format!("HTTP content length exceeded {MAX_BODY} bytes.");
    (turned_away(413, &[("Content-Type", "text/plain")], text, request_id), trace)
}

/// An answer to a call that reached no API.
fn turned_away(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: String,
    request_id: &str,
) -> Response<Body> {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (text(name), text(value))).collect();
    headers.push((text("x-amzn-RequestId"), Bytes::from(request_id.to_owned())));
    response(ClientResponse { status, headers, body: Bytes::from(body) })
}
