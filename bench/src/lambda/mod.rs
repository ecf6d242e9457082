//! The Lambda API itself: `Invoke`, signed with an issued key and decided about, without a gateway before it.

mod callers;
mod cold;
mod many;
mod warm;

use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::json;
use wire::Service::Lambda;

use crate::Failed;
use crate::aws::Aws;
use crate::scene::{B, ROLE, invoker, role};
use crate::server::Server;
use crate::table::Table;

/// What functions are sent: a member or two, as tools send.
const EVENT: &str = "{\"key1\": \"value1\", \"key2\": \"value2\", \"key3\": \"value3\"}";
/// AWS's example of a first function.
const PYTHON: &str = "import json

def handler(event, context):
    return {'statusCode': 200, 'body': json.dumps('Hello from Lambda!')}
";
const NODE: &str =
    "exports.handler = async () => ({ statusCode: 200, body: JSON.stringify('Hello from Lambda!') });\n";

/// Cold starts, warm invokes and many callers.
///
/// # Errors
/// What could not be measured at all.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    cold::measure(program, table).await?;
    warm::measure(program, table).await?;
    callers::measure(program, table).await
}

pub use many::measure as many;

/// A server, the root user of account B, and a user who may invoke.
struct World {
    server: Server,
    root: Aws,
    user: Aws,
}

impl World {
    async fn new(program: &Path, arguments: &[&str]) -> Result<World, Failed> {
        let server = Server::start(program, arguments).await?;
        let mut root = Aws::root(&server.authority, B).await?;
        role(&mut root, ROLE, "lambda.amazonaws.com").await?;
        let (id, secret) = invoker(&mut root).await?;
        let user = Aws::with_key(&server.authority, &id, &secret).await?;
        Ok(World { server, root, user })
    }

    /// One invocation, which must succeed; from sending to the answer's last byte.
    async fn invoke(&mut self, name: &str) -> Result<Duration, Failed> {
        let request = self.user.request(Lambda, "Invoke", invocation(name))?;
        let begun = Instant::now();
        let answer = self.user.client().send(request).await?;
        let took = begun.elapsed();
        if answer.status != 200 || answer.headers.contains_key("x-amz-function-error") {
            return Err(format!("{name}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        Ok(took)
    }

    /// The user's signed `Invoke` as bytes.
    async fn bytes(&self, name: &str) -> Result<Vec<u8>, Failed> {
        bytes(&self.user, name).await
    }
}

/// A signed `Invoke` as bytes: sent again and again, it is verified and decided about each time.
async fn bytes(caller: &Aws, name: &str) -> Result<Vec<u8>, Failed> {
    let (parts, body) = caller.request(Lambda, "Invoke", invocation(name))?.into_parts();
    let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    let mut bytes = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !parts.headers.contains_key("content-length") {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn invocation(name: &str) -> serde_json::Value {
    let payload = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, EVENT);
    json!({"FunctionName": name, "Payload": payload})
}
