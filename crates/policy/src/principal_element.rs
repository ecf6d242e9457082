//! `Principal` and `NotPrincipal`: whom a statement of a resource policy names.

use arn::AccountId;

use crate::{Principal, Span};

/// One value of a Principal element.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// As written.
    pub(crate) text: Box<str>,
    /// The key it stands under: `AWS`, `Service`, …; empty for the bare `"*"`.
    pub(crate) key: Box<str>,
    pub(crate) who: Who,
}

/// What a value names.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Everyone,
    /// A whole account: the power to delegate goes to it. No partition: written as twelve digits.
    Account {
        partition: Option<Box<str>>,
        account: AccountId,
    },
    User,
    /// `name` is the last segment of the path.
    Role {
        partition: Box<str>,
        account: AccountId,
        name: Box<str>,
    },
    Session {
        partition: Box<str>,
        account: AccountId,
        role: Box<str>,
        session: Box<str>,
    },
    FederatedUser,
    /// `AIDA…` or `AROA…`: what is left of a deleted user or role.
    UniqueId,
    Service,
    Provider,
    /// Matches nobody, and why.
    Nobody(&'static str),
}

/// What an Allow of a resource policy is worth in the caller's own account (`iam.md` section 4):
/// which of the caller's own policies it still depends on. The later, the more it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// Names the account: delegation. Identity policies must allow, boundary and session policies limit.
    Delegation,
    /// Names the role of a session, or the user of a federated session: no identity policy is needed,
    /// but boundary and session policies limit.
    Limited,
    /// Names the caller itself, or everyone: nothing of the caller's is needed.
    Direct,
}

impl Named {
    /// Reads one value below `key`.
    pub(crate) fn compile(key: &str, text: &str) -> Self {
        let who = match key {
            "AWS" => Who::aws(text),
            "Service" => Who::Service,
            "Federated" => Who::Provider,
            "CanonicalUser" => Who::Nobody("canonical user ids exist for S3 only"),
            _ => Who::Nobody("principals are written under AWS, Service, Federated or CanonicalUser"),
        };
        Self { text: text.into(), key: key.into(), who }
    }

    /// The bare `"*"`.
    pub(crate) fn everyone() -> Self {
        Self { text: "*".into(), key: "".into(), who: Who::Everyone }
    }

    /// Whether the value covers `principal`, and what an Allow is then worth.
    pub(crate) fn covers(&self, principal: &Principal) -> Option<Worth> {
        let text = &*self.text;
        let same = |yes: bool, worth| yes.then_some(worth);
        match (&self.who, principal) {
            (Who::Everyone, _) => Some(Worth::Direct),
            (Who::Account { partition, account }, principal) => {
                let partition_fits = || match (partition.as_deref(), principal.partition()) {
                    (Some(named), Some(own)) => named == own,
                    _ => true,
                };
                same(principal.account() == Some(*account) && partition_fits(), Worth::Delegation)
            }
            (Who::User, Principal::User { arn, .. }) => same(text == arn, Worth::Direct),
            (Who::User, Principal::FederatedUser { issuer_arn, .. }) => {
                same(text == issuer_arn, Worth::Limited)
            }
            (Who::Role { partition, account, name }, Principal::RoleSession { role_arn, role_id, .. }) => {
                // A role's path is part of its ARN but not of its sessions' ARNs: where the caller is known by
                // the session's ARN only, names are compared. They are unique in an account. A role that is known by
                // its unique id has all of its ARN.
                let equal = text == role_arn
                    || role_id.is_empty()
                        && principal.account() == Some(*account)
                        && principal.role_name() == Some(&**name)
                        && principal.partition() == Some(&**partition)
                        && !role_path_known(role_arn);
                same(equal, Worth::Limited)
            }
            (
                Who::Session { partition, account, role, session: named },
                Principal::RoleSession { session, .. },
            ) => {
                let equal = **named == **session
                    && principal.account() == Some(*account)
                    && principal.partition() == Some(&**partition)
                    && principal.role_name() == Some(&**role);
                same(equal, Worth::Direct)
            }
            (Who::FederatedUser, Principal::FederatedUser { arn, .. }) => same(text == arn, Worth::Direct),
            (Who::UniqueId, Principal::User { id, .. }) => same(text == id, Worth::Direct),
            (Who::UniqueId, Principal::RoleSession { role_id, .. }) => same(text == role_id, Worth::Limited),
            (Who::Service, Principal::Service { host }) => same(text == host, Worth::Direct),
            (Who::Provider, Principal::Federated { provider }) => same(text == provider, Worth::Direct),
            _ => None,
        }
    }

    /// Whom the value covers, in words.
    pub(crate) fn words(&self) -> String {
        match &self.who {
            Who::Everyone => "everyone".to_owned(),
            Who::Account { account, .. } => format!("principals of account {account}"),
            Who::User => format!("the user {}", self.text),
            Who::Role { .. } => format!("sessions of the role {}", self.text),
            Who::Session { .. } => format!("the role session {}", self.text),
            Who::FederatedUser => format!("the federated user {}", self.text),
            Who::UniqueId => format!("the user or role with the unique id {}, perhaps deleted", self.text),
            Who::Service => format!("the service {}", self.text),
            Who::Provider => format!("identities of the provider {}", self.text),
            Who::Nobody(because) => format!("nobody ({because})"),
        }
    }
}

/// Whether `role_arn` shows a path, so that comparing names alone would be too lenient.
fn role_path_known(role_arn: &str) -> bool {
    role_arn.matches('/').count() > 1
}

impl Who {
    fn aws(text: &str) -> Self {
        if text == "*" {
            return Self::Everyone;
        }
        if let Ok(account) = AccountId::new(text) {
            return Self::Account { partition: None, account };
        }
        if is_unique_id(text) {
            return Self::UniqueId;
        }
        if text.contains(['*', '?']) {
            return Self::Nobody("a principal takes no wildcard other than `*` alone");
        }
        Self::arn(text).unwrap_or(Self::Nobody("this is no ARN of an account, user, role or session"))
    }

    fn arn(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let account = AccountId::new(parts.next()?).ok()?;
        let resource = parts.next()?;
        if !region.is_empty() {
            return None;
        }
        if (service, resource) == ("iam", "root") {
            return Some(Self::Account { partition: Some(partition.into()), account });
        }
        let (kind, rest) = resource.split_once('/')?;
        if rest.is_empty() {
            return None;
        }
        match (service, kind) {
            ("iam", "user") => Some(Self::User),
            ("iam", "role") => {
                let name = rest.rsplit('/').next()?.into();
                Some(Self::Role { partition: partition.into(), account, name })
            }
            ("sts", "assumed-role") => {
                let (role, session) = rest.split_once('/')?;
                Some(Self::Session {
                    partition: partition.into(),
                    account,
                    role: role.into(),
                    session: session.into(),
                })
            }
            ("sts", "federated-user") => Some(Self::FederatedUser),
            ("iam", "saml-provider" | "oidc-provider") => Some(Self::Provider),
            _ => None,
        }
    }
}

/// `AIDA…` and `AROA…` ids are at least 16 upper-case letters and digits.
fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AIDA") || text.starts_with("AROA"))
        && text.len() >= 16
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The whole element.
#[derive(Clone, Debug)]
pub(crate) struct PrincipalElement {
    /// `NotPrincipal`.
    pub(crate) negated: bool,
    pub(crate) named: Vec<Named>,
    pub(crate) span: Span,
}

impl PrincipalElement {
    /// Whether the element covers `principal`, and what an Allow is then worth.
    pub(crate) fn covers(&self, principal: &Principal, deny: bool, has_boundary: bool) -> Option<Worth> {
        if !self.negated {
            let mut best = None;
            for named in &self.named {
                best = best.max(named.covers(principal));
                if best == Some(Worth::Direct) {
                    break;
                }
            }
            return best;
        }
        let exempt = if deny {
            // UG access_policies_boundaries: with Deny, a principal that has a boundary is always hit.
            !has_boundary && self.exempts(principal)
        } else {
            // With Allow, whoever is listed in any form gets nothing out of the statement.
            self.named.iter().any(|named| named.covers(principal).is_some())
        };
        (!exempt).then_some(Worth::Direct)
    }

    /// Whether a NotPrincipal with Deny leaves `principal` alone: AWS looks at the account, then the role, then the
    /// session, and each of them must be listed (UG reference_policies_elements_notprincipal).
    fn exempts(&self, principal: &Principal) -> bool {
        let lists = |test: fn(&Who) -> bool| {
            self.named.iter().any(|named| test(&named.who) && named.covers(principal).is_some())
        };
        if lists(|who| matches!(who, Who::Everyone)) {
            return true;
        }
        let account = lists(|who| matches!(who, Who::Account { .. }));
        match principal {
            Principal::Root { .. } => account,
            Principal::User { .. } => account && lists(|who| matches!(who, Who::User | Who::UniqueId)),
            Principal::RoleSession { .. } => {
                account
                    && lists(|who| matches!(who, Who::Role { .. } | Who::UniqueId))
                    && lists(|who| matches!(who, Who::Session { .. }))
            }
            Principal::FederatedUser { .. } => account && lists(|who| matches!(who, Who::FederatedUser)),
            Principal::Service { .. } | Principal::Federated { .. } => {
                self.named.iter().any(|named| named.covers(principal).is_some())
            }
            Principal::Anonymous => false,
        }
    }
}
