"""`crossgate test`: policies under test without a server or an account."""
import json
import re
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import A, B, CROSSGATE, REGION


def test_yaml_cases(tmp_path):
    text = f"""
- name: ann may
  request: {{principal: "arn:aws:iam::{A}:user/ann", action: lambda:GetFunction, resource: "arn:aws:lambda:{REGION}:{A}:function:f"}}
  policies:
    identity:
      - Version: 2012-10-17
        Statement: [{{Effect: Allow, Action: "lambda:Get*", Resource: "*"}}]
  expected: EXPECTED
"""
    file = tmp_path / "cases.yaml"
    results = {}
    for expected in ["Allowed", "ImplicitlyDenied", "Maybe"]:
        file.write_text(text.replace("EXPECTED", expected))
        results[expected] = subprocess.run([CROSSGATE, "test", file], capture_output=True, text=True)
        if expected == "ImplicitlyDenied":
            report = subprocess.run([CROSSGATE, "test", "--format", "junit", file], capture_output=True, text=True).stdout
            suites = xml.etree.ElementTree.fromstring(report)
            assert (suites.get("tests"), suites.get("failures"), len(suites.findall("testsuite/testcase/failure"))) == ("1", "1", 1)
    assert [r.returncode for r in results.values()] == [0, 1, 2]
    assert results["Allowed"].stdout == "1 of 1 cases hold\n"
    assert "ann may: expected ImplicitlyDenied" in results["ImplicitlyDenied"].stdout
    assert re.search(r"cases\.yaml:\d+:\d+: ann may: `expected`", results["Maybe"].stderr)
