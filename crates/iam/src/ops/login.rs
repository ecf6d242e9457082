//! Console passwords of users: their presence, not the password. Texts: test_iam_users, TestUserLoginProfile.

use serde_json::{Value, json};

use super::{Op, Output, entities, nothing, one};
use crate::error::{exists, no_such};
use crate::model::{Entity, Kind, Login};
use crate::render::seconds;

fn shown(user: &Entity, login: &Login) -> Value {
    json!({
        "UserName": user.name,
        "CreateDate": seconds(login.created_ms),
        "PasswordResetRequired": login.reset_required,
    })
}

fn missing(user: &str) -> crate::error::Fail {
    no_such(format!("Login Profile for User {user} cannot be found."))
}

fn reset_required(op: &Op<'_>) -> Option<bool> {
    op.call.input.get("PasswordResetRequired").and_then(Value::as_bool)
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let name = op.some_user()?;
    op.iam.write(|store| {
        let mut user = entities::find(store, op.account(), Kind::User, &name)?;
        if user.login.is_some() {
            return Err(exists(format!("Login Profile for user {} already exists.", user.name)));
        }
        let login = Login { created_ms: op.call.now_ms, reset_required: reset_required(op).unwrap_or(false) };
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
        let shown_name = user.name.clone();
        let login = user.login.as_mut().ok_or_else(|| missing(&shown_name))?;
        login.reset_required = reset_required(op).unwrap_or(login.reset_required);
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
