use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::{AuthError, Scope, Timestamp, canonical};

/// The one algorithm.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Headers that a signature may name; more is refused.
const MAX_SIGNED_HEADERS: usize = 200;

/// Where the signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query, for this many seconds from the request's date.
    Presigned {
        /// `X-Amz-Expires`.
        expires: i64,
    },
}

/// What the client says of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: the body's hash is part of what is signed.
    Body,
    /// Its SHA-256 in hexadecimal, which is signed and must be the body's.
    Declared(String),
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// An `aws-chunked` body: one of the `STREAMING-…` values.
    Chunked {
        /// The value of `x-amz-content-sha256`.
        kind: String,
        /// Whether each chunk carries a signature.
        signed: bool,
        /// Whether headers follow the last chunk.
        trailer: bool,
    },
}

/// A signed request, read and not yet proven. It holds what the signature covers, so that the request itself is not
/// needed again.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// The access key id.
    pub access_key_id: String,
    /// The scope's day, `20150830`.
    pub date: String,
    /// The scope's region.
    pub region: String,
    /// The scope's service, by its signing name.
    pub service: String,
    /// When the client says that it signed.
    pub time: Timestamp,
    /// The names of the headers that are signed, in lower case, sorted.
    pub signed_headers: Vec<String>,
    /// The signature as sent.
    pub signature: String,
    /// The session token, of the header or the query.
    pub session_token: Option<String>,
    /// Header or query form.
    pub form: Form,
    /// What the client says of the body.
    pub payload: Payload,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// The canonical headers, the names, and the line break before the payload's hash.
    pub(crate) canonical_headers: String,
}

/// Reads the signature of a request: `path` and `query` as they were sent, not decoded; header names in any case,
/// duplicates in order. `None`: the request is not signed.
///
/// # Errors
/// `IncompleteSignature`, naming everything that is missing, when there is an `Authorization` header or a signature in
/// the query that cannot be read, whatever scheme it is of; `SignatureDoesNotMatch` when the scope does not fit the
/// date or `host` is not signed.
pub fn parse(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &[u8])],
) -> Result<Option<SignedRequest>, AuthError> {
    let parts = if let Some(authorization) = header(headers, "authorization") {
        of_header(&authorization, headers)?
    } else if query.contains("X-Amz-") {
        match of_query(query)? {
            Some(parts) => parts,
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    let scope = Scope::parse(&parts.credential)?;
    let time = Timestamp::parse(&parts.date).ok_or_else(|| {
        AuthError::incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            parts.date
        ))
    })?;
    let day = time.date();
    if scope.date != day {
        return Err(AuthError::mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{}' != '{day}', from '{time}'.",
            scope.date
        )));
    }
    let mut signed_headers: Vec<String> =
        parts.signed_headers.split(';').map(|n| n.trim().to_ascii_lowercase()).collect();
    signed_headers.sort();
    signed_headers.dedup();
    if signed_headers.len() > MAX_SIGNED_HEADERS {
        return Err(AuthError::incomplete(format!(
            "SignedHeaders names more than {MAX_SIGNED_HEADERS} headers."
        )));
    }
    if !signed_headers.iter().any(|n| n == "host" || n == ":authority") {
        return Err(AuthError::mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let mut canonical_headers = String::with_capacity(256);
    for name in &signed_headers {
        canonical::header_line(&mut canonical_headers, name, headers);
    }
    canonical_headers.push('\n');
    for (i, name) in signed_headers.iter().enumerate() {
        if i > 0 {
            canonical_headers.push(';');
        }
        canonical_headers.push_str(name);
    }
    canonical_headers.push('\n');
    let payload = payload(headers, query, parts.form, &scope.service);
    Ok(Some(SignedRequest {
        access_key_id: scope.access_key_id,
        date: scope.date,
        region: scope.region,
        service: scope.service,
        time,
        signed_headers,
        signature: parts.signature,
        session_token: parts.session_token,
        form: parts.form,
        payload,
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        canonical_headers,
    }))
}

struct Parts {
    credential: String,
    signed_headers: String,
    signature: String,
    date: String,
    session_token: Option<String>,
    form: Form,
}

fn header(headers: &[(&str, &[u8])], name: &str) -> Option<String> {
    headers
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| canonical::text(value).trim().to_owned())
}

fn of_header(authorization: &str, headers: &[(&str, &[u8])]) -> Result<Parts, AuthError> {
    // AWS does not repeat a header that may hold somebody's password; it names its hash.
    let hash = || STANDARD.encode(Sha256::digest(authorization.as_bytes()));
    let (algorithm, parameters) = authorization.split_once([' ', ',']).unwrap_or((authorization, ""));
    let (mut credential, mut signature, mut signed) = (None, None, None);
    for parameter in parameters.split(',').flat_map(str::split_ascii_whitespace) {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(AuthError::incomplete(format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and \
                 encoded with Base64): '{}'.",
                hash()
            )));
        };
        match name {
            "Credential" => credential = Some(value),
            "Signature" => signature = Some(value),
            "SignedHeaders" => signed = Some(value),
            _ => {}
        }
    }
    let date = header(headers, "x-amz-date").or_else(|| header(headers, "date"));
    if let (Some(credential), Some(signature), Some(signed), Some(date)) =
        (credential, signature, signed, &date)
    {
        if algorithm != ALGORITHM {
            return Err(AuthError::incomplete(format!(
                "The signature's algorithm '{algorithm}' is not supported here, {ALGORITHM} is."
            )));
        }
        return Ok(Parts {
            credential: credential.to_owned(),
            signed_headers: signed.to_owned(),
            signature: signature.to_owned(),
            date: date.clone(),
            session_token: header(headers, "x-amz-security-token"),
            form: Form::Header,
        });
    }
    let mut text = String::new();
    for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed)] {
        if value.is_none() {
            text.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.push_str(&format!("(Hashed with SHA-256 and encoded with Base64) Authorization={}", hash()));
    Err(AuthError::incomplete(text))
}

/// `None` when the query only happens to hold a parameter whose name begins like a signature's.
fn of_query(query: &str) -> Result<Option<Parts>, AuthError> {
    let algorithm = canonical::parameter(query, "X-Amz-Algorithm");
    let signature = canonical::parameter(query, "X-Amz-Signature");
    if algorithm.is_none() && signature.is_none() {
        return Ok(None);
    }
    let credential = canonical::parameter(query, "X-Amz-Credential");
    let signed = canonical::parameter(query, "X-Amz-SignedHeaders");
    let date = canonical::parameter(query, "X-Amz-Date");
    let session_token = canonical::parameter(query, "X-Amz-Security-Token");
    match (algorithm, credential, signature, signed, date) {
        (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) => {
            if algorithm != ALGORITHM {
                return Err(AuthError::incomplete(format!(
                    "The signature's algorithm '{algorithm}' is not supported here, {ALGORITHM} is."
                )));
            }
            let expires = canonical::parameter(query, "X-Amz-Expires");
            let form = Form::Presigned { expires: expires_of(expires.as_deref())? };
            Ok(Some(Parts { credential, signed_headers, signature, date, session_token, form }))
        }
        (algorithm, credential, signature, signed, date) => {
            let mut missing = String::new();
            for (name, value) in [
                ("X-Amz-Algorithm", algorithm),
                ("X-Amz-Credential", credential),
                ("X-Amz-Signature", signature),
                ("X-Amz-SignedHeaders", signed),
                ("X-Amz-Date", date),
            ] {
                if value.is_none() {
                    missing.push_str(&format!("AWS query-string parameters must include '{name}'. "));
                }
            }
            missing.push_str("Re-examine the query-string parameters.");
            Err(AuthError::incomplete(missing))
        }
    }
}

/// Without `X-Amz-Expires` a presigned request lives as long as a signed one: 5 minutes (reasoning; botocore always
/// sends it, and clients of STS are known to leave it out).
fn expires_of(value: Option<&str>) -> Result<i64, AuthError> {
    const WEEK: i64 = 604_800;
    let Some(value) = value else { return Ok(crate::MAX_SKEW_SECONDS) };
    match value.parse::<i64>() {
        Ok(seconds) if (0..=WEEK).contains(&seconds) => Ok(seconds),
        Ok(seconds) if seconds > WEEK => {
            Err(AuthError::incomplete("X-Amz-Expires must be less than a week (in seconds) that is 604800"))
        }
        Ok(_) => Err(AuthError::incomplete("X-Amz-Expires must be non-negative")),
        Err(_) => Err(AuthError::incomplete("X-Amz-Expires should be a number")),
    }
}

fn payload(headers: &[(&str, &[u8])], query: &str, form: Form, service: &str) -> Payload {
    let declared = header(headers, "x-amz-content-sha256").or_else(|| match form {
        Form::Header => None,
        Form::Presigned { .. } => canonical::parameter(query, "X-Amz-Content-Sha256"),
    });
    match declared.as_deref() {
        // S3's presigned requests never cover the body (S3 API Reference, "Authenticating Requests: Using Query
        // Parameters").
        None if service == "s3" && form != Form::Header => Payload::Unsigned,
        None => Payload::Body,
        Some("UNSIGNED-PAYLOAD") => Payload::Unsigned,
        Some(kind @ "STREAMING-UNSIGNED-PAYLOAD-TRAILER") => {
            Payload::Chunked { kind: kind.to_owned(), signed: false, trailer: true }
        }
        Some(kind @ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") => {
            Payload::Chunked { kind: kind.to_owned(), signed: true, trailer: false }
        }
        Some(kind @ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") => {
            Payload::Chunked { kind: kind.to_owned(), signed: true, trailer: true }
        }
        Some(hash) => Payload::Declared(hash.to_owned()),
    }
}
