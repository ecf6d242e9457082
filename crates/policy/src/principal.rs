use arn::AccountId;

/// Who makes a request, as far as policies can tell callers apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account.
    Root {
        /// Whose root user.
        account: AccountId,
    },
    /// An IAM user.
    User {
        /// `arn:aws:iam::A:user/path/name`.
        arn: String,
        /// `AIDA…`.
        id: String,
        /// The user's account.
        account: AccountId,
    },
    /// A session of a role.
    RoleSession {
        /// The role's ARN, with its path: `arn:aws:iam::A:role/path/name`.
        role_arn: String,
        /// `AROA…`.
        role_id: String,
        /// The session's name.
        session: String,
        /// The role's account.
        account: AccountId,
    },
    /// A session made by GetFederationToken.
    FederatedUser {
        /// `arn:aws:sts::A:federated-user/name`.
        arn: String,
        /// The ARN of the user (or root) who made the session.
        issuer_arn: String,
        /// The account of both.
        account: AccountId,
    },
    /// An AWS service acting on its own behalf, for example `apigateway.amazonaws.com`.
    Service {
        /// The service's host name.
        host: String,
    },
    /// The bearer of a web or SAML identity, before any role is assumed.
    Federated {
        /// A provider's ARN or host name.
        provider: String,
    },
    /// Nobody: an unsigned request.
    Anonymous,
}

impl Principal {
    /// The account that the principal belongs to. Services, identities of providers and the anonymous have none.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Service { .. } | Self::Federated { .. } | Self::Anonymous => None,
        }
    }

    /// The ARN that AWS prints in its messages; the host name for services, `anonymous` for nobody.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => arn.clone(),
            Self::RoleSession { role_arn, session, account, .. } => {
                let partition = role_arn.split(':').nth(1).unwrap_or("aws");
                let name = role_arn.rsplit('/').next().unwrap_or(role_arn);
                format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}")
            }
            Self::Service { host } => host.clone(),
            Self::Federated { provider } => provider.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}
