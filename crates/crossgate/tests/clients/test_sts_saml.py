"""SAML providers of IAM, and AssumeRoleWithSAML with responses that are signed by signxml, forged and wrapped."""
import base64
import copy
import datetime
import json
import subprocess
import sys
import time

import boto3
import botocore
import botocore.config
import botocore.exceptions
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner, methods

from conftest import A, B, REGION

ENTITY = "https://idp.example.com/saml"
PROVIDER = f"arn:aws:iam::{A}:saml-provider/crew"
ROLE = f"arn:aws:iam::{A}:role/staff"
ENDPOINT = "https://signin.aws.amazon.com/saml"
ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
S, P = "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def certified():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.com")])
    now = datetime.datetime(2020, 1, 1)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
                   .sign(key, hashes.SHA256()))
    return key, certificate.public_bytes(serialization.Encoding.PEM)


KEY, PEM = certified()
OTHER_KEY, OTHER_PEM = certified()


def metadata(pem=PEM, entity=ENTITY, more=""):
    body = "".join(pem.decode().split("\n")[1:-2])
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}"{more}>
  <md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>
{body}
      </ds:X509Certificate></ds:X509Data></ds:KeyInfo>
    </md:KeyDescriptor>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{entity}/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime(time.time() + seconds))


def response(issuer=ENTITY, subject="ann@example.com", audience=ENDPOINT, recipient=ENDPOINT, issued=0, ends=300,
             status="Success", role=f"{ROLE},{PROVIDER}", name="ann", session_ends=None, **attributes):
    """An unsigned response; attributes are named below AWS's prefix, or in full where they hold a colon."""
    given = {"Role": [role] if role else None, "RoleSessionName": [name] if name else None, **attributes}
    told = "".join(
        f'<Attribute Name="{n if n.startswith(("urn:", "http")) else ATTRIBUTES + n}">'
        + "".join(f'<AttributeValue xsi:type="xs:string">{v}</AttributeValue>' for v in values) + "</Attribute>"
        for n, values in given.items() if values)
    name_id = (f'<NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{subject}</NameID>'
               if subject else "")
    until = f' SessionNotOnOrAfter="{at(session_ends)}"' if session_ends else ""
    restriction = (f"<AudienceRestriction><Audience>{audience}</Audience></AudienceRestriction>" if audience else "")
    return etree.fromstring(f"""<samlp:Response xmlns:samlp="{P}" ID="_r1" Version="2.0" IssueInstant="{at(issued)}">
  <Issuer xmlns="{S}">{issuer}</Issuer>
  <samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>
  <Assertion xmlns="{S}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_a1" Version="2.0" IssueInstant="{at(issued)}">
    <Issuer>{issuer}</Issuer>
    <Subject>{name_id}
      <SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <SubjectConfirmationData NotOnOrAfter="{at(ends)}" Recipient="{recipient}"/>
      </SubjectConfirmation></Subject>
    <Conditions NotBefore="{at(issued)}" NotOnOrAfter="{at(ends)}">{restriction}</Conditions>
    <AuthnStatement AuthnInstant="{at(issued)}"{until}><AuthnContext/></AuthnStatement>
    <AttributeStatement>{told}</AttributeStatement>
  </Assertion>
</samlp:Response>""")


class OldSigner(XMLSigner):
    """SHA-1, which some providers still sign with."""

    def check_deprecated_methods(self):
        pass


def signed(root, what="assertion", key=KEY, pem=PEM, algorithm="rsa-sha256", digest="sha256"):
    kind = OldSigner if algorithm.endswith("sha1") else XMLSigner
    signer = kind(method=methods.enveloped, signature_algorithm=algorithm, digest_algorithm=digest,
                  c14n_algorithm=EXCLUSIVE)
    if what == "response":
        return signer.sign(root, key=key, cert=pem, reference_uri="_r1")
    assertion = root.find(f"{{{S}}}Assertion")
    done = signer.sign(assertion, key=key, cert=pem, reference_uri="_a1")
    root.replace(assertion, done)
    return root


def text(root):
    return base64.b64encode(etree.tostring(root)).decode()


def trust(condition=None, actions=("sts:AssumeRoleWithSAML",)):
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": list(actions)}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def federated(server):
    iam = server.client("iam")
    assert iam.create_saml_provider(Name="crew", SAMLMetadataDocument=metadata())["SAMLProviderArn"] == PROVIDER
    iam.create_role(RoleName="staff", AssumeRolePolicyDocument=trust({"StringEquals": {"SAML:aud": ENDPOINT}}))
    return server


def assume(server, assertion, **more):
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, parameter_validation=False,
                                    retries={"total_max_attempts": 1})
    sts = boto3.client("sts", endpoint_url=server.url, region_name=REGION, config=config)
    if not isinstance(assertion, str):
        assertion = text(assertion)
    return sts.assume_role_with_saml(RoleArn=more.pop("RoleArn", ROLE), SAMLAssertion=assertion,
                                     PrincipalArn=more.pop("PrincipalArn", PROVIDER), **more)


def refused(server, assertion, **more):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        assume(server, assertion, **more)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def session(server, answer, service="sts"):
    given = answer["Credentials"]
    return server.client(service, aws_access_key_id=given["AccessKeyId"],
                         aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])


DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")


def error(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_a_provider_is_kept_shown_changed_tagged_and_deleted(server):
    iam = server.client("iam")
    made = iam.create_saml_provider(Name="crew", SAMLMetadataDocument=metadata(more=' validUntil="2031-02-03T04:05:06Z"'),
                                    Tags=[{"Key": "k", "Value": "v"}])
    assert (made["SAMLProviderArn"], made["Tags"]) == (PROVIDER, [{"Key": "k", "Value": "v"}])
    assert error(iam.create_saml_provider, Name="crew", SAMLMetadataDocument=metadata()) == (
        "EntityAlreadyExists", "Provider with name crew already exists.")
    got = iam.get_saml_provider(SAMLProviderArn=PROVIDER)
    assert got["ValidUntil"].isoformat() == "2031-02-03T04:05:06+00:00"
    assert (got["AssertionEncryptionMode"], got["PrivateKeyList"]) == ("Allowed", [])
    assert 22 <= len(got["SAMLProviderUUID"]) <= 64
    listed = iam.list_saml_providers()["SAMLProviderList"]
    assert [(one["Arn"], one["ValidUntil"]) for one in listed] == [(PROVIDER, got["ValidUntil"])]
    changed = metadata(entity="https://other.example.com/saml")
    assert iam.update_saml_provider(SAMLProviderArn=PROVIDER, SAMLMetadataDocument=changed)["SAMLProviderArn"] == PROVIDER
    assert iam.get_saml_provider(SAMLProviderArn=PROVIDER)["SAMLMetadataDocument"] == changed
    iam.tag_saml_provider(SAMLProviderArn=PROVIDER, Tags=[{"Key": "a", "Value": "b"}])
    iam.untag_saml_provider(SAMLProviderArn=PROVIDER, TagKeys=["k"])
    assert iam.list_saml_provider_tags(SAMLProviderArn=PROVIDER)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert server.client("iam", B).list_saml_providers()["SAMLProviderList"] == []
    assert error(server.client("iam", B).get_saml_provider, SAMLProviderArn=PROVIDER)[0] == "NoSuchEntity"
    iam.delete_saml_provider(SAMLProviderArn=PROVIDER)
    gone = ("NoSuchEntity", f"Manifest not found for arn {PROVIDER}")
    assert error(iam.get_saml_provider, SAMLProviderArn=PROVIDER) == gone
    assert error(iam.delete_saml_provider, SAMLProviderArn=PROVIDER) == gone


def test_what_is_no_metadata_is_refused(server):
    iam = server.client("iam")
    filled = " " * 1000
    for document, why in [
            ("no xml" + filled, "Could not parse metadata: "),
            (f"<a>{filled}</a>", "the root is no EntityDescriptor"),
            ('<!DOCTYPE a [<!ENTITY x "y">]>' + metadata().split("?>\n")[1], "Could not parse metadata: "),
            (metadata().replace('use="signing"', 'use="encryption"'), "KeyDescriptor for signing"),
            (metadata().replace("<ds:X509Certificate>\n", "<ds:X509Certificate>\nAAAA"), "X509Certificate"),
            (metadata(more=' validUntil="soon"'), "validUntil is no time")]:
        code, text = error(iam.create_saml_provider, Name="x", SAMLMetadataDocument=document)
        assert code == "InvalidInput" and why in text, text
    assert error(iam.create_saml_provider, Name="x", SAMLMetadataDocument=metadata(),
                 AssertionEncryptionMode="Required")[0] == "NotImplemented"


@pytest.mark.parametrize("what", ["assertion", "response"])
def test_a_response_becomes_a_session(federated, what):
    answer = assume(federated, signed(response(), what))
    assert (answer["Subject"], answer["SubjectType"], answer["Issuer"], answer["Audience"]) == (
        "ann@example.com", "persistent", ENTITY, ENDPOINT)
    assert len(base64.b64decode(answer["NameQualifier"])) == 20
    who = session(federated, answer).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{A}:assumed-role/staff/ann"
    both = signed(signed(response()), "response")
    assert assume(federated, both)["Subject"] == "ann@example.com"


@pytest.mark.parametrize("algorithm,digest", [("rsa-sha1", "sha1"), ("rsa-sha384", "sha384"), ("rsa-sha512", "sha512")])
def test_other_algorithms(federated, algorithm, digest):
    assert assume(federated, signed(response(), algorithm=algorithm, digest=digest))["Subject"] == "ann@example.com"


def test_the_aws_cli(federated, tmp_path):
    (tmp_path / "assertion").write_text(text(signed(response())))
    environment = federated.environment()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.pop(name)
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "sts", "assume-role-with-saml", "--role-arn", ROLE, "--principal-arn", PROVIDER,
         "--saml-assertion", f"file://{tmp_path}/assertion", "--query", "Subject", "--output", "text"],
        env={**environment, "AWS_EC2_METADATA_DISABLED": "true"}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "ann@example.com"), done.stderr


def invalid(server, root):
    code, message = refused(server, root)
    assert code == "InvalidIdentityToken" and message.startswith("Response signature invalid"), (code, message)
    return message


def test_signatures_must_be_there_and_of_the_providers_key_over_what_is_read(federated):
    assert "neither the response nor the assertion is signed" in invalid(federated, response())
    # The key that the signature itself brings along counts for nothing.
    assert "no key of the metadata" in invalid(federated, signed(response(), key=OTHER_KEY, pem=OTHER_PEM))
    changed = signed(response())
    changed.find(f".//{{{S}}}NameID").text = "root@example.com"
    assert "changed after it was signed" in invalid(federated, changed)
    # A comment does not cut what was signed.
    commented = signed(response(subject="ann@example.com.evil.example"))
    commented.find(f".//{{{S}}}NameID").text = "ann@example.com"
    commented.find(f".//{{{S}}}NameID").append(etree.Comment("x"))
    commented.find(f".//{{{S}}}NameID")[0].tail = ".evil.example"
    assert assume(federated, commented)["Subject"] == "ann@example.com.evil.example"
    weak = signed(response())
    weak.find(f".//{{{DS}}}SignatureMethod").set("Algorithm", f"{DS}hmac-sha1")
    assert "is not RSA" in invalid(federated, weak)


def forged(real):
    """An assertion of the attacker's own."""
    assertion = copy.deepcopy(real.find(f"{{{S}}}Assertion"))
    for signature in assertion.findall(f"{{{DS}}}Signature"):
        assertion.remove(signature)
    assertion.find(f".//{{{S}}}NameID").text = "root@example.com"
    assertion.set("ID", "_evil")
    return assertion


def test_wrapped_assertions_are_refused(federated):
    """The ways of Somorovsky et al., "On Breaking SAML" (USENIX Security 2012), and duplicates of identifiers."""
    def case(build):
        root = signed(response())
        build(root, root.find(f"{{{S}}}Assertion"))
        return refused(federated, root)

    def beside(root, real):
        root.insert(2, forged(root))

    def behind(root, real):
        root.append(forged(root))

    def around(root, real):
        evil = forged(root)
        root.replace(real, evil)
        evil.append(real)

    def in_the_signature(root, real):
        evil = forged(root)
        signature = real.find(f"{{{DS}}}Signature")
        real.remove(signature)
        root.replace(real, evil)
        evil.append(signature)
        etree.SubElement(signature, f"{{{DS}}}Object").append(real)

    def in_extensions(root, real):
        evil = forged(root)
        signature = real.find(f"{{{DS}}}Signature")
        real.remove(signature)
        root.replace(real, evil)
        evil.append(signature)
        etree.SubElement(root, f"{{{P}}}Extensions").append(real)

    def same_id(root, real):
        etree.SubElement(root, f"{{{P}}}Extensions").set("ID", "_a1")

    def moved_signature(root, real):
        evil = forged(root)
        evil.append(real.find(f"{{{DS}}}Signature"))
        root.replace(real, evil)

    for build in (beside, behind, around, in_the_signature, in_extensions, same_id, moved_signature):
        code, message = case(build)
        assert code == "InvalidIdentityToken", (build.__name__, code, message)


def test_what_is_wrong_with_a_response_is_said_in_aws_words(federated):
    say = lambda **how: refused(federated, signed(response(**how)))
    required = ("InvalidIdentityToken", "Response does not contain the required audience.")
    assert say(audience="https://other.example.com") == required and say(audience=None) == required
    assert assume(federated, signed(response(audience="urn:amazon:webservices")))
    late = ("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
    assert say(issued=-400, ends=-100) == late and say(issued=-301, ends=900) == late and say(issued=-100, ends=-1) == late
    assert say(issued=900, ends=1200)[0] == "InvalidIdentityToken"
    assert say(issuer="https://other.example.com") == ("InvalidIdentityToken", "Issuer not present in specified provider")
    assert say(status="Requester")[0] == "IDPRejectedClaim"
    assert say(name=None) == ("InvalidIdentityToken", "RoleSessionName is required in AuthnResponse")
    assert say(name="with blanks") == (
        "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
    assert say(SourceIdentity=["a b"])[1].startswith("Source Identity must match")
    for how in (dict(subject=None), dict(role=None), dict(role=f"{ROLE}x,{PROVIDER}"),
                dict(recipient="http://localhost:8443/saml/acs")):
        assert say(**how) == DENIED, how
    assert refused(federated, signed(response()), PrincipalArn=PROVIDER + "x") == (
        "InvalidIdentityToken", "Specified provider doesn't exist")
    assert refused(federated, "%%%%") == ("InvalidIdentityToken", "Invalid base64 SAMLResponse")
    assert refused(federated, base64.b64encode(b"<no xml").decode())[1].startswith("Invalid SAMLResponse")
    dtd = base64.b64encode(b'<!DOCTYPE a [<!ENTITY x "y">]>' + etree.tostring(signed(response()))).decode()
    assert refused(federated, dtd)[1].startswith("Invalid SAMLResponse")
    deep = base64.b64encode(b"<a>" * 20_000).decode()
    assert refused(federated, deep)[1].startswith("Invalid SAMLResponse: elements are nested")


def test_the_role_must_be_offered_and_trust_the_provider(federated):
    pair = f"{PROVIDER},{ROLE}"
    assert assume(federated, signed(response(role=pair)))["Subject"], "either order"
    iam = federated.client("iam")
    iam.update_assume_role_policy(RoleName="staff", PolicyDocument=trust({"StringEquals": {"SAML:iss": "https://x"}}))
    assert refused(federated, signed(response())) == DENIED
    ghost = f"arn:aws:iam::{A}:role/ghost"
    assert refused(federated, signed(response(role=f"{ghost},{PROVIDER}")), RoleArn=ghost) == DENIED
    iam.update_assume_role_policy(RoleName="staff", PolicyDocument=trust({
        "StringEquals": {"SAML:iss": ENTITY, "SAML:sub": "ann@example.com", "SAML:sub_type": "persistent",
                         "SAML:doc": f"{A}/crew", "SAML:aud": ENDPOINT},
        "ForAnyValue:StringEquals": {"saml:edupersonaffiliation": "staff"}}))
    affiliation = {"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": ["member", "staff"]}
    assert assume(federated, signed(response(**affiliation)))
    assert refused(federated, signed(response())) == DENIED


def test_tags_source_identity_and_keys_of_later_requests(federated):
    iam = federated.client("iam")
    attributes = {"PrincipalTag:Team": ["core"], "PrincipalTag:Job": ["x"], "TransitiveTagKeys": ["Team"],
                  "SourceIdentity": ["ann"]}
    assert refused(federated, signed(response(**attributes))) == DENIED, "sts:TagSession is not allowed"
    iam.update_assume_role_policy(RoleName="staff", PolicyDocument=trust(
        None, ("sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity")))
    answer = assume(federated, signed(response(**attributes)))
    assert answer["SourceIdentity"] == "ann" and answer["PackedPolicySize"] > 0
    iam.put_role_policy(RoleName="staff", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {"StringEquals": {
                "aws:PrincipalTag/Team": "core", "aws:SourceIdentity": "ann", "aws:FederatedProvider": PROVIDER,
                "saml:sub": "ann@example.com", "saml:sub_type": "persistent",
                "saml:namequalifier": answer["NameQualifier"]}, "Null": {"saml:iss": "true"}}}]}))
    assert session(federated, answer, "iam").list_roles()["Roles"]
    assert refused(federated, signed(response(**{"PrincipalTag:Team": ["a", "b"]})))[0] == "InvalidIdentityToken"


def test_durations(federated):
    def lasts(root, **more):
        return round(assume(federated, root, **more)["Credentials"]["Expiration"].timestamp() - time.time())
    assert 3590 < lasts(signed(response())) <= 3601
    assert 890 < lasts(signed(response()), DurationSeconds=900) <= 901
    assert 1790 < lasts(signed(response(SessionDuration=["1800"]))) <= 1801
    assert 3590 < lasts(signed(response(SessionDuration=["7200"]))) <= 3601, "it never extends"
    assert 1190 < lasts(signed(response(session_ends=1200, SessionDuration=["1800"]))) <= 1201
    assert refused(federated, signed(response()), DurationSeconds=7200) == (
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    assert refused(federated, signed(response(SessionDuration=["60"])))[0] == "InvalidIdentityToken"


def test_a_replaced_certificate_counts_at_once(federated):
    iam = federated.client("iam")
    iam.update_saml_provider(SAMLProviderArn=PROVIDER, SAMLMetadataDocument=metadata(OTHER_PEM))
    invalid(federated, signed(response()))
    assert assume(federated, signed(response(), key=OTHER_KEY, pem=OTHER_PEM))
    iam.delete_saml_provider(SAMLProviderArn=PROVIDER)
    assert refused(federated, signed(response(), key=OTHER_KEY, pem=OTHER_PEM)) == (
        "InvalidIdentityToken", "Specified provider doesn't exist")
