use super::*;

#[test]
fn api_keys_show_their_value_once_and_on_request() {
    let b = bench();
    let made = b.ok("CreateApiKey", json!({ "name": "k", "enabled": true }));
    let value = text(&made, "value");
    assert_eq!((value.len(), &made["stageKeys"]), (40, &json!([])));
    let at = json!({ "apiKey": made["id"] });
    assert_eq!(b.ok("GetApiKey", at.clone()).get("value"), None);
    assert_eq!(text(&b.ok("GetApiKey", with(&at, json!({ "includeValue": true }))), "value"), value);
    let off =
        b.update("UpdateApiKey", &at, json!([{ "op": "replace", "path": "/enabled", "value": "false" }]));
    assert_eq!((&off["enabled"], &off["tags"], off.get("value")), (&json!(false), &json!({}), None));
    for (input, expected) in [
        (
            json!({ "value": "short" }),
            "BadRequestException 400 API Key value should be at least 20 characters",
        ),
        (
            json!({ "value": "x".repeat(129) }),
            "BadRequestException 400 API Key value exceeds maximum size of 128 characters",
        ),
        (
            json!({ "name": "x".repeat(1025) }),
            "BadRequestException 400 Invalid API Key name, can be at most 1024 characters.",
        ),
        (json!({ "value": value }), "ConflictException 409 API Key already exists"),
    ] {
        assert_eq!(b.err("CreateApiKey", input), expected);
    }
    assert_eq!(
        b.update_err("UpdateApiKey", &at, json!([{ "op": "replace", "path": "/id", "value": "x" }])),
        "BadRequestException 400 Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]"
    );
}

#[test]
fn usage_plans_tie_stages_and_keys_together() {
    let b = bench();
    let of = staged(&b);
    let api = text(&of, "restApiId");
    let stages = json!([{ "apiId": api, "stage": "s1" }]);
    let plan = b.ok("CreateUsagePlan", json!({ "name": "p", "apiStages": stages }));
    let at = json!({ "usagePlanId": plan["id"] });
    let limits = json!([
        { "op": "replace", "path": "/throttle/burstLimit", "value": "100" },
        { "op": "replace", "path": "/throttle/rateLimit", "value": "200" },
    ]);
    let got = b.update("UpdateUsagePlan", &at, limits);
    assert_eq!(got["throttle"], json!({ "burstLimit": 100, "rateLimit": 200.0 }));
    let stage = |value: Value| json!([{ "op": "add", "path": "/apiStages", "value": value }]);
    assert_eq!(
        b.update_err("UpdateUsagePlan", &at, stage(json!(format!("{api}:fakestagename")))),
        format!(
            "NotFoundException 404 Invalid API Stage {{api: {api}, stage: fakestagename}} specified for usageplan {}",
            text(&plan, "id")
        )
    );
    assert_eq!(
        b.update_err("UpdateUsagePlan", &at, stage(Value::Null)),
        "BadRequestException 400 Invalid API Stage specified"
    );
    assert_eq!(
        b.update_err("UpdateUsagePlan", &json!({ "usagePlanId": "no" }), json!([])),
        "NotFoundException 404 Invalid Usage Plan ID specified"
    );
    let key = b.ok("CreateApiKey", json!({ "name": "k", "enabled": true }));
    let tie = with(&at, json!({ "keyId": key["id"], "keyType": "API_KEY" }));
    let expected = json!({ "id": key["id"], "name": "k", "type": "API_KEY", "value": key["value"] });
    assert_eq!(b.ok("CreateUsagePlanKey", tie.clone()), expected);
    assert_eq!(b.ok("GetUsagePlanKeys", at.clone())["items"], json!([expected]));
    assert_eq!(b.ok("GetUsagePlans", json!({ "keyId": key["id"] }))["items"].as_array().unwrap().len(), 1);
    b.ok("DeleteApiKey", json!({ "apiKey": key["id"] }));
    assert_eq!(b.ok("GetUsagePlanKeys", at.clone())["items"], json!([]));
    assert!(b.err("DeleteUsagePlan", at.clone()).contains("associated with API Stages"));
    b.update(
        "UpdateUsagePlan",
        &at,
        json!([{ "op": "remove", "path": "/apiStages", "value": format!("{api}:s1") }]),
    );
    b.ok("DeleteUsagePlan", at);
}
