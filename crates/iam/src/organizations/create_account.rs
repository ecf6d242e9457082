//! New accounts.

use std::collections::BTreeMap;

use arn::AccountId;
use serde_json::{Value, json};
use store::Writer;

use super::access::enter;
use super::fail::{constraint, fail};
use super::invitations::MOST_ACCOUNTS;
use super::listing::page;
use super::model::{AccountRequest, Member, Organization};
use super::{ORGANIZATIONS, names, shape, tagging};
use crate::error::Fail;
use crate::model::{Entity, Kind, RolePart};
use crate::names::new_id;
use crate::ops::{Op, Output, entities, one};

/// Requests remembered (AWS: those of the last 90 days).
const MOST_REQUESTS: usize = 1_000;

pub(crate) fn create(op: &Op<'_>) -> Output {
    let (email, name, now) = (op.required("Email"), op.required("AccountName"), op.call.now_ms);
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        if organization.accounts.len() >= MOST_ACCOUNTS {
            return Err(constraint(
                "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
                "You have exceeded the allowed number of AWS accounts.",
            ));
        }
        let tags = tagging::sent(op)?;
        let mut request = AccountRequest {
            id: format!("car-{}", names::ten()?),
            name: name.to_owned(),
            state: "SUCCEEDED".to_owned(),
            at_ms: now,
            account: None,
            reason: None,
        };
        let taken = |member: &Member| member.email.eq_ignore_ascii_case(email);
        if organization.accounts.values().any(taken) {
            "FAILED".clone_into(&mut request.state);
            request.reason = Some("EMAIL_ALREADY_EXISTS".to_owned());
        } else {
            let account = free_id(store)?;
            let member = Member {
                name: name.to_owned(),
                email: email.to_owned(),
                status: "ACTIVE".to_owned(),
                joined_method: "CREATED".to_owned(),
                joined_ms: now,
                parent: organization.root.clone(),
                tags,
            };
            organization.accounts.insert(account.to_string(), member);
            organization.attach_defaults(account.as_str());
            store.put(ORGANIZATIONS, &names::member(account.as_str()), &organization.id)?;
            let role = op.text("RoleName").unwrap_or("OrganizationAccountAccessRole");
            make_role(store, &organization, &account, role, now)?;
            request.account = Some(account.to_string());
        }
        if organization.requests.len() >= MOST_REQUESTS {
            organization.requests.remove(0);
        }
        // AWS answers at once, before the account is there; what became of it is asked for.
        let shown = shape::request(&request, "IN_PROGRESS");
        organization.requests.push(request);
        organization.save(store)?;
        one("CreateAccountStatus", shown)
    })
}

/// Twelve digits that no account of an organization has.
fn free_id(store: &Writer<'_>) -> Result<AccountId, Fail> {
    loop {
        let number = u64::from_le_bytes(crate::names::random()?) % 900_000_000_000 + 100_000_000_000;
        if let Ok(account) = AccountId::new(&number.to_string())
            && store.get::<Value>(ORGANIZATIONS, &names::member(account.as_str()))?.is_none()
        {
            return Ok(account);
        }
    }
}

/// The role through which the management account administers the new one (User Guide, orgs_manage_accounts_access).
fn make_role(
    store: &mut Writer<'_>,
    organization: &Organization,
    account: &AccountId,
    name: &str,
    now_ms: i64,
) -> Result<(), Fail> {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{}:root", organization.management)},
        "Action": "sts:AssumeRole",
    }]});
    let role = Entity {
        kind: Kind::Role,
        name: name.to_owned(),
        path: "/".to_owned(),
        arn: crate::names::arn("aws", account, "role", "/", name),
        id: new_id(Kind::Role.id_prefix())?,
        created_ms: now_ms,
        inline: BTreeMap::new(),
        attached: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
        boundary: None,
        tags: Vec::new(),
        role: Some(RolePart {
            trust: trust.to_string(),
            trust_ids: BTreeMap::new(),
            description: None,
            max_session_s: 3_600,
            linked: None,
        }),
        groups: Vec::new(),
        login: None,
    };
    entities::insert(store, account, &role)
}

pub(crate) fn status(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let id = op.required("CreateAccountRequestId");
        let found = organization.requests.iter().find(|request| request.id == id).ok_or_else(|| {
            fail(
                "CreateAccountStatusNotFoundException",
                "You specified a create account request that doesn't exist.",
            )
        })?;
        one("CreateAccountStatus", shape::request(found, &found.state))
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    let states = crate::tags::texts(op.call, "States");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let wanted = |request: &&AccountRequest| states.is_empty() || states.contains(&request.state);
        let found = organization.requests.iter().filter(wanted);
        let shown = found.enumerate().map(|(i, r)| (format!("{i:06}"), shape::request(r, &r.state)));
        page(op, "CreateAccountStatuses", shown.collect())
    })
}
