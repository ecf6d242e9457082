use super::*;

#[test]
fn methods_are_named_in_lists_and_shown_when_embedded() {
    let b = bench();
    let at = b.mock();
    let of = json!({ "restApiId": at["restApiId"] });
    let plain = b.ok("GetResources", of.clone());
    assert_eq!(plain["items"][0]["resourceMethods"], json!({ "GET": {} }));
    let full = b.ok("GetResources", with(&of, json!({ "embed": ["methods"] })));
    assert_eq!(full["items"][0]["resourceMethods"]["GET"]["methodIntegration"]["type"], "MOCK");
}

#[test]
fn a_method_is_put_once_and_shown_as_recorded() {
    let b = bench();
    let (api, root) = b.api();
    let at = json!({ "restApiId": api, "resourceId": root, "httpMethod": "ANY" });
    let put = with(&at, json!({ "authorizationType": "NONE" }));
    let expected = json!({ "apiKeyRequired": false, "authorizationType": "NONE", "httpMethod": "ANY" });
    assert_eq!(b.ok("PutMethod", put.clone()), expected);
    assert_eq!(b.ok("GetMethod", at.clone()), expected);
    assert_eq!(b.err("PutMethod", put), "ConflictException 409 Method already exists for this resource");
    b.ok("DeleteMethod", at.clone());
    for operation in ["GetMethod", "DeleteMethod"] {
        assert_eq!(b.err(operation, at.clone()), "NotFoundException 404 Invalid Method identifier specified");
    }
}

#[test]
fn put_method_checks_what_it_refers_to() {
    let b = bench();
    let (api, root) = b.api();
    let at =
        json!({ "restApiId": api, "resourceId": root, "httpMethod": "GET", "authorizationType": "NONE" });
    for (input, expected) in [
        (json!({ "restApiId": "fake" }), "NotFoundException 404 Invalid Resource identifier specified"),
        (json!({ "resourceId": "fake" }), "NotFoundException 404 Invalid Resource identifier specified"),
        (
            json!({ "httpMethod": "GETS" }),
            "BadRequestException 400 Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
        ),
        (
            json!({ "authorizationType": "CUSTOM" }),
            "BadRequestException 400 Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
        ),
        (
            json!({ "requestValidatorId": "fake" }),
            "BadRequestException 400 Invalid Request Validator identifier specified",
        ),
        (
            json!({ "requestModels": { "application/json": "petModel" } }),
            "BadRequestException 400 Invalid model identifier specified: petModel",
        ),
        (
            json!({ "requestParameters": { "method.request.header.a": true, "method.request.querystring.a": true } }),
            "BadRequestException 400 Parameter names must be unique across querystring, header and path",
        ),
    ] {
        assert_eq!(b.err("PutMethod", with(&at, input)), expected);
    }
}

#[test]
fn update_method_patches_and_refuses_as_recorded() {
    let b = bench();
    let (api, root) = b.api();
    let at = json!({ "restApiId": api, "resourceId": root, "httpMethod": "ANY" });
    b.ok("PutMethod", with(&at, json!({ "authorizationType": "NONE", "apiKeyRequired": true })));
    let added = b.update(
        "UpdateMethod",
        &at,
        json!([
            { "op": "add", "path": "/requestParameters/method.request.querystring.optional", "value": "true" },
            { "op": "add", "path": "/requestModels/application~1json", "value": "Empty" },
        ]),
    );
    assert_eq!(added["requestParameters"], json!({ "method.request.querystring.optional": true }));
    assert_eq!(added["requestModels"], json!({ "application/json": "Empty" }));
    let ignored =
        b.update("UpdateMethod", &at, json!([{ "op": "replace", "path": "/authorizerId", "value": "abc" }]));
    assert_eq!(ignored.get("authorizerId"), None);
    let whatever = b.update(
        "UpdateMethod",
        &at,
        json!([{ "op": "replace", "path": "/apiKeyRequired", "value": "whatever" }]),
    );
    assert_eq!(whatever["apiKeyRequired"], false);
    for (op, path, expected) in [
        ("add", "/operationName", "Invalid patch operation specified. Must be one of: [replace]"),
        ("add", "/httpMethod", "Invalid patch path /httpMethod"),
        ("replace", "/requestParameters", "Invalid patch path /requestParameters"),
        ("add", "/requestModels/application/json", "Invalid patch path /requestModels/application/json"),
        ("replace", "/requestValidatorId", "Invalid Request Validator identifier specified"),
    ] {
        let error = b.update_err("UpdateMethod", &at, json!([{ "op": op, "path": path, "value": "x" }]));
        assert_eq!(error, format!("BadRequestException 400 {expected}"));
    }
}

#[test]
fn method_responses_are_put_once_and_patched() {
    let b = bench();
    let at = with(&b.mock(), json!({ "statusCode": "200" }));
    assert_eq!(b.ok("PutMethodResponse", at.clone())["statusCode"], "200");
    assert_eq!(
        b.err("PutMethodResponse", at.clone()),
        "ConflictException 409 Response already exists for this resource"
    );
    let header = "/responseParameters/method.response.header.my-header";
    let got =
        b.update("UpdateMethodResponse", &at, json!([{ "op": "add", "path": header, "value": "true" }]));
    assert_eq!(got["responseParameters"], json!({ "method.response.header.my-header": true }));
    for (path, expected) in [
        (
            "/responseParameters/method.response.header.x",
            "NotFoundException 404 Invalid parameter name specified",
        ),
        ("/responseModels/text~1plain", "NotFoundException 404 Content-Type specified was not found"),
        (
            "/wrong/method.response.header.x",
            "BadRequestException 400 Invalid patch path /wrong/method.response.header.x",
        ),
    ] {
        let error = b.update_err("UpdateMethodResponse", &at, json!([{ "op": "remove", "path": path }]));
        assert_eq!(error, expected);
    }
    b.ok("DeleteMethodResponse", at.clone());
    assert_eq!(
        b.err("GetMethodResponse", at),
        "NotFoundException 404 Invalid Response status code specified"
    );
}
