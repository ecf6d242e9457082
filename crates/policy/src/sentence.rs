//! AWS's own sentence for a denial (UG troubleshoot_access-denied; `iam.md` section 12).

use crate::{Effect, Layer, Request};

/// `User: … is not authorized to perform: …`.
pub(crate) fn sentence(request: &Request<'_>, effect: Effect, layer: Layer) -> String {
    let (who, action) = (request.principal.arn(), request.action);
    // EC2 leaves this out for actions without resources; Lambda, as public reports of `lambda:ListFunctions on
    // resource: *` show, does not.
    let on = match request.resource {
        "*" if action.starts_with("ec2:") => String::new(),
        resource => format!(" on resource: {resource}"),
    };
    let because = because(action, effect, layer);
    format!("User: {who} is not authorized to perform: {action}{on} {because}")
}

/// The end of the sentence: which kind of policy refuses.
pub(crate) fn because(action: &str, effect: Effect, layer: Layer) -> String {
    if effect == Effect::ExplicitlyDenied {
        let of = match layer {
            Layer::Scp => "a service control policy",
            Layer::Rcp => "a resource control policy",
            Layer::Resource => "a resource-based policy",
            Layer::Trust => "the role trust policy",
            Layer::Identity => "an identity-based policy",
            Layer::Boundary => "a permissions boundary",
            Layer::Session => "a session policy",
        };
        format!("with an explicit deny in {of}")
    } else {
        let no = match layer {
            Layer::Scp => "service control policy",
            // Cannot occur: RCPFullAWSAccess is always attached.
            Layer::Rcp => "resource control policy",
            Layer::Resource => "resource-based policy",
            Layer::Trust => "role trust policy",
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
        };
        format!("because no {no} allows the {action} action")
    }
}
