"""Terraform's aws_api_gateway_* resources: applied, planned again without a change, destroyed."""
import json
import pathlib

from conftest import A
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform


def test_apply_plan_destroy(server, tmp_path):
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("apigateway.tf"), server)
    apply(terraform)
    by_hand, by_document = (terraform("output", "-raw", name) for name in ("by_hand", "by_document"))
    key = {"x-api-key": terraform("output", "-raw", "key"), "Content-Type": "application/json"}
    answer = server.get(by_hand, "/prod/users", headers=key)
    assert (answer.status, answer.json, answer.headers["X-Made"]) == (200, {"name": "terraform"}, "yes")
    assert server.get(by_hand, "/prod/users").status == 403
    assert server.get(by_document, "/prod/users").status == 200
    assert list(json.loads(terraform("output", "-json", "exported"))) == ["/users"]
    nothing_to_change(terraform)
    destroy(terraform)
    gateway = server.client("apigateway", A)
    for listing in (gateway.get_rest_apis, gateway.get_api_keys, gateway.get_usage_plans, gateway.get_domain_names,
                    gateway.get_vpc_links, gateway.get_client_certificates):
        assert listing()["items"] == []
