//! Subscription filters: what PutSubscriptionFilter accepts, and where the events are to go.

use arn::Arn;
use serde_json::{Map, Value};
use store::Store;
use wire::{ApiError, Call, Reply};

use crate::fail::{Fail, Result, invalid};
use crate::filter::Filter;
use crate::groups;
use crate::metric_filters::{flag, room, standard_class};
use crate::model::{DESTINATIONS, SUBSCRIPTIONS};
use crate::names::group_key;
use crate::shelf;

/// Subscription filters of a group (CloudWatch Logs quotas).
const MAX_FILTERS: usize = 2;

/// Everything that can be refused without asking the destination. Gives the destination when it is a function.
pub(crate) fn validate(store: &Store, call: &Call) -> Result<Option<String>> {
    let destination = call.required("destinationArn");
    let arn =
        Arn::parse(destination).map_err(|_| invalid(format!("Invalid destinationArn: {destination}")))?;
    let role = call.text("roleArn");
    match arn.service.as_str() {
        // Recorded: test_put_subscription_filter_errors, for a group and a function that do not exist.
        "lambda" if arn.account != call.account.as_str() => {
            return Err(Fail::from(ApiError::new(
                "AccessDeniedException",
                400,
                "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create \
                 cross account lambda triggers.",
            )));
        }
        // As the recorded text for Kinesis, turned round; public reports have it.
        "lambda" if role.is_some() => {
            return Err(invalid("destinationArn for vendor lambda cannot be used with roleArn"));
        }
        vendor @ ("kinesis" | "firehose") if role.is_none() => {
            return Err(invalid(format!(
                "destinationArn for vendor {vendor} cannot be used without roleArn"
            )));
        }
        "lambda" | "kinesis" | "firehose" | "logs" => {}
        vendor => return Err(invalid(format!("destinationArn for vendor {vendor} is not supported"))),
    }
    let group = call.required("logGroupName");
    if arn.service == "lambda" {
        if arn.region != call.region {
            // Destinations are in the group's region (User Guide); the text is not recorded.
            return Err(invalid(format!("The function {destination} is not in the region {}", call.region)));
        }
        let name = arn.resource.strip_prefix("function:").unwrap_or_default();
        let name = name.split(':').next().unwrap_or_default();
        if group.strip_prefix("/aws/lambda/") == Some(name) {
            // Known from public reports: it would call itself for ever.
            return Err(invalid(
                "The log group provided is reserved for the function logs of the destination function.",
            ));
        }
    }
    Filter::parse(call.required("filterPattern"))?;
    let key = group_key(call.account, &call.region, group);
    store.read(|reader| {
        standard_class(&groups::read(reader, &key)?.class, "Subscription filters")?;
        if arn.service == "logs" && arn.account == call.account.as_str() {
            let name = arn.resource.strip_prefix("destination:").unwrap_or_default();
            let there = group_key(call.account, &arn.region, name);
            if reader.get::<Value>(DESTINATIONS, &there)?.is_none() {
                return Err(shelf::missing("The specified destination does not exist."));
            }
        }
        let there: Vec<(String, Map<String, Value>)> =
            reader.list(SUBSCRIPTIONS, &format!("{key}:"), None, usize::MAX)?;
        let own = format!("{key}:{}", call.required("filterName"));
        room(&there, &own, call.required("filterPattern"), MAX_FILTERS)
    })?;
    Ok((arn.service == "lambda").then(|| destination.to_owned()))
}

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    validate(store, call)?;
    let mut filter = shelf::members(
        call,
        &[
            "logGroupName",
            "filterName",
            "filterPattern",
            "destinationArn",
            "roleArn",
            "fieldSelectionCriteria",
            "emitSystemFields",
        ],
    );
    let distribution = call.text("distribution").unwrap_or("ByLogStream");
    filter.insert("distribution".to_owned(), distribution.into());
    filter.insert("applyOnTransformedLogs".to_owned(), flag(call, "applyOnTransformedLogs").into());
    filter.insert("creationTime".to_owned(), call.now_ms.into());
    let group = group_key(call.account, &call.region, call.required("logGroupName"));
    let key = format!("{group}:{}", call.required("filterName"));
    store.write(|writer| {
        groups::get(writer, &group)?;
        let there: Vec<(String, Map<String, Value>)> =
            writer.list(SUBSCRIPTIONS, &format!("{group}:"), None, usize::MAX)?;
        room(&there, &key, call.required("filterPattern"), MAX_FILTERS)?;
        writer.put(SUBSCRIPTIONS, &key, &filter)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("logGroupName"));
    let start = format!("{key}:{}", call.text("filterNamePrefix").unwrap_or_default());
    let filters: Vec<(String, Map<String, Value>)> = store.read(|reader| {
        groups::read(reader, &key)?;
        Ok::<_, Fail>(reader.list(SUBSCRIPTIONS, &start, None, usize::MAX)?)
    })?;
    shelf::page(call, "subscriptionFilters", filters, 50)
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("logGroupName"));
    store.write(|writer| {
        groups::get(writer, &key)?;
        match writer.delete(SUBSCRIPTIONS, &format!("{key}:{}", call.required("filterName")))? {
            true => Ok(Reply::empty()),
            // Recorded: test_delete_subscription_filter_errors.
            false => Err(shelf::missing("The specified subscription filter does not exist.")),
        }
    })
}
