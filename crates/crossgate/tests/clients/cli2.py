"""The AWS CLI 2: PyPI has version 1 alone, so it is used where it is found."""
import os
import pathlib
import subprocess

import pytest

from conftest import CROSSGATE

# Where `.ci/aws-cli-2` puts it, beside the program under test.
OWN = pathlib.Path(CROSSGATE).parent.parent / "aws-cli-2"


def is_second(program):
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return False
    return done.stdout.startswith("aws-cli/2.")


FOLDERS = [OWN, *os.get_exec_path(), "/usr/bin", "/usr/local/bin"]
CLI2 = next(filter(is_second, [os.path.join(folder, "aws") for folder in FOLDERS]), None)

needs_cli2 = pytest.mark.skipif(
    CLI2 is None, reason="no AWS CLI 2: on Debian `.ci/aws-cli-2` gets it; it is not tested on this machine")
