"""Broken functions, extensions and the end of environments through the real server."""
import io
import json
import os
import signal
import socket
import subprocess
import time
import zipfile

from conftest import B, CROSSGATE, VPC_ACCESS

FAULTS = """
import os, time
def handler(event, context):
    what = event['what']
    if what == 'large': return 'x' * 6291555
    if what == 'loop':
        while True: pass
    if what == 'memory':
        kept = []
        while True:
            kept.append(bytearray(8 << 20))
            time.sleep(0.005)
    if what == 'exit': os._exit(1)
    if what == 'sleep':
        print('sleeping', flush=True)
        time.sleep(30)
    return 'fine'
"""
EXTENSION = """#!/usr/bin/env python3
import http.client, json, os, sys
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
api.request('POST', '/2020-01-01/extension/register', json.dumps({'events': ['INVOKE', 'SHUTDOWN']}), {'Lambda-Extension-Name': 'watcher'})
answer = api.getresponse(); answer.read()
me = {'Lambda-Extension-Identifier': answer.getheader('Lambda-Extension-Identifier')}
while True:
    api.request('GET', '/2020-01-01/extension/event/next', headers=me)
    event = json.loads(api.getresponse().read())
    print('watcher saw', event['eventType'], event.get('shutdownReason', ''), flush=True)
    if event['eventType'] == 'SHUTDOWN': break
"""


def invoke(server, name, event):
    told = server.client("lambda", B).invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    return told.get("FunctionError"), json.loads(told["Payload"].read())


def messages(server, name):
    logs = server.client("logs", B)
    try:
        return [e["message"] for e in logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def until(done, seconds=8):
    deadline = time.time() + seconds
    while not done() and time.time() < deadline:
        time.sleep(0.1)
    assert done()


def test_a_broken_function_is_reported_as_aws_does_and_works_again(server):
    server.function(name="broken", source=FAULTS, Timeout=1, MemorySize=128)
    for what, kind, text in [
        ("large", "Function.ResponseSizeTooLarge", "maximum allowed payload size (6291556 bytes)."),
        ("loop", "Sandbox.Timedout", " Error: Task timed out after 1.00 seconds"),
        ("memory", "Runtime.ExitError", " Error: Runtime exited with error: signal: killed"),
        ("exit", "Runtime.ExitError", " Error: Runtime exited with error: exit status 1"),
    ]:
        error, payload = invoke(server, "broken", {"what": what})
        assert (error, payload["errorType"]) == ("Unhandled", kind)
        assert payload["errorMessage"].endswith(text), payload
        assert invoke(server, "broken", {"what": "nothing"}) == (None, "fine")


def test_an_extension_of_a_layer_sees_invocations_and_the_end_of_an_idle_environment(start):
    server = start("--in-memory", "--idle-environments", "1")
    info = zipfile.ZipInfo("extensions/watcher")
    info.external_attr = 0o755 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, EXTENSION)
    client = server.client("lambda", B)
    layer = client.publish_layer_version(LayerName="watcher", Content={"ZipFile": out.getvalue()})["LayerVersionArn"]
    server.function(name="watched", source="def handler(event, context): return event", Layers=[layer])
    assert invoke(server, "watched", 7) == (None, 7)
    until(lambda: any("watcher saw SHUTDOWN SPINDOWN" in m for m in messages(server, "watched")))
    seen = messages(server, "watched")
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in seen
    assert any("watcher saw INVOKE" in m for m in seen)


def test_platform_lines_are_json_where_the_log_is(server):
    server.function(name="json", source="def handler(event, context): return event",
                    LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "INFO"})
    assert invoke(server, "json", 7) == (None, 7)
    until(lambda: len(messages(server, "json")) >= 3)
    records = [json.loads(m) for m in messages(server, "json")]
    assert [r["type"] for r in records if "type" in r] == ["platform.initStart", "platform.start", "platform.report"]
    assert records[-1]["record"]["status"] == "success"


def test_a_server_killed_in_the_middle_of_an_invocation_leaves_nothing_behind(start, tmp_path):
    server = start("--data", str(tmp_path))
    server.function(name="broken", source=FAULTS, Timeout=60)
    told = subprocess.Popen(
        ["python3", "-c", "import boto3, sys, botocore.config as c\nboto3.client('lambda', endpoint_url=sys.argv[1], "
         "region_name='us-east-1', aws_access_key_id=sys.argv[2], aws_secret_access_key='x', config=c.Config(retries="
         "{'total_max_attempts': 1})).invoke(FunctionName='broken', Payload='{\"what\": \"sleep\"}')", server.url, B],
        executable=os.sys.executable, stderr=subprocess.DEVNULL)
    until(lambda: "sleeping\n" in messages(server, "broken"))
    pid = server.process.pid
    server.stop(signal.SIGKILL)
    told.wait(20)

    def left():
        found = []
        for process in os.listdir("/proc"):
            try:
                if str(tmp_path).encode() in open(f"/proc/{process}/cmdline", "rb").read():
                    found.append(process)
            except OSError:
                pass
        return found
    until(lambda: not left())
    assert str(tmp_path) not in open("/proc/self/mounts").read()
    again = start("--data", str(tmp_path))
    assert invoke(again, "broken", {"what": "nothing"}) == (None, "fine")
    groups = [d for d, _, _ in os.walk("/sys/fs/cgroup") if f"crossgate-{pid}-" in d]
    assert groups == []


def test_the_doctor_names_each_layer_and_what_is_missing():
    done = subprocess.run([CROSSGATE, "doctor", "--sandbox", "--format", "json"], capture_output=True, text=True, timeout=60)
    layers = {layer["layer"]: layer for layer in json.loads(done.stdout)}
    assert {"mount namespace", "pid namespace", "ipc namespace", "uts namespace", "user namespace", "landlock", "seccomp",
            "no new privileges", "cgroups", "resource limits"} <= set(layers)
    missing = [name for name, layer in layers.items() if layer["required"] and not layer["works"]]
    assert (done.returncode == 0) == (not missing)
    text = subprocess.run([CROSSGATE, "doctor", "--sandbox"], capture_output=True, text=True, timeout=60).stdout
    assert all(name in text for name in layers)


VPC = """
import os, socket
def handler(port, context):
    own = int(os.environ['AWS_ENDPOINT_URL'].rpartition(':')[2])
    with socket.create_connection(('127.0.0.1', own), 2) as s:
        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        told = s.recv(5).decode()
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return [told, 'reached']
    except OSError as e:
        return [told, type(e).__name__]
"""


def test_a_function_in_a_vpc_reaches_this_server_and_no_local_service(server):
    with socket.create_server(("127.0.0.1", 0)) as database:
        port = database.getsockname()[1]
        server.function(name="open", source=VPC)
        assert invoke(server, "open", port) == (None, ["HTTP/", "reached"])
        server.client("iam", B).attach_role_policy(RoleName="function-role", PolicyArn=VPC_ACCESS)
        server.function(name="closed", source=VPC, Timeout=10,
                        VpcConfig={"SubnetIds": ["subnet-1234"], "SecurityGroupIds": ["sg-1234"]})
        assert invoke(server, "closed", port) == (None, ["HTTP/", "ConnectionRefusedError"])
