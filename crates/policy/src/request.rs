use std::sync::Arc;

use arn::AccountId;

use crate::{Context, Policy, Principal};

/// One question: may this principal do this to that?
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `service:Name`.
    pub action: &'a str,
    /// The resource's ARN, or `*` for actions without resources.
    pub resource: &'a str,
    /// The account that owns the resource. `None`: the caller's own.
    pub resource_account: Option<AccountId>,
    /// Every condition key of the request.
    pub context: &'a Context,
}

/// The policies that travel with a caller. Compiled once per principal and shared between its requests.
#[derive(Clone, Debug, Default)]
pub struct CallerPolicies {
    /// Inline and managed policies of the user and its groups, or of the role.
    pub identity: Vec<Arc<Policy>>,
    /// The permissions boundary, if one is set.
    pub boundary: Option<Arc<Policy>>,
    /// `None`: no session policy was passed. Several policies are a union.
    pub session: Option<Vec<Arc<Policy>>>,
    /// Service control policies by level: root, each organizational unit on the path, account. Empty: none apply.
    pub scp: Vec<Vec<Arc<Policy>>>,
}

/// The policies on the resource's side.
#[derive(Clone, Debug, Default)]
pub struct ResourcePolicies {
    /// The resource's own policy; for `sts:AssumeRole*` the role's trust policy.
    pub policy: Option<Arc<Policy>>,
    /// Resource control policies by level: root, each organizational unit on the path, account. Empty: none apply.
    pub rcp: Vec<Vec<Arc<Policy>>>,
}

/// What a service says must be allowed before an operation runs. The server turns it into a [`Request`].
#[derive(Clone, Debug)]
pub struct Check {
    /// `service:Name`.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource.
    pub resource_account: Option<AccountId>,
    /// The resource's own policy, if it has one. For `sts:AssumeRole`: the trust policy.
    pub resource_policy: Option<Arc<Policy>>,
    /// Condition keys that the service sets; the server adds the global ones.
    pub context: Context,
}

/// Whether `text` names one action of one service, as a request does. A wildcard would be compared as a name and so miss
/// what policies say about the single actions.
#[must_use]
pub fn is_action(text: &str) -> bool {
    !text.contains(['*', '?'])
        && text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
}
