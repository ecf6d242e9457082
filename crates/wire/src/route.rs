//! Which service and which operation a request is for.

use http::request::Parts;

use crate::error::ApiError;
use crate::model::{Operation, Protocol};
use crate::service::Service;
use crate::uri;

/// Finds the operation of a request to a service.
///
/// rest-json goes by method, path and the constants of the query string; query by `Action` in the form or the query
/// string; json by `X-Amz-Target`.
///
/// # Errors
/// What AWS answers for an operation it does not know: `UnknownOperationException`, `InvalidAction` (query) or
/// `MissingAction`.
pub fn route(service: Service, parts: &Parts, body: &[u8]) -> Result<&'static Operation, ApiError> {
    let model = service.model();
    match service.protocol() {
        Protocol::RestJson => {
            let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
            let mut candidates = model.routes.iter().filter_map(|&at| model.operations.get(at as usize));
            candidates
                .find(|o| o.method == parts.method.as_str() && o.template.matches(path, query))
                .ok_or_else(|| unknown(service, &format!("{} {path}", parts.method)))
        }
        Protocol::Query => {
            let Some(action) = field(parts, body, "Action") else {
                // By reasoning: no recording of a query request without an action was found; the text is ours.
                return Err(ApiError::new("MissingAction", 400, "No action was supplied with this request."));
            };
            let version = field(parts, body, "Version").unwrap_or_else(|| model.api_version.into());
            let found = model.operation(&action).filter(|_| version == model.api_version);
            found.ok_or_else(|| {
                // As quoted from IAM in fog/fog-aws issue 368.
                let text = format!("Could not find operation {action} for version {version}");
                ApiError::new("InvalidAction", 400, text)
            })
        }
        Protocol::Json => {
            let target = header(parts, "x-amz-target").unwrap_or_default();
            let operation = target.split_once('.').filter(|(prefix, _)| Some(*prefix) == model.target_prefix);
            operation.and_then(|(_, name)| model.operation(name)).ok_or_else(|| unknown(service, target))
        }
    }
}

/// Finds the service of a request: by the name in its signature, else by `X-Amz-Target`, by `Action` and `Version`, or by
/// the path. `None` for anything else, for example a call to a deployed API.
#[must_use]
pub fn find_service(parts: &Parts, body: &[u8], signing_name: Option<&str>) -> Option<Service> {
    if let Some(name) = signing_name {
        return Service::by_signing_name(name);
    }
    let all = Service::all().iter().copied();
    if let Some(target) = header(parts, "x-amz-target") {
        let prefix = target.split_once('.').map(|(prefix, _)| prefix);
        return all.filter(|s| s.protocol() == Protocol::Json).find(|s| s.model().target_prefix == prefix);
    }
    if let Some(action) = field(parts, body, "Action") {
        let version = field(parts, body, "Version");
        let mut query = all.filter(|s| s.protocol() == Protocol::Query);
        return query.find(|s| match version.as_deref() {
            Some(version) => s.model().api_version == version,
            None => s.model().operation(&action).is_some(),
        });
    }
    all.filter(|s| s.protocol() == Protocol::RestJson).find(|&s| route(s, parts, body).is_ok())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// A field of the query string or, for a form, of the body.
fn field(parts: &Parts, body: &[u8], name: &str) -> Option<String> {
    let from_query = parts.uri.query().and_then(|q| uri::first(q, name));
    let found = match from_query {
        Some(found) => Some(found),
        None if is_form(parts) => std::str::from_utf8(body).ok().and_then(|b| uri::first(b, name)),
        None => None,
    };
    found.map(std::borrow::Cow::into_owned)
}

/// Whether the body holds form fields. A client that names no content type for a POST gets the benefit of the doubt.
pub(crate) fn is_form(parts: &Parts) -> bool {
    match header(parts, "content-type") {
        Some(kind) => kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"),
        None => parts.method == http::Method::POST,
    }
}

fn unknown(service: Service, what: &str) -> ApiError {
    // AWS names neither service nor operation here; people who mistype a path are helped by both.
    let status = if service.protocol() == Protocol::RestJson { 404 } else { 400 };
    ApiError::new("UnknownOperationException", status, format!("{service} has no operation for `{what}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("request").into_parts().0
    }

    fn rest(service: Service, method: &str, uri: &str) -> Option<&'static str> {
        route(service, &parts(method, uri, &[]), b"").ok().map(|o| o.name)
    }

    const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")];

    #[test]
    fn rest_operations_are_found_by_method_and_path() {
        use Service::{ApiGateway, Lambda};
        let function = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Afunction%3Af";
        assert_eq!(rest(Lambda, "POST", &format!("{function}/invocations")), Some("Invoke"));
        assert_eq!(rest(Lambda, "GET", function), Some("GetFunction"));
        assert_eq!(rest(Lambda, "GET", "/2015-03-31/functions/"), Some("ListFunctions"));
        assert_eq!(rest(Lambda, "GET", "/2015-03-31/functions"), Some("ListFunctions"));
        assert_eq!(
            rest(ApiGateway, "PUT", "/restapis/a/resources/b/methods/GET/integration"),
            Some("PutIntegration")
        );
        assert_eq!(rest(ApiGateway, "DELETE", "/restapis"), None);
    }

    #[test]
    fn a_constant_in_the_query_string_tells_operations_apart() {
        use Service::{ApiGateway, Lambda};
        assert_eq!(rest(ApiGateway, "POST", "/restapis?mode=import"), Some("ImportRestApi"));
        assert_eq!(rest(ApiGateway, "POST", "/restapis"), Some("CreateRestApi"));
        let concurrency = "/2019-09-30/functions/f/provisioned-concurrency";
        let listed = rest(Lambda, "GET", &format!("{concurrency}?List=ALL"));
        assert_eq!(listed, Some("ListProvisionedConcurrencyConfigs"));
        assert_eq!(
            rest(Lambda, "GET", &format!("{concurrency}?Qualifier=1")),
            Some("GetProvisionedConcurrencyConfig")
        );
        assert_eq!(
            rest(Lambda, "GET", "/2018-10-31/layers?find=LayerVersion&Arn=a"),
            Some("GetLayerVersionByArn")
        );
    }

    #[test]
    fn query_operations_are_found_in_the_form_or_the_query_string() {
        let body = b"Action=GetRole&Version=2010-05-08&RoleName=r";
        assert_eq!(route(Service::Iam, &parts("POST", "/", FORM), body).map(|o| o.name), Ok("GetRole"));
        let uri = "/?Action=GetCallerIdentity&Version=2011-06-15";
        assert_eq!(
            route(Service::Sts, &parts("GET", uri, &[]), b"").map(|o| o.name),
            Ok("GetCallerIdentity")
        );
        let error =
            route(Service::Iam, &parts("POST", "/", FORM), b"Action=Fly&Version=2010-05-08").unwrap_err();
        assert_eq!(error.to_string(), "InvalidAction: Could not find operation Fly for version 2010-05-08");
        assert_eq!(route(Service::Iam, &parts("POST", "/", FORM), b"").unwrap_err().code, "MissingAction");
    }

    #[test]
    fn json_operations_are_found_by_their_target() {
        let target = parts("POST", "/", &[("x-amz-target", "Logs_20140328.GetLogEvents")]);
        assert_eq!(route(Service::Logs, &target, b"{}").map(|o| o.name), Ok("GetLogEvents"));
        assert_eq!(find_service(&target, b"{}", None), Some(Service::Logs));
        let wrong = parts("POST", "/", &[("x-amz-target", "Other.GetLogEvents")]);
        assert_eq!(route(Service::Logs, &wrong, b"{}").unwrap_err().code, "UnknownOperationException");
    }

    #[test]
    fn services_of_unsigned_requests_are_found() {
        let body = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15";
        assert_eq!(find_service(&parts("POST", "/", FORM), body, None), Some(Service::Sts));
        assert_eq!(find_service(&parts("GET", "/restapis", &[]), b"", None), Some(Service::ApiGateway));
        assert_eq!(
            find_service(&parts("GET", "/2015-03-31/functions/f", &[]), b"", None),
            Some(Service::Lambda)
        );
        assert_eq!(find_service(&parts("GET", "/prod/pets", &[]), b"", None), None);
        assert_eq!(find_service(&parts("GET", "/restapis", &[]), b"", Some("execute-api")), None);
    }

    #[test]
    fn every_operation_is_reached_by_its_own_uri() {
        for &service in Service::all() {
            for operation in service.operations() {
                let uri = operation.template.fill(|_| Some("x".to_owned())).expect("path");
                let constants: Vec<String> =
                    operation.template.constants().iter().map(|(k, v)| format!("{k}={v}")).collect();
                let uri = format!("{uri}?{}", constants.join("&"));
                let target = format!("{}.{}", service.model().target_prefix.unwrap_or("-"), operation.name);
                let headers = [("x-amz-target", target.as_str()), FORM[0]];
                let request = parts(operation.method, &uri, &headers);
                let body = format!("Action={}&Version={}", operation.name, service.model().api_version);
                let found = route(service, &request, body.as_bytes()).map(|o| o.name);
                assert_eq!(found, Ok(operation.name), "{service}");
            }
        }
    }
}
