//! A signed control-plane call by a user with an issued key and a policy.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use wire::Service::Iam;

use crate::Failed;
use crate::aws::{Aws, text};
use crate::scene::A;
use crate::server::Server;
use crate::stats::median_ms;
use crate::table::Table;

const WARM_UP: usize = 200;
const CALLS: usize = 3000;

/// The time of `GetRole` from the first byte sent to the last received; signing is the client's and not counted.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut root = Aws::root(&server.authority, A).await?;
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let role = json!({"RoleName": "read", "AssumeRolePolicyDocument": trust.to_string()});
    root.call(Iam, "CreateRole", role).await?;
    root.call(Iam, "CreateUser", json!({"UserName": "reader"})).await?;
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:GetRole", "Resource": format!("arn:aws:iam::{A}:role/*")}]});
    let policy = json!({"UserName": "reader", "PolicyName": "read", "PolicyDocument": allow.to_string()});
    root.call(Iam, "PutUserPolicy", policy).await?;
    let made = root.call(Iam, "CreateAccessKey", json!({"UserName": "reader"})).await?;
    let key = made.get("AccessKey").and_then(|k| k.as_object()).ok_or("the answer has no AccessKey")?;
    let (id, secret) = (text(key, "AccessKeyId")?, text(key, "SecretAccessKey")?);
    let mut reader = Aws::with_key(&server.authority, &id, &secret).await?;

    let mut times = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        let request = reader.request(Iam, "GetRole", json!({"RoleName": "read"}))?;
        let begun = Instant::now();
        let answer = reader.client().send(request).await?;
        let took = begun.elapsed();
        if answer.status != 200 {
            return Err(format!("GetRole: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        if call >= WARM_UP {
            times.push(took);
        }
    }
    table.below("GetRole, signed, kept alive, median", median_ms(&times), 0.3, "ms");
    Ok(())
}
