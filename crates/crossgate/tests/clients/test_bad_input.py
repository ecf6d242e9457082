"""Bad input gets a clear error in the protocol's own form, and nothing is lost."""
import io
import json
import os
import signal
import socket
import stat
import threading
import zipfile

import botocore.exceptions
import pytest

from conftest import A, B, REGION, package


def refusal(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def create(server, archive, account=B, name="bad", **more):
    try:
        server.role("function-role", account=account, service="lambda.amazonaws.com")
    except botocore.exceptions.ClientError:
        pass
    settings = dict(FunctionName=name, Runtime="python3.9", Handler="index.handler",
                    Role=f"arn:aws:iam::{account}:role/function-role", Code={"ZipFile": archive})
    settings.update(more)
    return refusal(server.client("lambda", account).create_function, **settings)


def archive_of(entry, content=b"x"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, content)
    return out.getvalue()


def test_a_zip_that_is_no_zip(shared):
    code, message = create(shared, b"this is no zip")
    assert code == "InvalidParameterValueException" and "unzip" in message


@pytest.mark.parametrize("name", ["../escaped.py", "/etc/escaped.py", "a/../../escaped.py"])
def test_a_zip_that_escapes_its_folder(shared, name):
    code, message = create(shared, archive_of(name))
    assert code == "InvalidParameterValueException" and "escaped.py" in message


def test_a_link_that_leads_out(shared):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    code, message = create(shared, archive_of(link, "/etc/passwd"))
    assert code == "InvalidParameterValueException" and "link" in message


def test_a_zip_that_unpacks_past_250_mb(shared):
    code, message = create(shared, archive_of("big", bytes(263 * 1000 * 1000)))
    assert code == "InvalidParameterValueException" and "262144000" in message


def test_a_role_that_does_not_exist_or_does_not_trust_lambda(shared):
    code, message = create(shared, package(), Role=f"arn:aws:iam::{B}:role/none")
    assert (code, message) == ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    role = shared.role("gateway-only", account=B)
    code, message = create(shared, package(), Role=role)
    assert (code, message) == ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")


def test_an_unknown_runtime(shared):
    code, message = create(shared, package(), Runtime="python2.6")
    assert code == "InvalidParameterValueException" and "python2.6" in message


@pytest.mark.parametrize("document", ["{", "{}", '{"Version": "2012-10-17"}', '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}',
                                      "[" * 100_000])
def test_malformed_policies(shared, document):
    code, message = refusal(shared.client("iam").create_policy, PolicyName="bad", PolicyDocument=document)
    assert code == "MalformedPolicyDocument", message


def test_values_out_of_bounds(shared):
    answer = shared.http("/2015-03-31/functions/" + "x" * 200, headers=sign(shared, "/2015-03-31/functions/" + "x" * 200))
    assert answer.status == 400
    assert "failed to satisfy constraint" in answer.json["message"]


def sign(server, path, service="lambda", method="GET", body=b""):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    request = botocore.awsrequest.AWSRequest(method=method, url=server.url + path, data=body)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(B, "any"), service, REGION).add_auth(request)
    return dict(request.prepare().headers.items())


def test_an_operation_without_behaviour_is_named(shared):
    code, message = refusal(shared.client("apigateway").get_sdk, restApiId="a", stageName="b", sdkType="java")
    assert code == "NotImplemented" and "GetSdk" in message


def test_a_body_over_10_mb_for_an_api(server):
    arn = server.function()
    server.allow()
    api = server.api(arn, method="ANY")
    answer = server.get(api, "/prod/users", method="POST", body=bytes(10 * 1024 * 1024 + 1))
    assert (answer.status, answer.body) == (413, b"HTTP content length exceeded 10485760 bytes.")
    assert "10 MB" in server.explain(answer.request_id)
    assert server.get(api, "/prod/users").status == 200


def test_a_body_over_6_mb_for_lambda(server):
    server.function()
    code, message = refusal(server.client("lambda", B).invoke, FunctionName="account-b-lambda", Payload=b'"' + b"x" * (6 * 1024 * 1024) + b'"')
    assert code in ("RequestTooLargeException", "RequestEntityTooLargeException") and "6291456" in message


def test_a_payload_that_is_no_json(server):
    server.function()
    code, message = refusal(server.client("lambda", B).invoke, FunctionName="account-b-lambda", Payload=b"{no json")
    assert code == "InvalidRequestContentException"


def test_json_that_is_broken(shared):
    body = b'{"FunctionName": '
    answer = shared.http("/2015-03-31/functions", method="POST", body=body,
                         headers=sign(shared, "/2015-03-31/functions", method="POST", body=body))
    assert answer.status == 400 and "InvalidRequestContentException" in answer.headers["x-amzn-ErrorType"]


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n\x00\x01\x02", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"])
def test_broken_http(shared, raw):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:100]
    assert answer.count(b"HTTP/1.1 ") <= 1, "one request, one answer"
    assert shared.http("/_crossgate/health").status == 200


def test_what_another_account_owns_looks_like_nothing(server):
    server.function()
    api = server.api(f"arn:aws:lambda:{REGION}:{B}:function:account-b-lambda")
    mine = refusal(server.client("apigateway", B).get_rest_api, restApiId=api)
    none = refusal(server.client("apigateway", B).get_rest_api, restApiId="aaaaaaaaaa")
    assert mine[0] == none[0] == "NotFoundException"
    assert mine[1].replace(api, "ID") == none[1].replace("aaaaaaaaaa", "ID")


def test_the_management_api_sends_no_cors_headers(shared):
    answer = shared.http("/2015-03-31/functions/", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = shared.http("/_crossgate/health", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_killed_while_functions_are_created(start, tmp_path):
    server = start("--data", str(tmp_path))
    server.role("function-role", account=B, service="lambda.amazonaws.com")
    acknowledged, stop = [], threading.Event()

    def make():
        client = server.client("lambda", B)
        for number in range(10_000):
            try:
                client.create_function(FunctionName=f"f{number}", Runtime="python3.9", Handler="index.handler",
                                       Role=f"arn:aws:iam::{B}:role/function-role", Code={"ZipFile": package(f"# {number}\ndef handler(e, c): return {number}")})
            except Exception:
                return
            acknowledged.append(f"f{number}")
            if number == 20:
                stop.set()

    maker = threading.Thread(target=make)
    maker.start()
    assert stop.wait(60)
    server.stop(signal.SIGKILL)
    maker.join()
    again = start("--data", str(tmp_path))
    client = again.client("lambda", B)
    names = [f["FunctionName"] for page in client.get_paginator("list_functions").paginate() for f in page["Functions"]]
    assert set(acknowledged) <= set(names)
    for name in names:
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        answer = client.invoke(FunctionName=name)
        assert json.load(answer["Payload"]) == int(name[1:])


def test_a_second_server_on_the_same_directory(start, tmp_path):
    import subprocess
    from conftest import CROSSGATE
    first = start("--data", str(tmp_path))
    second = subprocess.run([CROSSGATE, "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path)],
                            capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert str(first.process.pid) in second.stderr and str(tmp_path) in second.stderr


def test_everything_is_there_after_a_restart(start, tmp_path):
    server = start("--data", str(tmp_path))
    arn = server.function()
    server.allow()
    api = server.api(arn)
    assert server.get(api, "/prod/users").status == 200
    assert server.stop() == 0
    again = start("--data", str(tmp_path))
    assert again.get(api, "/prod/users").status == 200
