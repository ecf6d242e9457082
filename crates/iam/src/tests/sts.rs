use arn::AccountId;
use policy::{Decision, Principal, Request};
use serde_json::{Value, json};
use store::Store;
use wire::ApiError;

use crate::testing::*;
use crate::{Caller, Iam};

const ROLE: &str = "arn:aws:iam::111111111111:role/server";

/// A user `ann` of A and a role `server` of B that trusts A.
fn set_up(trust_extra: &str) -> (Iam, Caller) {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":["sts:AssumeRole","sts:TagSession"]{trust_extra}}}]}}"#
    );
    run(&iam, B, "CreateRole", json!({ "RoleName": "server", "AssumeRolePolicyDocument": trust }));
    let made = run(&iam, A, "CreateAccessKey", json!({ "UserName": "ann" }))["AccessKey"].clone();
    let ann = iam.access_key(made["AccessKeyId"].as_str().unwrap()).unwrap().unwrap().caller.clone();
    (iam, ann)
}

fn allow_assume(iam: &Iam) {
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}]}"#;
    run(iam, A, "PutUserPolicy", json!({ "UserName": "ann", "PolicyName": "p", "PolicyDocument": document }));
}

/// The whole way of a call to STS: checks, decisions, the operation.
fn sts(iam: &Iam, caller: &Caller, operation: &'static str, input: Value) -> Result<Value, ApiError> {
    let of = caller.principal.account().unwrap();
    let call = call(of.as_str(), operation, input);
    for check in iam.checks("sts", &call, caller)? {
        let mut context = iam.principal_context(caller)?;
        context.extend(check.context.clone());
        let request = Request {
            principal: &caller.principal,
            action: &check.action,
            resource: &check.resource,
            resource_account: check.resource_account,
            context: &context,
        };
        let policies = iam.caller_policies(caller)?;
        let decision = Decision::evaluate(&request, &policies, check.resource_policy.as_deref());
        if !decision.is_allowed() {
            return Err(ApiError::new("AccessDenied", 403, check.action));
        }
    }
    try_run_as(iam, caller, operation, call.input.into())
}

fn assume(iam: &Iam, caller: &Caller, more: Value) -> Result<Value, ApiError> {
    let mut input = json!({ "RoleArn": ROLE, "RoleSessionName": "s" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sts(iam, caller, "AssumeRole", input)
}

fn caller_of(iam: &Iam, answer: &Value) -> Caller {
    let id = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    iam.access_key(id).unwrap().unwrap().caller.clone()
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let (iam, ann) = set_up("");
    assert_eq!(assume(&iam, &ann, json!({})).unwrap_err().code, "AccessDenied");
    allow_assume(&iam);
    let answer = assume(&iam, &ann, json!({})).unwrap();
    assert_eq!(answer["AssumedRoleUser"]["Arn"], "arn:aws:sts::111111111111:assumed-role/server/s");
    assert_eq!(answer.get("PackedPolicySize"), None);
    assert_eq!(answer["Credentials"]["Expiration"], json!(NOW / 1000 + 3600));
    let id = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("ASIA"));
    let key = iam.access_key(id).unwrap().unwrap();
    assert_eq!(key.session_token.as_deref(), answer["Credentials"]["SessionToken"].as_str());
    assert_eq!(key.expires_ms, Some(NOW + 3_600_000));
    assert_eq!(key.caller.principal.account(), AccountId::new(B).ok());

    let who = sts(&iam, &key.caller, "GetCallerIdentity", json!({})).unwrap();
    assert_eq!(who["UserId"], answer["AssumedRoleUser"]["AssumedRoleId"]);
    assert_eq!((&who["Account"], &who["Arn"]), (&json!(B), &answer["AssumedRoleUser"]["Arn"]));
    let info = sts(&iam, &ann, "GetAccessKeyInfo", json!({ "AccessKeyId": id }));
    assert_eq!(info.unwrap_err().code, "AccessDenied", "needs a permission");
    assert_eq!(run(&iam, A, "GetAccessKeyInfo", json!({ "AccessKeyId": id }))["Account"], B);
}

#[test]
fn conditions_see_the_external_id_only_when_it_is_sent() {
    let (iam, ann) = set_up(r#","Condition":{"StringEquals":{"sts:ExternalId":"secret"}}"#);
    allow_assume(&iam);
    assert!(assume(&iam, &ann, json!({})).is_err());
    assert!(assume(&iam, &ann, json!({ "ExternalId": "other" })).is_err());
    assume(&iam, &ann, json!({ "ExternalId": "secret" })).unwrap();
}

#[test]
fn roles_that_are_missing_and_roles_that_refuse_answer_alike() {
    let (iam, ann) = set_up("");
    let ghost = "arn:aws:iam::111111111111:role/ghost";
    let error =
        sts(&iam, &ann, "AssumeRole", json!({ "RoleArn": ghost, "RoleSessionName": "s" })).unwrap_err();
    let text = format!(
        "User: arn:aws:iam::222222222222:user/ann is not authorized to perform: sts:AssumeRole on resource: {ghost}"
    );
    assert_eq!((error.code.as_str(), error.message), ("AccessDenied", Some(text)));
    for bad in ["nothing-valid-in-here", "arn::b:::something/test-role", "arn:a:a::aaaaaaaaaa:"] {
        let error =
            sts(&iam, &ann, "AssumeRole", json!({ "RoleArn": bad, "RoleSessionName": "s" })).unwrap_err();
        assert_eq!(error.message, Some(format!("{bad} is invalid")));
        assert_eq!(error.code, "ValidationError");
    }
    let error = assume(&iam, &root(B), json!({})).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("Roles may not be assumed by root accounts."));
}

#[test]
fn durations_end_at_the_roles_limit_and_at_an_hour_when_chained() {
    let (iam, ann) = set_up("");
    allow_assume(&iam);
    let error = assume(&iam, &ann, json!({ "DurationSeconds": 7200 })).unwrap_err();
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    assert_eq!(error.message.as_deref(), Some(text));
    run(&iam, B, "UpdateRole", json!({ "RoleName": "server", "MaxSessionDuration": 7200 }));
    let first = assume(&iam, &ann, json!({ "DurationSeconds": 7200 })).unwrap();
    assert_eq!(first["Credentials"]["Expiration"], json!(NOW / 1000 + 7200));

    // The session assumes the role again: it must be trusted by itself.
    let session = caller_of(&iam, &first);
    let trust =
        LAMBDA_TRUST.replace(r#"{"Service":"lambda.amazonaws.com"}"#, &format!(r#"{{"AWS":"{ROLE}"}}"#));
    run(&iam, B, "UpdateAssumeRolePolicy", json!({ "RoleName": "server", "PolicyDocument": trust }));
    let error = assume(&iam, &session, json!({ "DurationSeconds": 7200 })).unwrap_err();
    let text =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    assert_eq!(error.message.as_deref(), Some(text));
    assume(&iam, &session, json!({})).unwrap();
}

#[test]
fn session_policies_limit_that_session_only() {
    let (iam, ann) = set_up("");
    allow_assume(&iam);
    run(
        &iam,
        B,
        "PutRolePolicy",
        json!({ "RoleName": "server", "PolicyName": "p", "PolicyDocument": INVOKE }),
    );
    let narrow = INVOKE.replace("lambda:InvokeFunction", "lambda:GetFunction");
    let limited = assume(&iam, &ann, json!({ "Policy": narrow })).unwrap();
    assert!(limited["PackedPolicySize"].as_u64().unwrap() > 0);
    let by_arn = json!({ "PolicyArns": [{ "arn": "arn:aws:iam::aws:policy/service-role/AWSLambdaRole" }] });
    let by_arn = assume(&iam, &ann, by_arn).unwrap();
    let free = assume(&iam, &ann, json!({})).unwrap();
    let may_invoke = |answer: &Value| {
        let caller = caller_of(&iam, answer);
        let context = iam.principal_context(&caller).unwrap();
        let request = Request {
            principal: &caller.principal,
            action: "lambda:InvokeFunction",
            resource: "arn:aws:lambda:us-east-1:111111111111:function:f",
            resource_account: None,
            context: &context,
        };
        Decision::evaluate(&request, &iam.caller_policies(&caller).unwrap(), None).is_allowed()
    };
    assert!(!may_invoke(&limited));
    assert!(may_invoke(&by_arn));
    assert!(may_invoke(&free));
    assert_eq!(assume(&iam, &ann, json!({ "Policy": "{" })).unwrap_err().code, "MalformedPolicyDocument");
    let ghost = json!({ "PolicyArns": [{ "arn": "arn:aws:iam::111111111111:policy/ghost" }] });
    assert_eq!(assume(&iam, &ann, ghost).unwrap_err().code, "MalformedPolicyDocument");
}

#[test]
fn session_tags_are_checked_passed_on_and_seen_by_policies() {
    let (iam, ann) = set_up("");
    allow_assume(&iam);
    let tags = json!([{ "Key": "Team", "Value": "core" }, { "Key": "Job", "Value": "x" }]);
    let refused = |more: Value, text: &str| {
        let error = assume(&iam, &ann, more).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_deref()), ("InvalidParameterValue", Some(text)));
    };
    refused(
        json!({ "Tags": tags, "TransitiveTagKeys": ["other"] }),
        "The specified transitive tag key must be included in the requested tags.",
    );
    refused(
        json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "A", "Value": "2" }] }),
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
    let first = assume(&iam, &ann, json!({ "Tags": tags, "TransitiveTagKeys": ["team"] })).unwrap();
    let session = caller_of(&iam, &first);
    let context = iam.principal_context(&session).unwrap();
    assert_eq!(context.get("aws:PrincipalTag/Job"), Some(&["x".to_owned()][..]));

    let trust = LAMBDA_TRUST
        .replace(r#"{"Service":"lambda.amazonaws.com"}"#, &format!(r#"{{"AWS":"{ROLE}"}}"#))
        .replace(r#""sts:AssumeRole""#, r#"["sts:AssumeRole","sts:TagSession"]"#);
    run(&iam, B, "UpdateAssumeRolePolicy", json!({ "RoleName": "server", "PolicyDocument": trust }));
    let error = assume(&iam, &session, json!({ "Tags": [{ "Key": "TEAM", "Value": "other" }] })).unwrap_err();
    let text = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                from the calling session.";
    assert_eq!(error.message.as_deref(), Some(text));
    let chained = caller_of(&iam, &assume(&iam, &session, json!({})).unwrap());
    let context = iam.principal_context(&chained).unwrap();
    assert_eq!(context.get("aws:PrincipalTag/Team"), Some(&["core".to_owned()][..]));
    assert_eq!(context.get("aws:PrincipalTag/Job"), None);
}

#[test]
fn tags_need_their_own_permission_on_both_sides() {
    let (iam, ann) = set_up("");
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}"#;
    run(
        &iam,
        A,
        "PutUserPolicy",
        json!({ "UserName": "ann", "PolicyName": "p", "PolicyDocument": document }),
    );
    let error = assume(&iam, &ann, json!({ "Tags": [{ "Key": "a", "Value": "1" }] })).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("sts:TagSession"));
    let error = assume(&iam, &ann, json!({ "SourceIdentity": "ann" })).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("sts:SetSourceIdentity"));
}

#[test]
fn sessions_of_sts_outlive_the_process_and_those_of_services_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let (kept, lost) = {
        let iam = Iam::new(Store::open(directory.path()).unwrap());
        run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
        run(&iam, A, "CreateRole", json!({ "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
        let token = run(&iam, A, "GetSessionToken", json!({ "DurationSeconds": 900 }));
        let made = iam.issue_session("arn:aws:iam::222222222222:role/r", "s", 900, NOW).unwrap().unwrap();
        assert!(iam.access_key(&made.access_key_id).unwrap().is_some());
        (token["Credentials"].clone(), made.access_key_id)
    };
    let iam = Iam::new(Store::open(directory.path()).unwrap());
    let key = iam.access_key(kept["AccessKeyId"].as_str().unwrap()).unwrap().unwrap();
    assert_eq!(
        (json!(key.secret), json!(key.session_token)),
        (kept["SecretAccessKey"].clone(), kept["SessionToken"].clone())
    );
    assert_eq!(key.caller.principal, Principal::Root { account: account(A) });
    assert!(iam.access_key(&lost).unwrap().is_none());
}

#[test]
fn session_tokens_are_for_long_term_credentials() {
    let (iam, ann) = set_up("");
    let token = sts(&iam, &ann, "GetSessionToken", json!({})).unwrap();
    assert_eq!(token["Credentials"]["Expiration"], json!(NOW / 1000 + 43_200));
    let session = caller_of(&iam, &token);
    assert_eq!(session.principal, ann.principal);
    let error = sts(&iam, &session, "GetSessionToken", json!({})).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("Cannot call GetSessionToken with session credentials"));
    let error = iam.checks("iam", &call(A, "ListUsers", json!({})), &session).unwrap_err();
    assert_eq!(error.code, "InvalidClientTokenId", "IAM is closed to such sessions");
    let root_token = sts(&iam, &root(A), "GetSessionToken", json!({})).unwrap();
    assert_eq!(root_token["Credentials"]["Expiration"], json!(NOW / 1000 + 3_600), "an hour for root");
}

#[test]
fn a_federated_user_carries_the_policies_of_who_made_it() {
    let (iam, ann) = set_up("");
    assert!(sts(&iam, &ann, "GetFederationToken", json!({ "Name": "bob" })).is_err());
    let answer = run(&iam, A, "GetFederationToken", json!({ "Name": "bob" }));
    assert_eq!(answer["PackedPolicySize"], 0);
    assert_eq!(answer["FederatedUser"]["Arn"], "arn:aws:sts::222222222222:federated-user/bob");
    let bob = caller_of(&iam, &answer);
    let who = sts(&iam, &bob, "GetCallerIdentity", json!({})).unwrap();
    assert_eq!(who["UserId"], "222222222222:bob");
}
