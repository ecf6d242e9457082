//! SSH public keys of users. Texts: test_iam_ssh_public_keys.

use serde_json::{Value, json};

use super::{Op, Output, credentials, one};
use crate::error::{Fail, fail, no_such, quota};
use crate::model::SshKey;
use crate::names;
use crate::render::{object, seconds};
use crate::ssh::{Encoding, PublicKey};

/// Keys per user (User Guide, reference_iam-quotas).
const MOST: usize = 5;

fn missing(id: &str) -> Fail {
    no_such(format!("The Public Key with id {id} cannot be found."))
}

fn metadata(user: &str, id: &str, key: &SshKey) -> Value {
    json!({
        "UserName": user,
        "SSHPublicKeyId": id,
        "Status": key.status,
        "UploadDate": seconds(key.uploaded_ms),
    })
}

fn whole(user: &str, id: &str, key: &SshKey, body: String) -> Value {
    let mut shown = object(metadata(user, id, key));
    shown.insert("Fingerprint".into(), key.fingerprint.as_str().into());
    shown.insert("SSHPublicKeyBody".into(), body.into());
    Value::Object(shown)
}

/// The codes are documented (API Reference, UploadSSHPublicKey), their texts are ours.
pub(crate) fn upload(op: &Op<'_>) -> Output {
    let body = op.required("SSHPublicKeyBody");
    let key = PublicKey::parse(body).ok_or_else(|| {
        fail("InvalidPublicKey", 400, "The public key must be an RSA key, in ssh-rsa or in PEM format.")
    })?;
    if key.bits() < 2_048 {
        let text = format!("The public key has {} bits; it must have 2048 or more.", key.bits());
        return Err(fail("InvalidPublicKey", 400, text));
    }
    op.iam.write(|store| {
        let user = credentials::holder(op, store)?;
        let there = credentials::all::<SshKey>(store, op.account(), &user)?;
        if there.len() >= MOST {
            return Err(quota("SSHPublicKeysPerUser", MOST));
        }
        let fingerprint = key.fingerprint();
        if there.iter().any(|(_, key)| key.fingerprint == fingerprint) {
            let text = format!("User {} already has the SSH public key {fingerprint}.", user.name);
            return Err(fail("DuplicateSSHPublicKey", 400, text));
        }
        let id = names::new_id("APKA")?;
        let key = SshKey {
            body: body.to_owned(),
            fingerprint,
            status: "Active".to_owned(),
            uploaded_ms: op.call.now_ms,
        };
        credentials::save(store, op.account(), &user, &id, &key)?;
        one("SSHPublicKey", whole(&user.name, &id, &key, key.body.clone()))
    })
}

/// In the encoding asked for; the text as it was uploaded where that is its encoding.
pub(crate) fn get(op: &Op<'_>) -> Output {
    let id = op.required("SSHPublicKeyId");
    let asked = if op.required("Encoding") == "PEM" { Encoding::Pem } else { Encoding::Ssh };
    op.iam.read(|store| {
        let user = credentials::holder(op, store)?;
        let key: SshKey = credentials::find(store, op.account(), &user, id)?.ok_or_else(|| missing(id))?;
        let body = match PublicKey::parse(&key.body) {
            Some(parsed) if Encoding::of(&key.body) != asked => parsed.encode(asked),
            _ => key.body.clone(),
        };
        one("SSHPublicKey", whole(&user.name, id, &key, body))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    credentials::list::<SshKey>(op, "SSHPublicKeys", |_| true, metadata)
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    credentials::change(op, op.required("SSHPublicKeyId"), missing, |key: &mut SshKey| {
        op.required("Status").clone_into(&mut key.status);
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    credentials::delete::<SshKey>(op, op.required("SSHPublicKeyId"), missing)
}
