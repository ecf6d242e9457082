"""The seed's set-up, with the AWS CLI as people type it."""
import json

from conftest import A, B, REGION, package, trust

ARN = f"arn:aws:lambda:{REGION}:{B}:function:account-b-lambda"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ARN}/invocations"


def set_up(server, tmp_path, *, with_role):
    """Function in B and API in A, nothing granted in B yet; gives the API's id."""
    (tmp_path / "function.zip").write_bytes(package())
    server.aws(B, "iam", "create-role", "--role-name", "function-role",
               "--assume-role-policy-document", trust("lambda.amazonaws.com"))
    server.aws(B, "lambda", "create-function", "--function-name", "account-b-lambda", "--runtime", "python3.9",
               "--handler", "index.handler", "--role", f"arn:aws:iam::{B}:role/function-role",
               "--zip-file", f"fileb://{tmp_path}/function.zip")
    server.aws(B, "lambda", "wait", "function-active-v2", "--function-name", "account-b-lambda")
    more = []
    if with_role:
        server.aws(A, "iam", "create-role", "--role-name", "apigw-exec",
                   "--assume-role-policy-document", trust("apigateway.amazonaws.com"))
        server.aws(A, "iam", "put-role-policy", "--role-name", "apigw-exec", "--policy-name", "invoke",
                   "--policy-document", json.dumps({"Version": "2012-10-17", "Statement": [
                       {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN}]}))
        more = ["--credentials", f"arn:aws:iam::{A}:role/apigw-exec"]
    api = server.aws(A, "apigateway", "create-rest-api", "--name", "my-cross-account-api")["id"]
    root = server.aws(A, "apigateway", "get-resources", "--rest-api-id", api)["items"][0]["id"]
    users = server.aws(A, "apigateway", "create-resource", "--rest-api-id", api, "--parent-id", root,
                       "--path-part", "users")["id"]
    method = ["--rest-api-id", api, "--resource-id", users, "--http-method", "GET"]
    server.aws(A, "apigateway", "put-method", *method, "--authorization-type", "NONE")
    server.aws(A, "apigateway", "put-integration", *method, "--type", "AWS_PROXY",
               "--integration-http-method", "POST", "--uri", URI, *more)
    server.aws(A, "apigateway", "create-deployment", "--rest-api-id", api, "--stage-name", "prod")
    return api


def grant_of_the_seed(server, api):
    server.aws(B, "lambda", "add-permission", "--function-name", "account-b-lambda",
               "--statement-id", "apigateway-invoke-from-account-a", "--action", "lambda:InvokeFunction",
               "--principal", f"arn:aws:iam::{A}:root",
               "--source-arn", f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/*/*")


def refused(answer):
    assert answer.status == 500
    assert answer.json == {"message": "Internal server error"}
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def works(answer):
    assert answer.status == 200
    assert answer.json["message"] == "Hello from Account B Lambda!"
    event = answer.json["event_received"]
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/users", "/users", "GET")
    assert event["requestContext"]["accountId"] == A


def run_fixes(server, text, only):
    """Runs the commands of the explanation's fix number `only`, as a user would paste them."""
    import re
    import subprocess
    import sys
    section = re.split(r"^fix(?: \d+)?:", text, flags=re.M)[only]
    commands = [line.strip() for line in section.splitlines() if line.strip().startswith("aws ")]
    assert commands, text
    for command in commands:
        account = B if command.startswith("aws lambda") else A
        shell = command.replace("aws ", f"{sys.executable} -m awscli ", 1)
        done = subprocess.run(shell, shell=True, env=server.environment(account), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_with_the_execution_role(server, tmp_path):
    api = set_up(server, tmp_path, with_role=True)
    refused(server.get(api, "/prod/users"))
    grant_of_the_seed(server, api)
    answer = server.get(api, "/prod/users")
    refused(answer)
    text = server.explain(answer.request_id)
    assert "apigateway-invoke-from-account-a" in text
    assert "AWS:SourceArn" in text and "does not carry" in text
    assert "--principal arn:aws:iam::222222222222:role/apigw-exec" in text
    assert "--principal apigateway.amazonaws.com --source-arn" in text
    run_fixes(server, text, 1)
    works(server.get(api, "/prod/users"))


def test_without_credentials(server, tmp_path):
    api = set_up(server, tmp_path, with_role=False)
    refused(server.get(api, "/prod/users"))
    grant_of_the_seed(server, api)
    answer = server.get(api, "/prod/users")
    refused(answer)
    text = server.explain(answer.request_id)
    assert "apigateway-invoke-from-account-a" in text
    assert "the service apigateway.amazonaws.com" in text
    run_fixes(server, text, 1)
    works(server.get(api, "/prod/users"))


def test_the_other_fix_of_the_role_call_works_too(server, tmp_path):
    api = set_up(server, tmp_path, with_role=True)
    answer = server.get(api, "/prod/users")
    refused(answer)
    run_fixes(server, server.explain(answer.request_id), 2)
    works(server.get(api, "/prod/users"))


def test_the_grant_as_written_with_the_switch(start, tmp_path):
    server = start("--in-memory", "--source-arn-on-role-calls")
    api = set_up(server, tmp_path, with_role=True)
    grant_of_the_seed(server, api)
    works(server.get(api, "/prod/users"))


def test_logs(server, tmp_path):
    api = set_up(server, tmp_path, with_role=False)
    server.allow(SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/*/GET/users")
    works(server.get(api, "/prod/users"))
    # `aws logs tail` is of version 2 of the CLI (test_logs.py); this is what it calls.
    lines = server.aws(B, "logs", "filter-log-events", "--log-group-name", "/aws/lambda/account-b-lambda",
                       "--query", "events[].message", "--output", "text")
    for wanted in ["INIT_START Runtime Version", "START RequestId: ", "Received event: ", "END RequestId: ", "REPORT RequestId: "]:
        assert wanted in lines
