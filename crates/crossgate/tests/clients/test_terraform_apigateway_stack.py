"""A whole service by Terraform: OpenAPI body, authorizer, usage plan, domain name; called, planned again, destroyed."""
import json
import pathlib
import zipfile

from conftest import A
from terraforming import apply, destroy, needs_terraform, nothing_to_change, terraform_in

pytestmark = needs_terraform

JUDGE = """
def handler(event, context):
    effect = 'Allow' if event['authorizationToken'] == 'let me in' else 'Deny'
    return {'principalId': 'alice', 'policyDocument': {'Version': '2012-10-17', 'Statement': [
        {'Action': 'execute-api:Invoke', 'Effect': effect, 'Resource': event['methodArn']}]}}
"""


def test_a_stack_is_applied_called_planned_again_and_destroyed(server, tmp_path):
    code = pathlib.Path(__file__).with_name("apigateway_stack.tf")
    terraform = terraform_in(tmp_path, code, server)
    with zipfile.ZipFile(tmp_path / "function.zip", "a") as archive:
        archive.writestr("judge.py", JUDGE)
    apply(terraform)
    api, key = terraform("output", "-raw", "api"), terraform("output", "-raw", "key")
    seen = json.loads(terraform("output", "-json", "seen"))
    assert seen == {"api": api, "key": "client", "keys": 1, "judge": "judge", "domain": "TLS_1_2", "link": "AVAILABLE",
                    "private": True}

    def order(body, token="let me in", **headers):
        return server.http("/v1/orders", "POST", host="orders.example.com", body=json.dumps(body).encode(), headers={
            "Content-Type": "application/json", "Authorization": token, "x-api-key": key, **headers})

    answer = order({"item": "tea"})
    assert answer.status == 200
    event = answer.json["event_received"]
    assert event["requestContext"]["authorizer"]["principalId"] == "alice"
    assert event["stageVariables"] == {"colour": "green"} and event["resource"] == "/orders"
    assert order({"item": "tea"}, token="no").status == 403
    # The document asks for either the authorizer or the key; API Gateway takes the first, and the key as well.
    answer = order({"count": 0})
    assert answer.status == 422 and "item" in answer.json["why"], answer.body
    preflight = server.get(api, "/live/orders", method="OPTIONS")
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert server.get(api, "/live/anything/else").json["event_received"]["pathParameters"] == {"proxy": "anything/else"}
    logged = server.client("logs", A).filter_log_events(logGroupName="/stack/access")["events"]
    assert any(event["message"].endswith(" 200 alice") for event in logged), logged
    nothing_to_change(terraform)
    destroy(terraform)
    assert server.client("apigateway", A).get_rest_apis()["items"] == []
