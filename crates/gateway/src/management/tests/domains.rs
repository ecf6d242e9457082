use super::*;

fn regional(b: &Bench, name: &str) -> Value {
    b.ok(
        "CreateDomainName",
        json!({
            "domainName": name, "regionalCertificateArn": "arn:aws:acm:us-east-1:222222222222:certificate/c",
            "endpointConfiguration": { "types": ["REGIONAL"] }, "tags": { "k": "v" },
        }),
    )
}

#[test]
fn a_domain_name_belongs_to_one_account() {
    let b = bench();
    let domain = regional(&b, "Api.Example.com");
    assert_eq!(domain["domainName"], "api.example.com");
    assert_eq!(domain["domainNameStatus"], "AVAILABLE");
    assert_eq!(domain["securityPolicy"], "TLS_1_2");
    assert_eq!(domain["regionalHostedZoneId"], "Z1UJRXOUMOOFQ8");
    assert_eq!(domain["domainNameArn"], "arn:aws:apigateway:us-east-1::/domainnames/api.example.com");
    let mut other = call("GetDomainName", json!({ "domainName": "api.example.com" }));
    assert_eq!(b.raw(&other).unwrap()["domainName"], "api.example.com");
    other.account = AccountId::new(OTHER).unwrap();
    assert_eq!(
        b.raw(&other).unwrap_err().message.unwrap_or_default(),
        "Invalid domain name identifier specified"
    );
    let arn = "arn:aws:apigateway:us-east-1::/domainnames/api.example.com";
    assert_eq!(b.ok("GetTags", json!({ "resourceArn": arn }))["tags"], json!({ "k": "v" }));
}

#[test]
fn what_create_domain_name_refuses() {
    let b = bench();
    regional(&b, "api.example.com");
    let refused = |input: Value| b.err("CreateDomainName", input);
    assert_eq!(
        refused(
            json!({ "domainName": "api.example.com", "certificateArn": "arn:aws:acm:us-east-1:222222222222:certificate/c" })
        ),
        "BadRequestException 400 The domain name you provided already exists."
    );
    assert_eq!(
        refused(json!({ "domainName": "b.example.com" })),
        "BadRequestException 400 A certificate was not provided for the endpoint type EDGE."
    );
    for name in ["localhost", "a..b", "-a.b", "a b.c"] {
        assert!(
            refused(json!({ "domainName": name, "certificateArn": "c" })).contains("Invalid domain name"),
            "{name}"
        );
    }
}

#[test]
fn base_paths_lead_to_stages_that_are_there() {
    let b = bench();
    let at = staged(&b);
    regional(&b, "api.example.com");
    let domain = json!({ "domainName": "api.example.com" });
    let to = with(&domain, json!({ "restApiId": at["restApiId"], "stage": at["stageName"] }));
    assert_eq!(b.ok("CreateBasePathMapping", to.clone())["basePath"], "(none)");
    assert_eq!(
        b.err("CreateBasePathMapping", to.clone()),
        "ConflictException 409 Base path already exists for this domain name"
    );
    let v1 = with(&to, json!({ "basePath": "v1" }));
    b.ok("CreateBasePathMapping", v1);
    for (change, expected) in [
        (json!({ "basePath": "a/b" }), "slash character"),
        (json!({ "basePath": "x", "restApiId": "nothing" }), "Invalid REST API identifier specified"),
        (json!({ "basePath": "x", "stage": "nothing" }), "Invalid stage identifier specified"),
    ] {
        let refused = b.err("CreateBasePathMapping", with(&to, change));
        assert!(refused.contains(expected), "{refused}");
    }
    let v1 = with(&domain, json!({ "basePath": "v1" }));
    let moved = b.update(
        "UpdateBasePathMapping",
        &v1,
        json!([{ "op": "replace", "path": "/basePath", "value": "v2" }]),
    );
    assert_eq!(moved["basePath"], "v2");
    assert_eq!(
        b.err("GetBasePathMapping", v1),
        "NotFoundException 404 Invalid base path mapping identifier specified"
    );
    b.ok("DeleteDomainName", domain.clone());
    assert!(b.err("GetBasePathMappings", domain).starts_with("NotFoundException"));
}

#[test]
fn a_private_domains_association_can_be_rejected_by_its_owner() {
    let b = bench();
    let domain = b.ok(
        "CreateDomainName",
        json!({ "domainName": "p.example.com", "certificateArn": "c", "endpointConfiguration": { "types": ["PRIVATE"] } }),
    );
    let arn = text(&domain, "domainNameArn");
    let mut create = call(
        "CreateDomainNameAccessAssociation",
        json!({ "domainNameArn": arn, "accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1" }),
    );
    create.account = AccountId::new(OTHER).unwrap();
    let made = b.raw(&create).unwrap();
    let listed = b.ok("GetDomainNameAccessAssociations", json!({ "resourceOwner": "OTHER_ACCOUNTS" }));
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let reject = json!({ "domainNameAccessAssociationArn": made["domainNameAccessAssociationArn"], "domainNameArn": arn });
    b.ok("RejectDomainNameAccessAssociation", reject.clone());
    assert!(b.err("RejectDomainNameAccessAssociation", reject).starts_with("NotFoundException 404"));
}
