"""`crossgate simulate`: every kind of principal, without a request."""
import json
import subprocess

import pytest

from conftest import A, B, CROSSGATE, REGION
from explaining import allow, policy, user
from test_explain_edges import closed_api

FUNCTION = f"arn:aws:lambda:{REGION}:{B}:function:account-b-lambda"
SOURCE = f"arn:aws:execute-api:{REGION}:{A}:abc/prod/GET/users"


@pytest.fixture(scope="module")
def made(shared):
    """A function of B that lets an API, a role, a user's account and its URL's callers in."""
    shared.function()
    shared.role(invoke=FUNCTION)
    user(shared, allow("lambda:InvokeFunction"))
    shared.allow(StatementId="api", SourceArn=f"arn:aws:execute-api:{REGION}:{A}:abc/*/GET/users")
    shared.allow(StatementId="role", Principal=f"arn:aws:iam::{A}:role/apigw-exec")
    return shared


def simulate(server, principal, *more, action="lambda:InvokeFunction", resource=FUNCTION):
    """The exit status, what was printed, and the errors."""
    done = subprocess.run([CROSSGATE, "simulate", "--principal", principal, "--action", action, "--resource", resource,
                           "--endpoint", server.url, *more], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("principal, more, status", [
    (f"arn:aws:iam::{A}:role/apigw-exec", [], 0),
    (f"arn:aws:sts::{A}:assumed-role/apigw-exec/anyone", [], 0),
    (f"arn:aws:iam::{A}:user/ann", [], 1),
    ("apigateway.amazonaws.com", [], 1),
    ("apigateway.amazonaws.com", ["--context", f"aws:SourceArn={SOURCE}"], 0),
    ("apigateway.amazonaws.com", ["--context", f"aws:SourceArn={SOURCE.replace('abc', 'xyz')}"], 1),
    (B, [], 0),
    (f"arn:aws:iam::{B}:root", [], 0),
    (A, [], 1),
    ("anonymous", [], 1),
])
def test_every_kind_of_principal(made, principal, more, status):
    got, text, errors = simulate(made, principal, *more)
    assert (got, errors) == (status, ""), text + errors
    assert ("allowed" in text) == (status == 0)
    got, told, _ = simulate(made, principal, *more, "--format", "json")
    told = json.loads(told)
    assert got == status and told["allowed"] == (status == 0)
    assert told["decision"]["effect"] == ("Allowed" if status == 0 else "ImplicitlyDenied")
    assert (told["fixes"] == []) == (status == 0)


@pytest.mark.parametrize("principal, action, resource, words", [
    (f"arn:aws:iam::{A}:role/apigw-exce", "lambda:InvokeFunction", FUNCTION,
     f"there is no role arn:aws:iam::{A}:role/apigw-exce; did you mean arn:aws:iam::{A}:role/apigw-exec?"),
    (f"arn:aws:iam::{A}:user/bob", "lambda:InvokeFunction", FUNCTION, f"there is no user arn:aws:iam::{A}:user/bob"),
    ("nobody", "lambda:InvokeFunction", FUNCTION, "nobody"),
    (A, "InvokeFunction", FUNCTION, "`InvokeFunction` is no action"),
    (A, "lambda:InvokeFunction", "account-b-lambda", "`account-b-lambda` is no resource"),
])
def test_a_question_that_cannot_be_answered(made, principal, action, resource, words):
    status, text, errors = simulate(made, principal, action=action, resource=resource)
    assert (status, text) == (2, "") and words in errors and errors.count("\n") == 1, errors


def test_without_a_server_or_with_wrong_usage():
    done = subprocess.run([CROSSGATE, "simulate", "--principal", A, "--action", "lambda:InvokeFunction", "--resource", "*",
                           "--endpoint", "http://127.0.0.1:1"], capture_output=True, text=True)
    assert done.returncode == 2 and "crossgate serve" in done.stderr
    assert subprocess.run([CROSSGATE, "simulate"], capture_output=True).returncode == 2


def test_a_function_that_does_not_exist_yet(made):
    status, text, _ = simulate(made, f"arn:aws:iam::{A}:user/ann", resource=FUNCTION + "-2")
    assert status == 1 and "--function-name account-b-lambda-2" in text


def test_an_api(made):
    api = closed_api(made, "NONE", policy(
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
         "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}))
    ask = dict(action="execute-api:Invoke", resource=f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/")
    assert simulate(made, "anonymous", **ask)[0] == 1
    assert simulate(made, "anonymous", "--context", "aws:SourceIp=192.0.2.7", **ask)[0] == 0


def test_forms_and_the_change(server):
    server.function()
    role = server.role(invoke=FUNCTION)
    status, text, _ = simulate(server, role)
    assert status == 1 and "aws lambda add-permission" in text
    _, text, _ = simulate(server, role, "--as", "all")
    assert all(form in text for form in ("aws lambda add-permission", "aws_lambda_permission", "AWS::Lambda::Permission"))
    _, text, _ = simulate(server, role, "--as", "terraform")
    assert "aws_lambda_permission" in text and "aws lambda" not in text
    server.allow(Principal=role)
    status, text, _ = simulate(server, role)
    assert status == 0 and "allowed by statement" in text
