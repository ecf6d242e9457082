//! A call to an AWS API.

use doctor::{Finding, Fix, Report};

use super::{decision, event, undecided};
use crate::state::State;
use crate::trace::Trace;

/// Adds what happened to a call of `service:operation`.
pub fn tell(
    state: &State,
    trace: &Trace,
    (service, operation): (&str, &str),
    error: Option<&(String, String)>,
    report: &mut Report,
) {
    // A decision about the action of the same name says it already.
    let name = format!("{service}:{operation}");
    if !operation.is_empty() && report.decisions.iter().all(|story| story.action != name) {
        report.steps.push(name);
    }
    if matches!(operation, "Invoke" | "InvokeAsync") {
        event::pending(state, &trace.request_id, report);
    }
    decision::steps(report);
    let denied = trace.denied();
    if let Some(denied) = denied {
        decision::tell(state, denied, None, report);
    } else if let Some((code, message)) = error
        && undecided::tell(state, trace, (service, operation), (code, message), report)
    {
        // It is told.
    } else if let Some((code, message)) = error {
        report.findings.push(Finding::new(format!("{code}: {message}")).detail(advice(code, message)));
        report.fixes.extend(fix(code, message));
    } else if let Some(told) = trace.events.invoked().and_then(|i| i.error.as_ref()) {
        report.findings.push(Finding::new("the function ran and failed").detail(told.as_str()));
    }
}

/// What an error's text leaves open.
fn advice(code: &str, message: &str) -> &'static str {
    match code {
        "InvalidClientTokenId" | "UnrecognizedClientException" if !message.contains("crossgate:") => {
            "the access key id is not known to this server, is inactive, or came with another session token than it \
             was issued with; keys of real AWS accounts are not known here"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" if message.starts_with("Signature ") => {
            "the clock of the client and that of this server differ by more than five minutes"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "the secret access key is not the one that belongs to this access key id, or something between the client \
             and the server changed the request"
        }
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            "the request is not signed; AWS tools sign when they have credentials"
        }
        "AccessDeniedException" if message.contains("Cross-account pass role") => {
            "the integration's credentials name a role of account B or another one than the API's: API Gateway can \
             only be given a role of account that owns the API; make the role there, and let the function's policy \
             name it"
        }
        "NotImplemented" => "the operation is part of AWS's API and has no behaviour here yet",
        _ => "",
    }
}

fn fix(code: &str, message: &str) -> Option<Fix> {
    let unsigned = matches!(code, "MissingAuthenticationToken" | "MissingAuthenticationTokenException");
    let unknown = matches!(code, "InvalidClientTokenId" | "UnrecognizedClientException");
    (unsigned || (unknown && !message.contains("crossgate:"))).then(|| {
        let command = "eval \"$(crossgate env 222222222222)\"".to_owned();
        Fix::run("", "use an account of this server", vec![command])
    })
}
