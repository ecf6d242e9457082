//! Client certificates: what API Gateway shows to an HTTP backend so that the backend knows who calls.

use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::key::own;
use super::lookup::{Read, now, random_id};
use super::method::set;
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::quota::{self, Quota};
use crate::model::Stage;

/// Reasoning: in the form of the texts for other identifiers.
pub(super) const UNKNOWN: &str = "Invalid client certificate identifier specified";
/// Developer guide, "Generate and configure an SSL certificate for backend authentication": valid for 365 days.
const VALID: Duration = Duration::from_secs(365 * 24 * 3600);

/// A certificate with its private key, which no answer shows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificate {
    pub id: String,
    pub pem: String,
    pub private_key_pem: String,
    /// Seconds since 1970.
    pub created: f64,
    /// Seconds since 1970.
    pub expires: f64,
    /// `description`.
    #[serde(default)]
    pub description: Option<String>,
    /// At the document's top, where `tags` looks.
    #[serde(default)]
    pub tags: Map<String, Value>,
}

fn shown(certificate: &Certificate) -> Value {
    let mut members = Map::new();
    members.insert("clientCertificateId".into(), certificate.id.clone().into());
    members.insert("pemEncodedCertificate".into(), certificate.pem.clone().into());
    members.insert("createdDate".into(), certificate.created.into());
    members.insert("expirationDate".into(), certificate.expires.into());
    set(&mut members, "description", json!(certificate.description));
    set(&mut members, "tags", Value::Object(certificate.tags.clone()));
    Value::Object(members)
}

pub(super) fn generate(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let (pem, private_key_pem) = self_signed(call.now_ms)
        .map_err(|e| ApiError::internal(format!("cannot make a client certificate: {e}")))?;
    let created = now(call);
    let certificate = Certificate {
        id: random_id(6)?,
        pem,
        private_key_pem,
        created,
        expires: created + VALID.as_secs_f64(),
        description: call.text("description").filter(|d| !d.is_empty()).map(str::to_owned),
        tags: call.input.get("tags").and_then(Value::as_object).cloned().unwrap_or_default(),
    };
    let key = format!("{}{}", own(call), certificate.id);
    store.write::<_, Failure>(|writer| {
        quota::room(writer, Quota::ClientCertificates, &own(call), 1)?;
        Ok(writer.put("clientCertificates", &key, &certificate)?)
    })?;
    Ok(shown(&certificate).into())
}

fn self_signed(now_ms: i64) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "ApiGateway");
    params.distinguished_name = name;
    let from = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
    params.not_before = from.into();
    params.not_after = (from + VALID).into();
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, Certificate), Failure> {
    let key = format!("{}{}", own(call), call.required("clientCertificateId"));
    let found = documents.one("clientCertificates", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(shown(&find(reader, call)?.1).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store
        .read::<_, Failure>(|reader| Ok(reader.all::<Certificate>("clientCertificates", &own(call))?))?;
    page(call, found.into_iter().map(|(key, one)| (key, shown(&one))).collect())
}

const RULES: &[Rule] = &[("/description", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut certificate) = find(writer, call)?;
        for patch in operations(call)? {
            permit_listed(RULES, &patch)?;
            certificate.description = patch.non_empty();
        }
        writer.put("clientCertificates", &key, &certificate)?;
        Ok(shown(&certificate).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, certificate) = find(writer, call)?;
        for (index, _) in writer.all::<bool>("accountApis", &own(call))? {
            let api = index.rsplit('/').next().unwrap_or_default().to_owned();
            let stages = writer.all::<Stage>("stages", &format!("{api}/"))?;
            let user = stages.into_iter().find(|(_, stage)| {
                stage.rest.get("clientCertificateId").and_then(Value::as_str) == Some(&certificate.id)
            });
            if let Some((_, stage)) = user {
                // Reasoning: the developer guide says that a certificate in use cannot be deleted.
                return Err(bad_request(format!(
                    "Client certificate {} is used by stage {} of API {api}",
                    certificate.id, stage.stage_name
                )));
            }
        }
        writer.delete("clientCertificates", &key)?;
        Ok(Reply::empty())
    })
}
