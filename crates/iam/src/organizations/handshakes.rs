//! Handshakes: how two accounts agree.

use serde_json::Value;
use store::{Read, Writer};

use super::access::enter;
use super::fail::{fail, no_handshake};
use super::listing::page;
use super::model::{Handshake, Organization};
use super::{HANDSHAKES, invitations, names, shape};
use crate::error::Fail;
use crate::ops::{Op, Output, one};

pub(crate) const INVITE: &str = "INVITE";
pub(crate) const ENABLE_ALL: &str = "ENABLE_ALL_FEATURES";
pub(crate) const APPROVE_ALL: &str = "APPROVE_ALL_FEATURES";

/// How long an invitation stands (User Guide, orgs_reference_limits).
const INVITATION_MS: i64 = 15 * 86_400_000;
/// How long a handshake that is over is still shown (API Reference, ListHandshakesForAccount: 30 days).
const KEPT_MS: i64 = 30 * 86_400_000;

impl Handshake {
    /// The state as it is now.
    pub(crate) fn state_at(&self, now_ms: i64) -> &str {
        match self.state.as_str() {
            "REQUESTED" | "OPEN" if now_ms >= self.expires_ms => "EXPIRED",
            state => state,
        }
    }

    pub(crate) fn is_open(&self, now_ms: i64) -> bool {
        matches!(self.state_at(now_ms), "REQUESTED" | "OPEN")
    }

    /// The account that can accept or decline: for a request to enable all features its originator finishes it.
    fn is_asked(&self, account: &str) -> bool {
        self.account == account
    }
}

pub(crate) fn new(
    organization: &Organization,
    action: &str,
    account: &str,
    now_ms: i64,
) -> Result<Handshake, Fail> {
    Ok(Handshake {
        id: format!("h-{}", names::ten()?),
        organization: organization.id.clone(),
        management: organization.management.clone(),
        action: action.to_owned(),
        state: "REQUESTED".to_owned(),
        requested_ms: now_ms,
        expires_ms: now_ms + INVITATION_MS,
        account: account.to_owned(),
        notes: None,
        tags: Vec::new(),
        parent: None,
    })
}

/// Those of an organization.
pub(crate) fn of(store: &impl Read, organization: &str) -> Result<Vec<Handshake>, Fail> {
    let mut found = everyone(store)?;
    found.retain(|shake| shake.organization == organization);
    Ok(found)
}

fn everyone(store: &impl Read) -> Result<Vec<Handshake>, Fail> {
    Ok(store.all::<Handshake>(HANDSHAKES, "h-")?.into_iter().map(|(_, shake)| shake).collect())
}

/// Removes those of an organization that is deleted.
pub(crate) fn forget(store: &mut Writer<'_>, organization: &str) -> Result<(), Fail> {
    for shake in of(store, organization)? {
        store.delete(HANDSHAKES, &shake.id)?;
    }
    Ok(())
}

/// Removes those that ended more than [`KEPT_MS`] ago, so that they do not pile up.
pub(crate) fn sweep(store: &mut Writer<'_>, now_ms: i64) -> Result<(), Fail> {
    for shake in everyone(store)? {
        if shake.expires_ms + KEPT_MS < now_ms {
            store.delete(HANDSHAKES, &shake.id)?;
        }
    }
    Ok(())
}

/// The handshake that the call names, if the calling account has a part in it.
fn find(op: &Op<'_>, store: &impl Read) -> Result<Handshake, Fail> {
    let account = op.account().as_str();
    let found: Option<Handshake> = store.one(HANDSHAKES, op.required("HandshakeId"))?;
    // One that is between others is not shown to exist.
    found.filter(|shake| shake.is_asked(account) || shake.management == account).ok_or_else(no_handshake)
}

/// Refuses to go from a state where there is no way on.
fn leave(shake: &Handshake, to: &str, now_ms: i64) -> Result<(), Fail> {
    match shake.state_at(now_ms) {
        state if state == to => Err(fail(
            "HandshakeAlreadyInStateException",
            "The specified handshake is already in the requested state.",
        )),
        "REQUESTED" | "OPEN" => Ok(()),
        state => Err(transition(&format!("a handshake in state {state} cannot become {to}"))),
    }
}

fn transition(why: &str) -> Fail {
    fail(
        "InvalidHandshakeTransitionException",
        format!("You can't perform the operation on the handshake in its current state: {why}."),
    )
}

fn answer(store: &impl Read, shake: &Handshake, now_ms: i64) -> Output {
    let organization = Organization::find(store, &shake.organization)?;
    one("Handshake", shape::handshake(shake, organization.as_ref(), now_ms))
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    op.iam.read(|store| answer(store, &find(op, store)?, op.call.now_ms))
}

pub(crate) fn accept(op: &Op<'_>) -> Output {
    let (account, now) = (op.account().as_str(), op.call.now_ms);
    op.iam.write(|store| {
        let mut shake = find(op, store)?;
        if !shake.is_asked(account) {
            return Err(super::fail::no_access());
        }
        leave(&shake, "ACCEPTED", now)?;
        match shake.action.as_str() {
            INVITE => invitations::join(store, &shake, now)?,
            ENABLE_ALL if shake.state != "OPEN" => {
                return Err(transition("invited accounts have not all agreed yet"));
            }
            ENABLE_ALL => {
                let mut organization =
                    Organization::find(store, &shake.organization)?.ok_or_else(no_handshake)?;
                "ALL".clone_into(&mut organization.feature_set);
                organization.save(store)?;
            }
            _ => {}
        }
        "ACCEPTED".clone_into(&mut shake.state);
        store.put(HANDSHAKES, &shake.id, &shake)?;
        if let Some(parent) = &shake.parent {
            open_when_all_agree(store, &shake.organization, parent)?;
        }
        answer(store, &shake, now)
    })
}

/// An approval that is declined stands in the way; one of an account that has gone does not.
fn open_when_all_agree(store: &mut Writer<'_>, organization: &str, parent: &str) -> Result<(), Fail> {
    let all = of(store, organization)?;
    let waits = |shake: &Handshake| {
        shake.parent.as_deref() == Some(parent) && !matches!(shake.state.as_str(), "ACCEPTED" | "CANCELED")
    };
    if !all.iter().any(waits)
        && let Some(mut request) = all.into_iter().find(|s| s.id == parent && s.state == "REQUESTED")
    {
        "OPEN".clone_into(&mut request.state);
        store.put(HANDSHAKES, parent, &request)?;
    }
    Ok(())
}

/// Cancels handshakes of an organization; gives them.
pub(crate) fn cancel_where(
    store: &mut Writer<'_>,
    organization: &str,
    which: impl Fn(&Handshake) -> bool,
) -> Result<Vec<Handshake>, Fail> {
    let mut found = of(store, organization)?;
    found.retain(which);
    for shake in &mut found {
        "CANCELED".clone_into(&mut shake.state);
        store.put(HANDSHAKES, &shake.id, shake)?;
    }
    Ok(found)
}

/// An account that leaves has nothing to agree to any more (User Guide, orgs_manage_org_support-all-features).
pub(crate) fn release(store: &mut Writer<'_>, organization: &str, account: &str) -> Result<(), Fail> {
    let left = cancel_where(store, organization, |shake| {
        shake.action == APPROVE_ALL && shake.account == account && shake.state != "ACCEPTED"
    })?;
    for parent in left.iter().filter_map(|shake| shake.parent.as_deref()) {
        open_when_all_agree(store, organization, parent)?;
    }
    Ok(())
}

pub(crate) fn decline(op: &Op<'_>) -> Output {
    end(op, "DECLINED", |shake, account| shake.is_asked(account))
}

/// For the account that made the request.
pub(crate) fn cancel(op: &Op<'_>) -> Output {
    end(op, "CANCELED", |shake, account| shake.management == account)
}

fn end(op: &Op<'_>, state: &str, may: fn(&Handshake, &str) -> bool) -> Output {
    let now = op.call.now_ms;
    op.iam.write(|store| {
        let mut shake = find(op, store)?;
        if !may(&shake, op.account().as_str()) {
            return Err(super::fail::no_access());
        }
        leave(&shake, state, now)?;
        state.clone_into(&mut shake.state);
        store.put(HANDSHAKES, &shake.id, &shake)?;
        answer(store, &shake, now)
    })
}

fn list(op: &Op<'_>, which: impl Fn(&Handshake) -> bool) -> Output {
    let now = op.call.now_ms;
    let filter = op.call.input.get("Filter");
    let wanted = |member: &str| filter.and_then(|f| f.get(member)).and_then(Value::as_str);
    op.iam.read(|store| {
        let mut shown = Vec::new();
        for shake in everyone(store)?.into_iter().filter(|shake| which(shake)) {
            let fits = wanted("ActionType").is_none_or(|action| action == shake.action)
                && wanted("ParentHandshakeId").is_none_or(|id| shake.parent.as_deref() == Some(id));
            if fits {
                let organization = Organization::find(store, &shake.organization)?;
                shown.push((shake.id.clone(), shape::handshake(&shake, organization.as_ref(), now)));
            }
        }
        page(op, "Handshakes", shown)
    })
}

pub(crate) fn for_account(op: &Op<'_>) -> Output {
    let account = op.account().as_str();
    list(op, |shake| shake.account == account || shake.management == account && shake.action == ENABLE_ALL)
}

pub(crate) fn for_organization(op: &Op<'_>) -> Output {
    let id = op.iam.read(|store| Ok(enter(op, store)?.id))?;
    list(op, |shake| shake.organization == id)
}
