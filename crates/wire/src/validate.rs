//! The models' constraints, in AWS's own words.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::constraint::{broken, broken_text, every, is_simple, rules};
use crate::error::ApiError;
use crate::java::{MAX_SHOWN, push_lower_camel, write_java};
use crate::model::{Kind, Location, Member, Model, Operation, ShapeId};
use crate::service::Service;

/// More violations than this are counted no further.
const MAX_VIOLATIONS: usize = 50;

/// Checks an input against the model: required members, lengths, values, patterns and enums.
///
/// The whole-body blob of [`crate::parse`] is not part of the input and not checked.
///
/// # Errors
/// One error that lists every violation, as recorded (`errors.tsv`, "failed to satisfy constraint"): code
/// `ValidationException` for API Gateway and Lambda, `ValidationError` for IAM and STS, `InvalidParameterException` for
/// CloudWatch Logs, all with status 400.
pub fn validate(op: &Operation, input: &Map<String, Value>) -> Result<(), ApiError> {
    let mut check = Check { model: op.model(), op, path: Vec::new(), found: Vec::new(), count: 0 };
    check.members(op.input_members(), input);
    if check.count == 0 {
        return Ok(());
    }
    let plural = if check.count == 1 { "error" } else { "errors" };
    let text = format!("{} validation {plural} detected: {}", check.count, check.found.join("; "));
    Err(ApiError::new(code(op), 400, text))
}

fn code(op: &Operation) -> &'static str {
    let lists = |code: &str| op.errors.iter().any(|&id| op.model().shape(id).name == code);
    match op.service {
        Service::ApiGateway | Service::Lambda => "ValidationException",
        Service::Iam | Service::Sts => "ValidationError",
        // Recorded with PutDeliveryDestination: the younger operations, which list no InvalidParameterException.
        Service::Logs if lists("ValidationException") && !lists("InvalidParameterException") => {
            "ValidationException"
        }
        Service::Logs => "InvalidParameterException",
        // Documented for every one of its operations; no recording.
        Service::Organizations => "InvalidInputException",
    }
}

/// One step from a structure to a value inside.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a Member),
    /// Counted from one.
    Item(usize),
    Key(&'a str),
}

struct Check<'a> {
    model: &'static Model,
    op: &'a Operation,
    path: Vec<Step<'a>>,
    found: Vec<String>,
    count: usize,
}

impl<'a> Check<'a> {
    fn members(&mut self, members: &'a [Member], object: &'a Map<String, Value>) {
        for member in members {
            self.path.push(Step::Member(member));
            match object.get(member.name).filter(|v| !v.is_null()) {
                Some(value) => self.value(member.shape, value),
                None if member.required && !self.is_whole_body(member) => {
                    self.report(Shown::Null, "Member must not be null");
                }
                None => {}
            }
            self.path.pop();
        }
    }

    fn is_whole_body(&self, member: &Member) -> bool {
        self.op.input_payload().is_some_and(|p| std::ptr::eq(p, member))
            && matches!(self.model.shape(member.shape).kind, Kind::Blob)
    }

    fn value(&mut self, id: ShapeId, value: &'a Value) {
        let service = self.op.service;
        let shape = self.model.shape(id);
        for rule in broken(service, shape, value) {
            // AWS has another text for this one, given by the handler: "Value … at 'runtime' failed to satisfy
            // constraint: Member must satisfy enum value set: […] or be a valid ARN" (errors.tsv, lambda_).
            let runtime = shape.name == "Runtime" && matches!(self.path.as_slice(), [Step::Member(_)]);
            if self.op.service == Service::Lambda && runtime && self.op.name.ends_with("Function") {
                continue;
            }
            if !(runtime && self.op.name == "UpdateFunctionConfiguration") {
                self.report(Shown::Value(id, value), &rule);
            }
        }
        match (&shape.kind, value) {
            (Kind::Structure { members, .. }, Value::Object(object)) => self.members(members, object),
            (Kind::List(item), Value::Array(items)) => self.items(id, *item, value, items),
            (Kind::Map { key, value: inner }, Value::Object(entries)) => {
                self.entries(id, *key, *inner, value, entries);
            }
            _ => {}
        }
    }

    /// Items of a simple shape are reported once, for the whole list, with every rule of the shape; others one by one.
    fn items(&mut self, id: ShapeId, item: ShapeId, list: &'a Value, items: &'a [Value]) {
        let (service, shape) = (self.op.service, self.model.shape(item));
        if is_simple(shape) {
            if !items.iter().any(|i| !i.is_null() && !broken(service, shape, i).is_empty()) {
                return;
            }
            let rules = match (self.op.service, shape.name) {
                // Both recorded with Lambda's PublishLayerVersion (test_layer_exceptions).
                (Service::Lambda, "Runtime") => rules(service, shape).join(", "),
                (Service::Lambda, "Architecture") => every(service, shape, &["Member must not be null"]),
                _ => every(service, shape, &[]),
            };
            self.report(Shown::Value(id, list), &rules);
            return;
        }
        for (at, value) in items.iter().enumerate().filter(|(_, v)| !v.is_null()) {
            self.path.push(Step::Item(at + 1));
            self.value(item, value);
            self.path.pop();
        }
    }

    fn entries(
        &mut self,
        id: ShapeId,
        key: ShapeId,
        inner: ShapeId,
        map: &'a Value,
        entries: &'a Map<String, Value>,
    ) {
        let service = self.op.service;
        let (keys, values) = (self.model.shape(key), self.model.shape(inner));
        if entries.keys().any(|k| !broken_text(service, keys, k).is_empty()) {
            self.report(
                Shown::Value(id, map),
                &format!("Map keys must satisfy constraint: [{}]", rules(service, keys).join(", ")),
            );
        }
        if is_simple(values) {
            if entries.values().any(|v| !v.is_null() && !broken(service, values, v).is_empty()) {
                let mut all = rules(service, values);
                all.push("Member must not be null".to_owned());
                let text = format!("Map value must satisfy constraint: [{}]", all.join(", "));
                self.report(Shown::Value(id, map), &text);
            }
            return;
        }
        for (key, value) in entries.iter().filter(|(_, v)| !v.is_null()) {
            self.path.push(Step::Key(key));
            self.value(inner, value);
            self.path.pop();
        }
    }

    fn report(&mut self, shown: Shown<'_>, rule: &str) {
        self.count += 1;
        if self.found.len() >= MAX_VIOLATIONS {
            return;
        }
        let mut text = "Value ".to_owned();
        match shown {
            Shown::Null => text.push_str("null "),
            Shown::Value(id, value) => {
                // Recorded for IAM (test_service_specific_credentials: "Value at 'status' failed"), and what AWS's
                // framework does for members that the model calls sensitive.
                if self.op.service != Service::Iam && !self.is_sensitive(id, value) {
                    let mut java = String::new();
                    write_java(self.model, id, value, &mut java);
                    if let Some((cut, _)) = java.char_indices().nth(MAX_SHOWN) {
                        java.truncate(cut);
                        java.push('…');
                    }
                    let _ = write!(text, "'{java}' ");
                }
            }
        }
        let _ = write!(text, "at '{}' failed to satisfy constraint: {rule}", self.path_text());
        self.found.push(text);
    }

    /// Whether a value, or anything inside it, must not be repeated.
    fn is_sensitive(&self, id: ShapeId, value: &Value) -> bool {
        let shape = self.model.shape(id);
        shape.sensitive
            || match (&shape.kind, value) {
                (Kind::Structure { members, .. }, Value::Object(object)) => {
                    members.iter().any(|m| object.get(m.name).is_some_and(|v| self.is_sensitive(m.shape, v)))
                }
                (Kind::List(item), Value::Array(items)) => items.iter().any(|i| self.is_sensitive(*item, i)),
                (Kind::Map { key, value }, Value::Object(entries)) => {
                    self.model.shape(*key).sensitive || entries.values().any(|v| self.is_sensitive(*value, v))
                }
                _ => false,
            }
    }

    /// `vpcConfig.subnetIds`, or `updateRestApiInput.patchOperations.1.member.op`: API Gateway puts the input's name
    /// before members that travel in the body, and only there (errors.tsv: `statusCode`, `responseType` are in the path).
    fn path_text(&self) -> String {
        let mut text = String::new();
        let in_body =
            matches!(self.path.first(), Some(Step::Member(first)) if first.location == Location::Body);
        if in_body && self.op.service == Service::ApiGateway {
            push_lower_camel(self.op.name, &mut text);
            text.push_str("Input");
        }
        for step in &self.path {
            if !text.is_empty() {
                text.push('.');
            }
            match step {
                Step::Member(member) => push_lower_camel(member.name, &mut text),
                Step::Item(at) => {
                    let _ = write!(text, "{at}.member");
                }
                Step::Key(key) => {
                    let _ = write!(text, "{key}.member");
                }
            }
        }
        text
    }
}

/// What an error's text repeats.
enum Shown<'a> {
    Null,
    Value(ShapeId, &'a Value),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The code and text for an input, or an empty text.
    #[track_caller]
    fn check(service: Service, operation: &str, input: Value, expected: &str) {
        let op = service.operation(operation).expect("operation");
        let error = validate(op, input.as_object().expect("object")).err();
        assert_eq!(error.map(|e| e.to_string()).unwrap_or_default(), expected);
    }

    #[test]
    fn lambda_names_members_without_their_input() {
        check(
            Service::Lambda,
            "UntagResource",
            json!({"Resource": "arn:aws:lambda:us-east-1:111111111111:function:f"}),
            "ValidationException: 1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: \
             Member must not be null",
        );
        check(
            Service::Lambda,
            "PutProvisionedConcurrencyConfig",
            json!({"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0}),
            "ValidationException: 1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to \
             satisfy constraint: Member must have value greater than or equal to 1",
        );
        check(
            Service::Lambda,
            "ListFunctions",
            json!({"FunctionVersion": "invalid"}),
            "ValidationException: 1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy \
             constraint: Member must satisfy enum value set: [ALL]",
        );
        check(
            Service::Lambda,
            "AddPermission",
            json!({"FunctionName": "f", "Action": "lambda:InvokeFunction", "Principal": "*", "StatementId": "example.com"}),
            "ValidationException: 1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
        );
    }

    #[test]
    fn lists_of_simple_values_are_reported_once_with_every_rule() {
        check(
            Service::Lambda,
            "UpdateFunctionCode",
            json!({"FunctionName": "f", "Architectures": ["X86_64"]}),
            "ValidationException: 1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member \
             must not be null]",
        );
        check(
            Service::Lambda,
            "UpdateFunctionCode",
            json!({"FunctionName": "f", "Architectures": ["x86_64", "arm64"]}),
            "ValidationException: 1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to \
             satisfy constraint: Member must have length less than or equal to 1",
        );
        check(
            Service::Lambda,
            "UpdateFunctionConfiguration",
            json!({"FunctionName": "f", "VpcConfig": {"SubnetIds": ["bad"]}}),
            "ValidationException: 1 validation error detected: Value '[bad]' at 'vpcConfig.subnetIds' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must \
             have length greater than or equal to 0, Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
        );
    }

    #[test]
    fn maps_tell_keys_from_values() {
        let weights = |weights: Value| {
            json!({"FunctionName": "f", "Name": "a", "FunctionVersion": "1",
                   "RoutingConfig": {"AdditionalVersionWeights": weights}})
        };
        check(
            Service::Lambda,
            "CreateAlias",
            weights(json!({"2": 2.0})),
            "ValidationException: 1 validation error detected: Value '{2=2.0}' at \
             'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: \
             [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, \
             Member must not be null]",
        );
        check(
            Service::Lambda,
            "CreateAlias",
            weights(json!({"$LATEST": 0.5})),
            "ValidationException: 1 validation error detected: Value '{$LATEST=0.5}' at \
             'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: \
             [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, \
             Member must satisfy regular expression pattern: [0-9]+]",
        );
    }

    #[test]
    fn api_gateway_names_the_input_for_members_of_the_body_only() {
        check(
            Service::ApiGateway,
            "PutIntegrationResponse",
            json!({"restApiId": "a", "resourceId": "b", "httpMethod": "GET", "statusCode": "wrong"}),
            "ValidationException: 1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [1-5]\\d\\d",
        );
        check(
            Service::ApiGateway,
            "CreateRestApi",
            json!({"name": "a", "endpointConfiguration": {"ipAddressType": "wrong"}}),
            "ValidationException: 1 validation error detected: Value 'wrong' at \
             'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy constraint: Member must satisfy \
             enum value set: [ipv4, dualstack]",
        );
    }

    #[test]
    fn every_violation_is_listed_and_structures_in_lists_are_numbered() {
        let op = |op: &str| json!({"op": op, "path": "/name"});
        let input = json!({"restApiId": "a", "patchOperations": [op("wrong"), op("add"), op("wrong")]});
        let one = |at: usize| {
            format!(
                "Value 'wrong' at 'updateRestApiInput.patchOperations.{at}.member.op' failed to satisfy constraint: Member \
                 must satisfy enum value set: [add, remove, move, test, replace, copy]"
            )
        };
        let expected = format!("ValidationException: 2 validation errors detected: {}; {}", one(1), one(3));
        check(Service::ApiGateway, "UpdateRestApi", input, &expected);
    }

    #[test]
    fn iam_does_not_repeat_the_value_and_sts_does() {
        check(
            Service::Iam,
            "UpdateServiceSpecificCredential",
            json!({"ServiceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE-", "Status": "Active"}),
            "ValidationError: 1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w]+",
        );
        check(
            Service::Sts,
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::111111111111:role/r", "RoleSessionName": "Session1:2"}),
            "ValidationError: 1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        );
    }

    #[test]
    fn iam_does_not_list_the_values_of_an_enum() {
        check(
            Service::Iam,
            "UpdateServiceSpecificCredential",
            json!({"ServiceSpecificCredentialId": "ACCAEXAMPLE123EXAMPLE", "Status": "Invalid"}),
            "ValidationError: 1 validation error detected: Value at 'status' failed to satisfy constraint: Member must \
             satisfy enum value set",
        );
    }

    #[test]
    fn logs_has_a_code_of_its_own_and_shows_structures_as_java_does() {
        check(
            Service::Logs,
            "GetLogEvents",
            json!({"logGroupName": "g", "logStreamName": "s", "limit": 10001}),
            "InvalidParameterException: 1 validation error detected: Value '10001' at 'limit' failed to satisfy \
             constraint: Member must have value less than or equal to 10000",
        );
        check(
            Service::Logs,
            "PutDeliveryDestination",
            json!({"name": "d", "outputFormat": "foobar"}),
            "ValidationException: 1 validation error detected: Value 'foobar' at 'outputFormat' failed to satisfy \
             constraint: Member must satisfy enum value set: [w3c, raw, json, plain, parquet]",
        );
        let transformation = |n: u32| json!({"metricName": format!("metric{n}"), "metricNamespace": format!("namespace{n}"), "metricValue": "1"});
        check(
            Service::Logs,
            "PutMetricFilter",
            json!({"logGroupName": "g", "filterName": "f", "filterPattern": "p",
                   "metricTransformations": [transformation(1), transformation(2)]}),
            "InvalidParameterException: 1 validation error detected: Value '[MetricTransformation(metricName=metric1, \
             metricNamespace=namespace1, metricValue=1, defaultValue=null, dimensions=null, unit=null), \
             MetricTransformation(metricName=metric2, metricNamespace=namespace2, metricValue=1, defaultValue=null, \
             dimensions=null, unit=null)]' at 'metricTransformations' failed to satisfy constraint: Member must have \
             length less than or equal to 1",
        );
    }

    #[test]
    fn the_runtime_of_a_function_is_left_to_its_handler() {
        let update = json!({"FunctionName": "f", "Runtime": "cobol"});
        check(Service::Lambda, "UpdateFunctionConfiguration", update, "");
        let create = json!({"FunctionName": "f", "Runtime": "cobol", "Code": {},
                            "Role": "arn:aws:iam::111111111111:role/r"});
        check(Service::Lambda, "CreateFunction", create, "");
    }

    #[test]
    fn sensitive_values_are_not_repeated() {
        let input = json!({"FunctionName": "f", "Environment": {"Variables": {"1bad": "secret"}}});
        let op = Service::Lambda.operation("UpdateFunctionConfiguration").expect("operation");
        let error = validate(op, input.as_object().expect("object")).expect_err("violation").to_string();
        assert!(
            error.contains("Value at 'environment.variables' failed") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn a_whole_body_blob_is_not_missed() {
        check(Service::ApiGateway, "PutRestApi", json!({"restApiId": "a"}), "");
    }
}
