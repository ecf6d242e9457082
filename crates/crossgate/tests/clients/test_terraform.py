"""The seed's set-up as Terraform code: applied, planned again without a change, destroyed."""
import pathlib

from conftest import A, B
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform


def test_apply_plan_destroy(server, tmp_path):
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("seed.tf"), server)
    apply(terraform)
    api = terraform("output", "-raw", "api")
    answer = server.get(api, "/prod/users")
    assert answer.status == 200 and answer.json["message"] == "Hello from Account B Lambda!"
    nothing_to_change(terraform)
    destroy(terraform)
    assert server.client("lambda", B).list_functions()["Functions"] == []
    assert server.client("apigateway", A).get_rest_apis()["items"] == []
    assert server.client("iam", A).list_roles()["Roles"] == []
