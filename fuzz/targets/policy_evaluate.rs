//! The decision. The input is a case in the form of `policy::cases`.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use policy::{CallerPolicies, Decision, Effect, Policy, PolicyKind, Principal, ResourcePolicies};

fn deny(kind: PolicyKind, condition: &str) -> Arc<Policy> {
    let principal = if kind.has_principal() { r#""Principal":"*","# } else { "" };
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny",{principal}"Action":"*","Resource":"*"{condition}}}}}"#
    );
    Arc::new(Policy::parse("deny", &text, kind).expect("a policy"))
}

/// `caller` and `owner` with one policy more on each side that can say no.
fn with(caller: &CallerPolicies, owner: &ResourcePolicies, condition: &str) -> (CallerPolicies, ResourcePolicies) {
    let (mut caller, mut owner) = (caller.clone(), owner.clone());
    caller.identity.push(deny(PolicyKind::Identity, condition));
    caller.scp.iter_mut().for_each(|level| level.push(deny(PolicyKind::Scp, condition)));
    owner.rcp.iter_mut().for_each(|level| level.push(deny(PolicyKind::Rcp, condition)));
    (caller, owner)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(cases) = policy::cases::parse(text, &mut |_| Err("no files".to_owned())) else { return };
    for case in cases.iter().take(4) {
        let request = case.request();
        let decision = Decision::evaluate_with(&request, &case.caller, &case.owner);
        let story = Decision::explain_with(&request, &case.caller, &case.owner);
        assert_eq!((decision.effect, decision.denied_by), (story.effect, story.denied_by));
        assert_eq!(decision.sentence(&request), story.sentence.clone());
        assert!(!story.to_text().is_empty());
        serde_json::to_string(&story).expect("JSON");

        // A Deny that matches is final, wherever it stands; one more that may match never opens anything.
        let (caller, owner) = with(&case.caller, &case.owner, "");
        let denied = Decision::evaluate_with(&request, &caller, &owner).effect;
        let has_identity = case.principal.account().is_some() && !matches!(case.principal, Principal::Root { .. });
        assert!(!has_identity || denied == Effect::ExplicitlyDenied, "a matching Deny was overruled");
        let condition = r#","Condition":{"StringLike":{"aws:username":"a*"}}"#;
        let (caller, owner) = with(&case.caller, &case.owner, condition);
        let after = Decision::evaluate_with(&request, &caller, &owner).effect;
        assert!(decision.is_allowed() || after != Effect::Allowed, "a Deny allowed the request");
        assert!(decision.effect != Effect::ExplicitlyDenied || after == Effect::ExplicitlyDenied);
    }
});
