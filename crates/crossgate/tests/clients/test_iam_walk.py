"""A walk through IAM and `crossgate test` as someone who knows AWS well: what is given back, what is refused, and what
a delegated administrator can and cannot reach."""
import json
import subprocess
import time

import botocore.exceptions
import pytest

from conftest import A, B, CROSSGATE

OWN = f"arn:aws:iam::{A}:policy/own"
AWS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resource="*", condition=None):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **({"Condition": condition} if condition else {})}


def trusts(principal, actions="sts:AssumeRole"):
    return document({"Effect": "Allow", "Principal": principal, "Action": actions})


def refused(call, code="AccessDenied", **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    error = raised.value.response
    assert error["Error"]["Code"] == code, error
    return error


class People:
    """Users with one inline policy each, and clients with their keys."""

    def __init__(self, server):
        self.server, self.iam, self.made = server, server.client("iam"), 0

    def user(self, *statements, tags=()):
        self.made += 1
        name = f"walker-{self.made}"
        self.iam.create_user(UserName=name, Tags=list(tags))
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        return name, self.iam.create_access_key(UserName=name)["AccessKey"]

    def client(self, service, *statements, **more):
        return self.as_key(service, self.user(*statements, **more)[1])

    def as_key(self, service, key):
        more = {"aws_session_token": key["SessionToken"]} if "SessionToken" in key else {}
        return self.server.client(service, aws_access_key_id=key["AccessKeyId"],
                                  aws_secret_access_key=key["SecretAccessKey"], **more)


@pytest.fixture(scope="module")
def people(shared):
    return People(shared)


def test_a_trusted_account_is_given_back_as_the_arn_of_its_root_user(shared, people):
    iam = shared.client("iam", B)
    made = iam.create_role(RoleName="door", AssumeRolePolicyDocument=trusts({"AWS": [A, "999999999999"]}))["Role"]
    both = [f"arn:aws:iam::{account}:root" for account in (A, "999999999999")]
    for role in (made, iam.get_role(RoleName="door")["Role"]):
        assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"] == both
    # Only principals: the same digits in a condition stay.
    with_condition = json.loads(trusts({"AWS": A}))
    with_condition["Statement"][0]["Condition"] = {"StringEquals": {"aws:PrincipalAccount": A}}
    iam.update_assume_role_policy(RoleName="door", PolicyDocument=json.dumps(with_condition))
    statement = iam.get_role(RoleName="door")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert (statement["Principal"], statement["Condition"]) == ({"AWS": both[0]}, with_condition["Statement"][0]["Condition"])
    # It still lets in whom it let in.
    user, key = people.user(allow("sts:AssumeRole"))
    session = people.as_key("sts", key)
    session.assume_role(RoleArn=made["Arn"], RoleSessionName=user)


def test_policies_of_aws_and_of_others_cannot_be_changed(shared):
    iam = shared.client("iam")
    for arn in (AWS, f"arn:aws:iam::{B}:policy/theirs"):
        for call, more in [
            (iam.delete_policy, {}),
            (iam.create_policy_version, {"PolicyDocument": document(allow("*"))}),
            (iam.delete_policy_version, {"VersionId": "v1"}),
            (iam.set_default_policy_version, {"VersionId": "v1"}),
            (iam.tag_policy, {"Tags": [{"Key": "a", "Value": "b"}]}),
            (iam.untag_policy, {"TagKeys": ["a"]}),
        ]:
            error = refused(call, PolicyArn=arn, **more)
            assert error["Error"]["Message"] == "Policy is outside your own account."
            assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    refused(iam.delete_policy, "NoSuchEntity", PolicyArn=f"arn:aws:iam::{A}:policy/none")


def test_a_delegated_administrator_stays_within_the_boundary(shared, people):
    iam = shared.client("iam")
    bounds = iam.create_policy(PolicyName="own", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    other = iam.create_policy(PolicyName="other", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    actions = ["iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"]
    admin = people.client("iam", allow(actions, condition={"StringEquals": {"iam:PermissionsBoundary": OWN}}))
    iam.create_user(UserName="plain")
    refused(admin.create_user, UserName="bound")
    refused(admin.create_user, UserName="bound", PermissionsBoundary=other)
    admin.create_user(UserName="bound", PermissionsBoundary=bounds)
    policy = {"PolicyName": "p", "PolicyDocument": document(allow("*"))}
    refused(admin.put_user_policy, UserName="plain", **policy)
    admin.put_user_policy(UserName="bound", **policy)
    refused(admin.attach_user_policy, UserName="plain", PolicyArn=AWS)
    admin.attach_user_policy(UserName="bound", PolicyArn=AWS)
    refused(admin.put_user_permissions_boundary, UserName="bound", PermissionsBoundary=other)
    # One policy only may be handed out.
    attacher = people.client("iam", allow("iam:AttachUserPolicy", condition={"ArnEquals": {"iam:PolicyARN": other}}))
    attacher.attach_user_policy(UserName="plain", PolicyArn=other)
    refused(attacher.attach_user_policy, UserName="plain", PolicyArn=AWS)


def test_paths_names_and_tags_decide(shared, people):
    iam = shared.client("iam")
    dev = people.client("iam", allow("iam:*", f"arn:aws:iam::{A}:user/dev/*"))
    dev.create_user(UserName="dev-1", Path="/dev/")
    for path in ("/", "/devx/"):
        refused(dev.create_user, UserName="dev-2", Path=path)
    refused(dev.update_user, UserName="dev-1", NewPath="/")
    dev.update_user(UserName="dev-1", NewUserName="dev-one")
    refused(dev.list_users)
    dev.list_users(PathPrefix="/dev/")
    own = allow("iam:*AccessKey*", f"arn:aws:iam::{A}:user/${{aws:username}}")
    keys = people.client("iam", own)
    assert len(keys.list_access_keys()["AccessKeyMetadata"]) == 1
    refused(keys.create_access_key, UserName="dev-one")
    tags = {"StringEquals": {"aws:RequestTag/team": "blue"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    tagger = people.client("iam", allow(["iam:CreateUser", "iam:TagUser"], condition=tags))
    blue = {"Key": "team", "Value": "blue"}
    for wrong in ([], [{"Key": "team", "Value": "red"}], [blue, {"Key": "x", "Value": "y"}]):
        refused(tagger.create_user, UserName="blue", Tags=wrong)
    tagger.create_user(UserName="blue", Tags=[blue])
    same_team = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    abac = people.client("iam", allow("iam:*", condition=same_team), tags=[blue])
    abac.get_user(UserName="blue")
    refused(abac.get_user, UserName="dev-one")
    # Names are one whatever their case; the first spelling stays.
    assert iam.get_user(UserName="BLUE")["User"]["UserName"] == "blue"
    refused(iam.create_user, "EntityAlreadyExists", UserName="Blue")


def test_sessions_end_when_their_grounds_end(shared, people):
    iam = shared.client("iam")
    user, key = people.user(allow("sts:*"))
    trust = trusts({"AWS": f"arn:aws:iam::{A}:user/{user}"})

    def role():
        arn = iam.create_role(RoleName="grounds", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName="grounds", PolicyName="p", PolicyDocument=document(allow("iam:ListUsers")))
        return arn

    def session(arn):
        made = people.as_key("sts", key).assume_role(RoleArn=arn, RoleSessionName="walk")
        return people.as_key("iam", made["Credentials"])

    arn = role()
    old = session(arn)
    old.list_users()
    # "Revoke active sessions" of the console: a Deny on what was issued before now.
    time.sleep(1.1)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    revoke = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": now}}}
    iam.put_role_policy(RoleName="grounds", PolicyName="revoke", PolicyDocument=document(revoke))
    refused(old.list_users)
    new = session(arn)
    new.list_users()
    for policy in ("p", "revoke"):
        iam.delete_role_policy(RoleName="grounds", PolicyName=policy)
    iam.delete_role(RoleName="grounds")
    refused(new.list_users, "InvalidClientTokenId")
    role()
    refused(new.list_users, "InvalidClientTokenId")


def cases(tmp_path, text, name="cases.json"):
    (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
    done = subprocess.run([CROSSGATE, "test", str(tmp_path / name)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def case(expected="Allowed", statement=None, **request):
    asked = {"principal": f"arn:aws:iam::{A}:user/ann", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/x", **request}
    policies = {"identity": [json.loads(document(allow("*")))]}
    if statement:
        policies["identity"].append(json.loads(document(statement)))
    return {"name": "one", "request": asked, "policies": policies, "expected": expected}


def test_policy_tests_read_what_was_meant_or_say_so(tmp_path):
    # An account's number without quotation marks is that account, not the caller's own.
    status, out, _ = cases(tmp_path, [{**case("ImplicitlyDenied", resourceAccount=int(B)), "deniedBy": "resource"}])
    assert (status, out) == (0, "1 of 1 cases hold\n")
    for request, said in [
        ({"resourceAccount": "11"}, "`resourceAccount` is twelve digits"),
        ({"action": "s3:*"}, "`s3:*` is no action"),
        ({"action": "GetObject"}, "`GetObject` is no action"),
        ({"context": {"aws:username": "a", "AWS:UserName": "b"}}, "`AWS:UserName` occurs twice"),
    ]:
        status, _, err = cases(tmp_path, [case(**request)])
        assert status == 2 and said in err, err


def test_a_deny_that_aws_would_not_store_is_pointed_out(tmp_path):
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"stringEquals": {"aws:username": "ann"}}}
    status, out, err = cases(tmp_path, [case(statement=deny, context={"aws:username": "ann"})])
    assert (status, out) == (0, "1 of 1 cases hold\n")
    assert "one: identity policy 2: AWS refuses it: Syntax errors in policy. (`stringEquals` is no condition operator)" in err


def test_yaml_cases_share_members_by_merge_keys(tmp_path):
    text = f"""
- &base
  name: base
  request: &request {{principal: "arn:aws:iam::{A}:user/ann", action: s3:GetObject, resource: "arn:aws:s3:::b/x"}}
  policies: {{identity: {document(allow("s3:Get*"))}}}
  expected: Allowed
- <<: *base
  name: another action
  request: {{<<: *request, action: s3:PutObject}}
  expected: ImplicitlyDenied
"""
    status, out, err = cases(tmp_path, text, "cases.yaml")
    assert (status, out) == (0, "2 of 2 cases hold\n"), out + err


def test_simulate_asks_about_one_action(shared):
    shared.client("iam").create_user(UserName="asked")
    said = shared.crossgate("simulate", "--principal", f"arn:aws:iam::{A}:user/asked", "--action", "lambda:*",
                            "--resource", "*", expect=2)
    assert "`lambda:*` is no action" in said
