"""What git says of the project's folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pipelines.dag.errors import RefusedJobError


def uncommitted(folder: Path) -> list[str]:
    """Return the files that differ from the commit or are in none. Raises RefusedJobError outside of git."""
    done = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607  # the operator's own git
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RefusedJobError(
            f"{folder} is no clone: {done.stderr.strip().splitlines()[-1:]}.",
            "Run it in a clone of the project.",
        )
    return [line[3:] for line in done.stdout.splitlines()]


def of_another_commit(folder: Path, tags: Sequence[str]) -> list[str]:
    """Return those of the tags that git has too, and that are another commit's than the present one."""
    here = _commit(folder, "HEAD")
    return [tag for tag in tags if _commit(folder, f"refs/tags/{tag}") not in ("", here)]


def _commit(folder: Path, name: str) -> str:
    """Return the commit of a name, empty when there is none."""
    done = subprocess.run(
        ["git", "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"],  # noqa: S607  # the operator's own git
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
