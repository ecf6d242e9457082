//! One function per layer: the statement that lets this very request through.

use arn::Arn;
use policy::{Layer, Policy, Principal, Request};
use serde_json::{Map, Value, json};

use super::change::{Change, Holder, LayerPermission, Permission, Place, Session, last};
use super::document::{self, compact, with_statement};
use super::home::{self, Home};
use super::{Refusal, Setup, url};

/// What makes `layer` allow the request; `None` where nothing in the accounts involved does.
pub(crate) fn allow(refusal: &Refusal<'_>, now: &Setup, layer: Layer) -> Option<Change> {
    match layer {
        Layer::Identity => identity(refusal, now),
        Layer::Resource => resource(refusal, now),
        Layer::Trust => trust(refusal, now),
        Layer::Boundary => boundary(refusal, now),
        Layer::Session => session(refusal, now),
        Layer::Scp | Layer::Rcp => None,
    }
}

/// What is said of a service control policy.
pub(crate) fn scp_words(refusal: &Refusal<'_>) -> String {
    let Request { principal, action, resource, .. } = refusal.request;
    let account = principal.account().map_or_else(String::new, |a| format!(" {a}"));
    format!(
        "no policy of the account{account} helps: the service control policies on the way to it have to allow {action} on \
         {resource}, which the organization's management account decides"
    )
}

/// What is said of a resource control policy.
pub(crate) fn rcp_words(refusal: &Refusal<'_>) -> String {
    let Request { action, resource, resource_account, .. } = refusal.request;
    let account = resource_account.map_or_else(String::new, |a| format!(" {a}"));
    format!(
        "no policy of the account{account} helps: a resource control policy on the way to it denies {action} on {resource}, \
         which the organization's management account decides"
    )
}

fn statement(request: &Request<'_>) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": request.action, "Resource": request.resource});
    // Whoever may call a function through its URL need not be let in elsewhere.
    if let (true, Some(members)) = (url::is_via(request), statement.as_object_mut()) {
        members.insert("Condition".into(), json!({"Bool": {url::VIA: "true"}}));
    }
    // IAM User Guide, id_roles_use_passrole: the role is passed to this service alone.
    let service = request.context.get("iam:PassedToService").and_then(|services| services.first());
    if let (Some(service), Some(members)) = (service, statement.as_object_mut()) {
        members.insert("Condition".into(), json!({"StringEquals": {"iam:PassedToService": service}}));
    }
    statement
}

/// The user or role whose policies the caller carries.
pub(crate) fn holder(principal: &Principal) -> Option<(Holder, &str)> {
    match principal {
        Principal::RoleSession { role_arn, .. } => Some((Holder::Role, role_arn)),
        Principal::User { arn, .. } => Some((Holder::User, arn)),
        Principal::FederatedUser { issuer_arn, .. } if issuer_arn.contains(":user/") => {
            Some((Holder::User, issuer_arn))
        }
        _ => None,
    }
}

fn identity(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let Request { principal, action, resource, .. } = refusal.request;
    let (holder, arn) = holder(principal)?;
    let name = last(arn).to_owned();
    let used = |policy: &str| {
        let shown = format!("inline policy \"{policy}\" of {} \"{name}\"", holder.word());
        now.caller.identity.iter().any(|p| p.name == shown)
    };
    let policy = document::unused(&document::name(action.split_once(':')?.1, resource), used);
    Some(Change {
        account: principal.account()?.to_string(),
        does: format!("the {} {name} gets {action} on {resource}", holder.word()),
        place: Place::Inline { holder, name, policy, document: document::of(statement(&refusal.request)) },
        notes: Vec::new(),
    })
}

fn boundary(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let boundary = now.caller.boundary.as_deref()?;
    let arn = match home::of(&boundary.name)? {
        Home::Managed(arn) => arn,
        Home::Aws(arn) if arn == boundary.name => return new_boundary(refusal, boundary),
        _ => return None,
    };
    Some(Change {
        account: refusal.request.principal.account()?.to_string(),
        does: format!(
            "the permissions boundary {} leaves room for {} on {}",
            last(arn),
            refusal.request.action,
            refusal.request.resource
        ),
        place: Place::Managed {
            arn: arn.to_owned(),
            document: with_statement(Some(&boundary.text), statement(&refusal.request))?,
        },
        notes: vec![everyone(arn)],
    })
}

/// Characters of a managed policy without white space (IAM User Guide, reference_iam-quotas).
const MOST_CHARACTERS: usize = 6_144;

/// A policy with what AWS's one allows, and this.
fn new_boundary(refusal: &Refusal<'_>, boundary: &Policy) -> Option<Change> {
    let Request { principal, action, resource, .. } = refusal.request;
    let (holder, arn) = holder(principal)?;
    let document = with_statement(Some(&boundary.text), statement(&refusal.request))?;
    if compact(&document).chars().filter(|c| !c.is_whitespace()).count() > MOST_CHARACTERS {
        return None;
    }
    let account = principal.account()?.to_string();
    let old = last(&boundary.name);
    Some(Change {
        account: account.clone(),
        does: format!(
            "a boundary of one's own in place of {old}, which leaves room for {action} on {resource} too"
        ),
        place: Place::NewBoundary {
            holder,
            name: last(arn).to_owned(),
            account,
            policy: format!("{old}-{}", action.split_once(':')?.1),
            document,
        },
        notes: Vec::new(),
    })
}

pub(crate) fn everyone(arn: &str) -> String {
    format!("the policy {arn} changes for everyone who has it")
}

fn session(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let inline = own_session_policy(now);
    let document = with_statement(inline.map(|p| &*p.text), statement(&refusal.request))?;
    session_with(refusal, now, Some(document), &[])
}

pub(crate) fn own_session_policy(now: &Setup) -> Option<&Policy> {
    now.caller.session.iter().flatten().find(|p| p.name == "session policy").map(|p| &**p)
}

/// A session like this one with another policy of its own, and without some of its managed ones.
pub(crate) fn session_with(
    refusal: &Refusal<'_>,
    now: &Setup,
    document: Option<Value>,
    without: &[&str],
) -> Option<Change> {
    let principal = refusal.request.principal;
    let (role_arn, name, who) = match principal {
        Principal::RoleSession { role_arn, session, .. } => {
            (Some(role_arn.clone()), session.clone(), "whoever may assume the role".to_owned())
        }
        Principal::FederatedUser { arn, issuer_arn, .. } => {
            (None, last(arn).to_owned(), format!("the user {}", last(issuer_arn)))
        }
        _ => return None,
    };
    let managed = now.caller.session.iter().flatten().filter_map(|p| p.name.split(' ').next());
    let managed = managed.filter(|name| name.starts_with("arn:") && !without.contains(name));
    let session = Session {
        role_arn,
        name,
        managed: managed.map(str::to_owned).collect(),
        dropped: without.iter().map(|arn| (*arn).to_owned()).collect(),
        document,
    };
    Some(Change {
        account: principal.account()?.to_string(),
        does: format!(
            "get another session, whose own policy covers {} on {}",
            refusal.request.action, refusal.request.resource
        ),
        place: Place::Session(session),
        notes: vec![format!(
            "a session's policy cannot be changed: the session is made anew, with the keys of {who}"
        )],
    })
}

/// The caller as a `Principal` element names it most narrowly.
fn principal_element(principal: &Principal) -> Value {
    match principal {
        Principal::Service { host } => json!({"Service": host}),
        Principal::RoleSession { role_arn, .. } => json!({"AWS": role_arn}),
        Principal::User { arn, .. } => json!({"AWS": arn}),
        Principal::Root { .. } | Principal::FederatedUser { .. } => json!({"AWS": principal.arn()}),
        Principal::Federated { provider } => json!({"Federated": provider}),
        Principal::Anonymous => json!("*"),
    }
}

/// What a principal that stands for many has to be held to besides its name: the source, the address, the subject.
fn conditions(request: &Request<'_>) -> Option<Value> {
    let one = |key: &str| request.context.get(key)?.first();
    match request.principal {
        // A provider vouches for everyone it knows: its audience and the one subject are named (IAM User Guide, "Create
        // a role for OpenID Connect federation" and "... for SAML 2.0 federation").
        Principal::Federated { provider } => {
            let saml = provider.contains(":saml-provider/");
            let prefix = match provider.split_once(":oidc-provider/") {
                Some((_, host)) => host,
                None if saml => "SAML",
                None => provider,
            };
            // A transient SAML subject is another one at each sign-in.
            let lasting = !saml || one("SAML:sub_type").is_some_and(|kind| kind.ends_with("persistent"));
            let names = [Some("aud"), lasting.then_some("sub")].into_iter().flatten();
            let keys = names.map(|name| format!("{prefix}:{name}"));
            let named: Map<_, _> = keys.filter_map(|key| Some((key.clone(), json!(one(&key)?)))).collect();
            (!named.is_empty()).then(|| json!({"StringEquals": named}))
        }
        Principal::Service { .. } => {
            one("aws:SourceArn").map(|source| json!({"ArnLike": {"aws:SourceArn": source}}))
        }
        Principal::Anonymous => {
            one("aws:SourceIp").map(|source| json!({"IpAddress": {"aws:SourceIp": source}}))
        }
        _ => None,
    }
}

/// The statement of a trust policy or of an API's policy that lets this very request in.
pub(crate) fn entry(request: &Request<'_>) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": principal_element(request.principal), "Action": request.action,
    });
    if let Some(members) = statement.as_object_mut() {
        // A trust policy is about its role.
        if !request.action.starts_with("sts:") {
            members.insert("Resource".into(), json!(request.resource));
        }
        if let Some(condition) = conditions(request) {
            members.insert("Condition".into(), condition);
        }
    }
    statement
}

fn own_policy(now: &Setup) -> Option<&Policy> {
    now.owner.policy.as_deref()
}

fn trust(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let Request { principal, resource, .. } = refusal.request;
    let document = with_statement(own_policy(now).map(|p| &*p.text), entry(&refusal.request))?;
    trust_with(resource, document, format!("the role {} trusts {}", last(resource), principal.words()))
}

/// The role's trust policy becomes `document`.
pub(crate) fn trust_with(role_arn: &str, mut document: Value, does: String) -> Option<Change> {
    document::without_the_gone(&mut document);
    let account = Arn::parse(role_arn).ok()?.account;
    Some(Change {
        account,
        does,
        place: Place::Trust { role_arn: role_arn.to_owned(), document },
        notes: Vec::new(),
    })
}

fn resource(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    match Arn::parse(refusal.request.resource).ok()?.service.as_str() {
        "lambda" if refusal.request.resource.contains(":layer:") => layer(refusal, now),
        "lambda" => function(refusal, now),
        "execute-api" => api(refusal, now),
        _ => None,
    }
}

fn function(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let Request { principal, action, resource, context, .. } = refusal.request;
    let arn = Arn::parse(resource).ok()?;
    let mut parts = arn.resource.split(':');
    let (Some("function"), Some(name), qualifier) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let one = |key: &str| context.get(key).and_then(|values| values.first()).cloned();
    let is_service = matches!(principal, Principal::Service { .. });
    let named = match principal {
        Principal::Root { account } => account.to_string(),
        other => match principal_element(other) {
            Value::Object(element) => element.values().next()?.as_str()?.to_owned(),
            // Everyone, which a function URL without authentication is for.
            everyone if one(url::AUTH).as_deref() == Some("NONE") || url::is_via(&refusal.request) => {
                everyone.as_str()?.to_owned()
            }
            _ => return None,
        },
    };
    let base = refusal
        .api
        .map_or_else(|| document::name("invoke", &named), |api| document::name("apigateway", api.api));
    let via_url = url::is_via(&refusal.request);
    let url_auth = one(url::AUTH).filter(|_| action == url::INVOKE);
    let base = if via_url || url_auth.is_some() { format!("{base}-url") } else { base };
    let text = own_policy(now).map_or("", |p| &*p.text);
    let source_arn = one("aws:SourceArn").filter(|_| is_service);
    // A source without an account in its ARN, such as a bucket, is held to its owner besides.
    let without = source_arn.as_ref().is_some_and(|a| a.split(':').nth(4).is_none_or(str::is_empty));
    let mut notes = Vec::new();
    if let Some((api, stage)) = source_arn.as_deref().and_then(api_and_stage) {
        notes.push(format!(
            "for calls from every stage, write {api}/*/ in place of {api}/{stage}/ in the source ARN"
        ));
    }
    let from = match &source_arn {
        Some(source) => format!(" for {source}"),
        None if via_url => " through its URL".to_owned(),
        None => String::new(),
    };
    let verb = match action {
        "lambda:InvokeFunction" => "invoke",
        url::INVOKE => "call the URL of",
        _ => "use",
    };
    Some(Change {
        account: arn.account.clone(),
        does: format!("let {} {verb} the function {name}{from}", principal.words()),
        place: Place::Permission(Permission {
            partition: arn.partition.clone(),
            region: arn.region.clone(),
            account: arn.account.clone(),
            function: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
            sid: document::unused(&base, |sid| text.contains(&format!("\"{sid}\""))),
            action: action.to_owned(),
            principal: named,
            source_account: one("aws:SourceAccount").filter(|_| without && is_service),
            source_arn,
            url_auth,
            via_url,
            replaces: false,
        }),
        notes,
    })
}

/// A layer's version lets accounts in, or everybody; with more than an account it cannot be held to (Lambda Developer
/// Guide, access-control-resource-based).
fn layer(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let Request { principal, action, resource, .. } = refusal.request;
    let (arn, version) = resource.rsplit_once(':')?;
    let parsed = Arn::parse(arn).ok()?;
    let caller = principal.account()?.to_string();
    let text = own_policy(now).map_or("", |p| &*p.text);
    let sid = document::unused(&format!("use-{caller}"), |sid| text.contains(&format!("\"{sid}\"")));
    let name = parsed.resource.strip_prefix("layer:")?;
    Some(Change {
        account: parsed.account.clone(),
        does: format!("let the account {caller} use version {version} of the layer {name}"),
        place: Place::Layer(LayerPermission {
            region: parsed.region.clone(),
            arn: arn.to_owned(),
            version: version.to_owned(),
            sid,
            action: action.to_owned(),
            principal: caller,
        }),
        notes: Vec::new(),
    })
}

fn api_and_stage(source: &str) -> Option<(&str, &str)> {
    let mut parts = source.strip_prefix("arn:")?.split(':').nth(4)?.split('/');
    let (api, stage) = (parts.next()?, parts.next()?);
    (source.contains(":execute-api:") && stage != "authorizers").then_some((api, stage))
}

fn api(refusal: &Refusal<'_>, now: &Setup) -> Option<Change> {
    let Request { principal, resource, .. } = refusal.request;
    let document = with_statement(own_policy(now).map(|p| &*p.text), entry(&refusal.request))?;
    let mut change = api_with(resource, document, String::new())?;
    change.does = format!("the API's resource policy lets {} in", principal.words());
    Some(change)
}

/// The API's resource policy becomes `document`.
pub(crate) fn api_with(resource: &str, document: Value, does: String) -> Option<Change> {
    let arn = Arn::parse(resource).ok()?;
    let mut parts = arn.resource.split('/');
    let (api, stage) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some(Change {
        account: arn.account,
        does,
        place: Place::Api { region: arn.region, api, stage, document },
        notes: Vec::new(),
    })
}
