//! Tags, by the ARN of what they are on.

use arn::Arn;
use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::lookup::{Read, unknown_api, visible_api};
use super::rest_api::texts;
use super::stage::UNKNOWN_STAGE;
use super::{access_association, client_certificate, domain_name, vpc_link};

/// Tags per resource (developer guide, "Tag restrictions").
const MAX_TAGS: usize = 50;

/// The document that an ARN's tags are kept in: collection and key.
fn target(documents: &impl Read, call: &Call) -> Result<(&'static str, String), Failure> {
    // Reasoning: the text for an ARN that names nothing taggable is not recorded.
    let invalid = || bad_request("Invalid resource ARN specified");
    let arn = Arn::parse(call.required("resourceArn")).map_err(|_| invalid())?;
    if arn.service != "apigateway" || arn.region != call.region {
        return Err(invalid());
    }
    let parts: Vec<&str> = arn.resource.trim_start_matches('/').split('/').collect();
    let own = super::key::own(call);
    match parts.as_slice() {
        ["restapis", id] => match visible_api(documents, call, id)? {
            Some(_) => Ok(("apis", (*id).to_owned())),
            None => Err(unknown_api(call, id)),
        },
        ["restapis", id, "stages", stage] => match visible_api(documents, call, id)? {
            Some(_) => Ok(("stages", format!("{id}/{stage}"))),
            None => Err(unknown_api(call, id)),
        },
        ["apikeys", id] => Ok(("apiKeys", format!("{own}{id}"))),
        ["usageplans", id] => Ok(("usagePlans", format!("{own}{id}"))),
        ["vpclinks", id] => Ok(("vpcLinks", format!("{own}{id}"))),
        ["clientcertificates", id] => Ok(("clientCertificates", format!("{own}{id}"))),
        // Kept by the whole ARN below the account that made it.
        ["domainnameaccessassociations", ..] if arn.account == call.account.as_str() => {
            Ok(("accessAssociations", format!("{own}{}", call.required("resourceArn"))))
        }
        // A private name has its id behind a `+`, and is stored below its owner.
        ["domainnames", name] if name.contains('+') => Ok(("domainNames", format!("{own}{name}"))),
        ["domainnames", name] => {
            match documents.one::<bool>("accountDomainNames", &format!("{own}{name}"))? {
                Some(_) => Ok(("domainNames", (*name).to_owned())),
                None => Err(not_found(domain_name::UNKNOWN)),
            }
        }
        _ => Err(invalid()),
    }
}

type Document = Map<String, Value>;

fn find(documents: &impl Read, call: &Call) -> Result<(&'static str, String, Document), Failure> {
    let (collection, key) = target(documents, call)?;
    let found = documents.one(collection, &key)?.ok_or_else(|| {
        not_found(match collection {
            "stages" => UNKNOWN_STAGE,
            "apiKeys" => "Invalid API Key identifier specified",
            "vpcLinks" => vpc_link::UNKNOWN,
            "clientCertificates" => client_certificate::UNKNOWN,
            "domainNames" => domain_name::UNKNOWN,
            "accessAssociations" => access_association::UNKNOWN,
            _ => "Invalid Usage Plan ID specified",
        })
    })?;
    Ok((collection, key, found))
}

fn tags_of(document: &Document) -> Document {
    document.get("tags").and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let (_, _, document) = store.read(|reader| find(reader, call))?;
    Ok(json!({ "tags": tags_of(&document) }).into())
}

pub(super) fn tag(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let found = find(writer, call)?;
        let mut tags = tags_of(&found.2);
        if let Some(Value::Object(added)) = call.input.get("tags") {
            tags.extend(added.clone());
        }
        if tags.len() > MAX_TAGS {
            return Err(bad_request("The number of tags exceeds the limit of 50"));
        }
        save(writer, found, tags)
    })
}

pub(super) fn untag(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let gone = texts(call.input.get("tagKeys"));
    store.write(|writer| {
        let found = find(writer, call)?;
        let mut tags = tags_of(&found.2);
        tags.retain(|name, _| !gone.contains(name));
        save(writer, found, tags)
    })
}

fn save(writer: &mut Writer<'_>, found: (&str, String, Document), tags: Document) -> Result<Reply, Failure> {
    let (collection, key, mut document) = found;
    if tags.is_empty() {
        document.remove("tags");
    } else {
        document.insert("tags".into(), Value::Object(tags));
    }
    writer.put(collection, &key, &document)?;
    Ok(Reply::empty())
}
