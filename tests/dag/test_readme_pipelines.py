"""The README's commands for pipelines: each is understood; what they do is shown where an engine answers."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent


def commands() -> list[str]:
    """Return the lines of the README's blocks for pipelines."""
    blocks = re.findall(
        r"^```console\n(.*?)^```", (PROJECT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return [line for block in blocks for line in block.splitlines() if line]


def test_there_is_one_for_each_job() -> None:
    """No job is left out."""
    shown = {Path(word).stem for line in commands() for word in line.split() if word.startswith("pipelines/")}
    jobs = {path.stem for path in (PROJECT / "pipelines").glob("*.py")} - {"__init__"}
    assert shown == jobs


@pytest.mark.parametrize("line", commands())
def test_each_is_understood(line: str) -> None:
    """Its job, options and steps are there: the plan of just that command is shown."""
    words = shlex.split(line.removeprefix("dagger run "))
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:], "--plan"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "at most" in done.stdout
