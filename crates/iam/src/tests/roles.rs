use serde_json::{Value, json};

use crate::testing::*;

fn create(iam: &crate::Iam, of: &str, name: &str, trust: &str) -> Value {
    run(iam, of, "CreateRole", json!({ "RoleName": name, "AssumeRolePolicyDocument": trust }))["Role"].clone()
}

fn trust_of(iam: &crate::Iam, of: &str, name: &str) -> String {
    let role = run(iam, of, "GetRole", json!({ "RoleName": name }));
    role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap().to_owned()
}

fn trusting(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

#[test]
fn each_answer_shows_what_the_recordings_show() {
    let iam = iam();
    let input = json!({
        "RoleName": "r", "Path": "/p/", "AssumeRolePolicyDocument": LAMBDA_TRUST, "Description": "d",
        "MaxSessionDuration": 7200, "Tags": [{ "Key": "k", "Value": "v" }],
    });
    let created = run(&iam, A, "CreateRole", input)["Role"].clone();
    assert_eq!(created["Arn"], "arn:aws:iam::222222222222:role/p/r");
    assert!(created["RoleId"].as_str().unwrap().starts_with("AROA"));
    assert_eq!(created["Tags"], json!([{ "Key": "k", "Value": "v" }]));
    assert_eq!(created.get("MaxSessionDuration"), None);
    assert_eq!(created.get("Description"), None);

    let got = run(&iam, A, "GetRole", json!({ "RoleName": "r" }))["Role"].clone();
    assert_eq!((&got["Description"], &got["MaxSessionDuration"]), (&json!("d"), &json!(7200)));
    assert_eq!(got["RoleLastUsed"], json!({}));
    assert_eq!(got["CreateDate"], json!(NOW / 1000));

    let listed = run(&iam, A, "ListRoles", json!({ "PathPrefix": "/p/" }))["Roles"][0].clone();
    assert_eq!(listed["Description"], "d");
    assert_eq!(listed.get("Tags"), None);
    assert_eq!(listed.get("RoleLastUsed"), None);
    assert_eq!(run(&iam, A, "ListRoles", json!({ "PathPrefix": "/q/" }))["Roles"], json!([]));
}

#[test]
fn names_are_unique_ignoring_case_and_per_account() {
    let iam = iam();
    create(&iam, A, "Worker", LAMBDA_TRUST);
    let again = json!({ "RoleName": "wORKER", "AssumeRolePolicyDocument": LAMBDA_TRUST });
    let text = "Role with name wORKER already exists.";
    refused(&iam, A, "CreateRole", again, "EntityAlreadyExists", text);
    assert_eq!(run(&iam, A, "GetRole", json!({ "RoleName": "worker" }))["Role"]["RoleName"], "Worker");
    create(&iam, B, "worker", LAMBDA_TRUST);
}

#[test]
fn a_role_that_is_not_there_is_named() {
    let iam = iam();
    let text = "The role with name ghost cannot be found.";
    for operation in ["GetRole", "DeleteRole", "UpdateRole", "ListRolePolicies", "ListRoleTags"] {
        refused(&iam, A, operation, json!({ "RoleName": "ghost" }), "NoSuchEntity", text);
    }
}

#[test]
fn what_is_not_sent_to_update_role_stays() {
    let iam = iam();
    create(&iam, A, "r", LAMBDA_TRUST);
    run(&iam, A, "UpdateRole", json!({ "RoleName": "r", "Description": "one", "MaxSessionDuration": 7200 }));
    run(&iam, A, "UpdateRole", json!({ "RoleName": "r" }));
    let role = run(&iam, A, "GetRole", json!({ "RoleName": "r" }))["Role"].clone();
    assert_eq!((&role["Description"], &role["MaxSessionDuration"]), (&json!("one"), &json!(7200)));
    let input = json!({ "RoleName": "r", "Description": "two" });
    let role = run(&iam, A, "UpdateRoleDescription", input)["Role"].clone();
    assert_eq!((&role["Description"], role.get("MaxSessionDuration")), (&json!("two"), None));
}

#[test]
fn policies_and_profiles_must_go_before_the_role() {
    let iam = iam();
    create(&iam, A, "r", LAMBDA_TRUST);
    let delete = || json!({ "RoleName": "r" });
    run(&iam, A, "PutRolePolicy", json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": INVOKE }));
    let text = "Cannot delete entity, must delete policies first.";
    refused(&iam, A, "DeleteRole", delete(), "DeleteConflict", text);
    let aws = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    run(&iam, A, "AttachRolePolicy", json!({ "RoleName": "r", "PolicyArn": aws }));
    let text = "Cannot delete entity, must detach all policies first.";
    refused(&iam, A, "DeleteRole", delete(), "DeleteConflict", text);
    run(&iam, A, "CreateInstanceProfile", json!({ "InstanceProfileName": "i" }));
    run(&iam, A, "AddRoleToInstanceProfile", json!({ "InstanceProfileName": "i", "RoleName": "r" }));
    let text = "Cannot delete entity, must remove roles from instance profile first.";
    refused(&iam, A, "DeleteRole", delete(), "DeleteConflict", text);
    let profiles = run(&iam, A, "ListInstanceProfilesForRole", delete());
    assert_eq!(profiles["InstanceProfiles"][0]["Roles"][0]["RoleName"], "r");

    run(&iam, A, "RemoveRoleFromInstanceProfile", json!({ "InstanceProfileName": "i", "RoleName": "r" }));
    run(&iam, A, "DetachRolePolicy", json!({ "RoleName": "r", "PolicyArn": aws }));
    run(&iam, A, "DeleteRolePolicy", json!({ "RoleName": "r", "PolicyName": "p" }));
    run(&iam, A, "DeleteRole", delete());
    run(&iam, A, "DeleteInstanceProfile", json!({ "InstanceProfileName": "i" }));
}

#[test]
fn malformed_trust_policies_are_refused_in_the_recorded_words() {
    let iam = iam();
    let with = |document: &str| json!({ "RoleName": "r", "AssumeRolePolicyDocument": document });
    let code = "MalformedPolicyDocument";
    refused(&iam, A, "CreateRole", with("not json"), code, "This policy contains invalid Json");
    let action = LAMBDA_TRUST.replace("sts:AssumeRole", "s3:GetObject");
    let text = "AssumeRole policy may only specify STS AssumeRole actions.";
    refused(&iam, A, "CreateRole", with(&action), code, text);
    let resource = LAMBDA_TRUST.replace(r#""Effect""#, r#""Resource":"*","Effect""#);
    refused(&iam, A, "CreateRole", with(&resource), code, "Has prohibited field Resource");
    let ghost = "arn:aws:iam::111111111111:role/ghost";
    let text = format!("Invalid principal in policy: \"AWS\":\"{ghost}\"");
    refused(&iam, A, "CreateRole", with(&trusting(ghost)), code, &text);
    let service = LAMBDA_TRUST.replace("lambda.amazonaws.com", "lambda");
    let text = "Invalid principal in policy: \"SERVICE\":\"lambda\"";
    refused(&iam, A, "CreateRole", with(&service), code, text);
    let long =
        LAMBDA_TRUST.replace("AssumeRole\"", &format!("AssumeRole\",\"Sid\":\"{}\"", "x".repeat(2048)));
    refused(
        &iam,
        A,
        "CreateRole",
        with(&long),
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    );
    refused(
        &iam,
        A,
        "GetRole",
        json!({ "RoleName": "r" }),
        "NoSuchEntity",
        "The role with name r cannot be found.",
    );
}

#[test]
fn a_trusted_role_that_is_deleted_shows_as_its_unique_id_and_stays_so() {
    let iam = iam();
    let client = create(&iam, A, "client", LAMBDA_TRUST);
    let (arn, id) = (client["Arn"].as_str().unwrap(), client["RoleId"].as_str().unwrap());
    let document = trusting(arn).replace(
        "sts:AssumeRole\"",
        &format!("sts:AssumeRole\",\"Condition\":{{\"StringEquals\":{{\"aws:PrincipalArn\":\"{arn}\"}}}}"),
    );
    create(&iam, B, "server", &document);
    assert_eq!(trust_of(&iam, B, "server"), document);
    run(&iam, A, "DeleteRole", json!({ "RoleName": "client" }));
    create(&iam, A, "client", LAMBDA_TRUST);
    let shown = trust_of(&iam, B, "server");
    assert!(shown.contains(&format!(r#""AWS":"{id}""#)), "{shown}");
    assert!(shown.contains(&format!(r#""aws:PrincipalArn":"{arn}""#)), "conditions stay: {shown}");
}

#[test]
fn a_trusted_user_that_is_renamed_shows_under_the_new_name() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    create(&iam, A, "r", &trusting("arn:aws:iam::222222222222:user/ann"));
    run(&iam, A, "UpdateUser", json!({ "UserName": "ann", "NewUserName": "anna", "NewPath": "/x/" }));
    assert!(trust_of(&iam, A, "r").contains("arn:aws:iam::222222222222:user/x/anna"));
}

#[test]
fn boundaries_are_checked_counted_and_removed() {
    let iam = iam();
    let wrong = "arn:aws:iam::222222222222:not_a_policy/x";
    let with = |boundary: &str| json!({ "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST, "PermissionsBoundary": boundary });
    refused(&iam, A, "CreateRole", with(wrong), "InvalidInput", &format!("ARN {wrong} is not valid."));
    let ghost = "arn:aws:iam::222222222222:policy/ghost";
    let text = format!("Scope ARN: {ghost} does not exist or is not attachable.");
    refused(&iam, A, "CreateRole", with(ghost), "NoSuchEntity", &text);
    let arn = "arn:aws:iam::222222222222:policy/edge";
    run(&iam, A, "CreatePolicy", json!({ "PolicyName": "edge", "PolicyDocument": INVOKE }));
    let role = run(&iam, A, "CreateRole", with(arn))["Role"].clone();
    let shown = json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn });
    assert_eq!(role["PermissionsBoundary"], shown);
    let policy = || run(&iam, A, "GetPolicy", json!({ "PolicyArn": arn }))["Policy"].clone();
    assert_eq!(policy()["PermissionsBoundaryUsageCount"], 1);
    assert_eq!(policy()["AttachmentCount"], 0);
    run(&iam, A, "DeleteRolePermissionsBoundary", json!({ "RoleName": "r" }));
    assert_eq!(policy()["PermissionsBoundaryUsageCount"], 0);
    run(&iam, A, "PutRolePermissionsBoundary", json!({ "RoleName": "r", "PermissionsBoundary": arn }));
    run(&iam, A, "DeleteRole", json!({ "RoleName": "r" }));
    assert_eq!(policy()["PermissionsBoundaryUsageCount"], 0);
}

#[test]
fn tags_of_roles_ignore_case_and_lists_are_sorted() {
    let iam = iam();
    create(&iam, A, "r", LAMBDA_TRUST);
    let tag = |tags: Value| json!({ "RoleName": "r", "Tags": tags });
    run(&iam, A, "TagRole", tag(json!([{ "Key": "b", "Value": "1" }, { "Key": "a", "Value": "2" }])));
    run(&iam, A, "TagRole", tag(json!([{ "Key": "B", "Value": "3" }])));
    let tags = run(&iam, A, "ListRoleTags", json!({ "RoleName": "r" }))["Tags"].clone();
    assert_eq!(tags, json!([{ "Key": "B", "Value": "3" }, { "Key": "a", "Value": "2" }]));
    let twice = tag(json!([{ "Key": "x", "Value": "1" }, { "Key": "X", "Value": "2" }]));
    let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    refused(&iam, A, "TagRole", twice, "InvalidInput", text);
    run(&iam, A, "UntagRole", json!({ "RoleName": "r", "TagKeys": ["b", "A"] }));
    assert_eq!(run(&iam, A, "ListRoleTags", json!({ "RoleName": "r" }))["Tags"], json!([]));
}

#[test]
fn pages_go_on_where_they_ended() {
    let iam = iam();
    for name in ["a", "b", "c"] {
        create(&iam, A, name, LAMBDA_TRUST);
    }
    let first = run(&iam, A, "ListRoles", json!({ "MaxItems": 2 }));
    assert_eq!((&first["IsTruncated"], first["Roles"].as_array().unwrap().len()), (&json!(true), 2));
    // One that was answered goes away in between.
    run(&iam, A, "DeleteRole", json!({ "RoleName": "b" }));
    let second = run(&iam, A, "ListRoles", json!({ "MaxItems": 2, "Marker": first["Marker"] }));
    assert_eq!((&second["IsTruncated"], &second["Roles"][0]["RoleName"]), (&json!(false), &json!("c")));
    assert_eq!(second.get("Marker"), None);
    refused(&iam, A, "ListRoles", json!({ "Marker": "nonsense" }), "ValidationError", "Invalid Marker.");
}
