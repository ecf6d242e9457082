//! JSON patch as API Gateway permits it: per resource a table of paths with their operations, and two dialects of
//! refusal.
//!
//! Source of the tables: API reference, "Patch Operations". Source of the texts: recordings named at each function.

use std::collections::BTreeMap;

use serde_json::Value;
use wire::Call;

use super::failure::{Failure, bad_request, not_found};

/// One operation of `patchOperations`.
#[derive(Clone, Debug)]
pub(super) struct Patch<'a> {
    pub op: &'a str,
    pub path: &'a str,
    pub value: Option<&'a str>,
    pub from: Option<&'a str>,
}

/// A path, with `{}` for a segment that the client chooses, and the operations that it takes.
pub(super) type Rule = (&'static str, &'static [&'static str]);

/// The call's operations, in order. A missing path is refused in the words of
/// TestApiGatewayGatewayResponse::test_update_gateway_response#update-gateway-no-path.
pub(super) fn operations(call: &Call) -> Result<Vec<Patch<'_>>, Failure> {
    let Some(Value::Array(list)) = call.input.get("patchOperations") else { return Ok(Vec::new()) };
    list.iter()
        .map(|one| {
            let text = |member: &str| one.get(member).and_then(Value::as_str);
            let path = text("path").ok_or_else(|| bad_request("Invalid patch path null"))?;
            Ok(Patch { op: text("op").unwrap_or("null"), path, value: text("value"), from: text("from") })
        })
        .collect()
}

impl Patch<'_> {
    /// The path's segments, with `~1` and `~0` resolved (RFC 6901).
    pub(super) fn segments(&self) -> Vec<String> {
        self.path.strip_prefix('/').unwrap_or(self.path).split('/').map(unescape).collect()
    }

    /// The value as API Gateway reads booleans: anything but `true` is false (recording:
    /// TestApiGatewayApiMethod::test_update_method_validation#wrong-value-type).
    pub(super) fn is_true(&self) -> bool {
        self.value.is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The value, or nothing when it is absent or empty, which is how a member is unset.
    pub(super) fn non_empty(&self) -> Option<String> {
        self.value.filter(|v| !v.is_empty()).map(str::to_owned)
    }
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Finds the rule for `patch`; gives its path and the segment that stands for `{}`.
///
/// Refusals as recorded in TestApiGatewayApiMethod::test_update_method_validation and
/// TestApiGatewayApiRestApi::test_update_rest_api_compression.
pub(super) fn permit(rules: &[Rule], patch: &Patch<'_>) -> Result<(&'static str, String), Failure> {
    let (rule, key) =
        find(rules, patch).ok_or_else(|| bad_request(format!("Invalid patch path {}", patch.path)))?;
    if !rule.1.contains(&patch.op) {
        let ops = rule.1.join(", ");
        return Err(bad_request(format!("Invalid patch operation specified. Must be one of: [{ops}]")));
    }
    Ok((rule.0, key))
}

/// The same in the dialect of resources, models, validators and keys, which list what they take
/// (TestApiGatewayApiResource::test_update_resource_behaviour, TestApiGatewayApiModels::test_update_model).
pub(super) fn permit_listed(rules: &[Rule], patch: &Patch<'_>) -> Result<(&'static str, String), Failure> {
    if let Some((rule, key)) = find(rules, patch)
        && rule.1.contains(&patch.op)
    {
        return Ok((rule.0, key));
    }
    let taken: Vec<&str> =
        rules.iter().filter(|rule| rule.1.contains(&patch.op)).map(|rule| rule.0).collect();
    let advice = if taken.is_empty() {
        "Please choose supported operations".to_owned()
    } else {
        format!("Must be one of: [{}]", taken.join(", "))
    };
    // The two blanks after "path" are AWS's.
    Err(bad_request(format!(
        "Invalid patch path  '{}' specified for op '{}'. {advice}",
        patch.path, patch.op
    )))
}

fn find<'r>(rules: &'r [Rule], patch: &Patch<'_>) -> Option<(&'r Rule, String)> {
    let given: Vec<&str> = patch.path.strip_prefix('/')?.split('/').collect();
    rules.iter().find_map(|rule| {
        let mut key = String::new();
        let mut wanted = rule.0.strip_prefix('/')?.split('/');
        for segment in &given {
            match wanted.next()? {
                "{}" if !segment.is_empty() => key = unescape(segment),
                literal if literal == *segment => {}
                _ => return None,
            }
        }
        wanted.next().is_none().then_some((rule, key))
    })
}

/// What AWS says when an operation names an entry that is not there.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    Parameter,
    ContentType,
}

impl Entry {
    /// TestApigatewayMethodResponse::test_update_method_lack_response_parameters_and_models.
    pub(super) fn unknown(self) -> Failure {
        not_found(match self {
            Self::Parameter => "Invalid parameter name specified",
            Self::ContentType => "Content-Type specified was not found",
        })
    }
}

/// Applies `patch` to the entry `key` of a map; `read` turns the value into an entry.
pub(super) fn apply_entry<T>(
    map: &mut BTreeMap<String, T>,
    patch: &Patch<'_>,
    key: String,
    entry: Entry,
    read: impl FnOnce(&Patch<'_>) -> T,
) -> Result<(), Failure> {
    match patch.op {
        "add" => {
            map.insert(key, read(patch));
        }
        "replace" => {
            *map.get_mut(&key).ok_or_else(|| entry.unknown())? = read(patch);
        }
        _ => {
            map.remove(&key).ok_or_else(|| entry.unknown())?;
        }
    }
    Ok(())
}

/// The value as text, empty when absent.
pub(super) fn text(patch: &Patch<'_>) -> String {
    patch.value.unwrap_or_default().to_owned()
}
