"""Throttling, quotas and keys, the response cache, canaries and compression, by real requests."""
import gzip
import http.client
import json
import time
import zlib

import pytest

from conftest import A, REGION
from explaining import policy
from front_door import (JUDGE, MOCK, callers, jwks, lambda_api, logging, mock_api, openapi, served, signed)  # noqa: F401
from test_usage_plans import COUNTER


def keyed_api(server, *paths, plan=None, **settings):
    """GET of each path, answered by MOCK, for keys; gives the API's id, its plan's and the key."""
    gateway = server.client("apigateway", A)
    document = {"openapi": "3.0.1", "info": {"title": "keyed", "version": "1"}, "components": {"securitySchemes": {
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}, "paths": {path: {"get": {
            "security": [{"key": []}], "responses": {"200": {"description": "ok"}},
            "x-amazon-apigateway-integration": MOCK}} for path in paths}}
    api = gateway.import_rest_api(body=json.dumps(document))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    logging(server, api)
    if plan is None:
        return api, None, None
    stage = {"apiId": api, "stage": "prod", **settings}
    plan = gateway.create_usage_plan(name="plan", apiStages=[stage], **plan)["id"]
    key = gateway.create_api_key(name="key", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return api, plan, key


def test_a_stage_throttles_each_method_by_itself_and_the_plan_its_keys(served):
    gateway = served.client("apigateway", A)
    api, plan, key = keyed_api(served, "/a", "/b", plan={"throttle": {"rateLimit": 0.001, "burstLimit": 4}},
                               throttle={"/a/GET": {"rateLimit": 0.001, "burstLimit": 1}})
    second = gateway.create_api_key(name="second", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=second["id"], keyType="API_KEY")
    ask = lambda path, key: served.get(api, f"/prod{path}", headers={"x-api-key": key["value"]}).status
    # The method's own of the plan, then what is left of the plan's; the second key has buckets of its own.
    assert [ask("/a", key), ask("/a", key)] == [200, 429]
    assert [ask("/b", key) for _ in range(4)] == [200, 200, 200, 429]
    assert [ask("/a", second), ask("/a", second), ask("/b", second)] == [200, 429, 200]
    # The stage: methods do not take from each other.
    api, _, _ = keyed_api(served, "/a", "/b")
    for path in ("/a", "/b"):
        gateway.update_method(restApiId=api, resourceId=served.resource_id(api, path), httpMethod="GET", patchOperations=[
            {"op": "replace", "path": "/apiKeyRequired", "value": "false"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "0.001"},
        {"op": "replace", "path": "/~1b/GET/throttling/burstLimit", "value": "3"},
        {"op": "replace", "path": "/~1b/GET/throttling/rateLimit", "value": "20"}])
    ask = lambda path: served.get(api, f"/prod{path}").status
    assert [ask("/a") for _ in range(3)] == [200, 200, 429]
    assert [ask("/b") for _ in range(3)] == [200] * 3
    time.sleep(0.2)
    assert ask("/b") == 200 and ask("/a") == 429


@pytest.mark.parametrize("period", ["DAY", "WEEK", "MONTH"])
def test_a_quota_with_an_offset_is_smaller_in_its_first_period(served, period):
    api, plan, key = keyed_api(served, "/a", plan={"quota": {"limit": 5, "offset": 3, "period": period}}) \
        if period != "DAY" else keyed_api(served, "/a", plan={"quota": {"limit": 2, "period": "DAY"}})
    answers = [served.get(api, "/prod/a", headers={"x-api-key": key["value"]}) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].json == {"message": "Limit Exceeded"}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = served.client("apigateway", A).get_usage(usagePlanId=plan, startDate=today, endDate=today)
    assert usage["items"] == {key["id"]: [[2, 0]]}


def test_a_key_from_the_authorizer(served):
    source = JUDGE.replace("'principalId': 'someone',", "'principalId': 'someone', 'usageIdentifierKey': effect,").replace(
        "'*' if effect in ('Allow', 'Deny') else 'arn:aws:execute-api:*:*:elsewhere/*'", "'*'").replace(
        "'Allow' if effect == 'Neither' else effect", "'Allow'")
    arn = served.function(account=A, name="keeper", source=source)
    served.client("lambda", A).add_permission(
        FunctionName="keeper", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    gateway = served.client("apigateway", A)
    api = lambda_api(served, arn, None)
    gateway.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}])
    gateway.update_method(restApiId=api, resourceId=served.resource_id(api, "/x"), httpMethod="GET", patchOperations=[
        {"op": "replace", "path": "/apiKeyRequired", "value": "true"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    plan = gateway.create_usage_plan(name="keeper", apiStages=[{"apiId": api, "stage": "prod"}])["id"]
    key = gateway.create_api_key(name="keeper", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    ask = lambda token, **headers: served.get(api, "/prod/x", headers={"Authorization": token, **headers})
    assert ask(key["value"]).status == 200
    for answer in (ask("another"), ask("another", **{"x-api-key": key["value"]})):
        assert (answer.status, answer.json) == (403, {"message": "Forbidden"})


def test_an_account_may_be_throttled_over_all_its_apis(start):
    server = start("--in-memory", "--quota", "requests-per-second=1", "--quota", "request-burst=3")
    gateway = server.client("apigateway", A)
    assert gateway.get_account()["throttleSettings"] == {"rateLimit": 1.0, "burstLimit": 3}
    apis = [mock_api(server) for _ in range(2)]
    answers = [server.get(apis[i % 2], "/prod/x") for i in range(10)]
    assert [answer.status for answer in answers[:3]] == [200, 200, 200]
    refused = [answer for answer in answers if answer.status == 429]
    # Slow machines get some more in.
    assert refused and refused[0].json == {"message": "Too Many Requests"}
    assert f"account {A} in {REGION}" in server.explain(refused[0].request_id)
    # Time fills the bucket again.
    time.sleep(1.1)
    assert server.get(apis[0], "/prod/x").status == 200


def cached_api(served, auth="NONE", **stage):
    """GET and POST of /c/{id}, whose function counts its calls, on a stage with a cache."""
    name = f"count{time.monotonic_ns()}"
    arn = served.function(account=A, name=name, source=COUNTER)
    served.client("lambda", A).add_permission(
        FunctionName=name, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    gateway = served.client("apigateway", A)
    run = {"type": "aws_proxy", "httpMethod": "POST", "cacheKeyParameters": [
        "method.request.path.id", "method.request.querystring.q", "method.request.header.X-Key"],
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"}
    method = {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": run,
              "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                             {"name": "q", "in": "query", "schema": {"type": "string"}},
                             {"name": "X-Key", "in": "header", "schema": {"type": "string"}}]}
    if auth == "AWS_IAM":
        method["x-amazon-apigateway-auth"] = {"type": "AWS_IAM"}
    api = gateway.import_rest_api(body=json.dumps({
        "openapi": "3.0.1", "info": {"title": "cached", "version": "1"},
        "paths": {"/c/{id}": {"get": method, "post": method}}}))["id"]
    gateway.create_deployment(restApiId=api, stageName="prod", cacheClusterEnabled=True, cacheClusterSize="0.5")
    settings(served, api, {"caching/enabled": "true", **stage})
    return api


def settings(served, api, values, method="*/*"):
    served.client("apigateway", A).update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": f"/{method}/{name}", "value": value} for name, value in values.items()])


def test_what_is_cached_and_for_how_long(served):
    api = cached_api(served)
    get = lambda path, **more: served.get(api, f"/prod/c/{path}", **more).body
    first = get("1?q=a")
    assert get("1?q=a") == first and get("1?q=a&other=1") == first, "other parameters do not count"
    assert len({first, get("1?q=b"), get("2?q=a"), get("1"), get("1?q=a", headers={"X-Key": "k"})}) == 5
    # Only GET, unless a method says otherwise.
    post = lambda: served.get(api, "/prod/c/1", method="POST").body
    assert post() != post()
    settings(served, api, {"caching/enabled": "true"}, "~1c~1{id}/POST")
    assert post() == post()
    settings(served, api, {"caching/ttlInSeconds": "1"})
    short = get("3")
    time.sleep(1.1)
    assert get("3") != short and get("1?q=a") == first, "what was kept before keeps its time"
    settings(served, api, {"caching/ttlInSeconds": "0"})
    assert get("1") != get("1")
    settings(served, api, {"caching/ttlInSeconds": "300", "caching/enabled": "false"})
    assert get("1") != get("1")


@pytest.mark.parametrize("strategy, status, warns", [
    ("FAIL_WITH_403", 403, False), ("SUCCEED_WITH_RESPONSE_HEADER", 200, True),
    ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, False)])
def test_who_may_invalidate(served, callers, strategy, status, warns):
    """Guide, "Enabling API caching": execute-api:InvalidateCache, and what becomes of who has it not."""
    api = cached_api(served, "AWS_IAM", **{"caching/unauthorizedCacheControlHeaderStrategy": strategy})
    iam = served.client("iam", A)
    keys = {}
    for name, actions in (("may", ["execute-api:Invoke", "execute-api:InvalidateCache"]), ("may-not", ["execute-api:Invoke"])):
        name = f"{name}-{strategy}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(
            {"Effect": "Allow", "Action": actions, "Resource": f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/*"}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name[:-len(strategy) - 1]] = dict(
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    ask = lambda who, **headers: signed(served, api, keys[who], "/prod/c/1", headers=headers)
    first = ask("may")
    assert ask("may-not").body == first.body
    refused = ask("may-not", **{"Cache-Control": "max-age=0"})
    assert refused.status == status and ("Warning" in refused.headers) == warns
    if status == 200:
        assert refused.body == first.body
    fresh = ask("may", **{"Cache-Control": "max-age=0"})
    assert fresh.status == 200 and fresh.body != first.body and "Warning" not in fresh.headers
    assert ask("may-not").body == fresh.body, "what is fresh is kept for everybody"
    served.client("apigateway", A).flush_stage_cache(restApiId=api, stageName="prod")
    assert ask("may-not").body != fresh.body


def test_a_canary_has_its_variables_its_cache_and_its_log(served):
    gateway = served.client("apigateway", A)
    api = cached_api(served)
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/variables/v", "value": "stage"}])
    logging(served, api)
    gateway.create_deployment(restApiId=api, stageName="prod", canarySettings={
        "percentTraffic": 50.0, "stageVariableOverrides": {"v": "canary"}, "useStageCache": False})
    bodies = {served.get(api, "/prod/c/1").body for _ in range(60)}
    assert {body.split()[1] for body in bodies} == {b"stage", b"canary"} and len(bodies) == 2, "a cache for each"
    logs = served.client("logs", A)
    for group in (f"API-Gateway-Execution-Logs_{api}/prod", f"API-Gateway-Execution-Logs_{api}/prod/Canary"):
        assert logs.filter_log_events(logGroupName=group)["events"], group
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"}])
    assert {served.get(api, f"/prod/c/{i}").body.split()[1] for i in range(20)} == {b"stage"}
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "100.0"},
        {"op": "replace", "path": "/canarySettings/stageVariableOverrides/v", "value": "other"}])
    assert {served.get(api, f"/prod/c/x{i}").body.split()[1] for i in range(20)} == {b"other"}
    # Promoted: the stage takes the canary's deployment and variables.
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "remove", "path": "/canarySettings"}])
    assert {served.get(api, f"/prod/c/y{i}").body.split()[1] for i in range(20)} == {b"other"}


def raw(served, api, path, headers, body=None, method="GET"):
    """Without the client's own ideas about codings; gives status, headers and body as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"{api}.execute-api.{REGION}.localhost", **headers}.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_compression(served):
    """Guide, "Enable payload compression" and "Call an API method with a compressed payload"."""
    gateway = served.client("apigateway", A)
    arn = served.function(account=A, name="echo", source="""
def handler(event, context):
    return {'statusCode': 200, 'body': event['body'] or '', 'headers': {'X-Coding': str(event['headers'].get('Content-Encoding'))}}
""")
    served.client("lambda", A).add_permission(
        FunctionName="echo", StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    api = served.api(arn, account=A, method="POST")
    post = lambda body, **headers: raw(served, api, "/prod/users", headers, body, "POST")
    text = b"hello " * 100
    # Without the switch nothing is touched.
    _, headers, body = post(text, **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] is None and body == text
    gateway.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/minimumCompressionSize", "value": "100"}])
    gateway.create_deployment(restApiId=api, stageName="prod")
    for accept, coding in [("gzip", "gzip"), ("deflate", "deflate"), ("identity", None), (None, None), ("*", None),
                           ("br", None), ("deflate;q=0.1, gzip;q=0.9", "gzip"), ("gzip;q=0", None), ("GZIP", "gzip"),
                           ("deflate, gzip", None)]:
        status, headers, body = post(text, **({"Accept-Encoding": accept} if accept else {}))
        if accept != "deflate, gzip":
            assert (status, headers["Content-Encoding"]) == (200, coding), accept
        coding = headers["Content-Encoding"]
        plain = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](body)
        assert plain == text and int(headers["Content-Length"]) == len(body), accept
    assert post(text[:60], **{"Accept-Encoding": "gzip"})[1]["Content-Encoding"] is None, "below the minimum"
    for coding, coded in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text)), ("identity", text)):
        status, headers, body = post(coded, **{"Content-Encoding": coding})
        assert (status, body) == (200, text) and headers["X-Coding"] in ("None", "identity"), coding
    for coding, coded in (("br", b"x"), ("gzip", b"no gzip at all"), ("deflate", b"\xff\xff"), ("gzip", gzip.compress(text)[:20])):
        status, headers, body = post(coded, **{"Content-Encoding": coding})
        assert (status, json.loads(body)) == (415, {"message": "Unsupported Media Type"}), coding
    for coding, bomb in (("gzip", gzip.compress(bytes(64 << 20))), ("deflate", zlib.compress(bytes(64 << 20)))):
        assert len(bomb) < 1 << 20
        began = time.monotonic()
        status, headers, body = post(bomb, **{"Content-Encoding": coding})
        assert (status, json.loads(body)) == (413, {"message": "Request Too Long"}) and time.monotonic() - began < 20
    assert post(text)[2] == text
