"""`crossgate test`: policies under test without a server or an account."""
import json
import re
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import A, B, CROSSGATE, REGION

FUNCTION = f"arn:aws:lambda:{REGION}:{A}:function:f"
ANN = f"""
- name: ann may
  request: {{principal: "arn:aws:iam::{A}:user/ann", action: lambda:GetFunction, resource: "{FUNCTION}"}}
  policies:
    identity:
      - Version: 2012-10-17
        Statement: [{{Effect: Allow, Action: "lambda:Get*", Resource: "*"}}]
  expected: EXPECTED
"""
# One policy, named once and used by every case; levels, trust and sessions besides.
EVERY = f"""
- name: the organization's root and the account allow
  request: &ask {{principal: "arn:aws:iam::{A}:user/ann", action: lambda:GetFunction, resource: "{FUNCTION}"}}
  policies:
    identity: &all
      - Version: 2012-10-17
        Statement: [{{Effect: Allow, Action: "*", Resource: "*"}}]
    scp: [*all, *all]
  expected: Allowed
- name: a level without an allow
  request: *ask
  policies:
    identity: *all
    scp:
      - *all
      - - {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: "s3:*", Resource: "*"}}]}}
  expected: ImplicitlyDenied
  deniedBy: scp
- name: a resource control policy
  request:
    principal: "arn:aws:iam::{A}:user/ann"
    action: sts:AssumeRole
    resource: "arn:aws:iam::{A}:role/crew"
  policies:
    identity: *all
    resource: &trust
      Version: 2012-10-17
      Statement: [{{Effect: Allow, Principal: {{AWS: "{A}"}}, Action: sts:AssumeRole}}]
    rcp:
      - - {{Version: 2012-10-17, Statement: [{{Effect: Deny, Principal: "*", Action: "sts:*", Resource: "*"}}]}}
  expected: ExplicitlyDenied
  deniedBy: rcp
- name: a trust policy lets its account in
  request: &assume
    principal: "arn:aws:iam::{A}:user/ann"
    action: sts:AssumeRole
    resource: "arn:aws:iam::{A}:role/crew"
  policies: {{identity: *all, resource: *trust}}
  expected: Allowed
- name: and no other
  request:
    principal: "arn:aws:iam::{B}:user/ann"
    action: sts:AssumeRole
    resource: "arn:aws:iam::{A}:role/crew"
  policies: {{identity: *all, resource: *trust}}
  expected: ImplicitlyDenied
  deniedBy: trust
- name: one of two session policies allows
  request: &session
    principal: "arn:aws:sts::{A}:assumed-role/crew/ann"
    action: lambda:GetFunction
    resource: "{FUNCTION}"
  policies:
    identity: *all
    session:
      - {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: "s3:*", Resource: "*"}}]}}
      - {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: "lambda:*", Resource: "*"}}]}}
  expected: Allowed
- name: none of the session policies allows
  request: *session
  policies:
    identity: *all
    session: [{{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: "s3:*", Resource: "*"}}]}}]
  expected: ImplicitlyDenied
  deniedBy: session
"""


def run(tmp_path, text, *more, name="cases.yaml"):
    file = tmp_path / name
    file.write_text(text)
    return subprocess.run([CROSSGATE, "test", *more, file], capture_output=True, text=True)


def test_exit_statuses_and_reports(tmp_path):
    results = {expected: run(tmp_path, ANN.replace("EXPECTED", expected))
               for expected in ["Allowed", "ImplicitlyDenied", "Maybe"]}
    assert [r.returncode for r in results.values()] == [0, 1, 2]
    assert results["Allowed"].stdout == "1 of 1 cases hold\n"
    assert "ann may: expected ImplicitlyDenied" in results["ImplicitlyDenied"].stdout
    assert re.search(r"cases\.yaml:\d+:\d+: ann may: `expected`", results["Maybe"].stderr)
    wrong = ANN.replace("EXPECTED", "ImplicitlyDenied")
    suites = xml.etree.ElementTree.fromstring(run(tmp_path, wrong, "--format", "junit").stdout)
    assert (suites.get("tests"), suites.get("failures"), len(suites.findall("testsuite/testcase/failure"))) == ("1", "1", 1)


def test_every_layer_with_anchors(tmp_path):
    done = run(tmp_path, EVERY, "--format", "json")
    cases = json.loads(done.stdout)["cases"]
    assert done.returncode == 0, [case["line"] for case in cases if not case["holds"]]
    assert len(cases) == EVERY.count("- name:") and all(case["holds"] for case in cases)
    assert [case["deniedBy"] for case in cases] == [None, "scp", "rcp", None, "trust", None, "session"]


def test_the_layer_to_blame_is_part_of_what_is_expected(tmp_path):
    done = run(tmp_path, EVERY.replace("deniedBy: scp", "deniedBy: boundary"))
    assert done.returncode == 1
    assert "expected ImplicitlyDenied by the permissions boundary, got ImplicitlyDenied by the service control" in done.stdout


@pytest.mark.parametrize("old, new, words", [
    ("deniedBy: scp", "deniedBy: nothing", r"cases\.yaml:\d+:\d+: a level without an allow: `nothing` is no layer"),
    ("[*all, *all]", "[*all, *none]", r"cases\.yaml:8:17: .*anchor"),
    ("Effect: Deny", "Effect: Forbid", r"cases\.yaml:\d+:\d+: a resource control policy: .*Effect"),
    ("- name: and no other\n  request:", "- name: and no other\n  requests:", r"cases\.yaml:\d+:\d+: and no other: no `request`"),
    ("resource: *trust", "resource: {file: missing.json}", r"cases\.yaml:\d+:\d+: a trust policy lets.*missing\.json"),
])
def test_an_error_says_where(tmp_path, old, new, words):
    assert old in EVERY
    done = run(tmp_path, EVERY.replace(old, new))
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    assert re.search(words, done.stderr), done.stderr
