"""The subcommands around the server."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import A, B, CROSSGATE, REGION


def crossgate(*arguments, **more):
    return subprocess.run([CROSSGATE, *arguments], capture_output=True, text=True, timeout=120, **more)


@pytest.mark.parametrize("subcommand", ["serve", "demo", "env", "tail", "explain", "simulate", "test"])
def test_every_help_has_an_example(subcommand):
    done = crossgate(subcommand, "--help")
    assert done.returncode == 0 and "Example" in done.stdout and f"crossgate {subcommand}" in done.stdout


def test_wrong_usage_exits_with_2():
    assert crossgate("serve", "--listen", "nowhere").returncode == 2
    assert crossgate("env", "12").returncode == 2


def test_the_demo():
    done = crossgate("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted in ["-> 500", "-> 200", "-> 502", "apigateway-invoke-from-account-a", "AWS:SourceArn",
                   "Hello from Account B Lambda!", "crossgate serve"]:
        assert wanted in done.stdout, wanted
    assert "\x1b" not in done.stdout


def test_health(shared):
    answer = shared.http("/_crossgate/health")
    assert answer.status == 200 and set(answer.json["services"]) >= {"apigateway", "lambda", "iam", "sts", "logs"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["version"])


def test_env_is_understood_by_a_shell_and_by_aws(shared):
    script = f'eval "$({CROSSGATE} env {B} --endpoint {shared.url})"; {sys.executable} -m awscli sts get-caller-identity'
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=kept)
    assert json.loads(done.stdout)["Account"] == B, done.stderr


def test_env_writes_a_profile(shared, tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env = {**kept, "HOME": str(tmp_path)}
    done = crossgate("env", B, "--profile", "account-b", "--endpoint", shared.url, env=env)
    assert done.returncode == 0, done.stderr
    who = subprocess.run([sys.executable, "-m", "awscli", "--profile", "account-b", "sts", "get-caller-identity"],
                         capture_output=True, text=True, env=env)
    assert json.loads(who.stdout)["Account"] == B, who.stderr


def test_tail_follows_requests(server):
    tail = subprocess.Popen([CROSSGATE, "tail", "--endpoint", server.url], stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(tail.stdout), daemon=True)
    reader.start()
    for _ in range(100):
        server.client("sts", B).get_caller_identity()
        if lines:
            break
        time.sleep(0.05)
    answer = server.get("nonexistent", "/prod/users")
    for _ in range(100):
        if any(answer.request_id in line for line in lines):
            break
        time.sleep(0.05)
    tail.terminate()
    tail.wait()
    reader.join()
    assert any(f"arn:aws:iam::{B}:root" in line and "GetCallerIdentity" in line and " 200 " in line for line in lines), lines
    assert any(answer.request_id in line and "GET" in line and "/prod/users" in line and " 403 " in line for line in lines), lines


def test_explain_json_and_last(server):
    server.get("nonexistent", "/prod/users")
    report = json.loads(server.crossgate("explain", "last", "--format", "json"))
    assert report["status"] == 403 and report["findings"]
    assert "no request" in server.crossgate("explain", "00000000-0000-4000-8000-000000000000", expect=1)


def test_no_server():
    done = crossgate("explain", "last", "--endpoint", "http://127.0.0.1:1")
    assert done.returncode == 1 and "crossgate serve" in done.stderr


def test_own_pages_are_for_loopback_names_only(server):
    """A page of the web that has its name resolve to 127.0.0.1 must not read them."""
    assert server.http("/_crossgate/requests/last", host="evil.example").status == 403
    assert server.http("/_crossgate/health", host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_after_the_requests_in_flight(start, how):
    server = start("--in-memory")
    arn = server.function(source="import time\ndef handler(e, c):\n    time.sleep(1)\n    return {'statusCode': 200, 'body': 'done'}\n", Timeout=10)
    server.allow()
    api = server.api(arn)
    answers = []
    client = threading.Thread(target=lambda: answers.append(server.get(api, "/prod/users")))
    client.start()
    time.sleep(0.5)
    assert server.stop(how) == 0
    client.join()
    assert answers[0].status == 200 and answers[0].body == b"done"


CASE = {"name": "the gateway may call users",
        "request": {"principal": "apigateway.amazonaws.com", "action": "lambda:InvokeFunction",
                    "resource": f"arn:aws:lambda:{REGION}:{B}:function:users",
                    "context": {"aws:SourceArn": f"arn:aws:execute-api:{REGION}:{A}:abc/prod/GET/users"}},
        "policies": {"resource": {"file": "policy.json"}}, "expected": "Allowed"}
POLICY = {"Version": "2012-10-17", "Statement": [{
    "Sid": "gateway", "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
    "Action": "lambda:InvokeFunction", "Resource": f"arn:aws:lambda:{REGION}:{B}:function:users",
    "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{REGION}:{A}:abc/*/GET/users"}}}]}


def test_policy_tests(tmp_path):
    (tmp_path / "policy.json").write_text(json.dumps(POLICY))
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps([CASE]))
    bad.write_text(json.dumps([CASE, {**CASE, "name": "by <nobody>", "expected": "ImplicitlyDenied"}]))
    done = crossgate("test", str(good))
    assert (done.returncode, done.stdout) == (0, "1 of 1 cases hold\n")
    done = crossgate("test", str(bad))
    assert done.returncode == 1 and "by <nobody>" in done.stdout and done.stdout.endswith("1 of 2 cases hold\n")
    assert json.loads(crossgate("test", "--format", "json", str(bad)).stdout)["hold"] == 1
    import xml.etree.ElementTree
    report = xml.etree.ElementTree.fromstring(crossgate("test", "--format", "junit", str(bad)).stdout)
    assert (report.get("tests"), report.get("failures")) == ("2", "1")
    for unreadable in ["none.json", "none.yaml", "policy.json"]:
        done = crossgate("test", str(tmp_path / unreadable))
        assert done.returncode == 2 and unreadable in done.stderr
