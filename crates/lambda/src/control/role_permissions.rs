//! What an execution role must be allowed before Lambda takes a setting that makes Lambda itself act as the role: a VPC, a
//! dead-letter target, destinations of events.
//!
//! The texts are quoted in many public issues: `The provided execution role does not have permissions to call
//! CreateNetworkInterface on EC2` (webiny/webiny-js 2580, aws-codepipeline-bitbucket-integration 19, where a service control
//! policy refused it), `… SendMessage on SQS` (elastic/beats 13963), `… Publish on SNS` (serverless/serverless 4770);
//! `The function's execution role does not have permissions to call Publish on arn:…` (Terraform's provider, which waits for
//! it, function_event_invoke_config.go).

use arn::Arn;
use policy::{Check, Context};
use serde_json::Value;
use wire::ApiError;

use super::errors::invalid;
use super::{FunctionName, Lambda};

/// For functions in a VPC. Reported to be asked without a resource but for the first, which may be bound to subnets,
/// security groups and network interfaces. The order is reasoned: the first is the one that is quoted most.
const EC2: [&str; 3] = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"];

impl Lambda {
    /// Checks the role for the VPC and the dead-letter target that a request asks for. Those that it does not mention
    /// were checked when they came [reasoned].
    ///
    /// # Errors
    /// AWS's refusal, which names the action.
    pub(super) fn check_role_permissions(
        &self,
        role: &str,
        name: &FunctionName,
        input: &serde_json::Map<String, Value>,
    ) -> Result<(), ApiError> {
        let subnets = input.get("VpcConfig").and_then(|vpc| vpc.get("SubnetIds")).and_then(Value::as_array);
        if subnets.is_some_and(|subnets| !subnets.is_empty()) {
            let interface = Arn::new("ec2", &name.region, name.account.as_str(), "network-interface/*");
            for operation in EC2 {
                let resource =
                    if operation.starts_with("Create") { interface.to_string() } else { "*".to_owned() };
                if !self.role_may(role, name, format!("ec2:{operation}"), resource)? {
                    return Err(refused(operation, "EC2"));
                }
            }
        }
        let target = input.get("DeadLetterConfig").and_then(|config| config.get("TargetArn"));
        if let Some((target, sends)) = target.and_then(Value::as_str).and_then(|arn| Some((arn, sends(arn)?)))
            && !self.role_may(role, name, sends.action(), target.to_owned())?
        {
            return Err(refused(sends.operation, &sends.service.to_uppercase()));
        }
        Ok(())
    }

    /// Checks that the role may send to a queue or topic that is a destination.
    ///
    /// # Errors
    /// AWS's refusal, which names the action and the destination.
    pub(super) fn check_role_sends(&self, role: &str, name: &FunctionName, to: &str) -> Result<(), ApiError> {
        let Some(sends) = sends(to) else { return Ok(()) };
        if self.role_may(role, name, sends.action(), to.to_owned())? {
            return Ok(());
        }
        let operation = sends.operation;
        Err(invalid(format!(
            "The function's execution role does not have permissions to call {operation} on {to}"
        )))
    }

    fn role_may(
        &self,
        role: &str,
        name: &FunctionName,
        action: String,
        resource: String,
    ) -> Result<bool, ApiError> {
        // What another account's queue or topic allows is not known here: its owner is taken to agree [reasoned].
        let check = Check {
            action,
            resource,
            resource_account: None,
            resource_policy: None,
            context: Context::new(),
        };
        self.inner.roles.may(role, name, check)
    }
}

/// What Lambda calls to send something to a queue or a topic.
struct Sends {
    service: &'static str,
    operation: &'static str,
}

impl Sends {
    fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

fn sends(arn: &str) -> Option<Sends> {
    match arn.split(':').nth(2) {
        Some("sqs") => Some(Sends { service: "sqs", operation: "SendMessage" }),
        Some("sns") => Some(Sends { service: "sns", operation: "Publish" }),
        _ => None,
    }
}

fn refused(operation: &str, service: &str) -> ApiError {
    invalid(format!("The provided execution role does not have permissions to call {operation} on {service}"))
}
