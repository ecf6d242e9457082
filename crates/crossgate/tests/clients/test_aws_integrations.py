"""AWS integrations with this server's own services: the role's policies decide, as for every other caller."""
import json

import pytest

from conftest import A, REGION, trust
from http_backend import Api

PASS = {"method_responses": {"200": {}, "403": {}, "500": {}},
        "responses": {"200": {}, "403": {"selectionPattern": "403"}, "500": {"selectionPattern": "5\\d{2}"}}}


@pytest.fixture(scope="module")
def role(shared):
    """A role that may do nothing yet; `allow` grants it actions."""
    iam = shared.client("iam")
    iam.create_role(RoleName="gateway", AssumeRolePolicyDocument=trust("apigateway.amazonaws.com"))

    def allow(*actions):
        iam.put_role_policy(RoleName="gateway", PolicyName="may", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))

    allow("sts:GetCallerIdentity")
    return f"arn:aws:iam::{A}:role/gateway", allow


def service(shared, role, target, path="/x", **more):
    settings = dict(PASS, kind="AWS", integrationHttpMethod="POST", credentials=role[0])
    settings.update(more)
    return Api(shared).method(path, f"arn:aws:apigateway:{REGION}:{target}", **settings).deploy()


def test_an_action_is_called_as_the_role(shared, role):
    answer = service(shared, role, "sts:action/GetCallerIdentity&Version=2011-06-15").call("/prod/x")
    assert answer.status == 200, answer.body
    assert f"arn:aws:sts::{A}:assumed-role/gateway/BackplaneAssumeRoleSession" in answer.body.decode()


def test_the_roles_policies_decide(shared, role):
    _, allow = role
    api = service(shared, role, "iam:action/ListUsers&Version=2010-05-08")
    allow("sts:GetCallerIdentity")
    answer = api.call("/prod/x")
    assert answer.status == 403 and b"is not authorized to perform: iam:ListUsers" in answer.body
    allow("iam:ListUsers")
    shared.client("iam").create_user(UserName="ada")
    answer = api.call("/prod/x")
    assert answer.status == 200 and b"<UserName>ada</UserName>" in answer.body


def test_a_form_made_by_a_template(shared, role):
    _, allow = role
    allow("iam:CreateUser")
    api = service(
        shared, role, "iam:path//", verb="POST",
        requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        requestTemplates={"application/json":
                          "Action=CreateUser&Version=2010-05-08&UserName=$util.urlEncode($input.path('$.name'))"})
    answer = api.call("/prod/x", method="POST", body=b'{"name": "grace+1"}', headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    assert shared.client("iam").get_user(UserName="grace+1")["User"]["UserName"] == "grace+1"


def test_logs_take_json(shared, role):
    _, allow = role
    allow("logs:CreateLogGroup")
    api = service(shared, role, "logs:action/CreateLogGroup", verb="POST",
                  requestTemplates={"application/json": '{"logGroupName": "$input.path(\'$.name\')"}'})
    answer = api.call("/prod/x", method="POST", body=b'{"name": "by-api"}', headers={"Content-Type": "application/json"})
    assert answer.status == 200, answer.body
    groups = shared.client("logs").describe_log_groups(logGroupNamePrefix="by-api")["logGroups"]
    assert [g["logGroupName"] for g in groups] == ["by-api"]


def test_a_path_with_parameters(shared, role):
    _, allow = role
    allow("apigateway:GET")
    other = shared.client("apigateway").create_rest_api(name="found")["id"]
    api = service(shared, role, "apigateway:path//restapis/{id}", path="/{id}", integrationHttpMethod="GET",
                  request={"method.request.path.id": True},
                  requestParameters={"integration.request.path.id": "method.request.path.id"})
    answer = api.call(f"/prod/{other}")
    assert answer.status == 200 and answer.json["name"] == "found", answer.body


def test_the_log_names_the_address(shared, role):
    api = service(shared, role, "sts:action/GetCallerIdentity&Version=2011-06-15")
    log = api.test("/x")["log"]
    url = f"https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    assert f"Endpoint request URI: {url}" in log and f"Sending request to {url}" in log, log


def test_a_role_that_does_not_trust_the_gateway(shared, role):
    shared.client("iam").create_role(RoleName="closed", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    api = Api(shared).method("/x", f"arn:aws:apigateway:{REGION}:sts:action/GetCallerIdentity", **dict(
        PASS, kind="AWS", integrationHttpMethod="POST", credentials=f"arn:aws:iam::{A}:role/closed")).deploy()
    answer = api.call("/prod/x")
    assert answer.status == 500
    assert "does not trust apigateway.amazonaws.com" in shared.explain(answer.request_id)


def test_services_that_are_not_here_are_named(shared, role):
    answer = service(shared, role, "sqs:path/1/queue").call("/prod/x")
    assert answer.status == 500
    assert "`sqs`" in shared.explain(answer.request_id)
