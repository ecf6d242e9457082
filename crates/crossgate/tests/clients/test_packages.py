"""Packages and layers through the real server: bounds, hostile archives, and what a function gets of its settings."""
import io
import json
import os
import stat
import zipfile

import pytest
from botocore.exceptions import ClientError

from conftest import B


def archive(*entries):
    """A zip of (name, bytes or link target, mode) as given, names unchecked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, data)
    return out.getvalue()


FILE, LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777
CODE = ("index.py", "def handler(event, context):\n    return open('/var/task/' + event).read()\n", FILE)


def refusal(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]


@pytest.mark.parametrize("entry", [
    ("../../../../../../tmp/slipped", "x", FILE), ("/tmp/slipped", "x", FILE), ("a/../../slipped", "x", FILE),
    ("link", "/etc/passwd", LINK), ("link", "../../../lock", LINK), ("deep/link", "../../other", LINK), ("link", "", LINK),
], ids=str)
def test_archives_that_lead_out_are_refused(shared, entry):
    if not shared.client("lambda", B).list_functions()["Functions"]:
        shared.function(name="slips", source="def handler(e, c): pass\n")
    error = refusal(shared.client("lambda", B).update_function_code, FunctionName="slips", ZipFile=archive(CODE, entry))
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"].startswith("Could not unzip uploaded file.")
    assert not os.path.exists("/tmp/slipped")


def test_links_inside_an_archive_are_followed(server):
    server.function(name="links", source="def handler(e, c): pass\n")
    client = server.client("lambda", B)
    client.update_function_code(FunctionName="links", ZipFile=archive(
        CODE, ("data/text", "linked", FILE), ("text", "data/text", LINK), ("more/text", "../data/text", LINK)))
    for name in ("text", "more/text"):
        assert json.loads(client.invoke(FunctionName="links", Payload=json.dumps(name))["Payload"].read()) == "linked"


def test_a_small_archive_that_unpacks_to_much_is_refused(server):
    server.function(name="bomb", source="def handler(e, c): pass\n")
    bomb = archive(CODE, *[(f"zeros{n}", bytes(30_000_000), FILE) for n in range(9)])
    assert len(bomb) < 300_000
    error = refusal(server.client("lambda", B).update_function_code, FunctionName="bomb", ZipFile=bomb)
    assert error["Message"] == "Unzipped size must be smaller than 262144000 bytes"


def test_code_and_layers_together_have_a_bound(server):
    server.function(name="f", source="def handler(e, c): pass\n")
    client = server.client("lambda", B)
    layers = []
    for n in range(3):
        big = archive((f"python/zeros{n}", bytes(99_000_000), FILE))
        layers.append(client.publish_layer_version(LayerName=f"big{n}", Content={"ZipFile": big})["LayerVersionArn"])
    error = refusal(client.update_function_configuration, FunctionName="f", Layers=layers)
    assert error == {"Code": "InvalidParameterValueException", "Message":
                     "Layers consume more than the available size of 262144000 bytes"}
    client.update_function_configuration(FunctionName="f", Layers=layers[:2])
    error = refusal(client.update_function_code, FunctionName="f", ZipFile=archive(("zeros", bytes(70_000_000), FILE)))
    assert error["Message"] == ("Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
                                "The actual size is 268000000 bytes.")
    assert client.invoke(FunctionName="f")["StatusCode"] == 200


def test_the_last_layer_lies_on_top_and_the_code_comes_first(server):
    client = server.client("lambda", B)
    layers = [client.publish_layer_version(LayerName=name, Content={"ZipFile": archive(
        ("python/shared.py", f"NAME = '{name}'", FILE), ("python/mine.py", "NAME = 'layer'", FILE),
        (f"python/only_{name}.py", "", FILE))})["LayerVersionArn"] for name in ("one", "two")]
    server.function(name="f", Layers=layers, source="")
    client.update_function_code(FunctionName="f", ZipFile=archive(("mine.py", "NAME = 'code'", FILE), ("index.py", (
        "import mine, shared, only_one, only_two\n"
        "def handler(event, context):\n    return [shared.NAME, mine.NAME]\n"), FILE)))
    assert json.loads(client.invoke(FunctionName="f")["Payload"].read()) == ["two", "code"]
    client.update_function_configuration(FunctionName="f", Layers=layers[::-1])
    assert json.loads(client.invoke(FunctionName="f")["Payload"].read()) == ["one", "code"]


def test_images_are_refused_in_clear_words(server):
    server.role("function-role", B, service="lambda.amazonaws.com")
    client = server.client("lambda", B)
    role = f"arn:aws:iam::{B}:role/function-role"
    error = refusal(client.create_function, FunctionName="i", Role=role, PackageType="Image", Code={"ImageUri": "a/b:c"})
    assert error["Code"] == "InvalidParameterValueException" and "container images" in error["Message"], error


SETTINGS = """
import os, time
def handler(event, context):
    if event == 'sleep': time.sleep(30)
    if event == 'fill':
        written = 0
        try:
            with open('/tmp/big', 'wb', 0) as f:
                while True: written += f.write(bytes(1 << 20))
        except OSError as e:
            return [written >> 20, e.errno]
    if event == 'grow':
        kept = []
        while True:
            kept.append(bytearray(b'x' * (8 << 20)))
            time.sleep(0.002)
    return [context.memory_limit_in_mb, os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']]
"""


def test_memory_storage_and_time_are_what_was_asked_for(server):
    server.function(name="f", source=SETTINGS, Timeout=2, MemorySize=192, EphemeralStorage={"Size": 600})
    client = server.client("lambda", B)

    def run(event):
        told = client.invoke(FunctionName="f", Payload=json.dumps(event))
        return told.get("FunctionError"), json.loads(told["Payload"].read())

    assert run("") == (None, ["192", "192"]) or run("") == (None, [192, "192"])
    assert run("fill") == (None, [600, 28])
    error, told = run("sleep")
    assert error == "Unhandled" and told["errorMessage"].endswith("Task timed out after 2.00 seconds")
    error, told = run("grow")
    assert error == "Unhandled" and told["errorType"] == "Runtime.ExitError" and "signal: killed" in told["errorMessage"]
    client.update_function_configuration(FunctionName="f", MemorySize=256, EphemeralStorage={"Size": 512}, Timeout=5)
    assert run("")[1][1] == "256"
    assert run("fill") == (None, [512, 28])
