"""The change as Terraform code and as a CloudFormation template: applied, and read by a YAML library."""
import json
import shlex

import pytest
import yaml

from conftest import A
from explaining import ALLOW, allow, deny, policy, refused, report, user
from terraforming import apply, needs_terraform, nothing_to_change, terraform_in
from test_explain_edges import closed_api
from test_organizations import Organization

PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "endpoint" {}
provider "aws" {
  access_key                  = "%s"
  secret_key                  = "any"
  region                      = "us-east-1"
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
  endpoints {
    apigateway    = var.endpoint
    iam           = var.endpoint
    lambda        = var.endpoint
    organizations = var.endpoint
    sts           = var.endpoint
  }
}
"""


def across_accounts(server):
    arn = server.function()
    client = server.client("lambda", **user(server))
    return refused(client.invoke, FunctionName=arn), lambda: client.invoke(FunctionName=arn)


def trust(server):
    server.client("iam").create_role(RoleName="crew", Path="/team/", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    assume = server.client("sts", **user(server)).assume_role
    call = dict(RoleArn=f"arn:aws:iam::{A}:role/team/crew", RoleSessionName="ann")
    return refused(assume, **call), lambda: assume(**call)


def boundary(server):
    limit = server.client("iam").create_policy(PolicyName="limit", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    arn = server.function(account=A)
    client = server.client("lambda", **user(server, ALLOW, PermissionsBoundary=limit))
    return refused(client.get_function, FunctionName=arn), lambda: client.get_function(FunctionName=arn)


def deny_of_a_group(server):
    iam = server.client("iam")
    keys = user(server, ALLOW)
    iam.create_group(GroupName="crew")
    iam.put_group_policy(GroupName="crew", PolicyName="limits", PolicyDocument=policy(
        deny("lambda:*", Condition={"StringNotEquals": {"aws:PrincipalTag/team": ["${aws:userid}", "%{x}"]}})))
    iam.add_user_to_group(GroupName="crew", UserName="ann")
    arn = server.function(account=A)
    client = server.client("lambda", **keys)
    return refused(client.get_function, FunctionName=arn), lambda: client.get_function(FunctionName=arn)


def api(server):
    made = closed_api(server, "NONE", policy(
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
         "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}))

    def call():
        server.client("apigateway").create_deployment(restApiId=made, stageName="prod")
        assert server.get(made, "/prod").status == 200

    return server.get(made, "/prod").request_id, call


def organization_allows_nothing(server):
    crew = Organization(server, A)
    call = server.client("iam", **user(server, ALLOW)).list_roles
    crew.policy(policy(allow("s3:*")), A, name="only-s3")
    crew.client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=A)
    return refused(call), call


# Each with the number of a fix whose code stands by itself. Of the Deny, the first is a tag: an attribute to set elsewhere.
EVERY = [(across_accounts, 0), (trust, 0), (boundary, 0), (deny_of_a_group, 1), (api, 0)]


@needs_terraform
@pytest.mark.parametrize("refusal, number", [*EVERY, (organization_allows_nothing, 1)])
def test_the_terraform_code_is_applied(server, tmp_path, refusal, number):
    request, again = refusal(server)
    for step in report(server, request)["fixes"][number]["steps"]:
        folder = tmp_path / step["account"]
        folder.mkdir()
        terraform = terraform_in(folder, PROVIDER % step["account"] + step["terraform"], server)
        apply(terraform)
        nothing_to_change(terraform)
    again()


class Loader(yaml.SafeLoader):
    """A YAML reader that knows CloudFormation's short functions."""


Loader.add_multi_constructor("!", lambda loader, name, node: {f"Fn::{name}": loader.construct_scalar(node)})
# A date is no date in a policy.
Loader.yaml_implicit_resolvers = {
    first: [(tag, how) for tag, how in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()}


@pytest.mark.parametrize("refusal, number", EVERY)
def test_the_template_says_what_the_command_says(server, refusal, number):
    request, _ = refusal(server)
    for step in report(server, request)["fixes"][number]["steps"]:
        (resource,) = yaml.load(step["cloudformation"], Loader)["Resources"].values()
        words = shlex.split(step["commands"][0])
        option = dict(zip(words, words[1:]))
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::Permission":
            assert (properties["Principal"], properties["Action"]) == (option["--principal"], option["--action"])
            assert properties["FunctionName"] == option["--function-name"]
            continue
        told = next(properties[name] for name in ("PolicyDocument", "AssumeRolePolicyDocument", "Policy")
                    if name in properties)
        if "--patch-operations" in option:
            said = json.loads(option["--patch-operations"])[0]["value"]
        else:
            said = option["--policy-document"]
        assert told == json.loads(said)
