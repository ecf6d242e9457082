//! A stage's method settings: logging, metrics, throttling and caching, for all methods or one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::failure::{Failure, bad_request};
use super::method::check_http_method;
use super::patch::{Patch, text};

type Settings = BTreeMap<String, Map<String, Value>>;

/// AWS lists what it takes, with its own commas (test_apigateway_common TestStages::test_create_update_stages).
pub(super) fn invalid_path(patch: &Patch<'_>) -> Failure {
    bad_request(format!(
        "Invalid method setting path: {}. Must be one of: [/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{{resourcePath}}/{{httpMethod}}/metrics/enabled, /{{resourcePath}}/{{httpMethod}}/logging/dataTrace, /{{resourcePath}}/{{httpMethod}}/logging/loglevel, /{{resourcePath}}/{{httpMethod}}/throttling/burstLimit/{{resourcePath}}/{{httpMethod}}/throttling/rateLimit/{{resourcePath}}/{{httpMethod}}/caching/ttlInSeconds, /{{resourcePath}}/{{httpMethod}}/caching/enabled, /{{resourcePath}}/{{httpMethod}}/caching/dataEncrypted, /{{resourcePath}}/{{httpMethod}}/caching/requireAuthorizationForCacheControl, /{{resourcePath}}/{{httpMethod}}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{{variable_name}}, /tracingEnabled]",
        patch.path
    ))
}

/// Applies a patch whose path is none of the stage's own members.
pub(super) fn apply(all: &mut Settings, patch: &Patch<'_>, segments: &[&str]) -> Result<(), Failure> {
    match (patch.op, segments) {
        ("remove", [_, .., _]) => remove(all, patch, segments),
        ("add" | "replace", [path @ .., method, group, setting])
            if !path.is_empty() && (*method == "*" || check_http_method(method).is_ok()) =>
        {
            let (member, value) = read(patch, group, setting)?;
            all.entry(key(path, method)).or_insert_with(defaults).insert(member.to_owned(), value);
            Ok(())
        }
        _ => Err(invalid_path(patch)),
    }
}

fn remove(all: &mut Settings, patch: &Patch<'_>, segments: &[&str]) -> Result<(), Failure> {
    // `/{path}/{METHOD}` takes all settings of a method away; with a group and a setting, one of them goes back to its
    // default.
    if let [path @ .., method, group, setting] = segments
        && !path.is_empty()
        && let Ok((member, _)) = read(&Patch { value: None, ..patch.clone() }, group, setting)
        && let Some(one) = all.get_mut(&key(path, method))
    {
        match defaults().remove(member) {
            Some(default) => one.insert(member.to_owned(), default),
            None => one.remove(member),
        };
        return Ok(());
    }
    if let [path @ .., method] = segments
        && all.remove(&key(path, method)).is_some()
    {
        return Ok(());
    }
    if let ["canarySettings"] | [_] = segments {
        return Err(invalid_path(patch));
    }
    // The blank at the end is AWS's.
    let named = patch.path.trim_start_matches('/');
    Err(bad_request(format!(
        "Cannot remove method setting {named} because there is no method setting for this method "
    )))
}

/// `*/*`, or the resource's path without its first slash, and the method.
fn key(path: &[&str], method: &str) -> String {
    format!("{}/{method}", path.join("/").trim_start_matches('/'))
}

/// What AWS shows as soon as one setting of a method is made (recorded in the same test). There is no logging level.
fn defaults() -> Map<String, Value> {
    let all = json!({
        "metricsEnabled": false,
        "dataTraceEnabled": false,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10000.0,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    });
    match all {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn read(patch: &Patch<'_>, group: &str, setting: &str) -> Result<(&'static str, Value), Failure> {
    let flag = || Value::Bool(patch.is_true());
    let number = || -> Result<f64, Failure> {
        if patch.op == "remove" {
            return Ok(0.0);
        }
        // Reasoning: AWS's text for a setting that is not a number is not recorded.
        text(patch)
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .ok_or_else(|| bad_request(format!("Invalid value for method setting path: {}", patch.path)))
    };
    Ok(match (group, setting) {
        ("metrics", "enabled") => ("metricsEnabled", flag()),
        ("logging", "dataTrace") => ("dataTraceEnabled", flag()),
        ("logging", "loglevel") => {
            let level = text(patch);
            if patch.op != "remove" && !["OFF", "ERROR", "INFO"].contains(&level.as_str()) {
                // Reasoning: the values are documented, the text is not recorded.
                return Err(bad_request("Invalid logging level specified. Valid options are OFF,ERROR,INFO"));
            }
            ("loggingLevel", level.into())
        }
        ("throttling", "burstLimit") => ("throttlingBurstLimit", json!(number()? as i64)),
        ("throttling", "rateLimit") => ("throttlingRateLimit", json!(number()?)),
        ("caching", "enabled") => ("cachingEnabled", flag()),
        ("caching", "ttlInSeconds") => ("cacheTtlInSeconds", json!(number()? as i64)),
        ("caching", "dataEncrypted") => ("cacheDataEncrypted", flag()),
        ("caching", "requireAuthorizationForCacheControl") => ("requireAuthorizationForCacheControl", flag()),
        ("caching", "unauthorizedCacheControlHeaderStrategy") => {
            ("unauthorizedCacheControlHeaderStrategy", text(patch).into())
        }
        _ => return Err(invalid_path(patch)),
    })
}
