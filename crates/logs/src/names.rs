use arn::{AccountId, Arn};
use wire::Call;

use crate::fail::{Fail, Result, invalid, no_group};
use wire::ApiError;

/// The key of a group. Neither a group's nor a stream's name may hold a colon, so that no key is another's prefix
/// up to a colon.
pub(crate) fn group_key(account: AccountId, region: &str, group: &str) -> String {
    format!("{account}:{region}:{group}")
}

pub(crate) fn stream_key(group_key: &str, stream: &str) -> String {
    format!("{group_key}:{stream}")
}

/// The ARN without a trailing `:*`.
pub(crate) fn group_arn(account: AccountId, region: &str, group: &str) -> String {
    Arn::new("logs", region, account.as_str(), format!("log-group:{group}")).to_string()
}

/// The ARN that policies speak of: of a stream, or with an empty stream of the whole group. Recorded in AWS's refusals,
/// for example `logs:FilterLogEvents on resource: arn:aws:logs:R:A:log-group:/aws/lambda/x:log-stream:`.
#[must_use]
pub fn stream_arn(account: AccountId, region: &str, group: &str, stream: &str) -> String {
    Arn::new("logs", region, account.as_str(), format!("log-group:{group}:log-stream:{stream}")).to_string()
}

/// The group that a call names by `logGroupName` or `logGroupIdentifier`.
pub(crate) fn group_of(call: &Call) -> Result<String> {
    match (call.text("logGroupName"), call.text("logGroupIdentifier")) {
        // Recorded: test_describe_log_streams_with_log_group_identifier.
        (Some(_), Some(_)) => Err(Fail::from(ApiError::new(
            "ValidationException",
            400,
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        ))),
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => group_of_identifier(call, identifier),
        // The API Reference wants one of them; its text is not recorded.
        (None, None) => Err(invalid("Either logGroupName or logGroupIdentifier must be provided.")),
    }
}

/// A group's name from a name or an ARN. An ARN of another account or region names nothing that the caller can see.
pub(crate) fn group_of_identifier(call: &Call, identifier: &str) -> Result<String> {
    if !identifier.starts_with("arn:") {
        return Ok(identifier.to_owned());
    }
    let arn = Arn::parse(identifier).map_err(|_| invalid(format!("Invalid ARN: {identifier}")))?;
    let name = arn.resource.strip_prefix("log-group:");
    let name = name.map(|name| name.strip_suffix(":*").unwrap_or(name));
    match name {
        Some(name) if arn.service == "logs" && !name.is_empty() && !name.contains(':') => {
            if arn.account == call.account.as_str() && arn.region == call.region {
                Ok(name.to_owned())
            } else {
                Err(no_group())
            }
        }
        _ => Err(invalid(format!("Invalid log group ARN: {identifier}"))),
    }
}
