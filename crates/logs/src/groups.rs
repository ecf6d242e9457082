use serde_json::{Map, Value, json};
use store::{Reader, Store, Writer};
use wire::{ApiError, Call, Reply, paginate};

use crate::fail::{Fail, Result, group_exists, invalid, invalid_token, no_group};
use crate::metric_filters;
use crate::model::{BATCHES, GROUPS, Group, METRIC_FILTERS, STREAMS, SUBSCRIPTIONS};
use crate::names::{group_arn, group_key, group_of_identifier};

pub(crate) fn create(store: &Store, call: &Call) -> Result<Reply> {
    let name = call.required("logGroupName");
    // CreateLogGroup, API Reference: names cannot begin with `aws/`. The text is not recorded.
    if name.starts_with("aws/") {
        return Err(invalid("Log groups starting with AWS/ are reserved for AWS."));
    }
    let mut group = Group::new(call.now_ms);
    if let Some(class) = call.text("logGroupClass") {
        group.class = class.to_owned();
    }
    group.kms_key = call.text("kmsKeyId").map(str::to_owned);
    group.deletion_protected = call.input.get("deletionProtectionEnabled") == Some(&Value::Bool(true));
    crate::tags::add(&mut group, call.input.get("tags"))?;
    let key = group_key(call.account, &call.region, name);
    store.write(|writer| {
        if writer.get::<Group>(GROUPS, &key)?.is_some() {
            return Err(group_exists());
        }
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("logGroupName"));
    store.write(|writer| {
        if get(writer, &key)?.deletion_protected {
            // DeleteLogGroup, API Reference, lists ValidationException; the text is not recorded.
            return Err(Fail::from(ApiError::new(
                "ValidationException",
                400,
                "The specified log group has deletion protection enabled.",
            )));
        }
        writer.delete(GROUPS, &key)?;
        writer.delete_prefix(STREAMS, &format!("{key}:"))?;
        writer.delete_prefix(BATCHES, &format!("{key}:"))?;
        writer.delete_prefix(METRIC_FILTERS, &format!("{key}:"))?;
        writer.delete_prefix(SUBSCRIPTIONS, &format!("{key}:"))?;
        Ok(Reply::empty())
    })
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let (prefix, pattern) = (call.text("logGroupNamePrefix"), call.text("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    own_account_only(call)?;
    let class = call.text("logGroupClass");
    let identifiers = match call.input.get("logGroupIdentifiers").and_then(Value::as_array) {
        None => None,
        Some(list) => {
            let names = list.iter().filter_map(Value::as_str);
            Some(names.map(|i| group_of_identifier(call, i)).collect::<Result<Vec<String>>>()?)
        }
    };
    let all = group_key(call.account, &call.region, "");
    let start = format!("{all}{}", prefix.unwrap_or_default());
    let found: Vec<(String, Group)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(GROUPS, &start, None, usize::MAX)?))?;
    let groups =
        found.into_iter().filter_map(|(key, group)| Some((key.strip_prefix(&all)?.to_owned(), group)));
    let groups = groups.filter(|(name, group)| {
        pattern.is_none_or(|p| name.contains(p))
            && class.is_none_or(|c| group.class == c)
            && identifiers.as_ref().is_none_or(|names| names.contains(name))
    });
    let (page, next) = paginate(groups, |(name, _)| name.clone(), call.text("nextToken"), limit(call, 50))
        .map_err(|_| invalid_token())?;
    let shown = store.read(|reader| {
        let show = |(name, group): &(String, Group)| {
            let filters = metric_filters::count(reader, &format!("{all}{name}"))?;
            Ok(show(call, name, group, filters, pattern.is_some()))
        };
        page.iter().map(show).collect::<Result<Vec<Value>>>()
    })?;
    let mut output = Map::new();
    output.insert("logGroups".to_owned(), shown.into());
    if let Some(next) = next {
        output.insert("nextToken".to_owned(), next.into());
    }
    Ok(Value::Object(output).into())
}

/// Groups of linked accounts are shown by CloudWatch's cross-account observability, which is not served here.
fn own_account_only(call: &Call) -> Result<()> {
    let linked = call.input.get("includeLinkedAccounts") == Some(&Value::Bool(true));
    if linked || call.input.contains_key("accountIdentifiers") {
        let what = format!("{} of linked accounts", call.operation);
        return Err(Fail::from(ApiError::not_implemented("logs", &what)));
    }
    Ok(())
}

/// ListLogGroups. Its pattern is of names, each anywhere or after `^` at the beginning, with `|` between them.
pub(crate) fn list(store: &Store, call: &Call) -> Result<Reply> {
    own_account_only(call)?;
    for member in ["dataSources", "fieldIndexNames", "logGroupTags"] {
        if call.input.contains_key(member) {
            let what = format!("ListLogGroups with {member}");
            return Err(Fail::from(ApiError::not_implemented("logs", &what)));
        }
    }
    let pattern = call.text("logGroupNamePattern");
    let class = call.text("logGroupClass");
    let all = group_key(call.account, &call.region, "");
    let found: Vec<(String, Group)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(GROUPS, &all, None, usize::MAX)?))?;
    let of_name = |name: &str| {
        pattern.is_none_or(|pattern| {
            pattern.split('|').any(|part| match part.strip_prefix('^') {
                Some(start) => name.starts_with(start),
                None => name.contains(part),
            })
        })
    };
    let wanted = found.into_iter().filter_map(|(key, group)| {
        let name = key.strip_prefix(&all)?;
        if !of_name(name) || class.is_some_and(|class| class != group.class) {
            return None;
        }
        let mut shown = Map::new();
        shown.insert("logGroupName".to_owned(), name.into());
        shown.insert("logGroupArn".to_owned(), group_arn(call.account, &call.region, name).into());
        shown.insert("logGroupClass".to_owned(), group.class.into());
        Some((key, shown))
    });
    crate::shelf::page(call, "logGroups", wanted, 1000)
}

/// AssociateKmsKey, DisassociateKmsKey (no key) and PutLogGroupDeletionProtection.
pub(crate) fn change(store: &Store, call: &Call) -> Result<Reply> {
    let identifier = call.text("resourceIdentifier").or_else(|| call.text("logGroupIdentifier"));
    let name = match (call.text("logGroupName"), identifier) {
        (Some(name), None) => name.to_owned(),
        (None, Some(arn)) if arn.contains(":query-result:") => {
            let what = format!("{} of query results", call.operation);
            return Err(Fail::from(ApiError::not_implemented("logs", &what)));
        }
        (None, Some(identifier)) => group_of_identifier(call, identifier)?,
        // The API Reference wants exactly one; its text is not recorded.
        _ => return Err(invalid("Exactly one of logGroupName and resourceIdentifier must be provided.")),
    };
    let key = group_key(call.account, &call.region, &name);
    store.write(|writer| {
        let mut group = get(writer, &key)?;
        if call.operation == "PutLogGroupDeletionProtection" {
            group.deletion_protected =
                call.input.get("deletionProtectionEnabled") == Some(&Value::Bool(true));
        } else {
            group.kms_key = call.text("kmsKeyId").map(str::to_owned);
        }
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

/// Recorded: test_describe_log_groups_with_prefix; with a pattern two members are missing
/// (test_describe_log_groups_with_pattern).
fn show(call: &Call, name: &str, group: &Group, filters: usize, by_pattern: bool) -> Value {
    let arn = group_arn(call.account, &call.region, name);
    let mut shown = json!({
        "logGroupName": name,
        "creationTime": group.created,
        "metricFilterCount": filters,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "logGroupClass": group.class,
    });
    if let Some(members) = shown.as_object_mut() {
        if !by_pattern {
            members.insert("storedBytes".to_owned(), group.stored_bytes.into());
            members.insert("deletionProtectionEnabled".to_owned(), group.deletion_protected.into());
        }
        if let Some(days) = group.retention_days {
            members.insert("retentionInDays".to_owned(), days.into());
        }
        if let Some(key) = &group.kms_key {
            members.insert("kmsKeyId".to_owned(), key.as_str().into());
        }
    }
    shown
}

/// The client's `limit`, at most `most`, which is also what there is without one.
pub(crate) fn limit(call: &Call, most: usize) -> usize {
    let sent = call.input.get("limit").or_else(|| call.input.get("maxResults")).and_then(Value::as_u64);
    sent.and_then(|l| usize::try_from(l).ok()).map_or(most, |l| l.clamp(1, most))
}

pub(crate) fn get(writer: &Writer<'_>, key: &str) -> Result<Group> {
    writer.get(GROUPS, key)?.ok_or_else(no_group)
}

pub(crate) fn read(reader: &Reader, key: &str) -> Result<Group> {
    reader.get(GROUPS, key)?.ok_or_else(no_group)
}
