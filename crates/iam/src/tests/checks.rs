use policy::Check;
use serde_json::{Value, json};

use crate::testing::*;
use crate::{Caller, Iam};

fn checks(iam: &Iam, operation: &'static str, input: Value) -> Vec<Check> {
    iam.checks("iam", &call(A, operation, input), &root(A)).unwrap()
}

/// One check, of this action on this resource of account A (`{}` stands for `arn:aws:iam::A:`).
#[track_caller]
fn one(iam: &Iam, operation: &'static str, input: Value, resource: &str) {
    let found = checks(iam, operation, input);
    let shown: Vec<(String, String)> = found.into_iter().map(|c| (c.action, c.resource)).collect();
    let resource = resource.replace("{}", &format!("arn:aws:iam::{A}:"));
    assert_eq!(shown, [(format!("iam:{operation}"), resource)]);
}

#[test]
fn the_resource_follows_from_what_the_operation_names() {
    let iam = iam();
    run(
        &iam,
        A,
        "CreateRole",
        json!({ "RoleName": "r", "Path": "/p/", "AssumeRolePolicyDocument": LAMBDA_TRUST }),
    );
    run(&iam, A, "CreateUser", json!({ "UserName": "u", "Path": "/p/" }));
    let policy = format!("arn:aws:iam::{A}:policy/x");
    one(&iam, "CreateRole", json!({ "RoleName": "new", "Path": "/q/" }), "{}role/q/new");
    one(&iam, "GetRole", json!({ "RoleName": "R" }), "{}role/p/r");
    one(&iam, "DeleteRole", json!({ "RoleName": "ghost" }), "{}role/ghost");
    one(&iam, "PutRolePolicy", json!({ "RoleName": "r", "PolicyName": "x" }), "{}role/p/r");
    one(&iam, "AttachRolePolicy", json!({ "RoleName": "r", "PolicyArn": policy }), "{}role/p/r");
    one(&iam, "ListRoles", json!({}), "{}role/");
    one(&iam, "ListRoles", json!({ "PathPrefix": "/p/" }), "{}role/p/");
    one(&iam, "GetUser", json!({ "UserName": "u" }), "{}user/p/u");
    one(&iam, "GetUser", json!({}), "{}root");
    one(&iam, "ListUsers", json!({}), "{}user/");
    one(&iam, "AddUserToGroup", json!({ "UserName": "u", "GroupName": "g" }), "{}group/g");
    one(&iam, "CreatePolicy", json!({ "PolicyName": "x", "Path": "/p/" }), "{}policy/p/x");
    one(&iam, "GetPolicyVersion", json!({ "PolicyArn": policy, "VersionId": "v1" }), &policy);
    one(&iam, "ListPolicies", json!({}), "*");
    one(&iam, "GetAccountSummary", json!({}), "*");
    one(&iam, "CreateAccountAlias", json!({ "AccountAlias": "x" }), "*");
    one(&iam, "CreateSAMLProvider", json!({ "Name": "idp" }), "{}saml-provider/idp");
    let url = json!({ "Url": "https://token.example.com" });
    one(&iam, "CreateOpenIDConnectProvider", url, "{}oidc-provider/token.example.com");
}

#[test]
fn keys_of_the_request_and_of_the_resource_are_set() {
    let iam = iam();
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    let input = json!({
        "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST, "PermissionsBoundary": boundary,
        "Tags": [{ "Key": "team", "Value": "core" }],
    });
    let create = checks(&iam, "CreateRole", input.clone());
    let actions: Vec<&str> = create.iter().map(|check| check.action.as_str()).collect();
    assert_eq!(actions, ["iam:CreateRole", "iam:TagRole"]);
    let value = |check: &Check, key: &str| check.context.get(key).map(|values| values.join(","));
    assert_eq!(value(&create[0], "aws:RequestTag/team").as_deref(), Some("core"));
    assert_eq!(value(&create[0], "aws:TagKeys").as_deref(), Some("team"));
    assert_eq!(value(&create[0], "iam:PermissionsBoundary").as_deref(), Some(boundary));
    assert_eq!(value(&create[0], "iam:ResourceTag/team"), None);

    run(&iam, A, "CreateRole", input);
    let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
    let attach = &checks(&iam, "AttachRolePolicy", json!({ "RoleName": "r", "PolicyArn": policy }))[0];
    assert_eq!(value(attach, "iam:PolicyARN").as_deref(), Some(policy));
    assert_eq!(value(attach, "iam:PermissionsBoundary").as_deref(), Some(boundary));
    assert_eq!(value(attach, "iam:ResourceTag/team").as_deref(), Some("core"));
    assert_eq!(value(attach, "aws:ResourceTag/team").as_deref(), Some("core"));
    let list = &checks(&iam, "ListRolePolicies", json!({ "RoleName": "r" }))[0];
    assert_eq!(value(list, "iam:PermissionsBoundary"), None, "not a key of ListRolePolicies");
}

#[test]
fn a_rename_needs_both_names() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "u", "Path": "/user/" }));
    let found = checks(&iam, "UpdateUser", json!({ "UserName": "u", "NewUserName": "v" }));
    let resources: Vec<&str> = found.iter().map(|check| check.resource.as_str()).collect();
    assert_eq!(resources, ["arn:aws:iam::222222222222:user/user/u", "arn:aws:iam::222222222222:user/user/v"]);
}

#[test]
fn a_profile_takes_a_role_only_with_pass_role() {
    let iam = iam();
    let found =
        checks(&iam, "AddRoleToInstanceProfile", json!({ "InstanceProfileName": "i", "RoleName": "r" }));
    let shown: Vec<(&str, &str)> = found.iter().map(|c| (c.action.as_str(), c.resource.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("iam:AddRoleToInstanceProfile", "arn:aws:iam::222222222222:instance-profile/i"),
            ("iam:PassRole", "arn:aws:iam::222222222222:role/r"),
        ]
    );
    assert_eq!(found[1].context.get("iam:PassedToService"), Some(&["ec2.amazonaws.com".to_owned()][..]));
}

#[test]
fn whoami_and_session_tokens_need_no_permission() {
    let iam = iam();
    let anybody: Caller = root(A);
    for operation in ["GetCallerIdentity", "GetSessionToken"] {
        assert!(iam.checks("sts", &call(A, operation, json!({})), &anybody).unwrap().is_empty());
    }
}
