use super::*;

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
