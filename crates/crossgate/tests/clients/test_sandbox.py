"""`doctor --sandbox` and the policies of `serve --sandbox`, where everything works and where nothing does."""
import json
import socket
import subprocess

import conftest
import pytest
from conftest import B, CROSSGATE

CODE = """
import os
def handler(event, context):
    return [os.getcwd(), len([p for p in os.listdir('/proc') if p.isdigit()])]
"""
# A user namespace in which no further one may be made, and no capability: what jails are built of is not to be had.
BARE = ["unshare", "--user", "--map-root-user", "sh", "-c",
        'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$@"']
# Root there, but of no other user: a container without root.
ROOTLESS = ["unshare", "--user", "--map-root-user"]


def crossgate(*arguments, within=()):
    return subprocess.run([*within, CROSSGATE, *arguments], capture_output=True, text=True, timeout=60)


def layers(within=()):
    done = crossgate("doctor", "--sandbox", "--format", "json", within=within)
    return done.returncode, {layer["layer"]: layer for layer in json.loads(done.stdout)}


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """Makes the servers of a test start within another program."""
    def within(command):
        wrapper = tmp_path / "crossgate"
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
        wrapper.write_text(f'#!/bin/sh\nexec {words} "{CROSSGATE}" "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setattr(conftest, "CROSSGATE", str(wrapper))
    return within


def run(server):
    server.function(name="f", source=CODE)
    answer = server.client("lambda", B).invoke(FunctionName="f")
    return json.loads(answer["Payload"].read())


def test_the_doctor_says_what_is_missing_and_how_to_get_it():
    status, found = layers(BARE)
    assert status == 1
    for name in ("mount namespace", "pid namespace", "ipc namespace", "user namespace"):
        assert found[name]["required"] and not found[name]["works"], found[name]
    told = crossgate("doctor", "--sandbox", within=BARE).stdout
    assert "--sandbox prefer" in told and "max_user_namespaces" in told, told


def test_require_refuses_where_a_layer_is_missing():
    done = crossgate("serve", "--in-memory", "--listen", "127.0.0.1:0", "--sandbox", "require", within=BARE)
    assert done.returncode != 0 and done.stdout == ""
    assert "functions cannot be isolated fully here" in done.stderr and "mount namespace" in done.stderr, done.stderr


def test_prefer_warns_and_runs_what_it_can(inside, start):
    inside(BARE)
    server = start("--in-memory", "--sandbox", "prefer")
    where, processes = run(server)
    assert where != "/var/task" and processes > 2
    server.stop()
    assert "warning: functions are isolated only in part here" in server.errors and "mount namespace" in server.errors


def test_a_server_without_root_in_a_container_isolates_all_the_same(inside, start):
    status, found = layers(ROOTLESS)
    assert found["user namespace"]["works"] and not found["user of its own"]["works"]
    inside(ROOTLESS)
    assert run(start("--in-memory")) == ["/var/task", 1]


def test_require_starts_where_everything_works_and_off_jails_nothing(start):
    status, found = layers()
    assert status == 0, [layer for layer in found.values() if layer["required"] and not layer["works"]]
    assert run(start("--in-memory", "--sandbox", "require")) == ["/var/task", 1]
    server = start("--in-memory", "--sandbox", "off")
    where, processes = run(server)
    assert where != "/var/task" and processes > 1
    server.stop()
    assert "warning: functions are not isolated (--sandbox off)" in server.errors


def test_isolated_functions_reach_the_server_only(start):
    server = start("--in-memory", "--network", "isolated")
    server.function(name="f", source="""
import os, socket
def reach(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False
def handler(ports, context):
    host, own = os.environ['AWS_ENDPOINT_URL'][len('http://'):].split(':')
    links = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]
    return [reach(host, int(own)), [p for p in ports if reach('127.0.0.1', p)], reach('192.0.2.1', 80), links]
""", Timeout=20)
    with socket.create_server(("127.0.0.1", 0)) as local:
        ports = [local.getsockname()[1], 22, 80, 5432]
        answer = server.client("lambda", B).invoke(FunctionName="f", Payload=json.dumps(ports))
        assert json.loads(answer["Payload"].read()) == [True, [], False, ["lo"]]
