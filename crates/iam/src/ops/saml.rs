//! SAML providers: whose assertions AssumeRoleWithSAML takes. Answers: test_iam_saml_providers.

use arn::{AccountId, Arn};
use identity::saml::Metadata;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::ApiError;

use super::{Op, Output, nothing, one, tagging};
use crate::IAM;
use crate::error::{Fail, exists, invalid_input, no_such, quota};
use crate::model::Tag;
use crate::names::{self, Read};
use crate::render::{object, seconds};
use crate::tags::{self, Case};

/// Providers of an account (User Guide, reference_iam-quotas; the error's words are by analogy).
const PROVIDERS: usize = 100;
/// What a provider is said to be valid for when its metadata does not say: a hundred years [public answers].
const LONG_MS: i64 = 36_525 * 86_400_000;

#[derive(Serialize, Deserialize)]
pub(crate) struct Provider {
    pub(crate) arn: String,
    id: String,
    pub(crate) metadata: String,
    created_ms: i64,
    valid_until_ms: i64,
    tags: Vec<Tag>,
}

fn prefix(account: &AccountId) -> String {
    format!("{account}/saml/")
}

/// The provider with this ARN, of any account.
pub(crate) fn by_arn(store: &impl Read, arn: &str) -> Result<Option<Provider>, Fail> {
    let Ok(parsed) = Arn::parse(arn) else { return Ok(None) };
    let Ok(account) = AccountId::new(&parsed.account) else { return Ok(None) };
    let Some(name) = parsed.resource.strip_prefix("saml-provider/") else { return Ok(None) };
    let found: Option<Provider> = store.one(IAM, &(prefix(&account) + name))?;
    Ok(found.filter(|provider| provider.arn == arn))
}

/// Tags of the provider with this ARN.
pub(crate) fn tags_of(store: &impl Read, arn: &str) -> Result<Vec<Tag>, Fail> {
    Ok(by_arn(store, arn)?.map(|provider| provider.tags).unwrap_or_default())
}

/// The provider that the call names, of the caller's account.
fn existing(op: &Op<'_>, store: &impl Read) -> Result<(String, Provider), Fail> {
    let arn = op.required("SAMLProviderArn");
    let key = arn.split_once(":saml-provider/").map(|(_, name)| prefix(op.account()) + name);
    let found: Option<Provider> = match &key {
        Some(key) => store.one(IAM, key)?,
        None => None,
    };
    key.zip(found.filter(|provider| provider.arn == arn))
        .ok_or_else(|| no_such(format!("Manifest not found for arn {arn}")))
}

/// What the metadata says. User Guide, troubleshoot_saml: "Could not parse metadata"; what follows it is ours.
fn metadata(document: &str) -> Result<Metadata, Fail> {
    Metadata::parse(document).map_err(|why| invalid_input(format!("Could not parse metadata: {why}")))
}

fn valid_until(metadata: &Metadata, now_ms: i64) -> i64 {
    metadata.valid_until_ms.unwrap_or(now_ms + LONG_MS)
}

/// Encrypted assertions need a private key of the account, which nothing here uses.
fn refuse_encryption(op: &Op<'_>) -> Result<(), Fail> {
    let asked = op.text("AssertionEncryptionMode") == Some("Required")
        || op.text("AddPrivateKey").is_some()
        || op.text("RemovePrivateKey").is_some();
    if !asked {
        return Ok(());
    }
    let text = "crossgate does not decrypt SAML assertions yet: AssertionEncryptionMode can only be Allowed, and private \
                keys are not kept";
    Err(ApiError::new("NotImplemented", 501, text).into())
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    refuse_encryption(op)?;
    let name = op.required("Name");
    let document = op.required("SAMLMetadataDocument");
    let read = metadata(document)?;
    let key = prefix(op.account()) + name;
    op.iam.write(|store| {
        if store.get::<Value>(IAM, &key)?.is_some() {
            // As quoted in public reports (org-formation/aws-resource-providers issue 59).
            return Err(exists(format!("Provider with name {name} already exists.")));
        }
        let others: Vec<(String, Value)> = store.list(IAM, &prefix(op.account()), None, PROVIDERS)?;
        if others.len() >= PROVIDERS {
            return Err(quota("SAMLProvidersPerAccount", PROVIDERS));
        }
        let tags = tags::sent(op.call);
        tags::unique(&tags, Case::Kept)?;
        let now_ms = op.call.now_ms;
        let provider = Provider {
            arn: op.arn("saml-provider", "/", name),
            id: names::random::<16>()?.iter().map(|byte| format!("{byte:02X}")).collect(),
            metadata: document.to_owned(),
            created_ms: now_ms,
            valid_until_ms: valid_until(&read, now_ms),
            tags,
        };
        store.put(IAM, &key, &provider)?;
        let mut output = object(json!({ "SAMLProviderArn": provider.arn }));
        if !provider.tags.is_empty() {
            output.insert("Tags".into(), json!(provider.tags));
        }
        Ok(output)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let (_, provider) = existing(op, store)?;
        Ok(object(json!({
            "SAMLProviderUUID": provider.id,
            "SAMLMetadataDocument": provider.metadata,
            "CreateDate": seconds(provider.created_ms),
            "ValidUntil": seconds(provider.valid_until_ms),
            "Tags": provider.tags,
            "AssertionEncryptionMode": "Allowed",
            "PrivateKeyList": [],
        })))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let found: Vec<(String, Provider)> = store.list(IAM, &prefix(op.account()), None, PROVIDERS)?;
        let shown = found.into_iter().map(|(_, provider)| {
            json!({
                "Arn": provider.arn,
                "ValidUntil": seconds(provider.valid_until_ms),
                "CreateDate": seconds(provider.created_ms),
            })
        });
        one("SAMLProviderList", shown.collect())
    })
}

/// Changes the provider that the call names.
fn change(op: &Op<'_>, change: impl FnOnce(&mut Provider) -> Result<(), Fail>) -> Result<Provider, Fail> {
    op.iam.write(|store| {
        let (key, mut provider) = existing(op, store)?;
        change(&mut provider)?;
        store.put(IAM, &key, &provider)?;
        Ok(provider)
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    refuse_encryption(op)?;
    let document = op.text("SAMLMetadataDocument");
    let read = document.map(metadata).transpose()?;
    if document.is_none() && op.text("AssertionEncryptionMode").is_none() {
        // User Guide, troubleshoot_saml.
        return Err(invalid_input(
            "Unable to update identity provider. No updates are defined for metadata or encryption assertion.",
        ));
    }
    let changed = change(op, |provider| {
        if let (Some(document), Some(read)) = (document, &read) {
            document.clone_into(&mut provider.metadata);
            provider.valid_until_ms = valid_until(read, op.call.now_ms);
        }
        Ok(())
    })?;
    one("SAMLProviderArn", changed.arn.into())
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let (key, _) = existing(op, store)?;
        store.delete(IAM, &key)?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    change(op, |provider| tags::merge(&mut provider.tags, tags::sent(op.call), Case::Kept))?;
    nothing()
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    change(op, |provider| {
        tags::remove(&mut provider.tags, &tags::sent_keys(op.call), Case::Kept);
        Ok(())
    })?;
    nothing()
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    op.iam.read(|store| tagging::list_of(op, existing(op, store)?.1.tags))
}
