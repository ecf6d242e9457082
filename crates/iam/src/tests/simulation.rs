use serde_json::{Value, json};

use crate::Iam;
use crate::testing::*;

const ROLE: &str = "arn:aws:iam::222222222222:role/r";

fn iam_with_role() -> Iam {
    let iam = iam();
    run(&iam, A, "CreateRole", json!({ "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    run(&iam, A, "PutRolePolicy", json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": INVOKE }));
    iam
}

fn simulate(iam: &Iam, more: Value) -> Vec<Value> {
    let mut input = json!({ "PolicySourceArn": ROLE, "ActionNames": ["lambda:InvokeFunction"] });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run(iam, A, "SimulatePrincipalPolicy", input)["EvaluationResults"].as_array().unwrap().clone()
}

#[test]
fn the_statement_that_allows_is_named_with_its_place() {
    let iam = iam_with_role();
    let function = "arn:aws:lambda:us-east-1:222222222222:function:f";
    let result = simulate(&iam, json!({ "ResourceArns": [function] })).remove(0);
    assert_eq!((&result["EvalDecision"], &result["EvalResourceName"]), (&json!("allowed"), &json!(function)));
    assert_eq!(result["OrganizationsDecisionDetail"], json!({ "AllowedByOrganizations": true }));
    let statement = &result["MatchedStatements"][0];
    assert_eq!(
        (&statement["SourcePolicyId"], &statement["SourcePolicyType"]),
        (&json!("role_r_p"), &json!("IAM Policy"))
    );
    let column = INVOKE.find(r#"{"Effect""#).unwrap() + 1;
    assert_eq!(statement["StartPosition"], json!({ "Line": 1, "Column": column }));
    assert_eq!(result["ResourceSpecificResults"][0]["EvalResourceDecision"], "allowed");
}

#[test]
fn every_action_is_asked_for_every_resource() {
    let iam = iam_with_role();
    let more = json!({ "ActionNames": ["lambda:InvokeFunction", "s3:GetObject"], "ResourceArns": ["arn:aws:s3:::a/b", "*"] });
    let decisions: Vec<Value> = simulate(&iam, more).iter().map(|r| r["EvalDecision"].clone()).collect();
    assert_eq!(decisions, ["allowed", "allowed", "implicitDeny", "implicitDeny"]);
}

#[test]
fn further_policies_and_boundaries_take_part() {
    let iam = iam_with_role();
    let deny = INVOKE.replace("Allow", "Deny");
    let result = simulate(&iam, json!({ "PolicyInputList": [deny] })).remove(0);
    assert_eq!(result["EvalDecision"], "explicitDeny");
    assert_eq!(result["MatchedStatements"][0]["SourcePolicyId"], "PolicyInputList.1");
    let narrow = INVOKE.replace("lambda:InvokeFunction", "s3:GetObject");
    let result = simulate(&iam, json!({ "PermissionsBoundaryPolicyInputList": [narrow] })).remove(0);
    assert_eq!(result["EvalDecision"], "implicitDeny");
    assert_eq!(result["PermissionsBoundaryDecisionDetail"], json!({ "AllowedByPermissionsBoundary": false }));
}

#[test]
fn keys_that_are_missing_are_named_and_those_given_count() {
    let iam = iam();
    let document = INVOKE.replace(
        r#""Resource":"*""#,
        r#""Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}"#,
    );
    let simulate = |more: Value| {
        let mut input = json!({ "PolicyInputList": [document], "ActionNames": ["lambda:InvokeFunction"] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run(&iam, A, "SimulateCustomPolicy", input)["EvaluationResults"][0].clone()
    };
    let result = simulate(json!({}));
    assert_eq!(result["EvalDecision"], "implicitDeny");
    assert_eq!(result["MissingContextValues"], json!(["aws:RequestedRegion"]));
    let entry = json!([{ "ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["us-east-1"], "ContextKeyType": "string" }]);
    let result = simulate(json!({ "ContextEntries": entry }));
    assert_eq!((&result["EvalDecision"], &result["MissingContextValues"]), (&json!("allowed"), &json!([])));
    let input = json!({ "PolicyInputList": [document] });
    let keys = run(&iam, A, "GetContextKeysForCustomPolicy", input)["ContextKeyNames"].clone();
    assert_eq!(keys, json!(["aws:RequestedRegion"]));
}

#[test]
fn the_source_must_be_a_user_group_or_role_of_the_account() {
    let iam = iam_with_role();
    let ask = |arn: &str| json!({ "PolicySourceArn": arn, "ActionNames": ["s3:GetObject"] });
    let text = "The role with name r cannot be found.";
    refused(&iam, B, "SimulatePrincipalPolicy", ask(ROLE), "NoSuchEntity", text);
    let error =
        try_run(&iam, A, "SimulatePrincipalPolicy", ask("arn:aws:iam::222222222222:root")).unwrap_err();
    assert_eq!(error.code, "InvalidInput");
    assert_eq!(
        run(&iam, A, "GetContextKeysForPrincipalPolicy", json!({ "PolicySourceArn": ROLE }))["ContextKeyNames"],
        json!([])
    );
}

#[test]
fn a_resources_policy_takes_part_when_it_is_given() {
    let iam = iam_with_role();
    let asked = |more: Value| {
        let allow = json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": ["sts:AssumeRole", "kms:Decrypt"], "Resource": "*",
        } });
        let mut input = json!({
            "ActionNames": ["sts:AssumeRole", "kms:Decrypt"], "PolicyInputList": [allow.to_string()],
            "ResourceArns": ["arn:aws:iam::222222222222:role/x", "arn:aws:kms:us-east-1:222222222222:key/k"],
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        simulate(&iam, input)
    };
    for result in asked(json!({})) {
        assert_eq!(result["EvalDecision"], "allowed", "{result}");
        assert_eq!(result["EvalDecisionDetails"], json!({}));
        let matched = result["MatchedStatements"].as_array().unwrap();
        assert_eq!((matched.len(), &matched[0]["SourcePolicyId"]), (1, &json!("PolicyInputList.1")));
    }
    let deny = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
    } });
    let caller = "arn:aws:iam::222222222222:user/ann";
    for result in asked(json!({ "ResourcePolicy": deny.to_string(), "CallerArn": caller })) {
        assert_eq!(result["EvalDecision"], "explicitDeny", "{result}");
    }
}
