"""Function URLs that stream: what comes when, what comes before the body, and how errors look."""
import http.client
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import B, REGION, package

STREAM = """
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
    const path = event.rawPath;
    if (path === '/fail') throw new TypeError('before the first piece');
    if (path === '/events') {
        stream.setContentType('text/event-stream');
    } else if (path === '/malformed') {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        stream.write('no metadata');
        return stream.end();
    } else if (path !== '/plain') {
        stream = awslambda.HttpResponseStream.from(stream, {
            statusCode: 201, cookies: ['a=1', 'b=2'],
            headers: { 'content-type': 'text/html', 'x-mine': event.requestContext.accountId },
        });
    }
    if (path === '/large') {
        const piece = Buffer.alloc(1 << 20, 120);
        for (let n = 0; n < 8; n += 1) {
            if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
        }
        return stream.end();
    }
    stream.write('one,');
    await pause(600);
    if (path === '/middle') throw new RangeError('in the middle');
    if (path === '/hang') await pause(60000);
    stream.write('two');
    console.log('wrote the last piece');
    stream.end();
});
"""
BUFFERED = """
def handler(event, context):
    if event["rawPath"] == "/fail":
        raise RuntimeError("no")
    return {"statusCode": 201, "headers": {"x-mine": "yes"}, "body": "hello"}
"""


def url_of(server, name, auth="NONE", mode="RESPONSE_STREAM", **more):
    client = server.client("lambda", B)
    made = client.create_function_url_config(FunctionName=name, AuthType=auth, InvokeMode=mode, **more)
    assert made["InvokeMode"] == mode
    for sid, action, key in [("url", "lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": auth}),
                             ("invoke", "lambda:InvokeFunction", {"InvokedViaFunctionUrl": True})]:
        client.add_permission(FunctionName=name, StatementId=sid, Action=action, Principal="*" if auth == "NONE" else B,
                              **key)
    return made["FunctionUrl"].removeprefix("http://").rstrip("/")


def streaming_function(server, name, **more):
    server.function(name=name, Runtime="nodejs20.x", Timeout=2, **more)
    client = server.client("lambda", B)
    client.update_function_code(FunctionName=name, ZipFile=package(STREAM, "index.mjs"))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="module")
def url(shared):
    streaming_function(shared, "stream")
    return url_of(shared, "stream", Cors={"AllowOrigins": ["https://a.example"], "ExposeHeaders": ["x-mine"]})


def ask(server, host, path, headers=None):
    """An open answer, nothing of its body read."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers={"Host": host, **(headers or {})})
    return connection.getresponse()


def explained(server, answer, text):
    """Waits until the explanation of a request has a text: the run of a streamed answer ends after its head."""
    deadline = time.time() + 5
    while text not in (told := server.explain(answer.headers["x-amzn-RequestId"])):
        assert time.time() < deadline, told
        time.sleep(0.1)


def test_the_metadata_comes_first_and_the_body_as_it_is_written(shared, url):
    ask(shared, url, "/plain").read()  # the function is warm now
    answer = ask(shared, url, "/")
    assert (answer.status, answer.headers["content-type"], answer.headers["x-mine"]) == (201, "text/html", "anonymous")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["transfer-encoding"] == "chunked" and answer.headers["content-length"] is None
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")
    begun = time.time()
    assert answer.read1() == b"one,"
    early = time.time() - begun
    assert (answer.read1(), answer.read1()) == (b"two", b"")
    assert time.time() - begun - early > 0.4, "the first piece came with the last"


def test_a_response_without_metadata_is_a_body(shared, url):
    plain = ask(shared, url, "/plain")
    assert (plain.status, plain.headers["content-type"]) == (200, "application/octet-stream")
    assert plain.read() == b"one,two"
    events = ask(shared, url, "/events")
    assert (events.status, events.headers["content-type"], events.read()) == (200, "text/event-stream", b"one,two")


def test_more_than_a_buffered_response_may_hold(shared, url):
    assert len(ask(shared, url, "/large").read()) == 8 << 20


def test_an_error_before_the_first_piece_is_a_bad_gateway(shared, url):
    answer = ask(shared, url, "/fail")
    assert (answer.status, answer.read()) == (502, b"Internal Server Error")
    explained(shared, answer, "before the first piece")


def test_an_error_in_the_middle_cuts_the_answer(shared, url):
    answer = ask(shared, url, "/middle")
    assert answer.status == 201
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert cut.value.partial == b"one,"
    explained(shared, answer, "in the middle")


def test_a_time_out_in_the_middle_cuts_the_answer(shared, url):
    answer = ask(shared, url, "/hang")
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    explained(shared, answer, "Task timed out after 2.00 seconds")


def test_metadata_that_is_none_is_a_bad_gateway(shared, url):
    answer = ask(shared, url, "/malformed")
    assert (answer.status, answer.read()) == (502, b"Internal Server Error")
    explained(shared, answer, "before 8 zero bytes ended its metadata")


def test_cors(shared, url):
    answer = ask(shared, url, "/plain", headers={"Origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-expose-headers"] == "x-mine"
    answer.read()


def test_a_client_that_leaves_does_not_end_the_function(server):
    streaming_function(server, "left")
    host = url_of(server, "left")
    answer = ask(server, host, "/")
    assert answer.read1() == b"one,"
    answer.close()
    logs, deadline = server.client("logs", B), time.time() + 10
    while not (logs.describe_log_groups()["logGroups"] and logs.filter_log_events(
            logGroupName="/aws/lambda/left", filterPattern='"wrote the last piece"')["events"]):
        assert time.time() < deadline
        time.sleep(0.2)


def test_a_function_that_does_not_stream_is_passed_as_it_is(server):
    server.function(name="plain", source=BUFFERED)
    host = url_of(server, "plain")
    answer = ask(server, host, "/")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.read() == b'{"statusCode": 201, "headers": {"x-mine": "yes"}, "body": "hello"}'
    failed = ask(server, host, "/fail")
    assert (failed.status, failed.read()) == (502, b"Internal Server Error")
    client = server.client("lambda", B)
    assert client.update_function_url_config(FunctionName="plain", InvokeMode="BUFFERED")["InvokeMode"] == "BUFFERED"
    answer = ask(server, host, "/")
    assert (answer.status, answer.headers["x-mine"], answer.read()) == (201, "yes", b"hello")
    client.update_function_url_config(FunctionName="plain", InvokeMode="RESPONSE_STREAM")
    client.put_function_concurrency(FunctionName="plain", ReservedConcurrentExecutions=0)
    assert ask(server, host, "/").status == 429


def test_aws_iam(server):
    streaming_function(server, "private")
    host = url_of(server, "private", auth="AWS_IAM")
    assert ask(server, host, "/").status == 403
    key = server.client("iam", B)
    key.create_user(UserName="u")
    key = key.create_access_key(UserName="u")["AccessKey"]
    request = botocore.awsrequest.AWSRequest("GET", f"http://{host}/", headers={"Host": host})
    credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    botocore.auth.SigV4Auth(credentials, "lambda", REGION).add_auth(request)
    refused = ask(server, host, "/", headers=dict(request.headers))
    assert refused.status == 403, "the function's policy names the account, which has to allow its user"
    server.client("iam", B).attach_user_policy(UserName="u", PolicyArn="arn:aws:iam::aws:policy/AWSLambda_FullAccess")
    answer = ask(server, host, "/", headers=dict(request.headers))
    assert (answer.status, answer.headers["x-mine"], answer.read()) == (201, B, b"one,two")
