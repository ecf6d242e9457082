//! A function that was called, and failed.

use arn::Arn;
use doctor::{Finding, Fix, Report, quote};

use super::Story;

impl Story<'_> {
    pub(super) fn function_error(
        &self,
        error_type: Option<&str>,
        message: Option<&str>,
        report: &mut Report,
    ) {
        let arn = self.gateway.function_arn.as_deref().and_then(|arn| Arn::parse(arn).ok());
        let name =
            arn.as_ref().and_then(|arn| arn.resource.split(':').nth(1)).unwrap_or("the function").to_owned();
        let (account, region) = arn.as_ref().map_or(("", ""), |arn| (&arn.account, &arn.region));
        let message = message.unwrap_or("no message");
        let title = match error_type {
            Some(kind) => format!("the function ran and failed: {kind}: {message}"),
            None => format!("the function ran and failed: {message}"),
        };
        let payload = self.trace.events.invoked().and_then(|i| i.error.clone()).unwrap_or_default();
        report.findings.push(Finding::new(title).detail(payload));
        let read = format!(
            "aws logs filter-log-events --region {region} --log-group-name /aws/lambda/{name} \
             --query 'events[].message' --output text"
        );
        report.fixes.push(Fix::run(account, "read what the function printed", vec![read]));
        let timed_out = error_type == Some("Sandbox.Timedout") || message.contains("Task timed out");
        if timed_out {
            let longer = format!(
                "aws lambda update-function-configuration --region {region} --function-name {} --timeout 29",
                quote(&name)
            );
            let why = "or give the function more time (an integration waits 29 s at most)";
            report.fixes.push(Fix::run(account, why, vec![longer]));
        }
    }
}
