//! Server certificates. Texts: test_iam_server_certificates; those about unreadable input are what AWS's users quote.

use serde_json::{Map, Value, json};

use super::{Op, Output, nothing, one, tagging};
use crate::IAM;
use crate::error::{Fail, exists, fail, no_such, quota};
use crate::model::ServerCertificate;
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, object, seconds};
use crate::tags::{self, Case};
use crate::x509;

/// Server certificates of an account (test_iam_account_summary).
pub(crate) const PER_ACCOUNT: usize = 20;

fn malformed(text: &str) -> Fail {
    fail("MalformedCertificate", 400, text)
}

fn find(op: &Op<'_>, store: &impl Read) -> Result<ServerCertificate, Fail> {
    let name = op.required("ServerCertificateName");
    store
        .one(IAM, &names::certificate(op.account(), name))?
        .ok_or_else(|| no_such(format!("The Server Certificate with name {name} cannot be found.")))
}

fn taken(name: &str) -> Fail {
    exists(format!("The Server Certificate with name {name} already exists."))
}

fn save(op: &Op<'_>, store: &mut store::Writer<'_>, one: &ServerCertificate) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::certificate(op.account(), &one.name), one)?)
}

fn metadata(one: &ServerCertificate) -> Value {
    json!({
        "Path": one.path,
        "ServerCertificateName": one.name,
        "ServerCertificateId": one.id,
        "Arn": one.arn,
        "UploadDate": seconds(one.uploaded_ms),
        "Expiration": seconds(one.expires_ms),
    })
}

pub(crate) fn upload(op: &Op<'_>) -> Output {
    let (name, path) = (op.required("ServerCertificateName"), op.path());
    let body = op.required("CertificateBody");
    let certificate = x509::certificate(body).ok_or_else(|| {
        malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.")
    })?;
    let key = x509::private_key(op.required("PrivateKey")).ok_or_else(|| {
        malformed("Unable to parse key; the body must be encoded in PEM format and not encrypted.")
    })?;
    if !key.fits(&certificate) {
        return Err(fail("KeyPairMismatch", 400, "The private key is not the certificate's."));
    }
    let chain = op.text("CertificateChain");
    if !chain.is_none_or(x509::is_chain) {
        return Err(malformed(
            "Unable to validate certificate chain. The certificate chain must start with the immediate signing \
             certificate, followed by any intermediaries in order. The index within the chain of the invalid \
             certificate is: 0",
        ));
    }
    op.iam.write(|store| {
        if store.get::<Value>(IAM, &names::certificate(op.account(), name))?.is_some() {
            return Err(taken(name));
        }
        if store.all::<Value>(IAM, &names::certificates(op.account()))?.len() >= PER_ACCOUNT {
            return Err(quota("ServerCertificatesPerAccount", PER_ACCOUNT));
        }
        let tags = tags::sent(op.call);
        tags::unique(&tags, Case::Kept)?;
        let new = ServerCertificate {
            name: name.to_owned(),
            path: path.to_owned(),
            arn: op.arn("server-certificate", path, name),
            id: names::new_id("ASCA")?,
            // Without white space at the ends, as AWS answers it (test_server_certificate).
            body: body.trim().to_owned(),
            chain: chain.map(|chain| chain.trim().to_owned()),
            uploaded_ms: op.call.now_ms,
            expires_ms: certificate.expires_ms,
            tags,
        };
        save(op, store, &new)?;
        let mut output = Map::from_iter([("ServerCertificateMetadata".to_owned(), metadata(&new))]);
        if !new.tags.is_empty() {
            output.insert("Tags".into(), render::tags(&new.tags));
        }
        Ok(output)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let found = find(op, store)?;
        let mut shown = object(json!({
            "ServerCertificateMetadata": metadata(&found),
            "CertificateBody": found.body,
            "Tags": render::tags(&found.tags),
        }));
        if let Some(chain) = found.chain {
            shown.insert("CertificateChain".into(), chain.into());
        }
        one("ServerCertificate", Value::Object(shown))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    let prefix = op.text("PathPrefix").unwrap_or("/");
    op.iam.read(|store| {
        let found: Vec<(String, ServerCertificate)> = store.all(IAM, &names::certificates(op.account()))?;
        let found = found.into_iter().filter(|(_, one)| one.path.starts_with(prefix));
        page(op.call, "ServerCertificateMetadataList", found.map(|(key, one)| (key, metadata(&one))))
    })
}

/// Another name or path; the id stays.
pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut found = find(op, store)?;
        let old = names::certificate(op.account(), &found.name);
        if let Some(name) = op.text("NewServerCertificateName") {
            let new = names::certificate(op.account(), name);
            if new != old && store.get::<Value>(IAM, &new)?.is_some() {
                return Err(taken(name));
            }
            name.clone_into(&mut found.name);
        }
        if let Some(path) = op.text("NewPath") {
            path.clone_into(&mut found.path);
        }
        found.arn = op.arn("server-certificate", &found.path, &found.name);
        store.delete(IAM, &old)?;
        save(op, store, &found)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let found = find(op, store)?;
        store.delete(IAM, &names::certificate(op.account(), &found.name))?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut found = find(op, store)?;
        tags::merge(&mut found.tags, tags::sent(op.call), Case::Kept)?;
        save(op, store, &found)?;
        nothing()
    })
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut found = find(op, store)?;
        tags::remove(&mut found.tags, &tags::sent_keys(op.call), Case::Kept);
        save(op, store, &found)?;
        nothing()
    })
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    op.iam.read(|store| tagging::list_of(op, find(op, store)?.tags))
}
