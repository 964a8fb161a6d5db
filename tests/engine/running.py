"""A job on a real Dagger engine, run as a person does it: in a clone of this commit, by `dagger run`."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended: its code, what it said, and its report."""

    code: int
    said: str
    report: dict[str, Any]

    def states(self) -> dict[str, str]:
        """Return how each step ended."""
        return {step["name"]: step["state"] for step in self.report["steps"]}

    def figures(self, name: str) -> dict[str, Any]:
        """Return what a step has found."""
        (found,) = [step["figures"] for step in self.report["steps"] if step["name"] == name]
        assert isinstance(found, dict)
        return found


def cloned(folder: Path, source: Path = PROJECT) -> Path:
    """Return a clone of the present commit. Skips, and says why, where there is no engine or no commit."""
    if shutil.which("dagger") is None:
        pytest.skip("NOT CHECKED on an engine: there is no dagger")
    tried = subprocess.run(["dagger", "run", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"NOT CHECKED on an engine: none answers: {tried.stderr.strip()[-200:]}")
    command = ["git", "clone", "--quiet", str(source), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"NOT CHECKED on an engine: no clone can be made: {made.stderr.strip()[-200:]}")
    return folder


def job(clone: Path, reports: Path, name: str, *arguments: str, **environ: str) -> Ended:
    """Run a job to its end."""
    shutil.rmtree(reports, ignore_errors=True)
    command = ["dagger", "--progress=plain", "run", sys.executable, f"pipelines/{name}.py", *arguments]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SYNAPSE_"))}
    done = subprocess.run(
        [*command, "--reports", str(reports)],
        cwd=clone,
        env={**kept, "NO_COLOR": "1", "PYTHONPATH": str(clone), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    report = reports / "report.json"
    return Ended(
        done.returncode, done.stdout + done.stderr, json.loads(report.read_text()) if report.exists() else {}
    )
