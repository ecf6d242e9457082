//! Console passwords of users. Texts: test_iam_users, TestUserLoginProfile.

use policy::Principal;
use serde_json::{Value, json};

use super::{Op, Output, account, entities, nothing, one};
use crate::error::{Fail, denied, exists, fail, no_such};
use crate::model::{Entity, Kind, Login};
use crate::names::Read;
use crate::password;
use crate::render::seconds;

/// Earlier passwords remembered: the most that a policy can forbid (API Reference, PasswordReusePrevention).
const REMEMBERED: usize = 24;

fn shown(user: &Entity, login: &Login) -> Value {
    json!({
        "UserName": user.name,
        "CreateDate": seconds(login.created_ms),
        "PasswordResetRequired": login.reset_required,
    })
}

fn missing(user: &str) -> Fail {
    no_such(format!("Login Profile for User {user} cannot be found."))
}

fn reset_required(op: &Op<'_>) -> Option<bool> {
    op.call.input.get("PasswordResetRequired").and_then(Value::as_bool)
}

/// Sets a new password if the account's policy takes it.
fn set(op: &Op<'_>, store: &impl Read, login: &mut Login, text: &str) -> Result<(), Fail> {
    let policy = account::find(op, store)?.password_policy;
    password::check(text, policy.as_ref(), &login.hashes)?;
    login.hashes.insert(0, password::hash(text)?);
    login.hashes.truncate(REMEMBERED);
    login.changed_ms = op.call.now_ms;
    Ok(())
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let name = op.some_user()?;
    op.iam.write(|store| {
        let mut user = entities::find(store, op.account(), Kind::User, &name)?;
        if user.login.is_some() {
            return Err(exists(format!("Login Profile for user {} already exists.", user.name)));
        }
        let now = op.call.now_ms;
        let mut login = Login {
            created_ms: now,
            changed_ms: now,
            reset_required: reset_required(op).unwrap_or(false),
            hashes: Vec::new(),
        };
        // The model does not require it: a profile without one cannot be used until one is set.
        if let Some(text) = op.text("Password") {
            set(op, store, &mut login, text)?;
        }
        let answer = shown(&user, &login);
        user.login = Some(login);
        entities::save(store, op.account(), &user)?;
        one("LoginProfile", answer)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    let name = op.some_user()?;
    op.iam.read(|store| {
        let user = entities::find(store, op.account(), Kind::User, &name)?;
        let login = user.login.as_ref().ok_or_else(|| missing(&user.name))?;
        one("LoginProfile", shown(&user, login))
    })
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    let name = op.some_user()?;
    op.iam.write(|store| {
        let mut user = entities::find(store, op.account(), Kind::User, &name)?;
        let mut login = user.login.take().ok_or_else(|| missing(&user.name))?;
        login.reset_required = reset_required(op).unwrap_or(login.reset_required);
        if let Some(text) = op.text("Password") {
            set(op, store, &mut login, text)?;
        }
        user.login = Some(login);
        entities::save(store, op.account(), &user)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let name = op.some_user()?;
    op.iam.write(|store| {
        let mut user = entities::find(store, op.account(), Kind::User, &name)?;
        if user.login.take().is_none() {
            return Err(missing(&user.name));
        }
        entities::save(store, op.account(), &user)?;
        nothing()
    })
}

/// A user's own password. The codes for other callers and a wrong password follow the API Reference and AWS's users;
/// no recording of the texts was found.
pub(crate) fn change(op: &Op<'_>) -> Output {
    let Principal::User { .. } = op.caller.principal else {
        return Err(fail("InvalidUserType", 400, "Only IAM Users can change their own password."));
    };
    let name = op.some_user()?;
    op.iam.write(|store| {
        let mut user = entities::find(store, op.account(), Kind::User, &name)?;
        let mut login = user.login.take().ok_or_else(|| missing(&user.name))?;
        let old = op.required("OldPassword");
        if !login.hashes.first().is_some_and(|hash| password::is(old, hash)) {
            return Err(denied("The old password was incorrect."));
        }
        set(op, store, &mut login, op.required("NewPassword"))?;
        login.reset_required = false;
        user.login = Some(login);
        entities::save(store, op.account(), &user)?;
        nothing()
    })
}
