"""Terraform's aws_lambda_* resources and data sources: applied, planned again without a change, destroyed."""
import json
import pathlib

from conftest import B
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform


def test_apply_plan_destroy(server, tmp_path):
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("lambda.tf"), server)
    apply(terraform)
    assert json.loads(terraform("output", "-json", "seen")) == {
        "functions": ["outcomes", "users"], "version": "1", "reserved": 5, "layer": 1, "invoked": 200, "once": 200,
        "url": "AWS_IAM"}
    client = server.client("lambda", B)
    provisioned = client.get_provisioned_concurrency_config(FunctionName="users", Qualifier="live")
    assert (provisioned["Status"], provisioned["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 1)
    nothing_to_change(terraform)
    destroy(terraform)
    assert client.list_functions()["Functions"] == [] and client.list_layers()["Layers"] == []
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
