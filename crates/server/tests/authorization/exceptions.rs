//! Where AWS differs from its Service Authorization Reference, and what a call here cannot carry; each with its reason.

use std::collections::BTreeSet;

use wire::{Operation, Service};

/// Operations that need no permission (API Reference of both).
pub const UNCHECKED: [(&str, &str); 2] = [("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")];

/// The action of an operation: its name, but for API Gateway's, which are HTTP methods.
pub fn action(operation: &Operation) -> String {
    let name = match (operation.service, operation.name) {
        (Service::ApiGateway, _) => operation.method,
        // Lambda Developer Guide, lambda-api-permissions-ref.
        (Service::Lambda, "Invoke" | "InvokeWithResponseStream") => "InvokeFunction",
        (Service::Lambda, "GetLayerVersionByArn") => "GetLayerVersion",
        (_, name) => name,
    };
    format!("{}:{name}", operation.service.name())
}

/// Actions that the reference leaves out, though the operations are in the services' models.
pub const NOT_IN_REFERENCE: [&str; 2] = ["logs:GetLogObject", "iam:UpdateDelegationRequest"];

/// Dependent actions that are not asked for.
const NOT_OURS: [(&str, &str, &str); 8] = [
    ("CreateCapacityProvider", "iam:CreateServiceLinkedRole", "Lambda's own call, and only the first time"),
    ("CreateCapacityProvider", "kms:DescribeKey", "KMS is not served"),
    ("GenerateOrganizationsAccessReport", "organizations:DescribePolicy", "IAM's own call"),
    ("GenerateOrganizationsAccessReport", "organizations:ListChildren", "IAM's own call"),
    ("GenerateOrganizationsAccessReport", "organizations:ListParents", "IAM's own call"),
    ("GenerateOrganizationsAccessReport", "organizations:ListPoliciesForTarget", "IAM's own call"),
    ("GenerateOrganizationsAccessReport", "organizations:ListRoots", "IAM's own call"),
    ("GenerateOrganizationsAccessReport", "organizations:ListTargetsForPolicy", "IAM's own call"),
];

/// Actions that AWS wants besides, which the reference does not say.
const FURTHER: [(&str, &str, &[&str], &str); 36] = [
    (
        "lambda",
        "CreateFunction",
        &["lambda:GetLayerVersion", "lambda:TagResource"],
        "Developer Guide, using layers",
    ),
    (
        "lambda",
        "UpdateFunctionConfiguration",
        &["iam:PassRole", "lambda:GetLayerVersion", "lambda:PassCapacityProvider"],
        "as CreateFunction, with the same members",
    ),
    ("logs", "CreateLogGroup", &["logs:TagResource"], "DataDog/cloudformation-template#61 quotes AWS"),
    ("logs", "CreateImportTask", &["iam:PassRole"], PASS),
    ("logs", "CreateScheduledQuery", &["iam:PassRole"], PASS),
    ("logs", "UpdateScheduledQuery", &["iam:PassRole"], PASS),
    ("iam", "CreateInstanceProfile", &["iam:TagInstanceProfile"], TAGS),
    ("iam", "CreateOpenIDConnectProvider", &["iam:TagOpenIDConnectProvider"], TAGS),
    ("iam", "CreatePolicy", &["iam:TagPolicy"], TAGS),
    ("iam", "CreateRole", &["iam:TagRole"], TAGS),
    ("iam", "CreateSAMLProvider", &["iam:TagSAMLProvider"], TAGS),
    ("iam", "CreateUser", &["iam:TagUser"], TAGS),
    ("iam", "CreateVirtualMFADevice", &["iam:TagMFADevice"], TAGS),
    ("iam", "UploadServerCertificate", &["iam:TagServerCertificate"], TAGS),
    (
        "sts",
        "AssumeRole",
        &["sts:TagSession", "sts:SetSourceIdentity"],
        "User Guide, id_session-tags and id_credentials_temp_control-access_monitor",
    ),
    ("sts", "GetFederationToken", &["sts:TagSession"], "User Guide, id_session-tags"),
    ("sts", "GetWebIdentityToken", &["sts:TagGetWebIdentityToken"], "the action's own words"),
    ("apigateway", "PutIntegration", &["iam:PassRole"], PASS),
    ("apigateway", "UpdateIntegration", &["iam:PassRole"], PASS),
    ("apigateway", "CreateAuthorizer", &["iam:PassRole"], PASS),
    ("apigateway", "UpdateAuthorizer", &["iam:PassRole"], PASS),
    ("apigateway", "UpdateAccount", &["iam:PassRole"], PASS),
    ("apigateway", "CreateRestApi", &["apigateway:UpdateRestApiPolicy", "apigateway:PUT"], CONTROL),
    ("apigateway", "UpdateRestApi", &["apigateway:UpdateRestApiPolicy"], CONTROL),
    (
        "apigateway",
        "CreateDomainName",
        &["apigateway:AddCertificateToDomain", "apigateway:UpdateDomainNamePolicy", "apigateway:PUT"],
        CONTROL,
    ),
    ("apigateway", "UpdateDomainName", &["apigateway:AddCertificateToDomain"], CONTROL),
    ("apigateway", "CreateDomainNameAccessAssociation", &["apigateway:CreateAccessAssociation"], CONTROL),
    ("apigateway", "RejectDomainNameAccessAssociation", &["apigateway:RejectAccessAssociation"], CONTROL),
    ("apigateway", "CreateStage", &["apigateway:PUT"], NEW_TAGS),
    ("apigateway", "CreateApiKey", &["apigateway:PUT"], NEW_TAGS),
    ("apigateway", "CreateUsagePlan", &["apigateway:PUT"], NEW_TAGS),
    ("apigateway", "CreateVpcLink", &["apigateway:PUT"], NEW_TAGS),
    ("apigateway", "GenerateClientCertificate", &["apigateway:PUT"], NEW_TAGS),
    ("apigateway", "TagResource", &["apigateway:PATCH"], "iann0036/iam-dataset#39, tested against AWS"),
    ("apigateway", "ImportApiKeys", &[], ""),
    ("apigateway", "PutRestApi", &[], ""),
];
const PASS: &str = "User Guide, id_roles_use_passrole: whoever hands a role to a service";
const TAGS: &str = "User Guide, id_tags: creating with tags is tagging";
const CONTROL: &str = "the reference: an additional authorization control, due to the sensitive nature";
const NEW_TAGS: &str = "a refusal in mattclay/aws-terminator#284";

/// What an operation needs besides its own action, when it is sent everything; `dependent` is the reference's part.
pub fn further(service: &str, operation: &str, dependent: &[&'static str]) -> BTreeSet<&'static str> {
    let ours = |action: &&&str| !NOT_OURS.iter().any(|(o, a, _)| *o == operation && *a == **action);
    let named = FURTHER.iter().filter(|(s, o, ..)| (*s, *o) == (service, operation));
    dependent
        .iter()
        .filter(ours)
        .copied()
        .chain(named.flat_map(|(_, _, all, _)| all.iter().copied()))
        .collect()
}

/// A resource in the form that the reference gives it.
pub fn in_reference(types: &[&str], resource: &str) -> String {
    // Logs asks about a group as about a stream without a name: recorded refusals (crates/logs/src/checks.rs).
    if let Some(group) = resource.strip_suffix(":log-stream:").filter(|_| types.contains(&"log-group")) {
        return if group.ends_with(':') { format!("{group}*") } else { group.to_owned() };
    }
    // A function is named with its qualifier, whatever the action (Developer Guide, lambda-api-permissions-ref).
    let parts: Vec<&str> = resource.split(':').collect();
    if types.contains(&"function")
        && !types.contains(&"function_alias")
        && parts.len() == 8
        && parts[5] == "function"
    {
        return parts[..7].join(":");
    }
    resource.to_owned()
}

/// Resources that are none of the action's types: operation, the ARN or how it begins and ends.
const RESOURCES: &[(&str, &str, &str)] = &[
    // Recorded refusals (crates/logs/src/checks.rs).
    ("DescribeLogGroups", "arn:aws:logs:us-east-1:111111111111:log-group:", ":log-stream:"),
    // The reference's type is another thing's.
    ("DeleteDeliverySource", "arn:aws:logs:us-east-1:111111111111:delivery-source:", "name-1"),
    // An optional type, and a request that names none.
    ("ListAnomalies", "*", ""),
    ("ListLogAnomalyDetectors", "*", ""),
    // AWS's refusals print the path that is listed: `iam:ListRoles on resource: arn:aws:iam::A:role/`.
    ("ListGroups", "arn:aws:iam::111111111111:group/", ""),
    ("ListInstanceProfiles", "arn:aws:iam::111111111111:instance-profile/", ""),
    ("ListRoles", "arn:aws:iam::111111111111:role/", ""),
    ("ListUsers", "arn:aws:iam::111111111111:user/", ""),
    // A key that does not exist has no user.
    ("GetAccessKeyLastUsed", "*", ""),
    // Tags of a federated session: the reference names roles alone, the action's page of the User Guide
    // (id_session-tags) lists GetFederationToken.
    ("GetFederationToken", "arn:aws:sts::111111111111:federated-user/", ""),
    // Operations of API Gateway that the reference has no type for; their URIs are the model's.
    ("CreateResource", "arn:aws:apigateway:us-east-1::/restapis/", ""),
    (
        "FlushStageAuthorizersCache",
        "arn:aws:apigateway:us-east-1::/restapis/",
        "/stages/dev/cache/authorizers",
    ),
    ("FlushStageCache", "arn:aws:apigateway:us-east-1::/restapis/", "/stages/dev/cache/data"),
    ("GetExport", "arn:aws:apigateway:us-east-1::/restapis/", "/stages/dev/exports/exporttype-1"),
    ("GetModelTemplate", "arn:aws:apigateway:us-east-1::/restapis/", "/models/modelname-1/default_template"),
    ("GetSdkType", "arn:aws:apigateway:us-east-1::/sdktypes/id-1", ""),
    ("GetSdkTypes", "arn:aws:apigateway:us-east-1::/sdktypes", ""),
    ("GetUsage", "arn:aws:apigateway:us-east-1::/usageplans/", "/usage"),
    ("ImportDocumentationParts", "arn:aws:apigateway:us-east-1::/restapis/", "/documentation/parts"),
    ("PutIntegration", "arn:aws:apigateway:us-east-1::/restapis/", "/methods/GET/integration"),
    ("PutMethod", "arn:aws:apigateway:us-east-1::/restapis/", "/methods/GET"),
    (
        "RejectDomainNameAccessAssociation",
        "arn:aws:apigateway:us-east-1::/rejectdomainnameaccessassociations",
        "",
    ),
    ("TestInvokeAuthorizer", "arn:aws:apigateway:us-east-1::/restapis/", ""),
    ("TestInvokeMethod", "arn:aws:apigateway:us-east-1::/restapis/", "/methods/GET"),
    ("UpdateUsage", "arn:aws:apigateway:us-east-1::/usageplans/", "/usage"),
];

pub fn resource(operation: &Operation, resource: &str) -> bool {
    let fits = |start: &str, end: &str| {
        if end.is_empty() && start == "*" {
            resource == "*"
        } else {
            resource.starts_with(start) && resource.ends_with(end)
        }
    };
    RESOURCES.iter().any(|(name, start, end)| *name == operation.name && fits(start, end))
}

/// Keys that the reference does not list for the action: action, key.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("apigateway:POST", "apigateway:Request/AuthorizerUri", URI),
    ("apigateway:PATCH", "apigateway:Request/AuthorizerUri", URI),
    ("apigateway:PATCH", "apigateway:Resource/AuthorizerUri", URI),
    ("apigateway:DELETE", "apigateway:Resource/AuthorizerUri", URI),
    ("apigateway:POST", "apigateway:Request/RoutingMode", ROUTING),
    ("apigateway:PATCH", "apigateway:Request/RoutingMode", ROUTING),
    ("apigateway:AddCertificateToDomain", "apigateway:Request/RoutingMode", ROUTING),
    ("apigateway:UpdateDomainNamePolicy", "apigateway:Request/RoutingMode", ROUTING),
    ("apigateway:PUT", "apigateway:Request/ApiKeyRequired", METHOD),
    ("apigateway:PUT", "apigateway:Request/RouteAuthorizationType", METHOD),
    ("apigateway:PUT", "apigateway:Resource/ApiKeyRequired", METHOD),
    ("apigateway:PUT", "apigateway:Resource/RouteAuthorizationType", METHOD),
    ("sts:TagSession", "sts:*", ONE_REQUEST),
    ("sts:SetSourceIdentity", "sts:*", ONE_REQUEST),
    ("sts:SetSourceIdentity", "aws:RequestTag/*", ONE_REQUEST),
    ("sts:SetSourceIdentity", "aws:TagKeys", ONE_REQUEST),
    ("sts:AssumeRole", "aws:ResourceTag/*", "the role's type has it"),
];
const URI: &str =
    "the key's own words: available during CreateAuthorizer, UpdateAuthorizer and DeleteAuthorizer";
const ROUTING: &str = "the key's own words: available during CreateDomainName and UpdateDomainName";
const METHOD: &str =
    "the key's own words: available during PutMethod, whose PUT on a method the reference leaves out";
const ONE_REQUEST: &str = "reasoned: the request's context is one for the three actions of AssumeRole";

/// API Gateway's own keys by operation, from the keys' own words, when everything is sent and exists.
pub fn api_gateway_keys(operation: &str) -> &'static [&'static str] {
    match operation {
        "CreateRestApi" => &[
            "Request/ApiName",
            "Request/DisableExecuteApiEndpoint",
            "Request/EndpointType",
            "Request/SecurityPolicy",
        ],
        "UpdateRestApi" => &[
            "Request/ApiName",
            "Request/DisableExecuteApiEndpoint",
            "Request/EndpointType",
            "Request/SecurityPolicy",
            "Resource/ApiName",
            "Resource/DisableExecuteApiEndpoint",
            "Resource/EndpointType",
        ],
        "DeleteRestApi" | "PutRestApi" => {
            &["Resource/ApiName", "Resource/DisableExecuteApiEndpoint", "Resource/EndpointType"]
        }
        "PutMethod" | "UpdateMethod" => &[
            "Request/ApiKeyRequired",
            "Request/RouteAuthorizationType",
            "Resource/ApiKeyRequired",
            "Resource/RouteAuthorizationType",
        ],
        "DeleteMethod" => &["Resource/ApiKeyRequired", "Resource/RouteAuthorizationType"],
        "CreateAuthorizer" => &["Request/AuthorizerType", "Request/AuthorizerUri"],
        "UpdateAuthorizer" => &[
            "Request/AuthorizerType",
            "Request/AuthorizerUri",
            "Resource/AuthorizerType",
            "Resource/AuthorizerUri",
        ],
        "DeleteAuthorizer" => &["Resource/AuthorizerType", "Resource/AuthorizerUri"],
        "CreateDeployment" => &["Request/StageName"],
        "UpdateStage" => &[
            "Request/AccessLoggingDestination",
            "Request/AccessLoggingFormat",
            "Resource/AccessLoggingDestination",
            "Resource/AccessLoggingFormat",
        ],
        "DeleteStage" => &["Resource/AccessLoggingDestination", "Resource/AccessLoggingFormat"],
        "CreateDomainName" | "UpdateDomainName" => &[
            "Request/EndpointType",
            "Request/MtlsTrustStoreUri",
            "Request/MtlsTrustStoreVersion",
            "Request/RoutingMode",
            "Request/SecurityPolicy",
        ],
        "CreateDomainNameAccessAssociation" => &["Request/AccessAssociationSource", "Request/DomainNameArn"],
        _ => &[],
    }
}

/// Keys that the reference lists and a call does not carry: operation or `*`, action or `*`, key.
const ABSENT: &[(&str, &str, &str, &str)] = &[
    ("*", "*", "lambda:VpcIds", "the VPC of the subnets: EC2 knows it, and is not served"),
    ("*", "*", "lambda:EventSourceToken", "sent by Alexa alone (API Reference, AddPermission)"),
    ("*", "lambda:InvokeFunction", "lambda:InvokedViaFunctionUrl", "of calls by function URL alone"),
    ("DeleteEventSourceMapping", "*", "lambda:FunctionArn", NONE_YET),
    ("GetEventSourceMapping", "*", "lambda:FunctionArn", NONE_YET),
    ("CreateFunction", "*", "aws:ResourceTag/*", NEW),
    ("CreateInstanceProfile", "*", "aws:ResourceTag/*", NEW),
    ("CreateLogGroup", "*", "aws:ResourceTag/*", NEW),
    ("CreateRole", "*", "aws:ResourceTag/*", NEW),
    ("CreateRole", "*", "iam:ResourceTag/*", NEW),
    ("CreateUser", "*", "aws:ResourceTag/*", NEW),
    ("CreateUser", "*", "iam:ResourceTag/*", NEW),
    (
        "*",
        "iam:PassRole",
        "aws:ResourceTag/*",
        "User Guide, id_roles_use_passrole: not to be relied on for PassRole",
    ),
    ("*", "iam:PassRole", "iam:ResourceTag/*", "the same"),
    ("AddRoleToInstanceProfile", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("CreateAuthorizer", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("CreateImportTask", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("CreateScheduledQuery", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("PutDestination", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("PutIntegration", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("PutSubscriptionFilter", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("UpdateAccount", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("UpdateAuthorizer", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("UpdateIntegration", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("UpdateScheduledQuery", "iam:PassRole", "iam:AssociatedResourceArn", NOT_SAID),
    ("*", "*", "iam:RoleTemplateARN", "no member of any request of the model"),
    ("*", "*", "iam:DelegationRequestOwner", NONE_YET),
    ("*", "*", "iam:RegisterSecurityKey", CONSOLE),
    ("*", "*", "iam:FIDO-certification", CONSOLE),
    ("*", "*", "iam:FIDO-FIPS-140-2-certification", CONSOLE),
    ("*", "*", "iam:FIDO-FIPS-140-3-certification", CONSOLE),
    ("DeleteServiceSpecificCredential", "*", "iam:ServiceSpecificCredentialServiceName", NONE_YET),
    ("ResetServiceSpecificCredential", "*", "iam:ServiceSpecificCredentialServiceName", NONE_YET),
    ("UpdateServiceSpecificCredential", "*", "iam:ServiceSpecificCredentialServiceName", NONE_YET),
    ("AssumeRole", "*", "saml:aud", SAML),
    ("AssumeRole", "*", "saml:namequalifier", SAML),
    ("AssumeRole", "*", "saml:sub", SAML),
    ("AssumeRole", "*", "saml:sub_type", SAML),
    ("AssumeRole", "*", "${Provider}:*", SAML),
    ("GetFederationToken", "*", "saml:aud", SAML),
    ("GetFederationToken", "*", "sts:TransitiveTagKeys", "no member of the request"),
];
const NONE_YET: &str = "of a thing that cannot exist here yet";
const NEW: &str = "what is about to be made has no tags";
const NOT_SAID: &str = "which services set it is not documented but for EC2";
const CONSOLE: &str =
    "of security keys, which only the console registers (User Guide, reference_policies_iam-condition-keys)";
const SAML: &str = "of sessions that began with an assertion or token";

pub fn absent(operation: &Operation, action: &str, resource: &str, key: &str) -> bool {
    if ABSENT
        .iter()
        .any(|(o, a, k, _)| (*o == operation.name || *o == "*") && (*a == action || *a == "*") && *k == key)
    {
        return true;
    }
    // Tags of things that the test's world does not have.
    let below = resource.contains("/durable-execution/") || resource.contains("/tags/");
    key.contains(":ResourceTag/") && (below || !TAGGED.iter().any(|there| resource.contains(there)))
}

/// What has tags in the test's world.
const TAGGED: [&str; 8] = [
    "function:users",
    "log-group:team",
    "user/alice",
    "role/exec",
    "policy/edge",
    "instance-profile/profile",
    "/restapis/",
    "/usageplans/",
];
