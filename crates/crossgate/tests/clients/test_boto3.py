"""The services through boto3: what answers hold, waiters, paging, and an event's exact members."""
import base64
import json
import time

import botocore.exceptions
import pytest

from conftest import A, B, REGION, package


def granted(server, source=None, method="GET", **function):
    arn = server.function(source=source or "import json\ndef handler(event, context):\n"
                          "    return {'statusCode': 200, 'body': json.dumps(event)}\n", **function)
    server.allow()
    return server.api(arn, method=method)


def test_an_event_of_payload_1_0(server):
    api = granted(server, method="ANY")
    answer = server.get(api, "/prod/users?a=1&a=2&b=%2B+x", method="POST", body=b'{"x": 1}',
                        headers={"tEsT-HEADeR": "v", "Content-Type": "application/json"})
    event = answer.json
    assert sorted(event) == sorted([
        "resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters",
        "multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body", "isBase64Encoded"])
    assert event["queryStringParameters"] == {"a": "2", "b": "+ x"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["+ x"]}
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    assert event["pathParameters"] is None and event["stageVariables"] is None
    names = {name.lower() for name in event["headers"]}
    assert {"host", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"} <= names
    assert not {"content-length", "connection"} & names
    context = event["requestContext"]
    assert sorted(context) == sorted([
        "accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity",
        "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage"])
    assert (context["accountId"], context["apiId"], context["path"]) == (A, api, "/prod/users")
    assert context["requestId"] == answer.request_id


def test_header_spelling_is_the_clients(server):
    import http.client
    api = granted(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("GET", f"/_aws/execute-api/{api}/prod/users")
    connection.putheader("tEsT-HEADeR", "v")
    connection.putheader("user-agent", "me")
    connection.endheaders()
    event = json.loads(connection.getresponse().read())
    assert event["headers"]["tEsT-HEADeR"] == "v" and event["headers"]["User-Agent"] == "me"


def test_every_form_of_invoke_url(server):
    api = granted(server)
    for host in [f"{api}.execute-api.{REGION}.localhost", f"{api}.execute-api.localhost",
                 f"{api}.execute-api.{REGION}.amazonaws.com"]:
        assert server.http("/prod/users", host=f"{host}:{server.port}").status == 200, host
    for path in [f"/_aws/execute-api/{api}/prod/users", f"/restapis/{api}/prod/_user_request_/users"]:
        event = server.http(path).json
        assert (event["path"], event["requestContext"]["path"]) == ("/users", "/prod/users"), path


def test_a_stage_serves_its_frozen_deployment(server):
    api = granted(server)
    gateway = server.client("apigateway")
    gateway.delete_method(restApiId=api, resourceId=server.resource_id(api), httpMethod="GET")
    assert server.get(api, "/prod/users").status == 200
    with pytest.raises(botocore.exceptions.ClientError):
        gateway.create_deployment(restApiId=api, stageName="prod")


def test_an_iam_method_refuses_the_unsigned(server):
    import botocore.auth, botocore.awsrequest, botocore.credentials
    api = granted(server)
    gateway = server.client("apigateway")
    gateway.update_method(restApiId=api, resourceId=server.resource_id(api), httpMethod="GET", patchOperations=[
        {"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    answer = server.get(api, "/prod/users")
    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})

    def signed(key, secret):
        host = f"{api}.execute-api.{REGION}.localhost:{server.port}"
        request = botocore.awsrequest.AWSRequest(method="GET", url=f"http://{host}/prod/users")
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "execute-api", REGION).add_auth(request)
        return server.http("/prod/users", host=host, headers=dict(request.prepare().headers.items()))

    answer = signed(A, "any")
    assert answer.status == 200 and answer.json["requestContext"]["identity"]["userArn"] == f"arn:aws:iam::{A}:root"
    iam = server.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    answer = signed(key["AccessKeyId"], key["SecretAccessKey"])
    assert answer.status == 403 and "is not authorized to perform: execute-api:Invoke" in answer.body.decode()
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/users"}]}))
    assert signed(key["AccessKeyId"], key["SecretAccessKey"]).status == 200
    assert signed(key["AccessKeyId"], "wrong").status == 403


def test_mock_with_a_static_answer(server):
    gateway = server.client("apigateway")
    api = gateway.create_rest_api(name="mock")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    at = dict(restApiId=api, resourceId=root, httpMethod="GET")
    gateway.put_method(**at, authorizationType="NONE")
    gateway.put_integration(**at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**at, statusCode="200", responseParameters={"method.response.header.X-From": False})
    gateway.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": '{"ok": true}'},
                                     responseParameters={"method.response.header.X-From": "'mock'"})
    gateway.create_deployment(restApiId=api, stageName="prod")
    answer = server.get(api, "/prod/")
    assert (answer.status, answer.json, answer.headers["X-From"]) == (200, {"ok": True}, "mock")
    tested = gateway.test_invoke_method(**at)
    assert tested["status"] == 200 and "Method completed with status: 200" in tested["log"]


def test_test_invoke_method_runs_the_function(server):
    api = granted(server)
    tested = server.client("apigateway").test_invoke_method(
        restApiId=api, resourceId=server.resource_id(api), httpMethod="GET")
    assert tested["status"] == 200
    assert json.loads(tested["body"])["requestContext"]["stage"] == "test-invoke-stage"
    for line in ["Starting execution for request: ", "Endpoint request URI: https://lambda.us-east-1.amazonaws.com/",
                 "Successfully completed execution", "Method completed with status: 200"]:
        assert line in tested["log"]


def test_invoke_with_its_log(server):
    server.function(source="def handler(event, context):\n    print('seen', event)\n    return event['n'] + 1\n")
    answer = server.client("lambda", B).invoke(FunctionName="account-b-lambda", LogType="Tail", Payload=b'{"n": 41}')
    assert (answer["StatusCode"], answer["ExecutedVersion"], json.load(answer["Payload"])) == (200, "$LATEST", 42)
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId: " in log and "seen {'n': 41}" in log and "Init Duration: " in log


def test_invoke_reports_the_functions_error(server):
    server.function(source="def handler(event, context):\n    raise ValueError('no')\n")
    answer = server.client("lambda", B).invoke(FunctionName="account-b-lambda")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.load(answer["Payload"])
    assert (error["errorMessage"], error["errorType"]) == ("no", "ValueError") and error["stackTrace"]


def test_dry_run_and_event(server):
    server.function(source="def handler(event, context):\n    print('came', event)\n")
    client = server.client("lambda", B)
    assert client.invoke(FunctionName="account-b-lambda", InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName="account-b-lambda", InvocationType="Event", Payload=b'"x"')["StatusCode"] == 202
    logs = server.client("logs", B)
    for _ in range(100):
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/account-b-lambda")["events"]
            if any("came x" in event["message"] for event in events):
                return
        except logs.exceptions.ResourceNotFoundException:
            pass
        time.sleep(0.1)
    pytest.fail("the event was not executed")


def test_a_function_calls_aws_as_its_execution_role(server):
    """boto3 is not among the function's modules, so the call is signed by hand, as an SDK would."""
    source = '''
import datetime, hashlib, hmac, os, urllib.request
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"]
    now = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
    host, body = url[7:], "Action=GetCallerIdentity&Version=2011-06-15"
    headers = {"host": host, "x-amz-date": now, "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"]}
    names = ";".join(sorted(headers))
    lines = "".join(f"{n}:{headers[n]}\\n" for n in sorted(headers))
    request = f"POST\\n/\\n\\n{lines}\\n{names}\\n" + hashlib.sha256(body.encode()).hexdigest()
    scope = f"{now[:8]}/us-east-1/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\\n{now}\\n{scope}\\n" + hashlib.sha256(request.encode()).hexdigest()
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, Signature={signature}")
    answer = urllib.request.urlopen(urllib.request.Request(url + "/", body.encode(), headers))
    return answer.read().decode()
'''
    server.function(source=source, Timeout=10)
    answer = json.load(server.client("lambda", B).invoke(FunctionName="account-b-lambda")["Payload"])
    assert f"arn:aws:sts::{B}:assumed-role/function-role/account-b-lambda" in answer


@pytest.mark.parametrize("runtime", ["python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"])
def test_python_runtimes(shared, runtime):
    name = runtime.replace(".", "-")
    shared.function(name=name, Runtime=runtime, source="import sys\ndef handler(e, c):\n    return list(sys.version_info[:2])\n")
    answer = shared.client("lambda", B).invoke(FunctionName=name)
    version = tuple(json.load(answer["Payload"]))
    # The nearest newer version stands in for one that is not installed; any, when there is no newer one.
    assert version >= (3, 8) and "FunctionError" not in answer


def test_function_life(server):
    arn = server.function()
    client = server.client("lambda", B)
    found = client.get_function(FunctionName=arn)
    assert found["Configuration"]["State"] == "Active" and found["Code"]["Location"].startswith("http://")
    import urllib.request
    with urllib.request.urlopen(found["Code"]["Location"]) as archive:
        assert archive.read() == package()
    client.update_function_code(FunctionName="account-b-lambda", ZipFile=package("def handler(e, c):\n    return 'new'\n"))
    client.get_waiter("function_updated_v2").wait(FunctionName="account-b-lambda", WaiterConfig={"Delay": 1})
    assert json.load(client.invoke(FunctionName="account-b-lambda")["Payload"]) == "new"
    client.delete_function(FunctionName="account-b-lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found"):
        client.get_function(FunctionName="account-b-lambda")


def test_permissions_of_a_function(server):
    arn = server.function()
    client = server.client("lambda", B)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="The resource you requested does not exist."):
        client.get_policy(FunctionName="account-b-lambda")
    statement = json.loads(client.add_permission(
        FunctionName="account-b-lambda", StatementId="s1", Action="lambda:InvokeFunction", Principal=A,
        SourceArn=f"arn:aws:execute-api:{REGION}:{A}:api/stage/*/*")["Statement"])
    assert statement == {"Sid": "s1", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
                         "Action": "lambda:InvokeFunction", "Resource": arn,
                         "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{REGION}:{A}:api/stage/*/*"}}}
    with pytest.raises(client.exceptions.ResourceConflictException, match="The statement id .s1. provided already exists"):
        server.allow(StatementId="s1")
    policy = json.loads(client.get_policy(FunctionName="account-b-lambda")["Policy"])
    assert (policy["Version"], policy["Id"], policy["Statement"]) == ("2012-10-17", "default", [statement])
    client.remove_permission(FunctionName="account-b-lambda", StatementId="s1")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName="account-b-lambda")


def test_pages(server):
    iam = server.client("iam")
    for number in range(7):
        server.role(f"role-{number}")
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Roles"]) for page in pages] == [3, 3, 1]
    gateway = server.client("apigateway")
    for number in range(5):
        gateway.create_rest_api(name=f"api-{number}")
    pages = list(gateway.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 2}))
    assert sorted(item["name"] for page in pages for item in page["items"]) == [f"api-{n}" for n in range(5)]


def test_sixteen_callers_at_once(server):
    import concurrent.futures
    api = granted(server, source="import os\ndef handler(e, c):\n    return {'statusCode': 200, 'body': str(os.getpid())}\n")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.get(api, "/prod/users").status, range(320)))
    assert answers == [200] * 320
