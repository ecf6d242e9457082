//! VPC links, client certificates, imported keys, model templates and SDK types.

use super::*;

#[test]
fn vpc_links_live_as_recorded() {
    let b = bench();
    let target = "arn:aws:elasticloadbalancing:us-east-1:222222222222:loadbalancer/net/n/1";
    let link = b.ok("CreateVpcLink", json!({ "name": "l", "targetArns": [target] }));
    assert_eq!(link["status"], "PENDING");
    let at = json!({ "vpcLinkId": link["id"] });
    assert_eq!(b.ok("GetVpcLink", at.clone())["status"], "AVAILABLE");
    let changed = b.update("UpdateVpcLink", &at, json!([{ "op": "replace", "path": "/name", "value": "m" }]));
    assert_eq!(changed["name"], "m");
    assert_eq!(
        b.err("CreateVpcLink", json!({ "name": "l", "targetArns": ["invalid-arn"] })),
        "BadRequestException 400 Invalid ARN. ARN is not well formed invalid-arn"
    );
    assert_eq!(
        b.err("CreateVpcLink", json!({ "name": "", "targetArns": [target] })),
        "BadRequestException 400 Name cannot be empty"
    );
    b.ok("DeleteVpcLink", at.clone());
    assert_eq!(b.err("GetVpcLink", at), "NotFoundException 404 Invalid Vpc Link identifier specified");
}

#[test]
fn a_client_certificate_is_made_here_and_kept_while_a_stage_uses_it() {
    let b = bench();
    let stage = staged(&b);
    let made = b.ok("GenerateClientCertificate", json!({ "description": "d" }));
    assert!(text(&made, "pemEncodedCertificate").starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(
        made["expirationDate"].as_f64().unwrap() - made["createdDate"].as_f64().unwrap(),
        31_536_000.0
    );
    let shown = b.ok("GetClientCertificates", json!({}));
    assert!(!shown.to_string().contains("PRIVATE"), "{shown}");
    let at = json!({ "clientCertificateId": made["clientCertificateId"] });
    let use_it =
        json!([{ "op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"] }]);
    b.update("UpdateStage", &stage, use_it);
    assert!(b.err("DeleteClientCertificate", at.clone()).contains("is used by stage"));
    b.update("UpdateStage", &stage, json!([{ "op": "remove", "path": "/clientCertificateId" }]));
    b.ok("DeleteClientCertificate", at);
}

#[test]
fn keys_are_imported_row_by_row() {
    let b = bench();
    let plan = text(&b.ok("CreateUsagePlan", json!({ "name": "p" })), "id");
    let file = format!(
        "Name,key,description,Enabled,usageplanIds\n\
         first,aaaaaaaaaaaaaaaaaaaaaaaa,\"one, two\",TRUE,\"{plan},nothing\"\nshort,abc,,false,\n"
    );
    let mut import = call("ImportApiKeys", json!({ "format": "csv" }));
    import.payload = file.into();
    let done = b.raw(&import).unwrap();
    assert_eq!(done["ids"].as_array().unwrap().len(), 1);
    assert_eq!(
        done["warnings"],
        json!([
            "row 1: usage plan nothing: Invalid Usage Plan ID specified",
            "row 2: API Key value should be at least 20 characters",
        ])
    );
    let key = b.ok("GetApiKey", json!({ "apiKey": done["ids"][0] }));
    assert_eq!((key["name"].as_str(), key["description"].as_str()), (Some("first"), Some("one, two")));
    assert_eq!(
        b.ok("GetUsagePlanKeys", json!({ "usagePlanId": plan }))["items"].as_array().unwrap().len(),
        1
    );
    import.input.insert("failOnWarnings".into(), true.into());
    assert!(
        b.raw(&import).unwrap_err().message.unwrap_or_default().contains("row 1: API Key already exists")
    );
    assert_eq!(b.ok("GetApiKeys", json!({}))["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_template_is_generated_from_a_model() {
    let b = bench();
    let (api, _) = b.api();
    let template =
        |name: &str| text(&b.ok("GetModelTemplate", json!({ "restApiId": api, "modelName": name })), "value");
    assert_eq!(template("Empty"), "#set($inputRoot = $input.path('$'))\n{ }");
    assert_eq!(template("Error"), "#set($inputRoot = $input.path('$'))\n{\n  \"message\" : \"foo\"\n}");
}

#[test]
fn sdk_types_are_listed_and_no_sdk_is_made() {
    let b = bench();
    assert_eq!(b.ok("GetSdkTypes", json!({}))["items"].as_array().unwrap().len(), 6);
    assert_eq!(b.ok("GetSdkType", json!({ "id": "ruby" }))["friendlyName"], "Ruby");
    assert!(b.err("GetSdkType", json!({ "id": "cobol" })).starts_with("NotFoundException 404"));
}
