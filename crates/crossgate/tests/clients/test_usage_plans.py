"""Usage plans, stage throttling, canaries and the response cache, through the real binary."""
import datetime
import time

import botocore.exceptions
import pytest

from conftest import A, REGION

COUNTER = """
count = 0

def handler(event, context):
    global count
    count += 1
    return {'statusCode': 200, 'body': str(count) + ' ' + str((event['stageVariables'] or {}).get('v'))}
"""


def deployed(server, key=False, source=COUNTER):
    """GET /users of a function that counts its calls, on stage prod."""
    function = server.function(account=A, name="count", source=source)
    gateway = server.client("apigateway", A)
    api = gateway.create_rest_api(name="counted")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    at = dict(restApiId=api, httpMethod="GET",
              resourceId=gateway.create_resource(restApiId=api, parentId=root, pathPart="users")["id"])
    gateway.put_method(**at, authorizationType="NONE", apiKeyRequired=key)
    gateway.put_integration(
        **at, type="AWS_PROXY", integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations")
    gateway.create_deployment(restApiId=api, stageName="prod")
    server.client("lambda", A).add_permission(
        FunctionName="count", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/*/GET/users")
    return gateway, api


def planned(gateway, api, **limits):
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": api, "stage": "prod"}], **limits)["id"]
    key = gateway.create_api_key(name="key", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return plan, key["id"], {"x-api-key": key["value"]}


def test_a_quota_is_counted_over_restarts_and_can_be_extended(start, tmp_path):
    server = start("--data", str(tmp_path))
    gateway, api = deployed(server, key=True)
    plan, key, header = planned(gateway, api, quota={"limit": 3, "period": "MONTH"})
    assert server.get(api, "/prod/users").json == {"message": "Forbidden"}
    for _ in range(2):
        assert server.get(api, "/prod/users", headers=header).status == 200
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    usage = gateway.get_usage(usagePlanId=plan, startDate=today, endDate=today)
    assert usage["items"] == {key: [[2, 1]]}
    time.sleep(1)
    server.stop()

    server = start("--data", str(tmp_path))
    gateway = server.client("apigateway", A)
    assert gateway.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"] == {key: [[2, 1]]}
    assert server.get(api, "/prod/users", headers=header).status == 200
    refused = server.get(api, "/prod/users", headers=header)
    assert (refused.status, refused.json) == (429, {"message": "Limit Exceeded"})
    assert refused.headers["x-amzn-ErrorType"] == "LimitExceededException"
    assert "quota" in server.explain(refused.request_id)
    update = dict(usagePlanId=plan, keyId=key)
    gateway.update_usage(**update, patchOperations=[{"op": "replace", "path": "/remaining", "value": "1"}])
    assert server.get(api, "/prod/users", headers=header).status == 200
    assert server.get(api, "/prod/users", headers=header).status == 429
    with pytest.raises(botocore.exceptions.ClientError, match="Invalid patch path"):
        gateway.update_usage(**update, patchOperations=[{"op": "add", "path": "/remaining", "value": "1"}])
    gateway.update_api_key(apiKey=key, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert server.get(api, "/prod/users", headers=header).status == 403


def test_a_plan_and_a_stage_throttle(server):
    gateway, api = deployed(server, key=True)
    plan, _, header = planned(gateway, api, throttle={"burstLimit": 2, "rateLimit": 0.01})
    got = [server.get(api, "/prod/users", headers=header) for _ in range(3)]
    assert [answer.status for answer in got] == [200, 200, 429]
    assert got[2].json == {"message": "Too Many Requests"}
    assert plan in server.explain(got[2].request_id)
    gateway.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "remove", "path": "/throttle"}])
    assert server.get(api, "/prod/users", headers=header).status == 200
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "1"},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.01"}])
    assert [server.get(api, "/prod/users", headers=header).status for _ in range(2)] == [200, 429]


def test_a_canary(server):
    gateway, api = deployed(server)
    gateway.create_deployment(restApiId=api, stageName="prod", canarySettings={
        "percentTraffic": 50.0, "stageVariableOverrides": {"v": "canary"}})
    answers = [server.get(api, "/prod/users").body.split()[1] for _ in range(100)]
    assert 20 <= answers.count(b"canary") <= 80
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[{"op": "remove", "path": "/canarySettings"}])
    assert {server.get(api, "/prod/users").body.split()[1] for _ in range(20)} == {b"None"}


def test_the_response_cache_and_its_flush(server):
    gateway, api = deployed(server)
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}])
    first = server.get(api, "/prod/users").body
    assert server.get(api, "/prod/users").body == first
    ignored = server.get(api, "/prod/users", headers={"Cache-Control": "max-age=0"})
    assert ignored.body == first and ignored.headers["Warning"].startswith("199 ")
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/caching/requireAuthorizationForCacheControl", "value": "false"}])
    assert server.get(api, "/prod/users", headers={"Cache-Control": "max-age=0"}).body != first
    second = server.get(api, "/prod/users").body
    gateway.flush_stage_cache(restApiId=api, stageName="prod")
    assert server.get(api, "/prod/users").body != second
