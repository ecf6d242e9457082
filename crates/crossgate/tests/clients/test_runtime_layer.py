"""Packages that AWS's images bring: missing at first, mended by the command that `explain` prints, then there for all."""
import json
import os

import pytest

from conftest import B, package

PYTHON = "import boto3\n\ndef handler(event, context):\n    return boto3.__file__\n"
MODULE = "import sdk from '@aws-sdk/client-s3';\nexport const handler = async () => sdk;\n"
COMMON = "const sdk = require('@aws-sdk/client-s3');\nexports.handler = async () => sdk;\n"


@pytest.fixture
def server(start, tmp_path):
    """Its data directory has in its name what separates the layers of an overlay file system."""
    server = start("--data", str(tmp_path / "da:ta,1"))
    server.layer = tmp_path / "da:ta,1" / "runtime-layer"
    return server


def invoke(server, name):
    answer = server.client("lambda", B).invoke(FunctionName=name)
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def commands(server):
    report = json.loads(server.crossgate("explain", "last", "--format", "json"))
    return report["fixes"][0]["steps"][0]["commands"]


def write(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_python(server):
    server.function(name="asks", source=PYTHON)
    assert invoke(server, "asks")[1]["errorType"] == "Runtime.ImportModuleError"
    assert commands(server) == [f"python3 -m pip install --target {server.layer}/python boto3"]
    write(server.layer / "python/boto3.py", "")
    assert invoke(server, "asks") == (None, "/opt/python/boto3.py")


def test_a_functions_own_layer_lies_above(server):
    write(server.layer / "python/boto3.py", "raise SystemExit('of the runtime layer')")
    client = server.client("lambda", B)
    own = package("", "python/boto3/__init__.py")
    layer = client.publish_layer_version(LayerName="own", Content={"ZipFile": own})["LayerVersionArn"]
    server.function(name="asks", source=PYTHON, Layers=[layer])
    assert invoke(server, "asks") == (None, "/opt/python/boto3/__init__.py")


@pytest.mark.parametrize("file, source, error", [
    ("index.mjs", MODULE, "Cannot find package '@aws-sdk/client-s3'"),
    ("index.js", COMMON, "Cannot find module '@aws-sdk/client-s3'")])
def test_node(server, file, source, error):
    server.function(name="asks", Runtime="nodejs20.x")
    server.client("lambda", B).update_function_code(FunctionName="asks", ZipFile=package(source, file))
    failed, told = invoke(server, "asks")
    assert failed == "Unhandled" and error in told["errorMessage"], told
    assert commands(server) == [f"npm install --prefix {server.layer}/nodejs @aws-sdk/client-s3"]
    write(server.layer / "nodejs/node_modules/@aws-sdk/client-s3/index.js", "module.exports = __filename;\n")
    assert invoke(server, "asks") == (None, "/opt/nodejs/node_modules/@aws-sdk/client-s3/index.js")


def test_a_folder_given(start, tmp_path):
    write(tmp_path / "given/python/boto3.py", "")
    server = start("--in-memory", "--runtime-layer", str(tmp_path / "given"))
    server.function(name="asks", source=PYTHON)
    assert invoke(server, "asks") == (None, "/opt/python/boto3.py")


def test_without_a_folder_that_stays_the_server_is_started_anew(start):
    server = start("--in-memory")
    server.function(name="asks", source=PYTHON)
    assert invoke(server, "asks")[0] == "Unhandled"
    install, serve = commands(server)
    assert install == "python3 -m pip install --target runtime-layer/python boto3"
    assert serve.startswith("crossgate serve --runtime-layer runtime-layer")


def test_a_layer_that_functions_cannot_read_is_told(start, tmp_path):
    """Only root gives functions users of their own; without, they read what the server reads."""
    layer = tmp_path / "layer"
    write(layer / "python/mine.py", "")
    layer.chmod(0o700)
    server = start("--in-memory", "--runtime-layer", str(layer))
    server.function(name="asks", source="import os\ndef handler(event, context):\n    return os.access('/opt', os.R_OK)\n")
    error, readable = invoke(server, "asks")
    server.stop()
    assert error is None and readable == (os.geteuid() != 0)
    assert (f"chmod -R a+rX {layer}" in server.errors) == (not readable)
