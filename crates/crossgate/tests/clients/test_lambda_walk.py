"""What users see of functions when something is not as usual: failed starts, their logs, and input at its bounds."""
import base64
import http.client
import io
import json
import socket
import threading
import time
import urllib.parse
import zipfile

import pytest
from botocore.exceptions import ClientError

from conftest import B, package, trust

WARNING = "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."


@pytest.fixture(scope="module")
def lambdas(shared):
    return shared.client("lambda", B)


def invoke(client, name, event=None, **more):
    """The payload, the kind of error, and the tail of the log."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail", **more)
    tail = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(answer["Payload"].read()), answer.get("FunctionError"), tail


def events(server, name, count=1, group=None):
    """The log of a function, in CloudWatch Logs' order, once it has a report."""
    logs = server.client("logs", B)
    for _ in range(100):
        try:
            found = logs.filter_log_events(logGroupName=group or f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            found = []
        messages = [event["message"] for event in found]
        if sum(m.startswith("REPORT ") or '"platform.report"' in m for m in messages) >= count:
            return messages
        time.sleep(0.05)
    raise AssertionError(messages)


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]


@pytest.fixture
def backend():
    """Something that is not ready for the first who asks, and is for the second."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for answer in (b"not yet", b"ready", b"ready"):
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.sendall(answer)
            peer.close()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


# Lambda Developer Guide, "Failures during the init phase": Lambda tries it once more, in the first invocation.


def test_a_failed_init_phase_is_tried_once_more(shared, lambdas, backend):
    shared.function(name="patient", source=f"""
import socket
with socket.create_connection(("127.0.0.1", {backend})) as peer:
    state = peer.recv(100)
print("the backend says", state.decode())
if state != b"ready": raise ConnectionError("no backend")
def handler(event, context): return "served"
""")
    payload, error, tail = invoke(lambdas, "patient")
    assert (payload, error) == ("served", None)
    assert "Init Duration" not in tail, "the second try is a part of the invocation"
    log = "".join(events(shared, "patient"))
    assert "the backend says not yet" in log and "the backend says ready" in log
    assert log.count("INIT_START Runtime") == 1
    assert log.count("\tPhase: init\tStatus: error\tError Type: ConnectionError\n") == 1 and "Phase: invoke" not in log
    assert WARNING in log


@pytest.mark.parametrize("name,code,kind,message", [
    ("raises", "raise OSError('at import')", "OSError", "at import"),
    ("exits", "import sys; sys.exit(7)", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
])
def test_one_that_fails_twice_is_reported_twice(shared, lambdas, name, code, kind, message):
    shared.function(name=name, source=f"print('loading')\n{code}\n")
    payload, error, tail = invoke(lambdas, name)
    assert (payload["errorType"], error) == (kind, "Unhandled") and message in payload["errorMessage"]
    log = events(shared, name)
    text = "".join(log)
    assert log.count("loading\n") == 2
    for phase in ("init", "invoke"):
        assert text.count(f"\tPhase: {phase}\tStatus: error\tError Type: {kind}\n") == 1
    request = tail.split("START RequestId: ")[1].split()[0]
    told = f"RequestId: {request} Error: {message}\nRuntime.ExitError\n" in text
    assert told == (kind == "Runtime.ExitError")


def test_a_time_out_that_the_init_phase_used_up_is_told_as_any_other(shared, lambdas, backend):
    """The init phase of an environment that comes after a failure is a part of the invocation."""
    shared.function(name="late", Timeout=1, source=f"""
import os, socket, time
with socket.create_connection(("127.0.0.1", {backend})) as peer:
    if peer.recv(100) == b"ready": time.sleep(60)
def handler(event, context): os._exit(1)
""")
    assert invoke(lambdas, "late")[0]["errorType"] == "Runtime.ExitError"
    payload, error, tail = invoke(lambdas, "late")
    assert (payload["errorType"], error) == ("Sandbox.Timedout", "Unhandled")
    assert payload["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")
    request = tail.split("START RequestId: ")[1].split()[0]
    assert f"Z {request} Task timed out after 1.00 seconds\n" in tail


def test_a_role_that_lambda_may_not_assume_any_more(server):
    """A new environment needs the role; one that is there goes on with the credentials that it has."""
    lambdas, iam = server.client("lambda", B), server.client("iam", B)
    arn = server.function(name="orphan", source="def handler(event, context): return 'served'\n")
    api = server.api(arn, account=B)
    lambdas.add_permission(FunctionName="orphan", StatementId="api", Action="lambda:InvokeFunction",
                           Principal="apigateway.amazonaws.com")
    assert invoke(lambdas, "orphan")[0] == "served"
    iam.update_assume_role_policy(RoleName="function-role", PolicyDocument=trust("ec2.amazonaws.com"))
    assert invoke(lambdas, "orphan")[0] == "served"
    lambdas.update_function_configuration(FunctionName="orphan", Description="new environments")
    error = refused(lambdas.invoke, FunctionName="orphan")
    assert error == {"Code": "AccessDeniedException",
                     "Message": "The role defined for the function cannot be assumed by Lambda."}
    answer = server.get(api, "/prod/users")
    assert answer.status == 500
    assert (f"the execution role arn:aws:iam::{B}:role/function-role does not exist, or its trust policy does not let "
            "lambda.amazonaws.com assume it") in " ".join(server.explain(answer.request_id).split())
    iam.update_assume_role_policy(RoleName="function-role", PolicyDocument=trust("lambda.amazonaws.com"))
    assert invoke(lambdas, "orphan")[0] == "served"
    iam.delete_role(RoleName="function-role")
    lambdas.update_function_configuration(FunctionName="orphan", Description="newer ones")
    assert refused(lambdas.invoke, FunctionName="orphan")["Code"] == "AccessDeniedException"


# Logs.


def test_lines_and_records_are_in_the_order_in_which_they_were_written(shared, lambdas):
    shared.function(name="order", source="""
import logging
def handler(event, context):
    for n in range(300):
        print("line", n)
        logging.warning("record %d", n)
""")
    invoke(lambdas, "order")
    found = [m.split("\t")[-1].strip() for m in events(shared, "order") if "line" in m or "record" in m]
    assert found == [f"{kind} {n}" for n in range(300) for kind in ("line", "record")]


def test_a_long_line_is_cut_between_characters(shared, lambdas):
    shared.function(name="long", source="def handler(event, context): print('\u20ac' * 200000)\n")
    invoke(lambdas, "long")
    parts = [m for m in events(shared, "long") if "\u20ac" in m]
    assert len(parts) == 3 and "".join(parts) == "\u20ac" * 200000 + "\n"
    assert all(len(part.encode()) <= 262144 - 26 for part in parts)


def test_a_handler_that_cannot_be_called_names_no_place_of_this_machine(shared, lambdas):
    shared.function(name="arity", source="def handler(event): pass\n")
    payload, _, tail = invoke(lambdas, "arity")
    assert payload["errorMessage"] == "handler() takes 1 positional argument but 2 were given"
    assert len(payload["stackTrace"]) == 1
    assert payload["stackTrace"][0].startswith('  File "/var/runtime/bootstrap.py", line ')
    assert "/var/runtime/bootstrap.py" in tail


def test_an_error_of_nodes_runtime_has_the_class_of_awss_client_in_json_logs(shared, lambdas):
    source = "exports.handler = async () => { Promise.reject(1); await new Promise((r) => setTimeout(r, 500)); };\n"
    client = shared.client("lambda", B)
    shared.function(name="for-its-role")
    client.create_function(FunctionName="rejects", Runtime="nodejs20.x", Handler="index.handler",
                           Role=f"arn:aws:iam::{B}:role/function-role", LoggingConfig={"LogFormat": "JSON"},
                           Code={"ZipFile": package(source, "index.js")})
    payload, error, _ = invoke(client, "rejects")
    assert (payload["errorType"], error) == ("Runtime.UnhandledPromiseRejection", "Unhandled")
    records = [json.loads(m) for m in events(shared, "rejects") if m.startswith("{")]
    told = next(r["message"] for r in records if r.get("level") == "ERROR")
    assert (told["errorType"], told["errorMessage"]) == ("UnhandledPromiseRejection", "1")


# Input at its bounds.


def test_names_of_variables_that_lambda_sets_are_refused(shared, lambdas):
    shared.function(name="variables")
    for name in ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_RUNTIME_API"):
        error = refused(lambdas.update_function_configuration, FunctionName="variables",
                        Environment={"Variables": {name: "x"}})
        assert error["Code"] == "InvalidParameterValueException"
        assert error["Message"].endswith(f"Reserved keys used in this request: {name}")


def test_an_archive_without_entries_is_refused(lambdas):
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    error = refused(lambdas.create_function, FunctionName="empty", Runtime="python3.9", Handler="index.handler",
                    Role=f"arn:aws:iam::{B}:role/function-role", Code={"ZipFile": out.getvalue()})
    assert error == {"Code": "InvalidParameterValueException", "Message": "Uploaded file must be a non-empty zip"}


def test_snap_start_is_for_some_runtimes(shared, lambdas):
    shared.function(name="snap")
    wanted = dict(FunctionName="snap", SnapStart={"ApplyOn": "PublishedVersions"})
    error = refused(lambdas.update_function_configuration, **wanted)
    assert error == {"Code": "InvalidParameterValueException",
                     "Message": "python3.9 is not supported for SnapStart enabled functions."}
    kept = lambdas.update_function_configuration(Runtime="python3.12", **wanted)["SnapStart"]
    assert kept["ApplyOn"] == "PublishedVersions"
    error = refused(lambdas.update_function_configuration, FunctionName="snap", Runtime="nodejs20.x")
    assert error["Message"] == "nodejs20.x is not supported for SnapStart enabled functions."


def test_the_client_context_has_3583_bytes(shared, lambdas):
    shared.function(name="context", source="def handler(event, context): return context.client_context.custom['a']\n")

    def context(length):
        return base64.b64encode(json.dumps({"custom": {"a": "x" * length}}).encode()).decode()

    assert invoke(lambdas, "context", ClientContext=context(2660))[0] == "x" * 2660
    error = refused(lambdas.invoke, FunctionName="context", ClientContext=context(2680))
    assert error["Code"] == "InvalidParameterValueException" and "at most 3583" in error["Message"]


def test_a_function_url_takes_six_megabytes(shared, lambdas):
    shared.function(name="url", source="def handler(event, context): return len(event['body'])\n")
    for action, more in (("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
                         ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})):
        lambdas.add_permission(FunctionName="url", StatementId=action[7:], Action=action, Principal="*", **more)
    url = lambdas.create_function_url_config(FunctionName="url", AuthType="NONE")["FunctionUrl"]
    connection = http.client.HTTPConnection("127.0.0.1", shared.port)
    connection.request("POST", "/", b"x" * (6 * 1024 * 1024 + 1), {"Host": urllib.parse.urlsplit(url).netloc})
    answer = connection.getresponse()
    assert answer.status == 413
    text = json.loads(answer.read())
    told = text.get("message") or text.get("Message")
    assert told == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
