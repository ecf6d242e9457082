//! Access logs: one line for each call, in the stage's own format (guide, "Set up CloudWatch logging": `$context`
//! variables are replaced, everything else stays).

use std::borrow::Cow;
use std::sync::Arc;

use arn::TraceId;

use super::authorizer_answer::Identity;
use super::journal::date;
use super::key::Key;
use super::trace::{GatewayTrace, Why};
use super::{Caller, ClientRequest, ClientResponse};
use crate::model::Stage;

/// What stands for a variable that has no value.
const NOTHING: &str = "-";

/// A stage's access log.
pub(super) struct AccessLog {
    pub group: String,
    pieces: Vec<Piece>,
}

enum Piece {
    Text(Box<str>),
    /// Without `$context.`
    Variable(Box<str>),
}

/// What is known of a call at its end, besides its trace.
#[derive(Default)]
pub(super) struct Admitted {
    pub caller: Option<Caller>,
    /// Whom the authorizer found.
    pub authorizer: Option<Arc<Identity>>,
    /// Whether the stage's canary served it; `None` where there is none.
    pub canary: Option<bool>,
    pub key: Option<Arc<Key>>,
}

/// One call, answered.
pub(super) struct Answered<'a> {
    pub request: &'a ClientRequest,
    pub response: &'a ClientResponse,
    pub trace: &'a GatewayTrace,
    pub admitted: &'a Admitted,
}

impl AccessLog {
    /// The stage's, if it has one.
    ///
    /// # Errors
    /// Why there is nowhere to write it: only log groups of the API's owner are there.
    pub fn compile(stage: &Stage, account: &str) -> Result<Option<Self>, String> {
        let settings = stage.rest.get("accessLogSettings");
        let text = |member: &str| settings.and_then(|s| s.get(member)?.as_str()).filter(|t| !t.is_empty());
        let (Some(destination), Some(format)) = (text("destinationArn"), text("format")) else {
            return Ok(None);
        };
        let mut parts = destination.splitn(7, ':');
        let place = (parts.nth(2), parts.nth(1), parts.next(), parts.next());
        match place {
            (Some("logs"), Some(owner), Some("log-group"), Some(group)) if owner == account => {
                let group = group.trim_end_matches(":*").to_owned();
                Ok(Some(Self { group, pieces: pieces(format) }))
            }
            (Some("firehose"), ..) => Err(format!("{destination}: Firehose is not run here")),
            _ => Err(format!("{destination}: it is no log group of account {account}")),
        }
    }

    /// The line.
    pub fn line(&self, call: &Answered<'_>) -> String {
        let mut out = String::with_capacity(256);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(name) => match call.value(name) {
                    // An event is one line.
                    Some(value) => out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c })),
                    None => out.push_str(NOTHING),
                },
            }
        }
        out
    }
}

fn pieces(format: &str) -> Vec<Piece> {
    const OPEN: &str = "$context.";
    let mut out = Vec::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once(OPEN) {
        if !before.is_empty() {
            out.push(Piece::Text(before.into()));
        }
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
        let end = after.find(|c| !named(c)).unwrap_or(after.len());
        // A dot or hyphen after the name is text: "$context.status."
        let name = after[..end].trim_end_matches(['.', '-']);
        out.push(Piece::Variable(name.into()));
        rest = &after[name.len()..];
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest.into()));
    }
    out
}

impl Answered<'_> {
    /// The value of `$context.NAME` (guide, "Variables for access logging").
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let Self { request, response, trace, admitted } = self;
        let text = |text: &str| Some(Cow::Owned(text.to_owned()));
        let number = |n: u64| Some(Cow::Owned(n.to_string()));
        let (deployment, route) = (trace.deployment.as_deref(), trace.route.as_deref());
        match name {
            "requestId" => text(&request.request_id),
            "extendedRequestId" => text(&request.extended_request_id),
            "endpointType" => text(deployment?.endpoint_type),
            "accountId" => text(&deployment?.account),
            "apiId" => text(&request.api_id),
            "deploymentId" => text(&deployment?.deployment_id),
            "stage" => text(&trace.stage),
            "domainName" => text(&request.domain_name),
            "domainPrefix" => text(request.domain_name.split('.').next()?),
            "customDomain.basePathMatched" => {
                let base = request.custom_domain.as_ref()?.base_path.trim_start_matches('/');
                text(if base.is_empty() { "(none)" } else { base })
            }
            "httpMethod" => text(&request.method),
            "path" => Some(request.context_path()),
            "protocol" => text(request.protocol),
            "resourceId" => text(&route?.resource_id),
            "resourcePath" => text(&route?.resource_path),
            "requestTime" => Some(date(request.now_ms, "%d/%b/%Y:%H:%M:%S +0000").into()),
            "requestTimeEpoch" => Some(request.now_ms.to_string().into()),
            "status" => number(response.status.into()),
            "responseLength" => {
                number(trace.stream.map_or(response.body.len() as u64, |stream| stream.bytes))
            }
            "responseLatency" => number(trace.latency_ms),
            "integrationLatency" | "integration.latency" => number(trace.integration_latency_ms?),
            "integrationStatus" | "integration.integrationStatus" => number(trace.integration_status?.into()),
            "integration.status" => number(self.integration_status()?.into()),
            "integration.requestId" | "awsEndpointRequestId" => {
                text(trace.integration_request_id.as_deref()?)
            }
            "integration.error" | "integrationErrorMessage" => self.integration_error(),
            "integration.responseTransferMode" => {
                let route = route.filter(|route| !route.integration_type.is_empty())?;
                text(if route.streamed { "STREAMED" } else { "BUFFERED" })
            }
            "integration.timeToAllHeaders" => number(trace.stream?.headers_ms),
            "integration.timeToFirstContent" => number(trace.stream?.first_content_ms?),
            "xrayTraceId" => text(TraceId::root_of(response.header("x-amzn-trace-id")?)?),
            "isCanaryRequest" => text(if admitted.canary? { "true" } else { "false" }),
            _ => {
                if let Some(name) = name.strip_prefix("identity.") {
                    self.identity(name)
                } else if let Some(name) = name.strip_prefix("error.") {
                    self.error(name)
                } else if let Some(name) = name.strip_prefix("authorizer.") {
                    self.authorizer(name)
                } else {
                    self.phase(name)
                }
            }
        }
    }

    fn identity(&self, name: &str) -> Option<Cow<'_, str>> {
        let caller = self.admitted.caller.as_ref();
        let key = self.admitted.key.as_ref();
        Some(match name {
            "sourceIp" => Cow::Borrowed(&*self.request.source_ip),
            "userAgent" => Cow::Borrowed(self.request.header("user-agent")?),
            "accountId" => Cow::Owned(caller?.principal.account()?.as_str().to_owned()),
            "caller" | "user" => Cow::Borrowed(&*caller?.user_id),
            "userArn" => Cow::Owned(caller?.principal.arn()),
            "accessKey" => Cow::Borrowed(&*caller?.access_key),
            "vpceId" => Cow::Borrowed(self.request.vpc_endpoint.as_deref()?),
            "apiKey" => Cow::Borrowed(&*key?.value),
            "apiKeyId" => Cow::Borrowed(&*key?.id),
            "principalOrgId" => {
                Cow::Owned(caller?.context.get("aws:PrincipalOrgID").and_then(|v| v.first())?.clone())
            }
            _ => return None,
        })
    }

    fn authorizer(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(value) = self.authorizers_run(name) {
            return Some(value);
        }
        let identity = self.admitted.authorizer.as_deref()?;
        let of = |members: &'_ [(String, String)], name: &str| {
            members.iter().find(|(key, _)| key == name).map(|(_, value)| Cow::Owned(value.clone()))
        };
        match name {
            "principalId" => identity.principal_id.as_deref().map(Cow::Borrowed),
            _ => match name.strip_prefix("claims.") {
                Some(claim) => of(&identity.claims, claim),
                None => of(&identity.context, name),
            },
        }
    }

    /// How asking the authorizer went. What it said of a client whom it does not let in is an answer like any other.
    fn authorizers_run(&self, name: &str) -> Option<Cow<'_, str>> {
        let facts = self.trace.authorizer.as_deref()?;
        let why = self.trace.why.as_ref();
        match name {
            "latency" => facts.latency_ms.map(|ms| ms.to_string().into()),
            "integrationLatency" => facts.integration_latency_ms.map(|ms| ms.to_string().into()),
            "requestId" => facts.request_id.as_deref().map(Cow::Borrowed),
            "integrationStatus" => facts.request_id.as_deref().map(|_| "200".into()),
            "status" => Some(match why {
                Some(Why::Unauthorized { .. }) => "401".into(),
                Some(Why::AuthorizerFailed { .. }) => "500".into(),
                Some(Why::AuthorizerDenied { .. }) => "403".into(),
                _ => "200".into(),
            }),
            "error" => match why {
                Some(Why::Unauthorized { .. }) => Some("Unauthorized".into()),
                Some(Why::AuthorizerFailed { detail, .. }) => Some(detail.as_str().into()),
                Some(Why::AuthorizerDenied { .. }) => Some(self.trace.error_message.as_deref()?.into()),
                _ => None,
            },
            _ => None,
        }
    }

    fn error(&self, name: &str) -> Option<Cow<'_, str>> {
        let kind = self.trace.response_type?;
        match name {
            "responseType" => Some(kind.name().into()),
            "message" => Some(self.trace.error_message.as_deref()?.into()),
            "messageString" => {
                Some(serde_json::Value::from(self.trace.error_message.as_deref()?).to_string().into())
            }
            "validationErrorString" => match self.trace.why.as_ref()? {
                Why::InvalidBody { errors, .. } => Some(format!("[{}]", errors.join(", ")).into()),
                Why::MissingParameters { names } => Some(format!("[{}]", names.join(", ")).into()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A proxy function's own status is the client's; an endpoint's is what it answered.
    fn integration_status(&self) -> Option<u16> {
        let route = self.trace.route.as_deref()?;
        let from_payload = route.integration_type == "AWS_PROXY" && self.trace.why.is_none();
        if from_payload { Some(self.response.status) } else { self.trace.integration_status }
    }

    fn integration_error(&self) -> Option<Cow<'_, str>> {
        Some(match self.trace.why.as_ref()? {
            Why::Timeout { .. } => "Endpoint request timed out".into(),
            Why::EndpointFailed { .. } => "Network error communicating with endpoint".into(),
            Why::IntegrationFailure { detail, .. } => detail.as_str().into(),
            Why::FunctionError { .. } => {
                "The Lambda function returned the following error: check your Lambda function code and try again.".into()
            }
            Why::MalformedProxyResponse { .. } => "Malformed Lambda proxy response".into(),
            _ => return None,
        })
    }

    /// Authentication and authorization by AWS_IAM.
    fn phase(&self, name: &str) -> Option<Cow<'_, str>> {
        let iam = self.trace.route.as_deref()?.authorization_type == "AWS_IAM";
        let why = self.trace.why.as_ref();
        let known = self.admitted.caller.is_some();
        let number = |ms: u64| Some(Cow::Owned(ms.to_string()));
        match (name, why) {
            _ if !iam => None,
            ("authenticate.latency", _) => number(self.trace.authenticate_ms?),
            ("authorize.latency", _) => number(self.trace.authorize_ms?),
            ("authenticate.status", Some(Why::AuthFailed { .. })) => Some("403".into()),
            ("authenticate.error", Some(Why::AuthFailed { detail })) => Some(detail.as_str().into()),
            ("authenticate.status", _) => Some("200".into()),
            ("authorize.status", Some(Why::NotAuthorized { .. })) => Some("403".into()),
            ("authorize.error", Some(Why::NotAuthorized { sentence, .. })) => Some(sentence.as_str().into()),
            ("authorize.status", _) if known => Some("200".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(format: &str) -> Vec<String> {
        let shown = |p: &Piece| match p {
            Piece::Text(text) => format!("'{text}'"),
            Piece::Variable(name) => name.to_string(),
        };
        pieces(format).iter().map(shown).collect()
    }

    #[test]
    fn names_end_where_they_cannot_go_on() {
        assert_eq!(
            texts("{\"id\":\"$context.requestId\", $context.error.message. $contextx $"),
            ["'{\"id\":\"'", "requestId", "'\", '", "error.message", "'. $contextx $'"]
        );
        assert_eq!(texts("<s>$context.status</s>"), ["'<s>'", "status", "'</s>'"]);
    }
}
