//! Calls that nobody signs: an identity provider vouches for the caller (AssumeRoleWithWebIdentity,
//! AssumeRoleWithSAML).

use std::sync::Arc;
use std::time::Duration;

use arn::{AccountId, Arn};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request as HttpRequest, Response, Uri};
use hyper_util::rt::TokioIo;
use identity::KeySet;
use wire::{ApiError, Call, Operation};

use crate::decide::{Surroundings, decide};
use crate::listener::Request;
use crate::state::State;

/// Bytes of a document that an issuer on this machine answers.
const DOCUMENT: usize = 1 << 20;
/// How long an issuer on this machine may take for one document.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an unsigned call comes with.
pub struct Unsigned<'a> {
    /// As it arrived.
    pub request: &'a Request,
    /// The region that the call is for.
    pub region: String,
    /// Its id.
    pub request_id: &'a str,
    /// Milliseconds since 1970.
    pub now_ms: i64,
}

/// Answers an unsigned call and tells `who` made it, once that is proven.
///
/// # Errors
/// As [`iam::Iam::federate`] and [`iam::Iam::grant`], and for inputs that the model refuses.
pub async fn answer(
    state: &Arc<State>,
    operation: &'static Operation,
    unsigned: Unsigned<'_>,
    who: &mut String,
) -> Result<Response<Bytes>, ApiError> {
    let Unsigned { request, region, request_id, now_ms } = unsigned;
    let (input, payload) = wire::parse(operation, &request.head, request.body.clone())?;
    wire::validate(operation, &input)?;
    let role_arn = input.get("RoleArn").and_then(|arn| arn.as_str()).unwrap_or_default();
    let account = Arn::parse(role_arn).ok().and_then(|arn| AccountId::new(&arn.account).ok());
    let invalid = || ApiError::new("ValidationError", 400, format!("{role_arn} is invalid"));
    let account = account.ok_or_else(invalid)?;
    let request_id = request_id.to_owned();
    let call =
        Call { operation: operation.name, account, input, payload, region, request_id, now_ms, trace: None };
    if let Some(issuer) = state.iam.keys_to_fetch(&call) {
        let keys = fetch_keys(&issuer).await.map_err(|cause| unreachable(&issuer, &cause))?;
        state.iam.remember_keys(&issuer, keys, now_ms);
    }
    let federation = state.iam.federate(&call)?;
    *who = federation.caller.principal.arn();
    let around = Surroundings {
        source_ip: Some(&request.head.source_ip),
        user_agent: request.head.text("user-agent"),
        region: &call.region,
        now_ms,
    };
    for check in federation.checks.clone() {
        if !decide(&state.iam, &federation.caller, check, &around)?.allowed {
            return Err(federation.refusal);
        }
    }
    let reply = tokio::task::block_in_place(|| state.iam.grant(&call, &federation))?;
    Ok(wire::render(operation, reply, &call.request_id))
}

/// `IDPCommunicationError`: the words after it are ours.
fn unreachable(issuer: &str, cause: &str) -> ApiError {
    let text = format!("The keys of the identity provider {issuer} could not be fetched: {cause}");
    ApiError::new("IDPCommunicationError", 400, text)
}

/// The keys of an issuer on this machine (OpenID Connect Discovery, 4).
async fn fetch_keys(issuer: &str) -> Result<KeySet, String> {
    let configuration = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: serde_json::Value = serde_json::from_slice(&fetch(&configuration).await?)
        .map_err(|e| format!("{configuration} is no JSON: {e}"))?;
    let text = |member: &str| found.get(member).and_then(|value| value.as_str());
    if text("issuer") != Some(issuer) {
        return Err(format!("{configuration} names another issuer: {}", text("issuer").unwrap_or("none")));
    }
    let keys = text("jwks_uri").ok_or_else(|| format!("{configuration} has no jwks_uri"))?;
    KeySet::parse(&fetch(keys).await?).map_err(|e| format!("{keys}: {e}"))
}

/// A document from this machine; redirections are not followed.
async fn fetch(url: &str) -> Result<Bytes, String> {
    if !identity::is_loopback(url) {
        return Err(format!("{url} is not on this machine, and nothing is fetched from elsewhere"));
    }
    let work = async {
        let uri: Uri = url.parse().map_err(|e| format!("{url}: {e}"))?;
        let authority = uri.authority().ok_or_else(|| format!("{url} has no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        let failed = |e: &dyn std::fmt::Display| format!("{url}: {e}");
        let stream = tokio::net::TcpStream::connect((host, port)).await.map_err(|e| failed(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        let connection = tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = HttpRequest::get(path)
            .header(hyper::header::HOST, authority.as_str())
            .body(Empty::<Bytes>::new())
            .map_err(|e| failed(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), DOCUMENT).collect().await.map_err(|e| failed(&e));
        connection.abort();
        if !status.is_success() {
            return Err(format!("{url} answered {status}"));
        }
        Ok(body?.to_bytes())
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(format!("{url} did not answer within {} s", PATIENCE.as_secs())))
}
