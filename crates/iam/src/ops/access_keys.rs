//! Long-term access keys of users and of the root user. Texts: test_iam_users, TestUserAccessKeys.

use serde_json::{Value, json};

use super::{Op, Output, entities, nothing, one};
use crate::IAM;
use crate::error::{Fail, denied, no_such, quota};
use crate::model::{Key, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{object, seconds};

/// Keys that a user may have.
const MOST: usize = 2;

/// The name of the user whose keys the call is about, as it was written, and as it stands in store keys (empty for
/// the root user).
fn holder(op: &Op<'_>, store: &impl Read) -> Result<(Option<String>, String), Fail> {
    Ok(match op.user()? {
        Some(name) => {
            let user = entities::find(store, op.account(), Kind::User, &name)?;
            let folded = names::folded(&user.name);
            (Some(user.name), folded)
        }
        None => (None, String::new()),
    })
}

/// What both create and list show.
fn metadata(user: Option<&str>, id: &str, key: &Key) -> serde_json::Map<String, Value> {
    let mut shown = object(json!({
        "AccessKeyId": id,
        "Status": if key.active { "Active" } else { "Inactive" },
        "CreateDate": seconds(key.created_ms),
    }));
    if let Some(user) = user {
        shown.insert("UserName".into(), user.into());
    }
    shown
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let (name, folded) = holder(op, store)?;
        let there: Vec<(String, Value)> =
            store.list(IAM, &names::user_keys(op.account(), &folded), None, MOST)?;
        if there.len() >= MOST {
            return Err(quota("AccessKeysPerUser", MOST));
        }
        let id = arn::access_key_id("AKIA", &names::random()?);
        let key = Key {
            account: op.account().to_string(),
            user: name.as_ref().map(|_| folded.clone()),
            secret: arn::secret_access_key(&names::random()?),
            active: true,
            created_ms: op.call.now_ms,
        };
        store.put(IAM, &names::key(&id), &key)?;
        store.put(IAM, &names::user_key(op.account(), &folded, &id), &json!({}))?;
        let mut shown = metadata(name.as_deref(), &id, &key);
        shown.insert("SecretAccessKey".into(), key.secret.into());
        one("AccessKey", Value::Object(shown))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let (name, folded) = holder(op, store)?;
        let marks: Vec<(String, Value)> =
            store.list(IAM, &names::user_keys(op.account(), &folded), None, usize::MAX)?;
        let mut shown = Vec::new();
        for (at, _) in marks {
            let id = names::last_segment(&at).to_owned();
            if let Some(key) = store.get::<Key>(IAM, &names::key(&id))? {
                shown.push((id.clone(), Value::Object(metadata(name.as_deref(), &id, &key))));
            }
        }
        page(op.call, "AccessKeyMetadata", shown)
    })
}

/// The key that the call names, which must be the holder's.
fn find(op: &Op<'_>, store: &impl Read, folded: &str) -> Result<Key, Fail> {
    let id = op.required("AccessKeyId");
    let missing = || no_such(format!("The Access Key with id {id} cannot be found."));
    if store.one::<Value>(IAM, &names::user_key(op.account(), folded, id))?.is_none() {
        return Err(missing());
    }
    store.one(IAM, &names::key(id))?.ok_or_else(missing)
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let (_, folded) = holder(op, store)?;
        let mut key = find(op, store, &folded)?;
        key.active = op.required("Status") == "Active";
        store.put(IAM, &names::key(op.required("AccessKeyId")), &key)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let id = op.required("AccessKeyId");
    op.iam.write(|store| {
        let (_, folded) = holder(op, store)?;
        find(op, store, &folded)?;
        store.delete(IAM, &names::key(id))?;
        store.delete(IAM, &names::user_key(op.account(), &folded, id))?;
        nothing()
    })
}

/// A key that does not exist, or is another account's, is answered as a denial (test_access_key_errors).
pub(crate) fn last_used(op: &Op<'_>) -> Output {
    let id = op.required("AccessKeyId");
    let key: Option<Key> = op.iam.read(|store| Ok(store.get(IAM, &names::key(id))?))?;
    let Some(key) = key.filter(|key| key.account == op.account().as_str()) else {
        return Err(denied(format!(
            "User: {} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {id}",
            op.caller.principal.arn()
        )));
    };
    let used = match op.iam.last_use(id) {
        Some(used) => json!({
            "LastUsedDate": seconds(used.at_ms),
            "Region": used.region,
            "ServiceName": used.service,
        }),
        None => json!({ "Region": "N/A", "ServiceName": "N/A" }),
    };
    let mut output = object(json!({ "AccessKeyLastUsed": used }));
    if let Some(user) = key.user {
        let user = op.iam.read(|store| entities::find(store, op.account(), Kind::User, &user))?;
        output.insert("UserName".into(), user.name.into());
    }
    Ok(output)
}
