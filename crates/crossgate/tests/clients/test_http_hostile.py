"""Raw sockets against the listener: always an answer or a clean close, and everyone else is served meanwhile."""
import resource
import socket
import time

import pytest

from conftest import REGION
from http_backend import Api, Backend


@pytest.fixture(scope="module")
def api(shared):
    api = Api(shared)
    api.method("/ok", None, kind="MOCK", verb="ANY", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {}}, responses={"200": {}}, passthroughBehavior="WHEN_NO_MATCH")
    api.host = f"{api.id}.execute-api.{REGION}.localhost"
    return api.deploy()


def exchange(server, data, wait=5, pieces=1):
    """What comes back until the server closes or is quiet; never an error of the connection before an answer."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(wait)
        step = max(1, len(data) // pieces)
        for at in range(0, len(data), step):
            try:
                connection.sendall(data[at:at + step])
            except (BrokenPipeError, ConnectionResetError):
                break
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return got


def alive(server, api):
    started = time.monotonic()
    assert api.call("/prod/ok").status == 200
    assert time.monotonic() - started < 5
    assert server.process.poll() is None


def head(api, line="GET /prod/ok HTTP/1.1", *headers, close=True):
    lines = [line, f"Host: {api.host}", *headers] + (["Connection: close"] if close else [])
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


SMUGGLED = "GET /prod/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("headers, body", [
    (["Content-Length: 4", "Transfer-Encoding: chunked"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding: chunked", "Content-Length: 4"], "0\r\n\r\n" + SMUGGLED),
    (["Content-Length: 4", "Content-Length: 5"], "abcd" + SMUGGLED),
    (["Content-Length: 4, 5"], "abcd" + SMUGGLED),
    (["Content-Length: +4"], "abcd" + SMUGGLED),
    (["Content-Length: -1"], SMUGGLED),
    (["Content-Length: 0x4"], "abcd" + SMUGGLED),
    (["Content-Length: 99999999999999999999999"], "abcd"),
    (["Content-Length : 4"], "abcd" + SMUGGLED),
    (["Transfer-Encoding: xchunked"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding: chunked, identity"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding:\x0bchunked"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding : chunked"], "0\r\n\r\n" + SMUGGLED),
    (["X-Fold: a", " Transfer-Encoding: chunked"], "0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding: chunked"], "zz\r\nabc\r\n0\r\n\r\n" + SMUGGLED),
    (["Transfer-Encoding: chunked"], "FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n" + SMUGGLED),
])
def test_requests_whose_end_is_in_doubt_are_refused_and_nothing_behind_them_is_read(shared, api, headers, body):
    got = exchange(shared, head(api, "POST /prod/ok HTTP/1.1", *headers, close=False) + body.encode())
    assert got.startswith(b"HTTP/1.1 4"), got[:200]
    assert got.count(b"HTTP/1.1 ") == 1, got
    alive(shared, api)


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", b"\x00" * 2000,
    b"GET / HTTP/1.1\r\n: empty\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: a\x00b\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\n folded\r\n\r\n", b"\r\n" * 5000, b"A" * 200_000,
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET http://other.example/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n", b"GET /\n\n",
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
], ids=lambda data: repr(data[:30]))
@pytest.mark.parametrize("pieces", [1, 50], ids=str)
def test_what_is_no_http(shared, api, data, pieces):
    got = exchange(shared, data, wait=1, pieces=pieces)
    assert got == b"" or got.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 501")), got[:200]
    alive(shared, api)


@pytest.mark.parametrize("path", ["/prod/%", "/prod/%zz", "/prod/%00", "/prod/%ff%fe", "/prod/%2e%2e/%2e%2e/etc/passwd",
                                  "/prod/../../x", "/%", "//", "/prod//ok", "/prod/" + "a/" * 3000, "/prod/ok?%zz=%&=&&",
                                  "/prod/ok?" + "a=1&" * 2000, "/_aws/execute-api/%/", "/restapis/%2f/x/_user_request_/"], ids=lambda path: path[:30])
@pytest.mark.parametrize("by", ["host", "loopback"])
def test_bad_percent_encoding_and_odd_paths(shared, api, path, by):
    host = api.host if by == "host" else f"127.0.0.1:{shared.port}"
    got = exchange(shared, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert got[:9] == b"HTTP/1.1 " and got[9:10] in b"24", got[:200]
    alive(shared, api)


def test_headers_over_10240_bytes(shared, api):
    fits = exchange(shared, head(api, "GET /prod/ok HTTP/1.1", "X: " + "a" * 9900))
    assert fits.startswith(b"HTTP/1.1 200")
    over = exchange(shared, head(api, "GET /prod/ok HTTP/1.1", "X: " + "a" * 10_240))
    assert over.startswith(b"HTTP/1.1 431") and b"HTTP header is larger than 10240 bytes." in over
    several = exchange(shared, head(api, "GET /prod/ok HTTP/1.1", *[f"X-{i}: " + "a" * 200 for i in range(60)]))
    assert several.startswith(b"HTTP/1.1 431")
    long_path = exchange(shared, head(api, "GET /prod/ok?" + "a" * 11_000 + " HTTP/1.1"))
    assert long_path.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_heads_that_are_far_too_long(shared, api, size):
    got = exchange(shared, head(api, "GET /prod/ok HTTP/1.1", "X: " + "a" * size))
    assert got == b"" or got.startswith(b"HTTP/1.1 431"), got[:100]
    many = exchange(shared, head(api, "GET /prod/ok HTTP/1.1", *[f"X-{i}: a" for i in range(2000)]))
    assert many == b"" or many.startswith(b"HTTP/1.1 431"), many[:100]
    alive(shared, api)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bodies_over_10_mb(shared, api, framing):
    size = 11 * 1024 * 1024
    if framing == "length":
        data = head(api, "POST /prod/ok HTTP/1.1", f"Content-Length: {size}") + bytes(size)
    else:
        data = head(api, "POST /prod/ok HTTP/1.1", "Transfer-Encoding: chunked")
        data += b"".join(b"100000\r\n" + bytes(0x100000) + b"\r\n" for _ in range(11)) + b"0\r\n\r\n"
    got = exchange(shared, data)
    told = {"length": b"HTTP content length exceeded 10485760 bytes.", "chunked": b'{"message":"Request Too Long"}'}[framing]
    assert got.startswith(b"HTTP/1.1 413") and got.endswith(told), got[:200]
    alive(shared, api)


def test_half_requests_hold_up_nobody(shared, api):
    """Slow-loris, as far as others see it; that each is given up in the end is tested beside the listener."""
    partial = [f"GET /prod/ok HTTP/1.1\r\nHost: {api.host}\r\nX-".encode(),
               head(api, "POST /prod/ok HTTP/1.1", "Content-Length: 1000") + b"a",
               head(api, "POST /prod/ok HTTP/1.1", "Transfer-Encoding: chunked") + b"3e8\r\na", b"G", b""]
    waiting = []
    for i in range(1000):
        connection = socket.create_connection(("127.0.0.1", shared.port))
        connection.sendall(partial[i % len(partial)])
        waiting.append(connection)
    for _ in range(20):
        alive(shared, api)
    for connection in waiting:
        connection.close()
    alive(shared, api)


def test_answers_that_nobody_reads(shared, api):
    request = head(api, close=False)
    deaf = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", shared.port))
        connection.setblocking(False)
        for _ in range(500):
            try:
                connection.send(request * 20)
            except BlockingIOError:
                break
        deaf.append(connection)
    alive(shared, api)
    for connection in deaf:
        connection.close()
    alive(shared, api)


def test_a_header_cannot_be_injected_by_mapped_values(shared):
    backend = Backend()
    api = Api(shared)
    api.method("/x", backend.url + "/x", kind="HTTP", request={"method.request.querystring.v": False},
               method_responses={"200": {"responseParameters": {"method.response.header.X-V": True}}},
               responses={"200": {"responseParameters": {
                   "method.response.header.X-V": "integration.response.body.path"}}},
               requestParameters={"integration.request.header.X-V": "method.request.querystring.v",
                                  "integration.request.querystring.v": "method.request.querystring.v"})
    api.deploy()
    answer = api.call("/prod/x?v=a%0d%0aX-Injected:%201%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1")
    assert answer.status == 200 and "X-Injected" not in answer.headers
    assert [one["path"].split("?")[0] for one in backend.requests] == ["/x"]
    assert "X-Injected" not in backend.last["headers"]
    backend.stop()


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_ten_thousand_open_connections(start, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.fail(f"this needs 11,000 file descriptors, and the hard limit is {hard}")
    server = start("--in-memory")
    # After the start: the server raises its own limit.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    api = Api(server).method("/ok", None, kind="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
                             method_responses={"200": {}}, responses={"200": {}}).deploy()
    api.host = f"{api.id}.execute-api.{REGION}.localhost"
    request = head(api, close=False)
    alive(server, api)
    before = memory(server.process.pid)
    connections = []
    for at in range(10_000):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(request)
        connections.append(connection)
        if at % 500 == 499:
            for one in connections[-500:]:
                assert one.recv(65536).startswith(b"HTTP/1.1 200")
    each = (memory(server.process.pid) - before) * 1024 / len(connections)
    alive(server, api)
    for connection in connections[::100]:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    with capsys.disabled():
        print(f" [{each / 1024:.1f} KiB of memory for each open connection] ", end="")
    assert each < 12 * 1024, each
    for connection in connections:
        connection.close()
    alive(server, api)
