//! HTTP_PROXY against a bare hyper proxy, both in front of the same server; and what an open connection costs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::Failed;
use crate::aws::{Aws, REGION};
use crate::bare_proxy;
use crate::bare_server;
use crate::client::Client;
use crate::load;
use crate::mock::compare;
use crate::processes::resident_mib;
use crate::scene::{A, http_proxy_api};
use crate::server::Server;
use crate::table::Table;

/// Of the bare one's requests per second.
const TARGET: f64 = 0.6;
const CONNECTIONS: usize = 10_000;
const KIB_A_CONNECTION: f64 = 12.0;

/// One comparison, and one measurement of memory.
pub async fn measure(program: &Path, table: &mut Table) -> Result<(), Failed> {
    let server = Server::start(program, &["--in-memory"]).await?;
    let mut a = Aws::root(&server.authority, A).await?;
    // The endpoint answers what an unknown path of the server gives: any small JSON.
    let answer = Client::connect(&server.authority).await?.get("/_crossgate/health", None).await?;
    let endpoint = bare_server::start(&answer)?;
    let api = http_proxy_api(&mut a, &format!("http://{}/users", endpoint.authority)).await?;
    let host = format!("{api}.execute-api.{REGION}.localhost");
    let path = "/prod/users";
    let answer = Client::connect(&server.authority).await?.get(path, Some(&host)).await?;
    if answer.status != 200 {
        return Err(format!("HTTP_PROXY: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    let bare = bare_proxy::start(&endpoint.authority)?;
    let what = ("HTTP_PROXY".to_owned(), "proxy", TARGET);
    compare(table, what, &server, &bare, &[load::get(path, &host)])?;
    connections(&server, table)
}

/// Connections that have had an answer each and stay open.
fn connections(server: &Server, table: &mut Table) -> Result<(), Failed> {
    let failed = |e: std::io::Error| format!("connections kept open: {e}");
    let before = resident_mib(server.pid())?;
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(&server.authority).map_err(failed)?;
        connection
            .write_all(b"GET /_crossgate/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .map_err(failed)?;
        if connection.read(&mut [0; 4096]).map_err(failed)? == 0 {
            return Err(format!("the server closed connection {}", open.len() + 1));
        }
        open.push(connection);
    }
    let each = (resident_mib(server.pid())? - before) * 1024.0 / CONNECTIONS as f64;
    table.verdict(
        &format!("memory for each of {CONNECTIONS} open connections"),
        format!("{each:.1} KiB"),
        format!("<= {KIB_A_CONNECTION:.0} KiB"),
        each <= KIB_A_CONNECTION,
    );
    Ok(())
}
