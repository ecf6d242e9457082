use serde_json::{Value, json};

use crate::testing::*;

const ARN: &str = "arn:aws:iam::222222222222:oidc-provider/token.example.com/x";

#[test]
fn an_oidc_provider_is_kept_changed_and_deleted() {
    let iam = iam();
    let input =
        json!({ "Url": "https://token.example.com/x", "ClientIDList": ["one"], "ThumbprintList": [] });
    assert_eq!(
        run(&iam, A, "CreateOpenIDConnectProvider", input.clone()),
        json!({ "OpenIDConnectProviderArn": ARN })
    );
    let text = "Provider with url https://token.example.com/x already exists.";
    refused(&iam, A, "CreateOpenIDConnectProvider", input, "EntityAlreadyExists", text);
    let with = |more: Value| {
        let mut input = json!({ "OpenIDConnectProviderArn": ARN });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    run(&iam, A, "AddClientIDToOpenIDConnectProvider", with(json!({ "ClientID": "two" })));
    run(&iam, A, "RemoveClientIDFromOpenIDConnectProvider", with(json!({ "ClientID": "one" })));
    let thumbprint = "c".repeat(40);
    run(&iam, A, "UpdateOpenIDConnectProviderThumbprint", with(json!({ "ThumbprintList": [thumbprint] })));
    run(&iam, A, "TagOpenIDConnectProvider", with(json!({ "Tags": [{ "Key": "k", "Value": "v" }] })));
    let got = run(&iam, A, "GetOpenIDConnectProvider", with(json!({})));
    assert_eq!(
        got,
        json!({
            "Url": "token.example.com/x", "ClientIDList": ["two"], "ThumbprintList": [thumbprint],
            "CreateDate": NOW / 1000, "Tags": [{ "Key": "k", "Value": "v" }],
        })
    );
    let listed = run(&iam, A, "ListOpenIDConnectProviders", json!({}));
    assert_eq!(listed["OpenIDConnectProviderList"], json!([{ "Arn": ARN }]));
    assert_eq!(run(&iam, B, "ListOpenIDConnectProviders", json!({}))["OpenIDConnectProviderList"], json!([]));
    let text = format!("OpenIDConnect Provider not found for arn {ARN}");
    refused(&iam, B, "GetOpenIDConnectProvider", with(json!({})), "NoSuchEntity", &text);
    run(&iam, A, "DeleteOpenIDConnectProvider", with(json!({})));
    let text = format!("OpenId connect Provider {ARN} cannot be found.");
    refused(&iam, A, "DeleteOpenIDConnectProvider", with(json!({})), "NoSuchEntity", &text);
}

#[test]
fn bad_oidc_providers_are_refused_in_the_recorded_words() {
    let iam = iam();
    let text = "Invalid Open ID Connect Provider URL";
    refused(&iam, A, "CreateOpenIDConnectProvider", json!({ "Url": "test" }), "ValidationError", text);
    let url = "https://token.example.com";
    let many = vec!["c".repeat(40); 6];
    let text = "Thumbprint list must contain fewer than 5 entries.";
    refused(
        &iam,
        A,
        "CreateOpenIDConnectProvider",
        json!({ "Url": url, "ThumbprintList": many }),
        "InvalidInput",
        text,
    );
    let many = vec!["c"; 101];
    let text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100";
    refused(
        &iam,
        A,
        "CreateOpenIDConnectProvider",
        json!({ "Url": url, "ClientIDList": many }),
        "LimitExceeded",
        text,
    );
}

#[test]
fn the_details_of_an_account_come_in_four_lists() {
    let iam = iam();
    run(&iam, A, "CreateRole", json!({ "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    run(&iam, A, "PutRolePolicy", json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": INVOKE }));
    let aws = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    run(&iam, A, "AttachRolePolicy", json!({ "RoleName": "r", "PolicyArn": aws }));
    run(&iam, A, "CreateUser", json!({ "UserName": "u" }));
    run(&iam, A, "CreateGroup", json!({ "GroupName": "g" }));
    run(&iam, A, "AddUserToGroup", json!({ "UserName": "u", "GroupName": "g" }));
    run(&iam, A, "CreatePolicy", json!({ "PolicyName": "own", "PolicyDocument": INVOKE }));
    let all = run(&iam, A, "GetAccountAuthorizationDetails", json!({}));
    let role = &all["RoleDetailList"][0];
    assert_eq!(role["RolePolicyList"], json!([{ "PolicyName": "p", "PolicyDocument": INVOKE }]));
    assert_eq!(role["AttachedManagedPolicies"][0]["PolicyArn"], aws);
    assert_eq!((&role["InstanceProfileList"], &role["Tags"]), (&json!([]), &json!([])));
    assert_eq!(all["UserDetailList"][0]["GroupList"], json!(["g"]));
    assert_eq!(all["GroupDetailList"][0]["GroupPolicyList"], json!([]));
    let names: Vec<&Value> = all["Policies"].as_array().unwrap().iter().map(|p| &p["PolicyName"]).collect();
    assert_eq!(names, ["own", "IAMReadOnlyAccess"]);
    assert_eq!(all["Policies"][0]["PolicyVersionList"][0]["Document"], INVOKE);

    let roles = run(&iam, A, "GetAccountAuthorizationDetails", json!({ "Filter": ["Role"] }));
    assert_eq!((&roles["UserDetailList"], &roles["Policies"]), (&json!([]), &json!([])));
    let first = run(&iam, A, "GetAccountAuthorizationDetails", json!({ "MaxItems": 3 }));
    assert_eq!((&first["IsTruncated"], &first["Policies"]), (&json!(true), &json!([])));
    let rest = json!({ "MaxItems": 3, "Marker": first["Marker"] });
    let rest = run(&iam, A, "GetAccountAuthorizationDetails", rest);
    assert_eq!((&rest["RoleDetailList"], &rest["IsTruncated"]), (&json!([]), &json!(false)));
}
