//! AWS-managed policies that crossgate carries: those that serverless work needs. Others can be attached by ARN and
//! are reported as unknown content.
//!
//! Documents, versions and dates: AWS Managed Policy Reference Guide, and the answers of GetPolicyVersion, as collected
//! in November 2026. Known to be behind: CloudWatchLogsReadOnlyAccess (v12 of 2026-02-12 exists, its text was not
//! found whole). Not confirmed: the minute at which CloudWatchLogsFullAccess and IAMFullAccess were created.

/// One AWS-managed policy at its default version.
pub(crate) struct AwsPolicy {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// The default version's number: the only one carried.
    pub(crate) version: u32,
    /// Creation of the policy, to the minute as documented.
    pub(crate) created: &'static str,
    /// Creation of the default version.
    pub(crate) updated: &'static str,
    pub(crate) document: &'static str,
}

macro_rules! policy {
    ($path:literal, $name:literal, $version:literal, $created:literal, $updated:literal) => {
        AwsPolicy {
            name: $name,
            path: $path,
            version: $version,
            created: $created,
            updated: $updated,
            document: include_str!(concat!("../managed/", $name, ".json")),
        }
    };
}

/// In order of name.
pub(crate) static POLICIES: &[AwsPolicy] = &[
    policy!(
        "/service-role/",
        "AWSLambdaBasicExecutionRole",
        1,
        "2015-04-09T15:03:43Z",
        "2015-04-09T15:03:43Z"
    ),
    policy!("/service-role/", "AWSLambdaRole", 1, "2015-02-06T18:41:28Z", "2015-02-06T18:41:28Z"),
    policy!(
        "/service-role/",
        "AWSLambdaVPCAccessExecutionRole",
        3,
        "2016-02-11T23:15:00Z",
        "2024-01-05T22:38:26Z"
    ),
    policy!("/", "AWSLambda_FullAccess", 5, "2020-11-17T21:14:00Z", "2026-02-11T22:18:56Z"),
    policy!("/", "AWSLambda_ReadOnlyAccess", 3, "2020-11-17T21:10:00Z", "2025-03-17T21:07:00Z"),
    policy!("/", "AWSXRayDaemonWriteAccess", 2, "2018-08-28T23:00:00Z", "2024-02-13T21:58:30Z"),
    policy!("/", "AdministratorAccess", 1, "2015-02-06T18:39:46Z", "2015-02-06T18:39:46Z"),
    policy!("/", "AmazonAPIGatewayAdministrator", 1, "2015-07-09T17:34:45Z", "2015-07-09T17:34:45Z"),
    policy!("/", "AmazonAPIGatewayInvokeFullAccess", 2, "2015-07-09T17:36:00Z", "2018-12-18T18:25:10Z"),
    policy!(
        "/service-role/",
        "AmazonAPIGatewayPushToCloudWatchLogs",
        1,
        "2015-11-11T23:41:46Z",
        "2015-11-11T23:41:46Z"
    ),
    policy!("/", "CloudWatchLogsFullAccess", 3, "2015-02-06T18:40:00Z", "2025-05-20T17:07:06Z"),
    policy!("/", "CloudWatchLogsReadOnlyAccess", 8, "2015-02-06T18:40:00Z", "2025-12-02T16:34:00Z"),
    policy!("/", "IAMFullAccess", 2, "2015-02-06T18:40:00Z", "2019-06-21T19:40:00Z"),
    policy!("/", "IAMReadOnlyAccess", 4, "2015-02-06T18:40:00Z", "2018-01-25T19:11:27Z"),
    policy!("/", "IAMUserChangePassword", 3, "2016-11-15T00:25:00Z", "2025-05-29T21:52:00Z"),
    policy!("/", "PowerUserAccess", 12, "2015-02-06T18:39:00Z", "2026-02-12T17:59:14Z"),
];

impl AwsPolicy {
    /// `arn:aws:iam::aws:policy/…`; policies are the same in every partition.
    pub(crate) fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:iam::aws:policy{}{}", self.path, self.name)
    }

    /// A stand-in for the policy's id, the same in every account. AWS's own ids are not documented.
    pub(crate) fn id(&self) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(self.name.as_bytes());
        let mut seed = [0; 17];
        seed.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        arn::unique_id("ANPA", &seed)
    }
}

/// Whether an ARN is one of AWS's own policies, carried or not.
pub(crate) fn is_aws(arn: &str) -> bool {
    rest(arn).is_some()
}

/// The policy with this ARN, if it is carried.
pub(crate) fn find(arn: &str) -> Option<&'static AwsPolicy> {
    let rest = rest(arn)?;
    POLICIES.iter().find(|policy| {
        rest.strip_prefix(policy.path.trim_start_matches('/')).is_some_and(|name| name == policy.name)
    })
}

/// Path and name of an AWS-managed policy.
fn rest(arn: &str) -> Option<&str> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::aws:policy/")?;
    (matches!(partition, "aws" | "aws-cn" | "aws-us-gov") && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_carried_is_found_by_its_arn_and_compiles() {
        for policy in POLICIES {
            let arn = policy.arn("aws");
            assert!(find(&arn).is_some_and(|found| found.name == policy.name), "{arn}");
            policy::Policy::parse(arn, policy.document, policy::PolicyKind::Identity).unwrap();
            policy.created.parse::<jiff::Timestamp>().unwrap();
            policy.updated.parse::<jiff::Timestamp>().unwrap();
        }
    }

    #[test]
    fn a_policy_is_found_under_its_own_path_only() {
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
        assert!(is_aws("arn:aws:iam::aws:policy/ReadOnlyAccess"));
        assert!(find("arn:aws:iam::aws:policy/ReadOnlyAccess").is_none());
        assert!(!is_aws("arn:aws:iam::111111111111:policy/AdministratorAccess"));
    }
}
