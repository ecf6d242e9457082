"""Each symptom that the seed names: reproduced, answered as AWS answers it, and explained with what mends it."""
import json

import botocore.exceptions
import pytest

from conftest import A, B, REGION, VPC_ACCESS, trust

ARN = f"arn:aws:lambda:{REGION}:{B}:function:account-b-lambda"


def internal_error(answer):
    assert (answer.status, answer.json) == (500, {"message": "Internal server error"})
    return answer.request_id


def test_no_resource_policy(server):
    api = server.api(server.function())
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "has no policy" in text
    assert "aws lambda add-permission" in text and "--principal apigateway.amazonaws.com" in text
    assert f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/users" in text


def test_a_role_without_invoke_function(server):
    role = server.role()
    api = server.api(server.function(), credentials=role)
    server.allow(Principal=role)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "aws iam put-role-policy --role-name apigw-exec" in text
    assert "no identity-based policy allows" in text


def test_a_role_without_invoke_function_and_a_function_without_policy(server):
    role = server.role()
    api = server.api(server.function(), credentials=role)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "aws iam put-role-policy" in text and f"--principal {role}" in text


def test_same_account_with_a_role_needs_no_resource_policy(server):
    arn = server.function(account=A)
    api = server.api(arn, credentials=server.role(invoke=arn))
    assert server.get(api, "/prod/users").status == 200


def test_same_account_without_credentials(server):
    api = server.api(server.function(account=A))
    internal_error(server.get(api, "/prod/users"))
    server.allow(account=A, SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/*/GET/users")
    assert server.get(api, "/prod/users").status == 200


def test_the_source_of_another_api_does_not_count(server):
    arn = server.function()
    one, other = server.api(arn), server.api(arn)
    server.allow(SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{one}/*/*/*")
    assert server.get(one, "/prod/users").status == 200
    text = server.explain(internal_error(server.get(other, "/prod/users")))
    assert one in text and other in text


def test_a_role_that_cannot_be_assumed(server):
    role = server.role(service="lambda.amazonaws.com", invoke=ARN)
    api = server.api(server.function(), credentials=role)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "assume" in text and "aws iam update-assume-role-policy --role-name apigw-exec" in text
    assert "apigateway.amazonaws.com" in text


def test_a_role_that_does_not_exist(server):
    api = server.api(server.function(), credentials=f"arn:aws:iam::{A}:role/apigw-exce")
    server.role("apigw-exec", invoke=ARN)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "does not exist" in text and "apigw-exec" in text


def test_a_role_of_another_account(server):
    arn = server.function()
    role = server.role(account=B, invoke=arn)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.api(arn, credentials=role)
    error = refused.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert error["Error"] == {"Code": "AccessDeniedException", "Message": "Cross-account pass role is not allowed."}
    assert "role of account" in server.explain(error["ResponseMetadata"]["RequestId"])


def test_a_mistyped_function_arn(server):
    arn = server.function()
    api = server.api(arn.replace("account-b-lambda", "acount-b-lambda"), credentials=server.role(invoke="*"))
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "acount-b-lambda" in text and arn in text


def test_the_wrong_region_in_the_arn(server):
    arn = server.function()
    api = server.api(arn.replace(REGION, "eu-west-1"), uri_region="eu-west-1", credentials=server.role(invoke="*"))
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "eu-west-1" in text and arn in text


def test_the_wrong_region_in_the_uri(server):
    arn = server.function()
    api = server.api(arn, uri_region="eu-west-1", credentials=server.role(invoke=arn))
    server.allow(Principal=A)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "region" in text and "eu-west-1" in text and REGION in text


def test_a_stage_that_is_not_deployed(server):
    api = server.api(server.function(), stage=None)
    answer = server.get(api, "/prod/users")
    assert (answer.status, answer.json) == (403, {"message": "Forbidden"})
    text = server.explain(answer.request_id)
    assert "never" in text and "aws apigateway create-deployment" in text and api in text


def test_a_stage_of_another_name(server):
    api = server.api(server.function())
    answer = server.get(api, "/prd/users")
    assert answer.status == 403
    assert "prod" in server.explain(answer.request_id)


def test_changes_that_are_not_deployed(server):
    api = server.api(server.function())
    gateway = server.client("apigateway")
    users = server.resource_id(api)
    orders = gateway.create_resource(restApiId=api, parentId=users, pathPart="orders")["id"]
    gateway.put_method(restApiId=api, resourceId=orders, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=orders, httpMethod="GET", type="MOCK",
                            requestTemplates={"application/json": '{"statusCode": 200}'})
    answer = server.get(api, "/prod/users/orders")
    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
    text = server.explain(answer.request_id)
    assert "deployed" in text and f"aws apigateway create-deployment" in text


@pytest.mark.parametrize("method,path,wanted", [("GET", "/prod/user", "/users"), ("POST", "/prod/users", "GET")])
def test_a_path_or_method_that_does_not_exist(server, method, path, wanted):
    api = server.api(server.function())
    answer = server.get(api, path, method=method)
    assert (answer.status, answer.json) == (403, {"message": "Missing Authentication Token"})
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert wanted in server.explain(answer.request_id)


def granted(server, **function):
    arn = server.function(**function)
    server.allow()
    return server.api(arn)


def test_a_function_in_a_vpc(server):
    arn = server.function()
    server.client("iam", B).attach_role_policy(RoleName="function-role", PolicyArn=VPC_ACCESS)
    server.client("lambda", B).update_function_configuration(
        FunctionName=arn, VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
    server_api = server.api(arn)
    stored = server.client("lambda", B).get_function_configuration(FunctionName="account-b-lambda")["VpcConfig"]
    assert (stored["SubnetIds"], stored["SecurityGroupIds"]) == (["subnet-1"], ["sg-1"])
    text = server.explain(internal_error(server.get(server_api, "/prod/users")))
    assert "VPC" in text and "does not affect who may invoke" in text


def bad_gateway(server, source, **function):
    answer = server.get(granted(server, source=source, **function), "/prod/users")
    assert (answer.status, answer.json) == (502, {"message": "Internal server error"})
    return server.explain(answer.request_id)


def test_a_handler_that_raises(server):
    text = bad_gateway(server, "def handler(event, context):\n    raise KeyError('user')\n")
    assert "KeyError" in text and "/aws/lambda/account-b-lambda" in text


def test_a_handler_that_does_not_exist(server):
    text = bad_gateway(server, "def other(event, context):\n    pass\n")
    assert "HandlerNotFound" in text and "handler" in text


def test_a_module_that_does_not_exist(server):
    text = bad_gateway(server, "def handler(event, context):\n    pass\n", Handler="app.handler")
    assert "ImportModuleError" in text


@pytest.mark.parametrize("returned,reason", [
    ("'text'", "object"), ("{'statusCode': 'test'}", "statusCode"), ("{'wrongValue': 1}", "wrongValue"),
    ("{'statusCode': 200, 'body': {'a': 1}}", "body")])
def test_a_malformed_response(server, returned, reason):
    assert reason in bad_gateway(server, f"def handler(event, context):\n    return {returned}\n")


def test_a_function_that_times_out(server):
    text = bad_gateway(server, "import time\ndef handler(event, context):\n    time.sleep(30)\n", Timeout=1)
    assert "timed out after 1.00 seconds" in text and "update-function-configuration" in text


def test_an_integration_that_times_out(server):
    arn = server.function(source="import time\ndef handler(event, context):\n    time.sleep(30)\n", Timeout=40)
    server.allow()
    api = server.api(arn, timeoutInMillis=200)
    answer = server.get(api, "/prod/users")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})
    assert "200 ms" in server.explain(answer.request_id)


def test_execution_logs_hold_the_denial(server):
    api = server.api(server.function())
    gateway = server.client("apigateway")
    logging = dict(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/logging/loglevel", "value": "ERROR"}])
    with pytest.raises(botocore.exceptions.ClientError, match="CloudWatch Logs role ARN must be set"):
        gateway.update_stage(**logging)
    gateway.update_account(patchOperations=[
        {"op": "replace", "path": "/cloudwatchRoleArn", "value": server.role("apigw-logs")}])
    gateway.update_stage(**logging)
    internal_error(server.get(api, "/prod/users"))
    lines = server.aws(A, "logs", "filter-log-events", "--log-group-name", f"API-Gateway-Execution-Logs_{api}/prod",
                       "--query", "events[].message", "--output", "text")
    assert "Execution failed due to configuration error: Invalid permissions on Lambda function" in lines


def test_an_explicit_deny_has_no_grant(server):
    arn = server.function()
    role = server.role(invoke=arn)
    server.client("iam").put_role_policy(RoleName="apigw-exec", PolicyName="no", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Sid": "NoLambda", "Effect": "Deny", "Action": "lambda:*", "Resource": "*"}]}))
    api = server.api(arn, credentials=role)
    server.allow(Principal=role)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "NoLambda" in text and "explicit deny" in text and "add-permission --region" not in text.split("or call without the role")[0]


def test_a_boundary_that_does_not_allow(server):
    arn = server.function()
    role = server.role(invoke=arn)
    iam = server.client("iam")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="apigw-exec", PermissionsBoundary=boundary)
    api = server.api(arn, credentials=role)
    server.allow(Principal=role)
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert "permissions boundary" in text and boundary in text


def test_a_policy_with_the_methods_literal_path(server):
    arn = server.function()
    api = server.api(arn, method="ANY")
    server.allow(SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/*/GET/users")
    text = server.explain(internal_error(server.get(api, "/prod/users")))
    assert f"{api}/prod/ANY/users" in text
