use serde_json::json;

use crate::testing::*;

#[test]
fn a_user_is_shown_with_tags_by_get_and_without_by_list() {
    let iam = iam();
    let input = json!({ "UserName": "ann", "Path": "/x/", "Tags": [{ "Key": "k", "Value": "v" }] });
    let user = run(&iam, A, "CreateUser", input)["User"].clone();
    assert_eq!(user["Arn"], "arn:aws:iam::222222222222:user/x/ann");
    assert!(user["UserId"].as_str().unwrap().starts_with("AIDA"));
    assert_eq!(run(&iam, A, "GetUser", json!({ "UserName": "ann" }))["User"], user);
    assert_eq!(run(&iam, A, "ListUsers", json!({}))["Users"][0].get("Tags"), None);
    let text = "User with name Ann already exists.";
    refused(&iam, A, "CreateUser", json!({ "UserName": "Ann" }), "EntityAlreadyExists", text);
    let text = "The user with name ann cannot be found.";
    refused(&iam, B, "GetUser", json!({ "UserName": "ann" }), "NoSuchEntity", text);
}

#[test]
fn groups_keep_their_members_through_renames() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    run(&iam, A, "CreateGroup", json!({ "GroupName": "Ops" }));
    run(&iam, A, "AddUserToGroup", json!({ "UserName": "ann", "GroupName": "ops" }));
    run(&iam, A, "AddUserToGroup", json!({ "UserName": "ann", "GroupName": "Ops" }));
    run(&iam, A, "UpdateUser", json!({ "UserName": "ann", "NewUserName": "bea" }));
    run(&iam, A, "UpdateGroup", json!({ "GroupName": "Ops", "NewGroupName": "Crew", "NewPath": "/p/" }));
    let group = run(&iam, A, "GetGroup", json!({ "GroupName": "crew" }));
    assert_eq!(group["Group"]["Arn"], "arn:aws:iam::222222222222:group/p/Crew");
    assert_eq!(group["Users"].as_array().unwrap().len(), 1);
    assert_eq!(group["Users"][0]["UserName"], "bea");
    let groups = run(&iam, A, "ListGroupsForUser", json!({ "UserName": "bea" }));
    assert_eq!(groups["Groups"][0]["GroupName"], "Crew");
    let text = "Cannot delete entity, must remove users from group first.";
    refused(&iam, A, "DeleteGroup", json!({ "GroupName": "Crew" }), "DeleteConflict", text);
    refused(&iam, A, "DeleteUser", json!({ "UserName": "bea" }), "DeleteConflict", text);
    run(&iam, A, "RemoveUserFromGroup", json!({ "UserName": "bea", "GroupName": "Crew" }));
    run(&iam, A, "DeleteGroup", json!({ "GroupName": "Crew" }));
    run(&iam, A, "DeleteUser", json!({ "UserName": "bea" }));
    let text = "The user with name any-user cannot be found.";
    let input = json!({ "UserName": "any-user", "GroupName": "unknown" });
    refused(&iam, A, "RemoveUserFromGroup", input, "NoSuchEntity", text);
}

#[test]
fn a_rename_onto_another_is_refused_and_changes_nothing() {
    let iam = iam();
    for name in ["one", "two"] {
        run(&iam, A, "CreateGroup", json!({ "GroupName": name }));
    }
    let input = json!({ "GroupName": "one", "NewGroupName": "TWO" });
    let text = "Group with name TWO already exists.";
    refused(&iam, A, "UpdateGroup", input, "EntityAlreadyExists", text);
    assert_eq!(run(&iam, A, "ListGroups", json!({}))["Groups"].as_array().unwrap().len(), 2);
}

#[test]
fn inline_policies_count_against_one_quota() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let long = INVOKE.replace('*', &format!("arn:aws:lambda:*:*:function:{}", "x".repeat(1000)));
    let put = |name: &str| json!({ "UserName": "ann", "PolicyName": name, "PolicyDocument": long });
    run(&iam, A, "PutUserPolicy", put("one"));
    let text = "Maximum policy size of 2048 bytes exceeded for user ann";
    refused(&iam, A, "PutUserPolicy", put("two"), "LimitExceeded", text);
    assert_eq!(run(&iam, A, "ListUserPolicies", json!({ "UserName": "ann" }))["PolicyNames"], json!(["one"]));
    let got = run(&iam, A, "GetUserPolicy", json!({ "UserName": "ann", "PolicyName": "one" }));
    assert_eq!(got["PolicyDocument"], long);
    let text = "The user policy with name two cannot be found.";
    let input = json!({ "UserName": "ann", "PolicyName": "two" });
    refused(&iam, A, "DeleteUserPolicy", input, "NoSuchEntity", text);
}

#[test]
fn a_login_profile_is_there_once_and_keeps_the_user_from_deletion() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let text = "Login Profile for User ann cannot be found.";
    refused(&iam, A, "GetLoginProfile", json!({ "UserName": "ann" }), "NoSuchEntity", text);
    let input = json!({ "UserName": "ann", "Password": "S3cretive" });
    let made = run(&iam, A, "CreateLoginProfile", input.clone());
    assert_eq!(made["LoginProfile"]["PasswordResetRequired"], false);
    let text = "Login Profile for user ann already exists.";
    refused(&iam, A, "CreateLoginProfile", input, "EntityAlreadyExists", text);
    let text = "Cannot delete entity, must delete login profile first.";
    refused(&iam, A, "DeleteUser", json!({ "UserName": "ann" }), "DeleteConflict", text);
    run(&iam, A, "UpdateLoginProfile", json!({ "UserName": "ann", "PasswordResetRequired": true }));
    let got = run(&iam, A, "GetLoginProfile", json!({ "UserName": "ann" }));
    assert_eq!(got["LoginProfile"]["PasswordResetRequired"], true);
    run(&iam, A, "DeleteLoginProfile", json!({ "UserName": "ann" }));
    run(&iam, A, "DeleteUser", json!({ "UserName": "ann" }));
}
