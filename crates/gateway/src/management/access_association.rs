//! Access associations of private custom domain names: which VPC endpoints lead to them
//! (`execution::custom_domain`).

use arn::Arn;
use serde_json::{Map, Value};
use store::Store;
use wire::{Call, Reply};

use super::domain_name::{Domain, UNKNOWN as UNKNOWN_DOMAIN};
use super::failure::{Failure, bad_request, conflict, not_found};
use super::key::own;
use super::lookup::Read;
use super::method::set;
use super::page::page;

/// Reasoning: in the form of the text for domain names.
pub(super) const UNKNOWN: &str = "Invalid domain name access association identifier specified";

type Association = Map<String, Value>;

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let domain_arn = call.required("domainNameArn");
    let Some((_, name)) = domain_arn.split_once(":/domainnames/") else {
        return Err(bad_request(format!("Invalid ARN. ARN is not well formed {domain_arn}")));
    };
    let source = call.required("accessAssociationSource");
    let mut association = Map::new();
    for member in ["domainNameArn", "accessAssociationSourceType", "accessAssociationSource", "tags"] {
        set(&mut association, member, call.input.get(member).cloned().unwrap_or_default());
    }
    let partition = Arn::partition_of(&call.region);
    // The form of the guide's tutorial for private custom domain names.
    let arn = format!(
        "arn:{partition}:apigateway:{}:{}:/domainnameaccessassociations/domainname/{name}/vpcesource/{source}",
        call.region, call.account,
    );
    association.insert("domainNameAccessAssociationArn".into(), arn.clone().into());
    let owner = Arn::parse(domain_arn).map(|a| a.account).unwrap_or_default();
    store.write(|writer| {
        let at = format!("{owner}/{}/{name}", call.region);
        if writer.one::<Domain>("domainNames", &at)?.is_none() {
            return Err(not_found(UNKNOWN_DOMAIN));
        }
        let key = format!("{}{arn}", own(call));
        if writer.one::<Association>("accessAssociations", &key)?.is_some() {
            // Reasoning: in the form of the text for base paths.
            return Err(conflict("Domain name access association already exists"));
        }
        writer.put("accessAssociations", &key, &association)?;
        Ok(Value::Object(association).into())
    })
}

/// `resourceOwner`: `SELF` lists the caller's associations, `OTHER_ACCOUNTS` those of others with the caller's domains.
pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let others = call.text("resourceOwner") == Some("OTHER_ACCOUNTS");
    let mine = own(call);
    let prefix = if others { String::new() } else { mine.clone() };
    let of_my_domain = |association: &Association| {
        let arn = association.get("domainNameArn").and_then(Value::as_str).unwrap_or_default();
        Arn::parse(arn).is_ok_and(|arn| arn.account == call.account.as_str() && arn.region == call.region)
    };
    let found = store.read::<_, Failure>(|r| Ok(r.all::<Association>("accessAssociations", &prefix)?))?;
    let items =
        found.into_iter().filter(|(key, one)| !others || !key.starts_with(&mine) && of_my_domain(one));
    page(call, items.map(|(key, one)| (key, Value::Object(one))).collect())
}

/// By the account that made it.
pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let key = format!("{}{}", own(call), call.required("domainNameAccessAssociationArn"));
    store.write(|writer| match writer.delete("accessAssociations", &key)? {
        true => Ok(Reply::empty()),
        false => Err(not_found(UNKNOWN)),
    })
}

/// By the domain's owner.
pub(super) fn reject(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let arn = call.required("domainNameAccessAssociationArn");
    let domain = call.required("domainNameArn");
    let mine = Arn::parse(domain).is_ok_and(|parsed| parsed.account == call.account.as_str());
    let holder = Arn::parse(arn).map(|parsed| parsed.account).unwrap_or_default();
    store.write(|writer| {
        let key = format!("{holder}/{}/{arn}", call.region);
        let found: Option<Association> = writer.one("accessAssociations", &key)?;
        let fits = found.is_some_and(|one| one.get("domainNameArn").and_then(Value::as_str) == Some(domain));
        if !mine || !fits {
            return Err(not_found(UNKNOWN));
        }
        writer.delete("accessAssociations", &key)?;
        Ok(Reply::empty())
    })
}
