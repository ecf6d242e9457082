//! VPC links. They are stored and answered; there is no VPC behind them, so calls through one are refused with a
//! configuration error that says so.

use arn::Arn;
use serde_json::{Map, Value};
use store::Store;
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, not_found};
use super::key::own;
use super::lookup::{Read, random_id};
use super::method::set;
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use super::quota::{self, Quota};
use super::rest_api::texts;

/// TestApiGatewayVpcLink::test_get_vpc_link_invalid_id.
pub(super) const UNKNOWN: &str = "Invalid Vpc Link identifier specified";

type Link = Map<String, Value>;

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    // TestApiGatewayVpcLink::test_create_vpc_link_invalid_parameters.
    if call.required("name").is_empty() {
        return Err(bad_request("Name cannot be empty"));
    }
    let targets = texts(call.input.get("targetArns"));
    if let Some(bad) = targets.iter().find(|target| Arn::parse(target).is_err()) {
        return Err(bad_request(format!("Invalid ARN. ARN is not well formed {bad}")));
    }
    let [_] = targets.as_slice() else {
        // API reference, CreateVpcLink: the network load balancer, of which there is one.
        return Err(bad_request("VPC link must have exactly one target ARN"));
    };
    let id = random_id(6)?;
    let mut link = Map::new();
    for member in ["name", "description", "targetArns", "tags"] {
        set(&mut link, member, call.input.get(member).cloned().unwrap_or_default());
    }
    link.insert("id".into(), id.clone().into());
    store.write::<_, Failure>(|writer| {
        quota::room(writer, Quota::VpcLinks, &own(call), 1)?;
        Ok(writer.put("vpcLinks", &format!("{}{id}", own(call)), &link)?)
    })?;
    // A link is made in the background, which AWS takes minutes for. Whoever asks next finds it there.
    let mut created = shown(link);
    created.insert("status".into(), "PENDING".into());
    created.remove("statusMessage");
    Ok(Value::Object(created).into())
}

fn shown(mut link: Link) -> Link {
    link.insert("status".into(), "AVAILABLE".into());
    link.insert("statusMessage".into(), "Your vpc link is ready for use".into());
    link
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, Link), Failure> {
    let key = format!("{}{}", own(call), call.required("vpcLinkId"));
    let found = documents.one("vpcLinks", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(Value::Object(shown(find(reader, call)?.1)).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| Ok(reader.all::<Link>("vpcLinks", &own(call))?))?;
    page(call, found.into_iter().map(|(key, link)| (key, Value::Object(shown(link)))).collect())
}

const RULES: &[Rule] = &[("/name", &["replace"]), ("/description", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, mut link) = find(writer, call)?;
        for patch in operations(call)? {
            let (path, _) = permit_listed(RULES, &patch)?;
            if path == "/name" && patch.non_empty().is_none() {
                return Err(bad_request("Name cannot be empty"));
            }
            set(&mut link, path.trim_start_matches('/'), patch.value.into());
        }
        writer.put("vpcLinks", &key, &link)?;
        Ok(Value::Object(shown(link)).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (key, _) = find(writer, call)?;
        writer.delete("vpcLinks", &key)?;
        Ok(Reply::empty())
    })
}
