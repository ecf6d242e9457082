//! The types of policies: their limits, and the two policies that AWS keeps in every organization.

use super::model::OrgPolicy;

pub(crate) const SCP: &str = "SERVICE_CONTROL_POLICY";
pub(crate) const RCP: &str = "RESOURCE_CONTROL_POLICY";

/// The SCP that is attached everywhere until it is replaced.
pub(crate) const FULL_ACCESS: &str = "p-FullAWSAccess";
/// The RCP that is attached everywhere and stays.
pub(crate) const RCP_FULL_ACCESS: &str = "p-RCPFullAWSAccess";

/// What a type allows (Organizations User Guide, orgs_reference_limits).
pub(crate) struct Limits {
    /// Characters of a policy, white space among them.
    pub(crate) size: usize,
    /// Policies of the type on one root, unit or account.
    pub(crate) attached: usize,
}

pub(crate) fn limits(kind: &str) -> Limits {
    let (size, attached) = match kind {
        SCP | RCP => (5_120, 5),
        "AISERVICES_OPT_OUT_POLICY" => (2_500, 5),
        "CHATBOT_POLICY" => (10_000, 5),
        _ => (10_000, 10),
    };
    Limits { size, attached }
}

/// The policies of AWS's own. Descriptions: `p-FullAWSAccess` as ListPolicies shows it; the other's is not recorded.
pub(crate) fn aws_policy(id: &str) -> Option<OrgPolicy> {
    let (kind, description, content) = match id {
        FULL_ACCESS => (
            SCP,
            "Allows access to every operation",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        ),
        RCP_FULL_ACCESS => (
            RCP,
            "Allows access to every resource",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
        ),
        _ => return None,
    };
    Some(OrgPolicy {
        id: id.to_owned(),
        name: id.trim_start_matches("p-").to_owned(),
        description: description.to_owned(),
        kind: kind.to_owned(),
        content: content.to_owned(),
        tags: Vec::new(),
        updated_ms: 0,
    })
}

/// The policy that a type puts on every root, unit and account (User Guide: for SCPs and RCPs only).
pub(crate) fn default_policy(kind: &str) -> Option<&'static str> {
    match kind {
        SCP => Some(FULL_ACCESS),
        RCP => Some(RCP_FULL_ACCESS),
        _ => None,
    }
}
