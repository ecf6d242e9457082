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


def test_files_as_editors_and_pipes_give_them(tmp_path):
    may = ANN.replace("EXPECTED", "Allowed")
    assert run(tmp_path, "\ufeff" + may).returncode == 0
    case = json.dumps([{"name": "a", "request": {"principal": f"arn:aws:iam::{A}:user/ann", "action": "lambda:GetFunction",
                                                 "resource": FUNCTION, "unknown": 1}, "unknown": [],
                        "policies": {"identity": {"file": "p.json"}, "scp": None, "unknown": {}}, "expected": "Allowed"}])
    (tmp_path / "p.json").write_text('\ufeff{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}')
    assert run(tmp_path, "\ufeff" + case, name="cases.json").stdout == "1 of 1 cases hold\n"
    for text in (case, may):
        done = subprocess.run([CROSSGATE, "test", "-"], input=text, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "1 of 1 cases hold\n"), done.stderr
    # No cases hold; that is said, so that a list that was lost is noticed.
    done = run(tmp_path, "[]", name="cases.json")
    assert (done.returncode, done.stdout) == (0, "0 of 0 cases hold\n") and "no cases" in done.stderr


@pytest.mark.parametrize("text, words", [
    ("", "breaks off"), ("3", "holds no cases"), ("null", "holds no cases"), ("[3]", "case 1: a case is an object"),
    ("[{}]", "case 1: no `request`"), ("[" * 5000, "no JSON"), ('[{"request": {}}]', "the request has no `action`"),
    ('[{"request": {"principal": "x", "action": "a:B", "resource": "*"}}]', "case 1: "),
    ('[{"request": {"principal": "anonymous", "action": "a:B", "resource": "*", "context": []}, "expected": "Allowed"}]',
     "`context` is an object"),
    ('[{"request": {"principal": "anonymous", "action": "a:B", "resource": "*"}, "policies": [], "expected": "Allowed"}]',
     "`policies` is an object"),
    ('[{"request": {"principal": "anonymous", "action": "a:B", "resource": "*"}, "expected": "Allowed", "deniedBy": 3}]',
     "is no layer"),
])
def test_what_is_no_case_file(tmp_path, text, words):
    done = run(tmp_path, text, name="cases.json")
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr, done.stderr


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.json", "/dev/zero"):
        done = subprocess.run([CROSSGATE, "test", path], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (2, "") and str(path) in done.stderr, done.stderr
    done = run(tmp_path, "[" + " " * 33 * 1024 * 1024, name="huge.json")
    assert done.returncode == 2 and "the most is 33554432" in done.stderr
    (tmp_path / "utf16.json").write_text("[]", encoding="utf-16")
    assert subprocess.run([CROSSGATE, "test", tmp_path / "utf16.json"], capture_output=True).returncode == 2


@pytest.mark.parametrize("layer, policies, effect", [
    ("identity", dict(identity=[]), "ImplicitlyDenied"),
    ("identity", dict(identity=["ALLOW", "DENY"]), "ExplicitlyDenied"),
    ("resource", dict(identity=["ALLOW"], resource="DENY"), "ExplicitlyDenied"),
    ("boundary", dict(identity=["ALLOW"], boundary="OTHER"), "ImplicitlyDenied"),
    ("boundary", dict(identity=["ALLOW"], boundary=["DENY"]), "ExplicitlyDenied"),
    ("session", dict(identity=["ALLOW"], session="OTHER"), "ImplicitlyDenied"),
    ("scp", dict(identity=["ALLOW"], scp=[["ALLOW"], ["OTHER"]]), "ImplicitlyDenied"),
    ("scp", dict(identity=["ALLOW"], scp=[["ALLOW", "DENY"]]), "ExplicitlyDenied"),
    ("rcp", dict(identity=["ALLOW"], resource="ALLOW", rcp=[["DENY"]]), "ExplicitlyDenied"),
    ("trust", dict(identity=["ALLOW"], resource="TRUST"), "ImplicitlyDenied"),
    ("trust", dict(identity=["ALLOW"], resource="DISTRUST"), "ExplicitlyDenied"),
])
def test_every_layer_can_be_to_blame(tmp_path, layer, policies, effect):
    assume = layer in ("trust", "rcp")
    action, resource = ("sts:AssumeRole", f"arn:aws:iam::{A}:role/crew") if assume else ("lambda:GetFunction", FUNCTION)
    principal = f"arn:aws:sts::{A}:assumed-role/crew/ann" if layer == "session" else f"arn:aws:iam::{A}:user/ann"
    of_resource = {"Principal": "*", **({} if assume else {"Resource": "*"})}
    allow = {"Effect": "Allow", "Action": "*" if not assume else "sts:*", "Resource": "*"}

    def document(name, key):
        statement = {
            "ALLOW": allow, "DENY": {**allow, "Effect": "Deny"}, "OTHER": {**allow, "Action": "s3:*"},
            "TRUST": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}},
            "DISTRUST": {"Effect": "Deny", "Action": "sts:*", "Principal": "*"}}[name]
        if key == "resource":
            statement = {**{k: v for k, v in statement.items() if k != "Resource" or not assume},
                         **({} if "Principal" in statement else of_resource)}
        if key == "rcp":
            statement = {**statement, "Principal": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def named(value, key):
        return [named(one, key) for one in value] if isinstance(value, list) else document(value, key)

    case = {"name": "it", "request": {"principal": principal, "action": action, "resource": resource},
            "policies": {key: named(value, key) for key, value in policies.items()}, "expected": effect, "deniedBy": layer}
    done = run(tmp_path, json.dumps([case]), name="cases.json")
    assert (done.returncode, done.stdout) == (0, "1 of 1 cases hold\n"), done.stdout + done.stderr
    # The other way round, the line and the explanation tell which layer it was.
    done = run(tmp_path, json.dumps([{**case, "expected": "Allowed"}]), name="cases.json")
    assert done.returncode == 1 and "it: expected Allowed by the" in done.stdout and "Denied" in done.stdout, done.stdout
