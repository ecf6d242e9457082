"""Responses that API Gateway passes on as they are written: functions in Node and in a custom runtime, and HTTP endpoints."""
import http.client
import io
import json
import threading
import time
import zipfile

import pytest

from conftest import A, B, REGION
from http_backend import Api, Backend
from test_node import node

URI = "arn:aws:apigateway:{0}:lambda:path/2021-11-15/functions/{1}/response-streaming-invocations"
NODE = """
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
    const what = (event.queryStringParameters || {}).what;
    if (what === 'first') throw new TypeError('before the metadata');
    if (what === 'bare') { stream.write('no metadata'); stream.end(); return; }
    const status = event.path === '/teapot' ? 418 : 200;
    stream = awslambda.HttpResponseStream.from(stream, {
        statusCode: status, headers: { 'Content-Type': 'text/event-stream', 'X-Path': event.path },
        cookies: ['a=b', 'c=d'],
    });
    stream.write('one,');
    await pause(what === 'slow' ? 4000 : 500);
    if (what === 'middle') throw new RangeError('in the middle');
    stream.write('two');
    stream.end();
});
"""
BUFFERED = "exports.handler = async () => ({ statusCode: 200, body: 'whole' });"
# A custom runtime in Python: the response as chunks, with the metadata cut in two.
LOOP = '''#!/usr/bin/env python3
import http.client, json, os, time
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    connection = http.client.HTTPConnection(api)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    event = json.loads(answer.read())
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    def pieces():
        metadata = json.dumps({"statusCode": 201, "multiValueHeaders": {"X-Many": ["1", "2"]}}).encode()
        yield metadata[:10]
        yield metadata[10:] + bytes(3)
        yield bytes(5) + b"\\xff\\x00raw "
        time.sleep(0.3)
        if event["httpMethod"] == "POST":
            yield bytes(11 << 20)
        yield b"end"
    connection = http.client.HTTPConnection(api)
    connection.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", pieces(), {
        "Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked",
        "Content-Type": "application/vnd.awslambda.http-integration-response"}, encode_chunked=True)
    connection.getresponse().read()
'''


def program(source):
    """A package whose `bootstrap` may be executed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, source)
    return out.getvalue()


def streaming(server, function, verb="GET", path="/users", **more):
    api = Api(server)
    integration = dict(responseTransferMode="STREAM", integrationHttpMethod="POST", timeoutInMillis=60000)
    integration.update(more)
    return api.method(path, URI.format(REGION, function), verb, kind="AWS_PROXY", **integration)


def opened(server, api, path, method="GET", **headers):
    """The response's head is there, the body is not read."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers={"Host": f"{api.id}.execute-api.{REGION}.localhost", **headers})
    return connection.getresponse()


def pieces(response):
    """[(seconds since the head, piece)]"""
    began, out = time.time(), []
    while piece := response.read1():
        out.append((time.time() - began, piece))
    return out


@pytest.fixture(scope="module")
def function(shared):
    arn = node(shared, "streams", NODE, "index.mjs")
    shared.allow("streams")
    return arn


@pytest.fixture(scope="module")
def api(shared, function):
    made = streaming(shared, function)
    for path in ("/teapot", "/{proxy+}"):
        made.method(path, URI.format(REGION, function), kind="AWS_PROXY", integrationHttpMethod="POST",
                    responseTransferMode="STREAM", timeoutInMillis=2000)
    return made.deploy()


def test_a_node_functions_response_is_passed_on_as_it_is_written(shared, api):
    response = opened(shared, api, "/prod/users")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
    assert response.headers["X-Path"] == "/users"
    assert response.headers.get_all("Set-Cookie") == ["a=b", "c=d"]
    assert response.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in response.headers
    assert response.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    got = pieces(response)
    assert b"".join(piece for _, piece in got) == b"one,two"
    assert got[0][1] == b"one," and got[-1][0] - got[0][0] > 0.3, got
    told = shared.explain(response.headers["x-amzn-RequestId"])
    assert "the client got 7 bytes of the body" in told and "ran " in told, told
    assert opened(shared, api, "/prod/teapot").status == 418


def test_what_goes_wrong_before_the_metadata_is_a_gateway_response(shared, api):
    response = opened(shared, api, "/prod/users?what=first")
    assert (response.status, json.loads(response.read())) == (502, {"message": "Internal server error"})
    assert "before the metadata" in shared.explain(response.headers["x-amzn-RequestId"])
    response = opened(shared, api, "/prod/users?what=bare")
    assert (response.status, json.loads(response.read())) == (500, {"message": "Internal server error"})
    told = shared.explain(response.headers["x-amzn-RequestId"])
    assert "without a delimiter" in told and "no metadata" in told, told


@pytest.mark.parametrize("path, why", [
    ("/prod/users?what=middle", "in the middle"), ("/prod/other?what=slow", "within its time-out of 2000 ms")])
def test_what_goes_wrong_in_the_middle_closes_the_connection(shared, api, path, why):
    response = opened(shared, api, path)
    assert response.status == 200
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        while response.read1():
            pass
    told = shared.explain(response.headers["x-amzn-RequestId"])
    assert why in told and "then the connection was closed" in told, told


def test_a_function_that_does_not_stream_has_no_metadata(shared):
    arn = node(shared, "buffered", BUFFERED, "index.js")
    shared.allow("buffered")
    response = opened(shared, streaming(shared, arn).deploy(), "/prod/users")
    assert response.status == 500
    assert '"statusCode":200' in shared.explain(response.headers["x-amzn-RequestId"])


def test_a_custom_runtime_streams_bytes_as_they_are_and_more_than_ten_megabytes(shared):
    arn = shared.function(name="loop", Runtime="provided.al2023", Handler="x", Timeout=30)
    client = shared.client("lambda", B)
    client.update_function_code(FunctionName="loop", ZipFile=program(LOOP))
    client.get_waiter("function_updated_v2").wait(FunctionName="loop", WaiterConfig={"Delay": 1})
    shared.allow("loop")
    api = streaming(shared, arn, "ANY").deploy()
    response = opened(shared, api, "/prod/users", **{"Accept-Encoding": "gzip"})
    assert (response.status, response.headers.get_all("X-Many")) == (201, ["1", "2"])
    assert "Content-Encoding" not in response.headers
    assert response.headers["Content-Type"] == "application/json"
    assert response.read() == b"\xff\x00raw end"
    response = opened(shared, api, "/prod/users", "POST")
    assert len(response.read()) == (11 << 20) + 9


def test_lambda_invoke_function_is_what_must_be_granted(shared, function):
    arn = shared.function(name="closed")
    api = streaming(shared, arn).deploy()
    response = opened(shared, api, "/prod/users")
    assert response.status == 500
    told = shared.explain(response.headers["x-amzn-RequestId"])
    assert "lambda:InvokeFunction" in told and "aws lambda add-permission" in told, told


def test_an_http_endpoints_response_is_passed_on_as_it_comes(shared):
    backend = Backend()
    try:
        api = Api(shared).method("/sse", backend.url + "/sse", responseTransferMode="STREAM")
        api.method("/cut", backend.url + "/cut", responseTransferMode="STREAM")
        api.method("/large", backend.url + "/large", responseTransferMode="STREAM")
        api.deploy()
        response = opened(shared, api, "/prod/sse")
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        got = pieces(response)
        assert b"".join(piece for _, piece in got) == b"data: 1\n\ndata: 2\n\n"
        assert got[-1][0] - got[0][0] > 0.3, got
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            opened(shared, api, "/prod/cut").read()
        # Without streaming 10 MB are the most.
        assert len(opened(shared, api, "/prod/large").read()) == 11 << 20
    finally:
        backend.stop()


def test_a_client_that_leaves_leaves_the_function_alone(shared, api):
    response = opened(shared, api, "/prod/users?what=slow")
    assert response.read1() == b"one,"
    request_id = response.headers["x-amzn-RequestId"]
    response.close()
    deadline = time.time() + 10
    while "the client got 4 bytes" not in (told := shared.http(f"/_crossgate/requests/{request_id}").body.decode()):
        assert time.time() < deadline, told
        time.sleep(0.2)


def test_test_invoke_method_buffers_and_has_no_log(shared, api):
    answer = api.test("/users")
    assert (answer["status"], answer["body"]) == (200, "one,two")
    assert answer["log"] == "Execution log is not available for streaming response."


def test_the_access_log_has_the_times_of_the_stream(shared, function):
    api = streaming(shared, function).deploy()
    shared.client("logs", A).create_log_group(logGroupName="streams")
    patch = [("destinationArn", f"arn:aws:logs:{REGION}:{A}:log-group:streams"), ("format", json.dumps({
        name: f"$context.{name}" for name in (
            "status", "responseLength", "integration.responseTransferMode", "integration.timeToAllHeaders",
            "integration.timeToFirstContent", "integration.latency")}))]
    shared.client("apigateway", A).update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": f"/accessLogSettings/{name}", "value": value} for name, value in patch])
    opened(shared, api, "/prod/users").read()
    logs, deadline = shared.client("logs", A), time.time() + 10
    while not (events := logs.filter_log_events(logGroupName="streams")["events"]):
        assert time.time() < deadline
        time.sleep(0.1)
    line = json.loads(events[0]["message"])
    assert (line["status"], line["responseLength"]) == ("200", "7")
    assert line["integration.responseTransferMode"] == "STREAMED"
    headers, first, whole = (int(line[f"integration.{name}"]) for name in (
        "timeToAllHeaders", "timeToFirstContent", "latency"))
    assert headers <= first <= whole - 300, line


def test_management_and_openapi_know_the_mode(shared, function):
    gateway = shared.client("apigateway", A)
    api = Api(shared).method("/users", "http://localhost/", responseTransferMode="STREAM", timeoutInMillis=900000)
    place = dict(restApiId=api.id, resourceId=api.resources["/users"], httpMethod="GET")
    assert gateway.get_integration(**place)["responseTransferMode"] == "STREAM"
    mode = lambda value: gateway.update_integration(**place, patchOperations=[
        {"op": "replace", "path": "/responseTransferMode", "value": value}])
    with pytest.raises(gateway.exceptions.BadRequestException, match="between 50 ms and 29000 ms"):
        mode("BUFFERED")
    gateway.update_integration(**place, patchOperations=[
        {"op": "replace", "path": "/timeoutInMillis", "value": "1000"}])
    assert mode("BUFFERED")["responseTransferMode"] == "BUFFERED"
    assert mode("STREAM")["responseTransferMode"] == "STREAM"
    api.deploy()
    exported = gateway.get_export(restApiId=api.id, stageName="prod", exportType="oas30",
                                  parameters={"extensions": "integrations"})["body"].read()
    extension = json.loads(exported)["paths"]["/users"]["get"]["x-amazon-apigateway-integration"]
    assert (extension["responseTransferMode"], extension["timeoutInMillis"]) == ("STREAM", 1000)
    again = gateway.import_rest_api(body=exported)["id"]
    at = shared.resource_id(again)
    assert gateway.get_integration(restApiId=again, resourceId=at, httpMethod="GET")["responseTransferMode"] == "STREAM"


def test_many_streams_at_once(shared, api):
    whole = []
    threads = [threading.Thread(target=lambda: whole.append(opened(shared, api, "/prod/users").read())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole == [b"one,two"] * 6
