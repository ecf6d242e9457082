"""Organizations with boto3 and the AWS CLI: trees, policies, and the denials that come of them."""
import json
import shlex

import botocore.exceptions
import pytest

from conftest import A, B

INVOKE = "lambda:InvokeFunction"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny(action, **more):
    return document({"Effect": "Deny", "Action": action, "Resource": "*", **more})


def error(call, *arguments, **more):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(*arguments, **more)
    response = raised.value.response
    return response["Error"]["Code"], response.get("Reason")


class Organization:
    """Account 333333333333 manages; others are invited."""
    MANAGEMENT = "333333333333"

    def __init__(self, server, *members, types=("SERVICE_CONTROL_POLICY",)):
        self.server = server
        self.client = server.client("organizations", self.MANAGEMENT)
        self.id = self.client.create_organization(FeatureSet="ALL")["Organization"]["Id"]
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        for kind in types:
            self.client.enable_policy_type(RootId=self.root, PolicyType=kind)
        for member in members:
            self.invite(member)

    def invite(self, account):
        shake = self.client.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})["Handshake"]
        self.server.client("organizations", account).accept_handshake(HandshakeId=shake["Id"])

    def policy(self, content, target=None, name="p", kind="SERVICE_CONTROL_POLICY"):
        made = self.client.create_policy(Name=name, Description="", Type=kind, Content=content)
        policy = made["Policy"]["PolicySummary"]["Id"]
        if target:
            self.client.attach_policy(PolicyId=policy, TargetId=target)
        return policy

    def unit(self, name, parent=None):
        made = self.client.create_organizational_unit(ParentId=parent or self.root, Name=name)
        return made["OrganizationalUnit"]["Id"]

    def move(self, account, to):
        at = self.client.list_parents(ChildId=account)["Parents"][0]["Id"]
        self.client.move_account(AccountId=account, SourceParentId=at, DestinationParentId=to)


def seed(server):
    """The set-up of the seed with a role that works: an API of account A, a function of account B."""
    function = server.function()
    role = server.role(invoke=function)
    server.allow(Principal=role)
    api = server.api(function, credentials=role)
    assert server.get(api, "/prod/users").status == 200
    return api, role


def run(server, fix):
    """Runs the commands of `fix 1:` or `fix 2:`, each as the account that it names."""
    report = json.loads(server.crossgate("explain", "last", "--format", "json"))
    found = report["fixes"][int(fix.removeprefix("fix ").rstrip(":")) - 1]
    commands = [(step["account"], command) for step in found["steps"] for command in step["commands"]]
    for account, command in commands:
        server.aws(account, *shlex.split(command)[1:])
    return [command for _, command in commands]


def test_with_the_aws_cli_an_scp_denies_the_call_of_an_api(server):
    api, role = seed(server)
    management = "333333333333"
    organization = server.aws(management, "organizations", "create-organization")["Organization"]
    assert organization["MasterAccountArn"] == f"arn:aws:organizations::{management}:account/{organization['Id']}/{management}"
    root = server.aws(management, "organizations", "list-roots")["Roots"][0]["Id"]
    server.aws(management, "organizations", "enable-policy-type", "--root-id", root,
               "--policy-type", "SERVICE_CONTROL_POLICY")
    for account in (A, B):
        shake = server.aws(management, "organizations", "invite-account-to-organization",
                           "--target", f"Id={account},Type=ACCOUNT")["Handshake"]
        assert shake["State"] == "REQUESTED"
        listed = server.aws(account, "organizations", "list-handshakes-for-account")["Handshakes"]
        assert [one["Id"] for one in listed] == [shake["Id"]]
        accepted = server.aws(account, "organizations", "accept-handshake", "--handshake-id", shake["Id"])
        assert accepted["Handshake"]["State"] == "ACCEPTED"
    accounts = server.aws(management, "organizations", "list-accounts")["Accounts"]
    assert {one["Id"]: one["JoinedMethod"] for one in accounts} == {A: "INVITED", B: "INVITED", management: "INVITED"}
    assert server.get(api, "/prod/users").status == 200

    policy = server.aws(management, "organizations", "create-policy", "--name", "NoInvoke", "--description", "none",
                        "--type", "SERVICE_CONTROL_POLICY", "--content", deny(INVOKE))["Policy"]["PolicySummary"]
    server.aws(management, "organizations", "attach-policy", "--policy-id", policy["Id"], "--target-id", A)
    answer = server.get(api, "/prod/users")
    assert answer.status == 500
    told = server.explain(answer.request_id)
    assert "is not authorized to perform: lambda:InvokeFunction" in told
    assert "with an explicit deny in a service control policy" in told
    assert f"service control policy NoInvoke ({policy['Id']}) on account {A}" in told
    assert f"aws organizations detach-policy --policy-id {policy['Id']} --target-id {A}" in told
    assert "put-role-policy" not in told and "add-permission" not in told
    assert f"run as account {management}" in told

    server.aws(management, "organizations", "detach-policy", "--policy-id", policy["Id"], "--target-id", A)
    assert server.get(api, "/prod/users").status == 200


def test_the_fixes_that_explain_prints_work(server):
    api, role = seed(server)
    organization = Organization(server, A, B)
    organization.policy(document(
        {"Effect": "Deny", "Action": INVOKE, "Resource": "*"}, {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}), A)
    for fix in ("fix 2:", "fix 1:"):
        assert server.get(api, "/prod/users").status == 500
        assert run(server, fix)
        assert server.get(api, "/prod/users").status == 200
        attached = organization.client.list_policies_for_target(TargetId=A, Filter="SERVICE_CONTROL_POLICY")["Policies"]
        if fix == "fix 2:":
            # The Deny is still there for everybody else; put it back for everybody.
            policy = next(p["Id"] for p in attached if not p["AwsManaged"])
            content = json.loads(organization.client.describe_policy(PolicyId=policy)["Policy"]["Content"])
            assert content["Statement"][0]["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": role}}
            organization.client.update_policy(PolicyId=policy, Content=deny(INVOKE))
    assert [p["Id"] for p in attached] == ["p-FullAWSAccess"]


def test_a_fix_says_what_else_is_missing(server):
    function = server.function()
    role = server.role()
    api = server.api(function, credentials=role)
    organization = Organization(server, A)
    policy = organization.policy(deny(INVOKE), organization.root)
    answer = server.get(api, "/prod/users")
    assert answer.status == 500
    first = server.explain(answer.request_id).split("fix 1:")[1].split("fix 2:")[0]
    commands = [line.strip().split(" --")[0] for line in first.splitlines() if line.strip().startswith("aws ")]
    assert commands == ["aws organizations detach-policy", "aws lambda add-permission", "aws iam put-role-policy"]
    assert f"take {policy} off the root ({organization.root}); then both sides have to allow it" in first
    # A root user is refused by its own ARN.
    assert error(server.client("lambda", A).invoke, FunctionName=function)[0] == "AccessDeniedException"
    assert f"let the Deny not apply to arn:aws:iam::{A}:root" in server.explain("last")


def test_an_allow_list_instead_of_full_access(server):
    api, role = seed(server)
    organization = Organization(server, A)
    allow = document({"Effect": "Allow", "Action": ["s3:*", "sts:*", "iam:*"], "Resource": "*"})
    unit = organization.unit("Workloads")
    organization.policy(allow, unit, "AllowList")
    organization.move(A, unit)
    assert server.get(api, "/prod/users").status == 200
    organization.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=unit)
    for fix in ("fix 1:", "fix 2:"):
        answer = server.get(api, "/prod/users")
        assert answer.status == 500
        told = server.explain(answer.request_id)
        assert "because no service control policy allows the lambda:InvokeFunction action" in told
        assert "service control policy AllowList" in told and f"organizational unit Workloads ({unit})" in told
        run(server, fix)
        assert server.get(api, "/prod/users").status == 200
        if fix == "fix 1:":
            policy = next(p["Id"] for p in organization.client.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
                          if not p["AwsManaged"])
            organization.client.update_policy(PolicyId=policy, Content=allow)


def test_units_pass_their_policies_down_and_the_management_account_is_free(server):
    organization = Organization(server, A, B)
    upper = organization.unit("Upper")
    lower = organization.unit("Lower", upper)
    organization.move(A, lower)
    policy = organization.policy(deny("lambda:ListFunctions"), upper)
    # The root user of a member account is bound as well, by a policy two levels up.
    assert error(server.client("lambda", A).list_functions) == ("AccessDeniedException", None)
    server.client("lambda", B).list_functions()
    organization.client.attach_policy(PolicyId=policy, TargetId=organization.root)
    assert error(server.client("lambda", B).list_functions) == ("AccessDeniedException", None)
    server.client("lambda", organization.MANAGEMENT).list_functions()
    organization.client.detach_policy(PolicyId=policy, TargetId=organization.root)
    organization.move(A, organization.root)
    server.client("lambda", A).list_functions()
    organization.move(A, lower)
    organization.client.disable_policy_type(RootId=organization.root, PolicyType="SERVICE_CONTROL_POLICY")
    server.client("lambda", A).list_functions()


def assume_role(server, account, role, **condition):
    """As a user of `account` who may assume any role."""
    iam = server.client("iam", account)
    if not iam.list_users()["Users"]:
        iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", **condition}))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    try:
        keys = dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        return server.client("sts", **keys).assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    finally:
        iam.delete_access_key(UserName="u", AccessKeyId=key["AccessKeyId"])


def test_an_rcp_denies_the_role_to_callers_of_other_organizations(server):
    organization = Organization(server, B, types=("RESOURCE_CONTROL_POLICY",))
    iam = server.client("iam", B)
    iam.create_role(RoleName="shared", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": [A, organization.MANAGEMENT]}, "Action": "sts:AssumeRole"}))

    def assume(account):
        return assume_role(server, account, f"arn:aws:iam::{B}:role/shared")

    assume(A)
    policy = organization.policy(document({
        "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*",
        "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization.id},
                      "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}}), B, "Perimeter", "RESOURCE_CONTROL_POLICY")
    assume(organization.MANAGEMENT)
    assert error(assume, A) == ("AccessDenied", None)
    told = server.explain("last")
    assert "with an explicit deny in a resource control policy" in told
    assert f"resource control policy Perimeter ({policy}) on account {B}" in told
    run(server, "fix 1:")
    assume(A)


def test_an_rcp_on_role_assumption_and_lambda(server):
    organization = Organization(server, B, types=("RESOURCE_CONTROL_POLICY",))
    iam = server.client("iam", B)
    iam.create_role(RoleName="shared", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))

    def rcp(name, **condition):
        return organization.policy(document({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
                                             "Resource": "*", **condition}), B, name, "RESOURCE_CONTROL_POLICY")

    # Clients come by plain HTTP here; Lambda does not.
    transport = rcp("Transport", Condition={"BoolIfExists": {"aws:SecureTransport": "false"}})
    assert error(assume_role, server, A, f"arn:aws:iam::{B}:role/shared") == ("AccessDenied", None)
    server.function(B, "f")
    organization.client.detach_policy(PolicyId=transport, TargetId=B)
    assume_role(server, A, f"arn:aws:iam::{B}:role/shared")
    # Without the usual exemption it binds services too.
    rcp("Everyone")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.function(B, "g")
    assert refused.value.response["Error"]["Message"] == "The role defined for the function cannot be assumed by Lambda."


def test_condition_keys_of_organizations(server):
    function = server.function()
    role = server.role(invoke=function)
    api = server.api(function, credentials=role)
    organization = Organization(server, A)
    unit = organization.unit("Callers")
    lambda_b = server.client("lambda", B)
    lambda_b.add_permission(FunctionName="account-b-lambda", StatementId="org", Action=INVOKE, Principal="*",
                            PrincipalOrgID=organization.id)
    assert server.get(api, "/prod/users").status == 200
    organization.client.remove_account_from_organization(AccountId=A)
    answer = server.get(api, "/prod/users")
    assert answer.status == 500 and "PrincipalOrgID" in server.explain(answer.request_id)
    organization.invite(A)
    assert server.get(api, "/prod/users").status == 200

    # Paths end with what the account is in; those of a resource's account are its own.
    server.client("iam", B).create_role(RoleName="shared", AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole", "Condition": {
            "ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": f"{organization.id}/{organization.root}/{unit}/"}}}))
    shared = f"arn:aws:iam::{B}:role/shared"
    assert error(assume_role, server, A, shared)[0] == "AccessDenied"
    organization.move(A, unit)
    assume_role(server, A, shared)
    theirs = {"StringEquals": {"aws:ResourceOrgID": organization.id},
              "ForAllValues:StringEquals": {"aws:ResourceOrgPaths": f"{organization.id}/{organization.root}/"}}
    assert error(assume_role, server, A, shared, Condition=theirs)[0] == "AccessDenied"
    organization.invite(B)
    assume_role(server, A, shared, Condition=theirs)


def test_a_perimeter_around_the_resources_of_the_organization(server):
    organization = Organization(server, A)
    for account in (organization.MANAGEMENT, B):
        server.client("iam", account).create_role(RoleName="shared", AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}))
    organization.policy(deny("*", Condition={
        "StringNotEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}), organization.root)
    assume_role(server, A, f"arn:aws:iam::{organization.MANAGEMENT}:role/shared")
    assert error(assume_role, server, A, f"arn:aws:iam::{B}:role/shared")[0] == "AccessDenied"


def test_a_created_account_can_be_administered_from_the_management_account(server):
    organization = Organization(server)
    client = organization.client
    request = client.create_account(Email="dev@example.com", AccountName="dev")["CreateAccountStatus"]
    assert request["State"] == "IN_PROGRESS"
    done = client.describe_create_account_status(CreateAccountRequestId=request["Id"])["CreateAccountStatus"]
    assert done["State"] == "SUCCEEDED" and len(done["AccountId"]) == 12
    again = client.create_account(Email="dev@example.com", AccountName="dev")["CreateAccountStatus"]
    failed = client.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]
    assert [(one["Id"], one["FailureReason"]) for one in failed] == [(again["Id"], "EMAIL_ALREADY_EXISTS")]

    role = f"arn:aws:iam::{done['AccountId']}:role/OrganizationAccountAccessRole"
    given = assume_role(server, organization.MANAGEMENT, role)
    member = dict(aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
                  aws_session_token=given["SessionToken"])
    server.client("lambda", **member).list_functions()

    assert client.describe_account(AccountId=done["AccountId"])["Account"]["Status"] == "ACTIVE"
    client.close_account(AccountId=done["AccountId"])
    assert client.describe_account(AccountId=done["AccountId"])["Account"]["Status"] == "SUSPENDED"
    assert error(client.close_account, AccountId=done["AccountId"])[0] == "AccountAlreadyClosedException"


def test_who_may_call_what(server):
    organization = Organization(server, A, B)
    member = server.client("organizations", A)
    stranger = server.client("organizations", "444444444444")
    assert error(stranger.describe_organization)[0] == "AWSOrganizationsNotInUseException"
    assert member.describe_organization()["Organization"]["Id"] == organization.id
    assert error(member.list_accounts)[0] == "AccessDeniedException"
    assert error(member.create_organizational_unit, ParentId=organization.root, Name="x")[0] == "AccessDeniedException"

    client, service = organization.client, "config.amazonaws.com"
    registration = dict(AccountId=A, ServicePrincipal=service)
    assert error(client.register_delegated_administrator, **registration) == (
        "ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED")
    client.enable_aws_service_access(ServicePrincipal=service)
    assert [s["ServicePrincipal"] for s in client.list_aws_service_access_for_organization()["EnabledServicePrincipals"]] == [service]
    client.register_delegated_administrator(**registration)
    assert error(client.register_delegated_administrator, **registration)[0] == "AccountAlreadyRegisteredException"
    assert len(member.list_accounts()["Accounts"]) == 3
    assert [one["Id"] for one in client.list_delegated_administrators()["DelegatedAdministrators"]] == [A]
    assert client.list_delegated_services_for_account(AccountId=A)["DelegatedServices"][0]["ServicePrincipal"] == service
    assert error(member.leave_organization) == (
        "ConstraintViolationException", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
    assert error(client.disable_aws_service_access, ServicePrincipal=service) == (
        "ConstraintViolationException", "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE")
    client.deregister_delegated_administrator(**registration)
    assert error(client.deregister_delegated_administrator, **registration)[0] == "AccountNotRegisteredException"
    client.disable_aws_service_access(ServicePrincipal=service)
    assert error(member.list_accounts)[0] == "AccessDeniedException"

    # The resource policy lets account B manage policies, nothing else.
    # As in AWS's example: making a policy is allowed on the policies of a type, reading on everything.
    grant = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{B}:root"}}
    content = document(
        {**grant, "Action": "organizations:ListPolicies", "Resource": "*"},
        {**grant, "Action": ["organizations:CreatePolicy", "organizations:AttachPolicy"], "Resource": [
            f"arn:aws:organizations::{organization.MANAGEMENT}:account/{organization.id}/*",
            f"arn:aws:organizations::{organization.MANAGEMENT}:policy/{organization.id}/service_control_policy/*"]})
    made = client.put_resource_policy(Content=content)["ResourcePolicy"]
    assert made["ResourcePolicySummary"]["Id"].startswith("rp-")
    assert client.describe_resource_policy()["ResourcePolicy"]["Content"] == content
    other = server.client("organizations", B)
    made = other.create_policy(Name="by-b", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny("s3:*"))
    policy = made["Policy"]["PolicySummary"]["Id"]
    other.attach_policy(PolicyId=policy, TargetId=A)
    assert error(other.attach_policy, PolicyId=policy, TargetId=organization.root)[0] == "AccessDeniedException"
    assert error(other.create_policy, Name="t", Description="", Type="TAG_POLICY", Content="{}")[0] == "AccessDeniedException"
    assert "by-b" in [p["Name"] for p in other.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]]
    assert error(other.list_accounts)[0] == "AccessDeniedException"
    assert error(other.create_organizational_unit, ParentId=organization.root, Name="x")[0] == "AccessDeniedException"
    assert error(client.put_resource_policy, Content=content.replace("CreatePolicy", "CreateAccount")) == (
        "InvalidInputException", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY")
    client.delete_resource_policy()
    assert error(client.describe_resource_policy)[0] == "ResourcePolicyNotFoundException"

    member.leave_organization()
    assert error(member.describe_organization)[0] == "AWSOrganizationsNotInUseException"
    assert error(client.leave_organization)[0] == "MasterCannotLeaveOrganizationException"


def test_iam_decides_about_organizations_too(server):
    organization = Organization(server)
    iam = server.client("iam", organization.MANAGEMENT)
    iam.create_user(UserName="scp")
    iam.put_user_policy(UserName="scp", PolicyName="p", PolicyDocument=document(
        {"Effect": "Allow", "Action": ["organizations:CreatePolicy", "organizations:ListPolicies"], "Resource": "*",
         "Condition": {"StringEquals": {"organizations:PolicyType": "SERVICE_CONTROL_POLICY"}}}))
    key = iam.create_access_key(UserName="scp")["AccessKey"]
    user = server.client("organizations", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    user.list_policies(Filter="SERVICE_CONTROL_POLICY")
    user.create_policy(Name="n", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny("s3:*"))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        user.list_policies(Filter="TAG_POLICY")
    assert raised.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::{organization.MANAGEMENT}:user/scp is not authorized to perform: organizations:ListPolicies "
        "on resource: * because no identity-based policy allows the organizations:ListPolicies action")
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        user.describe_organizational_unit(OrganizationalUnitId="ou-abcd-12345678")
    assert f"on resource: arn:aws:organizations::{organization.MANAGEMENT}:ou/{organization.id}/ou-abcd-12345678" in str(raised.value)


def test_errors_of_the_tree(server):
    organization = Organization(server, A)
    client, root = organization.client, organization.root
    assert error(client.create_organization)[0] == "AlreadyInOrganizationException"
    assert error(client.delete_organization)[0] == "OrganizationNotEmptyException"
    unit = organization.unit("One")
    assert error(client.create_organizational_unit, ParentId=root, Name="One")[0] == "DuplicateOrganizationalUnitException"
    assert error(client.create_organizational_unit, ParentId="ou-abcd-12345678", Name="x")[0] == "ParentNotFoundException"
    deep = unit
    for name in ("Two", "Three", "Four", "Five"):
        deep = organization.unit(name, deep)
    assert error(client.create_organizational_unit, ParentId=deep, Name="Six") == (
        "ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED")
    assert error(client.delete_organizational_unit, OrganizationalUnitId=unit)[0] == "OrganizationalUnitNotEmptyException"
    assert error(client.describe_organizational_unit, OrganizationalUnitId="ou-abcd-12345678")[0] == "OrganizationalUnitNotFoundException"
    client.update_organizational_unit(OrganizationalUnitId=deep, Name="Last")
    assert client.describe_organizational_unit(OrganizationalUnitId=deep)["OrganizationalUnit"]["Name"] == "Last"
    client.delete_organizational_unit(OrganizationalUnitId=deep)

    move = dict(AccountId=A, SourceParentId=root, DestinationParentId=unit)
    assert error(client.move_account, **{**move, "SourceParentId": unit})[0] == "SourceParentNotFoundException"
    assert error(client.move_account, **{**move, "DestinationParentId": "ou-abcd-12345678"})[0] == "DestinationParentNotFoundException"
    assert error(client.move_account, **{**move, "DestinationParentId": root})[0] == "DuplicateAccountException"
    assert error(client.move_account, **{**move, "AccountId": B})[0] == "AccountNotFoundException"
    client.move_account(**move)
    assert client.list_children(ParentId=unit, ChildType="ACCOUNT")["Children"] == [{"Id": A, "Type": "ACCOUNT"}]
    assert [one["Id"] for one in client.list_accounts_for_parent(ParentId=unit)["Accounts"]] == [A]
    assert client.list_parents(ChildId=A)["Parents"] == [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]
    assert client.list_parents(ChildId=unit)["Parents"] == [{"Id": root, "Type": "ROOT"}]
    assert error(client.list_parents, ChildId=B)[0] == "ChildNotFoundException"
    assert error(client.describe_account, AccountId=B)[0] == "AccountNotFoundException"
    assert error(client.remove_account_from_organization, AccountId=organization.MANAGEMENT)[0] == "MasterCannotLeaveOrganizationException"
    assert error(client.close_account, AccountId=organization.MANAGEMENT) == (
        "ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
    for i in range(25):
        organization.unit(f"Page {i:02}")
    pages = list(client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=root))
    assert [len(page["OrganizationalUnits"]) for page in pages] == [20, 6]
    assert error(client.list_accounts, NextToken="nonsense") == ("InvalidInputException", "INVALID_NEXT_TOKEN")

    client.tag_resource(ResourceId=A, Tags=[{"Key": "team", "Value": "core"}, {"Key": "env", "Value": "dev"}])
    client.untag_resource(ResourceId=A, TagKeys=["env"])
    assert client.list_tags_for_resource(ResourceId=A)["Tags"] == [{"Key": "team", "Value": "core"}]
    assert error(client.tag_resource, ResourceId=B, Tags=[])[0] == "TargetNotFoundException"
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert error(client.tag_resource, ResourceId=A, Tags=twice) == ("InvalidInputException", "DUPLICATE_TAG_KEY")


def test_errors_of_policies(server):
    organization = Organization(server, A, types=())
    client, root = organization.client, organization.root
    scp = "SERVICE_CONTROL_POLICY"
    policy = organization.policy(deny("s3:*"), name="one")
    assert error(client.attach_policy, PolicyId=policy, TargetId=A)[0] == "PolicyTypeNotEnabledException"
    assert error(client.disable_policy_type, RootId=root, PolicyType=scp)[0] == "PolicyTypeNotEnabledException"
    assert error(client.enable_policy_type, RootId="r-zzzz", PolicyType=scp)[0] == "RootNotFoundException"
    assert client.enable_policy_type(RootId=root, PolicyType=scp)["Root"]["PolicyTypes"] == [{"Type": scp, "Status": "ENABLED"}]
    assert error(client.enable_policy_type, RootId=root, PolicyType=scp)[0] == "PolicyTypeAlreadyEnabledException"
    assert [t["TargetId"] for t in client.list_targets_for_policy(PolicyId="p-FullAWSAccess")["Targets"]] == sorted(
        [A, organization.MANAGEMENT, root])

    client.attach_policy(PolicyId=policy, TargetId=A)
    assert error(client.attach_policy, PolicyId=policy, TargetId=A)[0] == "DuplicatePolicyAttachmentException"
    assert error(client.attach_policy, PolicyId=policy, TargetId=B)[0] == "TargetNotFoundException"
    assert error(client.attach_policy, PolicyId="p-12345678", TargetId=A)[0] == "PolicyNotFoundException"
    for number in range(3):
        organization.policy(deny("s3:*"), A, f"more {number}")
    fifth = organization.policy(deny("s3:*"), name="too many")
    assert error(client.attach_policy, PolicyId=fifth, TargetId=A) == (
        "ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    assert error(client.detach_policy, PolicyId=fifth, TargetId=A)[0] == "PolicyNotAttachedException"
    assert error(client.detach_policy, PolicyId="p-FullAWSAccess", TargetId=root) == (
        "ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    assert error(client.delete_policy, PolicyId=policy)[0] == "PolicyInUseException"
    assert error(client.delete_policy, PolicyId="p-FullAWSAccess") == ("InvalidInputException", "IMMUTABLE_POLICY")
    assert error(client.update_policy, PolicyId="p-FullAWSAccess", Name="x") == ("InvalidInputException", "IMMUTABLE_POLICY")

    new = dict(Name="new", Description="", Type=scp)
    assert error(client.create_policy, **{**new, "Name": "one"}, Content=deny("s3:*"))[0] == "DuplicatePolicyException"
    assert error(client.update_policy, PolicyId=fifth, Name="one")[0] == "DuplicatePolicyException"
    large = deny([f"s3:Action{number}" for number in range(500)])
    assert error(client.create_policy, **new, Content=large) == (
        "ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED")
    for content in ("{", "[]", deny("s3:*", Principal="*"), deny("s3:*", Effect="Maybe"), document({"Effect": "Deny"})):
        assert error(client.create_policy, **new, Content=content)[0] == "MalformedPolicyDocumentException"
    rcp = dict(Name="rcp", Description="", Type="RESOURCE_CONTROL_POLICY")
    for content in (deny("sts:*"), document({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}),
                    deny("sts:*", Principal={"AWS": A})):
        assert error(client.create_policy, **rcp, Content=content)[0] == "MalformedPolicyDocumentException"
    client.enable_policy_type(RootId=root, PolicyType="RESOURCE_CONTROL_POLICY")
    assert error(client.detach_policy, PolicyId="p-RCPFullAWSAccess", TargetId=A) == (
        "InvalidInputException", "NON_DETACHABLE_POLICY")

    assert client.describe_policy(PolicyId=fifth)["Policy"]["PolicySummary"]["Arn"] == (
        f"arn:aws:organizations::{organization.MANAGEMENT}:policy/{organization.id}/service_control_policy/{fifth}")
    client.delete_policy(PolicyId=fifth)
    assert error(client.describe_policy, PolicyId=fifth)[0] == "PolicyNotFoundException"


def test_effective_policies(server):
    organization = Organization(server, A, types=("SERVICE_CONTROL_POLICY", "TAG_POLICY"))
    client = organization.client
    kind = "TAG_POLICY"
    assert error(client.describe_effective_policy, PolicyType=kind, TargetId=A)[0] == "EffectivePolicyNotFoundException"
    organization.policy(json.dumps({"tags": {"cost": {"tag_key": {"@@assign": "Cost"}, "tag_value": {"@@assign": ["A"]}}}}),
                        organization.root, "above", kind)
    organization.policy(json.dumps({"tags": {"cost": {"tag_value": {"@@append": ["B"]}}}}), A, "below", kind)
    effective = server.client("organizations", A).describe_effective_policy(PolicyType=kind)["EffectivePolicy"]
    assert json.loads(effective["PolicyContent"]) == {"tags": {"cost": {"tag_key": "Cost", "tag_value": ["A", "B"]}}}
    assert effective["TargetId"] == A
    other = dict(PolicyType=kind, TargetId=organization.MANAGEMENT)
    assert error(server.client("organizations", A).describe_effective_policy, **other)[0] == "AccessDeniedException"
    refused = server.aws(organization.MANAGEMENT, "organizations", "describe-effective-policy",
                         "--policy-type", "SERVICE_CONTROL_POLICY", "--target-id", A, expect=255)
    assert "InvalidInputException" in refused and "enum value set: [TAG_POLICY, BACKUP_POLICY" in refused


def test_handshakes_have_an_end(server):
    organization = Organization(server)
    client = organization.client
    target = {"Id": A, "Type": "ACCOUNT"}
    account, other = server.client("organizations", A), server.client("organizations", B)
    first = client.invite_account_to_organization(Target=target, Notes="welcome")["Handshake"]
    assert first["Arn"] == f"arn:aws:organizations::{organization.MANAGEMENT}:handshake/{organization.id}/invite/{first['Id']}"
    assert error(client.invite_account_to_organization, Target=target)[0] == "DuplicateHandshakeException"
    assert error(other.describe_handshake, HandshakeId=first["Id"])[0] == "HandshakeNotFoundException"
    assert error(other.accept_handshake, HandshakeId=first["Id"])[0] == "HandshakeNotFoundException"
    assert error(client.accept_handshake, HandshakeId=first["Id"])[0] == "AccessDeniedException"
    assert account.decline_handshake(HandshakeId=first["Id"])["Handshake"]["State"] == "DECLINED"
    assert error(account.decline_handshake, HandshakeId=first["Id"])[0] == "HandshakeAlreadyInStateException"
    assert error(account.accept_handshake, HandshakeId=first["Id"])[0] == "InvalidHandshakeTransitionException"
    second = client.invite_account_to_organization(Target=target)["Handshake"]
    assert client.cancel_handshake(HandshakeId=second["Id"])["Handshake"]["State"] == "CANCELED"
    assert {h["State"] for h in client.list_handshakes_for_organization()["Handshakes"]} == {"DECLINED", "CANCELED"}
    organization.invite(A)
    assert error(client.invite_account_to_organization, Target=target) == (
        "HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION")
    assert error(client.invite_account_to_organization, Target={"Id": "a@example.com", "Type": "EMAIL"}) == (
        "InvalidInputException", "INVALID_PARTY_TYPE_TARGET")
    # Twenty a day, of which one was declined and one canceled; the accepted one does not count.
    for number in range(18):
        client.invite_account_to_organization(Target={"Id": f"5000000000{number:02}", "Type": "ACCOUNT"})
    assert error(client.invite_account_to_organization, Target={"Id": B, "Type": "ACCOUNT"}) == (
        "HandshakeConstraintViolationException", "HANDSHAKE_RATE_LIMIT_EXCEEDED")


def test_all_features_need_the_agreement_of_invited_accounts(server):
    client = server.client("organizations", "333333333333")
    assert client.create_organization(FeatureSet="CONSOLIDATED_BILLING")["Organization"]["FeatureSet"] == "CONSOLIDATED_BILLING"
    root = client.list_roots()["Roots"][0]["Id"]
    enable = dict(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    assert error(client.enable_policy_type, **enable)[0] == "PolicyTypeNotAvailableForOrganizationException"
    assert error(client.enable_aws_service_access, ServicePrincipal="config.amazonaws.com") == (
        "ConstraintViolationException", "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE")
    shake = client.invite_account_to_organization(Target={"Id": A, "Type": "ACCOUNT"})["Handshake"]
    member = server.client("organizations", A)
    member.accept_handshake(HandshakeId=shake["Id"])
    for account in (B, "444444444444"):
        shake = client.invite_account_to_organization(Target={"Id": account, "Type": "ACCOUNT"})["Handshake"]
    server.client("organizations", B).accept_handshake(
        HandshakeId=next(h["Id"] for h in server.client("organizations", B).list_handshakes_for_account()["Handshakes"]))
    request = client.enable_all_features()["Handshake"]
    assert request["State"] == "REQUESTED"
    assert client.describe_handshake(HandshakeId=shake["Id"])["Handshake"]["State"] == "CANCELED"
    assert error(client.enable_all_features) == (
        "HandshakeConstraintViolationException", "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION")
    assert error(client.accept_handshake, HandshakeId=request["Id"])[0] == "InvalidHandshakeTransitionException"
    approval = member.list_handshakes_for_account(Filter={"ActionType": "APPROVE_ALL_FEATURES"})["Handshakes"][0]
    member.accept_handshake(HandshakeId=approval["Id"])
    assert client.describe_handshake(HandshakeId=request["Id"])["Handshake"]["State"] == "REQUESTED"
    # Account B does not answer: without it nothing is in the way.
    client.remove_account_from_organization(AccountId=B)
    assert client.describe_handshake(HandshakeId=request["Id"])["Handshake"]["State"] == "OPEN"
    client.accept_handshake(HandshakeId=request["Id"])
    assert client.describe_organization()["Organization"]["FeatureSet"] == "ALL"
    client.enable_policy_type(**enable)


def test_an_organization_outlives_a_restart(start, tmp_path):
    first = start("--data", str(tmp_path))
    organization = Organization(first, A)
    organization.policy(deny("lambda:ListFunctions"), A)
    first.stop()
    second = start("--data", str(tmp_path))
    assert error(second.client("lambda", A).list_functions) == ("AccessDeniedException", None)
    assert second.client("organizations", A).describe_organization()["Organization"]["Id"] == organization.id
