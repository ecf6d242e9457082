//! Authorizers.

use serde_json::Value;
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::integration::check_credentials;
use super::integration_uri;
use super::lookup::{Read, api, api_or, members, random_id, reply, touch, visible_api};
use super::page::page;
use super::patch::{Patch, Rule, operations, permit, text};
use super::quota::{self, Quota};
use super::rest_api::texts;
use crate::model::{Authorizer, Resource, RestApi};

const UNKNOWN: &str = "Invalid Authorizer identifier specified";
const MAX_TTL: u32 = 3600;

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let kind = call.required("type").to_owned();
    let text = |member: &str| call.text(member).filter(|t| !t.is_empty()).map(str::to_owned);
    let default_auth = if kind == "COGNITO_USER_POOLS" { "cognito_user_pools" } else { "custom" };
    let ttl = match call.input.get("authorizerResultTtlInSeconds").and_then(Value::as_i64) {
        Some(n) => Some(u32::try_from(n).unwrap_or(u32::MAX)),
        None => (kind != "COGNITO_USER_POOLS").then_some(300),
    };
    let authorizer = Authorizer {
        id: random_id(6)?,
        name: call.required("name").to_owned(),
        provider_arns: texts(call.input.get("providerARNs")),
        auth_type: text("authType").or_else(|| Some(default_auth.to_owned())),
        authorizer_uri: text("authorizerUri"),
        authorizer_credentials: text("authorizerCredentials"),
        identity_source: text("identitySource"),
        identity_validation_expression: text("identityValidationExpression"),
        authorizer_result_ttl_in_seconds: ttl,
        kind,
    };
    // An unknown API has words of its own here (TestApiGatewayApiAuthorizer::test_authorizer_crud_no_api).
    let mut api = visible_api(writer, call, call.required("restApiId"))?.ok_or_else(|| {
        conflict("Unable to complete operation due to concurrent modification. Please try again later.")
    })?;
    check(&authorizer, call)?;
    check_name(writer, &api.id, &authorizer)?;
    quota::room(writer, Quota::Authorizers, &format!("{}/", api.id), 1)?;
    writer.put("authorizers", &format!("{}/{}", api.id, authorizer.id), &authorizer)?;
    touch(writer, &mut api)?;
    reply(&authorizer)
}

/// The texts are as users report them, except those marked.
fn check(authorizer: &Authorizer, call: &Call) -> Result<(), Failure> {
    match authorizer.kind.as_str() {
        "COGNITO_USER_POOLS" => {
            if authorizer.provider_arns.is_empty() {
                // Reasoning.
                return Err(bad_request("Authorizer requires at least one provider ARN"));
            }
        }
        kind => {
            let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
            if integration_uri::check("AWS_PROXY", uri).is_err() {
                return Err(bad_request(format!(
                    "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation."
                )));
            }
            let ttl = authorizer.authorizer_result_ttl_in_seconds.unwrap_or(300);
            if authorizer.identity_source.is_none() && (kind == "TOKEN" || ttl > 0) {
                // API reference CreateAuthorizer: required for TOKEN, and for REQUEST when answers are kept. Text: reasoning.
                return Err(bad_request("Identity source is required for this authorizer"));
            }
        }
    }
    if authorizer.authorizer_result_ttl_in_seconds.is_some_and(|ttl| ttl > MAX_TTL) {
        // API reference: the maximum is 3600 seconds. Text: reasoning.
        return Err(bad_request("Authorizer result TTL must be between 0 and 3600 seconds"));
    }
    match &authorizer.authorizer_credentials {
        Some(credentials) => check_credentials(credentials, call),
        None => Ok(()),
    }
}

fn check_name(documents: &impl Read, api: &str, authorizer: &Authorizer) -> Result<(), Failure> {
    let all = documents.all::<Authorizer>("authorizers", &format!("{api}/"))?;
    if all.iter().any(|(_, other)| other.name == authorizer.name && other.id != authorizer.id) {
        return Err(bad_request(format!(
            "Authorizer name must be unique. Authorizer {} already exists in this RestApi.",
            authorizer.name
        )));
    }
    Ok(())
}

fn find(documents: &impl Read, call: &Call) -> Result<(RestApi, String, Authorizer), Failure> {
    let api = api_or(documents, call, UNKNOWN)?;
    let key = format!("{}/{}", api.id, call.required("authorizerId"));
    let found = documents.one("authorizers", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((api, key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| reply(&find(reader, call)?.2))
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        Ok(reader.all::<Authorizer>("authorizers", &format!("{}/", api(reader, call)?.id))?)
    })?;
    let items = found.into_iter().map(|(key, one)| Ok((key, Value::Object(members(&one)?))));
    page(call, items.collect::<Result<_, Failure>>()?)
}

const RULES: &[Rule] = &[
    ("/name", &["replace"]),
    ("/type", &["replace"]),
    ("/authType", &["replace"]),
    ("/authorizerUri", &["replace"]),
    ("/authorizerCredentials", &["replace"]),
    ("/identitySource", &["replace"]),
    ("/identityValidationExpression", &["replace"]),
    ("/authorizerResultTtlInSeconds", &["replace"]),
    ("/providerARNs", &["add", "remove"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, mut authorizer) = find(writer, call)?;
        for patch in operations(call)? {
            apply(&mut authorizer, &patch)?;
        }
        check(&authorizer, call)?;
        check_name(writer, &api.id, &authorizer)?;
        writer.put("authorizers", &key, &authorizer)?;
        touch(writer, &mut api)?;
        reply(&authorizer)
    })
}

fn apply(authorizer: &mut Authorizer, patch: &Patch<'_>) -> Result<(), Failure> {
    match permit(RULES, patch)?.0 {
        "/name" => authorizer.name = text(patch),
        "/type" => authorizer.kind = text(patch),
        "/authType" => authorizer.auth_type = patch.non_empty(),
        "/authorizerUri" => authorizer.authorizer_uri = patch.non_empty(),
        "/authorizerCredentials" => authorizer.authorizer_credentials = patch.non_empty(),
        "/identitySource" => authorizer.identity_source = patch.non_empty(),
        "/identityValidationExpression" => authorizer.identity_validation_expression = patch.non_empty(),
        "/authorizerResultTtlInSeconds" => {
            authorizer.authorizer_result_ttl_in_seconds = Some(text(patch).parse().unwrap_or(u32::MAX));
        }
        _ => {
            let value = text(patch);
            authorizer.provider_arns.retain(|known| *known != value);
            if patch.op == "add" {
                authorizer.provider_arns.push(value);
            }
        }
    }
    Ok(())
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, authorizer) = find(writer, call)?;
        for (_, resource) in writer.all::<Resource>("resources", &format!("{}/", api.id))? {
            for (verb, method) in &resource.resource_methods {
                if method.authorizer_id.as_deref() == Some(&authorizer.id) {
                    // Reasoning: in the words recorded for models.
                    return Err(conflict(format!(
                        "Cannot delete authorizer '{}', is referenced in method: {}/{verb}",
                        authorizer.name, resource.path
                    )));
                }
            }
        }
        writer.delete("authorizers", &key)?;
        touch(writer, &mut api)?;
        Ok(Reply::empty())
    })
}
