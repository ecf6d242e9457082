//! One change of one policy: written as commands, Terraform or CloudFormation, and read back from there.

use std::sync::Arc;

use policy::{Policy, PolicyKind};
use serde_json::{Value, json};

use super::document::{compact, pretty, statements, with_statement};
use super::plan::Setup;
use super::{Code, Step, cloudformation, terraform};
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

    /// As in the names of CloudFormation's types.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Role => "Role",
            Self::Group => "Group",
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
    Session(Session),
    /// One statement more in the policy of a layer's version.
    Layer(LayerPermission),
    /// A new policy as the boundary, in place of one of AWS's.
    NewBoundary { holder: Holder, name: String, account: String, policy: String, document: Value },
    /// An identity-based policy less.
    Gone { shown: String, kept: Kept },
}

/// A policy that is taken away.
pub(crate) enum Kept {
    /// With its text.
    Inline { holder: Holder, name: String, policy: String },
    /// From one that it is attached to.
    Attached { holder: Holder, name: String, arn: String },
}

/// A session like the refused one, but for its policies.
pub(crate) struct Session {
    /// The role; `None` for federated users.
    pub(crate) role_arn: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Its managed policies.
    pub(crate) managed: Vec<String>,
    /// The managed policies of the refused session that it has not.
    pub(crate) dropped: Vec<String>,
    /// Its own policy.
    pub(crate) document: Option<Value>,
}

/// What `add-layer-version-permission` takes.
#[derive(Clone, Debug)]
pub(crate) struct LayerPermission {
    pub(crate) region: String,
    /// The layer's ARN, without the version.
    pub(crate) arn: String,
    pub(crate) version: String,
    pub(crate) sid: String,
    pub(crate) action: String,
    /// Twelve digits or `*`.
    pub(crate) principal: String,
}

impl LayerPermission {
    pub(crate) fn version_arn(&self) -> String {
        format!("{}:{}", self.arn, self.version)
    }

    fn statement(&self) -> Value {
        let partition = self.arn.split(':').nth(1).unwrap_or("aws");
        let principal = match self.principal.as_str() {
            "*" => json!("*"),
            account => json!({"AWS": format!("arn:{partition}:iam::{account}:root")}),
        };
        json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": self.action,
            "Resource": self.version_arn(),
        })
    }
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
    /// Whether it takes the place of the statement that has its id.
    pub(crate) replaces: bool,
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
    Layer(LayerPermission),
    /// That there is no document.
    Nothing,
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
            | (Place::Session(_), Place::Session(_)) => true,
            _ => false,
        }
    }

    /// The change in one form, or why there is no such thing.
    pub(crate) fn text(&self, form: Form) -> Code {
        match form {
            Form::Commands => Ok(self.command()),
            Form::Terraform => terraform::write(self),
            Form::CloudFormation => cloudformation::write(self),
        }
    }

    /// Changes `setup` as the text in `form` says; `None` when there is none or it cannot be read.
    pub(crate) fn apply(&self, form: Form, setup: &mut Setup) -> Option<()> {
        let text = self.text(form).ok()?;
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
            (Place::NewBoundary { account, policy, .. }, Said::Document(document)) => {
                let arn = format!("arn:aws:iam::{account}:policy/{policy}");
                setup.caller.boundary = Some(parse(&arn, &document, PolicyKind::Boundary)?.into());
            }
            (Place::Gone { shown, .. }, Said::Nothing) => {
                setup.caller.identity.retain(|policy| policy.name != *shown);
            }
            (Place::Layer(_), Said::Layer(permission)) => {
                let old = setup.owner.policy.as_deref();
                let document = with_statement(old.map(|p| &*p.text), permission.statement())?;
                let name =
                    old.map_or_else(|| format!("policy of {}", permission.version_arn()), |p| p.name.clone());
                setup.owner.policy = Some(parse(&name, &document, PolicyKind::Resource)?.into());
            }
            (Place::Permission(_), Said::Permission(permission)) => {
                let old = setup.owner.policy.as_deref();
                let mut document = with_statement(old.map(|p| &*p.text), permission.statement())?;
                if permission.replaces {
                    let statements = statements(&mut document)?;
                    let old = statements.iter().position(|s| s["Sid"] == json!(permission.sid))?;
                    statements.swap_remove(old);
                }
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
            (Place::Session(session), said) => {
                let own = match said {
                    Said::Document(document) => {
                        Some(parse("session policy", &document, PolicyKind::Session)?)
                    }
                    Said::Nothing => None,
                    _ => return None,
                };
                let mut policies = setup.caller.session.take().unwrap_or_default();
                policies.retain(|policy| {
                    let arn = policy.name.split(' ').next().unwrap_or_default();
                    policy.name != "session policy" && !session.dropped.iter().any(|dropped| dropped == arn)
                });
                policies.extend(own.map(Arc::new));
                setup.caller.session = (!policies.is_empty()).then_some(policies);
            }
            _ => return None,
        }
        Some(())
    }

    pub(crate) fn step(&self, terraform: bool, cloudformation: bool) -> Step {
        let form = |shown: bool, form| match self.text(form) {
            Ok(_) if !shown => Err("not shown: read back, it does not allow the request".to_owned()),
            text => text,
        };
        let (terraform, cloudformation) =
            (form(terraform, Form::Terraform), form(cloudformation, Form::CloudFormation));
        Step {
            account: self.account.clone(),
            does: self.does.clone(),
            commands: self.commands(),
            ..Step::default()
        }
        .coded(terraform, cloudformation)
    }

    /// The command that says what the policy becomes.
    fn command(&self) -> String {
        let mut commands = self.commands();
        let at = usize::from(matches!(&self.place, Place::Permission(permission) if permission.replaces));
        if at < commands.len() { commands.swap_remove(at) } else { String::new() }
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
            Place::Permission(permission) if permission.replaces => {
                vec![remove_permission(permission), add_permission(permission)]
            }
            Place::Permission(permission) => vec![add_permission(permission)],
            Place::Layer(permission) => vec![add_layer_permission(permission)],
            Place::NewBoundary { holder, name, account, policy, document } => {
                let word = holder.word();
                vec![
                    format!(
                        "aws iam create-policy --policy-name {} --policy-document {}",
                        quote(policy),
                        quote(&compact(document))
                    ),
                    format!(
                        "aws iam put-{word}-permissions-boundary --{word}-name {} --permissions-boundary {}",
                        quote(name),
                        quote(&format!("arn:aws:iam::{account}:policy/{policy}"))
                    ),
                ]
            }
            Place::Gone { kept: Kept::Inline { holder, name, policy }, .. } => {
                let word = holder.word();
                vec![format!(
                    "aws iam delete-{word}-policy --{word}-name {} --policy-name {}",
                    quote(name),
                    quote(policy)
                )]
            }
            Place::Gone { kept: Kept::Attached { holder, name, arn }, .. } => {
                let word = holder.word();
                vec![format!(
                    "aws iam detach-{word}-policy --{word}-name {} --policy-arn {}",
                    quote(name),
                    quote(arn)
                )]
            }
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
            Place::Session(session) => vec![get_session(session)],
        }
    }
}

fn get_session(session: &Session) -> String {
    let mut command = match &session.role_arn {
        Some(role) => format!(
            "aws sts assume-role --role-arn {} --role-session-name {}",
            quote(role),
            quote(&session.name)
        ),
        None => format!("aws sts get-federation-token --name {}", quote(&session.name)),
    };
    if !session.managed.is_empty() {
        command += " --policy-arns";
        for arn in &session.managed {
            command += &format!(" {}", quote(&format!("arn={arn}")));
        }
    }
    if let Some(document) = &session.document {
        command += &format!(" --policy {}", quote(&compact(document)));
    }
    command
}

fn add_layer_permission(permission: &LayerPermission) -> String {
    let LayerPermission { region, arn, version, sid, action, principal } = permission;
    let name = arn.rsplit(':').next().unwrap_or_default();
    format!(
        "aws lambda add-layer-version-permission --region {region} --layer-name {} --version-number {version} \
         --statement-id {} --action {} --principal {}",
        quote(name),
        quote(sid),
        quote(action),
        quote(principal)
    )
}

fn remove_permission(permission: &Permission) -> String {
    let qualifier =
        permission.qualifier.as_ref().map_or_else(String::new, |q| format!(" --qualifier {}", quote(q)));
    format!(
        "aws lambda remove-permission --region {} --function-name {} --statement-id {}{qualifier}",
        permission.region,
        quote(&permission.function),
        quote(&permission.sid)
    )
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
            replaces: permission.replaces,
        })));
    }
    if let Place::Layer(permission) = &of.place {
        let (layers, _) = permission.arn.rsplit_once(':')?;
        return Some(Said::Layer(LayerPermission {
            region: option("region")?,
            arn: format!("{layers}:{}", option("layer-name")?),
            version: option("version-number")?,
            sid: option("statement-id")?,
            action: option("action")?,
            principal: option("principal")?,
        }));
    }
    if matches!(of.place, Place::Gone { .. }) {
        return Some(Said::Nothing);
    }
    if let Some(patch) = option("patch-operations") {
        let patch: Value = serde_json::from_str(&patch).ok()?;
        let text = patch.get(0)?.get("value")?.as_str()?.to_owned();
        return serde_json::from_str(&text).ok().map(Said::Document);
    }
    match option("policy-document").or_else(|| option("policy")) {
        Some(text) => serde_json::from_str(&text).ok().map(Said::Document),
        None if matches!(of.place, Place::Session(_)) => Some(Said::Nothing),
        None => None,
    }
}

pub(crate) fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
