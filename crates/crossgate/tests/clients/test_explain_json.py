"""docs/EXPLAIN-JSON.md names every member of the JSON, and no other."""
import json
import pathlib
import re
import subprocess

from conftest import A, B, CROSSGATE
from explaining import allow, deny, policy, refused, report, user
from test_organizations import Organization

PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs" / "EXPLAIN-JSON.md"
# Which section a member's value is told in; members of these names are objects or lists of them.
INSIDE = {
    "report": {"findings": "finding", "fixes": "fix", "decisions": "decision", "contexts": "context"},
    "simulation": {"decision": "decision", "fixes": "fix"},
    "fix": {"steps": "step"},
    "decision": {"context": "key", "layers": "layer", "nearest": "place"},
    "layer": {"policies": "policy"},
    "policy": {"statements": "statement"},
    "statement": {"elements": "element", "span": "span"},
    "element": {"why": "reason", "span": "span", "at": "position"},
}


def sections():
    """Of each section its members, and which of them are optional."""
    found = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        name, body = part.split("\n", 1)
        rows = re.findall(r"^\| (`[^|]+) \| ([^|]*)(?:\| ([^|]*))?\|$", body, re.M)
        if name == "reason":
            found[name] = {reason.strip("`"): set(re.findall(r"`(\w+)`", more)) for reason, _, more in rows[1:]}
            continue
        members = {member: told.startswith("optional") for names, told, _ in rows for member in re.findall(r"`(\w+)`", names)}
        assert members, name
        found[name] = members
    return found


SECTIONS = sections()


def compare(value, name, seen):
    if isinstance(value, list):
        for item in value:
            compare(item, name, seen)
        return
    if value is None:
        return
    if name == "reason":
        assert set(value) == {"reason"} | SECTIONS[name][value["reason"]], value
        seen.add((name, value["reason"]))
        return
    told = SECTIONS[name]
    assert set(value) <= set(told), f"{name}: {set(value) - set(told)} are not on the page"
    missing = {member for member, optional in told.items() if not optional} - set(value)
    assert not missing, f"{name} has no {missing}"
    seen.update((name, member) for member in value)
    for member, inside in INSIDE.get(name, {}).items():
        if member in value:
            compare(value[member], inside, seen)


def requests(server):
    """Request ids of several kinds of ends."""
    function = server.function()
    api = server.api(function, credentials=server.role(invoke=function))
    server.allow(SourceArn=f"arn:aws:execute-api:us-east-1:{A}:*/*/GET/users")
    keys = user(server, allow("lambda:GetFunction", "arn:aws:lambda:us-east-1:*:function:other"),
                allow("lambda:Get*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:username": "bob"}}),
                allow("lambda:Get*", "arn:aws:lambda:us-east-1:*:function:${aws:PrincipalTag/crew}"),
                {"Effect": "Allow", "NotAction": "lambda:*", "Resource": "*"},
                allow("lambda:*", Condition={"Null": {"aws:username": "true"}}))
    client = server.client("lambda", **keys)
    yield server.get(api, "/prod/users").request_id
    yield server.get(api, "/prod/nothing").request_id
    yield server.get("nothing", "/prod").request_id
    yield refused(client.get_function, FunctionName=function)
    yield server.client("iam").list_users()["ResponseMetadata"]["RequestId"]
    iam = server.client("iam")
    limits = iam.create_policy(PolicyName="limits", PolicyDocument=policy(deny("lambda:*"), allow("s3:*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="ann", PolicyArn=limits)
    yield refused(client.delete_function, FunctionName=function)
    crew = Organization(server, A)
    crew.policy(policy(deny("iam:*")), A)
    yield refused(server.client("iam", **keys).list_users)


def test_the_page_and_the_reports(server):
    seen = set()
    for request in requests(server):
        compare(report(server, request), "report", seen)
    told = {(name, member) for name, members in SECTIONS.items() for member in members
            if name not in ("simulation", "reason")}
    assert told - seen == set(), "the page names what no report has"
    reasons = {reason for name, reason in seen if name == "reason"}
    assert reasons >= {"matched", "missing-key", "wrong-value", "arn-part", "other-principal", "excluded", "key-present",
                       "unresolved"}


def test_the_page_and_a_simulation(server):
    function = server.function()
    for principal, status in ((A, 1), (B, 0)):
        done = subprocess.run([CROSSGATE, "simulate", "--principal", principal, "--action", "lambda:InvokeFunction",
                               "--resource", function, "--format", "json", "--endpoint", server.url],
                              capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        seen = set()
        compare(json.loads(done.stdout), "simulation", seen)
        assert {member for name, member in seen if name == "simulation"} == set(SECTIONS["simulation"])
