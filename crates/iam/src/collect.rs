//! What bears on a caller: its policies; and what can be found out about roles and principals.

use std::sync::Arc;

use arn::{AccountId, Arn};
use policy::{CallerPolicies, Context, Decision, Policy, PolicyKind, Principal, Request, ResourcePolicies};

use crate::caller::SessionKind;
use crate::error::Fail;
use crate::model::{Entity, Key, Kind, ManagedPolicy, Tag};
use crate::names::{self, Read};
use crate::{AccessKey, Caller, IAM, Iam, Session, documents, managed, trust};

/// A role, as other services need it.
#[derive(Clone, Debug)]
pub struct RoleView {
    /// `arn:aws:iam::A:role/path/name`.
    pub arn: String,
    /// `AROA…`.
    pub id: String,
    /// The role's name, as it was written at creation.
    pub name: String,
    /// Whose role it is.
    pub account: AccountId,
    /// The trust policy, compiled. Principals that are gone stand in it as unique ids.
    pub trust: Arc<Policy>,
    /// Its tags: key and value.
    pub tags: Vec<(String, String)>,
    /// The longest session, in seconds.
    pub max_session_s: i64,
}

/// What stands behind an ARN or unique id in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IamPrincipal {
    /// An account, or its root user.
    Account(AccountId),
    /// A user or role.
    Entity {
        /// Its present ARN.
        arn: String,
        /// `AIDA…` or `AROA…`.
        id: String,
        /// Whose it is.
        account: AccountId,
    },
    /// A session (`assumed-role/…`, `federated-user/…`): not checked, sessions come and go.
    Session(String),
}

pub(crate) fn pairs(tags: &[Tag]) -> Vec<(String, String)> {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

/// The text of a managed policy's default version: `Ok(None)` when AWS has a policy of that ARN whose content is
/// not carried here, or when it is gone.
pub(crate) fn managed_document(store: &impl Read, arn: &str) -> Result<Option<String>, Fail> {
    if let Some(policy) = managed::find(arn) {
        return Ok(policy.document.map(str::to_owned));
    }
    let Ok(parsed) = Arn::parse(arn) else { return Ok(None) };
    let Ok(account) = AccountId::new(&parsed.account) else { return Ok(None) };
    let stored: Option<ManagedPolicy> = store.one(IAM, &names::policy(&account, names::last_segment(arn)))?;
    Ok(stored
        .filter(|policy| policy.arn == arn)
        .and_then(|policy| policy.version(policy.default).map(|version| version.document.clone())))
}

/// A policy whose content is not known allows nothing, rather than everything, and is there to be told of.
fn compile_managed(store: &impl Read, arn: &str, kind: PolicyKind) -> Result<Arc<Policy>, Fail> {
    if let Some(document) = managed_document(store, arn)? {
        return documents::compile(arn.to_owned(), &document, kind).map(Arc::new);
    }
    const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"unknown:Unknown","Resource":"*"}]}"#;
    documents::compile(format!("{arn} (content unknown)"), NOTHING, kind).map(Arc::new)
}

/// The entity whose policies a principal carries: itself, its role, or the user who made the federated session.
/// `None` for root users and services, and when the entity is gone or was made again since.
pub(crate) fn entity_of(store: &impl Read, principal: &Principal) -> Result<Option<Entity>, Fail> {
    let (kind, account, arn, id) = match principal {
        Principal::User { arn, id, account } => (Kind::User, account, arn, Some(id)),
        Principal::RoleSession { role_arn, role_id, account, .. } => {
            (Kind::Role, account, role_arn, Some(role_id))
        }
        Principal::FederatedUser { issuer_arn, account, .. } => (Kind::User, account, issuer_arn, None),
        _ => return Ok(None),
    };
    let found = trust::by_arn(store, account, kind, arn)?;
    Ok(found.filter(|entity| id.is_none_or(|id| *id == entity.id)))
}

/// The policies of an entity: groups' policies come after the user's own.
fn identity_policies(
    store: &impl Read,
    account: &AccountId,
    entity: &Entity,
    into: &mut Vec<Arc<Policy>>,
) -> Result<(), Fail> {
    for (name, document) in &entity.inline {
        let shown = format!("inline policy \"{name}\" of {} \"{}\"", entity.kind.word(), entity.name);
        into.push(Arc::new(documents::compile(shown, document, PolicyKind::Identity)?));
    }
    for arn in &entity.attached {
        into.push(compile_managed(store, arn, PolicyKind::Identity)?);
    }
    for group in &entity.groups {
        if let Some(group) = store.one::<Entity>(IAM, &names::entity(account, Kind::Group, group))? {
            identity_policies(store, account, &group, into)?;
        }
    }
    Ok(())
}

/// What a root user may by being one, as a policy: for sessions that are not the root user itself.
fn all_of_root() -> Result<Arc<Policy>, Fail> {
    const EVERYTHING: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    documents::compile("what a root user may".to_owned(), EVERYTHING, PolicyKind::Identity).map(Arc::new)
}

fn gather(store: &impl Read, caller: &Caller) -> Result<CallerPolicies, Fail> {
    let entity = entity_of(store, &caller.principal)?;
    let mut gathered = match entity.zip(caller.principal.account()) {
        Some((entity, account)) => policies_of(store, &account, &entity)?,
        None => CallerPolicies::default(),
    };
    // GetFederationToken by a root user: the intersection of the session policy with all that the root user may (API
    // Reference: the permissions are those of the policies passed that the caller has as well).
    if let Principal::FederatedUser { issuer_arn, .. } = &caller.principal
        && issuer_arn.ends_with(":root")
    {
        gathered.identity.push(all_of_root()?);
    }
    if let Some(session) = caller.session.as_ref().filter(|session| session.has_policies()) {
        let mut policies = Vec::new();
        if let Some(document) = &session.policy {
            let shown = "session policy".to_owned();
            policies.push(Arc::new(documents::compile(shown, document, PolicyKind::Session)?));
        }
        for arn in &session.policy_arns {
            policies.push(compile_managed(store, arn, PolicyKind::Session)?);
        }
        // The task policies of AssumeRoot have no Allow: they only deny whatever the task does not need.
        // Where the text of one is not known here, nothing is left to the session.
        let known = policies.iter().all(|policy| !policy.name.ends_with("(content unknown)"));
        if session.kind == SessionKind::AssumeRoot && known {
            policies.push(all_of_root()?);
        }
        gathered.session = Some(policies);
    }
    Ok(gathered)
}

/// The policies of an entity without any session.
pub(crate) fn policies_of(
    store: &impl Read,
    account: &AccountId,
    entity: &Entity,
) -> Result<CallerPolicies, Fail> {
    let mut gathered = CallerPolicies::default();
    identity_policies(store, account, entity, &mut gathered.identity)?;
    if let Some(arn) = &entity.boundary {
        gathered.boundary = Some(compile_managed(store, arn, PolicyKind::Boundary)?);
    }
    Ok(gathered)
}

/// Whether RCPs bind requests of this principal: all but service-linked roles (Organizations User Guide,
/// orgs_manage_policies_rcps).
#[must_use]
pub fn rcp_bind(principal: &Principal) -> bool {
    !is_service_linked(principal)
}

/// Whether the caller is a session of a service-linked role, which neither SCPs nor RCPs bind (Organizations User Guide,
/// orgs_manage_policies_scps, orgs_manage_policies_rcps). Nobody but AWS makes roles below that path.
fn is_service_linked(principal: &Principal) -> bool {
    matches!(principal, Principal::RoleSession { role_arn, .. } if role_arn.contains(":role/aws-service-role/"))
}

/// Under which name compiled policies are kept; `None` where there is nothing to compile.
fn cache_key(principal: &Principal, session: Option<&Session>) -> Option<String> {
    let base = match principal {
        Principal::User { arn, id, .. } => [id, " ", arn].concat(),
        Principal::RoleSession { role_arn, role_id, .. } => [role_id, " ", role_arn].concat(),
        Principal::FederatedUser { issuer_arn, .. } => format!("federated {issuer_arn}"),
        Principal::Root { account } => format!("root {account}"),
        Principal::Service { .. } | Principal::Federated { .. } | Principal::Anonymous => return None,
    };
    Some(match session.filter(|session| session.has_policies()) {
        Some(session) => format!("{base} {}", session.key_id),
        None => base,
    })
}

impl Iam {
    pub(crate) fn collect(&self, caller: &Caller) -> Result<Arc<CallerPolicies>, Fail> {
        let Some(key) = cache_key(&caller.principal, caller.session.as_deref()) else {
            return Ok(Arc::default());
        };
        let load = || {
            let mut gathered = self.read(|store| gather(store, caller))?;
            if let Some(account) =
                caller.principal.account().filter(|_| !is_service_linked(&caller.principal))
                && let Some(membership) = self.find_membership(&account)?
            {
                gathered.scp.clone_from(&membership.scp);
            }
            Ok::<_, Fail>(Some(gathered))
        };
        Ok(self.inner.policies.get(&self.inner.store, &key, load)?.unwrap_or_default())
    }

    pub(crate) fn view_role(&self, role_arn: &str) -> Result<Option<Arc<RoleView>>, Fail> {
        let load = || {
            let Ok(parsed) = Arn::parse(role_arn) else { return Ok(None) };
            let Ok(account) = AccountId::new(&parsed.account) else { return Ok(None) };
            if parsed.service != "iam" || !parsed.resource.starts_with("role/") {
                return Ok(None);
            }
            self.read(|store| {
                let Some(entity) = trust::by_arn(store, &account, Kind::Role, role_arn)? else {
                    return Ok(None);
                };
                role_view(store, account, entity).map(Some)
            })
        };
        self.inner.roles.get(&self.inner.store, role_arn, load)
    }

    pub(crate) fn service_may_assume(
        &self,
        role_arn: &str,
        host: &str,
        context: &Context,
    ) -> Result<Option<Decision>, Fail> {
        let Some(role) = self.view_role(role_arn)? else { return Ok(None) };
        let caller = Caller::from(Principal::Service { host: host.to_owned() });
        let mut complete = context.clone();
        complete.extend(crate::context::of(self, &caller)?);
        complete.set("aws:SecureTransport", "true");
        complete.set("aws:ViaAWSService", "false");
        complete.set("aws:ResourceAccount", role.account.as_str());
        let membership = self.find_membership(&role.account)?;
        if let Some(membership) = &membership {
            complete.set("aws:ResourceOrgID", membership.organization.as_str());
            complete.set_all("aws:ResourceOrgPaths", vec![membership.path.clone()]);
        }
        let request = Request {
            principal: &caller.principal,
            action: "sts:AssumeRole",
            resource: role_arn,
            resource_account: Some(role.account),
            context: &complete,
        };
        let owner = ResourcePolicies {
            policy: Some(Arc::clone(&role.trust)),
            rcp: membership.map(|membership| membership.rcp.clone()).unwrap_or_default(),
        };
        Ok(Some(Decision::evaluate_with(&request, &CallerPolicies::default(), &owner)))
    }

    /// Tags of the user or role behind a principal.
    pub(crate) fn tags_of(&self, caller: &Caller) -> Result<Arc<Vec<(String, String)>>, Fail> {
        let Some(key) = cache_key(&caller.principal, None) else { return Ok(Arc::default()) };
        let load = || {
            self.read(|store| {
                Ok(Some(entity_of(store, &caller.principal)?.map(|e| pairs(&e.tags)).unwrap_or_default()))
            })
        };
        Ok(self.inner.principal_tags.get(&self.inner.store, &key, load)?.unwrap_or_default())
    }

    pub(crate) fn find_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, Fail> {
        if id.starts_with("ASIA") {
            let Some(key) = self.find_session(id)? else { return Ok(None) };
            // A session ends with its role or user [reasoning: unique ids are what credentials stand for].
            let alive = match &key.caller.principal {
                Principal::RoleSession { role_arn, role_id, .. } => {
                    self.view_role(role_arn)?.is_some_and(|role| role.id == *role_id)
                }
                Principal::User { .. } => {
                    self.read(|store| entity_of(store, &key.caller.principal))?.is_some()
                }
                Principal::FederatedUser { .. } => {
                    let issuer = key.caller.session.as_ref().and_then(|session| session.issuer_id.as_deref());
                    issuer.map_or(Ok(true), |id| self.read(|store| Ok(trust::by_id(store, id)?.is_some())))?
                }
                _ => true,
            };
            return Ok(alive.then_some(key));
        }
        let load = || {
            self.read(|store| {
                let Some(key) = store.get::<Key>(IAM, &names::key(id))? else { return Ok(None) };
                let Ok(account) = AccountId::new(&key.account) else { return Ok(None) };
                let principal = match &key.user {
                    None => Principal::Root { account },
                    Some(name) => {
                        let user: Option<Entity> =
                            store.get(IAM, &names::entity(&account, Kind::User, name))?;
                        let Some(user) = user else { return Ok(None) };
                        Principal::User { arn: user.arn, id: user.id, account }
                    }
                };
                Ok(Some(AccessKey {
                    secret: key.secret,
                    session_token: None,
                    expires_ms: None,
                    caller: Caller::from(principal),
                    active: key.active,
                }))
            })
        };
        self.inner.keys.get(&self.inner.store, id, load)
    }

    pub(crate) fn find_principal(&self, text: &str) -> Result<Option<IamPrincipal>, Fail> {
        if let Ok(account) = AccountId::new(text) {
            return Ok(Some(IamPrincipal::Account(account)));
        }
        self.read(|store| {
            let entity = match trust::aws_principal(store, text)? {
                trust::Resolved::Unknown => return Ok(None),
                trust::Resolved::Id(id) => trust::by_id(store, &id)?,
                trust::Resolved::Plain => {
                    let Ok(parsed) = Arn::parse(text) else { return Ok(None) };
                    let Ok(account) = AccountId::new(&parsed.account) else { return Ok(None) };
                    return Ok(Some(match parsed.service.as_str() {
                        "iam" => IamPrincipal::Account(account),
                        _ => IamPrincipal::Session(text.to_owned()),
                    }));
                }
            };
            Ok(entity.and_then(|entity| {
                let account = Arn::parse(&entity.arn).ok().and_then(|a| AccountId::new(&a.account).ok())?;
                Some(IamPrincipal::Entity { arn: entity.arn, id: entity.id, account })
            }))
        })
    }

    pub(crate) fn list_names(&self, account: &AccountId) -> Result<Vec<String>, Fail> {
        self.read(|store| {
            let mut arns = Vec::new();
            for kind in [Kind::Role, Kind::User] {
                let found: Vec<(String, Entity)> = store.all(IAM, &names::entities(account, kind))?;
                arns.extend(found.into_iter().map(|(_, entity)| entity.arn));
            }
            Ok(arns)
        })
    }
}

fn role_view(store: &impl Read, account: AccountId, entity: Entity) -> Result<RoleView, Fail> {
    let role = entity.role.unwrap_or_default();
    let document = trust::current(store, &role.trust, &role.trust_ids)?;
    let shown = format!("trust policy of role \"{}\"", entity.name);
    Ok(RoleView {
        trust: Arc::new(documents::compile(shown, &document, PolicyKind::Trust)?),
        tags: pairs(&entity.tags),
        arn: entity.arn,
        id: entity.id,
        name: entity.name,
        account,
        max_session_s: role.max_session_s,
    })
}
