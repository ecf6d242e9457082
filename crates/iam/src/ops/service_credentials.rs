//! Service-specific credentials. Texts: test_iam, TestIAMServiceSpecificCredentials.

use serde_json::{Map, Value, json};

use super::{Op, Output, credentials, entities, one};
use crate::error::{Fail, fail, invalid_input, no_such, quota};
use crate::model::{Entity, Kind, ServiceCredential};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{object, seconds};
use crate::{IAM, password};

/// Credentials per user and service (API Reference, CreateServiceSpecificCredential: "a maximum of two sets").
const MOST: usize = 2;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A service that takes such credentials (API Reference and User Guide, id_credentials_service-specific-creds).
struct Service {
    name: &'static str,
    /// Its credentials are one bearer key with an alias, and may end; otherwise a name and a password.
    bearer: bool,
}

static SERVICES: &[Service] = &[
    Service { name: "codecommit.amazonaws.com", bearer: false },
    Service { name: "cassandra.amazonaws.com", bearer: false },
    Service { name: "bedrock.amazonaws.com", bearer: true },
    Service { name: "logs.amazonaws.com", bearer: true },
];

fn service(name: &str) -> Result<&'static Service, Fail> {
    let unknown = || no_such(format!("No such service {name} is supported for Service Specific Credentials"));
    SERVICES.iter().find(|service| service.name == name).ok_or_else(unknown)
}

fn missing(id: &str) -> Fail {
    no_such(format!("No such credential {id} exists"))
}

fn metadata(user: &str, id: &str, credential: &ServiceCredential) -> Map<String, Value> {
    let mut shown = object(json!({
        "UserName": user,
        "Status": credential.status,
        "CreateDate": seconds(credential.created_ms),
        "ServiceSpecificCredentialId": id,
        "ServiceName": credential.service,
    }));
    let bearer = service(&credential.service).is_ok_and(|service| service.bearer);
    let member = if bearer { "ServiceCredentialAlias" } else { "ServiceUserName" };
    shown.insert(member.into(), credential.name.as_str().into());
    if let Some(ms) = credential.expires_ms {
        shown.insert("ExpirationDate".into(), seconds(ms));
    }
    shown
}

/// A new secret, in the member where its service's clients look for it; only its hash is kept.
fn with_secret(user: &str, id: &str, credential: &mut ServiceCredential) -> Result<Value, Fail> {
    let secret = arn::secret_access_key(&names::random()?) + "=";
    credential.hash = password::hash(&secret)?;
    let mut shown = metadata(user, id, credential);
    let bearer = service(&credential.service).is_ok_and(|service| service.bearer);
    let member = if bearer { "ServiceCredentialSecret" } else { "ServicePassword" };
    shown.insert(member.into(), secret.into());
    Ok(Value::Object(shown))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let days = op.call.input.get("CredentialAgeDays").and_then(Value::as_i64);
    op.iam.write(|store| {
        let user = credentials::holder(op, store)?;
        let service = service(op.required("ServiceName"))?;
        if days.is_some() && !service.bearer {
            // The rule is documented, the text is ours.
            let text = format!("CredentialAgeDays is not supported for {}.", service.name);
            return Err(invalid_input(text));
        }
        let there = credentials::all::<ServiceCredential>(store, op.account(), &user)?;
        if there.iter().filter(|(_, one)| one.service == service.name).count() >= MOST {
            return Err(quota("ServiceSpecificCredentialsPerUser", MOST));
        }
        let id = names::new_id("ACCA")?;
        let number = there.len() + 1;
        let name = if service.bearer {
            format!("{}-{}", user.name, names::new_id("")?.to_ascii_lowercase())
        } else {
            // `NAME+N-at-ACCOUNT` once `NAME-at-ACCOUNT` is taken (User Guide).
            let first = format!("{}-at-{}", user.name, op.account());
            let taken = |name: &str| there.iter().any(|(_, one)| one.name == name);
            if taken(&first) { format!("{}+{number}-at-{}", user.name, op.account()) } else { first }
        };
        let mut credential = ServiceCredential {
            service: service.name.to_owned(),
            name,
            hash: String::new(),
            status: "Active".to_owned(),
            created_ms: op.call.now_ms,
            expires_ms: days.map(|days| op.call.now_ms.saturating_add(days.saturating_mul(DAY_MS))),
        };
        let shown = with_secret(&user.name, &id, &mut credential)?;
        credentials::save(store, op.account(), &user, &id, &credential)?;
        one("ServiceSpecificCredential", shown)
    })
}

/// Of one user, or with `AllUsers` of every user of the account.
pub(crate) fn list(op: &Op<'_>) -> Output {
    let wanted = op.text("ServiceName");
    let keep = |one: &ServiceCredential| wanted.is_none_or(|service| one.service == service);
    let shown = |user: &str, id: &str, one: &ServiceCredential| Value::Object(metadata(user, id, one));
    if !op.call.input.get("AllUsers").and_then(Value::as_bool).unwrap_or(false) {
        return credentials::list(op, "ServiceSpecificCredentials", keep, shown);
    }
    if op.text("UserName").is_some() {
        return Err(fail("InvalidInput", 400, "UserName and AllUsers cannot be given together."));
    }
    op.iam.read(|store| {
        let mut found = Vec::new();
        let users: Vec<(String, Entity)> = store.all(IAM, &names::entities(op.account(), Kind::User))?;
        for (key, user) in users {
            for (id, one) in credentials::all(store, op.account(), &user)? {
                if keep(&one) {
                    found.push((format!("{key} {id}"), shown(&user.name, &id, &one)));
                }
            }
        }
        page(op.call, "ServiceSpecificCredentials", found)
    })
}

pub(crate) fn reset(op: &Op<'_>) -> Output {
    let id = op.required("ServiceSpecificCredentialId");
    op.iam.write(|store| {
        let user = entities::find(store, op.account(), Kind::User, &op.some_user()?)?;
        let found = credentials::find(store, op.account(), &user, id)?;
        let mut credential: ServiceCredential = found.ok_or_else(|| missing(id))?;
        let shown = with_secret(&user.name, id, &mut credential)?;
        credentials::save(store, op.account(), &user, id, &credential)?;
        one("ServiceSpecificCredential", shown)
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    let id = op.required("ServiceSpecificCredentialId");
    credentials::change(op, id, missing, |one: &mut ServiceCredential| {
        op.required("Status").clone_into(&mut one.status);
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    credentials::delete::<ServiceCredential>(op, op.required("ServiceSpecificCredentialId"), missing)
}
