use super::*;

#[test]
fn a_stage_is_created_as_recorded() {
    let b = bench();
    let of = staged(&b);
    let mut got = b.ok("GetStage", of.clone());
    let deployment = got.as_object_mut().unwrap().remove("deploymentId").unwrap();
    let expected = json!({
        "cacheClusterEnabled": false, "cacheClusterStatus": "NOT_AVAILABLE", "createdDate": 1_700_000_000.0,
        "description": "my stage", "lastUpdatedDate": 1_700_000_000.0, "methodSettings": {}, "stageName": "s1",
        "tracingEnabled": false,
    });
    assert_eq!(got, expected);
    let again = with(&of, json!({ "deploymentId": deployment }));
    assert_eq!(b.err("CreateStage", again.clone()), "ConflictException 409 Stage already exists");
    let none = with(&again, json!({ "stageName": "s2", "deploymentId": "nope" }));
    assert_eq!(b.err("CreateStage", none), "BadRequestException 400 Deployment id does not exist");
    assert!(
        b.err("CreateStage", with(&again, json!({ "stageName": "a/b" }))).contains("Stage name only allows")
    );
    assert_eq!(b.ok("GetStages", of.clone())["item"].as_array().unwrap().len(), 1);
    b.ok("DeleteStage", of.clone());
    assert_eq!(b.err("GetStage", of), "NotFoundException 404 Invalid stage identifier specified");
}

#[test]
fn update_stage_patches_as_recorded() {
    let b = bench();
    let of = staged(&b);
    let got = b.update(
        "UpdateStage",
        &of,
        json!([
            { "op": "replace", "path": "/description", "value": "stage new" },
            { "op": "replace", "path": "/variables/var1", "value": "test" },
            { "op": "replace", "path": "/variables/var2", "value": "test2" },
            { "op": "replace", "path": "/*/*/throttling/burstLimit", "value": "123" },
            { "op": "replace", "path": "/*/*/caching/enabled", "value": "true" },
            { "op": "replace", "path": "/tracingEnabled", "value": "true" },
        ]),
    );
    assert_eq!(got["variables"], json!({ "var1": "test", "var2": "test2" }));
    assert_eq!((&got["description"], &got["tracingEnabled"]), (&json!("stage new"), &json!(true)));
    let expected = json!({ "*/*": {
        "cacheDataEncrypted": false, "cacheTtlInSeconds": 300, "cachingEnabled": true, "dataTraceEnabled": false,
        "metricsEnabled": false, "requireAuthorizationForCacheControl": true, "throttlingBurstLimit": 123,
        "throttlingRateLimit": 10000.0, "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    }});
    assert_eq!(got["methodSettings"], expected);
    let gone = b.update("UpdateStage", &of, json!([{ "op": "remove", "path": "/*/*" }]));
    assert_eq!(gone["methodSettings"], json!({}));
    assert_eq!(
        b.update_err("UpdateStage", &of, json!([{ "op": "remove", "path": "/*/*" }])),
        "BadRequestException 400 Cannot remove method setting */* because there is no method setting for this method "
    );
}

#[test]
fn method_settings_are_kept_by_path_and_method() {
    let b = bench();
    let of = staged(&b);
    let got = b.update(
        "UpdateStage",
        &of,
        json!([
            { "op": "replace", "path": "/~1users~1{id}/GET/metrics/enabled", "value": "true" },
            { "op": "replace", "path": "/users/POST/metrics/enabled", "value": "true" },
            { "op": "replace", "path": "/~1/GET/metrics/enabled", "value": "true" },
        ]),
    );
    let keys: Vec<&String> = got["methodSettings"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["/GET", "users/POST", "users/{id}/GET"]);
}

#[test]
fn update_stage_refuses_in_the_words_of_aws() {
    let b = bench();
    let of = staged(&b);
    for (op, path, value, expected) in [
        (
            "replace",
            "/documentation_version",
            "x",
            "Invalid method setting path: /documentation_version. Must be one of: [/deploymentId, ",
        ),
        (
            "add",
            "/tags/tag1",
            "x",
            "Invalid method setting path: /tags/tag1. Must be one of: [/deploymentId, ",
        ),
        (
            "remove",
            "/accessLogSettings/randomValue",
            "",
            "Cannot remove method setting accessLogSettings/randomValue because there is no method setting for this method ",
        ),
        (
            "add",
            "/accessLogSettings/randomValue",
            "x",
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ),
        ("add", "/accessLogSettings/destinationArn", "", "Access Log value must not be empty"),
        (
            "replace",
            "/accessLogSettings/format",
            "a\nb",
            "Access Log format must be single line, new line character is allowed only at end of the format: 'a\nb'",
        ),
        (
            "add",
            "/canarySettings/deploymentId",
            "x",
            "Invalid add operation with path: /canarySettings/deploymentId",
        ),
        (
            "remove",
            "/canarySettings/badPath",
            "",
            "Cannot remove method setting canarySettings/badPath because there is no method setting for this method ",
        ),
        (
            "replace",
            "/canarySettings/badPath",
            "x",
            "Invalid method setting path: /canarySettings/badPath. Must be",
        ),
        ("replace", "/deploymentId", "nope", "Deployment id does not exist"),
        (
            "replace",
            "/{proxy+}/ANY//throttling/burstLimit",
            "1",
            "Invalid method setting path: /{proxy+}/ANY//throttling",
        ),
    ] {
        let error = b.update_err("UpdateStage", &of, json!([{ "op": op, "path": path, "value": value }]));
        assert!(error.starts_with(&format!("BadRequestException 400 {expected}")), "{path}: {error}");
    }
}

#[test]
fn logging_needs_a_role_in_the_account_settings() {
    let b = bench();
    let of = staged(&b);
    let on = json!([{ "op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO" }]);
    assert_eq!(
        b.update_err("UpdateStage", &of, on.clone()),
        "BadRequestException 400 CloudWatch Logs role ARN must be set in account settings to enable logging"
    );
    let role = format!("arn:aws:iam::{OWNER}:role/logs");
    let set = json!([{ "op": "replace", "path": "/cloudwatchRoleArn", "value": role }]);
    assert_eq!(text(&b.update("UpdateAccount", &json!({}), set), "cloudwatchRoleArn"), role);
    let got = b.update("UpdateStage", &of, on);
    assert_eq!(got["methodSettings"]["*/*"]["loggingLevel"], "INFO");
    let account = b.ok("GetAccount", json!({}));
    assert_eq!(account["throttleSettings"], json!({ "burstLimit": 5000, "rateLimit": 10000.0 }));
}

#[test]
fn the_log_role_must_trust_api_gateway() {
    struct Nobody;
    impl Roles for Nobody {
        fn trusts(&self, _role_arn: &str, service: &str) -> bool {
            assert_eq!(service, "apigateway.amazonaws.com");
            false
        }
    }
    let b = bench_with(Deps { roles: Some(std::sync::Arc::new(Nobody)) });
    let role = json!([{ "op": "replace", "path": "/cloudwatchRoleArn", "value": format!("arn:aws:iam::{OWNER}:role/r") }]);
    assert!(b.update_err("UpdateAccount", &json!({}), role).contains("does not have required permissions"));
}

#[test]
fn a_canary_is_made_by_a_deployment_and_promoted_by_copies() {
    let b = bench();
    let of = staged(&b);
    let canary =
        json!({ "canarySettings": { "percentTraffic": 50.0, "stageVariableOverrides": { "a": "2" } } });
    let none = b.err("CreateDeployment", with(&canary, json!({ "restApiId": of["restApiId"] })));
    assert_eq!(
        none,
        "BadRequestException 400 Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null"
    );
    let unknown = with(&canary, json!({ "restApiId": of["restApiId"], "stageName": "non-existing" }));
    assert_eq!(
        b.err("CreateDeployment", unknown),
        "BadRequestException 400 Invalid deployment content specified.Stage non-existing must already be created before making a canary release deployment"
    );
    let second = b.ok("CreateDeployment", with(&of, canary));
    let promote = json!([
        { "op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId" },
        { "op": "copy", "path": "/variables", "from": "/canarySettings/stageVariableOverrides" },
        { "op": "remove", "path": "/canarySettings" },
    ]);
    let got = b.update("UpdateStage", &of, promote);
    assert_eq!((&got["deploymentId"], &got["variables"]), (&second["id"], &json!({ "a": "2" })));
    assert_eq!(got.get("canarySettings"), None);
}
