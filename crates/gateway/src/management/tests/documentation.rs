use super::*;

fn part(b: &Bench, api: &str, location: Value) -> Value {
    b.ok("CreateDocumentationPart", json!({ "restApiId": api, "location": location, "properties": "{}" }))
}

#[test]
fn a_place_has_one_documentation_part() {
    let b = bench();
    let (api, _) = b.api();
    part(&b, &api, json!({ "type": "API" }));
    part(&b, &api, json!({ "type": "METHOD", "path": "/pets", "method": "GET" }));
    let again = |location: Value| {
        b.err(
            "CreateDocumentationPart",
            json!({ "restApiId": api, "location": location, "properties": "{}" }),
        )
    };
    assert_eq!(
        again(json!({ "type": "API" })),
        "ConflictException 409 Documentation part already exists for the specified location: type 'API'."
    );
    // What is left out stands for any method.
    part(&b, &api, json!({ "type": "METHOD", "path": "/pets" }));
    assert_eq!(
        again(json!({ "type": "METHOD", "path": "/pets", "method": "*" })),
        "ConflictException 409 Documentation part already exists for the specified location: type 'METHOD', path '/pets'."
    );
    assert!(again(json!({ "type": "API", "method": "GET" })).starts_with("BadRequestException 400"));
    assert!(again(json!({ "type": "MODEL" })).starts_with("BadRequestException 400"));
}

#[test]
fn documentation_parts_are_filtered_and_patched() {
    let b = bench();
    let (api, _) = b.api();
    let one = part(
        &b,
        &api,
        json!({ "type": "QUERY_PARAMETER", "path": "/pets", "method": "GET", "name": "kind" }),
    );
    part(&b, &api, json!({ "type": "RESOURCE", "path": "/pets" }));
    let count = |filter: Value| {
        let listed = b.ok("GetDocumentationParts", with(&json!({ "restApiId": api }), filter));
        listed["items"].as_array().unwrap().len()
    };
    assert_eq!(count(json!({})), 2);
    assert_eq!(count(json!({ "type": "RESOURCE" })), 1);
    assert_eq!(count(json!({ "nameQuery": "kin" })), 1);
    assert_eq!(count(json!({ "path": "/cats" })), 0);
    let at = json!({ "restApiId": api, "documentationPartId": text(&one, "id") });
    let changed = b.update(
        "UpdateDocumentationPart",
        &at,
        json!([{ "op": "replace", "path": "/properties", "value": "{\"a\":1}" }]),
    );
    assert_eq!(changed["properties"], "{\"a\":1}");
    assert_eq!(
        b.update_err(
            "UpdateDocumentationPart",
            &at,
            json!([{ "op": "add", "path": "/properties", "value": "x" }])
        ),
        "BadRequestException 400 Invalid patch path  '/properties' specified for op 'add'. Please choose supported operations"
    );
    b.ok("DeleteDocumentationPart", at.clone());
    assert_eq!(
        b.err("GetDocumentationPart", at),
        "NotFoundException 404 Invalid Documentation part identifier specified"
    );
}

#[test]
fn a_documentation_version_is_published_to_a_stage_and_kept_by_it() {
    let b = bench();
    let at = staged(&b);
    let api = json!({ "restApiId": at["restApiId"] });
    let version = with(&api, json!({ "documentationVersion": "1.0" }));
    b.ok("CreateDocumentationVersion", with(&version, json!({ "stageName": at["stageName"] })));
    assert_eq!(b.ok("GetStage", at.clone())["documentationVersion"], "1.0");
    assert!(b.err("CreateDocumentationVersion", version.clone()).starts_with("ConflictException 409"));
    assert!(b.err("DeleteDocumentationVersion", version.clone()).contains("published to a stage"));
    b.update("UpdateStage", &at, json!([{ "op": "remove", "path": "/documentationVersion" }]));
    b.ok("DeleteDocumentationVersion", version);
    assert_eq!(b.ok("GetDocumentationVersions", api)["items"], json!([]));
}
