"""The benchmark of the stack's start: what its table holds, and that it is not silent without an engine."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.starts import table
from tests.stack.coming_up import Times, goal_of
from tests.stack.engine import NAMED

PROJECT = Path(__file__).parents[1]


def test_without_an_engine_it_says_so_and_fails(tmp_path: Path) -> None:
    """On stderr, with the reason; nothing on stdout could be taken for a figure."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.starts", "--runs", "1"],
        cwd=PROJECT,
        env={**os.environ, NAMED: f"unix://{tmp_path}/nobody.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "NOT MEASURED" in done.stderr
    assert "no Docker engine can be had" in done.stderr
    without_program = shutil.which("docker") is None
    assert ("no docker program" if without_program else "nobody.sock does not answer") in done.stderr


def test_the_table_has_medians_reference_and_goal() -> None:
    """Of each service, and of the slowest in each start."""
    runs = [
        {
            "redis": Times(own=1, answered=2, healthy=3 + number),
            "backend": Times(own=2, answered=6, healthy=7 + number),
            "frontend": Times(own=1, answered=8, healthy=9 + 5 * number),
        }
        for number in range(3)
    ]
    console = Console(width=130, record=True, file=StringIO())
    console.print(table("production", "26.1", runs, 10))
    lines = {line.split()[0]: line.split()[1:] for line in console.export_text().splitlines() if line.strip()}
    assert lines["production"][:3] == ["on", "Docker", "26.1:"]
    assert lines["redis"] == ["1.0", "2.0", "4.0"]
    assert lines["backend"] == ["2.0", "6.0", "8.0"]
    assert lines["frontend"] == ["1.0", "8.0", "14.0"]
    assert lines["all"] == ["8.0", "14.0", "30.0", "10.0"]


@pytest.mark.parametrize(
    ("probed", "own", "healthy", "met"),
    [
        (True, 11, 10, True),
        (True, 1, 11, False),
        (False, 10, 45, True),
        (False, 11, 45, False),
        (False, 1, 46, False),
    ],
)
def test_the_goal_is_that_of_the_engine(*, probed: bool, own: float, healthy: float, met: bool) -> None:
    """Where starts are probed it is that of all; else of each from its own start, and of all."""
    took = {"redis": Times(1, 2, 3), "backend": Times(own, 5, healthy)}
    goal, found = goal_of(took, probed=probed)
    assert found == met
    assert ("its own start" in goal) != probed
