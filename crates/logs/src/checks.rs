use policy::{Check, Context};
use serde_json::Value;
use wire::Call;

use crate::fail::Result;
use crate::names::{group_arn, group_of, group_of_identifier, stream_arn};

/// Recorded in AWS's refusals: calls about a stream name its ARN, calls about a group the ARN of a stream without a
/// name, DescribeLogGroups that of a group without a name too. The tagging calls name the group's ARN without `:*`
/// (CloudWatch Logs User Guide, "Overview of managing access permissions").
pub(crate) fn checks(call: &Call) -> Result<Vec<Check>> {
    let resource = match call.operation {
        "CreateLogStream" | "DeleteLogStream" | "PutLogEvents" | "GetLogEvents" => {
            stream(call, &group_of(call)?, call.required("logStreamName"))
        }
        "CreateLogGroup"
        | "DeleteLogGroup"
        | "DescribeLogStreams"
        | "FilterLogEvents"
        | "PutRetentionPolicy"
        | "DeleteRetentionPolicy"
        | "TagLogGroup"
        | "UntagLogGroup"
        | "ListTagsLogGroup" => stream(call, &group_of(call)?, ""),
        "DescribeLogGroups" => stream(call, "", ""),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            let group = group_of_identifier(call, call.required("resourceArn"))?;
            group_arn(call.account, &call.region, &group)
        }
        // Without behaviour: it is refused all the same, unless everything is allowed.
        _ => "*".to_owned(),
    };
    Ok(vec![Check {
        action: format!("logs:{}", call.operation),
        resource,
        resource_account: Some(call.account),
        resource_policy: None,
        context: context(call),
    }])
}

fn stream(call: &Call, group: &str, stream: &str) -> String {
    stream_arn(call.account, &call.region, group, stream)
}

/// `aws:RequestTag/…` and `aws:TagKeys` of calls that carry tags.
fn context(call: &Call) -> Context {
    let mut context = Context::new();
    let tags = call.input.get("tags");
    if let Some(tags) = tags.and_then(Value::as_object).filter(|tags| !tags.is_empty()) {
        for (name, value) in tags {
            context.set(&format!("aws:RequestTag/{name}"), value.as_str().unwrap_or_default());
        }
        context.set_all("aws:TagKeys", tags.keys().cloned().collect());
    }
    let keys = call.input.get("tagKeys").or(tags).and_then(Value::as_array);
    if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
        let keys = keys.iter().filter_map(Value::as_str).map(str::to_owned);
        context.set_all("aws:TagKeys", keys.collect());
    }
    context
}
