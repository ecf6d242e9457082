"""Function URLs through the real server: who may call, what the function gets, what the client gets."""
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import B, REGION

ECHO = """
import json

def handler(event, context):
    if event["rawPath"] == "/fail":
        raise RuntimeError("no")
    if event["rawPath"] == "/plain":
        return "just text"
    return {"statusCode": 201, "cookies": ["a=1"], "headers": {"x-mine": "yes"}, "body": json.dumps(event)}
"""
FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: " \
            "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"


@pytest.fixture(scope="module")
def url(shared):
    """A function URL without authentication, both of its permissions granted; gives its host."""
    shared.function(source=ECHO, name="echo")
    client = shared.client("lambda", B)
    made = client.create_function_url_config(FunctionName="echo", AuthType="NONE",
                                             Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"]})
    host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
    assert host.endswith(f".lambda-url.{REGION}.localhost:{shared.port}")
    closed = shared.http("/", host=host)
    assert (closed.status, closed.json) == (403, {"Message": FORBIDDEN})
    assert closed.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert "lambda:InvokeFunctionUrl" in shared.explain(closed.request_id)
    client.add_permission(FunctionName="echo", StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
                          FunctionUrlAuthType="NONE")
    half = shared.http("/", host=host)
    assert half.status == 403, "since October 2025 InvokeFunction must be allowed too"
    client.add_permission(FunctionName="echo", StatementId="invoke", Action="lambda:InvokeFunction", Principal="*",
                          InvokedViaFunctionUrl=True)
    return host


def test_the_event_and_the_answer(shared, url):
    answer = shared.http("/users/1?a=1&a=2", host=url, method="POST", body=b'{"x": 1}',
                         headers={"Content-Type": "application/json", "Cookie": "s=1; t=2"})
    assert (answer.status, answer.headers["x-mine"], answer.headers["set-cookie"]) == (201, "yes", "a=1")
    event = answer.json
    assert event["version"] == "2.0" and event["routeKey"] == "$default"
    assert (event["rawPath"], event["rawQueryString"]) == ("/users/1", "a=1&a=2")
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["cookies"] == ["s=1", "t=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    context = event["requestContext"]
    assert context["accountId"] == "anonymous" and context["http"]["method"] == "POST"
    assert context["requestId"] == answer.request_id
    assert "authorizer" not in context


def test_text_is_a_body_and_an_error_is_a_bad_gateway(shared, url):
    plain = shared.http("/plain", host=url)
    assert (plain.status, plain.body) == (200, b"just text")
    failed = shared.http("/fail", host=url)
    assert (failed.status, failed.body) == (502, b"Internal Server Error")
    assert "RuntimeError" in shared.explain(failed.request_id)


def test_cors_is_answered_without_the_function(shared, url):
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    preflight = shared.http("/fail", host=url, method="OPTIONS", headers=ask)
    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (200, "GET")
    read = shared.http("/", host=url, headers={"Origin": "https://a.example"})
    assert read.headers["access-control-allow-origin"] == "https://a.example"
    other = shared.http("/", host=url, headers={"Origin": "https://b.example"})
    assert other.headers["access-control-allow-origin"] is None


def test_an_unknown_url(shared):
    gone = shared.http("/", host=f"nothing.lambda-url.{REGION}.localhost:{shared.port}")
    assert (gone.status, gone.json) == (403, {"Message": None})


def signed(server, host, key):
    """A request signed for Lambda, as an SDK or curl --aws-sigv4 would."""
    request = botocore.awsrequest.AWSRequest("GET", f"{server.url}/", headers={"Host": host})
    credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    botocore.auth.SigV4Auth(credentials, "lambda", REGION).add_auth(request)
    return server.http("/", host=host, headers=dict(request.headers))


def test_aws_iam_wants_both_actions_of_the_caller(server):
    arn = server.function(source=ECHO, name="private")
    made = server.client("lambda", B).create_function_url_config(FunctionName="private", AuthType="AWS_IAM")
    host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
    assert server.http("/", host=host).status == 403
    iam = server.client("iam", B)
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    assert signed(server, host, key).status == 403
    iam.put_user_policy(UserName="u", PolicyName="call", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": arn,
             "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn,
             "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}]}))
    answer = signed(server, host, key)
    assert answer.status == 201, answer.body
    caller = answer.json["requestContext"]["authorizer"]["iam"]
    assert caller["userArn"] == f"arn:aws:iam::{B}:user/u" and caller["accessKey"] == key["AccessKeyId"]
    wrong = dict(key, SecretAccessKey="x" * 40)
    assert signed(server, host, wrong).status == 403
