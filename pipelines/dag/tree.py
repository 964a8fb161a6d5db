"""What git says of the project's folder."""

import subprocess
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
