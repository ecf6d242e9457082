//! Virtual MFA devices. Their codes are really checked. Texts: test_iam_mfa; for wrong codes, what AWS's users quote.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use store::Writer;

use super::{Op, Output, credentials, entities, nothing, one, tagging};
use crate::IAM;
use crate::error::{Fail, conflict, denied, exists, fail, no_such, quota, validation};
use crate::model::{Device, Entity, Kind};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, Form, object, seconds};
use crate::tags::{self, Case};
use crate::{qr, totp, trust};

/// Devices per user (User Guide, reference_iam-quotas).
const PER_USER: usize = 8;

fn find(op: &Op<'_>, store: &impl Read, serial: &str) -> Result<Device, Fail> {
    store.one(IAM, &names::device(op.account(), serial))?.ok_or_else(|| missing(serial))
}

fn missing(serial: &str) -> Fail {
    no_such(format!("MFA Device with serial number {serial} does not exist."))
}

fn save(op: &Op<'_>, store: &mut Writer<'_>, device: &Device) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::device(op.account(), &device.serial), device)?)
}

/// The user that a device is enabled for.
fn user_of(store: &impl Read, device: &Device) -> Result<Option<Entity>, Fail> {
    device.user.as_ref().map_or(Ok(None), |id| trust::by_id(store, id))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let (name, path) = (op.required("VirtualMFADeviceName"), op.path());
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    let serial = op.arn("mfa", path, name);
    op.iam.write(|store| {
        if store.get::<Value>(IAM, &names::device(op.account(), &serial))?.is_some() {
            return Err(exists("MFA device already exists."));
        }
        let sent = tags::sent(op.call);
        tags::unique(&sent, Case::Kept)?;
        let device = Device {
            serial,
            // 64 characters, as AWS's seeds have.
            seed: totp::base32(&names::random::<40>()?),
            user: None,
            enabled_ms: 0,
            last_step: 0,
            tags: sent,
        };
        // API Reference, VirtualMFADevice: otpauth://totp/$virtualMFADeviceName@$AccountName?secret=$Base32String,
        // where AccountName is the user name; the account stands for it, as the device belongs to nobody yet.
        let link = format!("otpauth://totp/{name}@{}?secret={}", op.account(), device.seed);
        let mut shown = object(json!({
            "SerialNumber": device.serial,
            "Base32StringSeed": STANDARD.encode(&device.seed),
            "QRCodePNG": STANDARD.encode(qr::png(&link)?),
        }));
        if !device.tags.is_empty() {
            shown.insert("Tags".into(), render::tags(&device.tags));
        }
        save(op, store, &device)?;
        one("VirtualMFADevice", Value::Object(shown))
    })
}

/// Checks two consecutive codes and remembers the second as used.
fn check_two(op: &Op<'_>, device: &mut Device) -> Result<(), Fail> {
    let (first, second) = (op.required("AuthenticationCode1"), op.required("AuthenticationCode2"));
    let wrong = || fail("InvalidAuthenticationCode", 403, "Authentication code for device is not valid.");
    device.last_step = totp::two_codes(&device.seed, first, second, op.call.now_ms).ok_or_else(wrong)?;
    Ok(())
}

pub(crate) fn enable(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let user = credentials::holder(op, store)?;
        let mut device = find(op, store, op.required("SerialNumber"))?;
        if device.user.is_some() {
            return Err(exists("MFA Device is already in use."));
        }
        if credentials::devices(store, op.account(), &user)?.len() >= PER_USER {
            return Err(quota("MFADevicesPerUser", PER_USER));
        }
        check_two(op, &mut device)?;
        device.user = Some(user.id);
        device.enabled_ms = op.call.now_ms;
        save(op, store, &device)?;
        nothing()
    })
}

/// A device of the user that the call names, or of who calls.
fn enabled(op: &Op<'_>, store: &impl Read) -> Result<Device, Fail> {
    let user = credentials::holder(op, store)?;
    let serial = op.required("SerialNumber");
    let device = find(op, store, serial)?;
    if device.user.as_ref() != Some(&user.id) {
        return Err(missing(serial));
    }
    Ok(device)
}

pub(crate) fn resync(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut device = enabled(op, store)?;
        check_two(op, &mut device)?;
        save(op, store, &device)?;
        nothing()
    })
}

pub(crate) fn deactivate(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut device = enabled(op, store)?;
        device.user = None;
        device.enabled_ms = 0;
        save(op, store, &device)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let device = find(op, store, op.required("SerialNumber"))?;
        if device.user.is_some() {
            // API Reference, DeleteVirtualMFADevice: "You must deactivate a user's virtual MFA device before you can
            // delete it." The text is ours.
            return Err(conflict("MFA VirtualDevice in use. Must deactivate first."));
        }
        store.delete(IAM, &names::device(op.account(), &device.serial))?;
        nothing()
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let serial = op.required("SerialNumber");
        let device = find(op, store, serial)?;
        let mut shown = Map::from_iter([("SerialNumber".to_owned(), serial.into())]);
        let user = user_of(store, &device)?;
        if let Some(asked) = op.text("UserName") {
            let asked = entities::find(store, op.account(), Kind::User, asked)?;
            if device.user.as_ref() != Some(&asked.id) {
                return Err(missing(serial));
            }
        }
        if let Some(user) = user {
            shown.insert("UserName".into(), user.name.into());
            shown.insert("EnableDate".into(), seconds(device.enabled_ms));
        }
        Ok(shown)
    })
}

/// A user's devices; the root user, for whom none can be enabled here, has none.
pub(crate) fn list(op: &Op<'_>) -> Output {
    let Some(name) = op.user()? else { return page(op.call, "MFADevices", []) };
    op.iam.read(|store| {
        let user = entities::find(store, op.account(), Kind::User, &name)?;
        let devices = credentials::devices(store, op.account(), &user)?;
        let shown = devices.into_iter().map(|device| {
            let shown = json!({
                "UserName": user.name,
                "SerialNumber": device.serial,
                "EnableDate": seconds(device.enabled_ms),
            });
            (device.serial, shown)
        });
        page(op.call, "MFADevices", shown)
    })
}

pub(crate) fn list_virtual(op: &Op<'_>) -> Output {
    let wanted = op.text("AssignmentStatus");
    op.iam.read(|store| {
        let found: Vec<(String, Device)> = store.all(IAM, &names::devices(op.account()))?;
        let mut shown = Vec::new();
        for (key, device) in found {
            let user = user_of(store, &device)?;
            match wanted {
                Some("Assigned") if user.is_none() => continue,
                Some("Unassigned") if user.is_some() => continue,
                _ => {}
            }
            let mut one = object(json!({ "SerialNumber": device.serial }));
            if let Some(user) = user {
                one.insert("User".into(), render::user(&user, Form::Listed));
                one.insert("EnableDate".into(), seconds(device.enabled_ms));
            }
            shown.push((key, Value::Object(one)));
        }
        page(op.call, "VirtualMFADevices", shown)
    })
}

fn with_tags(op: &Op<'_>, change: impl FnOnce(&mut Device) -> Result<(), Fail>) -> Output {
    op.iam.write(|store| {
        let mut device = find(op, store, op.required("SerialNumber"))?;
        change(&mut device)?;
        save(op, store, &device)?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    with_tags(op, |device| tags::merge(&mut device.tags, tags::sent(op.call), Case::Kept))
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    with_tags(op, |device| {
        tags::remove(&mut device.tags, &tags::sent_keys(op.call), Case::Kept);
        Ok(())
    })
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    op.iam.read(|store| tagging::list_of(op, find(op, store, op.required("SerialNumber"))?.tags))
}

impl crate::Iam {
    /// Checks the code of the MFA device `serial`, which must be enabled for the user with the unique id `user_id` of
    /// `account`. With `used` the code is used up; a question whether the call is allowed leaves it good.
    ///
    /// # Errors
    /// `AccessDenied` in the words that AWS's users quote, the same for an unknown device and a wrong code.
    pub(crate) fn mfa_code(
        &self,
        account: &arn::AccountId,
        user_id: &str,
        serial: &str,
        call: &wire::Call,
        used: bool,
    ) -> Result<(), Fail> {
        let code = call.text("TokenCode").unwrap_or_default();
        let key = names::device(account, serial);
        let device_and_step = |device: Option<Device>| {
            let device = device.filter(|device| device.user.as_deref() == Some(user_id)).ok_or_else(|| {
                denied(
                    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial \
                     number is valid and associated with this user.",
                )
            })?;
            let step = totp::one_code(&device.seed, code, device.last_step, call.now_ms);
            let step = step.ok_or_else(|| {
                denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
            })?;
            Ok((device, step))
        };
        if !used {
            return self.read(|store| device_and_step(store.get(IAM, &key)?).map(|_| ()));
        }
        self.write(|store| {
            let (mut device, step) = device_and_step(store.get(IAM, &key)?)?;
            device.last_step = step;
            store.put(IAM, &key, &device)?;
            Ok(())
        })
    }
}
