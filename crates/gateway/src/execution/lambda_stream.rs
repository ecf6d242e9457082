//! AWS_PROXY with `responseTransferMode` STREAM: the head of a function's answer.

use tokio::time::timeout_at;
use wire::{NoMetadata, Prelude};

use super::backend::{Backend, Cut, LambdaInvocation};
use super::call::MethodCall;
use super::compile::Lambda;
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::{Failure, Replied};
use super::journal::Journal;
use super::lambda_failure::{backend_error, function_failed};
use super::proxy_answer::{self, BadAnswer, cut};
use super::stream::{self, Bounds, Rest};
use super::trace::{GatewayTrace, StreamFacts, Why};

/// Invokes the function and waits for its metadata; the rest of its answer is still to come.
pub(super) async fn run(
    backend: &dyn Backend,
    target: &Lambda,
    invocation: LambdaInvocation,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<Replied, Box<Failure>> {
    let bounds = Bounds::new(target.timeout, call.api.idle);
    let mut stream = match timeout_at(bounds.next(), backend.invoke_streaming(invocation)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(backend_error(error, target, call, journal)),
        Err(_) => return Err(too_late(&bounds, journal)),
    };
    trace.integration_status = Some(200);
    trace.integration_request_id = Some(stream.invocation_id.clone());
    let mut prelude = Prelude::default();
    let read = loop {
        break match timeout_at(bounds.next(), stream.pieces.recv()).await {
            Err(_) => return Err(too_late(&bounds, journal)),
            Ok(Some(Err(Cut::Function { kind, payload }))) => {
                return Err(function_failed(&kind, &payload, &stream.invocation_id, journal));
            }
            Ok(Some(Err(cut))) => {
                journal.error(|| {
                    "Execution failed due to a network error communicating with endpoint".to_owned()
                });
                return Err(Failure::new(GatewayResponse::network_error(), stream::why(cut)));
            }
            Ok(None) => Err(prelude.ended()),
            Ok(Some(Ok(piece))) => match prelude.push(&piece) {
                Ok(None) => continue,
                Ok(Some(found)) => Ok(found),
                Err(none) => Err(none),
            },
        };
    };
    let headers_ms = bounds.elapsed_ms();
    trace.integration_latency_ms = Some(headers_ms);
    let made =
        read.map_err(|NoMetadata { reason, seen }| (reason, String::from_utf8_lossy(&seen).into_owned()));
    let made = made.and_then(|(metadata, first)| match proxy_answer::head(&metadata) {
        Ok(head) => Ok((head, first)),
        Err(BadAnswer::Malformed { reason, value }) => Err((reason, value)),
        // Only bodies are decoded.
        Err(BadAnswer::Undecodable) => Err((String::new(), String::new())),
    });
    let (head, first) = made.map_err(|(reason, value)| malformed(reason, &value, journal))?;
    journal.trace(|| format!("Received response. Status: 200, Integration latency: {headers_ms} ms"));
    trace.stream = Some(StreamFacts { headers_ms, ..StreamFacts::default() });
    let invocation_id = std::mem::take(&mut stream.invocation_id);
    Ok(Replied { head, rest: Some(Rest { first, pieces: stream.pieces, bounds, invocation_id }) })
}

pub(super) fn too_late(bounds: &Bounds, journal: &mut Journal) -> Box<Failure> {
    journal.error(|| "Execution failed due to a timeout error".to_owned());
    Failure::new(GatewayResponse::timed_out(), bounds.exceeded())
}

/// 500 by the guide ("Set up a Lambda proxy integration with payload response streaming": an answer of another format
/// is answered with a 500 error). The line is the one of answers that are not streamed; reasoning.
fn malformed(reason: String, value: &str, journal: &mut Journal) -> Box<Failure> {
    journal
        .error(|| "Execution failed due to configuration error: Malformed Lambda proxy response".to_owned());
    Failure::new(
        GatewayResponse::internal(ResponseType::Default5xx, 500),
        Why::MalformedStream { reason, value: cut(value) },
    )
}
