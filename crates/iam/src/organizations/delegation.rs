//! Services with trusted access, and the member accounts that administer them.

use serde_json::json;

use super::access::enter;
use super::fail::{constraint, fail, invalid, no_account};
use super::listing::page;
use super::org::needs_all_features;
use crate::error::Fail;
use crate::ops::{Op, Output, nothing};
use crate::render::seconds;

/// A service principal has this form; AWS has a list of those that it knows, which is not carried here.
fn service<'a>(op: &'a Op<'_>) -> Result<&'a str, Fail> {
    let name = op.required("ServicePrincipal");
    if name.ends_with(".amazonaws.com") {
        return Ok(name);
    }
    Err(invalid("UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal."))
}

pub(crate) fn enable_service(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        needs_all_features(&organization)?;
        organization.services.entry(service(op)?.to_owned()).or_insert(op.call.now_ms);
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn disable_service(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        let name = service(op)?;
        if organization.delegated.values().any(|services| services.contains_key(name)) {
            return Err(constraint(
                "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
                "You can't disable access for the service while a delegated administrator is registered for it.",
            ));
        }
        organization.services.remove(name);
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn services(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let shown = organization.services.iter().map(|(name, at)| {
            (name.clone(), json!({ "ServicePrincipal": name, "DateEnabled": seconds(*at) }))
        });
        page(op, "EnabledServicePrincipals", shown.collect())
    })
}

pub(crate) fn register(op: &Op<'_>) -> Output {
    let account = op.required("AccountId");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        needs_all_features(&organization)?;
        let member = organization.accounts.get(account).ok_or_else(no_account)?;
        if account == organization.management {
            return Err(constraint(
                "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
                "You cannot register master account/yourself as delegated administrator for your organization.",
            ));
        }
        if member.status != "ACTIVE" {
            return Err(constraint(
                "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
                "You cannot register a suspended account as delegated administrator.",
            ));
        }
        let name = service(op)?;
        if !organization.services.contains_key(name) {
            return Err(constraint(
                "SERVICE_ACCESS_NOT_ENABLED",
                "You must enable service access before you register a delegated administrator for the service.",
            ));
        }
        let services = organization.delegated.entry(account.to_owned()).or_default();
        if services.contains_key(name) {
            return Err(fail(
                "AccountAlreadyRegisteredException",
                "The provided account is already a delegated administrator for your organization.",
            ));
        }
        services.insert(name.to_owned(), op.call.now_ms);
        organization.save(store)?;
        nothing()
    })
}

fn not_registered() -> Fail {
    fail(
        "AccountNotRegisteredException",
        "The provided account is not a registered delegated administrator for your organization.",
    )
}

pub(crate) fn deregister(op: &Op<'_>) -> Output {
    let account = op.required("AccountId");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.accounts.get(account).ok_or_else(no_account)?;
        let services = organization.delegated.get_mut(account).ok_or_else(not_registered)?;
        services.remove(op.required("ServicePrincipal")).ok_or_else(not_registered)?;
        organization.delegated.retain(|_, services| !services.is_empty());
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn administrators(op: &Op<'_>) -> Output {
    let wanted = op.text("ServicePrincipal");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let mut shown = Vec::new();
        for (id, services) in &organization.delegated {
            let since = match wanted {
                Some(name) => services.get(name),
                None => services.values().min(),
            };
            if let (Some(since), Some(member)) = (since, organization.accounts.get(id)) {
                let mut account = organization.account_shown(id, member);
                if let Some(members) = account.as_object_mut() {
                    members.remove("Paths");
                }
                account["DelegationEnabledDate"] = seconds(*since);
                shown.push((id.clone(), account));
            }
        }
        page(op, "DelegatedAdministrators", shown)
    })
}

pub(crate) fn services_of(op: &Op<'_>) -> Output {
    let account = op.required("AccountId");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        organization.accounts.get(account).ok_or_else(no_account)?;
        let services = organization.delegated.get(account).ok_or_else(not_registered)?;
        let shown = services.iter().map(|(name, at)| {
            (name.clone(), json!({ "ServicePrincipal": name, "DelegationEnabledDate": seconds(*at) }))
        });
        page(op, "DelegatedServices", shown.collect())
    })
}
