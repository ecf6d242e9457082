use super::*;

#[test]
fn models_validate_and_stay_while_used() {
    let b = bench();
    let at = b.mock();
    let of = json!({ "restApiId": at["restApiId"], "contentType": "application/json" });
    let schema = json!({ "name": "MySchema", "schema": "{\"type\":\"object\"}" });
    b.ok("CreateModel", with(&of, schema.clone()));
    for (input, expected) in [
        (schema.clone(), "ConflictException 409 Model name already exists for this REST API"),
        (with(&schema, json!({ "name": "" })), "BadRequestException 400 Model name must be non-empty"),
        (
            json!({ "name": "X", "schema": "" }),
            "BadRequestException 400 Model schema must have at least 1 property or array items defined",
        ),
        (
            json!({ "name": "X" }),
            "BadRequestException 400 Model schema must have at least 1 property or array items defined",
        ),
    ] {
        assert_eq!(b.err("CreateModel", with(&of, input)), expected);
    }
    let named = with(&of, json!({ "modelName": "MySchema" }));
    let used = json!([{ "op": "add", "path": "/requestModels/application~1json", "value": "MySchema" }]);
    b.update("UpdateMethod", &at, used);
    assert_eq!(
        b.err("DeleteModel", named.clone()),
        "ConflictException 409 Cannot delete model 'MySchema', is referenced in method request: //GET"
    );
    assert_eq!(
        b.update_err("UpdateModel", &named, json!([{ "op": "replace", "path": "/name", "value": "x" }])),
        "BadRequestException 400 Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]"
    );
    b.update("UpdateMethod", &at, json!([{ "op": "remove", "path": "/requestModels/application~1json" }]));
    b.ok("DeleteModel", named.clone());
    assert_eq!(b.err("GetModel", named), "NotFoundException 404 Invalid model name specified: MySchema");
    assert_eq!(b.ok("GetModels", of)["items"].as_array().unwrap().len(), 2);
}

#[test]
fn validators_live_as_recorded() {
    let b = bench();
    let (api, _) = b.api();
    let of = json!({ "restApiId": api });
    let made = b.ok("CreateRequestValidator", with(&of, json!({ "name": "v" })));
    assert_eq!(
        (&made["validateRequestBody"], &made["validateRequestParameters"]),
        (&json!(false), &json!(false))
    );
    let at = with(&of, json!({ "requestValidatorId": made["id"] }));
    let on = json!([{ "op": "replace", "path": "/validateRequestBody", "value": "true" }]);
    assert_eq!(b.update("UpdateRequestValidator", &at, on)["validateRequestBody"], true);
    let off = json!([{ "op": "replace", "path": "/validateRequestBody" }]);
    assert_eq!(b.update("UpdateRequestValidator", &at, off)["validateRequestBody"], false);
    let blank = json!([{ "op": "replace", "path": "/name", "value": "" }]);
    assert_eq!(
        b.update_err("UpdateRequestValidator", &at, blank),
        "BadRequestException 400 Request Validator name cannot be blank"
    );
    b.ok("DeleteRequestValidator", at.clone());
    assert_eq!(
        b.err("GetRequestValidator", at),
        "NotFoundException 404 Invalid Request Validator identifier specified"
    );
    assert_eq!(
        b.err("CreateRequestValidator", json!({ "restApiId": "fake", "name": "v" })),
        "BadRequestException 400 Invalid REST API identifier specified"
    );
}
