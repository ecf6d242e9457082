//! REST APIs.

use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request};
use super::lookup::{Read, api, members, now, random_id, touch};
use super::method::set;
use super::page::page;
use super::patch::{Patch, Rule, operations, permit};
use super::quota::{self, Quota};
use super::{clone, resource_policy, schema};
use crate::model::{Resource, RestApi};

const ENDPOINT_TYPES: [&str; 3] = ["REGIONAL", "EDGE", "PRIVATE"];
const MAX_COMPRESSION: i64 = 10_485_760;

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let source = clone::source(writer, call)?;
    if call.text("description") == Some("") {
        return Err(bad_request("Description cannot be an empty string"));
    }
    if call.required("name").is_empty() {
        // Reasoning: the text that AWS answers for an empty name of a VPC link.
        return Err(bad_request("Name cannot be empty"));
    }
    if let Some(size) = call.input.get("minimumCompressionSize") {
        compression(size.as_i64())?;
    }
    quota::room(writer, Quota::Apis, &format!("{}/{}/", call.account, call.region), 1)?;
    let endpoint = endpoint_configuration(call.input.get("endpointConfiguration"))?;
    let (id, root) = (random_id(10)?, random_id(10)?);
    let mut rest = Map::new();
    for member in ["description", "version", "minimumCompressionSize", "securityPolicy", "endpointAccessMode"]
    {
        if let Some(value) = call.input.get(member) {
            rest.insert(member.to_owned(), value.clone());
        }
    }
    if let Some(Value::Object(tags)) = call.input.get("tags")
        && !tags.is_empty()
    {
        rest.insert("tags".into(), Value::Object(tags.clone()));
    }
    rest.insert("endpointConfiguration".into(), endpoint);
    let mut created = RestApi {
        account: call.account.to_string(),
        region: call.region.clone(),
        name: call.required("name").to_owned(),
        created_date: now(call),
        root_resource_id: root.clone(),
        policy: None,
        binary_media_types: texts(call.input.get("binaryMediaTypes")),
        api_key_source: call.text("apiKeySource").unwrap_or("HEADER").to_owned(),
        disable_execute_api_endpoint: call
            .input
            .get("disableExecuteApiEndpoint")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        change_count: 0,
        rest,
        id,
    };
    if let Some(source) = &source {
        clone::settings(source, &mut created, call);
    }
    if let Some(text) = call.text("policy").filter(|text| !text.is_empty()) {
        created.policy = Some(resource_policy::accept(text, &created)?);
    }
    let root = Resource {
        id: root,
        parent_id: None,
        path_part: None,
        path: "/".to_owned(),
        resource_methods: Default::default(),
    };
    writer.put("apis", &created.id, &created)?;
    writer.put("accountApis", &index_key(&created), &true)?;
    writer.put("resources", &format!("{}/{}", created.id, root.id), &root)?;
    match &source {
        Some(source) => clone::contents(writer, source, &created)?,
        None => {
            for model in &schema::defaults()? {
                writer.put("models", &format!("{}/{}", created.id, model.name), model)?;
            }
        }
    }
    Ok(Value::Object(output(&created, false)?).into())
}

/// The API that the call names, as GetRestApi answers it.
pub(super) fn shown(documents: &impl Read, call: &Call) -> Result<Map<String, Value>, Failure> {
    output(&api(documents, call)?, true)
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| Ok(Value::Object(shown(reader, call)?).into()))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let prefix = format!("{}/{}/", call.account, call.region);
    let found = store.read::<_, Failure>(|reader| {
        let mut found = Vec::new();
        for (key, _) in reader.all::<bool>("accountApis", &prefix)? {
            if let Some(api) = reader.get::<RestApi>("apis", key.strip_prefix(&prefix).unwrap_or(&key))? {
                found.push((api.id.clone(), Value::Object(output(&api, false)?)));
            }
        }
        Ok(found)
    })?;
    page(call, found)
}

const RULES: &[Rule] = &[
    ("/name", &["replace"]),
    ("/description", &["replace", "remove"]),
    ("/version", &["replace", "remove"]),
    ("/binaryMediaTypes/{}", &["add", "remove", "replace"]),
    ("/minimumCompressionSize", &["replace"]),
    ("/apiKeySource", &["replace"]),
    ("/disableExecuteApiEndpoint", &["replace"]),
    ("/policy", &["replace"]),
    ("/endpointConfiguration/types", &["add", "remove", "replace"]),
    ("/endpointConfiguration/types/{}", &["add", "remove", "replace"]),
    ("/endpointConfiguration/ipAddressType", &["replace"]),
    ("/endpointConfiguration/vpcEndpointIds", &["add", "remove"]),
    ("/securityPolicy", &["replace"]),
    ("/endpointAccessMode", &["replace"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let mut changed = api(writer, call)?;
        for patch in operations(call)? {
            apply(&mut changed, &patch)?;
        }
        touch(writer, &mut changed)?;
        Ok(Value::Object(output(&changed, true)?).into())
    })
}

fn apply(api: &mut RestApi, patch: &Patch<'_>) -> Result<(), Failure> {
    if patch.path.starts_with("/endpointConfiguration/types")
        && !["add", "remove", "replace"].contains(&patch.op)
    {
        // TestApiGatewayApiRestApi::test_update_rest_api_ip_address_type: types refuse in words of their own.
        return Err(bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'"));
    }
    let (path, key) = permit(RULES, patch)?;
    match path {
        "/name" => api.name = patch.non_empty().ok_or_else(|| bad_request("Name cannot be empty"))?,
        "/binaryMediaTypes/{}" => {
            // `add` takes the type from the path and ignores the value; `replace` takes out one and appends another
            // (TestApiGatewayApiRestApi::test_update_rest_api_behaviour, …_operation_add_remove).
            if patch.op != "add" {
                api.binary_media_types.retain(|t| *t != key);
            }
            let added = match patch.op {
                "add" => Some(key),
                "replace" => patch.non_empty(),
                _ => None,
            };
            if let Some(added) = added.filter(|a| !api.binary_media_types.contains(a)) {
                api.binary_media_types.push(added);
            }
        }
        "/minimumCompressionSize" => match patch.non_empty() {
            None => {
                api.rest.remove("minimumCompressionSize");
            }
            Some(text) => {
                let size = compression(text.parse().ok())?;
                api.rest.insert("minimumCompressionSize".into(), size.into());
            }
        },
        "/apiKeySource" => {
            let source = patch.value.unwrap_or_default();
            if !["HEADER", "AUTHORIZER"].contains(&source) {
                // Reasoning: in the form of AWS's other refusals of enumeration values in patches.
                return Err(bad_request(
                    "Invalid API key source specified. Valid options are HEADER,AUTHORIZER",
                ));
            }
            api.api_key_source = source.to_owned();
        }
        "/disableExecuteApiEndpoint" => api.disable_execute_api_endpoint = patch.is_true(),
        "/policy" => {
            api.policy = match patch.non_empty() {
                None => None,
                Some(text) => Some(resource_policy::accept(&text, api)?),
            }
        }
        "/endpointConfiguration/types" | "/endpointConfiguration/types/{}" if patch.op != "remove" => {
            let kind = patch.value.unwrap_or_default();
            if !ENDPOINT_TYPES.contains(&kind) {
                return Err(bad_request(
                    "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
                ));
            }
            change_endpoint(api, |endpoint| {
                endpoint.insert("types".into(), json!([kind]));
                if kind == "PRIVATE" {
                    endpoint.insert("ipAddressType".into(), "dualstack".into());
                }
                Ok(())
            })?;
        }
        // An API always has one type: it is changed by adding or replacing.
        "/endpointConfiguration/types" | "/endpointConfiguration/types/{}" => {}
        "/endpointConfiguration/ipAddressType" => {
            let kind = patch.value.unwrap_or_default();
            if !["ipv4", "dualstack"].contains(&kind) {
                return Err(bad_request("ipAddressType must be either ipv4 or dualstack."));
            }
            change_endpoint(api, |endpoint| {
                if kind == "ipv4" && is_private(endpoint) {
                    return Err(bad_request("Only dualstack ipAddressType is supported for Private APIs."));
                }
                endpoint.insert("ipAddressType".into(), kind.into());
                Ok(())
            })?;
        }
        "/endpointConfiguration/vpcEndpointIds" => {
            change_endpoint(api, |endpoint| {
                let mut ids = texts(endpoint.get("vpcEndpointIds"));
                let id = patch.value.unwrap_or_default();
                ids.retain(|known| known != id);
                if patch.op == "add" && !id.is_empty() {
                    ids.push(id.to_owned());
                }
                set(endpoint, "vpcEndpointIds", json!(ids));
                Ok(())
            })?;
        }
        plain => {
            let member = plain.trim_start_matches('/').to_owned();
            match patch.non_empty().filter(|_| patch.op == "replace") {
                Some(value) => api.rest.insert(member, value.into()),
                None => api.rest.remove(&member),
            };
        }
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let gone = api(writer, call)?;
        writer.delete("apis", &gone.id)?;
        writer.delete("accountApis", &index_key(&gone))?;
        for collection in [
            "resources",
            "deployments",
            "snapshots",
            "stages",
            "models",
            "validators",
            "authorizers",
            "gatewayResponses",
            "documentationParts",
            "documentationVersions",
        ] {
            writer.delete_prefix(collection, &format!("{}/", gone.id))?;
        }
        Ok(Reply::empty())
    })
}

fn index_key(api: &RestApi) -> String {
    format!("{}/{}/{}", api.account, api.region, api.id)
}

/// What clients see of an API. AWS shows empty tags when it gets or updates an API, and none when it creates or lists.
fn output(api: &RestApi, with_empty_tags: bool) -> Result<Map<String, Value>, Failure> {
    let mut members = members(api)?;
    for private in ["account", "region", "changeCount"] {
        members.remove(private);
    }
    if with_empty_tags && !members.contains_key("tags") {
        members.insert("tags".into(), json!({}));
    }
    if let Some(policy) = &api.policy {
        members.insert("policy".into(), resource_policy::shown(policy).into());
    }
    Ok(members)
}

fn compression(size: Option<i64>) -> Result<i64, Failure> {
    size.filter(|size| (0..=MAX_COMPRESSION).contains(size))
        .ok_or_else(|| bad_request("Invalid minimum compression size, must be between 0 and 10485760"))
}

/// The endpoint with AWS's defaults (TestApiGatewayApiRestApi::test_create_rest_api_verify_defaults).
fn endpoint_configuration(given: Option<&Value>) -> Result<Value, Failure> {
    let given = given.and_then(Value::as_object);
    let types = match given.and_then(|g| g.get("types")) {
        None => vec!["EDGE".to_owned()],
        some => texts(some),
    };
    let kind = match types.as_slice() {
        [] => {
            return Err(bad_request(
                "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
            ));
        }
        [one] => one,
        _ => return Err(bad_request("Cannot create an api with multiple Endpoint Types.")),
    };
    let default = if kind == "PRIVATE" { "dualstack" } else { "ipv4" };
    let address = given.and_then(|g| g.get("ipAddressType")).and_then(Value::as_str).unwrap_or(default);
    if kind == "PRIVATE" && address == "ipv4" {
        return Err(bad_request("Only dualstack ipAddressType is supported for Private APIs."));
    }
    let mut endpoint = json!({ "types": [kind], "ipAddressType": address });
    let vpc = texts(given.and_then(|g| g.get("vpcEndpointIds")));
    if !vpc.is_empty() {
        endpoint["vpcEndpointIds"] = json!(vpc);
    }
    Ok(endpoint)
}

/// Changes the endpoint's members.
fn change_endpoint<T>(
    api: &mut RestApi,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut endpoint = match api.rest.get("endpointConfiguration") {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    let result = change(&mut endpoint)?;
    api.rest.insert("endpointConfiguration".into(), Value::Object(endpoint));
    Ok(result)
}

fn is_private(endpoint: &Map<String, Value>) -> bool {
    texts(endpoint.get("types")).iter().any(|kind| kind == "PRIVATE")
}

/// A list of texts, empty when absent.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
