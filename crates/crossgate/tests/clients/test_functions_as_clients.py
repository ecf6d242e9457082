"""What a function may do at the server itself, which is on the loopback that it shares with the machine's owner."""
import json
import os

import conftest
import pytest
from conftest import A, B, CROSSGATE

# What an attacker has: the standard library, a signature by hand, and ways to hide whose a socket is.
CODE = """
import array, datetime, hashlib, hmac, json, os, socket, time, urllib.error, urllib.parse, urllib.request

def signed(url, key, secret, token, body):
    now = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
    scope = now[:8] + "/us-east-1/iam/aws4_request"
    head = {"content-type": "application/x-www-form-urlencoded", "host": urllib.parse.urlsplit(url).netloc, "x-amz-date": now}
    if token: head["x-amz-security-token"] = token
    names = ";".join(sorted(head))
    lines = "".join("%s:%s\\n" % (n, head[n]) for n in sorted(head))
    whole = "POST\\n/\\n\\n" + lines + "\\n" + names + "\\n" + hashlib.sha256(body).hexdigest()
    text = "AWS4-HMAC-SHA256\\n%s\\n%s\\n%s" % (now, scope, hashlib.sha256(whole.encode()).hexdigest())
    made = ("AWS4" + secret).encode()
    for part in scope.split("/"): made = hmac.new(made, part.encode(), "sha256").digest()
    head["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        key, scope, names, hmac.new(made, text.encode(), "sha256").hexdigest())
    return head

def create_user(name):
    return ("Action=CreateUser&UserName=%s&Version=2010-05-08" % name).encode()

def ask(url, key, secret, token, body):
    request = urllib.request.Request(url + "/", body, signed(url, key, secret, token, body))
    try:
        return urllib.request.urlopen(request, timeout=5).read().decode()
    except urllib.error.HTTPError as e:
        return "%d %s" % (e.code, e.read().decode())

def page(url, path):
    try:
        return urllib.request.urlopen(url + "/_crossgate/" + path, timeout=2).status
    except urllib.error.HTTPError as e:
        return e.code

def hidden(url, key, name, in_flight):
    # The answer is not needed: the socket is closed, or held by a message that nobody has read, before anybody looks.
    body = create_user(name)
    host, port = urllib.parse.urlsplit(url).netloc.split(":")
    lines = "".join("%s: %s\\r\\n" % pair for pair in signed(url, key, "x", "", body).items())
    request = ("POST / HTTP/1.1\\r\\n%scontent-length: %d\\r\\n\\r\\n" % (lines, len(body))).encode() + body
    s = socket.create_connection((host, int(port)))
    if not in_flight:
        s.sendall(request)
        s.close()
        return
    one, other = socket.socketpair()
    s.sendall(request[:-1])
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
    s.sendall(request[-1:])
    s.close()
    time.sleep(1)

def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"]
    own = [os.environ.get(n, "") for n in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
    found = {
        "as root": ask(url, event["key"], "x", "", create_user("asked")),
        "as itself": ask(url, *own, create_user("itself")),
        "pages": [page(url, name) for name in ("health", "requests/last", "metrics", "tail")],
    }
    for n in range(10):
        hidden(url, event["key"], "closed%d" % n, False)
    hidden(url, event["key"], "flying", True)
    return found
"""


@pytest.fixture(params=["root", "unprivileged"])
def anyone(request, tmp_path, monkeypatch):
    """Servers as root, and as a user without any rights."""
    if request.param == "root":
        return
    assert os.getuid() == 0, "to start a server as another user, the tests have to run as root"
    wrapper = tmp_path / "crossgate"
    wrapper.write_text(f'#!/bin/sh\ncd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups "{CROSSGATE}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(conftest, "CROSSGATE", str(wrapper))


def attempt(server, key):
    server.function(name="spy", source=CODE, Timeout=20)
    answer = server.client("lambda", B).invoke(FunctionName="spy", Payload=json.dumps({"key": key}))
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def check(server, told):
    assert told["as root"].startswith("403 ") and "development keys are not taken from functions" in told["as root"]
    assert told["as itself"].startswith("403 ") and "AccessDenied" in told["as itself"], "its role's keys are known, and have no rights"
    assert told["pages"] == [403] * 4
    for account in (A, B):
        assert server.client("iam", account).list_users()["Users"] == []


@pytest.mark.parametrize("options", [[], ["--network", "isolated"]], ids=["host", "isolated"])
def test_a_function_is_not_the_root_user_of_whatever_account_it_names(anyone, start, options):
    server = start("--in-memory", *options)
    check(server, attempt(server, A))


def test_nor_of_the_account_that_unknown_keys_belong_to(anyone, start):
    server = start("--in-memory", "--dev-account", A)
    check(server, attempt(server, "test"))
    # Whoever is no function is still let in.
    assert server.client("sts", "test").get_caller_identity()["Account"] == A


def test_without_a_jail_there_is_no_telling(start):
    server = start("--in-memory", "--sandbox", "off")
    told = attempt(server, A)
    assert "<UserName>asked</UserName>" in told["as root"]
    assert {user["UserName"] for user in server.client("iam", A).list_users()["Users"]} > {"asked", "flying"}
