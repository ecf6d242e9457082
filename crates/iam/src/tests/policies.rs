use serde_json::{Value, json};

use crate::testing::*;

const ARN: &str = "arn:aws:iam::222222222222:policy/p/invoke";

fn iam_with_policy() -> crate::Iam {
    let iam = iam();
    let input =
        json!({ "PolicyName": "invoke", "Path": "/p/", "PolicyDocument": INVOKE, "Description": "d" });
    run(&iam, A, "CreatePolicy", input);
    iam
}

#[test]
fn each_answer_shows_what_the_recordings_show() {
    let iam = iam();
    let input =
        json!({ "PolicyName": "invoke", "Path": "/p/", "PolicyDocument": INVOKE, "Description": "d" });
    let created = run(&iam, A, "CreatePolicy", input)["Policy"].clone();
    assert_eq!((&created["Arn"], &created["DefaultVersionId"]), (&json!(ARN), &json!("v1")));
    assert_eq!((created.get("Tags"), created.get("Description")), (None, None));
    let got = run(&iam, A, "GetPolicy", json!({ "PolicyArn": ARN }))["Policy"].clone();
    assert_eq!((&got["Tags"], &got["Description"]), (&json!([]), &json!("d")));
    let listed = run(&iam, A, "ListPolicies", json!({ "Scope": "Local" }))["Policies"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]), (1, &created));
    let text = "A policy called Invoke already exists. Duplicate names are not allowed.";
    let again = json!({ "PolicyName": "Invoke", "PolicyDocument": INVOKE });
    refused(&iam, A, "CreatePolicy", again, "EntityAlreadyExists", text);
}

#[test]
fn versions_are_numbered_on_and_listed_newest_first() {
    let iam = iam_with_policy();
    let create =
        |default: bool| json!({ "PolicyArn": ARN, "PolicyDocument": INVOKE, "SetAsDefault": default });
    let second = run(&iam, A, "CreatePolicyVersion", create(true))["PolicyVersion"].clone();
    assert_eq!(second, json!({ "VersionId": "v2", "IsDefaultVersion": true, "CreateDate": NOW / 1000 }));
    for _ in 3..=5 {
        run(&iam, A, "CreatePolicyVersion", create(false));
    }
    let text = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                existing version.";
    refused(&iam, A, "CreatePolicyVersion", create(false), "LimitExceeded", text);
    run(&iam, A, "DeletePolicyVersion", json!({ "PolicyArn": ARN, "VersionId": "v5" }));
    run(&iam, A, "CreatePolicyVersion", create(false));
    let versions = run(&iam, A, "ListPolicyVersions", json!({ "PolicyArn": ARN }))["Versions"].clone();
    let ids: Vec<&Value> = versions.as_array().unwrap().iter().map(|v| &v["VersionId"]).collect();
    assert_eq!(ids, ["v6", "v4", "v3", "v2", "v1"]);

    run(&iam, A, "SetDefaultPolicyVersion", json!({ "PolicyArn": ARN, "VersionId": "v1" }));
    assert_eq!(run(&iam, A, "GetPolicy", json!({ "PolicyArn": ARN }))["Policy"]["DefaultVersionId"], "v1");
    let one = json!({ "PolicyArn": ARN, "VersionId": "v1" });
    let text = "Cannot delete the default version of a policy.";
    refused(&iam, A, "DeletePolicyVersion", one.clone(), "DeleteConflict", text);
    assert_eq!(run(&iam, A, "GetPolicyVersion", one)["PolicyVersion"]["Document"], INVOKE);
    for operation in ["GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"] {
        let input = json!({ "PolicyArn": ARN, "VersionId": "v9" });
        let text = format!("Policy {ARN} version v9 does not exist or is not attachable.");
        refused(&iam, A, operation, input, "NoSuchEntity", &text);
    }
}

#[test]
fn attachments_are_counted_listed_and_in_the_way_of_deletion() {
    let iam = iam_with_policy();
    run(&iam, A, "CreateRole", json!({ "RoleName": "R", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    run(&iam, A, "CreateGroup", json!({ "GroupName": "ops" }));
    for (operation, member, name) in [
        ("AttachRolePolicy", "RoleName", "r"),
        ("AttachUserPolicy", "UserName", "ann"),
        ("AttachGroupPolicy", "GroupName", "ops"),
    ] {
        let input = json!({ member: name, "PolicyArn": ARN });
        run(&iam, A, operation, input.clone());
        run(&iam, A, operation, input);
    }
    let got = run(&iam, A, "GetPolicy", json!({ "PolicyArn": ARN }))["Policy"].clone();
    assert_eq!(got["AttachmentCount"], 3);
    let attached =
        run(&iam, A, "ListAttachedRolePolicies", json!({ "RoleName": "R" }))["AttachedPolicies"].clone();
    assert_eq!(attached, json!([{ "PolicyName": "invoke", "PolicyArn": ARN }]));
    let who = run(&iam, A, "ListEntitiesForPolicy", json!({ "PolicyArn": ARN }));
    assert_eq!(who["PolicyRoles"][0]["RoleName"], "R");
    assert_eq!(who["PolicyUsers"][0]["UserName"], "ann");
    assert_eq!(who["PolicyGroups"][0]["GroupName"], "ops");
    let text = "Cannot delete a policy attached to entities.";
    refused(&iam, A, "DeletePolicy", json!({ "PolicyArn": ARN }), "DeleteConflict", text);

    run(&iam, A, "DetachRolePolicy", json!({ "RoleName": "R", "PolicyArn": ARN }));
    let text = format!("Policy {ARN} was not found.");
    let input = json!({ "RoleName": "R", "PolicyArn": ARN });
    refused(&iam, A, "DetachRolePolicy", input, "NoSuchEntity", &text);
}

#[test]
fn a_policy_of_another_account_cannot_be_seen_or_attached() {
    let iam = iam_with_policy();
    refused(
        &iam,
        B,
        "GetPolicy",
        json!({ "PolicyArn": ARN }),
        "NoSuchEntity",
        &format!("Policy {ARN} was not found."),
    );
    run(&iam, B, "CreateUser", json!({ "UserName": "eve" }));
    let input = json!({ "UserName": "eve", "PolicyArn": ARN });
    let text = format!("Policy {ARN} does not exist or is not attachable.");
    refused(&iam, B, "AttachUserPolicy", input, "NoSuchEntity", &text);
    let input = json!({ "UserName": "eve", "PolicyArn": "longpolicynamebutnoarn" });
    let text = "Invalid ARN:  Could not be parsed!";
    refused(&iam, B, "AttachUserPolicy", input, "ValidationError", text);
    assert_eq!(run(&iam, B, "ListPolicies", json!({ "Scope": "Local" }))["Policies"], json!([]));
}

#[test]
fn aws_policies_are_read_and_listed_like_others() {
    let iam = iam();
    let arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let policy = run(&iam, A, "GetPolicy", json!({ "PolicyArn": arn }))["Policy"].clone();
    assert_eq!((&policy["Path"], &policy["Tags"]), (&json!("/service-role/"), &json!([])));
    let version = run(&iam, A, "GetPolicyVersion", json!({ "PolicyArn": arn, "VersionId": "v1" }));
    let document: Value =
        serde_json::from_str(version["PolicyVersion"]["Document"].as_str().unwrap()).unwrap();
    assert_eq!(document["Statement"][0]["Action"][2], "logs:PutLogEvents");
    let input = json!({ "Scope": "AWS", "PathPrefix": "/job-function/", "MaxItems": 1_000 });
    let listed = run(&iam, A, "ListPolicies", input)["Policies"].clone();
    assert!(listed.as_array().unwrap().iter().any(|policy| policy["PolicyName"] == "ViewOnlyAccess"));
    let unattached = run(&iam, A, "ListPolicies", json!({ "OnlyAttached": true }));
    assert_eq!(unattached["Policies"], json!([]));
}

#[test]
fn aws_policies_without_text_are_known_by_name_and_typing_errors_are_not() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "ann" }));
    let attach =
        |name: &str| json!({ "UserName": "ann", "PolicyArn": format!("arn:aws:iam::aws:policy/{name}") });
    run(&iam, A, "AttachUserPolicy", attach("AmazonRDSFullAccess"));
    let arn = "arn:aws:iam::aws:policy/AmazonRDSFullAccess";
    let policy = run(&iam, A, "GetPolicy", json!({ "PolicyArn": arn }))["Policy"].clone();
    assert_eq!(policy["AttachmentCount"], 1);
    let version = json!({ "PolicyArn": arn, "VersionId": policy["DefaultVersionId"] });
    assert_eq!(try_run(&iam, A, "GetPolicyVersion", version).unwrap_err().code, "NotImplemented");
    let text = "Policy arn:aws:iam::aws:policy/AdministratorAcess does not exist or is not attachable.";
    refused(&iam, A, "AttachUserPolicy", attach("AdministratorAcess"), "NoSuchEntity", text);
    let text = "Cannot attach a Service Role Policy to a Customer Role.";
    let linked = attach("aws-service-role/AutoScalingServiceRolePolicy");
    refused(&iam, A, "AttachUserPolicy", linked, "PolicyNotAttachable", text);
}

#[test]
fn sizes_do_not_count_white_space() {
    let iam = iam();
    let create = |document: String| json!({ "PolicyName": "p", "PolicyDocument": document });
    let resource = |n: usize| INVOKE.replace('*', &format!("arn:aws:lambda:*:*:function:{}", "x".repeat(n)));
    let text = "Cannot exceed quota for PolicySize: 6144";
    refused(&iam, A, "CreatePolicy", create(resource(6_144)), "LimitExceeded", text);
    run(&iam, A, "CreatePolicy", create(format!("{}{}", " ".repeat(6_000), resource(5_000))));
}

#[test]
fn tags_of_policies_tell_case_apart() {
    let iam = iam_with_policy();
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "A", "Value": "2" }]);
    run(&iam, A, "TagPolicy", json!({ "PolicyArn": ARN, "Tags": tags }));
    let listed = run(&iam, A, "ListPolicyTags", json!({ "PolicyArn": ARN }))["Tags"].clone();
    assert_eq!(listed, json!([{ "Key": "A", "Value": "2" }, { "Key": "a", "Value": "1" }]));
    run(&iam, A, "UntagPolicy", json!({ "PolicyArn": ARN, "TagKeys": ["a"] }));
    let left = run(&iam, A, "ListPolicyTags", json!({ "PolicyArn": ARN }))["Tags"].clone();
    assert_eq!(left, json!([{ "Key": "A", "Value": "2" }]));
    let twice = json!([{ "Key": "x", "Value": "1" }, { "Key": "x", "Value": "2" }]);
    let input = json!({ "PolicyArn": ARN, "Tags": twice });
    refused(&iam, A, "TagPolicy", input, "InvalidInput", "Duplicate tag keys found.");
}
