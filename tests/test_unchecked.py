"""What cannot be checked is skipped aloud on a machine of a person, and fails where everything must run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unchecked import CI, EVERYTHING

PROJECT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("names", "ends"), [((), "1 skipped"), ((CI,), "1 skipped"), ((EVERYTHING,), "1 failed")]
)
def test_it_is_said_and_fails_where_all_must_run(tmp_path: Path, names: tuple[str, ...], ends: str) -> None:
    """The reason is printed in any case."""
    assert ends in _said(tmp_path, "not_checked('there is no moon')", names)


def test_more_variables_may_forbid_it(tmp_path: Path) -> None:
    """A test that every unwatched run must do fails there too."""
    assert "1 failed" in _said(tmp_path, "not_checked('there is no moon', CI)", (CI,))


def test_continuous_integration_runs_everything() -> None:
    """Its script sets the variable for all that it starts."""
    assert f"\nexport CI=1 {EVERYTHING}=1\n" in (PROJECT / ".ci" / "run").read_text()


def _said(folder: Path, call: str, names: tuple[str, ...]) -> str:
    test = folder / "test_one.py"
    test.write_text(f"from tests.unchecked import CI, not_checked\n\ndef test_one():\n    {call}\n")
    environ = {key: value for key, value in os.environ.items() if key not in {CI, EVERYTHING}}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-n", "0", f"--rootdir={folder}", test],
        cwd=folder,
        env={**environ, **dict.fromkeys(names, "1"), "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NOT CHECKED: there is no moon" in done.stdout, done.stdout + done.stderr
    return done.stdout
