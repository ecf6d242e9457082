//! Where functions and deployed APIs write their logs: CloudWatch Logs.

use std::sync::Arc;

use arn::AccountId;
use lambda::execution::FunctionSpec;
use logs::Logs;

/// A function's output.
pub struct FunctionLogs(pub(crate) Arc<Logs>);

impl lambda::execution::LogSink for FunctionLogs {
    fn log(&self, spec: &FunctionSpec, stream: &str, lines: Vec<(i64, String)>) {
        append(&self.0, &spec.account, &spec.region, &spec.log_group, stream, lines);
    }
}

/// An API's execution log.
pub struct ExecutionLogs(pub(crate) Arc<Logs>);

impl gateway::execution::LogSink for ExecutionLogs {
    fn execution_log(
        &self,
        account: &str,
        region: &str,
        group: &str,
        stream: &str,
        lines: Vec<(i64, String)>,
    ) {
        append(&self.0, account, region, group, stream, lines);
    }

    fn warn(&self, text: &str) {
        eprintln!("warning: {text}");
    }
}

fn append(logs: &Logs, account: &str, region: &str, group: &str, stream: &str, lines: Vec<(i64, String)>) {
    // What is stored has an owner, so that this never drops a line.
    if let Ok(account) = AccountId::new(account) {
        logs.append(account, region, group, stream, lines);
    }
}
