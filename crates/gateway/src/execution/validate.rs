//! Request validators.

use super::body_model::{BodyModels, Misfit};
use super::call::MethodCall;
use super::gateway_response::GatewayResponse;
use super::integrate::Failure;
use super::journal::Journal;
use super::trace::Why;
use crate::model::{Method, Snapshot};

/// What a method's validator asks for.
#[derive(Debug, Default)]
pub(super) struct Validation {
    /// Required parameters: headers, then path, then query (recording test_api_gateway_request_validator).
    required: Vec<Parameter>,
    /// The models that bodies must fit.
    body: BodyModels,
}

#[derive(Debug, PartialEq)]
enum Parameter {
    Header(Box<str>),
    Path(Box<str>),
    Query(Box<str>),
}

impl Parameter {
    fn name(&self) -> &str {
        match self {
            Self::Header(name) | Self::Path(name) | Self::Query(name) => name,
        }
    }

    /// "Included in the request and not blank" (guide, api-gateway-method-request-validation).
    fn is_in(&self, call: &MethodCall<'_>) -> bool {
        match self {
            Self::Header(name) => call.request.header(name).is_some_and(|v| !v.trim().is_empty()),
            Self::Path(name) => call.path_parameters.iter().any(|(n, v)| *n == &**name && !v.is_empty()),
            Self::Query(name) => {
                call.query().iter().any(|(n, v)| *n == **name && v.iter().any(|v| !v.trim().is_empty()))
            }
        }
    }
}

impl Validation {
    pub fn compile(snapshot: &Snapshot, method: &Method) -> Self {
        let validator = method.rest.get("requestValidatorId").and_then(serde_json::Value::as_str);
        let Some(validator) = validator.and_then(|id| snapshot.validators.get(id)) else {
            return Self::default();
        };
        let mut out = Self::default();
        if validator.validate_request_parameters {
            let of = |prefix: &'static str| {
                method
                    .request_parameters
                    .iter()
                    .filter(|(_, required)| **required)
                    .filter_map(move |(name, _)| Some(Box::from(name.strip_prefix(prefix)?)))
            };
            out.required.extend(of("method.request.header.").map(Parameter::Header));
            out.required.extend(of("method.request.path.").map(Parameter::Path));
            out.required.extend(of("method.request.querystring.").map(Parameter::Query));
        }
        if validator.validate_request_body {
            let models = method.rest.get("requestModels").and_then(serde_json::Value::as_object);
            out.body = models.map(|names| BodyModels::compile(snapshot, names)).unwrap_or_default();
        }
        out
    }

    /// Parameters first, then the body (recording test_api_gateway_request_validator).
    ///
    /// # Errors
    /// 400 naming the parameters that are missing, or for a body that does not fit; 500 for a model that cannot be used.
    pub fn check(&self, call: &MethodCall<'_>, journal: &mut Journal) -> Result<(), Box<Failure>> {
        let missing: Vec<&str> =
            self.required.iter().filter(|p| !p.is_in(call)).map(Parameter::name).collect();
        if !missing.is_empty() {
            let names = missing.join(", ");
            return Err(Failure::new(
                GatewayResponse::missing_parameters(&names),
                Why::MissingParameters { names: missing.into_iter().map(str::to_owned).collect() },
            ));
        }
        let content_type = call.request.header("content-type");
        match self.body.check(content_type, &call.request.body) {
            Ok(()) => Ok(()),
            Err(Misfit::Body { model, errors }) => {
                let kind = content_type.unwrap_or("application/json");
                let (places, errors): (Vec<String>, Vec<String>) =
                    errors.into_iter().map(|told| (told.place, told.sentence)).unzip();
                journal.error(|| {
                    format!(
                        "Request body does not match model schema for content type {kind}: [{}]",
                        errors.join(", ")
                    )
                });
                Err(Failure::new(GatewayResponse::invalid_body(), Why::InvalidBody { model, errors, places }))
            }
            Err(Misfit::Model { name, why }) => {
                let detail = format!("the model `{name}` cannot be used: {why}");
                Err(Failure::configuration(journal, &detail, Why::Configuration { detail: detail.clone() }))
            }
        }
    }
}
