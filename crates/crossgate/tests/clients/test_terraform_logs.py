"""CloudWatch Logs as Terraform code: applied, planned again without a change, destroyed."""
import pathlib

from conftest import B
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in


@needs_terraform
def test_apply_plan_destroy(server, tmp_path):
    terraform = terraform_in(tmp_path, pathlib.Path(__file__).with_name("logs.tf"), server)
    apply(terraform)
    logs = server.client("logs", B)
    assert logs.describe_subscription_filters(logGroupName="/app/web")["subscriptionFilters"][0]["filterName"] == "errors"
    assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 1
    nothing_to_change(terraform)
    destroy(terraform)
    assert logs.describe_log_groups()["logGroups"] == []
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    assert logs.describe_query_definitions()["queryDefinitions"] == []
