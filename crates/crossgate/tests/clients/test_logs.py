"""CloudWatch Logs with boto3 and the AWS CLI: events, filters, queries, live tails, and subscriptions of functions."""
import base64
import gzip
import json
import subprocess
import threading
import time

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from cli2 import CLI2, needs_cli2
from conftest import A, B, REGION

REFUSED = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your " \
          "function."


def now():
    return int(time.time() * 1000)


def wait_for(what, seconds=20):
    """The first true value of `what`."""
    end = time.time() + seconds
    while time.time() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def refusal(error):
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture
def logs(shared, request):
    """A client and a new group with the stream `s`."""
    client = shared.client("logs", B)
    client.group = request.node.name
    client.create_log_group(logGroupName=client.group)
    client.create_log_stream(logGroupName=client.group, logStreamName="s")
    return client


def put(logs, *messages, stream="s", at=None):
    at = at or now()
    return logs.put_log_events(
        logGroupName=logs.group, logStreamName=stream,
        logEvents=[{"timestamp": at + n, "message": message} for n, message in enumerate(messages)])


def query(logs, text, groups=None, **more):
    started = logs.start_query(logGroupNames=groups or [logs.group], startTime=int(time.time()) - 3600,
                               endTime=int(time.time()) + 3600, queryString=text, **more)

    def ended():
        answer = logs.get_query_results(queryId=started["queryId"])
        return answer if answer["status"] not in ("Running", "Scheduled") else None

    answer = wait_for(ended)
    assert answer["status"] == "Complete", answer
    return answer, [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]


def test_events_that_come_too_late_or_too_early_are_told(logs):
    hour = 3_600_000
    answer = put(logs, "old", at=now() - 15 * 24 * hour)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    answer = put(logs, "new", at=now() + 3 * hour)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    with pytest.raises(ClientError) as error:
        logs.put_log_events(logGroupName=logs.group, logStreamName="s", logEvents=[
            {"timestamp": now(), "message": "b"}, {"timestamp": now() - 5000, "message": "a"}])
    assert refusal(error)[1] == "Log events in a single PutLogEvents request must be in chronological order."
    with pytest.raises(ClientError) as error:
        put(logs, *["x" * 1000] * 1100)
    assert "exceeds limit of 1048576" in refusal(error)[1]


def test_filter_patterns(logs):
    put(logs, '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.html HTTP/1.0" 404 1534', "ERROR one",
        "WARN two", '{"latency": 70, "kind": "slow"}')

    def found(pattern):
        events = logs.filter_log_events(logGroupName=logs.group, filterPattern=pattern)["events"]
        return [event["message"].split()[0] for event in events]

    assert found("[ip, id, user, at, request, status = 4*, bytes > 1000]") == ["127.0.0.1"]
    assert found("?ERROR ?WARN") == ["ERROR", "WARN"]
    assert found("-ERROR -WARN") == ["127.0.0.1", '{"latency":']
    assert found("%^WARN|^ERR%") == ["ERROR", "WARN"]
    assert found('{ $.latency >= 70 && $.kind = "s*" }') == ['{"latency":']
    with pytest.raises(ClientError) as error:
        found("%(a)%")
    assert refusal(error)[0] == "InvalidParameterException"


def test_groups_have_classes_keys_and_protection(logs, shared):
    key = f"arn:aws:kms:{REGION}:{B}:key/11111111-2222-3333-4444-555555555555"
    logs.associate_kms_key(logGroupName=logs.group, kmsKeyId=key)
    logs.put_retention_policy(logGroupName=logs.group, retentionInDays=3653)
    logs.put_log_group_deletion_protection(logGroupIdentifier=logs.group, deletionProtectionEnabled=True)
    group = logs.describe_log_groups(logGroupNamePattern="classes_keys")["logGroups"][0]
    assert (group["kmsKeyId"], group["retentionInDays"], group["metricFilterCount"]) == (key, 3653, 0)
    with pytest.raises(ClientError):
        logs.delete_log_group(logGroupName=logs.group)
    logs.put_log_group_deletion_protection(logGroupIdentifier=logs.group, deletionProtectionEnabled=False)
    logs.disassociate_kms_key(logGroupName=logs.group)
    logs.create_log_group(logGroupName="rare/x", logGroupClass="INFREQUENT_ACCESS")
    named = logs.list_log_groups(logGroupNamePattern="^rare")["logGroups"]
    assert named == [{"logGroupName": "rare/x", "logGroupClass": "INFREQUENT_ACCESS",
                      "logGroupArn": f"arn:aws:logs:{REGION}:{B}:log-group:rare/x"}]
    with pytest.raises(ClientError) as error:
        logs.put_metric_filter(logGroupName="rare/x", filterName="f", filterPattern="", metricTransformations=[
            {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}])
    assert refusal(error)[0] == "InvalidOperationException"
    with pytest.raises(ClientError) as error:
        logs.describe_log_groups(includeLinkedAccounts=True)
    assert refusal(error)[0] == "NotImplemented"


def test_metric_filters(logs):
    transformation = {"metricName": "m", "metricNamespace": "n", "metricValue": "1", "defaultValue": 0.0}
    logs.put_metric_filter(logGroupName=logs.group, filterName="f", filterPattern="ERROR",
                           metricTransformations=[transformation])
    found = logs.describe_metric_filters(metricName="m", metricNamespace="n")["metricFilters"]
    assert len(found) == 1 and found[0]["metricTransformations"] == [transformation]
    assert found[0]["logGroupName"] == logs.group and found[0]["applyOnTransformedLogs"] is False
    tested = logs.test_metric_filter(filterPattern="[ip, ..., status = 4*]",
                                     logEventMessages=["10.0.0.1 x y 404", "10.0.0.2 x 200"])["matches"]
    assert tested == [{"eventNumber": 1, "eventMessage": "10.0.0.1 x y 404",
                       "extractedValues": {"$ip": "10.0.0.1", "$2": "x", "$3": "y", "$status": "404"}}]
    tested = logs.test_metric_filter(filterPattern="{ $.a.b = 1 }", logEventMessages=['{"a": {"b": 1}}'])["matches"]
    assert tested[0]["extractedValues"] == {"$.a.b": "1"}
    logs.delete_metric_filter(logGroupName=logs.group, filterName="f")
    with pytest.raises(ClientError) as error:
        logs.delete_metric_filter(logGroupName=logs.group, filterName="f")
    assert refusal(error) == ("ResourceNotFoundException", "The specified metric filter does not exist.")


def test_policies_destinations_and_definitions_are_kept(logs):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "route53.amazonaws.com"}, "Action": "logs:PutLogEvents",
         "Resource": "*"}]})
    put_policy = logs.put_resource_policy(policyName="p", policyDocument=policy)["resourcePolicy"]
    assert (put_policy["policyScope"], put_policy["policyDocument"]) == ("ACCOUNT", policy)
    assert [p["policyName"] for p in logs.describe_resource_policies()["resourcePolicies"]] == ["p"]
    for n in range(9):
        logs.put_resource_policy(policyName=f"p{n}", policyDocument=policy)
    with pytest.raises(ClientError) as error:
        logs.put_resource_policy(policyName="eleventh", policyDocument=policy)
    assert refusal(error) == ("LimitExceededException", "Resource limit exceeded.")
    with pytest.raises(ClientError) as error:
        logs.delete_resource_policy(policyName="none")
    assert refusal(error) == ("ResourceNotFoundException", "Policy with name [none] does not exist.")

    made = logs.put_destination(destinationName="d", targetArn=f"arn:aws:kinesis:{REGION}:{B}:stream/x",
                                roleArn=f"arn:aws:iam::{B}:role/r", tags={"key1": "val1"})["destination"]
    assert made["arn"] == f"arn:aws:logs:{REGION}:{B}:destination:d"
    logs.put_destination_policy(destinationName="d", accessPolicy=policy)
    assert logs.describe_destinations(DestinationNamePrefix="d")["destinations"] == [dict(made, accessPolicy=policy)]
    logs.tag_resource(resourceArn=made["arn"], tags={"key2": "val2"})
    assert logs.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"key1": "val1", "key2": "val2"}
    logs.delete_destination(destinationName="d")

    made = logs.put_query_definition(name="team/errors", queryString="filter level = 'ERROR'")["queryDefinitionId"]
    logs.put_query_definition(name="team/all", queryString="fields @message", queryDefinitionId=made)
    found = logs.describe_query_definitions(queryDefinitionNamePrefix="team/")["queryDefinitions"]
    assert [d["name"] for d in found] == ["team/all"]
    assert logs.delete_query_definition(queryDefinitionId=made)["success"] is True


def test_insights(logs):
    put(logs, *[json.dumps({"level": level, "ms": ms}) for level, ms in
                [("INFO", 10), ("ERROR", 30), ("ERROR", 50), ("INFO", 20)]], "plain")
    answer, rows = query(logs, "stats count(*) as n, avg(ms) as mean by level | filter ispresent(level) | sort level")
    assert rows == [{"level": "ERROR", "n": "2", "mean": "40"}, {"level": "INFO", "n": "2", "mean": "15"}]
    assert answer["statistics"]["recordsScanned"] == 5 and answer["statistics"]["recordsMatched"] == 5
    _, rows = query(logs, "fields @timestamp, ms | filter ms > 10 | sort ms desc | limit 1")
    assert rows[0]["ms"] == "50" and len(rows[0]["@timestamp"]) == len("2026-11-25 10:00:00.000")
    record = logs.get_log_record(logRecordPointer=rows[0]["@ptr"])["logRecord"]
    assert (record["level"], record["ms"], record["@logStream"]) == ("ERROR", "50", "s")
    fields = {f["name"]: f["percent"] for f in logs.get_log_group_fields(logGroupName=logs.group)["logGroupFields"]}
    assert fields["@message"] == 100 and fields["level"] == 80
    shown = logs.describe_queries(logGroupName=logs.group, status="Complete")["queries"]
    assert len(shown) == 2 and shown[0]["queryString"].startswith(f'SOURCE "{logs.group}" START=')
    with pytest.raises(ClientError) as error:
        logs.stop_query(queryId=shown[0]["queryId"])
    assert refusal(error) == ("InvalidParameterException", "Query already ended with Complete status")
    with pytest.raises(ClientError) as error:
        query(logs, "fields @message | bogus")
    assert refusal(error) == ("MalformedQueryException", "unexpected symbol found bogus at line 1 and position 19")
    assert error.value.response["queryCompileError"]["location"] == {"startCharOffset": 18, "endCharOffset": 23}
    with pytest.raises(ClientError) as error:
        query(logs, "fields @message", groups=["nothing"])
    assert refusal(error)[1].startswith(f"Log group 'nothing' does not exist for account ID '{B}'")


def test_fields_of_functions_are_discovered(shared):
    shared.function(name="talks", source="def handler(event, context):\n    print('{\"price\": 7}')\n    return 1\n")
    shared.client("lambda", B).invoke(FunctionName="talks")
    logs = shared.client("logs", B)
    logs.group = "/aws/lambda/talks"
    text = "filter @type = 'REPORT' | stats count(*) as n, max(@maxMemoryUsed) > 0 as used, max(@duration) >= 0 as took"
    assert wait_for(lambda: query(logs, text)[1])[0] == {"n": "1", "used": "1", "took": "1"}
    assert query(logs, "filter price = 7 | fields price")[1][0]["price"] == "7"


class Tail:
    """What `aws logs tail --follow` of the AWS CLI 2 does: pages of FilterLogEvents, interleaved; each event once, by its
    id; and, at the end of the pages, again from the time of the last event."""

    def __init__(self, logs, group, start):
        self.logs, self.seen, self.last = logs, set(), start
        self.request = dict(logGroupIdentifier=group, interleaved=True)

    def poll(self):
        new, request = [], dict(self.request, startTime=self.last)
        while True:
            answer = self.logs.filter_log_events(**request)
            for event in answer["events"]:
                if event["eventId"] not in self.seen:
                    self.seen.add(event["eventId"])
                    new.append((event["logStreamName"], event["message"]))
                    self.last = max(self.last, event["timestamp"])
            if "nextToken" not in answer:
                return new
            request["nextToken"] = answer["nextToken"]


def test_what_aws_logs_tail_follow_calls(logs):
    logs.create_log_stream(logGroupName=logs.group, logStreamName="t")
    for group in [logs.group, f"arn:aws:logs:{REGION}:{B}:log-group:{logs.group}"]:
        start = now()
        tail = Tail(logs, group, start)
        put(logs, "one", "two", at=start)
        assert tail.poll() == [("s", "one"), ("s", "two")]
        assert tail.poll() == []
        # Of the same millisecond as the last one, and of another stream.
        put(logs, "three", stream="t", at=start + 1)
        put(logs, *["x" * 60_000] * 15, at=start + 2)
        put(logs, *["y" * 60_000] * 15, at=start + 20)
        new = tail.poll()
        assert new[0] == ("t", "three") and len(new) == 31
        logs.delete_log_stream(logGroupName=logs.group, logStreamName="s")
        logs.delete_log_stream(logGroupName=logs.group, logStreamName="t")
        logs.create_log_stream(logGroupName=logs.group, logStreamName="s")
        logs.create_log_stream(logGroupName=logs.group, logStreamName="t")


@needs_cli2
def test_aws_logs_tail_follow(shared):
    shared.function(name="told", source="def handler(event, context):\n    print('hello', event)\n")
    invoke = shared.client("lambda", B).invoke
    invoke(FunctionName="told", Payload=b"1")
    heard = []
    # AWS_ENDPOINT_URL is known since 2.13, Debian's is older.
    command = [CLI2, "--endpoint-url", shared.url, "logs", "tail", "/aws/lambda/told", "--follow", "--since", "5m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=shared.environment(B)) as follow:
        threading.Thread(target=lambda: heard.extend(follow.stdout), daemon=True).start()
        try:
            wait_for(lambda: [line for line in heard if line.endswith(" hello 1\n")])
            invoke(FunctionName="told", Payload=b"2")
            wait_for(lambda: [line for line in heard if " REPORT RequestId: " in line][1:])
            assert follow.poll() is None
        finally:
            follow.kill()
    said = [line.rstrip("\n").split(" ", 2)[2] for line in heard]
    assert [line for line in said if line.startswith("hello")] == ["hello 1", "hello 2"]
    kinds = ["INIT_START", "START", "hello", "END", "REPORT", "START", "hello", "END", "REPORT"]
    assert [line.split(" ")[0] for line in said] == kinds


def test_live_tail(shared, logs):
    # The service's name begins with `streaming-`; an address of this machine cannot.
    config = botocore.config.Config(inject_host_prefix=False, read_timeout=20)
    client = boto3.client("logs", endpoint_url=shared.url, region_name=REGION, config=config,
                          aws_access_key_id=B, aws_secret_access_key="any")
    arn = f"arn:aws:logs:{REGION}:{B}:log-group:{logs.group}"
    stream = client.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"]
    writing = threading.Timer(0.5, put, [logs, "ERROR one", "fine", "ERROR two"])
    writing.start()
    got, start = [], None
    for event in stream:
        if "sessionStart" in event:
            start = event["sessionStart"]
            continue
        assert event["sessionUpdate"]["sessionMetadata"] == {"sampled": False}
        got += event["sessionUpdate"]["sessionResults"]
        if len(got) >= 2:
            break
    stream.close()
    assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR"
    assert [(e["message"], e["logStreamName"], e["logGroupIdentifier"]) for e in got] == [
        ("ERROR one", "s", arn), ("ERROR two", "s", arn)]
    with pytest.raises(ClientError) as error:
        client.start_live_tail(logGroupIdentifiers=[arn + "-none"])
    assert refusal(error)[0] == "ResourceNotFoundException"


def grant(shared, function, group, principal="logs.amazonaws.com", **more):
    shared.client("lambda", B).add_permission(
        FunctionName=function, StatementId=f"of-{group}"[:64], Action="lambda:InvokeFunction", Principal=principal,
        SourceArn=f"arn:aws:logs:{REGION}:{B}:log-group:{group}:*", SourceAccount=B, **more)


def received(shared, function):
    """The events that the function was given, decoded."""
    events = shared.client("logs", B).filter_log_events(
        logGroupName=f"/aws/lambda/{function}", filterPattern="awslogs")["events"]
    packed = [json.loads(event["message"])["awslogs"]["data"] for event in events]
    return [json.loads(gzip.decompress(base64.b64decode(data))) for data in packed]


ECHO = "import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n"


@pytest.mark.parametrize("principal", ["logs.amazonaws.com", f"logs.{REGION}.amazonaws.com"])
def test_a_subscribed_function_gets_the_events(shared, principal):
    name = "subscriber-" + principal.replace(".", "-")
    function = shared.function(name=name, source=ECHO)
    shared.client("lambda", B).invoke(FunctionName=name)
    logs = shared.client("logs", B)
    logs.group = f"of-{name}"
    logs.create_log_group(logGroupName=logs.group)
    logs.create_log_stream(logGroupName=logs.group, logStreamName="s")
    subscription = dict(logGroupName=logs.group, filterName="errors", filterPattern="ERROR", destinationArn=function)
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(**subscription)
    assert refusal(error) == ("InvalidParameterException", REFUSED)
    told = shared.explain(error.value.response["ResponseMetadata"]["RequestId"])
    assert "lambda:InvokeFunction" in told and "logs.amazonaws.com" in told
    grant(shared, name, logs.group, principal)
    logs.put_subscription_filter(**subscription)
    put(logs, "ERROR one", "fine", "ERROR two")
    (message,) = wait_for(lambda: received(shared, name))
    assert message["messageType"] == "DATA_MESSAGE" and message["owner"] == B
    assert (message["logGroup"], message["logStream"]) == (logs.group, "s")
    assert message["subscriptionFilters"] == ["errors"]
    stored = logs.filter_log_events(logGroupName=logs.group, filterPattern="ERROR")["events"]
    assert message["logEvents"] == [
        {"id": e["eventId"], "timestamp": e["timestamp"], "message": e["message"]} for e in stored]
    shown = logs.describe_subscription_filters(logGroupName=logs.group)["subscriptionFilters"][0]
    assert shown.pop("creationTime") and shown == {
        **subscription, "distribution": "ByLogStream", "applyOnTransformedLogs": False}
    # What functions write reaches subscribers too.
    logs.delete_subscription_filter(logGroupName=logs.group, filterName="errors")
    with pytest.raises(ClientError) as error:
        logs.delete_subscription_filter(logGroupName=logs.group, filterName="errors")
    assert refusal(error)[1] == "The specified subscription filter does not exist."


def test_a_functions_own_lines_reach_its_subscriber(shared):
    subscriber = shared.function(name="reader", source=ECHO)
    shared.function(name="writer", source="def handler(event, context):\n    print('ERROR of mine')\n")
    shared.client("lambda", B).invoke(FunctionName="reader")
    group = "/aws/lambda/writer"
    shared.client("lambda", B).invoke(FunctionName="writer")
    logs = shared.client("logs", B)
    wait_for(lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])
    shared.client("lambda", B).add_permission(
        FunctionName="reader", StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:{REGION}:{B}:log-group:{group}:*")
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="ERROR", destinationArn=subscriber)
    shared.client("lambda", B).invoke(FunctionName="writer")
    (message,) = wait_for(lambda: received(shared, "reader"))
    assert [e["message"].strip() for e in message["logEvents"]] == ["ERROR of mine"]
    # Its own group would call it for ever.
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(logGroupName="/aws/lambda/reader", filterName="f", filterPattern="",
                                     destinationArn=subscriber)
    assert "reserved for the function logs" in refusal(error)[1]


def test_subscriptions_of_other_accounts_and_other_services(shared, logs):
    subscription = dict(logGroupName=logs.group, filterName="f", filterPattern="")
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(**subscription, destinationArn=f"arn:aws:lambda:{REGION}:{A}:function:x")
    assert refusal(error) == (
        "AccessDeniedException", "Cross-account lambda invocation passing is not allowed. You must use "
                                 "DestinationPolicies to create cross account lambda triggers.")
    kinesis = f"arn:aws:kinesis:{REGION}:{B}:stream/x"
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(**subscription, destinationArn=kinesis)
    assert refusal(error)[1] == "destinationArn for vendor kinesis cannot be used without roleArn"
    role = shared.role(name="to-kinesis", account=B, service="logs.amazonaws.com")
    logs.put_subscription_filter(**subscription, destinationArn=kinesis, roleArn=role)
    put(logs, "lost")
    told = wait_for(lambda: [line for line in [shared.crossgate("explain", "last")] if "not delivered" in line])[0]
    assert kinesis in told and "crossgate delivers to functions only" in told
    logs.put_subscription_filter(**dict(subscription, filterName="g"), destinationArn=kinesis, roleArn=role)
    with pytest.raises(ClientError) as error:
        logs.put_subscription_filter(**dict(subscription, filterName="h"), destinationArn=kinesis, roleArn=role)
    assert refusal(error) == ("LimitExceededException", "Resource limit exceeded.")


def test_a_withdrawn_permission_stops_the_delivery(shared, logs):
    function = shared.function(name="withdrawn", source=ECHO)
    shared.client("lambda", B).invoke(FunctionName="withdrawn")
    grant(shared, "withdrawn", logs.group)
    logs.put_subscription_filter(logGroupName=logs.group, filterName="f", filterPattern="", destinationArn=function)
    shared.client("lambda", B).remove_permission(FunctionName="withdrawn", StatementId=f"of-{logs.group}"[:64])
    put(logs, "lost")
    told = wait_for(lambda: [text for text in [shared.crossgate("explain", "last")] if "withdrawn" in text])[0]
    assert "lambda:InvokeFunction" in told
    assert received(shared, "withdrawn") == []


def test_the_aws_cli(shared):
    shared.aws(B, "logs", "create-log-group", "--log-group-name", "cli")
    shared.aws(B, "logs", "create-log-stream", "--log-group-name", "cli", "--log-stream-name", "s")
    shared.aws(B, "logs", "put-log-events", "--log-group-name", "cli", "--log-stream-name", "s", "--log-events",
               f"timestamp={now()},message=hello")
    found = shared.aws(B, "logs", "filter-log-events", "--log-group-name", "cli", "--filter-pattern", "[w = h*]")
    assert [event["message"] for event in found["events"]] == ["hello"]
    started = shared.aws(B, "logs", "start-query", "--log-group-name", "cli", "--start-time", "0", "--end-time",
                         str(int(time.time()) + 60), "--query-string", "fields @message")
    answer = wait_for(lambda: [a for a in [shared.aws(B, "logs", "get-query-results", "--query-id",
                                                      started["queryId"])] if a["status"] == "Complete"])[0]
    assert answer["results"][0][0] == {"field": "@message", "value": "hello"}
