use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;

/// Answers with what it got; `/slow` after 200 ms, `/stream` in three pieces.
#[derive(Default)]
struct Echo {
    finished: AtomicUsize,
}

impl Handler for Echo {
    fn body_limit(&self, head: &Head) -> usize {
        if head.path() == "/large" { 1 << 20 } else { 1000 }
    }

    async fn handle(&self, request: Request) -> Response<Body> {
        let head = &request.head;
        match head.path() {
            "/slow" => tokio::time::sleep(Duration::from_millis(200)).await,
            "/stream" => {
                let (sender, body) = Body::stream();
                tokio::spawn(async move {
                    for piece in ["one ", "two ", "three"] {
                        let _ = sender.send(Ok(Bytes::from(piece))).await;
                    }
                });
                return Response::new(body);
            }
            _ => {}
        }
        self.finished.fetch_add(1, Ordering::Relaxed);
        let names: Vec<String> = head.original_headers().into_iter().map(|(name, _)| name).collect();
        let text = format!("{} {} [{}] {} bytes", head.method, head.uri, names.join(" "), request.body.len());
        Response::new(Body::from(text))
    }
}

struct Server {
    address: SocketAddr,
    handler: Arc<Echo>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

async fn start(limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::new(Echo::default());
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve(listener, handler.clone(), limits, async {
        let _ = stopped.await;
    }));
    Server { address, handler, stop, done }
}

/// Sends `bytes`, then reads until the server closes.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    reading.expect("the server closes").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn header_names_reach_the_handler_as_the_client_wrote_them() {
    let server = start(Limits::default()).await;
    let answer = exchange(
        &server,
        b"POST /a%20b?x=%2f HTTP/1.1\r\nHOST: h\r\nX-CamelCase: 1\r\nx-camelcase: 2\r\nContent-Length: 3\r\n\r\nabc\
          GET /next HTTP/1.1\r\nhOsT: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.contains("POST /a%20b?x=%2f [HOST X-CamelCase x-camelcase Content-Length] 3 bytes"),
        "{answer}"
    );
    assert!(answer.contains("GET /next [hOsT Connection] 0 bytes"), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_is_collected_and_the_next_request_is_seen() {
    let server = start(Limits::default()).await;
    let answer = exchange(
        &server,
        b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nT: 1\r\n\r\n\
          GET /n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.contains("] 5 bytes") && answer.contains("GET /n [Host Connection]"), "{answer}");
}

#[tokio::test]
async fn a_stream_is_sent_piece_by_piece() {
    let server = start(Limits::default()).await;
    let answer = exchange(&server, b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(
        answer.contains("transfer-encoding: chunked") && answer.ends_with("three\r\n0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_client_sees_it() {
    let server = start(Limits::default()).await;
    let mut request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n".to_vec();
    request.extend(vec![b'a'; 2_000_000]);
    assert!(exchange(&server, &request).await.starts_with("HTTP/1.1 413 "));
    let mut request =
        b"POST /large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1e8480\r\n".to_vec();
    request.extend(vec![b'a'; 2_000_000]);
    request.extend(b"\r\n0\r\n\r\n");
    assert!(exchange(&server, &request).await.starts_with("HTTP/1.1 413 "));
    assert_eq!(server.handler.finished.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn who_expects_100_continue_is_told_to_go_on_or_not() {
    let server = start(Limits::default()).await;
    let head = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head(3).as_bytes()).await.unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("3 bytes"), "{rest}");
    assert!(exchange(&server, head(5000).as_bytes()).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn requests_whose_length_can_be_read_in_two_ways_are_refused() {
    let server = start(Limits::default()).await;
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked",
    ] {
        let request = format!(
            "POST /s HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
        );
        let answer = exchange(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        assert!(!answer.contains("smuggled"), "{headers}: {answer}");
    }
    assert_eq!(server.handler.finished.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn broken_http_and_long_heads_are_answered() {
    let server = start(Limits { head_bytes: 8192, ..Limits::default() }).await;
    assert!(exchange(&server, b"nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    assert!(exchange(&server, long.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: 1\r\n".repeat(150));
    assert!(exchange(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_slow_head_and_a_slow_body_are_given_up() {
    let quick = Duration::from_millis(100);
    let server = start(Limits { head_time: quick, body_time: quick, ..Limits::default() }).await;
    exchange(&server, b"GET / HTTP/1.1\r\nHo").await;
    let answer = exchange(&server, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(server.handler.finished.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_given_up() {
    let server = start(Limits { head_time: QUIET * 3, ..Limits::default() }).await;
    for before in ["", "GET /1 HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            read_to(&mut stream, "0 bytes").await;
        }
        stream.write_all(b"GET /2 HTTP/1.1\r\nX: ").await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let dripping = tokio::spawn(async move {
            while writer.write_all(b"a").await.is_ok() {
                tokio::time::sleep(QUIET / 4).await;
            }
        });
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(QUIET * 20, reader.read_to_end(&mut answer)).await;
        // A byte that was under way when the server closed makes it a reset.
        assert!(closed.is_ok(), "held open after {before:?}");
        assert!(answer.is_empty(), "{answer:?}");
        dripping.abort();
    }
}

#[tokio::test]
async fn connections_over_the_bound_wait() {
    let server =
        start(Limits { connections: 1, head_time: Duration::from_millis(200), ..Limits::default() }).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    let asked = std::time::Instant::now();
    let answer = exchange(&server, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(asked.elapsed() >= Duration::from_millis(150), "{:?}", asked.elapsed());
    drop(idle);
}

#[tokio::test]
async fn the_end_finishes_requests_in_flight_and_closes_idle_connections() {
    let server = start(Limits::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut some = [0; 10];
    idle.read_exact(&mut some).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), server.done).await.expect("in time").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("GET /slow"), "{answer}");
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_client_that_closed_its_sending_side_gets_its_answer() {
    let server = start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("GET /slow"), "{answer}");
}

/// Reads until `end` comes.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    let mut piece = [0; 1024];
    while !String::from_utf8_lossy(&got).ends_with(end) {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut piece)).await;
        let read = read.expect("in time").unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test]
async fn a_quiet_connection_goes_on_where_it_was() {
    let server = start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for pieces in [
        ["GET /1 HTTP/1.1\r\nX-One: 1\r\n", "Host: h\r\n\r\n", "[X-One Host] 0 bytes"],
        ["POST /2 HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", "cd", "[Content-Length] 4 bytes"],
        ["POST /3 HTTP/1.1\r\nTRANSFER-Encoding: chunked\r\n\r\n2\r\nab\r\n", "0\r\n\r\n", "] 2 bytes"],
        ["GET /slow HTTP/1.1\r\n\r\n", "\r\n", "[] 0 bytes"],
    ] {
        // Longer than a connection is kept when nothing comes.
        for piece in &pieces[..2] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(QUIET * 3).await;
        }
        read_to(&mut stream, pieces[2]).await;
    }
}

#[tokio::test]
async fn a_quiet_connection_is_closed_in_the_end_and_at_the_servers_end() {
    let server = start(Limits { head_time: QUIET * 5, ..Limits::default() }).await;
    assert!(exchange(&server, b"").await.is_empty());
    let answer = exchange(&server, b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let server = start(Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    read_to(&mut stream, "0 bytes").await;
    tokio::time::sleep(QUIET * 3).await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), server.done).await.expect("in time").unwrap();
}

#[tokio::test]
async fn an_ipv4_caller_of_an_ipv6_socket_is_known_by_its_ipv4_address() {
    let listener = TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let places = Arc::new(tokio::sync::Semaphore::new(1));
    let (_client, accepted) =
        tokio::join!(tokio::net::TcpStream::connect(("127.0.0.1", port)), super::accept(&listener, &places));
    assert_eq!(accepted.unwrap().1.ip().to_string(), "127.0.0.1");
}
