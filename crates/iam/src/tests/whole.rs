use serde_json::{Value, json};
use wire::Service;

use crate::testing::*;

#[test]
fn every_operation_with_behaviour_is_one_of_iam_or_sts() {
    for name in crate::implemented() {
        model(name);
    }
}

#[test]
fn an_operation_without_behaviour_says_so_and_is_checked_all_the_same() {
    let iam = iam();
    for service in [Service::Iam, Service::Sts] {
        for operation in service.operations() {
            let call = call(A, operation.name, json!({}));
            // Nothing may come through unchecked but what needs no permission.
            let checks = iam.checks(service.name(), &call, &root(A));
            let free = matches!(operation.name, "GetCallerIdentity" | "GetSessionToken");
            assert!(free || checks.is_err() || !checks.unwrap().is_empty(), "{}", operation.name);
            let unknown = !crate::implemented().contains(&operation.name);
            let answer = iam.handle(service.name(), &call, &root(A));
            let refused = answer.is_err_and(|error| error.code == "NotImplemented");
            assert_eq!(refused, unknown, "{}", operation.name);
        }
    }
}

#[test]
fn an_alias_belongs_to_one_account() {
    let iam = iam();
    run(&iam, A, "CreateAccountAlias", json!({ "AccountAlias": "crew" }));
    let text = "The account alias crew already exists.";
    refused(&iam, B, "CreateAccountAlias", json!({ "AccountAlias": "crew" }), "EntityAlreadyExists", text);
    run(&iam, A, "CreateAccountAlias", json!({ "AccountAlias": "team" }));
    assert_eq!(run(&iam, A, "ListAccountAliases", json!({}))["AccountAliases"], json!(["team"]));
    run(&iam, B, "CreateAccountAlias", json!({ "AccountAlias": "crew" }));
    run(&iam, A, "DeleteAccountAlias", json!({ "AccountAlias": "team" }));
    assert_eq!(run(&iam, A, "ListAccountAliases", json!({}))["AccountAliases"], json!([]));
}

#[test]
fn the_summary_counts_what_is_there() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "u" }));
    run(&iam, A, "CreatePolicy", json!({ "PolicyName": "p", "PolicyDocument": INVOKE }));
    run(&iam, A, "CreateInstanceProfile", json!({ "InstanceProfileName": "i" }));
    let summary = run(&iam, A, "GetAccountSummary", json!({}))["SummaryMap"].clone();
    for (key, count) in
        [("Users", 1), ("Policies", 1), ("PolicyVersionsInUse", 1), ("InstanceProfiles", 1), ("Roles", 0)]
    {
        assert_eq!(summary[key], count, "{key}");
    }
    assert_eq!(run(&iam, B, "GetAccountSummary", json!({}))["SummaryMap"]["Users"], 0);
}

#[test]
fn a_password_policy_is_replaced_as_a_whole() {
    let iam = iam();
    let text = "The Password Policy with domain name 222222222222 cannot be found.";
    refused(&iam, A, "GetAccountPasswordPolicy", json!({}), "NoSuchEntity", text);
    run(&iam, A, "UpdateAccountPasswordPolicy", json!({ "RequireSymbols": true, "MaxPasswordAge": 90 }));
    run(&iam, A, "UpdateAccountPasswordPolicy", json!({ "MinimumPasswordLength": 12 }));
    let policy = run(&iam, A, "GetAccountPasswordPolicy", json!({}))["PasswordPolicy"].clone();
    assert_eq!((&policy["MinimumPasswordLength"], &policy["RequireSymbols"]), (&json!(12), &json!(false)));
    assert_eq!((policy.get("MaxPasswordAge"), &policy["ExpirePasswords"]), (None, &json!(false)));
    run(&iam, A, "DeleteAccountPasswordPolicy", json!({}));
    let text = "The account policy with name PasswordPolicy cannot be found.";
    refused(&iam, A, "DeleteAccountPasswordPolicy", json!({}), "NoSuchEntity", text);
}

#[test]
fn instance_profiles_hold_one_role() {
    let iam = iam();
    let profile = |role: &str| json!({ "InstanceProfileName": "i", "RoleName": role });
    let made = run(&iam, A, "CreateInstanceProfile", json!({ "InstanceProfileName": "i" }));
    assert_eq!((&made["InstanceProfile"]["Roles"], made["InstanceProfile"].get("Tags")), (&json!([]), None));
    for role in ["one", "two"] {
        run(&iam, A, "CreateRole", json!({ "RoleName": role, "AssumeRolePolicyDocument": LAMBDA_TRUST }));
    }
    run(&iam, A, "AddRoleToInstanceProfile", profile("one"));
    let text = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
    refused(&iam, A, "AddRoleToInstanceProfile", profile("two"), "LimitExceeded", text);
    let text = "Role two in Instance Profile i cannot be found.";
    refused(&iam, A, "RemoveRoleFromInstanceProfile", profile("two"), "NoSuchEntity", text);
    let got =
        run(&iam, A, "GetInstanceProfile", json!({ "InstanceProfileName": "i" }))["InstanceProfile"].clone();
    assert_eq!((&got["Tags"], got["Roles"][0].get("MaxSessionDuration")), (&json!([]), None));
    let text = "Cannot delete entity, must remove roles from instance profile first.";
    refused(&iam, A, "DeleteInstanceProfile", json!({ "InstanceProfileName": "i" }), "DeleteConflict", text);
    let text = "Instance Profile ghost cannot be found.";
    refused(&iam, A, "GetInstanceProfile", json!({ "InstanceProfileName": "ghost" }), "NoSuchEntity", text);
}

/// What a client gets, through the wire and back.
fn over_the_wire(iam: &crate::Iam, operation: &'static str, input: Value) -> Result<Value, wire::ApiError> {
    let op = model(operation);
    let sent = wire::build(op, input.as_object().unwrap(), Default::default()).unwrap();
    let (parts, body) = sent.into_parts();
    let (input, _) = wire::parse(op, &parts, body)?;
    wire::validate(op, &input)?;
    let response = match iam.handle(op.service.name(), &call(A, op.name, Value::Object(input)), &root(A)) {
        Ok(reply) => wire::render(op, reply, "id"),
        Err(error) => wire::render_error(op.service, &error, "id"),
    };
    let (parts, body) = response.into_parts();
    wire::parse_response(op, parts.status, &parts.headers, &body).map(|(output, _)| Value::Object(output))
}

#[test]
fn documents_tags_and_errors_reach_clients_as_they_are() {
    let iam = iam();
    let input = json!({
        "RoleName": "r", "AssumeRolePolicyDocument": LAMBDA_TRUST, "Tags": [{ "Key": "k", "Value": "a b" }],
    });
    over_the_wire(&iam, "CreateRole", input).unwrap();
    let role = over_the_wire(&iam, "GetRole", json!({ "RoleName": "r" })).unwrap()["Role"].clone();
    assert_eq!(role["AssumeRolePolicyDocument"], LAMBDA_TRUST);
    assert_eq!(
        (&role["Tags"], &role["CreateDate"]),
        (&json!([{ "Key": "k", "Value": "a b" }]), &json!(NOW / 1000))
    );
    let roles = over_the_wire(&iam, "ListRoles", json!({})).unwrap();
    assert_eq!(
        (&roles["Roles"][0]["MaxSessionDuration"], &roles["IsTruncated"]),
        (&json!(3600), &json!(false))
    );
    let error = over_the_wire(&iam, "GetRole", json!({ "RoleName": "ghost" })).unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("NoSuchEntity", 404));
    assert_eq!(error.message.as_deref(), Some("The role with name ghost cannot be found."));
    let summary = over_the_wire(&iam, "GetAccountSummary", json!({})).unwrap();
    assert_eq!(summary["SummaryMap"]["Roles"], 1);
}

#[test]
fn lists_of_what_cannot_be_made_are_empty_and_ask_for_an_existing_user() {
    let iam = iam();
    run(&iam, A, "CreateUser", json!({ "UserName": "u" }));
    for operation in
        ["ListMFADevices", "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials"]
    {
        run(&iam, A, operation, json!({ "UserName": "u" }));
        let text = "The user with name ghost cannot be found.";
        refused(&iam, A, operation, json!({ "UserName": "ghost" }), "NoSuchEntity", text);
    }
    for operation in ["ListVirtualMFADevices", "ListServerCertificates", "ListSAMLProviders"] {
        run(&iam, A, operation, json!({}));
    }
}
