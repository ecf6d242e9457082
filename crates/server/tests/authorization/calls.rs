//! A well-formed call of every operation, about things that exist in the test's world.

use regex::Regex;
use serde_json::{Map, Value, json};
use wire::{Kind, Operation, Service, Shape, ShapeId};

/// How much of an input is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// The members that the model requires.
    Required,
    /// Every member, but one of two that exclude each other.
    Full,
}

/// Ids that the services gave to the world's things.
#[derive(Default)]
pub struct Ids {
    pub api: String,
    pub resource: String,
    pub authorizer: String,
    pub key: String,
    pub plan: String,
}

/// Structures nested deeper than this are left out: some contain themselves.
const DEEP: usize = 4;

pub struct Filler<'a> {
    pub ids: &'a Ids,
    pub operation: &'static Operation,
    pub amount: Amount,
}

impl Filler<'_> {
    pub fn input(&self) -> Map<String, Value> {
        let Some(id) = self.operation.input else { return Map::new() };
        let mut input = self.structure(id, 0);
        // One of two: the recorded refusal of both is in crates/logs/src/names.rs.
        for (kept, dropped) in [
            ("logGroupName", "logGroupIdentifier"),
            ("logGroupName", "logGroupNames"),
            ("logGroupName", "logGroupIdentifiers"),
            ("logGroupName", "resourceIdentifier"),
        ] {
            if input.contains_key(kept) {
                input.remove(dropped);
            }
        }
        if self.operation.name == "RemovePermission" || self.operation.name.ends_with("FunctionUrlConfig") {
            // The statement and the URL are those of the function without a qualifier.
            input.remove("Qualifier");
        }
        // A code that no device shows is refused before any policy is asked.
        input.remove("TokenCode");
        // Refused by name.
        input.remove("ProvidedContexts");
        if self.operation.service == Service::Sts {
            input.remove("SerialNumber");
        }
        if self.operation.name == "UpdateDomainName" {
            // A public domain name; the ids of private ones are in the other operations.
            input.remove("domainNameId");
        }
        // Neither is required by the model, one of them by the service.
        let either = self.operation.input.map(|id| self.operation.model().shape(id));
        let has = |name| either.is_some_and(|shape| shape.members().iter().any(|m| m.name == name));
        if self.operation.service == Service::Logs
            && has("logGroupName")
            && !input.contains_key("logGroupIdentifier")
            && self.operation.name != "StartQuery"
        {
            input.insert("logGroupName".to_owned(), json!("team"));
        }
        input
    }

    fn structure(&self, id: ShapeId, depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        for member in self.operation.model().shape(id).members() {
            let shape = self.operation.model().shape(member.shape);
            if member.required || (self.amount == Amount::Full && depth < DEEP && !shape.is_event_stream()) {
                object.insert(member.name.to_owned(), self.value(member.name, member.shape, depth + 1));
            }
        }
        object
    }

    fn value(&self, name: &str, id: ShapeId, depth: usize) -> Value {
        let model = self.operation.model();
        let shape = model.shape(id);
        match &shape.kind {
            Kind::Structure { .. } => Value::Object(self.structure(id, depth)),
            Kind::List(_) if name == "patchOperations" => self.patches(),
            Kind::List(item) => json!([self.value(name, *item, depth + 1)]),
            Kind::Map { .. } if name.eq_ignore_ascii_case("tags") => json!({ "team": "blue" }),
            Kind::Map { .. } if shape.min.unwrap_or(0.0) < 1.0 => json!({}),
            Kind::Map { key, value } => {
                // As many keys as the model has names for, or two made-up ones.
                let choices: Vec<&str> = model.shape(*key).choices().take(2).collect();
                let made_up = ["key0", "key1"].map(str::to_owned);
                let keys = if choices.is_empty() {
                    made_up.to_vec()
                } else {
                    choices.into_iter().map(str::to_owned).collect()
                };
                Value::Object(
                    keys.into_iter().map(|key| (key, self.value(name, *value, depth + 1))).collect(),
                )
            }
            Kind::String => json!(self.fitting(shape, name)),
            Kind::Integer | Kind::Long => json!(shape.min.unwrap_or(1.0).max(1.0) as i64),
            Kind::Double => json!(shape.min.unwrap_or(1.0)),
            Kind::Boolean => json!(true),
            Kind::Blob => json!("e30="),
            Kind::Timestamp => json!(1_795_424_400),
        }
    }

    /// What UpdateX of API Gateway can be sent, of everything that bears on a check.
    fn patches(&self) -> Value {
        let paths: &[(&str, &str)] = match self.operation.name {
            "UpdateRestApi" => &[
                ("/name", "n"),
                ("/policy", "{}"),
                ("/disableExecuteApiEndpoint", "true"),
                ("/securityPolicy", "TLS_1_2"),
                ("/endpointConfiguration/types/EDGE", "REGIONAL"),
            ],
            "UpdateMethod" => &[("/apiKeyRequired", "true"), ("/authorizationType", "NONE")],
            "UpdateAuthorizer" => &[
                ("/type", "TOKEN"),
                ("/authorizerUri", "arn:aws:apigateway:us-east-1:lambda:path/x"),
                ("/authorizerCredentials", ROLE),
            ],
            "UpdateIntegration" => &[("/credentials", ROLE)],
            "UpdateAccount" => &[("/cloudwatchRoleArn", ROLE)],
            "UpdateStage" => {
                &[("/accessLogSettings/destinationArn", "arn:x"), ("/accessLogSettings/format", "f")]
            }
            "UpdateDomainName" => &[
                ("/mutualTlsAuthentication/truststoreUri", "s3://b/k"),
                ("/mutualTlsAuthentication/truststoreVersion", "1"),
                ("/securityPolicy", "TLS_1_2"),
                ("/routingMode", "ROUTING_RULE_ONLY"),
                ("/endpointConfiguration/types/EDGE", "REGIONAL"),
            ],
            _ => &[("/description", "d")],
        };
        paths.iter().map(|(path, value)| json!({ "op": "replace", "path": path, "value": value })).collect()
    }

    /// A text that the model takes: a choice, the world's own for the member, or the first of some that fits.
    fn fitting(&self, shape: &Shape, name: &str) -> String {
        if let Some(choice) = shape.choices().next() {
            return choice.to_owned();
        }
        // Java's dialect, as far as it is regex's too; the whole call is validated by the test.
        let pattern = shape.pattern.and_then(|p| Regex::new(&format!("^(?:{p})$")).ok());
        let length = |text: &str| text.chars().count() as f64;
        let fits = |text: &&str| {
            length(text) >= shape.min.unwrap_or(0.0)
                && length(text) <= shape.max.unwrap_or(f64::MAX)
                && pattern.as_ref().is_none_or(|p| p.is_match(text))
        };
        let own = self.text(name);
        std::iter::once(own.as_str()).chain(TEXTS).find(fits).unwrap_or(&own).to_owned()
    }

    fn text(&self, name: &str) -> String {
        let ids = self.ids;
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}");
        let iam = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
        match (self.operation.service, name) {
            (_, "FunctionName") => "users".to_owned(),
            (Service::Lambda, "Qualifier") if self.operation.name.contains("ProvisionedConcurrency") => {
                "live".to_owned()
            }
            (Service::Lambda, "Role" | "CapacityProviderOperatorRoleArn") => ROLE.to_owned(),
            (Service::Lambda, "Principal") => "apigateway.amazonaws.com".to_owned(),
            (Service::Lambda, "StatementId") => "gateway".to_owned(),
            (Service::Lambda, "Resource") => arn("lambda", "function:users"),
            (Service::Lambda, "Arn" | "Layers") => arn("lambda", "layer:shared:1"),
            (Service::Lambda, "CodeSigningConfigArn") => {
                arn("lambda", "code-signing-config:csc-0123456789abcdef0")
            }
            (Service::Lambda, "CapacityProviderArn") => arn("lambda", "capacity-provider:cp"),
            (Service::Lambda, "DurableExecutionArn") => {
                arn("lambda", "function:users:1/durable-execution/run/1")
            }
            (Service::Lambda, "UUID") => "11111111-2222-3333-4444-555555555555".to_owned(),
            (Service::ApiGateway, "restApiId") => ids.api.clone(),
            (Service::ApiGateway, "resourceId" | "parentId") => ids.resource.clone(),
            (Service::ApiGateway, "authorizerId") => ids.authorizer.clone(),
            (Service::ApiGateway, "apiKey") => ids.key.clone(),
            (Service::ApiGateway, "usagePlanId") => ids.plan.clone(),
            (Service::ApiGateway, "httpMethod") => "GET".to_owned(),
            (Service::ApiGateway, "stageName") => "dev".to_owned(),
            (Service::ApiGateway, "statusCode") => "200".to_owned(),
            (Service::ApiGateway, "credentials" | "authorizerCredentials") => ROLE.to_owned(),
            (Service::ApiGateway, "resourceArn") => {
                format!("arn:aws:apigateway:us-east-1::/restapis/{}", ids.api)
            }
            (Service::ApiGateway, "domainName") => "api.example.com".to_owned(),
            (Service::ApiGateway, "domainNameArn") => arn("apigateway", "/domainnames/api.example.com+abc"),
            (Service::ApiGateway, "domainNameAccessAssociationArn") => arn(
                "apigateway",
                "/domainnameaccessassociations/domainname/api.example.com/vpcesource/vpce-1",
            ),
            (Service::ApiGateway, "types") => "REGIONAL".to_owned(),
            (Service::Logs, "roleArn" | "importRoleArn") => ROLE.to_owned(),
            (
                Service::Logs,
                "logGroupIdentifier" | "logGroupIdentifiers" | "logGroupArnList" | "resourceIdentifier",
            ) => arn("logs", "log-group:team"),
            (Service::Logs, "resourceArn") => arn("logs", "log-group:team"),
            (Service::Logs, "logGroupName" | "logGroupNames") => "team".to_owned(),
            (Service::Logs, "destinationArn") => arn("logs", "destination:d"),
            (Service::Logs, "deliveryDestinationArn") => arn("logs", "delivery-destination:d"),
            (Service::Logs, "lookupTableArn") => arn("logs", "lookup-table:t"),
            (Service::Logs, "anomalyDetectorArn") => arn("logs", "anomaly-detector:a"),
            (Service::Logs, "destinationResourceArn") => arn("s3", "bucket"),
            (Service::Iam, "UserName") => "alice".to_owned(),
            (Service::Iam, "RoleName") => "exec".to_owned(),
            (Service::Iam, "GroupName") => "staff".to_owned(),
            (Service::Iam, "PolicyArn" | "PermissionsBoundary") => iam("policy/edge"),
            (Service::Iam, "InstanceProfileName") => "profile".to_owned(),
            (Service::Iam, "Path" | "NewPath" | "PathPrefix") => "/".to_owned(),
            (Service::Iam, "SerialNumber") => iam("mfa/device"),
            (Service::Iam, "OpenIDConnectProviderArn") => iam("oidc-provider/idp.example.com/x"),
            (Service::Iam, "Url") => "https://idp.example.com/x".to_owned(),
            (Service::Iam, "SAMLProviderArn") => iam("saml-provider/idp"),
            (Service::Iam, "PolicySourceArn" | "Arn") => iam("user/alice"),
            (Service::Iam, "EntityArn") => iam("delegation-request/d-1"),
            (Service::Iam, "EntityPath") => "o-0123456789/r-0123/111111111111".to_owned(),
            (Service::Iam, "SAMLMetadataDocument") => "x".repeat(1_000),
            (Service::Iam, "AWSServiceName") => "ops.apigateway.amazonaws.com".to_owned(),
            (Service::Iam, "DeletionTaskId") => {
                "task/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway/1".to_owned()
            }
            (Service::Iam, "PolicyTemplateArn") => "arn:aws:iam::aws:policy-template/x".to_owned(),
            (Service::Sts, "RoleArn") => ROLE.to_owned(),
            (Service::Sts, "TargetPrincipal") => "222222222222".to_owned(),
            (Service::Sts, "arn") => {
                "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials".to_owned()
            }
            (Service::Sts, "PrincipalArn") => iam("saml-provider/idp"),
            (_, "Key" | "TagKeys" | "tagKeys" | "TransitiveTagKeys") => "team".to_owned(),
            _ => format!("{}-1", name.to_ascii_lowercase()),
        }
    }
}

/// What else texts look like.
const TEXTS: [&str; 27] = [
    "a",
    "1",
    "name",
    "111111111111",
    "us-east-1",
    "GET",
    "lambda:InvokeFunction",
    "lambda:GetLayerVersion",
    "arn:aws:sqs:us-east-1:111111111111:queue",
    "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555",
    "arn:aws:lambda:us-east-1::runtime:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "s3://bucket/key",
    "11111111-2222-3333-4444-555555555555",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "o-0123456789",
    "subnet-0123456789abcdef0",
    "sg-0123456789abcdef0",
    "vpc-0123456789abcdef0",
    "123456",
    "v1",
    "1.0",
    "p-01234567",
    "broker:9092",
    "RS256",
    "https://example.com",
    "arn:aws:elasticfilesystem:us-east-1:111111111111:access-point/fsap-0123456789abcdef0",
    "/mnt/data",
];

pub const ACCOUNT: &str = "111111111111";
pub const ROLE: &str = "arn:aws:iam::111111111111:role/exec";
