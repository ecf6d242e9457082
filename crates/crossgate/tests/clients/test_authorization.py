"""Every call needs just the permission that AWS documents: a policy that is just enough passes, one that is a word away
is refused in AWS's words. And the condition keys of each kind of caller, one by one."""
import json
import pathlib
import re
import time

import botocore.exceptions
import pytest

from conftest import A, B, REGION, package, trust

LAMBDA = f"arn:aws:lambda:{REGION}:{A}:"
LOGS = f"arn:aws:logs:{REGION}:{A}:"
GATEWAY = f"arn:aws:apigateway:{REGION}::"
IAM = f"arn:aws:iam::{A}:"
EXEC = f"{IAM}role/exec"
EDGE = f"{IAM}policy/edge"
BLUE = {"team": "blue"}
BLUE_LIST = [{"Key": "team", "Value": "blue"}]
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def equals(**keys):
    return {"StringEquals": {key.replace("__", "/").replace("_", ":", 1): value for key, value in keys.items()}}


def tagged(value="blue"):
    return {"StringEquals": {"aws:ResourceTag/team": value}}


def asked(value="blue"):
    return {"StringEquals": {"aws:RequestTag/team": value}}


def only(*keys):
    return {"ForAllValues:StringEquals": {"aws:TagKeys": list(keys)}, "Null": {"aws:TagKeys": "false"}}


class Case:
    """A call, the statement that is just enough, and how AWS names the resource when it refuses."""

    def __init__(self, name, call, action, resource, condition=None, more=(), spoken=None, near=None):
        self.name, self.call, self.action, self.resource = name, call, action, resource
        self.condition, self.more, self.spoken, self.near = condition, list(more), spoken, near

    def statements(self, resource=None, condition=None):
        one = {"Effect": "Allow", "Action": self.action, "Resource": resource or self.resource}
        if condition or self.condition:
            one["Condition"] = condition or self.condition
        more = [dict(Effect="Allow", Action=action, Resource=on) for action, on in self.more]
        return [one, *more]

    def near_misses(self):
        """Each with one thing wrong."""
        if self.resource != "*":
            yield "resource", self.statements(resource=self.near or self.resource + "x")
        for operator, keys in (self.condition or {}).items():
            if operator == "Null":
                continue
            for key, value in keys.items():
                wrong = "false" if value == "true" else "true" if value == "false" else "other"
                changed = {**self.condition, operator: {**keys, key: [wrong] if isinstance(value, list) else wrong}}
                yield f"{operator} {key}", self.statements(condition=changed)


def pass_role(service, resource=EXEC, **more):
    return {"StringEquals": {"iam:PassedToService": service}, **more}


def cases(ids):
    api, plan, key = ids["api"], ids["plan"], ids["key"]
    root, authorizer = ids["root"], ids["authorizer"]
    at = dict(restApiId=api, resourceId=root, httpMethod="GET")
    rest = f"{GATEWAY}/restapis/{api}"
    method = f"{rest}/resources/{root}/methods/GET"
    users, group = f"{LAMBDA}function:users", f"{LOGS}log-group:team"
    code = {"ZipFile": package()}
    uri = (f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{users}/invocations")
    make = dict(Runtime="python3.9", Handler="index.handler", Role=EXEC, Code=code)
    patch = lambda path, value: [dict(op="replace", path=path, value=value)]
    encoded = f"arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Frestapis%2F{api}"
    new_api = f"{GATEWAY}/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Frestapis%2F*"
    return [
        # Lambda: functions as they are named, tags, roles and what a configuration brings along.
        Case("list-functions", ("lambda", "list_functions", {}), "lambda:ListFunctions", "*",
             equals(aws_RequestedRegion=REGION)),
        Case("get-function", ("lambda", "get_function", dict(FunctionName="users")), "lambda:GetFunction", users),
        Case("get-function-version", ("lambda", "get_function", dict(FunctionName="users", Qualifier="1")),
             "lambda:GetFunction", f"{users}:1", near=users),
        Case("get-function-tag", ("lambda", "get_function_configuration", dict(FunctionName="users")),
             "lambda:GetFunctionConfiguration", "*", tagged(), spoken=users),
        Case("update-code", ("lambda", "update_function_code", dict(FunctionName="users", ZipFile=package())),
             "lambda:UpdateFunctionCode", users),
        Case("create-function-tags", ("lambda", "create_function", dict(make, FunctionName="made", Tags=BLUE)),
             "lambda:CreateFunction", f"{LAMBDA}function:made", {**asked(), **only("team")},
             more=[("iam:PassRole", EXEC), ("lambda:TagResource", f"{LAMBDA}function:made")]),
        Case("create-function-tagging", ("lambda", "create_function", dict(make, FunctionName="labelled", Tags=BLUE)),
             "lambda:TagResource", f"{LAMBDA}function:labelled", asked(),
             more=[("iam:PassRole", EXEC), ("lambda:CreateFunction", "*")]),
        Case("create-function-role", ("lambda", "create_function", dict(make, FunctionName="passed")),
             "iam:PassRole", EXEC, pass_role("lambda.amazonaws.com",
                                             ArnEquals={"iam:AssociatedResourceArn": f"{LAMBDA}function:passed"}),
             more=[("lambda:CreateFunction", "*")]),
        Case("invoke", ("lambda", "invoke", dict(FunctionName="users")), "lambda:InvokeFunction", users),
        Case("invoke-alias", ("lambda", "invoke", dict(FunctionName="users:live")), "lambda:InvokeFunction",
             f"{users}:live", near=users),
        Case("add-permission", ("lambda", "add_permission", dict(
            FunctionName="users", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")),
             "lambda:AddPermission", users, equals(lambda_Principal="apigateway.amazonaws.com")),
        Case("remove-permission", ("lambda", "remove_permission", dict(FunctionName="users", StatementId="old")),
             "lambda:RemovePermission", users, equals(lambda_Principal="apigateway.amazonaws.com")),
        Case("create-alias", ("lambda", "create_alias", dict(FunctionName="users", Name="next", FunctionVersion="1")),
             "lambda:CreateAlias", users),
        Case("tag-function", ("lambda", "tag_resource", dict(Resource=users, Tags=BLUE)), "lambda:TagResource", users,
             {**asked(), **only("team")}),
        Case("untag-function", ("lambda", "untag_resource", dict(Resource=users, TagKeys=["spare"])),
             "lambda:UntagResource", users, only("spare")),
        Case("publish-layer", ("lambda", "publish_layer_version", dict(LayerName="shared", Content=code)),
             "lambda:PublishLayerVersion", f"{LAMBDA}layer:shared"),
        Case("get-layer-version", ("lambda", "get_layer_version", dict(LayerName="base", VersionNumber=1)),
             "lambda:GetLayerVersion", f"{LAMBDA}layer:base:1", near=f"{LAMBDA}layer:base"),
        Case("use-layer", ("lambda", "update_function_configuration", dict(
            FunctionName="other", Layers=[f"{LAMBDA}layer:base:1"])), "lambda:UpdateFunctionConfiguration",
             f"{LAMBDA}function:other", {"ForAllValues:StringEquals": {"lambda:Layer": [f"{LAMBDA}layer:base:1"]}},
             more=[("lambda:GetLayerVersion", "*")]),
        # API Gateway: HTTP methods on paths.
        Case("get-apis", ("apigateway", "get_rest_apis", {}), "apigateway:GET", f"{GATEWAY}/restapis"),
        Case("get-api", ("apigateway", "get_rest_api", dict(restApiId=api)), "apigateway:GET", rest),
        Case("get-api-tag", ("apigateway", "get_resources", dict(restApiId=api)), "apigateway:GET", "*", tagged(),
             spoken=f"{rest}/resources"),
        Case("create-api-endpoint", ("apigateway", "create_rest_api", dict(
            name="regional", endpointConfiguration={"types": ["REGIONAL"]})), "apigateway:POST", f"{GATEWAY}/restapis",
             {"ForAllValues:StringEquals": {"apigateway:Request/EndpointType": ["REGIONAL"]}}),
        Case("create-api-tags", ("apigateway", "create_rest_api", dict(name="tagged", tags=BLUE)), "apigateway:PUT",
             new_api, asked(), more=[("apigateway:POST", "*")], near=f"{GATEWAY}/restapis/*"),
        Case("api-policy", ("apigateway", "update_rest_api", dict(restApiId=api, patchOperations=patch("/policy", ""))),
             "apigateway:UpdateRestApiPolicy", rest, more=[("apigateway:PATCH", "*")]),
        Case("rename-api", ("apigateway", "update_rest_api", dict(restApiId=api, patchOperations=patch("/name", "users"))),
             "apigateway:PATCH", rest, {"StringEquals": {"apigateway:Resource/ApiName": "users",
                                                         "apigateway:Request/ApiName": "users"}}),
        Case("put-method-authorization", ("apigateway", "put_method", dict(
            restApiId=ids["scratch"], resourceId=ids["scratch_root"], httpMethod="POST", authorizationType="AWS_IAM")),
             "apigateway:PUT", f"{GATEWAY}/restapis/{ids['scratch']}/resources/{ids['scratch_root']}/methods/POST",
             {"StringEquals": {"apigateway:Request/RouteAuthorizationType": "AWS_IAM"},
              "Bool": {"apigateway:Request/ApiKeyRequired": "false"}}),
        Case("put-integration", ("apigateway", "put_integration", dict(at, type="MOCK")), "apigateway:PUT",
             f"{method}/integration"),
        Case("integration-role", ("apigateway", "put_integration", dict(
            at, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri, credentials=EXEC)), "iam:PassRole", EXEC,
             pass_role("apigateway.amazonaws.com"), more=[("apigateway:PUT", "*")]),
        Case("create-authorizer", ("apigateway", "create_authorizer", dict(
            restApiId=api, name="b", type="TOKEN", authorizerUri=uri, identitySource="method.request.header.A")),
             "apigateway:POST", f"{rest}/authorizers", {"StringEquals": {
                 "apigateway:Request/AuthorizerType": "TOKEN", "apigateway:Request/AuthorizerUri": uri}}),
        Case("delete-authorizer", ("apigateway", "delete_authorizer", dict(restApiId=api, authorizerId=authorizer)),
             "apigateway:DELETE", f"{rest}/authorizers/{authorizer}",
             {"StringEquals": {"apigateway:Resource/AuthorizerUri": uri}}),
        Case("create-deployment", ("apigateway", "create_deployment", dict(restApiId=api, stageName="next")),
             "apigateway:POST", f"{rest}/deployments", {"StringEquals": {"apigateway:Request/StageName": "next"}}),
        Case("update-stage", ("apigateway", "update_stage", dict(
            restApiId=api, stageName="dev", patchOperations=patch("/accessLogSettings/format", "$context.requestId"))),
             "apigateway:PATCH", f"{rest}/stages/dev",
             {"StringEquals": {"apigateway:Request/AccessLoggingFormat": "$context.requestId"}}),
        Case("get-stage-tag", ("apigateway", "get_stage", dict(restApiId=api, stageName="dev")), "apigateway:GET",
             f"{rest}/stages/*", tagged("stage"), spoken=f"{rest}/stages/dev", near=f"{GATEWAY}/restapis"),
        Case("get-account", ("apigateway", "get_account", {}), "apigateway:GET", f"{GATEWAY}/account"),
        Case("get-tags", ("apigateway", "get_tags", dict(resourceArn=rest)), "apigateway:GET", f"{GATEWAY}/tags/{encoded}"),
        Case("tag-api", ("apigateway", "tag_resource", dict(resourceArn=rest, tags=BLUE)), "apigateway:PUT",
             f"{GATEWAY}/tags/{encoded}", asked(), more=[("apigateway:PATCH", rest)]),
        Case("usage-plan-key", ("apigateway", "create_usage_plan_key", dict(usagePlanId=plan, keyId=key, keyType="API_KEY")),
             "apigateway:POST", f"{GATEWAY}/usageplans/{plan}/keys", tagged()),
        # CloudWatch Logs: groups and streams.
        Case("describe-groups", ("logs", "describe_log_groups", {}), "logs:DescribeLogGroups",
             f"{LOGS}log-group:*", spoken=f"{LOGS}log-group::log-stream:", near=f"{LOGS}log-group:team:*"),
        Case("create-group", ("logs", "create_log_group", dict(logGroupName="made")), "logs:CreateLogGroup",
             f"{LOGS}log-group:made:*", spoken=f"{LOGS}log-group:made:log-stream:", near=f"{LOGS}log-group:made"),
        Case("create-stream", ("logs", "create_log_stream", dict(logGroupName="team", logStreamName="s")),
             "logs:CreateLogStream", f"{group}:log-stream:s"),
        Case("put-events", ("logs", "put_log_events", dict(
            logGroupName="team", logStreamName="app", logEvents=[dict(timestamp=int(time.time() * 1000), message="m")])),
             "logs:PutLogEvents", f"{group}:log-stream:app"),
        Case("filter-events-tag", ("logs", "filter_log_events", dict(logGroupName="team")), "logs:FilterLogEvents", "*",
             tagged(), spoken=f"{group}:log-stream:"),
        Case("retention", ("logs", "put_retention_policy", dict(logGroupName="team", retentionInDays=7)),
             "logs:PutRetentionPolicy", f"{group}:*", spoken=f"{group}:log-stream:", near=f"{LOGS}log-group:tea:*"),
        Case("tag-group", ("logs", "tag_resource", dict(resourceArn=group, tags=BLUE)), "logs:TagResource", group, asked()),
        # IAM: names, boundaries, tags, and what is attached.
        Case("get-role", ("iam", "get_role", dict(RoleName="exec")), "iam:GetRole", EXEC,
             {"StringEquals": {"iam:ResourceTag/team": "blue"}, "ArnEquals": {"iam:PermissionsBoundary": EDGE}},
             spoken="role exec"),
        Case("list-roles", ("iam", "list_roles", {}), "iam:ListRoles", f"{IAM}role/", near=f"{IAM}user/"),
        Case("create-role-boundary", ("iam", "create_role", dict(
            RoleName="bound", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), PermissionsBoundary=EDGE)),
             "iam:CreateRole", f"{IAM}role/bound", {"ArnEquals": {"iam:PermissionsBoundary": EDGE}}),
        Case("create-role-tags", ("iam", "create_role", dict(
            RoleName="tagged", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), Tags=BLUE_LIST)),
             "iam:TagRole", f"{IAM}role/tagged", {**asked(), **only("team")}, more=[("iam:CreateRole", "*")]),
        Case("attach-role-policy", ("iam", "attach_role_policy", dict(RoleName="exec", PolicyArn=EDGE)),
             "iam:AttachRolePolicy", EXEC, {"ArnEquals": {"iam:PolicyARN": EDGE}}, spoken="role exec"),
        Case("put-user-policy", ("iam", "put_user_policy", dict(UserName="alice", PolicyName="p", PolicyDocument=EVERYTHING)),
             "iam:PutUserPolicy", f"{IAM}user/alice", {"ArnEquals": {"iam:PermissionsBoundary": EDGE}}, spoken="user alice"),
        Case("create-policy", ("iam", "create_policy", dict(PolicyName="made", PolicyDocument=EVERYTHING)),
             "iam:CreatePolicy", f"{IAM}policy/made", spoken="policy made"),
        Case("get-policy-tag", ("iam", "get_policy", dict(PolicyArn=EDGE)), "iam:GetPolicy", "*", tagged(),
             spoken=f"policy {EDGE}"),
        Case("profile-role", ("iam", "add_role_to_instance_profile", dict(InstanceProfileName="profile", RoleName="exec")),
             "iam:PassRole", EXEC, pass_role("ec2.amazonaws.com"), more=[("iam:AddRoleToInstanceProfile", "*")]),
        Case("simulate", ("iam", "simulate_principal_policy", dict(
            PolicySourceArn=f"{IAM}user/alice", ActionNames=["s3:GetObject"])), "iam:SimulatePrincipalPolicy",
             f"{IAM}user/alice", tagged(), spoken="user alice"),
        # STS.
        Case("assume-role", ("sts", "assume_role", dict(RoleArn=f"{IAM}role/open", RoleSessionName="me", ExternalId="x1")),
             "sts:AssumeRole", f"{IAM}role/open", {"StringEquals": {"sts:ExternalId": "x1", "sts:RoleSessionName": "me"}}),
        Case("federation-token", ("sts", "get_federation_token", dict(Name="bob")), "sts:GetFederationToken",
             f"arn:aws:sts::{A}:federated-user/bob"),
    ]


NAMES = [case.name for case in cases(dict.fromkeys(("api", "plan", "key", "root", "authorizer", "scratch", "scratch_root"), "x"))]
assert len(NAMES) == len(set(NAMES)) >= 40


@pytest.fixture(scope="module")
def world(shared):
    """One thing of each kind; gives their ids."""
    iam, gateway, logs = shared.client("iam"), shared.client("apigateway"), shared.client("logs")
    iam.create_policy(PolicyName="edge", PolicyDocument=EVERYTHING, Tags=BLUE_LIST)
    iam.create_role(RoleName="exec", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"),
                    PermissionsBoundary=EDGE, Tags=BLUE_LIST)
    opened = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}]})
    iam.create_role(RoleName="open", AssumeRolePolicyDocument=opened)
    iam.create_user(UserName="alice", PermissionsBoundary=EDGE, Tags=BLUE_LIST)
    iam.create_instance_profile(InstanceProfileName="profile")
    for name in ("users", "other"):
        shared.function(account=A, name=name, Role=EXEC, Tags={**BLUE, "spare": "x"})
    functions = shared.client("lambda")
    functions.publish_version(FunctionName="users")
    functions.create_alias(FunctionName="users", Name="live", FunctionVersion="1")
    functions.publish_layer_version(LayerName="base", Content={"ZipFile": package()})
    shared.allow(function="users", account=A, StatementId="old")
    api = gateway.create_rest_api(name="users", tags=BLUE)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{LAMBDA}function:users/invocations"
    authorizer = gateway.create_authorizer(restApiId=api, name="a", type="TOKEN", authorizerUri=uri,
                                           identitySource="method.request.header.Authorization")["id"]
    gateway.create_deployment(restApiId=api, stageName="dev")
    gateway.tag_resource(resourceArn=f"{GATEWAY}/restapis/{api}/stages/dev", tags={"team": "stage"})
    logs.create_log_group(logGroupName="team", tags=BLUE)
    logs.create_log_stream(logGroupName="team", logStreamName="app")
    plan = gateway.create_usage_plan(name="p", tags=BLUE)["id"]
    key = gateway.create_api_key(name="k", enabled=True)["id"]
    scratch = gateway.create_rest_api(name="scratch")["id"]
    scratch_root = gateway.get_resources(restApiId=scratch)["items"][0]["id"]
    return dict(api=api, root=root, authorizer=authorizer, plan=plan, key=key, scratch=scratch, scratch_root=scratch_root)


def user(server, name, statements=None):
    iam = server.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    if statements:
        allow(server, name, statements)
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def allow(server, name, statements):
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    server.client("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)


def run(server, keys, call):
    service, operation, parameters = call
    answer = getattr(server.client(service, **keys), operation)(**parameters)
    contexts(server, answer["ResponseMetadata"]["RequestId"])
    return answer


def refused(server, keys, call):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        run(server, keys, call)
    return raised.value.response


@pytest.mark.parametrize("name", NAMES)
def test_just_enough_passes_and_a_word_away_is_refused(shared, world, name):
    case = next(case for case in cases(world) if case.name == name)
    who = f"case-{name}"
    keys = user(shared, who)
    misses = list(case.near_misses())
    assert misses
    for wrong, statements in misses:
        allow(shared, who, statements)
        answer = refused(shared, keys, case.call)
        service = case.call[0]
        code, status = {"iam": ("AccessDenied", 403), "sts": ("AccessDenied", 403),
                        "logs": ("AccessDeniedException", 400)}.get(service, ("AccessDeniedException", 403))
        message = answer["Error"]["Message"]
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), (wrong, answer)
        spoken = case.spoken or case.resource
        assert message == (f"User: {IAM}user/{who} is not authorized to perform: {case.action} on resource: {spoken} "
                           f"because no identity-based policy allows the {case.action} action"), wrong
    allow(shared, who, case.statements())
    run(shared, keys, case.call)


def test_a_group_with_tags_needs_one_more_permission(shared, world):
    keys = user(shared, "group-maker", [{"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"}])
    error = refused(shared, keys, ("logs", "create_log_group", dict(logGroupName="with-tags", tags=BLUE)))["Error"]
    assert error["Message"] == (f"User with accountId: {A} is not authorized to perform CreateLogGroup with Tags. "
                                'An additional permission "logs:TagResource" is required.')


def test_an_explicit_deny_is_named(shared, world):
    keys = user(shared, "denied", [{"Effect": "Allow", "Action": "*", "Resource": "*"},
                                   {"Effect": "Deny", "Action": "apigateway:*", "Resource": "*",
                                    "Condition": tagged()}])
    answer = refused(shared, keys, ("apigateway", "delete_rest_api", dict(restApiId=world["api"])))
    assert answer["Error"]["Message"] == (
        f"User: {IAM}user/denied is not authorized to perform: apigateway:DELETE on resource: "
        f"{GATEWAY}/restapis/{world['api']} with an explicit deny in an identity-based policy")


def test_refusals_on_the_wire(shared, world):
    """Each protocol's form, as an SDK never shows it."""
    keys = user(shared, "wire")
    headers = {}

    def seen(service, operation, **parameters):
        client = shared.client(service, **keys)
        client.meta.events.register("after-call", lambda http_response, **_: headers.update(
            raw=http_response.content.decode(), **{k.lower(): v for k, v in http_response.headers.items()}))
        headers.clear()
        with pytest.raises(botocore.exceptions.ClientError):
            getattr(client, operation)(**parameters)
        return dict(headers)

    rest = seen("apigateway", "get_rest_apis")
    assert rest["x-amzn-errortype"] == "AccessDeniedException" and list(json.loads(rest["raw"])) == ["Message"]
    json11 = seen("logs", "describe_log_groups")
    assert json.loads(json11["raw"])["__type"] == "AccessDeniedException" and "x-amzn-errortype" not in json11
    query = seen("iam", "list_users")
    assert "<Type>Sender</Type>" in query["raw"] and "<Code>AccessDenied</Code>" in query["raw"]


# The condition keys of each kind of caller.

ALWAYS = {"aws:CurrentTime", "aws:EpochTime", "aws:RequestedRegion", "aws:SecureTransport", "aws:ViaAWSService",
          "aws:ResourceAccount"}
REQUEST = {"aws:SourceIp", "aws:UserAgent"}
PRINCIPAL = {"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:PrincipalIsAWSService", "aws:userid"}
SESSION = {"aws:TokenIssueTime", "aws:MultiFactorAuthPresent"}
SERVICE = {"aws:PrincipalIsAWSService", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:SourceArn",
           "aws:SourceAccount"}


SEEN = set()


def contexts(server, request_id):
    answer = server.http(f"/_crossgate/requests/{request_id}")
    SEEN.update(key for one in answer.json["contexts"] for key in one["keys"])
    return [dict(one, keys={key: values if len(values) != 1 else values[0] for key, values in one["keys"].items()})
            for one in answer.json["contexts"]]


def asked_by(server, client):
    """The context of a `lambda:ListFunctions` by this client."""
    try:
        request = client.list_functions()["ResponseMetadata"]["RequestId"]
    except botocore.exceptions.ClientError as error:
        request = error.response["ResponseMetadata"]["RequestId"]
    [one] = contexts(server, request)
    return one["keys"]


def test_keys_of_the_root_user(shared):
    keys = asked_by(shared, shared.client("lambda"))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL
    assert (keys["aws:PrincipalArn"], keys["aws:PrincipalType"], keys["aws:userid"]) == (f"{IAM}root", "Account", A)
    assert (keys["aws:PrincipalAccount"], keys["aws:ResourceAccount"]) == (A, A)
    assert (keys["aws:PrincipalIsAWSService"], keys["aws:ViaAWSService"]) == ("false", "false")
    assert (keys["aws:SourceIp"], keys["aws:SecureTransport"]) == ("127.0.0.1", "false")
    assert keys["aws:RequestedRegion"] == REGION and keys["aws:UserAgent"].startswith("Boto3/")
    assert abs(int(keys["aws:EpochTime"]) - time.time()) < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", keys["aws:CurrentTime"])


def test_keys_of_a_user(shared):
    iam = shared.client("iam")
    iam.create_user(UserName="keys", Path="/team/", Tags=BLUE_LIST)
    key = iam.create_access_key(UserName="keys")["AccessKey"]
    signed = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    keys = asked_by(shared, shared.client("lambda", **signed))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL | {"aws:username", "aws:PrincipalTag/team"}
    assert (keys["aws:PrincipalArn"], keys["aws:PrincipalType"]) == (f"{IAM}user/team/keys", "User")
    assert keys["aws:username"] == "keys" and keys["aws:userid"].startswith("AIDA")
    assert keys["aws:PrincipalTag/team"] == "blue"
    # IAM has one endpoint, wherever the request was signed for.
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        shared.client("iam", region="eu-west-1", **signed).list_users()
    [one] = contexts(shared, raised.value.response["ResponseMetadata"]["RequestId"])
    assert one["keys"]["aws:RequestedRegion"] == "us-east-1"


def session_keys(given):
    return dict(aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"])


def test_keys_of_a_role_session(shared):
    iam = shared.client("iam")
    open_to_all = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]})
    iam.create_role(RoleName="session", Path="/deep/", AssumeRolePolicyDocument=open_to_all, Tags=BLUE_LIST)
    caller = user(shared, "assumer", [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}])
    given = shared.client("sts", **caller).assume_role(
        RoleArn=f"{IAM}role/deep/session", RoleSessionName="me", SourceIdentity="carol",
        Tags=[{"Key": "cost", "Value": "7"}])["Credentials"]
    keys = asked_by(shared, shared.client("lambda", **session_keys(given)))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL | SESSION | {
        "aws:SourceIdentity", "aws:PrincipalTag/team", "aws:PrincipalTag/cost"}
    assert (keys["aws:PrincipalArn"], keys["aws:PrincipalType"]) == (f"{IAM}role/deep/session", "AssumedRole")
    assert re.fullmatch("AROA[A-Z0-9]+:me", keys["aws:userid"])
    assert (keys["aws:SourceIdentity"], keys["aws:PrincipalTag/cost"]) == ("carol", "7")
    assert keys["aws:MultiFactorAuthPresent"] == "false"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", keys["aws:TokenIssueTime"])


def test_keys_of_a_federated_user(shared):
    caller = user(shared, "federator", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    given = shared.client("sts", **caller).get_federation_token(Name="bob", Policy=EVERYTHING)["Credentials"]
    keys = asked_by(shared, shared.client("lambda", **session_keys(given)))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL | SESSION
    assert (keys["aws:PrincipalArn"], keys["aws:PrincipalType"], keys["aws:userid"]) == (
        f"arn:aws:sts::{A}:federated-user/bob", "FederatedUser", f"{A}:bob")


def test_keys_of_a_session_token(shared):
    caller = user(shared, "temporary")
    given = shared.client("sts", **caller).get_session_token()["Credentials"]
    keys = asked_by(shared, shared.client("lambda", **session_keys(given)))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL | SESSION | {"aws:username"}


def invoked(server, api, path="/prod/users", **more):
    answer = server.get(api, path, **more)
    return {one["action"]: one for one in contexts(server, answer.request_id)}


def test_keys_of_a_service_a_service_role_and_an_anonymous_client(shared):
    function = shared.function(account=B, name="called", Tags=BLUE)
    shared.allow(function="called")
    api = shared.api(function)
    one = invoked(shared, api, headers={"Referer": "https://example.com/"})["lambda:InvokeFunction"]
    assert one["principal"] == "apigateway.amazonaws.com" and one["allowed"]
    keys = one["keys"]
    assert set(keys) == ALWAYS | SERVICE | {"aws:ResourceTag/team"}
    assert keys["aws:SourceArn"] == f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/GET/users"
    assert (keys["aws:SourceAccount"], keys["aws:ResourceAccount"]) == (A, B)
    assert (keys["aws:PrincipalIsAWSService"], keys["aws:PrincipalServiceName"]) == ("true", "apigateway.amazonaws.com")

    role = shared.role(name="apigw-keys", invoke=function)
    found = invoked(shared, shared.api(function, credentials=role))
    assert set(found["sts:AssumeRole"]["keys"]) >= {"aws:PrincipalServiceName"}
    keys = found["lambda:InvokeFunction"]["keys"]
    assert set(keys) == ALWAYS | PRINCIPAL | SESSION | {"aws:ResourceTag/team"}
    assert (keys["aws:PrincipalArn"], keys["aws:ViaAWSService"]) == (role, "false")
    assert keys["aws:userid"].endswith(":BackplaneAssumeRoleSession")

    gateway = shared.client("apigateway")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
    gateway.update_rest_api(restApiId=api, patchOperations=[dict(op="replace", path="/policy", value=policy)])
    gateway.create_deployment(restApiId=api, stageName="prod")
    door = invoked(shared, api, headers={"Referer": "https://example.com/"})["execute-api:Invoke"]
    assert door["principal"] == "anonymous"
    assert set(door["keys"]) == ALWAYS | REQUEST | {"aws:PrincipalType", "aws:referer"}
    assert (door["keys"]["aws:PrincipalType"], door["keys"]["aws:referer"]) == ("Anonymous", "https://example.com/")


def test_keys_of_a_function_that_calls(shared):
    """What a function's code calls says which function it is."""
    # With the credentials of its environment, from here: boto3 is not in every interpreter.
    reveal = """
import os

def handler(event, context):
    return [os.environ[k] for k in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')]
"""
    arn = shared.function(account=B, name="caller", source=reveal)
    payload = json.loads(shared.client("lambda", B).invoke(FunctionName="caller")["Payload"].read())
    keys = asked_by(shared, shared.client("lambda", **dict(
        zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), payload))))
    assert set(keys) == ALWAYS | REQUEST | PRINCIPAL | SESSION | {"lambda:SourceFunctionArn"}
    assert keys["lambda:SourceFunctionArn"] == arn


DOCUMENTED = pathlib.Path(__file__).parents[4] / "docs" / "CONDITION-KEYS.md"


def test_the_documentation_has_every_key_that_was_seen(shared):
    """Runs last: what the tests of this file met is in the tables, and the tables' files set what they say."""
    rows = re.findall(r"^\| `([a-z]+:[A-Za-z/]+)` \| (one|many) \| .* \| (.*?) \| .*? \|$", DOCUMENTED.read_text(), re.M)
    keys = {re.sub("/KEY$", "/", key): files for key, _, files in rows}
    missing = {key for key in SEEN if not any(key == row or (row.endswith("/") and key.startswith(row)) for row in keys)}
    assert len(SEEN) > 30 and not missing, missing
    for key, files in keys.items():
        word = re.split("[:/]", key.rstrip("/"))[-1]
        for file in re.findall("`(crates/[^`]+)`", files):
            assert word in (DOCUMENTED.parents[1] / file).read_text(), f"{file} does not set {key}"
