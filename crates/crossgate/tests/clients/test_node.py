"""Node functions through the real server: module kinds, an API of another account, response streaming."""
import json
import time

import pytest

from conftest import A, B, package

PROXY = "({ statusCode: 200, body: JSON.stringify({ path: event.path, name: context.functionName }) })"
COMMON = f"exports.handler = async (event, context) => {PROXY};"
MODULE = f"export const handler = async (event, context) => {PROXY};"
STREAM = """
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
    console.log('streaming');
    if (event.fail === 'first') throw new TypeError('before the first piece');
    stream.write('one,');
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (event.fail) throw new RangeError('in the middle');
    stream.write('two');
    stream.end();
});
"""


def node(server, name, source, file, runtime="nodejs20.x"):
    arn = server.function(name=name, Runtime=runtime)
    client = server.client("lambda", B)
    client.update_function_code(FunctionName=name, ZipFile=package(source, file))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return arn


@pytest.mark.parametrize("source, file", [(COMMON, "index.js"), (MODULE, "index.mjs")])
def test_an_api_of_one_account_runs_a_node_function_of_another(server, source, file):
    arn = node(server, "users", source, file)
    server.allow("users")
    api = server.api(arn, account=A)
    for _ in range(2):
        answer = server.get(api, "/prod/users")
        assert (answer.status, answer.json) == (200, {"path": "/users", "name": "users"})


def test_a_function_that_throws_is_a_502_and_its_error_is_in_the_log(server):
    arn = node(server, "users", "exports.handler = async () => { throw new TypeError('no users'); };", "index.js")
    server.allow("users")
    api = server.api(arn, account=A)
    answer = server.get(api, "/prod/users")
    assert (answer.status, answer.json) == (502, {"message": "Internal server error"})
    told = server.client("lambda", B).invoke(FunctionName="users")
    assert told["FunctionError"] == "Unhandled"
    error = json.loads(told["Payload"].read())
    assert sorted(error) == ["errorMessage", "errorType", "trace"]
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "no users")
    deadline = time.time() + 5
    while True:
        events = server.client("logs", B).filter_log_events(logGroupName="/aws/lambda/users")["events"]
        found = [e["message"] for e in events if "\tERROR\tInvoke Error \t" in e["message"]]
        if found or time.time() > deadline:
            break
        time.sleep(0.1)
    assert found and '"errorMessage":"no users"' in found[0], events


def read(answer):
    """(pieces with their times, the last event)"""
    pieces, last = [], None
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            pieces.append((time.time(), event["PayloadChunk"]["Payload"]))
        else:
            last = event["InvokeComplete"]
    return pieces, last


def test_response_streaming(server):
    node(server, "streams", STREAM, "index.mjs")
    client = server.client("lambda", B)
    answer = client.invoke_with_response_stream(FunctionName="streams", Payload=b"{}", LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    pieces, last = read(answer)
    assert b"".join(piece for _, piece in pieces) == b"one,two"
    assert pieces[-1][0] - pieces[0][0] > 0.3, "the first piece came with the last"
    assert "ErrorCode" not in last and last["LogResult"]

    pieces, last = read(client.invoke_with_response_stream(FunctionName="streams", Payload=b'{"fail": true}'))
    assert b"".join(piece for _, piece in pieces) == b"one,"
    assert last["ErrorCode"] == "Unhandled"
    assert json.loads(last["ErrorDetails"])["errorType"] == "RangeError"

    pieces, last = read(client.invoke_with_response_stream(FunctionName="streams", Payload=b'{"fail": "first"}'))
    assert not pieces and json.loads(last["ErrorDetails"])["errorMessage"] == "before the first piece"

    # Buffered, the whole response is the payload.
    assert client.invoke(FunctionName="streams")["Payload"].read() == b"one,two"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke_with_response_stream(FunctionName="missing")


def test_a_function_that_does_not_stream_answers_in_one_piece(server):
    server.function(name="plain", source="def handler(event, context):\n    return event\n")
    client = server.client("lambda", B)
    pieces, last = read(client.invoke_with_response_stream(FunctionName="plain", Payload=b'{"a": 1}'))
    assert [piece for _, piece in pieces] == [b'{"a": 1}'] and last == {}


@pytest.mark.parametrize("runtime, file, source", [
    ("nodejs20.x", "index.js",
     "exports.handler = async () => { console.debug('low'); console.info('told'); };"),
    ("python3.9", "index.py",
     "import logging\ndef handler(e, c):\n    logging.debug('low')\n    logging.info('told')\n"),
])
def test_logging_config_makes_logs_json_from_its_level_on(server, runtime, file, source):
    node(server, "talks", source, file, runtime)
    client = server.client("lambda", B)
    client.update_function_configuration(FunctionName="talks", LoggingConfig={
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/own/group"})
    client.get_waiter("function_updated_v2").wait(FunctionName="talks", WaiterConfig={"Delay": 1})
    assert "FunctionError" not in client.invoke(FunctionName="talks")
    time.sleep(0.5)
    events = server.client("logs", B).filter_log_events(logGroupName="/own/group")["events"]
    records = [json.loads(e["message"]) for e in events if e["message"].startswith("{")]
    # The platform's own lines are JSON too, of another shape.
    records = [r for r in records if "level" in r]
    assert [(r["level"], r["message"]) for r in records] == [("INFO", "told")]
    assert records[0]["requestId"] and records[0]["timestamp"]
