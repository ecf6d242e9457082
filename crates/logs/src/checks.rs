//! What must be allowed before an operation runs (Service Authorization Reference, Amazon CloudWatch Logs).

use arn::Arn;
use policy::{Check, Context};
use serde_json::Value;
use store::Store;
use wire::Call;

use crate::fail::Result;
use crate::model::{GROUPS, Group};
use crate::names::{group_arn, group_key, group_of, group_of_identifier, stream_arn};

pub(crate) fn checks(store: &Store, call: &Call) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for on in resources(call)? {
        let mut context = Context::new();
        request_keys(call, &mut context);
        if let Some(group) = &on.group {
            resource_tags(store, call, group, &mut context)?;
        }
        checks.push(check(call, &format!("logs:{}", call.operation), on.arn, context));
    }
    if let ("CreateLogGroup", Some(main)) = (call.operation, checks.first())
        && main.context.get("aws:TagKeys").is_some()
    {
        // The refusal names it: `… with Tags. An additional permission "logs:TagResource" is required.` (quoted in
        // DataDog/cloudformation-template pull request 61).
        checks.push(Check { action: "logs:TagResource".to_owned(), ..main.clone() });
    }
    checks.extend(passed_role(call));
    Ok(checks)
}

fn check(call: &Call, action: &str, resource: String, context: Context) -> Check {
    Check {
        action: action.to_owned(),
        resource,
        resource_account: Some(call.account),
        resource_policy: None,
        context,
    }
}

/// What an action is checked on: an ARN, and the group whose tags count.
struct On {
    arn: String,
    group: Option<String>,
}

impl On {
    fn other(arn: String) -> Self {
        Self { arn, group: None }
    }
}

/// The resources of an operation. How their ARNs look is recorded in AWS's refusals: calls about a stream name its ARN,
/// calls about a group the ARN of a stream without a name, DescribeLogGroups that of a group without a name too. The
/// tagging calls name the group's ARN without `:*` (CloudWatch Logs User Guide, "Overview of managing access permissions").
fn resources(call: &Call) -> Result<Vec<On>> {
    let one = |on| Ok(vec![on]);
    let named = |word: &str, member: &str| arn_of(call, word, call.required(member));
    match call.operation {
        "CreateLogStream" | "DeleteLogStream" | "PutLogEvents" | "GetLogEvents" => {
            let group = group_of(call)?;
            let arn = stream(call, &group, call.required("logStreamName"));
            one(On { arn, group: Some(group) })
        }
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            tagged(call, call.required("resourceArn")).map(|on| vec![on])
        }
        // These name no group, or only by a pointer that says nothing: AWS prints a group without a name for the first
        // and the reference wants a group for the others.
        "DescribeLogGroups" | "GetLogRecord" | "GetQueryResults" => one(On::other(stream(call, "", ""))),
        "DescribeMetricFilters" if call.text("logGroupName").is_none() => {
            one(On::other(stream(call, "", "")))
        }
        "StartQuery" | "StartLiveTail" | "CreateLogAnomalyDetector" => listed_groups(call),
        "PutSubscriptionFilter" => {
            let mut all = vec![whole_group(call, &group_of(call)?)];
            let to = call.required("destinationArn");
            // A destination of Logs is a resource of the call too; streams of Kinesis and functions are not.
            if Arn::parse(to).is_ok_and(|arn| arn.service == "logs") {
                all.push(On::other(to.to_owned()));
            }
            Ok(all)
        }
        "CreateDelivery" => Ok(vec![
            On::other(arn_of(call, "delivery", "*")),
            On::other(named("delivery-source", "deliverySourceName")),
            On::other(call.required("deliveryDestinationArn").to_owned()),
        ]),
        "CreateScheduledQuery" => one(On::other(arn_of(call, "scheduled-query", "*"))),
        "DeleteScheduledQuery"
        | "GetScheduledQuery"
        | "GetScheduledQueryHistory"
        | "UpdateScheduledQuery" => one(On::other(named("scheduled-query", "identifier"))),
        "DeleteDelivery" | "GetDelivery" | "UpdateDeliveryConfiguration" => {
            one(On::other(named("delivery", "id")))
        }
        "PutDeliverySource" | "GetDeliverySource" => one(On::other(named("delivery-source", "name"))),
        // The reference gives DeleteDeliverySource the type delivery-destination, which its name cannot be.
        "DeleteDeliverySource" => one(On::other(named("delivery-source", "name"))),
        "PutDeliveryDestination" | "GetDeliveryDestination" | "DeleteDeliveryDestination" => {
            one(On::other(named("delivery-destination", "name")))
        }
        "PutDeliveryDestinationPolicy"
        | "GetDeliveryDestinationPolicy"
        | "DeleteDeliveryDestinationPolicy" => {
            one(On::other(named("delivery-destination", "deliveryDestinationName")))
        }
        "PutDestination" | "PutDestinationPolicy" | "DeleteDestination" => {
            one(On::other(named("destination", "destinationName")))
        }
        "CreateLookupTable" => one(On::other(named("lookup-table", "lookupTableName"))),
        "GetLookupTable" | "UpdateLookupTable" | "DeleteLookupTable" => {
            one(On::other(named("lookup-table", "lookupTableArn")))
        }
        "GetLogAnomalyDetector"
        | "UpdateLogAnomalyDetector"
        | "DeleteLogAnomalyDetector"
        | "UpdateAnomaly"
        | "ListAnomalies"
            if call.text("anomalyDetectorArn").is_some() =>
        {
            one(On::other(named("anomaly-detector", "anomalyDetectorArn")))
        }
        operation if WITHOUT_RESOURCE.contains(&operation) => one(On::other("*".to_owned())),
        // What is left is about a group.
        "AssociateKmsKey" | "DisassociateKmsKey" => {
            let group = match call.text("logGroupName") {
                Some(name) => name.to_owned(),
                None => group_of_identifier(call, call.text("resourceIdentifier").unwrap_or_default())
                    .unwrap_or_default(),
            };
            one(whole_group(call, &group))
        }
        _ => one(whole_group(call, &group_of(call)?)),
    }
}

/// Actions without a resource type in the reference. `GetLogObject` is not in the reference.
const WITHOUT_RESOURCE: [&str; 44] = [
    "AssociateSourceToS3TableIntegration",
    "CancelExportTask",
    "CancelImportTask",
    "CreateImportTask",
    "DeleteAccountPolicy",
    "DeleteIndexPolicy",
    "DeleteIntegration",
    "DeleteQueryDefinition",
    "DeleteResourcePolicy",
    "DescribeAccountPolicies",
    "DescribeConfigurationTemplates",
    "DescribeDeliveries",
    "DescribeDeliveryDestinations",
    "DescribeDeliverySources",
    "DescribeDestinations",
    "DescribeExportTasks",
    "DescribeFieldIndexes",
    "DescribeImportTaskBatches",
    "DescribeImportTasks",
    "DescribeIndexPolicies",
    "DescribeLookupTables",
    "DescribeQueries",
    "DescribeQueryDefinitions",
    "DescribeResourcePolicies",
    "DisassociateSourceFromS3TableIntegration",
    "GetIntegration",
    "GetLogFields",
    "GetLogObject",
    "ListAggregateLogGroupSummaries",
    "ListAnomalies",
    "ListIntegrations",
    "ListLogAnomalyDetectors",
    "ListLogGroups",
    "ListLogGroupsForQuery",
    "ListScheduledQueries",
    "ListSourcesForS3TableIntegration",
    "PutAccountPolicy",
    "PutIndexPolicy",
    "PutIntegration",
    "PutQueryDefinition",
    "PutResourcePolicy",
    "StopQuery",
    "TestMetricFilter",
    "TestTransformer",
];

/// The ARN of a thing that the call names, or names by its ARN.
fn arn_of(call: &Call, word: &str, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    Arn::new("logs", &call.region, call.account.as_str(), format!("{word}:{name}")).to_string()
}

fn stream(call: &Call, group: &str, stream: &str) -> String {
    stream_arn(call.account, &call.region, group, stream)
}

fn whole_group(call: &Call, group: &str) -> On {
    On { arn: stream(call, group, ""), group: Some(group.to_owned()) }
}

/// One check a group, for the operations that take several.
fn listed_groups(call: &Call) -> Result<Vec<On>> {
    let members = ["logGroupNames", "logGroupIdentifiers", "logGroupArnList"];
    let listed = members.iter().flat_map(|member| texts(call.input.get(*member)));
    let named: Vec<String> = call.text("logGroupName").map(str::to_owned).into_iter().chain(listed).collect();
    if named.is_empty() {
        return Ok(vec![On::other(stream(call, "", ""))]);
    }
    named
        .iter()
        .map(|name| match group_of_identifier(call, name) {
            Ok(group) => Ok(whole_group(call, &group)),
            // A group of another account: its ARN is what is asked for.
            Err(_) if name.starts_with("arn:") => Ok(On::other(name.clone())),
            Err(fail) => Err(fail),
        })
        .collect()
}

/// What a tagging call is about. Of groups their ARN without `:*`.
fn tagged(call: &Call, arn: &str) -> Result<On> {
    let of_a_group = Arn::parse(arn).is_ok_and(|arn| arn.resource.starts_with("log-group:"));
    if !of_a_group
        && Arn::parse(arn).is_ok_and(|arn| arn.service == "logs" && arn.account == call.account.as_str())
    {
        return Ok(On::other(arn.to_owned()));
    }
    let group = group_of_identifier(call, arn)?;
    Ok(On { arn: group_arn(call.account, &call.region, &group), group: Some(group) })
}

/// `iam:PassRole` on the role that the call hands over (dependent actions of PutDestination and PutSubscriptionFilter;
/// IAM User Guide, id_roles_use_passrole, for every service that is given a role).
fn passed_role(call: &Call) -> Option<Check> {
    let s3 = call.input.get("destinationConfiguration").and_then(|d| d.get("s3Configuration"));
    let role = ["roleArn", "importRoleArn"]
        .iter()
        .find_map(|member| call.text(member))
        .or_else(|| s3?.get("roleArn")?.as_str())?;
    let arn = Arn::parse(role).ok()?;
    if arn.service != "iam" || arn.account != call.account.as_str() {
        return None;
    }
    let mut context = Context::new();
    context.set("iam:PassedToService", "logs.amazonaws.com");
    Some(check(call, "iam:PassRole", role.to_owned(), context))
}

fn resource_tags(store: &Store, call: &Call, group: &str, context: &mut Context) -> Result<()> {
    let key = group_key(call.account, &call.region, group);
    let found: Option<Group> = store.read(|reader| reader.get(GROUPS, &key))?;
    // A group that is about to be made has no tags, whatever was there before.
    if call.operation != "CreateLogGroup" {
        for (name, value) in found.into_iter().flat_map(|group| group.tags) {
            context.set(format!("aws:ResourceTag/{name}"), value);
        }
    }
    Ok(())
}

/// `aws:RequestTag/…` and `aws:TagKeys` of calls that carry tags, and the keys of deliveries.
fn request_keys(call: &Call, context: &mut Context) {
    let tags = call.input.get("tags");
    if let Some(tags) = tags.and_then(Value::as_object).filter(|tags| !tags.is_empty()) {
        for (name, value) in tags {
            context.set(format!("aws:RequestTag/{name}"), value.as_str().unwrap_or_default());
        }
        context.set_all("aws:TagKeys", tags.keys().cloned().collect());
    }
    // UntagLogGroup calls the list of keys `tags`.
    let keys = texts(call.input.get("tagKeys").or(tags));
    if !keys.is_empty() {
        context.set_all("aws:TagKeys", keys);
    }
    match call.operation {
        "PutDeliverySource" => {
            context.set_all("logs:LogGeneratingResourceArns", vec![call.required("resourceArn").to_owned()]);
        }
        "PutDeliveryDestination" => {
            let to = call.input.get("deliveryDestinationConfiguration");
            if let Some(arn) = to.and_then(|to| to.get("destinationResourceArn")).and_then(Value::as_str) {
                context.set("logs:DeliveryDestinationResourceArn", arn);
            }
        }
        _ => {}
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
