use super::*;

#[test]
fn tags_are_kept_on_apis_and_stages() {
    let b = bench();
    let of = staged(&b);
    let api = text(&of, "restApiId");
    for path in [format!("/restapis/{api}"), format!("/restapis/{api}/stages/s1")] {
        let on = json!({ "resourceArn": format!("arn:aws:apigateway:us-east-1::{path}") });
        b.ok("TagResource", with(&on, json!({ "tags": { "a": "1", "b": "2" } })));
        b.ok("UntagResource", with(&on, json!({ "tagKeys": ["a"] })));
        assert_eq!(b.ok("GetTags", on), json!({ "tags": { "b": "2" } }));
    }
    assert_eq!(b.ok("GetStage", of)["tags"], json!({ "b": "2" }));
    let mut theirs =
        call("GetTags", json!({ "resourceArn": format!("arn:aws:apigateway:us-east-1::/restapis/{api}") }));
    theirs.account = AccountId::new(OTHER).unwrap();
    let error = b.raw(&theirs).unwrap_err().message.unwrap();
    assert_eq!(error, format!("Invalid API identifier specified {OTHER}:{api}"));
}

#[test]
fn gateway_responses_show_the_defaults_through() {
    let b = bench();
    let (api, _) = b.api();
    let of = json!({ "restApiId": api });
    let list = b.ok("GetGatewayResponses", of.clone());
    assert_eq!(list["items"].as_array().unwrap().len(), 21);
    assert_eq!(list["items"][6].get("statusCode"), None, "DEFAULT_4XX has no status");
    let default =
        json!({ "responseType": "DEFAULT_5XX", "statusCode": "599", "responseTemplates": { "a/b": "t" } });
    b.ok("PutGatewayResponse", with(&of, default));
    let failure = with(&of, json!({ "responseType": "INTEGRATION_FAILURE" }));
    let shown = b.ok("GetGatewayResponse", failure);
    let expected = json!({
        "responseType": "INTEGRATION_FAILURE", "statusCode": "599", "defaultResponse": true,
        "responseParameters": {}, "responseTemplates": { "a/b": "t" },
    });
    assert_eq!(shown, expected);
    let own = with(&of, json!({ "responseType": "AUTHORIZER_FAILURE" }));
    let put = b.ok("PutGatewayResponse", own.clone());
    assert_eq!((&put["statusCode"], &put["defaultResponse"]), (&json!("500"), &json!(false)));
    b.ok("DeleteGatewayResponse", own.clone());
    assert_eq!(
        b.err("DeleteGatewayResponse", own),
        "NotFoundException 404 Gateway response type not defined on api"
    );
}

#[test]
fn update_gateway_response_refuses_in_the_words_of_aws() {
    let b = bench();
    let (api, _) = b.api();
    let of = json!({ "restApiId": api, "responseType": "DEFAULT_4XX" });
    let status = json!([{ "op": "replace", "path": "/statusCode", "value": "444" }]);
    let got = b.update("UpdateGatewayResponse", &of, status);
    assert_eq!((&got["statusCode"], &got["defaultResponse"]), (&json!("444"), &json!(false)));
    for (patch, expected) in [
        (
            json!({ "op": "add", "path": "/statusCode", "value": "1" }),
            "BadRequestException 400 Invalid patch path /statusCode",
        ),
        (
            json!({ "op": "add", "path": "/wrongPath", "value": "1" }),
            "BadRequestException 400 Invalid patch path /wrongPath",
        ),
        (json!({ "op": "add", "value": "1" }), "BadRequestException 400 Invalid patch path null"),
        (
            json!({ "op": "replace", "path": "/responseParameters/gatewayresponse.header.X", "value": "'x'" }),
            "NotFoundException 404 Invalid parameter name specified",
        ),
        (
            json!({ "op": "replace", "path": "/responseTemplates/application~1xml" }),
            "BadRequestException 400 Invalid null or empty value in responseTemplates",
        ),
    ] {
        assert_eq!(b.update_err("UpdateGatewayResponse", &of, json!([patch])), expected);
    }
}
