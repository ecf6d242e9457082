//! A signed control-plane call by a user with an issued key and a policy.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use wire::Service::Iam;

use crate::Failed;
use crate::aws::{Aws, text};
use crate::scene::{A, role, roles_elsewhere};
use crate::server::Server;
use crate::stats::median_ms;
use crate::table::Table;

const WARM_UP: usize = 200;
const CALLS: usize = 3000;

/// How many accounts hold a role, on the two servers that are compared.
const ACCOUNTS: [usize; 2] = [10, 10_000];

/// The time of `GetRole` from the first byte sent to the last received; signing is the client's and not counted.
/// Asked of two servers in turns, one with a thousand times the accounts of the other.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let (few, many) =
        (Server::start(program, &["--in-memory"]).await?, Server::start(program, &["--in-memory"]).await?);
    let mut readers = [reader(&few, ACCOUNTS[0]).await?, reader(&many, ACCOUNTS[1]).await?];
    let mut times = [Vec::with_capacity(CALLS), Vec::with_capacity(CALLS)];
    for call in 0..WARM_UP + CALLS {
        for (reader, times) in readers.iter_mut().zip(&mut times) {
            let took = get_role(reader).await?;
            if call >= WARM_UP {
                times.push(took);
            }
        }
    }
    let [few, many] = times.map(|times| median_ms(&times));
    table.below("GetRole, signed, kept alive, median", few, 0.3, "ms");
    let figure = "GetRole with roles in 10,000 accounts, of that with 10";
    table.below(figure, many / few, 1.1, "times");
    Ok(())
}

async fn get_role(reader: &mut Aws) -> Result<Duration, Failed> {
    let request = reader.request(Iam, "GetRole", json!({"RoleName": "read"}))?;
    let begun = Instant::now();
    let answer = reader.client().send(request).await?;
    let took = begun.elapsed();
    match answer.status.as_u16() {
        200 => Ok(took),
        status => Err(format!("GetRole: {status} {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// A user who may read the role of its account, on a server where `accounts` accounts have one.
async fn reader(server: &Server, accounts: usize) -> Result<Aws, Failed> {
    let mut root = Aws::root(&server.authority, A).await?;
    roles_elsewhere(&mut root, "read", accounts - 1).await?;
    root.become_root(A);
    role(&mut root, "read", "lambda.amazonaws.com").await?;
    root.call(Iam, "CreateUser", json!({"UserName": "reader"})).await?;
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:GetRole", "Resource": format!("arn:aws:iam::{A}:role/*")}]});
    let policy = json!({"UserName": "reader", "PolicyName": "read", "PolicyDocument": allow.to_string()});
    root.call(Iam, "PutUserPolicy", policy).await?;
    let made = root.call(Iam, "CreateAccessKey", json!({"UserName": "reader"})).await?;
    let key = made.get("AccessKey").and_then(|k| k.as_object()).ok_or("the answer has no AccessKey")?;
    let (id, secret) = (text(key, "AccessKeyId")?, text(key, "SecretAccessKey")?);
    let mut reader = Aws::with_key(&server.authority, &id, &secret).await?;
    // A server keeps the story of its latest calls; only servers with equally many behind them compare.
    for _ in accounts..ACCOUNTS[1] {
        get_role(&mut reader).await?;
    }
    Ok(reader)
}
