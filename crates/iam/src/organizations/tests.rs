//! What an organization imposes, and when compiled policies go out of date. The operations are driven by real clients
//! in `test_organizations.py`.

use std::sync::Arc;

use policy::{Check, Context, Decision, Principal, Request, ResourcePolicies};
use serde_json::{Value, json};
use wire::{ApiError, Service};

use super::TABLE;
use crate::testing::{
    A, B, INVOKE, LAMBDA_TRUST, NOW, account, assert_in_model, call, iam, root, run as run_iam,
};
use crate::{Caller, Iam};

const MANAGEMENT: &str = "333333333333";

fn try_run(iam: &Iam, of: &str, operation: &'static str, input: Value) -> Result<Value, ApiError> {
    let reply = iam.handle("organizations", &call(of, operation, input), &root(of))?;
    let output = Value::Object(reply.output);
    let operation = Service::Organizations.operation(operation).unwrap();
    if let Some(shape) = operation.output {
        assert_in_model(operation.model(), shape, &output, operation.name);
    }
    Ok(output)
}

#[track_caller]
fn run(iam: &Iam, operation: &'static str, input: Value) -> Value {
    try_run(iam, MANAGEMENT, operation, input).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An organization with SCPs and RCPs enabled, and account A in it; gives the root's id.
fn organization(iam: &Iam) -> String {
    run(iam, "CreateOrganization", json!({}));
    let root = text(&run(iam, "ListRoots", json!({}))["Roots"][0]["Id"]);
    for kind in ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"] {
        run(iam, "EnablePolicyType", json!({ "RootId": root, "PolicyType": kind }));
    }
    let target = json!({ "Id": A, "Type": "ACCOUNT" });
    let shake = run(iam, "InviteAccountToOrganization", json!({ "Target": target }));
    let id = &shake["Handshake"]["Id"];
    try_run(iam, A, "AcceptHandshake", json!({ "HandshakeId": id })).unwrap();
    root
}

fn scp(iam: &Iam, action: &str) -> String {
    let content = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"{action}","Resource":"*"}}]}}"#
    );
    let input =
        json!({ "Name": action, "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": content });
    text(&run(iam, "CreatePolicy", input)["Policy"]["PolicySummary"]["Id"])
}

fn worker(iam: &Iam) -> Caller {
    run_iam(iam, A, "CreateRole", json!({ "RoleName": "w", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    let put = json!({ "RoleName": "w", "PolicyName": "p", "PolicyDocument": INVOKE });
    run_iam(iam, A, "PutRolePolicy", put);
    iam.role_session(&format!("arn:aws:iam::{A}:role/w"), "s", NOW).unwrap().unwrap()
}

fn may_invoke(iam: &Iam, caller: &Caller) -> bool {
    let context = Context::new();
    let request = Request {
        principal: &caller.principal,
        action: "lambda:InvokeFunction",
        resource: "arn:aws:lambda:us-east-1:222222222222:function:f",
        resource_account: Some(account(A)),
        context: &context,
    };
    let policies = iam.caller_policies(caller).unwrap();
    Decision::evaluate_with(&request, &policies, &ResourcePolicies::default()).is_allowed()
}

#[test]
fn every_change_of_the_organization_is_seen_by_the_next_request_and_nothing_else_is() {
    let iam = iam();
    let root = organization(&iam);
    let caller = worker(&iam);
    assert!(may_invoke(&iam, &caller));
    let policy = scp(&iam, "lambda:*");
    let unit = run(&iam, "CreateOrganizationalUnit", json!({ "ParentId": root, "Name": "u" }));
    let unit = text(&unit["OrganizationalUnit"]["Id"]);
    run(&iam, "AttachPolicy", json!({ "PolicyId": policy, "TargetId": unit }));
    assert!(may_invoke(&iam, &caller), "the account is not in the unit");
    let step = |from: &str, to: &str| {
        let input = json!({ "AccountId": A, "SourceParentId": from, "DestinationParentId": to });
        run(&iam, "MoveAccount", input);
    };
    step(&root, &unit);
    assert!(!may_invoke(&iam, &caller), "moved into the unit");
    let harmless =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
    run(&iam, "UpdatePolicy", json!({ "PolicyId": policy, "Content": harmless }));
    assert!(may_invoke(&iam, &caller), "the policy was changed");
    let before = iam.caller_policies(&caller).unwrap();
    // Who is invited, and sessions, change nobody's permissions.
    let target = json!({ "Id": B, "Type": "ACCOUNT" });
    run(&iam, "InviteAccountToOrganization", json!({ "Target": target }));
    run(&iam, "DescribeOrganization", json!({}));
    assert!(Arc::ptr_eq(&before, &iam.caller_policies(&caller).unwrap()));
    step(&unit, &root);
    assert!(!Arc::ptr_eq(&before, &iam.caller_policies(&caller).unwrap()));
}

#[test]
fn levels_go_from_the_root_to_the_account() {
    let iam = iam();
    let root = organization(&iam);
    let upper = run(&iam, "CreateOrganizationalUnit", json!({ "ParentId": root, "Name": "Upper" }));
    let upper = text(&upper["OrganizationalUnit"]["Id"]);
    let lower = run(&iam, "CreateOrganizationalUnit", json!({ "ParentId": upper, "Name": "Lower" }));
    let lower = text(&lower["OrganizationalUnit"]["Id"]);
    let input = json!({ "AccountId": A, "SourceParentId": root, "DestinationParentId": lower });
    run(&iam, "MoveAccount", input);
    let policy = scp(&iam, "lambda:*");
    run(&iam, "AttachPolicy", json!({ "PolicyId": policy, "TargetId": upper }));
    let membership = iam.membership(&account(A)).unwrap().unwrap();
    let ids: Vec<&str> = membership.levels.iter().map(|level| level.id.as_str()).collect();
    assert_eq!(ids, [root.as_str(), &upper, &lower, A]);
    assert_eq!(membership.path, format!("{}/{root}/{upper}/{lower}/", membership.organization));
    assert_eq!(membership.levels[1].scp, ["p-FullAWSAccess", policy.as_str()]);
    assert_eq!(
        membership.scp[1][1].name,
        format!("service control policy lambda:* ({policy}) on organizational unit Upper ({upper})")
    );
    let counts: Vec<usize> = membership.scp.iter().map(Vec::len).collect();
    assert_eq!((counts.as_slice(), membership.rcp.len()), (&[1, 2, 1, 1][..], 4));
    assert!(iam.membership(&account(B)).unwrap().is_none());
}

#[test]
fn the_management_account_and_service_linked_roles_are_free() {
    let iam = iam();
    let root_id = organization(&iam);
    let policy = scp(&iam, "lambda:*");
    run(&iam, "AttachPolicy", json!({ "PolicyId": policy, "TargetId": root_id }));
    let denies = |caller: &Caller| !iam.caller_policies(caller).unwrap().scp.is_empty();
    assert!(denies(&root(A)), "root users of members are bound");
    assert!(!denies(&root(MANAGEMENT)));
    let membership = iam.membership(&account(MANAGEMENT)).unwrap().unwrap();
    assert!(membership.rcp.is_empty());
    let session = |path: &str| {
        Caller::from(Principal::RoleSession {
            role_arn: format!("arn:aws:iam::{A}:role/{path}AWSServiceRoleForX"),
            role_id: format!("AROA{path}"),
            session: "s".to_owned(),
            account: account(A),
        })
    };
    let linked = session("aws-service-role/x.amazonaws.com/");
    assert!(!denies(&linked) && !crate::rcp_bind(&linked.principal));
    assert!(denies(&session("path/")) && crate::rcp_bind(&session("path/").principal));
}

fn checks(iam: &Iam, of: &str, operation: &'static str, input: Value) -> Vec<Check> {
    iam.checks("organizations", &call(of, operation, input), &root(of)).unwrap()
}

#[test]
fn checks_name_every_resource_and_the_policy_type() {
    let iam = iam();
    let root_id = organization(&iam);
    let policy = scp(&iam, "s3:*");
    let id = iam.membership(&account(A)).unwrap().unwrap().organization.clone();
    let arn = |rest: &str| {
        format!("arn:aws:organizations::{MANAGEMENT}:{}", rest.replacen('/', &format!("/{id}/"), 1))
    };
    let shown = |operation, input| -> Vec<String> {
        checks(&iam, MANAGEMENT, operation, input).into_iter().map(|c| c.resource).collect()
    };
    let attach = json!({ "PolicyId": policy, "TargetId": A });
    let both = [arn(&format!("policy/service_control_policy/{policy}")), arn(&format!("account/{A}"))];
    assert_eq!(shown("AttachPolicy", attach.clone()), both);
    for check in checks(&iam, MANAGEMENT, "AttachPolicy", attach) {
        let kind = check.context.get("organizations:PolicyType").unwrap();
        assert_eq!(
            (kind, check.action.as_str()),
            (&["SERVICE_CONTROL_POLICY".to_owned()][..], "organizations:AttachPolicy")
        );
    }
    let full = json!({ "PolicyId": "p-FullAWSAccess" });
    let managed = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
    assert_eq!(shown("DescribePolicy", full), [managed]);
    assert_eq!(shown("ListAccounts", json!({})), ["*"]);
    let kinds = json!({ "RootId": root_id, "PolicyType": "TAG_POLICY" });
    assert_eq!(shown("EnablePolicyType", kinds), [arn(&format!("root/{root_id}"))]);
    let tagged = json!({ "ParentId": root_id, "Name": "u", "Tags": [{ "Key": "a", "Value": "b" }] });
    let both = checks(&iam, MANAGEMENT, "CreateOrganizationalUnit", tagged);
    assert_eq!((both.len(), both[1].action.as_str()), (2, "organizations:TagResource"));
    assert_eq!(both[1].context.get("aws:RequestTag/a").unwrap(), ["b"]);
    assert_eq!(both[1].resource, arn("ou/*"));
    let service = json!({ "AccountId": A, "ServicePrincipal": "config.amazonaws.com" });
    let check = &checks(&iam, MANAGEMENT, "RegisterDelegatedAdministrator", service)[0];
    let key = check.context.get("organizations:ServicePrincipal").unwrap();
    assert_eq!(
        (key, check.resource.as_str()),
        (&["config.amazonaws.com".to_owned()][..], arn(&format!("account/{A}")).as_str())
    );
    // A stranger asks about nothing of anybody's.
    assert_eq!(checks(&iam, B, "DescribeAccount", json!({ "AccountId": A }))[0].resource, "*");
}

#[test]
fn every_operation_of_the_table_is_in_the_model_and_stands_there_once() {
    assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(TABLE.iter().all(|(name, _)| Service::Organizations.operation(name).is_some()));
}
