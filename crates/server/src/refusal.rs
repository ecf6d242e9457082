//! A refusal in the words of the service that refuses.

use wire::{ApiError, Protocol, Service};

/// The answer to a call that is not allowed. `sentence` is AWS's, as `policy` words it: `User: … is not authorized to
/// perform: ACTION on resource: RESOURCE …`.
#[must_use]
pub fn refusal(service: Service, call: Refused<'_>, sentence: &str) -> ApiError {
    let text = match service {
        Service::Iam => named(call, sentence),
        // Quoted in DataDog/cloudformation-template pull request 61.
        Service::Logs if call.operation == "CreateLogGroup" && call.action == "logs:TagResource" => format!(
            "User with accountId: {} is not authorized to perform CreateLogGroup with Tags. An additional permission \
             \"logs:TagResource\" is required.",
            call.account
        ),
        _ => sentence.to_owned(),
    };
    access_denied(service.protocol(), &text)
}

/// What was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// The operation's name.
    pub operation: &'a str,
    /// The caller's account.
    pub account: &'a str,
    /// `service:Name`.
    pub action: &'a str,
    /// The ARN that was checked.
    pub resource: &'a str,
}

/// A denial in the form of the protocol: `AccessDenied` in query answers, else `AccessDeniedException`. The JSON protocol
/// answers 400 (public reports of CloudWatch Logs, for example elastic/apm-aws-lambda issue 526), the others 403.
fn access_denied(protocol: Protocol, text: &str) -> ApiError {
    let (code, status) = match protocol {
        Protocol::Query => ("AccessDenied", 403),
        Protocol::Json => ("AccessDeniedException", 400),
        Protocol::RestJson => ("AccessDeniedException", 403),
    };
    ApiError::new(code, status, text)
}

/// IAM names what exists by kind and name, where the policies see its ARN.
fn named(call: Refused<'_>, sentence: &str) -> String {
    match spoken(call.action, call.resource) {
        Some(name) => {
            let (arn, name) = (format!("on resource: {}", call.resource), format!("on resource: {name}"));
            sentence.replacen(&arn, &name, 1)
        }
        None => sentence.to_owned(),
    }
}

/// Seen in public reports: `iam:GetRole on resource: role NAME` (aws/aws-cdk issue 27067), `iam:AttachRolePolicy on
/// resource: role NAME` (aws-samples/aws-hpc-tutorials pull request 175), `iam:GetUser on resource: user NAME`
/// (aws-samples/rancher-on-aws-workshop issue 28), `iam:CreatePolicy on resource: policy NAME` (elastic/apm-aws-lambda
/// issue 526); but ARNs for CreateRole, TagRole (brefphp/bref pull request 2028), PassRole and lists. Groups, instance
/// profiles and policies that exist by analogy.
fn spoken(action: &str, arn: &str) -> Option<String> {
    let operation = action.strip_prefix("iam:")?;
    let resource = arn.splitn(6, ':').nth(5)?;
    let (kind, path) = resource.split_once('/')?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    let new = matches!(operation, "CreateUser" | "CreateRole" | "CreateGroup" | "CreateInstanceProfile");
    if new || operation == "PassRole" || operation.starts_with("Tag") || operation.starts_with("Untag") {
        return None;
    }
    match kind {
        "role" | "user" | "group" if operation != "CreateServiceLinkedRole" => Some(format!("{kind} {name}")),
        "instance-profile" => Some(format!("instance profile {name}")),
        "policy" if operation == "CreatePolicy" => Some(format!("policy {name}")),
        "policy" => Some(format!("policy {arn}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iam_names_what_exists_and_what_is_a_policy() {
        let arn = |rest: &str| format!("arn:aws:iam::111111111111:{rest}");
        for (action, resource, expected) in [
            ("iam:GetRole", "role/team/exec", Some("role exec")),
            ("iam:AttachRolePolicy", "role/exec", Some("role exec")),
            ("iam:GetUser", "user/alice", Some("user alice")),
            ("iam:CreateAccessKey", "user/alice", Some("user alice")),
            ("iam:CreatePolicy", "policy/p", Some("policy p")),
            ("iam:DeletePolicy", "policy/p", Some("policy arn:aws:iam::111111111111:policy/p")),
            ("iam:GetInstanceProfile", "instance-profile/i", Some("instance profile i")),
            ("iam:CreateRole", "role/exec", None),
            ("iam:TagRole", "role/exec", None),
            ("iam:PassRole", "role/exec", None),
            ("iam:ListRoles", "role/", None),
            ("iam:CreateOpenIDConnectProvider", "oidc-provider/idp.example.com", None),
            ("sts:AssumeRole", "role/exec", None),
        ] {
            assert_eq!(spoken(action, &arn(resource)).as_deref(), expected, "{action}");
        }
        let sentence = "User: u is not authorized to perform: iam:GetRole on resource: \
                        arn:aws:iam::111111111111:role/r because no identity-based policy allows the iam:GetRole action";
        let resource = arn("role/r");
        let refused = Refused {
            operation: "GetRole",
            account: "111111111111",
            action: "iam:GetRole",
            resource: &resource,
        };
        let error = refusal(Service::Iam, refused, sentence);
        assert_eq!((error.code.as_str(), error.status), ("AccessDenied", 403));
        assert!(error.message.unwrap().contains("iam:GetRole on resource: role r because"));
    }

    #[test]
    fn each_protocol_has_its_code_and_status() {
        for (service, code, status) in [
            (Service::Iam, "AccessDenied", 403),
            (Service::Sts, "AccessDenied", 403),
            (Service::Lambda, "AccessDeniedException", 403),
            (Service::ApiGateway, "AccessDeniedException", 403),
            (Service::Logs, "AccessDeniedException", 400),
            (Service::Organizations, "AccessDeniedException", 400),
        ] {
            let error = access_denied(service.protocol(), "no");
            assert_eq!((error.code.as_str(), error.status), (code, status), "{service:?}");
        }
    }
}
