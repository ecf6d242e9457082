"""Every operation of STS by boto3 and the AWS CLI: who may ask for what, what a session carries, when it ends."""
import json
import time

import botocore.exceptions
import pytest

from conftest import A, B
from test_iam import totp
from test_sts_saml import PROVIDER, metadata, response, signed
from test_sts_saml import assume as assume_with_saml
from test_sts_saml import trust as saml_trust

ROLE = f"arn:aws:iam::{B}:role/server"


def error(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def policy(action, resource="*", effect="Allow", **condition):
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    if condition:
        statement["Condition"] = condition["Condition"]
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal, condition=None, actions=("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions)}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def keys(server, name="ann", document=policy("*"), account=A):
    iam = server.client("iam", account)
    iam.create_user(UserName=name)
    if document:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def session(server, answer, service="sts"):
    given = answer["Credentials"]
    return server.client(service, aws_access_key_id=given["AccessKeyId"],
                         aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])


@pytest.fixture
def ann(server):
    """STS as a user of A, where B has a role that trusts A."""
    server.client("iam", B).create_role(RoleName="server", AssumeRolePolicyDocument=trust(A))
    return server.client("sts", **keys(server))


def test_who_each_kind_of_caller_is(server, ann):
    root = server.client("sts").get_caller_identity()
    assert (root["UserId"], root["Account"], root["Arn"]) == (A, A, f"arn:aws:iam::{A}:root")
    user = ann.get_caller_identity()
    assert user["UserId"].startswith("AIDA") and user["Arn"] == f"arn:aws:iam::{A}:user/ann"
    same = session(server, ann.get_session_token()).get_caller_identity()
    assert (same["UserId"], same["Arn"]) == (user["UserId"], user["Arn"])
    federated = session(server, ann.get_federation_token(Name="bob")).get_caller_identity()
    assert (federated["UserId"], federated["Arn"]) == (f"{A}:bob", f"arn:aws:sts::{A}:federated-user/bob")
    role = ann.assume_role(RoleArn=ROLE, RoleSessionName="work")
    who = session(server, role).get_caller_identity()
    assert (who["Account"], who["Arn"]) == (B, f"arn:aws:sts::{B}:assumed-role/server/work")
    assert who["UserId"] == role["AssumedRoleUser"]["AssumedRoleId"]


def test_an_external_id_and_a_name_that_the_trust_policy_demands(server, ann):
    server.client("iam", B).update_assume_role_policy(RoleName="server", PolicyDocument=trust(A, {
        "StringEquals": {"sts:ExternalId": "secret"}, "StringLike": {"sts:RoleSessionName": "${aws:username}"}}))
    assume = dict(RoleArn=ROLE, RoleSessionName="ann")
    code, message = error(ann.assume_role, **assume)
    assert code == "AccessDenied" and message.startswith(
        f"User: arn:aws:iam::{A}:user/ann is not authorized to perform: sts:AssumeRole on resource: {ROLE}")
    assert error(ann.assume_role, **assume, ExternalId="other")[0] == "AccessDenied"
    assert error(ann.assume_role, RoleArn=ROLE, RoleSessionName="eve", ExternalId="secret")[0] == "AccessDenied"
    assert ann.assume_role(**assume, ExternalId="secret")["Credentials"]


def test_codes_of_devices_that_do_not_exist_and_contexts_are_refused(server, ann):
    device = dict(SerialNumber=f"arn:aws:iam::{A}:mfa/ann", TokenCode="123456")
    for call, more in [(ann.assume_role, dict(RoleArn=ROLE, RoleSessionName="work")), (ann.get_session_token, {})]:
        code, message = error(call, **more, **device)
        assert code == "AccessDenied" and message.startswith("MultiFactorAuthentication failed")
    contexts = [{"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "ContextAssertion": "x" * 10}]
    assert error(ann.assume_role, RoleArn=ROLE, RoleSessionName="work", ProvidedContexts=contexts)[0] == "NotImplemented"


def test_a_chain_of_roles(server, ann):
    """An hour at most; transitive tags and the source identity go on and cannot be changed."""
    iam = server.client("iam", B)
    iam.update_role(RoleName="server", MaxSessionDuration=43_200)
    iam.put_role_policy(RoleName="server", PolicyName="p", PolicyDocument=policy("sts:*"))
    iam.create_role(RoleName="next", AssumeRolePolicyDocument=trust(ROLE), MaxSessionDuration=43_200,
                    Tags=[{"Key": "Team", "Value": "of the role"}, {"Key": "Own", "Value": "1"}])
    iam.put_role_policy(RoleName="next", PolicyName="p", PolicyDocument=policy("iam:ListRoles", Condition={
        "StringEquals": {"aws:PrincipalTag/Team": "core", "aws:PrincipalTag/Own": "1", "aws:SourceIdentity": "ann"},
        "Null": {"aws:PrincipalTag/Job": "true", "aws:TokenIssueTime": "false"},
        "Bool": {"aws:MultiFactorAuthPresent": "false"}}))
    first = ann.assume_role(
        RoleArn=ROLE, RoleSessionName="work", DurationSeconds=7200, SourceIdentity="ann",
        Tags=[{"Key": "Team", "Value": "core"}, {"Key": "Job", "Value": "x"}], TransitiveTagKeys=["Team"])
    assert first["SourceIdentity"] == "ann" and first["PackedPolicySize"] > 0
    sts = session(server, first)
    chained = dict(RoleArn=f"arn:aws:iam::{B}:role/next", RoleSessionName="chained")
    assert error(sts.assume_role, **chained, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
    assert error(sts.assume_role, **chained, Tags=[{"Key": "team", "Value": "other"}])[0] == "InvalidParameterValue"
    assert error(sts.assume_role, **chained, SourceIdentity="eve")[0] == "AccessDenied"
    second = sts.assume_role(**chained)
    assert second["SourceIdentity"] == "ann"
    assert session(server, second, "iam").list_roles()["Roles"]
    # The inherited tag and identity need their permissions here too.
    iam.update_assume_role_policy(RoleName="next", PolicyDocument=trust(ROLE, actions=["sts:AssumeRole"]))
    assert "sts:TagSession" in error(sts.assume_role, **chained)[1]


def test_a_code_lets_into_a_role_but_does_not_stay_with_its_session(server):
    demand = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    iam = server.client("iam")
    user = keys(server, "kim", policy("sts:*"))
    iam.create_role(RoleName="guarded", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{A}:user/kim", demand))
    iam.put_role_policy(RoleName="guarded", PolicyName="p", PolicyDocument=policy("lambda:ListFunctions", Condition=demand))
    iam.put_role_policy(RoleName="guarded", PolicyName="q", PolicyDocument=policy("lambda:ListLayers"))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="kim")["VirtualMFADevice"]
    seed, serial, now = device["Base32StringSeed"].decode(), device["SerialNumber"], time.time()
    iam.enable_mfa_device(UserName="kim", SerialNumber=serial, AuthenticationCode1=totp(seed, now - 30),
                          AuthenticationCode2=totp(seed, now))
    sts = server.client("sts", **user)
    asked = dict(RoleArn=f"arn:aws:iam::{A}:role/guarded", RoleSessionName="kim")
    assert error(sts.assume_role, **asked)[0] == "AccessDenied"
    role = session(server, sts.assume_role(**asked, SerialNumber=serial, TokenCode=totp(seed, now + 30)), "lambda")
    assert role.list_layers()["Layers"] == []
    assert error(role.list_functions)[0] == "AccessDeniedException"


def test_a_session_token_is_the_user_with_limits(server, ann):
    answer = ann.get_session_token(DurationSeconds=900)
    assert 890 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 901
    sts = session(server, answer)
    assert sts.assume_role(RoleArn=ROLE, RoleSessionName="work")["Credentials"]
    refused = "Cannot call {} with session credentials"
    assert error(sts.get_session_token) == ("AccessDenied", refused.format("GetSessionToken"))
    assert error(sts.get_federation_token, Name="bob") == ("AccessDenied", refused.format("GetFederationToken"))
    assert error(sts.get_access_key_info, AccessKeyId="AKIAIOSFODNN7EXAMPLE")[0] == "AccessDenied"
    assert error(session(server, answer, "iam").list_users)[0] == "InvalidClientTokenId", "IAM needs MFA"
    assert session(server, answer, "lambda").list_functions()["Functions"] == []


def test_a_federation_token_is_the_intersection_of_both_policies(server):
    sts = server.client("sts", **keys(server, document=policy(["sts:*", "lambda:*"])))
    nothing = sts.get_federation_token(Name="bob")
    assert (nothing["PackedPolicySize"], nothing["FederatedUser"]["FederatedUserId"]) == (0, f"{A}:bob")
    code, message = error(session(server, nothing, "lambda").list_functions)
    assert code == "AccessDeniedException" and "federated-user/bob" in message
    some = sts.get_federation_token(Name="bob", Policy=policy(["lambda:ListFunctions", "apigateway:GET"]),
                                    Tags=[{"Key": "Team", "Value": "core"}])
    assert some["PackedPolicySize"] > 0
    assert session(server, some, "lambda").list_functions()["Functions"] == []
    assert error(session(server, some, "lambda").list_layers)[0] == "AccessDeniedException", "the session policy limits"
    assert error(session(server, some, "apigateway").get_rest_apis)[0] == "AccessDeniedException", "the user's policy limits"
    bob = session(server, some)
    assert error(bob.assume_role, RoleArn=ROLE, RoleSessionName="work") == (
        "AccessDenied", "Cannot call AssumeRole with session credentials")
    assert error(bob.get_session_token)[0] == "AccessDenied" and error(bob.get_federation_token, Name="eve")[0] == "AccessDenied"
    assert error(session(server, some, "iam").list_users)[0] == "InvalidClientTokenId"
    by_arn = sts.get_federation_token(Name="bob", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/AWSLambda_FullAccess"}])
    assert session(server, by_arn, "lambda").list_layers()["Layers"] == []
    long = server.client("sts").get_federation_token(Name="bob", DurationSeconds=43_200)
    assert long["Credentials"]["Expiration"].timestamp() - time.time() <= 3_601, "an hour for root"
    role = server.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust(A))["Role"]["Arn"]
    chained = session(server, sts.assume_role(RoleArn=role, RoleSessionName="work"))
    assert error(chained.get_federation_token, Name="bob")[0] == "AccessDenied", "users and root only"


def test_a_federation_token_has_its_users_tags_and_ends_with_the_user(server):
    tagged = json.loads(policy("lambda:*", Condition={"StringEquals": {"aws:PrincipalTag/Team": "core"}}))
    user = keys(server, "kim", json.dumps({**tagged, "Statement": [
        *tagged["Statement"], {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}))
    iam = server.client("iam")
    iam.tag_user(UserName="kim", Tags=[{"Key": "Team", "Value": "core"}])
    sts = server.client("sts", **user)
    federated = session(server, sts.get_federation_token(Name="bob", Policy=policy("*")), "lambda")
    assert federated.list_functions()["Functions"] == []
    # A session tag of the same name takes the place of the user's.
    other = sts.get_federation_token(Name="bob", Policy=policy("*"), Tags=[{"Key": "team", "Value": "other"}])
    assert error(session(server, other, "lambda").list_functions)[0] == "AccessDeniedException"
    iam.delete_access_key(UserName="kim", AccessKeyId=user["aws_access_key_id"])
    iam.delete_user_policy(UserName="kim", PolicyName="p")
    iam.delete_user(UserName="kim")
    keys(server, "kim")
    assert error(federated.list_functions)[0] == "UnrecognizedClientException", "another user of that name"


def test_whose_key_an_id_is(server, ann):
    key = keys(server, "kim", account=B)["aws_access_key_id"]
    assert ann.get_access_key_info(AccessKeyId=key)["Account"] == B
    temporary = ann.assume_role(RoleArn=ROLE, RoleSessionName="work")["Credentials"]["AccessKeyId"]
    assert ann.get_access_key_info(AccessKeyId=temporary)["Account"] == B
    assert error(ann.get_access_key_info, AccessKeyId="AKIAIOSFODNN7EXAMPLE")[0] == "ValidationError"


def test_sessions_end(server):
    iam = server.client("iam")
    iam.create_saml_provider(Name="crew", SAMLMetadataDocument=metadata())
    iam.create_role(RoleName="staff", AssumeRolePolicyDocument=saml_trust())
    # The identity provider's session ends in three seconds, and this one with it.
    answer = assume_with_saml(server, signed(response(session_ends=4)))
    sts = session(server, answer)
    assert sts.get_caller_identity()["Arn"].endswith("/staff/ann")
    time.sleep(max(0, answer["Credentials"]["Expiration"].timestamp() - time.time()) + 1.2)
    assert error(sts.get_caller_identity) == (
        "ExpiredToken", "The security token included in the request is expired")


def test_a_refusal_can_be_decoded(server):
    sts = server.client("sts", **keys(server, document=policy("sts:DecodeAuthorizationMessage")))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        sts.get_federation_token(Name="bob")
    request = raised.value.response["ResponseMetadata"]["RequestId"]
    report = json.loads(server.http(f"/_crossgate/requests/{request}").body)
    message = report["encodedMessage"]
    told = json.loads(sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert (told["allowed"], told["explicitDeny"], told["matchedStatements"]) == (False, False, {"items": []})
    context = told["context"]
    assert context["action"] == "sts:GetFederationToken"
    assert context["resource"] == f"arn:aws:sts::{A}:federated-user/bob"
    assert context["principal"]["arn"] == f"arn:aws:iam::{A}:user/ann"
    assert context["principal"]["id"].startswith("AIDA")
    values = {one["key"]: one["values"]["items"] for one in context["conditions"]["items"]}
    assert values["aws:PrincipalAccount"] == [{"value": A}]
    for wrong in ("not a message", message[:-4] + "AAAA", message[:40]):
        assert error(sts.decode_authorization_message, EncodedMessage=wrong)[0] == "InvalidAuthorizationMessageException"
    # A Deny is told by name.
    server.client("iam").put_user_policy(UserName="ann", PolicyName="never", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Sid": "Never", "Effect": "Deny", "Action": "sts:GetFed*", "Resource": "*"}]}))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        sts.get_federation_token(Name="bob")
    request = raised.value.response["ResponseMetadata"]["RequestId"]
    message = json.loads(server.http(f"/_crossgate/requests/{request}").body)["encodedMessage"]
    told = json.loads(sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert told["explicitDeny"] and told["matchedStatements"]["items"][0]["statementId"] == "Never"
    assert told["matchedStatements"]["items"][0]["effect"] == "DENY"
    plain = server.client("sts", **keys(server, "eve", None))
    assert error(plain.decode_authorization_message, EncodedMessage=message)[0] == "AccessDenied"


def test_assume_root_needs_an_organization(server, ann):
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    code, message = error(ann.assume_root, TargetPrincipal=B, TaskPolicyArn=task)
    assert code == "AccessDenied" and "management account" in message
    code, message = error(ann.assume_root, TargetPrincipal=B, TaskPolicyArn={"arn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    assert code == "ValidationError" and "IAMDeleteRootUserCredentials" in message
    assert error(ann.assume_root, TargetPrincipal="arn:aws:iam::1:user/x", TaskPolicyArn=task)[0] == "ValidationError"
    limited = server.client("sts", **keys(server, "eve", policy("sts:AssumeRoot", Condition={
        "StringEquals": {"sts:TaskPolicyArn": task["arn"]}})))
    assert "management account" in error(limited.assume_root, TargetPrincipal=B, TaskPolicyArn=task)[1]
    other = {"arn": task["arn"].replace("Audit", "Delete")}
    code, message = error(limited.assume_root, TargetPrincipal=B, TaskPolicyArn=other)
    assert "is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::111111111111:root" in message


def test_the_aws_cli(server):
    server.client("iam", B).create_role(RoleName="server", AssumeRolePolicyDocument=trust(A))
    assert server.aws(A, "sts", "get-session-token", "--duration-seconds", "900")["Credentials"]["SessionToken"]
    made = server.aws(A, "sts", "get-federation-token", "--name", "bob", "--policy", policy("lambda:*"))
    assert made["FederatedUser"]["Arn"] == f"arn:aws:sts::{A}:federated-user/bob"
    key = made["Credentials"]["AccessKeyId"]
    assert server.aws(B, "sts", "get-access-key-info", "--access-key-id", key)["Account"] == A
    said = server.aws(A, "sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "work", expect=255)
    assert "Roles may not be assumed by root accounts." in said
    assert "InvalidAuthorizationMessageException" in server.aws(
        A, "sts", "decode-authorization-message", "--encoded-message", "x", expect=255)
    said = server.aws(A, "sts", "get-web-identity-token", "--audience", "x", "--signing-algorithm", "RS256", expect=255)
    assert "NotImplemented" in said
