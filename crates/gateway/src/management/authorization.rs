//! What must be allowed before an operation runs.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway Management".

use arn::Arn;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Check, Context, Principal};
use serde_json::Value;
use store::Store;
use wire::{ApiError, Call};

use super::condition_keys;
use super::failure::Failure;
use super::openapi::{self, HandedOver};
use super::operations::operation;

/// An ARN within a path, as `/tags/…` has it.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn checks(store: &Store, call: &Call, _principal: &Principal) -> Result<Vec<Check>, Failure> {
    let operation = operation(call.operation)
        .ok_or_else(|| ApiError::internal(format!("apigateway has no operation {}", call.operation)))?;
    let on = resource(operation.path, call);
    let sent = condition_keys::request_tags(call);
    let tagged = tagged_resource(call);
    // An API's description may bring roles and the policy along (developer guide, "x-amazon-apigateway-integration",
    // "x-amazon-apigateway-policy").
    let brought = match call.operation {
        "ImportRestApi" | "PutRestApi" => openapi::handed_over(&call.payload)?,
        _ => HandedOver::default(),
    };
    // Of the request and of what it is about; and, when that is the resource's tags, of what is tagged.
    let (mut keys, tagged_keys) = store.read::<_, Failure>(|reader| {
        let mut keys = condition_keys::of_request(call);
        condition_keys::of_resource(reader, call, &mut keys)?;
        condition_keys::resource_tags(reader, call, &on, &mut keys)?;
        let mut tagged_keys = sent.clone();
        if let Some(resource) = &tagged {
            condition_keys::resource_tags(reader, call, resource, &mut tagged_keys)?;
        }
        Ok((keys, tagged_keys))
    })?;
    for (key, values) in &brought.keys {
        keys.set_all(format!("apigateway:Request/{key}"), values.iter().cloned().collect());
    }
    let mut main = keys.clone();
    main.extend(sent.clone());
    let mut all = vec![check(call, &format!("apigateway:{}", operation.method), on, main)];
    for (action, resource) in additional(call, &brought) {
        // An association's keys are not the domain name's.
        let association = action.ends_with("AccessAssociation");
        all.push(check(call, action, resource, if association { Context::new() } else { keys.clone() }));
    }
    if let Some(path) = tags_of_new(call) {
        all.push(check(call, "apigateway:PUT", arn(call, "", &path), sent));
    }
    if let Some(resource) = tagged {
        // Tagging changes the resource as well (iann0036/iam-dataset pull request 39, tested against AWS).
        all.push(check(call, "apigateway:PATCH", resource, tagged_keys));
    }
    let roles = passed_role(call).into_iter().chain(brought.roles.iter().map(String::as_str));
    all.extend(roles.filter_map(|role| pass_role(call, role)));
    Ok(all)
}

/// What TagResource tags.
fn tagged_resource(call: &Call) -> Option<String> {
    let arn = call.text("resourceArn").filter(|_| call.operation == "TagResource")?;
    Some(arn.to_owned()).filter(|arn| arn.contains(":/"))
}

/// The actions that sensitive changes need besides the method's own (the reference's "additional authorization
/// control").
fn additional(call: &Call, brought: &HandedOver) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let api = |id: Option<&str>| {
        arn(call, "", &id.map_or_else(|| "/restapis".to_owned(), |id| format!("/restapis/{id}")))
    };
    if brought.policy || changes_policy(call) {
        all.push(("apigateway:UpdateRestApiPolicy", api(call.text("restApiId"))));
    }
    let domain = || resource("/domainnames/{domainName}", call);
    let mtls = "/mutualTlsAuthentication/truststoreUri";
    match call.operation {
        "CreateDomainName" => {
            if call.input.get("mutualTlsAuthentication").and_then(|m| m.get("truststoreUri")).is_some() {
                all.push(("apigateway:AddCertificateToDomain", arn(call, "", "/domainnames")));
            }
            if call.text("policy").is_some_and(|policy| !policy.is_empty()) {
                all.push(("apigateway:UpdateDomainNamePolicy", arn(call, "", "/domainnames")));
            }
        }
        "UpdateDomainName" => {
            match patched(call, mtls).or_else(|| patched(call, "/mutualTlsAuthentication")) {
                Some("") => all.push(("apigateway:RemoveCertificateFromDomain", domain())),
                Some(_) => all.push(("apigateway:AddCertificateToDomain", domain())),
                None => {}
            }
            if patched(call, "/policy").is_some() {
                all.push(("apigateway:UpdateDomainNamePolicy", domain()));
            }
            if patched(call, "/managementPolicy").is_some() {
                all.push(("apigateway:UpdateDomainNameManagementPolicy", domain()));
            }
        }
        "CreateDomainNameAccessAssociation" => {
            all.push(("apigateway:CreateAccessAssociation", call.required("domainNameArn").to_owned()));
        }
        "RejectDomainNameAccessAssociation" => {
            all.push(("apigateway:RejectAccessAssociation", call.required("domainNameArn").to_owned()));
        }
        _ => {}
    }
    all
}

/// Creating something with tags is tagging too. The resource, which has no id yet, reads
/// `/tags/arn%3Aaws%3Aapigateway%3AREGION%3A%3A%2Frestapis%2F*` (a refusal published in mattclay/aws-terminator pull
/// request 284; the other collections by analogy).
fn tags_of_new(call: &Call) -> Option<String> {
    call.input.get("tags").and_then(Value::as_object).filter(|tags| !tags.is_empty())?;
    let collection = match call.operation {
        "CreateRestApi" => "/restapis".to_owned(),
        "CreateStage" => format!("/restapis/{}/stages", call.required("restApiId")),
        "CreateApiKey" => "/apikeys".to_owned(),
        "CreateUsagePlan" => "/usageplans".to_owned(),
        "CreateDomainName" => "/domainnames".to_owned(),
        "CreateVpcLink" => "/vpclinks".to_owned(),
        "GenerateClientCertificate" => "/clientcertificates".to_owned(),
        _ => return None,
    };
    let arn = arn(call, "", &format!("{collection}/"));
    Some(format!("/tags/{}*", utf8_percent_encode(&arn, IN_PATH)))
}

/// `apigateway` ARNs name no account. The resource counts as the caller's: an API of another account is answered by the
/// handler like one that does not exist, and a decision about it must not tell otherwise.
fn check(call: &Call, action: &str, resource: String, context: Context) -> Check {
    Check {
        action: action.to_owned(),
        resource,
        resource_account: Some(call.account),
        resource_policy: None,
        context,
    }
}

fn arn(call: &Call, account: &str, path: &str) -> String {
    format!("arn:{}:apigateway:{}:{account}:{path}", Arn::partition_of(&call.region), call.region)
}

/// The ARN of what an operation with this path is about. Private domain names and associations with them are the
/// resources whose ARNs name an account.
fn resource(template: &str, call: &Call) -> String {
    if let Some(arn) = call.text("domainNameAccessAssociationArn").filter(|_| template.contains('{')) {
        return arn.to_owned();
    }
    let private = call.text("domainNameId").filter(|_| template.starts_with("/domainnames/{domainName}"));
    if let Some(id) = private {
        let template = template.replacen("{domainName}", &format!("{{domainName}}+{id}"), 1);
        let account = if template.contains("/basepathmappings") { "" } else { call.account.as_str() };
        return arn(call, account, &path(&template, call));
    }
    let account = if template == "/domainnameaccessassociations" { call.account.as_str() } else { "" };
    arn(call, account, &path(template, call))
}

/// Fills the members into an operation's path.
fn path(template: &str, call: &Call) -> String {
    let mut path = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (member, after) = after.split_once('}').unwrap_or((after, ""));
        path.push_str(before);
        let value = call.required(member);
        if value.starts_with("arn:") {
            path.extend(utf8_percent_encode(value, IN_PATH));
        } else {
            path.push_str(value);
        }
        rest = after;
    }
    path.push_str(rest);
    path
}

fn changes_policy(call: &Call) -> bool {
    match call.operation {
        "CreateRestApi" => call.text("policy").is_some_and(|p| !p.is_empty()),
        "UpdateRestApi" => patched(call, "/policy").is_some(),
        _ => false,
    }
}

/// The value of the last patch of `path`, empty when it takes the value away.
pub(super) fn patched<'c>(call: &'c Call, path: &str) -> Option<&'c str> {
    let list = call.input.get("patchOperations")?.as_array()?;
    let one = list.iter().rev().find(|one| one.get("path").and_then(Value::as_str) == Some(path))?;
    Some(one.get("value").and_then(Value::as_str).unwrap_or_default())
}

/// The role that the call hands to API Gateway.
fn passed_role(call: &Call) -> Option<&str> {
    let role = match call.operation {
        "PutIntegration" => call.text("credentials"),
        "UpdateIntegration" => patched(call, "/credentials"),
        "CreateAuthorizer" => call.text("authorizerCredentials"),
        "UpdateAuthorizer" => patched(call, "/authorizerCredentials"),
        "UpdateAccount" => patched(call, "/cloudwatchRoleArn"),
        _ => None,
    };
    role.filter(|role| !role.is_empty())
}

/// `iam:PassRole` on a role of the caller's account. A role of another account is refused by the handler with AWS's own
/// text, and `arn:aws:iam::*:user/*` (the credentials of whoever calls the API) is no role.
fn pass_role(call: &Call, role: &str) -> Option<Check> {
    let arn = Arn::parse(role).ok()?;
    if arn.service != "iam" || arn.account != call.account.as_str() {
        return None;
    }
    let mut context = Context::new();
    context.set("iam:PassedToService", "apigateway.amazonaws.com");
    Some(Check {
        action: "iam:PassRole".to_owned(),
        resource: role.to_owned(),
        resource_account: Some(call.account),
        resource_policy: None,
        context,
    })
}
