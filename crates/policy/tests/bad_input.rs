//! Hostile documents: AWS's first text, no panic, in bounded time.

use std::time::{Duration, Instant};

use policy::{Context, Decision, Policy, PolicyKind, Principal, Request, validate};

const SYNTAX: &str = "Syntax errors in policy.";

#[track_caller]
fn refused(text: &str, message: &str) {
    let start = Instant::now();
    for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust, PolicyKind::Scp] {
        assert_eq!(validate(text, kind).unwrap_err().message, message, "{}", text.get(..80).unwrap_or(text));
    }
    assert!(Policy::parse("hostile", text, PolicyKind::Identity).is_err());
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
}

#[test]
fn what_is_no_policy_is_refused_with_awss_text() {
    refused(&"[".repeat(100_000), SYNTAX);
    refused(&r#"{"a":"#.repeat(100_000), SYNTAX);
    refused(&format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000)), SYNTAX);
    refused("\u{feff}{}", SYNTAX);
    refused(r#"{"Statement":[],"Statement":[]}"#, SYNTAX);
    refused(r#"{"Version":"2012-10-17","Statement":{"Effect":1,"Action":2,"Resource":3}}"#, SYNTAX);
    refused(&format!(r#"{{"Statement":"{}"}}"#, "x".repeat(10_000_000)), SYNTAX);
    refused("\u{0}", SYNTAX);
}

#[test]
fn stars_without_end_are_compared_in_bounded_time() {
    let stars = "*a".repeat(50_000);
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::{stars}b",
            "Condition":{{"StringLike":{{"s3:prefix":"{stars}b"}}}}}}}}"#
    );
    let policy = std::sync::Arc::new(Policy::parse("stars", &text, PolicyKind::Identity).unwrap());
    let mut context = Context::new();
    context.set("s3:prefix", "a".repeat(60_000));
    let principal = Principal::parse("arn:aws:iam::222222222222:user/ann").unwrap();
    let resource = format!("arn:aws:s3:::{}", "a".repeat(60_000));
    let request = Request {
        principal: &principal,
        action: "s3:GetObject",
        resource: &resource,
        resource_account: None,
        context: &context,
    };
    let caller = policy::CallerPolicies { identity: vec![policy], ..Default::default() };
    let start = Instant::now();
    assert!(!Decision::evaluate(&request, &caller, None).is_allowed());
    assert!(!Decision::explain(&request, &caller, None).to_text().is_empty());
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
}
