"""Writes the first inputs of every target below FOLDER: python3 seeds.py FOLDER"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = ["identity", "boundary", "session", "scp", "rcp", "resource", "trust"]  # as in targets/policy_parse.rs


def documents(value):
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from documents(item)


def seeds():
    for file in sorted((ROOT / "crates/policy/tests/cases").glob("*.json")):
        for case in json.loads(file.read_text()):
            yield "policy_evaluate", json.dumps(case).encode()
            for kind, given in case["policies"].items():
                if kind == "resource" and case["request"]["action"].startswith("sts:"):
                    kind = "trust"
                for document in documents(given):
                    yield "policy_parse", bytes([KINDS.index(kind)]) + json.dumps(document).encode()


folder = pathlib.Path(sys.argv[1])
for number, (target, seed) in enumerate(seeds()):
    (folder / target).mkdir(parents=True, exist_ok=True)
    (folder / target / f"seed-{number}").write_bytes(seed)
