use super::*;

#[test]
fn an_operation_without_behaviour_says_so_by_name() {
    let error = bench().err("GetSdk", json!({ "name": "x" }));
    assert_eq!(error, "NotImplemented 501 crossgate does not implement apigateway:GetSdk yet");
}

#[test]
fn checks_are_about_the_method_and_path_of_the_request() {
    let b = bench();
    let at = b.mock();
    let (api, resource) = (text(&at, "restApiId"), text(&at, "resourceId"));
    let one = |operation, input| {
        let checks = b.management.checks(&call(operation, input), &root()).unwrap();
        assert_eq!(checks[0].resource_account, Some(AccountId::new(OWNER).unwrap()));
        (checks[0].action.clone(), checks[0].resource.clone())
    };
    let expect = |action: &str, path: &str| {
        (format!("apigateway:{action}"), format!("arn:aws:apigateway:us-east-1::{path}"))
    };
    assert_eq!(one("CreateRestApi", json!({ "name": "a" })), expect("POST", "/restapis"));
    assert_eq!(one("GetAccount", json!({})), expect("GET", "/account"));
    let method = format!("/restapis/{api}/resources/{resource}/methods/GET");
    assert_eq!(one("DeleteMethod", at.clone()), expect("DELETE", &method));
    assert_eq!(one("PutIntegration", at.clone()), expect("PUT", &format!("{method}/integration")));
    assert_eq!(one("TestInvokeMethod", at), expect("POST", &method));
    assert_eq!(
        one("GetTags", json!({ "resourceArn": "arn:aws:apigateway:us-east-1::/restapis/x" })),
        expect("GET", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fx")
    );
}

#[test]
fn passing_a_role_is_checked_for_roles_of_the_callers_account() {
    let b = bench();
    let at = b.mock();
    let actions = |operation, input: Value| -> Vec<String> {
        let checks = b.management.checks(&call(operation, input), &root()).unwrap();
        checks.into_iter().map(|check| format!("{} {}", check.action, check.resource)).collect()
    };
    let role = format!("arn:aws:iam::{OWNER}:role/exec");
    let put = |credentials: &str| with(&at, json!({ "credentials": credentials }));
    assert_eq!(actions("PutIntegration", put(&role))[1], format!("iam:PassRole {role}"));
    assert_eq!(actions("PutIntegration", put("arn:aws:iam::*:user/*")).len(), 1);
    assert_eq!(actions("PutIntegration", put("arn:aws:iam::111111111111:role/r")).len(), 1);
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/credentials", "value": role }] });
    let checks = b.management.checks(&call("UpdateIntegration", with(&at, patch)), &root()).unwrap();
    assert_eq!(checks[1].action, "iam:PassRole");
    assert_eq!(checks[1].context.get("iam:PassedToService").unwrap(), ["apigateway.amazonaws.com"]);
}

#[test]
fn condition_keys_tell_of_the_request_and_the_resource() {
    let b = bench();
    let at = b.mock();
    let put = with(&at, json!({ "authorizationType": "AWS_IAM" }));
    let checks = b.management.checks(&call("PutMethod", put), &root()).unwrap();
    let get = |key: &str| checks[0].context.get(key).map(<[String]>::to_vec);
    assert_eq!(get("apigateway:Request/RouteAuthorizationType"), Some(vec!["AWS_IAM".into()]));
    assert_eq!(get("apigateway:Resource/RouteAuthorizationType"), Some(vec!["NONE".into()]));
    assert_eq!(get("apigateway:Resource/ApiName"), None, "a key of the API, not of its methods");
    let rename = json!({ "restApiId": text(&at, "restApiId"), "patchOperations": [
        { "op": "replace", "path": "/name", "value": "b" }] });
    let checks = b.management.checks(&call("UpdateRestApi", rename), &root()).unwrap();
    assert_eq!(checks[0].context.get("apigateway:Resource/ApiName").unwrap(), ["a"]);
    assert_eq!(checks[0].context.get("apigateway:Request/ApiName").unwrap(), ["b"]);
    let create = json!({ "name": "n", "tags": { "team": "x" }, "policy": "{}" });
    let checks = b.management.checks(&call("CreateRestApi", create), &root()).unwrap();
    assert_eq!(checks[0].context.get("aws:RequestTag/team").unwrap(), ["x"]);
    assert_eq!(checks[0].context.get("apigateway:Request/EndpointType").unwrap(), ["EDGE"]);
    assert_eq!(checks[1].action, "apigateway:UpdateRestApiPolicy");
    assert_eq!(checks[2].action, "apigateway:PUT");
    let tags = "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2F*";
    assert_eq!(checks[2].resource, tags);
}
