"""The seed's set-up as Terraform code: applied, planned again without a change, destroyed."""
import glob
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import A, B, INDEX

PLACES = ["/opt/*", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins",
          os.path.expanduser("~/.terraform.d/plugins"), os.path.expanduser("~/.terraform.d/plugin-cache")]
FOUND = [path for place in PLACES for path in glob.glob(f"{place}/registry.terraform.io/hashicorp/aws/5.*")]

pytestmark = pytest.mark.skipif(
    not (shutil.which("terraform") and FOUND),
    reason="no `terraform` on PATH, or no AWS provider 5.x in a folder that a filesystem_mirror can use: "
           "Terraform is not tested on this machine")

SET_UP = pathlib.Path(__file__).with_name("seed.tf")


@pytest.fixture
def terraform(server, tmp_path):
    mirror = pathlib.Path(FOUND[-1]).parents[3]
    (tmp_path / "cli.tfrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    (tmp_path / "index.py").write_text(INDEX)
    (tmp_path / "main.tf").write_text(SET_UP.read_text())
    import zipfile
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as archive:
        archive.write(tmp_path / "index.py", "index.py")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    environment.update(TF_CLI_CONFIG_FILE=str(tmp_path / "cli.tfrc"), TF_IN_AUTOMATION="1", CHECKPOINT_DISABLE="1",
                       TF_VAR_endpoint=server.url)

    def run(*arguments, statuses=(0,)):
        done = subprocess.run(["terraform", *arguments, "-no-color"], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode in statuses, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout.strip()

    run("init", "-input=false")
    return run


def test_apply_plan_destroy(server, terraform):
    terraform("apply", "-auto-approve", "-input=false")
    api = terraform("output", "-raw", "api")
    answer = server.get(api, "/prod/users")
    assert answer.status == 200 and answer.json["message"] == "Hello from Account B Lambda!"
    # 0: no change; 2 would be a change.
    terraform("plan", "-detailed-exitcode", "-input=false")
    terraform("destroy", "-auto-approve", "-input=false")
    assert server.client("lambda", B).list_functions()["Functions"] == []
    assert server.client("apigateway", A).get_rest_apis()["items"] == []
    assert server.client("iam", A).list_roles()["Roles"] == []
