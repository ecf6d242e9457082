use arn::AccountId;

use crate::arn_pattern::{ArnParts, partition};

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

    /// The partition, where the caller's ARN shows it.
    #[must_use]
    pub fn partition(&self) -> Option<&str> {
        match self {
            Self::User { arn, .. }
            | Self::FederatedUser { arn, .. }
            | Self::RoleSession { role_arn: arn, .. } => partition(arn),
            Self::Root { .. } | Self::Service { .. } | Self::Federated { .. } | Self::Anonymous => None,
        }
    }

    /// Whether it is a session of a service-linked role: these have a path of their own. Organizations' policies do not
    /// bind them (ORG: orgs_manage_policies_scps and orgs_manage_policies_rcps).
    pub(crate) fn is_service_linked(&self) -> bool {
        match self {
            Self::RoleSession { role_arn, .. } => ArnParts::split(role_arn)
                .is_some_and(|parts| parts.0[5].starts_with("role/aws-service-role/")),
            _ => false,
        }
    }

    /// The name of the role of a role session.
    #[must_use]
    pub fn role_name(&self) -> Option<&str> {
        match self {
            Self::RoleSession { role_arn, .. } => role_arn.rsplit('/').next(),
            _ => None,
        }
    }

    /// What the caller is, in words, for example `the service apigateway.amazonaws.com`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Root { account } => format!("the root user of account {account}"),
            Self::User { arn, .. } => format!("the user {arn}"),
            Self::RoleSession { account, .. } => {
                let role = self.role_name().unwrap_or_default();
                format!("a session of the role {role} of account {account}")
            }
            Self::FederatedUser { arn, .. } => format!("the federated user {arn}"),
            Self::Service { host } => format!("the service {host}"),
            Self::Federated { provider } => format!("an identity of the provider {provider}"),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }

    /// Reads a caller as people write it: an ARN, a service's host name, `anonymous`, or twelve digits for the
    /// root user of an account. A role's ARN stands for a session of that role called `session`.
    ///
    /// # Errors
    /// [`InvalidPrincipal`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidPrincipal> {
        let invalid = || InvalidPrincipal(text.to_owned());
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        if let Ok(account) = AccountId::new(text) {
            return Ok(Self::Root { account });
        }
        if !text.contains(':') {
            let is_host =
                text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            // `alexa-appkit.amazon.com` is a service (LG services-alexa); `www.amazon.com` is Login with Amazon, a
            // provider (UG id_roles_providers_oidc).
            let service = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
            let is_service = text != "www.amazon.com" && service.iter().any(|end| text.ends_with(end));
            return match is_host {
                true if is_service => Ok(Self::Service { host: text.to_owned() }),
                true => Ok(Self::Federated { provider: text.to_owned() }),
                false => Err(invalid()),
            };
        }
        let parsed = arn::Arn::parse(text).map_err(|_| invalid())?;
        let account = AccountId::new(&parsed.account).map_err(|_| invalid())?;
        let (kind, rest) = parsed.resource.split_once('/').unwrap_or((&parsed.resource, ""));
        match (parsed.service.as_str(), kind) {
            ("iam", "root") => Ok(Self::Root { account }),
            ("iam", "user") if !rest.is_empty() => {
                Ok(Self::User { arn: text.to_owned(), id: String::new(), account })
            }
            ("iam", "role") if !rest.is_empty() => Ok(Self::RoleSession {
                role_arn: text.to_owned(),
                role_id: String::new(),
                session: "session".to_owned(),
                account,
            }),
            ("sts", "assumed-role") => {
                let (role, session) = rest.split_once('/').ok_or_else(invalid)?;
                Ok(Self::RoleSession {
                    role_arn: format!("arn:{}:iam::{account}:role/{role}", parsed.partition),
                    role_id: String::new(),
                    session: session.to_owned(),
                    account,
                })
            }
            ("sts", "federated-user") if !rest.is_empty() => Ok(Self::FederatedUser {
                arn: text.to_owned(),
                issuer_arn: format!("arn:{}:iam::{account}:root", parsed.partition),
                account,
            }),
            ("iam", "saml-provider" | "oidc-provider") => Ok(Self::Federated { provider: text.to_owned() }),
            _ => Err(invalid()),
        }
    }
}

/// The text names no caller that policies know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPrincipal(pub String);

impl std::fmt::Display for InvalidPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`{}` is no caller: write the ARN of a root user, user, role, role session or federated user, \
             a service such as apigateway.amazonaws.com, or `anonymous`",
            self.0
        )
    }
}

impl std::error::Error for InvalidPrincipal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for text in [
            "arn:aws:iam::222222222222:root",
            "arn:aws:iam::222222222222:user/team/ann",
            "arn:aws:sts::222222222222:assumed-role/apigw-exec/BackplaneAssumeRoleSession",
            "arn:aws-cn:sts::222222222222:assumed-role/x/y",
            "arn:aws:sts::222222222222:federated-user/bob",
            "arn:aws:iam::222222222222:oidc-provider/token.example.com",
            "apigateway.amazonaws.com",
            "accounts.google.com",
            "alexa-appkit.amazon.com",
            "anonymous",
        ] {
            assert_eq!(Principal::parse(text).unwrap().arn(), text);
        }
        for wrong in
            ["", "ann", "arn:aws:iam::222222222222:group/x", "arn:aws:sts::222222222222:assumed-role/x"]
        {
            assert!(Principal::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_session_shows_its_role_without_the_path() {
        let session = Principal::parse("arn:aws:iam::222222222222:role/service/apigw-exec").unwrap();
        assert_eq!(session.arn(), "arn:aws:sts::222222222222:assumed-role/apigw-exec/session");
    }
}
