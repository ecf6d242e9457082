//! The event of an AWS_PROXY integration, payload format 1.0.
//!
//! Written straight into bytes, members in the order of published events. Follows the recording
//! test_lambda_aws_proxy_integration, key by key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::call::{MethodCall, Multi};
use super::journal::date;

/// The event.
pub(super) fn proxy_event(call: &MethodCall<'_>) -> Bytes {
    let request = call.request;
    let headers = call.headers();
    let query = call.query();
    let mut out = Json(Vec::with_capacity(2048 + request.body.len()));
    out.raw("{\"resource\":").text(&call.route.facts.resource_path);
    out.raw(",\"path\":").text(&call.event_path());
    out.raw(",\"httpMethod\":").text(&request.method);
    out.raw(",\"headers\":").last_of(&headers);
    out.raw(",\"multiValueHeaders\":").all_of(&headers);
    out.raw(",\"queryStringParameters\":").last_of(&query);
    out.raw(",\"multiValueQueryStringParameters\":").all_of(&query);
    out.raw(",\"pathParameters\":").map(call.path_parameters.iter().copied());
    out.raw(",\"stageVariables\":");
    out.map(call.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    out.raw(",\"requestContext\":");
    request_context(&mut out, call);
    out.raw(",\"body\":");
    let binary = !request.body.is_empty() && call.api.binary.request(request.header("content-type"));
    if request.body.is_empty() {
        out.raw("null");
    } else if binary {
        out.text(&STANDARD.encode(&request.body));
    } else {
        out.text(&String::from_utf8_lossy(&request.body));
    }
    out.raw(",\"isBase64Encoded\":").raw(if binary { "true}" } else { "false}" });
    Bytes::from(out.0)
}

/// `$context` of templates and mappings: what an event has as `requestContext`.
pub(super) fn context(call: &MethodCall<'_>) -> serde_json::Map<String, serde_json::Value> {
    let mut out = Json(Vec::with_capacity(1024));
    request_context(&mut out, call);
    let mut context: serde_json::Map<_, _> = serde_json::from_slice(&out.0).unwrap_or_default();
    let met = call.met().map(|(name, value)| (name.to_owned(), value.into()));
    let canary = call.canary.map(|canary| ("isCanaryRequest".to_owned(), canary.to_string().into()));
    context.extend(met.chain(canary));
    context
}

/// The event of a TOKEN authorizer (guide, "Input to a Lambda authorizer"; members in the order of published logs).
pub(super) fn authorizer_token_event(method_arn: &str, token: &str) -> Bytes {
    let mut out = Json(Vec::with_capacity(256 + token.len()));
    out.raw("{\"type\":\"TOKEN\",\"methodArn\":").text(method_arn);
    out.raw(",\"authorizationToken\":").text(token).raw("}");
    Bytes::from(out.0)
}

/// The event of a REQUEST authorizer: what a proxy integration gets, without the body, and with empty objects where that
/// has null (guide, "Input to a Lambda authorizer").
pub(super) fn authorizer_request_event(call: &MethodCall<'_>) -> Bytes {
    let headers = call.headers();
    let query = call.query();
    let mut out = Json(Vec::with_capacity(2048));
    out.raw("{\"type\":\"REQUEST\",\"methodArn\":").text(&call.method_arn());
    out.raw(",\"resource\":").text(&call.route.facts.resource_path);
    out.raw(",\"path\":").text(call.path);
    out.raw(",\"httpMethod\":").text(&call.request.method);
    let mut member = |name: &str, write: &dyn Fn(&mut Json)| {
        let mut value = Json(Vec::new());
        write(&mut value);
        let empty = value.0 == b"null";
        out.raw(",\"").raw(name).raw("\":");
        out.0.extend_from_slice(if empty { b"{}" } else { &value.0 });
    };
    member("headers", &|j| j.last_of(&headers));
    member("multiValueHeaders", &|j| j.all_of(&headers));
    member("queryStringParameters", &|j| j.last_of(&query));
    member("multiValueQueryStringParameters", &|j| j.all_of(&query));
    member("pathParameters", &|j| j.map(call.path_parameters.iter().copied()));
    member("stageVariables", &|j| j.map(call.variables.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    out.raw(",\"requestContext\":");
    request_context(&mut out, call);
    out.raw("}");
    Bytes::from(out.0)
}

/// `{"principalId":…, "integrationLatency":…, …}`, or `{"claims":{…}}` (guide, "Output from a Lambda authorizer", and
/// "Input format of a Lambda function for proxy integration").
fn authorizer(out: &mut Json, call: &MethodCall<'_>) {
    let Some(identity) = &call.authorizer else { return };
    out.raw(",\"authorizer\":{");
    let mut comma = "";
    let mut put = |out: &mut Json, members: &[(String, String)]| {
        for (name, value) in members {
            out.raw(comma).text(name).raw(":").text(value);
            comma = ",";
        }
    };
    match &identity.principal_id {
        Some(principal) => {
            put(out, &[("principalId".to_owned(), principal.clone())]);
            let own = |name: &str| ["principalId", "integrationLatency"].contains(&name);
            let context: Vec<_> = identity.context.iter().filter(|(n, _)| !own(n)).cloned().collect();
            put(out, &context);
            out.raw(",\"integrationLatency\":").raw(&identity.latency_ms.to_string());
        }
        None => {
            out.raw("\"claims\":{");
            put(out, &identity.claims);
            out.raw("}");
        }
    }
    out.raw("}");
}

fn request_context(out: &mut Json, call: &MethodCall<'_>) {
    let request = call.request;
    let (api, route) = (&call.api.facts, &call.route.facts);
    out.raw("{\"resourceId\":").text(&route.resource_id);
    authorizer(out, call);
    out.raw(",\"resourcePath\":").text(&route.resource_path);
    if let Some(name) = &call.route.operation_name {
        out.raw(",\"operationName\":").text(name);
    }
    out.raw(",\"httpMethod\":").text(&request.method);
    out.raw(",\"extendedRequestId\":").text(&request.extended_request_id);
    out.raw(",\"requestTime\":").text(&date(request.now_ms, "%d/%b/%Y:%H:%M:%S +0000"));
    out.raw(",\"path\":").text(&call.context_path);
    out.raw(",\"accountId\":").text(&api.account);
    out.raw(",\"protocol\":").text(request.protocol);
    out.raw(",\"stage\":").text(call.stage);
    // TestInvokeMethod has names of its own and no deployment (published events).
    let domain = if call.test { "testPrefix.testDomainName" } else { &request.domain_name };
    out.raw(",\"domainPrefix\":").text(domain.split('.').next().unwrap_or(domain));
    out.raw(",\"requestTimeEpoch\":").raw(&request.now_ms.to_string());
    out.raw(",\"requestId\":").text(&request.request_id);
    out.raw(",\"identity\":");
    identity(out, call);
    out.raw(",\"domainName\":").text(domain);
    if !call.test {
        out.raw(",\"deploymentId\":").text(&api.deployment_id);
    }
    out.raw(",\"apiId\":").text(&api.api_id).raw("}");
}

fn identity(out: &mut Json, call: &MethodCall<'_>) {
    let caller = call.caller.as_ref();
    let account = caller.and_then(|c| c.principal.account());
    let arn = caller.map(|c| c.principal.arn());
    let user = caller.map(|c| c.user_id.as_str());
    out.raw("{");
    // Guide, "$context.identity.vpceId": of private APIs.
    if let Some(endpoint) = &call.request.vpc_endpoint {
        out.raw("\"vpceId\":").text(endpoint).raw(",");
    }
    out.raw("\"cognitoIdentityPoolId\":null,\"accountId\":").or_null(account.as_ref().map(|a| a.as_str()));
    out.raw(",\"cognitoIdentityId\":null,\"caller\":").or_null(user);
    out.raw(",\"sourceIp\":").text(&call.request.source_ip);
    if call.test {
        out.raw(",\"apiKey\":\"test-invoke-api-key\",\"apiKeyId\":\"test-invoke-api-key-id\"");
    }
    // Only where a key is required (guide, "$context.identity.apiKey").
    if let Some(key) = &call.key {
        out.raw(",\"apiKey\":").text(&key.value).raw(",\"apiKeyId\":").text(&key.id);
    }
    out.raw(",\"principalOrgId\":null,\"accessKey\":").or_null(caller.map(|c| c.access_key.as_str()));
    out.raw(",\"cognitoAuthenticationType\":null,\"cognitoAuthenticationProvider\":null,\"userArn\":");
    out.or_null(arn.as_deref());
    out.raw(",\"userAgent\":").or_null(call.user_agent());
    out.raw(",\"user\":").or_null(user).raw("}");
}

/// JSON being written.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        // Writing to a Vec cannot fail, and a str is always a JSON string.
        let _ = serde_json::to_writer(&mut self.0, text);
        self
    }

    fn or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    /// An object, or null when there is nothing in it.
    fn map<'a>(&mut self, entries: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut any = false;
        for (name, value) in entries {
            self.raw(if any { "," } else { "{" }).text(name).raw(":").text(value);
            any = true;
        }
        self.raw(if any { "}" } else { "null" });
    }

    fn last_of(&mut self, of: &Multi<'_>) {
        self.map(of.iter().filter_map(|(name, values)| Some((&**name, &**values.last()?))));
    }

    fn all_of(&mut self, of: &Multi<'_>) {
        if of.is_empty() {
            self.raw("null");
            return;
        }
        for (i, (name, values)) in of.iter().enumerate() {
            self.raw(if i > 0 { "," } else { "{" }).text(name).raw(":[");
            for (j, value) in values.iter().enumerate() {
                self.raw(if j > 0 { "," } else { "" }).text(value);
            }
            self.raw("]");
        }
        self.raw("}");
    }
}
