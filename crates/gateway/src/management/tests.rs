//! One test per rule, through the front: `handle` on a store in memory.

use arn::AccountId;
use policy::Principal;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call};

use super::{Deps, Management, Roles};
use crate::model::Snapshot;

const OWNER: &str = "222222222222";
const OTHER: &str = "333333333333";

struct Bench {
    management: Management,
    store: Store,
    _directory: tempfile::TempDir,
}

fn bench() -> Bench {
    bench_with(Deps::default())
}

fn bench_with(deps: Deps) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory(directory.path()).unwrap();
    Bench { management: Management::new(store.clone(), deps), store, _directory: directory }
}

fn call(operation: &'static str, input: Value) -> Call {
    let Value::Object(input) = input else { panic!("an input is an object") };
    Call {
        operation,
        input,
        payload: Default::default(),
        account: AccountId::new(OWNER).unwrap(),
        region: "us-east-1".into(),
        request_id: "r".into(),
        now_ms: 1_700_000_000_123,
    }
}

fn root() -> Principal {
    Principal::Root { account: AccountId::new(OWNER).unwrap() }
}

impl Bench {
    fn raw(&self, call: &Call) -> Result<Value, ApiError> {
        self.management.handle(call, &root()).map(|reply| Value::Object(reply.output))
    }

    #[track_caller]
    fn ok(&self, operation: &'static str, input: Value) -> Value {
        self.raw(&call(operation, input)).unwrap()
    }

    /// The error as `code status text`.
    #[track_caller]
    fn err(&self, operation: &'static str, input: Value) -> String {
        let error = self.raw(&call(operation, input)).unwrap_err();
        format!("{} {} {}", error.code, error.status, error.message.unwrap_or_default())
    }

    #[track_caller]
    fn update(&self, operation: &'static str, of: &Value, patches: Value) -> Value {
        self.ok(operation, with(of, json!({ "patchOperations": patches })))
    }

    #[track_caller]
    fn update_err(&self, operation: &'static str, of: &Value, patches: Value) -> String {
        self.err(operation, with(of, json!({ "patchOperations": patches })))
    }

    /// An API: its id and its root's.
    fn api(&self) -> (String, String) {
        let api = self.ok("CreateRestApi", json!({ "name": "a" }));
        (text(&api, "id"), text(&api, "rootResourceId"))
    }

    /// An API with `GET /` that is a MOCK: the members that name the method.
    fn mock(&self) -> Value {
        let (api, root) = self.api();
        let at = json!({ "restApiId": api, "resourceId": root, "httpMethod": "GET" });
        self.ok("PutMethod", with(&at, json!({ "authorizationType": "NONE" })));
        self.ok("PutIntegration", with(&at, json!({ "type": "MOCK" })));
        at
    }
}

fn with(base: &Value, more: Value) -> Value {
    let mut all: Map<String, Value> = base.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    Value::Object(all)
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("{member} in {value}")).to_owned()
}

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

#[test]
fn resources_have_paths_and_places() {
    let b = bench();
    let (api, root) = b.api();
    let create = |parent: &str, part: &str| {
        text(&b.ok("CreateResource", json!({ "restApiId": api, "parentId": parent, "pathPart": part })), "id")
    };
    let refuse = |parent: &str, part: &str| {
        b.err("CreateResource", json!({ "restApiId": api, "parentId": parent, "pathPart": part }))
    };
    let greedy = create(&root, "{proxy+}");
    assert_eq!(
        refuse(&root, "{dynamic}"),
        "BadRequestException 400 A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed"
    );
    assert_eq!(
        refuse(&greedy, "child"),
        "BadRequestException 400 Cannot create a child of a resource with a greedy path variable: {proxy+}"
    );
    let pets = create(&root, "pets");
    assert_eq!(
        refuse(&root, "pets"),
        "ConflictException 409 Another resource with the same parent already has this name: pets"
    );
    assert_eq!(refuse("nope", "x"), "NotFoundException 404 Invalid Resource identifier specified");
    assert!(refuse(&root, "a/b").starts_with("BadRequestException 400 Resource's path part only allow"));
    let sub = create(&pets, "{id}");
    let paths = |page: Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|r| text(r, "path")).collect()
    };
    let of = json!({ "restApiId": api });
    assert_eq!(paths(b.ok("GetResources", of.clone())), ["/", "/pets", "/pets/{id}", "/{proxy+}"]);
    let at = json!({ "restApiId": api, "resourceId": pets });
    let moved =
        b.update("UpdateResource", &at, json!([{ "op": "replace", "path": "/pathPart", "value": "dogs" }]));
    assert_eq!(text(&moved, "path"), "/dogs");
    let child = b.ok("GetResource", json!({ "restApiId": api, "resourceId": sub }));
    assert_eq!(text(&child, "path"), "/dogs/{id}");
    b.ok("DeleteResource", at);
    assert_eq!(paths(b.ok("GetResources", of)), ["/", "/{proxy+}"]);
}

#[test]
fn update_resource_refuses_in_the_words_of_aws() {
    let b = bench();
    let (api, root) = b.api();
    let new = |parent: &str, part: &str| {
        text(&b.ok("CreateResource", json!({ "restApiId": api, "parentId": parent, "pathPart": part })), "id")
    };
    let pets = new(&root, "pets");
    let sub = new(&pets, "sub");
    let refuse = |id: &str, op: &str, path: &str, value: &str| {
        let at = json!({ "restApiId": api, "resourceId": id });
        b.update_err("UpdateResource", &at, json!([{ "op": op, "path": path, "value": value }]))
    };
    assert_eq!(
        refuse(&pets, "replace", "/invalid", "x"),
        "BadRequestException 400 Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
    );
    assert_eq!(
        refuse(&pets, "add", "/pathPart", "x"),
        "BadRequestException 400 Invalid patch path  '/pathPart' specified for op 'add'. Please choose supported operations"
    );
    assert_eq!(
        refuse(&pets, "replace", "/parentId", &sub),
        "BadRequestException 400 Resources cannot be cyclical."
    );
    assert_eq!(
        refuse(&root, "replace", "/pathPart", "x"),
        "BadRequestException 400 Root resource cannot update its pathPart."
    );
    assert_eq!(
        refuse(&root, "replace", "/parentId", "x"),
        "BadRequestException 400 Root resource cannot update its parentId."
    );
}

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

const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111111111111:function:f/invocations";

#[test]
fn a_proxy_integration_has_the_defaults_of_aws() {
    let b = bench();
    let at = b.mock();
    let put = json!({ "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": URI });
    let got = b.ok("PutIntegration", with(&at, put));
    let expected = json!({
        "type": "AWS_PROXY", "httpMethod": "POST", "uri": URI, "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000, "cacheNamespace": at["resourceId"], "cacheKeyParameters": [],
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

/// A deployed API with stage `s1`: the members that name the stage.
fn staged(b: &Bench) -> Value {
    let at = b.mock();
    let made = b.ok("CreateDeployment", json!({ "restApiId": at["restApiId"] }));
    let of = json!({ "restApiId": at["restApiId"], "stageName": "s1" });
    b.ok("CreateStage", with(&of, json!({ "deploymentId": made["id"], "description": "my stage" })));
    of
}

#[test]
fn a_stage_is_created_as_recorded() {
    let b = bench();
    let of = staged(&b);
    let mut got = b.ok("GetStage", of.clone());
    let deployment = got.as_object_mut().unwrap().remove("deploymentId").unwrap();
    let expected = json!({
        "cacheClusterEnabled": false, "cacheClusterStatus": "NOT_AVAILABLE", "createdDate": 1_700_000_000.0,
        "description": "my stage", "lastUpdatedDate": 1_700_000_000.0, "methodSettings": {}, "stageName": "s1",
        "tracingEnabled": false,
    });
    assert_eq!(got, expected);
    let again = with(&of, json!({ "deploymentId": deployment }));
    assert_eq!(b.err("CreateStage", again.clone()), "ConflictException 409 Stage already exists");
    let none = with(&again, json!({ "stageName": "s2", "deploymentId": "nope" }));
    assert_eq!(b.err("CreateStage", none), "BadRequestException 400 Deployment id does not exist");
    assert!(
        b.err("CreateStage", with(&again, json!({ "stageName": "a/b" }))).contains("Stage name only allows")
    );
    assert_eq!(b.ok("GetStages", of.clone())["item"].as_array().unwrap().len(), 1);
    b.ok("DeleteStage", of.clone());
    assert_eq!(b.err("GetStage", of), "NotFoundException 404 Invalid stage identifier specified");
}

#[test]
fn update_stage_patches_as_recorded() {
    let b = bench();
    let of = staged(&b);
    let got = b.update(
        "UpdateStage",
        &of,
        json!([
            { "op": "replace", "path": "/description", "value": "stage new" },
            { "op": "replace", "path": "/variables/var1", "value": "test" },
            { "op": "replace", "path": "/variables/var2", "value": "test2" },
            { "op": "replace", "path": "/*/*/throttling/burstLimit", "value": "123" },
            { "op": "replace", "path": "/*/*/caching/enabled", "value": "true" },
            { "op": "replace", "path": "/tracingEnabled", "value": "true" },
        ]),
    );
    assert_eq!(got["variables"], json!({ "var1": "test", "var2": "test2" }));
    assert_eq!((&got["description"], &got["tracingEnabled"]), (&json!("stage new"), &json!(true)));
    let expected = json!({ "*/*": {
        "cacheDataEncrypted": false, "cacheTtlInSeconds": 300, "cachingEnabled": true, "dataTraceEnabled": false,
        "metricsEnabled": false, "requireAuthorizationForCacheControl": true, "throttlingBurstLimit": 123,
        "throttlingRateLimit": 10000.0, "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    }});
    assert_eq!(got["methodSettings"], expected);
    let gone = b.update("UpdateStage", &of, json!([{ "op": "remove", "path": "/*/*" }]));
    assert_eq!(gone["methodSettings"], json!({}));
    assert_eq!(
        b.update_err("UpdateStage", &of, json!([{ "op": "remove", "path": "/*/*" }])),
        "BadRequestException 400 Cannot remove method setting */* because there is no method setting for this method "
    );
}

#[test]
fn method_settings_are_kept_by_path_and_method() {
    let b = bench();
    let of = staged(&b);
    let got = b.update(
        "UpdateStage",
        &of,
        json!([
            { "op": "replace", "path": "/~1users~1{id}/GET/metrics/enabled", "value": "true" },
            { "op": "replace", "path": "/users/POST/metrics/enabled", "value": "true" },
            { "op": "replace", "path": "/~1/GET/metrics/enabled", "value": "true" },
        ]),
    );
    let keys: Vec<&String> = got["methodSettings"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["/GET", "users/POST", "users/{id}/GET"]);
}

#[test]
fn update_stage_refuses_in_the_words_of_aws() {
    let b = bench();
    let of = staged(&b);
    for (op, path, value, expected) in [
        (
            "replace",
            "/documentation_version",
            "x",
            "Invalid method setting path: /documentation_version. Must be one of: [/deploymentId, ",
        ),
        (
            "add",
            "/tags/tag1",
            "x",
            "Invalid method setting path: /tags/tag1. Must be one of: [/deploymentId, ",
        ),
        (
            "remove",
            "/accessLogSettings/randomValue",
            "",
            "Cannot remove method setting accessLogSettings/randomValue because there is no method setting for this method ",
        ),
        (
            "add",
            "/accessLogSettings/randomValue",
            "x",
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ),
        ("add", "/accessLogSettings/destinationArn", "", "Access Log value must not be empty"),
        (
            "add",
            "/canarySettings/deploymentId",
            "x",
            "Invalid add operation with path: /canarySettings/deploymentId",
        ),
        (
            "remove",
            "/canarySettings/badPath",
            "",
            "Cannot remove method setting canarySettings/badPath because there is no method setting for this method ",
        ),
        (
            "replace",
            "/canarySettings/badPath",
            "x",
            "Invalid method setting path: /canarySettings/badPath. Must be",
        ),
        ("copy", "/deploymentId", "", "Promotion not available. Canary does not exist."),
        ("replace", "/deploymentId", "nope", "Deployment id does not exist"),
        (
            "replace",
            "/{proxy+}/ANY//throttling/burstLimit",
            "1",
            "Invalid method setting path: /{proxy+}/ANY//throttling",
        ),
    ] {
        let error = b.update_err("UpdateStage", &of, json!([{ "op": op, "path": path, "value": value }]));
        assert!(error.starts_with(&format!("BadRequestException 400 {expected}")), "{path}: {error}");
    }
}

#[test]
fn logging_needs_a_role_in_the_account_settings() {
    let b = bench();
    let of = staged(&b);
    let on = json!([{ "op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO" }]);
    assert_eq!(
        b.update_err("UpdateStage", &of, on.clone()),
        "BadRequestException 400 CloudWatch Logs role ARN must be set in account settings to enable logging"
    );
    let role = format!("arn:aws:iam::{OWNER}:role/logs");
    let set = json!([{ "op": "replace", "path": "/cloudwatchRoleArn", "value": role }]);
    assert_eq!(text(&b.update("UpdateAccount", &json!({}), set), "cloudwatchRoleArn"), role);
    let got = b.update("UpdateStage", &of, on);
    assert_eq!(got["methodSettings"]["*/*"]["loggingLevel"], "INFO");
    let account = b.ok("GetAccount", json!({}));
    assert_eq!(account["throttleSettings"], json!({ "burstLimit": 5000, "rateLimit": 10000.0 }));
}

#[test]
fn the_log_role_must_trust_api_gateway() {
    struct Nobody;
    impl Roles for Nobody {
        fn trusts(&self, _role_arn: &str, service: &str) -> bool {
            assert_eq!(service, "apigateway.amazonaws.com");
            false
        }
    }
    let b = bench_with(Deps { roles: Some(std::sync::Arc::new(Nobody)) });
    let role = json!([{ "op": "replace", "path": "/cloudwatchRoleArn", "value": format!("arn:aws:iam::{OWNER}:role/r") }]);
    assert!(b.update_err("UpdateAccount", &json!({}), role).contains("does not have required permissions"));
}

#[test]
fn a_canary_is_made_by_a_deployment_and_promoted_by_copies() {
    let b = bench();
    let of = staged(&b);
    let canary =
        json!({ "canarySettings": { "percentTraffic": 50.0, "stageVariableOverrides": { "a": "2" } } });
    let none = b.err("CreateDeployment", with(&canary, json!({ "restApiId": of["restApiId"] })));
    assert_eq!(
        none,
        "BadRequestException 400 Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null"
    );
    let unknown = with(&canary, json!({ "restApiId": of["restApiId"], "stageName": "non-existing" }));
    assert_eq!(
        b.err("CreateDeployment", unknown),
        "BadRequestException 400 Invalid deployment content specified.Stage non-existing must already be created before making a canary release deployment"
    );
    let second = b.ok("CreateDeployment", with(&of, canary));
    let promote = json!([
        { "op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId" },
        { "op": "copy", "path": "/variables", "from": "/canarySettings/stageVariableOverrides" },
        { "op": "remove", "path": "/canarySettings" },
    ]);
    let got = b.update("UpdateStage", &of, promote);
    assert_eq!((&got["deploymentId"], &got["variables"]), (&second["id"], &json!({ "a": "2" })));
    assert_eq!(got.get("canarySettings"), None);
}

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

#[test]
fn authorizers_need_a_function_and_stay_while_used() {
    let b = bench();
    let at = b.mock();
    let of = json!({ "restApiId": at["restApiId"] });
    let input = json!({
        "name": "auth", "type": "TOKEN", "authorizerUri": URI,
        "identitySource": "method.request.header.Authorization",
    });
    let made = b.ok("CreateAuthorizer", with(&of, input.clone()));
    assert_eq!((&made["authType"], &made["authorizerResultTtlInSeconds"]), (&json!("custom"), &json!(300)));
    assert_eq!(
        b.err("CreateAuthorizer", with(&of, input.clone())),
        "BadRequestException 400 Authorizer name must be unique. Authorizer auth already exists in this RestApi."
    );
    assert!(
        b.err("CreateAuthorizer", with(&of, with(&input, json!({ "authorizerUri": "x" }))))
            .contains("Invalid Authorizer URI: x.")
    );
    assert_eq!(
        b.err("CreateAuthorizer", with(&input, json!({ "restApiId": "fake" }))),
        "ConflictException 409 Unable to complete operation due to concurrent modification. Please try again later."
    );
    let used = json!([
        { "op": "replace", "path": "/authorizationType", "value": "CUSTOM" },
        { "op": "replace", "path": "/authorizerId", "value": made["id"] },
    ]);
    assert_eq!(b.update("UpdateMethod", &at, used)["authorizerId"], made["id"]);
    let one = with(&of, json!({ "authorizerId": made["id"] }));
    assert!(
        b.err("DeleteAuthorizer", one).starts_with("ConflictException 409 Cannot delete authorizer 'auth'")
    );
}

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

#[test]
fn an_operation_without_behaviour_says_so_by_name() {
    let error = bench().err("CreateVpcLink", json!({ "name": "x" }));
    assert_eq!(error, "NotImplemented 501 crossgate does not implement apigateway:CreateVpcLink yet");
}

#[test]
fn checks_are_about_the_method_and_path_of_the_request() {
    let b = bench();
    let at = b.mock();
    let (api, resource) = (text(&at, "restApiId"), text(&at, "resourceId"));
    let one = |operation, input| {
        let checks = b.management.checks(&call(operation, input), &root()).unwrap();
        assert_eq!(checks[0].resource_account, Some(AccountId::new(OWNER).unwrap()));
        (checks[0].action.clone(), checks[0].resource.clone())
    };
    let expect = |action: &str, path: &str| {
        (format!("apigateway:{action}"), format!("arn:aws:apigateway:us-east-1::{path}"))
    };
    assert_eq!(one("CreateRestApi", json!({ "name": "a" })), expect("POST", "/restapis"));
    assert_eq!(one("GetAccount", json!({})), expect("GET", "/account"));
    let method = format!("/restapis/{api}/resources/{resource}/methods/GET");
    assert_eq!(one("DeleteMethod", at.clone()), expect("DELETE", &method));
    assert_eq!(one("PutIntegration", at.clone()), expect("PUT", &format!("{method}/integration")));
    assert_eq!(one("TestInvokeMethod", at), expect("POST", &method));
    assert_eq!(
        one("GetTags", json!({ "resourceArn": "arn:aws:apigateway:us-east-1::/restapis/x" })),
        expect("GET", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fx")
    );
}

#[test]
fn passing_a_role_is_checked_for_roles_of_the_callers_account() {
    let b = bench();
    let at = b.mock();
    let actions = |operation, input: Value| -> Vec<String> {
        let checks = b.management.checks(&call(operation, input), &root()).unwrap();
        checks.into_iter().map(|check| format!("{} {}", check.action, check.resource)).collect()
    };
    let role = format!("arn:aws:iam::{OWNER}:role/exec");
    let put = |credentials: &str| with(&at, json!({ "credentials": credentials }));
    assert_eq!(actions("PutIntegration", put(&role))[1], format!("iam:PassRole {role}"));
    assert_eq!(actions("PutIntegration", put("arn:aws:iam::*:user/*")).len(), 1);
    assert_eq!(actions("PutIntegration", put("arn:aws:iam::111111111111:role/r")).len(), 1);
    let patch = json!({ "patchOperations": [{ "op": "replace", "path": "/credentials", "value": role }] });
    let checks = b.management.checks(&call("UpdateIntegration", with(&at, patch)), &root()).unwrap();
    assert_eq!(checks[1].action, "iam:PassRole");
    assert_eq!(checks[1].context.get("iam:PassedToService").unwrap(), ["apigateway.amazonaws.com"]);
}

#[test]
fn condition_keys_tell_of_the_request_and_the_resource() {
    let b = bench();
    let at = b.mock();
    let put = with(&at, json!({ "authorizationType": "AWS_IAM" }));
    let checks = b.management.checks(&call("PutMethod", put), &root()).unwrap();
    let get = |key: &str| checks[0].context.get(key).map(<[String]>::to_vec);
    assert_eq!(get("apigateway:Request/RouteAuthorizationType"), Some(vec!["AWS_IAM".into()]));
    assert_eq!(get("apigateway:Resource/RouteAuthorizationType"), Some(vec!["NONE".into()]));
    assert_eq!(get("apigateway:Resource/ApiName"), Some(vec!["a".into()]));
    let create = json!({ "name": "n", "tags": { "team": "x" }, "policy": "{}" });
    let checks = b.management.checks(&call("CreateRestApi", create), &root()).unwrap();
    assert_eq!(checks[0].context.get("aws:RequestTag/team").unwrap(), ["x"]);
    assert_eq!(checks[0].context.get("apigateway:Request/EndpointType").unwrap(), ["EDGE"]);
    assert_eq!(checks[1].action, "apigateway:UpdateRestApiPolicy");
    assert_eq!(checks[2].action, "apigateway:PUT");
    let tags = "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2F*";
    assert_eq!(checks[2].resource, tags);
}
