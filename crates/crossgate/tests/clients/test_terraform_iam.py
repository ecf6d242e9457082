"""Terraform's aws_iam_* resources and data sources: applied, planned again without a change, destroyed."""
import json
import pathlib
import subprocess

from conftest import A
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform


def certificate(folder, name):
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "30", "-subj",
                    f"/CN={name}.example", "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt.read_text(), key.read_text()


def test_apply_plan_destroy(server, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "ssh"], check=True)
    server_certificate, key = certificate(tmp_path, "server")
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("iam.tf"), server,
                             certificate=server_certificate, certificate_key=key,
                             signing_certificate=certificate(tmp_path, "signing")[0],
                             ssh_key=(tmp_path / "ssh.pub").read_text())
    apply(terraform)
    seen = json.loads(terraform("output", "-json", "seen"))
    fingerprint = seen.pop("ssh")
    assert len(fingerprint.split(":")) == 16
    assert seen == {
        "role": f"arn:aws:iam::{A}:role/service/worker", "roles": ["worker"], "policy": "invoke",
        "read_only": "arn:aws:iam::aws:policy/ReadOnlyAccess", "user": f"arn:aws:iam::{A}:user/people/ann",
        "users": ["ann"], "group": ["ann"], "profile": "worker", "profiles": ["worker"],
        "me": f"arn:aws:iam::{A}:root", "session": f"arn:aws:iam::{A}:role/service/worker",
        "alias": "terraformed", "keys": ["Active"], "server": f"arn:aws:iam::{A}:server-certificate/some/server",
        "simulation": True, "linked": "AWSServiceRoleForAPIGateway"}
    nothing_to_change(terraform)
    destroy(terraform)
    iam = server.client("iam", A)
    assert iam.list_roles()["Roles"] == iam.list_users()["Users"] == iam.list_groups()["Groups"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []
