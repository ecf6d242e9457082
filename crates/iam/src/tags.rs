//! Tags of entities and sessions.

use serde_json::Value;
use wire::Call;

use crate::error::{Fail, invalid_input, limit};
use crate::model::Tag;

/// Tags that an entity may have.
const MOST: usize = 50;

/// The `Tags` member; empty when absent.
pub(crate) fn sent(call: &Call) -> Vec<Tag> {
    call.input.get("Tags").cloned().and_then(|tags| serde_json::from_value(tags).ok()).unwrap_or_default()
}

/// The `TagKeys` member; empty when absent.
pub(crate) fn sent_keys(call: &Call) -> Vec<String> {
    texts(call, "TagKeys")
}

/// A member that is a list of strings; empty when absent.
pub(crate) fn texts(call: &Call, member: &str) -> Vec<String> {
    let list = call.input.get(member).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether two keys are one. Keys of users and roles are compared without case, those of managed policies and
/// instance profiles with it (test_iam_roles `create-role-duplicate-tags-different-case`, test_iam_policies
/// `create-with-case-sensitive-tags`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Ignored,
    Kept,
}

impl Case {
    fn same(self, a: &str, b: &str) -> bool {
        match self {
            // Keys may hold any letters, so ASCII folding is not enough.
            Self::Ignored => a.to_lowercase() == b.to_lowercase(),
            Self::Kept => a == b,
        }
    }

    fn duplicate(self) -> Fail {
        invalid_input(match self {
            Self::Ignored => "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            Self::Kept => "Duplicate tag keys found.",
        })
    }
}

/// Refuses two tags with one key, and keys that only AWS gives (User Guide, id_tags: keys must not begin with `aws:`; the text is the one that other services are seen to answer).
pub(crate) fn unique(tags: &[Tag], case: Case) -> Result<(), Fail> {
    let of_aws = |tag: &Tag| tag.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if tags.iter().any(of_aws) {
        return Err(invalid_input("Caller is an end user and not allowed to mutate system tags"));
    }
    let twice = tags
        .iter()
        .enumerate()
        .any(|(i, tag)| tags.iter().take(i).any(|other| case.same(&tag.key, &other.key)));
    if twice { Err(case.duplicate()) } else { Ok(()) }
}

/// Adds `new` to `tags`, replacing values of keys that are there.
pub(crate) fn merge(tags: &mut Vec<Tag>, new: Vec<Tag>, case: Case) -> Result<(), Fail> {
    unique(&new, case)?;
    for tag in new {
        match tags.iter_mut().find(|t| case.same(&t.key, &tag.key)) {
            Some(old) => *old = tag,
            None => tags.push(tag),
        }
    }
    if tags.len() > MOST {
        // test_open_id_connect_provider_tags_limit.
        return Err(limit("The number of tags has reached the maximum limit."));
    }
    Ok(())
}

/// Removes the tags with these keys.
pub(crate) fn remove(tags: &mut Vec<Tag>, keys: &[String], case: Case) {
    tags.retain(|tag| !keys.iter().any(|key| case.same(key, &tag.key)));
}
