//! One call, as integrations see it.

use std::borrow::Cow;
use std::sync::OnceLock;

use arn::TraceId;
use percent_encoding::percent_decode_str;

use super::compile::{Compiled, Route};
use super::headers::is_of_method_request;
use super::{Caller, ClientRequest};
use crate::model::Texts;

/// Names with all their values, in order.
pub(super) type Multi<'a> = Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>;

/// A call that has found its method and may go on.
pub(super) struct MethodCall<'a> {
    pub request: &'a ClientRequest,
    pub api: &'a Compiled,
    pub route: &'a Route,
    pub stage: &'a str,
    pub variables: &'a Texts,
    /// Without the stage, one slash in front, not decoded.
    pub path: &'a str,
    /// With the stage, for `requestContext.path`.
    pub context_path: Cow<'a, str>,
    /// The path's variables.
    pub path_parameters: Vec<(&'a str, &'a str)>,
    pub caller: Option<Caller>,
    /// Whom the authorizer found: `requestContext.authorizer`.
    pub authorizer: Option<std::sync::Arc<super::authorizer_answer::Identity>>,
    /// The key, when the method asks for one.
    pub key: Option<std::sync::Arc<super::key::Key>>,
    /// The stage's client certificate, for HTTP endpoints with TLS.
    pub certificate: Option<std::sync::Arc<super::ClientCertificate>>,
    /// `$context.isCanaryRequest`: there only where the stage has a canary (guide, "Context variables for data
    /// transformations").
    pub canary: Option<bool>,
    /// Whether this is TestInvokeMethod.
    pub test: bool,
    pub met: Met,
}

/// What becomes known of a call while its integration runs: variables of `$context` from then on.
#[derive(Default)]
pub(super) struct Met {
    /// What authorizer and integration are sent; `xrayTraceId` is its root.
    trace_id: OnceLock<TraceId>,
    /// `awsEndpointRequestId`: what the integration calls the request.
    pub request_id: OnceLock<String>,
}

impl MethodCall<'_> {
    /// The headers of the method request: the client's in its own spelling, and the gateway's. Sorted by name without
    /// case, as API Gateway's events are (published logs).
    pub fn headers(&self) -> Multi<'_> {
        let request = self.request;
        let mut out: Multi<'_> = Vec::with_capacity(request.headers.len() + 4);
        for (name, value) in &request.headers {
            if !self.test && !is_of_method_request(name) {
                continue;
            }
            put(&mut out, canonical(name), String::from_utf8_lossy(value));
        }
        if !self.test {
            set(&mut out, "Host", request.header("host").unwrap_or(&request.domain_name).to_owned());
            set(&mut out, "X-Amzn-Trace-Id", self.trace_id().request.clone());
            let forwarded = match request.header("x-forwarded-for") {
                Some(before) => format!("{before}, {}", request.source_ip),
                None => str::to_owned(&request.source_ip),
            };
            set(&mut out, "X-Forwarded-For", forwarded);
            set(&mut out, "X-Forwarded-Port", request.port.to_string());
            set(&mut out, "X-Forwarded-Proto", if request.tls { "https" } else { "http" }.to_owned());
        }
        out.sort_by(|(a, _), (b, _)| {
            a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()))
        });
        out
    }

    /// The call's trace id, the same for its authorizer and its integration.
    pub fn trace_id(&self) -> &TraceId {
        let sent = self.request.header("x-amzn-trace-id");
        let new = || TraceId::new(sent, self.request.now_ms, super::random::random());
        self.met.trace_id.get_or_init(new)
    }

    /// What [`Met`] has.
    pub fn met(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let request_id = self.met.request_id.get().map(|id| ("awsEndpointRequestId", &**id));
        [("xrayTraceId", &*self.trace_id().root)].into_iter().chain(request_id)
    }

    /// The query, decoded: `+` is a blank, `%2B` a plus (recording test_lambda_aws_proxy_integration,
    /// invocation-payload-with-params-encoding).
    pub fn query(&self) -> Multi<'_> {
        query(&self.request.query)
    }

    /// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/VERB/path`: the verb and path of the request here, where a source
    /// ARN has the configured method and the template.
    pub fn method_arn(&self) -> String {
        self.method_arn_of(&self.api.facts.account)
    }

    /// The same with another text in the account's place.
    pub fn method_arn_of(&self, account: &str) -> String {
        let facts = &self.api.facts;
        format!(
            "arn:{}:execute-api:{}:{account}:{}/{}/{}{}",
            arn::Arn::partition_of(&facts.region),
            facts.region,
            facts.api_id,
            self.stage,
            self.request.method,
            self.path,
        )
    }

    /// The event's `path`: without the stage, with a custom domain's base path (published events).
    pub fn event_path(&self) -> Cow<'_, str> {
        match &self.request.custom_domain {
            Some(domain) if !domain.base_path.is_empty() => {
                Cow::Owned([&domain.base_path, self.path].concat())
            }
            _ => Cow::Borrowed(self.path),
        }
    }

    /// The client's agent, for `identity.userAgent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.request.header("user-agent")
    }

    /// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path/template`: the method as configured, `ANY` literally,
    /// and the resource's template, not the path (published logs). The region is the function's (Lambda guide,
    /// services-apigateway).
    pub fn source_arn(&self, function_arn: &str) -> String {
        let facts = &self.api.facts;
        let region = function_arn.split(':').nth(3).filter(|r| !r.is_empty()).unwrap_or(&facts.region);
        format!(
            "arn:{}:execute-api:{region}:{}:{}/{}/{}{}",
            arn::Arn::partition_of(region),
            facts.account,
            facts.api_id,
            self.stage,
            self.route.facts.configured_method,
            self.route.facts.resource_path,
        )
    }
}

/// `authorization` and `user-agent` change their spelling, everything else keeps the client's
/// (recording test_lambda_aws_proxy_integration).
fn canonical(name: &str) -> Cow<'_, str> {
    for known in ["Authorization", "User-Agent", "Host"] {
        if name.eq_ignore_ascii_case(known) {
            return Cow::Borrowed(known);
        }
    }
    Cow::Borrowed(name)
}

fn put<'a>(to: &mut Multi<'a>, name: Cow<'a, str>, value: Cow<'a, str>) {
    match to.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(&name)) {
        Some((_, values)) => values.push(value),
        None => to.push((name, vec![value])),
    }
}

fn set(to: &mut Multi<'_>, name: &'static str, value: String) {
    to.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    to.push((Cow::Borrowed(name), vec![Cow::Owned(value)]));
}

/// A query, decoded. A semicolon parts pairs as well: it "results in the data being split" (guide, "Important notes" for
/// REST APIs).
pub(super) fn query(text: &str) -> Multi<'_> {
    let mut out: Multi<'_> = Vec::new();
    for pair in text.split(['&', ';']).filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, values)) => values.push(value),
            None => out.push((name, vec![value])),
        }
    }
    out
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_split_at_semicolons_and_decoded_afterwards() {
        let pairs = query("a=1;b=2&c=%3B&a=3+4;;d");
        let shown: Vec<String> =
            pairs.iter().map(|(name, values)| format!("{name}={}", values.join("|"))).collect();
        assert_eq!(shown, ["a=1|3 4", "b=2", "c=;", "d="]);
    }
}
