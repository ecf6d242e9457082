//! A warm Python function through API Gateway, from one account into another.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wire::Service::Logs;

use crate::Failed;
use crate::aws::Aws;
use crate::client::Client;
use crate::processes::{arguments, environments_below, pythons_below};
use crate::runtime_api::{Loop, folder};
use crate::scene::{A, B, HANDLER, NAME, execution_role, function, proxy_api};
use crate::server::Server;
use crate::stats::{median, median_ms};
use crate::table::Table;

const ROUNDS: usize = 7;
const CALLS: usize = 200;
const CLIENTS: usize = 16;
const CALLS_A_CLIENT: usize = 50;
/// Log events are written five times a second.
const LOGS_WRITTEN: Duration = Duration::from_millis(600);

/// The seed's set-up with the grant that works, on a server.
pub struct World {
    /// The server.
    pub server: Server,
    /// The root user of the function's account.
    pub b: Aws,
    /// Of `GET /users`.
    pub path: String,
    /// What the gateway sent the function.
    pub event: Vec<u8>,
    /// The interpreter that crossgate chose.
    pub python: String,
}

impl World {
    /// Builds it and calls it once.
    ///
    /// # Errors
    /// What a service refused, or an answer that is not the function's.
    pub async fn new(program: &Path) -> Result<Self, Failed> {
        let server = Server::start(program, &["--in-memory"]).await?;
        let mut a = Aws::root(&server.authority, A).await?;
        let mut b = Aws::root(&server.authority, B).await?;
        execution_role(&mut a).await?;
        function(&mut b).await?;
        let path = format!("/_aws/execute-api/{}/prod/users", proxy_api(&mut a).await?);
        let answer = Client::connect(&server.authority).await?.get(&path, None).await?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let Some(event) = body.get("event_received") else {
            return Err(format!("the function: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        };
        let python =
            pythons_below(server.pid()).first().and_then(|(pid, _)| arguments(*pid).into_iter().next());
        let python = python.ok_or("the server started no Python")?;
        Ok(Self { server, b, path, event: event.to_string().into_bytes(), python })
    }

    /// One GET, which must be answered with 200; its time.
    ///
    /// # Errors
    /// Any other answer.
    pub async fn get(&self, client: &mut Client) -> Result<Duration, Failed> {
        get(client, &self.path).await
    }
}

async fn get(client: &mut Client, path: &str) -> Result<Duration, Failed> {
    let begun = Instant::now();
    let answer = client.get(path, None).await?;
    let took = begun.elapsed();
    match answer.status.as_u16() {
        200 => Ok(took),
        other => Err(format!("the function: {other} {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// One client against the bare loop, then sixteen at once.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let world = World::new(program).await?;
    overhead(&world, table).await?;
    together(program, table).await
}

async fn overhead(world: &World, table: &mut Table) -> Result<(), Failed> {
    let folder = folder(HANDLER)?;
    let mut bare = Loop::start(&world.python, folder.path())?;
    let mut client = Client::connect(&world.server.authority).await?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..CALLS {
            ours.push(world.get(&mut client).await?);
        }
        for _ in 0..CALLS {
            theirs.push(bare.invoke(&world.event)?);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push((median_ms(&ours), median_ms(&theirs)));
        }
    }
    let middle = |of: fn(&(f64, f64)) -> f64| median(rounds.iter().map(of).collect());
    let figure = "warm Python invoke, cross-account, over a bare Runtime API loop";
    table.below(figure, middle(|(ours, bare)| ours - bare), 0.5, "ms");
    table.note(format!(
        "warm invoke: {:.2} ms through the gateway, {:.2} ms bare, both with {}",
        middle(|(ours, _)| *ours),
        middle(|(_, bare)| *bare),
        world.python
    ));
    Ok(())
}

/// A server of its own, so that one environment is there when all come at once. Environments outlive the burst, so
/// they are counted behind it: to look at `/proc` all the time would slow what is looked at.
async fn together(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut world = World::new(program).await?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (authority, path) = (world.server.authority.clone(), world.path.clone());
        clients.push(tokio::spawn(async move {
            let mut client = Client::connect(&authority).await?;
            let mut answered = 0;
            for _ in 0..CALLS_A_CLIENT {
                // A refusal is counted, not an end.
                answered += usize::from(get(&mut client, &path).await.is_ok());
            }
            Ok::<usize, Failed>(answered)
        }));
    }
    let mut answered = 0;
    for client in clients {
        answered += client.await.map_err(|e| e.to_string())??;
    }
    let processes = environments_below(world.server.pid());
    tokio::time::sleep(LOGS_WRITTEN).await;
    let group = json!({"logGroupName": format!("/aws/lambda/{NAME}")});
    let streams = world.b.call(Logs, "DescribeLogStreams", group).await?;
    let environments = streams.get("logStreams").and_then(Value::as_array).map_or(0, Vec::len);
    let all = CLIENTS * CALLS_A_CLIENT;
    table.verdict(
        "16 clients at once: answers that are 200",
        format!("{answered} of {all}"),
        "all".to_owned(),
        answered == all,
    );
    table.verdict(
        "16 clients at once: environments started",
        environments.to_string(),
        format!("<= {CLIENTS}"),
        (1..=CLIENTS).contains(&environments),
    );
    table.note(format!(
        "16 clients at once: {processes} Python processes behind it, spares included, zygote not"
    ));
    Ok(())
}
