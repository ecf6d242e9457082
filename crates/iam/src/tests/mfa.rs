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
    let ask = |of: &str, user: &str, code: &str, used: bool| {
        let call = call(of, "GetSessionToken", json!({ "SerialNumber": serial, "TokenCode": code }));
        iam.mfa_code(&account(of), user, serial, &call, used).map_err(|fail| fail.0.code)
    };
    let check = |of: &str, user: &str, code: &str| ask(of, user, code, true);
    assert!(check(A, &id, &code(0)).is_err(), "not enabled yet");
    let enable = json!({
        "UserName": "ann", "SerialNumber": serial, "AuthenticationCode1": code(-2), "AuthenticationCode2": code(-1),
    });
    run(&iam, A, "EnableMFADevice", enable);
    assert_eq!(check(A, "AIDAOTHER", &code(0)), Err("AccessDenied".to_owned()));
    assert_eq!(check(B, &id, &code(0)), Err("AccessDenied".to_owned()));
    assert_eq!(check(A, &id, &code(-1)), Err("AccessDenied".to_owned()), "used up by enabling");
    assert_eq!(ask(A, &id, &code(0), false), Ok(()), "a question uses none up");
    assert_eq!(check(A, &id, &code(0)), Ok(()));
    assert_eq!(ask(A, &id, &code(0), false), Err("AccessDenied".to_owned()));
    assert_eq!(check(A, &id, &code(0)), Err("AccessDenied".to_owned()), "used up");
    assert_eq!(check(A, &id, &code(1)), Ok(()));
}
