//! The credential report (User Guide, id_credentials_getting-report). Its first report is announced as started and is
//! there at once; for four hours it is not made again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Op, Output, account, credentials};
use crate::error::Fail;
use crate::model::{Entity, Key, Kind, SigningCertificate};
use crate::names::{self, Read};
use crate::render::{object, seconds};
use crate::{IAM, REPORTS};

/// Milliseconds for which a report is good.
const GOOD_MS: i64 = 4 * 3_600_000;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Access keys and certificates that a row has columns for.
const COLUMNS: usize = 2;

const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

#[derive(Serialize, Deserialize)]
struct Report {
    content: String,
    made_ms: i64,
}

fn stored(op: &Op<'_>, store: &impl Read) -> Result<Option<Report>, Fail> {
    Ok(store.one(REPORTS, &names::report(op.account()))?)
}

pub(crate) fn generate(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        if stored(op, store)?.is_some_and(|report| op.call.now_ms - report.made_ms < GOOD_MS) {
            return Ok(object(json!({ "State": "COMPLETE" })));
        }
        let report = Report { content: content(op, store)?, made_ms: op.call.now_ms };
        store.put(REPORTS, &names::report(op.account()), &report)?;
        Ok(object(json!({
            "State": "STARTED",
            "Description": "No report exists. Starting a new report generation task",
        })))
    })
}

/// test_get_credential_report_before_generated: 410, and no text.
pub(crate) fn get(op: &Op<'_>) -> Output {
    let gone = |code: &str| Fail(wire::ApiError { message: None, ..wire::ApiError::new(code, 410, "") });
    let report = op.iam.read(|store| stored(op, store))?.ok_or_else(|| gone("ReportNotPresent"))?;
    if op.call.now_ms - report.made_ms >= GOOD_MS {
        return Err(gone("ReportExpired"));
    }
    Ok(object(json!({
        "Content": STANDARD.encode(report.content),
        "ReportFormat": "text/csv",
        "GeneratedTime": seconds(report.made_ms),
    })))
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1_000)).map(|time| time.to_string()).unwrap_or_default()
}

fn content(op: &Op<'_>, store: &impl Read) -> Result<String, Fail> {
    let mut rows = vec![HEADER.to_owned(), root(op, store)?];
    let users: Vec<(String, Entity)> = store.all(IAM, &names::entities(op.account(), Kind::User))?;
    for (_, user) in users {
        rows.push(row(op, store, &user)?);
    }
    Ok(rows.join("\n"))
}

fn root(op: &Op<'_>, store: &impl Read) -> Result<String, Fail> {
    let mut fields: Vec<String> = vec![
        "<root_account>".into(),
        format!("arn:{}:iam::{}:root", op.partition(), op.account()),
        // An account here has no date of creation, as in GetUser.
        time(0),
        "not_supported".into(),
        "no_information".into(),
        "not_supported".into(),
        "not_supported".into(),
        "false".into(),
    ];
    keys(op, store, "", &mut fields)?;
    certificates(&[], &mut fields);
    Ok(fields.join(","))
}

fn row(op: &Op<'_>, store: &impl Read, user: &Entity) -> Result<String, Fail> {
    let policy = account::find(op, store)?.password_policy;
    let days = policy.and_then(|policy| policy.get("MaxPasswordAge").and_then(Value::as_i64)).unwrap_or(0);
    // Names hold no comma but in `+=,.@-`: quoted as RFC 4180 says.
    let quoted = |text: &str| if text.contains(',') { format!("\"{text}\"") } else { text.to_owned() };
    let mut fields = vec![quoted(&user.name), quoted(&user.arn), time(user.created_ms)];
    match &user.login {
        Some(login) => {
            let changed = if login.changed_ms > 0 { login.changed_ms } else { login.created_ms };
            // Nobody can sign in to a console here.
            fields.extend(["true".into(), "no_information".into(), time(changed)]);
            fields.push(if days > 0 { time(changed + days * DAY_MS) } else { "N/A".into() });
        }
        None => fields.extend(["false", "N/A", "N/A", "N/A"].map(str::to_owned)),
    }
    fields.push((!credentials::devices(store, op.account(), user)?.is_empty()).to_string());
    keys(op, store, &user.name, &mut fields)?;
    let own = credentials::all::<SigningCertificate>(store, op.account(), user)?;
    certificates(&own, &mut fields);
    Ok(fields.join(","))
}

/// Five fields for each of two keys.
fn keys(op: &Op<'_>, store: &impl Read, user: &str, fields: &mut Vec<String>) -> Result<(), Fail> {
    let mut found: Vec<(String, Key)> = Vec::new();
    for (at, _) in store.all::<Value>(IAM, &names::user_keys(op.account(), user))? {
        let id = names::last_segment(&at).to_owned();
        if let Some(key) = store.one(IAM, &names::key(&id))? {
            found.push((id, key));
        }
    }
    found.sort_by_key(|(_, key)| key.created_ms);
    for at in 0..COLUMNS {
        let Some((id, key)) = found.get(at) else {
            fields.push("false".into());
            fields.extend(["N/A"; 4].map(str::to_owned));
            continue;
        };
        fields.extend([key.active.to_string(), time(key.created_ms)]);
        match op.iam.last_use(id) {
            Some(used) => fields.extend([time(used.at_ms), used.region, used.service]),
            None => fields.extend(["N/A"; 3].map(str::to_owned)),
        }
    }
    Ok(())
}

/// Two fields for each of two certificates.
fn certificates(found: &[(String, SigningCertificate)], fields: &mut Vec<String>) {
    for at in 0..COLUMNS {
        match found.get(at) {
            Some((_, one)) => fields.extend([(one.status == "Active").to_string(), time(one.uploaded_ms)]),
            None => fields.extend(["false".into(), "N/A".into()]),
        }
    }
}
