//! One change of one policy: written as commands, Terraform or CloudFormation, and read back from there.

use policy::{Policy, PolicyKind};
use serde_json::{Value, json};

use super::document::{compact, pretty, with_statement};
use super::plan::Setup;
use super::{Step, cloudformation, terraform};
use crate::shell::{quote, split};

/// In which language a change is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Commands,
    Terraform,
    CloudFormation,
}

/// A change with what is said about it.
pub(crate) struct Change {
    /// In which account it is made.
    pub(crate) account: String,
    /// What it does, in a line.
    pub(crate) does: String,
    pub(crate) place: Place,
    pub(crate) notes: Vec<String>,
}

/// Users, roles and groups carry inline policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    User,
    Role,
    Group,
}

impl Holder {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Group => "group",
        }
    }
}

/// What is changed, and what it becomes.
pub(crate) enum Place {
    /// An inline policy, made or replaced.
    Inline { holder: Holder, name: String, policy: String, document: Value },
    /// A managed policy of the customer: an identity-based policy, a boundary or both.
    Managed { arn: String, document: Value },
    /// One statement more in a function's policy.
    Permission(Permission),
    /// A role's trust policy.
    Trust { role_arn: String, document: Value },
    /// The resource policy of an API, which takes effect with its next deployment.
    Api { region: String, api: String, stage: String, document: Value },
    /// The policy of a session, which only a new session can change.
    Session { call: Vec<String>, document: Value },
}

/// What `add-permission` takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permission {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) function: String,
    pub(crate) qualifier: Option<String>,
    pub(crate) sid: String,
    pub(crate) action: String,
    /// An ARN, twelve digits, a service's host name or `*`.
    pub(crate) principal: String,
    pub(crate) source_arn: Option<String>,
    pub(crate) source_account: Option<String>,
    /// The `AuthType` of the function URL that the statement is for.
    pub(crate) url_auth: Option<String>,
    /// Whether the statement is for calls through a function URL alone.
    pub(crate) via_url: bool,
}

impl Permission {
    /// The function's ARN, with the qualifier if there is one.
    pub(crate) fn arn(&self) -> String {
        let Self { partition, region, account, function, .. } = self;
        let qualifier = self.qualifier.as_ref().map_or_else(String::new, |q| format!(":{q}"));
        format!("arn:{partition}:lambda:{region}:{account}:function:{function}{qualifier}")
    }

    /// The statement that Lambda keeps (`AddPermission`: an account is kept as its root's ARN).
    pub(crate) fn statement(&self) -> Value {
        let is_account = self.principal.len() == 12 && self.principal.bytes().all(|b| b.is_ascii_digit());
        let principal = if self.principal == "*" {
            json!("*")
        } else if is_account {
            json!({"AWS": format!("arn:{}:iam::{}:root", self.partition, self.principal)})
        } else if self.principal.starts_with("arn:") {
            json!({"AWS": self.principal})
        } else {
            json!({"Service": self.principal})
        };
        let mut statement = json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": self.action, "Resource": self.arn(),
        });
        let mut condition = serde_json::Map::new();
        let equal =
            [("AWS:SourceAccount", &self.source_account), ("lambda:FunctionUrlAuthType", &self.url_auth)];
        let equal: serde_json::Map<_, _> =
            equal.into_iter().filter_map(|(key, v)| Some((key.to_owned(), json!(v.as_ref()?)))).collect();
        if !equal.is_empty() {
            condition.insert("StringEquals".into(), equal.into());
        }
        if self.via_url {
            condition.insert("Bool".into(), json!({"lambda:InvokedViaFunctionUrl": "true"}));
        }
        if let Some(arn) = &self.source_arn {
            condition.insert("ArnLike".into(), json!({"AWS:SourceArn": arn}));
        }
        if let (false, Some(members)) = (condition.is_empty(), statement.as_object_mut()) {
            members.insert("Condition".into(), condition.into());
        }
        statement
    }
}

/// What a text says the policy becomes.
pub(crate) enum Said {
    Document(Value),
    Permission(Box<Permission>),
}

impl Change {
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (
                Place::Inline { holder: a, name: b, policy: c, .. },
                Place::Inline { holder: d, name: e, policy: f, .. },
            ) => (a, b, c) == (d, e, f),
            (Place::Managed { arn: a, .. }, Place::Managed { arn: b, .. }) => a == b,
            (Place::Trust { .. }, Place::Trust { .. })
            | (Place::Api { .. }, Place::Api { .. })
            | (Place::Session { .. }, Place::Session { .. }) => true,
            _ => false,
        }
    }

    /// The change in one form; `None` where there is no such thing.
    pub(crate) fn text(&self, form: Form) -> Option<String> {
        match form {
            Form::Commands => self.commands().into_iter().next(),
            Form::Terraform => terraform::write(self),
            Form::CloudFormation => cloudformation::write(self),
        }
    }

    /// Changes `setup` as the text in `form` says; `None` when there is none or it cannot be read.
    pub(crate) fn apply(&self, form: Form, setup: &mut Setup) -> Option<()> {
        let text = self.text(form)?;
        let said = match form {
            Form::Commands => read(&text, self)?,
            Form::Terraform => terraform::read(&text, self)?,
            Form::CloudFormation => cloudformation::read(&text, self)?,
        };
        let parse = |name: &str, document: &Value, kind| Policy::parse(name, &pretty(document, 0), kind).ok();
        match (&self.place, said) {
            (Place::Inline { holder, name, policy, .. }, Said::Document(document)) => {
                let name = format!("inline policy \"{policy}\" of {} \"{name}\"", holder.word());
                let new = parse(&name, &document, PolicyKind::Identity)?;
                if setup.replace(new.clone()).is_none() {
                    setup.caller.identity.push(new.into());
                }
            }
            (Place::Managed { arn, .. }, Said::Document(document)) => {
                let identity = setup.replace(parse(arn, &document, PolicyKind::Identity)?);
                let boundary = setup.replace(parse(arn, &document, PolicyKind::Boundary)?);
                identity.or(boundary)?;
            }
            (Place::Permission(_), Said::Permission(permission)) => {
                let old = setup.owner.policy.as_deref();
                let document = with_statement(old.map(|p| &*p.text), permission.statement())?;
                let name = old.map_or_else(
                    || format!("policy of function {}", permission.function),
                    |p| p.name.clone(),
                );
                setup.owner.policy = Some(parse(&name, &document, PolicyKind::Resource)?.into());
            }
            (Place::Trust { .. } | Place::Api { .. }, Said::Document(document)) => {
                let trust = matches!(self.place, Place::Trust { .. });
                let kind = if trust { PolicyKind::Trust } else { PolicyKind::Resource };
                let old =
                    setup.owner.policy.as_ref().map_or("the new policy", |p| p.name.as_str()).to_owned();
                setup.owner.policy = Some(parse(&old, &document, kind)?.into());
            }
            (Place::Session { .. }, Said::Document(document)) => {
                let new = parse("session policy", &document, PolicyKind::Session)?;
                if setup.replace(new.clone()).is_none() {
                    setup.caller.session.as_mut()?.push(new.into());
                }
            }
            _ => return None,
        }
        Some(())
    }

    pub(crate) fn step(&self, terraform: bool, cloudformation: bool) -> Step {
        let form = |shown: bool, form| shown.then(|| self.text(form)).flatten();
        Step {
            account: self.account.clone(),
            does: self.does.clone(),
            commands: self.commands(),
            terraform: form(terraform, Form::Terraform),
            cloudformation: form(cloudformation, Form::CloudFormation),
        }
    }

    /// The command that makes the change, then what puts it into effect.
    fn commands(&self) -> Vec<String> {
        match &self.place {
            Place::Inline { holder, name, policy, document } => {
                let word = holder.word();
                vec![format!(
                    "aws iam put-{word}-policy --{word}-name {} --policy-name {} --policy-document {}",
                    quote(name),
                    quote(policy),
                    quote(&compact(document))
                )]
            }
            Place::Managed { arn, document } => vec![format!(
                "aws iam create-policy-version --policy-arn {} --policy-document {} --set-as-default",
                quote(arn),
                quote(&compact(document))
            )],
            Place::Permission(permission) => vec![add_permission(permission)],
            Place::Trust { role_arn, document } => vec![format!(
                "aws iam update-assume-role-policy --role-name {} --policy-document {}",
                quote(last(role_arn)),
                quote(&compact(document))
            )],
            Place::Api { region, api, stage, document } => {
                let patch = json!([{"op": "replace", "path": "/policy", "value": compact(document)}]);
                vec![
                    format!(
                        "aws apigateway update-rest-api --region {region} --rest-api-id {api} --patch-operations {}",
                        quote(&patch.to_string())
                    ),
                    format!(
                        "aws apigateway create-deployment --region {region} --rest-api-id {api} --stage-name {}",
                        quote(stage)
                    ),
                ]
            }
            Place::Session { call, document } => {
                let call: Vec<String> = call.iter().map(|word| quote(word)).collect();
                vec![format!("{} --policy {}", call.join(" "), quote(&compact(document)))]
            }
        }
    }
}

fn add_permission(permission: &Permission) -> String {
    let mut command = format!(
        "aws lambda add-permission --region {} --function-name {} --statement-id {} --action {} --principal {}",
        permission.region,
        quote(&permission.function),
        quote(&permission.sid),
        quote(&permission.action),
        quote(&permission.principal),
    );
    let more = [
        ("qualifier", &permission.qualifier),
        ("source-arn", &permission.source_arn),
        ("source-account", &permission.source_account),
        ("function-url-auth-type", &permission.url_auth),
    ];
    for (option, value) in more {
        if let Some(value) = value {
            command += &format!(" --{option} {}", quote(value));
        }
    }
    if permission.via_url {
        command += " --invoked-via-function-url";
    }
    command
}

/// What a command says, from its words as a shell splits them.
fn read(command: &str, of: &Change) -> Option<Said> {
    let words = split(command)?;
    let option = |name: &str| {
        let at = words.iter().position(|word| word.strip_prefix("--") == Some(name))?;
        words.get(at + 1).cloned()
    };
    if let Place::Permission(permission) = &of.place {
        return Some(Said::Permission(Box::new(Permission {
            // Who runs the command decides these two.
            partition: permission.partition.clone(),
            account: of.account.clone(),
            region: option("region")?,
            function: option("function-name")?,
            qualifier: option("qualifier"),
            sid: option("statement-id")?,
            action: option("action")?,
            principal: option("principal")?,
            source_arn: option("source-arn"),
            source_account: option("source-account"),
            url_auth: option("function-url-auth-type"),
            via_url: words.iter().any(|word| word == "--invoked-via-function-url"),
        })));
    }
    if let Some(patch) = option("patch-operations") {
        let patch: Value = serde_json::from_str(&patch).ok()?;
        let text = patch.get(0)?.get("value")?.as_str()?.to_owned();
        return serde_json::from_str(&text).ok().map(Said::Document);
    }
    let text = option("policy-document").or_else(|| option("policy"))?;
    serde_json::from_str(&text).ok().map(Said::Document)
}

pub(crate) fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
