//! Service-linked roles: made for a service under its own name and path, changed by nobody but the service.
//!
//! `data/service_linked_roles.tsv` has each service, its role's name, its policy below `arn:aws:iam::aws:policy`, and
//! whether a suffix is allowed, as localstack-core 2026.3 (PyPI) has them, whose AWS-validated TestIAMServiceRoles
//! makes the role of each; the 68 recorded refusals of a suffix agree with the last column.

use serde_json::json;

use super::{Op, Output, entities, one};
use crate::REPORTS;
use crate::error::{Fail, fail, invalid_input, no_such};
use crate::managed;
use crate::model::{Entity, Kind, RolePart};
use crate::names;
use crate::render::{self, Form};
use crate::tags::{self, Case};

/// Where such roles are, and no others.
const PATH: &str = "/aws-service-role/";
/// Seconds of the longest session of such a role.
const SESSION_S: i64 = 3_600;

/// A service that has service-linked roles.
struct Service {
    role: &'static str,
    policy: &'static str,
    suffix: bool,
}

fn service(name: &str) -> Option<Service> {
    include_str!("../../data/service_linked_roles.tsv").lines().find_map(|line| {
        let mut fields = line.strip_prefix(name)?.strip_prefix('\t')?.split('\t');
        Some(Service { role: fields.next()?, policy: fields.next()?, suffix: fields.next()? == "suffix" })
    })
}

/// The name of a service's role, with the suffix asked for; `None` for a service that is not known.
pub(crate) fn role_name(host: &str, suffix: Option<&str>) -> Option<String> {
    let role = service(host)?.role;
    Some(suffix.map_or_else(|| role.to_owned(), |suffix| format!("{role}_{suffix}")))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let host = op.required("AWSServiceName");
    let known = service(host).ok_or_else(|| {
        // AWS's list is longer than the recorded one, which this cannot tell from a typing error. The text is ours.
        invalid_input(format!("crossgate knows no service-linked role of {host}."))
    })?;
    let suffix = op.text("CustomSuffix");
    if suffix.is_some() && !known.suffix {
        return Err(invalid_input(format!("Custom suffix is not allowed for {host}")));
    }
    let name = role_name(host, suffix).unwrap_or_default();
    op.iam.write(|store| {
        if entities::find(store, op.account(), Kind::Role, &name).is_ok() {
            return Err(invalid_input(format!(
                "Service role name {name} has been taken in this account, please try a different suffix."
            )));
        }
        let path = format!("{PATH}{host}/");
        let mut role = entities::named(op, store, Kind::Role, &name, &path)?;
        // The document as recorded, its action in a list.
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": [host] },
                "Action": ["sts:AssumeRole"],
            }],
        });
        role.role = Some(RolePart {
            trust: trust.to_string(),
            description: op.text("Description").map(str::to_owned),
            max_session_s: SESSION_S,
            linked: Some(host.to_owned()),
            ..RolePart::default()
        });
        role.tags = tags::sent(op.call);
        tags::unique(&role.tags, Case::Ignored)?;
        let policy = format!("arn:{}:iam::aws:policy{}", op.partition(), known.policy);
        // One service's policy is no longer on AWS's list of policies.
        if managed::find(&policy).is_some() {
            role.attached.push(policy);
        }
        entities::insert(store, op.account(), &role)?;
        one("Role", render::role(store, &role, Form::Created)?)
    })
}

/// Refuses the path of service-linked roles to all others: Organizations' policies do not bind what is below it (the
/// text as users quote it, tilfin/aws-iam-policy-tool#9).
pub(crate) fn refuse_path(path: &str) -> Result<(), Fail> {
    if path.starts_with(PATH) {
        let text = "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles";
        return Err(invalid_input(text));
    }
    Ok(())
}

/// Refuses to change a role that belongs to a service (400 UnmodifiableEntity, in the words that AWS's users quote).
pub(crate) fn refuse_change(entity: &Entity) -> Result<(), Fail> {
    if entity.role.as_ref().is_some_and(|role| role.linked.is_some()) {
        return Err(fail(
            "UnmodifiableEntity",
            400,
            format!(
                "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                entity.name
            ),
        ));
    }
    Ok(())
}

/// Nothing here uses such a role, so the deletion is done when the task's id is answered.
pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let role = entities::find(store, op.account(), Kind::Role, op.name(Kind::Role))?;
        let linked = role.role.as_ref().and_then(|role| role.linked.clone());
        let Some(host) = linked else {
            // The text is ours.
            return Err(no_such(format!("Role {} is not a service-linked role.", role.name)));
        };
        entities::remove(store, op.account(), &role)?;
        let task = format!("task/aws-service-role/{host}/{}/{}", role.name, super::uuid()?);
        store.put(REPORTS, &names::deletion(op.account(), &task), &op.call.now_ms)?;
        one("DeletionTaskId", task.into())
    })
}

pub(crate) fn deletion_status(op: &Op<'_>) -> Output {
    let task = op.required("DeletionTaskId");
    let found: Option<i64> =
        op.iam.read(|store| Ok(store.get(REPORTS, &names::deletion(op.account(), task))?))?;
    match found {
        Some(_) => one("Status", "SUCCEEDED".into()),
        // The text is ours.
        None => Err(no_such(format!("The deletion task {task} cannot be found."))),
    }
}
