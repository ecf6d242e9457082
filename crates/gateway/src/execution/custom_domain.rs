//! Custom domain names: which API and stage a host name and a path lead to.

use std::collections::HashMap;
use std::sync::Arc;

use store::{Cache, Store, StoreError};

use crate::management::{Domain, Mapping, NONE};

/// Domains, mappings and associations read at most.
const BOUND: usize = 10_000;

/// Every domain with its mappings, compiled again after any change to them. A look-up is one or two in a map.
pub(super) struct Domains(Cache<Table>);

/// By host name, in lower case.
#[derive(Default)]
struct Table {
    public: HashMap<String, Vec<Mapped>>,
    /// Private names need not be unique: their VPC endpoints tell them apart.
    private: HashMap<String, Vec<Private>>,
}

struct Mapped {
    /// Empty for `(none)`.
    base_path: String,
    api: String,
    stage: Option<String>,
}

struct Private {
    domain: Arc<PrivateDomain>,
    /// The VPC endpoints that have an access association with it.
    endpoints: Vec<String>,
    mappings: Vec<Mapped>,
}

/// Where a call to a custom domain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainTarget {
    /// To an API.
    Api {
        /// The API's id.
        api: String,
        /// The stage and the rest, as in a call to the API's own host.
        path: String,
        /// What the call's custom domain adds to the event.
        domain: CustomDomain,
        /// The VPC endpoint that leads to a private domain.
        endpoint: Option<String>,
    },
    /// Nowhere: the domain has no mapping for the path.
    Unmapped {
        /// The domain's base paths.
        base_paths: Vec<String>,
    },
    /// Nowhere: the domain is private, and no VPC endpoint leads to it, or not the one named, or several and none is
    /// named.
    NotAssociated {
        /// The VPC endpoints that have an access association with a domain of this name.
        endpoints: Vec<String>,
    },
}

/// How a call by a custom domain differs from one by the API's own host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomDomain {
    /// `/base`, or empty.
    pub base_path: String,
    /// The path as the client sent it.
    pub sent_path: String,
    /// Set for a private one.
    pub private: Option<Arc<PrivateDomain>>,
}

/// A private custom domain name, as its policy is asked about it.
#[derive(Debug, PartialEq, Eq)]
pub struct PrivateDomain {
    /// `arn:aws:execute-api:REGION:ACCOUNT:/domainnames/NAME+ID`
    pub arn: String,
    /// Twelve digits.
    pub account: String,
    /// Its resource policy; without one nobody is let in.
    pub policy: Option<String>,
}

impl Domains {
    pub fn new() -> Self {
        Self(Cache::over(&["domainNames", "basePathMappings", "accessAssociations"], 1))
    }

    /// Where `path` of `host` (without its port) leads; `None` when `host` is no custom domain. `endpoint` is the VPC
    /// endpoint that the client says it comes through.
    pub fn find(
        &self,
        store: &Store,
        host: &str,
        path: &str,
        endpoint: Option<&str>,
    ) -> Result<Option<DomainTarget>, StoreError> {
        let Some(table) = self.0.get(store, "", || Table::read(store).map(Some))? else { return Ok(None) };
        if let Some(mappings) = of(&table.public, host) {
            return Ok(Some(lead(mappings, path, None)));
        }
        Ok(of(&table.private, host).map(|domains| match through(domains, endpoint) {
            Ok((domain, endpoint)) => lead(&domain.mappings, path, Some((&domain.domain, endpoint))),
            Err(endpoints) => DomainTarget::NotAssociated { endpoints },
        }))
    }
}

impl Table {
    fn read(store: &Store) -> Result<Self, StoreError> {
        let domains: Vec<(String, Domain)> = store.read(|r| r.list("domainNames", "", None, BOUND))?;
        let mappings: Vec<(String, Mapping)> = store.read(|r| r.list("basePathMappings", "", None, BOUND))?;
        let associations: Vec<(String, Domain)> =
            store.read(|r| r.list("accessAssociations", "", None, BOUND))?;
        let text = |of: &Domain, member: &str| of.get(member).and_then(|v| v.as_str()).map(str::to_owned);
        let mut mapped: HashMap<String, Vec<Mapped>> = HashMap::new();
        for (key, mapping) in mappings {
            let Some((domain, base_path)) = key.rsplit_once('/') else { continue };
            mapped.entry(domain.to_owned()).or_default().push(Mapped {
                base_path: if base_path == NONE { String::new() } else { base_path.to_owned() },
                api: text(&mapping, "restApiId").unwrap_or_default(),
                stage: text(&mapping, "stage").filter(|s| !s.is_empty() && s != NONE),
            });
        }
        let mut endpoints: HashMap<String, Vec<String>> = HashMap::new();
        for (_, association) in associations {
            let arn = text(&association, "domainNameArn").unwrap_or_default();
            let source = text(&association, "accessAssociationSource");
            endpoints.entry(arn).or_default().extend(source);
        }
        let mut table = Self::default();
        for (key, domain) in domains {
            let mappings = mapped.remove(&key).unwrap_or_default();
            // The keys of private domains have an account in front.
            if !key.contains('/') {
                table.public.insert(key, mappings);
                continue;
            }
            let arn = text(&domain, "domainNameArn").unwrap_or_default();
            let endpoints = endpoints.remove(&arn).unwrap_or_default();
            let facts = PrivateDomain {
                arn: arn.replacen(":apigateway:", ":execute-api:", 1),
                account: text(&domain, "account").unwrap_or_default(),
                policy: text(&domain, "policy").filter(|policy| !policy.is_empty()),
            };
            let name = text(&domain, "domainName").unwrap_or_default();
            let private = Private { domain: Arc::new(facts), endpoints, mappings };
            table.private.entry(name).or_default().push(private);
        }
        Ok(table)
    }
}

/// The name itself wins over `*.` and what follows its first label: a wildcard stands for one label, as it does in the
/// certificate that AWS asks for.
fn of<'a, T>(names: &'a HashMap<String, T>, host: &str) -> Option<&'a T> {
    if names.is_empty() {
        return None;
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    names.get(&host).or_else(|| names.get(&format!("*.{}", host.split_once('.')?.1)))
}

/// The domain that a VPC endpoint leads to. On AWS the client's network settles which endpoint it is. There is none here:
/// a client may name one, and an only one need not be named.
///
/// # Errors
/// The endpoints that there are, when none fits or several do.
fn through<'a>(
    domains: &'a [Private],
    endpoint: Option<&str>,
) -> Result<(&'a Private, &'a str), Vec<String>> {
    let all =
        domains.iter().flat_map(|domain| domain.endpoints.iter().map(move |one| (domain, one.as_str())));
    let mut fitting = all.clone().filter(|(_, one)| endpoint.is_none_or(|wanted| wanted == *one));
    match (fitting.next(), fitting.next()) {
        (Some(found), None) => Ok(found),
        _ => Err(all.take(20).map(|(_, one)| one.to_owned()).collect()),
    }
}

/// The mapping of the path's first part, else the one without a base path (guide, "Set up API mappings").
fn lead(mappings: &[Mapped], path: &str, private: Option<(&Arc<PrivateDomain>, &str)>) -> DomainTarget {
    let trimmed = path.trim_start_matches('/');
    let first = trimmed.split('/').next().unwrap_or_default();
    let mapped = mappings
        .iter()
        .find(|m| !first.is_empty() && m.base_path == first)
        .or_else(|| mappings.iter().find(|m| m.base_path.is_empty()));
    let Some(mapped) = mapped else {
        let base_paths = mappings.iter().take(20).map(|m| format!("/{}", m.base_path)).collect();
        return DomainTarget::Unmapped { base_paths };
    };
    let rest = trimmed.get(mapped.base_path.len()..).unwrap_or_default();
    let slash = if rest.starts_with('/') { "" } else { "/" };
    let base_path =
        if mapped.base_path.is_empty() { String::new() } else { format!("/{}", mapped.base_path) };
    DomainTarget::Api {
        api: mapped.api.clone(),
        path: match &mapped.stage {
            Some(stage) => format!("/{stage}{slash}{rest}"),
            // The next part names it.
            None => format!("{slash}{rest}"),
        },
        domain: CustomDomain {
            base_path,
            sent_path: path.to_owned(),
            private: private.map(|(domain, _)| domain.clone()),
        },
        endpoint: private.map(|(_, endpoint)| endpoint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(base_path: &str, api: &str, stage: Option<&str>) -> Mapped {
        Mapped { base_path: base_path.to_owned(), api: api.to_owned(), stage: stage.map(str::to_owned) }
    }

    #[track_caller]
    fn leads(mappings: &[Mapped], path: &str, expected: Option<(&str, &str, &str)>) {
        match (lead(mappings, path, None), expected) {
            (DomainTarget::Api { api, path, domain, .. }, Some(e)) => {
                assert_eq!((api.as_str(), path.as_str(), domain.base_path.as_str()), e);
            }
            (DomainTarget::Unmapped { .. }, None) => {}
            (other, _) => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn the_first_part_names_the_mapping_and_the_rest_goes_to_none() {
        let all =
            [mapped("", "root", Some("prod")), mapped("v1", "one", Some("live")), mapped("v2", "two", None)];
        leads(&all, "/v1/users", Some(("one", "/live/users", "/v1")));
        leads(&all, "/v1", Some(("one", "/live/", "/v1")));
        leads(&all, "//v1/users", Some(("one", "/live/users", "/v1")));
        leads(&all, "/v2/test/users", Some(("two", "/test/users", "/v2")));
        leads(&all, "/v10/users", Some(("root", "/prod/v10/users", "")));
        leads(&all, "/", Some(("root", "/prod/", "")));
        leads(&all[1..], "/other", None);
        leads(&all[1..], "/", None);
    }

    #[test]
    fn names_match_without_case_and_wildcards_stand_for_one_label() {
        let names = ["api.example.com", "*.example.com"].map(|n| (n.to_owned(), vec![mapped("", n, None)]));
        let names = HashMap::from(names);
        let found = |host: &str| of(&names, host).map(|m| m[0].api.clone());
        assert_eq!(found("API.Example.com").as_deref(), Some("api.example.com"));
        assert_eq!(found("other.example.com.").as_deref(), Some("*.example.com"));
        assert_eq!(found("a.b.example.com"), None);
        assert_eq!(found("example.com"), None);
        assert_eq!(found("localhost"), None);
    }

    #[test]
    fn an_only_endpoint_need_not_be_named() {
        let private = |account: &str, endpoints: &[&str]| Private {
            domain: Arc::new(PrivateDomain { arn: String::new(), account: account.to_owned(), policy: None }),
            endpoints: endpoints.iter().map(|e| (*e).to_owned()).collect(),
            mappings: Vec::new(),
        };
        let domains = [private("1", &["vpce-a"]), private("2", &["vpce-b", "vpce-c"])];
        let found = |domains: &[Private], endpoint| {
            through(domains, endpoint).map(|(domain, one)| format!("{} {one}", domain.domain.account))
        };
        assert_eq!(found(&domains, Some("vpce-c")), Ok("2 vpce-c".to_owned()));
        assert_eq!(found(&domains[..1], None), Ok("1 vpce-a".to_owned()));
        let all = ["vpce-a", "vpce-b", "vpce-c"].map(str::to_owned).to_vec();
        assert_eq!(found(&domains, None), Err(all.clone()));
        assert_eq!(found(&domains, Some("vpce-x")), Err(all));
        assert_eq!(found(&[], None), Err(Vec::new()));
    }
}
