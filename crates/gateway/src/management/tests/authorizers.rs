use super::*;

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
