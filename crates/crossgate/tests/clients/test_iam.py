"""IAM by boto3: every operation of the client's model is called, and the last test counts them."""
import base64
import csv
import hashlib
import hmac
import io
import json
import struct
import subprocess
import time

import botocore.exceptions
import botocore.session
import pytest

from conftest import A, B, trust

CALLED = set()
INVOKE = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}]})

# What crossgate does not do, and why; each of them must say so by name.
NOT_IMPLEMENTED = {
    "temporary delegation needs AWS's partners": {
        "AcceptDelegationRequest": dict(DelegationRequestId="d" * 20),
        "AssociateDelegationRequest": dict(DelegationRequestId="d" * 20),
        "CreateDelegationRequest": dict(
            Description="d", Permissions={"PolicyTemplateArn": "arn:aws:iam::aws:policy/x"}, RequestorWorkflowId="workflow", NotificationChannel="channel",
            SessionDuration=3600),
        "GetDelegationRequest": dict(DelegationRequestId="d" * 20),
        "GetHumanReadableSummary": dict(EntityArn=f"arn:aws:iam::{A}:delegation-request/d"),
        "ListDelegationRequests": {},
        "RejectDelegationRequest": dict(DelegationRequestId="d" * 20),
        "SendDelegationToken": dict(DelegationRequestId="d" * 20),
        "UpdateDelegationRequest": dict(DelegationRequestId="d" * 20),
    },
    "reports about entities of an organization": {
        "GenerateOrganizationsAccessReport": dict(EntityPath="o-aaaaaaaaaa/r-aaaa"),
        "GetOrganizationsAccessReport": dict(JobId="0" * 36),
    },
    "sts:GetWebIdentityToken gives out no tokens": {
        "DisableOutboundWebIdentityFederation": {},
        "EnableOutboundWebIdentityFederation": {},
        "GetOutboundWebIdentityFederationInfo": {},
    },
}
# SAML providers have tests of their own beside AssumeRoleWithSAML, centralized root access beside AssumeRoot.
TESTED_ELSEWHERE = {"DisableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootSessions",
                    "EnableOrganizationsRootCredentialsManagement", "EnableOrganizationsRootSessions",
                    "ListOrganizationsFeatures", "CreateSAMLProvider", "DeleteSAMLProvider", "GetSAMLProvider",
                    "ListSAMLProviderTags", "ListSAMLProviders", "TagSAMLProvider", "UntagSAMLProvider",
                    "UpdateSAMLProvider"}


def client(server, **more):
    made = server.client("iam", **more)
    made.meta.events.register("before-call.iam", lambda model, **_: CALLED.add(model.name))
    return made


@pytest.fixture
def iam(shared):
    return client(shared)


@pytest.fixture
def user(iam):
    """A user of the test's own, by name."""
    name = f"user-{len(CALLED)}-{time.monotonic_ns()}"
    iam.create_user(UserName=name)
    return name


def refused(code, call, text=None, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    answer = error.value.response["Error"]
    assert answer["Code"] == code, answer
    if text is not None:
        assert answer.get("Message", "") == text, answer
    return error.value.response


def totp(seed, at):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">q", int(at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7fffffff) % 10**6:06}"


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def certificate(folder, name="server", *how):
    """A certificate and its key, fresh from openssl."""
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    openssl("req", "-x509", "-nodes", "-days", "30", "-subj", f"/CN={name}.example", "-keyout", str(key), "-out",
            str(crt), *(how or ("-newkey", "rsa:2048")))
    return crt.read_text(), key.read_text()


def test_users_groups_and_their_policies(iam):
    iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "one"}])
    iam.get_user(UserName="ann"), iam.list_users()
    iam.tag_user(UserName="ann", Tags=[{"Key": "more", "Value": "1"}])
    iam.untag_user(UserName="ann", TagKeys=["more"])
    assert iam.list_user_tags(UserName="ann")["Tags"] == [{"Key": "team", "Value": "one"}]
    iam.update_user(UserName="ann", NewUserName="anna")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="anna")
    assert iam.get_group(GroupName="g")["Users"][0]["UserName"] == "anna"
    assert iam.list_groups_for_user(UserName="anna")["Groups"][0]["GroupName"] == "g"
    assert iam.list_groups()["Groups"]
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=INVOKE)
    assert iam.get_group_policy(GroupName="g", PolicyName="p")["PolicyDocument"] == json.loads(INVOKE)
    assert iam.list_group_policies(GroupName="g")["PolicyNames"] == ["p"]
    managed = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"
    iam.attach_group_policy(GroupName="g", PolicyArn=managed)
    assert iam.list_attached_group_policies(GroupName="g")["AttachedPolicies"][0]["PolicyArn"] == managed
    assert iam.list_entities_for_policy(PolicyArn=managed)["PolicyGroups"][0]["GroupName"] == "g"
    iam.put_user_policy(UserName="anna", PolicyName="p", PolicyDocument=INVOKE)
    iam.get_user_policy(UserName="anna", PolicyName="p")
    assert iam.list_user_policies(UserName="anna")["PolicyNames"] == ["p"]
    iam.attach_user_policy(UserName="anna", PolicyArn=managed)
    assert iam.list_attached_user_policies(UserName="anna")["AttachedPolicies"]
    iam.put_user_permissions_boundary(UserName="anna", PermissionsBoundary=managed)
    iam.delete_user_permissions_boundary(UserName="anna")
    key = iam.create_access_key(UserName="anna")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="anna", AccessKeyId=key, Status="Inactive")
    assert iam.list_access_keys(UserName="anna")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert iam.get_access_key_last_used(AccessKeyId=key)["UserName"] == "anna"
    details = iam.get_account_authorization_details(Filter=["User", "Group"])
    anna = next(one for one in details["UserDetailList"] if one["UserName"] == "anna")
    assert (anna["GroupList"], anna["UserPolicyList"][0]["PolicyName"]) == (["g"], "p")
    assert details["RoleDetailList"] == details["Policies"] == []
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 1})
    assert {one["GroupName"] for page in pages for one in page["GroupDetailList"]} == {"g"}
    iam.delete_access_key(UserName="anna", AccessKeyId=key)
    iam.detach_user_policy(UserName="anna", PolicyArn=managed)
    iam.delete_user_policy(UserName="anna", PolicyName="p")
    iam.remove_user_from_group(GroupName="g", UserName="anna")
    iam.delete_user(UserName="anna")
    iam.detach_group_policy(GroupName="g", PolicyArn=managed)
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    iam.update_group(GroupName="g", NewGroupName="h")
    iam.delete_group(GroupName="h")


def test_roles_profiles_and_policies(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    assert iam.get_role(RoleName="r")["Role"]["MaxSessionDuration"] == 3600
    iam.update_role(RoleName="r", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="r", Description="d")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trust("ec2.amazonaws.com"))
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "b"}])
    iam.list_role_tags(RoleName="r"), iam.untag_role(RoleName="r", TagKeys=["a"])
    policy = iam.create_policy(PolicyName="p", PolicyDocument=INVOKE)["Policy"]["Arn"]
    iam.get_policy(PolicyArn=policy), iam.list_policies(Scope="Local")
    iam.tag_policy(PolicyArn=policy, Tags=[{"Key": "a", "Value": "b"}])
    iam.list_policy_tags(PolicyArn=policy), iam.untag_policy(PolicyArn=policy, TagKeys=["a"])
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=INVOKE)
    iam.get_policy_version(PolicyArn=policy, VersionId="v2")
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v2")
    iam.delete_policy_version(PolicyArn=policy, VersionId="v1")
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=policy)["Versions"]] == ["v2"]
    iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=INVOKE)
    iam.get_role_policy(RoleName="r", PolicyName="inline"), iam.list_role_policies(RoleName="r")
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    iam.list_attached_role_policies(RoleName="r")
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=policy)
    assert iam.get_policy(PolicyArn=policy)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.get_instance_profile(InstanceProfileName="i"), iam.list_instance_profiles()
    iam.list_instance_profiles_for_role(RoleName="r")
    iam.tag_instance_profile(InstanceProfileName="i", Tags=[{"Key": "a", "Value": "b"}])
    iam.list_instance_profile_tags(InstanceProfileName="i")
    iam.untag_instance_profile(InstanceProfileName="i", TagKeys=["a"])
    assert [r["RoleName"] for r in iam.list_roles()["Roles"]] == ["r"]
    iam.remove_role_from_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="i")
    iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    iam.delete_policy(PolicyArn=policy)


def test_oidc_providers(iam):
    arn = iam.create_open_id_connect_provider(
        Url="https://token.example", ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    at = dict(OpenIDConnectProviderArn=arn)
    iam.get_open_id_connect_provider(**at), iam.list_open_id_connect_providers()
    iam.add_client_id_to_open_id_connect_provider(**at, ClientID="c")
    iam.remove_client_id_from_open_id_connect_provider(**at, ClientID="c")
    iam.update_open_id_connect_provider_thumbprint(**at, ThumbprintList=["b" * 40])
    iam.tag_open_id_connect_provider(**at, Tags=[{"Key": "a", "Value": "b"}])
    iam.list_open_id_connect_provider_tags(**at)
    iam.untag_open_id_connect_provider(**at, TagKeys=["a"])
    iam.delete_open_id_connect_provider(**at)


def test_the_account(iam):
    iam.create_account_alias(AccountAlias="someone")
    assert iam.list_account_aliases()["AccountAliases"] == ["someone"]
    iam.delete_account_alias(AccountAlias="someone")
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireSymbols=True)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 10
    iam.delete_account_password_policy()
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    assert iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"] == 2
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v1Token")


def test_service_linked_roles(iam):
    role = iam.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com", Description="d")["Role"]
    assert role["RoleName"] == "AWSServiceRoleForAPIGateway"
    assert role["Arn"] == f"arn:aws:iam::{A}:role/aws-service-role/ops.apigateway.amazonaws.com/{role['RoleName']}"
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": ["ops.apigateway.amazonaws.com"]}
    name = role["RoleName"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached[0]["PolicyArn"] == "arn:aws:iam::aws:policy/aws-service-role/APIGatewayServiceRolePolicy"
    protected = (f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS")
    for call, more in [(iam.delete_role, {}), (iam.put_role_policy, dict(PolicyName="p", PolicyDocument=INVOKE)),
                       (iam.detach_role_policy, dict(PolicyArn=attached[0]["PolicyArn"])),
                       (iam.update_assume_role_policy, dict(PolicyDocument=trust("ec2.amazonaws.com")))]:
        refused("UnmodifiableEntity", call, protected, RoleName=name, **more)
    iam.update_role(RoleName=name, Description="only this may be changed")
    taken = f"Service role name {name} has been taken in this account, please try a different suffix."
    refused("InvalidInput", iam.create_service_linked_role, taken, AWSServiceName="ops.apigateway.amazonaws.com")
    refused("InvalidInput", iam.create_service_linked_role, "Custom suffix is not allowed for batch.amazonaws.com",
            AWSServiceName="batch.amazonaws.com", CustomSuffix="x")
    suffixed = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="mine")
    assert suffixed["Role"]["RoleName"] == "AWSServiceRoleForAutoScaling_mine"
    for role in (name, "AWSServiceRoleForAutoScaling_mine"):
        task = iam.delete_service_linked_role(RoleName=role)["DeletionTaskId"]
        assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    refused("NoSuchEntity", iam.get_role, RoleName=name)


def test_mfa_devices_check_their_codes(iam, user):
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=f"of-{user}", Path="/some/",
                                           Tags=[{"Key": "a", "Value": "b"}])["VirtualMFADevice"]
    serial, seed = device["SerialNumber"], device["Base32StringSeed"]
    assert serial == f"arn:aws:iam::{A}:mfa/some/of-{user}"
    assert device["QRCodePNG"].startswith(b"\x89PNG\r\n\x1a\n")
    of_user, now = dict(UserName=user, SerialNumber=serial), time.time()
    codes = dict(AuthenticationCode1=totp(seed, now - 30), AuthenticationCode2=totp(seed, now))
    swapped = dict(AuthenticationCode1=codes["AuthenticationCode2"], AuthenticationCode2=codes["AuthenticationCode1"])
    answer = refused("InvalidAuthenticationCode", iam.enable_mfa_device,
                     "Authentication code for device is not valid.", **of_user, **swapped)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    serials = lambda status: [
        one["SerialNumber"] for one in iam.list_virtual_mfa_devices(AssignmentStatus=status)["VirtualMFADevices"]]
    assert serial in serials("Unassigned") and serial not in serials("Assigned")
    iam.enable_mfa_device(**of_user, **codes)
    refused("EntityAlreadyExists", iam.enable_mfa_device, "MFA Device is already in use.", **of_user, **codes)
    assert serial in serials("Assigned") and serial not in serials("Unassigned")
    assert iam.list_mfa_devices(UserName=user)["MFADevices"][0]["SerialNumber"] == serial
    assert iam.get_mfa_device(SerialNumber=serial)["UserName"] == user
    iam.resync_mfa_device(**of_user, **codes)
    refused("InvalidAuthenticationCode", iam.resync_mfa_device, **of_user, **swapped)
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["a"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == [{"Key": "c", "Value": "d"}]
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["MFADevices"] == summary["MFADevicesInUse"] == 1
    refused("DeleteConflict", iam.delete_virtual_mfa_device, SerialNumber=serial)
    refused("DeleteConflict", iam.delete_user, "Cannot delete entity, must delete MFA device first.", UserName=user)
    iam.deactivate_mfa_device(**of_user)
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    gone = f"MFA Device with serial number {serial} does not exist."
    refused("NoSuchEntity", iam.delete_virtual_mfa_device, gone, SerialNumber=serial)
    refused("ValidationError", iam.list_virtual_mfa_devices, "Invalid Marker.", Marker="nonsense")
    iam.delete_user(UserName=user)


def test_ssh_keys(iam, user, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "k"], check=True)
    line = (tmp_path / "k.pub").read_text()
    pem = subprocess.run(["ssh-keygen", "-e", "-m", "pkcs8", "-f", tmp_path / "k.pub"], check=True,
                         capture_output=True, text=True).stdout
    key = iam.upload_ssh_public_key(UserName=user, SSHPublicKeyBody=line)["SSHPublicKey"]
    assert (key["SSHPublicKeyBody"], key["Status"]) == (line, "Active")
    digest = hashlib.md5(base64.b64decode(line.split()[1])).hexdigest()
    assert key["Fingerprint"].replace(":", "") == digest
    at = dict(UserName=user, SSHPublicKeyId=key["SSHPublicKeyId"])
    assert iam.get_ssh_public_key(**at, Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"] == pem
    assert iam.get_ssh_public_key(**at, Encoding="SSH")["SSHPublicKey"]["SSHPublicKeyBody"] == line
    refused("DuplicateSSHPublicKey", iam.upload_ssh_public_key, UserName=user, SSHPublicKeyBody=pem)
    refused("InvalidPublicKey", iam.upload_ssh_public_key, UserName=user, SSHPublicKeyBody="ssh-rsa nonsense")
    iam.update_ssh_public_key(**at, Status="Inactive")
    assert iam.list_ssh_public_keys(UserName=user)["SSHPublicKeys"][0]["Status"] == "Inactive"
    refused("DeleteConflict", iam.delete_user, UserName=user)
    iam.delete_ssh_public_key(**at)
    missing = f"The Public Key with id {at['SSHPublicKeyId']} cannot be found."
    refused("NoSuchEntity", iam.delete_ssh_public_key, missing, **at)


def test_server_certificates(iam, tmp_path):
    body, key = certificate(tmp_path)
    other, other_key = certificate(tmp_path, "other", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    upload = dict(ServerCertificateName="c", Path="/some/", CertificateBody=body, PrivateKey=key)
    unreadable = "Unable to parse certificate. Please ensure the certificate is in PEM format."
    refused("MalformedCertificate", iam.upload_server_certificate, unreadable, **{**upload, "CertificateBody": "x"})
    refused("KeyPairMismatch", iam.upload_server_certificate, **{**upload, "PrivateKey": other_key})
    made = iam.upload_server_certificate(**upload, CertificateChain=other, Tags=[{"Key": "a", "Value": "b"}])
    shown = made["ServerCertificateMetadata"]
    assert shown["Arn"] == f"arn:aws:iam::{A}:server-certificate/some/c"
    wanted = openssl("x509", "-in", str(tmp_path / "server.crt"), "-noout", "-enddate").split("=")[1].strip()
    assert shown["Expiration"].strftime("%b %e %H:%M:%S %Y GMT") == wanted
    refused("EntityAlreadyExists", iam.upload_server_certificate,
            "The Server Certificate with name c already exists.", **upload)
    got = iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]
    assert (got["CertificateBody"], got["CertificateChain"]) == (body.strip(), other.strip())
    iam.tag_server_certificate(ServerCertificateName="c", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_server_certificate(ServerCertificateName="c", TagKeys=["a"])
    assert iam.list_server_certificate_tags(ServerCertificateName="c")["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.update_server_certificate(ServerCertificateName="c", NewServerCertificateName="d", NewPath="/")
    listed = iam.list_server_certificates()["ServerCertificateMetadataList"]
    assert [one["Arn"] for one in listed] == [f"arn:aws:iam::{A}:server-certificate/d"]
    iam.delete_server_certificate(ServerCertificateName="d")
    missing = "The Server Certificate with name d cannot be found."
    refused("NoSuchEntity", iam.get_server_certificate, missing, ServerCertificateName="d")


def test_signing_certificates(iam, user, tmp_path):
    bodies = [certificate(tmp_path, name)[0] for name in ("one", "two", "three")]
    ids = [iam.upload_signing_certificate(UserName=user, CertificateBody=body)["Certificate"]["CertificateId"]
           for body in bodies[:2]]
    refused("LimitExceeded", iam.upload_signing_certificate, "Cannot exceed quota for CertificatesPerUser: 2",
            UserName=user, CertificateBody=bodies[2])
    refused("MalformedCertificate", iam.upload_signing_certificate,
            "Certificate invalid-certificate-body is malformed.", UserName=user,
            CertificateBody="invalid-certificate-body")
    iam.update_signing_certificate(UserName=user, CertificateId=ids[0], Status="Inactive")
    listed = {one["CertificateId"]: one for one in iam.list_signing_certificates(UserName=user)["Certificates"]}
    assert (listed[ids[0]]["Status"], listed[ids[1]]["CertificateBody"]) == ("Inactive", bodies[1])
    for id in ids:
        iam.delete_signing_certificate(UserName=user, CertificateId=id)
    refused("NoSuchEntity", iam.delete_signing_certificate, f"The Certificate with id {ids[0]} cannot be found.",
            UserName=user, CertificateId=ids[0])


def test_service_specific_credentials(iam, user):
    create = dict(UserName=user, ServiceName="codecommit.amazonaws.com")
    first = iam.create_service_specific_credential(**create)["ServiceSpecificCredential"]
    assert first["ServiceUserName"] == f"{user}-at-{A}" and len(first["ServicePassword"]) > 20
    iam.create_service_specific_credential(**create)
    refused("LimitExceeded", iam.create_service_specific_credential, **create)
    for service in ("lambda.amazonaws.com", "o3on3n3onosneo"):
        text = f"No such service {service} is supported for Service Specific Credentials"
        refused("NoSuchEntity", iam.create_service_specific_credential, text, UserName=user, ServiceName=service)
    refused("NoSuchEntity", iam.create_service_specific_credential,
            "The user with name non-existent-user cannot be found.", **{**create, "UserName": "non-existent-user"})
    bearer = iam.create_service_specific_credential(
        UserName=user, ServiceName="bedrock.amazonaws.com", CredentialAgeDays=7)["ServiceSpecificCredential"]
    assert bearer["ServiceCredentialSecret"] and (bearer["ExpirationDate"] - bearer["CreateDate"]).days == 7
    at = dict(UserName=user, ServiceSpecificCredentialId=first["ServiceSpecificCredentialId"])
    again = iam.reset_service_specific_credential(**at)["ServiceSpecificCredential"]
    assert again["ServicePassword"] != first["ServicePassword"]
    iam.update_service_specific_credential(**at, Status="Inactive")
    listed = iam.list_service_specific_credentials(UserName=user, ServiceName="codecommit.amazonaws.com")
    assert len(listed["ServiceSpecificCredentials"]) == 2
    assert len(iam.list_service_specific_credentials(AllUsers=True)["ServiceSpecificCredentials"]) == 3
    wrong = "satisfiesregexbutstillinvalid"
    refused("NoSuchEntity", iam.update_service_specific_credential, f"No such credential {wrong} exists",
            UserName=user, ServiceSpecificCredentialId=wrong, Status="Inactive")
    refused("NoSuchEntity", iam.update_service_specific_credential,
            "The user with name wrong-user-name cannot be found.", **{**at, "UserName": "wrong-user-name"},
            Status="Inactive")
    refused("ValidationError", iam.update_service_specific_credential,
            "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w]+", UserName=user,
            ServiceSpecificCredentialId="totally-wrong-credential-id-with-hyphens", Status="Inactive")
    answer = refused("ValidationError", iam.update_service_specific_credential, **at, Status="Invalid")
    assert "Value at 'status' failed to satisfy constraint: Member must satisfy enum value set" in (
        answer["Error"]["Message"])
    refused("DeleteConflict", iam.delete_user, "Cannot delete entity, must remove referenced objects first.",
            UserName=user)
    iam.delete_service_specific_credential(**at)


def test_passwords(shared, iam, user):
    refused("PasswordPolicyViolation", iam.create_login_profile, UserName=user, Password="short")
    iam.create_login_profile(UserName=user, Password="Original-1", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is True
    iam.update_login_profile(UserName=user, Password="Original-2")
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    own = client(shared, aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"])
    change = dict(OldPassword="Original-2", NewPassword="Another-3")
    denied = refused("AccessDenied", own.change_password, **change)
    assert "iam:ChangePassword" in denied["Error"]["Message"]
    iam.update_account_password_policy(AllowUsersToChangePassword=True, PasswordReusePrevention=2)
    refused("AccessDenied", own.change_password, "The old password was incorrect.",
            OldPassword="Original-1", NewPassword="Another-3")
    refused("PasswordPolicyViolation", own.change_password, OldPassword="Original-2", NewPassword="Original-1")
    own.change_password(**change)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    refused("InvalidUserType", iam.change_password, **change)
    deny = INVOKE.replace("Allow", "Deny").replace("lambda:InvokeFunction", "iam:ChangePassword")
    iam.put_user_policy(UserName=user, PolicyName="deny", PolicyDocument=deny)
    refused("AccessDenied", own.change_password, OldPassword="Another-3", NewPassword="Another-4")
    iam.delete_account_password_policy()
    iam.delete_login_profile(UserName=user)


def test_the_credential_report(shared):
    account_b = client(shared, account=B)
    answer = refused("ReportNotPresent", account_b.get_credential_report)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 410
    account_b.create_user(UserName="with,comma")
    account_b.create_login_profile(UserName="with,comma", Password="Original-1")
    account_b.create_access_key(UserName="with,comma")
    started = account_b.generate_credential_report()
    assert (started["State"], started["Description"]) == (
        "STARTED", "No report exists. Starting a new report generation task")
    assert account_b.generate_credential_report()["State"] == "COMPLETE"
    report = account_b.get_credential_report()
    assert report["ReportFormat"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(report["Content"].decode())))
    assert list(rows[0]) == (
        "user arn user_creation_time password_enabled password_last_used password_last_changed password_next_rotation "
        "mfa_active access_key_1_active access_key_1_last_rotated access_key_1_last_used_date "
        "access_key_1_last_used_region access_key_1_last_used_service access_key_2_active access_key_2_last_rotated "
        "access_key_2_last_used_date access_key_2_last_used_region access_key_2_last_used_service cert_1_active "
        "cert_1_last_rotated cert_2_active cert_2_last_rotated").split()
    root, user = rows
    assert (root["user"], root["password_enabled"]) == ("<root_account>", "not_supported")
    assert (user["user"], user["password_enabled"], user["mfa_active"]) == ("with,comma", "true", "false")
    assert (user["access_key_1_active"], user["access_key_2_active"]) == ("true", "false")
    assert user["access_key_1_last_used_service"] == "N/A" and None not in user.values()


def test_last_accessed_data_is_what_was_allowed(shared, iam, user):
    arn = f"arn:aws:iam::{A}:user/{user}"
    allow = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["lambda:ListFunctions", "logs:*"], "Resource": "*"}]})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow)
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    own = dict(aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"])
    shared.client("lambda", **own).list_functions()
    refused("AccessDeniedException", shared.client("lambda", **own).get_account_settings)
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)
    assert (details["JobStatus"], details["JobType"]) == ("COMPLETED", "ACTION_LEVEL")
    services = {one["ServiceNamespace"]: one for one in details["ServicesLastAccessed"]}
    assert set(services) == {"lambda", "logs"}
    used, unused = services["lambda"], services["logs"]
    assert (used["ServiceName"], used["LastAuthenticatedEntity"]) == ("AWS Lambda", arn)
    assert (used["LastAuthenticatedRegion"], used["TotalAuthenticatedEntities"]) == ("us-east-1", 1)
    assert [one["ActionName"] for one in used["TrackedActionsLastAccessed"]] == ["ListFunctions"]
    assert "LastAuthenticated" not in unused and unused["TotalAuthenticatedEntities"] == 0
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="lambda")
    entity = entities["EntityDetailsList"][0]
    assert (entity["EntityInfo"]["Name"], entity["EntityInfo"]["Type"]) == (user, "USER")
    assert entity["LastAuthenticated"] == used["LastAuthenticated"]
    refused("NoSuchEntity", client(shared, account=B).get_service_last_accessed_details, JobId=job)
    granting = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["logs", "s3"])
    assert granting["PoliciesGrantingServiceAccess"] == [
        {"ServiceNamespace": "logs", "Policies": [
            {"PolicyName": "p", "PolicyType": "INLINE", "EntityType": "USER", "EntityName": user}]},
        {"ServiceNamespace": "s3", "Policies": []}]


def test_simulation(iam, user):
    source = f"arn:aws:iam::{A}:user/{user}"
    pretty = json.dumps(json.loads(INVOKE), indent=2)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=pretty)
    asked = dict(ActionNames=["lambda:InvokeFunction"],
                 ResourceArns=[f"arn:aws:lambda:us-east-1:{B}:function:f"])
    one = iam.simulate_principal_policy(PolicySourceArn=source, **asked)["EvaluationResults"][0]
    # Across accounts the resource's own policy must allow as well.
    assert one["EvalDecision"] == "implicitDeny"
    assert one["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "implicitDeny"}
    grant = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "lambda:InvokeFunction", "Resource": "*"}]})
    one = iam.simulate_principal_policy(PolicySourceArn=source, ResourcePolicy=grant, **asked)["EvaluationResults"][0]
    assert one["EvalDecision"] == "allowed"
    kinds = {s["SourcePolicyType"]: s for s in one["MatchedStatements"]}
    assert set(kinds) == {"IAM Policy", "Resource Policy"}
    lines = pretty.split("\n")
    start, end = kinds["IAM Policy"]["StartPosition"], kinds["IAM Policy"]["EndPosition"]
    assert lines[start["Line"] - 1][start["Column"] - 1:] == "{" and lines[end["Line"] - 1][:end["Column"] - 1].endswith("}")
    refused("InvalidInput", iam.simulate_custom_policy, PolicyInputList=[INVOKE], ResourcePolicy=grant, **asked)
    custom = iam.simulate_custom_policy(PolicyInputList=[INVOKE], ResourcePolicy=grant, CallerArn=source, **asked)
    assert custom["EvaluationResults"][0]["EvalDecision"] == "allowed"
    boundary = INVOKE.replace("lambda:InvokeFunction", "s3:GetObject")
    bounded = iam.simulate_custom_policy(PolicyInputList=[INVOKE], PermissionsBoundaryPolicyInputList=[boundary],
                                         ActionNames=["lambda:InvokeFunction"])["EvaluationResults"][0]
    assert bounded["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    refused("InvalidInput", iam.simulate_custom_policy, PolicyInputList=[INVOKE], ActionNames=["ec2:RunInstances"],
            ResourceHandlingOption="EC2-Nonsense")
    tagged = INVOKE.replace('"Resource": "*"', '"Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/a": "b"}}')
    missing = iam.simulate_custom_policy(PolicyInputList=[tagged], ActionNames=["lambda:InvokeFunction"])
    assert missing["EvaluationResults"][0]["MissingContextValues"] == ["aws:PrincipalTag/a"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[tagged])["ContextKeyNames"] == ["aws:PrincipalTag/a"]
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=source)["ContextKeyNames"] == []


def test_aws_managed_policies(iam, user):
    listed = [one for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for one in page["Policies"]]
    assert len(listed) > 1500 and len({one["Arn"] for one in listed}) == len(listed)
    for path in ("ReadOnlyAccess", "job-function/ViewOnlyAccess", "service-role/AWSLambdaSQSQueueExecutionRole"):
        arn = f"arn:aws:iam::aws:policy/{path}"
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        assert iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]["Statement"]
    typo = "arn:aws:iam::aws:policy/AdministratorAcess"
    refused("NoSuchEntity", iam.attach_user_policy, f"Policy {typo} does not exist or is not attachable.",
            UserName=user, PolicyArn=typo)


def test_a_role_made_again_is_not_the_one_that_a_function_trusts(server):
    function = server.function(account=B)
    iam, lambda_b, sts = client(server), server.client("lambda", B), server.client("sts")
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}]})
    arn = f"arn:aws:iam::{A}:role/caller"
    iam.create_user(UserName="ann")
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=INVOKE.replace("lambda:InvokeFunction", "*"))
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    sts = server.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    def invoke():
        got = sts.assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return server.client("lambda", aws_access_key_id=got["AccessKeyId"], aws_session_token=got["SessionToken"],
                             aws_secret_access_key=got["SecretAccessKey"]).invoke(FunctionName=function)

    def make():
        id = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=trusted)["Role"]["RoleId"]
        iam.put_role_policy(RoleName="caller", PolicyName="p", PolicyDocument=INVOKE)
        return id

    principal = lambda: json.loads(lambda_b.get_policy(FunctionName=function)["Policy"])["Statement"][0]["Principal"]
    first = make()
    lambda_b.add_permission(FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal=arn)
    assert invoke()["StatusCode"] == 200 and principal() == {"AWS": arn}
    iam.delete_role_policy(RoleName="caller", PolicyName="p")
    iam.delete_role(RoleName="caller")
    assert principal() == {"AWS": first}
    assert make() != first and principal() == {"AWS": first}
    refused("AccessDeniedException", invoke)
    # As AWS does: nothing can be added while it is there.
    refused("InvalidParameterValueException", lambda_b.add_permission, FunctionName=function, StatementId="t",
            Action="lambda:InvokeFunction", Principal=A)


def test_errors_of_the_recordings(iam):
    iam.create_role(RoleName="target", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    refused("ValidationError", iam.attach_role_policy, "Invalid ARN:  Could not be parsed!", RoleName="target",
            PolicyArn="longpolicynamebutnoarn")
    missing = f"arn:aws:iam::{A}:policy/none"
    refused("NoSuchEntity", iam.attach_role_policy, f"Policy {missing} does not exist or is not attachable.",
            RoleName="target", PolicyArn=missing)
    refused("NoSuchEntity", iam.delete_policy, f"Policy {missing} was not found.", PolicyArn=missing)
    refused("MalformedPolicyDocument", iam.create_role, "This policy contains invalid Json", RoleName="x",
            AssumeRolePolicyDocument="{")
    iam.delete_role(RoleName="target")


def test_each_of_the_operations_was_called(iam):
    for reason, operations in NOT_IMPLEMENTED.items():
        for operation, arguments in operations.items():
            answer = refused("NotImplemented", iam._make_api_call, operation_name=operation, api_params=arguments)
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501, reason
            assert operation in answer["Error"]["Message"]
    model = set(botocore.session.get_session().get_service_model("iam").operation_names)
    assert model - CALLED == TESTED_ELSEWHERE
