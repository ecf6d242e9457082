//! An operation of a document as a method: PutMethod, its responses, its integration and the integration's responses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use wire::Call;

use super::document::{Document, Version};
use super::import::{Step, status_text};
use super::{authorizers, models};
use crate::management::failure::Failure;

type Members = Map<String, Value>;
/// `method.request.…` with whether it is required, and the schemas of bodies by content type.
type Parameters<'o> = (BTreeMap<String, bool>, Vec<(String, &'o Value)>);

/// What the operations of one document share.
pub(super) struct Shared<'d> {
    pub call: &'d Call,
    pub document: &'d Document,
    pub api: &'d str,
    /// A scheme's name to its authorizer's id and type.
    pub authorizers: BTreeMap<String, (String, String)>,
    /// A validator's name to its id.
    pub validators: BTreeMap<String, String>,
    /// The names of the API's models.
    pub models: BTreeSet<String>,
}

/// Where in a document something is said, as warnings tell it: `paths.'/users'(get)`.
struct Place<'w> {
    at: String,
    warnings: &'w mut Vec<String>,
}

impl Shared<'_> {
    /// The calls for one operation of the resource `resource`; `verb` is `GET` or `ANY`, `path` what the document calls
    /// the resource. `of_path` holds the parameters that all operations of the path have.
    pub fn method(
        &self,
        (resource, path, verb): (&str, &str, &str),
        operation: &Members,
        of_path: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Step>, Failure> {
        let at = format!("paths.'{path}'({})", verb.to_ascii_lowercase());
        let mut place = Place { at, warnings };
        let at = json!({ "restApiId": self.api, "resourceId": resource, "httpMethod": verb });
        let mut steps = Vec::new();
        let mut method = authorizers::of_method(self.document, operation, &self.authorizers);
        let (parameters, bodies) = self.parameters(operation, of_path)?;
        method.insert("requestParameters".into(), json!(parameters));
        let mut request_models = Members::new();
        for (kind, schema) in bodies {
            if let Some(name) = self.model("requestBody", schema, &mut steps, &mut place)? {
                request_models.insert(kind, name.into());
            }
        }
        method.insert("requestModels".into(), request_models.into());
        method.insert("operationName".into(), json!(operation.get("operationId")));
        let validator = operation
            .get("x-amazon-apigateway-request-validator")
            .or_else(|| self.document.root.get("x-amazon-apigateway-request-validator"))
            .and_then(Value::as_str)
            .and_then(|name| self.validators.get(name));
        method.insert("requestValidatorId".into(), json!(validator));
        let mut responses = Vec::new();
        for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten()
        {
            // A method's responses have a status; `default` has none.
            if status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()) {
                let response = self.document.resolve(response)?;
                let input = self.response(operation, (status, response), &mut steps, &mut place)?;
                responses.push(Step::at(&at, "PutMethodResponse", json!({ "statusCode": status }), input));
            }
        }
        steps.push(Step::at(&at, "PutMethod", json!({}), method));
        steps.append(&mut responses);
        if let Some(integration) = operation.get("x-amazon-apigateway-integration") {
            let integration = self.document.resolve(integration)?;
            if let Some(given) = integration.as_object() {
                steps.extend(integration_steps(&at, given));
            }
        }
        Ok(steps)
    }

    /// The model of a body. One that does not exist is warned of and left out (guide, "Errors and warnings during
    /// import": "minor issues like a missing model reference"; recorded for responses of an HTTP API, whose importer is
    /// the same: `Parse issue: attribute paths.'/update'(get).responses.200.content.schema.#/components/schemas/X is
    /// missing`).
    fn model(
        &self,
        of: &str,
        schema: &Value,
        steps: &mut Vec<Step>,
        place: &mut Place<'_>,
    ) -> Result<Option<String>, Failure> {
        if models::referred(schema).is_some_and(|name| !self.models.contains(name)) {
            let content = if self.document.version == Version::OpenApi3 { ".content" } else { "" };
            let reference = schema.get("$ref").and_then(Value::as_str).unwrap_or_default();
            let missing =
                format!("Parse issue: attribute {}.{of}{content}.schema.{reference} is missing", place.at);
            if !place.warnings.contains(&missing) {
                place.warnings.push(missing);
            }
            return Ok(None);
        }
        models::of_body(self.call, self.api, schema, steps, &self.models).map(Some)
    }

    fn parameters<'o>(
        &'o self,
        operation: &'o Members,
        of_path: Option<&'o Value>,
    ) -> Result<Parameters<'o>, Failure> {
        let mut parameters = BTreeMap::new();
        let mut bodies = Vec::new();
        let lists = [of_path, operation.get("parameters")].into_iter().flatten().filter_map(Value::as_array);
        for parameter in lists.flatten() {
            let parameter = self.document.resolve(parameter)?;
            let text = |member: &str| parameter.get(member).and_then(Value::as_str).unwrap_or_default();
            let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(false);
            let place = match text("in") {
                "query" => "querystring",
                "header" => "header",
                "path" => "path",
                "body" => {
                    if let Some(schema) = parameter.get("schema") {
                        bodies
                            .extend(self.types(operation, "consumes").into_iter().map(|kind| (kind, schema)));
                    }
                    continue;
                }
                _ => continue,
            };
            parameters.insert(format!("method.request.{place}.{}", text("name")), required);
        }
        if let Some(body) = operation.get("requestBody") {
            let content = self.document.resolve(body)?.get("content").and_then(Value::as_object);
            for (kind, media) in content.into_iter().flatten() {
                bodies.extend(media.get("schema").map(|schema| (kind.clone(), schema)));
            }
        }
        Ok((parameters, bodies))
    }

    /// Swagger's `consumes` or `produces`.
    fn types(&self, operation: &Members, member: &str) -> Vec<String> {
        let given =
            operation.get(member).or_else(|| self.document.root.get(member)).and_then(Value::as_array);
        let given: Vec<String> =
            given.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        if given.is_empty() { vec!["application/json".to_owned()] } else { given }
    }

    fn response(
        &self,
        operation: &Members,
        (status, response): (&str, &Value),
        steps: &mut Vec<Step>,
        place: &mut Place<'_>,
    ) -> Result<Members, Failure> {
        let of = format!("responses.{status}");
        let mut names = Members::new();
        for name in response.get("headers").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            names.insert(format!("method.response.header.{name}"), false.into());
        }
        let mut kinds = Members::new();
        match self.document.version {
            Version::Swagger2 => {
                if let Some(schema) = response.get("schema")
                    && let Some(name) = self.model(&of, schema, steps, place)?
                {
                    for kind in self.types(operation, "produces") {
                        kinds.insert(kind, name.as_str().into());
                    }
                }
            }
            Version::OpenApi3 => {
                for (kind, media) in response.get("content").and_then(Value::as_object).into_iter().flatten()
                {
                    if let Some(schema) = media.get("schema")
                        && let Some(name) = self.model(&of, schema, steps, place)?
                    {
                        kinds.insert(kind.clone(), name.into());
                    }
                }
            }
        }
        let mut input = Members::new();
        input.insert("responseParameters".into(), names.into());
        input.insert("responseModels".into(), kinds.into());
        Ok(input)
    }
}

/// PutIntegration, and PutIntegrationResponse for each of `responses`, whose keys are selection patterns.
fn integration_steps(at: &Value, given: &Members) -> Vec<Step> {
    let mut input = Members::new();
    for member in [
        "uri",
        "credentials",
        "requestParameters",
        "requestTemplates",
        "contentHandling",
        "timeoutInMillis",
        "cacheNamespace",
        "cacheKeyParameters",
        "connectionId",
        "tlsConfig",
        "responseTransferMode",
        "integrationTarget",
    ] {
        input.insert(member.into(), json!(given.get(member)));
    }
    let upper = |member: &str| given.get(member).and_then(Value::as_str).map(str::to_ascii_uppercase);
    let kind = upper("type").unwrap_or_default();
    input.insert("integrationHttpMethod".into(), json!(upper("httpMethod")));
    input.insert("passthroughBehavior".into(), json!(upper("passthroughBehavior")));
    let connection =
        upper("connectionType").or_else(|| kind.starts_with("HTTP").then(|| "INTERNET".to_owned()));
    input.insert("connectionType".into(), json!(connection));
    input.insert("type".into(), kind.into());
    let mut steps = vec![Step::at(at, "PutIntegration", json!({}), input)];
    for (pattern, response) in given.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let mut input = Members::new();
        for member in ["responseParameters", "responseTemplates", "contentHandling"] {
            input.insert(member.into(), json!(response.get(member)));
        }
        // A number as well (recording test_import_with_integer_http_status_code).
        input.insert("statusCode".into(), status_text(response.get("statusCode")));
        if pattern != "default" {
            input.insert("selectionPattern".into(), pattern.as_str().into());
        }
        steps.push(Step::at(at, "PutIntegrationResponse", json!({}), input));
    }
    steps
}
