use super::*;

#[test]
fn a_proxy_integration_has_the_defaults_of_aws() {
    let b = bench();
    let at = b.mock();
    let put = json!({ "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": URI });
    let got = b.ok("PutIntegration", with(&at, put));
    let expected = json!({
        "type": "AWS_PROXY", "httpMethod": "POST", "uri": URI, "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000, "cacheNamespace": at["resourceId"], "cacheKeyParameters": [],
        "responseTransferMode": "BUFFERED",
    });
    assert_eq!(got, expected);
    let uri = URI.replace(":f/", ":g/");
    let got = b.update("UpdateIntegration", &at, json!([{ "op": "replace", "path": "/uri", "value": uri }]));
    assert_eq!(text(&got, "uri"), uri);
    b.ok("DeleteIntegration", at.clone());
    assert_eq!(b.err("GetIntegration", at), "NotFoundException 404 Invalid Integration identifier specified");
}

#[test]
fn what_put_integration_refuses() {
    let b = bench();
    let at = with(&b.mock(), json!({ "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": URI }));
    for (input, expected) in [
        (
            json!({ "integrationHttpMethod": null }),
            "BadRequestException 400 Enumeration value for HttpMethod must be non-empty",
        ),
        (json!({ "uri": "x" }), "BadRequestException 400 Invalid ARN specified in the request"),
        (json!({ "httpMethod": "PUT" }), "NotFoundException 404 Invalid Method identifier specified"),
        (
            json!({ "timeoutInMillis": 29001 }),
            "BadRequestException 400 Timeout should be between 50 ms and 29000 ms",
        ),
        (
            json!({ "credentials": "arn:aws:iam::111111111111:role/theirs" }),
            "AccessDeniedException 403 Cross-account pass role is not allowed.",
        ),
        (
            json!({ "requestParameters": { "integration.request.header.a": "true" } }),
            "BadRequestException 400 Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: true]",
        ),
        (
            json!({ "requestParameters": { "integration.request.header.a": "method.request.header.b" } }),
            "BadRequestException 400 Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: method.request.header.b]",
        ),
    ] {
        assert_eq!(b.err("PutIntegration", with(&at, input)), expected);
    }
    let own = json!({ "credentials": format!("arn:aws:iam::{OWNER}:role/mine") });
    b.ok("PutIntegration", with(&at, own));
    b.ok("PutIntegration", with(&at, json!({ "credentials": "arn:aws:iam::*:user/*" })));
}

#[test]
fn a_streamed_answer_may_take_fifteen_minutes_and_only_proxies_stream() {
    let b = bench();
    let at = b.mock();
    let uri = URI.replace("2015-03-31", "2021-11-15").replace("/invoc", "/response-streaming-invoc");
    let put = json!({
        "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri, "responseTransferMode": "STREAM",
        "timeoutInMillis": 900_000,
    });
    let got = b.ok("PutIntegration", with(&at, put.clone()));
    assert_eq!(text(&got, "responseTransferMode"), "STREAM");
    assert_eq!(got["timeoutInMillis"], 900_000);
    let longer = with(&with(&at, put), json!({ "timeoutInMillis": 900_001 }));
    let expected = "BadRequestException 400 Timeout should be between 50 ms and 900000 ms";
    assert_eq!(b.err("PutIntegration", longer), expected);
    let patch = |path: &str, value: &str| json!([{ "op": "replace", "path": path, "value": value }]);
    let refused =
        |operations: Value| b.err("UpdateIntegration", with(&at, json!({ "patchOperations": operations })));
    assert!(refused(patch("/type", "AWS")).contains("STREAM is only supported"));
    assert!(refused(patch("/responseTransferMode", "BUFFERED")).contains("between 50 ms and 29000 ms"));
    assert!(refused(patch("/responseTransferMode", "stream")).contains("Valid options are BUFFERED,STREAM"));
}

#[test]
fn a_role_of_another_account_cannot_be_patched_in_either() {
    let b = bench();
    let at = b.mock();
    let role =
        json!([{ "op": "replace", "path": "/credentials", "value": "arn:aws:iam::111111111111:role/r" }]);
    assert_eq!(
        b.update_err("UpdateIntegration", &at, role),
        "AccessDeniedException 403 Cross-account pass role is not allowed."
    );
}

#[test]
fn integration_responses_overwrite_and_map_declared_headers_only() {
    let b = bench();
    let method = b.mock();
    let at = with(&method, json!({ "statusCode": "200" }));
    let created =
        json!({ "responseTemplates": { "application/json": "\"created\"" }, "selectionPattern": "" });
    let got = b.ok("PutIntegrationResponse", with(&at, created.clone()));
    assert_eq!(got, with(&created, json!({ "statusCode": "200" })));
    let header = json!({ "responseParameters": { "method.response.header.X": "'1'" } });
    assert_eq!(
        b.err("PutIntegrationResponse", with(&at, header.clone())),
        "BadRequestException 400 Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: method.response.header.X]"
    );
    let declared = json!({ "responseParameters": { "method.response.header.X": true } });
    b.ok("PutMethodResponse", with(&at, declared));
    b.ok("PutIntegrationResponse", with(&at, header));
    let bad = json!({ "responseTemplates": { "123": "x" } });
    assert_eq!(
        b.err("PutIntegrationResponse", with(&at, bad)),
        "BadRequestException 400 Validation Result: warnings : [], errors : [Invalid content type specified: 123]"
    );
    let pattern = json!([{ "op": "replace", "path": "/selectionPattern", "value": "5\\d\\d" }]);
    assert_eq!(b.update("UpdateIntegrationResponse", &at, pattern)["selectionPattern"], "5\\d\\d");
    assert_eq!(
        b.err("DeleteIntegrationResponse", with(&at, json!({ "httpMethod": "PUT" }))),
        "NotFoundException 404 Invalid Integration identifier specified"
    );
    b.ok("DeleteIntegrationResponse", at.clone());
    assert_eq!(
        b.err("GetIntegrationResponse", at),
        "NotFoundException 404 Invalid Response status code specified"
    );
}
