use super::*;

#[test]
fn a_deployment_needs_methods_with_integrations() {
    let b = bench();
    let (api, root) = b.api();
    let of = json!({ "restApiId": api });
    assert_eq!(
        b.err("CreateDeployment", of.clone()),
        "BadRequestException 400 The REST API doesn't contain any methods"
    );
    let at =
        json!({ "restApiId": api, "resourceId": root, "httpMethod": "GET", "authorizationType": "NONE" });
    b.ok("PutMethod", at);
    assert_eq!(b.err("CreateDeployment", of), "BadRequestException 400 No integration defined for method");
}

#[test]
fn a_deployment_is_frozen() {
    let b = bench();
    let at = b.mock();
    let api = text(&at, "restApiId");
    let made = b.ok("CreateDeployment", json!({ "restApiId": api, "description": "first" }));
    assert_eq!(made["description"], "first");
    assert_eq!(made.get("changeCount"), None);
    b.ok("DeleteMethod", at);
    let key = format!("{api}/{}", text(&made, "id"));
    let read = b.store.read(|r| r.get::<Snapshot>("snapshots", &key)).map_err(|e: store::StoreError| e);
    let snapshot = read.unwrap().unwrap();
    assert!(snapshot.resources[0].resource_methods.contains_key("GET"));
    assert!(snapshot.models.contains_key("Empty") && snapshot.models.contains_key("Error"));
    let embedded = json!({ "restApiId": api, "deploymentId": made["id"], "embed": ["apisummary"] });
    let summary = b.ok("GetDeployment", embedded)["apiSummary"].clone();
    assert_eq!(summary, json!({ "/": { "GET": { "authorizationType": "NONE", "apiKeyRequired": false } } }));
}

#[test]
fn every_change_is_counted_and_a_deployment_remembers_the_count() {
    let b = bench();
    let at = b.mock();
    let api = text(&at, "restApiId");
    let count = || -> u64 {
        let read = b.store.read(|r| r.get::<crate::model::RestApi>("apis", &api));
        read.map_err(|e: store::StoreError| e).unwrap().unwrap().change_count
    };
    let made = b.ok("CreateDeployment", json!({ "restApiId": api, "stageName": "dev" }));
    let key = format!("{api}/{}", text(&made, "id"));
    let read = b.store.read(|r| r.get::<crate::model::Deployment>("deployments", &key));
    let deployed = read.map_err(|e: store::StoreError| e).unwrap().unwrap();
    assert_eq!(deployed.change_count, count());
    let mut last = count();
    for (operation, more) in [
        ("PutIntegration", json!({ "type": "MOCK" })),
        ("PutMethodResponse", json!({ "statusCode": "200" })),
        ("PutIntegrationResponse", json!({ "statusCode": "200" })),
        ("CreateModel", json!({ "name": "m", "contentType": "application/json", "schema": "{}" })),
        ("CreateRequestValidator", json!({ "name": "v" })),
        ("PutGatewayResponse", json!({ "responseType": "THROTTLED" })),
        ("CreateResource", json!({ "parentId": at["resourceId"], "pathPart": "x" })),
    ] {
        b.ok(operation, with(&at, more));
        assert_eq!(count(), last + 1, "{operation}");
        last = count();
    }
    let patches = json!([{ "op": "replace", "path": "/description", "value": "x" }]);
    b.update("UpdateStage", &json!({ "restApiId": api, "stageName": "dev" }), patches);
    assert_eq!(count(), last, "a stage is no part of what is deployed");
}

#[test]
fn a_deployment_with_a_stage_name_makes_the_stage_or_moves_it() {
    let b = bench();
    let at = b.mock();
    let of = json!({ "restApiId": at["restApiId"], "stageName": "dev" });
    let first = b.ok("CreateDeployment", with(&of, json!({ "variables": { "a": "1" } })));
    let stage = b.ok("GetStage", of.clone());
    assert_eq!((&stage["deploymentId"], &stage["variables"]["a"]), (&first["id"], &json!("1")));
    let second = b.ok("CreateDeployment", of.clone());
    let stage = b.ok("GetStage", of.clone());
    assert_eq!((&stage["deploymentId"], &stage["variables"]["a"]), (&second["id"], &json!("1")));
    let used = json!({ "restApiId": at["restApiId"], "deploymentId": second["id"] });
    assert_eq!(
        b.err("DeleteDeployment", used.clone()),
        "BadRequestException 400 Active stages pointing to this deployment must be moved or deleted"
    );
    b.ok("DeleteStage", of);
    b.ok("DeleteDeployment", used.clone());
    assert_eq!(b.err("GetDeployment", used), "NotFoundException 404 Invalid Deployment identifier specified");
}
