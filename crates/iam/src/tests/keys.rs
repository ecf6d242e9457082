use policy::Principal;
use serde_json::json;

use crate::testing::*;

#[test]
fn a_key_is_found_with_its_user_until_it_is_deleted() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let made = run(&iam, A, "CreateAccessKey", json!({ "UserName": "ann" }))["AccessKey"].clone();
    let id = made["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("AKIA"));
    let key = iam.access_key(id).unwrap().unwrap();
    assert_eq!(key.secret, made["SecretAccessKey"]);
    assert!(key.active && key.session_token.is_none());
    assert_eq!(key.caller.principal.arn(), "arn:aws:iam::222222222222:user/ann");
    assert!(!format!("{key:?}").contains(&key.secret), "secrets are not printed");

    run(&iam, A, "UpdateAccessKey", json!({ "UserName": "ann", "AccessKeyId": id, "Status": "Inactive" }));
    assert!(!iam.access_key(id).unwrap().unwrap().active);
    let listed = run(&iam, A, "ListAccessKeys", json!({ "UserName": "ann" }))["AccessKeyMetadata"][0].clone();
    assert_eq!((&listed["Status"], listed.get("SecretAccessKey")), (&json!("Inactive"), None));

    run(&iam, A, "UpdateUser", json!({ "UserName": "ann", "NewUserName": "bea" }));
    let key = iam.access_key(id).unwrap().unwrap();
    assert_eq!(key.caller.principal.arn(), "arn:aws:iam::222222222222:user/bea");
    run(&iam, A, "DeleteAccessKey", json!({ "UserName": "bea", "AccessKeyId": id }));
    assert!(iam.access_key(id).unwrap().is_none());
}

#[test]
fn a_user_has_two_keys_and_may_leave_its_own_name_out() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let made = run(&iam, A, "CreateAccessKey", json!({ "UserName": "ann" }))["AccessKey"].clone();
    let ann = iam.access_key(made["AccessKeyId"].as_str().unwrap()).unwrap().unwrap().caller.clone();
    let second = try_run_as(&iam, &ann, "CreateAccessKey", json!({})).unwrap();
    assert_eq!(second["AccessKey"]["UserName"], "ann");
    let error = try_run_as(&iam, &ann, "CreateAccessKey", json!({})).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("Cannot exceed quota for AccessKeysPerUser: 2"));
    let text = "Cannot delete entity, must delete access keys first.";
    refused(&iam, A, "DeleteUser", json!({ "UserName": "ann" }), "DeleteConflict", text);
    assert_eq!(try_run_as(&iam, &ann, "GetUser", json!({})).unwrap()["User"]["UserName"], "ann");
}

#[test]
fn the_root_user_has_keys_of_its_own() {
    let iam = iam();
    let made = run(&iam, A, "CreateAccessKey", json!({}))["AccessKey"].clone();
    assert_eq!(made.get("UserName"), None);
    let key = iam.access_key(made["AccessKeyId"].as_str().unwrap()).unwrap().unwrap();
    assert_eq!(key.caller.principal, Principal::Root { account: account(A) });
    assert_eq!(run(&iam, A, "GetAccountSummary", json!({}))["SummaryMap"]["AccountAccessKeysPresent"], 1);
}

#[test]
fn a_session_must_name_the_user() {
    let iam = iam();
    run(&iam, A, "CreateRole", json!({ "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    let session = iam.role_session("arn:aws:iam::222222222222:role/r", "s", NOW).unwrap().unwrap();
    let error =
        try_run_as(&iam, &session, "DeleteAccessKey", json!({ "AccessKeyId": "AKIAIOSFODNN7EXAMPLE" }));
    let text = "Must specify userName when calling with non-User credentials";
    assert_eq!(error.unwrap_err().message.as_deref(), Some(text));
}

#[test]
fn keys_of_others_are_not_found_and_not_told_of() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    run(&iam, B, "CreateUser", json!({ "UserName": "ann" }));
    let made = run(&iam, A, "CreateAccessKey", json!({ "UserName": "ann" }))["AccessKey"].clone();
    let id = made["AccessKeyId"].as_str().unwrap();
    let text = format!("The Access Key with id {id} cannot be found.");
    let input = json!({ "UserName": "ann", "AccessKeyId": id });
    refused(&iam, B, "DeleteAccessKey", input, "NoSuchEntity", &text);
    let text = format!(
        "User: arn:aws:iam::111111111111:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: \
         access key {id}"
    );
    refused(&iam, B, "GetAccessKeyLastUsed", json!({ "AccessKeyId": id }), "AccessDenied", &text);

    let unused = run(&iam, A, "GetAccessKeyLastUsed", json!({ "AccessKeyId": id }));
    assert_eq!(unused["AccessKeyLastUsed"], json!({ "Region": "N/A", "ServiceName": "N/A" }));
    iam.note_key_use(id, "iam", "us-east-1", NOW);
    let used = run(&iam, A, "GetAccessKeyLastUsed", json!({ "AccessKeyId": id }));
    let shown = json!({ "LastUsedDate": NOW / 1000, "Region": "us-east-1", "ServiceName": "iam" });
    assert_eq!((&used["AccessKeyLastUsed"], &used["UserName"]), (&shown, &json!("ann")));
}
