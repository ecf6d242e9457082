"""Every kind of denial, one scene each: `explain` has a fix, in all three forms or with the reason why not; and each
fix, pasted into a shell, lets the same call through."""
import json
import os
import re
import subprocess
import time

import pytest
import yaml

import test_explain_edges
from conftest import A, B, REGION, Server, package, trust
from explaining import ALLOW, allow, deny, policy, refused, report, run, session, user
from terraforming import apply, needs_terraform, nothing_to_change, terraform_in
from test_explain_forms import PROVIDER, Loader
from test_iam import totp
from test_organizations import Organization

GET = "lambda:GetFunction"
TRUST_A = {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}
CREW = f"arn:aws:iam::{A}:role/crew"


def fails(call, **arguments):
    return refused(call, **arguments), lambda: call(**arguments)


def get_function(server, *statements, **more):
    arn = server.function(account=A)
    return fails(server.client("lambda", **user(server, *statements, **more)).get_function, FunctionName=arn)


def list_functions(server, document=None, attached=None):
    keys = user(server, *([] if attached else [ALLOW]))
    iam = server.client("iam")
    if document:
        iam.put_user_policy(UserName="ann", PolicyName="no", PolicyDocument=document)
    if attached:
        iam.attach_user_policy(UserName="ann", PolicyArn=attached)
    return fails(server.client("lambda", **keys).list_functions)


def managed(server, *statements, name="limit"):
    return server.client("iam").create_policy(PolicyName=name, PolicyDocument=policy(*statements))["Policy"]["Arn"]


def crew(server, *statements, account=A):
    """A role that trusts as told, and the call that assumes it."""
    server.client("iam", account).create_role(RoleName="crew", AssumeRolePolicyDocument=policy(*statements))
    return dict(RoleArn=f"arn:aws:iam::{account}:role/crew", RoleSessionName="ann")


def assume(server, *trusted, own=(ALLOW,), account=A, **more):
    return fails(server.client("sts", **user(server, *own)).assume_role, **crew(server, *trusted, account=account), **more)


def narrowed(server, **policies):
    """A call in a session that has policies of its own."""
    call = crew(server, TRUST_A)
    server.client("iam").put_role_policy(RoleName="crew", PolicyName="own", PolicyDocument=policy(ALLOW))
    keys = user(server, ALLOW)
    made = server.client("sts", **keys).assume_role(**call, **policies)
    arn = server.function(account=A)
    request = refused(server.client("lambda", **session(made)).get_function, FunctionName=arn)
    return request, keys, lambda anew: server.client("lambda", **session(anew)).get_function(FunctionName=arn)


def gets(server, api, path="/prod/users"):
    closed = server.get(api, path)
    assert closed.status in (403, 500)

    def again():
        api_account = server.client("apigateway")
        api_account.create_deployment(restApiId=api, stageName="prod")
        assert server.get(api, path).status == 200

    return closed.request_id, again


def with_role(server, near=False):
    function = server.function()
    role = server.role(invoke=function)
    api = server.api(function, credentials=role)
    if near:
        server.allow(Principal=A, SourceArn=f"arn:aws:execute-api:{REGION}:{A}:{api}/prod/*/*")
    return gets(server, api)


def without_role(server, **grant):
    api = server.api(server.function())
    server.allow(**grant)
    return gets(server, api)


def closed_api(server, *statements):
    return gets(server, test_explain_edges.closed_api(server, "NONE", policy(*statements)), "/prod")


def layer(server, *statements):
    made = server.client("lambda", B).publish_layer_version(LayerName="base", Content={"ZipFile": package()})
    return fails(server.client("lambda", **user(server, *statements)).get_layer_version_by_arn,
                 Arn=made["LayerVersionArn"])


def layer_of_a_function(server):
    made = server.client("lambda", B).publish_layer_version(LayerName="base", Content={"ZipFile": package()})
    arn = server.function(account=A)
    return fails(server.client("lambda").update_function_configuration, FunctionName=arn, Layers=[made["LayerVersionArn"]])


def both_sides(server):
    arn = server.function()
    keys = user(server, allow("lambda:InvokeFunction", arn + "x"))
    server.allow(Principal=A, SourceArn=f"arn:aws:execute-api:{REGION}:{A}:x/*")
    return fails(server.client("lambda", **keys).invoke, FunctionName=arn)


def passed(server, *statements):
    server.client("iam").create_role(RoleName="exec", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    return fails(server.client("lambda", **user(server, allow("lambda:*"), *statements)).create_function,
                 FunctionName="f", Runtime="python3.9", Handler="index.handler", Role=f"arn:aws:iam::{A}:role/exec",
                 Code={"ZipFile": package()})


def tagged_api(server):
    api = server.client("apigateway").create_rest_api(name="mine", tags={"own": "1"})["id"]
    keys = user(server, allow("apigateway:*", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    return fails(server.client("apigateway", **keys).get_rest_api, restApiId=api)


def tagged_role(server):
    crew(server, TRUST_A)
    keys = user(server, allow("iam:*", Condition={"StringEquals": {"iam:ResourceTag/team": "blue"}}))
    return fails(server.client("iam", **keys).get_role, RoleName="crew")


def tagged_group(server):
    server.client("logs").create_log_group(logGroupName="/x")
    keys = user(server, allow("logs:*", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    return fails(server.client("logs", **keys).describe_log_streams, logGroupName="/x")


def of_a_group(server):
    iam, keys = server.client("iam"), user(server)
    iam.create_group(GroupName="crew")
    iam.put_group_policy(GroupName="crew", PolicyName="p", PolicyDocument=policy(allow(GET, "arn:aws:lambda:*:*:function:x")))
    iam.add_user_to_group(GroupName="crew", UserName="ann")
    return fails(server.client("lambda", **keys).get_function, FunctionName=server.function(account=A))


def dangling(server):
    iam, keys = server.client("iam"), user(server, ALLOW)
    iam.create_user(UserName="old")
    call = crew(server, {**TRUST_A, "Principal": {"AWS": f"arn:aws:iam::{A}:user/old"}})
    iam.delete_user(UserName="old")
    return fails(server.client("sts", **keys).assume_role, **call)


def organization(server, *statements, account=None, full=True):
    arn, keys = server.function(account=A), user(server, ALLOW)
    made = Organization(server, A)
    made.policy(policy(*statements), account or made.root)
    if not full:
        made.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=account)
    return fails(server.client("lambda", **keys).get_function, FunctionName=arn)


def resource_control(server):
    made = Organization(server, A, types=("RESOURCE_CONTROL_POLICY",))
    made.policy(policy({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}), made.root,
                kind="RESOURCE_CONTROL_POLICY")
    return assume(server, TRUST_A)


def member(server):
    Organization(server, A)
    return fails(server.client("organizations", A).list_accounts)


def in_a_boundary(server, *statements):
    return get_function(server, ALLOW, PermissionsBoundary=managed(server, *statements))


def in_a_boundary_of_aws(server):
    arn = server.function(account=A)
    keys = user(server, ALLOW, PermissionsBoundary="arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess")
    return fails(server.client("lambda", **keys).delete_function, FunctionName=arn)


def when(operator, key, value):
    return {"Condition": {operator: {key: value}}}


SCENES = {
    "nothing allows": lambda s: get_function(s),
    "another action": lambda s: get_function(s, allow("lambda:ListFunctions")),
    "another resource": lambda s: get_function(s, allow(GET, f"arn:aws:lambda:{REGION}:{A}:function:other")),
    "another resource of a group's": of_a_group,
    "left out by NotResource": lambda s: get_function(s, {
        "Effect": "Allow", "Action": "lambda:*", "NotResource": [
            f"arn:aws:lambda:{REGION}:{A}:function:{name}" for name in ("account-b-lambda", "other")]}),
    "left out by NotAction": lambda s: get_function(s, {"Effect": "Allow", "NotAction": GET, "Resource": "*"}),
    "another address": lambda s: get_function(s, allow("lambda:*", **when("IpAddress", "aws:SourceIp", "192.0.2.0/24"))),
    "another time": lambda s: get_function(s, allow("lambda:*", **when("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"))),
    "another organization": lambda s: get_function(s, allow("lambda:*", **when("StringEquals", "aws:PrincipalOrgID", "o-1234567890"))),
    "no tag of the user": lambda s: get_function(
        s, allow("lambda:*", **when("StringEquals", "aws:PrincipalTag/team", "blue")), Tags=[{"Key": "own", "Value": "1"}]),
    "no tag of the function": lambda s: get_function(s, allow("lambda:*", **when("StringEquals", "aws:ResourceTag/team", "blue"))),
    "other tags than the user's": lambda s: get_function(
        s, allow("lambda:*", **when("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}")),
        Tags=[{"Key": "team", "Value": "blue"}]),
    "no tag of the API": tagged_api,
    "no tag of the role": tagged_role,
    "no tag of the log group": tagged_group,
    "denied": lambda s: get_function(s, ALLOW, deny("lambda:*")),
    "denied alone": lambda s: list_functions(s, policy(deny("lambda:*"))),
    "denied elsewhere": lambda s: get_function(s, ALLOW, deny("*", **when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"))),
    "denied in this region": lambda s: get_function(s, ALLOW, deny("*", **when("StringNotEquals", "aws:RequestedRegion", "eu-west-1"))),
    "denied without TLS": lambda s: get_function(s, ALLOW, deny("*", **when("Bool", "aws:SecureTransport", "false"))),
    "content unknown": lambda s: list_functions(s, attached="arn:aws:iam::aws:policy/AmazonRDSFullAccess"),
    "boundary": lambda s: in_a_boundary(s, allow("s3:*")),
    "denied by the boundary": lambda s: in_a_boundary(s, ALLOW, deny("lambda:*")),
    "boundary of AWS's": in_a_boundary_of_aws,
    "a role is passed": lambda s: passed(s),
    "a role is passed to another service": lambda s: passed(
        s, allow("iam:PassRole", **when("StringEquals", "iam:PassedToService", "ec2.amazonaws.com"))),
    "a layer": lambda s: layer(s, ALLOW),
    "a layer, on both sides": lambda s: layer(s),
    "a layer of a function": layer_of_a_function,
    "a function of another account": lambda s: fails(s.client("lambda").get_function, FunctionName=s.function()),
    "both sides nearly": both_sides,
    "trust": lambda s: assume(s, {**TRUST_A, "Principal": {"Service": "lambda.amazonaws.com"}}, own=()),
    "trust, across accounts": lambda s: assume(
        s, {**TRUST_A, "Principal": {"Service": "lambda.amazonaws.com"}}, own=(), account=B),
    "trust in one who is gone": dangling,
    "trust denied": lambda s: assume(s, TRUST_A, {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:*"}),
    "trust denied alone": lambda s: assume(s, {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:*"}),
    "trust without session tags": lambda s: assume(s, TRUST_A, Tags=[{"Key": "own", "Value": "1"}]),
    "SCP denies": lambda s: organization(s, deny("lambda:*")),
    "SCPs allow nothing": lambda s: organization(s, allow("s3:*"), account=A, full=False),
    "RCP denies": resource_control,
    "a member asks its organization": member,
    "API with a role": with_role,
    "API with a role, nearly": lambda s: with_role(s, near=True),
    "API without a role, another source": lambda s: without_role(
        s, SourceArn=f"arn:aws:execute-api:{REGION}:{A}:abcdefghij/*/*/*"),
    "API without a role, another account": lambda s: without_role(s, SourceAccount=B),
    "API with a role that does not trust": lambda s: gets(
        s, s.api(s.function(account=A), credentials=s.role(invoke="*", service="lambda.amazonaws.com"))),
    "an API's policy, another address": lambda s: closed_api(s, {
        "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        **when("IpAddress", "aws:SourceIp", "192.0.2.0/24")}),
    "an API's policy, denied alone": lambda s: closed_api(s, {
        "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}),
}
# Where AWS's own policies deny, or a policy is shared: what is taken away is looked for with the caller.
ATTACHED = {
    "denied by a policy of AWS's": lambda s: "arn:aws:iam::aws:policy/AWSDenyAll",
    "denied by a managed policy": lambda s: managed(s, deny("lambda:*")),
}


def has_every_form(fix):
    for step in fix["steps"]:
        for form in ("terraform", "cloudformation"):
            assert (form in step) != (f"without{form.capitalize()}" in step), (form, step)


def one_server(scene, number):
    """Plays a scene on a server of its own and pastes fix `number`; gives how many there are."""
    server = Server("--in-memory")
    try:
        request, again = scene(server)
        fixes = report(server, request)["fixes"]
        assert fixes and fixes[0]["checked"], fixes
        fix = fixes[number]
        has_every_form(fix if fix["checked"] else {"steps": []})
        if fix["checked"]:
            for step in fix["steps"]:
                assert step["commands"], fix
                run(server, step)
            again()
        return len(fixes)
    finally:
        assert server.stop() == 0 and "panicked" not in server.errors


@pytest.mark.parametrize("name", SCENES)
def test_every_fix_lets_the_call_through(name):
    count = one_server(SCENES[name], 0)
    for number in range(1, count):
        one_server(SCENES[name], number)


@pytest.mark.parametrize("name", ATTACHED)
def test_a_deny_that_came_with_an_attached_policy(name):
    def scene(server):
        keys = user(server, ALLOW)
        server.client("iam").attach_user_policy(UserName="ann", PolicyArn=ATTACHED[name](server))
        return fails(server.client("lambda", **keys).list_functions)

    assert one_server(scene, 0) == 1


@pytest.mark.parametrize("policies", [
    lambda s: dict(Policy=policy(allow("s3:*"))), lambda s: dict(Policy=policy(ALLOW, deny("lambda:*"))),
    lambda s: dict(PolicyArns=[{"arn": managed(s, allow("s3:*"))}]),
    lambda s: dict(PolicyArns=[{"arn": managed(s, ALLOW, deny("lambda:*"))}])])
def test_a_session_with_policies(server, policies):
    request, keys, again = narrowed(server, **policies(server))
    (fix,) = report(server, request)["fixes"]
    (step,) = fix["steps"]
    has_every_form(fix)
    assert fix["checked"] and "assume_role {" in step["terraform"]
    again(json.loads(run(server, step, keys)[0]))


def test_a_federated_user_without_a_policy(server):
    keys = user(server, ALLOW)
    arn = server.function(account=A)
    made = server.client("sts", **keys).get_federation_token(Name="bob")
    (fix,) = report(server, refused(server.client("lambda", **session(made)).get_function, FunctionName=arn))["fixes"]
    has_every_form(fix)
    anew = session(json.loads(run(server, fix["steps"][0], keys)[0]))
    assert server.client("lambda", **anew).get_function(FunctionName=arn)


@pytest.mark.parametrize("statements", [
    [allow("iam:*", **when("StringEquals", "aws:RequestTag/team", "blue"))],
    [ALLOW, deny("iam:CreateUser", **when("StringNotEquals", "aws:RequestTag/team", "blue"))],
    [ALLOW, deny("iam:CreateUser", **when("Null", "aws:RequestTag/team", "true"))],
    [allow("iam:*", **when("StringEquals", "iam:PermissionsBoundary", f"arn:aws:iam::{A}:policy/edge"))]])
def test_what_the_request_has_to_bring_is_not_given_up(server, statements):
    request = refused(server.client("iam", **user(server, *statements)).create_user, UserName="bob")
    (fix,) = report(server, request)["fixes"]
    has_every_form(fix)
    assert fix["checked"] and fix["steps"][0]["does"].startswith("send the "), fix
    assert "default_tags" in fix["steps"][0]["terraform"] or "permissions_boundary" in fix["steps"][0]["terraform"]


@pytest.mark.parametrize("scene, why", [
    (lambda s: fails(s.client("lambda").update_function_configuration, FunctionName=s.function()), "callers alone"),
    (lambda s: fails(s.client("sts", **user(s, ALLOW)).assume_role, RoleArn=CREW, RoleSessionName="ann"), "there is no role"),
    (lambda s: fails(s.client("sts").assume_role, **crew(s, TRUST_A)), "root user of an account cannot")])
def test_what_no_policy_allows_is_told(server, scene, why):
    told = report(server, scene(server)[0])
    assert why in told["findings"][0]["title"] and told["fixes"], told


def test_content_unknown_is_said(server):
    request, _ = SCENES["content unknown"](server)
    assert "AmazonRDSFullAccess (content unknown)" in server.explain(request)


def test_a_form_that_does_not_exist_says_why(server):
    request, _ = SCENES["SCP denies"](server)
    text = server.crossgate("explain", request, "--as", "all")
    assert "in Terraform, delete the aws_organizations_policy_attachment" in text
    assert 'resource "aws_organizations_policy"' in text and "Type: AWS::Organizations::Policy" in text


def test_an_unsigned_call_is_signed(server, tmp_path):
    api = test_explain_edges.closed_api(server, "AWS_IAM", "")
    (fix,) = report(server, server.get(api, "/prod").request_id)["fixes"]
    keys = user(server, allow("execute-api:*"))
    env = {**os.environ, "AWS_ENDPOINT_URL": server.url, **{name.upper(): value for name, value in keys.items()}}
    (command,) = fix["steps"][0]["commands"]
    done = subprocess.run(command + " -s -o /dev/null -w '%{http_code}'", shell=True, env=env, capture_output=True, text=True)
    assert done.stdout == "200", (command, done)


def test_mfa_is_asked_for_and_a_code_is_used_up_by_what_is_allowed_alone(server):
    iam, now = server.client("iam"), int(time.time())
    keys = user(server, allow("lambda:*", **when("Bool", "aws:MultiFactorAuthPresent", "true")), allow("sts:*"))
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    serial, seed = made["SerialNumber"], made["Base32StringSeed"].decode()
    # Enabling uses up the code of two steps ago.
    iam.enable_mfa_device(UserName="ann", SerialNumber=serial, AuthenticationCode1=totp(seed, now - 90),
                          AuthenticationCode2=totp(seed, now - 60))
    call = crew(server, {**TRUST_A, **when("Bool", "aws:MultiFactorAuthPresent", "true")})
    iam.put_role_policy(RoleName="crew", PolicyName="own", PolicyDocument=policy(ALLOW))
    code = dict(SerialNumber=serial, TokenCode=totp(seed, now))
    assume = server.client("sts", **keys).assume_role
    refused(assume, **call, **code, Tags=[{"Key": "no", "Value": "TagSession"}])
    # A denied call leaves the code good; an allowed one does not.
    assert assume(**call, **code)["Credentials"]
    refused(assume, **call, **code)

    fn = server.function(account=A)
    for denied in (lambda: refused(server.client("lambda", **keys).get_function, FunctionName=fn),
                   lambda: refused(assume, **call)):
        (fix,) = report(server, denied())["fixes"]
        has_every_form(fix)
        (command,) = fix["steps"][0]["commands"]
        assert fix["checked"] and f"--serial-number {serial} --token-code CODE" in command, fix
    # The function is let through with the session that the first of them gets.
    (fix,) = report(server, refused(server.client("lambda", **keys).get_function, FunctionName=fn))["fixes"]
    step = fix["steps"][0]
    step["commands"] = [step["commands"][0].replace("CODE", totp(seed, now + 30))]
    anew = session(json.loads(run(server, step, keys)[0]))
    assert server.client("lambda", **anew).get_function(FunctionName=fn)


def test_a_deny_without_mfa_is_not_lifted(server):
    request, _ = get_function(server, ALLOW, deny("*", **when("BoolIfExists", "aws:MultiFactorAuthPresent", "false")))
    (fix,) = report(server, request)["fixes"]
    assert "get-session-token" in fix["steps"][0]["commands"][0] and "no MFA device yet" in fix["notes"][0], fix


# Scenes, and which fix of theirs is applied as code.
APPLIED = [("a layer", 0), ("boundary of AWS's", 0), ("API without a role, another source", 1), ("a role is passed", 0),
           ("another resource", 1)]


@needs_terraform
@pytest.mark.parametrize("name, number", APPLIED)
def test_the_code_is_applied(server, tmp_path, name, number):
    request, again = SCENES[name](server)
    for count, step in enumerate(report(server, request)["fixes"][number]["steps"]):
        folder = tmp_path / str(count)
        folder.mkdir()
        code = step["terraform"]
        if "# to set on the resource" in code:
            # What the user's code has by now, with what the fix sets.
            code = code.replace('"aws_iam_user" "ann" {', '"aws_iam_user" "ann" {\n  name = "ann"')
            code += 'import {\n  to = aws_iam_user.ann\n  id = "ann"\n}\n'
        terraform = terraform_in(folder, PROVIDER % step["account"] + code, server)
        apply(terraform)
        nothing_to_change(terraform)
    again()


@needs_terraform
def test_an_override_sets_a_tag(server, tmp_path):
    """A file *_override.tf beside the code that makes the user, as the fix says."""
    request, again = SCENES["no tag of the user"](server)
    (step,) = report(server, request)["fixes"][0]["steps"]
    made = 'import {\n  to = aws_iam_user.ann\n  id = "ann"\n}\nresource "aws_iam_user" "ann" {\n  name = "ann"\n' \
           '  tags = { own = "1" }\n}\n'
    (tmp_path / "fix_override.tf").write_text(step["terraform"])
    terraform = terraform_in(tmp_path, PROVIDER % A + made, server)
    apply(terraform)
    nothing_to_change(terraform)
    tags = server.client("iam").list_user_tags(UserName="ann")["Tags"]
    assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("own", "1"), ("team", "blue")]
    again()


@needs_terraform
def test_an_override_changes_a_service_control_policy(server, tmp_path):
    request, again = SCENES["SCP denies"](server)
    (step,) = report(server, request)["fixes"][1]["steps"]
    (identity,) = re.findall(r"--policy-id (p-\w+)", step["commands"][0])
    label = identity.replace("-", "_")
    made = f'import {{\n  to = aws_organizations_policy.{label}\n  id = "{identity}"\n}}\n' \
           f'resource "aws_organizations_policy" "{label}" {{\n  name = "p"\n  content = "{{}}"\n}}\n'
    (tmp_path / "fix_override.tf").write_text(step["terraform"])
    terraform = terraform_in(tmp_path, PROVIDER % step["account"] + made, server)
    apply(terraform)
    nothing_to_change(terraform)
    again()


@pytest.mark.parametrize("name, number, kinds", [
    ("a layer", 0, {"AWS::Lambda::LayerVersionPermission"}),
    ("boundary of AWS's", 0, {"AWS::IAM::ManagedPolicy", "AWS::IAM::User"}),
    ("API without a role, another source", 1, {"AWS::Lambda::Permission"}),
    ("API with a role", 1, {"AWS::ApiGateway::Method"}),
    ("no tag of the function", 0, {"AWS::Lambda::Function"}), ("no tag of the API", 0, {"AWS::ApiGateway::RestApi"}),
    ("no tag of the role", 0, {"AWS::IAM::Role"}), ("no tag of the log group", 0, {"AWS::Logs::LogGroup"}),
    ("SCP denies", 1, {"AWS::Organizations::Policy"}),
    ("a member asks its organization", 0, {"AWS::Organizations::ResourcePolicy"})])
def test_the_template_is_one(server, name, number, kinds):
    request, _ = SCENES[name](server)
    template = yaml.load(report(server, request)["fixes"][number]["steps"][0]["cloudformation"], Loader)
    assert {resource["Type"] for resource in template["Resources"].values()} == kinds, template
    assert all(resource["Properties"] for resource in template["Resources"].values())
    if name.startswith("no tag of the API"):
        (api,) = template["Resources"].values()
        assert {"Key": "own", "Value": "1"} in api["Properties"]["Tags"], "what it has by now stays"
