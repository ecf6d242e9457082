use policy::{Context, Decision, Principal, Request};
use serde_json::json;

use crate::testing::*;
use crate::{Caller, Iam, IamPrincipal};

const ROLE: &str = "arn:aws:iam::222222222222:role/x/worker";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:222222222222:function:f";

fn iam_with_role() -> Iam {
    let iam = iam();
    run(
        &iam,
        A,
        "CreateRole",
        json!({ "RoleName": "worker", "Path": "/x/", "AssumeRolePolicyDocument": LAMBDA_TRUST }),
    );
    iam
}

fn session(iam: &Iam) -> Caller {
    iam.role_session(ROLE, "s", NOW).unwrap().unwrap()
}

fn user(iam: &Iam, name: &str) -> Caller {
    let made = run(iam, A, "CreateAccessKey", json!({ "UserName": name }))["AccessKey"].clone();
    iam.access_key(made["AccessKeyId"].as_str().unwrap()).unwrap().unwrap().caller.clone()
}

/// Whether the caller may invoke a function of its own account.
fn may_invoke(iam: &Iam, caller: &Caller) -> bool {
    let request = Request {
        principal: &caller.principal,
        action: "lambda:InvokeFunction",
        resource: FUNCTION,
        resource_account: Some(account(A)),
        context: &iam.principal_context(caller).unwrap(),
    };
    Decision::evaluate(&request, &iam.caller_policies(caller).unwrap(), None).is_allowed()
}

fn names(iam: &Iam, caller: &Caller) -> Vec<String> {
    iam.caller_policies(caller).unwrap().identity.iter().map(|policy| policy.name.clone()).collect()
}

#[test]
fn inline_and_managed_policies_of_a_role_bear_on_its_sessions_at_once() {
    let iam = iam_with_role();
    let caller = session(&iam);
    assert!(!may_invoke(&iam, &caller));
    run(
        &iam,
        A,
        "PutRolePolicy",
        json!({ "RoleName": "worker", "PolicyName": "p", "PolicyDocument": INVOKE }),
    );
    assert!(may_invoke(&iam, &caller));
    assert_eq!(names(&iam, &caller), [r#"inline policy "p" of role "worker""#]);
    run(&iam, A, "DeleteRolePolicy", json!({ "RoleName": "worker", "PolicyName": "p" }));
    assert!(!may_invoke(&iam, &caller));
    let aws = "arn:aws:iam::aws:policy/service-role/AWSLambdaRole";
    run(&iam, A, "AttachRolePolicy", json!({ "RoleName": "worker", "PolicyArn": aws }));
    assert!(may_invoke(&iam, &caller));
    assert_eq!(names(&iam, &caller), [aws]);
}

#[test]
fn unchanged_policies_are_compiled_once() {
    let iam = iam_with_role();
    let caller = session(&iam);
    let first = iam.caller_policies(&caller).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &iam.caller_policies(&session(&iam)).unwrap()));
    run(&iam, B, "CreateUser", json!({ "UserName": "x" }));
    assert!(!std::sync::Arc::ptr_eq(&first, &iam.caller_policies(&caller).unwrap()));
}

#[test]
fn a_new_default_version_counts_and_an_old_one_does_not() {
    let iam = iam_with_role();
    let arn = "arn:aws:iam::222222222222:policy/p";
    let other = INVOKE.replace("lambda:InvokeFunction", "lambda:GetFunction");
    run(&iam, A, "CreatePolicy", json!({ "PolicyName": "p", "PolicyDocument": other }));
    run(&iam, A, "AttachRolePolicy", json!({ "RoleName": "worker", "PolicyArn": arn }));
    let caller = session(&iam);
    assert!(!may_invoke(&iam, &caller));
    run(&iam, A, "CreatePolicyVersion", json!({ "PolicyArn": arn, "PolicyDocument": INVOKE }));
    assert!(!may_invoke(&iam, &caller), "not the default yet");
    run(&iam, A, "SetDefaultPolicyVersion", json!({ "PolicyArn": arn, "VersionId": "v2" }));
    assert!(may_invoke(&iam, &caller));
}

#[test]
fn policies_of_groups_bear_on_their_users() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    run(&iam, A, "CreateGroup", json!({ "GroupName": "ops" }));
    run(
        &iam,
        A,
        "PutGroupPolicy",
        json!({ "GroupName": "ops", "PolicyName": "p", "PolicyDocument": INVOKE }),
    );
    let ann = user(&iam, "ann");
    assert!(!may_invoke(&iam, &ann));
    run(&iam, A, "AddUserToGroup", json!({ "UserName": "ann", "GroupName": "ops" }));
    assert!(may_invoke(&iam, &ann));
    assert_eq!(names(&iam, &ann), [r#"inline policy "p" of group "ops""#]);
}

#[test]
fn a_boundary_limits_and_one_of_unknown_content_lets_nothing_through() {
    let iam = iam_with_role();
    run(
        &iam,
        A,
        "PutRolePolicy",
        json!({ "RoleName": "worker", "PolicyName": "p", "PolicyDocument": INVOKE }),
    );
    let caller = session(&iam);
    let bound = |arn: &str| {
        run(
            &iam,
            A,
            "PutRolePermissionsBoundary",
            json!({ "RoleName": "worker", "PermissionsBoundary": arn }),
        );
        may_invoke(&iam, &caller)
    };
    assert!(bound("arn:aws:iam::aws:policy/PowerUserAccess"));
    assert!(!bound("arn:aws:iam::aws:policy/IAMFullAccess"));
    assert!(!bound("arn:aws:iam::aws:policy/AmazonRDSFullAccess"));
}

#[test]
fn policies_of_unknown_content_are_named_and_grant_nothing() {
    let iam = iam_with_role();
    let arn = "arn:aws:iam::aws:policy/AmazonRDSFullAccess";
    run(&iam, A, "AttachRolePolicy", json!({ "RoleName": "worker", "PolicyArn": arn }));
    let caller = session(&iam);
    assert_eq!(names(&iam, &caller), [format!("{arn} (content unknown)")]);
    assert!(!may_invoke(&iam, &caller));
}

#[test]
fn a_role_made_again_is_another_role() {
    let iam = iam_with_role();
    let caller = session(&iam);
    let key = iam.issue_session(ROLE, "s", 900, NOW).unwrap().unwrap();
    assert!(iam.access_key(&key.access_key_id).unwrap().is_some());
    run(&iam, A, "DeleteRole", json!({ "RoleName": "worker" }));
    let again = json!({ "RoleName": "worker", "Path": "/x/", "AssumeRolePolicyDocument": LAMBDA_TRUST });
    run(&iam, A, "CreateRole", again);
    run(
        &iam,
        A,
        "PutRolePolicy",
        json!({ "RoleName": "worker", "PolicyName": "p", "PolicyDocument": INVOKE }),
    );
    assert!(!may_invoke(&iam, &caller), "a session of the old role");
    assert!(iam.access_key(&key.access_key_id).unwrap().is_none());
    assert!(may_invoke(&iam, &session(&iam)));
}

#[test]
fn the_trust_policy_decides_which_service_may_assume() {
    let iam = iam_with_role();
    let context = Context::new();
    let may = |host: &str| iam.may_assume(ROLE, host, &context).unwrap().map(|d| d.is_allowed());
    assert_eq!(may("lambda.amazonaws.com"), Some(true));
    assert_eq!(may("apigateway.amazonaws.com"), Some(false));
    assert!(
        iam.may_assume("arn:aws:iam::222222222222:role/worker", "lambda.amazonaws.com", &context)
            .unwrap()
            .is_none()
    );
    let role = iam.role(ROLE).unwrap().unwrap();
    assert_eq!((role.name.as_str(), role.account.as_str()), ("worker", A));
    assert!(iam.role("arn:aws:iam::111111111111:role/x/worker").unwrap().is_none(), "another account's");
    assert!(iam.role("nonsense").unwrap().is_none());
}

#[test]
fn the_context_of_each_caller_holds_its_keys_and_no_others() {
    let iam = iam_with_role();
    run(&iam, A, "TagRole", json!({ "RoleName": "worker", "Tags": [{ "Key": "team", "Value": "core" }] }));
    let shown = |caller: &Caller| -> Vec<(String, String)> {
        let context = iam.principal_context(caller).unwrap();
        let mut keys: Vec<(String, String)> =
            context.iter().map(|(key, values)| (key.to_owned(), values.join(","))).collect();
        keys.sort();
        keys
    };
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let role_id = iam.role(ROLE).unwrap().unwrap().id.clone();
    assert_eq!(
        shown(&session(&iam)),
        owned(&[
            ("aws:MultiFactorAuthPresent", "false"),
            ("aws:PrincipalAccount", A),
            ("aws:PrincipalArn", ROLE),
            ("aws:PrincipalIsAWSService", "false"),
            ("aws:PrincipalTag/team", "core"),
            ("aws:PrincipalType", "AssumedRole"),
            ("aws:TokenIssueTime", "2023-11-14T22:13:20Z"),
            ("aws:userid", &format!("{role_id}:s")),
        ])
    );
    run(&iam, A, "CreateUser", json!({ "UserName": "ann", "Path": "/p/" }));
    let ann = user(&iam, "ann");
    let Principal::User { id, .. } = &ann.principal else { panic!("a user") };
    assert_eq!(
        shown(&ann),
        owned(&[
            ("aws:PrincipalAccount", A),
            ("aws:PrincipalArn", "arn:aws:iam::222222222222:user/p/ann"),
            ("aws:PrincipalIsAWSService", "false"),
            ("aws:PrincipalType", "User"),
            ("aws:userid", id),
            ("aws:username", "ann"),
        ])
    );
    let service = Caller::from(Principal::Service { host: "apigateway.amazonaws.com".into() });
    assert_eq!(
        shown(&service),
        owned(&[
            ("aws:PrincipalIsAWSService", "true"),
            ("aws:PrincipalServiceName", "apigateway.amazonaws.com"),
            ("aws:PrincipalServiceNamesList", "apigateway.amazonaws.com"),
        ])
    );
    assert_eq!(
        shown(&root(A)),
        owned(&[
            ("aws:PrincipalAccount", A),
            ("aws:PrincipalArn", "arn:aws:iam::222222222222:root"),
            ("aws:PrincipalIsAWSService", "false"),
            ("aws:PrincipalType", "Account"),
            ("aws:userid", A),
        ])
    );
}

#[test]
fn principals_of_resource_policies_are_found_or_not() {
    let iam = iam_with_role();
    let id = iam.role(ROLE).unwrap().unwrap().id.clone();
    let role = IamPrincipal::Entity { arn: ROLE.to_owned(), id: id.clone(), account: account(A) };
    let found = |text: &str| iam.resolve_principal(text).unwrap();
    assert_eq!(found(ROLE), Some(role.clone()));
    assert_eq!(found(&id), Some(role));
    assert_eq!(found(B), Some(IamPrincipal::Account(account(B))));
    assert_eq!(found("arn:aws:iam::111111111111:root"), Some(IamPrincipal::Account(account(B))));
    assert_eq!(found("arn:aws:iam::222222222222:role/worker"), None, "the path is part of the name");
    assert_eq!(found("arn:aws:iam::222222222222:user/ghost"), None);
    let session = "arn:aws:sts::222222222222:assumed-role/worker/s";
    assert_eq!(found(session), Some(IamPrincipal::Session(session.to_owned())));
    assert_eq!(iam.names(&account(A)).unwrap(), [ROLE]);
    assert!(iam.names(&account(B)).unwrap().is_empty());
}
