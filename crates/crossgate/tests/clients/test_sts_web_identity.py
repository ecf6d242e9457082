"""AssumeRoleWithWebIdentity: tokens of issuers whose keys were given, or who run on this machine."""
import base64
import http.server
import json
import subprocess
import sys
import threading
import time

import boto3
import botocore
import botocore.config
import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from conftest import A, B, REGION

ISSUER = "https://token.example.com/crew"
HOST = "token.example.com/crew"
PROVIDER = f"arn:aws:iam::{A}:oidc-provider/{HOST}"
ROLE = f"arn:aws:iam::{A}:role/deploy"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = rsa.generate_private_key(65537, 2048)


def b64(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwks():
    public, point = RSA.public_key().public_numbers(), EC.public_key().public_numbers()
    return {"keys": [
        {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": number(public.n), "e": number(public.e)},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}]}


def token(key=RSA, alg="RS256", kid="rsa", without=(), **claims):
    now = int(time.time())
    body = {"iss": ISSUER, "aud": "sts.amazonaws.com", "sub": "repo:crew/app:ref:refs/heads/main",
            "iat": now, "exp": now + 300, **claims}
    body = {name: value for name, value in body.items() if name not in without}
    signed = b64({"alg": alg, "kid": kid, "typ": "JWT"}) + "." + b64(body)
    if alg == "none":
        return signed + "."
    if alg == "RS256":
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return signed + "." + b64(signature)


def trust(condition=None, actions=("sts:AssumeRoleWithWebIdentity",), provider=PROVIDER):
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": list(actions)}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


CONDITION = {"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"},
             "StringLike": {f"{HOST}:sub": "repo:crew/app:*"}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "jwks.json"
    file.write_text(json.dumps(jwks()))
    return file


@pytest.fixture
def federated(start, keys):
    """A server that knows the issuer's keys, its provider, and a role that trusts one repository."""
    server = start("--in-memory", "--jwks", f"{ISSUER}={keys}")
    iam = server.client("iam")
    made = iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    assert made["OpenIDConnectProviderArn"] == PROVIDER
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust(CONDITION))
    return server


def unsigned(server, region=REGION):
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, parameter_validation=False,
                                    retries={"total_max_attempts": 1})
    return boto3.client("sts", endpoint_url=server.url, region_name=region, config=config)


def assume(server, text, **more):
    return unsigned(server).assume_role_with_web_identity(
        RoleArn=more.pop("RoleArn", ROLE), RoleSessionName=more.pop("RoleSessionName", "ci"),
        WebIdentityToken=text, **more)


def refused(server, text, **more):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        assume(server, text, **more)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def session(server, answer, service="sts"):
    given = answer["Credentials"]
    return server.client(service, aws_access_key_id=given["AccessKeyId"],
                         aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])


def test_a_token_becomes_a_session(federated):
    for key, alg, kid in [(RSA, "RS256", "rsa"), (EC, "ES256", "ec")]:
        answer = assume(federated, token(key, alg, kid))
        assert answer["Provider"] == PROVIDER
        assert answer["Audience"] == "sts.amazonaws.com"
        assert answer["SubjectFromWebIdentityToken"] == "repo:crew/app:ref:refs/heads/main"
        assert "PackedPolicySize" not in answer and "SourceIdentity" not in answer
        who = session(federated, answer).get_caller_identity()
        assert who["Arn"] == f"arn:aws:sts::{A}:assumed-role/deploy/ci"
        assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_the_aws_cli_finds_a_token_file_by_itself(federated, tmp_path):
    (tmp_path / "token").write_text(token())
    environment = federated.environment()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.pop(name)
    environment.update(AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"), AWS_ROLE_ARN=ROLE,
                       AWS_ROLE_SESSION_NAME="from-a-file", AWS_EC2_METADATA_DISABLED="true",
                       HOME=str(tmp_path))  # below it the CLI keeps sessions, of other servers too
    done = subprocess.run([sys.executable, "-m", "awscli", "sts", "get-caller-identity"], env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Arn"] == f"arn:aws:sts::{A}:assumed-role/deploy/from-a-file"


def test_what_is_wrong_with_a_token_is_said_in_aws_words(federated):
    now = int(time.time())
    assert refused(federated, "no.token") == (
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
    assert refused(federated, token(aud="someone-else")) == ("InvalidIdentityToken", "Incorrect token audience")
    code, text = refused(federated, token(exp=now - 10))
    assert code == "ExpiredTokenException"
    assert text.startswith("Token expired: current date/time ") and text.endswith(f"expiration date/time {now - 10}")
    assert refused(federated, token(iss="https://other.example.com")) == (
        "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://other.example.com")
    assert refused(federated, token(OTHER)) == (
        "InvalidIdentityToken", "The signature of the web identity token is invalid")
    assert refused(federated, token(alg="none"))[0] == "InvalidIdentityToken"
    assert refused(federated, token(kid="rotated"))[1].startswith("Couldn't retrieve verification key from your identity provider,")
    assert refused(federated, token(without=["sub"])) == ("InvalidIdentityToken", "Missing a required claim: sub")
    assert refused(federated, token(without=["exp"])) == ("InvalidIdentityToken", "Missing a required claim: exp")
    assert "not yet valid" in refused(federated, token(nbf=now + 3600))[1]
    assert refused(federated, token(), ProviderId="www.amazon.com")[0] == "NotImplemented"


def test_the_trust_policy_decides_and_its_denial_is_explained(federated):
    denied = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert refused(federated, token(sub="repo:evil/app:ref:refs/heads/main")) == denied
    assert refused(federated, token(), RoleArn=f"arn:aws:iam::{A}:role/ghost") == denied
    iam = federated.client("iam")
    # A role that trusts an account, not the provider.
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}]}))
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        assume(federated, token(), RoleArn=f"arn:aws:iam::{A}:role/other")
    text = federated.explain(raised.value.response["ResponseMetadata"]["RequestId"])
    assert f"identity of the provider {PROVIDER}" in text and "trust policy" in text
    # Another account knows nothing of this provider.
    server_b = federated.client("iam", B)
    server_b.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust())
    assert refused(federated, token(), RoleArn=f"arn:aws:iam::{B}:role/deploy")[1].startswith(
        "No OpenIDConnect provider found in your account for ")


def test_claims_methods_and_the_authorized_party_are_condition_keys(federated):
    iam = federated.client("iam")
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust({
        "StringEquals": {f"{HOST}:aud": "app", f"{HOST}:oaud": "sts.amazonaws.com", "sts:RoleSessionName": "ci",
                         "aws:FederatedProvider": PROVIDER},
        "ForAnyValue:StringEquals": {f"{HOST}:amr": "mfa"}}))
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER, ClientID="app")
    answer = assume(federated, token(azp="app", amr=["pwd", "mfa"]))
    assert answer["Audience"] == "app"
    assert refused(federated, token(azp="app", amr=["pwd"]))[0] == "AccessDenied"
    assert refused(federated, token(azp="app", amr=["mfa"]), RoleSessionName="other")[0] == "AccessDenied"
    assert refused(federated, token(azp="stranger", amr=["mfa"])) == ("InvalidIdentityToken", "Incorrect token audience")


def test_tags_and_source_identity_of_a_token(federated):
    iam = federated.client("iam")
    claims = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["core"], "Job": ["x"]},
                                              "transitive_tag_keys": ["Team"]},
              "https://aws.amazon.com/source_identity": "ann"}
    assert refused(federated, token(**claims))[0] == "AccessDenied", "sts:TagSession is not allowed"
    everything = ("sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity")
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=trust(
        {"StringEquals": {"aws:RequestTag/Team": "core", "sts:SourceIdentity": "ann"}}, everything))
    iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {"StringEquals": {
                "aws:PrincipalTag/Team": "core", "aws:SourceIdentity": "ann", "aws:FederatedProvider": PROVIDER,
                f"{HOST}:sub": "repo:crew/app:ref:refs/heads/main"}}},
            {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
             "Resource": "*"}]}))
    answer = assume(federated, token(**claims))
    assert answer["SourceIdentity"] == "ann" and answer["PackedPolicySize"] > 0
    assert session(federated, answer, "iam").list_roles()["Roles"]
    # The same, each claim by itself.
    flat = {"https://aws.amazon.com/tags/principal_tags/Team": ["core"],
            "https://aws.amazon.com/source_identity": "ann"}
    assert session(federated, assume(federated, token(**flat)), "iam").list_roles()["Roles"]
    two = {"https://aws.amazon.com/tags": {"principal_tags": {"Team": ["a", "b"]}}}
    assert refused(federated, token(**two))[0] == "InvalidIdentityToken"
    # A chained session inherits the transitive tag and the source identity, and nothing of the provider.
    iam.create_role(RoleName="next", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ROLE},
         "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]}))
    iam.put_role_policy(RoleName="next", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {
                "StringEquals": {"aws:PrincipalTag/Team": "core", "aws:SourceIdentity": "ann"},
                "Null": {"aws:FederatedProvider": "true", f"{HOST}:sub": "true", "aws:PrincipalTag/Job": "true"}}}]}))
    chained = session(federated, answer).assume_role(RoleArn=f"arn:aws:iam::{A}:role/next", RoleSessionName="next")
    assert session(federated, chained, "iam").list_roles()["Roles"]
    assert chained["SourceIdentity"] == "ann"


def test_durations_and_session_policies(federated):
    answer = assume(federated, token(), DurationSeconds=900, Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}]}))
    left = answer["Credentials"]["Expiration"].timestamp() - time.time()
    assert 890 < left <= 901
    assert refused(federated, token(), DurationSeconds=7200) == (
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    assert refused(federated, token(), DurationSeconds=60)[0] == "ValidationError"
    assert refused(federated, token(), RoleArn="arn:aws:iam::nobody:role/x") == (
        "ValidationError", "arn:aws:iam::nobody:role/x is invalid")
    assert refused(federated, token(), RoleSessionName="no blanks")[0] == "ValidationError"
    federated.client("iam").put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}))
    iam = session(federated, answer, "iam")
    assert iam.get_role(RoleName="deploy")
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        iam.list_roles()
    assert "because no session policy allows the iam:ListRoles action" in str(raised.value)


def test_without_keys_the_error_names_the_option(server):
    server.client("iam").create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    server.client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=trust())
    code, text = refused(server, token())
    assert code == "InvalidIdentityToken" and f"--jwks {ISSUER}=FILE" in text
    # Issuers that AWS knows by itself need no provider, but their keys as well.
    assert "--jwks https://accounts.google.com=FILE" in refused(server, token(iss="https://accounts.google.com"))[1]


def test_google_is_known_by_its_host(start, keys):
    server = start("--in-memory", "--jwks", f"https://accounts.google.com={keys}")
    server.client("iam").create_role(RoleName="deploy", AssumeRolePolicyDocument=trust(
        {"StringEquals": {"accounts.google.com:aud": "app"}}, provider="accounts.google.com"))
    for issuer in ("https://accounts.google.com", "accounts.google.com"):
        answer = assume(server, token(iss=issuer, aud="app"))
        assert answer["Provider"] == "accounts.google.com"
    assert refused(server, token(iss="https://accounts.google.com", aud="other"))[0] == "AccessDenied"


def test_a_last_slash_is_part_of_the_issuer(start, keys):
    issuer = "https://tenant.auth0.example.com/"
    server = start("--in-memory", "--jwks", f"{issuer}={keys}")
    iam = server.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    assert provider.endswith("oidc-provider/tenant.auth0.example.com/")
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust(
        {"StringEquals": {"tenant.auth0.example.com/:aud": "app"}}, provider=provider))
    assert assume(server, token(iss=issuer, aud="app"))["Provider"] == provider
    assert refused(server, token(iss=issuer[:-1], aud="app"))[1].startswith("No OpenIDConnect provider found")


class Issuer(http.server.BaseHTTPRequestHandler):
    """An OpenID Connect issuer on this machine."""
    documents = {}

    def do_GET(self):
        found = self.documents.get(self.path)
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_):
        pass


def test_an_issuer_on_this_machine_is_asked_for_its_keys(server):
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    issuer = f"http://127.0.0.1:{web.server_port}/realms/crew"
    configuration = "/realms/crew/.well-known/openid-configuration"
    Issuer.documents = {}
    iam = server.client("iam")
    provider = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["app"])["OpenIDConnectProviderArn"]
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust(provider=provider))
    mine = lambda **more: token(iss=issuer, aud="app", **more)
    try:
        assert refused(server, mine()) == (
            "IDPCommunicationError",
            f"The keys of the identity provider {issuer} could not be fetched: "
            f"http://127.0.0.1:{web.server_port}{configuration} answered 404 Not Found")
        Issuer.documents = {
            configuration: {"issuer": issuer, "jwks_uri": f"http://127.0.0.1:{web.server_port}/keys"},
            "/keys": jwks()}
        assert assume(server, mine())["Provider"] == provider
        assert "has no such key in the jwks_uri" in refused(server, mine(kid="new"))[1]
        # Somebody else's address is never asked.
        Issuer.documents[configuration]["jwks_uri"] = "https://keys.example.com/"
        code, text = refused(server, mine(kid="new"))
        assert code == "IDPCommunicationError" and "nothing is fetched from elsewhere" in text
    finally:
        web.shutdown()
        web.server_close()


def test_wrong_key_files_are_refused_at_the_start(tmp_path):
    from conftest import CROSSGATE
    file = tmp_path / "x.json"
    file.write_text("{}")
    for option, wanted in [(f"{ISSUER}={file}", "this is no JSON Web Key Set"),
                           (f"{ISSUER}={tmp_path}/none", "No such file"), ("token.example.com=x", "an issuer's URL and a file")]:
        done = subprocess.run([CROSSGATE, "serve", "--in-memory", "--listen", "127.0.0.1:0", "--jwks", option],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and wanted in done.stderr, done.stderr
