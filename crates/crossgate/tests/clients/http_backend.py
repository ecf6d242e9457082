"""An HTTP server that APIs call, and APIs that call it."""
import gzip
import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse

from conftest import A, REGION


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        backend = self.server.backend
        backend.requests.append({
            "method": self.command, "path": self.path, "headers": self.headers, "body": body,
            "connection": self.client_address})
        path = self.path.split("?")[0]
        status, headers, content = 200, [("Content-Type", "application/json")], None
        if path.startswith("/status/"):
            status = int(path.rsplit("/", 1)[1])
        elif path == "/slow":
            time.sleep(2)
        elif path == "/redirect":
            status, headers = 302, [("Location", "/elsewhere")]
        elif path == "/headers":
            headers = [("Content-Type", "text/plain"), ("X-Two", "a"), ("X-Two", "b"), ("WWW-Authenticate", "Basic"),
                       ("x-amzn-RequestId", "the-backends"), ("Content-MD5", "abc"), ("Connection", "keep-alive")]
        elif path == "/image":
            headers, content = [("Content-Type", "image/png")], b"\x89PNG\xff\x00"
        elif path == "/large":
            content = bytes(11 * 1024 * 1024)
        elif path == "/gzip":
            headers, content = headers + [("Content-Encoding", "gzip")], gzip.compress(b'{"coded": true}')
        elif path.startswith("/object/"):
            kind = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("type", ["binary/octet-stream"])[0]
            headers, content = [("Content-Type", kind), ("ETag", '"e"')], backend.objects[path.rsplit("/", 1)[1]]
        elif path in ("/sse", "/cut"):
            self.stream(path == "/cut")
            return
        elif path == "/broken":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if content is None:
            content = json.dumps({
                "method": self.command, "path": self.path, "body": body.decode("latin-1"),
                "headers": [[k.lower(), v] for k, v in self.headers.items()]}).encode()
        if status == 204:
            content = b""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def stream(self, cut):
        self.send_response(200)
        for name, value in [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]:
            self.send_header(name, value)
        self.end_headers()
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.5)
            if cut:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Backend:
    def __init__(self, context=None):
        self.requests = []
        self.objects = {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # Handshakes that fail are what some tests are about.
        self.server.handle_error = lambda *_: None
        self.server.backend = self
        if context:
            # The handshake is the handler's thread's: one that fails must not stop the others.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def last(self):
        return self.requests[-1]


class Api:
    """A REST API, method by method."""

    def __init__(self, server, account=A, **settings):
        self.server, self.gateway = server, server.client("apigateway", account)
        self.id = self.gateway.create_rest_api(name="http", **settings)["id"]
        self.root = self.gateway.get_resources(restApiId=self.id)["items"][0]["id"]
        self.resources = {"/": self.root}

    def method(self, path, uri, verb="GET", kind="HTTP_PROXY", responses=None, method_responses=None, request=None,
               **integration):
        parent = self.root
        at = ""
        for part in path.strip("/").split("/") if path != "/" else []:
            at += "/" + part
            if at not in self.resources:
                self.resources[at] = self.gateway.create_resource(
                    restApiId=self.id, parentId=parent, pathPart=part)["id"]
            parent = self.resources[at]
        place = dict(restApiId=self.id, resourceId=parent, httpMethod=verb)
        self.gateway.put_method(**place, authorizationType="NONE", requestParameters=request or {})
        if uri is not None:
            integration["uri"] = uri
            integration.setdefault("integrationHttpMethod", verb)
        self.gateway.put_integration(**place, type=kind, **integration)
        for status, settings in (method_responses or {}).items():
            self.gateway.put_method_response(**place, statusCode=status, **settings)
        for status, settings in (responses or {}).items():
            self.gateway.put_integration_response(**place, statusCode=status, **settings)
        return self

    def deploy(self, stage="prod", **settings):
        self.gateway.create_deployment(restApiId=self.id, stageName=stage, **settings)
        return self

    def call(self, path, **more):
        """`path` begins with the stage."""
        return self.server.http(path, host=f"{self.id}.execute-api.{REGION}.localhost:{self.server.port}", **more)

    def test(self, path, verb="GET", **more):
        return self.gateway.test_invoke_method(
            restApiId=self.id, resourceId=self.resources[path], httpMethod=verb, **more)


def server_context(certificate, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_ca)
    return context
