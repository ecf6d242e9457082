//! Metric filters: stored and described; TestMetricFilter is evaluated. There is no CloudWatch here that metrics could
//! go to.

use serde_json::{Map, Value, json};
use store::{Reader, Store};
use wire::{ApiError, Call, Reply};

use crate::fail::{Fail, Result, invalid, limit_exceeded};
use crate::filter::Filter;
use crate::groups;
use crate::model::METRIC_FILTERS;
use crate::names::group_key;
use crate::shelf;

/// PutMetricFilter, API Reference.
const MAX_FILTERS: usize = 100;
/// Filters with regular expressions in a group, of each kind (same page).
const MAX_REGEX_FILTERS: usize = 5;

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    let group = call.required("logGroupName");
    let name = call.required("filterName");
    let key = group_key(call.account, &call.region, group);
    let pattern = call.required("filterPattern");
    Filter::parse(pattern)?;
    let transformations = call.input.get("metricTransformations").cloned().unwrap_or_default();
    for transformation in transformations.as_array().into_iter().flatten() {
        let dimensions = transformation.get("dimensions").and_then(Value::as_object);
        if dimensions.is_some_and(|d| !d.is_empty()) && transformation.get("defaultValue").is_some() {
            // The rule is in MetricTransformation's page, the text in public reports.
            return Err(invalid(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
            ));
        }
    }
    let mut filter = shelf::members(
        call,
        &[
            "logGroupName",
            "filterName",
            "filterPattern",
            "fieldSelectionCriteria",
            "emitSystemFieldDimensions",
        ],
    );
    filter.insert("applyOnTransformedLogs".to_owned(), flag(call, "applyOnTransformedLogs").into());
    filter.insert("creationTime".to_owned(), call.now_ms.into());
    filter.insert("metricTransformations".to_owned(), transformations);
    store.write(|writer| {
        standard_class(&groups::get(writer, &key)?.class, "Metric filters")?;
        let prefix = format!("{key}:");
        let there: Vec<(String, Map<String, Value>)> =
            writer.list(METRIC_FILTERS, &prefix, None, usize::MAX)?;
        room(&there, &format!("{prefix}{name}"), pattern, MAX_FILTERS)?;
        writer.put(METRIC_FILTERS, &format!("{prefix}{name}"), &filter)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn flag(call: &Call, member: &str) -> bool {
    call.input.get(member) == Some(&Value::Bool(true))
}

/// Whether a group can have one more filter, or another pattern for the filter at `key`.
pub(crate) fn room(
    there: &[(String, Map<String, Value>)],
    key: &str,
    pattern: &str,
    most: usize,
) -> Result<()> {
    let others = || there.iter().filter(|(other, _)| other != key);
    let has_regex = |filter: &Map<String, Value>| {
        Filter::has_regex(filter.get("filterPattern").and_then(Value::as_str).unwrap_or_default())
    };
    let too_many = Filter::has_regex(pattern)
        && others().filter(|(_, filter)| has_regex(filter)).count() >= MAX_REGEX_FILTERS;
    if others().count() >= most || too_many { Err(limit_exceeded()) } else { Ok(()) }
}

/// Filters of a group of the class INFREQUENT_ACCESS or DELIVERY do not exist (User Guide, "Log classes"). The code is
/// in the model; the text is not recorded.
pub(crate) fn standard_class(class: &str, what: &str) -> Result<()> {
    match class {
        "STANDARD" => Ok(()),
        other => Err(Fail::from(ApiError::new(
            "InvalidOperationException",
            400,
            format!("{what} are not supported by log groups of the class {other}."),
        ))),
    }
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let name = call.text("logGroupName");
    let (metric, namespace) = (call.text("metricName"), call.text("metricNamespace"));
    if metric.is_some() != namespace.is_some() {
        // The rule is in the API Reference; the text is not recorded.
        return Err(invalid("metricName and metricNamespace must be given together."));
    }
    let filters: Vec<(String, Map<String, Value>)> = store.read(|reader| {
        let prefix = match name {
            None => group_key(call.account, &call.region, ""),
            Some(name) => {
                let key = group_key(call.account, &call.region, name);
                groups::read(reader, &key)?;
                format!("{key}:")
            }
        };
        Ok::<_, Fail>(reader.list(METRIC_FILTERS, &prefix, None, usize::MAX)?)
    })?;
    let of_metric = |filter: &Map<String, Value>| {
        let Some(metric) = metric else { return true };
        let all = filter.get("metricTransformations").and_then(Value::as_array).into_iter().flatten();
        let mut all = all.map(|t| (t.get("metricName"), t.get("metricNamespace")));
        all.any(|(m, n)| m.and_then(Value::as_str) == Some(metric) && n.and_then(Value::as_str) == namespace)
    };
    let prefix = call.text("filterNamePrefix").unwrap_or_default();
    let wanted = filters.into_iter().filter(|(_, f)| shelf::text(f, "filterName").starts_with(prefix));
    shelf::page(call, "metricFilters", wanted.filter(|(_, filter)| of_metric(filter)), 50)
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("logGroupName"));
    store.write(|writer| {
        groups::get(writer, &key)?;
        match writer.delete(METRIC_FILTERS, &format!("{key}:{}", call.required("filterName")))? {
            true => Ok(Reply::empty()),
            false => Err(shelf::missing("The specified metric filter does not exist.")),
        }
    })
}

/// `metricFilterCount` of a group.
pub(crate) fn count(reader: &Reader, group_key: &str) -> Result<usize> {
    let found: Vec<(String, Value)> =
        reader.list(METRIC_FILTERS, &format!("{group_key}:"), None, usize::MAX)?;
    Ok(found.len())
}

/// TestMetricFilter: which of the messages match, and the fields that the pattern names.
pub(crate) fn test(call: &Call) -> Result<Reply> {
    let filter = Filter::parse(call.required("filterPattern"))?;
    let messages = call.input.get("logEventMessages").and_then(Value::as_array).into_iter().flatten();
    let matches: Vec<Value> = messages
        .filter_map(Value::as_str)
        .enumerate()
        .filter(|(_, message)| filter.matches(message))
        .map(|(at, message)| {
            let values: Map<String, Value> =
                filter.extract(message).into_iter().map(|(name, value)| (name, value.into())).collect();
            json!({"eventNumber": at + 1, "eventMessage": message, "extractedValues": values})
        })
        .collect();
    Ok(json!({ "matches": matches }).into())
}
