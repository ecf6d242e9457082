//! A web identity: the claims of a token, checked as AssumeRoleWithWebIdentity checks them.

use identity::{Token, without_scheme};
use policy::Context;
use serde_json::{Map, Value, json};
use wire::{ApiError, Call};

use super::oidc;
use crate::Iam;
use crate::caller::SessionKind;
use crate::error::Fail;
use crate::federation::{Identity, bounded_tags, expired, invalid_token, role_account};
use crate::model::Tag;
use crate::render::object;

/// Issuers that AWS knows without a provider in the account; policies name them by host (User Guide,
/// id_roles_providers_oidc). Their audiences are not registered: the trust policy must look at `aud`.
const KNOWN: [&str; 2] = ["accounts.google.com", "cognito-identity.amazonaws.com"];
/// Where a token carries session tags and the source identity (User Guide, id_session-tags and
/// id_credentials_temp_control-access_monitor).
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

fn read(call: &Call) -> Result<Token, Fail> {
    // Recorded in public reports, for example kubernetes-sigs and terraform forums.
    Token::parse(call.required("WebIdentityToken")).map_err(|_| {
        invalid_token(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
    })
}

impl Iam {
    /// The issuer whose keys must be fetched before `call` can be answered: it is plain HTTP on this machine, and its
    /// keys are neither given nor known. Hand what it answers to [`Iam::remember_keys`].
    #[must_use]
    pub fn keys_to_fetch(&self, call: &Call) -> Option<String> {
        let token = Token::parse(call.text("WebIdentityToken")?).ok()?;
        let issuer = token.text("iss")?;
        // Only issuers that some account has made a provider for are asked.
        let account = role_account(call).ok()?;
        self.read(|store| oidc::of_issuer(store, &account, issuer)).ok()??;
        let wanted = self.issuers().should_fetch(issuer, token.key_id(), call.now_ms);
        wanted.then(|| issuer.to_owned())
    }

    /// Remembers the keys that an issuer on this machine answered.
    pub fn remember_keys(&self, issuer: &str, keys: identity::KeySet, now_ms: i64) {
        self.issuers().remember(issuer, keys, now_ms);
    }
}

/// Proves the token of `call`. Texts are those of public reports, except where marked as ours.
pub(crate) fn identity(iam: &Iam, call: &Call) -> Result<Identity, Fail> {
    if let Some(provider) = call.text("ProviderId") {
        // OAuth 2.0 access tokens are opaque: only the provider's own service could tell what they mean.
        return Err(Fail(ApiError::new(
            "NotImplemented",
            501,
            format!(
                "crossgate does not verify OAuth 2.0 access tokens of {provider}; send an OpenID Connect ID token \
                 without ProviderId"
            ),
        )));
    }
    let account = role_account(call)?;
    let token = read(call)?;
    let required = |claim: &str| {
        token.text(claim).ok_or_else(|| invalid_token(format!("Missing a required claim: {claim}")))
    };
    let issuer = required("iss")?;
    let host = without_scheme(issuer);
    let (provider, clients) = if KNOWN.contains(&host) {
        (host.to_owned(), None)
    } else {
        let found = iam.read(|store| oidc::of_issuer(store, &account, issuer))?;
        let found = found.ok_or_else(|| {
            let shown = if issuer.contains("://") { issuer.to_owned() } else { format!("https://{issuer}") };
            invalid_token(format!("No OpenIDConnect provider found in your account for {shown}"))
        })?;
        (found.arn, Some(found.clients))
    };
    let keys = iam.issuers().keys(issuer).ok_or_else(|| no_key(issuer))?;
    if !keys.has(token.key_id()) {
        return Err(no_key(issuer));
    }
    if !token.is_signed_by(&keys) {
        // Our wording.
        return Err(invalid_token("The signature of the web identity token is invalid"));
    }
    in_time(&token, call.now_ms.div_euclid(1_000))?;
    let subject = required("sub")?;

    // Where a token names the party that it was issued to, that is its client (OpenID Connect Core, 2; for Google:
    // User Guide, reference_policies_iam-condition-keys, `aud` and `oaud`).
    let audiences = token.texts("aud");
    let authorized = token.text("azp");
    let parties = authorized.map_or_else(|| audiences.clone(), |party| vec![party]);
    let client = match &clients {
        None => parties.first(),
        Some(clients) => parties.iter().find(|party| clients.iter().any(|client| client == *party)),
    };
    let client = *client.ok_or_else(|| invalid_token("Incorrect token audience"))?;

    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut kept =
        vec![(format!("{host}:aud"), owned(&parties)), (format!("{host}:sub"), vec![subject.to_owned()])];
    if authorized.is_some() {
        kept.push((format!("{host}:oaud"), owned(&audiences)));
    }
    let methods = token.texts("amr");
    if !methods.is_empty() {
        kept.push((format!("{host}:amr"), owned(&methods)));
    }
    let mut context = Context::new();
    for (key, values) in &kept {
        context.set_all(key.clone(), values.clone());
    }
    let (tags, transitive) = tags(&token)?;
    bounded_tags(&tags, &transitive)?;
    // Provider: the ARN, as recorded answers of EKS and SPIFFE identities show (the API Reference says the issuer).
    let told: Map<String, Value> = object(json!({
        "SubjectFromWebIdentityToken": subject,
        "Audience": client,
        "Provider": provider,
    }));
    Ok(Identity {
        kind: SessionKind::WebIdentity,
        provider,
        session_name: call.required("RoleSessionName").to_owned(),
        tags,
        transitive,
        source_identity: source_identity(&token)?,
        context,
        kept,
        longest_s: None,
        told,
    })
}

/// What AWS says when it cannot get the issuer's keys, and what makes them known here.
fn no_key(issuer: &str) -> Fail {
    let shown = if issuer.contains("://") { issuer.to_owned() } else { format!("https://{issuer}") };
    let next = if identity::is_loopback(issuer) {
        format!("{shown} has no such key in the jwks_uri of its /.well-known/openid-configuration")
    } else {
        format!(
            "nothing is fetched from the network; start the server with --jwks {shown}=FILE, where FILE holds \
                 what the issuer's jwks_uri answers"
        )
    };
    invalid_token(format!(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
         documentation for requirements (crossgate: {next})"
    ))
}

/// `exp` is required, as `iat` is (API Reference, AssumeRoleWithWebIdentity); `nbf` counts where it stands. Clocks are
/// taken to agree within five minutes for what lies in the future, as they are for signatures [reasoned].
fn in_time(token: &Token, now_s: i64) -> Result<(), Fail> {
    const SKEW_S: i64 = 300;
    let required = |claim: &str| {
        token.seconds(claim).ok_or_else(|| invalid_token(format!("Missing a required claim: {claim}")))
    };
    let ends = required("exp")?;
    if ends <= now_s {
        return Err(expired(format!(
            "Token expired: current date/time {now_s} must be before the expiration date/time {ends}"
        )));
    }
    let begins = required("iat")?.max(token.seconds("nbf").unwrap_or(i64::MIN));
    if begins > now_s.saturating_add(SKEW_S) {
        // Our wording.
        return Err(invalid_token(format!(
            "Token not yet valid: current date/time {now_s} must not be before {begins} (iat, nbf)"
        )));
    }
    Ok(())
}

/// One string, as a list of one or by itself.
fn single(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(list) if list.len() == 1 => list.first()?.as_str(),
        _ => None,
    }
}

/// Session tags, nested below one claim or flattened into several (User Guide, id_session-tags, "Passing session tags
/// using AssumeRoleWithWebIdentity").
fn tags(token: &Token) -> Result<(Vec<Tag>, Vec<String>), Fail> {
    let nested = token.claim(TAGS).and_then(Value::as_object);
    let prefix = format!("{TAGS}/principal_tags/");
    let in_one = nested
        .and_then(|claim| claim.get("principal_tags"))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value));
    let in_many = token.claims().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
    let mut tags = Vec::new();
    for (key, value) in in_one.chain(in_many) {
        let value = single(value).ok_or_else(|| {
            // Our wording. Documented: one value for each tag.
            invalid_token(format!("The session tag {key} in the token must have one value"))
        })?;
        tags.push(Tag { key: key.to_owned(), value: value.to_owned() });
    }
    let flat = format!("{TAGS}/transitive_tag_keys");
    let transitive = nested.and_then(|claim| claim.get("transitive_tag_keys")).or_else(|| token.claim(&flat));
    let transitive = match transitive {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(key)) => vec![key.clone()],
        _ => Vec::new(),
    };
    Ok((tags, transitive))
}

/// The claim that sets the source identity, of the form that AssumeRole demands.
fn source_identity(token: &Token) -> Result<Option<String>, Fail> {
    let Some(claim) = token.claim(SOURCE_IDENTITY) else { return Ok(None) };
    let text = single(claim).filter(|text| is_source_identity(text)).ok_or_else(|| {
        invalid_token("Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"")
    })?;
    Ok(Some(text.to_owned()))
}

/// User Guide, troubleshoot_saml; names of sessions have the same form.
pub(crate) fn is_source_identity(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (2..=64).contains(&text.len()) && text.chars().all(known)
}
