"""Runtimes of this machine's and what AWS's images bring. Java and Ruby have the runtime client in the archive: stand-ins
for AWS's clients come from the tests of the crate `lambda`. Where one is missing, what is said about that is checked."""
import io
import json
import os
import pathlib
import shutil
import subprocess
import zipfile

import boto3
import pytest

from conftest import B, REGION

SOURCES = pathlib.Path(__file__).parents[3] / "lambda" / "tests"
RUBY = """
def handle(event:, context:)
  raise ArgumentError, 'asked to' if event['fail']
  { statusCode: 200, name: ENV['AWS_LAMBDA_FUNCTION_NAME'], n: event['n'] }
end
"""


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def made(server, name, runtime, handler, files):
    server.function(name=name)
    client = server.client("lambda", B)
    client.update_function_code(FunctionName=name, ZipFile=zipped(files))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    client.update_function_configuration(FunctionName=name, Runtime=runtime, Handler=handler, Timeout=20, MemorySize=256)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return client


def refused(client, name):
    with pytest.raises(client.exceptions.ClientError) as error:
        client.invoke(FunctionName=name, Payload=b"1")
    assert error.value.response["Error"]["Code"] == "InvalidRuntimeException"
    return error.value.response["Error"]["Message"]


def test_java(start, tmp_path):
    server = start("--in-memory")
    if not shutil.which("javac"):
        assert "looked for `java` on PATH" in refused(made(server, "users", "java17", "App::handle", {"a": "b"}), "users")
        return
    classes = tmp_path / "classes"
    for source in (SOURCES / "java").rglob("*.java"):
        subprocess.run(["javac", "-nowarn", "--release", "11", "-d", classes, source], check=True)
    files = {str(f.relative_to(classes)): f.read_bytes() for f in classes.rglob("*.class")}
    client = made(server, "users", "java17", "App::handle", files)
    told = client.invoke(FunctionName="users", Payload=b'{"n": 1}', LogType="Tail")
    assert "FunctionError" not in told and told["Payload"].read().startswith(b'[1,"AWS_Lambda_java17"')
    failed = client.invoke(FunctionName="users", Payload=b'"throw"')
    assert failed["FunctionError"] == "Unhandled" and b"java.lang.IllegalStateException" in failed["Payload"].read()
    bare = made(server, "bare", "java17", "App::handle", {"App.class": files["App.class"]})
    assert "aws-lambda-java-runtime-interface-client" in refused(bare, "bare")


def test_ruby(start):
    server = start("--in-memory")
    client = (SOURCES / "ruby" / "aws_lambda_ric").read_text()
    files = {"app.rb": RUBY, "vendor/bundle/ruby/3.3.0/bin/aws_lambda_ric": client}
    made(server, "users", "ruby3.3", "app.handle", files)
    client = server.client("lambda", B)
    if not shutil.which("ruby"):
        assert "looked for `ruby` on PATH" in refused(client, "users")
        server.stop()
        assert "ruby3.3 is not installed" in server.errors, "said in the log when the function was made"
        return
    told = client.invoke(FunctionName="users", Payload=b'{"n": 1}')
    assert told["Payload"].read() == b'{"statusCode":200,"name":"users","n":1}'
    failed = client.invoke(FunctionName="users", Payload=b'{"fail": 1}')
    assert failed["FunctionError"] == "Unhandled" and b"Function<ArgumentError>" in failed["Payload"].read()


def link(source, target):
    """A copy that takes no room, where both are on one file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


BOTO3 = """
import boto3
import botocore.exceptions

def handler(event, context):
    who = boto3.client("sts").get_caller_identity()
    try:
        functions = boto3.client("lambda").list_functions()["Functions"]
        return [who["Arn"], [f["FunctionName"] for f in functions]]
    except botocore.exceptions.ClientError as error:
        return [who["Arn"], error.response["Error"]["Message"]]
"""


def test_boto3_inside_a_function_is_its_role_and_is_checked(start, tmp_path):
    packages = pathlib.Path(boto3.__file__).parents[1]
    layer = tmp_path / "layer"  # the function's user may read it, unlike the folder around it
    (layer / "python").mkdir(parents=True)
    for name in ["boto3", "botocore", "s3transfer", "dateutil", "jmespath", "urllib3"]:
        shutil.copytree(packages / name, layer / "python" / name, copy_function=link)
    link(packages / "six.py", layer / "python" / "six.py")
    server = start("--in-memory", "--runtime-layer", str(layer))
    server.function(name="asks", source=BOTO3, Runtime="python3.11", Timeout=20, MemorySize=256)
    client = server.client("lambda", B)

    def ask():
        told = client.invoke(FunctionName="asks")["Payload"].read()
        assert told.startswith(b"["), told
        return json.loads(told)

    arn = f"arn:aws:sts::{B}:assumed-role/function-role/asks"
    assert ask() == [arn, f"User: {arn} is not authorized to perform: lambda:ListFunctions on resource: * because no "
                          "identity-based policy allows the lambda:ListFunctions action"]
    server.client("iam", B).put_role_policy(RoleName="function-role", PolicyName="list", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "lambda:ListFunctions", "Resource": "*",
             "Condition": {"StringEquals": {"aws:RequestedRegion": REGION}}}]}))
    assert ask() == [arn, ["asks"]]
