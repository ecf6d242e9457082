//! The form of resources and actions in identity-based policies.

use super::Checked;
use crate::{MalformedPolicy, Span};

const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

pub(super) fn resource(text: &str, span: Span) -> Checked {
    let fail = |message: String, help: &str| Err(MalformedPolicy::new(message, span, help));
    if text == "*" {
        return Ok(());
    }
    let mut parts = text.splitn(6, ':');
    let _prefix = parts.next();
    let Some(partition) = parts.next() else {
        return fail(format!("Resource {text} must be in ARN format or \"*\"."), "write an ARN, or `*`");
    };
    // Refusals are recorded; the names are AWS's partitions. A wildcard is accepted: AWS Chalice puts
    // `arn:*:logs:*:*:*` into the policy of every role that it creates (chalice 1.9 and later).
    if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov") && !partition.contains(['*', '?']) {
        let rest = text.splitn(3, ':').nth(2).unwrap_or("");
        let given: Vec<&str> = rest.splitn(4, ':').collect();
        let part = |i: usize| match given.get(i) {
            Some(p) if i > 0 || !p.is_empty() || given.len() > 1 => *p,
            _ => "*",
        };
        let arn = format!("arn:{partition}:{}:{}:{}:{}", part(0), part(1), part(2), part(3));
        let message = format!("Partition \"{partition}\" is not valid for resource \"{arn}\".");
        return fail(message, "an ARN begins with `arn:aws:`");
    }
    let vendor = parts.next().unwrap_or("");
    if vendor.is_empty() || vendor.contains(['*', '?']) {
        let message = "Resource vendor must be fully qualified and cannot contain regexes.";
        return fail(message.to_owned(), "name the service, for example `arn:aws:lambda:…`");
    }
    let region = parts.next().unwrap_or("");
    match vendor {
        "iam" if !region.is_empty() => {
            return fail(
                format!("IAM resource {text} cannot contain region information."),
                "IAM is global: leave the region empty, as in `arn:aws:iam::111111111111:role/x`",
            );
        }
        "s3" if !region.is_empty() => {
            return fail(
                format!("Resource {text} can not contain region information."),
                "bucket names are global: leave the region empty, as in `arn:aws:s3:::bucket`",
            );
        }
        "iam" => {
            let path = parts.nth(1).unwrap_or("");
            if path != "*" && !IAM_PATHS.iter().any(|start| path.starts_with(start)) {
                let known = IAM_PATHS.join(", ");
                return fail(
                    format!("IAM resource path must either be \"*\" or start with {known}."),
                    "for example `arn:aws:iam::111111111111:role/x`",
                );
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn action(text: &str, span: Span) -> Checked {
    let fail = |message: String, help: &str| Err(MalformedPolicy::new(message, span, help));
    if text == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = text.split_once(':') else {
        return fail(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned(),
            "write the service and the action, for example `lambda:InvokeFunction`",
        );
    };
    if name.contains(':') {
        return fail(
            "Actions/Condition can contain only one colon.".to_owned(),
            "one colon: `service:Action`",
        );
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if vendor != "*" && !vendor.bytes().all(plain) {
        return fail(format!("Vendor {vendor} is not valid"), "a service prefix takes no wildcard");
    }
    Ok(())
}
