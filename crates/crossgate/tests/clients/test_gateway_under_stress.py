"""Deployments under load, and APIs that do harm: each call is answered, and other APIs go on as before."""
import gzip
import http.client
import json
import threading
import time

import botocore.exceptions
import pytest

from conftest import A, REGION
from http_backend import Api


JSON = {"Content-Type": "application/json"}


def mock(shared, template="{}", request='{"statusCode": 200}', verb="ANY", **settings):
    api = Api(shared, **settings)
    api.method("/x", None, kind="MOCK", verb=verb, requestTemplates={"application/json": request},
               method_responses={"200": {}}, responses={"200": {"responseTemplates": {"application/json": template}}})
    api.host = f"{api.id}.execute-api.{REGION}.localhost"
    return api


def asking(port, asks, stop, failures):
    """Calls over one kept-alive connection until it is told to stop."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    while not stop.is_set():
        try:
            asks(connection)
        except Exception as error:
            failures.append(repr(error))
            return
    connection.close()


def test_a_deployment_takes_effect_on_the_next_request_and_none_fails(shared):
    api = mock(shared, '{"version": 0}').deploy()
    other = mock(shared, '{"other": true}').deploy()
    place = dict(restApiId=api.id, resourceId=api.resources["/x"], httpMethod="ANY", statusCode="200")
    deployed, calls, failures, stop = [0], [0], [], threading.Event()

    def ask(connection):
        before = deployed[0]
        connection.request("GET", "/prod/x", headers={"Host": api.host})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, (answer.status, body)
        # A request that begins behind CreateDeployment's answer sees that deployment, or a later one.
        assert before <= body["version"], (before, body)
        calls[0] += 1

    def ask_other(connection):
        connection.request("GET", "/prod/x", headers={"Host": other.host})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, {"other": True})

    asking_threads = [threading.Thread(target=asking, args=(shared.port, what, stop, failures))
                      for what in [ask] * 6 + [ask_other] * 2]
    for thread in asking_threads:
        thread.start()
    for version in range(1, 41):
        api.gateway.put_integration_response(**place, responseTemplates={"application/json": f'{{"version": {version}}}'})
        api.gateway.create_deployment(restApiId=api.id, stageName="prod")
        deployed[0] = version
        assert shared.get(api.id, "/prod/x").json == {"version": version}
    stop.set()
    for thread in asking_threads:
        thread.join()
    assert failures == []
    assert calls[0] > 100, "too few calls say nothing"


BOMBS = {
    "loops": "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end",
    "ranges": "#set($r = [1..2000000000])",
    "recursion": "#macro(m)#m()#end#m()",
    "doubling": "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..100])#set($s = $s + $s)#end",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_bomb_is_a_500_with_the_reason_in_the_log(shared, bomb):
    good = mock(shared, '{"good": true}').deploy()
    bad = mock(shared, BOMBS[bomb]).deploy()
    level = {"op": "replace", "path": "/*/*/logging/loglevel", "value": "ERROR"}
    role = shared.role(f"logs-{bomb}", account=A, service="apigateway.amazonaws.com")
    bad.gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])
    bad.gateway.update_stage(restApiId=bad.id, stageName="prod", patchOperations=[level])
    stop, failures = threading.Event(), []

    def ask(connection):
        connection.request("GET", "/prod/x", headers={"Host": good.host})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, {"good": True})

    beside = threading.Thread(target=asking, args=(shared.port, ask, stop, failures))
    beside.start()
    for _ in range(5):
        began = time.monotonic()
        answer = shared.get(bad.id, "/prod/x")
        assert (answer.status, answer.json) == (500, {"message": "Internal server error"})
        assert time.monotonic() - began < 10
    stop.set()
    beside.join()
    assert failures == []
    logs = shared.client("logs", A)
    for _ in range(50):
        events = logs.filter_log_events(logGroupName=f"API-Gateway-Execution-Logs_{bad.id}/prod")["events"]
        if events:
            break
        time.sleep(0.1)
    assert any("Unable to transform the body" in event["message"] and "at line 1" in event["message"] for event in events), events


def test_bodies_that_unfold_and_bodies_that_are_deep(shared):
    api = mock(shared, request="""{"statusCode": $input.json('$.a')}""", minimumCompressionSize=0).deploy()
    bomb = gzip.compress(bytes(64 << 20))
    answer = shared.get(api.id, "/prod/x", method="POST", body=bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})
    broken = shared.get(api.id, "/prod/x", method="POST", body=bomb[:1000], headers={"Content-Encoding": "gzip"})
    assert broken.status == 415
    for deep in ("[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000):
        assert shared.get(api.id, "/prod/x", method="POST", body=deep.encode(), headers=JSON).status == 500
    assert shared.get(api.id, "/prod/x", method="POST", body=b'{"a": 200}', headers=JSON).status == 200


def test_patterns_that_go_back_for_ever(shared):
    api = Api(shared)
    model = api.gateway.create_model(restApiId=api.id, name="M", contentType="application/json", schema=json.dumps(
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+\\1$"}}}))
    validator = api.gateway.create_request_validator(restApiId=api.id, name="v", validateRequestBody=True)["id"]
    api.method("/x", None, kind="MOCK", verb="POST", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {}}, responses={"200": {"selectionPattern": "(2*)*(0+)+"}})
    api.gateway.update_method(restApiId=api.id, resourceId=api.resources["/x"], httpMethod="POST", patchOperations=[
        {"op": "add", "path": "/requestModels/application~1json", "value": model["name"]},
        {"op": "replace", "path": "/requestValidatorId", "value": validator}])
    api.deploy()
    began = time.monotonic()
    answer = shared.get(api.id, "/prod/x", method="POST", body=json.dumps({"a": "a" * 5000 + "b"}).encode(), headers=JSON)
    assert answer.status == 400 and time.monotonic() - began < 10
    assert shared.get(api.id, "/prod/x", method="POST", body=b"{}", headers=JSON).status == 200


@pytest.mark.parametrize("document, why", [
    ('{"openapi": "3.0.1", "x": "' + "a" * (6 << 20) + '"}', "6291456"),
    ('{"openapi": "3.0.1", "x": ' + "[" * 10_000 + "]" * 10_000 + "}", "Invalid OpenAPI input"),
    ("openapi: 3.0.1\nl0: &l0 ha\n" + "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 10)),
     "Invalid OpenAPI input"),
    ('{"swagger": "2.0", "info": {"title": "t"}, "paths": {"/a": {"get": {"parameters": [{"$ref": "#/parameters/p"}]}}},'
     ' "parameters": {"p": {"$ref": "#/parameters/p"}}}', "leads back to itself"),
], ids=["large", "deep", "laughs", "cyclic"])
def test_documents_that_are_refused(shared, document, why):
    gateway = shared.client("apigateway", A)
    before = len(gateway.get_rest_apis(limit=500)["items"])
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        gateway.import_rest_api(body=document.encode())
    assert raised.value.response["Error"]["Code"] == "BadRequestException"
    assert why in raised.value.response["Error"]["Message"]
    assert len(gateway.get_rest_apis(limit=500)["items"]) == before
