//! OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes. Texts: test_iam_oidc.

use arn::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Op, Output, nothing, tagging};
use crate::IAM;
use crate::error::{Fail, exists, invalid_input, no_such, quota, validation};
use crate::model::Tag;
use crate::names::Read;
use crate::render::{object, seconds};
use crate::tags::{self, Case, texts};

/// Client ids of a provider.
const CLIENTS: usize = 100;
/// Thumbprints of a provider.
const THUMBPRINTS: usize = 5;
/// Providers of an account (User Guide, reference_iam-quotas; the error's words are by analogy).
const PROVIDERS: usize = 100;

#[derive(Serialize, Deserialize)]
pub(crate) struct Provider {
    pub(crate) arn: String,
    /// Without `https://`.
    url: String,
    pub(crate) clients: Vec<String>,
    thumbprints: Vec<String>,
    created_ms: i64,
    tags: Vec<Tag>,
}

fn prefix(account: &AccountId) -> String {
    format!("{account}/oidc/")
}

fn key(op: &Op<'_>, url: &str) -> String {
    prefix(op.account()) + url
}

/// The provider of an account whose tokens name `issuer` in `iss`.
pub(crate) fn of_issuer(
    store: &impl Read,
    account: &AccountId,
    issuer: &str,
) -> Result<Option<Provider>, Fail> {
    Ok(store.one(IAM, &(prefix(account) + identity::without_scheme(issuer)))?)
}

/// The provider that the call names, or `None`.
fn find(op: &Op<'_>, store: &impl Read) -> Result<Option<Provider>, Fail> {
    let arn = op.required("OpenIDConnectProviderArn");
    let Some((_, url)) = arn.split_once(":oidc-provider/") else { return Ok(None) };
    let found: Option<Provider> = store.one(IAM, &key(op, url))?;
    Ok(found.filter(|provider| provider.arn == arn))
}

/// Tags of the provider with this ARN.
pub(crate) fn tags_of(store: &impl Read, account: &AccountId, arn: &str) -> Result<Vec<Tag>, Fail> {
    let Some((_, url)) = arn.split_once(":oidc-provider/") else { return Ok(Vec::new()) };
    let found: Option<Provider> = store.one(IAM, &(prefix(account) + url))?;
    Ok(found.filter(|provider| provider.arn == arn).map(|provider| provider.tags).unwrap_or_default())
}

fn existing(op: &Op<'_>, store: &impl Read) -> Result<Provider, Fail> {
    let arn = op.required("OpenIDConnectProviderArn");
    find(op, store)?.ok_or_else(|| no_such(format!("OpenIDConnect Provider not found for arn {arn}")))
}

fn limits(clients: &[String], thumbprints: &[String]) -> Result<(), Fail> {
    if thumbprints.len() > THUMBPRINTS {
        return Err(invalid_input("Thumbprint list must contain fewer than 5 entries."));
    }
    if clients.len() > CLIENTS {
        return Err(quota("ClientIdsPerOpenIdConnectProvider", CLIENTS));
    }
    Ok(())
}

/// What follows the scheme: `https://`, a host with a dot, a path, and nothing after it (API Reference,
/// CreateOpenIDConnectProvider: no query). Besides that, for issuers of tests, plain HTTP on this machine, which AWS
/// refuses.
fn provider_url(sent: &str) -> Option<&str> {
    let rest = match sent.strip_prefix("https://") {
        Some(rest) => rest.split('/').next().is_some_and(|host| host.contains('.')).then_some(rest)?,
        None => sent.strip_prefix("http://").filter(|_| identity::is_loopback(sent))?,
    };
    (!rest.contains(['?', '#', '@']) && !rest.contains(char::is_whitespace)).then_some(rest)
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let sent = op.required("Url");
    let url = provider_url(sent).ok_or_else(|| validation("Invalid Open ID Connect Provider URL"))?;
    op.iam.write(|store| {
        let others: Vec<(String, Value)> = store.list(IAM, &prefix(op.account()), None, PROVIDERS)?;
        let (clients, thumbprints) = (texts(op.call, "ClientIDList"), texts(op.call, "ThumbprintList"));
        limits(&clients, &thumbprints)?;
        if store.get::<Value>(IAM, &key(op, url))?.is_some() {
            return Err(exists(format!("Provider with url {sent} already exists.")));
        }
        if others.len() >= PROVIDERS {
            return Err(quota("OpenIdConnectProvidersPerAccount", PROVIDERS));
        }
        let tags = tags::sent(op.call);
        tags::unique(&tags, Case::Kept)?;
        let provider = Provider {
            arn: op.arn("oidc-provider", "/", url),
            url: url.to_owned(),
            clients,
            thumbprints,
            created_ms: op.call.now_ms,
            tags,
        };
        store.put(IAM, &key(op, url), &provider)?;
        let mut output = object(json!({ "OpenIDConnectProviderArn": provider.arn }));
        if !provider.tags.is_empty() {
            output.insert("Tags".into(), json!(provider.tags));
        }
        Ok(output)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let provider = existing(op, store)?;
        Ok(object(json!({
            "Url": provider.url,
            "ClientIDList": provider.clients,
            "ThumbprintList": provider.thumbprints,
            "CreateDate": seconds(provider.created_ms),
            "Tags": provider.tags,
        })))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let found: Vec<(String, Provider)> = store.list(IAM, &prefix(op.account()), None, usize::MAX)?;
        let shown: Vec<Value> =
            found.into_iter().map(|(_, provider)| json!({ "Arn": provider.arn })).collect();
        Ok(object(json!({ "OpenIDConnectProviderList": shown })))
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let arn = op.required("OpenIDConnectProviderArn");
    op.iam.write(|store| {
        let provider = find(op, store)?
            .ok_or_else(|| no_such(format!("OpenId connect Provider {arn} cannot be found.")))?;
        store.delete(IAM, &key(op, &provider.url))?;
        nothing()
    })
}

/// Changes the provider that the call names.
fn change(op: &Op<'_>, change: impl FnOnce(&mut Provider) -> Result<(), Fail>) -> Output {
    op.iam.write(|store| {
        let mut provider = existing(op, store)?;
        change(&mut provider)?;
        limits(&provider.clients, &provider.thumbprints)?;
        store.put(IAM, &key(op, &provider.url), &provider)?;
        nothing()
    })
}

pub(crate) fn add_client(op: &Op<'_>) -> Output {
    let client = op.required("ClientID").to_owned();
    change(op, |provider| {
        if !provider.clients.contains(&client) {
            provider.clients.push(client);
        }
        Ok(())
    })
}

pub(crate) fn remove_client(op: &Op<'_>) -> Output {
    change(op, |provider| {
        provider.clients.retain(|client| client != op.required("ClientID"));
        Ok(())
    })
}

pub(crate) fn update_thumbprints(op: &Op<'_>) -> Output {
    change(op, |provider| {
        provider.thumbprints = texts(op.call, "ThumbprintList");
        Ok(())
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    change(op, |provider| tags::merge(&mut provider.tags, tags::sent(op.call), Case::Kept))
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    change(op, |provider| {
        tags::remove(&mut provider.tags, &tags::sent_keys(op.call), Case::Kept);
        Ok(())
    })
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    op.iam.read(|store| tagging::list_of(op, existing(op, store)?.tags))
}
