"""What API Gateway's management and execution have besides the ordinary: clones, flattened models, keys for stages,
undocumented places, counters of the cache, destinations that are not there, TLS without issuers."""
import datetime
import json
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import A, B, CROSSGATE, REGION
from http_backend import Api, Backend, server_context
from test_access_logs import metric
from test_domains import mock, text


def test_a_clone_serves_what_its_source_would(shared):
    gateway = shared.client("apigateway", A)
    source = mock(shared, "hello", description="the first", binaryMediaTypes=["image/png"])
    gateway.create_model(restApiId=source.id, name="Thing", contentType="application/json", schema=json.dumps({
        "$ref": f"https://apigateway.amazonaws.com/restapis/{source.id}/models/Error"}))
    validator = gateway.create_request_validator(restApiId=source.id, name="v", validateRequestBody=True)["id"]
    users = source.resources["/users"]
    gateway.update_method(restApiId=source.id, resourceId=users, httpMethod="GET", patchOperations=[
        {"op": "replace", "path": "/requestValidatorId", "value": validator}])
    gateway.put_gateway_response(restApiId=source.id, responseType="DEFAULT_4XX", statusCode="418")
    copy = gateway.create_rest_api(name="copy", cloneFrom=source.id)
    assert (copy["description"], copy["binaryMediaTypes"]) == ("the first", ["image/png"])
    items = {item["path"]: item["id"] for item in gateway.get_resources(restApiId=copy["id"])["items"]}
    assert set(items) == {"/", "/users"} and items["/"] == copy["rootResourceId"] and items["/users"] != users
    method = gateway.get_method(restApiId=copy["id"], resourceId=items["/users"], httpMethod="GET")
    theirs = gateway.get_request_validators(restApiId=copy["id"])["items"][0]["id"]
    assert method["requestValidatorId"] == theirs != validator
    assert copy["id"] in gateway.get_model(restApiId=copy["id"], modelName="Thing")["schema"]
    gateway.create_deployment(restApiId=copy["id"], stageName="prod")
    assert text(shared.get(copy["id"], "/prod/users")) == (200, "hello")
    assert shared.get(copy["id"], "/prod/nothing").status == 418
    with pytest.raises(gateway.exceptions.NotFoundException, match="Invalid API identifier specified"):
        gateway.create_rest_api(name="copy", cloneFrom="zzzzzzzzzz")
    with pytest.raises(gateway.exceptions.NotFoundException):
        shared.client("apigateway", B).create_rest_api(name="copy", cloneFrom=source.id)


def test_a_flattened_model_has_what_it_refers_to_inside(shared):
    gateway = shared.client("apigateway", A)
    api = gateway.create_rest_api(name="models")["id"]
    to = lambda name: {"$ref": f"https://apigateway.amazonaws.com/restapis/{api}/models/{name}"}
    for name, schema in [("Leaf", {"type": "string"}),
                         ("Tree", {"type": "object", "properties": {"leaf": to("Leaf"), "tree": to("Tree")}})]:
        gateway.create_model(restApiId=api, name=name, contentType="application/json", schema=json.dumps(schema))
    flat = json.loads(gateway.get_model(restApiId=api, modelName="Tree", flatten=True)["schema"])
    assert flat["properties"]["leaf"] == {"$ref": "#/definitions/Leaf"}
    assert set(flat["definitions"]) == {"Leaf", "Tree"} and flat["definitions"]["Leaf"] == {"type": "string"}


def test_a_key_for_a_stage_opens_it_without_a_usage_plan(shared):
    gateway = shared.client("apigateway", A)
    api = mock(shared, "open")
    gateway.update_method(restApiId=api.id, resourceId=api.resources["/users"], httpMethod="GET", patchOperations=[
        {"op": "replace", "path": "/apiKeyRequired", "value": "true"}])
    api.deploy()
    key = gateway.create_api_key(name="old", enabled=True, stageKeys=[{"restApiId": api.id, "stageName": "prod"}])
    assert key["stageKeys"] == [f"{api.id}/prod"]
    assert api.call("/prod/users").status == 403
    assert text(api.call("/prod/users", headers={"x-api-key": key["value"]})) == (200, "open")


def test_what_is_not_documented_is_listed(shared):
    gateway = shared.client("apigateway", A)
    api = mock(shared, "x")
    gateway.create_documentation_part(restApiId=api.id, location={"type": "API"}, properties="{}")
    listed = gateway.get_documentation_parts(restApiId=api.id, locationStatus="UNDOCUMENTED", limit=500)["items"]
    places = [item["location"] for item in listed]
    assert {"type": "METHOD", "path": "/users", "method": "GET"} in places
    assert {"type": "RESPONSE", "path": "/users", "method": "GET", "statusCode": "200"} in places
    assert {"type": "API"} not in places and {"type": "RESOURCE", "path": "/"} in places
    only = gateway.get_documentation_parts(restApiId=api.id, locationStatus="UNDOCUMENTED", type="MODEL")["items"]
    assert {item["location"]["name"] for item in only} == {"Empty", "Error"}


def test_hits_and_misses_of_the_cache_are_counted(shared):
    backend = Backend()
    try:
        api = Api(shared).method("/x", backend.url + "/x").deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
        api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
            {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}])
        for _ in range(3):
            assert api.call("/prod/x").status == 200
        of = dict(api_id=api.id, stage="prod")
        assert metric(shared, "aws_apigateway_cache_hit_count_total", **of) == 2
        assert metric(shared, "aws_apigateway_cache_miss_count_total", **of) == 1
    finally:
        backend.stop()


def test_an_access_log_for_firehose_is_stored_and_the_server_says_that_it_goes_nowhere(start):
    server = start("--in-memory")
    api = mock(server, "x")
    stream = f"arn:aws:firehose:{REGION}:{A}:deliverystream/amazon-apigateway-x"
    stage = api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": stream},
        {"op": "replace", "path": "/accessLogSettings/format", "value": "$context.requestId"}])
    assert stage["accessLogSettings"]["destinationArn"] == stream
    assert [text(api.call("/prod/users")) for _ in range(2)] == [(200, "x")] * 2
    server.stop(signal.SIGTERM)
    assert server.errors.count(f"is not delivered to {stream}: Firehose is not run here") == 1, server.errors


def test_quotas_are_aws_ones_and_can_be_set(shared, start):
    gateway = shared.client("apigateway", A)
    api = gateway.create_rest_api(name="full")
    for i in range(10):
        gateway.create_authorizer(restApiId=api["id"], name=f"a{i}", type="COGNITO_USER_POOLS", providerARNs=[
            f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbC"])
    with pytest.raises(gateway.exceptions.LimitExceededException) as refused:
        gateway.create_authorizer(restApiId=api["id"], name="more", type="COGNITO_USER_POOLS", providerARNs=[
            f"arn:aws:cognito-idp:{REGION}:{A}:userpool/{REGION}_AbC"])
    assert refused.value.response["Error"]["Message"] == (
        "Maximum number of Authorizers for this API has been reached.  Please contact AWS if you need additional "
        "Authorizers.")
    server = start("--in-memory", "--quota", "resources-per-api=2", "--quota", "apis=2")
    gateway = server.client("apigateway", A)
    api = gateway.create_rest_api(name="small")
    one = dict(restApiId=api["id"], parentId=api["rootResourceId"])
    gateway.create_resource(**one, pathPart="a")
    with pytest.raises(gateway.exceptions.LimitExceededException, match="Maximum number of Resources for this API"):
        gateway.create_resource(**one, pathPart="b")
    document = {"openapi": "3.0.1", "info": {"title": "many"}, "paths": {"/a": {}, "/b": {}}}
    with pytest.raises(gateway.exceptions.LimitExceededException, match="Maximum number of Resources for this API"):
        gateway.import_rest_api(body=json.dumps(document))
    gateway.create_rest_api(name="second")
    with pytest.raises(gateway.exceptions.LimitExceededException, match="Maximum number of APIs has been reached"):
        gateway.create_rest_api(name="third")
    assert "did you mean resources-per-api?" in subprocess.run(
        [CROSSGATE, "serve", "--quota", "resource-per-api=1"], capture_output=True, text=True).stderr


def certificate(folder, days, name="localhost"):
    """A self-signed certificate that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    paths = folder / f"{name}{days}.pem", folder / f"{name}{days}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return paths


@pytest.mark.parametrize("days, name, skip, status", [
    (1, "localhost", True, 200), (1, "localhost", False, 500), (-1, "localhost", True, 500), (1, "elsewhere", True, 500)])
def test_skipping_verification_skips_the_issuer_alone(shared, tmp_path, days, name, skip, status):
    backend = Backend(server_context(*certificate(tmp_path, days, name)))
    try:
        api = Api(shared).method("/x", backend.url + "/x", tlsConfig={"insecureSkipVerification": skip}).deploy()
        assert api.call("/prod/x").status == status
    finally:
        backend.stop()


def test_a_private_api_is_reached_through_vpc_endpoints_that_its_policy_names(shared):
    gateway = shared.client("apigateway", A)
    api = Api(shared, endpointConfiguration={"types": ["PRIVATE"]})
    api.method("/users", None, kind="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'},
               method_responses={"200": {}}, responses={"200": {"responseTemplates": {
                   "application/json": "$context.identity.vpceId"}}})
    with pytest.raises(gateway.exceptions.BadRequestException, match="doesn't have a resource policy attached to it"):
        api.deploy()
    gateway.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/policy", "value": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0123abcd"}}}]})}])
    api.deploy()
    # The form of test_create_execute_api_vpc_endpoint.
    through = lambda label, zone=f"{REGION}.localhost", **more: shared.http(
        "/prod/users", host=f"{label}.execute-api.{zone}", **more)
    assert text(through(f"{api.id}-vpce-0123abcd")) == (200, "vpce-0123abcd")
    own = through("vpce-0123abcd-xyz", f"{REGION}.vpce.amazonaws.com", headers={"x-apigw-api-id": api.id})
    assert text(own) == (200, "vpce-0123abcd")
    answer = through(f"{api.id}-vpce-other")
    assert answer.status == 403 and "is not authorized to perform: execute-api:Invoke" in answer.json["Message"]
    assert "aws:SourceVpce" in shared.explain(answer.request_id)
    answer = api.call("/prod/users")
    assert text(answer) == (403, '{"message":"Forbidden"}')
    assert "VPC endpoint" in shared.explain(answer.request_id)
    # And the other way about: an endpoint leads to private APIs alone.
    public = mock(shared, "x")
    assert text(through(f"{public.id}-vpce-0123abcd")) == (403, '{"message":"Forbidden"}')
