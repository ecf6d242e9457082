"""Terraform against a server: where it and the AWS provider are, and a folder to run it in."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

from conftest import INDEX

PLACES = ["/opt/*", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins",
          os.path.expanduser("~/.terraform.d/plugins"), os.path.expanduser("~/.terraform.d/plugin-cache")]
FOUND = [path for place in PLACES for path in glob.glob(f"{place}/registry.terraform.io/hashicorp/aws/5.*")]

needs_terraform = pytest.mark.skipif(
    not (shutil.which("terraform") and FOUND),
    reason="no `terraform` on PATH, or no AWS provider 5.x in a folder that a filesystem_mirror can use: "
           "Terraform is not tested on this machine")


def terraform_in(folder, code, server, **variables):
    """Makes `folder` a Terraform working directory with `code`, a path or a text, and a function package beside it.
    Gives a function that runs `terraform` there with the server's address in `var.endpoint`."""
    mirror = pathlib.Path(FOUND[-1]).parents[3]
    (folder / "cli.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    (folder / "main.tf").write_text(code.read_text() if isinstance(code, pathlib.Path) else code)
    (folder / "terraform.tfvars.json").write_text(json.dumps(dict(variables, endpoint=server.url)))
    with zipfile.ZipFile(folder / "function.zip", "w") as archive:
        archive.writestr("index.py", INDEX)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    environment.update(TF_CLI_CONFIG_FILE=str(folder / "cli.tfrc"), TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1")

    def run(*arguments, statuses=(0,)):
        done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=folder, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode in statuses, done.stdout[-4000:] + done.stderr[-6000:]
        return done.stdout.strip()

    run("init", "-input=false")
    return run


def apply(terraform):
    terraform("apply", "-auto-approve", "-input=false")


def nothing_to_change(terraform):
    """0: no change; 2 would be a change."""
    terraform("plan", "-detailed-exitcode", "-input=false")


def destroy(terraform):
    terraform("destroy", "-auto-approve", "-input=false")
