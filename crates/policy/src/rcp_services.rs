//! What resource control policies bind.

use crate::statement::Facts;

/// Prefixes of the services that support RCPs, as the Organizations User Guide lists them (orgs_manage_policies_rcps, read
/// in its version of autumn 2026). `lambda`, `apigateway`, `execute-api` and `iam` are not on the list.
const SERVICES: [&str; 62] = [
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// Why RCPs do not bear on a request; `None`: they bind it. Callers are another matter: those of service-linked roles are
/// never bound.
pub(crate) fn exempt(facts: &Facts<'_>) -> Option<&'static str> {
    if !SERVICES.iter().any(|service| service.eq_ignore_ascii_case(facts.service)) {
        return Some("resource control policies do not bind this service");
    }
    // "RCPs apply to the resources that are authorized as part of an operation request."
    if facts.resource.text == "*" {
        return Some("resource control policies bind resources, and this action is about none");
    }
    // "The service-linked role's trust policy is also not impacted by RCPs", and this one permission is named.
    let linked = |parts: &crate::arn_pattern::ArnParts<'_>| {
        parts.0[2] == "iam" && parts.0[5].starts_with("role/aws-service-role/")
    };
    if facts.resource.parts().is_some_and(linked) {
        return Some("resource control policies do not bear on who assumes a service-linked role");
    }
    facts
        .action
        .eq_ignore_ascii_case("kms:RetireGrant")
        .then_some("resource control policies do not bind kms:RetireGrant")
}
