//! How a deployed API reaches a function whose response it passes on as it comes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gateway::execution::{BackendError, Cut, LambdaInvocation, LambdaStream};
use lambda::InvokeFailure;
use lambda::execution::{Invocation, InvokeContext, Part};
use tokio::sync::mpsc;

use crate::backend::{LambdaBackend, invoked, not_run, payload};
use crate::streamed::Streamed;
use crate::trace::{Invoked, record};

/// Pieces of a response that wait to be passed on.
const WAITING: usize = 16;

/// Invokes the function, once that is allowed, and returns with the first part of its response or its end.
pub async fn call(
    backend: &LambdaBackend,
    invocation: LambdaInvocation,
) -> Result<LambdaStream, BackendError> {
    backend.allow(&invocation)?;
    let view = backend.function(&invocation.function_arn)?;
    let payload = payload(&invocation.payload, false)?;
    let invocation_id = arn::request_id(crate::random::random());
    let context = InvokeContext {
        request_id: invocation_id.clone(),
        invoked_arn: invocation.function_arn,
        trace_id: Some(invocation.trace_header),
        ..InvokeContext::default()
    };
    let mut streamed = Streamed::start(&backend.lambda, view, payload, context);
    let told = Arc::new(OnceLock::new());
    record(|events| events.streamed = Some(told.clone()));
    let (sender, pieces) = mpsc::channel(WAITING);
    if let Some(first) = streamed.next().await {
        tokio::spawn(forward(sender, first, streamed, told));
    } else {
        let done = streamed.end().await.map_err(not_run)?;
        tokio::spawn(async move { end(&sender, Ok(done), &told).await });
    }
    Ok(LambdaStream { invocation_id, pieces })
}

type Pieces = mpsc::Sender<Result<Bytes, Cut>>;

/// Passes pieces on until the invocation is over, or nobody wants the rest.
async fn forward(sender: Pieces, first: Part, mut streamed: Streamed, told: Arc<OnceLock<Invoked>>) {
    let mut next = streamed.piece_from(first).await;
    while let Some(piece) = next {
        if sender.send(Ok(piece)).await.is_err() {
            return;
        }
        next = streamed.piece().await;
    }
    end(&sender, streamed.end().await, &told).await;
}

/// How it ended.
async fn end(sender: &Pieces, ended: Result<Invocation, InvokeFailure>, told: &OnceLock<Invoked>) {
    let cut = match ended {
        Ok(done) => {
            // Set before the gateway can see the end: the explanation is made then.
            let _ = told.set(invoked(&done));
            let Some(error) = done.function_error else { return };
            Cut::Function { kind: error.as_str().to_owned(), payload: done.payload }
        }
        Err(failure) => Cut::Broken(not_run(failure).detail),
    };
    let _ = sender.send(Err(cut)).await;
}
