"""Who a caller is: development keys, issued keys, their signatures, and every way in which they can be wrong."""
import datetime
import json
import time

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from conftest import A, B, REGION, trust


def error(call, *arguments, **more):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(*arguments, **more)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"].get("Message")


def user_keys(server, account=A, name="deploy", policy=None):
    iam = server.client("iam", account)
    iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return dict(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def test_an_account_id_is_the_root_user_of_that_account(server):
    who = server.client("sts", B).get_caller_identity()
    assert (who["Account"], who["Arn"]) == (B, f"arn:aws:iam::{B}:root")


def test_issued_keys_are_verified(server):
    keys = user_keys(server)
    who = server.client("sts", **keys).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{A}:user/deploy" and who["UserId"].startswith("AIDA")
    wrong = {**keys, "aws_secret_access_key": "wrong"}
    code, message = error(server.client("sts", **wrong).get_caller_identity)
    assert code == "SignatureDoesNotMatch" and "does not match the signature you provided" in message
    assert error(server.client("lambda", **wrong).list_functions)[0] == "InvalidSignatureException"
    assert error(server.client("logs", **wrong).describe_log_groups)[0] == "InvalidSignatureException"


def test_unknown_keys(server):
    unknown = dict(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")
    assert error(server.client("sts", **unknown).get_caller_identity) == (
        "InvalidClientTokenId", "The security token included in the request is invalid.")
    assert error(server.client("lambda", **unknown).list_functions) == (
        "UnrecognizedClientException", "The security token included in the request is invalid.")


def test_an_inactive_or_deleted_key_is_unknown(server):
    keys = user_keys(server)
    iam = server.client("iam")
    sts = server.client("sts", **keys)
    sts.get_caller_identity()
    iam.update_access_key(UserName="deploy", AccessKeyId=keys["aws_access_key_id"], Status="Inactive")
    assert error(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.delete_access_key(UserName="deploy", AccessKeyId=keys["aws_access_key_id"])
    assert error(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_session_needs_its_token(server):
    role = server.role(service="lambda.amazonaws.com")
    server.client("iam").update_assume_role_policy(RoleName="apigw-exec", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}]}))
    keys = user_keys(server, policy={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}]})
    given = server.client("sts", **keys).assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = dict(aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"])
    who = server.client("sts", **session, aws_session_token=given["SessionToken"]).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{A}:assumed-role/apigw-exec/session"
    assert error(server.client("sts", **session).get_caller_identity)[0] == "InvalidClientTokenId"
    assert error(server.client("sts", **session, aws_session_token="other").get_caller_identity)[0] == "InvalidClientTokenId"


def signed(server, keys, service="sts", when=None, presign=False, path="/", method="GET", params=None, headers=None):
    """A request signed by botocore, sent as it is; `when` shifts the signer's clock."""
    request = botocore.awsrequest.AWSRequest(method=method, url=server.url + path, params=params, headers=headers or {})
    credentials = botocore.credentials.Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
    signer = (botocore.auth.SigV4QueryAuth(credentials, service, REGION, expires=60) if presign
              else botocore.auth.SigV4Auth(credentials, service, REGION))
    real = botocore.auth.get_current_datetime
    try:
        if when:
            botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + when
        signer.add_auth(request)
    finally:
        botocore.auth.get_current_datetime = real
    prepared = request.prepare()
    return server.http(prepared.url[len(server.url):], method=method,
                       headers={k: v for k, v in prepared.headers.items()})


IDENTITY = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


def test_presigned_queries(server):
    keys = user_keys(server)
    answer = signed(server, keys, presign=True, params=IDENTITY)
    assert answer.status == 200 and b":user/deploy" in answer.body
    late = signed(server, keys, presign=True, params=IDENTITY, when=datetime.timedelta(seconds=-90))
    assert late.status in (400, 403) and b"<Code>" in late.body and b"xpired" in late.body


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_off(server, minutes):
    keys = user_keys(server)
    answer = signed(server, keys, params=IDENTITY, when=datetime.timedelta(minutes=minutes))
    assert answer.status == 403
    assert b"SignatureDoesNotMatch" in answer.body
    assert (b"Signature expired: " if minutes < 0 else b"Signature not yet current: ") in answer.body


def test_unsigned_and_half_signed(server):
    answer = server.http("/?Action=GetCallerIdentity&Version=2011-06-15")
    assert answer.status == 403 and b"<Code>MissingAuthenticationToken</Code>" in answer.body
    answer = server.http("/2015-03-31/functions/")
    assert answer.status == 403 and answer.headers["x-amzn-ErrorType"].startswith("MissingAuthenticationToken")
    half = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/lambda/aws4_request"}
    answer = server.http("/2015-03-31/functions/", headers=half)
    assert answer.status in (400, 403) and "IncompleteSignature" in answer.headers["x-amzn-ErrorType"]


def test_an_unsigned_payload(server):
    keys = user_keys(server)
    answer = signed(server, keys, params=IDENTITY, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert answer.status == 200


def test_development_keys_can_be_switched_off(start):
    server = start("--in-memory", "--no-dev-credentials")
    assert error(server.client("sts").get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_dev_account_takes_unknown_keys(start):
    server = start("--in-memory", "--dev-account", "000000000000")
    who = server.client("sts", aws_access_key_id="test", aws_secret_access_key="test").get_caller_identity()
    assert who["Account"] == "000000000000"
    assert server.client("sts", B).get_caller_identity()["Account"] == B


def test_development_keys_are_for_loopback_only(start):
    server = start("--in-memory", listen="0.0.0.0:0")
    code, message = error(server.client("sts").get_caller_identity)
    assert code == "InvalidClientTokenId" and "loopback" in message


def test_what_a_user_may_not_do_is_refused_in_aws_words(server):
    keys = user_keys(server)
    assert error(server.client("lambda", **keys).list_functions) == (
        "AccessDeniedException",
        f"User: arn:aws:iam::{A}:user/deploy is not authorized to perform: lambda:ListFunctions on resource: * "
        "because no identity-based policy allows the lambda:ListFunctions action")
    code, message = error(server.client("iam", **keys).get_role, RoleName="x")
    assert code == "AccessDenied" and "iam:GetRole" in message
    code, message = error(server.client("apigateway", **keys).create_rest_api, name="x")
    assert code == "AccessDeniedException"
    assert f"apigateway:POST on resource: arn:aws:apigateway:{REGION}::/restapis" in message


def test_pass_role(server):
    role = server.role("function-role", service="lambda.amazonaws.com")
    from conftest import package
    keys = user_keys(server, policy={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}]})
    create = dict(FunctionName="f", Runtime="python3.9", Handler="index.handler", Role=role, Code={"ZipFile": package()})
    code, message = error(server.client("lambda", **keys).create_function, **create)
    assert code == "AccessDeniedException" and f"iam:PassRole on resource: {role}" in message
    server.client("iam").put_user_policy(UserName="deploy", PolicyName="pass", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": role,
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}]}))
    server.client("lambda", **keys).create_function(**create)


def test_an_explained_denial_of_the_control_plane_has_a_fix_that_works(server):
    keys = user_keys(server)
    lambda_ = server.client("lambda", **keys)
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        lambda_.list_functions()
    text = server.explain(raised.value.response["ResponseMetadata"]["RequestId"])
    assert "aws iam put-user-policy --user-name deploy" in text
