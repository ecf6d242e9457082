//! Whether a request costs the same however much is deployed, and what a deployed API takes of memory.

use std::path::Path;

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::load;
use crate::mock::{Load, in_turns};
use crate::processes::resident_mib;
use crate::scene::{mock_api, mock_api_of};
use crate::server::Server;
use crate::stats::median;
use crate::table::Table;

/// The root among them: API Gateway's quota.
const RESOURCES: usize = 300;
const APIS: usize = 10_000;
/// API Gateway's quota is 600 regional APIs.
const APIS_AN_ACCOUNT: usize = 500;
/// Of the many that are called by every connection in turn, so that what is compared is the finding of an API and not
/// how much of 10,000 the processor's cache holds.
const CALLED: usize = 16;
/// What a request may cost more.
const TARGET: f64 = 1.1;
const KIB_AN_API: f64 = 60.0;

/// Figures of two servers: with two APIs, and with 10,000.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let few = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&few.authority, &account(0)).await?;
    let one = [call(&mock_api_of(&mut a, 1).await?, "/prod/users")];
    let large = mock_api_of(&mut a, RESOURCES - 1).await?;
    let each: Vec<_> = (2..RESOURCES - 1).map(|i| call(&large, &format!("/prod/users/{i}"))).collect();
    let what = format!("cost of a request to one of {RESOURCES} resources, of one to an API with one");
    compare(table, &what, to(&few, &each), to(&few, &one), true)?;

    let many = Server::start(program, &["--in-memory"]).await?;
    let before = resident_mib(many.pid())?;
    let mut a = Aws::root(&many.authority, &account(0)).await?;
    let mut apis = Vec::with_capacity(APIS);
    for i in 0..APIS {
        a.become_root(&account(i / APIS_AN_ACCOUNT));
        apis.push(call(&mock_api(&mut a).await?, "/prod/users"));
    }
    // Each is compiled with its first call, and the second finds whatever was dropped.
    for _ in 0..2 {
        load::in_all(&many.authority, &apis)?;
    }
    let each = (resident_mib(many.pid())? - before) * 1024.0 / APIS as f64;
    table.verdict(
        &format!("memory for each of {APIS} deployed APIs, everything they store included"),
        format!("{each:.1} KiB"),
        format!("< {KIB_AN_API:.0} KiB"),
        each < KIB_AN_API,
    );
    let some: Vec<_> = apis.iter().step_by(APIS / CALLED).cloned().collect();
    let what = format!("cost of a request with {APIS} deployed APIs, of one with two");
    compare(table, &what, to(&many, &some), to(&few, &one), true)?;
    let what = format!("the same, every one of {APIS} APIs called in turn");
    compare(table, &what, to(&many, &apis), to(&few, &one), false)
}

/// The median ratio of processor times per request: as a figure with a bar, or as a note.
fn compare(
    table: &mut Table,
    what: &str,
    this: Load<'_>,
    of: Load<'_>,
    promised: bool,
) -> Result<(), Failed> {
    let pairs = in_turns(this, of)?;
    let ratio = median(pairs.iter().map(|(this, of)| this.each / of.each).collect());
    let measured = format!("{:.0} %", ratio * 100.0);
    if promised {
        table.verdict(what, measured, format!("<= {:.0} %", TARGET * 100.0), ratio <= TARGET);
    } else {
        table.note(format!("{what}: {measured}"));
    }
    Ok(())
}

fn to<'a>(server: &'a Server, requests: &'a [Vec<u8>]) -> Load<'a> {
    (&server.authority, server.pid(), requests)
}

fn account(number: usize) -> String {
    format!("{:012}", 222_222_222_222_u64 + number as u64)
}

fn call(api: &str, path: &str) -> Vec<u8> {
    load::get(path, &format!("{api}.execute-api.{REGION}.localhost"))
}
