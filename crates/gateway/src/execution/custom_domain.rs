//! Custom domain names: which API and stage a host name and a path lead to.

use std::collections::HashMap;

use store::{Cache, Store, StoreError};

use crate::management::{Domain, Mapping, NONE};

/// Domains and mappings read at most.
const BOUND: usize = 10_000;

/// Every public domain with its mappings, compiled again after any change to them. A look-up is one or two in a map.
pub(super) struct Domains(Cache<Table>);

/// Mappings by host name, in lower case.
#[derive(Default)]
struct Table(HashMap<String, Vec<Mapped>>);

struct Mapped {
    /// Empty for `(none)`.
    base_path: String,
    api: String,
    stage: Option<String>,
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
    },
    /// Nowhere: the domain has no mapping for the path.
    Unmapped {
        /// The domain's base paths.
        base_paths: Vec<String>,
    },
}

/// How a call by a custom domain differs from one by the API's own host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomDomain {
    /// `/base`, or empty.
    pub base_path: String,
    /// The path as the client sent it.
    pub sent_path: String,
}

impl Domains {
    pub fn new() -> Self {
        Self(Cache::over(&["domainNames", "basePathMappings"], 1))
    }

    /// Where `path` of `host` (without its port) leads; `None` when `host` is no custom domain.
    pub fn find(&self, store: &Store, host: &str, path: &str) -> Result<Option<DomainTarget>, StoreError> {
        let Some(table) = self.0.get(store, "", || Table::read(store).map(Some))? else { return Ok(None) };
        Ok(table.find(host).map(|mappings| lead(mappings, path)))
    }
}

impl Table {
    fn read(store: &Store) -> Result<Self, StoreError> {
        let domains: Vec<(String, Domain)> = store.read(|r| r.list("domainNames", "", None, BOUND))?;
        let mappings: Vec<(String, Mapping)> = store.read(|r| r.list("basePathMappings", "", None, BOUND))?;
        // The keys of private domains have an account in front: those are for VPC endpoints, which do not exist here.
        let public = domains.into_iter().filter(|(key, _)| !key.contains('/'));
        let mut table = Self(public.map(|(key, _)| (key, Vec::new())).collect());
        for (key, mapping) in mappings {
            let Some((domain, base_path)) = key.rsplit_once('/') else { continue };
            let Some(mapped) = table.0.get_mut(domain) else { continue };
            let text = |member: &str| mapping.get(member).and_then(|v| v.as_str()).map(str::to_owned);
            mapped.push(Mapped {
                base_path: if base_path == NONE { String::new() } else { base_path.to_owned() },
                api: text("restApiId").unwrap_or_default(),
                stage: text("stage").filter(|s| !s.is_empty() && s != NONE),
            });
        }
        Ok(table)
    }

    /// The name itself wins over `*.` and what follows its first label: a wildcard stands for one label, as it does in
    /// the certificate that AWS asks for.
    fn find(&self, host: &str) -> Option<&Vec<Mapped>> {
        if self.0.is_empty() {
            return None;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.get(&host).or_else(|| self.0.get(&format!("*.{}", host.split_once('.')?.1)))
    }
}

/// The mapping of the path's first part, else the one without a base path (guide, "Set up API mappings").
fn lead(mappings: &[Mapped], path: &str) -> DomainTarget {
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
        domain: CustomDomain { base_path, sent_path: path.to_owned() },
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
        match (lead(mappings, path), expected) {
            (DomainTarget::Api { api, path, domain }, Some(e)) => {
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
        let table = Table(HashMap::from(names));
        let found = |host: &str| table.find(host).map(|m| m[0].api.clone());
        assert_eq!(found("API.Example.com").as_deref(), Some("api.example.com"));
        assert_eq!(found("other.example.com.").as_deref(), Some("*.example.com"));
        assert_eq!(found("a.b.example.com"), None);
        assert_eq!(found("example.com"), None);
        assert_eq!(found("localhost"), None);
    }
}
