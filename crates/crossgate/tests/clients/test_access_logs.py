"""Access logs in a stage's own format, and the counters at /_crossgate/metrics."""
import json
import re

import pytest

from conftest import A, REGION
from http_backend import Api, Backend
from test_http_integrations import role_for_logs

GROUP = "access"
DESTINATION = f"arn:aws:logs:{REGION}:{A}:log-group:{GROUP}"
# The console's own four formats.
CLF = ('$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] '
       '"$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.responseLength '
       '$context.requestId')
JSON = ('{ "requestId":"$context.requestId", "extendedRequestId":"$context.extendedRequestId",'
        '"ip":"$context.identity.sourceIp","caller":"$context.identity.caller","user":"$context.identity.user",'
        '"requestTime":"$context.requestTime","httpMethod":"$context.httpMethod",'
        '"resourcePath":"$context.resourcePath","status":"$context.status","protocol":"$context.protocol",'
        '"responseLength":"$context.responseLength" }')
XML = ('<request id="$context.requestId"> <ip>$context.identity.sourceIp</ip> <status>$context.status</status> '
       '</request>')
CSV = "$context.identity.sourceIp,$context.httpMethod,$context.status,$context.requestId"
MORE = json.dumps({name: "$context." + name for name in (
    "requestId accountId apiId stage domainName domainPrefix deploymentId path resourceId resourcePath requestTimeEpoch "
    "responseLatency integrationLatency integration.latency integrationStatus integration.status "
    "integration.requestId integrationErrorMessage integration.error error.message error.messageString "
    "error.responseType error.validationErrorString identity.userAgent identity.apiKeyId identity.userArn "
    "authorizer.principalId authenticate.status authorize.status xrayTraceId nonsense").split()}).replace(
        '"$context.error.messageString"', "$context.error.messageString")


@pytest.fixture(scope="module")
def backend():
    running = Backend()
    yield running
    running.stop()


def logged(server, api, form, stage="prod"):
    role_for_logs(server)
    logs = server.client("logs")
    try:
        logs.create_log_group(logGroupName=GROUP)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    api.gateway.update_stage(restApiId=api.id, stageName=stage, patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": DESTINATION},
        {"op": "replace", "path": "/accessLogSettings/format", "value": form}])
    return api


def line(server, request_id):
    events = server.client("logs").filter_log_events(logGroupName=GROUP)["events"]
    found = [e["message"] for e in events if request_id in e["message"]]
    assert len(found) == 1, found
    return found[0]


def api_of(server, backend, form):
    api = Api(server)
    api.method("/x", backend.url + "/x")
    api.method("/slow", backend.url + "/slow", timeoutInMillis=50)
    api.method("/refuses", backend.url + "/status/418")
    return logged(server, api.deploy(), form)


@pytest.mark.parametrize("form, expected", [
    (CLF, r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /x HTTP/1\.1" 200 \d+ ID'),
    (XML, r'<request id="ID"> <ip>127\.0\.0\.1</ip> <status>200</status> </request>'),
    (CSV, r"127\.0\.0\.1,GET,200,ID"),
])
def test_formats(shared, backend, form, expected):
    answer = api_of(shared, backend, form).call("/prod/x")
    told = line(shared, answer.request_id)
    assert re.fullmatch(expected.replace("ID", answer.request_id), told), told


def test_json(shared, backend):
    answer = api_of(shared, backend, JSON).call("/prod/x?y=1")
    told = json.loads(line(shared, answer.request_id))
    assert told["extendedRequestId"] == answer.headers["x-amz-apigw-id"]
    assert (told["status"], told["responseLength"]) == ("200", str(len(answer.body)))


def test_every_variable(shared, backend):
    api = api_of(shared, backend, MORE)
    answer = api.call("/prod/x", headers={"User-Agent": "me/1"})
    told = json.loads(line(shared, answer.request_id).replace(":-,", ":null,").replace(": -,", ": null,"))
    assert (told["accountId"], told["apiId"], told["stage"]) == (A, api.id, "prod")
    assert told["domainName"] == f"{api.id}.execute-api.{REGION}.localhost" and told["domainPrefix"] == api.id
    assert (told["path"], told["resourcePath"], told["resourceId"]) == ("/prod/x", "/x", api.resources["/x"])
    assert told["integrationStatus"] == told["integration.status"] == "200"
    assert int(told["responseLatency"]) >= int(told["integrationLatency"]) >= 0
    assert told["identity.userAgent"] == "me/1"
    for absent in ("identity.apiKeyId", "identity.userArn", "authorizer.principalId", "error.message", "nonsense",
                   "integrationErrorMessage", "authenticate.status", "error.responseType"):
        assert told[absent] == "-", absent


def test_failures_have_their_error(shared, backend):
    api = api_of(shared, backend, MORE)
    answer = api.call("/prod/slow")
    told = json.loads(line(shared, answer.request_id))
    assert (told["error.message"], told["error.messageString"]) == ("Endpoint request timed out",) * 2
    assert told["error.responseType"] == "INTEGRATION_TIMEOUT"
    assert told["integration.error"] == "Endpoint request timed out" and told["integration.status"] == "-"
    answer = api.call("/prod/nothing")
    told = json.loads(line(shared, answer.request_id))
    assert told["error.responseType"] == "MISSING_AUTHENTICATION_TOKEN" and told["resourcePath"] == "-"


def test_a_header_makes_no_second_line(shared, backend):
    api = api_of(shared, backend, "$context.requestId $context.identity.userAgent")
    answer = api.call("/prod/x", headers={"User-Agent": "a\tb"})
    assert line(shared, answer.request_id) == f"{answer.request_id} a b"


def test_without_settings_nothing_is_logged(shared, backend):
    api = Api(shared).method("/x", backend.url + "/x").deploy()
    answer = api.call("/prod/x")
    groups = [g["logGroupName"] for g in shared.client("logs").describe_log_groups()["logGroups"]]
    for group in groups:
        events = shared.client("logs").filter_log_events(logGroupName=group)["events"]
        assert not any(answer.request_id in e["message"] for e in events)


def metric(server, name, **labels):
    """The value of a counter; None when there is no such line."""
    for one in server.http("/_crossgate/metrics").body.decode().splitlines():
        found = re.fullmatch(r"(\w+)\{(.*)\} (\d+)", one)
        if found and found[1] == name:
            have = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
            if all(have.get(k) == v for k, v in labels.items()):
                return int(found[3])


def test_counters(shared, backend):
    api = Api(shared)
    api.method("/x", backend.url + "/x")
    api.method("/bad", backend.url + "/status/404")
    api.method("/slow", backend.url + "/slow", timeoutInMillis=50)
    api.deploy()
    for path in ("/x", "/x", "/bad", "/slow", "/nothing"):
        api.call("/prod" + path)
    of = dict(api_id=api.id, stage="prod")
    assert metric(shared, "aws_apigateway_count_total", **of) == 5
    assert metric(shared, "aws_apigateway_4xx_error_total", **of) == 2
    assert metric(shared, "aws_apigateway_5xx_error_total", **of) == 1
    assert metric(shared, "aws_apigateway_latency_milliseconds_count", **of) == 5
    assert metric(shared, "aws_apigateway_integration_latency_milliseconds_count", **of) == 4
    assert metric(shared, "aws_apigateway_integration_latency_milliseconds_sum", **of) >= 50
    # Methods only where the stage asks for them.
    assert metric(shared, "aws_apigateway_method_count_total", **of) is None
    api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/~1x/GET/metrics/enabled", "value": "true"}])
    api.call("/prod/x"), api.call("/prod/bad")
    assert metric(shared, "aws_apigateway_count_total", **of) == 7
    assert metric(shared, "aws_apigateway_method_count_total", **of, method="GET", resource="/x") == 1
    assert metric(shared, "aws_apigateway_method_count_total", **of, resource="/bad") is None


def test_the_page_is_for_this_machine(shared):
    answer = shared.http("/_crossgate/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert shared.http("/_crossgate/metrics", host="evil.example").status == 403
