use super::*;

#[test]
fn an_api_is_created_with_the_defaults_of_aws() {
    let b = bench();
    let mut api = b.ok("CreateRestApi", json!({ "name": "a" }));
    assert_eq!(text(&api, "id").len(), 10);
    for random in ["id", "rootResourceId"] {
        api.as_object_mut().unwrap().remove(random);
    }
    let expected = json!({
        "apiKeySource": "HEADER", "createdDate": 1_700_000_000.0, "disableExecuteApiEndpoint": false,
        "endpointConfiguration": { "ipAddressType": "ipv4", "types": ["EDGE"] }, "name": "a",
    });
    assert_eq!(api, expected);
}

#[test]
fn what_create_rest_api_refuses() {
    let b = bench();
    for (input, expected) in [
        (json!({ "description": "" }), "Description cannot be an empty string"),
        (
            json!({ "minimumCompressionSize": -1 }),
            "Invalid minimum compression size, must be between 0 and 10485760",
        ),
        (
            json!({ "endpointConfiguration": { "types": [] } }),
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        ),
        (
            json!({ "endpointConfiguration": { "types": ["EDGE", "REGIONAL"] } }),
            "Cannot create an api with multiple Endpoint Types.",
        ),
        (
            json!({ "endpointConfiguration": { "types": ["PRIVATE"], "ipAddressType": "ipv4" } }),
            "Only dualstack ipAddressType is supported for Private APIs.",
        ),
    ] {
        let error = b.err("CreateRestApi", with(&input, json!({ "name": "a" })));
        assert_eq!(error, format!("BadRequestException 400 {expected}"));
    }
}

#[test]
fn another_account_and_another_region_cannot_tell_an_api_from_none() {
    let b = bench();
    let (api, _) = b.api();
    for (account, region) in [(OTHER, "us-east-1"), (OWNER, "eu-west-1")] {
        for operation in ["GetRestApi", "GetResources", "DeleteRestApi", "CreateDeployment", "GetStages"] {
            let mut theirs = call(operation, json!({ "restApiId": api }));
            theirs.account = AccountId::new(account).unwrap();
            theirs.region = region.into();
            let mut nothing = theirs.clone();
            nothing.input.insert("restApiId".into(), "abcdefghij".into());
            let (real, none) = (b.raw(&theirs).unwrap_err(), b.raw(&nothing).unwrap_err());
            assert_eq!(real.message.unwrap(), format!("Invalid API identifier specified {account}:{api}"));
            assert_eq!(
                none.message.unwrap(),
                format!("Invalid API identifier specified {account}:abcdefghij")
            );
            assert_eq!((real.code, real.status), (none.code, none.status));
            let checks = |call: &Call| b.management.checks(call, &root()).unwrap();
            let (real, none) = (checks(&theirs), checks(&nothing));
            assert_eq!(real[0].context, none[0].context, "{operation}");
            assert_eq!(real[0].resource_account, none[0].resource_account);
        }
        let mut list = call("GetRestApis", json!({}));
        list.account = AccountId::new(account).unwrap();
        list.region = region.into();
        assert_eq!(b.raw(&list).unwrap(), json!({ "items": [] }));
    }
}

#[test]
fn lists_come_in_pages() {
    let b = bench();
    let mut made: Vec<String> = (0..5).map(|_| b.api().0).collect();
    made.sort();
    let (mut seen, mut position) = (Vec::new(), json!({}));
    loop {
        let page = b.ok("GetRestApis", with(&position, json!({ "limit": 2 })));
        seen.extend(page["items"].as_array().unwrap().iter().map(|api| text(api, "id")));
        match page.get("position") {
            Some(next) => position = json!({ "position": next }),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let error = b.err("GetRestApis", json!({ "position": "§" }));
    assert_eq!(error, "BadRequestException 400 Invalid position specified");
}

#[test]
fn update_rest_api_patches_as_recorded() {
    let b = bench();
    let (api, _) = b.api();
    let of = json!({ "restApiId": api });
    let add = |t: &str| json!({ "op": "add", "path": format!("/binaryMediaTypes/{t}") });
    let got = b.update("UpdateRestApi", &of, json!([add("image~1png"), add("image~1jpeg")]));
    assert_eq!(got["binaryMediaTypes"], json!(["image/png", "image/jpeg"]));
    assert_eq!(got["tags"], json!({}));
    let replace = json!([{ "op": "replace", "path": "/binaryMediaTypes/image~1png", "value": "image/gif" }]);
    let got = b.update("UpdateRestApi", &of, replace);
    assert_eq!(got["binaryMediaTypes"], json!(["image/jpeg", "image/gif"]));
    let remove = json!([
        { "op": "remove", "path": "/binaryMediaTypes/image~1gif" },
        { "op": "remove", "path": "/description" },
        { "op": "replace", "path": "/minimumCompressionSize", "value": "10" },
        { "op": "replace", "path": "/name", "value": "b" },
    ]);
    let got = b.update("UpdateRestApi", &of, remove);
    assert_eq!((&got["binaryMediaTypes"], &got["name"]), (&json!(["image/jpeg"]), &json!("b")));
    assert_eq!(got["minimumCompressionSize"], 10);
    let off = json!([{ "op": "replace", "path": "/minimumCompressionSize" }]);
    assert_eq!(b.update("UpdateRestApi", &of, off).get("minimumCompressionSize"), None);
    let private =
        json!([{ "op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE" }]);
    let got = b.update("UpdateRestApi", &of, private);
    assert_eq!(got["endpointConfiguration"], json!({ "types": ["PRIVATE"], "ipAddressType": "dualstack" }));
}

#[test]
fn update_rest_api_refuses_in_the_words_of_aws() {
    let b = bench();
    let (api, _) = b.api();
    for (op, path, value, expected) in [
        ("add", "/binaryMediaTypes", "x", "Invalid patch path /binaryMediaTypes"),
        (
            "add",
            "/minimumCompressionSize",
            "1",
            "Invalid patch operation specified. Must be one of: [replace]",
        ),
        (
            "replace",
            "/minimumCompressionSize",
            "x",
            "Invalid minimum compression size, must be between 0 and 10485760",
        ),
        (
            "replace",
            "/endpointConfiguration/types/EDGE",
            "wrong",
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ),
        (
            "test",
            "/endpointConfiguration/types/EDGE",
            "wrong",
            "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
        ),
        (
            "replace",
            "/endpointConfiguration/ipAddressType",
            "wrong",
            "ipAddressType must be either ipv4 or dualstack.",
        ),
    ] {
        let patches = json!([{ "op": op, "path": path, "value": value }]);
        let error = b.update_err("UpdateRestApi", &json!({ "restApiId": api }), patches);
        assert_eq!(error, format!("BadRequestException 400 {expected}"));
    }
}

#[test]
fn a_resource_policy_is_expanded_when_saved_and_escaped_when_shown() {
    let b = bench();
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}]}"#;
    let api = b.ok("CreateRestApi", json!({ "name": "a", "policy": policy }));
    let shown = text(&api, "policy");
    assert!(shown.starts_with("{\\\"Statement\\\""), "{shown}");
    let arn = format!("arn:aws:execute-api:us-east-1:{OWNER}:{}/*", text(&api, "id"));
    assert!(shown.contains(&arn), "{shown}");
    let error = b.err("CreateRestApi", json!({ "name": "a", "policy": "no json" }));
    assert_eq!(
        error,
        "BadRequestException 400 Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
    );
}

#[test]
fn deleting_an_api_leaves_nothing_of_it() {
    let b = bench();
    let at = b.mock();
    let api = at["restApiId"].clone();
    b.ok("CreateDeployment", json!({ "restApiId": api, "stageName": "dev" }));
    b.ok("DeleteRestApi", json!({ "restApiId": api }));
    assert_eq!(b.ok("GetRestApis", json!({})), json!({ "items": [] }));
    let prefix = format!("{}/", api.as_str().unwrap());
    for collection in ["resources", "deployments", "snapshots", "stages", "models"] {
        let left: Vec<(String, Value)> =
            b.store.read(|r| r.list(collection, &prefix, None, 9)).map_err(|e: store::StoreError| e).unwrap();
        assert!(left.is_empty(), "{collection}");
    }
}
