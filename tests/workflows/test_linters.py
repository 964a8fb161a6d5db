"""actionlint and zizmor find nothing in the workflows, and do find what is wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unchecked import not_checked

PROJECT = Path(__file__).parents[2]
ZIZMOR = (str(Path(sys.executable).parent / "zizmor"), "--offline", "--quiet", "--no-progress", ".github")
RIGHTS = "permissions:\n      contents: read # the checkout"
INJECTION = "dagger run .venv/bin/python pipelines/ci.py --only ${{ github.head_ref }}"


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return actionlint, made from its Go module where there is Go."""
    go = shutil.which("go")
    if go is None:
        not_checked("workflows were not linted by actionlint: there is no Go to build it")
    built = tmp_path_factory.mktemp("actionlint") / "actionlint"
    command = [go, "build", "-o", str(built), "github.com/rhysd/actionlint/cmd/actionlint"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent / "tools", capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return (str(built), "-no-color")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a repository with a copy of the workflows; actionlint looks for the folder .git."""
    shutil.copytree(PROJECT / ".github", tmp_path / ".github")
    (tmp_path / ".git").mkdir()
    return tmp_path


def run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a linter and return its exit code and what it says."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def seed(copy: Path, good: str, bad: str) -> None:
    """Put a fault into a copy of ci.yml."""
    path = copy / ".github" / "workflows" / "ci.yml"
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad, 1))


def test_actionlint_finds_nothing(actionlint: tuple[str, ...], copy: Path) -> None:
    """Syntax, names, types and expressions are right."""
    assert run(actionlint, copy) == (0, "")


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1", "ubuntu-1"),
        ("    runs-on:", "    needs: nobody\n    runs-on:", "nobody"),
        ("pipelines/ci.py", "pipelines/ci.py ${{ github.head_ref }}", "potentially untrusted"),
        ("timeout-minutes: 60", "timeout-minutes: soon", "soon"),
    ],
)
def test_actionlint_finds_a_fault(
    actionlint: tuple[str, ...], copy: Path, good: str, bad: str, said: str
) -> None:
    """It says what is wrong."""
    seed(copy, good, bad)
    code, words = run(actionlint, copy)
    assert code == 1
    assert said in words


def test_zizmor_finds_nothing(copy: Path) -> None:
    """No injection, no moving action, no left token, no right too many."""
    code, words = run(ZIZMOR, copy)
    assert code == 0, words


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("dagger run .venv/bin/python pipelines/ci.py", INJECTION, "template-injection"),
        ("          persist-credentials: false\n", "", "artipacked"),
        (RIGHTS, "permissions: write-all", "excessive-permissions"),
        ("pull_request:", "pull_request_target:", "dangerous-triggers"),
    ],
)
def test_zizmor_finds_a_fault(copy: Path, good: str, bad: str, said: str) -> None:
    """It names the rule that is broken."""
    seed(copy, good, bad)
    code, words = run(ZIZMOR, copy)
    assert code > 10  # one code for each severity; less is a failure of its own
    assert said in words
