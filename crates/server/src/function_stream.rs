//! How a deployed API reaches a function whose response it passes on as it comes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gateway::execution::{BackendError, BackendErrorKind, Cut, LambdaInvocation, LambdaStream};
use lambda::InvokeFailure;
use lambda::execution::{Invocation, InvokeContext, Part};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::backend::{LambdaBackend, invoked, not_run, payload};
use crate::trace::{Invoked, record};

/// Pieces of a response that wait to be passed on.
const WAITING: usize = 16;

type Ran = Result<Invocation, InvokeFailure>;

/// Invokes the function, once that is allowed, and returns with the first piece of its response or its end.
pub async fn call(
    backend: &LambdaBackend,
    invocation: LambdaInvocation,
) -> Result<LambdaStream, BackendError> {
    backend.allow(&invocation)?;
    let view = backend.function(&invocation.function_arn)?;
    let payload = payload(&invocation.payload, false)?;
    let invocation_id = arn::request_id(crate::random::random());
    let (stream, mut parts) = mpsc::channel(WAITING);
    let context = InvokeContext {
        request_id: invocation_id.clone(),
        invoked_arn: invocation.function_arn,
        trace_id: Some(invocation.trace_header),
        stream: Some(stream),
        ..InvokeContext::default()
    };
    // In a task of its own: the function goes on when the client leaves.
    let lambda = backend.lambda.clone();
    let mut running = tokio::spawn(async move { lambda.run(&view, payload, context).await });
    let told = Arc::new(OnceLock::new());
    record(|events| events.streamed = Some(told.clone()));
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::select! {
        biased;
        Some(first) = parts.recv() => {
            tokio::spawn(async move {
                if send(&sender, first).await {
                    follow(sender, parts, running, &told).await;
                }
            });
        }
        done = &mut running => {
            let done = done.map_err(|e| BackendError { kind: BackendErrorKind::Other, detail: e.to_string() })?;
            let done = done.map_err(not_run)?;
            tokio::spawn(async move { end(sender, parts, done, &told).await });
        }
    }
    Ok(LambdaStream { invocation_id, pieces })
}

type Pieces = mpsc::Sender<Result<Bytes, Cut>>;

/// Passes pieces on until the invocation is over.
async fn follow(
    sender: Pieces,
    mut parts: mpsc::Receiver<Part>,
    mut running: JoinHandle<Ran>,
    told: &OnceLock<Invoked>,
) {
    loop {
        tokio::select! {
            biased;
            Some(part) = parts.recv() => {
                if !send(&sender, part).await {
                    return;
                }
            }
            done = &mut running => {
                match broken(done) {
                    Ok(done) => end(sender, parts, done, told).await,
                    Err(detail) => {
                        let _ = sender.send(Err(Cut::Broken(detail))).await;
                    }
                }
                return;
            }
        }
    }
}

fn broken(done: Result<Ran, JoinError>) -> Result<Invocation, String> {
    done.map_err(|e| e.to_string())?.map_err(|failure| not_run(failure).detail)
}

/// The last pieces, and how it ended.
async fn end(sender: Pieces, mut parts: mpsc::Receiver<Part>, done: Invocation, told: &OnceLock<Invoked>) {
    // Set before the gateway can see the end: the explanation is made then.
    let _ = told.set(invoked(&done));
    while let Ok(part) = parts.try_recv() {
        if !send(&sender, part).await {
            return;
        }
    }
    if let Some(error) = done.function_error {
        let cut = Cut::Function { kind: error.as_str().to_owned(), payload: done.payload };
        let _ = sender.send(Err(cut)).await;
    }
}

/// `false`: nobody wants the rest.
async fn send(sender: &Pieces, part: Part) -> bool {
    match part {
        Part::Begin { .. } => true,
        Part::Chunk(data) => sender.send(Ok(data)).await.is_ok(),
    }
}
