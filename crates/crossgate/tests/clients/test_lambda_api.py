"""Lambda's API through the real server: every error that is recorded of AWS and can occur here, in AWS's words, and
what the operations around a function do.

Recorded errors that cannot occur here: those of EC2 (subnets, security groups), S3 and container images, whose services
are not run (the refusals say so); those of event source mappings and capacity providers, which answer NotImplemented;
and `An update is in progress`, since an update is done when it is answered.
"""
import base64
import io
import json
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from conftest import A, B, REGION, package

ECHO = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
FN = f"arn:aws:lambda:{REGION}:{B}:function:f"
LAYER = f"arn:aws:lambda:{REGION}:{B}:layer:deps"
ROLE = f"arn:aws:iam::{B}:role/function-role"
NEW = dict(FunctionName="new", Runtime="python3.9", Handler="index.handler", Role=ROLE)
PROFILE = f"arn:aws:signer:{REGION}:{B}:/signing-profiles/p/1234567890"


def unchecked(server, account=B, region=REGION):
    """A client that sends whatever it is told to."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client("lambda", endpoint_url=server.url, region_name=region, config=config,
                        aws_access_key_id=account, aws_secret_access_key="any")


@pytest.fixture(scope="module")
def api(shared):
    """A function `f` with version 1 and alias `live`, version 2, and two versions of the layer `deps`."""
    shared.function(name="f", source=ECHO)
    client = unchecked(shared)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.update_function_configuration(FunctionName="f", Timeout=9)
    client.publish_version(FunctionName="f")
    for n in range(2):
        client.publish_layer_version(LayerName="deps", Content={"ZipFile": package(f"n = {n}", "python/n.py")})
    return client


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response


def new(**more):
    return dict(NEW, Code={"ZipFile": package(ECHO)}, **more)


INVALID, MISSING, CONFLICT = "InvalidParameterValueException", "ResourceNotFoundException", "ResourceConflictException"
STALE = "The Revision Id provided does not match the latest Revision Id. Call the {} API to retrieve the latest Revision Id"
NO_FUNCTION = "Function not found: "
OTHER_REGION = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"
WEIGHTS = "Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0"
V = "1 validation error detected: Value "


def routed(version, **weights):
    return dict(FunctionName="f", Name="x", FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": {k.lstrip("_"): w for k, w in weights.items()}})


def grant(**more):
    return dict(dict(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=A), **more)


def layer_grant(**more):
    return dict(dict(LayerName="deps", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal=A), **more)


# Operation, input, code, text or its beginning; in the order of the recordings' texts.
ROWS = [
    ("put_function_code_signing_config", dict(FunctionName="f", CodeSigningConfigArn=FN.replace("function:f", "code-signing-config:csc-0123456789abcdefg")), "CodeSigningConfigNotFoundException",
     "The code signing configuration cannot be found. Check that the provided configuration is not deleted: "),
    ("create_alias", routed("$LATEST", _1=0.5), INVALID, "$LATEST is not supported for an alias pointing to more than 1 version"),
    ("delete_function", dict(FunctionName=FN + ":$LATEST"), INVALID, "$LATEST version cannot be deleted without deleting the function."),
    ("get_function", dict(FunctionName="a" * 65), INVALID, V + f"'{'a' * 65}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"),
    ("tag_resource", dict(Resource=FN, Tags={}), INVALID, "An error occurred and the request cannot be processed."),
    ("create_function", new(Layers=[f"{LAYER}:{n}" for n in range(1, 7)]), INVALID, "Cannot reference more than 5 layers."),
    ("publish_version", dict(FunctionName="f", CodeSha256="somenonexistentsha256"), INVALID, "CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST ("),
    ("create_function", dict(NEW, Code={"ZipFile": b"this is not a zip"}), INVALID, "Could not unzip uploaded file. Please check your file, then try to upload again."),
    ("create_alias", routed("1", _1=0.5), INVALID, "Invalid function version 1. Function version 1 is already included in routing configuration."),
    ("create_function", new(Environment={"Variables": {"LARGE_VAR": "x" * 4096}}), INVALID,
     "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {\"LARGE_VAR\":\"xxx"),
    ("get_layer_version", dict(LayerName="deps", VersionNumber=-1), INVALID, "Layer Version Cannot be less than 1"),
    ("update_function_configuration", dict(FunctionName="f", Layers=[f"{LAYER}:9"]), INVALID, f"Layer version {LAYER}:9 does not exist."),
    ("update_function_configuration", dict(FunctionName="f", Layers=[f"{LAYER}x:1"]), INVALID, f"Layer version {LAYER}x:1 does not exist."),
    ("create_function", new(Layers=[f"{LAYER}:1".replace(REGION, "us-west-2")]), INVALID, f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}."),
    ("create_alias", routed("1", _1=0.5, _2=0.2), INVALID, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
    ("tag_resource", dict(Resource=FN, Tags={f"k{n}": "v" for n in range(51)}), INVALID, "Number of tags exceeds resource tag limit."),
    ("put_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1), INVALID, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."),
    ("put_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=901), INVALID, "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."),
    ("put_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1001), INVALID, "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000]."),
    ("put_function_concurrency", dict(FunctionName="f", ReservedConcurrentExecutions=901), INVALID, "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."),
    ("tag_resource", dict(Resource=FN + ":x", Tags={"a": "b"}), INVALID, "Tags on function aliases and versions are not supported. Please specify a function ARN."),
    ("delete_function", dict(FunctionName=FN + ":1", Qualifier="$LATEST"), INVALID, "The derived qualifier from the function name does not match the specified qualifier."),
    ("get_function", dict(FunctionName=FN + ":1", Qualifier="2"), INVALID, "The derived qualifier from the function name does not match the specified qualifier."),
    ("get_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="$LATEST"), INVALID, "The function resource provided must be an alias or a published version."),
    ("add_permission", grant(Principal="invalid.nonaws.com"), INVALID, "The provided principal was invalid. Please check the principal and try again."),
    *[("create_function", dict(new(), Runtime=r), INVALID, f"The runtime parameter of {r} is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.")
      for r in ("dotnetcore3.1", "go1.x", "java8", "nodejs12.x", "nodejs14.x", "provided", "python3.7", "ruby2.7")],
    ("put_function_concurrency", dict(FunctionName=FN + ":1", ReservedConcurrentExecutions=1), INVALID, "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."),
    ("create_function", new(Layers=[f"{LAYER}:1"] * 2), INVALID, f"Two different versions of the same layer are not allowed to be referenced in the same function. {LAYER}:1 and {LAYER}:1 are versions of the same layer."),
    ("create_function", new(Layers=[f"{LAYER}:1", f"{LAYER}:2"]), INVALID, f"Two different versions of the same layer are not allowed to be referenced in the same function. {LAYER}:1 and {LAYER}:2 are versions of the same layer."),
    ("create_function", dict(new(), Runtime="PYTHON3.9"), INVALID, "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, "),
    ("create_function", dict(new(), Runtime="non-existent-runtime"), INVALID, "Value non-existent-runtime at 'runtime' failed to satisfy constraint: "),
    ("add_permission", grant(Qualifier="$LATEST"), INVALID, "We currently do not support adding policies for $LATEST."),
    ("publish_version", dict(FunctionName="f", RevisionId="wrong"), "PreconditionFailedException", STALE.format("GetFunction/GetAlias")),
    ("update_function_code", dict(FunctionName="f", RevisionId="wrong", ZipFile=package()), "PreconditionFailedException", STALE.format("GetFunction/GetAlias")),
    ("update_alias", dict(FunctionName="f", Name="live", RevisionId="wrong"), "PreconditionFailedException", STALE.format("GetFunction/GetAlias")),
    ("add_layer_version_permission", layer_grant(RevisionId="wrong"), "PreconditionFailedException", STALE.format("GetLayerPolicy")),
    ("add_permission", grant(Qualifier="live", RevisionId="wrong"), "PreconditionFailedException", STALE.format("GetPolicy")),
    ("get_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="1"), "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"),
    ("create_alias", dict(FunctionName="f", Name="live", FunctionVersion="1"), CONFLICT, f"Alias already exists: {FN}:live"),
    ("create_function", dict(new(), FunctionName="f"), CONFLICT, "Function already exist: f"),
    ("update_alias", dict(FunctionName="f", Name="non-existent"), MISSING, f"Alias not found: {FN}:non-existent"),
    ("put_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="doesnotexist", ProvisionedConcurrentExecutions=1), MISSING, f"Cannot find alias arn: {FN}:doesnotexist"),
    ("get_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="noalias"), MISSING, f"Cannot find alias arn: {FN}:noalias"),
    ("get_provisioned_concurrency_config", dict(FunctionName="doesnotexist", Qualifier="noalias"), MISSING, f"Cannot find alias arn: {FN[:-1]}doesnotexist:noalias"),
    ("delete_provisioned_concurrency_config", dict(FunctionName="doesnotexist", Qualifier="1"), MISSING, f"{NO_FUNCTION}{FN[:-1]}doesnotexist:1"),
    ("get_alias", dict(FunctionName="f", Name="non-existent"), MISSING, f"Cannot find alias arn: {FN}:non-existent"),
    ("add_permission", grant(Qualifier="alias-doesnotexist"), MISSING, f"Cannot find alias arn: {FN}:alias-doesnotexist"),
    ("list_function_url_configs", dict(FunctionName="none"), MISSING, "Function does not exist"),
    ("delete_function", dict(FunctionName="none"), MISSING, f"{NO_FUNCTION}{FN[:-1]}none"),
    ("get_function", dict(FunctionName="f", Qualifier="1221"), MISSING, f"{NO_FUNCTION}{FN}:1221"),
    ("create_alias", dict(FunctionName="f-unknown", Name="x", FunctionVersion="1"), MISSING, f"{NO_FUNCTION}{FN}-unknown:1"),
    ("create_alias", dict(FunctionName="f", Name="x", FunctionVersion="10"), MISSING, f"{NO_FUNCTION}{FN}:10"),
    ("get_function", dict(FunctionName="f", Qualifier="aliasdoesnotexist"), MISSING, f"{NO_FUNCTION}{FN}:aliasdoesnotexist"),
    ("invoke", dict(FunctionName="f", Qualifier="non-existent-alias"), MISSING, f"{NO_FUNCTION}{FN}:non-existent-alias"),
    ("invoke", dict(FunctionName="doesnotexist"), MISSING, f"{NO_FUNCTION}{FN[:-1]}doesnotexist:$LATEST"),
    ("add_permission", grant(Qualifier="42"), MISSING, f"{NO_FUNCTION}{FN}:42"),
    ("add_permission", grant(Qualifier="valid-with-$-but-doesnotexist"), MISSING, f"{NO_FUNCTION}{FN}:valid-with-$-but-doesnotexist"),
    ("list_tags", dict(Resource=FN + "x"), MISSING, f"{NO_FUNCTION}{FN}x"),
    ("list_tags", dict(Resource=FN.replace("function:f", "event-source-mapping:11111111-2222-4333-8444-555555555555")), MISSING, "Event source mapping not found: arn:aws:lambda:"),
    ("list_tags", dict(Resource=FN.replace("function:f", "capacity-provider:cp")), MISSING, "Capacity provider not found: arn:aws:lambda:"),
    ("list_tags", dict(Resource=FN.replace("function:f", "event-source-mapping:11111111-2222-4333-8444-555555555555:alias")), "ValidationException", V),
    ("list_tags", dict(Resource=FN.replace("function:f", "capacity-provider:cp:alias")), "ValidationException", V),
    ("list_tags", dict(Resource=FN.replace("function:f", "foobar:f")), "ValidationException", V),
    ("delete_function_code_signing_config", dict(FunctionName="csc-test-doesnotexist"), MISSING, f"{NO_FUNCTION}{FN[:-1]}csc-test-doesnotexist"),
    ("get_function_code_signing_config", dict(FunctionName="none"), MISSING, f"{NO_FUNCTION}{FN[:-1]}none"),
    ("get_function", dict(FunctionName="some-function", Qualifier="$LATEST"), MISSING, f"{NO_FUNCTION}{FN[:-1]}some-function:$LATEST"),
    ("get_function", dict(FunctionName=FN.replace(REGION, "ap-southeast-1")), MISSING, OTHER_REGION),
    ("invoke", dict(FunctionName=FN.replace(REGION, "ap-southeast-1")), MISSING, OTHER_REGION),
    ("add_layer_version_permission", layer_grant(LayerName="deps-doesnotexist"), MISSING, f"Layer version {LAYER}-doesnotexist:1 does not exist."),
    ("add_layer_version_permission", layer_grant(VersionNumber=3), MISSING, f"Layer version {LAYER}:3 does not exist."),
    ("remove_layer_version_permission", dict(LayerName="deps", VersionNumber=3, StatementId="s"), MISSING, f"Layer version {LAYER}:3 does not exist."),
    ("get_layer_version_policy", dict(LayerName="deps", VersionNumber=3), MISSING, f"Layer version {LAYER}:3 does not exist."),
    ("get_layer_version_policy", dict(LayerName="deps", VersionNumber=2), MISSING, "No policy is associated with the given resource."),
    ("remove_permission", dict(FunctionName="doesnotexist", StatementId="s"), MISSING, f"No policy found for: {FN[:-1]}doesnotexist"),
    ("remove_permission", dict(FunctionName="f", StatementId="s"), MISSING, "No policy is associated with the given resource."),
    ("delete_code_signing_config", dict(CodeSigningConfigArn=FN.replace("function:f", "code-signing-config:csc-0123456789abcdefg")), MISSING, "The Lambda code signing configuration "),
    ("get_code_signing_config", dict(CodeSigningConfigArn=FN.replace("function:f", "code-signing-config:csc-0123456789abcdefg")), MISSING, "The Lambda code signing configuration "),
    ("update_code_signing_config", dict(CodeSigningConfigArn=FN.replace("function:f", "code-signing-config:csc-0123456789abcdefg"), Description="d"), MISSING, "The Lambda code signing configuration "),
    ("get_function_event_invoke_config", dict(FunctionName="f", Qualifier="1221"), MISSING, f"The function {FN}:1221 doesn't have an EventInvokeConfig"),
    ("delete_function_event_invoke_config", dict(FunctionName="doesnotexist"), MISSING, f"The function {FN[:-1]}doesnotexist:$LATEST doesn't have an EventInvokeConfig"),
    ("get_function_url_config", dict(FunctionName="none"), MISSING, "The resource you requested does not exist."),
    ("get_policy", dict(FunctionName="none"), MISSING, "The resource you requested does not exist."),
    ("get_layer_version", dict(LayerName="none", VersionNumber=1), MISSING, "The resource you requested does not exist."),
    ("create_function_url_config", dict(FunctionName="f", AuthType="NONE", Qualifier="$LATEST"), "ValidationException", V + "'$LATEST' at 'qualifier' failed"),
    ("create_function_url_config", dict(FunctionName="f", AuthType="NONE", Qualifier="1"), "ValidationException", V + "'1' at 'qualifier' failed"),
    ("add_layer_version_permission", layer_grant(Action="*"), "ValidationException", V + "'*' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion"),
    ("put_provisioned_concurrency_config", dict(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=0), "ValidationException", V + "'0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    ("create_alias", dict(FunctionName="f", Name="2024", FunctionVersion="1"), "ValidationException", V + "'2024' at 'name' failed"),
    ("put_function_recursion_config", dict(FunctionName="f", RecursiveLoop="InvalidValue"), "ValidationException", V + "'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]"),
    ("create_function_url_config", dict(FunctionName="f", AuthType="NONE", InvokeMode="UNKNOWN"), "ValidationException", V + "'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"),
    ("create_function", new(VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-!"]}), "ValidationException", V + "'[sg-!]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy constraint: ["),
    ("create_function", new(VpcConfig={"SubnetIds": ["subnet-!"], "SecurityGroupIds": ["sg-1"]}), "ValidationException", V + "'[subnet-!]' at 'vpcConfig.subnetIds' failed"),
    ("create_function", new(Architectures=["X86_64"]), "ValidationException", V + "'[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"),
    ("create_function", new(Layers=[LAYER]), "ValidationException", V + f"'[{LAYER}]' at 'layers' failed"),
    ("create_function", new(Architectures=["x86_64", "arm64"]), "ValidationException", V + "'[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"),
    ("list_layers", dict(CompatibleArchitecture="archdoesnotexist"), "ValidationException", V + "'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy constraint: Member must satisfy enum value set: [x86_64, arm64]"),
    ("list_layers", dict(CompatibleRuntime="runtimedoesnotexist"), "ValidationException", V + "'runtimedoesnotexist' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value set: ["),
    ("list_tags", dict(Resource="arn:aws:something"), "ValidationException", V + "'arn:aws:something' at 'resource' failed"),
    ("get_layer_version_by_arn", dict(Arn=LAYER), "ValidationException", V + f"'{LAYER}' at 'arn' failed"),
    ("create_function", dict(new(), FunctionName=FN + "a" * 140), "ValidationException", V + f"'{FN}{'a' * 140}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"),
    ("invoke", dict(FunctionName=f"arn:aws:lambda:{REGION}:123400000000@function:myfn"), "ValidationException", V + f"'arn:aws:lambda:{REGION}:123400000000@function:myfn' at 'functionName' failed"),
    ("get_function", dict(FunctionName="invalid:function:name"), "ValidationException", V + "'invalid:function:name' at 'functionName' failed"),
    ("add_permission", grant(StatementId="example.com"), "ValidationException", V + "'example.com' at 'statementId' failed"),
    ("list_functions", dict(FunctionVersion="invalid"), "ValidationException", V + "'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"),
    ("add_permission", grant(Qualifier="invalid-qualifier-with-?-char"), "ValidationException", V + "'invalid-qualifier-with-?-char' at 'qualifier' failed"),
    ("create_function", new(SnapStart={"ApplyOn": "invalidOption"}), "ValidationException", V + "'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]"),
    ("create_function", dict(new(), Role="r1"), "ValidationException", V + "'r1' at 'role' failed"),
    ("create_alias", routed("1", **{"$LATEST": 0.5}), "ValidationException", V + "'{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: ["),
    ("create_alias", routed("1", _2=-1.0), "ValidationException", V + "'{2=-1.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [" + WEIGHTS),
    ("create_alias", routed("1", _2=2.0), "ValidationException", V + "'{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [" + WEIGHTS),
    ("untag_resource", dict(Resource=FN, TagKeys=[]), "ValidationException", V + "null at 'tagKeys' failed to satisfy constraint: Member must not be null"),
    ("publish_layer_version", dict(LayerName="x", Content={"ZipFile": package()}, CompatibleRuntimes=["invalidruntime"], CompatibleArchitectures=["invalidarch"]), "ValidationException", "2 validation errors detected: Value '[invalidruntime]' at 'compatibleRuntimes' failed"),
    # Not recorded: bounds of the model and of this server.
    ("create_function", new(MemorySize=127), "ValidationException", V + "'127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"),
    ("create_function", new(MemorySize=10241), "ValidationException", V + "'10241' at 'memorySize' failed"),
    ("create_function", new(Timeout=901), "ValidationException", V + "'901' at 'timeout' failed"),
    ("create_function", new(EphemeralStorage={"Size": 511}), "ValidationException", V + "'511' at 'ephemeralStorage.size' failed"),
    ("create_function", new(EphemeralStorage={"Size": 10241}), "ValidationException", V + "'10241' at 'ephemeralStorage.size' failed"),
    ("create_function", dict(NEW, Code={"S3Bucket": "bucket", "S3Key": "key"}), INVALID, "crossgate has no S3 to fetch the package from: "),
    ("create_function", dict(NEW, PackageType="Image", Code={"ImageUri": "123.dkr.ecr.us-east-1.amazonaws.com/i:1"}), INVALID, "crossgate runs functions from zip packages; container images"),
    ("put_runtime_management_config", dict(FunctionName="f", UpdateRuntimeOn="Manual"), INVALID, "RuntimeVersionArn is required when UpdateRuntimeOn is Manual."),
    ("create_event_source_mapping", dict(FunctionName="f", EventSourceArn=f"arn:aws:sqs:{REGION}:{B}:q"), "NotImplemented", ""),
    ("list_event_source_mappings", {}, "NotImplemented", ""),
    ("list_capacity_providers", {}, "NotImplemented", ""),
    ("list_durable_executions_by_function", dict(FunctionName="f"), "NotImplemented", ""),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[3][:40]}")
def test_refusals(api, row):
    operation, arguments, code, text = row
    error = refused(getattr(api, operation), **arguments)["Error"]
    assert error["Code"] == code, error
    assert error["Message"].startswith(text), error


def test_every_operation_on_a_function_of_another_account_is_a_null_text(shared, api):
    error = refused(unchecked(shared, A).get_function, FunctionName=FN)
    assert error["Error"]["Code"] == "AccessDeniedException" and error["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_packages_have_bounds(api):
    big = io.BytesIO()
    with zipfile.ZipFile(big, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", bytes(262_144_001))
    error = refused(api.create_function, **dict(NEW, Code={"ZipFile": big.getvalue()}))["Error"]
    assert error["Message"] == "Unzipped size must be smaller than 262144000 bytes"
    error = refused(api.create_function, **dict(NEW, Code={"ZipFile": os.urandom(52_428_801)}))
    assert error["Error"]["Message"] == "Zipped size must be smaller than 52428800 bytes"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    error = refused(api.create_function, **dict(NEW, Code={"ZipFile": os.urandom(53_000_000)}))["Error"]
    assert error["Code"] == "RequestEntityTooLargeException"
    assert error["Message"] == "Request must be smaller than 70167211 bytes for the CreateFunction operation"


def initialization(client, qualifier):
    return json.loads(client.invoke(FunctionName="f", Qualifier=qualifier)["Payload"].read())


def test_provisioned_concurrency(server):
    server.function(name="f", source=ECHO)
    client = unchecked(server)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    put = client.put_provisioned_concurrency_config
    made = put(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=2)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (made["Status"], made["AllocatedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    end = time.monotonic() + 20
    while (got := client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live"))["Status"] != "READY":
        assert got["Status"] == "IN_PROGRESS" and time.monotonic() < end, got
        time.sleep(0.1)
    assert got["AvailableProvisionedConcurrentExecutions"] == got["AllocatedProvisionedConcurrentExecutions"] == 2
    assert initialization(client, "live") == "provisioned-concurrency"
    assert initialization(client, "$LATEST") == "on-demand"
    # Ready before it was called: no init phase in the first call's report.
    tail = client.invoke(FunctionName="f", Qualifier="live", LogType="Tail")["LogResult"]
    assert b"Init Duration" not in base64.b64decode(tail)
    [listed] = client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert listed["FunctionArn"] == f"{FN}:live" and listed["RequestedProvisionedConcurrentExecutions"] == 2
    settings = client.get_account_settings()
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 998
    # TestLambdaProvisionedConcurrency::test_lambda_provisioned_lifecycle.
    error = refused(put, FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)["Error"]
    assert (error["Code"], error["Message"]) == (CONFLICT, "Version is pointed by a Provisioned Concurrency alias")
    # TestLambdaConcurrency::test_reserved_provisioned_overlap.
    error = refused(client.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=1)["Error"]
    assert error["Message"] == \
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    client.create_alias(FunctionName="f", Name="other", FunctionVersion="1")
    error = refused(put, FunctionName="f", Qualifier="other", ProvisionedConcurrentExecutions=1)["Error"]
    assert error["Message"] == \
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    # The environments move with the alias.
    client.update_function_configuration(FunctionName="f", Timeout=9)
    client.publish_version(FunctionName="f")
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert initialization(client, "1") == "on-demand"
    while client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")["Status"] != "READY":
        assert time.monotonic() < end + 20
        time.sleep(0.1)
    assert initialization(client, "2") == "provisioned-concurrency"
    client.delete_alias(FunctionName="f", Name="live")
    error = refused(client.get_provisioned_concurrency_config, FunctionName="f", Qualifier="live")["Error"]
    assert error["Message"] == f"Cannot find alias arn: {FN}:live"
    assert initialization(client, "2") == "on-demand"
    put(FunctionName="f", Qualifier="2", ProvisionedConcurrentExecutions=1)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="2")
    error = refused(put, FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=1)["Error"]
    assert error["Message"] == \
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="2")
    assert client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"] == []


def test_provisioned_environments_that_fail_are_told(server):
    server.function(name="f", source="raise RuntimeError('no')\n")
    client = unchecked(server)
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    end = time.monotonic() + 20
    while (got := client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1"))["Status"] != "FAILED":
        assert time.monotonic() < end, got
        time.sleep(0.1)
    assert got["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_provisioned_environments_come_back_with_the_server(start, tmp_path):
    first = start("--data", str(tmp_path / "data"))
    first.function(name="f", source=ECHO)
    client = unchecked(first)
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    first.stop()
    client = unchecked(start("--data", str(tmp_path / "data")))
    end = time.monotonic() + 20
    while client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")["Status"] != "READY":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert initialization(client, "1") == "provisioned-concurrency"


def test_throttling(start):
    """The account's limit and a function's reserved concurrency, each with its reason."""
    server = start("--in-memory", "--concurrency", "102")
    server.function(name="f", source="import time\ndef handler(e, c):\n    time.sleep(e.get('s', 0))\n", Timeout=20)
    client = server.client("lambda", B)
    assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 102
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    error = refused(client.invoke, FunctionName="f")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429 and error["Error"]["Code"] == "TooManyRequestsException"
    assert (error["Error"]["Message"], error["Reason"]) == \
        ("Rate Exceeded.", "ReservedFunctionConcurrentInvocationLimitExceeded")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(client.invoke, FunctionName="f", Payload=b'{"s": 3}')
        time.sleep(1.5)
        assert refused(client.invoke, FunctionName="f")["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert busy.result()["StatusCode"] == 200
    client.delete_function_concurrency(FunctionName="f")
    assert client.invoke(FunctionName="f")["StatusCode"] == 200


def test_the_account_s_limit(start):
    server = start("--in-memory", "--concurrency", "1")
    server.function(name="f", source="import time\ndef handler(e, c):\n    time.sleep(e.get('s', 0))\n", Timeout=20)
    client = server.client("lambda", B)
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(client.invoke, FunctionName="f", Payload=b'{"s": 3}')
        time.sleep(1.5)
        assert refused(client.invoke, FunctionName="f")["Reason"] == "ConcurrentInvocationLimitExceeded"
        assert busy.result()["StatusCode"] == 200


def test_layers_of_other_accounts(server):
    """TestLambdaLayer::test_layer_policy_lifecycle and test_layer_policy_exceptions, and that the policy is enforced."""
    owner, other = unchecked(server), unchecked(server, A)
    source = "import shared\ndef handler(event, context):\n    return shared.NAME\n"
    owner.publish_layer_version(LayerName="deps", Content={"ZipFile": package("NAME = 'layer'\n", "python/shared.py")})
    layer = f"{LAYER}:1"
    server.function(account=A, name="user", source=source)
    assert refused(other.get_layer_version_by_arn, Arn=layer)["Error"]["Code"] == "AccessDeniedException"
    error = refused(other.update_function_configuration, FunctionName="user", Layers=[layer])["Error"]
    assert "lambda:GetLayerVersion" in error["Message"]
    made = owner.add_layer_version_permission(**layer_grant())
    assert json.loads(made["Statement"]) == {
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
        "Action": "lambda:GetLayerVersion", "Resource": layer}
    error = refused(owner.add_layer_version_permission, **layer_grant())["Error"]
    assert error["Message"] == "The statement id (s) provided already exists. Please provide a new statement id, or " \
        "remove the existing statement."
    got = owner.get_layer_version_policy(LayerName="deps", VersionNumber=1)
    assert json.loads(got["Policy"])["Statement"][0]["Sid"] == "s" and got["RevisionId"] == made["RevisionId"]
    other.update_function_configuration(FunctionName="user", Layers=[layer])
    assert json.loads(other.invoke(FunctionName="user")["Payload"].read()) == "layer"
    assert other.get_layer_version_by_arn(Arn=layer)["Version"] == 1
    error = refused(owner.remove_layer_version_permission, LayerName="deps", VersionNumber=1, StatementId="doesnotexist")
    assert error["Error"]["Message"] == "Statement doesnotexist is not found in resource policy."
    owner.remove_layer_version_permission(LayerName="deps", VersionNumber=1, StatementId="s")
    assert refused(other.get_layer_version_by_arn, Arn=layer)["Error"]["Code"] == "AccessDeniedException"
    owner.add_layer_version_permission(**layer_grant(Principal="*", OrganizationId="o-0123456789"))
    assert refused(other.get_layer_version_by_arn, Arn=layer)["Error"]["Code"] == "AccessDeniedException"


def test_code_signing_configurations(server):
    server.function(name="f", source=ECHO)
    client = unchecked(server)
    made = client.create_code_signing_config(AllowedPublishers={"SigningProfileVersionArns": [PROFILE]}, Description="d")
    config = made["CodeSigningConfig"]
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and len(config["CodeSigningConfigId"]) == 21
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    arn = config["CodeSigningConfigArn"]
    client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["b"])
    assert client.list_tags(Resource=arn)["Tags"] == {"a": "1"}
    client.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)
    assert client.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"] == arn
    assert client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == [FN]
    client.update_function_code(FunctionName="f", ZipFile=package(ECHO + "# warned\n"))
    client.update_code_signing_config(CodeSigningConfigArn=arn,
                                      CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"})
    error = refused(client.update_function_code, FunctionName="f", ZipFile=package())["Error"]
    assert error["Code"] == "CodeVerificationFailedException"
    error = refused(client.create_function, **new(CodeSigningConfigArn=arn))["Error"]
    assert error["Code"] == "CodeVerificationFailedException"
    assert refused(client.delete_code_signing_config, CodeSigningConfigArn=arn)["Error"]["Code"] == CONFLICT
    client.delete_function_code_signing_config(FunctionName="f")
    client.update_function_code(FunctionName="f", ZipFile=package())
    [listed] = client.list_code_signing_configs()["CodeSigningConfigs"]
    assert listed["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []


def test_settings_are_kept(server):
    server.function(name="f", source=ECHO, Runtime="python3.12", SnapStart={"ApplyOn": "PublishedVersions"})
    client = unchecked(server)
    got = client.get_function_configuration(FunctionName="f")
    assert got["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert (got["State"], got["LastUpdateStatus"]) == ("Active", "Successful")
    assert client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "Auto"
    version = got["RuntimeVersionConfig"]["RuntimeVersionArn"]
    client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="Manual", RuntimeVersionArn=version)
    kept = client.get_runtime_management_config(FunctionName="f")
    assert (kept["UpdateRuntimeOn"], kept["RuntimeVersionArn"], kept["FunctionArn"]) == ("Manual", version, FN)
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    before = client.get_account_settings()["AccountUsage"]
    assert before["FunctionCount"] == 1 and before["TotalCodeSize"] == got["CodeSize"]
    client.publish_version(FunctionName="f")
    assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == 2 * got["CodeSize"]


def test_permissions_are_of_a_qualifier(server):
    server.function(name="f", source=ECHO)
    client, stranger = unchecked(server), unchecked(server, A)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.add_permission(**grant(Qualifier="live"))
    assert stranger.invoke(FunctionName=FN, Qualifier="live")["StatusCode"] == 200
    for qualifier in ({}, {"Qualifier": "1"}, {"Qualifier": "$LATEST"}):
        assert refused(stranger.invoke, FunctionName=FN, **qualifier)["Error"]["Code"] == "AccessDeniedException"
    error = refused(client.add_permission, **grant(Qualifier="live"))["Error"]
    assert error["Message"].startswith("The statement id (s) provided already exists.")
    error = refused(client.remove_permission, FunctionName="f", Qualifier="live", StatementId="non-existent")["Error"]
    assert error["Message"] == "Statement non-existent is not found in resource policy."
    revision = client.get_policy(FunctionName="f", Qualifier="live")["RevisionId"]
    client.remove_permission(FunctionName="f", Qualifier="live", StatementId="s", RevisionId=revision)
    assert refused(stranger.invoke, FunctionName=FN, Qualifier="live")["Error"]["Code"] == "AccessDeniedException"
    every = client.add_permission(**grant(
        Principal="apigateway.amazonaws.com", SourceArn=f"arn:aws:execute-api:{REGION}:{A}:x/*",
        SourceAccount=A, EventSourceToken="token", PrincipalOrgID="o-0123456789"))
    condition = json.loads(every["Statement"])["Condition"]
    assert condition == {"StringEquals": {"AWS:SourceAccount": A, "lambda:EventSourceToken": "token",
                                          "aws:PrincipalOrgID": "o-0123456789"},
                         "ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{REGION}:{A}:x/*"}}


def test_weights_shift_invocations(server):
    server.function(name="f", source="def handler(e, c):\n    return c.function_version\n")
    client = unchecked(server)
    client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", Description="second")
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1",
                        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    ran = {client.invoke(FunctionName="f:live")["ExecutedVersion"] for _ in range(40)}
    assert ran == {"1", "2"}
    client.delete_function(FunctionName="f", Qualifier="1221")
    error = refused(client.delete_function, FunctionName="f", Qualifier="2")["Error"]
    assert error["Code"] == CONFLICT
