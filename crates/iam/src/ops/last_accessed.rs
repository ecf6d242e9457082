//! Last-accessed data: what an entity's policies grant, and when it was last used (API Reference,
//! GenerateServiceLastAccessedDetails). A job is done as soon as it has an id; its answer is made when it is read.

use std::collections::BTreeMap;

use arn::Arn;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Op, Output, entities, granted, one};
use crate::accessed::Used;
use crate::error::{Fail, invalid_input, no_such, no_such_entity, no_such_policy};
use crate::model::{Attachment, Entity, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{object, seconds};
use crate::{IAM, REPORTS, collect, managed};

/// Milliseconds for which a job can be read (API Reference: seven days).
const GOOD_MS: i64 = 7 * 86_400_000;
/// Jobs of an account; past it the oldest goes.
const MOST: usize = 100;

#[derive(Serialize, Deserialize)]
struct Job {
    arn: String,
    actions: bool,
    made_ms: i64,
}

/// Whom a job is about: the policies that count, and the users and roles that use them.
struct Subject {
    documents: Vec<Value>,
    entities: Vec<Entity>,
}

fn read_documents(policies: &policy::CallerPolicies) -> Vec<Value> {
    policies.identity.iter().filter_map(|policy| serde_json::from_str(&policy.text).ok()).collect()
}

/// The entity behind an ARN of the account: a user, group or role.
pub(crate) fn entity_of(op: &Op<'_>, store: &impl Read, arn: &str) -> Result<Entity, Fail> {
    let invalid =
        || invalid_input(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."));
    let parsed = Arn::parse(arn).map_err(|_| invalid())?;
    let kind = match parsed.resource.split('/').next() {
        Some("user") => Kind::User,
        Some("group") => Kind::Group,
        Some("role") => Kind::Role,
        _ => return Err(invalid()),
    };
    let name = names::last_segment(arn);
    let found: Option<Entity> = store.one(IAM, &names::entity(op.account(), kind, name))?;
    found.filter(|entity| entity.arn == arn).ok_or_else(|| no_such_entity(kind, name))
}

fn members(op: &Op<'_>, store: &impl Read, group: &str) -> Result<Vec<Entity>, Fail> {
    let members: Vec<(String, Attachment)> = store.all(IAM, &names::members(op.account(), group))?;
    let mut found = Vec::new();
    for (_, member) in members {
        found.extend(store.one::<Entity>(IAM, &names::entity(op.account(), Kind::User, &member.name))?);
    }
    Ok(found)
}

fn subject(op: &Op<'_>, store: &impl Read, arn: &str) -> Result<Subject, Fail> {
    if !arn.contains(":policy/") {
        let entity = entity_of(op, store, arn)?;
        let policies = collect::policies_of(store, op.account(), &entity)?;
        let entities =
            if entity.kind == Kind::Group { members(op, store, &entity.name)? } else { vec![entity] };
        return Ok(Subject { documents: read_documents(&policies), entities });
    }
    if !super::attached::usable(store, op.account(), arn)? {
        return Err(no_such_policy(arn));
    }
    let document = collect::managed_document(store, arn)?;
    let documents = document.and_then(|text| serde_json::from_str(&text).ok()).into_iter().collect();
    let mut found: BTreeMap<String, Entity> = BTreeMap::new();
    let attached: Vec<(String, Attachment)> = store.all(IAM, &names::attachments(op.account(), arn))?;
    for (_, attachment) in attached {
        let users = if attachment.kind == Kind::Group {
            members(op, store, &attachment.name)?
        } else {
            vec![entities::find(store, op.account(), attachment.kind, &attachment.name)?]
        };
        found.extend(users.into_iter().map(|user| (user.id.clone(), user)));
    }
    Ok(Subject { documents, entities: found.into_values().collect() })
}

pub(crate) fn generate(op: &Op<'_>) -> Output {
    let arn = op.required("Arn");
    op.iam.write(|store| {
        subject(op, store, arn)?;
        let prefix = names::jobs(op.account());
        let mut there: Vec<(String, Job)> = store.list(REPORTS, &prefix, None, usize::MAX)?;
        there.sort_by_key(|(_, job)| job.made_ms);
        if there.len() >= MOST
            && let Some((oldest, _)) = there.first()
        {
            store.delete(REPORTS, oldest)?;
        }
        let id = super::uuid()?;
        let job = Job {
            arn: arn.to_owned(),
            actions: op.text("Granularity") == Some("ACTION_LEVEL"),
            made_ms: op.call.now_ms,
        };
        store.put(REPORTS, &names::job(op.account(), &id), &job)?;
        one("JobId", id.into())
    })
}

fn job(op: &Op<'_>, store: &impl Read) -> Result<Job, Fail> {
    let id = op.required("JobId");
    let found: Option<Job> = store.one(REPORTS, &names::job(op.account(), id))?;
    let found = found.filter(|job| op.call.now_ms - job.made_ms < GOOD_MS);
    // The text is ours.
    found.ok_or_else(|| no_such(format!("Cannot find the job id {id}.")))
}

/// One entity's uses of one service, latest first.
fn uses(op: &Op<'_>, entity: &Entity, namespace: &str) -> Vec<Used> {
    let mut uses = op.iam.accesses_of(&entity.id);
    uses.retain(|used| used.action.split_once(':').is_some_and(|(service, _)| service == namespace));
    uses.sort_by_key(|used| std::cmp::Reverse(used.at_ms));
    uses
}

pub(crate) fn details(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let job = job(op, store)?;
        let subject = subject(op, store, &job.arn)?;
        let mut shown = Vec::new();
        for (namespace, name) in granted::services() {
            if subject.documents.iter().any(|document| granted::grants(document, namespace)) {
                let service = service(op, &subject, namespace, name, job.actions);
                shown.push((namespace.to_owned(), Value::Object(service)));
            }
        }
        let mut output = page(op.call, "ServicesLastAccessed", shown)?;
        output.extend(finished(&job));
        let granularity = if job.actions { "ACTION_LEVEL" } else { "SERVICE_LEVEL" };
        output.insert("JobType".into(), granularity.into());
        Ok(output)
    })
}

fn finished(job: &Job) -> Map<String, Value> {
    object(json!({
        "JobStatus": "COMPLETED",
        "JobCreationDate": seconds(job.made_ms),
        "JobCompletionDate": seconds(job.made_ms),
    }))
}

fn service(op: &Op<'_>, subject: &Subject, namespace: &str, name: &str, actions: bool) -> Map<String, Value> {
    let mut shown = object(json!({ "ServiceName": name, "ServiceNamespace": namespace }));
    let mut all: Vec<(&Entity, Used)> = Vec::new();
    let mut authenticated = 0;
    for entity in &subject.entities {
        let uses = uses(op, entity, namespace);
        authenticated += usize::from(!uses.is_empty());
        all.extend(uses.into_iter().map(|used| (entity, used)));
    }
    all.sort_by_key(|(_, used)| std::cmp::Reverse(used.at_ms));
    shown.insert("TotalAuthenticatedEntities".into(), authenticated.into());
    if let Some((entity, used)) = all.first() {
        shown.insert("LastAuthenticated".into(), seconds(used.at_ms));
        shown.insert("LastAuthenticatedEntity".into(), entity.arn.as_str().into());
        shown.insert("LastAuthenticatedRegion".into(), used.region.as_str().into());
    }
    if actions && !all.is_empty() {
        // The latest use of each action.
        let mut tracked: BTreeMap<&str, Value> = BTreeMap::new();
        for (entity, used) in &all {
            let action = used.action.split_once(':').map_or("", |(_, action)| action);
            tracked.entry(action).or_insert_with(|| {
                json!({
                    "ActionName": action,
                    "LastAccessedEntity": entity.arn,
                    "LastAccessedTime": seconds(used.at_ms),
                    "LastAccessedRegion": used.region,
                })
            });
        }
        shown.insert("TrackedActionsLastAccessed".into(), tracked.into_values().collect());
    }
    shown
}

/// Which users and roles used one service.
pub(crate) fn with_entities(op: &Op<'_>) -> Output {
    let namespace = op.required("ServiceNamespace");
    op.iam.read(|store| {
        let job = job(op, store)?;
        let mut shown = Vec::new();
        for entity in subject(op, store, &job.arn)?.entities {
            let last = uses(op, &entity, namespace).into_iter().next();
            let mut detail = object(json!({ "EntityInfo": {
                "Arn": entity.arn,
                "Name": entity.name,
                "Type": entity.kind.word().to_uppercase(),
                "Id": entity.id,
                "Path": entity.path,
            }}));
            if let Some(used) = last {
                detail.insert("LastAuthenticated".into(), seconds(used.at_ms));
            }
            shown.push((entity.arn, Value::Object(detail)));
        }
        let mut output = page(op.call, "EntityDetailsList", shown)?;
        output.extend(finished(&job));
        Ok(output)
    })
}

/// The policies of an entity that grant anything of the services asked for.
pub(crate) fn granting(op: &Op<'_>) -> Output {
    let asked = crate::tags::texts(op.call, "ServiceNamespaces");
    op.iam.read(|store| {
        let entity = entity_of(op, store, op.required("Arn"))?;
        let mut policies = Vec::new();
        own_policies(store, &entity, &mut policies)?;
        for group in &entity.groups {
            if let Some(group) = store.one::<Entity>(IAM, &names::entity(op.account(), Kind::Group, group))? {
                own_policies(store, &group, &mut policies)?;
            }
        }
        let shown = asked.iter().map(|namespace| {
            let granting = policies.iter().filter(|(document, _)| granted::grants(document, namespace));
            let granting: Vec<&Value> = granting.map(|(_, shown)| shown).collect();
            (namespace.clone(), json!({ "ServiceNamespace": namespace, "Policies": granting }))
        });
        page(op.call, "PoliciesGrantingServiceAccess", shown.collect::<BTreeMap<_, _>>())
    })
}

/// Documents of an entity's own policies, and how they are shown. A managed policy whose text is not carried grants
/// nothing that could be told.
fn own_policies(store: &impl Read, entity: &Entity, into: &mut Vec<(Value, Value)>) -> Result<(), Fail> {
    for (name, document) in &entity.inline {
        let shown = json!({
            "PolicyName": name,
            "PolicyType": "INLINE",
            "EntityType": entity.kind.word().to_uppercase(),
            "EntityName": entity.name,
        });
        into.push((serde_json::from_str(document).unwrap_or_default(), shown));
    }
    for arn in &entity.attached {
        let name = managed::find(arn).map_or_else(|| names::last_segment(arn), |policy| policy.name);
        let document = collect::managed_document(store, arn)?.unwrap_or_default();
        let shown = json!({ "PolicyName": name, "PolicyType": "MANAGED", "PolicyArn": arn });
        into.push((serde_json::from_str(&document).unwrap_or_default(), shown));
    }
    Ok(())
}
