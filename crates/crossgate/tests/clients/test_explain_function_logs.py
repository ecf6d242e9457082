"""A function whose role may not write its log: AWS would keep none, `explain` says so and mends it."""
import json

import pytest

from conftest import B, package
from explaining import allow, deny, grant, paste, report, run

WRITE = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.fixture
def server(server):
    server.arn = server.function()
    return server


def invoke(server, **more):
    return server.client("lambda", B).invoke(FunctionName=server.arn, **more)["ResponseMetadata"]["RequestId"]


def told(report):
    return [step for step in report["steps"] if "would leave no log" in step]


def test_a_role_without_policies(server):
    found = report(server, invoke(server))
    (step,) = told(found)
    assert ":role/function-role is not allowed logs:CreateLogStream on arn:aws:logs:us-east-1:" + B + ":log-group:" \
        "/aws/lambda/account-b-lambda:log-stream:" in step
    (fix,) = found["fixes"]
    run(server, fix["steps"][0])
    found = report(server, invoke(server))
    assert not told(found) and not found["fixes"], found
    attached = server.client("iam", B).list_attached_role_policies(RoleName="function-role")["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["AWSLambdaBasicExecutionRole"]


def test_through_an_api(server):
    server.allow()
    api = server.api(server.arn)
    answer = server.get(api, "/prod/users")
    assert answer.status == 200
    found = report(server, answer.request_id)
    assert len(told(found)) == 1 and found["status"] == 200 and not found["findings"]
    assert "attach-role-policy --role-name function-role" in server.crossgate("explain", answer.request_id)


def test_the_answer_204_of_a_function(server):
    source = "def handler(event, context):\n    return {'statusCode': 204}\n"
    server.allow()
    server.client("lambda", B).update_function_code(FunctionName=server.arn, ZipFile=package(source))
    answer = server.get(server.api(server.arn), "/prod/users")
    assert answer.status == 204 and len(told(report(server, answer.request_id))) == 1


def test_each_action_and_the_functions_own_group_count(server):
    group = f"arn:aws:logs:us-east-1:{B}:log-group:/aws/lambda/account-b-lambda:*"
    grant(server, allow(WRITE[:2], group))
    (step,) = told(report(server, invoke(server)))
    assert "is not allowed logs:PutLogEvents on" in step
    grant(server, allow(WRITE, group.replace("account-b", "another")))
    assert told(report(server, invoke(server)))
    grant(server, allow(WRITE, group))
    assert not told(report(server, invoke(server)))


def test_a_deny_is_mended_where_it_stands(server):
    grant(server, allow("*"), deny("logs:PutLogEvents"))
    request = invoke(server)
    assert "logs:PutLogEvents" in told(report(server, request))[0]
    paste(server, request)
    assert not told(report(server, invoke(server)))


def test_an_event(server):
    request = invoke(server, InvocationType="Event")
    assert len(told(report(server, request))) == 1


def test_only_where_a_function_was_asked_for(server):
    client = server.client("lambda", B)
    found = report(server, client.get_function(FunctionName=server.arn)["ResponseMetadata"]["RequestId"])
    assert not told(found)
    assert not told(report(server, invoke(server, InvocationType="DryRun")))
    api = server.api(server.arn)
    answer = server.get(api, "/prod/users")
    assert answer.status == 500
    found = report(server, answer.request_id)
    assert not told(found) and all("log on AWS" not in json.dumps(fix) for fix in found["fixes"])
