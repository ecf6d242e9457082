//! Documents in: the calls that make an API of one, and their running.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply, Service};

use super::document::{self, Document};
use super::operations::Shared;
use super::paths::{BasePath, Paths};
use super::{authorizers, models, whole};
use crate::management::failure::{Failure, bad_request};
use crate::management::lookup::{Read, api, touch};
use crate::management::{
    authorizer, documentation_part, documentation_version, gateway_response, integration,
    integration_response, method, method_response, resource, rest_api, schema, validator,
};
use crate::model::{Resource, RestApi};

type Members = Map<String, Value>;

/// The members of a path that are operations, and the methods that they are.
pub(super) const VERBS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("x-amazon-apigateway-any-method", "ANY"),
];

/// One call to make.
pub(super) struct Step {
    operation: &'static str,
    input: Members,
}

impl Step {
    /// Members that are null are left out.
    pub fn new(operation: &'static str, input: Value) -> Self {
        let mut input = input.as_object().cloned().unwrap_or_default();
        input.retain(|_, value| !value.is_null());
        Self { operation, input }
    }

    /// A call about the method that `at` names.
    pub fn at(at: &Value, operation: &'static str, more: Value, input: Members) -> Self {
        let mut all = Self::new(operation, Value::Object(input));
        for members in [at, &more] {
            all.input.extend(members.as_object().cloned().unwrap_or_default());
        }
        all
    }

    /// A member of the call that is a text.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    pub fn makes_model(&self, name: &str) -> bool {
        self.operation == "CreateModel" && self.input.get("name").and_then(Value::as_str) == Some(name)
    }
}

/// Makes one call within the transaction; gives its answer.
pub(super) fn run(writer: &mut Writer<'_>, call: &Call, step: &Step) -> Result<Members, Failure> {
    // As if the call came from a client: what a type or a kind may be is the service model's to say.
    if let Some(operation) = Service::ApiGateway.operation(step.operation) {
        wire::validate(operation, &step.input)
            .map_err(|error| bad_request(error.message.unwrap_or_default()))?;
    }
    let call = &Call { operation: step.operation, input: step.input.clone(), ..call.clone() };
    let done = match step.operation {
        "CreateRestApi" => rest_api::create_in(writer, call),
        "CreateModel" => schema::create_in(writer, call),
        "CreateRequestValidator" => validator::create_in(writer, call),
        "CreateAuthorizer" => authorizer::create_in(writer, call),
        "CreateResource" => resource::create_in(writer, call),
        "PutMethod" => method::put_in(writer, call),
        "PutMethodResponse" => method_response::put_in(writer, call),
        "PutIntegration" => integration::put_in(writer, call),
        "PutIntegrationResponse" => integration_response::put_in(writer, call),
        _ => gateway_response::put_in(writer, call),
    };
    Ok(done?.output)
}

/// ImportRestApi.
pub(in crate::management) fn import(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let document = Document::read(&call.payload)?;
    store.write(|writer| {
        let step = Step::new("CreateRestApi", whole::created(call, &document).into());
        let mut made = run(writer, call, &step)?;
        let id = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        // The models that an API made by hand begins with are not there (recorded: test_import_swagger_api).
        writer.delete_prefix("models", &format!("{id}/"))?;
        let warnings = fill(writer, call, &document, &id)?;
        warn(&mut made, warnings, call)?;
        Ok(Value::Object(made).into())
    })
}

/// PutRestApi: `merge` adds to the API and replaces what has the same name, `overwrite` replaces the API's content. The
/// API keeps its id, its root's id, its stages and deployments.
pub(in crate::management) fn put(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let document = Document::read(&call.payload)?;
    let overwrite = call.text("mode").unwrap_or("merge") == "overwrite";
    store.write(|writer| {
        let mut changed = api(writer, call)?;
        whole::put(&mut changed, call, &document, overwrite)?;
        touch(writer, &mut changed)?;
        let id = changed.id.clone();
        if overwrite {
            empty(writer, &changed)?;
        }
        let warnings = fill(writer, call, &document, &id)?;
        let mut shown = rest_api::shown(writer, call)?;
        warn(&mut shown, warnings, call)?;
        Ok(Value::Object(shown).into())
    })
}

/// Takes everything that a document describes away.
fn empty(writer: &mut Writer<'_>, api: &RestApi) -> Result<(), Failure> {
    let prefix = format!("{}/", api.id);
    for collection in ["models", "validators", "authorizers", "gatewayResponses", "documentationParts"] {
        writer.delete_prefix(collection, &prefix)?;
    }
    let root: Option<Resource> = writer.one("resources", &format!("{prefix}{}", api.root_resource_id))?;
    writer.delete_prefix("resources", &prefix)?;
    if let Some(mut root) = root {
        root.resource_methods.clear();
        writer.put("resources", &format!("{prefix}{}", root.id), &root)?;
    }
    Ok(())
}

/// Puts the document's content into the API; gives warnings.
fn fill(
    writer: &mut Writer<'_>,
    call: &Call,
    document: &Document,
    api: &str,
) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    for step in models::models(document, api) {
        let name = step.input.get("name").and_then(Value::as_str).unwrap_or_default();
        writer.delete("models", &format!("{api}/{name}"))?;
        run(writer, call, &step)?;
    }
    let shared = Shared {
        call,
        document,
        api,
        authorizers: make_authorizers(writer, call, document, api)?,
        validators: make_validators(writer, call, document, api)?,
        models: model_names(writer, api)?,
    };
    for (kind, given) in document.members("x-amazon-apigateway-gateway-responses").into_iter().flatten() {
        let input = json!({
            "restApiId": api, "responseType": kind, "statusCode": status_text(given.get("statusCode")),
            "responseParameters": given.get("responseParameters"),
            "responseTemplates": given.get("responseTemplates"),
        });
        run(writer, call, &Step::new("PutGatewayResponse", input))?;
    }
    let base = BasePath::of(call)?.applied(&document.base_path());
    let mut paths = Paths::load(writer, call, api)?;
    for (path, item) in document.members("paths").into_iter().flatten() {
        let item = document.resolve(item)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        if !slash.is_empty() {
            // AWS's words, as aws/serverless-application-model quotes them (translator, issue 2297); that the path is
            // taken for one below the root is reasoning.
            warnings.push(format!("Parse issue: attribute paths. Resource {path} should start with /"));
        }
        let resource = paths.id(writer, &format!("{base}{slash}{path}"))?;
        for (member, verb) in VERBS {
            let Some(operation) = item.get(member).and_then(Value::as_object) else { continue };
            remove_method(writer, api, &resource, verb)?;
            let at = (resource.as_str(), path.as_str(), verb);
            for step in shared.method(at, operation, item.get("parameters"), &mut warnings)? {
                run(writer, call, &step).map_err(|failure| placed(failure, path, verb))?;
            }
            if !operation.contains_key("x-amazon-apigateway-integration") {
                warnings.push(format!("{verb} {path} has no x-amazon-apigateway-integration"));
            }
        }
    }
    import_documentation(writer, call, document, api)?;
    Ok(warnings)
}

/// Says which operation a refusal is about.
fn placed(failure: Failure, path: &str, verb: &str) -> Failure {
    match failure {
        Failure::Api(mut error) => {
            let told = error.message.unwrap_or_default();
            error.message =
                Some(format!("Unable to put integration on '{verb}' for resource at path '{path}': {told}"));
            Failure::Api(error)
        }
        store @ Failure::Store(_) => store,
    }
}

/// A status, which documents have as a text or a number.
pub(super) fn status_text(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Number(number)) => number.to_string().into(),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

fn remove_method(writer: &mut Writer<'_>, api: &str, resource: &str, verb: &str) -> Result<(), Failure> {
    let key = format!("{api}/{resource}");
    if let Some(mut found) = writer.one::<Resource>("resources", &key)?
        && found.resource_methods.remove(verb).is_some()
    {
        writer.put("resources", &key, &found)?;
    }
    Ok(())
}

/// By name: the id and the type of each authorizer; those that exist under the name are replaced.
fn make_authorizers(
    writer: &mut Writer<'_>,
    call: &Call,
    document: &Document,
    api: &str,
) -> Result<BTreeMap<String, (String, String)>, Failure> {
    let mut made = BTreeMap::new();
    for (name, step) in authorizers::authorizers(document, api) {
        let done = replace_named(writer, call, ("authorizers", api, &name), &step)?;
        let text = |member: &str| done.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        made.insert(name, (text("id"), text("type")));
    }
    Ok(made)
}

fn model_names(writer: &Writer<'_>, api: &str) -> Result<BTreeSet<String>, Failure> {
    let prefix = format!("{api}/");
    let found = writer.all::<Members>("models", &prefix)?;
    Ok(found.into_iter().map(|(key, _)| key.trim_start_matches(&prefix).to_owned()).collect())
}

fn make_validators(
    writer: &mut Writer<'_>,
    call: &Call,
    document: &Document,
    api: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut made = BTreeMap::new();
    for (name, given) in document.members("x-amazon-apigateway-request-validators").into_iter().flatten() {
        let input = json!({
            "restApiId": api, "name": name, "validateRequestBody": given.get("validateRequestBody"),
            "validateRequestParameters": given.get("validateRequestParameters"),
        });
        let step = Step::new("CreateRequestValidator", input);
        let done = replace_named(writer, call, ("validators", api, name), &step)?;
        made.insert(name.clone(), done.get("id").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    Ok(made)
}

/// Makes what has this name, in place of what had it: methods that the document does not mention go on referring to its
/// id.
fn replace_named(
    writer: &mut Writer<'_>,
    call: &Call,
    (collection, api, name): (&str, &str, &str),
    step: &Step,
) -> Result<Members, Failure> {
    let mut before = None;
    for (key, found) in writer.all::<Members>(collection, &format!("{api}/"))? {
        if found.get("name").and_then(Value::as_str) == Some(name) {
            writer.delete(collection, &key)?;
            before = found.get("id").cloned();
        }
    }
    let mut made = run(writer, call, step)?;
    if let Some(Value::String(id)) = before {
        let new = made.get("id").and_then(Value::as_str).unwrap_or_default();
        let key = format!("{api}/{new}");
        if let Some(mut stored) = writer.one::<Members>(collection, &key)? {
            stored.insert("id".into(), id.clone().into());
            writer.delete(collection, &key)?;
            writer.put(collection, &format!("{api}/{id}"), &stored)?;
        }
        made.insert("id".into(), id.into());
    }
    Ok(made)
}

/// `x-amazon-apigateway-documentation`: parts, and a version of that name.
fn import_documentation(
    writer: &mut Writer<'_>,
    call: &Call,
    document: &Document,
    api: &str,
) -> Result<Vec<String>, Failure> {
    // Guide, "Import API documentation": `ignore=documentation` leaves it out.
    let ignored = call.input.get("parameters").and_then(|p| p.get("ignore")).and_then(Value::as_str);
    let given = document.members("x-amazon-apigateway-documentation");
    let Some(given) = given.filter(|_| ignored != Some("documentation")) else { return Ok(Vec::new()) };
    let mut ids = Vec::new();
    for part in given.get("documentationParts").and_then(Value::as_array).into_iter().flatten() {
        let location = documentation_part::location(part.get("location"))?;
        for (id, known) in documentation_part::parts(writer, api)? {
            if documentation_part::is_at(&known, &location) {
                writer.delete("documentationParts", &format!("{api}/{id}"))?;
            }
        }
        let properties = part.get("properties").map(|properties| match properties {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let made = documentation_part::insert(writer, api, location, properties.unwrap_or_default())?;
        ids.extend(made.get("id").and_then(Value::as_str).map(str::to_owned));
    }
    if let Some(version) = given.get("version").and_then(Value::as_str).filter(|v| !v.is_empty()) {
        documentation_version::save(writer, call, api, version)?;
    }
    Ok(ids)
}

/// ImportDocumentationParts.
pub(in crate::management) fn documentation_parts(store: &Store, call: &Call) -> Result<Reply, Failure> {
    // Recorded: TestApiGatewayApiDocumentationPart::test_import_documentation_parts_bad_file.
    let unreadable = |_| bad_request("Unable to build importer with provided input.");
    let root = document::value(&call.payload).map_err(unreadable)?;
    let version = document::Version::OpenApi3;
    let document = Document { version, root };
    store.write(|writer| {
        let mut api = api(writer, call)?;
        if call.text("mode") == Some("overwrite") {
            writer.delete_prefix("documentationParts", &format!("{}/", api.id))?;
        }
        let ids = import_documentation(writer, call, &document, &api.id)?;
        touch(writer, &mut api)?;
        Ok(json!({ "ids": ids, "warnings": [] }).into())
    })
}

/// Adds the warnings to an answer, or refuses when the call asks for that.
fn warn(shown: &mut Members, warnings: Vec<String>, call: &Call) -> Result<(), Failure> {
    let fail = call.input.get("failOnWarnings").and_then(Value::as_bool).unwrap_or(false);
    match warnings.first() {
        None => {}
        Some(_) if fail => {
            // Reasoning: AWS lists what it warns of.
            return Err(bad_request(format!("Warnings found during import:\n\t{}", warnings.join("\n\t"))));
        }
        Some(_) => {
            shown.insert("warnings".into(), json!(warnings));
        }
    }
    Ok(())
}
