//! The effective policy of a management type: the policies from the root down to an account, merged by their
//! inheritance operators (User Guide, orgs_manage_policies_inheritance_mgmt). SCPs and RCPs have none: they limit,
//! level by level, and the operation's model does not know their types.

use serde_json::{Map, Value, json};

use super::access::enter;
use super::fail::{fail, no_target};
use crate::ops::{Op, Output, one};
use crate::render::seconds;

const OPERATORS_ALLOWED: &str = "@@operators_allowed_for_child_policies";

pub(crate) fn describe(op: &Op<'_>) -> Output {
    let kind = op.required("PolicyType");
    let account = op.text("TargetId").unwrap_or(op.account().as_str());
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        if !organization.accounts.contains_key(account) {
            return Err(no_target());
        }
        let (mut effective, mut updated, mut any) = (Value::Object(Map::new()), 0, false);
        for target in organization.line(account) {
            for id in organization.attached(target, kind) {
                if let Some(policy) = organization.policy(store, id)?
                    && let Ok(document) = serde_json::from_str(&policy.content)
                {
                    inherit(&mut effective, &document);
                    updated = updated.max(policy.updated_ms);
                    any = true;
                }
            }
        }
        if !any {
            return Err(fail(
                "EffectivePolicyNotFoundException",
                "If you ran this action on the management account, this policy type is not enabled. If you ran the \
                 action on a member account, the account doesn't have an effective policy of this type.",
            ));
        }
        finish(&mut effective);
        one(
            "EffectivePolicy",
            json!({
                "PolicyContent": effective.to_string(),
                "LastUpdatedTimestamp": seconds(updated),
                "TargetId": account,
                "PolicyType": kind,
            }),
        )
    })
}

/// Whether what is inherited lets policies below use `operator` on this.
fn allows(parent: &Value, operator: &str) -> bool {
    match parent.get(OPERATORS_ALLOWED).and_then(Value::as_array) {
        None => true,
        Some(allowed) => allowed.iter().any(|a| a == "@@all" || a == operator),
    }
}

/// Applies a policy to what is inherited from above. Values stay under `@@assign` until [`finish`].
fn inherit(parent: &mut Value, child: &Value) {
    let (Some(_), Some(members)) = (parent.as_object(), child.as_object()) else { return };
    for (key, value) in members {
        match key.as_str() {
            "@@assign" if allows(parent, key) => parent["@@assign"] = value.clone(),
            "@@append" if allows(parent, key) => {
                let mut all = list(parent.get("@@assign"));
                let new: Vec<Value> = list(Some(value)).into_iter().filter(|v| !all.contains(v)).collect();
                all.extend(new);
                parent["@@assign"] = Value::Array(all);
            }
            "@@remove" if allows(parent, key) => {
                let gone = list(Some(value));
                let kept = list(parent.get("@@assign")).into_iter().filter(|v| !gone.contains(v));
                parent["@@assign"] = kept.collect();
            }
            // The first to say it, from the root down, decides.
            OPERATORS_ALLOWED if parent.get(key).is_none() => parent[key.as_str()] = value.clone(),
            _ if key.starts_with("@@") => {}
            _ => {
                let known = parent.as_object().is_some_and(|members| members.contains_key(key));
                if !known {
                    parent[key.as_str()] = Value::Object(Map::new());
                }
                match parent.get_mut(key) {
                    Some(inner) if value.is_object() => inherit(inner, value),
                    // A plain value is one that was assigned.
                    Some(inner) if allows(inner, "@@assign") => inner["@@assign"] = value.clone(),
                    _ => {}
                }
            }
        }
    }
}

fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Values in place of their operators.
fn finish(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    if let Some(assigned) = members.remove("@@assign") {
        *value = assigned;
        return;
    }
    members.retain(|key, _| !key.starts_with("@@"));
    members.values_mut().for_each(finish);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policies: &[Value], expected: &Value) {
        let mut effective = json!({});
        policies.iter().for_each(|policy| inherit(&mut effective, policy));
        finish(&mut effective);
        assert_eq!(&effective, expected);
    }

    // The first two follow the examples of orgs_manage_policies_inheritance_mgmt.
    #[test]
    fn lower_policies_assign_append_and_remove() {
        let above = json!({"tags": {"cost": {"tag_key": {"@@assign": "Cost"}, "tag_value": {"@@assign": ["A", "B"]}}}});
        let below = json!({"tags": {"cost": {"tag_value": {"@@append": ["C"]}}}});
        let last =
            json!({"tags": {"cost": {"tag_value": {"@@remove": ["A"]}, "tag_key": {"@@assign": "COST"}}}});
        let effective = json!({"tags": {"cost": {"tag_key": "COST", "tag_value": ["B", "C"]}}});
        check(&[above, below, last], &effective);
    }

    #[test]
    fn what_may_be_changed_below_is_said_above() {
        let above = json!({"tags": {"cost": {"tag_value": {
            "@@operators_allowed_for_child_policies": ["@@none"], "@@assign": ["A"]}}}});
        let below = json!({"tags": {"cost": {"tag_value": {"@@append": ["C"], "@@assign": ["D"]}}}});
        check(&[above, below], &json!({"tags": {"cost": {"tag_value": ["A"]}}}));
    }

    #[test]
    fn plain_values_are_assigned() {
        check(&[json!({"a": {"b": "c"}}), json!({"a": {"b": {"@@assign": "d"}}})], &json!({"a": {"b": "d"}}));
    }
}
