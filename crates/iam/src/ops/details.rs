//! GetAccountAuthorizationDetails: everything that decides about permissions, in one list.

use serde_json::{Map, Value, json};

use super::{Op, Output};
use crate::IAM;
use crate::error::Fail;
use crate::managed;
use crate::model::{Entity, InstanceProfile, Kind, ManagedPolicy};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, Form, object};
use crate::tags::texts;

/// The four lists of the answer.
const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

pub(crate) fn get(op: &Op<'_>) -> Output {
    let filter = texts(op.call, "Filter");
    let wanted = |what: &str| filter.is_empty() || filter.iter().any(|asked| asked == what);
    op.iam.read(|store| {
        // Key, list and value; the key begins with the list's place so that pages have one order.
        let mut found: Vec<(String, Value)> = Vec::new();
        for (i, (kind, filter)) in
            [(Kind::User, "User"), (Kind::Group, "Group"), (Kind::Role, "Role")].into_iter().enumerate()
        {
            if wanted(filter) {
                let entities: Vec<(String, Entity)> =
                    store.list(IAM, &names::entities(op.account(), kind), None, usize::MAX)?;
                for (key, entity) in entities {
                    found.push((format!("{i}{key}"), json!([i, self::entity(op, store, &entity)?])));
                }
            }
        }
        if wanted("LocalManagedPolicy") {
            let own: Vec<(String, ManagedPolicy)> =
                store.list(IAM, &names::policies(op.account()), None, usize::MAX)?;
            for (key, policy) in own {
                let mut shown = object(render::policy(store, op.account(), &policy, Form::Listed)?);
                let versions = policy.versions.iter().rev();
                let versions: Vec<Value> =
                    versions.map(|version| render::version(version, policy.default, true)).collect();
                shown.insert("PolicyVersionList".into(), versions.into());
                found.push((format!("3{key}"), json!([3, shown])));
            }
        }
        if wanted("AWSManagedPolicy") {
            for policy in managed::POLICIES.iter() {
                let (attached, boundaries) = render::uses(store, op.account(), &policy.arn(op.partition()))?;
                // Only those in use: the whole list would be AWS's, not the account's.
                if attached + boundaries > 0 {
                    // A version without `Document` where the text is not carried.
                    let shown =
                        render::aws_policy(store, op.account(), op.partition(), policy, Form::Listed)?;
                    let mut shown = object(shown);
                    shown.insert("PolicyVersionList".into(), json!([render::aws_version(policy, true)]));
                    found.push((format!("4{}", policy.name), json!([3, shown])));
                }
            }
        }
        let mut paged = page(op.call, "All", found)?;
        let mut lists: [Vec<Value>; 4] = Default::default();
        if let Some(Value::Array(items)) = paged.remove("All") {
            for item in items {
                let at =
                    item.get(0).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(3);
                let value = item.get(1).cloned().unwrap_or_default();
                if let Some(list) = lists.get_mut(at) {
                    list.push(value);
                }
            }
        }
        for (name, list) in LISTS.into_iter().zip(lists) {
            paged.insert(name.to_owned(), list.into());
        }
        Ok(paged)
    })
}

fn entity(op: &Op<'_>, store: &impl Read, entity: &Entity) -> Result<Value, Fail> {
    let mut shown: Map<String, Value> = match entity.kind {
        Kind::User => object(render::user(entity, Form::Created)),
        Kind::Group => object(render::group(entity)),
        Kind::Role => object(render::role(store, entity, Form::Created)?),
    };
    let inline: Vec<Value> = entity
        .inline
        .iter()
        .map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": document }))
        .collect();
    shown.insert(format!("{}PolicyList", entity.kind.title()), inline.into());
    let attached: Vec<Value> = entity
        .attached
        .iter()
        .map(|arn| json!({ "PolicyName": names::last_segment(arn), "PolicyArn": arn }))
        .collect();
    shown.insert("AttachedManagedPolicies".into(), attached.into());
    match entity.kind {
        Kind::Group => {}
        Kind::User => {
            let mut groups = Vec::new();
            for name in &entity.groups {
                let group: Option<Entity> =
                    store.one(IAM, &names::entity(op.account(), Kind::Group, name))?;
                groups.extend(group.map(|group| Value::String(group.name)));
            }
            shown.insert("GroupList".into(), groups.into());
            shown.insert("Tags".into(), render::tags(&entity.tags));
        }
        Kind::Role => {
            let own = names::folded(&entity.name);
            let profiles: Vec<(String, InstanceProfile)> = store.all(IAM, &names::profiles(op.account()))?;
            let mut list = Vec::new();
            for (_, profile) in profiles.iter().filter(|(_, p)| p.role.as_ref() == Some(&own)) {
                list.push(render::profile(store, op.account(), profile, Form::Listed)?);
            }
            shown.insert("InstanceProfileList".into(), list.into());
            shown.insert("RoleLastUsed".into(), json!({}));
            shown.insert("Tags".into(), render::tags(&entity.tags));
        }
    }
    Ok(Value::Object(shown))
}
