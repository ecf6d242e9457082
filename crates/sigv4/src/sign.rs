use sha2::{Digest, Sha256};

use crate::parse::ALGORITHM;
use crate::{SigningKey, Timestamp, canonical};

/// An access key.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path as it will be sent, encoded.
    pub path: &'a str,
    /// The query as it will be sent, without `?`; empty when there is none.
    pub query: &'a str,
    /// The headers to sign. `host` must be among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope.
    pub service: &'a str,
    /// The time, seconds since 1970.
    pub now: i64,
}

/// The SHA-256 of a body, in hexadecimal.
#[must_use]
pub fn sha256_hex(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Signs a request in its headers: the headers to add to it, `x-amz-date`, `x-amz-security-token` where there is a
/// session, and `authorization`. `payload_hash` is [`sha256_hex`] of the body, or `UNSIGNED-PAYLOAD`, in which case
/// `x-amz-content-sha256` must be among the request's headers.
#[must_use]
pub fn sign(request: &Request<'_>, payload_hash: &str, credentials: &Credentials) -> Vec<(String, String)> {
    let time = Timestamp::from_seconds(request.now);
    let mut added = vec![("x-amz-date".to_owned(), time.to_string())];
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token".to_owned(), token.clone()));
    }
    let mut headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    headers.extend(added.iter().map(|(n, v)| (n.as_str(), v.as_bytes())));
    let query = canonical::query(request.query, b' ');
    let (signature, names) = signature(request, time, &query, &headers, payload_hash, credentials);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id,
        scope(request, time)
    );
    added.push(("authorization".to_owned(), authorization));
    added
}

/// Signs a request in its query: the whole query to send. The request is good for `expires` seconds, a week at
/// most.
#[must_use]
pub fn presign(request: &Request<'_>, payload_hash: &str, credentials: &Credentials, expires: u32) -> String {
    let time = Timestamp::from_seconds(request.now);
    let headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    let credential = format!("{}/{}", credentials.access_key_id, scope(request, time));
    let mut query = request.query.to_owned();
    let names = names(&headers).join(";");
    let mut add = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.push_str(&canonical::encode(value.as_bytes()));
    };
    add("X-Amz-Algorithm", ALGORITHM);
    add("X-Amz-Credential", &credential);
    add("X-Amz-Date", &time.to_string());
    add("X-Amz-Expires", &expires.to_string());
    add("X-Amz-SignedHeaders", &names);
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    let (signature, _) =
        signature(request, time, &canonical::query(&query, b' '), &headers, payload_hash, credentials);
    format!("{query}&X-Amz-Signature={signature}")
}

fn scope(request: &Request<'_>, time: Timestamp) -> String {
    format!("{}/{}/{}/aws4_request", time.date(), request.region, request.service)
}

fn names(headers: &[(&str, &[u8])]) -> Vec<String> {
    let mut names: Vec<String> = headers.iter().map(|(n, _)| n.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names
}

fn signature(
    request: &Request<'_>,
    time: Timestamp,
    query: &str,
    headers: &[(&str, &[u8])],
    payload_hash: &str,
    credentials: &Credentials,
) -> (String, String) {
    let path = if request.service == "s3" { request.path.to_owned() } else { canonical::path(request.path) };
    let names = names(headers);
    let mut text = format!("{}\n{path}\n{query}\n", request.method);
    for name in &names {
        canonical::header_line(&mut text, name, headers);
    }
    let names = names.join(";");
    text.push_str(&format!("\n{names}\n{payload_hash}"));
    let to_sign = format!("{ALGORITHM}\n{time}\n{}\n{}", scope(request, time), sha256_hex(text.as_bytes()));
    let key =
        SigningKey::derive(&credentials.secret_access_key, &time.date(), request.region, request.service);
    (key.signature(&to_sign), names)
}
