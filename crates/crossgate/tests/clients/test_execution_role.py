"""What an execution role must be allowed before Lambda takes a VPC, a dead-letter target or destinations; AWS's refusals, what
`explain` prints for them, and that it mends them."""
import botocore.exceptions
import pytest

from conftest import B, REGION, VPC_ACCESS
from explaining import allow, deny, grant, paste, report

VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
QUEUE = f"arn:aws:sqs:{REGION}:{B}:failures"
TOPIC = f"arn:aws:sns:{REGION}:{B}:failures"


@pytest.fixture
def server(server):
    server.arn = server.function(name="f")
    server.lambdas = server.client("lambda", B)
    return server


def refused(call, **arguments):
    """Gives the text and the request id."""
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    error = raised.value.response
    assert error["Error"]["Code"] == "InvalidParameterValueException", error
    return error["Error"]["Message"], error["ResponseMetadata"]["RequestId"]


def configure(server, **settings):
    return refused(server.lambdas.update_function_configuration, FunctionName="f", **settings)


def provided(operation, service):
    return f"The provided execution role does not have permissions to call {operation} on {service}"


def test_each_action_of_a_vpc(server):
    granted = []
    for operation in ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"]:
        assert configure(server, VpcConfig=VPC)[0] == provided(operation, "EC2")
        granted.append(f"ec2:{operation}")
        grant(server, allow(granted))
    server.lambdas.update_function_configuration(FunctionName="f", VpcConfig=VPC)
    # Later changes of something else, and leaving the VPC, ask for nothing.
    server.client("iam", B).delete_role_policy(RoleName="function-role", PolicyName="own")
    server.lambdas.update_function_configuration(FunctionName="f", Timeout=9)
    none = server.lambdas.update_function_configuration(
        FunctionName="f", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert none["VpcConfig"]["SubnetIds"] == []


def test_what_the_actions_of_a_vpc_are_asked_on(server):
    interfaces = f"arn:aws:ec2:{REGION}:{B}:network-interface/*"
    rest = ["ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]
    grant(server, allow("ec2:CreateNetworkInterface", interfaces), allow(rest, interfaces))
    assert configure(server, VpcConfig=VPC)[0] == provided(rest[0][4:], "EC2")
    grant(server, allow("ec2:CreateNetworkInterface", interfaces), allow(rest))
    server.lambdas.update_function_configuration(FunctionName="f", VpcConfig=VPC)


def test_a_function_made_in_a_vpc(server):
    made = server.lambdas.get_function(FunctionName="f")["Configuration"]
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        server.function(name="g", VpcConfig=VPC)
    assert raised.value.response["Error"]["Message"] == provided("CreateNetworkInterface", "EC2")
    names = [one["FunctionName"] for one in server.lambdas.list_functions()["Functions"]]
    assert names == [made["FunctionName"]]
    server.client("iam", B).attach_role_policy(RoleName="function-role", PolicyArn=VPC_ACCESS)
    server.function(name="g", VpcConfig=VPC)


@pytest.mark.parametrize("target, operation, service", [(QUEUE, "SendMessage", "SQS"), (TOPIC, "Publish", "SNS")])
def test_a_dead_letter_target(server, target, operation, service):
    text, request = configure(server, DeadLetterConfig={"TargetArn": target})
    assert text == provided(operation, service)
    paste(server, request)
    server.lambdas.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": target})
    other = configure(server, DeadLetterConfig={"TargetArn": target + "2"})[0]
    assert other == text, "the grant names one target"


@pytest.mark.parametrize("target, operation", [(QUEUE, "SendMessage"), (TOPIC, "Publish")])
def test_a_destination(server, target, operation):
    put = server.lambdas.put_function_event_invoke_config
    config = {"OnFailure": {"Destination": target}}
    text, request = refused(put, FunctionName="f", DestinationConfig=config)
    assert text == f"The function's execution role does not have permissions to call {operation} on {target}"
    paste(server, request)
    put(FunctionName="f", DestinationConfig=config)


def test_why_is_told(server):
    grant(server, allow("*"), deny("ec2:DeleteNetworkInterface"))
    text, request = configure(server, VpcConfig=VPC)
    assert text == provided("DeleteNetworkInterface", "EC2")
    found = report(server, request)
    assert found["decisions"][-1]["action"] == "ec2:DeleteNetworkInterface"
    assert "a session of the role function-role" in found["decisions"][-1]["caller"]
    assert "with an explicit deny" in found["findings"][0]["title"], found["findings"]
    paste(server, request)
    server.lambdas.update_function_configuration(FunctionName="f", VpcConfig=VPC)
