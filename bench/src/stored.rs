//! What a call costs where much else is stored: the same signed call across accounts on two servers, in turns.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wire::Service::{Iam, Lambda};

use crate::Failed;
use crate::aws::{Aws, text};
use crate::scene::{A, B, NAME, execution_role, function, function_arn, more_functions, roles_elsewhere};
use crate::server::Server;
use crate::stats::median_ms;
use crate::table::Table;

const WARM_UP: usize = 200;
const CALLS: usize = 2000;

/// How many other functions, and how many other accounts with a role, the two servers hold.
const STORED: [usize; 2] = [10, 10_000];
/// More calls than a server keeps the story of.
const TRACES: usize = 2_500;

/// The time of `Invoke` by a user of another account, dry and run, from the first byte sent to the last received;
/// signing is the client's and not counted.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let (few, many) =
        (Server::start(program, &["--in-memory"]).await?, Server::start(program, &["--in-memory"]).await?);
    let mut callers = [caller(&few, STORED[0]).await?, caller(&many, STORED[1]).await?];
    let than = "with 10,000 other functions and accounts, of that with 10";
    for (figure, kind, status) in [("Invoke, dry run", "DryRun", 204), ("Invoke", "RequestResponse", 200)] {
        let [few, many] = in_turns(&mut callers, kind, status).await?;
        table.note(format!("{figure}: {few:.3} ms with 10, {many:.3} ms with 10,000"));
        table.below(&format!("{figure} {than}"), many / few, 1.1, "times");
    }
    Ok(())
}

async fn in_turns(callers: &mut [Aws; 2], kind: &str, status: u16) -> Result<[f64; 2], Failed> {
    let mut times = [Vec::with_capacity(CALLS), Vec::with_capacity(CALLS)];
    for call in 0..WARM_UP + CALLS {
        for (caller, times) in callers.iter_mut().zip(&mut times) {
            let took = invoke(caller, kind, status).await?;
            if call >= WARM_UP {
                times.push(took);
            }
        }
    }
    Ok(times.map(|times| median_ms(&times)))
}

async fn invoke(caller: &mut Aws, kind: &str, status: u16) -> Result<Duration, Failed> {
    let input = json!({"FunctionName": function_arn(), "InvocationType": kind});
    let request = caller.request(Lambda, "Invoke", input)?;
    let begun = Instant::now();
    let answer = caller.client().send(request).await?;
    let took = begun.elapsed();
    match answer.status.as_u16() {
        got if got == status => Ok(took),
        got => Err(format!("Invoke: {got} {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// A user of account A who may invoke the function of account B, on a server with as much besides as `stored` says.
async fn caller(server: &Server, stored: usize) -> Result<Aws, Failed> {
    let mut root = Aws::root(&server.authority, A).await?;
    // The function's first grant names it.
    execution_role(&mut root).await?;
    roles_elsewhere(&mut root, "elsewhere", stored).await?;
    root.become_root(B);
    function(&mut root).await?;
    more_functions(&mut root, stored).await?;
    let grant = |user: Value| json!({"FunctionName": NAME, "StatementId": "user", "Action": "lambda:InvokeFunction", "Principal": user});
    root.become_root(A);
    let made = root.call(Iam, "CreateUser", json!({"UserName": "caller"})).await?;
    let user = made.get("User").and_then(|user| user.get("Arn")).cloned().ok_or("the answer has no ARN")?;
    let allow = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function_arn()}]});
    let policy = json!({"UserName": "caller", "PolicyName": "invoke", "PolicyDocument": allow.to_string()});
    root.call(Iam, "PutUserPolicy", policy).await?;
    let made = root.call(Iam, "CreateAccessKey", json!({"UserName": "caller"})).await?;
    root.become_root(B);
    root.call(Lambda, "AddPermission", grant(user)).await?;
    let key = made.get("AccessKey").and_then(|k| k.as_object()).ok_or("the answer has no AccessKey")?;
    let (id, secret) = (text(key, "AccessKeyId")?, text(key, "SecretAccessKey")?);
    let mut caller = Aws::with_key(&server.authority, &id, &secret).await?;
    // Only servers that keep the story of equally many calls compare.
    for _ in stored..TRACES {
        invoke(&mut caller, "DryRun", 204).await?;
    }
    Ok(caller)
}
