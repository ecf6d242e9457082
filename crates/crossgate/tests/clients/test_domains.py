"""Custom domains by Host header, as curl -H 'Host: …' would call them."""
import json

import pytest

from conftest import A, B, REGION
from http_backend import Api

CERTIFICATE = f"arn:aws:acm:{REGION}:{A}:certificate/11111111-1111-1111-1111-111111111111"
FUNCTION = """
import json

def handler(event, context):
    return {'statusCode': 200, 'body': json.dumps(event)}
"""


def domain(server, name, account=A, **mappings):
    """A regional domain; `mappings` are base path (`none` for none) to (API, stage)."""
    gateway = server.client("apigateway", account)
    gateway.create_domain_name(domainName=name, regionalCertificateArn=CERTIFICATE,
                               endpointConfiguration={"types": ["REGIONAL"]})
    for path, (api, stage) in mappings.items():
        more = {} if path == "none" else {"basePath": path}
        if stage:
            more["stage"] = stage
        gateway.create_base_path_mapping(domainName=name, restApiId=api, **more)
    return gateway


def mock(server, text, **settings):
    """An API whose every path answers `text`."""
    api = Api(server, **settings)
    api.method("/users", None, kind="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {}}, responses={"200": {"responseTemplates": {"application/json": text}}})
    return api.deploy()


def text(answer):
    return answer.status, answer.body.decode()


def test_base_paths_lead_to_apis_and_stages(shared):
    one, two, root = mock(shared, "one"), mock(shared, "two"), mock(shared, "root")
    domain(shared, "api.example.com", v1=(one.id, "prod"), v2=(two.id, None), none=(root.id, "prod"))
    call = lambda path, host="api.example.com": text(shared.http(path, host=host))
    assert call("/v1/users") == (200, "one")
    assert call("/v2/prod/users") == (200, "two")
    assert call("/users") == (200, "root")
    assert call("/v1/users", "API.Example.COM") == (200, "one")
    assert call("/v1/users", f"api.example.com:{shared.port}") == (200, "one")
    assert call("/v1/nothing")[0] == 403
    assert call("/v2/nostage/users") == (403, '{"message":"Forbidden"}')


def test_no_mapping_is_403_and_explained(shared):
    api = mock(shared, "x")
    domain(shared, "only.example.com", v1=(api.id, "prod"))
    answer = shared.http("/other", host="only.example.com")
    assert text(answer) == (403, '{"message":"Forbidden"}')
    assert answer.headers["x-amzn-ErrorType"] == "ForbiddenException"
    assert "/v1" in shared.explain(answer.request_id)


def test_changes_count_at_once_and_a_deleted_domain_is_gone(shared):
    one, two = mock(shared, "one"), mock(shared, "two")
    gateway = domain(shared, "moving.example.com", none=(one.id, "prod"))
    call = lambda: text(shared.http("/users", host="moving.example.com"))
    assert call() == (200, "one")
    gateway.update_base_path_mapping(domainName="moving.example.com", basePath="(none)", patchOperations=[
        {"op": "replace", "path": "/restapiId", "value": two.id}])
    assert call() == (200, "two")
    gateway.delete_base_path_mapping(domainName="moving.example.com", basePath="(none)")
    assert call()[0] == 403
    gateway.delete_domain_name(domainName="moving.example.com")
    assert call()[0] == 404


def test_wildcards(shared):
    wild, exact = mock(shared, "wild"), mock(shared, "exact")
    domain(shared, "*.wild.example.com", none=(wild.id, "prod"))
    domain(shared, "one.wild.example.com", none=(exact.id, "prod"))
    call = lambda host: text(shared.http("/users", host=host))
    assert call("any.wild.example.com") == (200, "wild")
    assert call("one.wild.example.com") == (200, "exact")
    assert call("a.b.wild.example.com")[0] == 404


def test_a_closed_endpoint_is_open_by_its_domain(shared):
    api = mock(shared, "closed", disableExecuteApiEndpoint=True)
    domain(shared, "closed.example.com", none=(api.id, "prod"))
    assert api.call("/prod/users").status == 403
    assert text(shared.http("/users", host="closed.example.com")) == (200, "closed")


@pytest.mark.parametrize("name", ["sts.us-east-1.localhost", "127.0.0.1", "lambda.us-east-1.amazonaws.com"])
def test_nobody_takes_over_this_servers_names(start, name):
    server = start("--in-memory")
    api = mock(server, "taken over")
    domain(server, name, none=(api.id, "prod"))
    assert "taken over" not in server.http("/users", host=name).body.decode()
    assert server.client("sts", B).get_caller_identity()["Account"] == B


def test_the_event_has_the_domain_and_the_base_path(server):
    function = server.function(account=A, name="echo", source=FUNCTION)
    api = server.api(function)
    server.allow("echo", account=A)
    domain(server, "shop.example.com", v1=(api, "prod"), none=(api, "prod"))
    event = server.http("/v1/users?x=1", host="shop.example.com").json
    context = event["requestContext"]
    assert event["path"] == "/v1/users" and context["path"] == "/v1/users"
    assert (event["resource"], context["stage"]) == ("/users", "prod")
    assert (context["domainName"], context["domainPrefix"]) == ("shop.example.com", "shop")
    event = server.http("/users", host="shop.example.com").json
    assert event["path"] == "/users" and event["requestContext"]["path"] == "/users"
