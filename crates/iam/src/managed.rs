//! AWS-managed policies: all of them by name, version and date, and the texts of those that serverless work and common
//! roles need. The others can be attached by ARN and are reported as unknown content.
//!
//! `managed/index.tsv` has path, name, number of the default version, creation of the policy and of that version. It and
//! the documents are the answers of ListPolicies and GetPolicyVersion of November 2026, as moto 5.2.5 (PyPI) collects
//! them; the sixteen documents that were taken from AWS's reference guide before agree with them.

use std::sync::LazyLock;

/// One AWS-managed policy at its default version.
pub(crate) struct AwsPolicy {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// The default version's number: the only one carried.
    pub(crate) version: u32,
    /// Creation of the policy.
    pub(crate) created: &'static str,
    /// Creation of the default version.
    pub(crate) updated: &'static str,
    /// The default version's text, where it is carried.
    pub(crate) document: Option<&'static str>,
}

macro_rules! documents {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../managed/", $name, ".json")))),+]
    };
}

/// The texts carried, in order of name.
static DOCUMENTS: &[(&str, &str)] = documents![
    "AWSCloudFormationFullAccess",
    "AWSCloudFormationReadOnlyAccess",
    "AWSDenyAll",
    "AWSLambdaBasicDurableExecutionRolePolicy",
    "AWSLambdaBasicExecutionRole",
    "AWSLambdaDynamoDBExecutionRole",
    "AWSLambdaENIManagementAccess",
    "AWSLambdaExecute",
    "AWSLambdaInvocation-DynamoDB",
    "AWSLambdaKinesisExecutionRole",
    "AWSLambdaMSKExecutionRole",
    "AWSLambdaManagedEC2ResourceOperator",
    "AWSLambdaNetworkConnectorOperatorPolicy",
    "AWSLambdaReplicator",
    "AWSLambdaRole",
    "AWSLambdaSQSQueueExecutionRole",
    "AWSLambdaServiceRolePolicy",
    "AWSLambdaVPCAccessExecutionRole",
    "AWSLambda_FullAccess",
    "AWSLambda_ReadOnlyAccess",
    "AWSOrganizationsFullAccess",
    "AWSOrganizationsReadOnlyAccess",
    "AWSStepFunctionsFullAccess",
    "AWSStepFunctionsReadOnlyAccess",
    "AWSXRayDaemonWriteAccess",
    "AWSXrayCrossAccountSharingConfiguration",
    "AWSXrayFullAccess",
    "AWSXrayReadOnlyAccess",
    "AWSXrayWriteOnlyAccess",
    "AdministratorAccess",
    "AmazonAPIGatewayAdministrator",
    "AmazonAPIGatewayInvokeFullAccess",
    "AmazonAPIGatewayPushToCloudWatchLogs",
    "AmazonDynamoDBFullAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonEventBridgeFullAccess",
    "AmazonEventBridgeReadOnlyAccess",
    "AmazonKinesisFullAccess",
    "AmazonKinesisReadOnlyAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSNSFullAccess",
    "AmazonSNSReadOnlyAccess",
    "AmazonSQSFullAccess",
    "AmazonSQSReadOnlyAccess",
    "AmazonSSMFullAccess",
    "AmazonSSMReadOnlyAccess",
    "Billing",
    "CloudWatchFullAccess",
    "CloudWatchFullAccessV2",
    "CloudWatchLambdaApplicationSignalsExecutionRolePolicy",
    "CloudWatchLambdaInsightsExecutionRolePolicy",
    "CloudWatchLogsAPIKeyAccess",
    "CloudWatchLogsCrossAccountSharingConfiguration",
    "CloudWatchLogsFullAccess",
    "CloudWatchLogsReadOnlyAccess",
    "CloudWatchReadOnlyAccess",
    "DataScientist",
    "DatabaseAdministrator",
    "IAMAccessAdvisorReadOnly",
    "IAMAccessAnalyzerFullAccess",
    "IAMAccessAnalyzerReadOnlyAccess",
    "IAMAuditRootUserCredentials",
    "IAMCreateRootUserPassword",
    "IAMDeleteRootUserCredentials",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "IAMSelfManageServiceSpecificCredentials",
    "IAMUserChangePassword",
    "IAMUserSSHKeys",
    "NetworkAdministrator",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecretsManagerReadWrite",
    "SecurityAudit",
    "SupportUser",
    "SystemAdministrator",
    "ViewOnlyAccess",
];

/// Every AWS-managed policy, in order of name.
pub(crate) static POLICIES: LazyLock<Vec<AwsPolicy>> =
    LazyLock::new(|| include_str!("../managed/index.tsv").lines().filter_map(line).collect());

fn line(line: &'static str) -> Option<AwsPolicy> {
    let mut fields = line.split('\t');
    let (path, name) = (fields.next()?, fields.next()?);
    let document = DOCUMENTS.binary_search_by(|(there, _)| (*there).cmp(name)).ok();
    Some(AwsPolicy {
        path,
        name,
        version: fields.next()?.parse().ok()?,
        created: fields.next()?,
        updated: fields.next()?,
        document: document.and_then(|at| DOCUMENTS.get(at)).map(|(_, text)| *text),
    })
}

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

/// Whether an ARN has the form of AWS's own policies.
pub(crate) fn is_aws(arn: &str) -> bool {
    rest(arn).is_some()
}

/// AWS's policy with this ARN.
pub(crate) fn find(arn: &str) -> Option<&'static AwsPolicy> {
    let rest = rest(arn)?;
    let name = rest.rsplit('/').next().unwrap_or(rest);
    let at = POLICIES.binary_search_by(|policy| policy.name.cmp(name)).ok()?;
    let path = rest.get(..rest.len() - name.len())?;
    POLICIES.get(at).filter(|policy| policy.path.trim_start_matches('/') == path)
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
    fn every_policy_is_found_by_its_arn_and_every_text_compiles() {
        assert_eq!(POLICIES.len(), include_str!("../managed/index.tsv").lines().count());
        assert_eq!(POLICIES.iter().filter(|policy| policy.document.is_some()).count(), DOCUMENTS.len());
        for policy in POLICIES.iter() {
            let arn = policy.arn("aws");
            assert!(find(&arn).is_some_and(|found| found.name == policy.name), "{arn}");
            policy.created.parse::<jiff::Timestamp>().unwrap();
            policy.updated.parse::<jiff::Timestamp>().unwrap();
            if let Some(document) = policy.document {
                policy::Policy::parse(arn, document, policy::PolicyKind::Identity).unwrap();
            }
        }
    }

    #[test]
    fn a_policy_is_found_under_its_own_path_and_name_only() {
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
        assert!(find("arn:aws:iam::aws:policy/AdministratorAcess").is_none());
        assert!(find("arn:aws:iam::aws:policy/AmazonRDSFullAccess").is_some_and(|p| p.document.is_none()));
        assert!(!is_aws("arn:aws:iam::111111111111:policy/AdministratorAccess"));
    }
}
