//! X.509 signing certificates of users. Texts: test_iam_signing_certificates.

use serde_json::{Value, json};

use super::{Op, Output, credentials, one};
use crate::error::{Fail, fail, no_such, quota};
use crate::model::SigningCertificate;
use crate::names;
use crate::render::seconds;
use crate::x509;

/// Certificates per user.
const MOST: usize = 2;

fn missing(id: &str) -> Fail {
    no_such(format!("The Certificate with id {id} cannot be found."))
}

fn shown(user: &str, id: &str, certificate: &SigningCertificate) -> Value {
    json!({
        "UserName": user,
        "CertificateId": id,
        "CertificateBody": certificate.body,
        "Status": certificate.status,
        "UploadDate": seconds(certificate.uploaded_ms),
    })
}

pub(crate) fn upload(op: &Op<'_>) -> Output {
    let body = op.required("CertificateBody");
    op.iam.write(|store| {
        let user = credentials::holder(op, store)?;
        if x509::certificate(body).is_none() {
            return Err(fail("MalformedCertificate", 400, format!("Certificate {body} is malformed.")));
        }
        let there = credentials::all::<SigningCertificate>(store, op.account(), &user)?;
        if there.len() >= MOST {
            return Err(quota("CertificatesPerUser", MOST));
        }
        // The recording uploads two certificates made one after the other; that one twice is refused is documented
        // (DuplicateCertificate, API Reference), its text is ours.
        if let Some((id, _)) = there.iter().find(|(_, one)| one.body == body) {
            let text = format!("User {} already has this certificate, as {id}.", user.name);
            return Err(fail("DuplicateCertificate", 409, text));
        }
        // 32 capital letters and digits, as in the examples of the API Reference.
        let id: String = (names::new_id("")? + &names::new_id("")?).chars().take(32).collect();
        let certificate = SigningCertificate {
            body: body.to_owned(),
            status: "Active".to_owned(),
            uploaded_ms: op.call.now_ms,
        };
        credentials::save(store, op.account(), &user, &id, &certificate)?;
        one("Certificate", shown(&user.name, &id, &certificate))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    credentials::list::<SigningCertificate>(op, "Certificates", |_| true, shown)
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    credentials::change(op, op.required("CertificateId"), missing, |one: &mut SigningCertificate| {
        op.required("Status").clone_into(&mut one.status);
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    credentials::delete::<SigningCertificate>(op, op.required("CertificateId"), missing)
}
