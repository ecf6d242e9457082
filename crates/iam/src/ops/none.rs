//! Lists of things that cannot be made here yet: truthfully empty. Terraform and the CLI ask for them before they
//! delete a user. The operations that would make them are not implemented and say so.

use serde_json::{Value, json};

use super::{Op, Output, entities};
use crate::model::Kind;
use crate::render::object;

/// Nothing that belongs to a user, who must exist.
fn of_user(op: &Op<'_>, member: &str) -> Output {
    if let Some(name) = op.user()? {
        op.iam.read(|store| entities::find(store, op.account(), Kind::User, &name))?;
    }
    of_account(member)
}

/// Nothing that belongs to the account.
fn of_account(member: &str) -> Output {
    let mut output = object(json!({ "IsTruncated": false }));
    output.insert(member.to_owned(), Value::Array(Vec::new()));
    Ok(output)
}

pub(crate) fn mfa_devices(op: &Op<'_>) -> Output {
    of_user(op, "MFADevices")
}

pub(crate) fn ssh_keys(op: &Op<'_>) -> Output {
    of_user(op, "SSHPublicKeys")
}

pub(crate) fn signing_certificates(op: &Op<'_>) -> Output {
    of_user(op, "Certificates")
}

pub(crate) fn service_credentials(op: &Op<'_>) -> Output {
    of_user(op, "ServiceSpecificCredentials")
}

pub(crate) fn virtual_devices(_: &Op<'_>) -> Output {
    of_account("VirtualMFADevices")
}

pub(crate) fn server_certificates(_: &Op<'_>) -> Output {
    of_account("ServerCertificateMetadataList")
}
