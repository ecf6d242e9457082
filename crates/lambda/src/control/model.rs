//! What is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The collection of functions, versions and aliases. Everything that [`super::FunctionView`] is made of lives in it, so
/// that one generation tells whether a view is out of date.
pub const FUNCTIONS: &str = "lambda";
/// The collection of function policies, by `ACCOUNT/REGION/NAME/QUALIFIER`, the qualifier empty for none.
pub const POLICIES: &str = "lambda-policies";
/// The collection of function URLs.
pub const URLS: &str = "lambda-urls";
/// The collection of layer versions.
pub const LAYERS: &str = "lambda-layers";
/// Asynchronous invocations that were accepted and not finished.
pub const EVENTS: &str = "lambda-events";

/// `$LATEST`.
pub const LATEST: &str = "$LATEST";

/// A function: its unpublished configuration and what belongs to no version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// Key parts, repeated for listings.
    pub account: String,
    pub region: String,
    pub name: String,
    /// `$LATEST`.
    pub latest: Config,
    /// The number of the next published version; numbers are not used twice.
    pub next_version: u64,
    pub tags: BTreeMap<String, String>,
    /// Reserved concurrent executions.
    pub reserved: Option<u32>,
    /// Settings of asynchronous invocation by qualifier.
    #[serde(default)]
    pub event_configs: BTreeMap<String, EventConfig>,
    /// `Terminate` or `Allow`, when it was set.
    #[serde(default)]
    pub recursive_loop: Option<String>,
}

/// The configuration and code of `$LATEST` or of a published version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `$LATEST` or a number.
    pub version: String,
    pub description: String,
    pub role: String,
    pub runtime: String,
    pub handler: String,
    /// Seconds.
    pub timeout: u32,
    /// MiB.
    pub memory: u32,
    /// MiB.
    pub ephemeral: u32,
    /// `None`: never set, and then not answered.
    pub environment: Option<BTreeMap<String, String>>,
    pub code: Code,
    pub layers: Vec<LayerUse>,
    pub architecture: String,
    pub tracing: String,
    pub vpc: Option<Vpc>,
    pub dead_letter: Option<String>,
    pub kms_key: Option<String>,
    pub logging: Logging,
    pub snap_start: String,
    pub file_systems: Vec<Value>,
    /// Of a version that was published with a description of its own: that of `$LATEST` at the time.
    #[serde(default)]
    pub latest_description: Option<String>,
    pub revision: String,
    pub modified_ms: i64,
}

impl Config {
    /// Whether `latest` is still what this version was published from. AWS publishes no further version then (recorded:
    /// third publication in `TestLambdaVersions::test_version_lifecycle`).
    pub fn was_published_from(&self, latest: &Self) -> bool {
        let bare = |c: &Self, description: &str| Self {
            version: String::new(),
            description: description.to_owned(),
            latest_description: None,
            revision: String::new(),
            modified_ms: 0,
            ..c.clone()
        };
        let described = self.latest_description.as_deref().unwrap_or(&self.description);
        bare(self, described) == bare(latest, &latest.description)
    }
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The archive's SHA-256 in hexadecimal digits: the name of its files.
    pub id: String,
    /// The same in base64, as AWS shows it.
    pub sha256: String,
    /// Bytes of the archive.
    pub size: u64,
}

/// A layer version in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    pub arn: String,
    pub code: Code,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    pub subnets: Vec<String>,
    pub groups: Vec<String>,
    pub ipv6: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    pub application: Option<String>,
    pub system: Option<String>,
    pub group: String,
}

/// A name for a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alias {
    pub name: String,
    pub version: String,
    pub description: String,
    pub revision: String,
    /// At most one other version and the share of invocations that it gets.
    pub weights: BTreeMap<String, f64>,
}

/// Settings of asynchronous invocation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EventConfig {
    pub retries: Option<u32>,
    pub max_age: Option<u32>,
    pub destinations: Option<Value>,
    pub modified_ms: i64,
}

/// A function's policy for one qualifier.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FunctionPolicy {
    pub statements: Vec<Statement>,
    pub revision: String,
}

/// A statement of a function's policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    pub sid: String,
    /// The ARN of the user, role or session that the statement names, when it names one.
    pub identity: Option<String>,
    /// The unique id that `identity` had when the statement was added: a user or role that is deleted and made again is
    /// another one (IAM User Guide, reference_policies_elements_principal).
    #[serde(default)]
    pub identity_id: Option<String>,
    /// The statement's JSON, its members in AWS's order.
    pub text: String,
}

impl FunctionPolicy {
    /// The document that GetPolicy answers, where principals whose unique id is `gone` stand as that id and match nobody.
    pub fn text(&self, gone: impl Fn(&str) -> bool) -> String {
        let statements: Vec<String> = self.statements.iter().map(|s| s.shown(&gone)).collect();
        format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#, statements.join(","))
    }
}

impl Statement {
    fn shown(&self, gone: impl Fn(&str) -> bool) -> String {
        match (&self.identity, &self.identity_id) {
            (Some(arn), Some(id)) if gone(id) => {
                // As `permissions::statement` writes it: the one place where the ARN is the principal.
                let of = |principal: &str| format!(r#""Principal":{{"AWS":"{principal}"}}"#);
                self.text.replacen(&of(arn), &of(id), 1)
            }
            _ => self.text.clone(),
        }
    }
}

/// A layer version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerVersion {
    pub account: String,
    pub region: String,
    pub name: String,
    pub version: u64,
    pub description: String,
    pub license: Option<String>,
    pub runtimes: Vec<String>,
    pub architectures: Vec<String>,
    pub created_ms: i64,
    pub code: Code,
}

/// The key of a function.
pub fn function_key(function: &str) -> String {
    format!("f/{function}")
}

/// The key of a published version; numbers are padded so that keys sort as numbers do.
pub fn version_key(function: &str, version: &str) -> String {
    format!("v/{function}/{version:0>12}")
}

/// The key of an alias.
pub fn alias_key(function: &str, alias: &str) -> String {
    format!("a/{function}/{alias}")
}

/// The key of a policy.
pub fn policy_key(function: &str, qualifier: Option<&str>) -> String {
    format!("{function}/{}", qualifier.unwrap_or_default())
}

/// Whether a qualifier can be a version's number.
pub fn is_number(qualifier: &str) -> bool {
    !qualifier.is_empty() && qualifier.bytes().all(|b| b.is_ascii_digit())
}
