//! How many things an account or an API may have.
//!
//! Source of the numbers: API Gateway quotas (guide, "Quotas for configuring and running a REST API"). The text is as
//! users report it for resources, authorizers and APIs; the same for the others by reasoning.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use store::{Store, StoreError};

use super::failure::{Failure, limit_exceeded};
use super::lookup::Read;

/// What there may not be any number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quota {
    Resources,
    Stages,
    Authorizers,
    DocumentationParts,
    ApiKeys,
    UsagePlans,
    ClientCertificates,
    DomainNames,
    VpcLinks,
    Apis,
}

/// Where those who exceed them are kept, and in which words they are refused.
struct Row {
    quota: Quota,
    /// As `serve --quota` takes it.
    name: &'static str,
    /// `None`: no bound unless one is set.
    most: Option<usize>,
    collection: &'static str,
    /// In the text.
    things: &'static str,
    of_api: bool,
}

const fn row(
    quota: Quota,
    name: &'static str,
    most: Option<usize>,
    collection: &'static str,
    things: &'static str,
    of_api: bool,
) -> Row {
    Row { quota, name, most, collection, things, of_api }
}

const ROWS: &[Row] = &[
    row(Quota::Resources, "resources-per-api", Some(300), "resources", "Resources", true),
    row(Quota::Stages, "stages-per-api", Some(10), "stages", "Stages", true),
    row(Quota::Authorizers, "authorizers-per-api", Some(10), "authorizers", "Authorizers", true),
    row(
        Quota::DocumentationParts,
        "documentation-parts-per-api",
        Some(2000),
        "documentationParts",
        "Documentation Parts",
        true,
    ),
    row(Quota::ApiKeys, "api-keys", Some(10_000), "apiKeys", "API Keys", false),
    row(Quota::UsagePlans, "usage-plans", Some(300), "usagePlans", "Usage Plans", false),
    row(
        Quota::ClientCertificates,
        "client-certificates",
        Some(60),
        "clientCertificates",
        "Client Certificates",
        false,
    ),
    row(Quota::DomainNames, "domain-names", Some(120), "accountDomainNames", "Domain Names", false),
    row(Quota::VpcLinks, "vpc-links", Some(20), "vpcLinks", "VPC Links", false),
    // AWS has 600 regional, 600 private and 120 edge-optimized ones in a region. One server here stands for many test
    // runs that never clean up, so these are not bounded unless somebody asks for it.
    row(Quota::Apis, "apis", None, "accountApis", "APIs", false),
];

/// How many calls of one account in one region are taken, over all its APIs: a second, and at once, with AWS's numbers.
/// They protect AWS, so they bind here only when one of them is set; GetAccount tells them in any case.
pub const ACCOUNT_THROTTLE: [(&str, usize); 2] = [("requests-per-second", 10_000), ("request-burst", 5_000)];

/// The document that holds what differs from AWS's numbers.
const KEY: (&str, &str) = ("quotas", "apigateway");

type Numbers = BTreeMap<String, usize>;

/// The quotas' names, with AWS's numbers; `None` where there is no bound.
pub fn quotas() -> impl Iterator<Item = (&'static str, Option<usize>)> {
    let throttle = ACCOUNT_THROTTLE.iter().map(|(name, most)| (*name, Some(*most)));
    ROWS.iter().map(|row| (row.name, row.most)).chain(throttle)
}

/// [`ACCOUNT_THROTTLE`] as it is set.
pub(super) fn account_throttle(documents: &impl Read) -> Result<[usize; 2], StoreError> {
    let numbers: Numbers = documents.one(KEY.0, KEY.1)?.unwrap_or_default();
    Ok(ACCOUNT_THROTTLE.map(|(name, most)| numbers.get(name).copied().unwrap_or(most)))
}

/// Makes `numbers` the ones that differ from AWS's, by name.
pub(super) fn set(store: &Store, numbers: &Numbers) -> Result<(), StoreError> {
    store.write(|writer| match writer.one::<Numbers>(KEY.0, KEY.1)? {
        Some(stored) if stored == *numbers => Ok(()),
        None if numbers.is_empty() => Ok(()),
        _ => writer.put(KEY.0, KEY.1, numbers),
    })
}

/// Whether there is room for `more` of them below `prefix`, the key of their API or account.
///
/// # Errors
/// `LimitExceededException`.
pub(super) fn room(documents: &impl Read, quota: Quota, prefix: &str, more: usize) -> Result<(), Failure> {
    let Some(row) = ROWS.iter().find(|row| row.quota == quota) else { return Ok(()) };
    let numbers: Option<Numbers> = documents.one(KEY.0, KEY.1)?;
    let set = numbers.and_then(|numbers| numbers.get(row.name).copied());
    let Some(most) = set.or(row.most) else { return Ok(()) };
    let there = documents.all::<IgnoredAny>(row.collection, prefix)?.len();
    if there + more <= most {
        return Ok(());
    }
    let (things, place) = (row.things, if row.of_api { " for this API" } else { "" });
    // The two blanks are AWS's.
    Err(limit_exceeded(format!(
        "Maximum number of {things}{place} has been reached.  Please contact AWS if you need additional {things}."
    )))
}
