"""`crossgate simulate`: every kind of principal, without a request."""
import json
import subprocess

import pytest

from conftest import A, B, CROSSGATE, REGION


def test_simulate(server):
    arn = server.function()
    role = server.role(invoke=arn)
    ask = ["simulate", "--principal", role, "--action", "lambda:InvokeFunction", "--resource", arn]
    done = subprocess.run([CROSSGATE, *ask, "--endpoint", server.url], capture_output=True, text=True)
    assert done.returncode == 1 and "add-permission" in done.stdout and not done.stderr
    server.allow(Principal=role)
    assert "allowed by statement" in server.crossgate(*ask)
    assert json.loads(server.crossgate(*ask, "--format", "json"))["allowed"]
    assert "there is no role" in server.crossgate("simulate", "--principal", role + "x", *ask[3:], expect=2)
