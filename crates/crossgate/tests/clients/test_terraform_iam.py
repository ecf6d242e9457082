"""Terraform's aws_iam_* resources and data sources: applied, planned again without a change, destroyed."""
import json
import os
import pathlib
import subprocess

import pytest

from conftest import A
from test_terraform import FOUND, pytestmark  # noqa: F401: the same machines

SET_UP = pathlib.Path(__file__).with_name("iam.tf")


def certificate(folder, name):
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "30", "-subj",
                    f"/CN={name}.example", "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt.read_text(), key.read_text()


@pytest.fixture
def terraform(server, tmp_path):
    mirror = pathlib.Path(FOUND[-1]).parents[3]
    (tmp_path / "cli.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    (tmp_path / "main.tf").write_text(SET_UP.read_text())
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "ssh"], check=True)
    server_certificate, key = certificate(tmp_path, "server")
    variables = dict(endpoint=server.url, certificate=server_certificate, certificate_key=key,
                     signing_certificate=certificate(tmp_path, "signing")[0],
                     ssh_key=(tmp_path / "ssh.pub").read_text())
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(variables))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    environment.update(TF_CLI_CONFIG_FILE=str(tmp_path / "cli.tfrc"), TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1")

    def run(*arguments, statuses=(0,)):
        done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode in statuses, done.stdout[-4000:] + done.stderr[-6000:]
        return done.stdout.strip()

    run("init", "-input=false")
    return run


def test_apply_plan_destroy(server, terraform):
    terraform("apply", "-auto-approve", "-input=false")
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
    # 0: no change; 2 would be a change.
    terraform("plan", "-detailed-exitcode", "-input=false")
    terraform("destroy", "-auto-approve", "-input=false")
    iam = server.client("iam", A)
    assert iam.list_roles()["Roles"] == iam.list_users()["Users"] == iam.list_groups()["Groups"] == []
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []
