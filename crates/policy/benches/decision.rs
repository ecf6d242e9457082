//! Median time per decision. `cargo bench -p policy`; exits with 1 when a promise is broken.
#![allow(missing_docs, reason = "a program, not a library")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use policy::{CallerPolicies, Context, Decision, Effect, Policy, PolicyKind, Principal, Request};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda";

/// Median nanoseconds of `run` over many batches.
fn median(mut run: impl FnMut() -> Effect) -> f64 {
    let start = Instant::now();
    let mut batch = 1u32;
    while start.elapsed().as_millis() < 50 {
        black_box(run());
        batch += 1;
    }
    let batch = (batch / 10).max(1);
    let mut times: Vec<f64> = (0..101)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..batch {
                black_box(run());
            }
            start.elapsed().as_nanos() as f64 / f64::from(batch)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn context() -> Context {
    let mut context = Context::new();
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::222222222222:role/apigw-exec"),
        ("aws:PrincipalAccount", "222222222222"),
        ("aws:PrincipalType", "AssumedRole"),
        ("aws:userid", "AROAEXAMPLEEXAMPLE123:BackplaneAssumeRoleSession"),
        ("aws:PrincipalIsAWSService", "false"),
        ("aws:TokenIssueTime", "2026-01-01T00:00:00Z"),
        ("aws:MultiFactorAuthPresent", "false"),
        ("aws:SourceIp", "203.0.113.7"),
        ("aws:SecureTransport", "true"),
        ("aws:CurrentTime", "2026-01-01T00:10:00Z"),
        ("aws:EpochTime", "1767226200"),
        ("aws:UserAgent", "AmazonAPIGateway_abc123"),
        ("aws:RequestedRegion", "us-east-1"),
        ("aws:ResourceAccount", "111111111111"),
    ] {
        context.set(key, value);
    }
    context
}

fn parse(text: &str, kind: PolicyKind) -> Policy {
    Policy::parse("bench", text, kind).unwrap_or_else(|e| panic!("{e}: {}", e.help))
}

/// `policies` policies of `statements` statements each; only one statement of all allows the request.
fn many(policies: usize, statements: usize, service: &str) -> Vec<Arc<Policy>> {
    (0..policies)
        .map(|p| {
            let mut text = String::from(r#"{"Version":"2012-10-17","Statement":["#);
            for s in 0..statements {
                let comma = if s == 0 { "" } else { "," };
                let last = p == policies - 1 && s == statements - 1;
                let name = if last { "account-b-lambda".to_owned() } else { format!("account-b-{p}-{s}-*") };
                let effect = if s % 10 == 3 { "Deny" } else { "Allow" };
                let _ = write!(
                    text,
                    r#"{comma}{{"Effect":"{effect}","Action":["{service}:InvokeFunction","{service}:Get*"],
                    "Resource":"arn:aws:lambda:us-east-1:111111111111:function:{name}",
                    "Condition":{{"StringEquals":{{"aws:PrincipalAccount":"222222222222"}}}}}}"#
                );
            }
            text.push_str("]}");
            Arc::new(parse(&text, PolicyKind::Identity))
        })
        .collect()
}

fn main() {
    let context = context();
    let principal =
        Principal::parse("arn:aws:sts::222222222222:assumed-role/apigw-exec/BackplaneAssumeRoleSession")
            .unwrap_or_else(|e| panic!("{e}"));
    let request = Request {
        principal: &principal,
        action: "lambda:InvokeFunction",
        resource: FUNCTION,
        resource_account: "111111111111".parse().ok(),
        context: &context,
    };
    let identity = parse(
        &format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"{FUNCTION}"}}}}"#
        ),
        PolicyKind::Identity,
    );
    let grant = |condition: &str| {
        parse(
            &format!(
                r#"{{"Version":"2012-10-17","Id":"default","Statement":[{{"Sid":"apigateway-invoke-from-account-a","Effect":"Allow",
                "Principal":{{"AWS":"arn:aws:iam::222222222222:root"}},"Action":"lambda:InvokeFunction","Resource":"{FUNCTION}"{condition}}}]}}"#
            ),
            PolicyKind::Resource,
        )
    };
    let works = grant("");
    let seed = grant(
        r#","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:us-east-1:222222222222:api-id/stage/*/*"}}"#,
    );
    let caller = CallerPolicies { identity: vec![Arc::new(identity)], ..CallerPolicies::default() };
    let mut broken = false;
    let mut report = |name: &str, ns: f64, limit: Option<f64>| {
        let verdict = match limit {
            Some(limit) if ns > limit => {
                broken = true;
                format!("over {limit:.0}")
            }
            Some(limit) => format!("within {limit:.0}"),
            None => String::new(),
        };
        println!("{name:<58} {ns:>10.0} ns  {verdict}");
    };
    let time = |caller: &CallerPolicies, grant: &Policy, expected: Effect| {
        assert_eq!(Decision::evaluate(&request, caller, Some(grant)).effect, expected);
        median(|| Decision::evaluate(&request, caller, Some(grant)).effect)
    };
    report("seed, cross-account, allowed", time(&caller, &works, Effect::Allowed), Some(2_000.0));
    report("seed, cross-account, denied", time(&caller, &seed, Effect::ImplicitlyDenied), Some(2_000.0));
    report(
        "seed, cross-account, denied, with its explanation",
        median(|| Decision::explain(&request, &caller, Some(&seed)).effect),
        None,
    );
    let mut per_statement = Vec::new();
    for policies in [10, 100, 1000] {
        let caller = CallerPolicies { identity: many(policies, 10, "lambda"), ..CallerPolicies::default() };
        let ns = time(&caller, &works, Effect::Allowed);
        per_statement.push(ns / (policies * 10) as f64);
        let limit = (policies == 100).then_some(60_000.0);
        report(
            &format!("{} statements of the same service over {policies} policies", policies * 10),
            ns,
            limit,
        );
    }
    let other = CallerPolicies { identity: many(100, 10, "dynamodb"), ..CallerPolicies::default() };
    let ns = time(&other, &works, Effect::ImplicitlyDenied);
    report("1000 statements of another service over 100 policies", ns, Some(60_000.0));
    println!(
        "cost per statement at 100, 1000, 10000 statements: {}",
        per_statement.iter().map(|n| format!("{n:.1} ns")).collect::<Vec<_>>().join(", ")
    );
    std::process::exit(i32::from(broken));
}
