//! This server's own services as deployed APIs reach them: AWS integrations with IAM, STS, Logs and the others.

use std::sync::{Arc, OnceLock, Weak};

use gateway::execution::{BackendErrorKind, EndpointAnswer, EndpointError, ServiceCall};
use hyper::Request;
use hyper::header::{HeaderName, HeaderValue};
use wire::{Protocol, Service};

use crate::aws;
use crate::backend::LambdaBackend;
use crate::caller::Signer;
use crate::clock::now_ms;
use crate::decide::Surroundings;
use crate::listener::Head;
use crate::state::State;

/// The services, which are there as soon as the server is composed: they are made after what calls them.
#[derive(Clone, Default)]
pub struct Services(Arc<OnceLock<Weak<State>>>);

impl Services {
    /// Sets them, once.
    pub fn are(&self, state: &Arc<State>) {
        let _ = self.0.set(Arc::downgrade(state));
    }

    fn get(&self) -> Option<Arc<State>> {
        self.0.get()?.upgrade()
    }
}

fn named(name: &str) -> Option<Service> {
    [Service::ApiGateway, Service::Iam, Service::Lambda, Service::Logs, Service::Organizations, Service::Sts]
        .into_iter()
        .find(|service| service.name() == name)
}

/// Calls a service as the integration's role, or as the API's client: caller, policy, service.
///
/// # Errors
/// The role cannot be assumed, or the request is none; what the service refuses is an answer.
pub async fn call(backend: &LambdaBackend, call: ServiceCall) -> Result<EndpointAnswer, EndpointError> {
    let gone = || EndpointError::Network("the server is ending".to_owned());
    let state = backend.services.get().ok_or_else(gone)?;
    let address = |e: &dyn std::fmt::Display| EndpointError::Address(e.to_string());
    let service = named(&call.service)
        .ok_or_else(|| address(&format!("crossgate does not run the service {}", call.service)))?;
    let around = Surroundings { source_ip: None, user_agent: None, region: &call.region, now_ms: now_ms() };
    let (caller, _) = backend.caller(&call.call_as, &around).map_err(|e| match e.kind {
        BackendErrorKind::CannotAssumeRole => EndpointError::Role(e.detail),
        _ => EndpointError::Network(e.detail),
    })?;
    let signer = Signer { caller, access_key_id: String::new() };

    let sent = call.request;
    let mut request = Request::builder().method(sent.method.as_str()).uri(sent.url.as_str());
    for (name, value) in sent.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_maybe_shared(value))
        {
            request = request.header(name, value);
        }
    }
    if let (Protocol::Json, Some(action)) = (service.protocol(), &call.action) {
        let prefix = service.model().target_prefix.unwrap_or_default();
        request = request.header("x-amz-target", format!("{prefix}.{action}"));
    }
    let head = Head::made_of(request.body(()).map_err(|e| address(&e))?.into_parts().0);
    let answer =
        aws::on_behalf(&state, service, (&head, sent.body), &signer, &call.region, &call.request_id).await;
    let (head, body) = answer.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(n, v)| (n.as_str().to_owned().into(), v.as_bytes().to_vec().into()))
        .collect();
    Ok(EndpointAnswer { status: head.status.as_u16(), headers, body })
}
