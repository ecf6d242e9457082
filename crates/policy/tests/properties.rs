//! Properties that hold for any input: nothing panics, a matching Deny always wins, decision and explanation agree.

use std::sync::Arc;

use policy::{
    CallerPolicies, Context, Decision, Effect, Policy, PolicyKind, Principal, Request, ResourcePolicies,
    validate,
};
use proptest::prelude::*;

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::Scp,
    PolicyKind::Rcp,
    PolicyKind::Resource,
    PolicyKind::Trust,
];

/// Pieces from which hostile and ordinary documents are put together.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("\"Statement\":".to_owned()),
        Just("\"Effect\":\"Allow\"".to_owned()),
        Just("\"Action\":\"*\"".to_owned()),
        Just("\"Resource\":\"*\"".to_owned()),
        Just("\"Condition\":{\"Bool\":{\"a\":true}}".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        "\\PC{0,6}",
    ]
}

fn one<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    proptest::sample::select(values.to_vec())
}

const ROLE: &str = "arn:aws:iam::222222222222:role/app";
const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/app/s";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn callers() -> impl Strategy<Value = Principal> {
    let texts = [
        "arn:aws:iam::222222222222:root",
        "arn:aws:iam::111111111111:user/ann",
        SESSION,
        "arn:aws:sts::111111111111:federated-user/bob",
        "apigateway.amazonaws.com",
        "accounts.google.com",
        "anonymous",
    ];
    one(&texts).prop_map(|text| Principal::parse(text).unwrap())
}

/// A statement as JSON, with or without a Principal.
fn statement(with_principal: bool) -> impl Strategy<Value = String> {
    let text = prop_oneof![
        one(&["*", "lambda:*", "lambda:InvokeFunction", "s3:Get?", "${aws:username}", FUNCTION, ""])
            .prop_map(str::to_owned),
        "[a-z*?:/${}, ']{0,12}",
    ];
    let principals = [
        "\"*\"",
        r#"{"AWS":"222222222222"}"#,
        r#"{"AWS":["arn:aws:iam::222222222222:role/app","arn:aws:iam::111111111111:user/ann"]}"#,
        r#"{"AWS":"arn:aws:sts::222222222222:assumed-role/app/s"}"#,
        r#"{"Service":"apigateway.amazonaws.com","Federated":"accounts.google.com"}"#,
        r#"{"CanonicalUser":"x","AWS":"AROAEXAMPLEEXAMPLE123"}"#,
    ];
    let operators = [
        "StringEquals",
        "StringNotLike",
        "ForAllValues:StringLike",
        "ForAnyValue:ArnNotLike",
        "NumericLessThan",
        "DateGreaterThanIfExists",
        "Bool",
        "BinaryEquals",
        "NotIpAddress",
        "Null",
        "Nonsense",
    ];
    (
        one(&["Allow", "Deny"]),
        one(&["Action", "NotAction"]),
        text.clone(),
        one(&["Resource", "NotResource"]),
        text.clone(),
        one(&["Principal", "NotPrincipal"]),
        one(&principals),
        proptest::option::of((one(&operators), one(&["aws:username", "aws:TagKeys", "AWS:SourceArn"]), text)),
    )
        .prop_map(move |(effect, action, actions, resource, resources, principal, who, condition)| {
            let json = |text: &str| serde_json::to_string(text).unwrap();
            let mut out = format!(
                "{{\"Effect\":\"{effect}\",\"{action}\":{},\"{resource}\":{}",
                json(&actions),
                json(&resources)
            );
            if with_principal {
                out.push_str(&format!(",\"{principal}\":{who}"));
            }
            if let Some((operator, key, value)) = condition {
                out.push_str(&format!(
                    ",\"Condition\":{{\"{operator}\":{{\"{key}\":[{},1]}}}}",
                    json(&value)
                ));
            }
            out + "}"
        })
}

fn document(kind: PolicyKind) -> impl Strategy<Value = Arc<Policy>> {
    let statements = proptest::collection::vec(statement(kind.has_principal()), 0..4);
    (one(&["2012-10-17", "2008-10-17"]), statements).prop_map(move |(version, statements)| {
        let text = format!("{{\"Version\":\"{version}\",\"Statement\":[{}]}}", statements.join(","));
        Arc::new(Policy::parse("generated", &text, kind).unwrap())
    })
}

fn policies() -> impl Strategy<Value = (CallerPolicies, ResourcePolicies)> {
    let some = |kind| proptest::option::of(document(kind));
    (
        proptest::collection::vec(document(PolicyKind::Identity), 0..3),
        some(PolicyKind::Boundary),
        proptest::option::of(proptest::collection::vec(document(PolicyKind::Session), 0..3)),
        proptest::collection::vec(proptest::collection::vec(document(PolicyKind::Scp), 0..2), 0..3),
        some(PolicyKind::Resource),
        proptest::collection::vec(proptest::collection::vec(document(PolicyKind::Rcp), 0..2), 0..2),
    )
        .prop_map(|(identity, boundary, session, scp, policy, rcp)| {
            (CallerPolicies { identity, boundary, session, scp }, ResourcePolicies { policy, rcp })
        })
}

fn context() -> impl Strategy<Value = Context> {
    let value = proptest::collection::vec("\\PC{0,8}", 0..3);
    proptest::collection::vec((one(&["aws:username", "aws:TagKeys", "aws:SourceArn"]), value), 0..3).prop_map(
        |keys| {
            let mut context = Context::new();
            for (key, values) in keys {
                context.set_all(key, values);
            }
            context
        },
    )
}

fn questions() -> impl Strategy<Value = (String, String)> {
    let resource = prop_oneof![
        one(&[FUNCTION, ROLE, "*", "arn:aws:logs:us-east-1:111111111111:log-group:x"])
            .prop_map(str::to_owned),
        "\\PC{0,20}"
    ];
    let action = prop_oneof![
        one(&["lambda:InvokeFunction", "sts:AssumeRole", "logs:PutLogEvents", "LAMBDA:invokefunction"])
            .prop_map(str::to_owned),
        "\\PC{0,12}"
    ];
    (action, resource)
}

/// A Deny that matches every request of this caller.
fn deny_all(kind: PolicyKind) -> Arc<Policy> {
    let principal = if kind.has_principal() { r#""Principal":"*","# } else { "" };
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny",{principal}"Action":"*","Resource":"*"}}}}"#
    );
    Arc::new(Policy::parse("deny all", &text, kind).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics(pieces in proptest::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        for kind in KINDS {
            let errors = [Policy::parse("any", &text, kind).err(), validate(&text, kind).err()];
            for error in errors.into_iter().flatten() {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{:?} in {text}", error.span);
                prop_assert!(!error.message.is_empty() && !error.help.is_empty());
            }
        }
    }

    #[test]
    fn deciding_never_panics_and_is_what_is_explained(
        caller in callers(),
        (policies, owner) in policies(),
        context in context(),
        (action, resource) in questions(),
    ) {
        let request = Request {
            principal: &caller,
            action: &action,
            resource: &resource,
            resource_account: "111111111111".parse().ok(),
            context: &context,
        };
        let decision = Decision::evaluate_with(&request, &policies, &owner);
        let story = Decision::explain_with(&request, &policies, &owner);
        prop_assert_eq!(decision.effect, story.effect);
        prop_assert_eq!(decision.denied_by, story.denied_by);
        prop_assert_eq!(decision.sentence(&request), story.sentence.clone());
        prop_assert_eq!(decision.is_allowed(), decision.denied_by.is_none());
        prop_assert!(!story.to_text().is_empty());
        serde_json::to_string(&story).unwrap();
    }

    #[test]
    fn an_explicit_deny_always_wins(
        caller in callers(),
        (mut policies, mut owner) in policies(),
        context in context(),
        place in 0..5usize,
    ) {
        let has_account = caller.account().is_some();
        let is_root = matches!(caller, Principal::Root { .. });
        match place {
            0 if has_account && !is_root => policies.identity.push(deny_all(PolicyKind::Identity)),
            1 if has_account && !is_root => policies.boundary = Some(deny_all(PolicyKind::Boundary)),
            2 if has_account => policies.session.get_or_insert_default().push(deny_all(PolicyKind::Session)),
            3 if has_account => policies.scp.push(vec![deny_all(PolicyKind::Scp)]),
            _ => owner.policy = Some(deny_all(PolicyKind::Resource)),
        }
        let request = Request {
            principal: &caller,
            action: "lambda:InvokeFunction",
            resource: FUNCTION,
            resource_account: "111111111111".parse().ok(),
            context: &context,
        };
        prop_assert_eq!(Decision::evaluate_with(&request, &policies, &owner).effect, Effect::ExplicitlyDenied);
    }
}
