//! Custom domain names. A call whose Host header is one of them is served by the domain's base path mappings
//! (`execution::custom_domain`); certificates are named, not used: TLS ends in front of this server.

use arn::Arn;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::key::own;
use super::lookup::{Read, now, random_id};
use super::method::set;
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::quota::{self, Quota};
use super::resource_policy;
use super::rest_api::texts;

/// As users report it.
pub(super) const UNKNOWN: &str = "Invalid domain name identifier specified";
/// Characters of a DNS name.
const MAX_NAME: usize = 253;
/// CloudFront's zone, in which every edge-optimized domain is (General Reference, API Gateway endpoints).
const EDGE_ZONE: &str = "Z2FDTNDATAQYW2";
/// Regional endpoints' zones (General Reference, API Gateway endpoints); elsewhere the answer has none.
const ZONES: &[(&str, &str)] = &[
    ("ap-northeast-1", "Z1YSHQZHG15GKL"),
    ("ap-southeast-1", "ZL327KTPIQFUL"),
    ("ap-southeast-2", "Z2RPCDW04V8134"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
    ("eu-west-2", "ZJ5UAJN8Y3Z2Q"),
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-east-2", "ZOJJZC49E0EPZ"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
];

/// As stored: the members of an answer, and whose it is.
pub(crate) type Domain = Map<String, Value>;

/// The key of a domain: one of a public name, as AWS has it; private ones have an id besides.
fn key(call: &Call, name: &str, id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{}{name}+{id}", own(call)),
        None => name.to_ascii_lowercase(),
    }
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let name = call.required("domainName").to_ascii_lowercase();
    check_name(&name)?;
    let endpoint = call.input.get("endpointConfiguration").and_then(Value::as_object);
    let kind = match texts(endpoint.and_then(|e| e.get("types"))).as_slice() {
        [] => "EDGE".to_owned(),
        [one] => one.clone(),
        _ => return Err(bad_request("Cannot create a domain name with multiple Endpoint Types.")),
    };
    let certificate = if kind == "REGIONAL" { "regionalCertificateArn" } else { "certificateArn" };
    let named = if kind == "REGIONAL" { "regionalCertificateName" } else { "certificateName" };
    if call.text(certificate).is_none() && call.text(named).is_none() {
        // As users report it.
        return Err(bad_request(format!("A certificate was not provided for the endpoint type {kind}.")));
    }
    let mut domain = Map::new();
    for member in [
        "certificateName",
        "certificateArn",
        "regionalCertificateName",
        "regionalCertificateArn",
        "securityPolicy",
        "endpointAccessMode",
        "mutualTlsAuthentication",
        "ownershipVerificationCertificateArn",
        "routingMode",
        "tags",
    ] {
        set(&mut domain, member, call.input.get(member).cloned().unwrap_or_default());
    }
    if let Some(policy) = call.text("policy") {
        let policy = resource_policy::accept_of_domain(policy, &call.region, call.account.as_str())?;
        domain.insert("policy".into(), policy.into());
    }
    domain.entry("securityPolicy").or_insert_with(|| "TLS_1_2".into());
    domain.entry("routingMode").or_insert_with(|| "BASE_PATH_MAPPING_ONLY".into());
    let address = endpoint.and_then(|e| e.get("ipAddressType")).and_then(Value::as_str);
    let address = address.unwrap_or(if kind == "PRIVATE" { "dualstack" } else { "ipv4" });
    domain.insert("endpointConfiguration".into(), json!({ "types": [kind], "ipAddressType": address }));
    domain.insert("domainName".into(), name.clone().into());
    domain.insert("domainNameStatus".into(), "AVAILABLE".into());
    let partition = Arn::partition_of(&call.region);
    let private = kind == "PRIVATE";
    let id = if private { Some(random_id(10)?) } else { None };
    addresses(&mut domain, call, &kind, &random_id(10)?);
    let tail = id.as_ref().map_or_else(|| name.clone(), |id| format!("{name}+{id}"));
    let owner = if private { call.account.as_str() } else { "" };
    let arn = format!("arn:{partition}:apigateway:{}:{owner}:/domainnames/{tail}", call.region);
    domain.insert("domainNameArn".into(), arn.into());
    set(&mut domain, "domainNameId", json!(id));
    store.write(|writer| {
        let at = key(call, &name, id.as_deref());
        if writer.one::<Domain>("domainNames", &at)?.is_some() {
            // As users report it; another account's name is taken as well.
            return Err(bad_request("The domain name you provided already exists."));
        }
        quota::room(writer, Quota::DomainNames, &own(call), 1)?;
        let mut stored = domain.clone();
        stored.insert("account".into(), call.account.as_str().into());
        stored.insert("region".into(), call.region.clone().into());
        writer.put("domainNames", &at, &stored)?;
        writer.put("accountDomainNames", &format!("{}{at}", own(call)), &true)?;
        Ok(Value::Object(domain).into())
    })
}

/// Where DNS would point.
fn addresses(domain: &mut Domain, call: &Call, kind: &str, id: &str) {
    let suffix = Arn::partition_of(&call.region);
    let suffix = if suffix == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    match kind {
        "EDGE" => {
            domain.insert("distributionDomainName".into(), format!("d{id}.cloudfront.net").into());
            domain.insert("distributionHostedZoneId".into(), EDGE_ZONE.into());
            domain.insert("certificateUploadDate".into(), now(call).into());
        }
        "REGIONAL" => {
            let host = format!("d-{id}.execute-api.{}.{suffix}", call.region);
            domain.insert("regionalDomainName".into(), host.into());
            if let Some((_, zone)) = ZONES.iter().find(|(region, _)| *region == call.region) {
                domain.insert("regionalHostedZoneId".into(), (*zone).into());
            }
        }
        _ => {}
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let labels = name.strip_prefix("*.").unwrap_or(name).split('.');
    let valid = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > MAX_NAME || labels.clone().count() < 2 || !labels.into_iter().all(valid) {
        // Reasoning: AWS wants a fully qualified name; its words are not recorded.
        return Err(bad_request(format!("Invalid domain name specified: {name}")));
    }
    Ok(())
}

/// The domain that the call names, if it is the caller's.
pub(super) fn find(documents: &impl Read, call: &Call) -> Result<(String, Domain), Failure> {
    let at = key(call, call.required("domainName"), call.text("domainNameId").filter(|id| !id.is_empty()));
    let found: Option<Domain> = documents.one("domainNames", &at)?;
    let mine = |domain: &Domain| {
        domain.get("account").and_then(Value::as_str) == Some(call.account.as_str())
            && domain.get("region").and_then(Value::as_str) == Some(call.region.as_str())
    };
    let found = found.filter(mine).ok_or_else(|| not_found(UNKNOWN))?;
    Ok((at, found))
}

fn shown(mut domain: Domain) -> Value {
    domain.remove("account");
    domain.remove("region");
    Value::Object(domain)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(shown(find(reader, call)?.1).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let prefix = own(call);
    let found = store.read::<_, Failure>(|reader| {
        let mut found = Vec::new();
        for (index, _) in reader.all::<bool>("accountDomainNames", &prefix)? {
            let at = index.strip_prefix(&prefix).unwrap_or(&index);
            if let Some(domain) = reader.one::<Domain>("domainNames", at)? {
                found.push((index.clone(), shown(domain)));
            }
        }
        Ok(found)
    })?;
    page(call, found)
}

/// API reference, "Patch Operations", domain names.
const RULES: &[Rule] = &[
    ("/certificateName", &["replace"]),
    ("/certificateArn", &["replace"]),
    ("/regionalCertificateName", &["replace"]),
    ("/regionalCertificateArn", &["replace"]),
    ("/ownershipVerificationCertificateArn", &["replace"]),
    ("/securityPolicy", &["replace"]),
    ("/endpointAccessMode", &["replace"]),
    ("/routingMode", &["replace"]),
    ("/policy", &["replace"]),
    ("/endpointConfiguration/types/{}", &["replace"]),
    ("/endpointConfiguration/ipAddressType", &["replace"]),
    ("/mutualTlsAuthentication/truststoreUri", &["replace"]),
    ("/mutualTlsAuthentication/truststoreVersion", &["replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let fresh = random_id(10)?;
    store.write(|writer| {
        let (at, mut domain) = find(writer, call)?;
        for patch in operations(call)? {
            let (path, _) = permit_listed(RULES, &patch)?;
            let value = patch.value.unwrap_or_default();
            match path.trim_start_matches('/').split_once('/') {
                None if path == "/policy" && !value.is_empty() => {
                    let account = call.account.as_str();
                    let policy = resource_policy::accept_of_domain(value, &call.region, account)?;
                    domain.insert("policy".into(), policy.into());
                }
                None => set(&mut domain, path.trim_start_matches('/'), value.into()),
                Some((group, member)) => {
                    let mut members = match domain.get(group) {
                        Some(Value::Object(members)) => members.clone(),
                        _ => Map::new(),
                    };
                    if member.starts_with("types") {
                        if !["EDGE", "REGIONAL"].contains(&value) {
                            return Err(bad_request(
                                "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE",
                            ));
                        }
                        members.insert("types".into(), json!([value]));
                        addresses(&mut domain, call, value, &fresh);
                    } else {
                        set(&mut members, member, value.into());
                    }
                    set(&mut domain, group, Value::Object(members));
                }
            }
        }
        writer.put("domainNames", &at, &domain)?;
        Ok(shown(domain).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (at, _) = find(writer, call)?;
        writer.delete("domainNames", &at)?;
        writer.delete("accountDomainNames", &format!("{}{at}", own(call)))?;
        writer.delete_prefix("basePathMappings", &format!("{at}/"))?;
        Ok(Reply::empty())
    })
}
