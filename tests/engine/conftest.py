"""The tests on a real Dagger engine: run when one answers, and else skipped with a word that tells so."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.clone import Clone

_ANSWERS_S = 180


@pytest.fixture(scope="session")
def dagger() -> str:
    """Return the path of the command line program whose engine answers."""
    found = shutil.which("dagger")
    if found is None:
        pytest.skip("NOT CHECKED on a real engine: there is no `dagger` command on this machine")
    asked = [found, "--progress=plain", "run", "true"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_ANSWERS_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"NOT CHECKED on a real engine: none answers within {_ANSWERS_S} s")
    if done.returncode:
        last = " ".join(done.stderr.split()[-30:])
        pytest.skip(f"NOT CHECKED on a real engine: none answers `dagger run true`: {last}")
    return found


@pytest.fixture
def clone(dagger: str, tmp_path: Path) -> Clone:
    """Return a clone of the project as it is now, in which jobs run."""
    return Clone(dagger, tmp_path)
