"""The job files from their command lines, where there is no engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.dag.errors import INSTALL

PROJECT = Path(__file__).parent.parent.parent
JOBS = ("ci", "release", "reproduce", "backup", "restore", "drill")


def job(name: str, *arguments: str, cwd: Path = PROJECT) -> "subprocess.CompletedProcess[str]":
    """Run a job file as a person does, but without `dagger run`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DAGGER")}
    return subprocess.run(
        [sys.executable, str(PROJECT / f"pipelines/{name}.py"), *arguments],
        cwd=cwd,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", JOBS)
def test_the_plan_needs_no_engine_and_no_sdk(name: str) -> None:
    """As text and as JSON; the SDK is not even imported."""
    shown = job(name, "--plan", "--json")
    assert shown.returncode == 0, shown.stderr
    steps = json.loads(shown.stdout)["steps"]
    assert steps
    assert all(step["does"] and step["limit_s"] for step in steps)
    blocked = "import sys; sys.modules['dagger'] = None; sys.argv = ['x', '--plan'];"
    run = f"{blocked} import runpy; runpy.run_path('pipelines/{name}.py', run_name='__main__')"
    bare = subprocess.run(
        [sys.executable, "-c", run], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 0, bare.stderr
    assert steps[0]["name"] in bare.stdout


@pytest.mark.parametrize("name", ["ci", "reproduce", "backup", "restore", "drill"])
def test_without_an_engine_one_sentence_and_code_7(name: str, tmp_path: Path) -> None:
    """It says what to install and what to type; with --json also as data."""
    told = job(name, "--json", "--reports", str(tmp_path))
    assert told.returncode == 7, told.stderr
    assert "dagger run python pipelines/" in told.stderr
    assert "There is no Dagger session." in json.loads(told.stdout)["error"]["what"]


@pytest.mark.parametrize(
    ("code", "more", "reason"),
    [
        (7, (), "There is no Dagger session."),
        (6, ("--skip", "unit"), "A release needs every gate"),
    ],
)
def test_what_did_not_begin_leaves_no_report_of_an_earlier_run(
    tmp_path: Path, code: int, more: tuple[str, ...], reason: str
) -> None:
    """The reports say of each step that it did not run, and why."""
    (tmp_path / "report.json").write_text('{"code": 0}')
    clean = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", str(clean)], check=True)
    asked = ("--registry", "registry.example/x", "--tag", "1", "--reports", str(tmp_path), *more)
    assert job("release", *asked, cwd=clean).returncode == code
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["code"] == code
    assert {step["state"] for step in report["steps"]} <= {"not run", "skipped"}
    assert reason in (tmp_path / "summary.md").read_text()
    assert 'failures="0"' not in (tmp_path / "junit.xml").read_text()


def test_a_wrong_step_is_named_with_those_there_are() -> None:
    """Code 2."""
    told = job("ci", "--only", "nothing")
    assert told.returncode == 2
    assert "no step 'nothing'" in told.stderr
    assert "drill-s3" in told.stderr


def test_a_release_without_a_gate_is_refused(tmp_path: Path) -> None:
    """Code 6, and the gate is named."""
    asked = ("--registry", "registry.example/x", "--tag", "1", "--skip", "unit", "--reports", str(tmp_path))
    told = job("release", *asked)
    assert told.returncode == 6
    assert "needs every gate; unit" in told.stderr


def test_a_release_needs_a_registry_and_a_tag() -> None:
    """Code 2."""
    told = job("release", "--tag", "1")
    assert told.returncode == 2
    assert "--registry" in told.stderr


@pytest.mark.parametrize("name", JOBS)
def test_a_python_without_the_packages_says_how_to_get_them(name: str) -> None:
    """One sentence, no traceback: each job file says it alone, for nothing can be imported."""
    bare = subprocess.run(
        [sys.executable, "-S", "-I", f"pipelines/{name}.py"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bare.returncode != 0
    assert bare.stderr == f"This Python lacks pipelines. Type: {INSTALL}\n"
