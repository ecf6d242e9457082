use serde::Serialize;

/// What a policy is attached to: it decides which elements belong in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyKind {
    /// Attached to a user, group or role, inline or managed.
    Identity,
    /// A permissions boundary: the grammar of an identity-based policy.
    Boundary,
    /// Passed when a session is made: the grammar of an identity-based policy.
    Session,
    /// A service control policy: the grammar of an identity-based policy.
    Scp,
    /// A resource control policy: has a Principal, which is `*`.
    Rcp,
    /// Attached to a resource, for example a function or an API.
    Resource,
    /// A role's trust policy: a resource policy without Resource.
    Trust,
}

impl PolicyKind {
    /// Whether statements carry `Principal` or `NotPrincipal`.
    #[must_use]
    pub fn has_principal(self) -> bool {
        matches!(self, Self::Resource | Self::Trust | Self::Rcp)
    }
}
