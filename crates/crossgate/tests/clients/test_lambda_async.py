"""Asynchronous invocations through the real server: retries, destinations, throttling, and a server that is killed."""
import json
import signal
import time

import pytest
from botocore.exceptions import ClientError

from conftest import A, B, REGION, package

FAILS = "def handler(event, context):\n    print('tried', event)\n    raise RuntimeError('no')\n"
ECHO = "def handler(event, context):\n    print('got', event)\n    return {'seen': event}\n"
SHOWS = "import json\ndef handler(event, context):\n    print('RECORD ' + json.dumps(event))\n"


def until(ask, seconds=30):
    """The first true answer."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.1)


def messages(server, name, account=B):
    logs = server.client("logs", account)
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


def records(server, name):
    return [json.loads(m[7:]) for m in messages(server, name) if m.startswith("RECORD ")]


def send(server, name, payload=b'{"n": 1}', account=B):
    answer = server.client("lambda", account).invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    return answer["ResponseMetadata"]["RequestId"]


def told(server, request_id, word):
    """The explanation of an event once it says `word`."""
    story = until(lambda: (s := server.explain(request_id)) and word in s and s)
    assert story, server.explain(request_id)
    return story


def send_to(server, name, **destinations):
    config = {which: {"Destination": arn} for which, arn in destinations.items()}
    server.client("lambda", B).put_function_event_invoke_config(
        FunctionName=name, DestinationConfig=config, MaximumRetryAttempts=0)


def may(server, actions, arn):
    server.client("iam", B).put_role_policy(RoleName="function-role", PolicyName="may", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": arn}]}))


def may_invoke(server, arn):
    may(server, "lambda:InvokeFunction", arn)


def test_an_event_is_tried_three_times_with_one_request_id(start):
    server = start("--in-memory", "--retry-delay", "1")
    server.function(name="fails", source=FAILS)
    request_id = send(server, "fails")
    assert "not done" in told(server, request_id, "not done")
    story = told(server, request_id, "RetriesExhausted")
    assert "try 3: the function failed" in story and "RuntimeError" in story
    starts = until(lambda: len(s := [m for m in messages(server, "fails") if m.startswith("START ")]) == 3 and s)
    assert len(starts) == 3 and all(request_id in m for m in starts)


def test_records_go_to_other_functions_as_the_execution_role(server):
    shows = server.function(name="shows", source=SHOWS)
    works = server.function(name="works", source=ECHO)
    fails = server.function(name="fails", source=FAILS)
    send_to(server, "works", OnSuccess=shows)
    send_to(server, "fails", OnFailure=shows)
    refused = told(server, send(server, "works"), "not delivered")
    assert "not authorized to perform: lambda:InvokeFunction" in refused and "function-role" in refused
    assert until(lambda: any("was not delivered to" in m for m in messages(server, "works")))
    assert records(server, "shows") == []

    may_invoke(server, shows)
    sent = send(server, "works", b'{"n": 2}')
    story = told(server, sent, "record sent to")
    [record] = until(lambda: records(server, "shows"))
    assert record["version"] == "1.0" and record["timestamp"].endswith("Z")
    assert record["requestContext"] == {"requestId": sent, "functionArn": f"{works}:$LATEST", "condition": "Success",
                                        "approximateInvokeCount": 1}
    assert record["requestPayload"] == {"n": 2} and record["responsePayload"] == {"seen": {"n": 2}}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    # The record's own invocation is a request as well.
    delivered = story.split("as request ")[1].split()[0]
    assert "outcome: Success" in told(server, delivered, "outcome")

    sent = send(server, "fails")
    told(server, sent, "record sent to")
    failed = until(lambda: [r for r in records(server, "shows") if r["requestContext"]["requestId"] == sent])[0]
    assert failed["requestContext"]["condition"] == "RetriesExhausted"
    assert failed["requestContext"]["functionArn"] == f"{fails}:$LATEST"
    assert failed["responseContext"]["functionError"] == "Unhandled"
    assert failed["responsePayload"]["errorType"] == "RuntimeError"


def test_a_queue_is_stored_and_reported_as_not_delivered(server):
    server.function(name="works")
    may(server, ["sns:Publish", "sqs:SendMessage"], "*")
    server.function(name="fails", source=FAILS, DeadLetterConfig={"TargetArn": f"arn:aws:sns:{REGION}:{B}:dead"})
    queue = f"arn:aws:sqs:{REGION}:{B}:failures"
    send_to(server, "fails", OnFailure=queue)
    story = told(server, send(server, "fails"), "not delivered")
    assert "crossgate does not run the service sqs" in story and "crossgate does not run the service sns" in story
    assert until(lambda: any(queue in m for m in messages(server, "fails")))
    got = server.client("lambda", B).get_function_event_invoke_config(FunctionName="fails")
    assert got["DestinationConfig"]["OnFailure"]["Destination"] == queue


def test_throttled_events_wait_and_those_of_deleted_functions_are_dropped(server):
    server.function(name="busy", source="import time\ndef handler(e, c):\n    time.sleep(2)\n    print('ran', e)\n")
    client = server.client("lambda", B)
    client.put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=1)
    sent = [send(server, "busy", json.dumps({"n": n}).encode()) for n in range(2)]
    stories = [told(server, one, "outcome: Success") for one in sent]
    assert any("not run: TooManyRequestsException" in story for story in stories)
    client.invoke(FunctionName="busy", InvocationType="Event", Payload=b"{}")
    last = send(server, "busy")
    client.delete_function(FunctionName="busy")
    assert "does not exist any more" in told(server, last, "outcome")


def test_no_reserved_concurrency_goes_to_the_failure_destination_at_once(server):
    shows = server.function(name="shows", source=SHOWS)
    server.function(name="off", source=ECHO)
    may_invoke(server, shows)
    send_to(server, "off", OnFailure=shows)
    server.client("lambda", B).put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    sent = send(server, "off")
    [record] = until(lambda: records(server, "shows"))
    assert record["requestContext"]["requestId"] == sent and "responsePayload" not in record


def test_an_old_event_is_given_up(start):
    server = start("--in-memory", "--retry-delay", "3600")
    server.function(name="fails", source=FAILS)
    server.client("lambda", B).put_function_event_invoke_config(FunctionName="fails", MaximumEventAgeInSeconds=60)
    story = told(server, send(server, "fails"), "outcome")
    assert "EventAgeExceeded" in story and "older than its function allows" in story


def test_accepted_events_outlive_a_kill(start, tmp_path):
    data = str(tmp_path / "data")
    server = start("--data", data)
    server.function(name="slow", source="import time\ndef handler(e, c):\n    time.sleep(e['s'])\n    print('did', e['n'])\n",
                    Timeout=60)
    accepted = [send(server, "slow", json.dumps({"n": n, "s": 30}).encode()) for n in range(8)]
    server.stop(signal.SIGKILL)
    again = start("--data", data)
    # New code, so that what is taken up again ends soon.
    again.client("lambda", B).update_function_code(
        FunctionName="slow", ZipFile=package("def handler(e, c):\n    print('did', e['n'])\n"))
    again.stop(signal.SIGKILL)
    third = start("--data", data)
    for request_id in accepted:
        assert "outcome: Success" in told(third, request_id, "outcome: Success")
    did = until(lambda: len(found := {m.strip() for m in messages(third, "slow") if m.startswith("did ")}) == 8 and found)
    assert did == {f"did {n}" for n in range(8)}


def test_the_caller_s_trace_goes_on(server):
    """With the function's first try and its retries alike; and Invoke answers it."""
    trace = "import os\ndef handler(event, context):\n    print('TRACE ' + os.environ['_X_AMZN_TRACE_ID'])\n"
    server.function(name="traced", source=trace)
    client = server.client("lambda", B)
    sent = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    client.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", sent))
    answer = client.invoke(FunctionName="traced")
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"] == sent
    client.invoke(FunctionName="traced", InvocationType="Event")
    assert until(lambda: messages(server, "traced").count(f"TRACE {sent}\n") == 2), messages(server, "traced")
    # Without one of the caller's own it begins here.
    began = server.client("lambda", B).invoke(FunctionName="traced")["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"]
    assert began.startswith("Root=1-") and began.endswith(";Sampled=0")
    assert until(lambda: f"TRACE {began}\n" in messages(server, "traced")), messages(server, "traced")


def test_invoke_async_as_of_old(server):
    server.function(name="works", source=ECHO)
    answer = server.client("lambda", B).invoke_async(FunctionName="works", InvokeArgs=b'{"old": true}')
    assert answer["Status"] == 202
    told(server, answer["ResponseMetadata"]["RequestId"], "outcome: Success")
    assert until(lambda: any("'old': True" in m for m in messages(server, "works")))


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]


def test_event_invoke_configs(server):
    """The words of TestLambdaEventInvokeConfig."""
    arn = server.function(name="works", source=ECHO)
    client = server.client("lambda", B)
    put, get = client.put_function_event_invoke_config, client.get_function_event_invoke_config
    assert refused(put, FunctionName="works")["Message"] == \
        "You must specify at least one of error handling or destination setting."
    assert refused(put, FunctionName="none", MaximumRetryAttempts=1)["Message"] == "The function doesn't exist."
    assert refused(get, FunctionName="works")["Message"] == \
        f"The function {arn}:$LATEST doesn't have an EventInvokeConfig"
    for to, text in [
        (arn, "You can't specify the function as a destination for itself."),
        (arn + "x", f"The destination ARN {arn}x is invalid."),
        (arn.replace(":lambda:", ":iam:"), "The provided destination config DestinationConfig(onSuccess=OnSuccess("
         f"destination={arn.replace(':lambda:', ':iam:')}), onFailure=null) is invalid."),
        (arn.replace(B, A), f"The destination ARN {arn.replace(B, A)} is invalid."),
    ]:
        error = refused(put, FunctionName="works", DestinationConfig={"OnSuccess": {"Destination": to}})
        assert error["Message"] == text, to
    bad = refused(put, FunctionName="works", DestinationConfig={"OnFailure": {"Destination": arn.replace("aws:", "aws:_-/!", 1)}})
    assert bad["Code"] == "ValidationException" and "'destinationConfig.onFailure.destination'" in bad["Message"]
    client.publish_version(FunctionName="works")
    put(FunctionName="works", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=61)
    put(FunctionName="works", Qualifier="1", MaximumRetryAttempts=0)
    listed = client.list_function_event_invoke_configs(FunctionName="works")["FunctionEventInvokeConfigs"]
    assert sorted(c["FunctionArn"] for c in listed) == [f"{arn}:$LATEST", f"{arn}:1"]
    updated = client.update_function_event_invoke_config(FunctionName="works", MaximumRetryAttempts=2)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (2, 61)
    client.delete_function_event_invoke_config(FunctionName="works", Qualifier="1")
    assert refused(client.delete_function_event_invoke_config, FunctionName="works", Qualifier="1")["Code"] == \
        "ResourceNotFoundException"
