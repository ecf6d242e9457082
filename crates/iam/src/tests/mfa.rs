use serde_json::json;

use crate::model::Device;
use crate::testing::*;
use crate::{IAM, names, totp};

#[test]
fn a_code_of_an_enabled_device_is_good_once_and_for_its_user_only() {
    let iam = iam();
    let id = run(&iam, A, "CreateUser", json!({ "UserName": "ann" }))["User"]["UserId"]
        .as_str()
        .unwrap()
        .to_owned();
    run(&iam, A, "CreateVirtualMFADevice", json!({ "VirtualMFADeviceName": "d" }));
    let serial = "arn:aws:iam::222222222222:mfa/d";
    let device: Option<Device> =
        iam.read(|store| Ok(store.get(IAM, &names::device(&account(A), serial))?)).unwrap();
    let code = |step: i64| totp::code(&device.as_ref().unwrap().seed, NOW / 30_000 + step);
    let requests = std::cell::Cell::new(0);
    let ask = |of: &str, user: &str, code: &str, request: u32| {
        let input = json!({ "SerialNumber": serial, "TokenCode": code });
        let call = wire::Call { request_id: request.to_string(), ..call(of, "GetSessionToken", input) };
        iam.use_mfa_code(&account(of), user, serial, &call).map_err(|fail| fail.0.code)
    };
    let check = |of: &str, user: &str, code: &str| {
        requests.set(requests.get() + 1);
        ask(of, user, code, requests.get())
    };
    assert!(check(A, &id, &code(0)).is_err(), "not enabled yet");
    let enable = json!({
        "UserName": "ann", "SerialNumber": serial, "AuthenticationCode1": code(-2), "AuthenticationCode2": code(-1),
    });
    run(&iam, A, "EnableMFADevice", enable);
    assert_eq!(check(A, "AIDAOTHER", &code(0)), Err("AccessDenied".to_owned()));
    assert_eq!(check(B, &id, &code(0)), Err("AccessDenied".to_owned()));
    assert_eq!(check(A, &id, &code(-1)), Err("AccessDenied".to_owned()), "used up by enabling");
    assert_eq!(check(A, &id, &code(0)), Ok(()));
    assert_eq!(ask(A, &id, &code(0), requests.get()), Ok(()), "the same request asks again");
    assert_eq!(check(A, &id, &code(0)), Err("AccessDenied".to_owned()), "used up");
    assert_eq!(check(A, &id, &code(1)), Ok(()));
}
