//! What is stored. Names are compared without case; documents are kept as they were sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Users, groups and roles: the three that carry policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Role,
    User,
    Group,
}

impl Kind {
    /// As in `The role with name …`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// As in `Role with name …` and in member names such as `RoleName`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The member that names the entity.
    pub(crate) fn name_member(self) -> &'static str {
        match self {
            Self::Role => "RoleName",
            Self::User => "UserName",
            Self::Group => "GroupName",
        }
    }

    /// The prefix of unique ids (User Guide, reference_identifiers).
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::Role => "AROA",
            Self::User => "AIDA",
            Self::Group => "AGPA",
        }
    }

    /// Bytes that all inline policies may have together, white space not counted (facts, section 13).
    pub(crate) fn inline_quota(self) -> usize {
        match self {
            Self::Role => 10_240,
            Self::User => 2_048,
            Self::Group => 5_120,
        }
    }

    /// Entities of the kind per account (test_iam_account_summary).
    pub(crate) fn count_quota(self) -> usize {
        match self {
            Self::Role => 1_000,
            Self::User => 5_000,
            Self::Group => 300,
        }
    }
}

/// A tag, in the form of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tag {
    #[serde(rename = "Key")]
    pub(crate) key: String,
    #[serde(rename = "Value", default)]
    pub(crate) value: String,
}

/// A user, group or role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entity {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs of managed policies, in the order of attachment.
    #[serde(default)]
    pub(crate) attached: Vec<String>,
    #[serde(default)]
    pub(crate) boundary: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// Roles only.
    #[serde(default)]
    pub(crate) role: Option<RolePart>,
    /// Users only: names of groups as stored in keys.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// Users only: the console password, hashed.
    #[serde(default)]
    pub(crate) login: Option<Login>,
}

/// What only roles have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RolePart {
    /// The trust policy as it was sent.
    pub(crate) trust: String,
    /// The unique ids of users and roles that `trust` names, by ARN as written: what AWS turns principals into.
    #[serde(default)]
    pub(crate) trust_ids: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) max_session_s: i64,
    /// The service that a service-linked role belongs to.
    #[serde(default)]
    pub(crate) linked: Option<String>,
}

/// A console password: salted hashes only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) created_ms: i64,
    pub(crate) reset_required: bool,
    /// When the password was last set; 0 in documents that are older than the member.
    #[serde(default)]
    pub(crate) changed_ms: i64,
    /// The password's hash, then those of earlier passwords, newest first; empty in older documents.
    #[serde(default)]
    pub(crate) hashes: Vec<String>,
}

/// What a user has besides access keys: kept by the user's unique id, which a rename leaves alone.
pub(crate) trait OfUser: Serialize + serde::de::DeserializeOwned {
    /// The word in store keys.
    const WORD: &'static str;
}

/// A public key for CodeCommit over SSH.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SshKey {
    /// As it was uploaded.
    pub(crate) body: String,
    /// MD5 of the key's blob, in pairs of digits.
    pub(crate) fingerprint: String,
    pub(crate) status: String,
    pub(crate) uploaded_ms: i64,
}

impl OfUser for SshKey {
    const WORD: &'static str = "ssh-keys";
}

/// An X.509 signing certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SigningCertificate {
    pub(crate) body: String,
    pub(crate) status: String,
    pub(crate) uploaded_ms: i64,
}

impl OfUser for SigningCertificate {
    const WORD: &'static str = "signing-certificates";
}

/// A name and password for one service. The password is given out once; no service here takes it, so its hash is
/// all that is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceCredential {
    pub(crate) service: String,
    /// The name to sign in with; for services with bearer keys, the key's alias.
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) status: String,
    pub(crate) created_ms: i64,
    pub(crate) expires_ms: Option<i64>,
}

impl OfUser for ServiceCredential {
    const WORD: &'static str = "service-credentials";
}

/// A virtual MFA device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    /// Its ARN.
    pub(crate) serial: String,
    /// Base32 of the shared secret: checking codes needs it in clear.
    pub(crate) seed: String,
    /// The unique id of the user it is enabled for.
    pub(crate) user: Option<String>,
    pub(crate) enabled_ms: i64,
    /// The last time step whose code was taken: a code is good once.
    pub(crate) last_step: i64,
    pub(crate) tags: Vec<Tag>,
}

/// A server certificate. Its private key is checked and not kept: nothing here can serve with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerCertificate {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) chain: Option<String>,
    pub(crate) uploaded_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) tags: Vec<Tag>,
}

/// A customer-managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// Oldest first.
    pub(crate) versions: Vec<Version>,
    /// The number of the default version.
    pub(crate) default: u32,
    /// The highest number ever given out: numbers are not used twice.
    pub(crate) last: u32,
}

impl ManagedPolicy {
    pub(crate) fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|v| v.number == number)
    }
}

/// A version of a customer-managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) document: String,
    pub(crate) created_ms: i64,
}

/// That a policy is attached to an entity, or is its boundary. One document each, found by the policy's ARN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Attachment {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) id: String,
}

/// An instance profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(crate) role: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

/// A long-term access key. The secret is stored in clear: verifying SigV4 needs it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) account: String,
    /// The user's name as stored in keys; `None` for the root user.
    pub(crate) user: Option<String>,
    pub(crate) secret: String,
    pub(crate) active: bool,
    pub(crate) created_ms: i64,
}

/// What belongs to an account as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    #[serde(default)]
    pub(crate) alias: Option<String>,
    #[serde(default)]
    pub(crate) password_policy: Option<serde_json::Map<String, serde_json::Value>>,
    /// Which tokens the global endpoint of STS gives out: 1 unless set to 2.
    #[serde(default)]
    pub(crate) token_version: Option<u8>,
}

/// Where a unique id belongs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) account: String,
    pub(crate) kind: Kind,
    /// The name as stored in keys.
    pub(crate) name: String,
}
