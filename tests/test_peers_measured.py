"""The side-by-side benchmark: the arithmetic of its table, and that it is not silent without the others."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.goals import Goal, Row, beyond, table, unmet
from tests.bench.peers import rows

PROJECT = Path(__file__).parents[1]


def test_without_the_others_it_says_what_to_install_and_fails(tmp_path: Path) -> None:
    """On stderr; nothing on stdout could be taken for a figure."""
    for name in ("tar", "zstd"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.peers"],
        cwd=PROJECT, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip  # one line for what is run
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "NOT MEASURED: restic, borg" in done.stderr
    assert "apt-get install restic borgbackup" in done.stderr


def test_the_table_has_medians_ratio_goal_and_verdict() -> None:
    """The median of each program, ours by that of restic, and whether that is the goal."""
    first = _row("first", Goal(0.5), synapse=[9, 2, 1], restic=[4, 4, 5], borg=[3, 3, 9])
    second = _row("second", Goal(0.6), synapse=[3.0, 3.0, 3.0], restic=[4, 4, 4])
    start = _row("start", Goal(0.25, of_reference=False), synapse=[0.2], restic=[0.01])
    bare = _row("bare", None, synapse=[1], restic=[2])
    lines = _shown([first, second, start, bare])
    assert lines["first, s"] == ["2.00", "4.00", "3.00", "0.50", "≤", "0.50", "of", "restic", "met"]
    assert lines["second, s"] == ["3.00", "4.00", "0.75", "≤", "0.60", "of", "restic", "NOT", "MET"]
    assert lines["start, s"] == ["0.20", "0.01", "20.00", "≤", "0.25", "met"]
    assert lines["bare, s"] == ["1.00", "2.00", "0.50"]
    assert unmet([first, second, start, bare]) == ["second"]


def test_what_goes_beyond_opening_is_taken_run_by_run() -> None:
    """Not of the medians: a slow run has a slow start."""
    unchanged = _row("unchanged", None, synapse=[1.0, 5.0, 1.5], restic=[1, 1, 1])
    opening = _row("opening", None, synapse=[0.5, 4.9, 0.6], restic=[1, 1, 1])
    further = beyond(unchanged, opening, "beyond", Goal(0.3, of_reference=False))
    assert further.figures["synapse"] == pytest.approx([0.5, 0.1, 0.9])
    assert further.median("synapse") == pytest.approx(0.5)
    assert further.met() is False


def test_what_restic_has_nothing_of_has_no_ratio() -> None:
    """No new bytes of an unchanged run: there is nothing to divide by, and no goal is called met."""
    nothing = _row("new", Goal(0.04), synapse=[3.0], restic=[0.0])
    assert nothing.ratio() is None
    assert nothing.met() is None
    assert _row("new", Goal(0.04), synapse=[], restic=[1.0]).met() is None


def test_the_goals_are_those_of_the_issue() -> None:
    """Of restic in the same run; bounds of time and memory by themselves."""
    goals = {key: row.goal.most for key, row in rows().items() if row.goal and row.goal.of_reference}
    assert goals == {
        "backup 0": 0.5,
        "backup 1": 0.6,
        "backup 3": 0.6,
        "restore 0": 0.65,
        "restore 3": 1.1,
        "check 1": 0.45,
        "check 4": 0.45,
        "new 0": 1,
        "size": 1,
        "new 1": 0.04,
        "new 3": 0.04,
    }
    bounds = {key: row.goal.most for key, row in rows().items() if row.goal and not row.goal.of_reference}
    assert bounds["start"] == 0.25
    assert {most for key, most in bounds.items() if key.startswith("peak")} == {512, 1000}


def _row(what: str, goal: Goal | None, **figures: list[float]) -> Row:
    return Row(what, "s", goal, figures)


def _shown(rows: list[Row]) -> dict[str, list[str]]:
    console = Console(width=150, record=True, file=StringIO())
    console.print(table("side by side", rows))
    lines = [line.strip() for line in console.export_text().splitlines() if ", s " in line]
    return {line.partition(", s ")[0] + ", s": line.partition(", s ")[2].split() for line in lines}
