//! How a condition key gets the value that a statement asks for: an option of the call, a tag, a code of an MFA device.

use policy::{Context, Principal, Request};
use serde_json::{Map, Value, json};

use super::change::{Holder, last};
use super::{Code, Refusal, Step, code, layers};
use crate::quote;

/// The key that tells that the session began with an MFA code.
const MFA: &str = "aws:MultiFactorAuthPresent";
/// Seconds since then.
const MFA_AGE: &str = "aws:MultiFactorAuthAge";

/// The boundary that a call sets.
const BOUNDARY: &str = "iam:permissionsboundary";

/// What brings a key.
pub(crate) struct Brought {
    /// What the request carries then.
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) step: Step,
    /// Whether there is no other sensible way: a caller who leaves out what keeps others out is not to be let in
    /// without it.
    pub(crate) only_way: bool,
    pub(crate) note: Option<String>,
}

/// Whether the key tells something that the caller can bring along.
pub(crate) fn can(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let tags = ["aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "iam:resourcetag/"];
    ["sts:externalid", "sts:rolesessionname", "sts:sourceidentity"].contains(&key.as_str())
        || is_mfa(&key)
        || key == BOUNDARY
        || tags.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether the key is about MFA.
pub(crate) fn is_mfa(key: &str) -> bool {
    [MFA, MFA_AGE].iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// A session that begins with a code (IAM User Guide, id_credentials_mfa_configure-api-require).
pub(crate) fn mfa(refusal: &Refusal<'_>) -> Option<Brought> {
    let Request { principal, action, resource, .. } = refusal.request;
    let account = principal.account()?;
    let (call, known) = match principal {
        Principal::User { .. } if action == "sts:AssumeRole" => {
            (assume(resource, "session", &[]), refusal.mfa.clone())
        }
        Principal::User { .. } => ("aws sts get-session-token".to_owned(), refusal.mfa.clone()),
        // Whoever assumed the role shows the code.
        Principal::RoleSession { role_arn, session, .. } => (assume(role_arn, session, &[]), None),
        _ => return None,
    };
    let note = match (&known, principal) {
        (Some(_), _) => None,
        (None, Principal::User { .. }) => Some(
            "the user has no MFA device yet: aws iam create-virtual-mfa-device makes one, and aws iam enable-mfa-device \
             gives it to the user"
                .to_owned(),
        ),
        (None, _) => Some("the serial number is that of the device of the user who assumes the role".to_owned()),
    };
    let serial = known.unwrap_or_else(|| format!("arn:aws:iam::{account}:mfa/DEVICE"));
    let does = "get a session with a code of the MFA device, and use its keys".to_owned();
    let command = format!("{call} --serial-number {} --token-code CODE", quote(&serial));
    let step = Step { account: account.to_string(), does, commands: vec![command], ..Step::default() }.coded(
        Err("Terraform's provider sends no MFA code: give it the session's keys".to_owned()),
        Err(AS_CALLED.to_owned()),
    );
    let keys = vec![(MFA.to_owned(), "true".to_owned()), (MFA_AGE.to_owned(), "0".to_owned())];
    Some(Brought { keys, step, only_way: true, note })
}

const AS_CALLED: &str = "CloudFormation works with the session that calls it: the session is got before";

fn assume(role: &str, session: &str, options: &[(&str, &str)]) -> String {
    let mut command =
        format!("aws sts assume-role --role-arn {} --role-session-name {}", quote(role), quote(session));
    for (option, value) in options {
        command += &format!(" --{option} {}", quote(value));
    }
    command
}

/// How `key` gets `value`; `None` for what nobody can bring.
pub(crate) fn value(refusal: &Refusal<'_>, key: &str, value: &str) -> Option<Brought> {
    let (step, only_way) = match key.to_ascii_lowercase().as_str() {
        "sts:externalid" => (assumed(refusal, "external-id", value), true),
        "sts:rolesessionname" => (assumed(refusal, "role-session-name", value), true),
        "sts:sourceidentity" => (assumed(refusal, "source-identity", value), true),
        BOUNDARY => (boundary(refusal, value)?, true),
        _ => {
            let (kind, name) = key.split_once('/')?;
            match kind.to_ascii_lowercase().as_str() {
                "aws:principaltag" => (principal_tag(refusal, name, value)?, false),
                "aws:resourcetag" | "iam:resourcetag" => (resource_tag(refusal, name, value)?, false),
                "aws:requesttag" => (request_tag(refusal, name, value), true),
                _ => return None,
            }
        }
    };
    Some(Brought { keys: vec![(key.to_owned(), value.to_owned())], step, only_way, note: None })
}

fn caller(refusal: &Refusal<'_>) -> String {
    refusal.request.principal.account().map(|account| account.to_string()).unwrap_or_default()
}

/// The refused AssumeRole with one option more, which the provider's `assume_role` block has by the same name.
fn assumed(refusal: &Refusal<'_>, option: &str, value: &str) -> Step {
    let role = refusal.request.resource;
    let named = option == "role-session-name";
    let command = match named {
        true => assume(role, value, &[]),
        false => assume(role, "session", &[(option, value)]),
    };
    let does = format!("assume the role with --{option} {}", quote(value));
    let name = if named { value } else { "session" };
    let attributes = [("role_arn", role), ("session_name", name)].into_iter();
    let further = (!named).then_some((option, value));
    let lines: String = attributes
        .chain(further)
        .map(|(name, value)| format!("    {:<15} = {}\n", name.replace('-', "_"), json!(value)))
        .collect();
    let account = caller(refusal);
    let code = format!("# account {account}\nprovider \"aws\" {{\n  assume_role {{\n{lines}  }}\n}}\n");
    Step { account, does, commands: vec![command], ..Step::default() }
        .coded(Ok(code), Err(AS_CALLED.to_owned()))
}

/// The tags that the context shows below `prefix`, and one more.
fn tags(context: &Context, prefix: &str, (name, value): (&str, &str)) -> Map<String, Value> {
    let shown = context.iter().filter_map(|(key, values)| {
        let head = key.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some((key.get(prefix.len()..)?, values.first()?))
    });
    let shown = shown.filter(|(key, _)| !key.eq_ignore_ascii_case(name));
    let mut tags: Map<_, _> = shown.map(|(key, value)| (key.to_owned(), json!(value))).collect();
    tags.insert(name.to_owned(), json!(value));
    tags
}

/// The code that sets all the tags, in both languages.
fn tagged(
    account: &str,
    (terraform, cloudformation): (&str, &str),
    name: &str,
    tags: Map<String, Value>,
) -> [Code; 2] {
    let list: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    [
        Ok(code::terraform(account, terraform, name, "tags", &tags.into())),
        Ok(code::cloudformation(account, cloudformation, name, &[("Tags", list.into())])),
    ]
}

fn principal_tag(refusal: &Refusal<'_>, name: &str, value: &str) -> Option<Step> {
    let (holder, arn) = layers::holder(refusal.request.principal)?;
    let account = caller(refusal);
    let tags = tags(refusal.request.context, "aws:PrincipalTag/", (name, value));
    Some(iam_tag(account, holder, last(arn), (name, value), tags))
}

fn iam_tag(
    account: String,
    holder: Holder,
    of: &str,
    (name, value): (&str, &str),
    tags: Map<String, Value>,
) -> Step {
    let word = holder.word();
    let kinds = match holder {
        Holder::Role => ("aws_iam_role", "AWS::IAM::Role"),
        _ => ("aws_iam_user", "AWS::IAM::User"),
    };
    let [terraform, cloudformation] = tagged(&account, kinds, of, tags);
    let command = format!(
        "aws iam tag-{word} --{word}-name {} --tags Key={},Value={}",
        quote(of),
        quote(name),
        quote(value)
    );
    let does = format!("the {word} {of} gets the tag {name} = {value}");
    Step { account, does, commands: vec![command], ..Step::default() }.coded(terraform, cloudformation)
}

fn resource_tag(refusal: &Refusal<'_>, name: &str, value: &str) -> Option<Step> {
    let Request { resource, resource_account, context, .. } = refusal.request;
    let account = resource_account.map_or_else(|| caller(refusal), |account| account.to_string());
    let tags = tags(context, "aws:ResourceTag/", (name, value));
    let parts: Vec<&str> = resource.split(':').collect();
    let (service, region) = (*parts.get(2)?, *parts.get(3)?);
    let (what, target, kinds, of) = match (service, *parts.get(5)?) {
        // Tags belong to the function, not to a version or alias.
        ("lambda", "function") => {
            let kinds = ("aws_lambda_function", "AWS::Lambda::Function");
            ("function", format!("--resource {}", quote(&parts.get(..7)?.join(":"))), kinds, *parts.get(6)?)
        }
        ("logs", "log-group") => {
            let kinds = ("aws_cloudwatch_log_group", "AWS::Logs::LogGroup");
            (
                "log group",
                format!("--resource-arn {}", quote(&parts.get(..7)?.join(":"))),
                kinds,
                *parts.get(6)?,
            )
        }
        ("apigateway", path) => {
            let api = path.strip_prefix("/restapis/")?.split('/').next()?;
            let arn = format!("{}:/restapis/{api}", parts.get(..5)?.join(":"));
            let kinds = ("aws_api_gateway_rest_api", "AWS::ApiGateway::RestApi");
            ("API", format!("--resource-arn {}", quote(&arn)), kinds, api)
        }
        ("iam", entity) => {
            let holder = match entity.split('/').next()? {
                "role" => Holder::Role,
                "user" => Holder::User,
                _ => return None,
            };
            return Some(iam_tag(account, holder, last(resource), (name, value), tags));
        }
        _ => return None,
    };
    let [terraform, cloudformation] = tagged(&account, kinds, of, tags);
    let tag = quote(&format!("{name}={value}"));
    let command = format!("aws {service} tag-resource --region {region} {target} --tags {tag}");
    let does = format!("the {what} gets the tag {name} = {value}");
    Some(Step { account, does, commands: vec![command], ..Step::default() }.coded(terraform, cloudformation))
}

/// A new user or role gets the boundary that whoever makes it has to set.
fn boundary(refusal: &Refusal<'_>, value: &str) -> Option<Step> {
    let Request { action, resource, .. } = refusal.request;
    let (terraform, cloudformation) = match action {
        "iam:CreateRole" => ("aws_iam_role", "AWS::IAM::Role"),
        "iam:CreateUser" => ("aws_iam_user", "AWS::IAM::User"),
        _ => return None,
    };
    let (account, name) = (caller(refusal), last(resource));
    let code = [
        Ok(code::terraform(&account, terraform, name, "permissions_boundary", &json!(value))),
        Ok(code::cloudformation(&account, cloudformation, name, &[("PermissionsBoundary", json!(value))])),
    ];
    let does = format!("send the boundary with the request: --permissions-boundary {}", quote(value));
    let [terraform, cloudformation] = code;
    Some(Step { account, does, ..Step::default() }.coded(terraform, cloudformation))
}

/// The call is the client's: each operation takes tags in its own way.
fn request_tag(refusal: &Refusal<'_>, name: &str, value: &str) -> Step {
    let account = caller(refusal);
    let tags = crate::fix::terraform::escape(&json!({name: value}).to_string());
    let code =
        format!("# account {account}\nprovider \"aws\" {{\n  default_tags {{\n    tags = {tags}\n  }}\n}}\n");
    let does = format!("send the tag {name} = {value} with the request");
    Step { account, does, ..Step::default() }.coded(
        Ok(code),
        Err(format!(
            "CloudFormation passes a stack's tags on: aws cloudformation deploy --tags {}",
            quote(&format!("{name}={value}"))
        )),
    )
}
